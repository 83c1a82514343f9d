"""Numbers that are published: Frankfurter, the ECB's data portal, FRED, the World Bank, fear & greed."""

import dataclasses
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from tests.providers.contract import RECORDED_AT, WireContract
from tests.providers.harm import harmless, nonsense
from tests.wire import Fault, WireServer
from tests.wire.index import by_file
from tests.wire.server import Made

from truecast.domain.interval import Interval
from truecast.kit.clock import FixedClock, from_us, to_us
from truecast.kit.http import SourceAnswerMalformed
from truecast.market.calendar import calendar
from truecast.providers import ecb_sdmx, fear_greed, frankfurter, worldbank
from truecast.providers.base import Reach
from truecast.providers.candles import Asked, Read
from truecast.providers.catalog import build_provider
from truecast.providers.ecb_sdmx import EcbSdmx
from truecast.providers.errors import (
    SourceKeyRefused,
    SourceOutOfService,
    SourceOverBudget,
    SourceRefused,
    SymbolNotAtSource,
)
from truecast.providers.fred import Fred, TooManyVintages
from truecast.providers.fred_formats import (
    Page,
    parse_graph,
    parse_observations,
    parse_vintage_dates,
    vintages,
)
from truecast.providers.published import RULES, published_us

D1, MO1, Q1, Y1 = Interval.D1, Interval.MO1, Interval.Q1, Interval.Y1
NOW_US = to_us(RECORDED_AT)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def asked(source: str, symbol: str, interval: Interval, along: str, first: str = "1960-01-01") -> Asked:
    return Asked(source, symbol, interval, along, NOW_US, first_us=to_us(at(first)))


RATE = asked("frankfurter", "EUR-USD", D1, "TARGET", "1999-01-04")
SDMX = asked("ecb_sdmx", "EUR-USD", D1, "TARGET")
YIELD = dataclasses.replace(SDMX, symbol="EA.10Y", calendar="EA-YC")
NEWS = dataclasses.replace(YIELD, since_us=to_us(at("2026-10-01")), received_us=NOW_US)
DAILY = asked("fred", "US.10Y.DAILY", D1, "H15")
GDP = asked("fred", "US.GDP", Q1, "US-GDP")
INFLATION = asked("worldbank", "US.INFLATION", Y1, "WORLD-BANK")
MOOD = asked("fear_greed", "^FNG", D1, "24/7", "2018-01-31")


class TestFrankfurter(WireContract):
    key = "frankfurter"
    served = (("EUR-USD", D1),)
    readers = {
        "v1_range.json": lambda body: frankfurter.parse(body, RATE),
        "v1_latest.json": lambda body: frankfurter.parse(body, RATE),
        "v1_weekend.json": lambda body: frankfurter.parse(body, RATE),
    }
    errors = {
        "error_404.json": SymbolNotAtSource,
        "error_422.json": SourceRefused,
        "v2_error_422.json": SymbolNotAtSource,
    }
    not_read = frozenset({"v1_currencies.json", "v2_rates.json"})

    def test_a_fixing_is_known_at_four_in_frankfurt(self) -> None:
        bars = frankfurter.parse(by_file(self.key, "v1_range.json").body, RATE).bars
        assert bars.close.tolist() == [1.1327, 1.1368, 1.137, 1.1447]
        assert [from_us(us) for us in bars.known_at[:2]] == [at("2026-10-23T14:00"), at("2026-10-26T15:00")]

    def test_what_comes_before_the_asked_start_is_dropped(self) -> None:
        since = dataclasses.replace(RATE, since_us=to_us(at("2026-10-24")), received_us=NOW_US)
        bars = frankfurter.parse(by_file(self.key, "v1_range.json").body, since).bars
        assert from_us(int(bars.start[0])) == at("2026-10-26")

    def test_a_cross_is_computed_from_both_legs(self) -> None:
        body = (
            b'{"amount":1.0,"base":"EUR","rates":{"2026-10-29":{"JPY":175.31,"USD":1.1411},"2026-10-28":{"USD":1.1}}}'
        )
        bars = frankfurter.parse(body, dataclasses.replace(RATE, symbol="USD-JPY")).bars
        assert bars.close.tolist() == [153.632]  # 175.31 / 1.1411, six digits

    def test_a_weekend_day_is_no_bar(self) -> None:
        body = by_file(self.key, "v1_range.json").body.replace(b"2026-10-26", b"2026-10-25")
        read = frankfurter.parse(body, dataclasses.replace(RATE, calendar="TARGET"))
        assert len(read.bars) == 3 and read.left_out == {"weekend": 1}

    @given(st.data())
    def test_nonsense_makes_no_bar(self, data: st.DataObject) -> None:
        body = by_file(self.key, "v1_range.json").body
        assert harmless(self.readers["v1_range.json"], body, data.draw(nonsense(body)))


