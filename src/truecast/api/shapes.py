"""What several resources say in the same words: base shapes, provenance, and the types a user may send.

Output shapes have no defaults: a field that is not said is a mistake of ours. Input shapes refuse unknown fields.
"""

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from truecast.domain.horizon import Horizon, parse_horizon
from truecast.domain.interval import Interval, parse_interval
from truecast.domain.quantiles import check_level
from truecast.domain.quote import Delay
from truecast.kit.clock import to_utc
from truecast.kit.errors import MalformedRequest
from truecast.kit.limits import HORIZON_STEPS_MAX, LEVEL_MAX, LEVEL_MIN


class Output(BaseModel):
    """Base of everything we say. Built when first used: the command line imports many shapes and uses few."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Input(BaseModel):
    """Base of everything a user says in a body. `"10"` is not a number and an unknown field is a typing error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Provenance(Output):
    """Where a number is from, of what time it is, and how old."""

    source: str = Field(description="Key of the source, see `/symbols/{symbol}`.", examples=["ecb"])
    as_of: datetime = Field(description="Event time of the newest value.")
    received_at: datetime = Field(description="When it reached this server.")
    age_s: float = Field(description="Seconds from `as_of` to now (of this server's clock).")
    stale: bool = Field(description="Older than the instrument's own freshness limit.")
    delay: Delay = Field(description="How late the source publishes.")
    derived: str | None = Field(
        description="How it was computed from other series, if it was.", examples=["EUR-JPY / EUR-USD"]
    )
    origin: str = Field(description="The data's origin, in words.", examples=["European Central Bank reference rates"])


class CoverageShape(Output):
    """Measured share of outcomes inside the central interval at `level`."""

    level: float
    measured: float
    n: int


def as_interval(value: Any) -> Interval:
    """One of our intervals, or UnknownInterval."""
    return value if isinstance(value, Interval) else parse_interval(str(value))


def as_time(value: Any) -> datetime:
    """An ISO 8601 time with a zone, or a bare date, which means 00:00 UTC of that day."""
    if isinstance(value, datetime):
        return to_utc(value)
    if not isinstance(value, str):
        raise MalformedRequest(reason=f"{value!r} is not an ISO 8601 time such as 2026-01-05T00:00:00Z")
    try:
        parsed = datetime.fromisoformat(value.strip())
        if len(value.strip()) <= len("2026-01-05"):
            return datetime.fromisoformat(f"{date.fromisoformat(value.strip()).isoformat()}T00:00:00+00:00")
        return to_utc(parsed)
    except (ValueError, OverflowError):
        raise MalformedRequest(reason=f"{value[:64]!r} is not an ISO 8601 time such as 2026-01-05T00:00:00Z") from None


def _whole(value: Any) -> Any:
    """To JSON 10.0 is a whole number."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _steps(value: Any) -> int:
    return Horizon(_whole(value), Interval.D1).steps  # the rule does not depend on the interval


def _steps_text(value: Any) -> int:
    if isinstance(value, str) and value.endswith(".0"):
        value = value.removesuffix(".0")  # as `limit` and every other whole number
    return parse_horizon(value, Interval.D1).steps  # in a query a number is text


def _level_text(value: Any) -> float:
    try:
        return check_level(float(value))  # in a query a number is text
    except (TypeError, ValueError):
        raise MalformedRequest(reason=f"{str(value)[:64]!r} is not a confidence level such as 0.8") from None


_TIME_SCHEMA = {"type": "string", "format": "date-time"}

WholeIn = Annotated[int, BeforeValidator(_whole)]
IntervalIn = Annotated[Interval, BeforeValidator(as_interval)]
TimeIn = Annotated[datetime, BeforeValidator(as_time), WithJsonSchema(_TIME_SCHEMA)]
StepsIn = Annotated[
    int,
    BeforeValidator(_steps),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": HORIZON_STEPS_MAX}),
]
StepsQueryIn = Annotated[
    int,
    BeforeValidator(_steps_text),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": HORIZON_STEPS_MAX}),
]
LevelIn = Annotated[
    float,
    BeforeValidator(check_level),
    WithJsonSchema({"type": "number", "minimum": LEVEL_MIN, "maximum": LEVEL_MAX}),
]
LevelQueryIn = Annotated[
    float,
    BeforeValidator(_level_text),
    WithJsonSchema({"type": "number", "minimum": LEVEL_MIN, "maximum": LEVEL_MAX}),
]
