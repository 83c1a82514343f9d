"""`truecast ledger verify`: intact, or the first broken row by its number."""

import json

from tests import installation


def test_an_intact_ledger(truecast, installed):
    ran = truecast("ledger", "verify")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("The ledger is intact: ")


def test_the_result_as_json(truecast, installed):
    found = truecast("ledger", "verify", "--json").json
    assert found["ok"] is True
    assert len(found["head"]) == 64


def test_names_the_first_broken_row(truecast, installed):
    installation.forge(installed / "truecast.db", row=23)
    ran = truecast("ledger", "verify")
    assert (ran.code, ran.out) == (65, "")
    assert "broken at row 23 of" in ran.err
    problem = json.loads(truecast("ledger", "verify", "--json").err)
    assert (problem["code"], problem["first_broken"]) == ("ledger_broken", 23)


def test_an_empty_ledger_is_intact(truecast, data_dir):
    assert truecast("ledger", "verify").code == 0
