"""`truecast gaps`: which bars are missing."""


def test_lists_what_is_missing_and_why(truecast, installed):
    ran = truecast("gaps")
    assert ran.code == 0
    assert ran.out.splitlines()[0].split()[:5] == ["symbol", "interval", "source", "from", "to"]
    assert " sample " in ran.out and "open (" in ran.out


def test_fills_what_is_due_and_says_why_it_could_not(truecast, installed):
    got = truecast("gaps", "SOL-USDT", "--fill", "--json").json
    assert got["gaps"] and got["round"]["tried"] == len(got["gaps"])
    assert {gap["reason"] for gap in got["gaps"]} == {"no_source"}
    assert truecast("gaps", "SOL-USDT", "--fill", "--json").json["round"]["tried"] == 0


def test_looks_at_every_bar(truecast, installed):
    assert "gaps found" in truecast("gaps", "SOL-USDT", "--find").out
