"""A decision with something else: which facts a person may suppose, and what that changes.

Law: a value is read as the catalogue reads an agent's, so that nothing can be supposed that could not
be asked; every total that was not kept for the decision is named, never made up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from governance.engine import unclear
from governance.engine.compile import Plan, Release
from governance.engine.decide import needs
from governance.engine.keys import Context
from governance.engine.model import (
    ABSENT,
    NOTHING,
    CannotTell,
    FactQuery,
    Money,
    Request,
    Total,
    Value,
)
from governance.engine.reach import histories_of
from governance.engine.shape import nearest
from governance.engine.totals import cap_queries
from governance.engine.values import Type
from governance.service.problem import Problem

_YES: Final = {"yes": True, "true": True, "no": False, "false": False}


@dataclass(frozen=True, slots=True)
class Supposed:
    """The request, the facts and the time as supposed, and what was not known."""

    request: Request
    facts: Mapping[FactQuery, Total]
    at: datetime
    notes: tuple[str, ...]


def changed(
    release: Release,
    request: Request,
    facts: Mapping[FactQuery, Total],
    cells: Mapping[str, str],
    at: datetime,
) -> Supposed:
    """`request` with the fields that `cells` name, and with the totals that they say.

    `args.amount: 400 EUR`, `agent.autonomy: L3`, `session.labels: [private]`, `time.hour: 9`,
    `limits.LIM-1: 900 EUR` (used so far), `history.PAY-005: yes` (what the rule looks back for
    happened, and was confirmed), `at: 2026-11-21T09:00:00Z`. An empty text leaves an argument out.
    """
    plan = release.plans.get(request.action)
    if plan is None:
        raise Problem("unknown", f"the action `{request.action}` is not in the catalogue")
    fields, notes = dict(request.fields), list[str]()
    for name, text in cells.items():
        require_clear(name, text)
        if name == "at":
            at = _moment(text)
        elif not name.startswith(("limits.", "history.")):
            fields[name] = _field(plan, name, text)
            declared = plan.action.declared(name)
            if declared is not None and declared.cls == "identity":
                notes.append(
                    f"what was counted for another {declared.about} is not looked at: limits and "
                    f"histories per `{name}` go on as they were"
                )
    supposed = replace(request, fields=fields)
    context = Context(supposed, facts, at)
    wanted = needs(release, supposed, at)
    known = {query: facts.get(query, NOTHING) for query in wanted}
    if any(query not in facts for query in wanted):
        notes.append("totals that the service did not keep for this decision count as empty")
    for name, text in cells.items():
        if name.startswith("limits."):
            known |= _limit(plan, name, text, supposed, context)
        elif name.startswith("history."):
            known |= _history(release, plan, name, text, supposed, context)
    return Supposed(supposed, known, at, tuple(dict.fromkeys(notes)))


def require_clear(name: str, text: str) -> None:
    """Raise `Problem` for an amount that may be two, such as `10.000 EUR`."""
    wrong, hint = unclear.says(text.strip())
    if wrong:
        raise Problem("bad-field", f"{wrong} {hint}", field=name)


def _moment(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Problem(
            "bad-field", f"`{text}` is no time; write 2026-10-01T09:00:00Z", field="at"
        ) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _field(plan: Plan, name: str, text: str) -> Value:
    kind = plan.action.type_of(name)
    if kind is None or name.startswith("tool."):
        known = [f"args.{arg}" for arg in plan.action.args]
        hint = nearest(name, known) or (f"it has {', '.join(known)}" if known else "")
        raise Problem(
            "bad-field", f"`{plan.action.name}` has no `{name}`{f'; {hint}' if hint else ''}",
            field=name,
        )  # fmt: skip
    declared = plan.action.declared(name)
    if not text and declared is not None and not declared.required:
        return ABSENT if declared.default is None else declared.default
    value = _read(kind, text)
    if isinstance(value, CannotTell):
        raise Problem(
            "bad-field", f"`{text}` does not fit `{name}`, which is a {kind.kind}", field=name
        )
    return value


def _read(kind: Type, text: str) -> Value:
    raw: Any = text
    if kind.many:
        raw = [part.strip() for part in text.strip("[]").split(",") if part.strip()]
    elif kind.name == "boolean":
        raw = _YES.get(text.lower(), text)
    elif kind.name in ("integer", "count", "number") and re.fullmatch(r"-?\d+(\.\d+)?", text):
        raw = Decimal(text) if "." in text else int(text)
    if kind.name == "path":
        return kind.read(raw, None, None)
    return kind.read(raw)


def _limit(
    plan: Plan, name: str, text: str, request: Request, context: Context
) -> Iterator[tuple[FactQuery, Total]]:
    wanted = name.removeprefix("limits.")
    caps = [cap for cap in plan.caps if cap.limit.id == wanted]
    if not caps:
        known = [f"limits.{cap.limit.id}" for cap in plan.caps]
        raise Problem(
            "bad-field", f"no limit `{wanted}` counts this action; {_there(known)}", field=name
        )
    for cap in caps:
        most = cap.limit.at_most
        amount = _amount(text, cap.limit.unit if isinstance(most, Money) else "", name)
        for query in cap_queries(cap, request.fields, context):
            yield query, Total(amount, 1 if amount else 0)


def _amount(text: str, unit: str, name: str) -> Decimal:
    """What was used: a number, with or without the limit's unit behind it."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?(\S*)", text.strip())
    if found is None or found[2] not in ("", unit):
        such = f"900 {unit}".strip()
        raise Problem("bad-field", f"`{text}` is not what was used; write `{such}`", field=name)
    return Decimal(found[1])


def _history(
    release: Release, plan: Plan, name: str, text: str, request: Request, context: Context
) -> Iterator[tuple[FactQuery, Total]]:
    wanted = name.removeprefix("history.")
    if text.lower() not in _YES:
        raise Problem("bad-field", f"`{name}` is yes or no", field=name)
    total = Total(Decimal(1), 1) if _YES[text.lower()] else NOTHING
    found = False
    for candidate in release.candidates(request.action):
        histories = (
            () if isinstance(candidate.condition, bool) else histories_of(candidate.condition)
        )
        for past in candidate.pasts:
            if candidate.rule.id == wanted or wanted in past.history.actions:
                found = bool(histories)
                for number, query in enumerate(past.queries(request.fields, context)):
                    yield query, total if number < 2 else NOTHING
    if not found:
        known = sorted(
            {f"history.{c.rule.id}" for c in release.candidates(request.action) if c.pasts}
        )
        raise Problem(
            "bad-field", f"no rule here looks back for `{wanted}`; {_there(known)}", field=name
        )


def _there(known: list[str]) -> str:
    return f"there are {', '.join(f'`{each}`' for each in known)}" if known else "there is none"
