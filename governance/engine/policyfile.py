"""Reads one policy file. The law: all that is wrong is found at once, and nothing wrong is kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from governance.engine import clauses, conditions, exemptions, parents, rules, stages
from governance.engine.catalogue import ActionType, Catalogue
from governance.engine.common import numbered, reaches, review
from governance.engine.lists import ListBook
from governance.engine.model import CannotTell, Effect, Mode, Money, Risk
from governance.engine.never import contradiction
from governance.engine.reach import reached
from governance.engine.reading import Document, Findings, Place, Way
from governance.engine.scope import Scope, not_a_key, types_of
from governance.engine.shape import nearest
from governance.engine.values import Type, duration


@dataclass(slots=True)
class Reader:
    """One file being read. `histories` are (action, place) that rules look back to; `family` are
    the policy documents that it may extend."""

    document: Document
    findings: Findings
    catalogue: Catalogue
    book: ListBook
    histories: list[tuple[str, Place]] = field(default_factory=list)
    family: parents.Family = field(default_factory=lambda: parents.Family({}))

    def wrong(self, way: Way, code: str, message: str, hint: str = "", key: bool = False) -> None:
        place = self.document.place(way, key)
        self.findings.add(self.document.path, place, code, message, hint)

    def scope(self, actions: tuple[ActionType, ...]) -> Scope:
        return Scope(self.document, self.findings, self.catalogue, actions, self.book,
                     histories=self.histories)  # fmt: skip

    @property
    def everything(self) -> tuple[ActionType, ...]:
        return tuple(self.catalogue.actions.values())


def read_policy(reader: Reader, at: date | None) -> rules.PolicyFile | None:
    """The policy of a document whose shape was checked, or None after findings were added.

    `at` is the day of the check; None (a release that was checked before is loaded again) skips
    what lapses with time: `review_by`, and the ends of observing, of a share and of exceptions.
    """
    data, before = reader.document.data, len(reader.findings.items)
    governs = _governs(reader, data["governs"])
    review_by = review(reader, at)
    mode = Mode(data["mode"])
    observing = stages.observing(reader, data, mode, at)
    gradual = stages.gradual(reader, data, mode, at)
    default = Effect.of(data["default"])
    default_clause = _default_clause(reader, data, default)
    applies_to = _applies_to(reader, data["applies_to"]["agents"])
    numbered(reader, "rules", "limits", "exceptions")
    made = [_rule(reader, one, way, governs) for one, way in _items(data, "rules")]
    limits = [_limit(reader, one, way) for one, way in _items(data, "limits")]
    exceptions = [exemptions.read(reader, one, way, at) for one, way in _items(data, "exceptions")]
    reader.book.check_unused()
    if not made and not limits and not governs:
        reader.wrong(("policy",), "empty", "the file has no rules, no limits and governs nothing")
    if len(reader.findings.items) > before or review_by is None or applies_to is None:
        return None
    return rules.PolicyFile(
        policy=data["policy"],
        title=data["title"],
        owner=data["owner"],
        review_by=review_by,
        governs=tuple(action.name for action in governs),
        applies_to=applies_to,
        mode=mode,
        observing=observing,
        default=default,
        default_clause=default_clause,
        controls=tuple(data.get("controls") or ()),
        lists=dict(reader.book.used),
        rules=tuple(rule for rule in made if rule is not None),
        limits=tuple(limit for limit in limits if limit is not None),
        cases=(),
        path=reader.document.path,
        extends=tuple(data.get("extends") or ()),
        exceptions=tuple(one for one in exceptions if one is not None),
        gradual=gradual,
    )


def _items(data: dict[str, Any], key: str) -> Iterable[tuple[dict[str, Any], Way]]:
    """What stands under a key that may be missing, each with its place."""
    for i, one in enumerate(data.get(key) or ()):
        yield one, (key, i)


def _governs(reader: Reader, names: list[str]) -> tuple[ActionType, ...]:
    out = []
    for i, name in enumerate(names):
        action = reader.catalogue.actions.get(name)
        if action is None:
            reader.wrong(("governs", i), "unknown-action",
                         f"`{name}` is not an action of the catalogue",
                         nearest(name, reader.catalogue.actions))  # fmt: skip
        else:
            out.append(action)
    return tuple(dict.fromkeys(out))


def _default_clause(reader: Reader, data: dict[str, Any], default: Effect) -> Any:
    given = data.get("default_approval")
    if given is None and default is Effect.REQUIRE_APPROVAL:
        given = reader.family.default_approval(reader.document)
    if (given is not None) != (default is Effect.REQUIRE_APPROVAL):
        missing = given is None
        reader.wrong(("default",) if missing else ("default_approval",),
                     "missing-key" if missing else "does-not-apply",
                     "`default_approval` belongs to `default: require_approval`")  # fmt: skip
        return None
    return clauses.approval(given, f"{data['policy']}/default") if given else None


def _applies_to(reader: Reader, agents: Any) -> rules.Condition | None:
    if agents == "all":
        return rules.All(())
    parts: list[rules.Condition] = []
    scope = reader.scope(reader.everything)
    way: Way = ("applies_to", "agents")
    if not agents:
        reader.wrong(way, "wrong-shape", "write `all`, or tests such as {labels: {…}}")
        return None
    sound = True
    for name, tests in agents.items():
        found = conditions.comparisons(scope, f"agent.{name}", tests, (*way, name))
        sound = sound and found is not None
        parts += found or []
    if not sound:
        return None
    clash = contradiction(parts, scope.types)
    if clash is not None:
        reader.wrong(way, "never-matches", f"no agent can fit: {clash[1]}")
    return parts[0] if len(parts) == 1 else rules.All(tuple(parts))


def _rule(
    reader: Reader, data: dict[str, Any], way: Way, governs: tuple[ActionType, ...]
) -> rules.Rule | None:
    effect = Effect.of(data["effect"])
    allow = effect is Effect.ALLOW
    scope = reader.scope(reader.everything)
    if allow:
        named = data["when"].get("action")
        for name in named if isinstance(named, list) else [named]:
            if name in reader.catalogue.actions and all(name != each.name for each in governs):
                reader.wrong((*way, "when", "action"), "not-governed",
                             f"an allow for `{name}` does not count: the file does not govern it",
                             "add it to `governs`, or remove it here")  # fmt: skip
                return None
        scope.actions = governs
    when = conditions.read(scope, data["when"], (*way, "when"))
    clause = clauses.clause(scope, data, effect, f"{reader.document.data['policy']}/{data['id']}",
                            way)  # fmt: skip
    waivers = clauses.waivers(scope, data, effect, way)
    obligations = clauses.obligations(scope, data, effect, way)
    instead_of = parents.instead_of(reader, data, effect, way, False)
    clauses.trust(scope, data, way, when is not None)
    if when is None:
        return None
    where = ("that this file governs", "an allow counts only for governed actions")
    reaches(reader, scope, when, (*way, "when"), *(where if allow else ()))
    line, column = reader.document.place(way)
    return rules.Rule(
        id=data["id"],
        title=data["title"],
        effect=effect,
        when=when,
        because=data["because"],
        severity=Risk.of(data["severity"]),
        clause=clause,
        obligations=obligations,
        waivable_by=waivers,
        trust_claim=data.get("trust_claim", ""),
        attested_only=data.get("attested_only", False),
        controls=tuple(data.get("controls") or ()),
        line=line,
        column=column,
        loosened_by=clauses.loosened_by(data),
        instead_of=instead_of,
    )


def _limit(reader: Reader, data: dict[str, Any], way: Way) -> rules.Limit | None:
    effect = Effect.of(data["otherwise"])
    scope = reader.scope(reader.everything)
    of = conditions.read(scope, data["of"], (*way, "of"))
    clause = clauses.clause(scope, data, effect, f"{reader.document.data['policy']}/{data['id']}",
                            way)  # fmt: skip
    waivers = clauses.waivers(scope, data, effect, way)
    instead_of = parents.instead_of(reader, data, effect, way, True)
    window = _window(reader, data, way)
    if of is None:
        return None
    reaches(reader, scope, of, (*way, "of"))
    actions = reached(of, scope.actions)
    scope.actions = actions
    measure = None if data["measure"] == "count" else data["measure"].removeprefix("sum ")
    kind = _measured(reader, scope, measure, (*way, "measure"))
    per = tuple(data.get("per") or ())
    for i, name in enumerate(per):
        _per(reader, scope, name, (*way, "per", i))
    clauses.trust(scope, data, way, True)
    at_most = _at_most(reader, kind, measure, data["at_most"], (*way, "at_most"))
    if at_most is None or kind is None:
        return None
    agents = reader.document.data["applies_to"]
    made = json.dumps([measure, per, _canonical(data["of"]), _canonical(agents)])
    digest = hashlib.sha256(made.encode()).hexdigest()[:20]
    line, column = reader.document.place(way)
    return rules.Limit(
        id=data["id"],
        title=data["title"],
        measure=measure,
        of=of,
        per=per,
        window=window,
        calendar_day=data.get("calendar_day"),
        at_most=at_most,
        unit=at_most.currency if isinstance(at_most, Money) else kind.unit,
        otherwise=effect,
        because=data["because"],
        severity=Risk.of(data.get("severity", "medium")),
        series=f"limit:{reader.document.data['policy']}/{data['id']}:{digest}",
        clause=clause,
        waivable_by=waivers,
        trust_claim=data.get("trust_claim", ""),
        attested_only=data.get("attested_only", False),
        controls=tuple(data.get("controls") or ()),
        line=line,
        column=column,
        loosened_by=clauses.loosened_by(data),
        instead_of=instead_of,
    )


def _canonical(data: Any, ordered: bool = False) -> Any:
    """What a condition says, whatever the order it is written in: what names a series."""
    if isinstance(data, dict):
        return [[key, _canonical(data[key], key == "between")] for key in sorted(data)]
    if isinstance(data, list):
        items = [_canonical(item) for item in data]
        return items if ordered else sorted(items, key=json.dumps)
    return data if isinstance(data, bool | int | None) else str(data)


def _window(reader: Reader, data: dict[str, Any], way: Way) -> timedelta | None:
    if ("in_last" in data) == ("calendar_day" in data):
        reader.wrong(way, "missing-key", "a limit has either `in_last` or `calendar_day`")
    if "calendar_day" in data:
        try:
            ZoneInfo(data["calendar_day"])
        except (ValueError, OSError, KeyError):
            reader.wrong((*way, "calendar_day"), "unknown-time-zone",
                         f"`{data['calendar_day']}` is not a time zone", "such as Europe/Berlin")  # fmt: skip
    return duration(data["in_last"]) if "in_last" in data else None


_ONE = Type("count", minimum=Decimal(0))


def _measured(reader: Reader, scope: Scope, measure: str | None, way: Way) -> Type | None:
    """The type that is summed: a quantity that is always given and never negative."""
    if measure is None:
        return _ONE
    types = types_of(scope, measure, way)
    if types is None:
        return None
    if types[0].kind not in ("money", "integer", "count", "number"):
        reader.wrong(way, "operator-does-not-fit", f"a {types[0].kind} cannot be summed")
        return None
    for action in scope.actions:
        declared, kind = action.declared(measure), action.type_of(measure)
        if kind is None:
            reader.wrong(way, "unknown-field", f"`{action.name}` has no `{measure}` to sum",
                         "name only actions that have it in `of`")  # fmt: skip
            return None
        low = Decimal(0) if kind.name == "money" and not kind.negative else kind.minimum
        if low is None or low < 0:
            reader.wrong(way, "negative-sum", f"`{measure}` of `{action.name}` may be negative, "
                         "so that the limit could be talked down",
                         "declare `at_least: 0` in the catalogue")  # fmt: skip
            return None
        if declared is not None and not declared.required and declared.default is None:
            reader.wrong(way, "optional-sum",
                         f"`{measure}` of `{action.name}` may be left out, so nothing would count",
                         "make it required in the catalogue, or give its default")  # fmt: skip
            return None
    return types[0]


def _per(reader: Reader, scope: Scope, name: str, way: Way) -> None:
    types = types_of(scope, name, way)
    if types is None:
        return
    for action in scope.actions:
        declared, kind = action.declared(name), action.type_of(name)
        if kind is None:
            reader.wrong(way, "unknown-field", f"`{action.name}` has no `{name}`",
                         "name only actions that have it in `of`")  # fmt: skip
            return
        problem = not_a_key(name, kind, declared.cls if declared else "category")
        if problem:
            reader.wrong(way, "not-a-key", problem)
            return


def _at_most(
    reader: Reader, kind: Type | None, measure: str | None, raw: Any, way: Way
) -> Money | Decimal | None:
    if kind is None:
        return None
    value = kind.one(raw)
    if kind.unit and not isinstance(raw, str):
        value = CannotTell("wrong_unit")
    if isinstance(value, Money | Decimal):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    hint = ("such as 2000 EUR" if kind.name == "money" else f"such as 12 {kind.unit}"
            if kind.unit else "a whole number such as 20")  # fmt: skip
    name = measure or "count"
    reader.wrong(way, "wrong-unit", f"`{str(raw)[:60]}` is not an amount of `{name}`", hint)
    return None
