"""The quick look at shapes, against Cerberus."""

from __future__ import annotations

import copy
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from governance.engine import forms
from governance.engine.quickshape import mapping, value
from governance.engine.reading import Findings, read
from governance.engine.shape import _Shape

FOLDER = Path(__file__).parents[2] / "policies"
SCHEMAS = {kind: form["schema"] for kind, form in forms.KINDS.items()}
JUNK: list[Any] = [
    None, True, False, 0, -1, 7, 10**9, Decimal("1.5"), "", "x", "DENY", "deny", "all", "nobody",
    "Two words", "PAY-001", "1 treasurer", "24h", "2027-05-31", [], [None], ["x"], ["deny", 1], {},
    {"x": "y"}, {"is": 1}, "a" * 2500,
]  # fmt: skip


def _documents() -> list[tuple[str, Any]]:
    found = []
    for path in sorted(FOLDER.rglob("*.yaml")):
        name = "policies/" + path.relative_to(FOLDER).as_posix()
        document = read(name, path.read_bytes(), Findings())
        assert document is not None
        found.append((str(forms.kind_of(document.data)), document.data))
    return found


DOCUMENTS = _documents()


def _spoil(data: Any, dice: random.Random) -> Any:
    """The same data with one thing changed somewhere below."""
    if isinstance(data, dict | list) and data and dice.random() < 0.85:
        key = dice.choice(list(data) if isinstance(data, dict) else range(len(data)))
        roll = dice.random()
        if roll < 0.15:
            del data[key]
        elif roll < 0.25 and isinstance(data, dict):
            data[dice.choice(["tilte", "needs", "schema", "id", ""])] = dice.choice(JUNK)
        else:
            data[key] = _spoil(data[key], dice)
        return data
    return copy.deepcopy(dice.choice(JUNK))


@pytest.mark.parametrize("group", sorted(SCHEMAS))
def test_a_quick_yes_is_the_yes_of_cerberus(group: str) -> None:
    """A misspelt key that the quick look passes would be skipped in silence."""
    quick, slow = mapping(SCHEMAS[group]), _Shape(SCHEMAS[group])
    dice, refused = random.Random(group), 0
    good = [data for kind, data in DOCUMENTS if kind == group]
    for _ in range(150):
        data = _spoil(copy.deepcopy(dice.choice(good)), dice)
        if not isinstance(data, dict):
            continue
        if quick(data):
            assert slow.validate(data, normalize=False), slow.errors
        else:
            refused += 1
    assert refused > 20


def test_every_shipped_file_is_answered_by_the_quick_look() -> None:
    """A thousand rules would take a second to load again, and nobody would know why."""
    assert [kind for kind, data in DOCUMENTS if not mapping(SCHEMAS[kind])(data)] == []


def test_a_keyword_that_the_quick_look_does_not_know_asks_cerberus() -> None:
    """A new restriction in a schema would hold on slow days only."""
    assert value({"type": "string"})("x")
    assert not value({"type": "string", "forbidden": ["x"]})("y")
    assert not value({"type": "date"})("2027-05-31")
    assert not value({"regex": "x"})("x")
