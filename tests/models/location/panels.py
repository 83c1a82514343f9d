"""Panels to learn from: moves with a little memory, all before 1970, so that frames of the contract come after."""

import numpy as np

from truecast.domain.interval import Interval
from truecast.features.frame import frame_of_closes
from truecast.models.located import Located
from truecast.models.location.trees import Trees
from truecast.models.training import train

ANCHORS = (1, 5, 24, 168)
CLASSES = {"": "fx", "AAPL": "fx", "EUR-USD": "fx"}


def remembering(seed, bars, interval=Interval.D1, memory=0.2):
    rng = np.random.default_rng(seed)
    move = rng.standard_normal(bars)
    for t in range(1, bars):
        move[t] += memory * move[t - 1]
    end = np.arange(-bars, 0, dtype=np.int64) * interval.seconds * 1_000_000
    close = 100 * np.exp(np.cumsum(0.01 * move))
    return frame_of_closes(close, symbol=f"S{seed}", interval=interval, end=end)


def trained(grower, interval=Interval.D1, *, series=40, bars=1250, anchors=ANCHORS, memory=0.2):
    frames = [remembering(seed, bars, interval, memory) for seed in range(series)]
    return train(grower, frames, asset_class="fx", anchors=anchors)


def served(grower):
    artifacts = {("fx", i.value): trained(grower, i) for i in (Interval.D1, Interval.H1)}
    return Located(Trees(grower, artifacts, CLASSES))
