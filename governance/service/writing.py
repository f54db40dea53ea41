"""Writing policy files: the one layout, and the JSON Schema that editors complete from.

Law: files come in as bytes by path and go out as bytes or plain values; nothing is written here, and
what cannot be laid out without a change is said, not done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from governance.engine import format as layout
from governance.engine import forms, jsonschema
from governance.engine.known import known
from governance.engine.model import PolicyErrors
from governance.engine.reading import Findings, read
from governance.service.checking import plain
from governance.service.problem import Problem


@dataclass(frozen=True, slots=True)
class LaidOut:
    """One file: its new bytes, or None with `findings` (as of a check) or a `problem` sentence."""

    data: bytes | None
    findings: tuple[dict[str, Any], ...] = ()
    problem: str = ""


def lay_out(path: str, data: bytes) -> LaidOut:
    """The canonical form of one file."""
    try:
        return LaidOut(layout.formatted(path, data))
    except PolicyErrors as errors:
        return LaidOut(None, tuple(plain(each) for each in errors.findings))
    except layout.Unsafe as why:
        return LaidOut(None, problem=f"{path} is left as it is: {why}")


def json_schema(files: Mapping[str, bytes], kind: str | None = None) -> dict[str, Any]:
    """The JSON Schema of policy files, with the actions, fields, lists and roles of `files`; of one
    kind of file, or of all together. Raises `Problem` for a kind that does not exist."""
    if kind is not None and kind not in forms.KINDS:
        told = ", ".join(f"`{each}`" for each in forms.KINDS)
        raise Problem("bad-field", f"`{kind}` is no kind of file; there are {told}", field="kind")
    ignored = Findings()
    read_ones = [read(path, data, ignored) for path, data in sorted(files.items())]
    return jsonschema.schema(known([each for each in read_ones if each is not None]), kind)


KINDS = tuple(forms.KINDS)
"""The kinds of files, as `json_schema` knows them."""
