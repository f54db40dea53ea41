"""The names that a folder of policy files knows, even while some of its files are broken.

Law: what can be read is known, what cannot is left out, and nothing here decides whether a file is
right. For completion, hover and the JSON Schema; `load` alone says what holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from governance.engine import forms
from governance.engine.actions import read_catalogue
from governance.engine.catalogue import ActionType, Catalogue
from governance.engine.reading import Document, Findings, Place
from governance.engine.scope import known_fields
from governance.engine.values import Type


@dataclass(frozen=True, slots=True)
class Named:
    """A rule, limit or exception: where it is and what it says."""

    policy: str
    id: str
    title: str
    kind: str
    path: str
    place: Place


@dataclass(frozen=True, slots=True)
class Known:
    """`lists` are list files by name; `own_lists` the `$names` of each policy; `policies`, the
    place of each policy's name; `roles` every role that some file names."""

    catalogue: Catalogue
    lists: Mapping[str, Document] = field(default_factory=dict)
    own_lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    policies: Mapping[str, Document] = field(default_factory=dict)
    named: tuple[Named, ...] = ()
    roles: tuple[str, ...] = ()

    @property
    def fields(self) -> list[str]:
        return known_fields(self.catalogue.actions.values())

    def types_of(self, name: str) -> list[Type]:
        """The types that the actions give a field, each once."""
        found = (action.type_of(name) for action in self.catalogue.actions.values())
        return list(dict.fromkeys(kind for kind in found if kind is not None))


_RECORDS = ("rules", "limits", "exceptions", "factors", "never")
_WITH_RULES = ("policies", "risk", "invariants")


def known(documents: Iterable[Document]) -> Known:
    """What these documents know."""
    groups: dict[str, list[Document]] = {}
    for document in documents:
        if isinstance(document.data, dict):
            groups.setdefault(forms.kind_of(document.data) or "", []).append(document)
    ruled = [document for kind in _WITH_RULES for document in groups.get(kind, [])]
    return Known(
        catalogue=_catalogue(groups.get("actions", [])),
        lists={str(each.data["list"]): each for each in groups.get("lists", [])},
        own_lists={name_of(each.data): _keys(each.data.get("lists")) for each in ruled},
        policies={name_of(each.data): each for each in groups.get("policies", [])},
        named=tuple(found for each in ruled for found in _named(each)),
        roles=tuple(sorted({role for each in ruled for role in _roles(each.data)})),
    )


def _catalogue(documents: list[Document]) -> Catalogue:
    """Every action that can be read: a broken file takes only its own away."""
    actions: dict[str, ActionType] = {}
    for document in documents:
        try:
            actions.update(read_catalogue([document], Findings()).actions)
        except (AttributeError, KeyError, TypeError, ValueError):
            continue
    return Catalogue(actions)


def name_of(data: Mapping[str, Any]) -> str:
    """The name of a file: what stands behind the key that says its kind."""
    kind = forms.kind_of(data)
    return "" if kind is None else str(data.get(next(iter(forms.KINDS[kind]["schema"]))))


def _keys(data: Any) -> tuple[str, ...]:
    return tuple(data) if isinstance(data, dict) else ()


def _named(document: Document) -> Iterator[Named]:
    for kind in _RECORDS:
        entries = document.data.get(kind)
        for i, entry in enumerate(entries if isinstance(entries, list) else ()):
            if isinstance(entry, dict) and isinstance(entry.get("id"), str):
                yield Named(name_of(document.data), entry["id"], str(entry.get("title", "")), kind,
                            document.path, document.place((kind, i, "id")))  # fmt: skip


def _roles(data: Any) -> Iterator[str]:
    """The roles in `needs` and `may_be_waived_by`, wherever they stand."""
    if isinstance(data, list):
        for item in data:
            yield from _roles(item)
    if not isinstance(data, dict):
        return
    for key, value in data.items():
        texts = value if isinstance(value, list) else [value]
        if key == "needs":
            yield from (str(text).split()[-1] for text in texts if len(str(text).split()) == 2)
        elif key == "may_be_waived_by":
            yield from (text for text in texts if isinstance(text, str) and text not in _NO_ROLES)
        else:
            yield from _roles(value)


_NO_ROLES = frozenset({"nobody", "child", "exception"})
