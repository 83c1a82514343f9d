"""Where the server is and which key opens it: what is said, else the environment."""

import os
from urllib.parse import urlsplit

from truecast import __version__

URL_VARIABLE, KEY_VARIABLE = "TRUECAST_URL", "TRUECAST_API_KEY"
URL_DEFAULT = "http://127.0.0.1:8000"
USER_AGENT = f"truecast-python/{__version__}"


def url_of(given: str | None) -> str:
    """The address without a slash at its end. Raises ValueError where it is none of HTTP."""
    url = (given or os.environ.get(URL_VARIABLE) or URL_DEFAULT).rstrip("/")  # noqa: TID251 the client stands alone
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise ValueError(f"{url!r} is not an address such as {URL_DEFAULT}")
    return url


def key_of(given: str | None) -> str | None:
    """The API key, if there is one."""
    return given or os.environ.get(KEY_VARIABLE) or None  # noqa: TID251 the client stands alone


def headers_of(key: str | None) -> dict[str, str]:
    """What every request says of its sender."""
    said = {"User-Agent": USER_AGENT, "Accept": "application/json"}
    return said if key is None else said | {"Authorization": f"Bearer {key}"}
