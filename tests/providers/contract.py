"""What every source promises. A provider's tests inherit one of these classes and add their own facts.

`ProviderContract` for sources that read what lies here, `WireContract` for those that are asked over the network: it
runs them against their recordings, as they answer and as they misbehave.
"""

import contextlib
import dataclasses
import math
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from tests.providers.mutate import broken_bytes, broken_json
from tests.wire import Fault, WireServer, recorded
from tests.wire.dialogue import steps
from tests.wire.index import by_file

from truecast.domain.bar import COLUMNS, Bars
from truecast.domain.event import Candle, Event, Notice, Tick
from truecast.domain.instrument import Instrument, Universe
from truecast.domain.interval import Interval
from truecast.domain.quote import Quote
from truecast.kit.clock import FixedClock, from_us, to_us
from truecast.kit.errors import TruecastError
from truecast.kit.http import SourceAnsweredError, SourceAnswerMalformed, SourceAnswerTooLarge, SourceUnreachable
from truecast.market.validate import validate
from truecast.providers.base import Provider, Reach, SeriesNotOffered, SeriesOffer
from truecast.providers.candles import Read
from truecast.providers.catalog import build_provider
from truecast.providers.errors import (
    SourceKeyMissing,
    SourceKeyRefused,
    SourceOutOfService,
    SourceOverBudget,
    SourceRefused,
    SymbolNotAtSource,
)

DAY_US = 86_400_000_000
RECORDED_AT = datetime(2026, 10, 30, 15, 4, 27, 123_000, UTC)  # the "now" of every recording, a Friday


class ProviderContract:
    """Subclasses define the fixtures `clock` (a FixedClock at a moment with data) and `provider`."""

    passes: ClassVar[timedelta] = timedelta(days=1)  # what was told must still be told after so long

    def asked_for(self, provider: Provider) -> list[SeriesOffer]:
        """The series whose bars are tried."""
        return list(provider.offers())

    def interval_not_offered(self, provider: Provider) -> Interval:
        """One that the first series does not come at."""
        symbol = provider.offers()[0].instrument.symbol
        offered = {(offer.instrument.symbol, offer.interval) for offer in provider.offers()}
        return next(i for i in Interval if (symbol, i) not in offered)

    def test_says_who_it_is_and_under_which_terms(self, provider: Provider) -> None:
        info = provider.info
        texts = (info.key, info.name, info.terms, info.url, info.licence, info.attribution, info.calendar)
        assert all(text.strip() for text in texts)
        assert info.url.startswith("https://")
        assert info.refresh_s > 0
        assert {offer.interval for offer in provider.offers()} <= set(info.intervals)

    def test_offers_each_series_once_and_fully_described(self, provider: Provider) -> None:
        offers = provider.offers()
        assert offers
        assert len({(offer.instrument.symbol, offer.interval) for offer in offers}) == len(offers)
        assert all(offer.origin.strip() and offer.calendar.strip() for offer in offers)
        assert all(offer.instrument.name.strip() and offer.instrument.tick > 0 for offer in offers)
        by_symbol = defaultdict(set)
        for offer in offers:
            by_symbol[offer.instrument.symbol].add(offer.instrument)
        assert all(len(same) == 1 for same in by_symbol.values())

    def test_every_symbol_can_be_found_by_its_own_spelling(self, provider: Provider) -> None:
        universe = Universe.of({offer.instrument.symbol: offer.instrument for offer in provider.offers()}.values())
        for offer in provider.offers():
            assert universe.get(offer.instrument.symbol.lower()) == offer.instrument

    async def test_bars_are_finished_ordered_and_labelled(self, provider: Provider, clock: FixedClock) -> None:
        now_us = to_us(clock.now())
        for offer in self.asked_for(provider):
            bars = await provider.bars(offer.instrument.symbol, offer.interval, None)
            assert (bars.symbol, bars.interval) == (offer.instrument.symbol, offer.interval)
            assert {len(getattr(bars, name)) for name in (*COLUMNS, "source")} == {len(bars)}
            assert (np.diff(bars.start) > 0).all()
            assert (bars.known_at <= now_us).all()
            assert (bars.known_at > bars.start).all()
            assert bars.final.all()
            assert all(bars.source_of(t) == provider.info.key for t in range(min(len(bars), 3)))
            if not offer.interval.is_intraday:
                assert (bars.start % DAY_US == 0).all()
            if offer.interval is Interval.MO1:
                assert all(from_us(us).day == 1 for us in bars.start)

    async def test_since_is_inclusive_and_cuts_nothing_else(self, provider: Provider) -> None:
        for offer in self.asked_for(provider):
            symbol, interval = offer.instrument.symbol, offer.interval
            whole = await provider.bars(symbol, interval, None)
            if not len(whole):
                continue
            t = len(whole) // 2
            part = await provider.bars(symbol, interval, from_us(int(whole.start[t])))
            assert np.array_equal(part.start, whole.start[t:])
            assert np.array_equal(part.close, whole.close[t:])
            later = from_us(int(whole.start[-1])) + timedelta(microseconds=1)
            assert len(await provider.bars(symbol, interval, later)) == 0

    async def test_only_adds_as_time_passes(self, provider: Provider, clock: FixedClock) -> None:
        offer = self.asked_for(provider)[0]
        before = await provider.bars(offer.instrument.symbol, offer.interval, None)
        kept = dataclasses.replace(before, **{name: getattr(before, name).copy() for name in COLUMNS})
        clock.advance(self.passes)
        after = await provider.bars(offer.instrument.symbol, offer.interval, None)
        assert same_rows(after[: len(before)], kept)

    async def test_refuses_what_it_does_not_offer(self, provider: Provider) -> None:
        offer = provider.offers()[0]
        with pytest.raises(SeriesNotOffered):
            await provider.bars("NO-SUCH", offer.interval, None)
        with pytest.raises(SeriesNotOffered):
            await provider.bars(offer.instrument.symbol, self.interval_not_offered(provider), None)

    async def test_factors_are_in_order_and_in_the_past(self, provider: Provider, clock: FixedClock) -> None:
        for offer in self.asked_for(provider):
            factors = await provider.factors(offer.instrument.symbol)
            dates = [factor.date for factor in factors]
            assert dates == sorted(set(dates))
            assert all(date < clock.now().date() for date in dates)
            assert all(factor.price_factor > 0 and factor.split_factor > 0 for factor in factors)


