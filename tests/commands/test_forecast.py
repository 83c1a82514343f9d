"""`truecast forecast`: a table, JSON or a picture, and one clear line when it cannot."""

import re

import pytest

from truecast.api.forecast_body import ForecastBody


def test_prints_quantiles_with_source_age_and_skill(truecast, installed):
    ran = truecast("forecast", "eurusd", "--horizon", "3")
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert re.fullmatch(r"EUR-USD in USD, 3 x 1d, model \w+ \S+( \(asked: auto\))?", lines[0])
    assert "sample, as of 2021-01-06T13:15:00Z" in ran.out
    assert "STALE" in ran.out
    assert "European Central Bank" in ran.out
    header = next(number for number, line in enumerate(lines) if line.lstrip().startswith("step"))
    assert [line.split()[0] for line in lines[header + 1 : header + 4]] == ["1", "2", "3"]
    assert "random walk" in ran.out


def test_json_is_what_the_api_answers(truecast, installed):
    ran = truecast("forecast", "SPY", "--horizon", "2", "--level", "0.9", "--json")
    body = ForecastBody.model_validate_json(ran.out)
    assert (body.symbol, body.horizon, body.recorded) == ("SPY", 2, True)
    assert [interval.level for interval in body.steps[0].intervals] == [0.9]


def test_says_what_would_have_been_said_then(truecast, installed):
    ran = truecast("forecast", "SPY", "--as-of", "2020-03-16", "--json")
    body = ForecastBody.model_validate_json(ran.out)
    assert (body.recorded, f"{body.anchor.bar_start:%Y-%m-%d}", body.horizon) == (False, "2020-03-13", 10)


def test_draws_a_picture(truecast, installed, tmp_path):
    for name, magic in (("fan.png", b"\x89PNG"), ("fan.svg", b"<?xml")):
        path = tmp_path / name
        ran = truecast("forecast", "SOL-USDT", "-i", "1h", "-h", "24", "--plot", str(path))
        assert ran.code == 0, ran.err
        assert path.read_bytes().startswith(magic)
        assert path.stat().st_size > 10_000


def test_loads_the_sample_when_the_store_is_empty(truecast, data_dir):
    ran = truecast("forecast", "^VIX", "--horizon", "1", "--json")
    assert ran.code == 0, ran.err
    assert ForecastBody.model_validate_json(ran.out).symbol == "^VIX"
    assert (data_dir / "truecast.db").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (("NOPE",), 66, "unknown_symbol"),
        (("BTC",), 66, "ambiguous_symbol"),
        (("SPY", "--horizon", "0"), 64, "horizon_out_of_range"),
        (("SPY", "--horizon", "169"), 64, "horizon_out_of_range"),
        (("SPY", "--horizon", "1.5"), 64, "horizon_out_of_range"),
        (("SPY", "--horizon", "x"), 64, "horizon_out_of_range"),
        (("SPY", "--level", "0"), 64, "level_out_of_range"),
        (("SPY", "--level", "1"), 64, "level_out_of_range"),
        (("SPY", "--level", "1.2"), 64, "level_out_of_range"),
        (("SPY", "--level", "most"), 64, "level_out_of_range"),
        (("SPY", "--level", "nan"), 64, "level_out_of_range"),
        (("SPY", "--interval", "7m"), 64, "unknown_interval"),
        (("SPY", "--interval", "1m"), 66, "interval_not_available"),
        (("SPY", "--model", "oracle"), 66, "unknown_model"),
        (("SPY", "--as-of", "2999-01-01"), 64, "as_of_in_future"),
        (("SPY", "--as-of", "soon"), 64, "malformed_request"),
        (("SPY", "--as-of", "1998-01-05"), 65, "history_too_short"),
        (("SPY", "--plot", "fan.gif"), 64, "picture_format_unknown"),
        (("SPY", "--plot", "/no/such/folder/fan.png"), 74, "picture_not_written"),
    ],
)
def test_says_in_one_line_why_it_cannot(truecast, installed, arguments, code, named):
    ran = truecast("forecast", *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.endswith(f"[{named}]\n")
    assert ran.err.count("\n") == 1


def test_a_data_folder_that_cannot_be_made_is_one_line(truecast, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TRUECAST_DATA_DIR", str(tmp_path / "file" / "data"))
    ran = truecast("forecast", "SPY")
    assert ran.code in (69, 74)
    assert ran.err.count("\n") == 1


def test_a_file_that_is_no_database_is_one_line(truecast, data_dir):
    data_dir.mkdir()
    (data_dir / "truecast.db").write_bytes(b"no database at all" * 500)
    ran = truecast("forecast", "SPY")
    assert ran.code != 0
    assert "damaged" in ran.err
    assert ran.err.count("\n") == 1
