"""docs/retention.md names what there is: every command, class and setting in it exists, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from governance.cli import root
from governance.config import Backups
from governance.oversight.retention import CLASSES, FLOOR_DAYS

DOCUMENT = (Path(__file__).parents[2] / "docs" / "retention.md").read_text(encoding="utf-8")


def test_every_command_in_the_document_is_one() -> None:
    """Somebody would read of a command and find none."""
    found = re.findall(r"governance (retention|data|audit|restore)(?: ([a-z]+))?", DOCUMENT)
    assert len(found) > 8
    for group, name in found:
        command = root.commands[group]
        if hasattr(command, "commands"):
            assert name in command.commands, (group, name)


def test_every_class_and_the_floor_are_as_enforced() -> None:
    """The document would promise other times than the service keeps."""
    table = re.findall(r"^\| `([a-z]+)` \|", DOCUMENT, flags=re.M)
    assert table == list(CLASSES)
    assert f"{FLOOR_DAYS} days" in DOCUMENT


def test_the_settings_are_those_of_the_configuration() -> None:
    """An operator would set a name that stops the start, or trust another default."""
    defaults = Backups()
    rows = dict(re.findall(r"^\| `backups\.([a-z_]+)` \| ([0-9]+)", DOCUMENT, flags=re.M))
    assert rows == {
        "values_kept_days": str(defaults.values_kept_days),
        "log_kept_days": str(defaults.log_kept_days),
    }
