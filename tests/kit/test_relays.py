"""What a process that works for another one takes along and brings back: settings, news, counts."""

from datetime import UTC, datetime

import orjson
from prometheus_client import Counter, Gauge

from truecast.kit.bus import InProcessBus
from truecast.kit.bus_relay import RelayBus, relayed
from truecast.kit.clock import FixedClock
from truecast.kit.metrics_relay import Growth, counted
from truecast.kit.settings import Settings
from truecast.kit.settings_relay import dumped, loaded

CLOCK = FixedClock(datetime(2026, 1, 1, tzinfo=UTC))


def test_settings_arrive_as_they_were_whatever_the_environment_says(monkeypatch, tmp_path):
    settings = Settings(
        _env_file=None,
        data_dir=tmp_path,
        secret_key="s" * 40,
        source_keys="fred=abc,tiingo=def",
        source_order="crypto=binance,kraken",
        otlp_headers="authorization=word",
        rate_limits={"prices": 7},
        feeds="none",
        trusted_proxies="10.0.0.0/8",
    )
    plain = orjson.loads(orjson.dumps(dumped(settings)))
    monkeypatch.setenv("DATABASE_URL", "postgresql://elsewhere/other")
    monkeypatch.setenv("TRUECAST_FEEDS", "binance")
    assert loaded(plain) == settings
    assert loaded(plain).source_keys["fred"].get_secret_value() == "abc"


async def test_news_are_told_where_somebody_listens():
    bus, said, heard, made = InProcessBus(CLOCK), [], [], []
    relay = RelayBus(CLOCK, said.append)

    async def hear(message):
        heard.append((message.topic, message.offset, message.data))

    async def make():
        made.append(True)
        return [{"n": 1}, {"n": 2}]

    bus.subscribe("scores:EUR-USD", hear)
    bus.subscribe("changed:*", hear)
    relay.listened = bus.patterns
    assert relay.listened == ["changed:*", "scores:EUR-USD"]
    await relay.publish("changed:scores", {"symbols": ["EUR-USD"]})
    await relay.publish_all("scores:EUR-USD", 2, make)
    await relay.publish_all("scores:USD-JPY", 2, make)
    assert made == [True]
    for one in orjson.loads(orjson.dumps(said)):
        await relayed(bus, one)
    assert heard == [
        ("changed:scores", 1, {"symbols": ["EUR-USD"]}),
        ("scores:EUR-USD", 1, {"n": 1}),
        ("scores:EUR-USD", 2, {"n": 2}),
    ]
    assert (await bus.past("scores:USD-JPY")).offset == 2  # not made, but counted


def test_nobody_listens_to_what_was_left():
    bus = InProcessBus(CLOCK)

    async def hear(_message): ...

    leave = [bus.subscribe(pattern, hear) for pattern in ("bars:*", "bars:X")]
    for one in leave:
        one()
    assert bus.patterns == []


def test_what_grew_there_grows_here_once():
    there, here = _two()
    growth = Growth(there)
    there[0].labels("a").inc(3)
    there[1].set(7)
    counted(here, orjson.loads(orjson.dumps(growth.since())))
    there[0].labels("a").inc(2)
    there[0].labels("b").inc()
    counted(here, growth.since())
    assert growth.since() == []
    assert here[0].labels("a")._value.get() == 5 and here[0].labels("b")._value.get() == 1
    assert here[1]._value.get() == 7


def _two():
    return [[Counter("things", "", ["kind"], registry=None), Gauge("height", "", registry=None)] for _ in range(2)]
