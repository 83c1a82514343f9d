"""API keys: make one that can only read, use it, and revoke it.

python examples/manage_keys.py --name notebook --days 30

Needs a key with the scope `admin` (TRUECAST_API_KEY), or a server on this machine that wants none.
"""

import argparse
from datetime import UTC, datetime, timedelta

from truecast.client import Client, Forbidden


def main() -> None:
    """Print what becomes of the key."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--name", default="notebook")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--url")
    asked = parser.parse_args()
    with Client(asked.url) as client:
        expires_at = datetime.now(UTC) + timedelta(days=asked.days)  # noqa: TID251 a program of its own
        made = client.create_api_key(asked.name, ["read"], expires_at=expires_at)
        print(f"made {made.id} for {made.name}, good until {expires_at:%Y-%m-%d}; its text is shown this once")
        with Client(asked.url, api_key=made.key) as reader:
            print(f"it can read: {len(reader.list_models().items)} models")
            try:
                reader.create_forecast("EUR-USD", "1d", 1)
            except Forbidden as error:
                print(f"and nothing else: {error.detail}")
        client.revoke_api_key(made.id)
        live = [one.name for one in client.list_api_keys().items if one.revoked_at is None]
        print(f"revoked; {len(live)} keys are good: {', '.join(live) or 'none'}")


if __name__ == "__main__":
    main()
