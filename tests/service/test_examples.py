"""The shipped policy files in a workspace that is made at any time."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from governance.engine.check import check
from governance.service.examples import dated

POLICIES = Path(__file__).parents[2] / "policies"


def shipped() -> dict[str, str]:
    """The files of this repository by path."""
    return {
        f"policies/{path.relative_to(POLICIES).as_posix()}": path.read_text(encoding="utf-8")
        for path in POLICIES.rglob("*.yaml")
    }


@pytest.mark.parametrize("day", ["2026-11-20", "2027-01-16", "2027-06-01", "2031-03-02"])
def test_a_workspace_can_be_made_whenever(day: str) -> None:
    """From the first lapsed review or exception on, nobody could install the product any more."""
    at = datetime.fromisoformat(f"{day}T23:30:00+00:00")
    files = {path: text.encode() for path, text in dated(shipped(), at).items()}
    assert [str(each) for each in check(files, at.date(), deep=False).errors] == []


def test_nothing_but_dates_is_moved_and_only_when_it_must() -> None:
    """People would find other rules in their workspace than the ones they read about."""
    before = shipped()
    soon = dated(before, datetime(2026, 11, 20, tzinfo=UTC))
    assert {path for path in before if soon[path] != before[path]} == {
        path for path in before if "/lists/" in path
    }
    later = dated(before, datetime(2027, 1, 16, tzinfo=UTC))["policies/payments.yaml"]
    pairs = zip(before["policies/payments.yaml"].split(), later.split(), strict=True)
    assert {(was, now) for was, now in pairs if was != now} == {
        ("2027-05-31", "2027-06-21"),
        ("2026-12-15", "2027-01-05"),
        ("2027-01-15", "2027-02-05"),
    }
