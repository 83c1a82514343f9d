"""What can go wrong, and how a program tells one from the other.

python examples/handle_errors.py NOPE
"""

import argparse
import sys

from truecast.client import (
    AnswerUnreadable,
    Client,
    Conflict,
    ConnectionFailed,
    NoLiveSource,
    Problem,
    RateLimited,
    Retry,
    problems,
)


def main() -> int:
    """Forecast; the exit status says what kind of thing went wrong."""
    parser = argparse.ArgumentParser()
    parser.add_argument("symbol")
    parser.add_argument("--model", default="auto")
    parser.add_argument("--url")
    asked = parser.parse_args()
    try:
        with Client(asked.url, retry=Retry(total_s=10.0)) as client:
            forecast = client.create_forecast(asked.symbol, "1d", 5, model=asked.model)
            print(f"{forecast.symbol}: {forecast.steps[-1].median:.6g}")
            return 0
    except problems.UnknownSymbol as error:
        print(f"no such symbol; did you mean one of {error.facts['nearest']}?")
    except problems.HistoryTooShort as error:
        print(f"{error.facts['have']} bars are too few, it takes {error.facts['need']}")
    except NoLiveSource as error:
        print("nobody could tell the price:")
        for one in error.reasons:
            print(f"  {one['source']}: {one['reason']}")
    except RateLimited as error:  # the client has waited already, as long as it was allowed to
        print(f"too many requests of the kind {error.kind}; again in {error.retry_after_s} s")
    except Conflict as error:
        print(f"not in this state of things: {error.detail}")
    except Problem as error:  # whatever else the server may say; the request id finds it in its log
        print(f"{error.status} {error.code}: {error.detail} (request {error.request_id})")
    except ConnectionFailed as error:
        print(f"is the server running? {error}")
    except AnswerUnreadable as error:
        print(f"that is no Truecast server: {error}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
