"""A situation as a request that anybody can decide again. The law: only what was decided is shown.

A choice in the space becomes typed fields, totals and a moment; both releases (or the one) decide
them, and whoever asked looks at the verdicts. A choice that cannot be made real (two paths that
would have to be one) is no witness, and never a proof of the opposite.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from governance.engine import words
from governance.engine.atoms import Free, Lists, Scalars
from governance.engine.cases import AGENT
from governance.engine.catalogue import MISSING, ActionType
from governance.engine.compile import Cap, Extras, Release
from governance.engine.decide import decide, needs
from governance.engine.domains import cut
from governance.engine.keys import UNKNOWN_KEY, Context, Past
from governance.engine.model import (
    ABSENT,
    NOTHING,
    CannotTell,
    FactQuery,
    Money,
    Obligation,
    Request,
    Scalar,
    Total,
    Value,
    Verdict,
)
from governance.engine.rules import Limit
from governance.engine.sides import STOPPED, in_share
from governance.engine.situations import UNKNOWN, Situations, _weight, _window
from governance.engine.space import Choice
from governance.engine.totals import cap_queries
from governance.engine.values import write

_KINDS: Final = ("redact", "notify", "log", "tell_user")


@dataclass(frozen=True, slots=True)
class Witness:
    """One situation: the request, the totals and the moment it is decided with, and its `cells`:
    what is special about it, by field, in words. `verdicts` are those of the releases, in order."""

    action: str
    request: Request
    facts: Mapping[FactQuery, Total]
    at: datetime
    cells: Mapping[str, str]
    verdicts: tuple[Verdict, ...]


def witness(
    space: Situations,
    choice: Choice,
    releases: Sequence[Release],
    action: str,
    lacks: Obligation | None = None,
) -> Witness:
    """The situation of a choice, decided by every release; perhaps with a runtime that cannot carry
    out an obligation."""
    made = _Scene(space, choice, releases, action, lacks)
    verdicts = []
    facts: dict[FactQuery, Total] = {}
    for side, release in enumerate(releases):
        request = made.request(release, side)
        facts = {**facts, **made.facts(release, request)}
        verdicts.append(decide(release, request, facts, made.moment))
    request = made.request(releases[-1], len(releases) - 1)
    return Witness(action, request, facts, made.moment, made.cells(request), tuple(verdicts))


def plainest(
    space: Situations,
    seen: Witness,
    choice: Choice,
    releases: Sequence[Release],
    shows: Callable[[Witness], bool],
    lacks: Obligation | None = None,
) -> Witness:
    """The same as a witness, with as little as possible that is special: each coordinate takes its
    quiet option where what is to be shown is still there. People read it."""
    best, chosen = seen, dict(choice)
    for number, coordinate in enumerate(space.space.coordinates):
        if chosen[number] == coordinate.quiet:
            continue
        plainer = {**chosen, number: coordinate.quiet}
        tried = witness(space, plainer, releases, seen.action, lacks)
        if shows(tried):
            best, chosen = tried, plainer
    return best


class _Scene:
    def __init__(
        self,
        space: Situations,
        choice: Choice,
        releases: Sequence[Release],
        action: str,
        lacks: Obligation | None,
    ) -> None:
        self.space, self.choice, self.releases, self.action = space, choice, releases, action
        self.lacks = lacks
        plans = [r.plans[action] for r in releases if action in r.plans]
        self.declared: tuple[ActionType, ...] = tuple(plan.action for plan in plans)
        self.known = frozenset(name for given in space.given for name in given)
        self.moment: datetime = self.option("time")
        self.fields = self._fields()

    def option(self, name: Any, otherwise: Any = None) -> Any:
        """What was chosen for a coordinate."""
        number = self.space.space.named.get(name)
        if number is None:
            return otherwise
        return self.space.space.coordinates[number].options[self.choice[number]]

    def _supported(self) -> tuple[str, ...]:
        """A runtime that knows every obligation that may be asked of it here, but the one it lacks."""
        known = dict.fromkeys(_KINDS) | dict.fromkeys(
            duty.id for release in self.releases for each in release.candidates(self.action)
            for duty in each.rule.obligations
        )  # fmt: skip
        if self.lacks is None:
            return tuple(known)
        return tuple(name for name in known if name not in (self.lacks.id, self.lacks.type))

    def _fields(self) -> dict[str, Value]:
        fields: dict[str, Value] = {
            **AGENT,
            "context.obligations_supported": self._supported(),
        }
        for action in self.declared:
            for name, arg in action.args.items():
                own = ABSENT if not arg.required else _ordinary(arg.type)
                fields[f"args.{name}"] = own if arg.default is None else arg.default
        for name, model in self.space.models.items():
            if isinstance(model, Scalars):
                fields[name] = self.option(("field", name))
            elif isinstance(model, Lists):
                fields[name] = self._several(name, model)
            else:
                fields[name] = self._example(name, model)
        if not self.option("workspace", True):
            fields["session.workspace"] = MISSING
        tools = fields.get("agent.tools")
        if isinstance(tools, tuple) and tools != ("*",) and self.action not in tools:
            fields["agent.tools"] = (*tools, self.action)
        self._pairs(fields)
        self._shares(fields)
        return fields

    def _shares(self, fields: dict[str, Value]) -> None:
        """An agent and a session that are in every share, unless rules look at who it is; whether
        the share was stopped then decides the side."""
        shares = [
            rollout for release in self.releases if self.action in release.plans
            for rollout in (release.plans[self.action].extras or Extras()).rollouts
        ]  # fmt: skip
        for name, of in (("agent.id", "agents"), ("session.id", "sessions")):
            wanted = [each for each in shares if each.gradual.of == of]
            if wanted and name not in self.space.models:
                for number in range(4_000):
                    made = f"case-{number}"
                    if all(in_share(f"{each.policy}\0{each.gradual.replaces}", made,
                                    each.gradual.share) for each in wanted):  # fmt: skip
                        fields[name] = made
                        break

    def _several(self, name: str, model: Lists) -> Value:
        state = self.option(("status", name))
        if state != "given":
            return ABSENT if state == "absent" else MISSING
        inside = [m for m in model.members if self.option(("member", name, m))]
        wanted = self.option(("count", name), len(inside))
        while inside and len(inside) < wanted:
            inside.append(inside[0])
        return tuple(inside)

    def _example(self, name: str, model: Free) -> Value:
        """A value for a field whose answers were free: any, since it is decided again anyway."""
        state = self.option(("status", name))
        if state == "given":
            kind = next(a.type_of(name) for a in self.declared if a.type_of(name))
            assert kind is not None
            values = cut(kind, self.space.said[name]).values
            return (values[0],) if kind.many else values[0]
        return model.states[state]

    def _pairs(self, fields: dict[str, Value]) -> None:
        """Two fields that must be the same, different, absent or unknown."""
        for name in self.space.space.named:
            if not (isinstance(name, tuple) and name[0] == "pair"):
                continue
            _, one, other = name
            one, other = (other, one) if one in self.known else (one, other)
            given = [side[other] for side in self.space.given if other in side]
            wanted = self.option(name)
            if wanted is ABSENT:
                fields[one] = ABSENT
            elif wanted is None:
                fields[one] = MISSING
            elif wanted:
                fields[one] = wanted if given else fields[other]
            elif fields[one] in (given or [fields[other]]):
                kind = next(a.type_of(one) for a in self.declared if a.type_of(one))
                assert kind is not None
                values = cut(kind, self.space.said[one]).values
                fields[one] = next(
                    (v for v in values if v not in (given or [fields[other]])), MISSING
                )

    def request(self, release: Release, side: int) -> Request:
        """The request as one release's catalogue sees it, with what is given on its side."""
        plan = release.plans.get(self.action)
        fields = self.fields | self.space.known_on(side)
        if plan is not None:
            fields["tool.labels"] = plan.action.labels
            fields["tool.risk"] = plan.action.risk.word
        names = {
            name: f"s-{write(value)}"
            for name, value in fields.items()
            if name.startswith("args.") and not isinstance(value, tuple | CannotTell)
            and value is not ABSENT
        }  # fmt: skip
        strange = ("args.something_else",) if self.option("undeclared") else ()
        return Request(self.action, fields, strange, self.option("attested"), names)

    def facts(self, release: Release, request: Request) -> dict[FactQuery, Total]:
        """What happened before, as chosen, for everything a release asks."""
        plan = release.plans.get(self.action)
        facts: dict[FactQuery, Total] = dict.fromkeys(needs(release, request, self.moment), NOTHING)
        if plan is None:
            return facts
        context = Context(request, {}, self.moment)
        for candidate in release.candidates(self.action):
            for past in candidate.pasts:
                facts |= self._seen(past, request, context)
        for cap in plan.caps:
            for query in cap_queries(cap, request.fields, context):
                total = self._used(cap, request)
                if total is None:
                    facts.pop(query, None)
                else:
                    facts[query] = total
        if plan.extras is not None:
            self._extra_facts(plan.extras, request, context, facts)
        return facts

    def _extra_facts(
        self, extras: Extras, request: Request, context: Context, facts: dict[FactQuery, Total]
    ) -> None:
        for part in extras.risk.parts if extras.risk is not None else ():
            for past in part.pasts:
                facts |= self._seen(past, request, context)
        for rollout in extras.rollouts:
            side = self.option(("side", rollout.gradual.series), "old")
            for query in rollout.queries(request.fields, context):
                if query.key == STOPPED and side == "both":
                    facts.pop(query, None)
                elif query.key == STOPPED:
                    stopped = side == "old"
                    facts[query] = Total(Decimal(stopped), int(stopped))

    def _seen(self, past: Past, request: Request, context: Context) -> dict[FactQuery, Total]:
        history, out = past.history, {}
        windows = self.space.windows(history.series)
        seen = self.option(("past", history.series))
        for query in past.queries(request.fields, context):
            answer = seen[windows.index(history.in_last)] if seen else False
            counts = answer if query.series == history.confirmed_series else answer is not False
            once = bool(counts) and query.key != UNKNOWN_KEY
            out[query] = Total(Decimal(once), int(once))
        return out

    def _used(self, cap: Cap, request: Request) -> Total | None:
        """The total before this request, such that with it as many thresholds are passed as chosen;
        None where it was chosen that it cannot be told."""
        chosen = self.option(("used", cap.limit.series))
        if chosen is None or chosen == UNKNOWN:
            return None
        windows = self.space.caps[cap.limit.series]
        own = _own(cap.limit, request)
        least = Decimal(0)
        for window, level in chosen.items():
            if level and (window == _window(cap) or _inside(window, _window(cap))):
                least = max(least, sorted(windows[window])[level - 1] + _step(cap.limit))
        return Total(max(Decimal(0), least - own), 1)

    def cells(self, request: Request) -> dict[str, str]:
        """What was chosen, in words, without what is as always."""
        hidden = {
            f"args.{name}" for a in self.declared for name, arg in a.args.items()
            if arg.cls == "identity"
        }  # fmt: skip
        out = {}
        for name in self.space.models:
            if name in self.known:
                continue
            value = request.fields.get(name)
            if name not in AGENT or value != AGENT[name]:
                out[name] = (
                    "not shown here (an identity)"
                    if name in hidden and value is not ABSENT and not isinstance(value, CannotTell)
                    else told(value)
                )
        if self.lacks is not None:
            out["context.obligations_supported"] = f"without {self.lacks.id}"
        if request.undeclared:
            out["undeclared"] = "an argument that the catalogue does not know"
        if self.space.space.named.get("attested") in self._used_numbers() and not request.attested:
            out["attested"] = "no"
        if self.moment != self.space.at:
            out["time"] = self.moment.isoformat(timespec="seconds")
        out |= self._past_cells()
        return out

    def _used_numbers(self) -> set[int]:
        return {number for cube in self.space.space.cubes for number in cube}

    def _past_cells(self) -> dict[str, str]:
        out = {}
        for release in self.releases:
            plan = release.plans.get(self.action)
            for cap in plan.caps if plan else ():
                chosen = self.option(("used", cap.limit.series))
                if chosen == UNKNOWN:
                    out[f"limits.{cap.policy}/{cap.limit.id}"] = UNKNOWN
                elif chosen and any(chosen.values()):
                    out[f"limits.{cap.policy}/{cap.limit.id}"] = "used up"
            for candidate in release.candidates(self.action):
                for past in candidate.pasts:
                    seen = self.option(("past", past.history.series))
                    windows = self.space.windows(past.history.series)
                    answer = seen[windows.index(past.history.in_last)] if seen else False
                    if answer is not False and seen:
                        said = UNKNOWN if answer is None else "happened"
                        out[f"history.{candidate.policy}/{candidate.rule.id}"] = said
        return out


