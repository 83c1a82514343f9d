"""What every source promises. A provider's tests inherit this class, give it a `provider`, and add their own facts."""

import dataclasses
from collections import defaultdict
from datetime import timedelta

import numpy as np
import pytest

from truecast.domain.bar import COLUMNS, Bars
from truecast.domain.instrument import Universe
from truecast.domain.interval import Interval
from truecast.kit.clock import FixedClock, from_us, to_us
from truecast.providers.base import Provider, SeriesNotOffered

DAY_US = 86_400_000_000


class ProviderContract:
    """Subclasses define the fixtures `clock` (a FixedClock at a moment with data) and `provider`."""

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
        for offer in provider.offers():
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
        for offer in provider.offers():
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
        offer = provider.offers()[0]
        before = await provider.bars(offer.instrument.symbol, offer.interval, None)
        kept = dataclasses.replace(before, **{name: getattr(before, name).copy() for name in COLUMNS})
        clock.advance(timedelta(days=1))
        after = await provider.bars(offer.instrument.symbol, offer.interval, None)
        assert same_rows(after[: len(before)], kept)

    async def test_refuses_what_it_does_not_offer(self, provider: Provider) -> None:
        offer = provider.offers()[0]
        offered = {(o.instrument.symbol, o.interval) for o in provider.offers()}
        with pytest.raises(SeriesNotOffered):
            await provider.bars("NO-SUCH", offer.interval, None)
        missing = next(i for i in Interval if (offer.instrument.symbol, i) not in offered)
        with pytest.raises(SeriesNotOffered):
            await provider.bars(offer.instrument.symbol, missing, None)

    async def test_factors_are_in_order_and_in_the_past(self, provider: Provider, clock: FixedClock) -> None:
        for offer in provider.offers():
            factors = await provider.factors(offer.instrument.symbol)
            dates = [factor.date for factor in factors]
            assert dates == sorted(set(dates))
            assert all(date < clock.now().date() for date in dates)
            assert all(factor.price_factor > 0 and factor.split_factor > 0 for factor in factors)


def same_rows(a: Bars, b: Bars) -> bool:
    """Equal in every column, NaN equal to NaN."""
    return all(np.array_equal(getattr(a, name), getattr(b, name), equal_nan=name == "volume") for name in COLUMNS)
