"""Settings: every wrong field at once, no secret shown, one secret kept."""

import os
import threading
from pathlib import Path

import pytest

from truecast.kit.errors import EXIT_CONFIG
from truecast.kit.secret import secret_of
from truecast.kit.settings import Settings, SettingsInvalid, is_loopback, variable_of

CANARY = "canary-7f3a-do-not-show-me"


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of the machine and no `.env` of the working folder reaches these tests."""
    plain = {"DATABASE_URL", "REDIS_URL", "SECRET_KEY", "PORT", "LOG_LEVEL"}
    for name in list(os.environ):  # noqa: TID251 to empty it
        if name.startswith("TRUECAST_") or name in plain:
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_defaults_are_embedded_and_loopback() -> None:
    settings = Settings()
    assert settings.host == "127.0.0.1"
    assert settings.database_url == f"sqlite:///{settings.data_dir / 'truecast.db'}"
    assert settings.redis_url is None
    assert settings.sources == ("sample", "ecb")


def test_names_every_wrong_field_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {"PORT": "99999", "LOG_LEVEL": "loud", "HTTP_TIMEOUT_S": "0", "DATABASE_URL": "mysql://x", "SOURCES": ","}
    for name, value in wrong.items():
        monkeypatch.setenv("TRUECAST_" + name, value)
    with pytest.raises(SettingsInvalid) as raised:
        Settings()
    assert {p["setting"] for p in raised.value.facts["problems"]} == {"TRUECAST_" + name for name in wrong}
    assert all("TRUECAST_" + name in raised.value.detail for name in wrong)
    assert raised.value.exit_code == EXIT_CONFIG


def test_refuses_an_unknown_name_and_suggests_the_right_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUECAST_SORCES", "sample")
    monkeypatch.setenv("TRUECAST_PORT", "x")
    with pytest.raises(
        SettingsInvalid, match="TRUECAST_SORCES: no such setting; did you mean TRUECAST_SOURCES"
    ) as raised:
        Settings()
    assert len(raised.value.facts["problems"]) == 2


def test_refuses_an_unknown_name_in_the_env_file(tmp_path: Path) -> None:
    Path(".env").write_text("TRUECAST_DATADIR=/x\n")
    with pytest.raises(SettingsInvalid, match="TRUECAST_DATADIR"):
        Settings()


@pytest.mark.parametrize("name", ["PORT", "TRUECAST_PORT"])
def test_reads_plain_and_prefixed_names(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "9001")
    assert Settings().port == 9001


def test_the_prefixed_name_wins_over_the_plain_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "9001")
    monkeypatch.setenv("TRUECAST_PORT", "9002")
    assert Settings().port == 9002


def test_the_environment_wins_over_the_file_and_an_argument_over_both(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("TRUECAST_PORT=9001\nTRUECAST_LOG_LEVEL=ERROR\n")
    assert Settings().port == 9001
    monkeypatch.setenv("TRUECAST_PORT", "9002")
    assert Settings().port == 9002
    assert Settings(port=9003).port == 9003
    assert Settings().log_level == "error"


def test_a_wrong_argument_is_named_like_the_variable() -> None:
    with pytest.raises(SettingsInvalid, match="TRUECAST_PORT"):
        Settings(port=-1)


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "")
    assert Settings().redis_url is None


def test_an_env_file_that_is_no_text_is_a_settings_error() -> None:
    Path(".env").write_bytes(b"\xff\xfe\x00PORT=1")
    with pytest.raises(SettingsInvalid):
        Settings()


def test_never_shows_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", CANARY)  # too short: wrong
    monkeypatch.setenv("DATABASE_URL", f"mysql://u:{CANARY}@h/d")  # wrong scheme
    monkeypatch.setenv("REDIS_URL", f"http://:{CANARY}@h")
    with pytest.raises(SettingsInvalid) as raised:
        Settings()
    assert len(raised.value.facts["problems"]) == 3
    assert CANARY not in repr(raised.value) + raised.value.detail + repr(raised.value.facts)
    assert raised.value.__cause__ is None and raised.value.__suppress_context__

    right = Settings(
        secret_key=CANARY * 2, database_url=f"postgresql://u:{CANARY}@h/d", redis_url=f"redis://:{CANARY}@h"
    )
    assert CANARY not in repr(right) + str(right)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "example.org"])
def test_refuses_to_be_reachable_without_a_secret(host: str) -> None:
    with pytest.raises(SettingsInvalid, match="TRUECAST_SECRET_KEY: needed to listen on"):
        Settings(host=host)
    assert Settings(host=host, secret_key="s" * 32).host == host
    assert Settings(host=host, dev=True).host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost", "[::1]"])
def test_needs_no_secret_on_loopback(host: str) -> None:
    assert is_loopback(host)
    assert Settings(host=host).secret_key is None


def test_makes_one_secret_and_keeps_it_readable_by_its_owner_only(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "new" / "folder")
    first = secret_of(settings).get_secret_value()
    assert len(first) >= 32
    assert secret_of(settings).get_secret_value() == first
    files = list(settings.data_dir.iterdir())
    assert [f.name for f in files] == ["secret_key"]
    assert files[0].stat().st_mode & 0o777 == 0o600


def test_a_secret_that_is_given_is_used_and_nothing_is_written(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "none", secret_key="k" * 40)
    assert secret_of(settings).get_secret_value() == "k" * 40
    assert not settings.data_dir.exists()


def test_processes_that_start_together_agree_on_one_secret(tmp_path: Path) -> None:
    settings, seen = Settings(data_dir=tmp_path), list[str]()
    start = threading.Barrier(8)

    def ask() -> None:
        start.wait()
        seen.append(secret_of(settings).get_secret_value())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 8
    assert len(set(seen)) == 1


def test_refuses_a_kept_secret_that_others_may_read(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    secret_of(settings)
    (tmp_path / "secret_key").chmod(0o644)
    with pytest.raises(SettingsInvalid, match="chmod 600"):
        secret_of(settings)


def test_refuses_an_empty_secret_file(tmp_path: Path) -> None:
    (tmp_path / "secret_key").touch(mode=0o600)
    with pytest.raises(SettingsInvalid, match="no usable secret"):
        secret_of(Settings(data_dir=tmp_path))


def test_every_field_has_a_description_and_a_variable() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert variable_of(name) == f"TRUECAST_{name.upper()}"


def test_reads_addresses_keys_and_orders_of_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUECAST_SOURCE_URLS", "binance=http://127.0.0.1:9000/binance/, kraken=https://k.example?a=b")
    monkeypatch.setenv("TRUECAST_SOURCE_KEYS", f"fred={CANARY},alpaca=id:secret==")
    monkeypatch.setenv("TRUECAST_SOURCE_ORDER", "crypto=binance,kraken; BTC-USDT = kraken")
    settings = Settings()
    assert settings.source_urls == {"binance": "http://127.0.0.1:9000/binance", "kraken": "https://k.example?a=b"}
    assert settings.source_keys["alpaca"].get_secret_value() == "id:secret=="
    assert settings.source_order == {"crypto": ("binance", "kraken"), "BTC-USDT": ("kraken",)}
    assert CANARY not in repr(settings)
    assert CANARY not in str(settings.model_dump())


@pytest.mark.parametrize("name", ["SOURCE_URLS", "SOURCE_KEYS", "SOURCE_ORDER"])
def test_refuses_pairs_that_are_none_without_repeating_them(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("TRUECAST_" + name, f"fred={CANARY},{CANARY};=")
    with pytest.raises(SettingsInvalid) as raised:
        Settings()
    assert [p["setting"] for p in raised.value.facts["problems"]] == ["TRUECAST_" + name]
    assert CANARY not in str(raised.value.facts) + raised.value.detail


def test_refuses_an_address_without_http(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUECAST_SOURCE_URLS", "binance=127.0.0.1:9000")
    with pytest.raises(SettingsInvalid, match="http:"):
        Settings()
