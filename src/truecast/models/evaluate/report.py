"""report.json and report.md: what an evaluation found, per model and horizon, over all series and for each."""

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from truecast import __version__
from truecast.domain.quantiles import GRID, STANDARD_LEVELS
from truecast.kit.clock import from_us, iso
from truecast.models.evaluate.measure import POOLED, ROLLING_ORIGINS, Row, compared, measured, sheet
from truecast.models.evaluate.parts import described
from truecast.models.evaluate.phases import added
from truecast.models.evaluate.plan import REFERENCE
from truecast.models.evaluate.run import Evaluated
from truecast.models.evaluate.tasks import Record
from truecast.models.evaluate.whole import write_whole

JSON_FILE, TEXT_FILE = "report.json", "report.md"
_TITLES = (
    "model", "n", "CRPS", "ratio", "p", "skill", "50 %", "80 %", "90 %", "95 %", "worst", "Winkler 90", "QLIKE", "MASE",
    "direction",
)  # fmt: skip
PICTURES = {
    "calibration.png": "Calibration: share of outcomes at or below each quantile, less its probability",
    "pit.png": "PIT: where in the predicted distribution the outcomes fell; level is right",
    "coverage.png": "Coverage of the 90 % interval over time",
    "skill.png": "CRPS over that of the calibrated random walk, with two standard errors",
}


@dataclass(frozen=True, slots=True)
class Effort:
    """What a model cost; of trained ones, `training_*` is what the first seed's trainings took."""

    model: str
    origins: int
    wall_s: float
    cpu_s: float
    trainings: int
    training_wall_s: float
    training_cpu_s: float


@dataclass(frozen=True, slots=True)
class Spread:
    """CRPS ratios over all series of one trained model at one horizon, by seed."""

    model: str
    horizon: int
    ratios: tuple[tuple[int, float], ...]  # seed, ratio

    @property
    def mean(self) -> float:
        """Over the seeds."""
        return statistics.fmean(ratio for _, ratio in self.ratios)

    @property
    def deviation(self) -> float:
        """Standard deviation of one seed's ratio."""
        return statistics.stdev(ratio for _, ratio in self.ratios)


@dataclass(frozen=True, slots=True)
class Report:
    """All figures."""

    done: Evaluated
    pooled: tuple[Row, ...]
    by_symbol: tuple[Row, ...]
    spreads: tuple[Spread, ...]  # empty with one seed
    effort: tuple[Effort, ...]


def report_of(done: Evaluated) -> Report:
    """Measure every model at every horizon; a model is compared on the series that it has."""
    by_model: dict[str, list[Record]] = {}
    for record in done.records:
        by_model.setdefault(record.model, []).append(record)
    reference = {record.symbol: record for record in by_model[REFERENCE]}
    pooled, single = [], []
    for model in (name for name in done.plan.models if name in by_model):
        mine = [record for record in by_model[model] if record.symbol in reference]
        theirs = [reference[record.symbol] for record in mine]
        for column, horizon in enumerate(done.plan.horizons):
            pooled.append(measured(POOLED, model, horizon, sheet(mine, column), sheet(theirs, column)))
            single += [
                measured(a.symbol, model, horizon, sheet([a], column), sheet([b], column))
                for a, b in zip(mine, theirs, strict=True)
            ]
    effort = tuple(_effort(done, model, by_model[model]) for model in done.plan.models if model in by_model)
    return Report(done, tuple(pooled), tuple(single), _spreads(done, by_model, reference), effort)


def _spreads(
    done: Evaluated, by_model: Mapping[str, Sequence[Record]], reference: Mapping[str, Record]
) -> tuple[Spread, ...]:
    """Of trained models with several seeds."""
    found: dict[tuple[str, int], list[tuple[int, float]]] = {}
    for variant in done.plan.variants:
        mine = [record for record in by_model.get(str(variant), ()) if record.symbol in reference]
        if done.plan.seeds == 1 or not mine or not done.plan.trainings_of(variant):
            continue
        theirs = [reference[record.symbol] for record in mine]
        for column, horizon in enumerate(done.plan.horizons):
            own, other = sheet(mine, column), sheet(theirs, column)
            ratio = compared(own.crps(), other.crps(), own.origin, horizon)[0].crps_ratio
            if ratio is not None:
                found.setdefault((variant.model, horizon), []).append((variant.seed, ratio))
    return tuple(Spread(*key, tuple(sorted(ratios))) for key, ratios in found.items() if len(ratios) > 1)


