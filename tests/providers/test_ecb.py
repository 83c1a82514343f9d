"""The ECB's reference rates: every published form, every way a download goes wrong, and when a rate became known."""

import asyncio
import io
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.http_source import Answer, HttpSource, http_source
from tests.providers.contract import ProviderContract

from truecast.domain.interval import Interval
from truecast.kit.clock import FixedClock
from truecast.kit.errors import TruecastError
from truecast.kit.http import SourceAnsweredError, SourceAnswerMalformed, SourceUnreachable
from truecast.providers.base import Reach
from truecast.providers.catalog import build_provider
from truecast.providers.ecb import Ecb
from truecast.providers.ecb_formats import Rates, parse

RECORDED = Path(__file__).parents[1] / "recorded" / "ecb"
DAILY = (RECORDED / "eurofxref-daily.xml").read_bytes()
DAYS_90 = (RECORDED / "eurofxref-hist-90d.xml").read_bytes()
HISTORY = (RECORDED / "eurofxref-hist.csv").read_bytes()
DAILY_CSV = (RECORDED / "eurofxref.csv").read_bytes()
HTML = b"<!DOCTYPE html>\n<html><head><title>Maintenance</title></head><body>Back soon</body></html>"
D1 = Interval.D1
FRIDAY = datetime(2026, 10, 30, tzinfo=UTC)
PUBLISHED = FRIDAY + timedelta(hours=15)  # 16:00 in Frankfurt, winter time


