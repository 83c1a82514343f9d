"""Up to a hundred forecasts in one request. What is wrong with an item is said in its place; others are answered."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import orjson
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import Field, ValidationError, WithJsonSchema

from truecast.api.deps import ServicesDep, resource
from truecast.api.errors import Problem, documented, malformed, problem_body, problem_json
from truecast.api.forecast_body import ForecastBody
from truecast.api.forecasts import Bodies, ForecastRequest
from truecast.api.shapes import Input, Output
from truecast.domain.forecast import Forecast
from truecast.domain.instrument import Universe
from truecast.kit.errors import TruecastError
from truecast.kit.limits import BATCH_ITEMS_MAX
from truecast.services import Services

router = resource("forecasts")

_AT_ONCE = 8  # reads and computations of one batch: others are served in between
_ITEM_SCHEMA = {"$ref": "#/components/schemas/ForecastRequest"}
_Asked = tuple[Any, ...]  # all that the computation depends on


class BatchRequest(Input):
    """What to forecast. Every item is what `POST /forecasts` takes."""

    items: list[Annotated[Any, WithJsonSchema(_ITEM_SCHEMA)]] = Field(min_length=1, max_length=BATCH_ITEMS_MAX)


class BatchItem(Output):
    """The answer to the item at `index`: a forecast, or the problem with it."""

    index: int
    status: Literal["ok", "error"]
    forecast: ForecastBody | None
    error: Problem | None


class Batch(Output):
    """The answers, in the order of the questions."""

    items: list[BatchItem]


@router.post("/forecasts/batch", response_model=Batch, responses=documented())
async def create_forecasts(services: ServicesDep, request: Request, asked: BatchRequest) -> Batch:
    """Forecast up to 100 items. Each is answered as `POST /forecasts` would; items that ask the same share one.

    The answer is 200 whenever the batch itself could be read: look at the `status` of every item.
    """
    parsed = [_parsed(item) for item in asked.items]
    universe = await services.store.universe()
    keys = [None if isinstance(one, TruecastError) else _key(universe, one) for one in parsed]
    distinct = {key: one for key, one in zip(keys, parsed, strict=True) if isinstance(one, ForecastRequest)}
    found = dict(zip(distinct, await _forecasts(services, list(distinct.values())), strict=True))
    answers = [one if isinstance(one, TruecastError) else found[key] for one, key in zip(parsed, keys, strict=True)]
    bodies = Bodies(universe, await services.store.series(), services.clock.now())
    items = []
    for index, (one, answer) in enumerate(zip(parsed, answers, strict=True)):
        if isinstance(answer, TruecastError):
            items.append(BatchItem(index=index, status="error", forecast=None, error=_problem(answer, request, index)))
        else:
            assert isinstance(one, ForecastRequest)
            body = bodies.of(answer, one.levels, requested_model=one.model, now=one.as_of)
            items.append(BatchItem(index=index, status="ok", forecast=body, error=None))
    return Batch(items=items)


def _problem(error: TruecastError, request: Request, index: int) -> Problem:
    """As an answer of its own would say it: facts that JSON does not know, such as NaN, become null."""
    request_id = str(request.scope.get("truecast.request_id", ""))
    body = problem_json(problem_body(error, instance=f"{request.url.path}#{index}", request_id=request_id))
    return Problem(**orjson.loads(body))


def _parsed(item: Any) -> ForecastRequest | TruecastError:
    try:
        return ForecastRequest.model_validate(item)
    except TruecastError as error:
        return error
    except ValidationError as error:
        return malformed(RequestValidationError(error.errors()))


def _key(universe: Universe, one: ForecastRequest) -> _Asked:
    """Items that spell the same symbol differently ask the same; which levels are shown changes nothing."""
    try:
        symbol = universe.get(one.symbol).symbol
    except TruecastError:
        symbol = one.symbol  # the answer will say what is wrong with it
    return symbol, one.interval, one.horizon, one.model, one.as_of, one.fallback


async def _forecasts(services: Services, asked: Sequence[ForecastRequest]) -> list[Forecast | TruecastError]:
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(item: ForecastRequest) -> Forecast | TruecastError:
        async with room:
            try:
                return await services.issuer.forecast(
                    item.symbol,
                    item.interval,
                    item.horizon,
                    model=item.model,
                    as_of=item.as_of,
                    fallback=item.fallback,
                    record=item.as_of is None,
                )
            except TruecastError as error:
                return error

    return list(await asyncio.gather(*(one(item) for item in asked)))