def _effort(done: Evaluated, model: str, records: Sequence[Record]) -> Effort:
    trainings = [cost for refit, cost in done.trainings if (refit.model, refit.seed) == (model, done.plan.seed)]
    return Effort(
        model,
        origins=sum(len(r.origin) for r in records),
        wall_s=sum(r.wall_s for r in records),
        cpu_s=sum(r.cpu_s for r in records),
        trainings=len(trainings),
        training_wall_s=sum(cost.wall_s for cost in trainings),
        training_cpu_s=sum(cost.cpu_s for cost in trainings),
    )


def write_report(folder: Path, report: Report) -> tuple[Path, Path]:
    """Both files. Raises OutputNotWritten."""
    as_json, as_text = folder / JSON_FILE, folder / TEXT_FILE
    write_whole(as_json, orjson.dumps(plain(report), option=orjson.OPT_INDENT_2))
    write_whole(as_text, text(report).encode())
    return as_json, as_text


def plain(report: Report) -> dict[str, Any]:
    """As JSON holds it; what is not a number is null."""
    done = report.done
    series = {record.symbol: record for record in done.records}
    return {
        "truecast": __version__,
        "plan": _plan(report),
        "levels": list(GRID),
        "series": [
            {"symbol": r.symbol, "first": iso(from_us(r.origin[0])), "last": iso(from_us(r.origin[-1]))}
            for r in series.values()
        ],
        "left_out": [{"symbol": symbol, "bars": bars, "need": done.plan.bars_needed} for symbol, bars in done.left_out],
        "failures": [{"symbol": f.symbol, "model": f.model, "code": f.code, "detail": f.detail} for f in done.failures],
        "pooled": [_plain_row(row) for row in report.pooled],
        "by_symbol": [_plain_row(row) for row in report.by_symbol],
        "seeds": [
            {
                "model": s.model,
                "horizon": s.horizon,
                "crps_ratio": {str(seed): ratio for seed, ratio in s.ratios},
                "mean": s.mean,
                "deviation": s.deviation,
            }
            for s in report.spreads
        ],
        "effort": [
            {
                "model": e.model,
                "origins": e.origins,
                "wall_s": e.wall_s,
                "cpu_s": e.cpu_s,
                "cpu_ms_per_origin": 1e3 * e.cpu_s / e.origins,
                "trainings": e.trainings,
                "training_wall_s": e.training_wall_s,
                "training_cpu_s": e.training_cpu_s,
            }
            for e in report.effort
        ],
        "phases": {
            name: {"wall_s": wall, "cpu_s": cpu}
            for name, (wall, cpu) in added(
                *(record.phases for record in done.records), *(cost.phases for _, cost in done.trainings)
            ).items()
        },
        "wall_s": done.wall_s,
        "workers": done.workers,
    }


def _plan(report: Report) -> dict[str, Any]:
    return {name: value for name, value in described(report.done.plan, ()).items() if name != "series"}


