"""Claude Code: the PreToolUse hook.

Input is the JSON the host writes to a hook (`session_id`, `cwd`, `hook_event_name`, `tool_name`,
`tool_input`); the answer is `hookSpecificOutput` with `permissionDecision` allow or deny. An error
is an HTTP error, so that `curl -sf … || exit 2` blocks; a hook of type `http` would let the tool
run on an error and must not be used.

Pure functions; the lane authenticates, finds the session and decides.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

# tool of the host -> (action of the catalogue, {field of the host: argument of the action})
# None instead of a mapping: the tool's own field names are the argument names.
_TOOLS: Final[Mapping[str, tuple[str, Mapping[str, str] | None]]] = {
    "Bash": ("shell.run", {"command": "command", "description": "description"}),
    "Read": ("file.read", {"file_path": "path"}),
    "NotebookRead": ("file.read", {"notebook_path": "path"}),
    "Write": ("file.write", {"file_path": "path", "content": "content"}),
    "Edit": ("file.edit", {"file_path": "path", "old_string": "before", "new_string": "after"}),
    "MultiEdit": ("file.edit", {"file_path": "path"}),
    "NotebookEdit": ("file.edit", {"notebook_path": "path", "new_source": "after"}),
    "Glob": ("file.search", {"path": "path", "pattern": "pattern"}),
    "Grep": ("file.search", {"path": "path", "pattern": "pattern"}),
    "LS": ("file.search", {"path": "path"}),
    "WebFetch": ("web.fetch", {"url": "url", "prompt": "prompt"}),
    "WebSearch": ("web.search", {"query": "query"}),
    "Task": ("agent.delegate", {"description": "description", "prompt": "prompt"}),
    "Agent": ("agent.delegate", {"description": "description", "prompt": "prompt"}),
}
# Settings of a tool that change how it shows or counts, never what it touches. Everything else a
# host sends stays an argument, so that an undeclared one makes every allow "cannot tell".
_DISPLAY_ONLY: Final = frozenset(
    [
        "timeout",
        "run_in_background",
        "offset",
        "limit",
        "output_mode",
        "head_limit",
        "-n",
        "-i",
        "-A",
        "-B",
        "-C",
        "multiline",
        "glob",
        "type",
        "replace_all",
        "edits",
        "cell_id",
        "cell_type",
        "edit_mode",
        "subagent_type",
        "model",
        "pages",
    ]
)
_MCP: Final = re.compile(r"mcp__(?P<server>.+?)__(?P<tool>.+)\Z")


def action_of(tool_name: str, tool_input: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The catalogue's action and its arguments for one tool call.

    `mcp__server__tool` becomes `mcp.server.tool` with the tool's arguments as they are; a tool
    that is not known becomes `tool.<name>`, which no file governs until somebody writes one.
    """
    known = _TOOLS.get(tool_name)
    if known is not None:
        action, names = known
        return action, _arguments(tool_input, names or {})
    mcp = _MCP.match(tool_name)
    if mcp:
        return f"mcp.{mcp['server']}.{mcp['tool']}", dict(tool_input)
    return f"tool.{_snake(tool_name)}", dict(tool_input)


def _arguments(tool_input: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in tool_input.items():
        if name in names:
            found[names[name]] = value
        elif name not in _DISPLAY_ONLY:
            found[name] = value
    return found


def _snake(name: str) -> str:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    return re.sub(r"[^a-z0-9_.-]", "_", words)


def request_of(hook: Mapping[str, Any], *, agent: str, session: int) -> dict[str, Any]:
    """The evaluation request for one hook call: intent to act, approval asked for if needed.

    `agent` is whose key it is, `session` the session this service minted for the host's.
    """
    action, arguments = action_of(hook["tool_name"], hook["tool_input"])
    context: dict[str, Any] = {"session": session, "intent": "act"}
    if isinstance(hook.get("cwd"), str):
        context["cwd"] = hook["cwd"]
    return {
        "subject": {"type": "agent", "id": agent},
        "action": {"name": action, "properties": {"arguments": arguments}},
        "resource": {"type": "tool", "id": hook["tool_name"]},
        "context": context,
    }


def answer_of(decision: Mapping[str, Any]) -> dict[str, Any]:
    """The host's JSON for an AuthZEN decision: allow or deny with a sentence, never `ask`."""
    allowed = decision.get("decision") is True
    return {
        "hookSpecificOutput": {
            "hookEventName": "PreToolUse",
            "permissionDecision": "allow" if allowed else "deny",
            "permissionDecisionReason": reason_of(decision),
        }
    }


def reason_of(decision: Mapping[str, Any]) -> str:
    """One or two sentences that the agent and the person in front of the host can act on."""
    context = decision.get("context") or {}
    number = context.get("evaluation_id")
    named = f" (decision {number})" if number is not None else ""
    if decision.get("decision") is True:
        return f"allowed by policy{named}"
    why = _why(context)
    approval = (context.get("access_request") or {}).get("approval") or context.get("approval")
    if isinstance(approval, Mapping):
        approval = approval.get("id") or approval.get("approval")
    if context.get("effect") == "require_approval" and approval is not None:
        return (
            f"needs approval: {why}. Approval {approval} was requested{named}; once it is granted,"
            " repeat exactly this action to use it"
        )
    if context.get("effect") == "require_approval":
        return f"needs approval: {why}{named}; ask the agent's owner to approve it"
    return f"denied: {why}{named}"


def _why(context: Mapping[str, Any]) -> str:
    said = []
    for reason in (context.get("reasons") or ())[:3]:
        if isinstance(reason, Mapping):
            title = reason.get("title") or reason.get("because") or reason.get("rule")
            said.append(f"{title} [{reason['rule']}]" if reason.get("rule") else str(title))
        else:
            said.append(str(reason))
    return "; ".join(said) or str(context.get("reason") or "no rule allows it")
