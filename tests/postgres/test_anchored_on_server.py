"""Evidence of outside anchors on a server: the same as in a file, and one for all processes."""

from __future__ import annotations

from collections.abc import Callable

from governance.store import anchored
from governance.store.anchored import HOUR, Evidence
from governance.store.workspace import Workspace
from tests.postgres.fixtures import database, opened, root, server

__all__ = ["database", "opened", "root", "server"]


def keep(workspace: Workspace, found: Evidence) -> bool:
    """Keep evidence in a chore."""
    return bool(workspace.ledger.chore(lambda db: anchored.keep(db, found)).result(10))


def test_what_one_process_got_another_reads_and_does_not_take_back(
    opened: Callable[..., Workspace],
) -> None:
    """Each process would send its own mails, and their evidence would replace one another's."""
    one, two = opened(), opened("other")
    first = Evidence(3, "dept", "witness", 10, "— w AAAA\n".encode())
    later = Evidence(5, "dept", "witness", 10 + HOUR, b"\x30\x00")
    assert keep(one, first)
    assert anchored.newest(two.reader) == {"dept": first}
    assert keep(two, later)
    assert not keep(one, first._replace(at=5 * HOUR))
    assert keep(one, later._replace(at=20 + HOUR))
    assert anchored.evidence(one.reader, 9) == [first, later._replace(at=20 + HOUR)]
    assert anchored.evidence(two.reader, 4) == [first]
    assert isinstance(anchored.evidence(two.reader, 4)[0].data, bytes)