def zipped(csv: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("eurofxref-hist.csv", csv)
    return out.getvalue()


@pytest.fixture
async def source() -> AsyncIterator[HttpSource]:
    async with http_source() as running:
        running.serve("/eurofxref-daily.xml", Answer(DAILY, content_type="text/xml"))
        running.serve("/eurofxref-hist-90d.xml", Answer(DAYS_90, content_type="text/xml"))
        running.serve("/eurofxref-hist.zip", Answer(zipped(HISTORY), content_type="application/zip"))
        yield running


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(PUBLISHED + timedelta(minutes=7))


@pytest.fixture
async def provider(source: HttpSource, clock: FixedClock) -> AsyncIterator[Ecb]:
    reach = Reach(np.random.default_rng(1), base_url=source.base_url, timeout_s=2)
    ecb = build_provider("ecb", clock, reach)
    assert isinstance(ecb, Ecb)
    yield ecb
    await ecb.close()


class TestEcb(ProviderContract):
    pass


class TestForms:
    @pytest.mark.parametrize("body", [DAILY, DAILY_CSV, DAYS_90, HISTORY, zipped(HISTORY), b"\xef\xbb\xbf" + HISTORY])
    def test_every_published_form_gives_the_same_friday(self, body: bytes) -> None:
        rates = parse(body)
        assert rates.newest == date(2026, 10, 30)
        assert (rates.per_euro["USD"][-1], rates.per_euro["JPY"][-1], rates.per_euro["IDR"][-1]) == (
            1.1399,
            173.82,
            18900.36,
        )

    def test_days_come_oldest_first_though_the_file_is_newest_first(self) -> None:
        for body in (DAYS_90, HISTORY):
            assert (np.diff(parse(body).start) > 0).all()

    def test_a_currency_that_is_not_quoted_is_unknown_not_zero(self) -> None:
        rates = parse(HISTORY)
        assert np.isnan(rates.per_euro["BGN"][-1])
        assert np.isnan(rates.per_euro["HRK"][-1])

    @pytest.mark.parametrize(
        "body",
        [
            pytest.param(b"", id="empty"),
            pytest.param(b" \r\n\t ", id="blank"),
            pytest.param(HTML, id="html"),
            pytest.param(b"<html><body/></html>", id="html-well-formed"),
            pytest.param(b"\xff\xfe<\0h\0", id="utf-16"),
            pytest.param(DAILY[:900], id="xml-cut"),
            pytest.param(HISTORY[:-40], id="csv-cut-in-a-line"),
            pytest.param(zipped(HISTORY)[:-60], id="zip-cut"),
            pytest.param(b"PK\x03\x04nonsense", id="zip-nonsense"),
            pytest.param(DAILY.replace(b"1.1399", b"1,1399"), id="decimal-comma"),
            pytest.param(DAILY.replace(b"1.1399", b"nan"), id="nan"),
            pytest.param(DAILY.replace(b"1.1399", b"1_1"), id="underscore"),
            pytest.param(DAILY.replace(b"1.1399", b"\xd9\xa1"), id="arabic-digit"),
            pytest.param(DAILY.replace(b"'USD'", b"'JPY'"), id="currency-twice"),
            pytest.param(DAILY.replace(b"'USD'", b"'dollar'"), id="no-currency"),
            pytest.param(DAILY.replace(b"2026-10-30", b"30/10/2026"), id="other-date"),
            pytest.param(DAILY.replace(b"2026-10-30", b"2026-02-30"), id="no-date"),
            pytest.param(DAILY.replace(b"2026-10-30", b"1998-10-30"), id="before-the-euro"),
            pytest.param(DAYS_90.replace(b"2026-10-29", b"2026-10-30"), id="day-twice"),
            pytest.param(DAILY.replace(b"2002-08-01/eurofxref", b"other"), id="no-rates"),
            pytest.param(b"Date,USD\n", id="header-only"),
            pytest.param(b"Date," + b"USD," * 600 + b"\n", id="too-many-columns"),
            pytest.param(b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', id="entity"),
            pytest.param(b"Syntax error", id="sdmx-400"),
        ],
    )
    def test_refuses_what_is_not_a_rates_file_with_the_reason(self, body: bytes) -> None:
        with pytest.raises(SourceAnswerMalformed) as caught:
            parse(body)
        assert 0 < len(caught.value.facts["reason"]) <= 250

    def test_a_bomb_in_a_zip_is_not_unpacked(self) -> None:
        with pytest.raises(SourceAnswerMalformed, match="unpacks to more"):
            parse(zipped(b"\0" * 70_000_000))

    def test_absurd_rates_are_passed_on_for_validation_to_judge(self) -> None:
        for text, value in ((b"0", 0.0), (b"-1.1399", -1.1399), (b"11.399", 11.399)):
            assert parse(DAILY.replace(b"1.1399", text)).per_euro["USD"][-1] == value

    @given(st.data())
    def test_a_damaged_file_is_read_or_refused_and_nothing_else(self, data: st.DataObject) -> None:
        body = bytearray(data.draw(st.sampled_from([DAILY, DAYS_90, HISTORY, DAILY_CSV, zipped(HISTORY)])))
        for _ in range(data.draw(st.integers(1, 4))):
            at = data.draw(st.integers(0, len(body) - 1))
            harm = data.draw(st.sampled_from(["cut", "flip", "drop", "double", "insert"]))
            if harm == "cut":
                del body[at + 1 :]
            elif harm == "flip":
                body[at] ^= data.draw(st.integers(1, 255))
            elif harm == "drop":
                del body[at : at + data.draw(st.integers(1, 40))]
                body = body or bytearray(b" ")
            elif harm == "double":
                body[at:at] = body[at : at + data.draw(st.integers(1, 60))]
            else:
                body[at:at] = data.draw(st.binary(min_size=1, max_size=8))
        try:
            rates = parse(bytes(body))
        except SourceAnswerMalformed:
            return
        assert isinstance(rates, Rates)
        assert len(rates.start) > 0 and (np.diff(rates.start) > 0).all()
        assert all(len(column) == len(rates.start) for column in rates.per_euro.values())


class TestKnownAt:
    async def test_history_was_known_when_it_was_published(self, provider: Ecb) -> None:
        bars = await provider.bars("EUR-USD", D1, None)
        assert bars.row(-1).known_at == PUBLISHED
        winter = datetime(2022, 3, 1, 15, tzinfo=UTC)
        assert (
            next(bars.row(t).known_at for t in range(len(bars)) if bars.row(t).start.date() == winter.date()) == winter
        )
        summer = bars.row(int(np.searchsorted(bars.start, int(datetime(2026, 10, 23, tzinfo=UTC).timestamp() * 1e6))))
        assert summer.known_at == datetime(2026, 10, 23, 14, tzinfo=UTC)

    async def test_a_live_day_is_known_when_it_was_received(self, provider: Ecb, clock: FixedClock) -> None:
        bars = await provider.bars("EUR-USD", D1, FRIDAY)
        assert [bars.row(t).known_at for t in range(len(bars))] == [clock.now()]

    async def test_a_file_that_is_out_early_is_held_back_until_its_hour(self, source: HttpSource) -> None:
        clock = FixedClock(PUBLISHED - timedelta(minutes=4))  # as seen: modified 15:56 in Frankfurt
        reach = Reach(np.random.default_rng(1), base_url=source.base_url)
        ecb = build_provider("ecb", clock, reach)
        assert len(await ecb.bars("EUR-USD", D1, FRIDAY)) == 0
        clock.advance(timedelta(minutes=4))
        bars = await ecb.bars("EUR-USD", D1, FRIDAY)
        assert bars.row(0).known_at == PUBLISHED
        await ecb.close()


class TestRates:
    async def test_gives_the_published_numbers(self, provider: Ecb) -> None:
        bars = await provider.bars("EUR-USD", D1, FRIDAY)
        assert (bars.open[0], bars.high[0], bars.low[0], bars.close[0]) == (1.1399,) * 4
        assert np.isnan(bars.volume[0])

    async def test_a_cross_is_triangulated_and_says_so(self, provider: Ecb) -> None:
        bars = await provider.bars("USD-JPY", D1, FRIDAY)
        assert bars.close.tolist() == [152.487]  # 173.82 / 1.1399, six digits
        derived = {offer.instrument.symbol: offer.derived for offer in provider.offers()}
        assert derived["USD-JPY"] == "EUR-JPY / EUR-USD"
        assert derived["GBP-USD"] == "EUR-USD / EUR-GBP"
        assert derived["EUR-JPY"] is None

    async def test_a_zero_leg_is_handed_on_not_divided_away(self, provider: Ecb, source: HttpSource) -> None:
        zero = DAILY.replace(b"1.1399", b"0")
        source.serve("/eurofxref-daily.xml", Answer(zero))
        source.serve("/eurofxref-hist-90d.xml", Answer(DAYS_90.replace(b'"1.1399"', b'"0"')))
        assert (await provider.bars("EUR-USD", D1, FRIDAY)).close.tolist() == [0.0]
        assert np.isinf((await provider.bars("USD-JPY", D1, FRIDAY)).close).all()

    async def test_a_currency_that_ended_has_no_bars_after_its_end(self, provider: Ecb) -> None:
        bars = await provider.bars("EUR-USD", D1, None)
        ended = np.isnan(parse(HISTORY).per_euro["RUB"])
        assert len(bars) == len(ended)
        assert ended.any()


class TestPolling:
    async def test_forty_series_cost_one_request(self, provider: Ecb, source: HttpSource) -> None:
        polls = [provider.bars(offer.instrument.symbol, D1, FRIDAY) for offer in provider.offers()]
        assert len(polls) > 40
        await asyncio.gather(*polls)
        assert source.paths() == ["/eurofxref-daily.xml"]

    async def test_the_same_file_again_is_nothing_new_and_no_error(
        self, provider: Ecb, source: HttpSource, clock: FixedClock
    ) -> None:
        await provider.bars("EUR-USD", D1, FRIDAY)
        clock.advance(timedelta(days=1))
        assert len(await provider.bars("EUR-USD", D1, FRIDAY + timedelta(days=1))) == 0
        assert source.paths() == ["/eurofxref-daily.xml"] * 2

    async def test_asks_whether_the_file_changed(self, provider: Ecb, source: HttpSource, clock: FixedClock) -> None:
        stamp = "Fri, 30 Oct 2026 14:56:02 GMT"
        source.serve("/eurofxref-daily.xml", Answer(DAILY, headers={"Last-Modified": stamp}), Answer(status=304))
        await provider.bars("EUR-USD", D1, FRIDAY)
        clock.advance(timedelta(hours=1))
        assert (await provider.bars("EUR-USD", D1, FRIDAY)).close.tolist() == [1.1399]
        assert [headers.get("if-modified-since") for _, headers in source.asked] == [None, stamp]

    async def test_days_missed_are_caught_up_from_the_longer_file(self, provider: Ecb, source: HttpSource) -> None:
        bars = await provider.bars("EUR-USD", D1, datetime(2026, 10, 27, tzinfo=UTC))
        assert bars.close.tolist() == [1.1370, 1.1447, 1.1411, 1.1399]
        assert source.paths() == ["/eurofxref-daily.xml", "/eurofxref-hist-90d.xml"]

    async def test_longer_absence_is_caught_up_from_the_history(self, provider: Ecb, source: HttpSource) -> None:
        bars = await provider.bars("EUR-USD", D1, datetime(2022, 3, 1, tzinfo=UTC))
        assert bars.row(0).start == datetime(2022, 3, 1, tzinfo=UTC)
        assert source.paths()[-1] == "/eurofxref-hist.zip"

    async def test_a_day_the_longer_file_does_not_have_yet_comes_from_the_daily_one(
        self, provider: Ecb, source: HttpSource
    ) -> None:
        lagging = DAYS_90.replace(b"2026-10-30", b"2026-10-22")
        source.serve("/eurofxref-hist-90d.xml", Answer(lagging))
        for _ in range(3):
            bars = await provider.bars("EUR-USD", D1, datetime(2026, 10, 28, tzinfo=UTC))
            assert bars.close.tolist() == [1.1447, 1.1411, 1.1399]
        assert source.paths() == ["/eurofxref-daily.xml", "/eurofxref-hist-90d.xml"]


class TestBadDays:
    @pytest.mark.parametrize(
        ("answer", "error"),
        [
            (Answer(HTML, content_type="text/html"), SourceAnswerMalformed),
            (Answer(b"not here", 404), SourceAnsweredError),
            (Answer(b"", content_type="text/xml"), SourceAnswerMalformed),
            (Answer(DAILY[:700]), SourceAnswerMalformed),
            (Answer(DAILY, cut=True), SourceUnreachable),
            (Answer(status=503), SourceAnsweredError),
            (Answer(hang_up=True), SourceUnreachable),
            (Answer(DAILY, status=304), SourceAnswerMalformed),
        ],
    )
    async def test_each_is_a_typed_error_and_the_next_poll_recovers(
        self, provider: Ecb, source: HttpSource, answer: Answer, error: type[TruecastError]
    ) -> None:
        source.serve("/eurofxref-daily.xml", answer)
        with pytest.raises(error):
            await provider.bars("EUR-USD", D1, FRIDAY)
        source.serve("/eurofxref-daily.xml", Answer(DAILY))
        assert len(await provider.bars("EUR-USD", D1, FRIDAY)) == 1
