"""The examples, run as users run them: as programs of their own, against a server on a real socket."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from tests.api.stream_house import House
from tests.servers import free_port
from truecast.client import AsyncClient

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PROGRAMS = {  # what each is given, and what it must print
    "latest_prices": (["EUR-USD", "SPY", "NOPE"], ["EUR-USD", "from sample", "No instrument is called 'NOPE'"]),
    "candles_to_pandas": (["SPY"], ["2020-12", "252 bars of SPY from"]),
    "forecast": (["EUR-USD", "--horizon", "3"], ["80 %:", "of intervals at 90%", "skill:", "sealed in the ledger"]),
    "compare_models": (["--asset-class", "fx"], ["walk_forward", "n = "]),
    "forecast_batch": (["EUR-USD", "NOPE"], ["with 90 %", "No instrument is called 'NOPE'"]),
    "basket_risk": (["SPY=0.6", "EUR-USD=0.4"], ["historical", "parametric", "or more", "with 5%"]),
    "forecast_history": (["EUR-USD"], ["with an outcome", "inside 80 %"]),
    "manage_keys": ([], ["it can read:", "and nothing else: This needs a key", "revoked; 0 keys are good"]),
}


async def run(name: str, *words: str, status: int = 0) -> str:
    """What the program prints."""
    command = [sys.executable, str(EXAMPLES / f"{name}.py"), *words]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    printed, _ = await process.communicate()
    assert process.returncode == status, printed.decode()
    return printed.decode()


@pytest.mark.parametrize("name", PROGRAMS)
async def test_an_example_prints_what_it_is_for(house: House, name: str) -> None:
    words, expected = PROGRAMS[name]
    printed = await run(name, *words, "--url", house.http)
    assert [text for text in expected if text not in printed] == [], printed


async def test_tables_are_written_as_csv(house: House, tmp_path: Path) -> None:
    await run("candles_to_pandas", "SPY", "--bars", "5", "--csv", str(tmp_path / "a.csv"), "--url", house.http)
    await run("forecast_history", "EUR-USD", "--csv", str(tmp_path / "b.csv"), "--url", house.http)
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 6
    assert (tmp_path / "b.csv").read_text().startswith("id,model,mode,issued_at,")


async def test_errors_are_told_apart(house: House) -> None:
    assert "no such symbol; did you mean one of" in await run("handle_errors", "SPI", "--url", house.http, status=1)
    printed = await run("handle_errors", "SPY", "--model", "nonesuch", "--url", house.http, status=1)
    assert "404 unknown_model" in printed and "(request " in printed
    assert await run("handle_errors", "SPY", "--model", "naive", "--url", house.http)
    away = f"http://127.0.0.1:{free_port()}"
    assert "is the server running?" in await run("handle_errors", "SPY", "--url", away, status=1)


async def test_the_stream_is_followed_and_goes_on_where_it_was_left(house: House, tmp_path: Path) -> None:
    places = tmp_path / "places.json"
    words = ["SPY", "--messages", "3", "--places", str(places), "--url", house.http]
    async with AsyncClient(house.http) as client:
        price = (await client.latest_prices(symbols="SPY")).items[0].to_dict()
    first = asyncio.create_task(run("follow_stream", *words))
    while not first.done():
        await house.publish("quotes:SPY", **price)
        await asyncio.sleep(0.02)
    printed = first.result()
    assert "quotes:SPY: from now on" in printed
    assert "from sample" in printed and "forecasts:SPY 0: " in printed
    left_at = json.loads(places.read_text())["quotes:SPY"][1]
    await house.publish("quotes:SPY", **price)
    again = asyncio.create_task(run("follow_stream", "SPY", "--messages", "1", *words[3:]))
    assert "forecasts:SPY: nothing missed" in await again  # of prices only the last ones are kept
    assert json.loads(places.read_text())["quotes:SPY"][1] > left_at


def test_every_example_is_run_and_shown() -> None:
    """Here or in tests/api/test_stream_examples.py."""
    run_here = {*PROGRAMS, "handle_errors", "follow_stream"}
    assert {path.stem for path in EXAMPLES.glob("*.py")} == run_here | {"stream_sse"}
    page = (EXAMPLES.parent / "docs" / "client.md").read_text()
    assert [name for name in run_here if f"examples/{name}.py" not in page] == []