def _plain_row(row: Row) -> dict[str, Any]:
    lower, upper = row.hits_interval
    return {
        "symbol": row.symbol,
        "model": row.model,
        "horizon": row.horizon,
        "n": row.n,
        "origins": row.origins,
        "crps": row.crps,
        "crps_se": _number(row.crps_se),
        "crps_naive": row.crps_reference,
        "crps_ratio": row.skill.crps_ratio,
        "crps_ratio_se": _number(row.ratio_se),
        "skill": {"verdict": row.skill.verdict, "p_value": row.skill.p_value, "n": row.skill.n},
        "pinball": [*row.pinball],
        "coverage": [
            {"level": c.level, "measured": c.measured, "se": _number(se), "n": c.n}
            for c, se in zip(row.coverage, row.coverage_se, strict=True)
        ],
        f"worst_{ROLLING_ORIGINS}": [{"level": w.level, "mean": w.mean, "least": w.least} for w in row.worst],
        "winkler": [
            {"level": level, "value": value} for level, value in zip(STANDARD_LEVELS, row.winkler, strict=True)
        ],
        "qlike": _number(row.qlike),
        "mase": row.mase,
        "direction": {
            "hit_rate": row.hits / row.hits_n if row.hits_n else None,
            "lower": lower,
            "upper": upper,
            "n": row.hits_n,
        },
        "reliability": [*row.reliability],
        "pit": [*row.pit],
    }


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def text(report: Report) -> str:
    """The report for people."""
    return "\n".join([*_head(report), *_pooled(report), *_seeds(report), *_singles(report), *_tail(report)]) + "\n"


def summary(report: Report) -> list[str]:
    """The tables over all series."""
    return [*_pooled(report), *_seeds(report)]


def profiled(done: Evaluated, *more: Mapping[str, tuple[float, float]]) -> Iterator[str]:
    """Time by phase: of all tasks and trainings, whenever they were done, and of what came before and after them."""
    tasks = [record.phases for record in done.records]
    found = added(*tasks, *(cost.phases for _, cost in done.trainings), *more)
    whole = sum(cpu for _, cpu in found.values())
    yield "## Time by phase"
    yield ""
    yield "Added up over all processes; those of a run before this one included."
    yield ""
    yield "| phase | wall s | CPU s | share of CPU |"
    yield "|---|--:|--:|--:|"
    for name, (wall, cpu) in found.items():
        yield f"| {name} | {wall:.2f} | {cpu:.2f} | {cpu / whole:.1%} |"


def _head(report: Report) -> Iterator[str]:
    done, plan = report.done, report.done.plan
    symbols = list(dict.fromkeys(record.symbol for record in done.records))
    first = min(int(record.origin[0]) for record in done.records)
    last = max(int(record.origin[-1]) for record in done.records)
    yield "# Evaluation"
    yield ""
    yield f"{len(symbols)} series at {plan.interval.value}: {', '.join(symbols)}."
    yield f"{plan.origins:,} origins each, from {from_us(first):%Y-%m-%d} to {from_us(last):%Y-%m-%d},"
    yield f"horizons {', '.join(map(str, plan.horizons))}; refit every {plan.refit_every} origins, embargo"
    seeds = f"seeds {plan.seed} to {plan.seed + plan.seeds - 1}" if plan.seeds > 1 else f"seed {plan.seed}"
    yield f"{plan.embargo} bars, {seeds}. Truecast {__version__}."
    for symbol, bars in done.left_out:
        yield f"Left out: {symbol} has {bars:,} bars, {plan.bars_needed:,} are needed."
    for failure in done.failures:
        yield f"Not evaluated: {failure.model} on {failure.symbol}: {failure.detail}"
    yield ""
    yield "Losses are in units of the series' mean absolute one-step change at the origin. ± is one standard error,"
    yield "clustered by origin time. `ratio` is CRPS over that of the calibrated random walk (`naive`), p two-sided by"
    yield "Diebold-Mariano; `worst` the lowest coverage of 90 % in any 250 consecutive origins, on average over the"
    yield "series and at least; QLIKE is log s² + r²/s² in the same units. Every figure: report.json; every quantile:"
    yield "table.parquet."
    yield ""


def _pooled(report: Report) -> Iterator[str]:
    for horizon in report.done.plan.horizons:
        yield f"## {horizon} step{'s' * (horizon > 1)} ahead"
        yield ""
        yield f"| {' | '.join(_TITLES)} |"
        yield "|---|" + "--:|" * (len(_TITLES) - 1)
        for row in report.pooled:
            if row.horizon == horizon:
                yield _line(row)
        yield ""


