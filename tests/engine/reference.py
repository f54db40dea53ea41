"""The decision written a second time, as plainly as possible: no index, no closures, no shortcuts.

Answers are numbers: 0 no, 1/2 cannot tell, 1 yes; `all` is min, `any` is max, `not` is 1 - x.
"""

from __future__ import annotations

import fnmatch
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from fractions import Fraction
from typing import Any, NamedTuple

from governance.engine import paths, rules
from governance.engine.catalogue import ActionType
from governance.engine.compile import Release
from governance.engine.model import (
    ABSENT,
    CannotTell,
    Effect,
    FactQuery,
    Money,
    Obligation,
    Request,
    Risk,
    Total,
)
from governance.engine.values import level, write

HALF = 0.5
EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
NEGATIVE = {"is_not", "none_of", "contains_none", "not_under", "not_in_domain"}


class Hit:
    """One finding."""

    def __init__(self, name: str, effect: Effect, certain: bool) -> None:
        self.name, self.effect, self.certain, self.lifted = name, effect, certain, ""


class Answer(NamedTuple):
    """A verdict; findings as (policy/rule, effect, lifted by), in the order that a verdict has."""

    effect: Effect
    findings: list[tuple[str, Effect, str]]
    risk: str
    sides: dict[str, str]
    obligations: list[Obligation]


def decide(
    release: Release, request: Request, facts: Mapping[FactQuery, Total], at: datetime
) -> Answer:
    """The verdict, read off the files."""
    world = World(release, request, facts, at)
    if world.action is None:
        return Answer(Effect.DENY, [("service/governed", Effect.DENY, "")], "low", {}, [])
    sides = {file.policy: world.side(file) for file in release.bundle.files if file.gradual}
    files = [file for file in release.bundle.files if not world.silent(file, sides)]
    hits: list[Hit] = []
    spoke, unsure = set[str](), set[str]()
    risk, owed = world.action.risk, list[Obligation]()
    for file in files:
        for rule in file.rules:
            allow = rule.effect is Effect.ALLOW
            answer = world.both(file, rule.when, allow, rule.attested_only)
            if answer == 0 or (allow and request.action not in file.governs):
                continue
            risk, owed = max(risk, rule.severity), owed + list(rule.obligations)
            if allow and answer < 1:
                unsure.add(file.policy)
            if allow and (answer < 1 or request.undeclared):
                continue
            hits.append(Hit(f"{file.policy}/{rule.id}", rule.effect, answer == 1))
            if answer == 1 and rule.effect is not Effect.DENY:
                spoke.add(file.policy)
        for limit in file.limits:
            over = world.over(limit, world.both(file, limit.of, False, False))
            if over > 0:
                hits.append(Hit(f"{file.policy}/{limit.id}", limit.otherwise, over == 1))
                risk = max(risk, limit.severity)
    instead = [] if request.undeclared else world.lift(files, hits)
    hits += instead
    spoke |= {hit.name.partition("/")[0] for hit in instead}
    if release.bundle.risk is not None:
        level, brought = world.points(release.bundle.risk)
        risk, hits = max(risk, level), hits + brought
    governed = False
    for file in files:
        if request.action not in file.governs:
            continue
        applies = world.holds(file.applies_to, False, True, False)
        governed = governed or applies == 1
        if applies > 0 and file.policy not in spoke:
            sure = applies == 1 and file.policy not in unsure and not request.undeclared
            hits.append(Hit(f"{file.policy}/default", file.default, sure))
            if request.undeclared:
                hits.append(Hit(f"{file.policy}/undeclared", file.default, False))
    if not governed:
        hits.append(Hit("service/governed", Effect.DENY, True))
    said = max([hit.effect for hit in hits if hit.certain and not hit.lifted], default=Effect.ALLOW)
    hits += [Hit(name, effect, True) for name, effect in world.autonomy(said, risk)]
    supported = request.fields.get("context.obligations_supported", ())
    for _ in {duty.id for duty in owed if not {duty.id, duty.type} & set(supported)}:
        hits.append(Hit("service/obligation", Effect.DENY, True))
    effect = max((hit.effect for hit in hits if not hit.lifted), default=Effect.ALLOW)
    hits.sort(key=lambda hit: (-hit.effect, *hit.name.split("/")))
    found = [(hit.name, hit.effect, hit.lifted) for hit in hits]
    each = {repr((o.id, o.type, sorted(o.properties.items()))): o for o in owed}
    duties = [] if effect is Effect.DENY else [each[text] for text in sorted(each)]
    return Answer(effect, found, risk.word, sides, duties)


