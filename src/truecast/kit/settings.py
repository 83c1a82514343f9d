"""Everything that can be set from outside, checked at once: a wrong start names every wrong field.

Read from the environment (prefix `TRUECAST_`, and the plain names that hosting platforms use), then from `.env`,
then the defaults. Nobody else reads the environment. Every field is documented in docs/configuration.md.
"""

import ipaddress
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from platformdirs import user_data_path
from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from truecast.kit.errors import EXIT_CONFIG, TruecastError
from truecast.kit.limits import HORIZON_STEPS_MAX, HTTP_TIMEOUT_S, HTTP_TIMEOUT_S_MAX, SECRET_CHARS_MIN
from truecast.kit.settings_names import read_env_file, unknown_names

LogLevel = Literal["debug", "info", "warning", "error", "critical"]
LogFormat = Literal["auto", "console", "json"]

_PREFIX = "TRUECAST_"
_PREFIX_OF_TESTS = "TRUECAST_TEST_"  # knobs of the test suite, not of the product
# Requests a minute by class, where keys are required.
RATES_PER_MINUTE = {
    "prices": 100,
    "history": 50,
    "statistics": 30,
    "forecast": 20,
    "batch": 5,
    "other": 120,
    "failed": 20,
}
RATE_PER_MINUTE_MAX = 1_000_000
# How long an answer of each kind is served at most, without looking whether it is still the same.
CACHE_AGES_S = {"prices": 1.0, "candles": 5.0, "forecasts": 5.0, "history": 5.0, "performance": 10.0, "said": 5.0}
CACHE_AGE_S_MAX = 600.0
_SCHEMES_DATABASE = ("sqlite", "postgresql", "postgres")
_SCHEMES_REDIS = ("redis", "rediss", "unix")
_DSN = re.compile(r"https?://[^\s/:@]+(:[^\s/:@]+)?@[^\s/@]+(/[^\s?#]*)?/\d+")


class SettingsInvalid(TruecastError):
    """One or more settings are wrong. `problems` lists each with its name and what is wrong, never its value."""

    code = "settings_invalid"
    status = 500
    title = "Settings are wrong"
    template = "{count} wrong: {summary}"
    exit_code = EXIT_CONFIG

    @classmethod
    def of(cls, problems: Iterable[tuple[str, str]]) -> "SettingsInvalid":
        """From pairs of (environment variable, reason)."""
        listed = [{"setting": setting, "reason": reason} for setting, reason in problems]
        summary = "; ".join(f"{p['setting']}: {p['reason']}" for p in listed)
        return cls(count=f"{len(listed)} setting{'s' * (len(listed) != 1)}", summary=summary, problems=listed)


def _plain(name: str) -> Any:
    """A field that is also read from the plain name that hosting platforms set."""
    return AliasChoices(_PREFIX + name, name)


