"""`truecast openapi`: the document that types are generated from."""

from truecast.api.app import describe


def test_prints_the_document(truecast):
    assert truecast("openapi").json == describe()
