"""Tries every threshold on both sides. The law: the edge of a rule is looked at, not assumed.

For each comparison with a bound, each limit and each end of an exception, a case in which its rule was
a reason is asked again with the value just below, at, and just above the bound. Each try is a case of
its own: whoever confirms it writes it down as one. People read the result: off-by-one belongs to
meaning, not to syntax.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from governance.engine.cases import CaseResult, ask, tested
from governance.engine.codes import CURRENCIES
from governance.engine.compile import Release
from governance.engine.fields import AUTONOMY, RISKS, SERVICE_FIELDS
from governance.engine.model import SERVICE, Effect, Money, Scalar
from governance.engine.reach import tests_of
from governance.engine.rules import Case, Condition, Limit, PolicyFile
from governance.engine.totals import amount_of
from governance.engine.values import write

_BOUNDED = frozenset({"above", "at_least", "below", "at_most", "between"})
_COUNTED = frozenset({"count_at_most", "count_above"})


@dataclass(frozen=True, slots=True)
class Boundary:
    """What happens at one side of one threshold. `matches`: the rule is a reason there; `by`: what
    decides, as a case names it. `case` is the case it was made from, of policy `owner`, and `made` the case it is;
    `known`: a case of the policy looks at this value already, with the same answer."""

    policy: str
    rule: str
    field: str
    value: Scalar
    matches: bool
    effect: Effect
    case: str
    by: tuple[str, ...]
    owner: str
    made: Case
    known: bool


def boundaries(release: Release, results: Iterable[CaseResult]) -> tuple[Boundary, ...]:
    """Three verdicts for each threshold that some case reaches, in file order."""
    ran = tuple(results)
    found = _reached(ran)
    trying = _Trying(release, ran)
    out: list[Boundary] = []
    for file in release.bundle.files:
        for rule in file.rules:
            out += trying.conditions(file, rule.id, rule.when, found)
        for exception in file.exceptions:
            out += trying.conditions(file, exception.id, exception.who, found)
            days = (exception.since, exception.expires)
            out += trying.days(file, exception.id, days, found)
        for limit in file.limits:
            out += trying.limit(file, limit, found)
    return _each_once(out)


def _each_once(found: list[Boundary]) -> tuple[Boundary, ...]:
    """The edges of two rules may be one request: the second time it is known."""
    seen: set[str] = set()
    out = []
    for each in found:
        key = f"{each.owner} {sorted(each.made.cells.items(), key=lambda item: item[0])!r}"
        out.append(replace(each, known=each.known or key in seen))
        seen.add(key)
    return tuple(out)


def _reached(results: tuple[CaseResult, ...]) -> dict[str, CaseResult]:
    """A case for each `policy/rule`: one that the rule decided if there is one."""
    decided: dict[str, CaseResult] = {}
    spoke: dict[str, CaseResult] = {}
    for result in results:
        for finding in result.verdict.findings:
            if finding.certain:
                spoke.setdefault(finding.name, result)
                if finding.effect is result.verdict.effect:
                    decided.setdefault(finding.name, result)
    return {**spoke, **decided}


class _Trying:
    """Cases asked again with another value, each in the release of the case it was made from."""

    def __init__(self, release: Release, ran: tuple[CaseResult, ...]) -> None:
        self.release = release
        self.ran = ran
        self.files = {file.policy: file for file in tested(release)}
        self.variants: dict[str, Release] = {}

    def conditions(
        self, file: PolicyFile, rule: str, condition: Condition, found: Mapping[str, CaseResult]
    ) -> Iterator[Boundary]:
        """Both sides of every bound in a condition."""
        base = found.get(f"{file.policy}/{rule}")
        for test in tests_of(condition) if base is not None else ():
            if base is None or test.field not in base.request.fields:
                continue
            if test.op in _BOUNDED:
                for value in (side for bound in test.constants for side in around(bound)):
                    yield from self._try(file.policy, rule, base, test.field, value)
            elif test.op in _COUNTED:
                members = base.request.fields[test.field]
                if isinstance(members, tuple) and members:
                    most = int(str(test.constants[0]))
                    for count in (most, most + 1):
                        listed = [_cell(members[i % len(members)], "") for i in range(count)]
                        yield from self._try(
                            file.policy, rule, base, test.field, count, cell=listed
                        )

    def days(
        self,
        file: PolicyFile,
        rule: str,
        days: tuple[date, date],
        found: Mapping[str, CaseResult],
    ) -> Iterator[Boundary]:
        """The day before an exception begins, its first and last, and the day after."""
        base = found.get(f"{file.policy}/{rule}")
        one = timedelta(days=1)
        for day in (days[0] - one, days[0], days[1], days[1] + one) if base is not None else ():
            assert base is not None
            yield from self._try(file.policy, rule, base, "at", day, cell=day.isoformat())

    def limit(
        self, file: PolicyFile, limit: Limit, found: Mapping[str, CaseResult]
    ) -> Iterator[Boundary]:
        """What may have been used before so that a request just fits, or just does not."""
        base = self._near(file, limit) or found.get(f"{file.policy}/{limit.id}")
        plan = None if base is None else self.release.plans.get(base.request.action)
        caps = [cap for cap in plan.caps if cap.limit.id == limit.id and cap.policy == file.policy] \
            if plan is not None else []  # fmt: skip
        amount = amount_of(caps[0], base.request.fields) if base is not None and caps else None
        if base is None or amount is None:
            return
        most = limit.at_most
        left = (most.amount if isinstance(most, Money) else most) - amount[0]
        used: Scalar = Money(left, most.currency) if isinstance(most, Money) else left
        name = f"limits.{limit.id}"
        for value in around(used):
            bare = value.amount if isinstance(value, Money) else value
            if isinstance(bare, Decimal | int) and bare >= 0:
                yield from self._try(
                    file.policy, limit.id, base, name, value, cell=_cell(value, limit.unit)
                )

    def _near(self, file: PolicyFile, limit: Limit) -> CaseResult | None:
        """A case of the limit's file that is allowed and counts."""
        for result in self.ran:
            plan = result.variant.plans.get(result.request.action)
            counted = plan is not None and any(c.limit.id == limit.id for c in plan.caps)
            if counted and result.policy == file.policy and result.verdict.effect is Effect.ALLOW:
                return result
        return None

    def _try(
        self,
        policy: str,
        rule: str,
        base: CaseResult,
        name: str,
        value: Scalar,
        cell: Any = None,
    ) -> Iterator[Boundary]:
        kind = SERVICE_FIELDS.get(name) or self.release.catalogue.actions[
            base.request.action
        ].type_of(name)
        unit = kind.unit if kind is not None else ""
        cells = {**base.case.cells, name: _cell(value, unit) if cell is None else cell}
        for stale in ("obligations", "points"):
            cells.pop(stale, None)
        case = replace(
            base.case, name=_named(rule, name, value), cells=cells, columns=frozenset(cells)
        )
        own = self.files[base.policy]
        result = ask(self.release, own, case, self.variants)
        if cell is None and result.request.fields.get(name) != value:
            return  # no value that the field can have
        reasons = [
            finding
            for finding in result.verdict.findings
            if finding.effect is result.verdict.effect and not finding.lifted
        ]
        by = tuple(dict.fromkeys(_short(own.policy, each.policy, each.rule) for each in reasons))
        matches = _speaks(result, f"{policy}/{rule}")
        made = replace(case, expect=result.verdict.effect, by=by)
        yield Boundary(policy, rule, name, value, matches, result.verdict.effect,
                       base.case.name, by, own.policy, made, self._known(base, name, policy, rule, result))  # fmt: skip

    def _known(self, base: CaseResult, name: str, policy: str, rule: str, made: CaseResult) -> bool:
        """Whether a case of the same policy and action looks at this value with the same answer."""
        wanted = made.request.fields.get(name, made.case.cells.get(name))
        return any(
            each.policy == base.policy
            and each.passed
            and each.request.action == base.request.action
            and each.request.fields.get(name, each.case.cells.get(name)) == wanted
            and each.verdict.effect is made.verdict.effect
            and _speaks(each, f"{policy}/{rule}") is _speaks(made, f"{policy}/{rule}")
            for each in self.ran
        )


