"""`truecast keys`: a key is shown once, listed without its secret, and revoked."""


def test_from_making_to_revoking(truecast, installed):
    made = truecast("keys", "create", "notebook", "--scope", "read", "--scope", "forecast", "--days", "90")
    key = made.out.strip()
    assert made.code == 0
    assert key.startswith("tc_")
    (listed,) = truecast("keys", "list", "--json").json
    assert (listed["name"], listed["scopes"], listed["revoked_at"]) == ("notebook", ["forecast", "read"], None)
    assert key not in truecast("keys", "list").out
    assert truecast("keys", "revoke", listed["id"]).code == 0
    assert truecast("keys", "list", "--json").json[0]["revoked_at"] is not None


def test_mistakes_are_told(truecast, installed):
    assert truecast("keys", "revoke", "nobody").code == 66
    assert truecast("keys", "create", " ").code == 64
    assert truecast("keys", "create", "x", "--scope", "everything").code == 64
