"""Entry after entry of one stretch, checked; the first that is wrong ends it.

The law: every entry is as `audit.entry.decode` asks, its time is not before that of the entry before
it, and its references point back to entries of the kind they claim. An entry of a form that was read
before is recognised by its pattern (`audit.shapes`), which is the same check.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from audit.commit import opens
from audit.entry import Entry, decode, role_of
from audit.errors import LogError
from audit.package import Disclosure
from audit.shapes import Shape, Shapes, plain, same_day, unescaped
from audit.stretch import Stretch, Wrong, check_order, check_role
from audit.succession import ADDED, RETIRED, change_of

PRUNED = "retention.pruned"
"""A kind that is understood here: its `minimum` says what may be missing."""

_READ_IN_FULL = frozenset({PRUNED, ADDED, RETIRED})

_shapes = Shapes()


class EntryReader:
    """Checks entry after entry of one stretch; stops at the first that is wrong."""

    def __init__(self, result: Stretch, disclosures: Sequence[Disclosure], minimum: int) -> None:
        self._result, self._minimum = result, minimum
        self._numbers: dict[str, int] = {}
        self._last = b""
        self._counts: Counter[Shape] = Counter()
        self._good: defaultdict[tuple[str, ...], set[tuple[bytes, ...]]] = defaultdict(set)
        """References (and files) that were found good, by their roles."""
        self._shown: dict[int, list[Disclosure]] = {}
        for disclosure in disclosures:
            self._shown.setdefault(disclosure.index, []).append(disclosure)

    def read(self, first: int, entries: Sequence[bytes]) -> None:
        """Check the entries that begin at index `first`."""
        stop, index = first + len(entries), first
        known = plain(entries)
        while index < stop:
            try:
                if known and self._last:
                    index += self._recognised(index, entries[index - first :])
                    if index == stop:
                        return
                data = entries[index - first]
                entry = decode(data)
                self._check(index, data, entry)
            except LogError as error:
                self._result.wrong = Wrong(index, str(error))
                return
            if known and entry.kind not in _READ_IN_FULL:
                _shapes.learn(data, entry)
            try:
                self._check_shown(index, entry)
            except LogError as error:
                self._result.wrong = Wrong(index, str(error), shown=True)
                return
            index += 1

    def finish(self) -> None:
        """Put into the result what was only counted."""
        result = self._result
        for shape, count in self._counts.items():
            result.kinds[shape.kind] += count
            result.commitments += count * shape.commitments
            result.references += count * len(shape.roles)
        result.last_at = self._last.decode()

    def _recognised(self, first: int, entries: Sequence[bytes]) -> int:
        """How many entries at the front are of known forms and good: the hot path of it all.

        What is not known, and what is not as it must be, is left to `_check` to judge.
        """
        last = self._last
        minute = last[:17]
        shapes_of, number_of = _shapes.find, self._numbers.get
        role_of, good, shown = self._result.role_of, self._good, self._shown
        found: list[Shape] = []
        index = first
        for data in entries:
            if b"\\" in data:
                data = unescaped(data)
            shapes = shapes_of(data)
            for shape in shapes:
                match = shape.match(data)
                if match is not None:
                    break
            else:
                break
            if shape is not shapes[0]:
                shapes.remove(shape)
                shapes.insert(0, shape)
            captured = match.groups()
            number = number_of(shape.role)
            at = captured[0]
            if at < last or number is None or index in shown:
                break
            if at[:17] != minute:
                if not same_day(at, last):
                    break
                minute = at[:17]
            if (
                shape.more
                and captured[1:] not in good[shape.roles]
                and not self._refers_well(index, shape, captured[1:])
            ):
                break
            last = at
            role_of.append(number)
            found.append(shape)
            index += 1
        self._last = last
        self._counts.update(found)
        return index - first

    def _refers_well(self, index: int, shape: Shape, captured: tuple[bytes, ...]) -> bool:
        """Whether the references of a recognised entry are good; if so, they and files are noted.

        What is good for an entry is good for every later one. It is remembered if it is likely to
        come again (a session, not the decision just before) and need not be counted.
        """
        result, nearest = self._result, index
        first, roles, role_of = result.first, result.roles, result.role_of
        targets = list(map(int, captured[shape.files :]))
        for role, target in zip(shape.roles, targets, strict=True):
            if target < nearest:
                nearest = target
            elif target >= index:
                return False
            if target >= first and roles[role_of[target - first]] != role:
                return False
        if nearest < first:
            for role, target in zip(shape.roles, targets, strict=True):
                if target < first:
                    self._before(index, role, target)
        if shape.files:
            result.blobs.update(digest.decode() for digest in captured[: shape.files])
        if self._minimum <= nearest < index - 8:
            self._good[shape.roles].add(captured)
        return True

    def _check(self, index: int, data: bytes, entry: Entry) -> None:
        result = self._result
        at = data[7:34]
        if at < self._last:
            raise LogError(f"its time {at.decode()} is before that of the entry before it")
        self._last = at
        result.first_at = result.first_at or at.decode()
        result.kinds[entry.kind] += 1
        self._place(role_of(entry.kind))
        for role, target in entry.data.get("refs", {}).items():
            self._check_ref(index, role, target)
        result.commitments += len(entry.data.get("commitments", ()))
        result.blobs.update(entry.data.get("files", {}).values())
        if entry.kind == PRUNED and type(entry.data.get("minimum")) is int:
            result.pruned = max(result.pruned, entry.data["minimum"])
        change = change_of(index, entry)
        if change is not None:
            result.changes.append(change)

    def _place(self, role: str) -> None:
        """Remember the role of the next entry."""
        result = self._result
        number = self._numbers.setdefault(role, len(self._numbers))
        if number == len(result.roles):
            result.roles.append(role)
        result.role_of.append(number)

    def _check_shown(self, index: int, entry: Entry) -> None:
        if index not in self._shown:
            return
        commitments = entry.data.get("commitments", {})
        for shown in self._shown[index]:
            if shown.name not in commitments:
                raise LogError(f"a value is shown for `{shown.name}`, to which it does not commit")
            opens(commitments[shown.name], shown.salt, shown.name, shown.value)

    def _check_ref(self, index: int, role: str, target: int) -> None:
        result = self._result
        result.references += 1
        check_order(index, role, target)
        if target < result.first:
            self._before(index, role, target)
        else:
            check_role(role, target, result.roles[result.role_of[target - result.first]])

    def _before(self, index: int, role: str, target: int) -> None:
        """Remember a reference to before this stretch, or to what was pruned."""
        if target < self._minimum:
            self._result.unseen += 1
        else:
            self._result.backward.setdefault((role, target), index)
