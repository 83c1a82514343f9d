"""CSV files as people have them: what is read, what is refused, and that every refusal says where and why."""

import gzip
import io
import tracemalloc
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.providers.contract import ProviderContract

from truecast.domain.instrument import AssetClass, Universe
from truecast.domain.interval import Interval
from truecast.kit.clock import FixedClock, from_us, to_us
from truecast.kit.errors import TruecastError
from truecast.kit.limits import CSV_REFUSED_ROWS_LISTED_MAX
from truecast.market.calendar import calendar
from truecast.providers.base import Reach
from truecast.providers.catalog import build_provider
from truecast.providers.csv_folder import (
    CsvFolder,
    FileImport,
    ImportReport,
    Options,
    import_file,
    import_folder,
)
from truecast.providers.csv_layout import CsvRefused
from truecast.providers.csv_names import Hints, InstrumentUncertain, read_name
from truecast.providers.sample.adapter import sample_instruments

UNIVERSE = Universe.of(sample_instruments().values())
HEAD = "time,open,high,low,close,volume\n"
HOURS = HEAD + "".join(f"2021-01-04T{h:02d}:00:00Z,1.{h},2.5,0.5,1.5,{h}\n" for h in range(10, 16))


def read(folder: Path, text: str | bytes, name: str = "EUR-USD_1h.csv", **options: Any) -> FileImport:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return import_file(path, Options(universe=UNIVERSE, **options))


def starts(imported: FileImport) -> list[str]:
    return [f"{from_us(us):%Y-%m-%d %H:%M}" for us in imported.series[0].bars.start]


def problem(imported: FileImport) -> str:
    assert imported.report.problem is not None
    assert not imported.series
    return str(imported.report.problem)


class TestCsvFolder(ProviderContract):
    @pytest.fixture
    def provider(self, clock: FixedClock, tmp_path: Path) -> CsvFolder:
        (tmp_path / "deeper").mkdir()
        (tmp_path / "EUR-USD_1h.csv").write_text(HOURS)
        (tmp_path / "deeper" / "AAPL_1d.csv").write_text(
            "Date,Open,High,Low,Close,Volume\n" + "".join(f"2020-12-{d},1,2,0.5,1.5,9\n" for d in (28, 29, 30, 31))
        )
        (tmp_path / "AAPL_factors.csv").write_text(
            "date,price_factor,split_factor\n1998-01-02,0.5,0.25\n2020-08-28,1,0.25\n"
        )
        provider = build_provider("csv_folder", clock, Reach(np.random.default_rng(1), folder=tmp_path))
        assert isinstance(provider, CsvFolder)
        return provider


async def test_a_series_in_several_files_is_one_series(tmp_path: Path, clock: FixedClock) -> None:
    later = HEAD + "2021-01-04T09:00:00Z,7,7,7,7,7\n2021-01-04T10:00:00Z,8,8,8,8,8\n"
    (tmp_path / "EUR-USD_1h_2020.csv").write_text(HOURS)
    (tmp_path / "EUR-USD_1h_2021.csv").write_text(later)
    clock.advance(timedelta(days=1))
    folder = CsvFolder(clock, tmp_path, Options(universe=UNIVERSE))
    bars = await folder.bars("EUR-USD", Interval.H1, None)
    assert [from_us(us).hour for us in bars.start] == [9, 10, 11, 12, 13, 14, 15]
    assert bars.open.tolist()[:3] == [7.0, 1.10, 1.11]


