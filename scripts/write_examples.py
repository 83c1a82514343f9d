"""Writes the OpenAPI examples of answers: real ones, of a small installation with the bundled data, cut short.

python scripts/write_examples.py        # rewrites src/truecast/api/examples/<operation>.json
"""

import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests import installation  # noqa: E402 the tests' own small installation

from truecast.api.app import create_app  # noqa: E402
from truecast.kit.clock import FixedClock  # noqa: E402
from truecast.wiring import Role, build  # noqa: E402

FOLDER = ROOT / "src" / "truecast" / "api" / "examples"
ASKED = {
    "latest_prices": ("GET", "/prices", {"symbols": "EUR-USD,SPY,NOPE"}),
    "get_candles": ("GET", "/prices/SPY/candles", {"interval": "1d", "limit": "2"}),
    "get_statistics": ("GET", "/prices/SPY/statistics", {"period": "30d"}),
    "get_volatility": ("GET", "/prices/volatility", {"symbols": "SPY,AAPL", "window": "90d"}),
    "get_correlation": ("GET", "/prices/correlation", {"symbols": "SPY,AAPL,EUR-USD", "window": "1y"}),
    "market_summary": ("GET", "/market/summary", {"asset_class": "etf"}),
    "search_symbols": ("GET", "/symbols", {"query": "apple", "limit": "2"}),
    "get_symbol": ("GET", "/symbols/AAPL", {}),
    "remove_symbol": ("DELETE", "/symbols/AIG", {}),
    "list_jobs": ("GET", "/jobs", {}),
    "get_job": ("GET", "/jobs/resolve", {}),
    "list_runs": ("GET", "/jobs/resolve/runs", {"limit": "2"}),
    "run_job": ("POST", "/jobs/resolve/run", {}),
    "enable_job": ("POST", "/jobs/resolve/enable", {}),
    "disable_job": ("POST", "/jobs/issue/disable", {}),
}
_LIST_MAX = 3


async def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        await asyncio.to_thread(installation.make, folder)
        services = build(installation.settings_in(folder), Role.SERVE, clock=FixedClock(installation.NOW))
        services.loading.ready = True
        transport = httpx.ASGITransport(app=create_app(services))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1/api/v1") as client:
            for name, (method, path, params) in ASKED.items():
                answer = await client.request(method, path, params=params)
                answer.raise_for_status()
                text = json.dumps(cut(answer.json()), indent=1, ensure_ascii=False)
                (FOLDER / f"{name}.json").write_text(text + "\n")
        await services.background.close()


def cut(value: Any) -> Any:
    """Lists of a few items."""
    if isinstance(value, list):
        return [cut(one) for one in value[:_LIST_MAX]]
    return {key: cut(one) for key, one in value.items()} if isinstance(value, dict) else value


if __name__ == "__main__":
    asyncio.run(main())