class TestEcbSdmx(WireContract):
    key = "ecb_sdmx"
    served = (("EUR-USD", D1),)
    readers = {
        "exr_usd_csvdata.csv": lambda body: ecb_sdmx.parse(body, SDMX),
        "exr_usd_includeHistory.csv": lambda body: ecb_sdmx.parse(body, NEWS),
    }
    errors = {"error_404_no_results.txt": SymbolNotAtSource, "error_400_syntax.txt": SourceRefused}
    not_read = frozenset(
        {
            "eurofxref-daily.xml", "eurofxref-hist-90d.xml", "eurofxref.csv", "eurofxref-hist.csv",
            "exr_usd_jsondata.json",
        }
    )  # fmt: skip

    def test_a_row_without_a_value_is_missing(self) -> None:
        read = ecb_sdmx.parse(by_file(self.key, "exr_usd_csvdata.csv").body, SDMX)
        assert read.bars.close.tolist() == [1.1327, 1.1368, 1.137, 1.1447, 1.1411, 1.1399]
        assert read.left_out == {"without a value": 1}

    def test_a_revision_is_a_row_of_its_own_from_when_it_was_valid(self) -> None:
        bars = ecb_sdmx.parse(by_file(self.key, "exr_usd_includeHistory.csv").body, YIELD).bars
        assert [
            (from_us(us), price) for us, price in zip(bars.known_at.tolist(), bars.close.tolist(), strict=True)
        ] == [
            (at("2026-10-29T14:56:01"), 1.1399),
            (at("2026-10-29T15:20"), 1.1411),
        ]
        assert (bars.start == to_us(at("2026-10-29"))).all()

    async def test_nothing_new_is_no_error(self, provider: EcbSdmx, wire: WireServer) -> None:
        wire.misbehave(self.key, Fault(file="error_404_no_results.txt"))
        assert len(await provider.bars("EUR-USD", D1, at("2026-10-30"))) == 0

    def test_months_quarters_and_years_are_read_as_such(self) -> None:
        body = by_file(self.key, "exr_usd_csvdata.csv").body.decode()
        for text, start in (("2026-09", "2026-09-01"), ("2026-Q3", None), ("2026-10-23", None), ("2026-13", None)):
            harmed = "\n".join(
                body.replace(".D.", ".M.").replace(",D,", ",M,").replace("2026-10-23", text).split("\n")[:2]
            )
            reading = dataclasses.replace(SDMX, symbol="EA.HICP", interval=MO1, calendar="EA-HICP")
            if start is None:
                with pytest.raises(SourceAnswerMalformed):
                    ecb_sdmx.parse(harmed.encode(), reading)
            else:
                assert from_us(int(ecb_sdmx.parse(harmed.encode(), reading).bars.start[0])) == at(start)

    def test_another_series_than_the_one_asked_for_is_refused(self) -> None:
        body = by_file(self.key, "exr_usd_csvdata.csv").body
        for harmed in (
            body.replace(b"D.USD", b"D.GBP"),
            body.replace(b"SP00", b"EN00"),
            body.replace(b",USD,0", b",USD,3"),
        ):
            with pytest.raises(SourceAnswerMalformed):
                ecb_sdmx.parse(harmed, SDMX)


