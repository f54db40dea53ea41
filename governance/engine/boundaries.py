"""Tries every threshold on both sides. The law: the edge of a rule is looked at, not assumed.

For each comparison with a bound, a case in which its rule was a reason is asked again with the value
just below, at, and just above the bound. People read the result: off-by-one belongs to meaning, not
to syntax.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from governance.engine.cases import CaseResult, facts_of, moment, tested, variant_of
from governance.engine.codes import CURRENCIES
from governance.engine.compile import Release
from governance.engine.decide import decide
from governance.engine.fields import AUTONOMY, RISKS
from governance.engine.model import Effect, Money, Request, Scalar
from governance.engine.reach import tests_of
from governance.engine.rules import PolicyFile, Rule, Test

_BOUNDED = frozenset({"above", "at_least", "below", "at_most", "between"})


@dataclass(frozen=True, slots=True)
class Boundary:
    """What happens at one side of one threshold. `matches`: the rule is a reason there."""

    policy: str
    rule: str
    field: str
    value: Scalar
    matches: bool
    effect: Effect
    case: str


def boundaries(release: Release, results: Iterable[CaseResult]) -> tuple[Boundary, ...]:
    """Three verdicts for each threshold that some case reaches, in file order."""
    ran = tuple(results)
    found = _reached(ran)
    variants: dict[str, Release] = {}
    out: list[Boundary] = []
    for file in release.bundle.files:
        for rule in file.rules:
            result = found.get(f"{file.policy}/{rule.id}")
            if result is not None:
                out += _rule(release, file, rule, result, variants)
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


def _rule(
    release: Release,
    file: PolicyFile,
    rule: Rule,
    result: CaseResult,
    variants: dict[str, Release],
) -> Iterable[Boundary]:
    own = next(one for one in tested(release) if one.policy == result.policy)
    cells = result.case.cells
    key = f"{own.policy} {sorted((n, repr(v)) for n, v in cells.items() if n[:6] in ('lists.', 'gradua'))}"
    for test in tests_of(rule.when):
        if test.op not in _BOUNDED or test.field not in result.request.fields:
            continue
        if key not in variants:
            variants[key] = variant_of(release, own, cells)
        for value in (side for bound in test.constants for side in around(bound)):
            request = _with(result.request, test, value)
            facts = facts_of(variants[key], own, cells, request)
            verdict = decide(variants[key], request, facts, moment(cells))
            names = {finding.name for finding in verdict.findings if finding.certain}
            matches = f"{file.policy}/{rule.id}" in names
            yield Boundary(file.policy, rule.id, test.field, value, matches, verdict.effect,
                           result.case.name)  # fmt: skip


def _with(request: Request, test: Test, value: Scalar) -> Request:
    return replace(request, fields={**request.fields, test.field: value})


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
