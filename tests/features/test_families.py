"""Every family keeps the contract."""

from tests.features.contract import FamilyContract
from truecast.features.registry import FAMILIES


class TestReturns(FamilyContract):
    family = "returns"


class TestMomentum(FamilyContract):
    family = "momentum"


class TestAverages(FamilyContract):
    family = "averages"


class TestBands(FamilyContract):
    family = "bands"


class TestRanges(FamilyContract):
    family = "ranges"


class TestVolatility(FamilyContract):
    family = "volatility"


class TestSession(FamilyContract):
    family = "session"
    calendar = "FX"


class TestPeers(FamilyContract):
    family = "peers"


class TestMacro(FamilyContract):
    family = "macro"


class TestSentiment(FamilyContract):
    family = "sentiment"


def test_no_family_is_left_out():
    assert {kind.family for kind in FamilyContract.__subclasses__()} == set(FAMILIES)
