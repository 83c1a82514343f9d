"""`truecast symbols`: what can be forecast."""


def test_lists_everything(truecast, installed):
    ran = truecast("symbols")
    assert ran.code == 0
    for symbol in ("EUR-USD", "SPY", "^VIX", "US.CPI"):
        assert f"\n{symbol} " in ran.out


def test_searches(truecast, installed):
    assert [item["symbol"] for item in truecast("symbols", "apple", "--json").json] == ["AAPL"]
