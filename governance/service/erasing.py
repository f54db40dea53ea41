"""Erasing a person's data: the values and their key go, the proofs and the counts stay.

Law: erasing never lowers a count and never breaks a proof; what was erased cannot be read again by
anybody, and the log says when, by whom and on what ground (GDPR Article 17).
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from time import monotonic, sleep
from typing import Any, Final

from governance.engine.compile import Release
from governance.engine.reach import histories_of
from governance.oversight.commands import Facts, Proposal
from governance.oversight.model import State
from governance.oversight.times import micros, write
from governance.service import backing_up, committing, retaining
from governance.service.acting import Act, Texts, allowed, do, one
from governance.service.desk import SERVICE, Caller, Desk
from governance.service.problem import Problem
from governance.service.subjects import PERSON, subject_of
from governance.store.accounts import AccountStore

UNDER_WAY: Final = 3.0
"""Seconds within which a service that erases records it."""

_GROUND: Final = re.compile(r"[a-z][a-z0-9_.-]{0,99}").fullmatch


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
    Returns `{subject, values, entry, copies_until}`; `values` is how many values were erased, and
    until `copies_until` a backup may still hold them (None: there is no copy).
    """
    who, texts = allowed(desk, caller, "erase data"), Texts.of(note=note)
    if type(ground) is not str or _GROUND(ground) is None:
        raise Problem("bad-field", "`ground` must be a word such as gdpr-17-1-b", field="ground")
    subject = subject_of(desk, subject_type, value)
    held = retaining.holding(desk, subject)
    if held is not None:
        raise Problem(
            "conflict",
            f"legal hold `{held.index}` keeps what is known about this {subject_type}; a claim in law "
            "comes before erasure (GDPR Article 17(3)(e)). Two people lift the hold, then it is erased",
        )
    values = desk.vault.erase(subject)
    committing.forget()
    if subject_type == PERSON:
        AccountStore(desk.workspace.vault_engine).forget(subject)

    until = _copies_until(desk)

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        data = {"subject": subject, "ground": ground, "values": values, "copies_until": until}
        answer = {"subject": subject, "values": values, "entry": index, "copies_until": until}
        return one("data.erased", at, caller, index, data, answer, texts)

    done = do(desk, Act(who, run))
    desk.vault.recorded(subject, done["entry"])
    return done


def _copies_until(desk: Desk) -> str | None:
    until = backing_up.values_copied_until(desk)
    return None if until is None else write(until)


def forget(desk: Desk) -> int:
    """Drop the keyed look-ups of people erased longer ago than any rule in force looks back.

    Until then a returning value keeps its pseudonym, so that erasing resets no limit. Returns how many
    were dropped; none while a rule looks back for ever. A daily job.
    """
    release = desk.state.release
    if release is None:
        return desk.vault.drop_lookups(micros(desk.now()))
    back, for_ever = longest_look(desk.releases.get(release).release)
    return 0 if for_ever else desk.vault.drop_lookups(micros(desk.now() - back))


def longest_look(release: Release) -> tuple[timedelta, bool]:
    """How far back the rules and limits of a release look, and whether any looks back for ever."""
    windows: list[timedelta | None] = [timedelta(days=2)]  # a calendar day, in any time zone
    for file in release.bundle.files:
        windows += [limit.window for limit in file.limits if limit.window is not None]
        windows += [past.in_last for rule in file.rules for past in histories_of(rule.when)]
    if release.bundle.risk is not None:
        factors = release.bundle.risk.factors
        windows += [past.in_last for each in factors for past in histories_of(each.when)]
    bounded = [window for window in windows if window is not None]
    return max(bounded), len(bounded) < len(windows)


def finish_unrecorded(desk: Desk) -> int:
    """Record erasures that were carried out just before a crash; how many.  At start-up."""
    left = desk.vault.unrecorded()
    until = monotonic() + UNDER_WAY
    while desk.workspace.shared and left and monotonic() < until:
        sleep(0.1)  # another service may be about to record it itself
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
            data = {
                "subject": subject,
                "ground": "recorded-after-restart",
                "values": values,
                "copies_until": _copies_until(desk),
            }
            return one("data.erased", at, SERVICE, index, data, {"entry": index})

        done = do(desk, Act("service", run))
        desk.vault.recorded(subject, done["entry"])
    return len(left)