TYPED = (
    SourceUnreachable,
    SourceAnsweredError,
    SourceAnswerMalformed,
    SourceAnswerTooLarge,
    SymbolNotAtSource,
    SourceKeyMissing,
    SourceKeyRefused,
    SourceOverBudget,
    SourceRefused,
    SourceOutOfService,
)

FAULTS = {
    "reset": Fault(reset=True),
    "hang": Fault(hang=True),
    "truncated": Fault(truncate=True),
    "truncated-in-slices": Fault(truncate=True, slice_bytes=50),
    "html": Fault(html=True),
    "empty-body": Fault(body=b""),
    "empty-object": Fault(body=b"{}"),
    "null": Fault(body=b"null"),
    "number": Fault(body=b"0"),
    "text": Fault(body=b"upstream connect error or disconnect/reset before headers"),
    "deep": Fault(body=b"[" * 100_000),
    "not-utf-8": Fault(body=b"\xff\xfe\x00\xd8"),
    "404": Fault(status=404, body=b""),
    "403-html": Fault(status=403, html=True),
    "429": Fault(status=429, retry_after_s=33, body=b""),
    "500": Fault(status=500, body=b""),
    "502-html": Fault(status=502, html=True),
    "302": Fault(status=302, body=b""),
}


class WireContract(ProviderContract):
    """A live source against its recordings. Subclasses name what is recorded and how it is read."""

    key: ClassVar[str]
    secret: ClassVar[str | None] = None  # of sources that need a key
    served: ClassVar[tuple[tuple[str, Interval], ...]]  # series whose bars are recorded
    readers: ClassVar[Mapping[str, Callable[[bytes], Any]]]  # file -> the pure function that reads it
    decoders: ClassVar[Mapping[str, Callable[[bytes], Sequence[Event]]]] = {}  # dialogue -> what reads its frames
    errors: ClassVar[Mapping[str, type[TruecastError]]]  # recorded error -> what asking for bars raises
    not_read: ClassVar[frozenset[str]] = frozenset()  # recordings of what this adapter never asks for
    error_series: ClassVar[int] = 0  # which of `served` is asked for in tests of errors

    @pytest.fixture
    def clock(self) -> FixedClock:
        return FixedClock(RECORDED_AT)

    @pytest.fixture
    async def provider(self, wire: WireServer, clock: FixedClock) -> AsyncIterator[Provider]:
        secret = SecretStr(self.secret) if self.secret else None
        reach = Reach(np.random.default_rng(1), base_url=wire.base_url(self.key), timeout_s=0.5, key=secret)
        built = build_provider(self.key, clock, reach)
        yield built
        await built.close()

    def asked_for(self, provider: Provider) -> list[SeriesOffer]:
        return [provider.offer(symbol, interval) for symbol, interval in self.served]

    def interval_not_offered(self, provider: Provider) -> Interval:
        return next(i for i in Interval if i not in provider.info.intervals)

    async def test_the_recorded_series_have_bars(self, provider: Provider) -> None:
        for symbol, interval in self.served:
            assert len(await provider.bars(symbol, interval, None)) > 0

    async def test_what_came_now_was_not_known_before(self, provider: Provider, clock: FixedClock) -> None:
        for symbol, interval in self.served:
            whole = await provider.bars(symbol, interval, None)
            news = await provider.bars(symbol, interval, from_us(int(whole.start[0])))
            assert (news.known_at >= to_us(clock.now())).all()

    async def test_between_has_an_end(self, provider: Provider) -> None:
        for symbol, interval in self.served:
            whole = await provider.bars(symbol, interval, None)
            end = from_us(int(whole.start[-1]))
            part = await provider.between(symbol, interval, from_us(int(whole.start[0])), end)
            assert np.array_equal(part.start, whole.start[:-1])

    async def test_slices_and_a_wrong_content_type_change_nothing(self, provider: Provider, wire: WireServer) -> None:
        symbol, interval = self.served[self.error_series]
        plain = await provider.bars(symbol, interval, None)
        wire.misbehave(self.key, Fault(slice_bytes=97, slice_s=0.0, content_type="text/plain"))
        assert same_rows(await provider.bars(symbol, interval, None), plain)

    @pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
    async def test_every_misbehaviour_is_a_typed_error(
        self, provider: Provider, wire: WireServer, fault: Fault
    ) -> None:
        wire.misbehave(self.key, fault)
        symbol, interval = self.served[self.error_series]
        with pytest.raises(TruecastError) as caught:
            await provider.bars(symbol, interval, None)
        assert isinstance(caught.value, TYPED)
        assert len(wire.asked(self.key)) <= 6

    @pytest.mark.parametrize("skew_s", [-400 * 86_400, -86_400, -3_600, 60, 3_600, 86_400, 400 * 86_400])
    async def test_a_clock_that_is_off_makes_no_bar_of_the_future(
        self, provider: Provider, wire: WireServer, clock: FixedClock, skew_s: int
    ) -> None:
        wire.misbehave(self.key, Fault(skew_s=skew_s))
        symbol, interval = self.served[self.error_series]
        with contextlib.suppress(*TYPED):
            bars = await provider.bars(symbol, interval, None)
            sound(bars)
            assert (bars.known_at <= to_us(clock.now())).all()

    def test_every_recorded_error_is_accounted_for(self) -> None:
        listed = {one.file for one in recorded(self.key) if one.status >= 400 or one.file.startswith("error_")}
        assert listed - self.not_read == set(self.errors)

    def test_every_recorded_answer_is_read(self) -> None:
        listed = {one.file for one in recorded(self.key)} - set(self.errors) - self.not_read
        assert listed == set(self.readers) | set(self.decoders)

    async def test_every_recorded_error_is_told_as_what_it_is(self, provider: Provider, wire: WireServer) -> None:
        symbol, interval = self.served[self.error_series]
        for file, error in self.errors.items():
            wire.behave(self.key)
            wire.misbehave(self.key, Fault(file=file))
            fresh = await self._fresh(provider, wire)
            before = len(wire.asked(self.key))
            with pytest.raises(TruecastError) as caught:
                await fresh.bars(symbol, interval, None)
            assert type(caught.value) is error, f"{file}: {caught.value!r}"
            assert len(wire.asked(self.key)) - before <= 6, file
            await fresh.close()

    async def _fresh(self, provider: Provider, wire: WireServer) -> Provider:
        """Another one, which remembers nothing of what went wrong before."""
        secret = SecretStr(self.secret) if self.secret else None
        reach = Reach(np.random.default_rng(1), base_url=wire.base_url(self.key), timeout_s=0.5, key=secret)
        return build_provider(self.key, FixedClock(RECORDED_AT), reach)

    def test_every_recorded_answer_is_read_without_complaint(self) -> None:
        for file, read in self.readers.items():
            sound(read(by_file(self.key, file).body))
        for file, decode in self.decoders.items():
            for step in steps(by_file(self.key, file)):
                if step.server and step.frame in {"text", "binary"}:
                    sound(decode(step.data))

    @settings(max_examples=200, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def test_a_mutated_answer_is_an_error_or_sound(self, data: st.DataObject) -> None:
        file = data.draw(st.sampled_from(sorted({*self.readers, *self.errors})))
        read = self.readers.get(file) or data.draw(st.sampled_from(list(self.readers.values())))
        body = by_file(self.key, file).body
        mutate = data.draw(st.sampled_from([broken_json, broken_bytes]))
        try:
            found = read(mutate(data.draw, body))
        except TruecastError:
            return
        sound(found)

    @settings(max_examples=200, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def test_a_mutated_frame_is_an_error_or_sound(self, data: st.DataObject) -> None:
        if not self.decoders:
            return
        file = data.draw(st.sampled_from(sorted(self.decoders)))
        frames = [step.data for step in steps(by_file(self.key, file)) if step.server and step.frame != "ping"]
        mutate = data.draw(st.sampled_from([broken_json, broken_bytes]))
        try:
            found = self.decoders[file](mutate(data.draw, data.draw(st.sampled_from(frames))))
        except TruecastError:
            return
        sound(found)


def sound(found: Any) -> None:
    """Whatever was read, nothing in it may be nonsense that nobody would notice."""
    for kind, check in _SOUND.items():
        if isinstance(found, kind):
            check(found)
            return
    if isinstance(found, Mapping):
        sound(list(found.values()))
    elif isinstance(found, Sequence) and not isinstance(found, str | bytes):
        for one in found:
            sound(one)


def _sound_quote(quote: Quote) -> None:
    assert 0 < quote.price < math.inf and quote.as_of <= quote.received_at and quote.symbol
    assert all(side is None or 0 < side < math.inf for side in (quote.bid, quote.ask))


def _sound_instrument(instrument: Instrument) -> None:
    assert instrument.tick > 0 and instrument.symbol and instrument.currency


def _sound_tick(tick: Tick) -> None:
    sides = [side for side in (tick.price, tick.bid, tick.ask) if side is not None]
    assert sides and all(0 < side < math.inf for side in sides)
    assert tick.bid is None or tick.ask is None or tick.bid <= tick.ask
    assert tick.size is None or 0 <= tick.size < math.inf
    assert tick.at_us == 0 or 10**15 < tick.at_us < 5 * 10**15


def _sound_candle(candle: Candle) -> None:
    body = (candle.open, candle.close)
    assert 0 < candle.low <= min(body) <= max(body) <= candle.high < math.inf
    assert candle.start_us % (candle.interval.seconds * 1_000_000) == 0 and not candle.volume < 0
    assert not candle.final or candle.at_us >= candle.start_us + candle.interval.seconds * 1_000_000 - 1_000


def _sound_notice(notice: Notice) -> None:
    assert len(notice.detail) <= 250


def _sound_bars(bars: Bars) -> None:
    """In order, finished, known by now; what the store accepts of them is bars."""
    assert (np.diff(bars.start) > 0).all()
    assert (bars.known_at > bars.start).all() and (bars.known_at <= to_us(RECORDED_AT) + 400 * DAY_US).all()
    assert bars.final.all()
    good = validate(bars, to_us(RECORDED_AT)).good
    assert (good.low <= np.minimum(good.open, good.close)).all() and (good.low > 0).all()
    assert (good.high >= np.maximum(good.open, good.close)).all() and np.isfinite(good.high).all()


_SOUND: Mapping[type, Callable[[Any], None]] = {
    Bars: _sound_bars,
    Read: lambda read: _sound_bars(read.bars),
    Quote: _sound_quote,
    Instrument: _sound_instrument,
    Tick: _sound_tick,
    Candle: _sound_candle,
    Notice: _sound_notice,
}


def same_rows(a: Bars, b: Bars) -> bool:
    """Equal in every column, NaN equal to NaN."""
    return all(np.array_equal(getattr(a, name), getattr(b, name), equal_nan=name == "volume") for name in COLUMNS)
