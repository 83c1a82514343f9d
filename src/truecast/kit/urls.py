"""Addresses as they may be shown: without a password and without a query, which may hold a key."""

from urllib.parse import unquote, urlsplit, urlunsplit


def without_secrets(url: str) -> str:
    """Scheme, host, port and path of an address; what is none is cut at its query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url.split("?", 1)[0].rpartition("@")[2]
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def passwords_in(url: str) -> frozenset[str]:
    """The password within an address, as it stands there and as it is meant; empty without one."""
    try:
        found = urlsplit(url).password or ""
    except ValueError:
        return frozenset()
    return frozenset({found, unquote(found)}) - {""}
