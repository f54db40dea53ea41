"""Which keys sign a log, as its own entries say: one key takes over from another.

The law: a pinned key decides what is believed, never the package. What a log says of its keys is proven
by the key that signed it; so a successor is learnt under the key it succeeds, and a checkpoint that
none of the keys signed which its own log names as the last is refused, whoever has an old key.

Two kinds of entries are read for it, `log_key.added` (`vkey`, and `beside`: the others that sign) and
`log_key.retired` (`vkey`, `why`, and `remaining`). Anything else under these names is passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from audit.checkpoint import open_named_checkpoint
from audit.entry import Entry, decode
from audit.errors import BadKey, LogError, UnknownKey
from audit.keys import Verifier
from audit.note import open_note
from audit.package import Package, anchor_name
from audit.tiles import TILE_WIDTH, Tile, tile_hashes
from audit.tree import Frontier, leaf_hash

ADDED: Final = "log_key.added"
RETIRED: Final = "log_key.retired"


@dataclass(frozen=True, slots=True)
class KeyChange:
    """A change of the log's keys: entry, whether `vkey` begins or ends to sign, and who else signs."""

    index: int
    begins: bool
    vkey: str
    why: str
    others: tuple[str, ...]

    @property
    def in_force(self) -> tuple[str, ...]:
        """The verifier keys that sign after this entry."""
        return (self.vkey, *self.others) if self.begins else self.others


def change_of(index: int, entry: Entry) -> KeyChange | None:
    """The change that an entry says; None if it says none."""
    if entry.kind not in (ADDED, RETIRED):
        return None
    begins = entry.kind == ADDED
    vkey, why = entry.data.get("vkey"), entry.data.get("why", "")
    others = entry.data.get("beside" if begins else "remaining")
    if type(others) is not list or type(why) is not str:
        return None
    try:
        for each in (vkey, *others):
            Verifier.from_vkey(each if type(each) is str else "")
    except BadKey:
        return None
    return KeyChange(index, begins, str(vkey), why, tuple(others))


def check_signers(note: str | bytes, changes: Sequence[KeyChange]) -> None:
    """Raises `UnknownKey` if none of the keys signed `note` that its log names last."""
    if not changes:
        return
    last = changes[-1]
    try:
        keys = [Verifier.from_vkey(vkey) for vkey in dict.fromkeys(last.in_force)]
        open_note(note, [key for key in keys if key.checkable])
    except UnknownKey as error:
        raise UnknownKey(
            "the checkpoint is signed by a key that its own log has retired, and by none that signs "
            f"since entry {last.index} ({_named(last.in_force)}): somebody goes on with an old key. "
            f"{_retirements(changes)}"
        ) from error


def sentences(changes: Iterable[KeyChange]) -> tuple[str, ...]:
    """The changes in words, for whoever pins keys."""
    return tuple(
        f"entry {change.index} announced the log's key `{change.vkey}`, beside "
        f"{_named(change.others)}"
        if change.begins
        else f"entry {change.index} retired the log's key `{_id(change.vkey)}` ({change.why or '–'}); "
        f"{_named(change.others)} {'sign' if len(change.others) > 1 else 'signs'} from there on"
        for change in changes
    )


def advice(package: Package, pinned: Sequence[Verifier]) -> str:
    """What to do when no pinned key signed a package's checkpoint; empty if it says nothing of them.

    A head in the package that a pinned key signed proves what its entries say of that key's
    successor. Without one, what the entries say is said as what it is: not proven.
    """
    try:
        heads = _heads_by(package, pinned)
        changes, proven = _changes(package, heads)
    except (LogError, OSError, IndexError):
        return ""  # what cannot be read advises nobody
    ours = {verifier.vkey for verifier in pinned}
    gone = [change for change in changes if not change.begins and change.vkey in ours]
    if not gone:
        return ""
    found = gone[-1]
    retired = (
        f"entry {found.index} retired the pinned key ({found.why or 'no reason'}), and "
        f"{_named(found.others)} went on"
    )
    if found.index < proven:
        successors = ", ".join(f"`{vkey}`" for vkey in found.others)
        return (
            f". The pinned key itself signed the first {proven} entries, as `{anchor_name(proven)}` "
            f"shows: {retired}. Compare {successors} with what the operator gave you on another way, "
            "then pin it"
        )
    return (
        f". The package itself says, which is not proven, that {retired}. Verify a package or "
        f"checkpoint from before entry {found.index} with the pinned key: its entries name the "
        "successor. Compare that with what the operator gave you on another way, then pin it"
    )


def _heads_by(package: Package, pinned: Sequence[Verifier]) -> dict[int, bytes]:
    """The roots of heads in the package that a pinned key signed, by size."""
    found = {}
    for size, note, _ in package.anchored():
        try:
            tree = open_named_checkpoint(note, pinned)
        except LogError:
            continue
        found[tree.size] = tree.root if tree.size == size else b""
    return found


def _changes(package: Package, heads: Mapping[int, bytes]) -> tuple[list[KeyChange], int]:
    """The changes that all entries say, and of how many entries a pinned key has signed the tree."""
    changes: list[KeyChange] = []
    frontier, proven = Frontier(), 0
    minimum = package.layout().minimum
    for number in range(minimum // TILE_WIDTH):  # pruned: their hashes stand for the entries
        frontier.extend(tile_hashes(package.tile(Tile(0, number, TILE_WIDTH))))
    for index, data in enumerate(package.entries(minimum), minimum):
        if b'"kind":"log_key.' in data:
            change = change_of(index, decode(data))
            if change is not None:
                changes.append(change)
        frontier.append(leaf_hash(data))
        if index + 1 in heads and heads[index + 1] == frontier.root():
            proven = index + 1
    return changes, proven


def _retirements(changes: Iterable[KeyChange]) -> str:
    return "; ".join(
        f"entry {change.index} retired `{_id(change.vkey)}` ({change.why or '–'})"
        for change in changes
        if not change.begins
    )


def _named(vkeys: Iterable[str]) -> str:
    return ", ".join(f"`{_id(vkey)}`" for vkey in vkeys)


def _id(vkey: str) -> str:
    name, key_id, _ = vkey.split("+", 2)
    return f"{name}+{key_id}"