class TestFredWithoutKey(WireContract):
    key = "fred"
    served = (("US.10Y.DAILY", D1),)
    readers = {
        "fredgraph_DGS10.csv": lambda body: parse_graph(body, "DGS10", DAILY),
        "observations_DGS10.json": lambda body: vintages([parse_observations(body, NOW_US)], DAILY),
        "observations_GDPC1_vintages.json": lambda body: vintages(
            [parse_observations(body, NOW_US)], dataclasses.replace(GDP, since_us=0, received_us=NOW_US)
        ),
        "vintagedates.json": parse_vintage_dates,
    }
    errors = {
        "error_400_bad_key.json": SourceKeyRefused,
        "error_400_key_format.json": SourceKeyRefused,
        "error_400_no_series.json": SymbolNotAtSource,
        "error_400_vintages.json": TooManyVintages,
        "error_429.json": SourceOverBudget,
        "error_503.html": SourceOutOfService,
    }
    not_read = frozenset({"series.json", "observations_output2.json", "alfredgraph_GDPC1.csv"})

    def test_a_blank_day_is_missing_and_the_others_are_known_the_business_day_after(self) -> None:
        read = parse_graph(by_file("fred", "fredgraph_DGS10.csv").body, "DGS10", DAILY)
        assert read.bars.close.tolist() == [4.11, 4.09, 4.07, 4.1] and read.left_out == {"without a value": 1}
        assert [from_us(us) for us in read.bars.known_at[:2]] == [at("2026-10-09T22:00"), at("2026-10-12T22:00")]

    def test_the_older_header_and_a_point_for_nothing_are_read(self) -> None:
        body = (
            by_file("fred", "fredgraph_DGS10.csv").body.replace(b"observation_date", b"DATE").replace(b"12,", b"12,.")
        )
        assert len(parse_graph(body, "DGS10", DAILY).bars) == 4

    def test_says_that_it_has_the_latest_vintage_only(self, provider: Fred) -> None:
        assert "latest vintage only" in provider.offers()[0].origin
        assert "vintages" not in provider.info.capabilities

    @given(st.data())
    def test_nonsense_makes_no_bar(self, data: st.DataObject) -> None:
        body = by_file("fred", "observations_DGS10.json").body
        # The window's beginning decides which rows are cut, so that another one makes other times of the same values.
        harmed = data.draw(nonsense(body, spare=("realtime_start",)))
        assert harmless(self.readers["observations_DGS10.json"], body, harmed)


