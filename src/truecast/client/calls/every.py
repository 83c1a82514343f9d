"""Every call of the API.

Written by scripts/write_client.py from the OpenAPI document; run `make docs` after a change of the API.
"""

from truecast.client.calls.admin import AdminCalls
from truecast.client.calls.api_keys import ApiKeysCalls
from truecast.client.calls.features import FeaturesCalls
from truecast.client.calls.forecasts import ForecastsCalls
from truecast.client.calls.jobs import JobsCalls
from truecast.client.calls.models import ModelsCalls
from truecast.client.calls.prices import PricesCalls
from truecast.client.calls.record import RecordCalls
from truecast.client.calls.risk import RiskCalls
from truecast.client.calls.sources import SourcesCalls
from truecast.client.calls.stream import StreamCalls
from truecast.client.calls.symbols import SymbolsCalls
from truecast.client.calls.system import SystemCalls


class Calls(
    AdminCalls,
    ApiKeysCalls,
    FeaturesCalls,
    ForecastsCalls,
    JobsCalls,
    ModelsCalls,
    PricesCalls,
    RecordCalls,
    RiskCalls,
    SourcesCalls,
    StreamCalls,
    SymbolsCalls,
    SystemCalls,
):
    """Every call of the API."""
