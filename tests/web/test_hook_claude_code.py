"""Claude Code's hook: translated without loss, answered allow or deny and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.engine.command import parse
from governance.web.hooks import claude_code


@pytest.mark.parametrize(
    ("tool", "given_input", "action", "arguments"),
    [
        (
            "Bash",
            {"command": "ls -la", "timeout": 5},
            "shell.run",
            {"command": "ls -la", "timeout": 5},
        ),
        ("Read", {"file_path": "/etc/passwd", "limit": 5}, "file.read", {"path": "/etc/passwd"}),
        (
            "Write",
            {"file_path": "/a", "content": "x"},
            "file.write",
            {"path": "/a", "content": "x"},
        ),
        (
            "WebFetch",
            {"url": "https://a.example:8443/x?y"},
            "web.fetch",
            {"url": "https://a.example:8443/x?y", "host": "a.example"},
        ),
        ("WebFetch", {"url": "https://[broken"}, "web.fetch", {"url": "https://[broken"}),
        ("TodoWrite", {"todos": []}, "host.internal", {"tool": "TodoWrite"}),
        ("Read", {"file_path": ""}, "file.read", {}),
        ("Grep", {"pattern": "key", "-n": True}, "file.search", {"pattern": "key", "path": "."}),
        (
            "mcp__crm__send_mail",
            {"bcc": "x@y.example"},
            "mcp.crm.send_mail",
            {"bcc": "x@y.example"},
        ),
        ("mcp__a__b__c", {}, "mcp.a.b__c", {}),
        ("mcp__a.b/c__d e", {}, "mcp.a_b_c.d_e", {}),
        ("BrandNewTool", {"x": 1}, "tool.brand_new_tool", {"x": 1}),
    ],
)
def test_tools_become_actions(
    tool: str, given_input: dict[str, Any], action: str, arguments: dict[str, Any]
) -> None:
    """A tool call would be judged as another action than the one that runs."""
    assert claude_code.action_of(tool, given_input) == (action, arguments)


def test_a_field_nobody_knows_stays_an_argument() -> None:
    """A new field of a known tool would slip past the rules instead of making them careful."""
    _, arguments = claude_code.action_of("Bash", {"command": "ls", "dangerously_disable": True})
    assert arguments["dangerously_disable"] is True


def test_the_request_speaks_for_the_keys_agent_in_the_minted_session() -> None:
    """A host could pick the session, and with it the labels its actions are judged under."""
    request = claude_code.request_of(
        {
            "session_id": "host-session",
            "tool_name": "Bash",
            "tool_input": {"command": "ls"},
            "cwd": "/work",
        },
        agent="coder-1",
        session=17,
        home="/work",
    )
    assert request["subject"] == {"type": "agent", "id": "coder-1"}
    assert request["context"]["session"] == 17
    assert "host-session" not in str(request)


@pytest.mark.parametrize(
    ("command", "cwd", "home", "judged"),
    [
        ("rm hosts", "/work", "/work", "rm hosts"),
        ("rm hosts", "/work/", "/work", "rm hosts"),
        ("rm hosts", "/etc", "/work", "cd /etc && { rm hosts\n}"),
        ("rm a # b", "/my dir", None, "cd '/my dir' && { rm a # b\n}"),
    ],
)
def test_a_command_is_judged_where_it_runs(
    command: str, cwd: str, home: str | None, judged: str
) -> None:
    """`rm hosts` run in /etc would be judged as a file of the workspace."""
    _, arguments = claude_code.action_of("Bash", {"command": command}, cwd, home)
    assert arguments["command"] == judged


def test_a_command_elsewhere_touches_what_is_there() -> None:
    """The engine would not see through the form in which the working directory is told to it."""
    _, arguments = claude_code.action_of("Bash", {"command": "cat passwd"}, "/etc", "/work")
    found = parse(arguments["command"], workspace="/work")
    assert "/etc/passwd" in found["reads"]


@pytest.mark.parametrize(
    ("pattern", "path", "looked_at"),
    [
        ("**/*.py", None, "/work/."),
        ("src/**/*.py", "/work", "/work/src"),
        ("/etc/*", "/work", "/etc"),
        ("/*", "/work", "/"),
        ("../../**", "/work/a", "/work/a/../.."),
        ("*/../../x", "/work", "/"),
        ("~/.ssh/*", "/work", "/"),
        ("{a,/etc}/*", "/work", "/"),
        ("{a,b}/*", "/work", "/work"),
    ],
)
def test_a_glob_is_judged_where_it_looks(pattern: str, path: str | None, looked_at: str) -> None:
    """A pattern that leaves its folder would list what the rules keep closed."""
    given_input = {"pattern": pattern} if path is None else {"pattern": pattern, "path": path}
    action, arguments = claude_code.action_of("Glob", given_input, "/work", "/work")
    assert action == "file.list"
    assert arguments["path"] == looked_at


def test_a_relative_path_is_where_the_host_is() -> None:
    """A file outside the workspace would be judged as one inside."""
    _, arguments = claude_code.action_of("Read", {"file_path": "shadow"}, "/etc", "/work")
    assert arguments["path"] == "/etc/shadow"
    _, arguments = claude_code.action_of("Grep", {"pattern": "x"}, "/etc", "/work")
    assert arguments["path"] == "/etc/."


@given(
    decision=st.fixed_dictionaries(
        {},
        optional={
            "decision": st.none() | st.booleans() | st.just("true") | st.just(1),
            "context": st.none()
            | st.fixed_dictionaries(
                {},
                optional={
                    "effect": st.sampled_from(["allow", "require_approval", "deny", "ask"]),
                    "evaluation_id": st.just("7"),
                    "reasons": st.lists(
                        st.fixed_dictionaries({"rule": st.just("R-1"), "title": st.text()})
                    ),
                    "access_request": st.just({"approval": 8}) | st.just({"detail": "too soon"}),
                },
            ),
        },
    )
)
@settings(max_examples=150, deadline=None)
def test_only_a_true_decision_is_an_allow_and_ask_never_appears(decision: dict[str, Any]) -> None:
    """Whoever sits in front of the host would be the approver, or a broken answer would allow."""
    answer = claude_code.answer_of(decision)["hookSpecificOutput"]
    assert answer["permissionDecision"] == ("allow" if decision.get("decision") is True else "deny")
    assert answer["permissionDecisionReason"]


def test_a_denial_that_can_be_approved_names_the_request() -> None:
    """The agent would not know what to wait for, nor that repeating the action uses the grant."""
    said = claude_code.reason_of(
        {
            "decision": False,
            "context": {
                "effect": "require_approval",
                "evaluation_id": "41",
                "access_request": {"approval": 42},
                "reasons": [{"rule": "SH-3", "title": "Force push needs a maintainer"}],
            },
        }
    )
    assert "42" in said
    assert "repeat exactly this action" in said
    assert "SH-3" in said


def test_what_certainly_denied_is_said_before_what_could_not_be_told():
    """Three rules that could not tell would hide the one rule that says what is wrong."""
    unsure = [
        {"rule": f"SH-{n}", "title": "Secrets", "effect": "deny", "missing": ["command.reads"]}
        for n in range(3)
    ]
    sure = {"rule": "SH-005", "title": "Nothing is fed into a shell", "effect": "deny"}
    context = {"effect": "deny", "reasons": [*unsure, sure]}
    said = claude_code.reason_of({"decision": False, "context": context})
    assert said.startswith("denied: Nothing is fed into a shell [SH-005]; Secrets [SH-0] (cannot")
    assert "(cannot tell: command.reads)" in said