class TestAlfred:
    """With a key: every vintage, each at its own time."""

    @pytest.fixture
    async def fred(self, wire: WireServer) -> AsyncIterator[Fred]:
        reach = Reach(np.random.default_rng(1), base_url=wire.base_url("fred"), timeout_s=1, key=SecretStr("k" * 32))
        built = build_provider("fred", FixedClock(RECORDED_AT), reach)
        assert isinstance(built, Fred)
        yield built
        await built.close()

    async def test_a_reader_of_the_past_sees_the_first_release_and_then_each_revision(
        self, fred: Fred, wire: WireServer
    ) -> None:
        wire.misbehave("fred", Fault(file="observations_GDPC1_vintages.json"))
        bars = await fred.bars("US.GDP", Q1, None)
        assert bars.close.tolist() == [23530.903, 23536.302, 23542.349]
        assert (bars.start == to_us(at("2024-10-01"))).all()
        # The window of this recording begins in 2025, but the first of them is cut by nothing: it is from the 30th.
        assert [from_us(us) for us in bars.known_at] == [
            at("2025-01-31T06:00"),
            at("2025-02-28T06:00"),
            at("2025-03-28T05:00"),
        ]
        known_then = bars.close[bars.known_at <= to_us(at("2025-03-01"))]
        assert known_then[-1] == 23536.302

    async def test_as_news_only_what_is_in_force_is_told_and_known_now(self, fred: Fred, wire: WireServer) -> None:
        wire.misbehave("fred", Fault(file="observations_GDPC1_vintages.json"))
        bars = await fred.bars("US.GDP", Q1, at("2024-10-01"))
        assert (bars.close.tolist(), bars.known_at.tolist()) == ([23542.349], [NOW_US])

    async def test_asks_for_all_of_real_time(self, fred: Fred, wire: WireServer) -> None:
        wire.misbehave("fred", Fault(file="observations_GDPC1_vintages.json"))
        await fred.bars("US.GDP", Q1, None)
        query = wire.asked("fred")[0].query
        assert (query["realtime_start"], query["realtime_end"]) == ("1776-07-04", "9999-12-31")
        assert "vintages" in fred.info.capabilities

    async def test_more_vintages_than_one_answer_has_come_in_stretches(self, fred: Fred, wire: WireServer) -> None:
        days = [(at("2000-01-01") + timedelta(days=n)).date().isoformat() for n in range(4_500)]

        def answer(path: str, query) -> Made | None:
            if "vintagedates" in path:
                return Made(json.dumps({"vintage_dates": days}).encode())
            first, last = query["realtime_start"], query["realtime_end"]
            inside = [day for day in days if first <= day <= last]
            if len(inside) > 2_000:
                return Made(by_file("fred", "error_400_vintages.json").body, status=400)
            # One observation, revised on the first day of all and on the 3,000th; what is older is cut to the window.
            changes = [(day, n) for n, day in ((0, days[0]), (1, days[2_999])) if day <= last]
            rows = [
                {"realtime_start": max(day, first), "realtime_end": last, "date": "1999-12-01", "value": f"{n + 1}.5"}
                for day, n in changes
                if n == len(changes) - 1 or changes[n + 1][0] > first
            ]
            return Made(
                json.dumps(
                    {
                        "realtime_start": first, "realtime_end": last, "units": "lin", "output_type": 1,
                        "count": len(rows), "offset": 0, "limit": 100_000, "observations": rows,
                    }
                ).encode()
            )  # fmt: skip

        wire.make("fred", answer)
        bars = await fred.bars("US.UNEMPLOYMENT", MO1, None)
        assert bars.close.tolist() == [1.5, 2.5]
        assert [from_us(us).date().isoformat() for us in bars.known_at] == [
            (at(day) + timedelta(days=1)).date().isoformat() for day in (days[0], days[2_999])
        ]
        windows = [one.query["realtime_start"] for one in wire.asked("fred") if "observations" in one.path]
        assert windows == ["1776-07-04", "1776-07-04", days[2_000], days[4_000]]

    async def test_a_long_answer_comes_in_pages(self, fred: Fred, wire: WireServer) -> None:
        document = json.loads(by_file("fred", "observations_GDPC1_vintages.json").body)

        def answer(_path: str, query) -> Made:
            n = int(query["offset"])
            page = document | {"offset": n, "limit": 1, "observations": document["observations"][n : n + 1]}
            return Made(json.dumps(page).encode())

        wire.make("fred", answer)
        assert len(await fred.bars("US.GDP", Q1, None)) == 3
        assert [one.query["offset"] for one in wire.asked("fred")] == ["0", "1", "2"]

    def test_a_value_cut_by_the_window_is_known_by_the_rule_of_its_calendar(self) -> None:
        page = parse_observations(by_file("fred", "observations_DGS10.json").body, NOW_US)
        bars = vintages([page], DAILY).bars
        assert from_us(int(bars.known_at[0])) == at("2026-10-09T22:00")

    def test_a_vintage_from_the_future_is_refused(self) -> None:
        body = by_file("fred", "observations_GDPC1_vintages.json").body.replace(b'"2025-03-27"', b'"2027-03-27"')
        with pytest.raises(SourceAnswerMalformed, match="not known before"):
            parse_observations(body, NOW_US)

    def test_changes_in_percent_are_not_taken_for_levels(self) -> None:
        with pytest.raises(SourceAnswerMalformed, match="not levels"):
            parse_observations(by_file("fred", "observations_DGS10.json").body.replace(b'"lin"', b'"pch"'), NOW_US)

    def test_the_wrong_frequency_is_refused(self) -> None:
        page: Page = parse_observations(by_file("fred", "observations_DGS10.json").body, NOW_US)
        with pytest.raises(SourceAnswerMalformed, match="1mo bar that starts"):
            vintages([page], dataclasses.replace(DAILY, interval=MO1, calendar="US-10Y"))


