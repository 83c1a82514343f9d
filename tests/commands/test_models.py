"""`truecast models …`: from training to rollback with the real trainer, and what is refused."""

import json


def test_from_training_to_rollback(truecast, installed):
    ran = truecast("models", "train", "lightgbm", "--class", "fx", "--interval", "1d", "--json")
    assert ran.code == 0, ran.err
    ((trained,), promoted) = ran.json["trained"], ran.json["promoted"]
    assert trained["version"] and promoted == []
    shown = truecast("models", "show", "lightgbm")
    assert trained["version"] in shown.out and "challenger" in shown.out and "CRPS against walk" in shown.out
    ran = truecast("models", "promote", "lightgbm")
    assert ran.code == 0 and f"is served by {trained['version']}, before by nothing" in ran.out
    listed = {row["name"]: row for row in truecast("models", "list", "--json").json}
    assert listed["lightgbm"]["status"] == "ready" and listed["naive"]["status"] == "ready"
    assert "fx 1d" in truecast("models", "list").out
    forecast = truecast("forecast", "EUR-USD", "--model", "lightgbm", "--horizon", "3", "--json")
    assert forecast.code == 0 and forecast.json["model_version"].startswith(trained["version"])
    assert truecast("models", "reload").code == 0
    body = installed / "models" / "lightgbm" / "fx-1d" / trained["version"] / "h1.txt"
    body.write_bytes(body.read_bytes() + b" ")
    ran = truecast("models", "reload", "--json")
    assert ran.code == 65 and "checksum" in ran.json[0]["reason"]
    ran = truecast("forecast", "EUR-USD", "--model", "lightgbm", "--json")
    assert ran.code == 69 and json.loads(ran.err)["code"] == "model_unavailable"
    assert truecast("models", "rollback", "lightgbm").code == 0
    kinds = [event["kind"] for event in truecast("models", "events", "--json").json]
    assert kinds == ["rolled_back", "promoted", "trained"]
    assert "rolled_back" in truecast("models", "events", "lightgbm").out


def test_what_is_refused_has_a_code_of_its_own(truecast, installed):
    for arguments, code, word in (
        (("train", "naive"), 64, "not trained"),
        (("train", "tcn"), 66, "tcn"),
        (("train", "lightgbm", "--class", "stamps"), 64, "asset class"),
        (("train", "lightgbm", "--class", "fx", "--interval", "1q"), 65, "0 rows"),
        (("promote", "lightgbm"), 66, "nothing was trained"),
        (("rollback", "lightgbm"), 66, "serves"),
        (("promote", "lightgbm", "--version", "x"), 66, "x"),
    ):
        ran = truecast("models", *arguments)
        assert ran.code == code and word in ran.err, ran.err
    assert "models train lightgbm" in truecast("models", "show", "lightgbm").out
    assert truecast("models", "events", "--json").json[0]["kind"] == "refused"


def test_the_choice_and_the_average_are_listed_with_their_members(truecast, installed):
    listed = {row["name"]: row for row in truecast("models", "list", "--json").json}
    assert list(listed)[:2] == ["auto", "ensemble"] and listed["auto"]["status"] == "ready"
    prices, slow = listed["ensemble"]["members"]
    assert prices["models"] == ["naive", "ewma_walk", "vol_walk", "lightgbm"] and "1h" in prices["intervals"]
    assert prices["absent"] == [{"model": "lightgbm", "reason": "not trained yet"}]
    assert "ets" in slow["models"] and "1mo" in slow["intervals"]
    assert listed["naive"]["members"] == [] and listed["vol_walk"]["title"] == "Volatility walk"
    out = truecast("models", "list").out
    assert "auto" in out and "1m to 1d: naive, ewma_walk, vol_walk, lightgbm" in out
    said = truecast("forecast", "EUR-USD", "--horizon", "3").out
    assert "\nwhy " in said and "EWMA volatility serves" in said
    ran = truecast("models", "train", "auto")
    assert ran.code == 64 and "'auto' is not trained" in ran.err