class TestLayouts:
    @pytest.mark.parametrize(
        "text",
        [
            pytest.param("time,open,high,low,close,volume\n2021-01-04T10:00:00Z,1,4,0.5,2,7\n", id="ohlcv"),
            pytest.param("time,high,low,open,close,volume,adj_close\n2021-01-04T10:00:00Z,4,0.5,1,2,7,9\n", id="any-order"),
            pytest.param("DATE,OPEN,HIGH,LOW,CLOSE,VOLUME\n2021-01-04 10:00:00,1,4,0.5,2,7\n", id="upper-case"),
            pytest.param('"Date","Open","High","Low","Close","Volume"\n"2021-01-04 10:00","1","4","0.5","2","7"\n', id="quoted"),
            pytest.param("\ufeffTime;Open;High;Low;Close;Volume\r\n2021-01-04 10:00;1,0;4,0;0,5;2,0;7\r\n", id="excel-german"),
            pytest.param("sep=;\ntime;open;high;low;close;volume\n2021-01-04 10:00;1;4;0.5;2;7\n", id="excel-hint"),
            pytest.param("time\topen\thigh\tlow\tclose\tvolume\n1609754400\t1\t4\t0.5\t2\t7\n", id="tabs-epoch-s"),
            pytest.param("timestamp,open,high,low,close,volume\n1609754400000,1,4,0.5,2,7\n", id="epoch-ms"),
            pytest.param("timestamp,open,high,low,close,volume\n1609754400000000,1,4,0.5,2,7\n", id="epoch-us"),
            pytest.param("timestamp,open,high,low,close,volume\n1609754400000000000,1,4,0.5,2,7\n", id="epoch-ns"),
            pytest.param("unix,date,open,high,low,close,volume\n1609754400,x,1,4,0.5,2,7\n", id="two-times"),
            pytest.param("<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\n2021.01.04\t10:00:00\t1\t4\t0.5\t2\t7\n", id="metatrader"),
            pytest.param("https://www.example.org\n\ntime,open,high,low,close,volume\n2021-01-04T10:00Z,1,4,0.5,2,7\n", id="preamble"),
            pytest.param("Datetime,Open,High,Low,Close,Volume\n2021-01-04 05:00:00-05:00,1,4,0.5,2,7\n", id="offset"),
            pytest.param("time,open,high,low,close,volume\n20210104 100000,1,4,0.5,2,7\n", id="compact"),
            pytest.param("1609754400000,1,4,0.5,2,7,1609757999999,1,1,1,1,0\n", id="binance-without-header"),
        ],
    )  # fmt: skip
    def test_reads_ohlcv_however_it_is_written(self, tmp_path: Path, text: str) -> None:
        imported = read(tmp_path, text)
        assert imported.report.problem is None
        assert imported.report.rows_refused == 0
        bar = imported.series[0].bars.row(0)
        assert (bar.start, bar.open, bar.high, bar.low, bar.close, bar.volume) == (
            datetime(2021, 1, 4, 10, tzinfo=UTC), 1.0, 4.0, 0.5, 2.0, 7.0,
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("name", "text", "symbol"),
        [
            ("WTI_1d.csv", "Date,Price\n2020-04-20,-36.98\n", "WTI"),
            ("US-CPI_1mo.csv", "Date,Index,Inflation\n2020-04-01,-36.98,\n", "US.CPI"),
            ("US-10Y_1mo.csv", "Date,Rate\n2020-04-01,-36.98\n", "US.10Y"),
            ("US-GDP_1q.csv", "date,level-current,level-chained,change\n2020-04-01,1,-36.98,1\n", "US.GDP"),
            ("VIX_1d.csv", "DATE,OPEN,HIGH,LOW,CLOSE\n2020-04-20,-36.98,-36.98,-36.98,-36.98\n", "^VIX"),
        ],
    )
    def test_reads_one_value_a_period(self, tmp_path: Path, name: str, text: str, symbol: str) -> None:
        one = read(tmp_path, text, name).series[0]
        assert one.bars.symbol == one.offer.instrument.symbol == symbol
        assert one.bars.open.tolist() == one.bars.close.tolist() == [-36.98]

    def test_reads_the_wide_table_of_euro_rates(self, tmp_path: Path) -> None:
        text = (
            "Date,USD,JPY,BGN,GBP,\n2021-01-05,1.2271,126.25,N/A,0.90333,\n2021-01-04,1.2296,126.62,1.9558,0.90160,\n"
        )
        imported = read(tmp_path, text, "eurofxref-hist.csv")
        assert imported.report.symbols == ("EUR-USD", "EUR-JPY", "EUR-BGN", "EUR-GBP")
        by_symbol = {one.bars.symbol: one for one in imported.series}
        assert by_symbol["EUR-USD"].bars.close.tolist() == [1.2296, 1.2271]
        assert by_symbol["EUR-BGN"].bars.close.tolist() == [1.9558]
        assert by_symbol["EUR-USD"].offer.calendar == "TARGET"
        assert imported.report.notes == ("1 cells without a value",)

    def test_reads_splits_and_dividends_as_single_events(self, tmp_path: Path) -> None:
        text = "date,price_factor,split_factor,reference_price\n1998-01-02,0.5,0.25,1\n2020-08-28,0.5,0.25,9\n2020-11-05,0.5,1,9\n"
        imported = read(tmp_path, text, "AAPL_factors.csv")
        assert imported.report.symbols == ("AAPL",)
        assert [(f.date.isoformat(), f.price_factor, f.split_factor) for f in imported.factors] == [
            ("2020-08-28", 1.0, 0.25),
            ("2020-11-05", 0.5, 1.0),
        ]

    def test_rows_newest_first_come_out_oldest_first(self, tmp_path: Path) -> None:
        head, *rows = HOURS.splitlines(keepends=True)
        assert starts(read(tmp_path, head + "".join(reversed(rows)))) == starts(read(tmp_path, HOURS))

    def test_gz_is_read_like_plain(self, tmp_path: Path) -> None:
        imported = read(tmp_path, gzip.compress(HOURS.encode()), "EUR-USD_1h.csv.gz")
        assert imported.report.rows == 6

    def test_volume_with_letters_is_what_it_says(self, tmp_path: Path) -> None:
        text = '"Date","Price","Open","High","Low","Vol.","Change %"\n"01/31/2021","1","2","3","0.5","1.5M","0.1%"\n'
        bars = read(tmp_path, text, "AAPL_1d.csv").series[0].bars
        assert (bars.close[0], bars.open[0], bars.volume[0]) == (1.0, 2.0, 1_500_000.0)