class TestWorldBank(WireContract):
    key = "worldbank"
    served = (("US.INFLATION", Y1), ("WB.US.FP.CPI.TOTL.ZG", Y1))
    readers = {
        "indicator.json": lambda body: worldbank.parse(body, INFLATION, "US/FP.CPI.TOTL.ZG"),
        "no_data.json": lambda body: worldbank.parse(body, INFLATION, "US/FP.CPI.TOTL.ZG"),
    }
    errors = {"error_200.json": SymbolNotAtSource}

    # Yearly series are followed only when asked for.
    def test_offers_each_series_once_and_fully_described(self, provider) -> None:
        assert list(provider.offers()) == []

    async def test_refuses_what_it_does_not_offer(self, provider) -> None:
        for symbol, interval in (("NO-SUCH", Y1), ("US.INFLATION", MO1), ("WB.US", Y1), ("US.CPI", Y1)):
            with pytest.raises(Exception, match="does not offer"):
                await provider.bars(symbol, interval, None)

    def test_years_come_oldest_first_and_the_year_that_is_null_is_missing(self) -> None:
        read = worldbank.parse(by_file(self.key, "indicator.json").body, INFLATION, "US/FP.CPI.TOTL.ZG")
        assert [from_us(us) for us in read.bars.start] == [at("2023-01-01"), at("2024-01-01")]
        assert [from_us(us) for us in read.bars.known_at] == [at("2024-07-31"), at("2025-08-01")]
        assert read.left_out == {"without a value": 1}

    async def test_pages_are_joined(self, provider, wire: WireServer) -> None:
        meta, rows = json.loads(by_file(self.key, "indicator.json").body)

        def answer(_path: str, query) -> Made:
            n = int(query["page"])
            return Made(json.dumps([meta | {"page": n, "pages": 3}, rows[n - 1 : n]]).encode())

        wire.make(self.key, answer)
        assert len(await provider.bars("US.INFLATION", Y1, None)) == 2

    @given(st.data())
    def test_nonsense_makes_no_bar(self, data: st.DataObject) -> None:
        body = by_file(self.key, "indicator.json").body
        assert harmless(self.readers["indicator.json"], body, data.draw(nonsense(body)))


class TestFearGreed(WireContract):
    key = "fear_greed"
    served = (("^FNG", D1),)
    readers = {"fng.json": lambda body: fear_greed.parse(body, MOOD)}
    errors = {}
    not_read = frozenset({"fng_date_format.json", "fng_csv.txt"})  # of formats that are never asked for

    def test_a_number_is_the_bar_of_the_day_before_and_known_when_it_came_out(self) -> None:
        bars = fear_greed.parse(by_file(self.key, "fng.json").body, MOOD).bars
        assert bars.close.tolist() == [24.0, 38.0, 40.0]
        assert [from_us(us) for us in bars.start] == [at("2026-10-27"), at("2026-10-28"), at("2026-10-29")]
        assert [from_us(us) for us in bars.known_at] == [at("2026-10-28"), at("2026-10-29"), at("2026-10-30")]

    @pytest.mark.parametrize("file", ["fng_date_format.json", "fng_csv.txt"])
    def test_other_formats_are_refused(self, file: str) -> None:
        with pytest.raises(SourceAnswerMalformed):
            fear_greed.parse(by_file(self.key, file).body, MOOD)

    @pytest.mark.parametrize("unit", [b"1793318400000", b"1793318", b"1793318401", b"-1793318400", b"1893318400"])
    def test_a_time_in_another_unit_or_the_future_is_refused(self, unit: bytes) -> None:
        with pytest.raises(SourceAnswerMalformed):
            fear_greed.parse(by_file(self.key, "fng.json").body.replace(b"1793318400", unit), MOOD)

    def test_an_error_with_status_200_is_told(self) -> None:
        body = by_file(self.key, "fng.json").body.replace(b'"error": null', b'"error": "Too many requests"')
        with pytest.raises(SourceRefused, match="Too many requests"):
            fear_greed.parse(body, MOOD)

    @given(st.data())
    def test_nonsense_makes_no_bar(self, data: st.DataObject) -> None:
        body = by_file(self.key, "fng.json").body
        assert harmless(self.readers["fng.json"], body, data.draw(nonsense(body)))


class TestRules:
    @pytest.mark.parametrize("name", sorted(RULES))
    def test_no_number_is_known_before_its_calendar_says(self, name: str) -> None:
        along = calendar(name)
        interval = along.finest
        starts = along.expected(to_us(at("2005-01-01")), to_us(at("2030-12-31")), interval)
        rule = np.array([published_us(name, interval, us) for us in starts.tolist()])
        early_days = (along.known_at(starts, interval) - rule) / 86_400e6
        assert early_days.max() <= (4 if name in {"H15", "EA-YC"} else 1)
        assert early_days.min() >= -4
        assert np.median(early_days) >= -1


def test_reads_are_values() -> None:
    assert Read(frankfurter.parse(by_file("frankfurter", "v1_latest.json").body, RATE).bars).left_out == {}
