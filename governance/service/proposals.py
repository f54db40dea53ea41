"""Proposals of releases: what waits for a signature, what was found about it, and how it ends.

Law: whoever signs sees everything that was found out, under a digest that their signature names; a
proposal ends by a signature, by a refusal with its reason, by being withdrawn by who made it, or by
another release coming in force first.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any, Final, NamedTuple

from audit.entry import Entry
from governance.oversight import people, policies
from governance.oversight.commands import Facts, Proposal
from governance.oversight.errors import Refused
from governance.oversight.model import PolicyProposal, State
from governance.oversight.times import write
from governance.service import carrying, examining, releasing
from governance.service.acting import REASON, Act, Texts, allowed, do, one, stated
from governance.service.desk import Caller, Desk
from governance.service.problem import Problem
from governance.service.reading import entry as read_entry
from governance.service.reading import entry_of, opened
from governance.store.blobs import BlobError

ENDINGS: Mapping[str, str] = {
    "policy.released": "released",
    "policy.refused": "refused",
    "policy.withdrawn": "withdrawn",
}


def listed(desk: Desk, limit: int = 100) -> dict[str, Any]:
    """All proposals, newest first: `{proposals: [{proposal, release, state, proposed_by, at, origin,
    looser, given_up, ...}]}`; `state` is waiting, expired, released, refused or withdrawn; `looser`
    counts kinds of requests, `given_up` invariants that are no longer asked for."""
    views = desk.workspace.views
    views.wait_for(desk.state.size, 2.0)
    rows = []
    for line in views.entries(kind="policy.proposed", limit=limit):
        entry = entry_of(desk, line.index, "policy.proposed")
        if "refs" not in entry.data:  # over newer lists: told of by the proposal that was signed
            rows.append(_row(desk, line.index, entry))
    return {"proposals": rows}


def waiting(state: State) -> tuple[PolicyProposal, ...]:
    """Proposals that can still be signed, oldest first."""
    return tuple(
        each for index, each in sorted(state.proposals.items())
        if not releasing.expired(state, index)
    )  # fmt: skip


def row(desk: Desk, index: int) -> dict[str, Any]:
    """One line of `listed`."""
    entry = entry_of(desk, index, "policy.proposed")
    if index not in desk.state.proposals:
        desk.workspace.views.wait_for(desk.state.size, 2.0)
    return _row(desk, index, entry)


def digest_of(desk: Desk, index: int) -> str:
    """What a signature of a proposal is bound to: the digest of its entry with all it names."""
    return releasing.shown_digest(index, entry_of(desk, index, "policy.proposed").data)


def _row(desk: Desk, index: int, entry: Entry) -> dict[str, Any]:
    data = entry.data
    attached = examining.attached(data["files"])
    diff, proofs = (_brief(desk, attached.get(name)) for name in ("diff", "proofs"))
    return {
        "proposal": index,
        "release": data["release"],
        "proposed_by": entry.by["id"],
        "at": write(entry.at),
        "origin": data.get("origin", "files"),
        "note": opened(desk, index, "note"),
        "outcome": diff.outcome,
        "looser": diff.looser,
        "given_up": proofs.given_up,
        **_standing(desk, index),
    }


class _Brief(NamedTuple):
    """What one of the attached documents says in short; nothing where it could not be finished."""

    outcome: str | None = None
    looser: int | None = None
    given_up: int | None = None
    refuted: tuple[str, ...] = ()


_BRIEFS: Final = 1_000
_briefs: dict[str, _Brief] = {}


def _brief(desk: Desk, digest: str | None) -> _Brief:
    """A document in short; remembered by its digest, for a list shows many and none changes."""
    if digest is None:
        return _Brief()
    known = _briefs.get(digest)
    if known is not None:
        return known
    found = _document(desk, "", digest)
    if "why" in found:  # perhaps it could only not be read this moment
        return _Brief()
    given_up = found.get("given_up")
    brief = _Brief(
        found.get("outcome"),
        found.get("looser"),
        None if given_up is None else len(given_up),
        tuple(examining.refuted(found)),
    )
    if len(_briefs) >= _BRIEFS:
        _briefs.clear()
    _briefs[digest] = brief
    return brief


def _standing(desk: Desk, index: int) -> dict[str, Any]:
    """How a proposal stands: `state`, and the entry that ended it."""
    state = desk.state
    if index in state.proposals:
        return {"state": "expired" if releasing.expired(state, index) else "waiting"}
    for number, _ in desk.workspace.views.referring_to(index):
        ended = read_entry(desk, number)
        if ended.kind == "policy.proposed":
            return _standing(desk, number)
        word = ENDINGS.get(ended.kind)
        if word is not None:
            told = {"state": word, "ended_by": number, "by": ended.by["id"]}
            if word != "released":
                told["reason"] = opened(desk, number, "reason")
            return told
    return {"state": "expired"}


def show(desk: Desk, index: int) -> dict[str, Any]:
    """One proposal with everything that was found out about it.

    `evidence` is the digest that a signature must name; `attached` has one document for each of
    check, cases, proofs, diff, backtest and approvals (`complete` says whether it could be finished).
    Proposals of older versions have none.  `not_new` are the warnings (of `warnings`, and of the check
    as `path: message`) that are said of the release in force, too.  `newer_lists` were refreshed since
    the proposal was made: `{list, was, as_of, added, gone, changed_here}`; its signature takes them,
    but for those that it changes itself, which keep it from being signed.
    """
    entry = entry_of(desk, index, "policy.proposed")
    data = entry.data
    if index not in desk.state.proposals:
        desk.workspace.views.wait_for(desk.state.size, 2.0)
    attached = examining.attached(data["files"])
    row = _row(desk, index, entry)
    waits = row["state"] == "waiting"
    newer = _newer(desk, data) if waits else []
    known = {each["list"] for each in newer}
    warnings = _warnings(desk, data["release"], known) if waits else []
    return {
        **row,
        "evidence": releasing.shown_digest(index, data),
        "against": data.get("against"),
        "files": sorted(path for path in data["files"] if path.startswith("policies/")),
        "lists": data["lists"],
        "attached": {name: _document(desk, name, found) for name, found in attached.items()},
        "warnings": warnings,
        "not_new": sorted(_said_already(desk)) if waits else [],
        "newer_lists": newer,
    }


def said_of(finding: Mapping[str, Any]) -> str:
    """A warning without its place in the file, which moves with every line before it."""
    return f"{finding['path']}: {finding['message']}"


def _said_already(desk: Desk) -> set[str]:
    """What is warned of in the release in force: about roles, and what its check said."""
    state = desk.state
    if state.release is None:
        return set()
    said = set(_warnings(desk, state.release))
    digest = _attached_in_force(desk).get("check")
    check = {} if digest is None else _document(desk, "check", digest)
    return said | {said_of(each) for each in check.get("warnings", ())}


def _attached_in_force(desk: Desk) -> dict[str, str]:
    """What was found out about the release in force, by digest; nothing where its entry is gone."""
    released, minimum = desk.state.release_index, desk.reader.minimum
    if released is None or released < minimum:
        return {}
    number = int(desk.reader.entry(released).data["refs"]["policy"])
    return {} if number < minimum else examining.attached(desk.reader.entry(number).data["files"])


def refuted(desk: Desk) -> tuple[str, ...]:
    """The invariants that do not hold in what is in force, and did not before its lists were
    refreshed: what they mean changed with the product."""
    return _brief(desk, _attached_in_force(desk).get("proofs")).refuted


def _newer(desk: Desk, data: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [each.json() for each in carrying.moved(desk, desk.state, data)]


def _warnings(desk: Desk, release: str, refreshed: Collection[str] = ()) -> list[str]:
    """`refreshed`: lists that do not go back, for a signature takes the newer ones."""
    try:
        made = desk.releases.get(release).release
        back = carrying.back(desk, desk.state, made, refreshed)
        found = [*back, *releasing.warnings(desk.state, made)]
    except BlobError as error:
        raise Problem("not-ready", f"the proposal's files cannot be read: {error}") from None
    zone = desk.settings.time_zone
    if desk.state.release is not None and zone != desk.state.time_zone:
        found.append(
            f"hours, weekdays and dates in rules are those of {zone} from then on, no longer of "
            f"{desk.state.time_zone}"
        )
    return found


def _document(desk: Desk, name: str, digest: str) -> dict[str, Any]:
    """What was found out, or that it cannot be read any more."""
    try:
        found: dict[str, Any] = json.loads(desk.blobs.get(digest))
    except BlobError as error:
        return {"what": name, "complete": False, "why": f"it cannot be read: {error}"}
    return found


def refuse(desk: Desk, caller: Caller, index: int, *, reason: str) -> dict[str, Any]:
    """Refuse a proposal with a reason; nobody signs it any more.  `{proposal, state}`."""
    who, texts = (
        allowed(desk, caller, "sign policies"),
        Texts.of(reason=stated(reason, shortest=REASON)),
    )
    _require_known(desk, index)

    def run(state: State, facts: Facts, at: datetime, entry: int) -> Proposal:
        people.require(state, who, "sign policies")
        _waiting(state, index)
        data = {"refs": {"policy": index}, "person": who}
        answer = {"proposal": index, "state": "refused"}
        return one("policy.refused", at, caller, entry, data, answer, texts)

    return do(desk, Act(who, run))


def withdraw(desk: Desk, caller: Caller, index: int, *, reason: str) -> dict[str, Any]:
    """Take one's own proposal back, with a reason.  `{proposal, state}`."""
    who, texts = (
        allowed(desk, caller, "propose policies"),
        Texts.of(reason=stated(reason, shortest=REASON)),
    )
    _require_known(desk, index)

    def run(state: State, facts: Facts, at: datetime, entry: int) -> Proposal:
        people.require(state, who, "propose policies")
        if _waiting(state, index).person != who:
            raise Refused("not-allowed", "only who made a proposal withdraws it; others refuse it")
        data = {"refs": {"policy": index}, "person": who}
        answer = {"proposal": index, "state": "withdrawn"}
        return one("policy.withdrawn", at, caller, entry, data, answer, texts)

    return do(desk, Act(who, run))


