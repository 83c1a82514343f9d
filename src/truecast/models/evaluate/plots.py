"""The four pictures of a report: calibration, PIT, coverage over time, skill by horizon."""

import io
from pathlib import Path
from typing import Any

import numpy as np

from truecast.domain.bar import FloatArray, IntArray
from truecast.domain.quantiles import GRID
from truecast.models import losses
from truecast.models.evaluate.measure import PIT_BINS, ROLLING_ORIGINS, Sheet, sheet
from truecast.models.evaluate.plan import REFERENCE
from truecast.models.evaluate.report import PICTURES, Report
from truecast.models.evaluate.whole import write_whole

_INK, _MUTED, _GRID = "#1c2430", "#5b6675", "#e3e7ec"
_COLOURS = (
    "#8a94a3", "#2f6fde", "#d9822b", "#2a9d6f", "#c0392b", "#7d5ba6", "#14808c", "#b5548b", "#8c7a1f", "#4a5568",
)  # fmt: skip  # the first is the reference's
_LEVEL = 0.9
_MODELS_A_PICTURE = 10


def write_plots(folder: Path, report: Report) -> list[Path]:
    """All of them, as PNG. Raises OutputNotWritten."""
    drawn = zip(PICTURES, (_calibration, _pit, _coverage, _skill), strict=True)
    paths = []
    for file, draw in drawn:
        buffer = io.BytesIO()
        draw(report).savefig(buffer, format="png")
        paths.append(folder / file)
        write_whole(paths[-1], buffer.getvalue())
    return paths


def rolling(one: Sheet, window: int) -> tuple[IntArray, FloatArray]:
    """Share of outcomes of all series inside the interval over `window` moments, at the last moment of each."""
    moments, of = np.unique(one.origin, return_inverse=True)
    hits, n = np.bincount(of, losses.inside(one.outcome, one.quantiles, _LEVEL)), np.bincount(of)
    total, count = (np.concatenate([[0.0], np.cumsum(values)]) for values in (hits, n))
    return moments[window - 1 :], (total[window:] - total[:-window]) / (count[window:] - count[:-window])


def _figure(columns: int, rows: int = 1, *, width: float = 4.2, height: float = 3.6) -> tuple[Any, list[Any]]:
    # Imported here because it takes half a second and nothing else needs it.
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(width * columns + 0.6, height * rows + 0.7), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for axes in grid.flat:
        axes.grid(color=_GRID, lw=0.7)
        axes.set_axisbelow(True)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(colors=_MUTED, length=0, labelsize=8)
    return figure, list(grid.flat)


def _models(report: Report) -> list[tuple[str, str]]:
    """Names and colours."""
    found = dict.fromkeys(row.model for row in report.pooled)
    return [(model, _COLOURS[i % len(_COLOURS)]) for i, model in enumerate(found)]


def _titled(figure: Any, file: str, *, columns: int) -> Any:
    figure.suptitle(PICTURES[file], x=0.01, ha="left", fontsize=11, fontweight="bold", color=_INK)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    if handles:
        places: dict[str, Any] = {"ncols": min(len(labels), 3 * columns), "frameon": False, "fontsize": 8}
        figure.legend(handles, labels, loc="outside lower left", **places)
    return figure


def _steps(axes: Any, horizon: int) -> None:
    axes.set_title(f"{horizon} step{'s' * (horizon > 1)} ahead", loc="left", fontsize=9, color=_MUTED)


def _calibration(report: Report) -> Any:
    """Lines at zero are calibrated; the band is two standard errors of so many moments, were they independent."""
    horizons = report.done.plan.horizons
    figure, panels = _figure(len(horizons))
    grid = np.array(GRID)
    for axes, horizon in zip(panels, horizons, strict=True):
        rows = {row.model: row for row in report.pooled if row.horizon == horizon}
        moments = max(row.origins for row in rows.values())
        band = 200 * np.sqrt(grid * (1 - grid) * horizon / moments)
        axes.fill_between(grid, -band, band, color=_GRID, lw=0, label="two standard errors")
        axes.axhline(0, color=_MUTED, lw=0.8)
        for model, colour in _models(report):
            if model in rows:
                axes.plot(grid, 100 * (np.array(rows[model].reliability) - grid), color=colour, lw=1.5, label=model)
        _steps(axes, horizon)
        axes.set_xlabel("probability of the quantile", fontsize=8, color=_MUTED)
    panels[0].set_ylabel("measured less promised, points", fontsize=8, color=_MUTED)
    return _titled(figure, "calibration.png", columns=len(horizons))


def _pit(report: Report) -> Any:
    horizons, models = report.done.plan.horizons, _models(report)[:_MODELS_A_PICTURE]
    figure, panels = _figure(len(horizons), len(models), height=1.6)
    rows = {(row.model, row.horizon): row for row in report.pooled}
    edges = np.linspace(0, 1, PIT_BINS + 1)
    for number, axes in enumerate(panels):
        (model, colour), horizon = models[number // len(horizons)], horizons[number % len(horizons)]
        row = rows[model, horizon]
        axes.bar(edges[:-1], PIT_BINS * np.array(row.pit) / row.n, 1 / PIT_BINS, align="edge", color=colour, ec="white")
        axes.axhline(1, color=_INK, lw=0.8, ls=(0, (3, 3)))
        if number < len(horizons):
            _steps(axes, horizon)
        if number % len(horizons) == 0:
            axes.set_ylabel(model, fontsize=8, color=_INK)
    return _titled(figure, "pit.png", columns=len(horizons))


def _coverage(report: Report) -> Any:
    done = report.done
    window = max(1, min(ROLLING_ORIGINS, done.plan.origins // 4))
    figure, panels = _figure(1, len(done.plan.horizons), width=9.0, height=2.3)
    for column, (axes, horizon) in enumerate(zip(panels, done.plan.horizons, strict=True)):
        axes.axhline(100 * _LEVEL, color=_INK, lw=0.8, ls=(0, (3, 3)))
        for model, colour in _models(report):
            one = sheet([record for record in done.records if record.model == model], column)
            moments, share = rolling(one, window)
            axes.plot(moments.astype("datetime64[us]"), 100 * share, color=colour, lw=1.3, label=model)
        _steps(axes, horizon)
        axes.set_ylabel(f"%, last {window} origins", fontsize=8, color=_MUTED)
    return _titled(figure, "coverage.png", columns=3)


def _skill(report: Report) -> Any:
    horizons = report.done.plan.horizons
    figure, (axes,) = _figure(1, width=7.5, height=4.0)
    axes.axhline(1, color=_MUTED, lw=1.0, label=REFERENCE)
    others = [(model, colour) for model, colour in _models(report) if model != REFERENCE]
    for number, (model, colour) in enumerate(others):
        rows = [row for row in report.pooled if row.model == model and row.skill.crps_ratio is not None]
        at = [horizons.index(row.horizon) + 0.5 * ((number + 1) / (len(others) + 1) - 0.5) for row in rows]
        ratios = [row.skill.crps_ratio for row in rows]
        axes.errorbar(at, ratios, yerr=[2 * row.ratio_se for row in rows], color=colour, fmt="o", ms=5, label=model)
    axes.set_xticks(range(len(horizons)), [str(h) for h in horizons])
    axes.set_xlabel("steps ahead", fontsize=8, color=_MUTED)
    axes.set_ylabel("CRPS ratio, below 1 is better", fontsize=8, color=_MUTED)
    return _titled(figure, "skill.png", columns=1)
