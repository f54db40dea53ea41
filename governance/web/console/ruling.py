"""Policies, proposals and releases, read from the desk for their pages.

Law: what is shown about a proposal is what was kept with it, never found out anew: whoever signs is
bound to exactly that. What is shown about a policy is the release in force.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from governance.oversight.times import from_micros, parse
from governance.service import accepting, proposals, shares
from governance.service.people import name_of
from governance.service.problem import Problem
from governance.web.console import proposed, proposed_words, ruled_files
from governance.web.console.framing import allowed
from governance.web.console.framing import to_sign as to_sign_of
from governance.web.console.rule_views import (
    BackView,
    PoliciesView,
    PolicyRow,
    PolicyView,
    ProposalView,
    ReleaseRow,
)
from governance.web.console.ruled_files import RuledFile
from governance.web.console.saying import sentence
from governance.web.console.views import May, ProposalRow, Verdict

if TYPE_CHECKING:
    from governance.service.desk import Desk
    from governance.service.releases import Ready

LOOKED: Final = 1_000
"""Newest decisions that are looked at for when a rule last spoke."""
_STATES: Final = {
    "waiting": Verdict("ask", "Waits for a signature"),
    "expired": Verdict("plain", "Overtaken by another release"),
    "released": Verdict("allow", "Released"),
    "refused": Verdict("deny", "Refused"),
    "withdrawn": Verdict("plain", "Withdrawn"),
}
_ORIGINS: Final = {"files": "", "rollback": "Back to an earlier release", "list": "A newer list"}
Fired = Mapping[str, tuple[int, datetime]]


def policies(desk: Desk, person: str) -> PoliciesView:
    """All policies in force, proposals, and what was in force before."""
    state = desk.state
    rows = [_proposal_row(desk, row) for row in proposals.listed(desk, 40)["proposals"]]
    files: tuple[RuledFile, ...] = ()
    findings: Mapping[str, list[str]] = {}
    fired: Fired = {}
    if state.release is not None:
        files = ruled_files.files(_ready(desk).release.bundle)
        findings, fired = _findings(desk), _fired(desk)
    by_share = _shares(desk)
    return PoliciesView(
        release=(state.release or "")[:12],
        rows=tuple(
            replace(
                _row(desk, file, findings, fired),
                gradual=by_share.get(ruled_files.name_of(file), ""),
            )
            for file in files
        ),
        waiting=tuple(row for row in rows if row.state is _STATES["waiting"]),
        over=tuple(row for row in rows if row.state is not _STATES["waiting"])[:10],
        history=_history(desk)[:20],
        looked=LOOKED,
        may_go_back=allowed(state, person, "sign policies"),
        refuted=proposals.refuted(desk),
    )


def to_sign(desk: Desk, person: str) -> tuple[ProposalRow, ...]:
    """The proposals that this person may sign, oldest first."""
    found = to_sign_of(desk.state, person)
    return tuple(_proposal_row(desk, proposals.row(desk, index)) for index in found)


def policy(desk: Desk, name: str) -> PolicyView:
    """One file in force: its rules in words, its exceptions, its cases, what a check said."""
    if desk.state.release is None:
        raise Problem("unknown", "no policy is in force")
    release = _ready(desk).release
    every = ruled_files.files(release.bundle)
    file = next((each for each in every if ruled_files.name_of(each) == name), None)
    if file is None:
        raise Problem("unknown", f"there is no policy `{name}` in force")
    fired, findings = _fired(desk), _findings(desk)
    row = _row(desk, file, findings, fired)
    made = ruled_files.view(file, release.catalogue.actions, desk.now().date(), row)
    return replace(
        made,
        row=replace(row, gradual=_shares(desk).get(name, "")),
        rules=tuple(
            replace(rule, fired=at, fired_by=by)
            for rule in made.rules
            for at, by in (_last(fired, f"{name}/{rule.id}"),)
        ),
        findings=tuple(findings.get(file.path, ())),
        changes=_changes(desk, file.path),
        looked=LOOKED,
    )


def proposal(desk: Desk, person: str, index: int) -> ProposalView:
    """One proposal with everything that was found out about it."""
    told = proposals.show(desk, index)
    row = _proposal_row(desk, told)
    is_open = told["state"] == "waiting"
    mine = told["proposed_by"] == person and not desk.state.single_person
    may = sign = allowed(desk.state, person, "sign policies")
    if may.yes and mine:
        sign = May(False, "You proposed this; another person signs it.")
    elif may.yes and (unseen := accepting.unseen(told["attached"])):
        sign = May(False, sentence(unseen))
    back = allowed(desk.state, person, "propose policies")
    if told["proposed_by"] != person:
        back = May(False, "")
    refuse = May(False, "") if back.yes else may  # whoever made it takes it back
    return proposed.view(
        told,
        row,
        is_open=is_open,
        ended=_ended(desk, told),
        may=(sign, refuse, back) if is_open else (May(False), May(False), May(False)),
        changes=proposed_words.view(desk, index),
    )


def way_back(desk: Desk, person: str, release: str) -> BackView:
    """A release that was in force and may be again."""
    wanted = proposals.earlier(desk, release)
    row = next(row for row in proposals.released(desk) if row["release"] == wanted)
    return BackView(
        _release_row(desk, row),
        (desk.state.release or "")[:12],
        allowed(desk.state, person, "sign policies"),
    )


def _ready(desk: Desk) -> Ready:
    assert desk.state.release is not None
    return desk.releases.get(desk.state.release)


def _row(desk: Desk, file: RuledFile, findings: Mapping[str, list[str]], fired: Fired) -> PolicyRow:
    name = ruled_files.name_of(file)
    own = [found for rule, found in fired.items() if rule.startswith(f"{name}/")]
    index, at = max(own, default=(None, None))
    rules, limits = ruled_files.counted(file)
    return PolicyRow(
        name,
        file.title,
        file.owner,
        ruled_files.mode_of(file),
        rules,
        limits,
        file.review_by,
        file.review_by < desk.now().date(),
        len(findings.get(file.path, ())),
        at,
        index,
    )


def _shares(desk: Desk) -> dict[str, str]:
    """How files that come in by and by stand, by policy."""
    said = {}
    for each in shares.listed(desk)["shares"]:
        counted = f"{each['decided']} decided lately, {each['denied']} denied, {each['held_back']} held back"
        state = {
            "stopped": f"Stopped by its own condition: `{each['replaces']}` speaks again",
            "to come": f"From {each['from']} on",
            "over": f"Over since {each['until']}",
        }.get(each["state"], f"{each['share']} of {each['of']} until {each['until']}")
        said[each["policy"]] = f"{state}; instead of `{each['replaces']}`; {counted}."
    return said


def _fired(desk: Desk) -> Fired:
    """When each rule last was a reason, among the newest decisions."""
    found: dict[str, tuple[int, datetime]] = {}
    for line in desk.workspace.views.decisions(limit=LOOKED):
        for rule in line.rules:
            name = rule.rpartition(":")[0]  # each stands there with its effect
            found.setdefault(name, (line.index, from_micros(line.at)))
    return found


def _last(fired: Fired, name: str) -> tuple[datetime | None, int | None]:
    index, at = fired.get(name, (None, None))
    return at, index


def _findings(desk: Desk) -> dict[str, list[str]]:
    """What the check said about each file when the release in force was proposed, by path."""
    released = desk.state.release_index
    if released is None:
        return {}
    try:
        number = int(desk.reader.entry(released).data["refs"]["policy"])
        check = proposals.show(desk, number)["attached"].get("check", {})
    except (Problem, IndexError):
        return {}
    found: dict[str, list[str]] = {}
    for each in check.get("warnings", ()):
        found.setdefault(each["path"], []).append(
            f"line {each['line']}: {each['message']}"
            + (f" ({each['hint']})" if each["hint"] else "")
        )
    return found


def _proposal_row(desk: Desk, told: Mapping[str, Any]) -> ProposalRow:
    looser = {
        "same": "answers nothing differently, proved",
        "tighter": "nothing looser, proved",
        "incomplete": "not proved that nothing is looser",
        None: "not compared",
    }.get(told["outcome"], f"{told['looser']} looser")
    count = told["given_up"] or 0
    given_up = (
        f"{count} thing{'' if count == 1 else 's'} that must never be allowed no longer asked for"
    )
    return ProposalRow(
        told["proposal"],
        name_of(desk, told["proposed_by"]),
        parse(told["at"]),
        told["note"] if isinstance(told["note"], str) else "",
        _ORIGINS.get(told["origin"], ""),
        _STATES[told["state"]],
        looser,
        bool(told["looser"]),
        given_up if count else "",
    )


def _ended(desk: Desk, told: Mapping[str, Any]) -> str:
    if "ended_by" not in told:
        return (
            ""
            if told["state"] == "waiting"
            else "Another release came in force first, or too many were proposed after it."
        )
    said = f"{name_of(desk, told['by'])}, entry {told['ended_by']}."
    reason = told.get("reason")
    return f"{said} {reason}" if isinstance(reason, str) else said


def _history(desk: Desk, limit: int = 100) -> tuple[ReleaseRow, ...]:
    return tuple(_release_row(desk, row) for row in proposals.history(desk, limit)["releases"])


def _release_row(desk: Desk, row: Mapping[str, Any]) -> ReleaseRow:
    signer, author = name_of(desk, row["signed_by"]), name_of(desk, row["proposed_by"])
    signed = {
        "alone": f"{signer} alone",
        "not_looser": f"{signer}; it was proved that nothing becomes looser",
    }.get(row["ground"], f"{author}, signed by {signer}")
    return ReleaseRow(row["entry"], row["release"], parse(row["at"]), signed, row["in_force"])


def _changes(desk: Desk, path: str) -> tuple[ReleaseRow, ...]:
    """The releases that brought another version of a file, newest first."""
    rows = proposals.history(desk, 50)["releases"]
    digests = [proposals.file_digest(desk, row["proposal"], path) for row in rows]
    earlier = [*digests[1:], None]
    return tuple(
        _release_row(desk, row)
        for row, digest, before in zip(rows, digests, earlier, strict=True)
        if digest is not None and digest != before
    )
