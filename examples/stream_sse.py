"""Follow prices as server-sent events: plain HTTP, which any proxy lets through.

    python examples/stream_sse.py SPY --url http://127.0.0.1:8000 --messages 3

Needs the package `httpx`.
"""

import argparse
import json
from collections.abc import Iterator

import httpx


def events(url: str, topics: str, last_id: str | None, key: str | None) -> Iterator[tuple[str, str | None, str]]:
    """Name, id and data of each event of one connection."""
    headers = {} if last_id is None else {"Last-Event-ID": last_id}
    headers |= {} if key is None else {"Authorization": f"Bearer {key}"}
    name, place, data = "message", last_id, ""
    with httpx.stream("GET", url, params={"topics": topics}, headers=headers, timeout=60) as answer:
        if answer.status_code != 200:
            raise SystemExit(answer.read().decode())
        for line in answer.iter_lines():
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "id":
                place = value
            elif field == "data":
                data = value
            elif not line and data:
                yield name, place, data
                name, data = "message", ""


def main() -> None:
    """Print messages, and after a lost connection go on where it broke off."""
    parser = argparse.ArgumentParser()
    parser.add_argument("symbol")
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--messages", type=int, default=10)
    parser.add_argument("--key")
    asked = parser.parse_args()
    left, last_id = asked.messages, None
    while left:
        try:
            url, topics = f"{asked.url}/api/v1/stream/sse", f"quotes:{asked.symbol}"
            for name, place, data in events(url, topics, last_id, asked.key):
                last_id = place
                if name == "message":
                    said = json.loads(data)
                    print(said["topic"], said["offset"], said["data"].get("price"))
                    left -= 1
                if not left:
                    break
        except httpx.TransportError as error:
            print(f"lost: {error}")


if __name__ == "__main__":
    main()
