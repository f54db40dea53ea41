"""`governance hook`, `install`, `doctor`: hold an agent runtime, and prove that it is held.

Law: a hook that cannot get a well-formed answer blocks (exit 2), whatever the reason. For Claude Code
only exit code 2 or a well-formed deny blocks; any other failure would let the tool run.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import socket
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import click

from governance.cli import output
from governance.cli.frame import Frame, command
from governance.cli.transport import Failed

TIMEOUT = 5
CANARY = "governance-doctor-canary"
BLOCK, TIMED_OUT = 2, 124
PATIENCE = 15.0  # seconds; the hook's own limit is far below
DEAD = "http://127.0.0.1:9"  # the discard port, where nothing listens
_URL = re.compile(r"https?://[^\s'\";]+/hooks/claude-code")


@click.group("hook")
def hook() -> None:
    """Answer an agent runtime's hook (reads its JSON on stdin)."""


@command(
    hook,
    "claude-code",
    example="governance hook claude-code --url http://127.0.0.1:8321 < hook.json",
    output=False,
    place=False,
)
@click.option("--url", envvar="GOVERNANCE_URL", default="http://127.0.0.1:8321", show_default=True)
@click.option(
    "--key-file",
    type=click.Path(path_type=Path),
    help="File with the agent's key (else GOVERNANCE_KEY).",
)
def claude_code(frame: Frame, url: str, key_file: Path | None) -> None:
    """Claude Code's PreToolUse hook: prints its answer, or blocks with exit code 2."""
    try:
        key = key_file.read_text().strip() if key_file else os.environ["GOVERNANCE_KEY"]
        answer = ask_hook(url, key, sys.stdin.buffer.read())
    except KeyError:
        block("no key: set GOVERNANCE_KEY or give --key-file")
    except (OSError, ValueError) as error:
        block(f"policy service unavailable ({error})")
    click.echo(json.dumps(answer))


def block(why: str) -> None:
    """Say why and end with the code that blocks."""
    click.echo(f"{why}: blocked", err=True)
    raise click.exceptions.Exit(2)


