"""Forecasts that are asked for, as bytes. The same question on the same bars has the same answer: it is kept.

A forecast of now is sealed in the ledger when it is asked for the first time; asked again on the same bars, by the same
evidence and the same models, it is the one that is sealed. So what is kept is exactly what computing it again would
end in. What is said about the past, and not recorded, is computed each time.
"""

from collections.abc import Sequence

import orjson
from pydantic import BaseModel

from truecast.api.answers import Answers, Asked, Question
from truecast.api.forecasts import Bodies, ForecastRequest, bodies_of, leave_holes
from truecast.api.ready import Ready, ready_of
from truecast.domain.forecast import Forecast
from truecast.kit.clock import to_us
from truecast.kit.errors import TruecastError
from truecast.services import Services

SAID = Asked("said", "")


async def forecasts_said(
    services: Services, answers: Answers, asked: Sequence[ForecastRequest]
) -> list[Ready | TruecastError]:
    """The answer to each, or why there is none, in their order. What is not kept is computed and sealed together."""
    now_us = to_us(services.clock.now())
    found: dict[int, Ready | TruecastError] = {}
    for i, one in enumerate(asked):
        kept = answers.kept(_question(one), now_us) if one.as_of is None else None
        if kept is not None:
            found[i] = kept
    missing = [i for i in range(len(asked)) if i not in found]
    if missing:
        with answers.memory.making() as since:
            computed = await services.issuer.forecast_many([asked[i].request() for i in missing])
            bodies = await bodies_of(services)
            for i, forecast in zip(missing, computed, strict=True):
                one = asked[i]
                if isinstance(forecast, TruecastError):
                    found[i] = forecast
                    continue
                found[i] = ready = _ready(one, forecast, bodies)
                answers.counts[SAID.kind, "miss"].inc()
                if ready.until_us > ready.made_us:
                    answers.keep(_question(one), SAID, ready, since=since)
    return [found[i] for i in range(len(asked))]


def _ready(asked: ForecastRequest, forecast: Forecast, bodies: Bodies) -> Ready:
    body = bodies.of(forecast, asked.levels, requested_model=asked.model, now=asked.as_of)
    said = body.model_dump(mode="json")
    if asked.as_of is None:
        leave_holes([said], [body])
    sealed = asked.as_of is None and body.recorded
    ahead = any(
        one.symbol == forecast.symbol and one.known_until is not None and one.known_until > bodies.now
        for one in bodies.kept
    )
    return ready_of(
        said,
        tags=(f"series:{forecast.symbol}", "evidence", "models"),
        now=bodies.now,
        until_us=bodies.until_us(forecast) if sealed and not ahead else 0,
    )


def _question(asked: BaseModel) -> Question:
    return Question("", orjson.dumps(asked.model_dump(mode="json")))
