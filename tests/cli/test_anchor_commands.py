"""`governance anchor` and the choice of one by `init`, in a terminal and without a service."""

from __future__ import annotations

import json
import re
import shutil
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest
from cli_world import Served, cli, document

from governance import config
from governance.anchoring.settings import KINDS

DOCUMENT = Path(__file__).parents[2] / "docs" / "anchoring.md"


def anchored(tmp_path: Path, *more: str) -> tuple[Path, Path]:
    """A workspace with a file anchor, and that file."""
    head = tmp_path / "outside" / "head.txt"
    head.parent.mkdir()
    made = cli("init", tmp_path / "w", "--anchor", f"file:{head}", *more)
    assert made.exit_code == 0, made.output
    assert "unanchored" not in made.stderr
    return tmp_path / "w", head


def listed(workspace: Path, verb: str = "list") -> tuple[int, dict[str, Any]]:
    """Exit code and what `governance anchor` says as JSON."""
    done = cli("anchor", verb, "-w", workspace, "-o", "json")
    return done.exit_code, json.loads(done.stdout)


def test_a_head_is_handed_over_checked_and_listed(tmp_path: Path) -> None:
    """Nobody could see whether anybody outside holds the log's head, or make sure of it now."""
    workspace, head = anchored(tmp_path)
    code, found = listed(workspace)
    assert (code, found["state"], found["anchors"][0]["size"]) == (0, "unanchored", None)
    assert listed(workspace, "check")[0] == 1, "nobody holds a head yet"
    code, found = listed(workspace, "now")
    assert (code, found["state"]) == (0, "copied to the same disk")
    assert head.read_text().split("\n")[1] == str(found["anchors"][0]["size"])
    assert listed(workspace, "check")[0] == 0
    shown = cli("anchor", "list", "-w", workspace)
    assert "on the same disk as the log" in shown.stdout
    tail = document(cli("audit", "search", "--kind", "anchor.", "-w", workspace, "-o", "json"))
    assert [entry["kind"] for entry in tail["entries"]] == ["anchor.added"]


def test_a_head_from_elsewhere_fails_the_check(tmp_path: Path) -> None:
    """A cron job that checks the anchors would go on saying that all is well."""
    workspace, head = anchored(tmp_path)
    head.write_text("something else")
    code, found = listed(workspace, "check")
    assert code == 1
    assert "holds no head" in found["anchors"][0]["error"]
    assert listed(workspace, "now")[0] == 1
    assert head.read_text() == "something else"


def test_an_older_copy_does_not_start_where_an_anchor_remembers_more(tmp_path: Path) -> None:
    """A database put back from yesterday would sign a second log, and nobody would know for a year."""
    workspace, head = anchored(tmp_path)
    listed(workspace, "now")
    shutil.copytree(workspace, tmp_path / "yesterday")
    raised = cli("stop", "raise", "everything", "--reason", "maintenance", "-w", workspace)
    assert raised.exit_code == 0, raised.output
    listed(workspace, "now")
    back = cli("anchor", "list", "-w", tmp_path / "yesterday")
    assert back.exit_code == 1
    assert "older copy" in back.stderr
    kept = re.search(r"--known-head ([^`]+)`", back.stderr.replace("\n", ""))
    assert kept
    assert Path(kept[1]).read_text() == head.read_text()
    where = tmp_path / "yesterday"
    done = cli("restore", "-w", where, "--acknowledge", "-o", "json")
    found = document(done)
    assert found["lost_entries"] > 0, "the anchor was asked, without --known-head"
    assert found["last_known_size"] == int(head.read_text().split("\n")[1])


def test_a_service_hands_its_head_over_and_once_more_when_it_ends(tmp_path: Path) -> None:
    """What is altered while the service is off would be found only up to some head of before."""
    workspace, head = anchored(tmp_path)
    service = Served(workspace, {})
    service.start()
    try:
        until = time.monotonic() + 20
        while not head.exists():
            assert time.monotonic() < until, service.log.read_text()
            time.sleep(0.05)
        found = service.json("anchor", "list")
        assert found["state"] == "copied to the same disk"
        raised = service.json("stop", "raise", "everything", "--reason", "the day is over")
    finally:
        assert service.stop() == 0, service.log.read_text()
    assert int(head.read_text().split("\n")[1]) > raised["stop"]


def test_two_copies_that_went_on_are_a_conflict_that_people_settle(tmp_path: Path) -> None:
    """Two services under one name and key would each be believed, for as long as nobody compares."""
    workspace, head = anchored(tmp_path)
    shutil.copytree(workspace, tmp_path / "copy")
    for there in (workspace, tmp_path / "copy"):
        done = cli("stop", "raise", "everything", "--reason", str(there), "-w", there)
        assert done.exit_code == 0, done.output
    assert listed(tmp_path / "copy", "now")[0] == 0
    shown = head.read_bytes()
    code, found = listed(workspace, "now")
    assert code == 10
    assert found["anchors"][0]["conflict"]["digest"]
    assert found["state"] == "contradicted by an anchor"
    assert head.read_bytes() == shown
    assert cli("anchor", "evidence", "file", "-w", workspace).stdout_bytes == shown
    assert listed(workspace, "check")[0] == 10
    conflict = found["anchors"][0]["conflict"]["entry"]
    settle = ("anchor", "settle", "file")
    other = cli(*settle, conflict + 1, "--reason", "a test", "-w", workspace)
    assert other.exit_code != 0
    assert f"entry `{conflict}`" in other.stderr
    settled = cli(*settle, conflict, "--reason", "a test", "-w", workspace, "-o", "json")
    assert document(settled)["state"] == "settled"  # the only person of the workspace
    assert listed(workspace)[1]["anchors"][0]["conflict"] is None


def test_init_asks_a_person_and_tells_what_none_means(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Most logs would be unanchored because nobody was ever asked."""
    unasked = cli("init", tmp_path / "unasked")
    assert unasked.exit_code == 0
    assert "This log is unanchored" in unasked.stderr
    monkeypatch.setattr("governance.cli.anchors.asked", lambda: True)
    none = cli("init", tmp_path / "none", stdin="none\n")
    assert none.exit_code == 0, none.output
    for kind in KINDS:
        assert f"{kind}: " in none.stderr
    assert "This log is unanchored" in none.stderr
    one = cli("init", tmp_path / "one", stdin=f"file:{tmp_path / 'head'}\n")
    assert one.exit_code == 0, one.output
    assert "unanchored" not in one.stderr.rpartition("KIND:TARGET")[2]
    (anchor,) = config.load(tmp_path / "one").anchors
    assert (anchor.kind, anchor.target) == ("file", str(tmp_path / "head"))


def test_the_document_shows_settings_that_work() -> None:
    """An operator would copy settings that the service refuses, or not learn of a kind."""
    text = DOCUMENT.read_text(encoding="utf-8")
    (block,) = re.findall(r"```toml\n(.*?)```", text, re.S)
    found = config.parse(tomllib.loads(block))
    assert {anchor.kind for anchor in found.anchors} == set(KINDS)
    for kind in KINDS.values():
        for name in (*kind.needs, *kind.may):
            assert f"`{name}" in text or f"{name} = " in text or name in ("allow_private", "branch")
