"""`truecast evaluate`: from a folder or the store to a table, a report and pictures; and an exit code for every mistake."""

import csv

import orjson
import polars as pl
import pytest

from tests.models.evaluate.series import write, write_wide

QUICK = ("--models", "naive,ewma_walk", "--horizons", "1,3", "--origins", "30", "--workers", "1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write(tmp_path_factory.mktemp("bars"), "EUR-USD", "SPY", n=120)


def test_a_folder_gives_table_report_and_pictures(truecast, folder, tmp_path):
    out = tmp_path / "out"
    ran = truecast("evaluate", "--bars", str(folder), *QUICK, "--out", str(out))
    assert ran.code == 0, ran.err
    assert "## 3 steps ahead" in ran.out and "`ewma_walk`" in ran.out and ran.err == ""
    names = {path.name for path in out.iterdir()}
    assert names == {
        "plan.json", "parts", "table.parquet", "report.json", "report.md", "calibration.png", "pit.png", "coverage.png",
        "skill.png",
    }  # fmt: skip
    table = pl.read_parquet(out / "table.parquet")
    assert set(table["symbol"]) == {"EUR-USD", "SPY"} and len(table) == 2 * 2 * 30 * 2 * 27
    closes = [float(row["close"]) for row in csv.DictReader((folder / "SPY_1d.csv").read_text().splitlines())]
    spy = table.filter(pl.col("symbol") == "SPY", pl.col("horizon") == 3, pl.col("model") == "naive")
    assert spy.unique("origin").sort("origin")["outcome"].to_list() == closes[-30:]
    assert spy.unique("origin").sort("origin")["anchor"].to_list() == closes[-33:-3]


def test_profile_prints_the_time_of_each_phase(truecast, folder, tmp_path):
    ran = truecast(
        "evaluate", "--bars", str(folder), *QUICK, "--refit-every", "1", "--profile", "--out", str(tmp_path / "out")
    )
    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()
    table = lines[lines.index("## Time by phase") :]
    phases = [line.split("|")[1].strip() for line in table if line.startswith("| ")][1:]
    assert {"read", "scale", "calibration", "score", "write"} <= set(phases)
    shares = [float(line.split("|")[4].strip(" %")) for line in table if line.startswith("| ") and "%" in line]
    assert sum(shares) == pytest.approx(100, abs=0.5)


def test_again_goes_on_in_the_same_folder_and_another_protocol_does_not(truecast, folder, tmp_path):
    out = str(tmp_path / "out")
    first = truecast("evaluate", "--bars", str(folder), *QUICK, "--out", out)
    table = (tmp_path / "out" / "table.parquet").read_bytes()
    again = truecast("evaluate", "--bars", str(folder), *QUICK, "--out", out, "--json")
    assert (first.code, again.code) == (0, 0)
    assert (tmp_path / "out" / "table.parquet").read_bytes() == table
    assert [row["model"] for row in again.json["pooled"]] == ["naive", "naive", "ewma_walk", "ewma_walk"]
    assert again.json["plan"]["origins"] == 30
    other = truecast("evaluate", "--bars", str(folder), *QUICK, "--seed", "7", "--out", out)
    assert other.code == 65 and "different seed" in other.err and "[output_occupied]" in other.err


def test_the_store_gives_what_it_serves_from(truecast, installed, tmp_path):
    out = tmp_path / "out"
    ran = truecast("evaluate", "--symbols", "eurusd,SPY", *QUICK, "--out", str(out))
    assert ran.code == 0, ran.err
    report = orjson.loads((out / "report.json").read_bytes())
    assert [s["symbol"] for s in report["series"]] == ["EUR-USD", "SPY"]


def test_a_wide_file_of_closes(truecast, tmp_path):
    (tmp_path / "bars").mkdir()
    write_wide(tmp_path / "bars" / "closes.csv", "EUR-USD", "GBP-USD", n=90)
    ran = truecast("evaluate", "--bars", str(tmp_path / "bars"), *QUICK, "--out", str(tmp_path / "out"))
    assert ran.code == 0, ran.err
    assert set(pl.read_parquet(tmp_path / "out" / "table.parquet")["symbol"]) == {"MADE0", "MADE1"}


def test_what_could_not_be_read_or_is_too_short_is_named(truecast, tmp_path):
    bars = write(tmp_path / "bars", "EUR-USD", n=120)
    write(bars, "SPY", n=50)
    (bars / "notes.csv").write_text("only notes\n")
    ran = truecast("evaluate", "--bars", str(bars), *QUICK, "--out", str(tmp_path / "out"))
    assert ran.code == 0, ran.err
    assert "not read: notes.csv" in ran.out and "left out: SPY has 50 bars" in ran.out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--models", "oracle"), 66, "unknown_model"),
        (("--models", ","), 64, "evaluation_malformed"),
        (("--horizons", "0"), 64, "horizon_out_of_range"),
        (("--horizons", "1,169"), 64, "horizon_out_of_range"),
        (("--horizons", "two"), 64, "horizon_out_of_range"),
        (("--horizons", ""), 64, "evaluation_malformed"),
        (("--origins", "0"), 64, "evaluation_malformed"),
        (("--origins", "5000"), 66, "origins_beyond_history"),
        (("--origins", "many"), 64, "malformed_request"),
        (("--refit-every", "0"), 64, "evaluation_malformed"),
        (("--embargo", "-1"), 64, "evaluation_malformed"),
        (("--seed", "-1"), 64, "evaluation_malformed"),
        (("--workers", "0"), 64, "evaluation_malformed"),
        (("--interval", "2d"), 64, "unknown_interval"),
        (("--interval", "1h"), 66, "no_series"),
        (("--symbols", "EUR-USD"), 64, "malformed_request"),
    ],
)
def test_a_mistake_is_told_and_nothing_is_written(*, truecast, folder, tmp_path, arguments, code, said):
    ran = truecast("evaluate", "--bars", str(folder), "--origins", "30", "--out", str(tmp_path / "out"), *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err and len(ran.err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_not_there_or_holds_nothing(truecast, tmp_path):
    ran = truecast("evaluate", "--bars", str(tmp_path / "nowhere"), "--out", str(tmp_path / "out"))
    assert ran.code == 65 and "no such folder" in ran.err
    (tmp_path / "empty").mkdir()
    ran = truecast("evaluate", "--bars", str(tmp_path / "empty"), "--out", str(tmp_path / "out"), "--json")
    assert ran.code == 66 and orjson.loads(ran.err)["code"] == "no_series"


def test_no_source_at_all(truecast, tmp_path):
    ran = truecast("evaluate", "--out", str(tmp_path / "out"))
    assert ran.code == 64 and "--bars" in ran.err


def test_an_output_that_is_a_file(truecast, folder, tmp_path):
    (tmp_path / "out").write_text("mine")
    ran = truecast("evaluate", "--bars", str(folder), *QUICK, "--out", str(tmp_path / "out"))
    assert ran.code == 74 and "[output_not_written]" in ran.err
    assert (tmp_path / "out").read_text() == "mine"


def test_a_symbol_that_the_store_does_not_know(truecast, installed, tmp_path):
    ran = truecast("evaluate", "--symbols", "NOSUCH", "--out", str(tmp_path / "out"))
    assert ran.code == 66 and "[unknown_symbol]" in ran.err
