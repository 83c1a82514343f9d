"""`truecast risk`."""


def test_risk_of_a_symbol_and_of_a_portfolio(truecast, installed):
    ran = truecast("risk", "SPY", "--level", "0.95", "--days", "800")
    assert ran.code == 0, ran.err
    assert ran.out.startswith("SPY: ") and "value at risk 95 % over 1, historical" in ran.out
    assert "beta to SPY" in ran.out and "in 2020-03" in ran.out
    ran = truecast("risk", "SPY=0.6", "EUR-USD=0.4", "-l", "0.9", "--no-bootstrap", "--method", "historical", "--json")
    assert ran.code == 0 and [p["weight"] for p in ran.json["positions"]] == [0.6, 0.4]
    assert ran.json["bootstrap"] is None and len(ran.json["tails"]) == 1


def test_what_is_refused_has_a_code_of_its_own(truecast, installed):
    for arguments, code, word in (
        (("risk", "NOPE"), 66, "NOPE"),
        (("risk", "SPY", "--days", "45"), 65, "takes at least 100 returns"),
        (("risk", "SPY=much"), 64, "SYMBOL=WEIGHT"),
        (("risk", "SPY", "-l", "1.5"), 64, "levels"),
    ):
        ran = truecast(*arguments)
        assert ran.code == code and word in ran.err, (arguments, ran.code, ran.err)
