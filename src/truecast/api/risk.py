"""The risk of a symbol or of weighted positions: what may be lost, how surely, and against what."""

from typing import Annotated

from fastapi import Body

from truecast.api.deps import ServicesDep, resource
from truecast.api.errors import documented
from truecast.api.risk_body import RiskBody, RiskRequest, question_of, risk_body
from truecast.domain.instrument import AmbiguousSymbol, UnknownSymbol
from truecast.kit.errors import Contradiction
from truecast.market.history import AsOfInFuture, IntervalNotAvailable
from truecast.risk.currency import ExchangeRateMissing
from truecast.risk.read import measure
from truecast.risk.sample import PortfolioLost, ReturnsUndefined, SampleTooSmall

router = resource("risk")

_EXAMPLES = {
    "symbol": {"value": {"symbol": "SPY", "levels": [0.95]}},
    "positions": {
        "value": {
            "positions": [{"symbol": "SPY", "weight": 0.6}, {"symbol": "EUR-USD", "weight": 0.4}],
            "horizon": 5,
            "levels": [0.9],
        }
    },
}


@router.post(
    "/risk",
    response_model=RiskBody,
    responses=documented(
        Contradiction,
        UnknownSymbol,
        AmbiguousSymbol,
        IntervalNotAvailable,
        AsOfInFuture,
        ExchangeRateMissing,
        SampleTooSmall,
        ReturnsUndefined,
        PortfolioLost,
    ),
)
async def measure_risk(
    services: ServicesDep, asked: Annotated[RiskRequest, Body(openapi_examples=_EXAMPLES)]
) -> RiskBody:
    """Volatility, value at risk, drawdowns, ratios, exposure and stress, with intervals, of what was known at `as_of`.

    What the sample cannot support is refused with 409 `sample_too_small`, which says how many returns it takes.
    """
    question = question_of(asked)
    measured = await measure(question, services.store, services.history, services.compute)
    return risk_body(measured, question, symbol=asked.symbol is not None)