class TestTimes:
    def test_one_date_that_can_only_be_month_first_decides_the_file(self, tmp_path: Path) -> None:
        text = "Date,Price\n02/01/2021,1\n01/31/2021,2\n"
        assert starts(read(tmp_path, text, "WTI_1d.csv")) == ["2021-01-31 00:00", "2021-02-01 00:00"]
        text = "Date,Price\n02/01/2021,1\n31/01/2021,2\n"
        assert starts(read(tmp_path, text, "WTI_1d.csv")) == ["2021-01-02 00:00", "2021-01-31 00:00"]

    def test_dates_that_could_be_either_are_refused_until_the_order_is_said(self, tmp_path: Path) -> None:
        text = "Date,Price\n02/01/2021,1\n03/01/2021,2\n"
        assert "say which" in problem(read(tmp_path, text, "WTI_1d.csv"))
        assert starts(read(tmp_path, text, "WTI_1d.csv", month_first=True)) == ["2021-02-01 00:00", "2021-03-01 00:00"]
        assert starts(read(tmp_path, text, "WTI_1d.csv", month_first=False))[0] == "2021-01-02 00:00"

    def test_a_file_with_both_orders_is_refused(self, tmp_path: Path) -> None:
        text = "Date,Price\n31/01/2021,1\n02/28/2021,2\n"
        assert "mixed date formats" in problem(read(tmp_path, text, "WTI_1d.csv"))

    def test_an_order_the_dates_disprove_is_refused(self, tmp_path: Path) -> None:
        text = "Date,Price\n31/01/2021,1\n"
        assert "can only have the day first" in problem(read(tmp_path, text, "WTI_1d.csv", month_first=True))

    def test_rows_in_another_notation_are_refused_with_their_line(self, tmp_path: Path) -> None:
        text = "Date,Price\n2021-01-04,1\n05/01/2021,2\n2021-01-06,3\n"
        report = read(tmp_path, text, "WTI_1d.csv").report
        assert (report.rows, report.rows_refused) == (2, 1)
        assert report.refused[0].line == 3
        assert "mixed date formats" in report.refused[0].reason

    def test_broker_time_becomes_utc_in_the_zone_that_was_given(self, tmp_path: Path) -> None:
        text = "time,open,high,low,close\n2021-01-04 00:00:00,1,2,0.5,1\n2021-07-05 00:00:00,1,2,0.5,1\n"
        imported = read(tmp_path, text, timezone="Europe/Athens")
        assert starts(imported) == ["2021-01-03 22:00", "2021-07-04 21:00"]
        assert imported.report.notes == ()

    def test_times_without_a_zone_are_utc_and_the_report_says_so(self, tmp_path: Path) -> None:
        text = HOURS.replace("Z,", ",")
        assert "times name no zone: read as UTC" in read(tmp_path, text).report.notes
        assert read(tmp_path, HOURS).report.notes == ()

    def test_an_hour_that_happens_twice_is_refused(self, tmp_path: Path) -> None:
        text = "time,open,high,low,close\n" + "".join(f"2021-10-31 {h:02d}:00:00,1,2,0.5,1\n" for h in range(6))
        report = read(tmp_path, text, "BTC-USDT_1h.csv", timezone="Europe/Athens").report
        assert [row.line for row in report.refused] == [5]  # 03:00 Athens is both 00:00Z and 01:00Z
        text = text.replace("10-31", "03-28")
        report = read(tmp_path, text, "BTC-USDT_1h.csv", timezone="Europe/Athens").report
        assert [row.line for row in report.refused] == [5]  # 03:00 never was

    def test_an_unknown_zone_stops_the_import(self, tmp_path: Path) -> None:
        for zone in ("Mars/Olympus", "../../etc/passwd", ""):
            with pytest.raises(CsvRefused):
                list(import_folder(tmp_path, Options(timezone=zone)))

    def test_daily_bars_that_do_not_start_at_midnight_need_their_zone(self, tmp_path: Path) -> None:
        text = HEAD + "2021-01-04T05:00:00Z,1,2,0.5,1,7\n2021-07-06T04:00:00Z,1,2,0.5,1,7\n"
        assert "give the time zone" in problem(read(tmp_path, text, "AAPL_1d.csv"))
        imported = read(tmp_path, text, "AAPL_1d.csv", timezone="America/New_York")
        assert starts(imported) == ["2021-01-04 00:00", "2021-07-06 00:00"]

    def test_a_midnight_with_an_offset_is_the_date_it_shows(self, tmp_path: Path) -> None:
        text = "Date,Open,High,Low,Close\n2021-01-04 00:00:00+01:00,1,2,0.5,1\n"
        assert starts(read(tmp_path, text, "AAPL_1d.csv")) == ["2021-01-04 00:00"]

    def test_month_ends_are_the_month_they_end(self, tmp_path: Path) -> None:
        imported = read(tmp_path, "Date,Price\n2021-01-31,1\n2021-02-28,2\n", "US-CPI_1mo.csv")
        assert starts(imported) == ["2021-01-01 00:00", "2021-02-01 00:00"]
        assert imported.report.notes == ("dates moved to the first day of their period",)

    def test_known_at_is_the_publication_rule_that_was_given(self, tmp_path: Path) -> None:
        text = "Date,Open,High,Low,Close\n2021-01-04,1,2,0.5,1\n"
        nominal = read(tmp_path, text, "AAPL_1d.csv").series[0].bars
        assert nominal.row(0).known_at == datetime(2021, 1, 5, tzinfo=UTC)
        ruled = read(
            tmp_path, text, "AAPL_1d.csv", publication=lambda name, at, every: calendar(name).known_at(at, every)
        )
        assert ruled.series[0].bars.row(0).known_at == datetime(2021, 1, 4, 21, tzinfo=UTC)

    def test_a_month_is_known_when_it_is_over(self, tmp_path: Path) -> None:
        for name, month in (("US-CPI_1mo.csv", 2), ("US-GDP_1q.csv", 4)):
            bars = read(tmp_path, "Date,Price\n2021-01-01,1\n", name).series[0].bars
            assert bars.row(0).known_at == datetime(2021, month, 1, tzinfo=UTC)


