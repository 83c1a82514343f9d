"""Maximum likelihood of GARCH(1,1), normal or Student t, for many windows of returns at once, in numpy alone.

    h[t] = omega + alpha r2[t-1] + beta h[t-1]                     r[t] ~ sqrt(h[t]) times N(0,1) or standardised t(nu)

Bollerslev (1986, 1987). Before the first bar stands the backcast: the mean of r2 over 75 bars, weights .94^i, as
in the package `arch`, whose estimates are the reference (tests/answers/scale/garch.json). Derivatives are recursions
with the same decay beta (Fiorentini, Calzolari and Panattoni 1996); BFGS starts from the expected information, and
parameters live on an unbounded scale: log of the long-run variance, logit of the persistence alpha + beta, logit of
alpha's share in it, log(nu - 2.05). Every row is worked on alone: its answer does not depend on the others.
"""

import math
from dataclasses import dataclass

import numpy as np

from truecast.domain.bar import BoolArray, FloatArray, IntArray
from truecast.models.scale.recursion import filtered

BACKCAST_BARS, BACKCAST_DECAY = 75, 0.94
_START = (0.0, 3.5, -2.5, 1.8)  # long-run variance 1, persistence .97, alpha .074, nu 8.1
_LEAST = np.array([-9.0, -7.0, -9.0, -6.0])  # what lies beyond is the same model to four digits
_MOST = np.array([9.0, 9.0, 9.0, 6.0])
_ITERATIONS_MAX, _HALVINGS_MAX = 60, 25
_GRADIENT_ENOUGH = 1e-7  # per observation
_NU_LEAST = 2.05


@dataclass(frozen=True, slots=True)
class Parameters:
    """Of N rows."""

    omega: FloatArray  # (N,)
    alpha: FloatArray  # (N,)
    beta: FloatArray  # (N,)
    nu: FloatArray  # (N,) inf: normal
    log_likelihood: FloatArray  # (N,)

    def persistence(self) -> FloatArray:
        """alpha + beta. (N,)"""
        return self.alpha + self.beta


def fit_rows(r: FloatArray, n: IntArray, *, student: bool) -> Parameters:
    """The parameters of the first n[i] returns of every row; r is (N, T), n (N,), at least 2.

    A row that never moved gets long-run variance 0: its floor is the caller's business.
    """
    seen = np.arange(r.shape[1]) < n[:, None]
    unit = np.sqrt(np.where(seen, r**2, 0.0).sum(axis=-1) / n)
    moved = unit > 0
    squared = (r / np.where(moved, unit, 1.0)[:, None]) ** 2
    theta = np.tile(np.array(_START[: 3 + student]), (len(r), 1))
    loss = np.zeros(len(r))
    if moved.any():
        rows = _Rows(squared[moved], seen[moved], backcast(squared[moved], n[moved]))
        theta[moved], loss[moved] = _minimised(rows, theta[moved])
    v, p, share, nu = _natural(theta)
    variance = np.where(moved, v * unit**2, 0.0)
    jacobian = n * np.log(np.where(moved, unit, 1.0))
    return Parameters(variance * (1 - p), p * share, p * (1 - share), nu, np.where(moved, -loss * n - jacobian, 0.0))


def backcast(squared: FloatArray, n: IntArray) -> FloatArray:
    """The variance before the first bar. (N,)"""
    bars = min(BACKCAST_BARS, squared.shape[1])
    weight = BACKCAST_DECAY ** np.arange(bars) * (np.arange(bars) < n[:, None])
    return np.asarray((squared[:, :bars] * weight).sum(axis=-1) / weight.sum(axis=-1))


def variances(
    squared: FloatArray, before: FloatArray, omega: FloatArray, alpha: FloatArray, beta: FloatArray
) -> FloatArray:
    """h[0] … h[T]: the last one is the forecast of the bar after the last. (N, T) -> (N, T + 1)"""
    lagged = np.concatenate([before[:, None], squared], axis=-1)
    u = omega[:, None] + alpha[:, None] * lagged
    u[:, 0] += beta * before
    return filtered(u, beta)


@dataclass(frozen=True, slots=True)
class _Rows:
    squared: FloatArray  # (N, T) in units of the mean square
    seen: BoolArray  # (N, T)
    before: FloatArray  # (N,)

    def __getitem__(self, which: BoolArray | IntArray) -> "_Rows":
        return _Rows(self.squared[which], self.seen[which], self.before[which])


