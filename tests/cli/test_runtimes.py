"""Holding an agent runtime: a hook that cannot get a well-formed answer blocks."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from governance.cli import root, runtimes
from governance.cli.frame import Frame
from governance.cli.runtimes import examine, hook_line
from governance.testing import FakeService

CALL = {
    "session_id": "s",
    "hook_event_name": "PreToolUse",
    "tool_name": "Bash",
    "tool_input": {"command": "ls"},
}


class FakeHook(FakeService):
    """Answers hooks: denies `rm`, allows the rest; `given` overrides the whole answer."""

    given: tuple[int, Any] | None = None
    keys: list[str]

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        if self.given:
            return self.given
        said = "deny" if "rm " in body["tool_input"]["command"] else "allow"
        return 200, {
            "hookSpecificOutput": {
                "hookEventName": "PreToolUse",
                "permissionDecision": said,
                "permissionDecisionReason": "because",
            }
        }


@pytest.fixture
def service() -> Iterator[FakeHook]:
    """A fake service that answers hooks."""
    with FakeHook({}) as running:
        yield running


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """A file with an agent's key, readable by its owner only."""
    path = tmp_path / "agent's key"
    path.write_text("gov_k-a1b2c3d4_secret\n")
    path.chmod(0o600)
    return path


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hooks that never end are given up soon, and our own line gives up sooner."""
    monkeypatch.setattr(runtimes, "PATIENCE", 4.0)
    monkeypatch.setattr(runtimes, "TIMEOUT", 1)


def cli(*args: str, stdin: str = "", env: dict[str, str] | None = None) -> Result:
    """Run the command line as a person would."""
    return CliRunner().invoke(root, list(args), obj=Frame(None), input=stdin, env=env)  # type: ignore[arg-type]


def shell(line: str) -> subprocess.CompletedProcess[str]:
    """Run a hook line as Claude Code does."""
    return subprocess.run(
        ["/bin/sh", "-c", line], input=json.dumps(CALL), capture_output=True, text=True, timeout=30
    )


def test_the_installed_line_hands_the_call_over(service: FakeHook, key_file: Path) -> None:
    """The one line that holds Claude Code would not reach the service."""
    done = shell(hook_line(service.url, key_file))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["hookSpecificOutput"]["permissionDecision"] == "allow"
    assert service.requests == [("/hooks/claude-code", CALL)]


def test_the_installed_line_blocks_when_nobody_answers(key_file: Path) -> None:
    """With the service down, Claude Code would run every tool."""
    assert shell(hook_line("http://127.0.0.1:9", key_file)).returncode == 2


def test_the_installed_line_blocks_on_an_error_status(service: FakeHook, key_file: Path) -> None:
    """A service that refuses to answer would let every tool run."""
    service.given = (503, {"title": "no"})
    assert shell(hook_line(service.url, key_file)).returncode == 2


def test_the_installed_line_blocks_without_its_key(service: FakeHook, tmp_path: Path) -> None:
    """Deleting a file would set the agent free (the real service answers 401)."""
    service.given = (401, {"title": "no key"})
    assert shell(hook_line(service.url, tmp_path / "gone")).returncode == 2


@pytest.mark.parametrize(
    "given", [(200, b"<html>hello</html>"), (200, {"decision": True}), (200, b""), (302, {})]
)
def test_the_installed_line_blocks_what_another_server_says(
    service: FakeHook, key_file: Path, given: Any
) -> None:
    """Any program that answers 200 on the service's port would set the agent free."""
    service.given = given
    assert shell(hook_line(service.url, key_file)).returncode == 2


