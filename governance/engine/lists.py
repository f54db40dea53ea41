"""Lists that rules name with `$`: written in the file, or kept in a list file with a date.

Law: every member fits the type of the field it is compared with, and a list older than its
`max_age` is *cannot tell*, never empty and never full.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from governance.engine.model import CannotTell, Scalar
from governance.engine.reading import Document, Findings, Place, Way
from governance.engine.rules import ListUse
from governance.engine.shape import LIST_FILE, LIST_USE, fits, nearest
from governance.engine.values import Type, duration


@dataclass(frozen=True, slots=True)
class ListFile:
    """One list file: members as written, all of one type, true as of a point in time (UTC)."""

    name: str
    as_of: datetime
    kind: str
    members: tuple[Any, ...]
    path: str


_TOMORROW = timedelta(days=1)


def read_list(document: Document, findings: Findings, at: date | None = None) -> ListFile | None:
    """The list of one file, or None after its findings were added. `at` is the day of a check: a
    list that says it is from later than the next day would be fresh for longer than it may."""
    if not fits(document, LIST_FILE, findings):
        return None
    data = document.data
    as_of = Type("datetime").one(data["as_of"])
    if not isinstance(as_of, datetime):
        findings.add(document.path, document.place(("as_of",)), "wrong-form",
                     f"`{data['as_of']}` is not a point in time with its offset",
                     "such as 2026-11-20T08:00:00Z")  # fmt: skip
        return None
    if at is not None and as_of.astimezone(UTC).date() > at + _TOMORROW:
        findings.add(document.path, document.place(("as_of",)), "list-from-the-future",
                     f"`{data['as_of']}` has not come yet, so the list would stay fresh for too long",
                     "give the time when the list was exported")  # fmt: skip
        return None
    kind = Type(data["type"])
    sound = kind.name == "choice"
    if not sound:
        sound = True
        for i, raw in enumerate(data["members"]):
            if isinstance(kind.one(raw), CannotTell):
                findings.add(document.path, document.place(("members", i)), "wrong-constant",
                             f"`{str(raw)[:60]}` is not a {kind.name}")  # fmt: skip
                sound = False
    if not sound:
        return None
    return ListFile(data["list"], as_of.astimezone(UTC), kind.name, tuple(data["members"]),
                    document.path)  # fmt: skip


@dataclass(slots=True)
class ListBook:
    """The lists of one policy file, typed when they are first used. `inherited` are the documents of
    the parents that declare a list."""

    document: Document
    findings: Findings
    files: Mapping[str, ListFile]
    used: dict[str, ListUse] = field(default_factory=dict)
    kinds: dict[str, Type] = field(default_factory=dict)
    inherited: Mapping[str, tuple[Document, ...]] = field(default_factory=dict)

    def use(self, name: str, kind: Type, place: Place) -> bool:
        """Make `$name` usable for values of `kind`; False after a finding was added."""
        declared = self.document.data.get("lists") or {}
        path = self.document.path
        origins = () if name in declared else self.inherited.get(name, ())
        if name not in declared and len(origins) != 1:
            says = "is a list of two parents" if origins else "is not a list of this file"
            self.findings.add(path, place, "unknown-list", f"`${name}` {says}",
                              nearest(name, [*declared, *self.inherited]))  # fmt: skip
            return False
        before = self.kinds.get(name)
        if before is not None:
            if before.name != kind.name:
                self.findings.add(path, place, "two-types",
                                  f"`${name}` is used for {before.name} and for {kind.name}",
                                  "make two lists")  # fmt: skip
                return False
            return name in self.used
        self.kinds[name] = kind
        use = (
            self._inherited(name, origins[0], kind)
            if origins
            else self._inline(name, declared[name], kind)
        )
        if use is not None:
            self.used[name] = use
        return use is not None

    def _inherited(self, name: str, parent: Document, kind: Type) -> ListUse | None:
        use = ListBook(parent, self.findings, self.files)._inline(
            name, parent.data["lists"][name], kind
        )
        return use and replace(use, inherited=str(parent.data.get("policy")))

    def check_unused(self) -> None:
        """Lists that no rule names are checked for their shape, so that a typo in one is found."""
        for name, raw in (self.document.data.get("lists") or {}).items():
            if name in self.kinds:
                continue
            way = ("lists", name)
            if isinstance(raw, dict):
                if fits(self.document, LIST_USE, self.findings, way):
                    self._source(raw["from"], way)
            elif not isinstance(raw, list):
                self._not_a_list(name)

    def _not_a_list(self, name: str) -> None:
        place = self.document.place(("lists", name))
        self.findings.add(self.document.path, place, "wrong-shape",
                          f"`{name}` must be a list, or {{from: …, max_age: …}}")  # fmt: skip

    def _source(self, name: str, way: Way) -> ListFile | None:
        source = self.files.get(name)
        if source is None:
            place = self.document.place((*way, "from"))
            self.findings.add(self.document.path, place, "unknown-list",
                              f"there is no list file `{name}`",
                              nearest(name, self.files) or f"add lists/{name}.yaml")  # fmt: skip
        return source

    def _inline(self, name: str, raw: Any, kind: Type) -> ListUse | None:
        path, way = self.document.path, ("lists", name)
        if isinstance(raw, dict):
            return self._from_file(name, raw, kind)
        if not isinstance(raw, list):
            self._not_a_list(name)
            return None
        members: list[Scalar] = []
        for i, item in enumerate(raw):
            value = kind.one(item)
            if isinstance(value, CannotTell):
                self.findings.add(path, self.document.place((*way, i)), "wrong-constant",
                                  f"`{str(item)[:60]}` is not a {kind.name}",
                                  nearest(str(item), kind.members))  # fmt: skip
            else:
                members.append(value)
        return ListUse(name, tuple(members), kind=kind) if len(members) == len(raw) else None

    def _from_file(self, name: str, raw: dict[str, Any], kind: Type) -> ListUse | None:
        path, way = self.document.path, ("lists", name)
        if not fits(self.document, LIST_USE, self.findings, way):
            return None
        source = self._source(raw["from"], way)
        if source is None:
            return None
        if source.kind != kind.name:
            self.findings.add(path, self.document.place((*way, "from")), "two-types",
                              f"`{source.name}` holds {source.kind}, the field is {kind.name}")  # fmt: skip
            return None
        found = [kind.one(item) for item in source.members]
        members = tuple(value for value in found if not isinstance(value, CannotTell))
        return ListUse(name, members, source.name, duration(raw["max_age"]), source.as_of, kind)


def dated(found: ListFile, as_of: datetime) -> bytes:
    """A list as a file with another date: what a newer one is compared with."""
    members = ", ".join(map(_member, found.members))
    head = {"list": found.name, "as_of": as_of.isoformat(), "type": found.kind}
    lines = [f"{name}: {json.dumps(value)}" for name, value in head.items()]
    return "\n".join([*lines, f"members: [{members}]", ""]).encode()


def _member(raw: Any) -> str:
    return format(raw, "f") if isinstance(raw, Decimal) else json.dumps(raw, ensure_ascii=False)
