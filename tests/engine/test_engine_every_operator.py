"""Less information never loosens: every operator, on every type it fits, wherever it may stand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import engine_world as world
from spoil import spoilt

from governance.engine.cases import AGENT
from governance.engine.compile import Release, compile_release
from governance.engine.decide import decide, needs
from governance.engine.model import NOTHING, Effect, Verdict
from governance.engine.values import INTERNAL, SCALARS
from governance.engine.vocabulary import OPERATORS, Operator

VALUES: dict[str, list[Any]] = {
    "text": ["alpha", "beta", "gamma"],
    "boolean": [True, False],
    "integer": [1, 2, 3],
    "count": [1, 2, 3],
    "number": ["1.5 kg", "2 kg", "3.25 kg"],
    "money": ["1 EUR", "2.50 EUR", "3 EUR"],
    "country": ["DE", "FR", "KP"],
    "currency": ["EUR", "USD", "CHF"],
    "iban": [world.IBAN, world.OTHER_IBAN, "GB82WEST12345698765432"],
    "email": ["a@corp.example", "b@evil.example", "c@x.corp.example"],
    "domain": ["corp.example", "evil.example", "x.corp.example"],
    "host": ["corp.example", "evil.example", "x.corp.example"],
    "path": ["workspace:/src/a.py", "/etc/passwd", "home:/.ssh/id"],
    "date": ["2026-01-01", "2026-02-01", "2026-03-01"],
    "datetime": ["2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"],
    "duration": ["1h", "2h", "3h"],
    "choice": ["one", "two", "three"],
}
"""Three values of each type that an argument can have, in their order if they have one."""
FACTS: dict[str, Any] = {"agent.id": "case-agent", "agent.autonomy": "L4"}
DECLARED = {"number": ", unit: kg, at_least: 0", "choice": ", one_of: [one, two, three]"}


def kinds(operator: Operator) -> Iterator[tuple[str, bool]]:
    """(type, whether a list of it) that an operator fits and an argument can have."""
    for name in SCALARS:
        if name in INTERNAL or name == "command":
            continue
        assert name in VALUES, "a type without values here would not be tested"
        for kind, many in ((name, False), (f"list of {name}", True)):
            if kind in operator.fits:
                yield name, many


def constant(operator: Operator, name: str) -> str:
    """What stands after the operator, in flow style."""
    low, high = _quoted(VALUES[name][0]), _quoted(VALUES[name][-1])
    return {
        "one": low,
        "many": f"[{low}]" if name == "boolean" else f"[{low}, {high}]",
        "pair": f"[{low}, {high}]",
        "number": "1",
        "flag": "true",
        "field": "args.b",
        "patterns": "['*a*']",
        "domains": "[corp.example]",
        "places": "['workspace:/', /etc]",
    }[operator.takes]


def _quoted(value: Any) -> str:
    if isinstance(value, bool | int):
        return str(value).lower()
    return f"'{value}'"


Act = tuple[str, str, bool, str]


@cache
def built() -> tuple[Release, tuple[Act, ...]]:
    """One action for each operator and type; on each an allow, an approval and a deny, plain and
    under `not`, an exception, a child and a risk factor test it."""
    acts: list[Act] = []
    catalogue = ["catalogue: ops\ntitle: All operators\nowner: a@b.example\nactions:"]
    rules: dict[str, list[str]] = {name: [] for name in ("allow", "strict", "child", "risk", "exc")}
    number = 0
    for operator in OPERATORS.values():
        for name, many in kinds(operator):
            number += 1
            action = f"{operator.name}.{name}{'s' if many else ''}"
            acts.append((action, name, many, operator.name))
            kind = f"{'list of ' if many else ''}{name}{DECLARED.get(name, '')}"
            catalogue.append(
                f"  {action}:\n    title: Act\n    risk: low\n    args:\n"
                f"      a: {{type: {kind}, class: category}}\n"
                f"      b: {{type: {kind}, class: category}}\n"
                f"      o: {{type: {kind}, class: category, required: false}}"
            )
            written = f"{{{operator.name}: {constant(operator, name)}}}"
            plain = f"{{action: {action}, args.a: {written}}}"
            other = written if operator.takes != "field" else f"{{{operator.name}: args.b}}"
            negated = f"{{action: {action}, not: {{args.a: {written}}}}}"
            if operator.takes == "flag":  # a required argument is always set
                negated = f"{{action: {action}, not: {{args.o: {written}}}}}"
            optional = f"{{action: {action}, any: [{{args.o: {other}}}, {{args.a: {written}}}]}}"
            base = number * 10
            rules["allow"] += [
                world.rule(base, "allow", plain), world.rule(base + 1, "allow", negated),
                world.rule(base + 2, "allow", optional),
            ]  # fmt: skip
            lax = ", may_be_waived_by: [exception, child]"
            effect = ("require_approval", "deny")[number % 2]
            rules["strict"] += [
                world.rule(base, effect, f"{{action: {action}}}", lax),
                world.rule(base + 1, "require_approval", plain, lax),
                world.rule(base + 2, "deny", negated, lax),
                world.rule(base + 3, "deny", optional, lax),
            ]
            asks = "require_approval, approval: {needs: [1 deputy], answer_within: 1h}"
            rules["exc"] += [
                f"  - {{id: EXC-{base + i}, title: t, lifts: R-{base + i}, for: "
                f"{{agent.id: {{is: case-agent}}, {when[1:]}, reason: r, ticket: t, instead: "
                f"{'allow' if (number + i) % 3 else asks}, from: 2026-11-01, expires: 2026-11-30}}"
                for i, when in enumerate((plain, negated, optional, plain))
            ]
            rules["child"] += [
                world.rule(base + i, "allow", when, f", instead_of: R-{base + i}")
                for i, when in enumerate((negated, optional, plain))
            ]
            rules["risk"].append(
                f"  - {{id: RISK-{number}, title: t, points: 5, when: {plain}, because: b}}"
            )
            rules["risk"].append(
                f"  - {{id: RISK-{number}0001, title: t, points: 6, when: {negated}, because: b}}"
            )
    governs = f"[{', '.join(act[0] for act in acts)}]"
    strict = "\n".join(rules["strict"])
    exceptions = "exceptions:\n" + "\n".join(rules["exc"])
    risk = (
        "risk: points\ntitle: t\nowner: a@b.example\nreview_by: 2099-01-01\nlevels: {medium: 6, high: 11}\n"
        "matrix: {L4: {medium: require_approval, high: deny}}\n"
        "approval: {medium: {needs: [1 risk], answer_within: 1h}}\n"
        f"cases: {{columns: [name, action, expect], rows: [[x, {acts[0][0]}, deny]]}}\nfactors:\n"
        + "\n".join(rules["risk"])
    )
    case = f"[[x, {acts[0][0]}, deny]]"

    def policy(text: str, name: str, more: str = "") -> bytes:
        made = world.file(text, policy=name, governs=governs, more=more)
        return made.replace(b"[[x, look, deny]]", case.encode())

    made = compile_release(
        {
            "policies/actions/ops.yaml": "\n".join(catalogue).encode(),
            "policies/a.yaml": policy("\n".join(rules["allow"]), "plain"),
            "policies/s.yaml": policy(strict, "strict", exceptions),
            "policies/c.yaml": policy("\n".join(rules["child"]), "team", "extends: [strict]"),
            "policies/risk.yaml": risk.encode(),
        }
    )
    return made, tuple(acts)


def test_every_operator_is_there_with_every_type_it_fits() -> None:
    """An operator that is added later would be outside of the law below."""
    _, acts = built()
    assert {act[3] for act in acts} == set(OPERATORS)
    assert len(acts) > 200


def test_less_information_never_loosens_whatever_the_operator() -> None:
    """One operator on one type would let an agent through that leaves out or garbles a value."""
    made, acts = built()
    looked, lifted, effects = 0, 0, set[Effect]()
    for action, name, many, _ in acts:
        declared = made.catalogue.actions[action]
        for first in VALUES[name]:
            one = [first] if many else first
            for given in (
                {"a": one, "b": one},
                {"a": one, "b": [] if many else VALUES[name][0], "o": one},
            ):
                before = answer(made, action, given, FACTS)
                effects.add(before.effect)
                lifted += sum(bool(finding.lifted_by) for finding in before.findings)
                for what, worse, facts in spoilt(declared, given, FACTS):
                    after = answer(made, action, worse, facts)
                    looked += 1
                    assert after.effect >= before.effect, (action, given, what)
    assert looked > 5_000
    assert lifted > 500
    assert effects == set(Effect)


def answer(made: Release, action: str, given: dict[str, Any], facts: dict[str, Any]) -> Verdict:
    extra = {**AGENT, **dict.fromkeys(FACTS), **facts}
    one = world.request(made, action, given, extra)
    gone = {name for name in FACTS if name not in facts}
    one = replace(one, fields={k: v for k, v in one.fields.items() if k not in gone})
    return decide(made, one, dict.fromkeys(needs(made, one, world.AT), NOTHING), world.AT)