def _require_known(desk: Desk, index: int) -> None:
    """Refuse a number that never was a proposal, which is not one that waits no more."""
    try:
        entry_of(desk, index, "policy.proposed")
    except Problem:
        raise Problem(
            "unknown", f"there is no proposal `{index}`; see `governance policy proposals`"
        ) from None


def _waiting(state: State, index: int) -> PolicyProposal:
    found = state.proposals.get(index)
    if found is None:
        raise Refused("conflict", f"proposal `{index}` waits no more")
    return found


def history(desk: Desk, limit: int = 100) -> dict[str, Any]:
    """Releases that were ever in force here, newest first: `{releases: [{entry, release, at,
    proposal, proposed_by, signed_by, ground, in_force}]}`."""
    return {"releases": list(islice(released(desk), limit))}


_PAGE: Final = 200


def released(desk: Desk, before: int | None = None) -> Iterator[dict[str, Any]]:
    """The releases of `history` one by one, all of them; `before` is an entry, to begin further back."""
    views = desk.workspace.views
    views.wait_for(desk.state.size, 2.0)
    while lines := views.entries(kind="policy.released", before=before, limit=_PAGE):
        for line in lines:
            before = line.index
            entry = entry_of(desk, line.index, "policy.released")
            data = entry.data
            yield {
                "entry": line.index,
                "release": data["release"],
                "at": write(entry.at),
                "proposal": data["refs"]["policy"],
                "proposed_by": data["proposed_by"],
                "signed_by": data["signed_by"],
                "ground": data.get("ground", "alone" if data["alone"] else "signed"),
                "in_force": line.index == desk.state.release_index,
            }


def earlier(desk: Desk, digest: str | None) -> str:
    """The release that a rollback returns to: the one before the rules in force, whatever lists were
    refreshed since, or one that a person names by the first characters of its digest.  Raises
    `Problem`."""
    now = desk.state.release
    if digest is None:
        before = (row["release"] for row in released(desk, policies.rules_since(desk.state)))
        found = next((each for each in before if each != now), None)
        if found is None:
            raise Problem("unknown", "no release was in force before this one")
        return str(found)
    named = {row["release"] for row in released(desk) if row["release"].startswith(digest)}
    if len(named) != 1:
        why = "more than one release begins" if named else "no release that was in force begins"
        raise Problem("unknown", f"{why} with `{digest}`; see `governance policy history`")
    (release,) = named
    if release == now:
        raise Problem("conflict", "this release is in force now")
    return str(release)


def file_digest(desk: Desk, proposal: int, path: str) -> str | None:
    """The SHA-256 of a file as a proposal had it; None if it had none, or is no longer kept."""
    if proposal < desk.reader.minimum:
        return None
    found = entry_of(desk, proposal, "policy.proposed").data["files"].get(path)
    return None if found is None else str(found)
