"""Up to a hundred forecasts in one request. What is wrong with an item is said in its place; others are answered."""

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
from truecast.kit.errors import TruecastError
from truecast.kit.limits import BATCH_ITEMS_MAX

router = resource("forecasts")

_ITEM_SCHEMA = {"$ref": "#/components/schemas/ForecastRequest"}


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
    requests = [one.request() for one in parsed if isinstance(one, ForecastRequest)]
    found = iter(await services.issuer.forecast_many(requests))
    answers = [next(found) if isinstance(one, ForecastRequest) else one for one in parsed]
    bodies = Bodies(await services.store.universe(), await services.store.series(), services.clock.now())
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
