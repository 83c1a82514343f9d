"""`truecast import`: what could be read is kept, what could not is named."""

import gzip

import pytest


@pytest.fixture
def folder(tmp_path):
    """Two good files, one cut in the middle of a line, one that is no table."""
    folder = tmp_path / "csv"
    folder.mkdir()
    rows = [
        f"2020-{month:02}-{day:02},{100 + day},{101 + day},{99 + day},{100.5 + day},{1000 * day}"
        for month in (1, 2, 3)
        for day in range(1, 29)
    ]
    weekdays = [row for row in rows if __import__("datetime").date.fromisoformat(row[:10]).weekday() < 5]
    table = "\n".join(["date,open,high,low,close,volume", *weekdays]) + "\n"
    (folder / "ACME_1d.csv").write_text(table)
    with gzip.open(folder / "EUR-SEK_1d.csv.gz", "wt") as file:
        file.write(table)
    (folder / "CUT_1d.csv").write_text(table[:-9])
    (folder / "notes.csv").write_text("these are only notes\n")
    return folder


HINTS = ("--class", "equity", "--currency", "USD")


def test_keeps_what_it_can_read_and_names_what_it_cannot(truecast, folder):
    ran = truecast("import", str(folder), *HINTS)
    assert ran.code == 65
    assert "ACME 1d" in ran.out
    assert "EUR-SEK 1d" in ran.out
    assert "not read: notes.csv" in ran.out
    assert "refused: CUT_1d.csv line " in ran.out
    names = {item["symbol"] for item in truecast("symbols", "--json").json}
    assert names >= {"ACME", "EUR-SEK"}


def test_twice_is_once(truecast, folder):
    (folder / "notes.csv").unlink()
    first, again = truecast("import", str(folder), *HINTS, "--json"), truecast("import", str(folder), *HINTS, "--json")
    assert (first.code, again.code) == (0, 0)
    assert sum(file["inserted"] for file in first.json) > 100
    assert sum(file["inserted"] + file["corrected"] for file in again.json) == 0


def test_a_symbol_nobody_knows_must_be_described(truecast, folder):
    ran = truecast("import", str(folder))
    assert ran.code == 65
    assert "--class" in ran.out
    assert "EUR-SEK 1d" in ran.out


def test_a_folder_that_is_not_there(truecast, tmp_path):
    ran = truecast("import", str(tmp_path / "nowhere"))
    assert (ran.code, ran.out) == (65, "")
    assert "no such folder" in ran.err


def test_a_zone_that_is_not_there(truecast, folder):
    ran = truecast("import", str(folder), *HINTS, "--timezone", "Mars/Olympus")
    assert ran.code == 65
    assert "Mars/Olympus" in ran.out + ran.err


def test_the_imported_can_be_forecast(truecast, folder):
    truecast("import", str(folder), *HINTS)
    ran = truecast("forecast", "acme", "--horizon", "2")
    assert ran.code == 0, ran.err
    assert "imported from ACME_1d.csv" in ran.out
