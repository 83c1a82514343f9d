"""Follow forecasts and prices over a WebSocket, through lost connections, without missing a forecast.

    python examples/stream_forecasts.py EUR-USD --url http://127.0.0.1:8000 --messages 5

The place in each topic outlives the connection: after a reconnect the server is told it, and says whether everything
since then could be recovered. Needs the package `websockets`.
"""

import argparse
import asyncio
import json
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed


async def follow(url: str, topics: list[str], messages: int, key: str | None) -> None:
    """Print `messages` messages, over as many connections as that takes."""
    places: dict[str, tuple[str, int]] = {}  # by topic: epoch and offset of the last message
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    wait_s = 0.5
    while messages > 0:
        try:
            async with connect(url, additional_headers=headers, compression=None) as stream:
                wait_s = 0.5
                await stream.send(json.dumps({"action": "subscribe", "topics": topics, "since": places}))
                messages = await hear(stream, places, messages)
        except (OSError, ConnectionClosed) as error:
            print(f"lost: {error}")
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, 30.0)


async def hear(stream: ClientConnection, places: dict[str, tuple[str, int]], messages: int) -> int:
    """Print what comes, remember the places; how many messages are still to come."""
    async for text in stream:
        said: dict[str, Any] = json.loads(text)
        match said.get("event"):
            case "subscribed":
                for one in said["topics"]:
                    print(f"{one['topic']}: {'nothing missed' if one['recovered'] else 'from now on'}")
                for error in said["errors"]:
                    raise SystemExit(error["detail"])
            case "reset":
                print(f"{said['topic']}: something may be missing")
            case "error":
                raise SystemExit(said["detail"])
            case None:
                places[said["topic"]] = (said["epoch"], said["offset"])
                print(said["topic"], said["offset"], summary(said["data"]))
                messages -= 1
                if messages == 0:
                    break
    return messages


def summary(data: dict[str, Any]) -> str:
    """One line of a price or a forecast."""
    if "steps" in data:
        last = data["steps"][-1]
        return f"{data['model']} {data['interval']}: {last['median']:.6g} at {last['target_end']}"
    return f"{data.get('price')} from {data.get('provenance', {}).get('source')}"


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("symbol")
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--messages", type=int, default=10)
    parser.add_argument("--key")
    asked = parser.parse_args()
    url = asked.url.replace("http", "ws", 1) + "/api/v1/stream/ws"
    asyncio.run(follow(url, [f"quotes:{asked.symbol}", f"forecasts:{asked.symbol}"], asked.messages, asked.key))


if __name__ == "__main__":
    main()
