"""What the second person reads before signing: what a proposal changes, in words and in its text.

Law: everything is made from the files of the proposal and of the release that it was examined
against, read by the digests that its entry names; the signature names the digest of that entry, so it
covers every word that is shown here.  Nothing that changed is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from governance.engine import changes as changing
from governance.engine import marked
from governance.engine.changes import FileChange
from governance.service import proposals, wording
from governance.service.desk import Desk
from governance.service.problem import Problem
from governance.service.reading import entry_of
from governance.store.blobs import BlobError

_KEPT: Final = 8
_worked_out: dict[tuple[str | None, str], tuple[FileChange, ...]] = {}
_STANDS: Final[Mapping[str, str]] = {
    "waiting": "It waits for a signature; nothing of it is in force.",
    "expired": "Another release came in force first; nothing of it was ever in force by it.",
    "released": "It was signed.",
    "refused": "It was refused; nothing of it came in force by it.",
    "withdrawn": "It was withdrawn; nothing of it came in force by it.",
}


def changes(desk: Desk, index: int) -> dict[str, Any]:
    """What a proposal changes in words: `{proposal, release, against, compared, evidence, counts,
    files}`.

    `files` has every file of either release, those that change first: `{path, how, name, title,
    owner, changes}`; `how` is new, changed, gone or same (its bytes).  A change is `{kind, id, how,
    now, before}`, both sides `{title, sentence, owner, because, effect, severity, points, controls}`
    or None.  `counts` is how many things are new, changed and gone.  `against` is None where nothing
    was in force; `compared` is false for proposals of older versions, which did not name it.
    """
    data, files = _data(desk, index), found(desk, index)
    every = [change for file in files for change in file.changes]
    return {
        "proposal": index,
        "release": data["release"],
        "against": data.get("against"),
        "compared": "against" in data,
        "evidence": proposals.digest_of(desk, index),
        "counts": {
            how: sum(each.how == how for each in every) for how in ("new", "changed", "gone")
        },
        "files": [asdict(file) for file in files],
    }


def found(desk: Desk, index: int) -> tuple[FileChange, ...]:
    """The files of `changes` as values.  Raises `Problem` where they cannot be read any more."""
    data = _data(desk, index)
    key = (data.get("against"), data["release"])
    known = _worked_out.get(key)
    if known is not None:
        return known
    try:
        old = None if key[0] is None else desk.releases.get(key[0]).release
        new = desk.releases.get(key[1]).release
    except BlobError as error:
        raise _unreadable(error) from None
    made = changing.between(old, new)
    if len(_worked_out) >= _KEPT:
        _worked_out.clear()
    _worked_out[key] = made
    return made


def text(desk: Desk, index: int, path: str) -> dict[str, Any]:
    """One file of a proposal, line by line: `{proposal, path, how, digest, lines: [[mark, before,
    now, text]]}`.  `mark` is same, new or gone; `before` and `now` are the numbers of the line in the
    file as it is and as it would be; `digest` (SHA-256) is what the proposal's entry names."""
    data = _data(desk, index)
    old, new = _bytes(desk, data.get("against"), path), _bytes(desk, data["release"], path)
    if old is None and new is None:
        raise Problem("unknown", f"neither the proposal nor what is in force has a file `{path}`")
    how = "same" if old == new else "new" if old is None else "gone" if new is None else "changed"
    marks = marked.lines((old or b"").decode("utf-8"), (new or b"").decode("utf-8"))
    return {
        "proposal": index,
        "path": path,
        "how": how,
        "digest": data["files"].get(path),
        "lines": [list(line) for line in marks],
    }


def words(desk: Desk, index: int, policy: str | None = None) -> dict[str, Any]:
    """A whole proposal in sentences, as `wording.words`, with `standing` and `people`."""
    try:
        release = desk.releases.get(_data(desk, index)["release"]).release
    except BlobError as error:
        raise _unreadable(error) from None
    standing, people = _standing(desk, index, names=False)
    said = wording.said(release, policy)
    return said | {"standing": standing, "people": [list(each) for each in people]}


def print_words(desk: Desk, index: int, *, policy: str | None = None, names: bool = False) -> bytes:
    """The same as a PDF, which says on its first page that it is a proposal."""
    try:
        files = desk.releases.files(_data(desk, index)["release"])
    except BlobError as error:
        raise _unreadable(error) from None
    standing, people = _standing(desk, index, names=names)
    return wording.print_files(
        files, policy=policy, workspace=desk.workspace.origin, at=desk.now(),
        standing=standing, people=people,
    )  # fmt: skip


def _standing(desk: Desk, index: int, *, names: bool) -> tuple[str, wording.People]:
    row = proposals.row(desk, index)
    who = wording.told(desk, row["proposed_by"], names=names)
    at = wording.minute(entry_of(desk, index, "policy.proposed").at)
    people = [("Proposed", who, f"{at}, entry {index}")]
    if "ended_by" in row:
        who = wording.told(desk, row["by"], names=names)
        people.append((str(row["state"]).capitalize(), who, f"entry {row['ended_by']}"))
    return f"Proposal {index}. {_STANDS[row['state']]}", tuple(people)


def _data(desk: Desk, index: int) -> Mapping[str, Any]:
    return entry_of(desk, index, "policy.proposed").data


def _bytes(desk: Desk, release: str | None, path: str) -> bytes | None:
    try:
        return None if release is None else desk.releases.file(release, path)
    except BlobError as error:
        raise _unreadable(error) from None


def _unreadable(error: BlobError) -> Problem:
    return Problem("not-ready", f"the proposal's files cannot be read: {error}")
