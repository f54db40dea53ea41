"""Releasing policies: checked in a process of its own, proposed by one person, signed by another.

Law: what is enforced is a release that two people put in force (or the only person of a workspace,
marked `alone`), ready to decide before its entry is written; on any failure the old release stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from governance.engine.compile import Release, compile_bundle
from governance.oversight import people
from governance.oversight.commands import AdoptRow, Facts, Proposal
from governance.oversight.errors import Refused
from governance.oversight.model import State
from governance.service import checking
from governance.service.acting import Act, Texts, allowed, do, entry, one
from governance.service.backfilling import Charging
from governance.service.desk import Caller, Desk
from governance.service.judging import BUDGET
from governance.service.problem import Problem
from governance.service.reading import entry_of


def propose(
    desk: Desk, caller: Caller, files: Mapping[str, bytes], *, note: str | None = None
) -> dict[str, Any]:
    """Propose files as a release.  Risk editors only.

    Returns `{proposal, release, findings, warnings, cases}`; with findings nothing is proposed and
    `proposal` is None.  `warnings` name roles that nobody active holds.
    """
    who, texts = allowed(desk, caller, "propose policies"), Texts.of(note=note)
    checking.require_size(files)
    made = checking.in_child(files, desk.now().date())
    digest, ran = made.digest, made.ran
    if made.errors or digest is None:
        return {
            "proposal": None,
            "release": None,
            "findings": [checking.plain(each) for each in made.errors],
            "warnings": [],
            "cases": ran,
        }
    ready = desk.releases.keep(compile_bundle(made.bundle, dict(files), digest))
    lists = {name: made.as_of.isoformat() for name, made in ready.release.bundle.lists.items()}

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        people.require(state, who, "propose policies")
        data = {"release": digest, "files": dict(ready.files), "lists": lists}
        answer = {
            "proposal": index,
            "release": digest,
            "findings": [],
            "warnings": warnings(state, ready.release),
            "cases": ran,
        }
        return one("policy.proposed", at, caller, index, data, answer, texts)

    return do(desk, Act(who, run))


def warnings(state: State, release: Release) -> list[str]:
    """Sentences about roles that the release names and no active person holds."""
    held = {role for each in state.people.values() for role in each.roles}
    wanted: dict[str, set[str]] = {}
    for file in release.bundle.files:
        asked = [(rule.id, rule.clause, rule.waivable_by) for rule in file.rules]
        asked += [(limit.id, limit.clause, limit.waivable_by) for limit in file.limits]
        asked.append(("default", file.default_clause, ()))
        for name, clause, waivable in asked:
            roles = [seat.role for seat in clause.needs] if clause is not None else []
            for role in (*roles, *waivable):
                wanted.setdefault(role, set()).add(f"{file.policy}/{name}")
    return [
        f"nobody has the role `{role}`, which {', '.join(sorted(rules)[:3])} asks for"
        for role, rules in sorted(wanted.items())
        if role not in held
    ]


def sign(desk: Desk, caller: Caller, proposal: int) -> dict[str, Any]:
    """Put a proposed release in force, as another person than who proposed it.

    What a new limit counts is filled from the decisions recorded so far before the entry is
    written.  Returns `{release, proposal, alone, entry}`.
    """
    who = allowed(desk, caller, "sign policies")
    found = desk.state.proposals.get(proposal)
    if found is None:
        raise Problem("unknown", f"there is no proposal `{proposal}` that waits for a signature")
    ready = desk.releases.get(found.release)
    series = (*sorted(ready.release.series), BUDGET)
    desk.workspace.backfill.prepare(series, Charging(desk, ready.release))

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        people.require(state, who, "sign policies")
        waiting = state.proposals.get(proposal)
        if waiting is None:
            raise Refused("conflict", f"proposal `{proposal}` waits no more")
        if state.release_index is not None and proposal < state.release_index:
            raise Refused(
                "conflict",
                f"proposal `{proposal}` was made before the release now in force (entry "
                f"`{state.release_index}`) and would undo it unseen; propose the files again",
            )
        alone = state.single_person
        if waiting.person == who and not alone:
            raise Refused("needs-another", "you proposed this release; another person must sign it")
        data = {
            "refs": {"policy": proposal},
            "release": waiting.release,
            "proposed_by": waiting.person,
            "signed_by": who,
            "alone": alone,
            "time_zone": desk.settings.time_zone,
        }
        answer = {"release": waiting.release, "proposal": proposal, "alone": alone, "entry": index}
        rows = (AdoptRow(index, series),)
        return Proposal((entry("policy.released", at, caller, data),), answer, rows)

    return do(desk, Act(who, run))


def first(desk: Desk, caller: Caller, files: Mapping[str, bytes]) -> dict[str, Any]:
    """Propose and sign at once, where one person is alone; raises `Problem` with the findings."""
    proposed = propose(desk, caller, files)
    if proposed["proposal"] is None:
        worst = proposed["findings"][0]
        raise Problem(
            "bad-policy",
            f"{worst['path']}:{worst['line']}:{worst['column']}: {worst['message']}"
            + (f" (and {len(proposed['findings']) - 1} more)" if proposed["findings"][1:] else ""),
        )
    return {**proposed, **sign(desk, caller, proposed["proposal"])}


def current(desk: Desk) -> dict[str, Any]:
    """The release in force and what waits for a signature.

    `{release, entry, proposed_by, signed_by, alone, files: {path: text}, policies, proposals}`.
    """
    state = desk.state
    out: dict[str, Any] = {
        "release": state.release,
        "proposals": [
            {"proposal": p.index, "release": p.release, "proposed_by": p.person}
            for _, p in sorted(state.proposals.items())
        ],
    }
    if state.release is None:
        return out | {"files": {}, "policies": []}
    if state.release_index is not None:  # None: signed in a log that was lost and restored
        released = entry_of(desk, state.release_index, "policy.released").data
        out |= {name: released[name] for name in ("proposed_by", "signed_by", "alone")}
    ready = desk.releases.get(state.release)
    out |= {
        "entry": state.release_index,
        "time_zone": state.time_zone,
        "files": {path: data.decode() for path, data in desk.releases.files(state.release).items()},
        "policies": [
            {
                "policy": file.policy,
                "title": file.title,
                "owner": file.owner,
                "review_by": file.review_by.isoformat(),
                "mode": file.mode.value,
                "governs": list(file.governs),
                "rules": len(file.rules),
                "limits": len(file.limits),
            }
            for file in ready.release.bundle.files
        ],
    }
    return out
