"""A forecast as a body of the chain, the other way round, and as the columns that can be queried.

Times are microseconds since the epoch. `naive` is the id of the random walk that was recorded beside the forecast on
the same data: what it is scored against. Bodies of earlier releases have no `explanation` and no `weights`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import orjson

from truecast.domain.bar import FloatArray, IntArray
from truecast.domain.explanation import Component, Driver, Explanation
from truecast.domain.forecast import Anchor, Coverage, Forecast, Skill
from truecast.domain.horizon import Horizon
from truecast.domain.interval import Interval
from truecast.domain.quantiles import GRID, Quantiles
from truecast.forecasts.canonical import canonical, significant, significant_one
from truecast.kit.clock import from_us, to_us
from truecast.kit.ids import content_id


@dataclass(frozen=True, slots=True)
class Draft:
    """A forecast that is not recorded: its id is empty. `due[h]` is when step h+1's outcome should be known."""

    forecast: Forecast
    mase_scale: float
    due: IntArray  # (H,)


@dataclass(frozen=True, slots=True)
class Record:
    """A forecast as the ledger holds it."""

    seq: int
    forecast: Forecast
    mase_scale: float
    naive_id: str | None


def rounded_explanation(exact: Explanation) -> Explanation:
    """An explanation as the ledger keeps it."""
    return replace(
        exact,
        base=significant_one(exact.base),
        location=tuple(
            Driver(d.feature, None if d.value is None else significant_one(d.value), significant_one(d.contribution))
            for d in exact.location
        ),
        width=tuple(Component(c.component, significant_one(c.sigma), significant_one(c.share)) for c in exact.width),
    )


def rounded(quantiles: FloatArray) -> Quantiles:
    """Quantiles as the ledger keeps them, so that what is answered is exactly what is recorded."""
    return Quantiles(significant(quantiles))


def seal(draft: Draft, naive_id: str | None) -> tuple[Forecast, bytes]:
    """The forecast with its id, and its body. Same content at the same time: same id."""
    body = canonical(_plain(draft.forecast, draft.mase_scale, naive_id))
    return replace(draft.forecast, id=str(content_id(draft.forecast.issued_at, body))), body


def read(seq: int, ref: str, body: str | bytes) -> Record:
    """The forecast that a body says."""
    said = orjson.loads(body)
    anchor, skill = said["anchor"], said["skill"]
    forecast = Forecast(
        id=ref,
        symbol=said["symbol"],
        horizon=Horizon(said["steps"], Interval(said["interval"])),
        model=said["model"],
        model_version=said["model_version"],
        feature_set=said["feature_set"],
        data_fingerprint=said["data_fingerprint"],
        mode=said["mode"],
        issued_at=from_us(said["issued_at"]),
        as_of=from_us(said["as_of"]),
        anchor=Anchor(
            price=float(anchor["price"]),
            bar_start=from_us(anchor["bar_start"]),
            at=from_us(anchor["at"]),
            known_at=from_us(anchor["known_at"]),
            source=anchor["source"],
            stale=anchor["stale"],
        ),
        targets=tuple(map(from_us, said["targets"])),
        target_ends=tuple(map(from_us, said["target_ends"])),
        quantiles=Quantiles(np.array(said["quantiles"], np.float64)),
        coverage=tuple(Coverage(level, measured, n) for level, measured, n in said["coverage"]),
        skill=Skill(skill["verdict"], skill["crps_ratio"], skill["p_value"], skill["n"]),
        weights=None if said.get("weights") is None else tuple((name, weight) for name, weight in said["weights"]),
        explanation=_explanation(said.get("explanation")),
    )
    return Record(seq, forecast, float(said["mase_scale"]), said["naive"])


def columns(seq: int, ref: str, recorded_at: int, body: str | bytes) -> dict[str, Any]:
    """The row of `forecasts` that follows from a row of the chain."""
    said: Mapping[str, Any] = orjson.loads(body)
    return {
        "seq": seq,
        "id": ref,
        "symbol": said["symbol"],
        "interval": said["interval"],
        "model": said["model"],
        "model_version": said["model_version"],
        "data_fingerprint": said["data_fingerprint"],
        "mode": said["mode"],
        "issued_at": said["issued_at"],
        "recorded_at": recorded_at,
        "as_of": said["as_of"],
        "anchor_start": said["anchor"]["bar_start"],
        "anchor_price": float(said["anchor"]["price"]),
        "mase_scale": float(said["mase_scale"]),
        "naive_id": said["naive"],
        "steps": said["steps"],
        "last_target": said["targets"][-1],
        "targets": _int_bytes(said["targets"]),
        "target_ends": _int_bytes(said["target_ends"]),
        "quantiles": np.array(said["quantiles"], "<f8").tobytes(),
    }


def shortened(forecast: Forecast, steps: int) -> Forecast:
    """The first `steps` steps of a forecast: the same sealed numbers, fewer of them."""
    return replace(
        forecast,
        horizon=Horizon(steps, forecast.horizon.interval),
        targets=forecast.targets[:steps],
        target_ends=forecast.target_ends[:steps],
        quantiles=Quantiles(forecast.quantiles.values[:steps]),
    )


QUANTILE_ROW_BYTES = 8 * len(GRID)


def _int_bytes(values: list[int]) -> bytes:
    return np.array(values, "<i8").tobytes()


def _plain(forecast: Forecast, mase_scale: float, naive_id: str | None) -> dict[str, Any]:
    skill = forecast.skill
    return {
        "anchor": {
            "at": to_us(forecast.anchor.at),
            "bar_start": to_us(forecast.anchor.bar_start),
            "known_at": to_us(forecast.anchor.known_at),
            "price": forecast.anchor.price,
            "source": forecast.anchor.source,
            "stale": forecast.anchor.stale,
        },
        "as_of": to_us(forecast.as_of),
        "coverage": [(c.level, c.measured, c.n) for c in forecast.coverage],
        "data_fingerprint": forecast.data_fingerprint,
        "explanation": None if forecast.explanation is None else _plain_explanation(forecast.explanation),
        "feature_set": forecast.feature_set,
        "interval": forecast.horizon.interval.value,
        "issued_at": to_us(forecast.issued_at),
        "mase_scale": significant_one(mase_scale),
        "mode": forecast.mode,
        "model": forecast.model,
        "model_version": forecast.model_version,
        "naive": naive_id,
        "quantiles": np.ascontiguousarray(forecast.quantiles.values),
        "skill": {"crps_ratio": skill.crps_ratio, "n": skill.n, "p_value": skill.p_value, "verdict": skill.verdict},
        "steps": forecast.horizon.steps,
        "symbol": forecast.symbol,
        "target_ends": [to_us(t) for t in forecast.target_ends],
        "targets": [to_us(t) for t in forecast.targets],
        "weights": forecast.weights,
    }


def _plain_explanation(said: Explanation) -> dict[str, Any]:
    return {
        "base": said.base,
        "location": [(d.feature, d.value, d.contribution) for d in said.location],
        "notes": said.notes,
        "step": said.step,
        "width": [(c.component, c.sigma, c.share) for c in said.width],
    }


def _explanation(said: Mapping[str, Any] | None) -> Explanation | None:
    if said is None:
        return None
    return Explanation(
        said["step"],
        said["base"],
        tuple(Driver(*row) for row in said["location"]),
        tuple(Component(*row) for row in said["width"]),
        tuple(said["notes"]),
    )
