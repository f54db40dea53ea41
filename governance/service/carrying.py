"""Lists that were refreshed while a proposal waited: a signature takes the newer ones.

Law: nobody signs what nobody examined.  A proposal over newer lists is examined as any other before it
comes in force, and does so only where it is proved that the newer lists open nothing in it, and where
nothing becomes looser than what is in force but what its signer was shown.  The bytes of the lists are
those in force, never a person's; a list that the proposal changes itself is proposed again.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from governance.engine.compile import Release
from governance.engine.lists import ListFile, dated
from governance.oversight import policies
from governance.oversight.model import State
from governance.oversight.times import write
from governance.service import comparing, examining
from governance.service.checking import read_list_file
from governance.service.desk import Desk
from governance.service.examining import Examined, Job
from governance.service.problem import Problem
from governance.store.blobs import BlobError

_BEARS: Final[Mapping[str, examining.Bears]] = {"rollback": "all", "list": "in force"}
_ORDER: Final = ("refuted", "not proved", "proved")


@dataclass(frozen=True, slots=True)
class Moved:
    """One list that was refreshed since a proposal was examined.  `ours`: the proposal changes it, too."""

    before: ListFile
    now: ListFile
    data: bytes
    ours: bool

    def json(self) -> dict[str, Any]:
        """As an answer: `added` and `gone` count members."""
        old, new = ({str(each) for each in lst.members} for lst in (self.before, self.now))
        return {
            "list": self.now.name,
            "was": write(self.before.as_of),
            "as_of": write(self.now.as_of),
            "added": len(new - old),
            "gone": len(old - new),
            "changed_here": self.ours,
        }


def said(each: Mapping[str, Any]) -> str:
    """A list that was refreshed (as `Moved.json`) in a sentence."""
    told = (
        f"`{each['list']}` was refreshed since (true as of {_read(each['as_of'])}; it was "
        f"{_read(each['was'])}): "
    )
    told += f"{each['added']} members new, {each['gone']} gone"
    if each["changed_here"]:
        return f"{told}. This proposal changes it, too, so nobody can sign it; propose it again"
    return f"{told}. A signature takes the newer one, if it opens nothing that is not shown here"


def _read(stamp: str) -> str:
    """A time of the log in a sentence: lists are dated to the second."""
    return stamp.replace(".000000Z", "Z")


def moved(desk: Desk, state: State, data: Mapping[str, Any]) -> tuple[Moved, ...]:
    """The lists of a proposal (the data of its entry) that were refreshed since it was examined.

    Raises `Problem` where anything else changed, or the files cannot be read.
    """
    against, now = data.get("against"), state.release
    if "against" not in data or against == now or now is None:
        return ()
    if against is None:
        raise _overtaken()
    try:
        return tuple(_moved(desk, str(against), now, data))
    except BlobError as error:
        raise Problem("not-ready", f"the lists cannot be compared: {error}") from None


def _moved(desk: Desk, against: str, now: str, data: Mapping[str, Any]) -> Iterator[Moved]:
    old, new = desk.releases.digests(against), desk.releases.digests(now)
    mine = desk.releases.digests(data["release"])
    named = {each.path: each for each in desk.releases.get(now).release.bundle.lists.values()}
    for path in sorted(path for path in {*old, *new} if old.get(path) != new.get(path)):
        if path not in named or path not in old:
            raise _overtaken()
        before = read_list_file(path, desk.blobs.get(old[path]))[0]
        if before is None or before.name != named[path].name:
            raise _overtaken()
        if path not in mine and before.name not in data["lists"]:
            continue  # no rule of the proposal uses it any more
        ours = mine.get(path) != old[path]
        yield Moved(before, named[path], desk.blobs.get(new[path]), ours)


def back(desk: Desk, state: State, release: Release, but: Collection[str] = ()) -> list[str]:
    """Sentences about lists that a release would take back to an earlier date than is in force."""
    if state.release is None:
        return []
    now = desk.releases.get(state.release).release.bundle.lists
    return [
        f"the list `{name}` goes back to its members of {_read(write(each.as_of))}; those in force are "
        f"true as of {_read(write(now[name].as_of))}"
        for name, each in sorted(release.bundle.lists.items())
        if name in now and name not in but and each.as_of < now[name].as_of
    ]


def _overtaken() -> Problem:
    return Problem(
        "conflict",
        "more than lists changed since this was proposed, and it would undo that unseen; propose the "
        "files again",
    )


def carried(
    desk: Desk, data: Mapping[str, Any]
) -> tuple[dict[str, bytes], Examined, tuple[Moved, ...]]:
    """The files of a proposal over the lists in force, what was found out about them, and those lists.

    Raises `Problem`, saying why, where the signature of what was shown does not cover them.
    """
    state = desk.state
    newer = moved(desk, state, data)
    for each in newer:
        if each.ours:
            raise Problem(
                "conflict",
                f"`{each.now.name}` was refreshed since ({_read(write(each.now.as_of))}), and the proposal "
                "changes it, too; propose the files again with the list as it is in force",
            )
    try:
        own = desk.releases.files(data["release"])
        current = desk.releases.files(str(state.release))
        shown = {
            name: json.loads(desk.blobs.get(digest))
            for name, digest in examining.attached(data["files"]).items()
        }
    except BlobError as error:
        raise Problem("not-ready", f"the proposal's files cannot be read: {error}") from None
    files = own | {each.now.path: each.data for each in newer}
    older = own | {each.now.path: dated(each.before, each.now.as_of) for each in newer}
    job = Job(
        str(desk.directory),
        files,
        current,
        desk.now(),
        days=0,
        against=state.release,
        since=policies.rules_since(state),
        lapsed=True,
        bears=_BEARS.get(data.get("origin", "files"), ""),
        before=older,
    )
    made = examining.examine(job)
    why = next(uncovered(made, shown), None)
    if why is not None:
        names = ", ".join(f"`{each.now.name}`" for each in newer) or "a list that it does not use"
        raise Problem(
            "conflict",
            f"since this was proposed {names} was refreshed, and over what is in force now {why}; "
            "propose the files again, so that whoever signs sees it",
        )
    return files, made, newer


def uncovered(made: Examined, shown: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Why a signature of what was shown does not cover what was found out now."""
    if made.findings:
        yield f"it is no release: {made.findings[0]}"
        return
    diff, proofs = made.document("diff"), made.document("proofs")
    seen, proved = shown.get("diff", {}), shown.get("proofs", {})
    newer = diff.get("newer_lists", {})
    if newer.get("outcome") not in ("same", "tighter"):
        looser = newer.get("looser")
        such = f" (`{looser[0]['action']}` by `{looser[0]['by']}`)" if looser else ""
        yield f"it was not proved that nothing in it becomes looser{such}"
        return
    if "outcome" not in seen or diff["more"] or seen["more"]:
        yield "it cannot be told whether that was shown"
    known = {_kind(each) for each in seen.get("differences", ())}
    for each in diff["differences"]:
        if each["looser"] and _kind(each) not in known:
            yield (
                f"`{each['action']}` would be {each['after']} where it is {each['before']} today "
                f"(`{each['was']}`), which nobody was shown"
            )
    if not set(diff["open"]) <= set(seen.get("open", ())):
        yield "not everything could be compared"
    if not set(proofs.get("given_up", ("",))) <= set(proved.get("given_up", ())):
        yield "it is not known that what must never be allowed is still asked for"
    before = {each["name"]: _ORDER.index(each["result"]) for each in proved.get("proofs", ())}
    for each in proofs.get("proofs", ()):
        if _ORDER.index(each["result"]) < before.get(each["name"], len(_ORDER)):
            yield f"`{each['name']}` is {each['result']}"


def _kind(each: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(each[name] for name in comparing.KIND)
