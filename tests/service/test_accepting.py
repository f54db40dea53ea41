"""What a signature accepts, and what a signer is shown before."""

from __future__ import annotations

from typing import Any

from governance.service import accepting


def diff(kept: int, looser: int, rest: int = 0, **more: Any) -> dict[str, Any]:
    """What is kept of a comparison: so many looser differences, of so many; then stricter ones."""
    rows = [{"looser": n < kept} for n in range(kept + rest)]
    return {"complete": True, "looser": looser, "differences": rows, **more}


def test_all_that_becomes_looser_is_shown() -> None:
    """A signature would cover looser answers that stood on no page."""
    assert len(accepting.shown(diff(7, 7, 9), 5)) == 7
    assert len(accepting.shown(diff(2, 2, 9), 5)) == 5
    assert list(accepting.shown({}, 5)) == []
    assert list(accepting.left_out(diff(2, 2, 3), 5)) == []
    told = list(accepting.left_out(diff(2, 2, 9, more=4), 5))
    assert [line.split()[0] for line in told] == ["6", "4"]


def test_what_nobody_can_be_shown_is_said() -> None:
    """Somebody would be asked to sign looser answers that were counted and thrown away."""
    assert accepting.unseen({}) == ""
    assert accepting.unseen({"diff": diff(3, 3, 2, more=9)}) == ""
    assert "only 3 were kept" in accepting.unseen({"diff": diff(3, 4)})


def test_each_thing_that_is_accepted_stands_apart() -> None:
    """A promise given up, or a search that did not end, would be signed with the looser answers."""
    found = {
        "diff": diff(1, 1, outcome="incomplete"),
        "proofs": {"given_up": ["company/INV-001"]},
    }
    told = dict(accepting.accepted(found))
    assert list(told) == ["looser", "given_up", "unproved"]
    assert "1 kind of request " in told["looser"]
    assert "`company/INV-001`" in told["given_up"]
    assert dict(accepting.accepted({"diff": diff(0, 0, outcome="tighter")})) == {}
