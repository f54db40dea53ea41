"""The demo's stage when things go wrong: what it started it ends, what it left it takes away."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from governance.cli import root
from governance.cli.demo import stage
from governance.cli.frame import Frame
from governance.cli.transport import Failed


class Founds:
    """An app that founds a workspace of two files only."""

    def initialise(self, directory: Path, options: dict[str, object]) -> dict[str, str]:
        """As the real one's answer; the configuration names the demo's origin."""
        (directory / "policies" / "actions").mkdir(parents=True)
        (directory / "config.toml").write_text(f'origin = "{options["origin"]}"\n')
        names = ("url", "log_key", "person", "person_key", "password")
        return dict.fromkeys(names, "x")


def program(tmp_path: Path, text: str) -> str:
    """A program that stands in for the service."""
    made = tmp_path / "service"
    made.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\n{text}\n")
    made.chmod(0o755)
    return str(made)


def build(tmp_path: Path) -> str:
    """What a demo says whose service does not come up; it has left `tmp_path/demo-ws` behind."""
    with pytest.raises(Failed) as caught:
        stage.build(Founds(), tmp_path / "demo-ws", lambda text: None)
    return str(caught.value)


def test_a_service_that_is_not_ready_in_time_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A demo that gave up would leave a service running that nobody knows of."""
    monkeypatch.setattr(sys, "executable", program(tmp_path, "exec sleep 60"))
    monkeypatch.setattr(stage, "START_SECONDS", 0.5)
    assert "still not ready after 0.5 s, so it was ended" in build(tmp_path)
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()


def test_a_service_that_ends_says_so_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody would wait three minutes for a service that died in the first second."""
    monkeypatch.setattr(sys, "executable", program(tmp_path, "exit 7"))
    assert "ended by itself (exit 7); see" in build(tmp_path)


def test_what_a_failed_start_leaves_is_taken_away_by_fresh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After one failed start, the same command would be refused for its own leftover; and anybody
    else's folder would be deleted."""
    monkeypatch.setattr(sys, "executable", program(tmp_path, "exit 7"))
    build(tmp_path)
    kept = tmp_path / "mine"
    kept.mkdir()
    (kept / "letter.txt").write_text("x")
    ran = CliRunner().invoke(
        root, ["demo", str(tmp_path / "demo-ws"), "--fresh"], obj=Frame(Founds())
    )  # type: ignore[arg-type]
    assert "is not empty" not in ran.output
    assert "ended by itself" in ran.output
    ran = CliRunner().invoke(root, ["demo", str(kept), "--fresh"], obj=Frame(Founds()))  # type: ignore[arg-type]
    assert "is not empty" in ran.output
    assert (kept / "letter.txt").exists()
