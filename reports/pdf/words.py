"""How numbers, times and citations read on paper."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from reports.counts import Cite, Rate
from reports.evidence import Evidence, Period
from reports.pdf.style import safe
from reports.words import percent

_LONG = 56


def number(n: int) -> str:
    """`1,204`."""
    return f"{n:,}"


def stamp(at: datetime | None) -> str:
    """`2026-10-01 08:15`, UTC."""
    return f"{at:%Y-%m-%d %H:%M}" if at else ""


def day(at: datetime | None) -> str:
    """`2026-10-01`."""
    return f"{at:%Y-%m-%d}" if at else "never"


def span(period: Period) -> str:
    """Both ends of a period, the second one excluded."""
    return f"{stamp(period.start)} to {stamp(period.end)} UTC"


def duration(seconds: float) -> str:
    """`3.8 s`, `1 min 30 s`, `4 h`, `7 days`."""
    if seconds < 60:
        return f"{seconds:.3g} s"
    units = (("day", 86_400), ("h", 3600), ("min", 60), ("s", 1))
    left, parts = round(seconds), []
    for word, size in units:
        n, left = divmod(left, size)
        if n:
            parts.append(f"{n} {word}{'s' if word == 'day' and n > 1 else ''}")
    return " ".join(parts[:2])


def step(seconds: int) -> str:
    """The width of a bar in words: `day`, `hour`, `15 min`."""
    known = {1: "second", 60: "minute", 3600: "hour", 86_400: "day", 604_800: "week"}
    return known.get(seconds) or duration(seconds)


def agrees(n: int) -> str:
    """`was` or `were`."""
    return "was" if n == 1 else "were"


def rate(r: Rate) -> str:
    """`12 of 66`, with a mark for small n."""
    return f"{r.k:,} of {r.n:,}{' (n &lt; 30)' if r.small and r.n else ''}"


def interval(r: Rate) -> str:
    """`18.2%, 9.8–29.6%`; nothing to state for n = 0."""
    if not r.n:
        return "none: n = 0"
    return f"{percent(r.k / r.n)}, {percent(r.low)} to {percent(r.high)}".replace(
        "<", "&lt;"
    ).replace(">", "&gt;")


def short(text: str, most: int = _LONG) -> str:
    """Markup of an identifier; a long one keeps both its ends. The attachment has it whole."""
    if len(text) > most:
        keep = most // 2 - 1
        text = f"{text[:keep]}…{text[-keep:]}"
    return safe(text)


def indexes(cite: Cite, most: int = 8) -> str:
    """`#12, #15–18`, at most so many runs."""
    runs = [
        f"#{first:,}" if first == last else f"#{first:,}–{last:,}"
        for first, last in cite.ranges[:most]
    ]
    more = len(cite.ranges) - most
    return ", ".join(runs) + (f" and {more:,} more runs" if more > 0 else "")


def cited(cite: Cite, brief: bool = False) -> str:
    """One citation as markup: how many entries, of which kinds, where (unless `brief`)."""
    kinds = safe(" or ".join(cite.kinds))
    if not cite.count:
        return "no entry" if cite.kinds == ("any",) else f"no entry of {kinds}"
    times = "× "
    if len(cite.kinds) > 2 or cite.kinds == ("any",):
        times, kinds = "", "entry" if cite.count == 1 else "entries"
    if cite.listed and len(cite.ranges) <= 8:
        return f"{kinds} {indexes(cite)}"
    where = ", ".join(f"{k} = {v}" for k, v in cite.where if not brief)
    place = ends(cite.first or 0, cite.last or 0)
    return f"{cite.count:,} {times}{kinds}, {place}{' where ' + short(where, 90) if where else ''}"


def ends(first: int, last: int) -> str:
    """`#50 to #2,093`, or `#50`."""
    return f"#{first:,}" + (f" to #{last:,}" if last != first else "")


def cites(many: Sequence[Cite], most: int = 4, brief: bool = False) -> str:
    """Several citations; the attachment has them all."""
    shown = "; ".join(cited(c, brief) for c in many[:most])
    return shown + (f"; and {len(many) - most:,} more" if len(many) > most else "")


class People:
    """Names for pseudonyms, where the report was given any."""

    def __init__(self, evidence: Evidence) -> None:
        self._names = dict(evidence.names)

    def __call__(self, person: str | None) -> str:
        """Markup: the name, or else the pseudonym, or `none`."""
        if person is None:
            return "none"
        name = self._names.get(person)
        return short(name, 40) if name else safe(person)

    def legend(self) -> str:
        """Markup: which name stands for which pseudonym; empty if nobody is named."""
        pairs = (f"{short(name, 40)} = {safe(p)}" for p, name in sorted(self._names.items()))
        return ", ".join(pairs)