def test_no_proxy_and_no_personal_settings_come_between(
    service: FakeHook, key_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The agent could send its key, and its questions, to a server of its own choosing."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".curlrc").write_text("url = http://127.0.0.1:9\noutput = /dev/null\n")
    done = shell(hook_line(service.url, key_file))
    assert (done.returncode, len(service.requests)) == (0, 1), done.stderr


def test_the_key_is_not_in_the_installed_line(service: FakeHook, key_file: Path) -> None:
    """The key would stand in a settings file that goes into version control, and in `ps`."""
    assert "secret" not in hook_line(service.url, key_file)


@pytest.mark.parametrize(
    "given",
    [
        (500, {}),
        (200, b"not json"),
        (200, []),
        (200, {"hookSpecificOutput": {"permissionDecision": "ask"}}),
        (200, {"decision": True}),
    ],
)
def test_the_hook_command_blocks_on_anything_odd(service: FakeHook, given: Any) -> None:
    """A malformed answer would be printed and taken for no objection."""
    service.given = given
    done = cli("hook", "claude-code", "--url", service.url, stdin="{}", env={"GOVERNANCE_KEY": "k"})
    assert done.exit_code == 2, done.output


def test_the_hook_command_blocks_without_a_key(service: FakeHook) -> None:
    """A runtime without its key would act unseen."""
    done = cli("hook", "claude-code", "--url", service.url, env={"GOVERNANCE_KEY": ""})
    assert done.exit_code == 2


def test_the_hook_command_keeps_the_key_at_home() -> None:
    """The key would travel over the network in clear."""
    done = cli(
        "hook",
        "claude-code",
        "--url",
        "http://governance.corp.example",
        env={"GOVERNANCE_KEY": "k"},
    )
    assert done.exit_code == 2


def test_install_keeps_other_settings_and_installs_once(
    service: FakeHook, key_file: Path, tmp_path: Path
) -> None:
    """Installing would destroy a project's settings, or ask twice for each call."""
    path = tmp_path / ".claude" / "settings.json"
    path.parent.mkdir()
    mine = {"matcher": "Bash", "hooks": [{"type": "command", "command": "true"}]}
    path.write_text(json.dumps({"model": "x", "hooks": {"PreToolUse": [mine]}}))
    for _ in range(2):
        done = cli(
            "install", "claude-code", "--project", str(tmp_path), "--url", service.url,
            "--key-file", str(key_file),
        )  # fmt: skip
        assert done.exit_code == 0, done.output
    settings = json.loads(path.read_text())
    assert settings["model"] == "x"
    assert settings["hooks"]["PreToolUse"][0] == mine
    assert len(settings["hooks"]["PreToolUse"]) == 2


def test_install_refuses_a_key_that_others_can_read(key_file: Path, tmp_path: Path) -> None:
    """Every user of the machine could act as the agent."""
    key_file.chmod(0o644)
    done = cli("install", "claude-code", "--project", str(tmp_path), "--key-file", str(key_file))
    assert done.exit_code == 1
    assert "chmod 600" in done.output


def test_install_says_what_the_hook_needs(
    key_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hook would block every tool on a machine without curl, and nobody would know why."""
    monkeypatch.setenv("PATH", str(tmp_path))
    done = cli("install", "claude-code", "--project", str(tmp_path), "--key-file", str(key_file))
    assert done.exit_code == 1
    assert "curl" in done.output


def test_doctor_proves_that_a_runtime_is_held(
    service: FakeHook, key_file: Path, tmp_path: Path
) -> None:
    """An operator could not tell a held runtime from one that is not."""
    args = ["--project", str(tmp_path), "--key-file", str(key_file)]
    assert cli("install", "claude-code", "--url", service.url, *args).exit_code == 0
    done = cli("doctor", "claude-code", "--project", str(tmp_path), "-o", "json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["held"] is True


def test_doctor_sees_a_missing_hook(tmp_path: Path) -> None:
    """A project without the hook would pass for held."""
    assert [check["ok"] for check in examine(tmp_path)] == [False]


def test_doctor_sees_a_hook_that_lets_go(tmp_path: Path) -> None:
    """A hook that ends with exit 1 when the service is down would pass for held."""
    path = tmp_path / ".claude" / "settings.json"
    path.parent.mkdir()
    line = "curl -sf http://127.0.0.1:9/hooks/claude-code -d @-"
    hook = {"matcher": "*", "hooks": [{"type": "command", "command": line}]}
    path.write_text(json.dumps({"hooks": {"PreToolUse": [hook]}}))
    assert cli("doctor", "claude-code", "--project", str(tmp_path)).exit_code == 1


def test_doctor_is_not_content_with_a_hook_that_only_blocks(
    service: FakeHook, key_file: Path, tmp_path: Path
) -> None:
    """A wrong key or address blocks everything, and would pass for a service that decides."""
    args = ["--project", str(tmp_path), "--key-file", str(key_file)]
    assert cli("install", "claude-code", "--url", "http://127.0.0.1:9", *args).exit_code == 0
    checks = {check["check"]: check["ok"] for check in examine(tmp_path)}
    assert checks["the service denies a forbidden canary command"] is False
    assert checks["without the service every tool is blocked"] is True


def test_doctor_tries_the_very_line_that_is_installed(
    service: FakeHook, key_file: Path, tmp_path: Path
) -> None:
    """A line that lets go when the service is gone would pass because the probe itself was broken."""
    path = tmp_path / ".claude" / "settings.json"
    path.parent.mkdir()
    open_line = hook_line(service.url, key_file).replace("exit 2", "exit 1")
    hook = {"matcher": "*", "hooks": [{"type": "command", "command": open_line}]}
    path.write_text(json.dumps({"hooks": {"PreToolUse": [hook]}}))
    checks = {check["check"]: check for check in examine(tmp_path)}
    assert checks["the service denies a forbidden canary command"]["ok"] is True
    down = checks["without the service every tool is blocked"]
    assert (down["ok"], down["seen"]) == (False, "exit 1: the runtime would go on")
    assert checks["a service that never answers blocks every tool"]["ok"] is False


def test_doctor_sees_hooks_switched_off(service: FakeHook, key_file: Path, tmp_path: Path) -> None:
    """One line in a local file would switch the governance off unnoticed."""
    args = ["--project", str(tmp_path), "--key-file", str(key_file)]
    assert cli("install", "claude-code", "--url", service.url, *args).exit_code == 0
    local = tmp_path / ".claude" / "settings.local.json"
    local.write_text('{"disableAllHooks": true}')
    assert cli("doctor", "claude-code", "--project", str(tmp_path)).exit_code == 1
