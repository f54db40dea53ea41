"""Several processes on one log: a key that one of them announces is used by all, or nothing is signed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from audit.note import split
from governance.store.errors import Unavailable
from governance.store.keyring import Wanted
from governance.store.workspace import Workspace
from tests.postgres.fixtures import database, opened, root, server
from tests.store import world

__all__ = ["database", "opened", "root", "server"]

Open = Callable[..., Workspace]


class Announced:
    """Who signs once there is an entry that says so."""

    def __init__(self) -> None:
        self.vkeys: tuple[str, ...] = ()
        self.fold = replace(world.FOLD, log_keys=self.of)

    def of(self, state: Any) -> tuple[str, ...]:
        """The keys after the entries that `state` counts."""
        return self.vkeys if state.kinds.get("log_key.added") else ()


def signed_by(workspace: Workspace) -> list[str]:
    """Ids of the keys on the newest checkpoint."""
    return [line.key_id.hex() for line in split(workspace.reader.checkpoint())[1]]


@pytest.mark.parametrize("copied", [True, False])
def test_every_process_signs_with_the_key_that_one_of_them_announced(
    opened: Open, tmp_path: Path, copied: bool
) -> None:
    """One machine would go on with the old key alone, and half the heads would lack a promised line."""
    told = Announced()
    one, two = opened(fold=told.fold), opened("two", fold=told.fold)
    two.ledger.submit(world.Decide()).result(10)
    old = one.vkeys[0]
    new = one.ring.prepare(Wanted(), split(one.reader.checkpoint())[0])
    told.vkeys = (new.vkey, old)
    if copied:
        shutil.copytree(one.paths.keys, two.paths.keys, dirs_exist_ok=True)
    one.ledger.submit(world.Write((("log_key.added", {}),))).result(10)
    assert len(signed_by(one)) == 1
    if copied:
        two.ledger.submit(world.Decide()).result(10)
        assert signed_by(two) == [new.id, old.split("+")[1]]
        return
    with pytest.raises(Unavailable, match=f"names the key `{new.id}`"):
        two.ledger.submit(world.Decide()).result(10)
    one.ledger.submit(world.Decide()).result(10)
    assert len(signed_by(one)) == 2, "the process that has the key goes on"
