"""How long the log is kept and what is held: decided by people, each decision an entry.

Law: six months are the floor; keeping less than before, cutting by a schedule and lifting a hold take
two people, keeping more and holding take one. A hold keeps what it names, and what lies after it in
the log, and its data subject from being erased.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal

import orjson

from governance.oversight import cuts, people, retention
from governance.oversight.commands import Facts, Proposal
from governance.oversight.entries import HOLDS
from governance.oversight.errors import Refused
from governance.oversight.model import Duty, Hold, RetentionRules, State
from governance.oversight.times import write
from governance.service import backing_up
from governance.service.acting import Act, Texts, do, one, person, stated
from governance.service.desk import Caller, Desk
from governance.service.problem import Problem
from governance.service.subjects import subject_of

_PSEUDONYM: Final = re.compile(r"s-[a-z2-7]{26}|p-[a-z0-9]{10}").fullmatch
RIGHT: Final = "decide about retention"


def show(desk: Desk, caller: Caller) -> dict[str, Any]:
    """Classes, rules, holds and the last cut, and what waits for a second person.

    `{floor_days, minimum, rules, waiting, classes: [{name, holds, days}], holds: [...], asked, cut}`.
    """
    known = desk.state.retention
    return {
        "floor_days": retention.FLOOR_DAYS,
        "minimum": known.minimum,
        "rules": _rules(known.rules),
        "waiting": None if known.waiting is None else _rules(known.waiting.rules),
        "classes": [
            {"name": name, "holds": said, "days": retention.days_of(known.rules, name)}
            for name, said in retention.CLASSES.items()
        ],
        "holds": [_hold(each) for _, each in sorted(known.holds.items())],
        "asked": None
        if known.asked is None
        else {
            "entry": known.asked.index,
            "minimum": known.asked.minimum,
            "asked_by": known.asked.person,
            "at": write(known.asked.at),
        },
        "cut": None
        if known.cut is None
        else {
            "entry": known.cut.index,
            "minimum": known.cut.minimum,
            "at": write(known.cut.at),
            "last_at": known.cut.last_at,
            "overwritten": known.overwritten,
        },
        "copies_until": {
            "values": _stamp(backing_up.values_copied_until(desk)),
            "log": _stamp(backing_up.log_copied_until(desk)),
        },
    }


def set_rules(
    desk: Desk,
    caller: Caller,
    *,
    classes: Mapping[str, int | None],
    duty: Mapping[str, Any] | Literal["as it is"] | None = "as it is",
    schedule: bool | None = None,
    reason: str | None = None,
) -> dict[str, Any]:
    """Say for how many days classes are kept (None: for ever); classes not named stay as they are.

    `duty` is `{law, days}`, a longer duty of the sector, or None for none; `schedule` lets a daily job
    cut by these rules; both stay as they are when not given. Rules that keep less wait for a second
    person; rules that waited until now are dropped. Returns `{retention, state: in_force | waits}`,
    and then `dropped`, their entry. Compliance officers and administrators. Raises `Problem`.
    """
    who, texts = person(caller), Texts.of(reason=reason)
    asked = _classes(classes)
    law = None if duty == "as it is" else _duty(duty)

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        people.require(state, who, RIGHT)
        old = state.retention.rules
        days = {name: n for name in retention.CLASSES if (n := retention.days_of(old, name))}
        days |= {name: n for name, n in asked.items() if n is not None}
        days = {name: n for name, n in days.items() if asked.get(name, n) is not None}
        kept = law
        if duty == "as it is" and old is not None:
            kept = old.duty
        retention.require_rules(days, kept)
        data: dict[str, Any] = {
            "person": who,
            "classes": days,
            "duty": None if kept is None else {"law": kept.law, "days": kept.days},
            "schedule": old is not None and old.schedule if schedule is None else schedule,
            "pending": False,
            "alone": state.single_person,
        }
        new = retention.rules_in(index, data, (who,))
        data["pending"] = retention.keeps_less(old, new) and not state.single_person
        answer = {"retention": index, "state": "waits" if data["pending"] else "in_force"}
        if state.retention.waiting is not None:
            answer["dropped"] = state.retention.waiting.index
        return one("retention.set", at, caller, index, data, answer, texts)

    return do(desk, Act(who, run))


def confirm(desk: Desk, caller: Caller, number: int) -> dict[str, Any]:
    """Put waiting rules into force, as the second person. Returns `{retention, state}`."""
    who = person(caller)

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        people.require(state, who, RIGHT)
        wish = retention.waiting(state, number)
        if who in wish.rules.people:
            raise Refused(
                "needs-another", "you proposed these rules; it takes another person to confirm them"
            )
        duty = wish.rules.duty
        data = {
            "refs": {"retention": number},
            "person": who,
            "classes": dict(sorted(wish.rules.classes.items())),
            "duty": None if duty is None else {"law": duty.law, "days": duty.days},
            "schedule": wish.rules.schedule,
            "pending": False,
            "alone": False,
        }
        return one(
            "retention.set", at, caller, index, data, {"retention": index, "state": "in_force"}
        )

    return do(desk, Act(who, run))


def hold(
    desk: Desk,
    caller: Caller,
    *,
    scope: str,
    scope_id: str | None = None,
    subject_type: str | None = None,
    first: int | None = None,
    last: int | None = None,
    reason: str,
) -> dict[str, Any]:
    """Place a legal hold on a decision, an agent, a data subject or a range of entries.

    A data subject is named by `subject_type` and the value as in an erasure, or by pseudonym.
    One person is enough. Returns `{hold, scope}`. Raises `Problem`.
    """
    who, texts = person(caller), Texts.of(reason=stated(reason))
    named = _scope(desk, scope, scope_id, subject_type, first, last)

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        people.require(state, who, RIGHT)
        start = _start_of(named)
        if start is not None and start < state.retention.minimum:
            raise Refused(
                "pruned",
                f"entry `{start}` was pruned: the log keeps its entries from "
                f"`{state.retention.minimum}` on",
                field="scope",
            )
        if (named.get("last") or start or 0) >= index:
            raise Refused(
                "unknown", f"there is no entry `{named.get('last', start)}`", field="scope"
            )
        data = {"scope": named, "person": who}
        return one(
            "retention.held", at, caller, index, data, {"hold": index, "scope": named}, texts
        )

    return do(desk, Act(who, run))


def release(desk: Desk, caller: Caller, number: int, *, reason: str) -> dict[str, Any]:
    """Ask to lift a legal hold, or, as the second person, lift it.

    Returns `{hold, state: release_asked | released}`. The only person of a workspace lifts alone.
    """
    who, texts = person(caller), Texts.of(reason=stated(reason))

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        people.require(state, who, RIGHT)
        found = retention.hold(state, number)
        data: dict[str, Any] = {"refs": {"retention": number}, "person": who}
        if number < 0:
            # placed in the log this one was restored from; there is no entry here to refer to
            data |= {"refs": {}, "older": str(number)}
        if people.second(state, who, found.asked_by, "lift this hold"):
            data["alone"] = state.single_person
            answer = {"hold": number, "state": "released"}
            return one("retention.released", at, caller, index, data, answer, texts)
        answer = {"hold": number, "state": "release_asked"}
        return one("retention.release_asked", at, caller, index, data, answer, texts)

    return do(desk, Act(who, run))


def holding(desk: Desk, subject: str) -> Hold | None:
    """The first legal hold that keeps what is known about a data subject from being erased."""
    holds = sorted(desk.state.retention.holds.items())
    if not holds:
        return None
    about = desk.vault.entries_about(subject)
    for _, each in holds:
        if each.scope == "subject":
            if each.scope_id == subject:
                return each
        elif any(covers(desk, each, index) for index in about):
            return each
    return None


def covers(desk: Desk, each: Hold, index: int) -> bool:
    """Whether a hold keeps the values of an entry; whose it was, if it cannot be read, is not doubted."""
    if each.scope != "agent":
        return cuts.covers(each, index, b"", {})
    try:
        raw = desk.reader.entry_bytes(index) if index >= 0 else b""
    except IndexError:
        raw = b""
    return not raw or cuts.covers(each, index, raw, orjson.loads(raw))


def _scope(
    desk: Desk,
    scope: str,
    scope_id: str | None,
    subject_type: str | None,
    first: int | None,
    last: int | None,
) -> dict[str, Any]:
    """The scope as it is recorded. Raises `Problem`."""
    if scope not in HOLDS:
        raise Problem(
            "bad-field", f"`{scope}` is no scope; expected {', '.join(HOLDS)}", field="scope"
        )
    if scope == "range":
        if first is None or last is None or not 0 <= first <= last:
            raise Problem(
                "bad-field",
                "a range has a `first` and a `last` entry, in this order",
                field="first",
            )
        return {"type": scope, "first": first, "last": last}
    if not scope_id:
        raise Problem("bad-field", f"say which {scope} to hold", field="id")
    if scope == "decision":
        number = int(scope_id) if scope_id.isascii() and scope_id.isdecimal() else -1
        if number < 0 or desk.reader.decision(number) is None:
            raise Problem("unknown", f"there is no decision `{scope_id}`", field="id")
        return {"type": scope, "id": str(number)}
    if scope == "agent":
        if scope_id not in desk.state.agents:
            raise Problem("unknown", f"there is no agent `{scope_id}`", field="id")
        return {"type": scope, "id": scope_id}
    if subject_type is None and _PSEUDONYM(scope_id) is not None:
        if scope_id not in desk.state.people and not desk.vault.knows(scope_id):
            raise Problem("unknown", f"nothing is known about `{scope_id}`", field="id")
        return {"type": scope, "id": scope_id}
    if subject_type is None:
        raise Problem(
            "bad-field", "say what kind of data subject it is, such as payee", field="subject_type"
        )
    return {"type": scope, "id": subject_of(desk, subject_type, scope_id)}


def _start_of(scope: Mapping[str, Any]) -> int | None:
    if scope["type"] == "range":
        return int(scope["first"])
    return int(scope["id"]) if scope["type"] == "decision" else None


def _classes(given: Mapping[str, Any]) -> dict[str, int | None]:
    if not isinstance(given, Mapping):
        raise Problem("bad-field", "`classes` must be an object: class to days", field="classes")
    for name, days in given.items():
        if name not in retention.CLASSES:
            known = ", ".join(retention.CLASSES)
            raise Problem(
                "bad-field", f"`{name}` is no retention class; expected {known}", field="classes"
            )
        if days is not None and (type(days) is not int or not 1 <= days <= retention.MOST_DAYS):
            raise Problem(
                "bad-field",
                f"`{name}` must be a number of days up to {retention.MOST_DAYS}, or null for ever",
                field="classes",
            )
    return dict(given)


def _duty(given: Mapping[str, Any] | None) -> Duty | None:
    if given is None:
        return None
    law, days = given.get("law"), given.get("days")
    if type(law) is not str or not law or any(letter.isspace() for letter in law):
        raise Problem(
            "bad-field", "`duty.law` names the law as one word, such as hgb-257", field="duty"
        )
    if type(days) is not int or not 1 <= days <= retention.MOST_DAYS:
        raise Problem(
            "bad-field",
            f"`duty.days` is a number of days up to {retention.MOST_DAYS}",
            field="duty",
        )
    return Duty(law, days)


def _rules(rules: RetentionRules | None) -> dict[str, Any] | None:
    if rules is None:
        return None
    duty = rules.duty
    return {
        "entry": rules.index,
        "classes": dict(sorted(rules.classes.items())),
        "duty": None if duty is None else {"law": duty.law, "days": duty.days},
        "schedule": rules.schedule,
        "decided_by": list(rules.people),
    }


def _hold(each: Hold) -> dict[str, Any]:
    return {
        "hold": each.index,
        "scope": each.scope,
        "id": each.scope_id,
        "first": each.first,
        "last": each.last,
        "placed_by": each.person,
        "at": write(each.at),
        "release_asked_by": each.asked_by,
    }


def _stamp(at: datetime | None) -> str | None:
    return None if at is None else write(at)
