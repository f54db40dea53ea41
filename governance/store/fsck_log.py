"""The log against itself: entries, leaf hashes, tree nodes, checkpoints, head file.

The law: the bytes of the entries are hashed again and nothing stored is believed; a signed head
over exactly these bytes vouches for them, and then every stored hash that differs is the one at
fault. Without such a head nothing is called derivable.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from audit.checkpoint import Checkpoint, open_checkpoint
from audit.entry import decode
from audit.errors import LogError
from audit.keys import Verifier
from audit.tree import HASH_SIZE, Frontier, Node, leaf_hash
from governance.store.findings import REBUILD, RESTORE, Finding, Part
from governance.store.reader import minimum_of
from governance.store.sqlite import Connection

_CHUNK = 1_024
_COUNT = "SELECT COALESCE(MAX(idx) + 1, 0) FROM log_entries"
_ROWS = "SELECT idx, entry, leaf FROM log_entries WHERE idx >= ? AND idx < ? ORDER BY idx"
_NODES = "SELECT idx, hash FROM tree_nodes WHERE level = ? AND idx >= ? AND idx <= ?"
_HEADS = "SELECT size, note FROM checkpoints WHERE size > ? AND size <= ? ORDER BY size"

Place = tuple[int, int]
"""Level and index of a tree node."""


class Log(NamedTuple):
    """What the bytes of the entries add up to, and what is stored otherwise.

    `signed` is a genuine checkpoint over exactly these bytes, if there is one. What belongs in the
    places of `leaves`, `nodes` and `checkpoints` comes with them; None: nothing belongs there.
    """

    size: int
    findings: list[Finding]
    signed: str | None
    leaves: list[tuple[int, bytes]]
    nodes: list[tuple[Place, bytes | None]]
    checkpoints: list[tuple[int, str | None]]


def check_log(db: Connection, verifiers: Sequence[Verifier], head: str | None) -> Log:
    """Hash every entry of the log in `db` again and compare; `head` is the head file's newest note.

    `verifiers` are the keys this log signs and ever signed with. Reads only.
    """
    size = int(db.execute(_COUNT).fetchone()[0])
    heads = _Heads(verifiers, head)
    cuts = list(_cuts(db))
    pair = _Pair(0 if cuts else minimum_of(db))
    pair.gaps += cuts
    heads.check(db, -1, 0, {0: (pair.bytes.frontier.root(),) * 2})
    for start in range(0, size, _CHUNK):
        stop = min(start + _CHUNK, size)
        roots = pair.read(db, start, stop, heads.sizes(db, start, stop))
        heads.check(db, start, stop, roots)
    heads.check(db, size, 2**62, {})
    return _judged(db, size, pair, heads)


class _Tree:
    """One tree made again, held against the stored nodes."""

    def __init__(self, frontier: Frontier | None = None) -> None:
        self.frontier = frontier or Frontier()
        self.wrong: list[tuple[Place, bytes | None]] = []
        self._fresh: list[Node] = []

    def add(self, leaf: bytes) -> None:
        """Append one leaf."""
        self._fresh += self.frontier.append(leaf)[1:]

    def compare(self, db: Connection) -> None:
        """Hold the nodes completed since the last call against those stored."""
        fresh, self._fresh = sorted(self._fresh), []
        for level, group in groupby(fresh, key=lambda node: node[0]):
            nodes = list(group)
            stored = dict(db.execute(_NODES, (level, nodes[0][1], nodes[-1][1])).fetchall())
            self.wrong += [
                ((level, index), value) for _, index, value in nodes if stored.get(index) != value
            ]

    def fork(self) -> _Tree:
        """The same tree so far, to go on otherwise."""
        twin = _Tree(self.frontier.copy())
        twin.wrong, twin._fresh = list(self.wrong), list(self._fresh)
        return twin


class _Pair:
    """The tree over the entries' bytes and the tree over their stored leaf hashes.

    They are one and the same until the first leaf hash that is not that of its entry. Of an entry
    that was pruned only the leaf hash is left; the signed root vouches for it.
    """

    def __init__(self, minimum: int) -> None:
        self._minimum = minimum
        self.bytes = self.leaves = _Tree()
        self.suspects: list[tuple[int, bytes]] = []
        self.gaps: list[Finding] = []

    def read(
        self, db: Connection, start: int, stop: int, wanted: set[int]
    ) -> dict[int, tuple[bytes, bytes]]:
        """Add entries `start` to `stop`; both roots at the sizes that are `wanted`."""
        roots = {}
        expected = start
        for index, data, leaf in db.execute(_ROWS, (start, stop)).fetchall():
            data, leaf = _bytes(data), _bytes(leaf)
            if index != expected:
                self.gaps.append(_gone(expected, index))
            expected = index + 1
            self._add(index, data, leaf)
            if expected in wanted and not self.gaps:
                roots[expected] = self.roots()
        if expected != stop:
            self.gaps.append(_gone(expected, stop))
        if not self.gaps:
            self.bytes.compare(db)
            if self.leaves is not self.bytes:
                self.leaves.compare(db)
        return roots

    def _add(self, index: int, data: bytes, leaf: bytes) -> None:
        pruned = index < self._minimum and not data
        hashed = leaf if pruned and len(leaf) == HASH_SIZE else leaf_hash(data)
        if hashed != leaf:
            self.suspects.append((index, hashed))
            if self.leaves is self.bytes:
                self.leaves = self.bytes.fork()
        self.bytes.add(hashed)
        if self.leaves is not self.bytes:
            self.leaves.add(leaf if len(leaf) == HASH_SIZE else bytes(HASH_SIZE))

    def roots(self) -> tuple[bytes, bytes]:
        """The roots of both trees."""
        return self.bytes.frontier.root(), self.leaves.frontier.root()


def _bytes(value: object) -> bytes:
    """What is stored as bytes; what somebody stored otherwise is another thing, and must differ."""
    return value if isinstance(value, bytes) else f"not bytes: {value!r}".encode()


class _Heads:
    """The signed heads: one for each commit in the database, and the one in the head file."""

    def __init__(self, verifiers: Sequence[Verifier], head: str | None) -> None:
        self._verifiers = verifiers
        self.forged: list[tuple[int, str]] = []
        self.fits = (_Fits(), _Fits())
        self.newest: tuple[Checkpoint, str] | None = None
        self.last_row = -1
        self.outside: Checkpoint | None = None
        self.unreadable = ""
        if head is None:
            self.unreadable = "it is missing, or no slot of it can be read"
            return
        try:
            self.outside = self.newest_of(head)
        except LogError as error:
            self.unreadable = str(error)

    def newest_of(self, note: str) -> Checkpoint:
        """Open `note`, and remember it if no newer genuine one was seen. Raises `LogError`."""
        opened = open_checkpoint(note, self._verifiers, self._verifiers[0].name)
        if self.newest is None or opened.size >= self.newest[0].size:
            self.newest = opened, note
        return opened

    def sizes(self, db: Connection, start: int, stop: int) -> set[int]:
        """The sizes whose root is wanted, `start` < size <= `stop`."""
        rows = db.execute(_HEADS, (start, stop)).fetchall()
        return {size for size, _ in rows} | ({self.outside.size} if self.outside else set())

    def check(
        self, db: Connection, start: int, stop: int, roots: dict[int, tuple[bytes, bytes]]
    ) -> None:
        """Check the checkpoints with `start` < size <= `stop` against the roots made again."""
        heads = [] if self.outside is None else [self.outside]
        for size, note in db.execute(_HEADS, (start, stop)).fetchall():
            self.last_row = size
            try:
                opened = self.newest_of(str(note))
                if opened.size != size:
                    raise LogError(f"it is the checkpoint of size {opened.size}")
            except LogError as error:
                self.forged.append((size, str(error)))
            else:
                heads.append(opened)
        for head in sorted(heads, key=lambda head: head.size):
            if head.size in roots:
                for fits, root in zip(self.fits, roots[head.size], strict=True):
                    fits.see(head.size, same=root == head.root)


class _Fits:
    """How far genuine heads say what one tree says; `wrong` are the sizes at which one does not."""

    def __init__(self) -> None:
        self.good = 0
        self.wrong: list[int] = []

    def see(self, size: int, *, same: bool) -> None:
        """A head of this size was compared; sizes never go down."""
        if not same:
            self.wrong.append(size)
        elif not self.wrong:
            self.good = size

    @property
    def span(self) -> tuple[int, int]:
        """Between which two signed sizes the tree begins to be another than was signed."""
        return self.good, self.wrong[0] if self.wrong else 0


def _judged(db: Connection, size: int, pair: _Pair, heads: _Heads) -> Log:
    """Whom to believe: the bytes, the leaf hashes, or neither."""
    findings = list(pair.gaps)
    newest = heads.newest
    signed = None if newest is None or newest[0].size != size or pair.gaps else newest[0]
    by_bytes, by_leaves = pair.roots()
    vouched = signed is not None and signed.root == by_bytes
    exact = signed is not None and not vouched and signed.root == by_leaves
    if newest is None:
        findings.append(
            Finding("checkpoints", "none is signed by this log's key", Part.CHECKPOINT, RESTORE)
        )
    elif newest[0].size != size:
        findings.append(_unsigned(size, newest[0].size))
    findings += _entries(pair, heads, vouched=vouched, exact=exact, signed=signed is not None)
    tree = pair.bytes if vouched else pair.leaves
    wrong = tree.wrong + list(_strangers(db, size)) if not pair.gaps else []
    findings += [_node(place, value, vouched) for place, value in wrong]
    checkpoints: list[tuple[int, str | None]] = []
    for at, why in heads.forged:
        findings.append(Finding(f"checkpoint of size {at}", why, Part.CHECKPOINT, _if(vouched)))
        checkpoints.append((at, newest[1] if newest and at == size else None))
    if vouched and newest is not None and heads.last_row != size:
        findings.append(
            Finding(f"checkpoint of size {size}", "only the head file has it", Part.CHECKPOINT)
        )
        checkpoints.append((size, newest[1]))
    findings += _disagreeing(heads, vouched=vouched)
    note = newest[1] if vouched and newest is not None else None
    return Log(size, findings, note, pair.suspects if vouched else [], wrong, checkpoints)


def _if(vouched: bool) -> str:
    return REBUILD if vouched else RESTORE


def _gone(start: int, stop: int) -> Finding:
    return Finding(_span(start, stop), "it is missing", Part.ENTRY, RESTORE)


def _span(start: int, stop: int) -> str:
    return f"entry {start}" if stop == start + 1 else f"entries {start} to {stop - 1}"


def _unsigned(size: int, signed: int) -> Finding:
    if signed > size:
        what = f"missing: a head signs {signed} entries, the log has {size}"
        return Finding(_span(size, signed), what, Part.ENTRY, RESTORE)
    what = f"no head signs them: the newest that is genuine signs {signed} entries"
    return Finding(_span(signed, size), what, Part.ENTRY, RESTORE)


def _entries(
    pair: _Pair, heads: _Heads, *, vouched: bool, exact: bool, signed: bool
) -> Iterator[Finding]:
    for index, _ in pair.suspects:
        where = f"entry {index}"
        if vouched:
            yield Finding(where, "its stored leaf hash is not that of its bytes", Part.LEAF)
        elif exact:
            yield Finding(where, "its bytes are not those that were signed", Part.ENTRY, RESTORE)
        else:
            what = "its bytes are not those of its leaf hash, and which was signed cannot be told"
            yield Finding(where, what, Part.ENTRY, RESTORE)
    if vouched or exact or not signed:
        return
    good, first = max((fits.span for fits in heads.fits), key=lambda span: span[1])
    yield Finding(
        _span(good, first), "the root they give is not the one that was signed", Part.ENTRY, RESTORE
    )


def _cuts(db: Connection) -> Iterator[Finding]:
    """Entries may lack their bytes only where an entry announced the cut."""
    kept = minimum_of(db)
    for minimum, index in db.execute("SELECT minimum, entry FROM cuts ORDER BY minimum").fetchall():
        if index < kept != minimum:
            continue  # what announced an earlier cut was pruned by a later one
        row = db.execute("SELECT entry FROM log_entries WHERE idx = ?", (index,)).fetchone()
        try:
            entry = None if row is None else decode(_bytes(row[0]))
        except LogError:
            entry = None
        announced = (
            entry is not None
            and entry.kind == "retention.pruned"
            and entry.data.get("minimum") == minimum <= index
        )
        if not announced:
            what = f"they are marked as pruned, but entry {index} does not say so"
            yield Finding(_span(0, minimum), what, Part.ENTRY, RESTORE)


def _disagreeing(heads: _Heads, *, vouched: bool) -> Iterator[Finding]:
    """Genuine heads over another tree, and a head file that says nothing."""
    if heads.unreadable:
        yield Finding("the head file", heads.unreadable, Part.HEAD, RESTORE)
    if not vouched:
        return
    for size in dict.fromkeys(heads.fits[0].wrong):
        what = "it is signed by this log's key over other entries: two histories were signed"
        part = Part.HEAD if heads.outside and heads.outside.size == size else Part.CHECKPOINT
        yield Finding(f"the head of size {size}", what, part, RESTORE)


def _strangers(db: Connection, size: int) -> Iterator[tuple[Place, None]]:
    """Stored nodes that no tree of `size` leaves has."""
    for level in range(1, size.bit_length()):
        rows = db.execute(
            "SELECT idx FROM tree_nodes WHERE level = ? AND (idx < 0 OR idx >= ?)",
            (level, size >> level),
        )
        yield from (((level, index), None) for (index,) in rows.fetchall())
    rows = db.execute(
        "SELECT level, idx FROM tree_nodes WHERE level < 1 OR level >= ?",
        (max(1, size.bit_length()),),
    )
    yield from (((level, index), None) for level, index in rows.fetchall())


def _node(place: Place, value: bytes | None, vouched: bool) -> Finding:
    where = f"tree node {place[1]} of level {place[0]}"
    what = "no entries belong to it" if value is None else "it is not what the leaf hashes give"
    return Finding(where, what, Part.NODE, _if(vouched))
