"""`truecast symbols`: what can be forecast."""


def test_lists_everything(truecast, installed):
    ran = truecast("symbols")
    assert ran.code == 0
    for symbol in ("EUR-USD", "SPY", "^VIX", "US.CPI"):
        assert f"\n{symbol} " in ran.out


def test_searches(truecast, installed):
    assert [item["symbol"] for item in truecast("symbols", "apple", "--json").json] == ["AAPL"]


def test_a_symbol_is_taken_out_and_its_bars_stay(truecast, installed):
    ran = truecast("symbols", "remove", "spy")
    assert ran.code == 0
    assert "bars stay" in ran.out
    (spy,) = [one for one in truecast("symbols", "list", "spy", "--json").json if one["symbol"] == "SPY"]
    assert spy["followed"] is False and "1d" in spy["intervals"]
    assert truecast("forecast", "SPY", "--interval", "1d", "--json").code == 0
    assert "no" in truecast("symbols", "list", "spy").out.splitlines()[1].split()


def test_adding_without_a_live_source_says_so(truecast, installed):
    ran = truecast("symbols", "add", "KO")
    assert ran.code == 66
    assert "no live source is in use" in ran.err


def test_an_unknown_symbol_is_not_removed(truecast, installed):
    assert truecast("symbols", "remove", "nope").code == 66
