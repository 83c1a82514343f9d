"""Every secret that the settings hold, so that logs, traces and reports can know them wherever they turn up."""

from urllib.parse import urlsplit

from pydantic import SecretStr

from truecast.kit.settings import Settings
from truecast.kit.urls import passwords_in

_CHARS_MIN = 10  # a shorter one may be a word that stands in honest lines; its place in a URL hides it all the same


def known_secrets(settings: Settings) -> list[SecretStr]:
    """Keys and headers as given, the parts of keys that have two, and the passwords within addresses."""
    keys = [secret.get_secret_value() for secret in settings.source_keys.values()]
    headers = [secret.get_secret_value() for secret in settings.otlp_headers.values()]
    found = {*keys, *(part for key in keys for part in key.split(":")), *headers}
    found |= {word for header in headers for word in header.split()}
    if settings.secret_key is not None:
        found.add(settings.secret_key.get_secret_value())
    if settings.sentry_dsn is not None:
        dsn = settings.sentry_dsn.get_secret_value()
        found |= {dsn, urlsplit(dsn).username or ""}
    urls = (settings.database_url, settings.redis_url, settings.otlp_endpoint, *settings.source_urls.values())
    for url in filter(None, urls):
        found |= passwords_in(url)
    return [SecretStr(text) for text in sorted(found) if len(text) >= _CHARS_MIN]
