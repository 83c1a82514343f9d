"""`truecast db upgrade`: brings tables up to date, twice is once."""


def test_makes_the_tables(truecast, data_dir):
    ran = truecast("db", "upgrade")
    assert ran.code == 0, ran.err
    assert str(data_dir / "truecast.db") in ran.out
    assert truecast("db", "upgrade").code == 0


def test_keeps_what_is_there(truecast, installed):
    before = truecast("ledger", "verify").out
    assert truecast("db", "upgrade").code == 0
    assert truecast("ledger", "verify").out == before
