"""Erasing a person's data: the values and their key go, the proofs and the counts stay.

Law: erasing never lowers a count and never breaks a proof; what was erased cannot be read again by
anybody, and the log says when, by whom and on what ground (GDPR Article 17).
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any, Final

from governance.engine.compile import Release
from governance.engine.reach import histories_of
from governance.oversight.commands import Facts, Proposal
from governance.oversight.model import State
from governance.oversight.times import micros
from governance.service import committing
from governance.service.acting import Act, Texts, allowed, do, one
from governance.service.desk import SERVICE, Caller, Desk
from governance.service.problem import Problem
from governance.store.accounts import AccountStore

PERSON: Final = "person"
_GROUND: Final = re.compile(r"[a-z][a-z0-9_.-]{0,99}").fullmatch
_PERSON: Final = re.compile(r"p-[a-z0-9]{10}").fullmatch


def erase(
    desk: Desk,
    caller: Caller,
    *,
    subject_type: str,
    value: str,
    ground: str,
    note: str | None = None,
) -> dict[str, Any]:
    """Erase what is kept about one data subject.

    `subject_type` is the kind of subject as the catalogue names it (`payee`) and `value` what is
    known about them (an IBAN); or `person` and the pseudonym `p-...` of somebody who left.
    `ground` is a word such as `gdpr-17-1-b`.  Compliance officers and administrators.
    Returns `{subject, values, entry}`; `values` is how many values were erased.
    """
    who, texts = allowed(desk, caller, "erase data"), Texts.of(note=note)
    if type(ground) is not str or _GROUND(ground) is None:
        raise Problem("bad-field", "`ground` must be a word such as gdpr-17-1-b", field="ground")
    subject = _subject(desk, subject_type, value)
    values = desk.vault.erase(subject)
    committing.forget()
    if subject_type == PERSON:
        AccountStore(desk.workspace.vault_engine).forget(subject)

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        data = {"subject": subject, "ground": ground, "values": values}
        answer = {"subject": subject, "values": values, "entry": index}
        return one("data.erased", at, caller, index, data, answer, texts)

    done = do(desk, Act(who, run))
    desk.vault.recorded(subject, done["entry"])
    return done


def _subject(desk: Desk, kind: str, value: str) -> str:
    if kind == PERSON:
        if type(value) is not str or _PERSON(value) is None:
            raise Problem("bad-field", f"`{value}` is no pseudonym of a person", field="value")
        if value in desk.state.people:
            raise Problem(
                "conflict", f"`{value}` is an active person; they leave before they are erased"
            )
        return value
    for normal in _spellings(desk, kind, value):
        found = desk.vault.find(kind, normal)
        if found is not None:
            return found
    kinds = _kinds(desk)
    if kind not in kinds:
        raise Problem(
            "bad-field",
            f"`{kind}` is no kind of person here; expected {', '.join(sorted(kinds | {PERSON}))}",
            field="subject_type",
        )
    raise Problem(
        "unknown",
        f"nothing is kept about this {kind}; check the spelling of the value",
        field="value",
    )


def _kinds(desk: Desk) -> set[str]:
    """The kinds of data subjects that the catalogue in force knows."""
    release = desk.state.release
    if release is None:
        return set()
    actions = desk.releases.get(release).release.bundle.catalogue.actions.values()
    return {
        arg.about
        for action in actions
        for arg in (*action.args.values(), *action.claims.values())
        if arg.cls == "identity"
    }


def _spellings(desk: Desk, kind: str, value: str) -> list[str]:
    """The value as given, and as every argument about this kind of subject normalises it."""
    spellings = [value]
    release = desk.state.release
    if release is None:
        return spellings
    for action in desk.releases.get(release).release.bundle.catalogue.actions.values():
        for arg in (*action.args.values(), *action.claims.values()):
            if arg.cls == "identity" and arg.about == kind:
                normal = arg.type.one(value)
                if isinstance(normal, str) and normal not in spellings:
                    spellings.append(normal)
    return spellings


def forget(desk: Desk) -> int:
    """Drop the keyed look-ups of people erased longer ago than any rule in force looks back.

    Until then a returning value keeps its pseudonym, so that erasing resets no limit. Returns how many
    were dropped; none while a rule looks back for ever. A daily job.
    """
    release = desk.state.release
    back = timedelta(0) if release is None else _longest_look(desk.releases.get(release).release)
    return 0 if back is None else desk.vault.drop_lookups(micros(desk.now() - back))


def _longest_look(release: Release) -> timedelta | None:
    """How far back the rules and limits of a release look; None when one has no bound."""
    windows: list[timedelta | None] = [timedelta(days=2)]  # a calendar day, in any time zone
    for file in release.bundle.files:
        windows += [limit.window for limit in file.limits if limit.window is not None]
        windows += [past.in_last for rule in file.rules for past in histories_of(rule.when)]
    bounded = [window for window in windows if window is not None]
    return max(bounded) if len(bounded) == len(windows) else None


def finish_unrecorded(desk: Desk) -> int:
    """Record erasures that were carried out just before a crash; how many.  At start-up."""
    left = desk.vault.unrecorded()
    for erasure in left:
        subject, values = erasure.subject, erasure.values

        def run(
            state: State,
            facts: Facts,
            at: datetime,
            index: int,
            subject: str = subject,
            values: int = values,
        ) -> Proposal:
            data = {"subject": subject, "ground": "recorded-after-restart", "values": values}
            return one("data.erased", at, SERVICE, index, data, {"entry": index})

        done = do(desk, Act("service", run))
        desk.vault.recorded(subject, done["entry"])
    return len(left)