def ask_hook(url: str, key: str, body: bytes) -> dict[str, Any]:
    """The service's answer to a hook's JSON; raises OSError or ValueError for anything else."""
    if not url.startswith(("http://127.", "http://localhost", "https://")):
        raise ValueError(f"`{url}` would carry the key unencrypted")
    request = urllib.request.Request(  # noqa: S310 - the scheme was just checked
        url.rstrip("/") + "/hooks/claude-code",
        data=body,
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {key}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:  # noqa: S310
            answer = json.loads(response.read(1 << 20))
    except urllib.error.HTTPError as error:
        raise ValueError(_detail(error)) from error
    decision = (
        answer["hookSpecificOutput"]["permissionDecision"] if isinstance(answer, dict) else None
    )
    if decision not in ("allow", "deny"):
        raise ValueError("malformed answer")
    return dict(answer)


def _detail(error: urllib.error.HTTPError) -> str:
    try:
        return f"{error.code}: {json.loads(error.read(65536))['detail']}"
    except (ValueError, KeyError, TypeError):
        return str(error.code)


@click.group("install")
def install() -> None:
    """Put the hook into an agent runtime."""


@command(
    install,
    "claude-code",
    example="governance install claude-code --project . --key-file ~/.config/governance/coder.key",
    place=False,
)
@click.option(
    "--project",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=Path(),
    help="The project whose .claude/settings.json gets the hook.",
)
@click.option("--url", default="http://127.0.0.1:8321", show_default=True)
@click.option(
    "--key-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    help="File (mode 0600) with the agent's key.",
)
def install_claude_code(frame: Frame, project: Path, url: str, key_file: Path) -> None:
    """Hook every tool call of Claude Code in one project to this service."""
    if shutil.which("curl") is None:
        raise Failed("the hook is a line of shell that calls `curl`, which is not installed here")
    if stat.S_IMODE(key_file.stat().st_mode) & 0o077:
        raise Failed(f"`{key_file}` can be read by others; run: chmod 600 {key_file}")
    path = project / ".claude" / "settings.json"
    settings = _settings(path)
    entries = settings.setdefault("hooks", {}).setdefault("PreToolUse", [])
    entries[:] = [entry for entry in entries if "/hooks/claude-code" not in json.dumps(entry)]
    entries.append(
        {
            "matcher": "*",
            "hooks": [{"type": "command", "command": hook_line(url, key_file), "timeout": 60}],
        }
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    fresh.replace(path)
    output.show(frame.output, {"settings": str(path), "command": hook_line(url, key_file)})
    output.say(f"Now prove it: governance doctor claude-code --project {project}")


def hook_line(url: str, key_file: Path) -> str:
    """One fail-closed shell line; the key is read from its file, so `ps` never shows it."""
    target = shlex.quote(url.rstrip("/") + "/hooks/claude-code")
    key = shlex.quote(str(key_file.resolve()))
    return (
        # The call's JSON arrives on stdin and is handed on as descriptor 3, because stdin of curl
        # is its configuration: the key stays out of the process list. No personal settings and no
        # proxy come between, and what answers must answer in the runtime's own form.
        f'{{ said=$({{ printf \'header = "Authorization: Bearer %s"\' "$(cat {key})" | '
        f"curl -q --noproxy '*' -sf -m {TIMEOUT} -K - -H 'Content-Type: application/json' "
        f"--data-binary @/dev/fd/3 {target}; }} 3<&0) && case $said in "
        """*'"permissionDecision":"allow"'*|*'"permissionDecision":"deny"'*) """
        "printf '%s' \"$said\" ;; *) false ;; esac; } "
        "|| { echo 'policy service unavailable: blocked' >&2; exit 2; }"
    )


def _settings(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise Failed(f"`{path}` is not JSON ({error}); repair it first") from error
    if not isinstance(found, dict):
        raise Failed(f"`{path}` is not a JSON object; repair it first")
    return found


@click.group("doctor")
def doctor() -> None:
    """Prove that an agent runtime is really held."""


@command(doctor, "claude-code", example="governance doctor claude-code --project .", place=False)
@click.option(
    "--project",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=Path(),
    help="The project to examine.",
)
def doctor_claude_code(frame: Frame, project: Path) -> None:
    """Run the installed hook for real: with the service, without it, and with one that is mute."""
    checks = list(examine(project))
    if frame.json:
        output.document({"held": all(c["ok"] for c in checks), "checks": checks})
    else:
        output.table({"ok": "held", "check": "what was tried", "seen": "what happened"}, checks, "")
    if not all(c["ok"] for c in checks):
        raise Failed("this runtime is not held; repair what says no")


def examine(project: Path) -> list[dict[str, Any]]:
    """The probes, in order; each says what was tried, what happened and whether that holds."""
    lines = _installed(project / ".claude" / "settings.json")
    if not lines:
        seen = "no PreToolUse hook in .claude/settings.json; run governance install claude-code"
        return [{"ok": False, "check": "a hook for every tool is installed", "seen": seen}]
    line = lines[0]
    checks = [{"ok": True, "check": "a hook for every tool is installed", "seen": line[:60] + "…"}]
    checks.append(_answers(line))
    checks.append(_blocks("without the service every tool is blocked", line, DEAD))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        checks.append(_blocks("a service that never answers blocks every tool", line, address))
    checks.append(_local_overrides(project))
    return checks


def _installed(path: Path) -> list[str]:
    entries = _settings(path).get("hooks", {}).get("PreToolUse", [])
    return [
        part["command"]
        for entry in entries
        if entry.get("matcher") in ("*", "", None)
        for part in entry.get("hooks", [])
        if part.get("type") == "command" and "claude-code" in part.get("command", "")
    ]


def _answers(line: str) -> dict[str, Any]:
    """The canary must be denied by the service itself: a hook that merely blocks proves no rule."""
    check = "the service denies a forbidden canary command"
    done = _run(line, f"rm -rf / # {CANARY}")
    if done.returncode != 0:
        return {"ok": False, "check": check, "seen": f"no answer from the service: {_said(done)}"}
    try:
        said = json.loads(done.stdout)["hookSpecificOutput"]
        seen = f"{said['permissionDecision']}: {said['permissionDecisionReason'][:120]}"
        return {"ok": said["permissionDecision"] == "deny", "check": check, "seen": seen}
    except (ValueError, KeyError, TypeError):
        seen = "the answer is not in the runtime's form, so it would go on"
        return {"ok": False, "check": check, "seen": seen}


def _blocks(check: str, line: str, address: str) -> dict[str, Any]:
    """The same line, pointed at `address`, must end with the one exit code that blocks."""
    elsewhere, found = _URL.subn(address + "/hooks/claude-code", line)
    if not found or _shell(["-n", "-c", elsewhere]).returncode:
        return {"ok": False, "check": check, "seen": "its address cannot be exchanged for a try"}
    done = _run(elsewhere, "true")
    blocked = done.returncode == BLOCK
    said = _said(done) if blocked or done.returncode == TIMED_OUT else "the runtime would go on"
    return {"ok": blocked, "check": check, "seen": f"exit {done.returncode}: {said}"}


def _run(line: str, tool_command: str) -> subprocess.CompletedProcess[bytes]:
    call = {
        "session_id": CANARY,
        "hook_event_name": "PreToolUse",
        "cwd": "/",
        "tool_name": "Bash",
        "tool_input": {"command": tool_command},
    }
    return _shell(["-c", line], json.dumps(call).encode())


def _shell(arguments: list[str], stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """The shell as the runtime runs it; a hook that takes too long is given up, and lets go."""
    try:
        return subprocess.run(  # noqa: S603 - the line is the one the runtime itself would run
            ["/bin/sh", *arguments], input=stdin, capture_output=True, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        said = f"no end after {PATIENCE} s: the runtime would give up waiting and go on"
        return subprocess.CompletedProcess(arguments, TIMED_OUT, b"", said.encode())


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    return done.stderr.decode(errors="replace").strip()[:120]


def _local_overrides(project: Path) -> dict[str, Any]:
    path = project / ".claude" / "settings.local.json"
    check = "no local setting turns hooks off"
    off = _settings(path).get("disableAllHooks") or _settings(
        project / ".claude" / "settings.json"
    ).get("disableAllHooks")
    seen = "disableAllHooks is set" if off else "none found in the project"
    return {"ok": not off, "check": check, "seen": seen}