def _own(limit: Limit, request: Request) -> Decimal:
    if limit.measure is None:
        return Decimal(1)
    weight = _weight(request.fields.get(limit.measure, MISSING), limit.unit)
    return Decimal(0) if isinstance(weight, str) else weight


def _inside(one: tuple[object, ...], other: tuple[object, ...]) -> bool:
    return (
        isinstance(one[1], timedelta) and isinstance(other[1], timedelta) and one[1] <= other[1]
    ) or (one[0] == "day" and isinstance(other[1], timedelta) and other[1] >= timedelta(hours=25))


def _step(limit: Limit) -> Decimal:
    if limit.measure is None:
        return Decimal(1)
    return Decimal("0.01") if isinstance(limit.at_most, Money) else Decimal("0.001")


def _ordinary(kind: Any) -> Value:
    values = cut(kind, ()).values
    return () if kind.many else values[0]


def told(value: Value | None) -> str:
    """A value of a witness in words."""
    if value is ABSENT:
        return "not given"
    if value is None or isinstance(value, CannotTell):
        return "cannot be told"
    if isinstance(value, tuple):
        return words.joined([words.value(item) for item in value]) or "nothing"
    return words.value(_scalar(value))


def _scalar(value: Any) -> Scalar:
    found: Scalar = value
    return found


__all__ = ["Witness", "plainest", "told", "witness"]