class World:
    def __init__(self, release: Release, request: Request, facts: Any, at: datetime) -> None:
        self.request, self.facts, self.at = request, facts, at
        self.files = release.bundle.files
        self.action: ActionType | None = release.catalogue.actions.get(request.action)

    def side(self, file: Any) -> str:
        roll = file.gradual
        if not roll.since <= self.at.date() <= roll.until:
            return "old"
        name = self.request.fields.get("agent.id" if roll.of == "agents" else "session.id")
        if not isinstance(name, str):
            return "both"
        number = hashlib.sha256(f"{file.policy}\0{roll.replaces}\0{name}".encode()).hexdigest()[:16]
        if Fraction(int(number, 16), 2**64) >= Fraction(roll.share) / 100:
            return "old"
        start = datetime.combine(roll.since, time(), UTC)
        since = (start - EPOCH) // timedelta(microseconds=1)
        total = self.facts.get(FactQuery(roll.series, "stopped", since))
        if total is None or total.mixed:
            return "both"
        return "stopped" if total.count else "new"

    def silent(self, file: Any, sides: Mapping[str, str]) -> bool:
        if file.gradual is not None:
            return sides[file.policy] in ("old", "stopped")
        rolls = [f.gradual.replaces for f in self.files if sides.get(f.policy) == "new"]
        return file.policy in rolls

    def lift(self, files: Any, hits: list[Hit]) -> list[Hit]:
        """Mark what exceptions and children lift; what the exceptions say instead."""
        sure = {hit.name: hit for hit in hits if hit.certain}
        lifted: dict[str, list[str]] = {}
        instead: list[Hit] = []
        for file in files:
            for rule in file.rules:
                own = f"{file.policy}/{rule.id}"
                lax = self.both(file, rule.when, True, rule.attested_only)
                if own in sure and lax == 1:
                    for name in rule.instead_of:
                        lifted.setdefault(name, []).append(own)
            for one in file.exceptions:
                target, own = f"{file.policy}/{one.lifts}", f"{file.policy}/{one.id}"
                if target not in sure or not one.since <= self.at.date() <= one.expires:
                    continue
                if self.both(file, one.who, True, False) < 1:
                    continue
                lifted.setdefault(target, []).append(own)
                if one.instead is not Effect.ALLOW or self.request.action in file.governs:
                    instead.append(Hit(own, one.instead, True))
        for name, by in lifted.items():
            if name in sure:
                sure[name].lifted = min(by)
        return instead

    def points(self, table: Any) -> tuple[Risk, list[Hit]]:
        """The level of the points, and what it brings."""
        sure = unsure = 0
        for factor in table.factors:
            answer = self.holds(factor.when, False, True, factor.attested_only)
            sure += factor.points * (answer == 1)
            unsure += factor.points * (answer == HALF)
        low = [Risk.LOW]
        level = max([lv for lv, least in table.levels.items() if sure + unsure >= least] + low)
        certain = max([lv for lv, least in table.levels.items() if sure >= least] + low)
        word = self.request.fields.get("agent.autonomy")
        rows = [table.matrix[word]] if isinstance(word, str) else list(table.matrix.values())
        effect = max(row[level] for row in rows)
        if effect is Effect.ALLOW:
            return level, []
        known = isinstance(word, str) and max(row[certain] for row in rows) is effect
        return level, [Hit(f"{table.risk}/risk", effect, known)]

    def autonomy(self, said: Effect, risk: Risk) -> list[tuple[str, Effect]]:
        word = self.request.fields.get("agent.autonomy")
        if not isinstance(word, str) or word == "L0":
            return [("service/autonomy", Effect.DENY)]
        least = {"L1": Risk.LOW, "L2": Risk.MEDIUM, "L3": Risk.HIGH}.get(word)
        if said is Effect.ALLOW and least is not None and risk >= least:
            return [("service/autonomy", Effect.REQUIRE_APPROVAL)]
        return []

    def both(self, file: Any, when: Any, allow: bool, attested: bool) -> float:
        tight = not allow
        return min(self.holds(file.applies_to, allow, tight, attested),
                   self.holds(when, allow, tight, attested))  # fmt: skip

    def holds(self, c: Any, allow: bool, tight: bool, attested: bool) -> float:
        if isinstance(c, rules.All):
            return min((self.holds(p, allow, tight, attested) for p in c.parts), default=1)
        if isinstance(c, rules.Any):
            return max(self.holds(p, allow, tight, attested) for p in c.parts)
        if isinstance(c, rules.Not):
            return 1 - self.holds(c.part, allow, not tight, attested)
        if isinstance(c, rules.ActionIs):
            return float(self.request.action in c.actions)
        if isinstance(c, rules.History):
            return self.happened(c)
        return self.compares(c, allow, tight, attested)

    def compares(self, test: rules.Test, allow: bool, tight: bool, attested: bool) -> float:
        assert self.action is not None
        if self.action.type_of(test.field) is None:
            return 0
        if attested and test.field.startswith("resource.") and not self.request.attested:
            return HALF
        value = self.request.fields.get(test.field)
        if value is None or isinstance(value, CannotTell):
            return HALF
        if test.op == "is_set":
            return float((value is not ABSENT) is test.constants[0])
        many = test.kind.startswith("list of ")
        if value is ABSENT and allow:
            return float(tight)  # never helps: no where it is wanted, yes where it is negated
        if value is ABSENT and not many:
            return float(test.op in NEGATIVE)
        members = () if value is ABSENT else value
        if many and test.op in ("under", "not_under", "in_domain", "not_in_domain", "name_like"):
            each = [scalar(test, member) for member in members]  # type: ignore[union-attr]
            return max(each, default=0) if tight else min(each, default=1)
        return listed(test, members) if many else scalar(test, value)

    def key(self, names: tuple[str, ...]) -> str | None:
        assert self.action is not None
        parts: list[str] = []
        for name in names:
            value, declared = self.request.fields.get(name), self.action.declared(name)
            if value is ABSENT:
                parts.append("null")
            elif declared is not None and declared.cls == "identity":
                if name not in self.request.pseudonyms or isinstance(value, CannotTell):
                    return None
                parts.append(f'"{self.request.pseudonyms[name]}"')
            elif value is None or isinstance(value, CannotTell):
                return None
            else:
                parts.append(f'"{write(value)}"')  # type: ignore[arg-type]
        return f"[{','.join(parts)}]"

    def since(self, window: timedelta | None) -> int | None:
        assert window is not None
        return (self.at - window - EPOCH) // timedelta(microseconds=1)

    def happened(self, c: rules.History) -> float:
        assert self.action is not None
        if not all(self.action.type_of(name) for name in c.same):
            return 0
        key = self.key((("agent.id",) if c.by == "this_agent" else ()) + c.same)
        if key is None:
            return HALF
        since = self.since(c.in_last)
        found = [self.facts.get(FactQuery(*q, since))
                 for q in ((c.confirmed_series, key), (c.series, key), (c.series, "?"))]  # fmt: skip
        if any(total is None or total.mixed for total in found):
            return HALF
        done, allowed, anywhere = (total.count > 0 for total in found)
        did = 1 if done else (HALF if allowed or anywhere else 0)
        return 1 - did if c.negative else did

    def over(self, limit: rules.Limit, applies: float) -> float:
        amount, key = self.request.fields.get(limit.measure or ""), self.key(limit.per)
        if applies == 0:
            return 0
        if ("agent.id" in limit.per or "agent.team" in limit.per) and not isinstance(
            self.request.fields.get("session.chain_agents"), tuple
        ):
            return HALF
        if key is None or not isinstance(amount, Money) or amount.currency != limit.unit:
            return HALF
        total = self.facts.get(FactQuery(limit.series, key, self.since(limit.window)))
        if total is None or total.mixed:
            return HALF
        assert isinstance(limit.at_most, Money)
        return applies if total.sum + amount.amount > limit.at_most.amount else 0


