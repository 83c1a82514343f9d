"""Every call of the API.

Written by scripts/write_client.py from the OpenAPI document; run `make docs` after a change of the API.
"""

from truecast.client.calls.admin_async import AsyncAdminCalls
from truecast.client.calls.api_keys_async import AsyncApiKeysCalls
from truecast.client.calls.features_async import AsyncFeaturesCalls
from truecast.client.calls.forecasts_async import AsyncForecastsCalls
from truecast.client.calls.jobs_async import AsyncJobsCalls
from truecast.client.calls.models_async import AsyncModelsCalls
from truecast.client.calls.prices_async import AsyncPricesCalls
from truecast.client.calls.record_async import AsyncRecordCalls
from truecast.client.calls.risk_async import AsyncRiskCalls
from truecast.client.calls.sources_async import AsyncSourcesCalls
from truecast.client.calls.stream_async import AsyncStreamCalls
from truecast.client.calls.symbols_async import AsyncSymbolsCalls
from truecast.client.calls.system_async import AsyncSystemCalls


class AsyncCalls(
    AsyncAdminCalls,
    AsyncApiKeysCalls,
    AsyncFeaturesCalls,
    AsyncForecastsCalls,
    AsyncJobsCalls,
    AsyncModelsCalls,
    AsyncPricesCalls,
    AsyncRecordCalls,
    AsyncRiskCalls,
    AsyncSourcesCalls,
    AsyncStreamCalls,
    AsyncSymbolsCalls,
    AsyncSystemCalls,
):
    """Every call of the API."""
