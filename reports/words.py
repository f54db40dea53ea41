"""Small words that several rooms of a report share: plurals, shares, counts."""

from __future__ import annotations


def plural(n: int, one: str, many: str = "") -> str:
    """`1 stop`, `2 stops`, `3 entries` (with `many`)."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def percent(share: float) -> str:
    """A share of 1 as a percentage with one decimal; 0 and 100 only where they are exact."""
    if 0 < share < 0.0005:
        return "<0.1%"
    if 0.9995 <= share < 1:
        return ">99.9%"
    return f"{100 * share:.1f}%"
