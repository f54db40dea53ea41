"""The hook against a real workspace: one curl line is a whole, fail-closed integration."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from web_world import World

HOOK = "/hooks/claude-code"


def _call(tool: str, host: str = "host-1", **given: Any) -> dict[str, Any]:
    return {
        "session_id": host,
        "transcript_path": "/home/dev/.claude/t.jsonl",
        "cwd": "/work",
        "permission_mode": "bypassPermissions",
        "hook_event_name": "PreToolUse",
        "tool_name": tool,
        "tool_input": given,
    }


def _hook(world: World, body: dict[str, Any], key: str = "coder") -> dict[str, Any]:
    status, _, answer = world.call("POST", HOOK, body, key=key)
    assert status == 200, answer
    found: dict[str, Any] = answer["hookSpecificOutput"]
    assert found["permissionDecision"] in ("allow", "deny")
    return found


def test_allow_and_deny_in_the_hosts_words(shared: World) -> None:
    """The host would not understand the answer, and then it lets the tool run."""
    inside = _hook(shared, _call("Read", file_path="/work/a.py"))
    assert inside["permissionDecision"] == "allow"
    outside = _hook(shared, _call("Read", file_path="/etc/passwd"))
    assert outside["permissionDecision"] == "deny"
    unknown = _hook(shared, _call("LaunchRocket", target="moon"))
    assert unknown["permissionDecision"] == "deny"


def test_an_approval_is_asked_for_and_the_repeated_action_uses_it(world: World) -> None:
    """A developer's yes would be lost, or would serve for another command."""
    body = _call("Bash", command="make deploy")
    first = _hook(world, body)
    assert first["permissionDecision"] == "deny"
    waiting = world.call("GET", "/v1/approvals?state=open", key="ada")[2]["approvals"]
    number = waiting[-1]["approval"]
    assert f"Approval {number}" in first["permissionDecisionReason"]
    shown = world.call("GET", f"/v1/approvals/{number}", key="ada")[2]
    status, _, granted = world.call(
        "POST",
        f"/v1/approvals/{number}/grant",
        {"digest": shown["digest"], "evidence": shown["evidence"], "reason": "fine"},
        key="ada",
    )
    assert (status, granted["state"]) == (200, "granted")
    other = _hook(world, _call("Bash", command="make deploy --force"))
    assert other["permissionDecision"] == "deny"
    assert _hook(world, body)["permissionDecision"] == "allow"
    assert _hook(world, body)["permissionDecision"] == "deny"


def test_a_hosts_session_is_one_minted_session(world: World) -> None:
    """Each call would be judged as if nothing had happened before, or a host could pick a session."""
    before = len(world.desk.state.sessions)
    for host in ("host-a", "host-a", "host-b"):
        _hook(world, _call("Read", host, file_path="/work/a"))
    assert len(world.desk.state.sessions) == before + 2


def test_a_closed_session_is_followed_by_a_new_one(world: World) -> None:
    """A host would be blocked for ever after its session has ended here."""
    _hook(world, _call("Read", file_path="/work/a"))
    number = max(world.desk.state.sessions)
    assert world.call("POST", f"/v1/sessions/{number}/close", {}, key="ada")[0] == 200
    assert _hook(world, _call("Read", file_path="/work/a"))["permissionDecision"] == "allow"
    assert max(world.desk.state.sessions) > number


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"tool_name": 3}, "tool_name"),
        ({"tool_input": "ls"}, "tool_input"),
        ({"hook_event_name": "PostToolUse"}, "hook_event_name"),
        ({"session_id": ""}, "session_id"),
        ({"cwd": 4}, "cwd"),
    ],
)
def test_a_malformed_hook_call_is_an_error_status(
    shared: World, change: dict[str, Any], field: str
) -> None:
    """`curl -f` would succeed, print no decision, and the host would run the tool."""
    status, _, problem = shared.call(
        "POST", HOOK, {**_call("Bash", command="ls"), **change}, key="coder"
    )
    assert (status, problem["field"]) == (400, field)


def test_a_gateways_key_is_not_for_hooks(shared: World) -> None:
    """The decision would be recorded for nobody's agent."""
    assert shared.call("POST", HOOK, _call("Bash", command="ls"), key="gateway")[0] == 403


def test_without_a_service_the_documented_line_blocks() -> None:
    """An outage would look like a yes: the host lets a tool run on any exit code but 2."""
    line = (
        "curl -sf -m 5 --data-binary @- http://127.0.0.1:9/hooks/claude-code"
        " || { echo 'policy service unavailable: blocked' >&2; exit 2; }"
    )
    done = subprocess.run(["sh", "-c", line], input=b"{}", capture_output=True)
    assert done.returncode == 2
