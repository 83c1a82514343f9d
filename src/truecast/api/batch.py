"""Asking for forecasts: one, or a hundred. What is wrong with an item is said in its place; others are answered."""

from typing import Annotated, Any, Literal

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import Field, ValidationError, WithJsonSchema

from truecast.api.answers import answers_of
from truecast.api.deps import ServicesDep, resource
from truecast.api.errors import Problem, documented, malformed, problem_body, problem_json
from truecast.api.forecast_body import ForecastBody
from truecast.api.forecasts import ForecastRequest
from truecast.api.repeated import forecasts_said
from truecast.api.shapes import Input, Output
from truecast.domain.instrument import AmbiguousSymbol, UnknownSymbol
from truecast.kit.clock import to_us
from truecast.kit.errors import TruecastError
from truecast.kit.limits import BATCH_ITEMS_MAX
from truecast.market.history import IntervalNotAvailable
from truecast.models.base import HistoryTooShort
from truecast.models.catalog import UnknownModel
from truecast.models.heavy import ModelUnavailable
from truecast.models.location.trees import OutOfScope

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


@router.post(
    "/forecasts",
    response_model=ForecastBody,
    responses=documented(
        UnknownSymbol,
        AmbiguousSymbol,
        UnknownModel,
        ModelUnavailable,
        OutOfScope,
        HistoryTooShort,
        IntervalNotAvailable,
    ),
)
async def create_forecast(services: ServicesDep, request: Request, asked: ForecastRequest) -> Response:
    """Forecast now and seal it in the ledger; or, with `as_of`, say what would have been said then.

    The same model on the same data has said it already: then the answer is the forecast that is sealed.
    """
    (said,) = await forecasts_said(services, answers_of(request), [asked])
    if isinstance(said, TruecastError):
        raise said
    return Response(said.body(to_us(services.clock.now())), media_type="application/json")


@router.post("/forecasts/batch", response_model=Batch, responses=documented())
async def create_forecasts(services: ServicesDep, request: Request, asked: BatchRequest) -> Response:
    """Forecast up to 100 items. Each is answered as `POST /forecasts` would; items that ask the same share one.

    The answer is 200 whenever the batch itself could be read: look at the `status` of every item.
    """
    parsed = [_parsed(item) for item in asked.items]
    wanted = [one for one in parsed if isinstance(one, ForecastRequest)]
    found = iter(await forecasts_said(services, answers_of(request), wanted))
    now_us, items = to_us(services.clock.now()), []
    for index, one in enumerate(parsed):
        said = next(found) if isinstance(one, ForecastRequest) else one
        if isinstance(said, TruecastError):
            problem = _problem(said, request, index)
            items.append(b'{"index":%d,"status":"error","forecast":null,"error":%b}' % (index, problem))
        else:
            items.append(b'{"index":%d,"status":"ok","forecast":%b,"error":null}' % (index, said.body(now_us)))
    return Response(b'{"items":[%b]}' % b",".join(items), media_type="application/json")


def _problem(error: TruecastError, request: Request, index: int) -> bytes:
    """As an answer of its own would say it: facts that JSON does not know, such as NaN, become null."""
    request_id = str(request.scope.get("truecast.request_id", ""))
    return problem_json(problem_body(error, instance=f"{request.url.path}#{index}", request_id=request_id))


def _parsed(item: Any) -> ForecastRequest | TruecastError:
    try:
        return ForecastRequest.model_validate(item)
    except TruecastError as error:
        return error
    except ValidationError as error:
        return malformed(RequestValidationError(error.errors()))
