"""The page about checking says what the check says."""

from __future__ import annotations

import re
from pathlib import Path

from governance.cli import log
from governance.store.findings import MEANING, Part

PAGE = (Path(__file__).parents[2] / "docs" / "checking.md").read_text(encoding="utf-8")


def test_every_part_and_its_meaning_is_on_the_page() -> None:
    """Somebody who is told of damage would find another meaning of it on the page, or none."""
    rows = dict(re.findall(r"^\| (\w+)[^|]*\| ([^|]+?) \|", PAGE, re.M))
    for part in Part:
        assert rows.get(part.value) == MEANING[part], part


def test_the_exit_codes_are_those_of_the_command() -> None:
    """A script would take damage for something that a repair makes good."""
    assert re.findall(r"^\| (\d+) \|", PAGE, re.M) == ["0", str(log.TAMPERED), str(log.DERIVABLE)]
    help_ = (log.fsck.callback and log.fsck.help) or ""
    for code in ("0", str(log.TAMPERED), str(log.DERIVABLE)):
        assert re.search(rf"\b{code} ", help_)