class TestRowsRefused:
    @pytest.mark.parametrize(
        ("row", "reason"),
        [
            ("2021-01-04T16:00:00Z,1,2,0.5", "4 columns, the header has 6"),
            ("2021-01-04T16:00:00Z,1,2,0.5,1,7,8", "7 columns"),
            ("yesterday,1,2,0.5,1,7", "not a time"),
            ("2021-02-30T16:00:00Z,1,2,0.5,1,7", "not a time"),
            ("9999-12-31T16:00:00Z,1,2,0.5,1,7", "not a time"),
            ("0001-01-01T16:00:00Z,1,2,0.5,1,7", "not a time"),
            ("2021-01-04T16:00:00Z,1,2,abc,1,7", "not a number (low)"),
            ("2021-01-04T16:00:00Z,1_0,2,0.5,1,7", "not a number (open)"),
            ("2021-01-04T16:00:00Z,1,2,0.5,\u0661,7", "not a number (close)"),
            ("2021-01-04T16:00:00Z,,,,,7", "no prices"),
            ('2021-01-04T16:00:00Z,"1,2,0.5,1,7', "quotes that do not close"),
            ("2021-01-04T15:00:00Z,1.15,2.5,0.5,1.5,15", "the same time as line 7, the same values"),
            ("2021-01-04T15:00:00Z,9,9.5,0.5,1.5,15", "the same time as line 7, other values"),
        ],
    )
    def test_says_line_and_reason_and_keeps_the_rest(self, tmp_path: Path, row: str, reason: str) -> None:
        report = read(tmp_path, HOURS + row + "\n").report
        assert (report.rows, report.rows_refused) == (6, 1)
        assert (report.refused[0].file, report.refused[0].line) == ("EUR-USD_1h.csv", 8)
        assert reason in report.refused[0].reason

    def test_a_row_that_is_not_utf_8_is_refused_alone(self, tmp_path: Path) -> None:
        report = read(tmp_path, HOURS.encode() + b"2021-01-04T16:00:00Z,1,2,\xff,1,7\n").report
        assert (report.rows, report.rows_refused) == (6, 1)

    @pytest.mark.parametrize("cut", [3, 10, 25, 33])
    def test_a_last_line_that_was_cut_is_refused_and_the_rest_kept(self, tmp_path: Path, cut: int) -> None:
        report = read(tmp_path, HOURS + "2021-01-04T16:00:00Z,1.234,2.5,0.5,1.5,160"[:cut]).report
        assert (report.rows, report.rows_refused) == (6, 1)
        assert report.refused[0].line == 8

    def test_a_last_number_without_a_line_end_may_be_cut_and_is_refused(self, tmp_path: Path) -> None:
        report = read(tmp_path, HOURS.removesuffix("\n")).report
        assert (report.rows, report.rows_refused) == (5, 1)
        assert "may be cut off" in report.refused[0].reason

    def test_a_last_line_whose_end_is_not_used_is_kept(self, tmp_path: Path) -> None:
        text = "time,open,high,low,close,note\n2021-01-04T10:00:00Z,1,2,0.5,1,fin"
        assert read(tmp_path, text).report.rows == 1

    def test_blank_lines_are_nothing(self, tmp_path: Path) -> None:
        report = read(tmp_path, HOURS.replace("\n", "\n\n")).report
        assert (report.rows, report.rows_refused) == (6, 0)

    def test_a_truncated_gz_gives_what_came_before(self, tmp_path: Path) -> None:
        noise = np.random.default_rng(1).integers(10**6, 10**7, 5000)
        text = HEAD + "".join(f"{1609754400 + 3600 * i},1,2,0.5,1,{n}\n" for i, n in enumerate(noise))
        report = read(tmp_path, gzip.compress(text.encode())[:-2000], "EUR-USD_1h.csv.gz").report
        assert 1000 < report.rows < 5000
        assert any("cut off" in note for note in report.notes)

    def test_the_list_of_refused_rows_is_bounded_and_the_count_is_not(self, tmp_path: Path) -> None:
        report = read(tmp_path, HOURS + "bad\n" * 5000).report
        assert report.rows_refused == 5000
        assert len(report.refused) == CSV_REFUSED_ROWS_LISTED_MAX

    @pytest.mark.parametrize("cell", ["1.234,5", "1.234", "1,234.5"])
    def test_thousands_that_could_be_decimals_are_refused(self, tmp_path: Path, cell: str) -> None:
        text = f"time;open;high;low;close\n2021-01-04 10:00;1,5;1,5;1,5;1,5\n2021-01-04 11:00;1,5;1,5;1,5;{cell}\n"
        report = read(tmp_path, text).report
        certain = cell == "1.234,5"
        assert (report.rows, report.rows_refused) == ((2, 0) if certain else (1, 1))


