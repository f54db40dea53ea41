"""A report with names and reasons, made from one without.

The law: what may have to be erased is not in the log and not in the report that is recorded there;
a copy that holds it is made for a reader, from the same figures, and is never what is recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from reports.evidence import Evidence


def people(evidence: Evidence) -> frozenset[str]:
    """The pseudonyms of everybody in the report."""
    found = {a.owner for a in evidence.agents} | {a.deputy for a in evidence.agents}
    found |= {person for act in evidence.acts for person in act.by}
    found |= {stop.by for stop in evidence.stops} | {stop.lifted_by for stop in evidence.stops}
    found |= {r.proposed_by for r in evidence.releases} | {r.signed_by for r in evidence.releases}
    found |= {person for cut in evidence.kept.cuts for person in cut.people}
    return frozenset(p for p in found if p is not None and p.startswith("p-"))


def reasons(evidence: Evidence) -> tuple[int, ...]:
    """Indexes of the entries that commit to a `reason` the report has room for."""
    return tuple(act.index for act in evidence.acts) + tuple(s.index for s in evidence.stops)


def opened(evidence: Evidence, names: Mapping[str, str], texts: Mapping[int, str]) -> Evidence:
    """`evidence` with names (pseudonym -> name) and reasons (index -> text); others stay closed."""
    return replace(
        evidence,
        acts=tuple(replace(act, reason=texts.get(act.index)) for act in evidence.acts),
        stops=tuple(replace(stop, reason=texts.get(stop.index)) for stop in evidence.stops),
        names=tuple(sorted((p, names[p]) for p in people(evidence) if p in names)),
    )
