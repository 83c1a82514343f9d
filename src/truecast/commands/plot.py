"""A forecast as a picture: the history, and the fan of 50, 80 and 95 % intervals."""

from pathlib import Path

import numpy as np

from truecast.domain.bar import Bars
from truecast.domain.forecast import Forecast
from truecast.domain.instrument import Instrument
from truecast.kit.clock import to_us
from truecast.kit.errors import EXIT_IO, EXIT_USAGE, TruecastError

FAN_LEVELS = (0.95, 0.8, 0.5)  # the widest is drawn first
HISTORY_BARS_PER_STEP = 8
HISTORY_BARS_MIN = 60

_FILL = {0.95: 0.16, 0.8: 0.26, 0.5: 0.42}
_INK, _MUTED, _GRID, _HISTORY, _FAN = "#1c2430", "#5b6675", "#e3e7ec", "#2b3a4e", "#2f6fde"


class PictureNotWritten(TruecastError):
    """The file could not be written, or its ending names no picture format."""

    code = "picture_not_written"
    title = "Picture not written"
    template = "{path} was not written: {reason}"
    exit_code = EXIT_IO


class PictureFormatUnknown(TruecastError):
    """We draw what browsers and papers show."""

    code = "picture_format_unknown"
    status = 422
    title = "Picture format unknown"
    template = "{path} must end in one of {choices}"
    exit_code = EXIT_USAGE


def check_path(path: Path) -> Path:
    """The path itself, or PictureFormatUnknown; asked before the forecast is computed."""
    if path.suffix.lower() not in _FORMATS:
        raise PictureFormatUnknown(path=str(path), choices=sorted(_FORMATS))
    return path


def draw(path: Path, forecast: Forecast, history: Bars, instrument: Instrument, *, source_line: str) -> None:
    """Write the picture to `path`. `history` is what the forecast stands on, oldest first."""
    # Imported here because it takes half a second and most calls draw nothing.
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(10, 5.6), dpi=150, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    shown = history[-max(HISTORY_BARS_MIN, HISTORY_BARS_PER_STEP * forecast.horizon.steps) :]
    axes.plot(shown.start.astype("datetime64[us]"), shown.close, color=_HISTORY, lw=1.4, label="close")

    anchor = forecast.anchor
    times = np.array([to_us(t) for t in (anchor.bar_start, *forecast.targets)]).astype("datetime64[us]")
    for level in FAN_LEVELS:
        lower, upper = (np.concatenate(([anchor.price], side)) for side in forecast.quantiles.interval(level))
        axes.fill_between(times, lower, upper, color=_FAN, alpha=_FILL[level], lw=0, label=f"{level:.0%} interval")
    median = np.concatenate(([anchor.price], forecast.quantiles.median()))
    axes.plot(times, median, color=_FAN, lw=1.6, label="median")
    axes.axvline(times[0], color=_MUTED, lw=0.8, ls=(0, (3, 3)))

    interval, steps = forecast.horizon.interval.value, forecast.horizon.steps
    axes.set_title(f"{instrument.symbol}  {instrument.name}", loc="left", color=_INK, fontsize=13, fontweight="bold")
    axes.set_title(f"{steps} x {interval}, {forecast.model}", loc="right", color=_MUTED, fontsize=10)
    axes.set_ylabel(instrument.currency, color=_MUTED)
    locator = AutoDateLocator()  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.grid(color=_GRID, lw=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(colors=_MUTED, length=0)
    axes.margins(x=0.01)
    figure.legend(loc="outside upper right", ncols=5, frameon=False, fontsize=8, labelcolor=_INK)
    figure.supxlabel(source_line, x=0.01, ha="left", fontsize=8, color=_MUTED)
    try:
        figure.savefig(path)
    except OSError as error:
        raise PictureNotWritten(path=str(path), reason=error.strerror or str(error)) from None


_FORMATS = frozenset({".png", ".svg", ".pdf"})
