"""What the policies themselves lift: exceptions, and children's rules instead of their parents'.

Law: only what is certain lifts, and only what is certain is lifted. A rule that matched because it
could not be told, a condition that cannot be told, a day outside the period, an argument that the
catalogue does not know: each leaves the stricter rule as it stands. The built-in findings, the
defaults and the risk points are out of reach.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from governance.engine.model import Finding, Mode
from governance.engine.nodes import Node

if TYPE_CHECKING:
    from governance.engine.compile import Order
    from governance.engine.keys import Context
    from governance.engine.vocabulary import Fields


@dataclass(frozen=True, slots=True, eq=False)
class Lifter:
    """One exception, or one rule or limit of a child, compiled for one action.

    `name` is `policy/rule`; `targets` are the findings it lifts. `node` must hold, read as an allow
    is read. `when` is the period (from, before) of an exception, and `finding` what it says instead
    (None where it allows, but its file does not govern). `finds` = a child's rule, which must be
    found itself.
    """

    name: str
    policy: str
    targets: frozenset[str]
    node: Node
    when: tuple[datetime, datetime] | None = None
    finding: Finding | None = None
    finds: bool = False


def period(since: date, until: date) -> tuple[datetime, datetime]:
    """From the first moment of one day to that after another, in UTC."""
    start = datetime.combine(since, time(), UTC)
    return start, datetime.combine(until, time(), UTC) + timedelta(days=1)


def lift(
    hits: list[tuple[Order, Finding]],
    lifters: Iterable[Lifter],
    numbers: frozenset[str],
    silent: frozenset[str],
    watching: frozenset[str],
    fields: Fields,
    context: Context,
) -> tuple[list[tuple[Order, Finding]], list[Finding]]:
    """The hits with what is lifted marked, and what the exceptions that apply say instead.

    `numbers` are those of all targets: most requests hit none. `silent` are policies that do not speak about this request, `watching` those that only watch:
    these lift nothing that is enforced.
    """
    if not any(finding.rule in numbers for _, finding in hits):
        return hits, []
    sure = {finding.name: finding.mode for _, finding in hits if finding.certain}
    lifted: dict[str, str] = {}
    instead: list[Finding] = []
    for lifter in lifters:
        targets = [name for name in lifter.targets if name in sure]
        if not targets or lifter.policy in silent or (lifter.finds and lifter.name not in sure):
            continue
        watched = lifter.policy in watching
        if watched:
            targets = [name for name in targets if sure[name] is not Mode.ENFORCE]
        if lifter.when is not None and not lifter.when[0] <= context.at < lifter.when[1]:
            continue
        if not targets or lifter.node.test(fields, context) is not True:
            continue
        for name in targets:
            lifted.setdefault(name, lifter.name)
        if lifter.finding is not None:
            mode = Mode.OBSERVE if watched else Mode.ENFORCE
            instead.append(replace(lifter.finding, mode=mode) if watched else lifter.finding)
    if lifted:
        hits = [(order, _marked(finding, lifted)) for order, finding in hits]
    return hits, instead


def _marked(finding: Finding, lifted: Mapping[str, str]) -> Finding:
    by = lifted.get(finding.name)
    if by is None or not finding.certain:
        return finding
    return replace(finding, lifted=True, lifted_by=by)
