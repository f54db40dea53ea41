"""Files that somebody is writing are told the same of, in whatever way they are looked at."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from governance.service import checking, comparing, drafting, drafts, proving, testing, wording
from governance.service.problem import Problem

FOLDER = Path(__file__).parents[2] / "policies"
FILES = {
    f"policies/{path.relative_to(FOLDER).as_posix()}": path.read_bytes()
    for path in sorted(FOLDER.rglob("*.yaml"))
}
PAYMENTS = "policies/payments.yaml"
UNCLEAR = {**FILES, PAYMENTS: FILES[PAYMENTS].replace(b"at_most: 500 EUR", b"at_most: 1.500 EUR")}
AT = datetime(2026, 11, 20, 10, tzinfo=UTC)
CELLS = {"action": "payment.create"}

WAYS: dict[str, Callable[[], Any]] = {
    "words": lambda: wording.words(UNCLEAR),
    "plain words": lambda: drafting.plain_words(UNCLEAR),
    "test": lambda: testing.run(UNCLEAR),
    "diff": lambda: comparing.compared(FILES, UNCLEAR, AT, comparing.BUDGET, False),
    "prove": lambda: proving.proved(UNCLEAR, AT, proving.BUDGET, False),
    "explain": lambda: drafting.suppose(UNCLEAR, CELLS),
}


@pytest.mark.parametrize("way", WAYS)
def test_what_a_check_calls_an_error_ends_every_other_look(way: str) -> None:
    """`1.500 EUR` would be proved and tested as one euro fifty, and refused only at the release."""
    errors = checking.checked(UNCLEAR, drafts.today()).errors
    assert {each.code for each in errors} == {"unclear-amount"}
    with pytest.raises(Problem) as caught:
        WAYS[way]()
    for each in errors:
        assert str(each) in caught.value.detail


def test_what_was_released_is_read_as_it_was_signed() -> None:
    """An older release could not be read any more once a check has become stricter."""
    assert drafts.compiled(UNCLEAR, released=True).digest
    assert comparing.compared(UNCLEAR, FILES, AT, comparing.BUDGET, False)["outcome"] != "same"
