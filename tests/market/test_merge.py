"""What an arriving row says that is new: the vectorised rules against the same rules row by row."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.market.offers import HOUR, NOW, bar, bars, rows_of
from truecast.domain.bar import Bar
from truecast.kit.clock import to_us
from truecast.market.append import Appended
from truecast.market.merge import merge

MICROSECOND = timedelta(microseconds=1)


@dataclass
class Model:
    """The rules of `market/merge.py` on a plain list of versions, one row after the other."""

    versions: list[Bar] = field(default_factory=list)

    def append(self, batch: list[Bar], received_at: datetime) -> Appended:
        before = list(self.versions)
        inserted = corrected = unchanged = 0
        for arriving in sorted(batch, key=lambda b: (b.start, b.known_at)):
            oldest = min((v for v in before if v.start == arriving.start), key=lambda v: v.known_at, default=None)
            older = [b for b in batch if oldest and b.start == oldest.start and b.known_at < oldest.known_at]
            repeats = arriving in older and {said(b) for b in older} == {said(oldest)}
            known_at = None if repeats else self._place(arriving, received_at)
            if known_at is None:
                unchanged += 1
                continue
            seen = any(v.start == arriving.start for v in self.versions)
            inserted, corrected = inserted + (not seen), corrected + seen
            self.versions.append(replace(arriving, known_at=known_at))
        self.versions.sort(key=lambda v: (v.start, v.known_at))
        return Appended(inserted, corrected, unchanged)

    def _place(self, arriving: Bar, received_at: datetime) -> datetime | None:
        known_at, versions = arriving.known_at, [v for v in self.versions if v.start == arriving.start]
        earlier = [v for v in versions if v.known_at <= known_at]
        if not earlier:
            return known_at
        in_force = max(earlier, key=lambda v: v.known_at)
        if said(in_force) == said(arriving):
            return None
        if in_force.known_at < known_at:
            return known_at
        if any(said(v) == said(arriving) and v.known_at > known_at for v in versions):
            return None
        known_at = max(received_at, known_at + MICROSECOND)
        while any(v.known_at == known_at for v in versions):
            known_at += MICROSECOND
        return known_at


def said(b: Bar) -> tuple[object, ...]:
    return b.open, b.high, b.low, b.close, b.volume, b.final


# Few distinct starts, times and values, so that repetitions, corrections and collisions are common.
some_bars = st.lists(
    st.builds(
        lambda hour, close, delay, volume, final: bar(hour, close, known=hour + delay, volume=volume, final=final),
        hour=st.integers(0, 2),
        close=st.sampled_from([1.0, 2.0, 1 / 3]),
        delay=st.integers(0, 3),
        volume=st.sampled_from([None, 5.0]),
        final=st.booleans(),
    ),
    max_size=8,
    unique_by=lambda b: (b.start, b.known_at),  # a batch that contradicts itself does not get this far
)


@settings(max_examples=250)
@given(st.lists(some_bars, min_size=1, max_size=4))
def test_merges_as_the_model_does_and_a_repeated_batch_is_no_news(batches: list[list[Bar]]) -> None:
    model, stored = Model(), bars([])
    for hours, batch in enumerate(batches):
        for received_at in (NOW + 2 * hours * HOUR, NOW + (2 * hours + 1) * HOUR):
            merged = merge(stored, bars(batch), to_us(received_at))
            expected = model.append(batch, received_at)
            assert Appended(merged.inserted, merged.corrected, merged.unchanged) == expected
            everything = rows_of(stored) + rows_of(merged.rows)
            stored = bars(sorted(everything, key=lambda b: (b.start, b.known_at)))
            assert rows_of(stored) == model.versions
        assert expected == Appended(unchanged=len(batch))