class Settings(BaseSettings):
    """The settings of one process. Immutable; raises SettingsInvalid with every problem at once."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_file=".env", extra="ignore", frozen=True, populate_by_name=True, env_ignore_empty=True
    )

    data_dir: Path = Field(
        default_factory=lambda: user_data_path("truecast", appauthor=False),
        description="Folder of the embedded database and of the generated secret.",
    )
    database_url: str = Field(
        default_factory=lambda data: f"sqlite:///{data.get('data_dir', Path()) / 'truecast.db'}",
        validation_alias=_plain("DATABASE_URL"),
        repr=False,  # may hold a password
        description="`sqlite:///path` or `postgresql://user:password@host/name`.",
    )
    redis_url: str | None = Field(
        default=None,
        validation_alias=_plain("REDIS_URL"),
        repr=False,
        description="Cache and bus between processes; leave empty for one process.",
    )
    secret_key: SecretStr | None = Field(
        default=None,
        validation_alias=_plain("SECRET_KEY"),
        description="Signs tokens. On a loopback address one is generated and kept in the data folder.",
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(
        default=8000,
        ge=0,
        le=65_535,
        validation_alias=_plain("PORT"),
        description="Port to listen on; 0 takes any free one.",
    )
    log_level: LogLevel = Field(
        default="info", validation_alias=_plain("LOG_LEVEL"), description="The least severe line that is written."
    )
    log_format: LogFormat = Field(
        default="auto", description="`console` for people, `json` for machines, `auto` decides by the terminal."
    )
    sources: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("sample", "ecb"), description="Data sources, separated by commas, the preferred one first."
    )
    feeds: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("binance",),
        description="Sources whose live feed is listened to, where TRUECAST_SOURCES has them, too; `none` for none.",
    )
    ecb_base_url: str = Field(
        default="https://www.ecb.europa.eu/stats/eurofxref",
        description="Folder from which the reference rates of the ECB are fetched; a mirror must keep its file names.",
    )
    source_order: Annotated[Mapping[str, tuple[str, ...]], NoDecode] = Field(
        default_factory=dict,
        description="Which source is asked first, and which when it fails, by asset class or symbol: "
        "`crypto=binance,kraken;BTC-USDT=kraken,binance`. Others follow in the order of TRUECAST_SOURCES.",
    )
    source_urls: Annotated[Mapping[str, str], NoDecode] = Field(
        default_factory=dict,
        repr=False,
        description="Addresses to ask instead of the sources' own: `binance=http://127.0.0.1:9000/binance,kraken=…`.",
    )
    source_keys: Annotated[Mapping[str, SecretStr], NoDecode] = Field(
        default_factory=dict,
        description="Your keys for sources that need one: `fred=…,tiingo=…`; where there are two parts, `id:secret`.",
    )
    http_timeout_s: float = Field(
        default=HTTP_TIMEOUT_S, gt=0, le=HTTP_TIMEOUT_S_MAX, description="Longest wait for an answer of a source."
    )
    horizon_steps_default: int = Field(
        default=10, ge=1, le=HORIZON_STEPS_MAX, description="Steps ahead when a request does not say."
    )
    scheduled_steps: int = Field(
        default=24, ge=1, le=HORIZON_STEPS_MAX, description="Steps ahead of the forecasts issued on every new bar."
    )
    model_update_interval_s: float = Field(
        default=604_800.0,
        ge=0,
        description="How old the training of a model may grow before it is trained again; 0: never.",
    )
    require_keys: bool | None = Field(
        default=None,
        description="Whether requests need an API key. Unless set: on any address but a loopback one.",
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Addresses or networks of reverse proxies whose `X-Forwarded-For` is believed, by commas.",
    )
    rate_limits: Annotated[Mapping[str, int], NoDecode] = Field(
        default_factory=dict,
        description="Requests a minute by class, for each key, or each address without one; 0: no limit. Unless set: "
        "`prices=100,history=50,statistics=30,forecast=20,batch=5,other=120,failed=20`, and none for the user of this "
        "machine.",
    )
    cache_bytes: int = Field(
        default=67_108_864, ge=0, description="Memory for answers that are kept, of each process; 0 keeps none."
    )
    cache_ages: Annotated[Mapping[str, float], NoDecode] = Field(
        default_factory=dict,
        description="Seconds for which an answer is kept at most, by kind; news make it anew at once; 0: not kept. "
        "Unless set: `prices=1,candles=5,forecasts=5,history=5,performance=10,said=5`.",
    )
    otlp_endpoint: str | None = Field(
        default=None,
        repr=False,
        description="Where traces are sent by OTLP over HTTP, e.g. `http://127.0.0.1:4318`; unless set there are none.",
    )
    otlp_headers: Annotated[Mapping[str, SecretStr], NoDecode] = Field(
        default_factory=dict, description="What that address wants with every request: `authorization=…`, by commas."
    )
    trace_sample_rate: float = Field(
        default=1.0, ge=0, le=1, description="The share of requests and runs of jobs that are traced."
    )
    sentry_dsn: SecretStr | None = Field(
        default=None,
        description="Where errors are reported, an address of Sentry's kind; unless set only logs tell.",
    )
    environment: str = Field(
        default="production", min_length=1, max_length=64, description="How traces and reports name this installation."
    )
    dev: bool = Field(default=False, description="For developers: relaxes the demand for a secret. Never in service.")

    def __init__(self, **given: Any) -> None:
        problems = _unknown_names(given.get("_env_file", ".env"))
        try:
            super().__init__(**given)
        except ValidationError as error:
            raise SettingsInvalid.of([*_problems(error), *problems]) from None  # the cause would show the values
        except (SettingsError, UnicodeDecodeError) as error:
            raise SettingsInvalid.of([(".env", str(error)), *problems]) from None
        if problems:
            raise SettingsInvalid.of(problems)

    @field_validator("data_dir", mode="after")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("log_level", "log_format", mode="before")
    @classmethod
    def _lower(cls, value: Any) -> Any:
        return value.strip().lower() if isinstance(value, str) else value

    @field_validator("sources", "feeds", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value

    @field_validator("feeds", mode="after")
    @classmethod
    def _none(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if value == ("none",):
            return ()
        if len(set(value)) != len(value) or "none" in value:
            raise ValueError("name each source once, or none")
        return value

    @field_validator("source_urls", "source_keys", "otlp_headers", mode="before")
    @classmethod
    def _pairs(cls, value: Any) -> Any:
        return _parse_pairs(value, ",") if isinstance(value, str) else value

    @field_validator("trusted_proxies", mode="after")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            ipaddress.ip_network(text, strict=False)
        return value

    @field_validator("rate_limits", "cache_ages", mode="before")
    @classmethod
    def _rates(cls, value: Any) -> Any:
        return _parse_pairs(value, ",") if isinstance(value, str) else value

    @field_validator("cache_ages", mode="after")
    @classmethod
    def _known_kinds(cls, value: Mapping[str, float]) -> Mapping[str, float]:
        if unknown := sorted(set(value) - set(CACHE_AGES_S)):
            raise ValueError(f"no such kind: {', '.join(unknown)}; there are {', '.join(CACHE_AGES_S)}")
        if any(not 0 <= age <= CACHE_AGE_S_MAX for age in value.values()):
            raise ValueError(f"an age lies between 0 and {CACHE_AGE_S_MAX:g} s")
        return value

    @field_validator("rate_limits", mode="after")
    @classmethod
    def _known_classes(cls, value: Mapping[str, int]) -> Mapping[str, int]:
        if unknown := sorted(set(value) - set(RATES_PER_MINUTE)):
            raise ValueError(f"no such class: {', '.join(unknown)}; there are {', '.join(RATES_PER_MINUTE)}")
        if any(not 0 <= rate <= RATE_PER_MINUTE_MAX for rate in value.values()):
            raise ValueError(f"a rate lies between 0 and {RATE_PER_MINUTE_MAX}")
        return value

    @field_validator("source_order", mode="before")
    @classmethod
    def _orders(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        pairs = _parse_pairs(value, ";")
        return {key: tuple(filter(None, map(str.strip, order.split(",")))) for key, order in pairs.items()}

    @field_validator("source_urls", mode="after")
    @classmethod
    def _url_schemes(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        return {key: _with_scheme(url, ("http", "https")).rstrip("/") for key, url in value.items()}

    @field_validator("sources", mode="after")
    @classmethod
    def _sources_distinct(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or len(set(value)) != len(value):
            raise ValueError("name at least one source, each once")
        return value

    @field_validator("database_url", mode="after")
    @classmethod
    def _database_scheme(cls, value: str) -> str:
        return _with_scheme(value, _SCHEMES_DATABASE)

    @field_validator("redis_url", mode="after")
    @classmethod
    def _redis_scheme(cls, value: str | None) -> str | None:
        return value and _with_scheme(value, _SCHEMES_REDIS)

    @field_validator("ecb_base_url", "otlp_endpoint", mode="after")
    @classmethod
    def _http_scheme(cls, value: str | None) -> str | None:
        return value and _with_scheme(value, ("http", "https")).rstrip("/")

    @field_validator("sentry_dsn", mode="after")
    @classmethod
    def _with_key_and_project(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and _DSN.fullmatch(value.get_secret_value()) is None:
            raise ValueError("must read https://key@host/project")
        return value

    @field_validator("secret_key", mode="after")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < SECRET_CHARS_MIN:
            raise ValueError(f"must have at least {SECRET_CHARS_MIN} characters")
        return value

    @model_validator(mode="after")
    def _secret_where_others_can_reach_us(self) -> "Settings":
        if self.secret_key is None and not self.dev and not is_loopback(self.host):
            raise ValueError(f"SECRET_KEY: needed to listen on {self.host}, which others can reach")
        return self


def keys_required(settings: "Settings") -> bool:
    """Whether requests need an API key."""
    return not is_loopback(settings.host) if settings.require_keys is None else settings.require_keys


def rates_of(settings: "Settings") -> dict[str, int]:
    """Requests a minute by class; a class without a limit is missing.

    The one user of this machine is not limited unless the settings say so: the limits keep others from taking it all.
    """
    rates = {**(RATES_PER_MINUTE if keys_required(settings) else {}), **settings.rate_limits}
    return {kind: rate for kind, rate in rates.items() if rate}


def ages_of(settings: "Settings") -> dict[str, float]:
    """Seconds for which answers are kept at most, by kind; 0: not kept."""
    return {**CACHE_AGES_S, **settings.cache_ages}


def _parse_pairs(text: str, separator: str) -> dict[str, str]:
    """`a=x,b=y` as a mapping. Never repeats the text: it may hold keys."""
    pairs = [part.partition("=") for part in text.split(separator) if part.strip()]
    if not all(found and key.strip() and value.strip() for key, found, value in pairs):
        raise ValueError(f"must read name=value{separator}name=value")
    named = [(key.strip(), value.strip()) for key, _, value in pairs]
    if len(dict(named)) != len(named):
        raise ValueError("each name once")
    return dict(named)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _with_scheme(url: str, allowed: tuple[str, ...]) -> str:
    """The URL itself, if its scheme (without `+driver`) is allowed. Never repeats the URL: it may hold a password."""
    scheme, found, _ = url.partition(":")
    if not found or scheme.partition("+")[0].lower() not in allowed:
        raise ValueError(f"must begin with one of {', '.join(f'{name}:' for name in allowed)}")
    return url


def variable_of(field: str) -> str:
    """The environment variable that sets a field."""
    return _PREFIX + field.upper()


def _problems(error: ValidationError) -> Iterable[tuple[str, str]]:
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        reason = problem["msg"].removeprefix("Value error, ")
        where = ".".join(map(str, problem["loc"]))
        if not where:  # found by looking at several fields together; the reason begins with the one to change
            setting, _, reason = reason.partition(": ")
            yield _PREFIX + setting, reason
        else:
            name = where if where.startswith(_PREFIX) else variable_of(where)
            yield name, reason


def _unknown_names(env_file: Any) -> list[tuple[str, str]]:
    """Names with our prefix that are no setting: a typo must not be ignored in silence."""
    known = {variable_of(field) for field in Settings.model_fields}
    given = {**read_env_file(env_file), **os.environ}  # noqa: TID251 this is the one place that asks
    return unknown_names(given, known, prefix=_PREFIX, spared=_PREFIX_OF_TESTS)
