"""Gaps and quarantined rows, as the API shows them."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.market.test_quality import calm
from truecast.domain.bar import Bar, Bars
from truecast.domain.interval import Interval
from truecast.providers.base import SeriesOffer
from truecast.services import Services

T0 = datetime(2021, 1, 4, tzinfo=UTC)
HOUR = timedelta(hours=1)
PAST = calm(30, 1.2)


@pytest.fixture
async def doubtful(services: Services) -> Services:
    """A source of our own: two hours missing, one price in pence and one below zero."""
    euro = (await services.store.universe()).get("EUR-USD")
    await services.store.add_series(SeriesOffer(euro, Interval.H1, "24/7", "realtime", None, "test"), "desk")
    hours = [hour for hour in range(33) if hour not in (10, 11)]
    closes = {hour: PAST[hour % 30] for hour in hours} | {31: PAST[0] * 100, 32: -1.0}
    rows = [Bar(T0 + h * HOUR, T0 + (h + 1) * HOUR, closes[h], closes[h], closes[h], closes[h], 1.0 + h) for h in hours]
    await services.ingest.take(Bars.of("EUR-USD", Interval.H1, rows, "desk"))
    return services


async def test_a_gap_says_what_was_done_about_it(client: httpx.AsyncClient, doubtful: Services) -> None:
    got = (await client.get("/api/v1/market/gaps", params={"symbol": "eurusd", "limit": 200})).json()
    (gap,) = [gap for gap in got["items"] if gap["source"] == "desk"]
    assert (gap["from"], gap["to"], gap["missing"]) == ("2021-01-04T10:00:00Z", "2021-01-04T11:00:00Z", 2)
    assert (gap["cause"], gap["state"], gap["attempts"], gap["reason"]) == ("not_delivered", "open", 0, None)
    assert {"state": "open", "bars": sum(g["missing"] for g in got["items"] if g["state"] == "open"), "gaps": sum(
        g["state"] == "open" for g in got["items"])} in got["counts"]  # fmt: skip
    assert {"reason": "unconfirmed_unit_error", "state": "held", "rows": 1} in got["quarantine"]
    await doubtful.keeper.fill("EUR-USD")
    got = (await client.get("/api/v1/market/gaps", params={"symbol": "EUR-USD", "state": "open"})).json()
    assert {gap["reason"] for gap in got["items"]} == {"no_source"}
    assert all(gap["retry_at"] for gap in got["items"])
    assert (await client.get("/api/v1/market/gaps", params={"state": "closed"})).status_code == 422


async def test_refused_rows_are_listed_with_what_came(client: httpx.AsyncClient, doubtful: Services) -> None:
    got = (await client.get("/api/v1/market/quarantine", params={"symbol": "EUR-USD", "limit": 1})).json()
    (last,) = got["items"]
    more = (await client.get("/api/v1/market/quarantine", params={"symbol": "EUR-USD", "cursor": got["next"]})).json()
    rows = {row["reason"]: row for row in (last, *more["items"])}
    assert rows["unconfirmed_unit_error"]["state"] == "held"
    assert rows["price_negative"]["row"]["close"] == -1.0 and rows["price_negative"]["state"] == "refused"


async def test_a_row_is_let_in_with_a_note_and_only_once(client: httpx.AsyncClient, doubtful: Services) -> None:
    rows = (await client.get("/api/v1/market/quarantine", params={"symbol": "EUR-USD"})).json()["items"]
    held = next(row for row in rows if row["state"] == "held")
    url = f"/api/v1/market/quarantine/{held['id']}/release"
    got = (await client.post(url, json={"note": "checked by hand"})).json()
    assert (got["state"], got["note"]) == ("released", "checked by hand")
    assert got["ruled_by"].startswith("api:") and got["ruled_at"]
    again = await client.post(url)
    assert (again.status_code, again.json()["code"]) == (409, "not_releasable")
    negative = next(row for row in rows if row["reason"] == "price_negative")
    assert (await client.post(f"/api/v1/market/quarantine/{negative['id']}/release")).status_code == 409
    assert (await client.post("/api/v1/market/quarantine/99999999/release")).json()["code"] == "unknown_quarantine"
    bars = await doubtful.store.read("EUR-USD", Interval.H1, source="desk", start=T0 + 31 * HOUR)
    assert bars.close.tolist() == [PAST[0] * 100]
