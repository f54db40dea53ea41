"""The list of kinds in audit/FORMAT.md is the list that is enforced."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from types import ModuleType

import pytest

from governance.oversight import entries

FORMAT = Path(__file__).parents[1] / "audit" / "FORMAT.md"


def documented() -> dict[str, tuple[str, str]]:
    """Kind -> (refs, data) as the document has them."""
    text = FORMAT.read_text(encoding="utf-8")
    table = text.partition("<!-- kinds:begin -->")[2].partition("<!-- kinds:end -->")[0]
    rows = [line.strip("|").split("|") for line in table.strip().splitlines()[2:]]
    return {row[0].strip().strip("`"): (row[1].strip(), row[2].strip()) for row in rows}


def enforced(module: ModuleType = entries) -> dict[str, set[str]]:
    """Kind -> every field name that its shape mentions, shared shapes included.

    A room of the state may have the shapes of its own kinds: `**room.KINDS` in the list.
    """
    shared: dict[str, ast.expr] = {}
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            shared[node.targets[0].id] = node.value
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            shared[node.target.id] = node.value
    kinds = shared["KINDS"]
    assert isinstance(kinds, ast.Dict)
    found: dict[str, set[str]] = {}
    for key, value in zip(kinds.keys, kinds.values, strict=True):
        if isinstance(key, ast.Constant):
            found[str(key.value)] = names(value, shared)
        else:
            assert isinstance(value, ast.Attribute)
            assert isinstance(value.value, ast.Name)
            found |= enforced(getattr(module, value.value.id))
    return found


def names(node: ast.AST, shared: dict[str, ast.expr]) -> set[str]:
    """The keys of the mappings below a node, following names of the same module."""
    found: set[str] = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Dict):
            found |= {str(k.value).rstrip("?") for k in part.keys if isinstance(k, ast.Constant)}
        if isinstance(part, ast.Name) and part.id in shared and part.id != "KINDS":
            found |= names(shared[part.id], shared)
    return found


def test_every_kind_is_documented_and_no_other() -> None:
    """A stranger would meet entries whose meaning nobody published."""
    assert list(documented()) == list(entries.KINDS)


@pytest.mark.parametrize("kind", entries.KINDS)
def test_its_fields_are_documented(kind: str) -> None:
    """A field would be published under a name that no entry has."""
    refs, data = documented()[kind]
    words = set(re.findall(r"`(\w+)`", data))
    known = enforced()[kind]
    assert words <= known, f"{kind}: {sorted(words - known)}"
    for role in re.findall(
        r"\b(session|approval|override|decision|stop|policy|agent|service)\b", refs
    ):
        assert role in known, f"{kind}: refs.{role}"
