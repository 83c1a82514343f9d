"""Follow prices and forecasts through lost connections, and go on where one left off when started again.

python examples/follow_stream.py SPY --messages 5 --places places.json

The client reconnects by itself and tells what that did: `Lost`, `Joined`, and `Missed` where something is gone for
good. The places reached are kept in a file, so that the next start resumes there, too.
"""

import argparse
import json
from pathlib import Path

from truecast.client import Client, ForecastMessage, Joined, Lost, Message, Missed, News, QuoteMessage


def told(news: News) -> str:
    """One line of it."""
    match news:
        case QuoteMessage(data=price):
            return f"{news.topic} {news.offset}: {price.price} from {price.provenance.source}"
        case ForecastMessage(data=forecast):
            last = forecast.steps[-1]
            return f"{news.topic} {news.offset}: {forecast.model}, {last.median:.6g} at {last.target_end:%Y-%m-%d}"
        case Joined():
            return f"{news.topic}: {'nothing missed' if news.recovered else 'from now on'}"
        case Missed():
            return f"{news.topic}: something is missing ({news.reason})"
        case Lost():
            return f"lost: {news.reason}; again in {news.retry_in_s:.1f} s"
        case _:
            return str(news)


def main() -> None:
    """Print so many messages, then remember where to go on."""
    parser = argparse.ArgumentParser()
    parser.add_argument("symbol")
    parser.add_argument("--messages", type=int, default=10)
    parser.add_argument("--places", type=Path)
    parser.add_argument("--url")
    asked = parser.parse_args()
    since = json.loads(asked.places.read_text()) if asked.places and asked.places.exists() else None
    topics = [f"quotes:{asked.symbol}", f"forecasts:{asked.symbol}"]
    left = asked.messages
    with Client(asked.url) as client, client.stream(topics, since=since) as stream:
        for news in stream:
            print(told(news), flush=True)
            left -= isinstance(news, Message)
            if asked.places is not None:
                asked.places.write_text(json.dumps(stream.places))
            if left <= 0:
                break


if __name__ == "__main__":
    main()