def _line(row: Row) -> str:
    covered = [f"{100 * c.measured:.1f} ± {100 * se:.1f}" for c, se in zip(row.coverage, row.coverage_se, strict=True)]
    worst = next((f"{100 * w.mean:.1f} / {100 * w.least:.1f}" for w in row.worst if w.level == 0.9), "")
    lower, upper = row.hits_interval
    direction = f"{100 * row.hits / row.hits_n:.1f} ({100 * lower:.1f}-{100 * upper:.1f})" if row.hits_n else ""
    cells = [
        f"`{row.model}`",
        f"{row.n:,}",
        f"{row.crps:.4f} ± {row.crps_se:.4f}",
        *_against(row),
        *covered,
        worst,
        f"{row.winkler[STANDARD_LEVELS.index(0.9)]:.3f}",
        f"{row.qlike:+.3f}",
        f"{row.mase:.3f}",
        direction,
    ]
    return f"| {' | '.join(cells)} |"


def _against(row: Row) -> tuple[str, str, str]:
    """Ratio, p and verdict; empty for the reference itself."""
    if row.model == REFERENCE or row.skill.crps_ratio is None:
        return "1", "", ""
    p = "" if row.skill.p_value is None else f"{row.skill.p_value:.2g}"
    return f"{row.skill.crps_ratio:.4f} ± {row.ratio_se:.4f}", p, row.skill.verdict


def _seeds(report: Report) -> Iterator[str]:
    if not report.spreads:
        return
    yield "## Seeds of trained models"
    yield ""
    yield "CRPS ratio over all series by seed; the tables above are those of the first."
    yield ""
    yield "| model | steps | seeds | mean | standard deviation | least | most |"
    yield "|---|--:|--:|--:|--:|--:|--:|"
    for s in report.spreads:
        values = [ratio for _, ratio in s.ratios]
        figures = " | ".join(f"{value:.4f}" for value in (s.mean, s.deviation, min(values), max(values)))
        yield f"| `{s.model}` | {s.horizon} | {len(values)} | {figures} |"
    yield ""


def _singles(report: Report) -> Iterator[str]:
    models = [model for model in report.done.plan.models if any(row.model == model for row in report.by_symbol)]
    cells = {(row.symbol, row.model, row.horizon): row for row in report.by_symbol}
    symbols = list(dict.fromkeys(row.symbol for row in report.by_symbol))
    yield "## Series by series"
    yield ""
    yield "CRPS ratio (p) and coverage of 90 % in %; of `naive` the CRPS itself."
    for horizon in report.done.plan.horizons:
        yield ""
        yield f"{horizon} step{'s' * (horizon > 1)} ahead:"
        yield ""
        yield f"| series | {' | '.join(f'`{model}`' for model in models)} |"
        yield "|---|" + "--:|" * len(models)
        for symbol in symbols:
            found = [cells.get((symbol, model, horizon)) for model in models]
            yield f"| {symbol} | {' | '.join('' if row is None else _cell(row) for row in found)} |"
    yield ""


def _cell(row: Row) -> str:
    held = f"{100 * row.coverage[STANDARD_LEVELS.index(0.9)].measured:.1f}"
    if row.model == REFERENCE or row.skill.crps_ratio is None:
        return f"{row.crps:.4f}, {held}"
    p = "" if row.skill.p_value is None else f" ({row.skill.p_value:.2g})"
    return f"{row.skill.crps_ratio:.4f}{p}, {held}"


def _tail(report: Report) -> Iterator[str]:
    yield "## Time"
    yield ""
    yield "| model | origins | wall s | CPU s | CPU ms per origin | trainings | wall s | CPU s |"
    yield "|---|--:|--:|--:|--:|--:|--:|--:|"
    for e in report.effort:
        times = f"{e.wall_s:.1f} | {e.cpu_s:.1f} | {1e3 * e.cpu_s / e.origins:.2f}"
        trained = f"{e.trainings} | {e.training_wall_s:.1f} | {e.training_cpu_s:.1f}" if e.trainings else " | | "
        yield f"| `{e.model}` | {e.origins:,} | {times} | {trained} |"
    yield ""
    yield f"The run took {report.done.wall_s:.1f} s with {report.done.workers} processes."
    for file, title in PICTURES.items():
        yield ""
        yield f"![{title}]({file})"
