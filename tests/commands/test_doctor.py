"""`truecast doctor`: what is well, what is not, and no secret."""

SECRET = "correct-horse-battery-staple-0123456789"


def findings(ran) -> dict[str, dict[str, str]]:
    return {finding["about"]: finding for finding in ran.json}


def test_a_fresh_machine_is_well(truecast):
    ran = truecast("doctor", "--json")
    assert ran.code == 0
    assert "does not exist yet" in findings(ran)["database"]["said"]


def test_an_installation_is_described(truecast, installed):
    found = findings(truecast("doctor", "--json"))
    assert found["migrations"]["said"] == "up to date"
    assert "series" in found["source sample"]["said"]
    assert found["process"]["mark"] == "ok"


def test_shows_no_secret(truecast, installed, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", SECRET)
    monkeypatch.setenv("REDIS_URL", "redis://user:swordfish-42@localhost/0")
    ran = truecast("doctor")
    assert SECRET not in ran.out + ran.err
    assert "swordfish" not in ran.out + ran.err
    assert "[redacted]" in ran.out


def test_a_damaged_database_fails(truecast, data_dir):
    data_dir.mkdir()
    (data_dir / "truecast.db").write_bytes(b"no database at all" * 500)
    ran = truecast("doctor", "--json")
    assert ran.code == 1
    assert findings(ran)["database"]["mark"] == "fail"


def test_an_unknown_source_fails(truecast, installed, monkeypatch):
    monkeypatch.setenv("TRUECAST_SOURCES", "sample,bloomberg")
    ran = truecast("doctor", "--json")
    assert ran.code == 1
    assert findings(ran)["source bloomberg"]["mark"] == "fail"
