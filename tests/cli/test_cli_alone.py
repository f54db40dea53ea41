"""The command line when nobody serves the workspace, and every exit code."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cli_world import POLICIES, cli, document, process

from governance import wiring
from governance.cli.frame import Frame
from governance.cli.transport import Failed

REFUNDS = """
policy: extra
title: Extra rules
owner: risk@corp.example
review_by: 2099-01-01
governs: [refund.create]
applies_to: {agents: all}
mode: draft
default: deny
rules:
  - id: EXT-001
    title: Refunds are free
    effect: allow
    when: {action: refund.create}
    because: It is a test.
    severity: low
cases:
  - columns: [name, action, args.amount, expect, by]
    rows:
      - [free, refund.create, 10 EUR, EXPECTED, EXT-001]
"""


GIFTS = """
catalogue: gifts
title: Gifts
owner: risk@corp.example
actions:
  gift.send:
    title: Give something away
    risk: low
    args:
      amount: {type: money, currencies: [EUR], class: quantity}
"""


@pytest.fixture
def drafts(tmp_path: Path) -> Path:
    """The shipped policies, to be spoiled."""
    shutil.copytree(POLICIES, tmp_path / "drafts")
    return tmp_path / "drafts"


@pytest.fixture
def package(workspace: Path, tmp_path: Path) -> Path:
    """A package that nobody touched yet."""
    document(cli("audit", "export", tmp_path / "package", "-w", workspace, "-o", "json"))
    return tmp_path / "package"


def test_init_prints_its_secrets_once_and_keeps_them_private(
    founded: tuple[Path, dict[str, Any]],
) -> None:
    """Whoever installs could not sign in, or everybody on the machine could."""
    directory, made = founded
    wanted = {"url", "sign_in", "password", "person_key", "agent_key", "log_key", "release"}
    assert wanted <= made.keys()
    key = directory / "keys" / "admin.key"
    assert key.read_text().strip() == made["person_key"]
    for path in (key, directory / "keys" / "log.key", directory / "keys" / "vault.key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((directory / "keys").stat().st_mode) == 0o700
    assert (directory / "log.vkey").read_text().strip() == made["log_key"]
    assert made["password"] not in (directory / "config.toml").read_text()


def test_init_that_fails_leaves_nothing_behind(tmp_path: Path, drafts: Path) -> None:
    """The second try would be refused because of the ruins of the first."""
    (drafts / "payments.yaml").write_text("policy: [")
    made = tmp_path / "made"
    made.mkdir()
    for directory in (tmp_path / "new", made):
        done = cli("init", directory, "--policies", drafts)
        assert done.exit_code == 3, done.output
        assert "payments.yaml:" in done.stderr
        assert not directory.exists() or not list(directory.iterdir())


def test_init_beside_another_destroys_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever types the command twice would lose the first workspace, its keys included."""
    made, read = tmp_path / "w", wiring._config

    def meanwhile(options: Any) -> Any:
        monkeypatch.setattr(wiring, "_config", read)
        assert cli("init", made).exit_code == 0
        return read(options)

    monkeypatch.setattr(wiring, "_config", meanwhile)
    late = cli("init", made)
    assert (late.exit_code, "is not empty" in late.stderr) == (1, True)
    assert cli("audit", "fsck", "-w", made).exit_code == 0
    begun = tmp_path / "begun"
    begun.mkdir()
    handle = os.open(begun, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        beside = cli("init", begun)
        assert (beside.exit_code, "another process" in beside.stderr) == (1, True)
    finally:
        os.close(handle)


def test_the_first_agent_can_be_one_that_policies_know(tmp_path: Path) -> None:
    """The first thing a stranger's agent is told would be that no policy speaks for it."""
    args = ("--agent", "payments-1", "--label", "payments", "--policies", POLICIES, "-o", "json")
    made = document(cli("init", tmp_path / "n", *args))
    assert made["agent"] == "payments-1"
    shown = document(cli("agent", "show", "payments-1", "-w", tmp_path / "n", "-o", "json"))
    assert shown["labels"] == ["payments"]


def test_init_refuses_what_it_cannot_use(tmp_path: Path, workspace: Path) -> None:
    """A second init would destroy a workspace, or promise an anchor that is never written."""
    again = cli("init", workspace)
    assert again.exit_code == 1
    assert "empty" in again.stderr
    for anchor, said in (
        (f"file:{tmp_path / 'no' / 'head.txt'}", "no directory"),
        (f"git:{tmp_path / 'no'}", "git init --bare"),
        ("pigeon:roof", "`pigeon` is not a kind of anchor"),
        ("file", "KIND:TARGET"),
        ("webhook:https://a.example/", "needs the setting `secret`"),
    ):
        refused = cli("init", tmp_path / "n", "--anchor", anchor)
        assert refused.exit_code == 1
        assert said in refused.stderr
    file = tmp_path / "file"
    file.write_text("")
    assert cli("init", file).exit_code == 1


def test_commands_work_without_a_service(workspace: Path) -> None:
    """A workspace could be looked at only while it is served."""
    args = ("-w", workspace, "-o", "json")
    assert document(cli("agent", "list", *args))["agents"][0]["agent"] == "first-agent"
    made = document(cli("stop", "raise", "everything", "--reason", "maintenance", *args))
    assert document(cli("stop", "list", *args))["stops"][0]["stop"] == made["stop"]
    assert document(cli("audit", "tail", "-n", "1", *args))["entries"][0]["kind"] == "stop.raised"
    assert document(cli("report", "periodic", *args))["files"]
    assert cli("approval", "watch", "--once", "-w", workspace).exit_code == 0


def test_one_person_releases_alone_and_is_told_so(workspace: Path) -> None:
    """The first person could not change a rule, or would not know that nobody else signed."""
    payments = workspace / "policies" / "payments.yaml"
    payments.write_text(payments.read_text() + "\n# looked at again\n")
    done = cli("policy", "release", "-w", workspace, "--note", "first change", "-o", "json")
    made = document(done)
    assert made["alone"] is True
    assert "alone" in done.stderr
    tail = document(cli("audit", "tail", "-n", "1", "-w", workspace, "-o", "json"))
    assert tail["entries"][0]["kind"] == "policy.released"
    assert tail["entries"][0]["data"]["release"] == made["release"]


def test_watching_needs_somebody_who_serves(workspace: Path) -> None:
    """Watching would open and close the workspace every three seconds and keep others out."""
    done = cli("approval", "watch", "-w", workspace)
    assert done.exit_code == 1
    assert "governance serve" in done.stderr


def test_export_needs_no_owner_and_changes_nothing(workspace: Path, tmp_path: Path) -> None:
    """Evidence could not be taken from a copy, or taking it would alter what it proves."""
    before = (workspace / "log.db").read_bytes()
    for path in (workspace / "owner.lock", workspace / "head"):
        path.chmod(0o400)
    made = document(cli("audit", "export", tmp_path / "p.zip", "-w", workspace, "-o", "json"))
    assert made["size"] > 5
    assert (workspace / "log.db").read_bytes() == before


def test_a_backup_comes_back_as_a_new_stopped_log(workspace: Path) -> None:
    """After a disaster nothing could be brought back, or agents would go on as if nothing were."""
    args = ("-w", workspace, "-o", "json")
    old = (workspace / "log.vkey").read_text()
    folder = document(cli("backup", *args))["folder"]
    unsure = cli("restore", folder, "-w", workspace)
    assert unsure.exit_code == 1
    assert "--acknowledge" in unsure.stderr
    made = document(cli("restore", folder, "--acknowledge", *args))
    assert made["origin"] != made["old_origin"]
    assert made["lost_entries"] >= 1
    assert (workspace / "log.vkey").read_text().strip() == made["log_key"] != old.strip()
    assert made["origin"] in (workspace / "config.toml").read_text()
    (stop,) = document(cli("stop", "list", *args))["stops"]
    assert stop["scope"]["type"] == "everything"
    assert document(cli("audit", "fsck", *args))["problems"] == []
    lift = ("stop", "lift", str(stop["stop"]), "--reason", "looked through")
    assert cli(*lift, *args).exit_code == 0


def test_a_workspace_that_was_lost_whole_comes_back(
    workspace: Path, tmp_path: Path, founded: tuple[Path, dict[str, Any]]
) -> None:
    """A burnt disk would be the end of the evidence although a backup lies elsewhere."""
    args = ("-w", workspace, "-o", "json")
    made = document(cli("backup", *args))
    kept = tmp_path / "kept"
    assert cli("stop", "raise", "everything", "--reason", "later", *args).exit_code == 0
    document(cli("audit", "export", tmp_path / "p", *args))
    shutil.copy(tmp_path / "p" / "checkpoint", kept)
    backup = tmp_path / "elsewhere"
    shutil.copytree(made["folder"], backup)
    shutil.rmtree(workspace)
    new = tmp_path / "new"
    done = cli("restore", backup, "--acknowledge", "--known-head", kept, "-w", new, "-o", "json")
    assert document(done)["lost_entries"] == 2
    key = founded[1]["person_key"]
    found = document(cli("agent", "list", "-w", new, "--key", key, "-o", "json"))
    assert found["agents"][0]["agent"] == "first-agent"
    assert cli("policy", "check", new / "policies").exit_code == 0


def test_the_clock_can_be_confirmed(workspace: Path) -> None:
    """The sentence that the service gives after a clock jump would name no command."""
    done = cli("clock", "confirm", "-w", workspace)
    assert done.exit_code == 1
    assert "clock" in done.stderr
    assert "broke" not in done.stderr


def test_a_file_is_drafted_from_six_answers(drafts: Path, tmp_path: Path) -> None:
    """A risk team would have to begin from an empty page."""
    (drafts / "actions" / "gifts.yaml").write_text(GIFTS)
    answers = ["What agents may give away", "risk@corp.example", "no.such", "support"]
    answers += ["50 EUR", "1 support_lead in 4h", "gift.send"]
    target = drafts / "new.yaml"
    done = cli("policy", "new", "--folder", drafts, "--to", target, stdin="\n".join(answers) + "\n")
    assert done.exit_code == 0, done.output
    assert "`no.such`" in done.stderr
    assert "note:" not in done.stderr
    assert cli("policy", "check", drafts).exit_code == 0
    assert cli("policy", "test", drafts, "--policy", "gift-send").exit_code == 0
    again = cli("policy", "new", "--folder", drafts, "--to", target)
    assert again.exit_code == 1
    answers[-1] = "refund.create"
    both = cli("policy", "new", "--folder", drafts, stdin="\n".join(answers) + "\n")
    assert "`support-refunds` speaks" in both.stderr
    odd = cli("policy", "new", "--folder", drafts, "--answer", "titel=x", stdin="\n".join(answers))
    assert odd.exit_code == 2
    assert "`titel`" in odd.stderr


def test_a_supposed_action_is_explained() -> None:
    """A risk team could not ask what would happen before anything happens."""
    given = ("action=payment.create", "args.amount=120 EUR", "args.country=KP")
    asked = [part for item in given for part in ("--given", item)]
    done = cli("policy", "explain", POLICIES, *asked)
    assert done.exit_code == 0, done.output
    assert "sanctioned" in done.stdout
    told = document(cli("policy", "explain", POLICIES, *asked, "-o", "json"))
    assert {"sentence", "accounts", "enough"} <= told.keys()
    assert "PAY-001" in cli("policy", "explain", POLICIES, "--policy", "payments").stdout
    assert cli("policy", "explain", POLICIES, "--given", "amount").exit_code == 2
    assert cli("policy", "explain", POLICIES, "--given", "args.amount=1 EUR").exit_code == 2
    meant = cli("policy", "explain", POLICIES, "--given", "acton=payment.create")
    assert (meant.exit_code, "did you mean `action`" in meant.stderr) == (2, True)
    assert "at autonomy L4 (say agent.autonomy=…" in done.stdout
    wrong = cli("policy", "explain", POLICIES, *asked, "--given", "sesion.labels=[private]")
    assert wrong.exit_code != 0
    assert "did you mean `session.labels`" in wrong.stderr
    assert cli("policy", "explain", POLICIES, "--in-force").exit_code == 2


# The exit codes that scripts rely on.


def test_exit_0_and_json_of_a_check() -> None:
    """A pipeline would stop at files that are fine."""
    result = document(cli("policy", "check", POLICIES, "-o", "json"))
    assert result["ok"] is True
    assert result["findings"] == []


def test_exit_1_is_a_sentence(tmp_path: Path, workspace: Path) -> None:
    """A failure would be a traceback, or say nothing of what to do."""
    done = process("agent", "list", "-w", str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ")
    assert "governance init" in done.stderr
    unknown = cli("agent", "show", "nobody", "-w", workspace)
    assert unknown.exit_code == 1
    wrong_key = cli("agent", "list", "-w", workspace, "--key", "gov_k-aaaaaaaa_wrong")
    assert wrong_key.exit_code == 1
    assert "--key" in wrong_key.stderr


def test_exit_2_is_what_was_typed_wrong(workspace: Path) -> None:
    """A script could not tell a typo from a refusal."""
    for args in (
        ("agent", "add", "x", "--team", "t", "--owner", "nobody", "--purpose", "p"),
        ("report", "periodic", "--quarter", "2026Q5"),
        ("report", "periodic", "--from", "yesterday"),
        ("agent", "add", "x", "--team", "t", "--owner", "p", "--purpose", "p", "--budget", "much"),
        ("stop", "raise", "nothing", "--reason", "x"),
    ):
        done = cli(*args, "-w", workspace)
        assert done.exit_code == 2, (args, done.output)
        assert "Traceback" not in done.output


def test_exit_2_is_a_hooks_block() -> None:
    """A runtime that waits for exit 2 would take another code for a yes."""
    done = process("hook", "claude-code", "--url", "http://127.0.0.1:9", GOVERNANCE_KEY="k")
    assert (done.returncode, done.stdout) == (2, "")


def test_exit_3_is_an_invalid_policy(drafts: Path, workspace: Path) -> None:
    """A pipeline would release files that cannot be read."""
    (drafts / "extra.yaml").write_text(REFUNDS.replace("severity: low", "severity: lwo"))
    for args in (
        ("check",),
        ("test",),
        ("release", "-w", workspace),
        ("backtest", "-w", workspace),
    ):
        done = cli("policy", args[0], drafts, *args[1:])
        assert done.exit_code == 3, (args, done.output)
        assert "/extra.yaml:" in done.output
    result = cli("policy", "check", drafts, "-o", "json")
    assert result.exit_code == 3
    assert json.loads(result.stdout)["findings"][0]["line"] > 1


def test_exit_4_is_a_failed_case(drafts: Path) -> None:
    """A pipeline could not tell a rule that does the wrong thing from a spelling mistake."""
    (drafts / "extra.yaml").write_text(REFUNDS.replace("EXPECTED", "deny"))
    for verb in ("check", "test"):
        done = cli("policy", verb, drafts)
        assert done.exit_code == 4, done.output
        assert f"{drafts}/extra.yaml:" in done.stdout
    (drafts / "extra.yaml").write_text(REFUNDS.replace("EXPECTED", "allow"))
    assert cli("policy", "test", drafts).exit_code == 0


def test_exit_10_is_tampering(workspace: Path, package: Path) -> None:
    """An altered package would pass a script's check."""
    (entries := next(package.rglob("entries/**/*.p/*"), None) or _entries(package))
    data = entries.read_bytes()
    entries.write_bytes(data.replace(b"first-agent", b"other-agent", 1))
    done = cli("audit", "verify", package, "--key", workspace / "log.vkey")
    assert done.exit_code == 10, done.output


def _entries(package: Path) -> Path:
    """The file of a package that holds its entries."""
    return next(
        path
        for path in sorted(package.rglob("*"))
        if path.is_file() and b"first-agent" in path.read_bytes()
    )


def altered(workspace: Path, change: str) -> None:
    """Change the log's database as somebody with the file can."""
    script = (
        "import sqlite3, sys; db = sqlite3.connect(sys.argv[1])\n"
        "for (name,) in list(db.execute(\"SELECT name FROM sqlite_master WHERE type='trigger'\")):\n"
        "    db.execute(f'DROP TRIGGER {name}')\n"
        "db.execute(sys.argv[2]); db.commit()"
    )
    subprocess.run([sys.executable, "-c", script, str(workspace / "log.db"), change], check=True)


def test_exit_10_is_a_workspace_that_disagrees_with_its_log(workspace: Path) -> None:
    """Somebody who edits the database would not be found out by the operator's own check."""
    altered(workspace, "UPDATE log_entries SET entry = x'7b7d' WHERE idx = 3")
    done = cli("audit", "fsck", "-w", workspace)
    assert done.exit_code == 10, done.output
    assert "entry 3" in done.output
    refused = cli("audit", "fsck", "--repair", "-w", workspace)
    assert refused.exit_code == 1, refused.output
    assert "governance restore --acknowledge" in refused.stderr


def test_exit_14_is_what_a_repair_makes_good(workspace: Path) -> None:
    """An altered hash would mean a restore, which loses entries, though none was touched."""
    altered(workspace, "UPDATE log_entries SET leaf = zeroblob(32) WHERE idx = 3")
    done = cli("audit", "fsck", "-w", workspace)
    assert done.exit_code == 14, done.output
    assert "proofs made from the stored hash would not hold" in done.output
    mended = document(cli("audit", "fsck", "--repair", "-w", workspace, "-o", "json"))
    assert mended["problems"] == []
    assert mended["repaired"]["leaves"] == 1
    assert (Path(mended["kept"]) / "log.db").exists()
    assert "service.repaired" in cli("audit", "tail", "-w", workspace).output
    again = document(cli("audit", "fsck", "--repair", "-w", workspace, "-o", "json"))
    assert (again["repaired"], again["kept"]) == ({}, None)


def test_exit_11_is_a_key_that_nobody_knows(package: Path, tmp_path: Path) -> None:
    """A log signed by somebody else would pass a script's check."""
    other = document(cli("init", tmp_path / "other", "--policies", POLICIES, "-o", "json"))
    done = cli("audit", "verify", package, "--key", other["log_key"])
    assert done.exit_code == 11, done.output


def test_exit_12_is_a_gap(workspace: Path, package: Path, tmp_path: Path) -> None:
    """A log whose end was cut off would pass a script's check."""
    raised = cli("stop", "raise", "everything", "--reason", "later", "-w", workspace)
    assert raised.exit_code == 0, raised.output
    later = tmp_path / "later"
    document(cli("audit", "export", later, "-w", workspace, "-o", "json"))
    kept = later / "checkpoint"
    done = cli("audit", "verify", package, "--key", workspace / "log.vkey", "--head", kept)
    assert done.exit_code == 12, done.output


def test_exit_13_is_nothing_to_verify(workspace: Path, tmp_path: Path) -> None:
    """An empty directory would pass for a verified one."""
    (tmp_path / "empty").mkdir()
    done = cli("audit", "verify", tmp_path / "empty", "--key", workspace / "log.vkey")
    assert done.exit_code == 13, done.output


def test_a_log_that_cannot_be_written_is_exit_1(
    monkeypatch: pytest.MonkeyPatch, workspace: Path
) -> None:
    """A supervisor would not restart a service that ended because its log failed."""
    monkeypatch.setattr(wiring.App, "serve", lambda *_: 1)
    assert cli("serve", "-w", workspace).exit_code == 1


def test_a_defect_is_a_sentence_and_a_traceback_on_request(
    monkeypatch: pytest.MonkeyPatch, workspace: Path
) -> None:
    """People would be shown pages of Python, or whoever repairs it would be shown nothing."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(wiring.App, "fsck", broken)
    done = cli("audit", "fsck", "-w", workspace)
    assert done.exit_code == 1
    assert "please report it" in done.stderr
    assert "Traceback" not in done.stderr
    more = process("audit", "tail", "-w", str(workspace), GOVERNANCE_TRACEBACK="1")
    assert more.returncode == 0


def test_a_disk_error_is_a_sentence(workspace: Path, tmp_path: Path) -> None:
    """A full or read-only disk would look like a defect of the program."""
    target = tmp_path / "no" / "dir" / "new.yaml"
    answers = ["title=x", "owner=a@b.example", "actions=refund.create", "agents=all"]
    answers += ["free=nothing", "asks=1 lead in 4h"]
    given = [part for answer in answers for part in ("--answer", answer)]
    done = cli("policy", "new", "-w", workspace, "--to", target, *given)
    assert done.exit_code == 1
    assert "no such file" in done.stderr


def test_a_socket_that_nobody_answers_is_not_waited_for(workspace: Path) -> None:
    """A service that was killed would leave a workspace that no command can open."""
    path = workspace / "governance.sock"
    script = "import socket, sys; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1])"
    subprocess.run([sys.executable, "-c", script, str(path)], check=True)
    assert cli("agent", "list", "-w", workspace).exit_code == 0


def test_a_workspace_that_stays_taken_says_by_whom(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command would wait for ever, or fail without naming the process to stop."""
    from governance.cli import frame
    from governance.store.ownership import OwnerLock

    monkeypatch.setattr(frame, "PATIENCE", 0.3)
    lock = OwnerLock(workspace / "owner.lock")
    try:
        done = cli("agent", "list", "-w", workspace)
    finally:
        lock.release()
    assert done.exit_code == 1
    assert str(os.getpid()) in done.stderr


def test_the_workspace_is_said_once_for_all(workspace: Path) -> None:
    """A person would have to repeat -w in each command."""
    done = process("agent", "list", "-o", "json", GOVERNANCE_WORKSPACE=str(workspace))
    assert json.loads(done.stdout)["agents"]
    assert done.stderr == ""
    with pytest.raises(Failed, match="governance init"):
        _ = Frame(wiring.App(), Path("/nowhere")).directory