class TestPassedOn:
    @pytest.mark.parametrize(
        "prices", ["nan,2,0.5,1", "1,,0.5,1", "-1,2,-3,1", "1,0.5,2,1", "0,0,0,0", "inf,inf,1,1", "nan,nan,nan,nan"]
    )
    def test_prices_that_make_no_sense_are_for_validation_to_judge(self, tmp_path: Path, prices: str) -> None:
        report = read(tmp_path, HOURS + f"2021-01-04T16:00:00Z,{prices},7\n").report
        assert (report.rows, report.rows_refused) == (7, 0)

    def test_numbers_are_exactly_as_written(self, tmp_path: Path) -> None:
        bars = read(tmp_path, HEAD + "2021-01-04T10:00:00Z,0.1,1e3,0.05,1.2598799999999999,\n").series[0].bars
        assert (bars.open[0], bars.high[0], bars.close[0]) == (0.1, 1000.0, 1.2598799999999999)
        assert np.isnan(bars.volume[0])


class TestFilesRefused:
    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            (b"", "empty"),
            (b"\n\n \n", "empty"),
            (b"\xef\xbb\xbf", "empty"),
            (b"<!DOCTYPE html><html><body>Sign in</body></html>", "HTML"),
            (b"  <html>", "HTML"),
            (HOURS.encode("utf-16"), "UTF-16"),
            (b"PK\x03\x04rest", "zip or Excel"),
            (b"SQLite format 3\0\1\2", "binary"),
            (HEAD.encode(), "no row"),
            (b"2021-01-04,1,2,0.5,1\n2021-01-05,1,2,0.5,1\n", "no header"),
            (b"name,age\nbob,3\n", "no column is called time or date"),
            (b"time,a,b\n2021-01-04,1,2\n", "cannot tell which column"),
            (b"time\n2021-01-04\n", "cannot tell which column"),
            (b"time," + b"c," * 600 + b"close\n", "more than 512 columns"),
            (b"time," * 1_000_000, "longer than"),
            (b"time," * 100_000 + b"\n2021-01-04\n", "more than 512 columns"),
            (HOURS.encode() + b"x" * 3_000_000, "longer than"),
            (b'"time,open\n', "quotes"),
        ],
    )
    def test_each_with_its_reason(self, tmp_path: Path, text: bytes, reason: str) -> None:
        imported = read(tmp_path, text)
        assert isinstance(imported.report.problem, CsvRefused)
        assert reason in problem(imported)

    def test_a_million_columns_eat_no_memory(self, tmp_path: Path) -> None:
        path = tmp_path / "EUR-USD_1h.csv"
        path.write_bytes(
            b"time," + b",".join(b"c%d" % i for i in range(1_000_000)) + b"\n" + b"1," * 1_000_000 + b"1\n"
        )
        tracemalloc.start()
        import_file(path, Options(universe=UNIVERSE))
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak_bytes < 16_000_000

    def test_a_damaged_gz(self, tmp_path: Path) -> None:
        packed = bytearray(gzip.compress(HOURS.encode() * 50))
        packed[len(packed) // 2] ^= 0xFF
        assert "damaged" in problem(read(tmp_path, bytes(packed), "EUR-USD_1h.csv.gz"))
        assert "damaged" in problem(read(tmp_path, HOURS, "EUR-USD_1h.csv.gz"))

    def test_a_file_that_cannot_be_opened(self, tmp_path: Path) -> None:
        assert "No such file" in problem(import_file(tmp_path / "gone.csv", Options()))

    def test_rows_closer_together_than_the_name_says(self, tmp_path: Path) -> None:
        assert "the name says 1d" in problem(read(tmp_path, HOURS, "EUR-USD_1d.csv"))

    def test_one_bad_file_does_not_stop_the_others(self, tmp_path: Path) -> None:
        (tmp_path / "a.csv").write_text("<html>")
        (tmp_path / "EUR-USD_1h.csv").write_text(HOURS)
        (tmp_path / "readme.md").write_text("not data")
        report = ImportReport(tuple(one.report for one in import_folder(tmp_path, Options(universe=UNIVERSE))))
        assert [file.file for file in report.files] == ["EUR-USD_1h.csv", "a.csv"]
        assert (report.rows, report.rows_refused, len(report.problems)) == (6, 0, 1)

    def test_no_such_folder(self, tmp_path: Path) -> None:
        with pytest.raises(CsvRefused, match="no such folder"):
            list(import_folder(tmp_path / "gone", Options()))


class TestNames:
    @pytest.mark.parametrize(
        ("stem", "expected"),
        [
            ("EUR-USD_1h", ("EUR-USD", Interval.H1)),
            ("AAPL-daily", ("AAPL", Interval.D1)),
            ("BTCUSDT-1M", ("BTCUSDT", Interval.MO1)),
            ("BTCUSDT_1m", ("BTCUSDT", Interval.M1)),
            ("EURUSD_M15", ("EURUSD", Interval.M15)),
            ("EUR-USD_1h_2021", ("EUR-USD", Interval.H1)),
            ("BTCUSDT-1m-2021-01", ("BTCUSDT", Interval.M1)),
            ("AAPL_factors", ("AAPL", None)),
            ("BRK-B", ("BRK-B", None)),
            ("AAPL", ("AAPL", None)),
        ],
    )
    def test_symbol_and_interval_are_in_the_name(self, stem: str, expected: tuple[str, Interval | None]) -> None:
        assert read_name(stem) == expected

    @pytest.mark.parametrize(
        ("step", "interval"),
        [
            (timedelta(minutes=5), "5m"),
            (timedelta(hours=1), "1h"),
            (timedelta(days=1), "1d"),
            (timedelta(weeks=1), "1w"),
        ],
    )
    def test_without_one_in_the_name_the_rows_tell_the_interval(
        self, tmp_path: Path, step: timedelta, interval: str
    ) -> None:
        monday = datetime(2021, 1, 4, tzinfo=UTC)
        rows = "".join(f"{(monday + i * step):%Y-%m-%dT%H:%M:%SZ},1,2,0.5,1,7\n" for i in range(6) if i != 3)
        assert read(tmp_path, HEAD + rows, "EUR-USD.csv").report.interval == interval

    def test_rows_that_are_no_interval_apart_are_refused(self, tmp_path: Path) -> None:
        rows = "".join(f"{1609754400 + 47 * i},1,2,0.5,1,7\n" for i in range(6))
        assert "47 s apart" in problem(read(tmp_path, HEAD + rows, "EUR-USD.csv"))
        assert "from one time" in problem(read(tmp_path, HEAD + "1609754400,1,2,0.5,1,7\n", "EUR-USD.csv"))

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("GBPSEK_1h.csv", ("GBP-SEK", AssetClass.FX, "SEK", "FX")),
            ("gbp-sek_1h.csv", ("GBP-SEK", AssetClass.FX, "SEK", "FX")),
            ("DOGE-USDT_1h.csv", ("DOGE-USDT", AssetClass.CRYPTO, "USDT", "24/7")),
            ("ADAUSDC_1h.csv", ("ADA-USDC", AssetClass.CRYPTO, "USDC", "24/7")),
            ("XRP-USDT-PERP_1h.csv", ("XRP-USDT-PERP", AssetClass.CRYPTO, "USDT", "24/7")),
        ],
    )
    def test_what_the_spelling_proves_needs_no_telling(
        self, tmp_path: Path, name: str, expected: tuple[str, AssetClass, str, str]
    ) -> None:
        found = read(tmp_path, HOURS, name).series[0].offer.instrument
        assert (found.symbol, found.asset_class, found.currency, found.calendar) == expected

    def test_a_stranger_has_to_be_introduced(self, tmp_path: Path) -> None:
        imported = read(tmp_path, HOURS, "MSFT_1h.csv")
        assert isinstance(imported.report.problem, InstrumentUncertain)
        assert "--class and --currency" in problem(imported)
        told = read(tmp_path, HOURS, "MSFT_1h.csv", hints=Hints(AssetClass.EQUITY, "USD")).series[0].offer.instrument
        assert (told.symbol, told.currency, told.calendar) == ("MSFT", "USD", "XNYS")
        assert "--calendar" in problem(read(tmp_path, HOURS, "SAP_1h.csv", hints=Hints(AssetClass.EQUITY, "EUR")))
        sap = read(tmp_path, HOURS, "SAP_1h.csv", hints=Hints(AssetClass.EQUITY, "EUR", "XETR")).series[0].offer
        assert sap.calendar == "XETR"

    def test_hints_do_not_rename_what_is_known(self, tmp_path: Path) -> None:
        found = read(tmp_path, HOURS, "AAPL_1h.csv", hints=Hints(AssetClass.CRYPTO, "EUR")).series[0].offer.instrument
        assert (found.asset_class, found.currency) == (AssetClass.EQUITY, "USD")

    def test_an_ambiguous_name_lists_the_candidates(self, tmp_path: Path) -> None:
        assert "BTC-USDT-PERP" in problem(read(tmp_path, HOURS, "bitcoin_1h.csv"))

    def test_a_name_that_is_no_symbol(self, tmp_path: Path) -> None:
        assert "is not a symbol" in problem(read(tmp_path, HOURS, "my best prices (2)_1h.csv"))


