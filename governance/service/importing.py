"""Catalogue files out of what tools say about themselves: MCP tool lists, OpenAPI, JSON Schema.

Law: bytes and names come in, texts and sentences go out; nothing is fetched or written here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from governance.engine import catalogtext, imports
from governance.engine.catalogtext import Merged
from governance.engine.format import Unsafe
from governance.engine.model import PolicyErrors
from governance.engine.reading import Findings, read
from governance.service.problem import Problem

MOST_BYTES: Final = 32 * 1024 * 1024
KINDS: Final = ("mcp", "openapi", "json-schema")


@dataclass(frozen=True, slots=True)
class Imported:
    """`text` is the catalogue file, `digests` the list of reviewed descriptions (MCP only); `notes`
    are sentences for a person; the rest names the actions."""

    text: str
    digests: str | None
    notes: tuple[str, ...]
    added: tuple[str, ...]
    changed: tuple[str, ...]
    gone: tuple[str, ...]
    same: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to make of documents: `kind` is one of KINDS, `name` the server, API or action; `owner`
    and `catalogue` go into a new file."""

    kind: str
    name: str
    owner: str
    catalogue: str


def catalogue(
    documents: Sequence[tuple[str, bytes]],
    wanted: Wanted,
    at: datetime,
    existing: bytes | None = None,
    digests: bytes | None = None,
) -> Imported:
    """The catalogue of the actions in these documents (name and bytes), merged into `existing`.

    Raises `Problem` for a document that is not of its kind, and for a file that cannot be merged.
    """
    actions, notes, begins = [], [], ""
    for source, data in documents:
        found = _found(source, data, wanted)
        actions += found.actions
        begins = found.source
        notes += [f"{source}: {note}" for note in found.notes]
    if not actions:
        raise Problem("bad-field", "there is no action in what was given", field="file")
    names = [action.name for action in actions]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        told = ", ".join(f"`{name}`" for name in twice[:5])
        raise Problem("bad-field", f"two documents have {told}; import them under two names")
    try:
        made = _merged(existing, wanted, actions, begins)
        listed = None
        if wanted.kind == "mcp":
            old = None if digests is None else digests.decode("utf-8-sig")
            moment = at.strftime("%Y-%m-%dT%H:%M:%SZ")
            listed = catalogtext.reviewed(old, "mcp/reviewed-descriptions", moment, actions)
    except PolicyErrors as errors:
        raise Problem("bad-policy", "\n".join(map(str, errors.findings))) from None
    except (Unsafe, UnicodeDecodeError) as why:
        raise Problem("bad-policy", f"the file is left as it is: {why}") from None
    if made.changed or made.gone:
        notes.append("what a maker changed is marked `changed at its maker` in the file")
    return Imported(made.text, listed, tuple(notes), tuple(made.added), tuple(made.changed),
                    tuple(made.gone), tuple(made.same))  # fmt: skip


def _merged(
    existing: bytes | None, wanted: Wanted, actions: list[imports.Action], begins: str
) -> Merged:
    if existing is None:
        title = f"Tools of {wanted.name}"
        return catalogtext.new_file(wanted.catalogue, title, wanted.owner, actions)
    findings = Findings()
    if read("the catalogue", existing, findings) is None:
        raise PolicyErrors(findings.sorted())
    text = existing.decode("utf-8-sig").replace("\r\n", "\n")
    made = catalogtext.merge(text, actions, begins)
    if b"\r\n" in existing:
        made.text = made.text.replace("\n", "\r\n")
    return made


def _found(source: str, data: bytes, wanted: Wanted) -> imports.Found:
    document = _document(source, data)
    makers = {
        "mcp": imports.from_mcp,
        "openapi": imports.from_openapi,
        "json-schema": imports.from_json_schema,
    }
    try:
        return makers[wanted.kind](document, wanted.name)
    except imports.NotImportable as why:
        raise Problem("bad-field", f"{source}: {why}", field="file") from None
    except (RecursionError, ValueError) as why:
        raise Problem(
            "bad-field", f"{source}: it cannot be taken over: {why}", field="file"
        ) from None


def _document(source: str, data: bytes) -> Any:
    """JSON, or YAML where it is not JSON."""
    if len(data) > MOST_BYTES:
        raise Problem("too-large", f"{source} has {len(data)} bytes; at most {MOST_BYTES} are read")
    try:
        return json.loads(data, parse_float=Decimal, parse_constant=_no_constant)
    except RecursionError:
        raise Problem("bad-field", f"{source}: too much inside each other", field="file") from None
    except ValueError as why:
        findings = Findings()
        document = read(source, data, findings)
        if document is None:
            first = findings.sorted()[0]
            raise Problem(
                "bad-field", f"{source} is neither JSON ({why}) nor YAML: {first}", field="file"
            ) from None
        return document.data


def _no_constant(name: str) -> Any:
    raise ValueError(f"`{name}` is not JSON")