def _natural(theta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """(long-run variance, persistence, alpha's share of it, nu)."""
    nu = _NU_LEAST + np.exp(theta[:, 3]) if theta.shape[1] == 4 else np.full(len(theta), np.inf)
    return np.exp(theta[:, 0]), _logistic(theta[:, 1]), _logistic(theta[:, 2]), nu


def _minimised(rows: _Rows, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Parameters (N, P) and mean negative log-likelihood (N,) at the minimum: BFGS, all rows at once."""
    best, loss = theta.copy(), np.empty(len(theta))
    active = np.arange(len(theta))
    here, value, gradient, information = theta, *_evaluated(rows, theta)
    inverse: FloatArray = np.asarray(np.linalg.inv(information), np.float64)
    for _ in range(_ITERATIONS_MAX):
        step = -_times(inverse, gradient)
        there, value_there, gradient_there = _line_search(rows, here, value, gradient, step)
        moved, turned = there - here, gradient_there - gradient
        inverse = _bfgs(inverse, moved, turned)
        done = (np.abs(gradient_there).max(axis=-1) < _GRADIENT_ENOUGH) | (np.abs(moved).max(axis=-1) == 0)
        best[active], loss[active] = there, value_there
        if done.all():
            break
        on = ~done
        active, rows, inverse = active[on], rows[on], inverse[on]
        here, value, gradient = there[on], value_there[on], gradient_there[on]
    return best, loss


def _line_search(
    rows: _Rows, here: FloatArray, value: FloatArray, gradient: FloatArray, step: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The first of 1, 1/2, 1/4 … of the step that lowers the loss enough (Armijo); no step at all if none does."""
    there, value_there, gradient_there = here.copy(), value.copy(), gradient.copy()
    trying, size = np.arange(len(here)), 1.0
    longest = np.abs(step).max(axis=-1, keepdims=True)
    step = step / np.maximum(longest / 2.0, 1.0)  # at most 2 in any parameter: logits do not jump to their ends
    for _ in range(_HALVINGS_MAX):
        tried = np.clip(here[trying] + size * step[trying], _LEAST[: here.shape[1]], _MOST[: here.shape[1]])
        found, slope, _ = _evaluated(rows[trying], tried)
        promised = (gradient[trying] * (tried - here[trying])).sum(axis=-1)
        enough = found <= value[trying] + 1e-4 * np.minimum(promised, 0.0)
        kept = trying[enough]
        there[kept], value_there[kept], gradient_there[kept] = tried[enough], found[enough], slope[enough]
        trying, size = trying[~enough], size / 2
        if not len(trying):
            break
    return there, value_there, gradient_there


def _bfgs(inverse: FloatArray, moved: FloatArray, turned: FloatArray) -> FloatArray:
    """The inverse Hessian after a step; unchanged where the curvature along it was not positive."""
    curvature = (moved * turned).sum(axis=-1)
    good = curvature > 1e-14
    rho = np.where(good, 1 / np.where(good, curvature, 1.0), 0.0)[:, None, None]
    left = np.eye(moved.shape[1]) - rho * moved[:, :, None] * turned[:, None, :]
    updated = (left[:, :, :, None] * inverse[:, None]).sum(axis=2)
    updated = (updated[:, :, None, :] * left[:, None]).sum(axis=-1)
    return np.asarray(updated + rho * moved[:, :, None] * moved[:, None, :])


def _evaluated(rows: _Rows, theta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mean negative log-likelihood (N,), its gradient (N, P) and the expected information (N, P, P)."""
    v, p, share, nu = _natural(theta)
    alpha, beta = p * share, p * (1 - share)
    r2, seen = rows.squared, rows.seen
    h, h_alpha, h_beta, h_omega = _derivatives(rows, v * (1 - p), alpha, beta)
    inverse_h = 1 / h
    e = r2 * inverse_h
    n = seen.sum(axis=-1)
    log_h = np.log(h)
    if theta.shape[1] == 4:
        loss, slope, slope_nu, square_nu = _student(e, log_h, nu, seen, n)
        weight = nu / (2 * (nu + 3))
    else:
        loss = 0.5 * (math.log(2 * math.pi) + np.where(seen, log_h + e, 0.0).sum(axis=-1) / n)
        slope, weight = 0.5 * (1 - e), np.full(len(theta), 0.5)
    slope = np.where(seen, slope, 0.0)
    inverse_h = np.where(seen, inverse_h, 0.0)
    # d log h by the unbounded parameters: (long-run, persistence, share)
    d0 = (v * (1 - p))[:, None] * h_omega * inverse_h
    d_p = p * (1 - p)
    d1 = d_p[:, None] * (-v[:, None] * h_omega + share[:, None] * h_alpha + (1 - share)[:, None] * h_beta) * inverse_h
    d2 = (p * share * (1 - share))[:, None] * (h_alpha - h_beta) * inverse_h
    columns = (d0, d1, d2)
    size = theta.shape[1]
    gradient, information = np.zeros((len(theta), size)), np.zeros((len(theta), size, size))
    for i, a in enumerate(columns):
        gradient[:, i] = (slope * a).sum(axis=-1) / n
        for j, b in enumerate(columns[: i + 1]):
            information[:, i, j] = information[:, j, i] = weight * (a * b).sum(axis=-1) / n
    if size == 4:
        inner = nu - _NU_LEAST
        gradient[:, 3], information[:, 3, 3] = slope_nu * inner, square_nu * inner**2
    diagonal = np.arange(size)
    information[:, diagonal, diagonal] = information[:, diagonal, diagonal] * (1 + 1e-6) + 1e-5
    return loss, gradient, information


def _derivatives(
    rows: _Rows, omega: FloatArray, alpha: FloatArray, beta: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """h and its derivatives by alpha, beta and omega. (N, T) each"""
    before = rows.before[:, None]
    lagged = np.concatenate([before, rows.squared[:, :-1]], axis=-1)
    h_alpha = filtered(lagged, beta)
    faded = beta[:, None] ** np.arange(1, lagged.shape[1] + 1)
    h_omega = (1 - faded) / (1 - beta[:, None])
    h = omega[:, None] * h_omega + alpha[:, None] * h_alpha + faded * before
    h_beta = filtered(np.concatenate([before, h[:, :-1]], axis=-1), beta)
    return h, h_alpha, h_beta, h_omega


def _student(
    e: FloatArray, log_h: FloatArray, nu: FloatArray, seen: BoolArray, n: IntArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Loss (N,), its slope by log h (N, T), by nu (N,), and the mean square of the latter's terms (N,)."""
    inner, column = (nu - 2)[:, None], nu[:, None]
    q = e / inner
    log_q = np.log1p(q)
    constant = 0.5 * np.log(math.pi * (nu - 2)) + _log_gamma(nu / 2) - _log_gamma((nu + 1) / 2)
    loss = constant + np.where(seen, 0.5 * log_h + (column + 1) / 2 * log_q, 0.0).sum(axis=-1) / n
    ratio = q / (1 + q)
    slope = 0.5 * (1 - (column + 1) * ratio)
    shift = (_digamma(nu / 2) - _digamma((nu + 1) / 2) + 1 / (nu - 2))[:, None]
    by_nu = np.where(seen, 0.5 * (shift + log_q - (column + 1) / inner * ratio), 0.0)
    return loss, slope, by_nu.sum(axis=-1) / n, (by_nu**2).sum(axis=-1) / n


def _times(matrix: FloatArray, vector: FloatArray) -> FloatArray:
    return np.asarray((matrix * vector[:, None, :]).sum(axis=-1))


def _logistic(z: FloatArray) -> FloatArray:
    return np.asarray(1 / (1 + np.exp(-z)))


def _log_gamma(z: FloatArray) -> FloatArray:
    return np.array([math.lgamma(one) for one in z.tolist()])


def _digamma(z: FloatArray) -> FloatArray:
    """Abramowitz and Stegun 6.3.18 after six steps of 6.3.5: twelve digits for z > 0."""
    shifted, total = z.copy(), np.zeros_like(z)
    for _ in range(6):
        total -= 1 / shifted
        shifted = shifted + 1
    w = 1 / shifted**2
    series = w * (1 / 12 - w * (1 / 120 - w * (1 / 252 - w * (1 / 240 - w * (1 / 132 - w * 691 / 32760)))))
    return np.asarray(total + np.log(shifted) - 0.5 / shifted - series)
