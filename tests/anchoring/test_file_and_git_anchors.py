"""Anchors that are a file and a git repository: whole heads, in order, and nothing destroyed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from anchoring_world import Log

from governance.anchoring.anchor import AnchorFailed
from governance.anchoring.file import FileAnchor
from governance.anchoring.git import GitAnchor
from governance.anchoring.settings import AnchorSettings

BRANCH = "checkpoints"


def git(folder: Path, *arguments: str) -> str:
    """What the system's git says in a folder."""
    who = ("-c", "user.name=t", "-c", "user.email=t@t.example", "-c", "init.defaultBranch=main")
    done = subprocess.run(
        ["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout


def repository(folder: Path, *options: str) -> Path:
    """A new repository."""
    folder.mkdir()
    git(folder, "init", "--quiet", *options)
    return folder


def anchor_at(target: Path | str, tmp_path: Path) -> GitAnchor:
    """The anchor at `target`."""
    return GitAnchor(AnchorSettings("git", "git", str(target)), tmp_path / "cache.git")


def test_a_file_holds_the_newest_head_whole(log: Log, tmp_path: Path) -> None:
    """Whoever reads the file at the wrong moment would find half a head."""
    file = FileAnchor(AnchorSettings("file", "file", str(tmp_path / "head")))
    assert file.newest(log.origin) is None
    for head in (log.head(), log.grow(2)):
        assert file.publish(head) == b""
        assert file.newest(log.origin) == head.note
    assert os.listdir(tmp_path) == ["head"]


def test_a_file_that_cannot_be_used_is_a_sentence(log: Log, tmp_path: Path) -> None:
    """An unmounted volume would end the job in a stack trace, or be filled beneath its mount."""
    nowhere = FileAnchor(AnchorSettings("file", "file", str(tmp_path / "no" / "head")))
    with pytest.raises(AnchorFailed, match=r"cannot be written.*mount the volume"):
        nowhere.publish(log.head())
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(AnchorFailed, match="holds no head"):
        FileAnchor(AnchorSettings("file", "file", str(tmp_path / "bytes"))).newest(log.origin)
    with pytest.raises(AnchorFailed, match="cannot be read"):
        FileAnchor(AnchorSettings("file", "file", str(tmp_path))).newest(log.origin)


def test_each_head_is_a_commit_upon_the_last(log: Log, tmp_path: Path) -> None:
    """The history of heads, which is what makes a repository an anchor, would be lost."""
    bare = repository(tmp_path / "bare", "--bare")
    anchor = anchor_at(bare, tmp_path)
    assert anchor.newest(log.origin) is None
    heads = [log.head(), log.grow(2), log.grow(1)]
    for head in heads:
        anchor.publish(head)
        assert anchor.newest(log.origin) == head.note
    commits = git(bare, "rev-list", "--reverse", BRANCH).split()
    shown = [git(bare, "show", f"{each}:{log.origin}/checkpoint") for each in commits]
    assert shown == [head.note for head in heads]
    assert f"head of {heads[-1].size} entries" in git(bare, "log", "-1", BRANCH)


def test_a_work_tree_and_other_branches_are_left_alone(log: Log, tmp_path: Path) -> None:
    """Anchoring into a repository that people work in would destroy their work."""
    normal = repository(tmp_path / "normal")
    (normal / "mine").write_text("work")
    git(normal, "add", "mine")
    git(normal, "commit", "--quiet", "-m", "mine")
    (normal / "mine").write_text("unfinished")
    hook = normal / ".git" / "hooks" / "reference-transaction"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    anchor_at(normal, tmp_path).publish(log.head())
    assert (normal / "mine").read_text() == "unfinished"
    assert git(normal, "status", "--porcelain") == " M mine\n"
    assert git(normal, "branch", "--show-current").strip() == "main"
    assert git(normal, "show", f"{BRANCH}:{log.origin}/checkpoint") == log.head().note


def test_two_logs_share_a_repository(log: Log, tmp_path: Path) -> None:
    """The second log's first head would remove the first log's."""
    bare, other = repository(tmp_path / "bare", "--bare"), Log("other.example/log")
    anchor = anchor_at(bare, tmp_path)
    anchor.publish(log.head())
    anchor.publish(other.head())
    assert anchor.newest(log.origin) == log.head().note
    assert anchor.newest(other.origin) == other.head().note


@pytest.mark.parametrize("by_url", [True, False])
def test_heads_are_pushed_to_the_remote(log: Log, tmp_path: Path, by_url: bool) -> None:
    """A head would stay on the machine that it is to be kept away from."""
    remote = repository(tmp_path / "remote", "--bare")
    target: Path | str = remote.as_uri()
    if not by_url:
        target = repository(tmp_path / "here")
        git(target, "remote", "add", "origin", remote.as_uri())
    anchor = anchor_at(target, tmp_path)
    assert anchor.newest(log.origin) is None
    for head in (log.head(), log.grow(2)):
        anchor.publish(head)
        assert git(remote, "show", f"{BRANCH}:{log.origin}/checkpoint") == head.note
        assert anchor.newest(log.origin) == head.note
    assert len(git(remote, "rev-list", BRANCH).split()) == 2


def test_a_push_is_never_forced(log: Log, tmp_path: Path) -> None:
    """Somebody else's commits, perhaps the evidence, would be overwritten."""
    remote = repository(tmp_path / "remote", "--bare")
    here = repository(tmp_path / "here")
    git(here, "remote", "add", "origin", remote.as_uri())
    anchor = anchor_at(here, tmp_path)
    anchor.publish(log.head())
    git(here, "checkout", "--quiet", BRANCH)
    (here / "mine").write_text("only here")
    git(here, "add", "mine")
    git(here, "commit", "--quiet", "-m", "mine")
    git(here, "checkout", "--quiet", "--orphan", "away")
    before = git(here, "rev-parse", BRANCH)
    with pytest.raises(AnchorFailed, match="other commits than its remote"):
        anchor.publish(log.grow(2))
    assert git(here, "rev-parse", BRANCH) == before
    assert git(remote, "rev-list", "--count", BRANCH).strip() == "2"


def test_a_remote_that_refuses_is_a_sentence(log: Log, tmp_path: Path) -> None:
    """A head that nobody took would count as anchored."""
    remote = repository(tmp_path / "remote", "--bare")
    hook = remote / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(AnchorFailed, match="git push in"):
        anchor_at(remote.as_uri(), tmp_path).publish(log.head())
    with pytest.raises(AnchorFailed, match="git ls-remote in"):
        anchor_at((tmp_path / "nowhere").as_uri(), tmp_path).newest(log.origin)


def test_no_transport_runs_a_command(log: Log, tmp_path: Path) -> None:
    """Whoever writes config.toml could run programs as the service by way of git's `ext::`."""
    with pytest.raises(AnchorFailed, match="not allowed"):
        anchor_at(f"ext::sh -c touch% {tmp_path}/ran", tmp_path).newest(log.origin)
    assert not (tmp_path / "ran").exists()
