"""Why a forecast says what it says, as the API says it."""

from pydantic import Field

from truecast.api.shapes import Output
from truecast.domain.explanation import Explanation
from truecast.domain.interval import Interval
from truecast.kit.errors import TruecastError


class NotForecastYet(TruecastError):
    """Nothing was issued that could be explained."""

    code = "not_forecast_yet"
    status = 404
    title = "Not forecast yet"
    template = "No forecast of {symbol} like that has been issued yet"


class NotExplained(TruecastError):
    """It was sealed by a release that gave no explanations; computed afterwards it would not be what was sealed."""

    code = "not_explained"
    status = 404
    title = "Not explained"
    template = "Forecast {id} was sealed without an explanation"


class DriverShape(Output):
    """One reason for the median's move. `rest`: the smaller ones together."""

    feature: str
    value: float | None = Field(description="In the driver's own units; null where it has none.")
    contribution: float = Field(description="To the median's move, in price units.")


class ComponentShape(Output):
    """One part of the spread. A negative share narrows it."""

    component: str
    sigma: float = Field(description="In price units; all of them add up to the forecast's.")
    share: float


class ExplanationShape(Output):
    """Of one step: `base` + the contributions = the median there; the sigmas add up to the spread there."""

    step: int
    base: float = Field(description="The anchor's price.")
    location: list[DriverShape] = Field(description="The ten largest, and the rest. Empty: the median did not move.")
    width: list[ComponentShape]
    notes: list[str]


class ForecastExplanation(Output):
    """The explanation that was sealed with a forecast."""

    forecast_id: str
    symbol: str
    interval: Interval
    model: str
    horizon: int = Field(description="The step that is explained: the forecast's last.")
    explanation: ExplanationShape


def explanation_shape(said: Explanation) -> ExplanationShape:
    """As it is said."""
    return ExplanationShape(
        step=said.step,
        base=said.base,
        location=[DriverShape(feature=d.feature, value=d.value, contribution=d.contribution) for d in said.location],
        width=[ComponentShape(component=c.component, sigma=c.sigma, share=c.share) for c in said.width],
        notes=list(said.notes),
    )
