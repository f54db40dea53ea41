"""The log in tiles and proofs, as C2SP tlog-tiles and tlog-proof have them.

Law: nothing is shown that the newest signed checkpoint does not cover; what is shown is made from the
stored hashes and entries, the same bytes whoever asks and whenever. Hashes of entries that are no
longer kept stay, so that every proof can still be made.
"""

from __future__ import annotations

from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Any

from audit import checkpoint as checkpoints
from audit import note as notes
from audit import tilefolder
from audit.checkpoint import Checkpoint
from audit.errors import BadNote, BadTile, Pruned, UnknownKey
from audit.proof import TlogProof
from audit.tiles import parse_path, served
from audit.trust import TrustPolicy
from governance.service.problem import Problem
from governance.store import anchored
from governance.store.errors import Damaged
from governance.store.paths import Paths
from governance.store.reader import Reader


def checkpoint(reader: Reader) -> str:
    """The newest signed checkpoint, with the cosignatures that witnesses gave for it."""
    return _cosigned(reader, reader.checkpoint())


def tile(reader: Reader, path: str) -> bytes:
    """The bytes of the tile or entry bundle at `path` (`tile/...`).

    Raises `Problem`: 400 for a path that names no tile, 404 for what is not in the log yet, 410 for
    entries that are no longer kept.
    """
    try:
        wanted = parse_path(path)
    except BadTile as error:
        raise Problem(
            "bad-request",
            f"{error}; write `tile/<level>/<number>` or `tile/entries/<number>`, the number in groups "
            "of three digits such as `000` or `x001/x234/067`, a part of a tile with `.p/<width>`",
        ) from None
    size = reader.size
    if not wanted.fits(size):
        raise Problem("unknown", f"`{path}` is not in the log yet: it has {size} entries so far")
    try:
        return served(wanted, reader)
    except Pruned as error:
        raise Problem("pruned", str(error)) from None
    except BadTile as error:
        raise Damaged(str(error)) from error


def proof(reader: Reader, index: int, size: int | None = None, *, witnessed: bool = False) -> str:
    """The proof that entry `index` is in the newest tree, or in that of `size` entries.

    With `witnessed`, in the tree that most witnesses have cosigned. Text of C2SP tlog-proof with the
    checkpoint as it was signed and cosigned. Raises `Problem` if there is no such entry, no
    checkpoint was signed over just so many entries, or none that covers it was cosigned.
    """
    newest = reader.size
    if index >= newest:
        raise Problem(
            "unknown",
            f"there is no entry `{index}`; the log has the entries 0 to {newest - 1}",
            field="id",
        )
    if witnessed:
        size = _witnessed(reader, index, size)
    note = reader.checkpoint() if size is None else _checkpoint_of(reader, size, newest)
    covered = _tree(note).size
    if index >= covered:
        raise Problem(
            "bad-field",
            f"a tree of {covered} entries does not hold entry `{index}`; ask for a larger one",
            field="size",
        )
    hashes = reader.inclusion_proof(index, covered)
    return TlogProof(index, tuple(hashes), _cosigned(reader, note)).encode()


def _witnessed(reader: Reader, index: int, size: int | None) -> int:
    if size is not None:
        raise Problem(
            "bad-field",
            "ask for the tree of a size, or for a witnessed one, not both",
            field="size",
        )
    found = anchored.witnessed(reader, index)
    if found is None:
        raise Problem(
            "unknown",
            f"no witness has cosigned a checkpoint that covers entry `{index}`; without one the proof "
            "rests on the log's own signature",
            field="witnessed",
        )
    return found


def _cosigned(reader: Reader, note: str) -> str:
    """A checkpoint with the lines that witnesses gave for it; as it was if they do not fit it."""
    found = "".join(
        f"{line}\n"
        for line in anchored.cosignatures(reader, _tree(note).size)
        if line not in note.split("\n")
    )
    try:
        notes.split(note + found)
    except BadNote:
        return note
    return note + found


def _tree(note: str) -> Checkpoint:
    return checkpoints.parse(notes.split(note)[0])


def _checkpoint_of(reader: Reader, size: int, newest: int) -> str:
    """The checkpoint that was signed over exactly `size` entries."""
    found = reader.checkpoints(size - 1, size)
    if found:
        return found[0]
    if size > newest:
        raise Problem("unknown", f"the log has {newest} entries so far, not {size}", field="size")
    nearest, _ = reader.checkpoint_covering(size)
    raise Problem(
        "unknown",
        f"no checkpoint was signed over {size} entries; the next one is over {nearest}",
        field="size",
    )


def _accepted(reader: Reader, policy: TrustPolicy, index: int) -> str:
    """The newest checkpoint that covers entry `index` and that `policy` accepts."""
    newest, why = checkpoint(reader), ""
    notes_of = (_checkpoint_of(reader, size, size) for size in anchored.cosigned(reader, index))
    for note in chain([newest], (_cosigned(reader, note) for note in notes_of)):
        try:
            if policy.open(note).size > index:
                return note
        except UnknownKey as error:
            why = why or str(error)
    raise Problem(
        "unknown",
        f"the trust policy accepts no checkpoint that covers entry `{index}`; of the newest: "
        f"{why or 'it does not cover it'}",
        field="policy",
    )


def publish(directory: Path, target: Path, *, policy: TrustPolicy | None = None) -> dict[str, Any]:
    """Bring the folder `target` up to the newest checkpoint of a workspace's log; reads only.

    With `policy`, up to the newest one that it accepts. Works beside a running service. Returns
    `{folder, before, size, files, bytes, removed}`; raises `audit.errors.LogError` for a folder
    that is not this log's, or a log that does not add up.
    """
    with closing(_reader(directory)) as reader:
        while True:
            minimum = reader.minimum
            note = checkpoint(reader) if policy is None else _accepted(reader, policy, 0)

            def covering(index: int, last: str = note) -> str:
                return last if policy is not None else reader.checkpoint_covering(index)[1]

            try:
                done = tilefolder.publish(target, reader, note, covering, minimum=minimum)
            except Pruned:
                if reader.minimum > minimum:  # entries were given up meanwhile: go on without them
                    continue
                raise
            return {"folder": str(target), **done._asdict()}


def proof_of(
    directory: Path,
    index: int,
    size: int | None = None,
    *,
    witnessed: bool = False,
    policy: TrustPolicy | None = None,
) -> tuple[str, bytes | None, int]:
    """The proof of any entry of a workspace's log, its bytes (None if they are not kept any more),
    and the size of the proof's tree; with `policy` the newest that it accepts. Raises `Problem`."""
    with closing(_reader(directory)) as reader:
        if policy is not None:
            size = _tree(_accepted(reader, policy, index)).size
        text = proof(reader, index, size, witnessed=witnessed)
        try:
            entry = reader.entry_bytes(index)
        except Pruned:
            entry = None
        return text, entry, _tree(TlogProof.parse(text).checkpoint).size


def _reader(directory: Path) -> Reader:
    if not Paths(directory).founded:
        raise Problem("unknown", f"there is no workspace in `{directory}`")
    return Reader(Paths(directory).log_database)