def listed(test: rules.Test, value: Any) -> float:
    wanted, have = set(test.constants), list(value)
    if test.op == "contains_any":
        return float(any(item in wanted for item in have))
    if test.op == "contains_none":
        return float(not any(item in wanted for item in have))
    if test.op == "contains_all":
        return float(wanted <= set(have))
    limit = int(str(test.constants[0]))
    return float(len(have) > limit if test.op == "count_above" else len(have) <= limit)


def scalar(test: rules.Test, value: Any) -> float:
    if test.op in NEGATIVE:
        twin = {"is_not": "is", "none_of": "one_of", "not_under": "under",
                "not_in_domain": "in_domain"}[test.op]  # fmt: skip
        return 1 - scalar(replace(test, op=twin), value)
    if test.op == "between":
        low, high = test.constants
        return min(one(replace(test, op="at_least"), value, low),
                   one(replace(test, op="at_most"), value, high))  # fmt: skip
    return max(one(test, value, constant) for constant in test.constants)


def one(test: rules.Test, value: Any, constant: Any) -> float:
    if test.op == "under":
        if constant.startswith("workspace:") and value.lower().startswith("/srv/work/"):
            return HALF  # it differs from the workspace of the tests in letter case only
        found = paths.is_under(value, constant)
        return HALF if found is None else float(found)
    if test.op == "in_domain":
        host = value.split("@")[-1]
        return float(host == constant or host.endswith("." + constant))
    if test.op == "name_like" and "path" in test.kind:
        found = paths.has_name(value, constant)
        return HALF if found is None else float(found)
    if test.op == "name_like":
        if fnmatch.fnmatchcase(value, constant):
            return 1
        return HALF if fnmatch.fnmatchcase(value.lower(), constant.lower()) else 0
    if isinstance(value, Money):
        if value.currency != constant.currency:
            return HALF
        value, constant = value.amount, constant.amount
    if test.kind == "level":
        value, constant = level(value), level(constant)
    if test.op in ("is", "one_of"):
        same = test.kind == "text" and value.lower() == constant.lower()
        return 1 if value == constant else (HALF if same else 0)
    return float({"above": value > constant, "at_least": value >= constant,
                  "below": value < constant, "at_most": value <= constant}[test.op])  # fmt: skip