def _speaks(result: CaseResult, name: str) -> bool:
    return any(each.name == name and each.certain for each in result.verdict.findings)


def _short(own: str, policy: str, rule: str) -> str:
    """A reason as a case of `own` names it."""
    return rule if policy in (own, SERVICE) else f"{policy}/{rule}"


def _named(rule: str, name: str, value: Scalar) -> str:
    return f"{rule}: {name} {write(value)}"


def _cell(value: Scalar, unit: str) -> Any:
    """A value as a case writes it."""
    said = write(value)
    if isinstance(value, Decimal) and not unit:
        return int(value) if value == value.to_integral_value() else value
    if unit and isinstance(value, int | Decimal) and not isinstance(value, bool):
        return f"{said} {unit}"
    return said


def around(bound: Scalar) -> tuple[Scalar, ...]:
    """The value just below a bound, the bound, and the value just above it."""
    if isinstance(bound, Money):
        step = Decimal(1).scaleb(-CURRENCIES[bound.currency])
        below = () if bound.amount < step else (Money(bound.amount - step, bound.currency),)
        return (*below, bound, Money(bound.amount + step, bound.currency))
    if isinstance(bound, bool):
        return (bound,)
    if isinstance(bound, Decimal):
        exponent = bound.as_tuple().exponent
        tick = Decimal(1).scaleb(min(int(exponent), 0))
        return (bound - tick, bound, bound + tick)
    if isinstance(bound, int):
        return (bound - 1, bound, bound + 1)
    if isinstance(bound, timedelta):
        second = timedelta(seconds=1)
        return (bound - second, bound, bound + second) if bound else (bound, bound + second)
    if isinstance(bound, str):
        ladder = AUTONOMY if bound in AUTONOMY else RISKS
        at = ladder.index(bound)
        return ladder[max(at - 1, 0) : at + 2]
    gap = timedelta(seconds=1) if isinstance(bound, datetime) else timedelta(days=1)
    return (bound - gap, bound, bound + gap)
