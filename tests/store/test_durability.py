"""Nothing is answered before it is on disk: the order of commits, syncs and answers, observed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from governance.store import headfile
from governance.store.workspace import Seams, Workspace
from tests.store import world
from tests.store.world import Decide


class _Traced:
    """A connection that notes when a commit has returned, and with which guarantees."""

    def __init__(self, inner: Any, name: str, trace: list[str]) -> None:
        self.inner, self.name, self.trace = inner, name, trace

    def execute(self, sql: str, *parameters: Any) -> Any:
        result = self.inner.execute(sql, *parameters)
        if sql == "COMMIT":
            full = self.inner.execute("PRAGMA synchronous").fetchone() == (2,)
            wal = self.inner.execute("PRAGMA journal_mode").fetchone() == ("wal",)
            assert full
            assert wal
            self.trace.append(f"{self.name} committed")
        return result

    def executemany(self, sql: str, rows: Any) -> Any:
        return self.inner.executemany(sql, rows)

    def close(self) -> None:
        self.inner.close()


def test_vault_then_log_then_head_then_answer(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer could leave before its entry is on disk, and be denied after a power cut."""
    trace: list[str] = []
    sync = os.fdatasync

    def synced(fd: int) -> None:
        sync(fd)
        trace.append("head synced")

    monkeypatch.setattr(headfile.os, "fdatasync", synced)
    seams = Seams(
        log=lambda connection: _Traced(connection, "log", trace),
        vault=lambda connection: _Traced(connection, "vault", trace),
    )
    with world.open_(root, seams=seams) as workspace:
        trace.clear()
        for n in range(5):
            subject = workspace.vault.pseudonym("payee", str(n))
            future = workspace.ledger.submit(Decide(str(n), values=(("f", b"v", subject),)))
            future.add_done_callback(lambda _future: trace.append("answered"))
            future.result(10)
    each = ["vault committed", "log committed", "head synced", "answered"]
    assert trace == each * 5


STRACE = shutil.which("strace")
SCRIPT = """
import os, sys
from pathlib import Path
from tests.store import world
with world.open_(Path(sys.argv[1])) as workspace:
    for n in range(3):
        workspace.ledger.submit(world.Decide(str(n))).result(10)
        os.write(1, b"ANSWERED\\n")
"""


def traced_by_the_kernel(root: Path, tmp_path: Path) -> list[str]:
    """The syncs and answers of three decisions, as the kernel saw them (needs strace)."""
    log = tmp_path / "trace"
    watch = [str(STRACE), "-f", "-y", "-e", "trace=fsync,fdatasync,write", "-o", str(log)]
    subprocess.run(
        [*watch, sys.executable, "-c", SCRIPT, str(root)],
        check=True,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        timeout=60,
    )
    seen = []
    for line in log.read_text().splitlines():
        if "log.db-wal" in line and "sync(" in line:
            seen.append("log")
        elif "/head>" in line and "sync(" in line:
            seen.append("head")
        elif "ANSWERED" in line:
            seen.append("answer")
    return seen


def test_a_reader_never_sees_what_was_not_signed(
    root: Path, opened: Callable[..., Workspace]
) -> None:
    """A report could cite an entry that a crash then takes back."""
    states: list[tuple[int, int]] = []
    workspace_box: list[Workspace] = []

    class Looking(_Traced):
        def execute(self, sql: str, *parameters: Any) -> Any:
            if sql == "COMMIT" and workspace_box:
                reader = workspace_box[0].reader
                states.append((reader.size, len(list(reader.entries(0, 100)))))
            return self.inner.execute(sql, *parameters)

    workspace = opened(seams=Seams(log=lambda connection: Looking(connection, "log", [])))
    workspace_box.append(workspace)
    for n in range(3):
        workspace.ledger.submit(Decide(str(n))).result(10)
    assert states == [(0, 0), (1, 1), (2, 2)]
    assert (root / "log.db").exists()