@given(st.data())
def test_a_damaged_file_is_read_or_refused_and_nothing_else(tmp_path: Path, data: st.DataObject) -> None:
    base = data.draw(st.sampled_from([HOURS, HOURS.replace(",", ";"), "Date,USD,JPY,GBP,\n2021-01-04,1,N/A,3,\n"]))
    body = bytearray(base.encode())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(body)))
        if data.draw(st.booleans()):
            body[at:at] = data.draw(
                st.one_of(st.binary(max_size=6), st.sampled_from([b",", b'"', b"\n", b"\r", b";", b"1e999"]))
            )
        else:
            del body[at : at + data.draw(st.integers(1, 30))]
    imported = read(tmp_path, bytes(body))
    report = imported.report
    assert isinstance(report.problem, TruecastError) != bool(imported.series)
    for one in imported.series:
        assert (np.diff(one.bars.start) > 0).all()
        assert (one.bars.known_at > one.bars.start).all()
    report.file.encode()
    for row in report.refused:
        row.reason.encode()
        assert row.line >= 1


class TestRealFiles:
    def test_every_price_file_of_the_shipped_folder_is_read_whole(self, shared_data: Path) -> None:
        for folder in ("macro", "fx"):
            for one in import_folder(shared_data / "ship" / folder, Options(universe=UNIVERSE)):
                assert one.report.problem is None, one.report.problem
                assert one.report.rows_refused == 0

    def test_broker_time_lands_in_the_currency_week(self, shared_data: Path) -> None:
        path = shared_data / "evaluate" / "fx" / "GBP-USD_1h.csv.gz"
        imported = import_file(path, Options(universe=UNIVERSE, timezone="Europe/Athens"))
        assert imported.report.rows == 57600
        start = imported.series[0].bars.start
        week = calendar("FX")
        outside = [us for us in start[:5000].tolist() if not week.is_open(from_us(us))]
        assert len(outside) < 30, [from_us(us) for us in outside[:5]]
        naive = import_file(path, Options(universe=UNIVERSE)).series[0].bars.start
        assert sum(not week.is_open(from_us(us)) for us in naive[:5000].tolist()) > 60

    def test_times_all_in_one_second_are_refused_not_kept(self, shared_data: Path) -> None:
        imported = import_file(shared_data / "evaluate" / "gaps" / "ADA-USDT_1m.csv.gz", Options(universe=UNIVERSE))
        assert "the name says 1m, but rows are 1 s apart" in problem(imported)


def test_an_excel_file_says_so(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("xl/workbook.xml", "<x/>")
    assert "zip or Excel" in problem(read(tmp_path, out.getvalue()))


def test_tells_how_far_it_is(tmp_path: Path) -> None:
    path = tmp_path / "EUR-USD_1h.csv"
    path.write_text(HEAD + "".join(f"{1609754400 + 3600 * i},1,2,0.5,1,7\n" for i in range(30_000)))
    told: list[int] = []
    import_file(path, Options(universe=UNIVERSE), tell=told.append)
    assert len(told) > 1
    assert told == sorted(told)
    assert told[-1] == path.stat().st_size
    assert to_us(datetime(2021, 1, 4, 10, tzinfo=UTC)) == 1609754400_000_000
