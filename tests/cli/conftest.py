"""One workspace for the folder, served for most tests, copied for those that break things."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_world import POLICIES, Company, Served, process


@pytest.fixture(autouse=True)
def nothing_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the person who runs the tests reaches a command."""
    for name in ("GOVERNANCE_KEY", "GOVERNANCE_WORKSPACE", "GOVERNANCE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A workspace as `governance init` makes it, never changed; what init printed."""
    directory = tmp_path_factory.mktemp("cli") / "workspace"
    done = process(
        "init", str(directory), "--name", "Mia Lind", "--email", "mia@corp.example",
        "--policies", str(POLICIES), "-o", "json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return directory, json.loads(done.stdout)


@pytest.fixture
def workspace(founded: tuple[Path, dict[str, Any]], tmp_path: Path) -> Path:
    """A copy of the workspace that nobody serves."""
    shutil.copytree(founded[0], tmp_path / "w")
    return tmp_path / "w"


@pytest.fixture(scope="module")
def company(
    founded: tuple[Path, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Company]:
    """A served copy: Mia founded it, Tom is treasurer and second pair of eyes, one agent pays."""
    directory = tmp_path_factory.mktemp("s") / "w"
    shutil.copytree(founded[0], directory)
    served = Served(directory, founded[1])
    served.start()
    try:
        roles = ("agent_manager", "treasurer", "risk_editor", "administrator")
        tom, tom_key = served.person("Tom", *roles)
        mia = str(founded[1]["person"])
        served.json(
            "agent", "add", "payments-1", "--team", "finance", "--owner", mia,
            "--purpose", "Pays suppliers", "--tool", "payment.create", "--label", "payments",
            "--autonomy", "L4", "--until", "2099-01-01T00:00:00Z",
            "--works-in", "/srv/payments", "--budget", "200 EUR a month",
        )  # fmt: skip
        served.json("agent", "confirm", "payments-1", "--yes", key=tom_key)
        made = served.json("key", "issue", "agent", "payments-1")
        yield Company(served, mia, tom, tom_key, made["secret"])
    finally:
        served.stop()
