"""Numbers that name the entries they were counted from.

The law: no number of a report stands without its `Cite`, which names its population so that a
stranger can count again: entries of `kinds` whose fields equal `where`, from index `first` to `last`,
`count` of them. Where a list matters more than its length (every exception does), `listed` is true and
`ranges` names each index: [first, last] pairs, both included.
"""

from __future__ import annotations

from dataclasses import dataclass

from reports.statistics import SMALL, clopper_pearson


@dataclass(frozen=True, slots=True)
class Cite:
    """The entries a number rests on."""

    kinds: tuple[str, ...]
    where: tuple[tuple[str, str], ...]
    count: int
    first: int | None
    last: int | None
    listed: bool = False
    ranges: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Count:
    """A complete count; no interval, because nothing was sampled."""

    n: int
    cite: Cite


@dataclass(frozen=True, slots=True)
class Rate:
    """k of n, with the exact 95% interval for the probability behind it; `small`: n < 30."""

    k: int
    n: int
    low: float
    high: float
    small: bool
    cite: Cite


def rate(k: int, n: int, cite: Cite) -> Rate:
    """The `Rate` of k in n (Clopper-Pearson, 95%), rounded to six digits."""
    low, high = clopper_pearson(k, n)
    return Rate(k, n, round(low, 6), round(high, 6), n < SMALL, cite)


@dataclass(frozen=True, slots=True)
class Spread:
    """How long something took, in seconds: n values, their 5%, 50% and 95% quantiles, extremes."""

    n: int
    least: float
    p5: float
    median: float
    p95: float
    most: float
    cite: Cite
