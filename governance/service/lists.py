"""Lists that change more often than rules: refreshed by who exports them, within what two people signed.

Law: a refreshed list is a release like any other.  Where it is proved that nothing becomes looser (a
payee fewer, a blocked country more, the same members with a newer date) it is in force at once, in the
name of who refreshed it; where something does (a new trusted payee) it waits for the signature of
another person.  Only the members and the date of a list change this way, never its name, type or place,
and its date never goes back.  That the same members are still true is what a connector says with the
date; so the newer date is no loosening.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from governance.engine.lists import ListFile, dated
from governance.oversight import keys, people, policies
from governance.oversight.errors import Refused
from governance.oversight.model import State
from governance.oversight.times import write
from governance.service import checking, examining, proposals, releasing
from governance.service.acting import Texts, as_problem
from governance.service.checking import read_list_file
from governance.service.desk import Caller, Desk
from governance.service.examining import Job, Progress
from governance.service.problem import Problem

MOST_BYTES: Final = 4 * 1024 * 1024
APART: Final = timedelta(minutes=1)
"""The same members again are news only with a date so much newer."""
WAITING: Final = 5
"""So many proposals of one connector may wait; more would crowd out those of people."""
AHEAD: Final = timedelta(minutes=5)
"""How far a list's date may be ahead of the service's clock."""


def put(
    desk: Desk,
    caller: Caller,
    name: str,
    data: bytes,
    *,
    note: str | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Refresh a list of the release in force with a list file.

    Risk editors, and gateways whose key names the list.  Returns as `releasing.propose`, and
    `in_force`: whether it is in force already; `failed_before`: cases that fail as they do in the
    release in force, which stop no refresh; `refuted_before`: invariants that do not hold there either.
    """
    try:
        require(desk.state, caller, name)
    except Refused as refused:
        raise Problem.of(refused) from None
    texts = Texts.of(note=note)
    state = desk.state
    found, files = _in_force(desk, state, name)
    if len(data) > MOST_BYTES:
        raise Problem("too-large", f"the list has {len(data)} bytes; at most {MOST_BYTES} fit")
    new = _read(data, found, desk.now())
    as_problem(_require_place, state, caller)
    _require_news(found, new)
    refreshed = {**files, found.path: data}
    checking.require_size(refreshed)
    job = Job(
        str(desk.directory),
        refreshed,
        {**files, found.path: dated(found, new.as_of)},
        desk.now(),
        days=0,
        against=state.release,
        since=policies.rules_since(state),
        lapsed=True,
        bears="in force",
    )
    made = examining.examine(job, progress)
    if made.findings:
        return releasing.nothing_proposed(made)
    offer = releasing.kept(desk, refreshed, made, "list")

    def still(state: State) -> None:
        require(state, caller, name)
        _require_place(state, caller)

    answer = releasing.offered(
        desk, caller, offer, texts, still, at_once=made.not_looser, refreshed=name
    )
    return {
        **answer,
        "failed_before": made.document("cases")["failed_before"],
        "refuted_before": made.document("proofs").get("refuted_before", []),
    }


def listed(desk: Desk) -> dict[str, Any]:
    """The lists of the release in force: `{lists: [{list, as_of, type, members, path, connectors}]}`."""
    if desk.state.release is None:
        return {"lists": []}
    bundle = desk.releases.get(desk.state.release).release.bundle
    return {
        "lists": [
            {
                "list": name,
                "as_of": write(found.as_of),
                "type": found.kind,
                "members": len(found.members),
                "path": found.path,
                "connectors": sorted(
                    key.holder_id for key in desk.state.keys.values() if name in key.lists
                ),
            }
            for name, found in sorted(bundle.lists.items())
        ]
    }


def require(state: State, caller: Caller, name: str) -> None:
    """Refuse who may not refresh this list: people need the right, gateways a key that names it."""
    if caller.type == "person":
        people.require(state, caller.id, "propose policies")
        return
    key = None if caller.digest is None else keys.find(state, caller.digest)
    if key is None or name not in key.lists:
        raise Refused("not-allowed", f"this key may not refresh the list `{name}`")


def _in_force(desk: Desk, state: State, name: str) -> tuple[ListFile, Mapping[str, bytes]]:
    release = state.release
    if release is None:
        raise Problem("not-ready", "no policy is in force, so there is no list to refresh")
    found = desk.releases.get(release).release.bundle.lists.get(name)
    if found is None:
        raise Problem(
            "unknown",
            f"no list `{name}` is in force; a new one is proposed with the policy that uses it",
        )
    return found, desk.releases.files(release)


def _require_news(old: ListFile, new: ListFile) -> None:
    """Refuse what would only fill the log: a connector is a machine, and may be somebody else's."""
    if set(map(str, old.members)) == set(map(str, new.members)) and new.as_of < old.as_of + APART:
        raise Problem(
            "conflict", f"`{old.name}` has these members already, and the date is hardly newer"
        )


def _require_place(state: State, caller: Caller) -> None:
    """Refuse more proposals of a connector than people read beside their own."""
    mine = [each for each in proposals.waiting(state) if each.person == caller.id]
    if caller.type == "gateway" and len(mine) >= WAITING:
        raise Refused(
            "too-many",
            f"{len(mine)} proposals of `{caller.id}` wait for a person; they are signed or refused first",
            retry_after=3600,
        )


def _read(data: bytes, old: ListFile, now: datetime) -> ListFile:
    new, findings = read_list_file(old.path, data)
    if new is None:
        said = str(findings[0]) if findings else f"{old.path}: this is no list file"
        raise Problem("bad-policy", said)
    if (new.name, new.kind) != (old.name, old.kind):
        raise Problem(
            "conflict",
            f"the file holds `{new.name}` of type {new.kind}; `{old.name}` is of type {old.kind}. "
            "Another name or type is proposed with the policy that uses it",
        )
    if new.as_of < old.as_of:
        raise Problem(
            "conflict",
            f"the file is of {write(new.as_of)}, older than what is in force ({write(old.as_of)})",
            field="as_of",
        )
    if new.as_of > now + AHEAD:
        raise Problem(
            "bad-field",
            f"the file is of {write(new.as_of)}, which is to come: it could not be told when it is too old",
            field="as_of",
        )
    return new
