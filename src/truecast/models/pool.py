"""What the series of one class say together: evidence (models/evidence.py) added up over series, in blocks of time."""

from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from truecast.domain.forecast import Skill, Verdict
from truecast.models import skill
from truecast.models.boa import fresh
from truecast.models.evidence import BANDS, Band, Evidence, Judgement, short
from truecast.models.student import student_t_tail

POOLED_SERIES_MIN = 3  # fewer are no class
POOLED_BLOCKS_MIN = 10


def pooled(evidences: Iterable[Evidence]) -> tuple[Band, ...]:
    """What the series of one class and interval say together, at each horizon.

    Differences are in units of each series' own mean loss, so that all series count alike, and are added up in blocks
    of time: series of one class go through the same storms and are no independent witnesses, blocks are. Neighbouring
    blocks may still be alike: their covariance is counted, with half its weight (Newey and West).
    """
    found: defaultdict[tuple[int, str], defaultdict[int, list[float]]] = defaultdict(
        lambda: defaultdict(lambda: [0, 0])
    )
    series: defaultdict[tuple[int, str], int] = defaultdict(int)
    for evidence in evidences:
        for band in evidence.bands:
            for one in band.judged:
                series[band.horizon, one.model] += bool(one.blocks)
                for number, n, total in one.blocks:
                    block = found[band.horizon, one.model][number]
                    block[0] += n
                    block[1] += total
    bands = []
    for horizon in BANDS:
        models = [model for h, model in found if h == horizon and series[h, model] >= POOLED_SERIES_MIN]
        together = tuple(Judgement(m, _over_blocks(found[horizon, m]), ()) for m in models)
        bands.append(Band(horizon, fresh(1), together))
    return tuple(bands)


def _over_blocks(blocks: dict[int, list[float]]) -> Skill:
    rows = np.array([blocks[number] for number in sorted(blocks)])
    n, total = rows[:, 0], rows[:, 1]
    mean = float(total.sum() / n.sum())
    left = total - n * mean
    variance = float(left @ left + left[1:] @ left[:-1])
    ratio, outcomes = 1 + mean, int(n.sum())
    if len(rows) < POOLED_BLOCKS_MIN or not variance > 0:
        return Skill("none", short(ratio), None, outcomes)
    statistic = mean * float(n.sum()) / variance**0.5
    p_value = 2 * student_t_tail(abs(statistic), len(rows) - 1)
    verdict: Verdict = "none" if p_value >= skill.ALPHA else "positive" if statistic < 0 else "negative"
    return Skill(verdict, short(ratio), short(p_value), outcomes)
