"""The few statistics a report states, exact and without dependencies.

The law: a rate is never given without its n and an exact interval; where nothing was observed
the interval is everything from 0 to 1, never a point.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

SMALL = 30
"""Below this many observations a rate is flagged: its interval is too wide to lean on."""


def clopper_pearson(k: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """The exact interval for the probability behind `k` successes in `n` trials.

    Clopper and Pearson, Biometrika 26 (1934): each limit is the probability at which a result at
    least this extreme has a chance of (1 - confidence) / 2. Answers (0.0, 1.0) for n = 0.

    Raises `ValueError` unless 0 <= k <= n and 0 < confidence < 1.
    """
    if not 0 <= k <= n:
        raise ValueError(f"`{k}` of `{n}` is not a count out of a total")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence `{confidence}` is not between 0 and 1")
    if n == 0:
        return 0.0, 1.0
    tail = (1 - confidence) / 2
    low = 0.0 if k == 0 else _root(lambda p: _at_least(k, n, p) < tail)
    high = 1.0 if k == n else _root(lambda p: _at_least(k + 1, n, p) < 1 - tail)
    return low, high


def quantile(ordered: Sequence[float], q: float) -> float:
    """The q-quantile of values in ascending order, by linear interpolation (Hyndman-Fan type 7).

    Raises `ValueError` for no values or q outside 0..1.
    """
    if not ordered or not 0 <= q <= 1:
        raise ValueError(f"no `{q}` quantile of {len(ordered)} values")
    place = q * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def _at_least(k: int, n: int, p: float) -> float:
    """P(X >= k) for X binomial(n, p), k >= 1: the regularised incomplete beta I_p(k, n - k + 1)."""
    return _beta(p, k, n - k + 1)


def _beta(x: float, a: float, b: float) -> float:
    """I_x(a, b), by the continued fraction of DLMF 8.17.22 on the side where it converges."""
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta(1 - x, b, a)
    log_front = (
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    return math.exp(log_front) / a * _fraction(x, a, b)


def _fraction(x: float, a: float, b: float) -> float:
    """The continued fraction itself, by Lentz's method; terms until they no longer matter."""
    tiny = 1e-300
    c, d = 1.0, 1 / max(1 - (a + b) * x / (a + 1), tiny)
    value = d
    for m in range(1, 10_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / (1 + term * d or tiny)
            c = 1 + term / c or tiny
            value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return value


def _root(below: Callable[[float], bool]) -> float:
    """The p in 0..1 up to which `below(p)` holds, by bisection to the last bit."""
    low, high = 0.0, 1.0
    for _ in range(70):
        middle = (low + high) / 2
        if below(middle):
            low = middle
        else:
            high = middle
    return (low + high) / 2
