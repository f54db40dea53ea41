"""Claude Code: the PreToolUse hook.

Input is the JSON the host writes to a hook (`session_id`, `cwd`, `hook_event_name`, `tool_name`,
`tool_input`); the answer is `hookSpecificOutput` with `permissionDecision` allow or deny. An error
is an HTTP error, so that `curl -sf … || exit 2` blocks; a hook of type `http` would let the tool
run on an error and must not be used.

Law: what is judged is what the host will run. A relative path is relative to where the host is, not
to where the workspace begins, so the host's working directory is made part of the path or of the
command line; it is never believed to be the workspace.

Pure functions; the lane authenticates, finds the session and decides.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from governance.engine.command import file_action

# What a tool's settings change about showing or waiting, never about what is touched.
_HARMLESS: Final = {
    "WebSearch": frozenset({"allowed_domains", "blocked_domains"}),
}
_ACTIONS: Final = {
    "Bash": "shell.run",
    "WebFetch": "web.fetch",
    "WebSearch": "web.search",
    "Task": "agent.delegate",
    "Agent": "agent.delegate",
}
# Tools by which the host keeps its own notes and looks at its own processes; they touch nothing else.
_INTERNAL: Final = frozenset(
    {
        *("TodoWrite", "TodoRead", "BashOutput", "KillShell", "KillBash", "ExitPlanMode"),
        *("EnterPlanMode", "AskUserQuestion", "TaskOutput", "TaskStop"),
    }
)
_WILD: Final = re.compile(r"[*?\[\]{}!]")
_CHOICE_OF_FOLDERS: Final = re.compile(r"\{[^}]*/")
_MCP: Final = re.compile(r"mcp__(?P<server>.+?)__(?P<tool>.+)\Z")
_PART: Final = re.compile(r"[^A-Za-z0-9_-]")


def action_of(
    tool_name: str, tool_input: Mapping[str, Any], cwd: str | None = None, home: str | None = None
) -> tuple[str, dict[str, Any]]:
    """The catalogue's action and its arguments for one tool call.

    `cwd` is the host's working directory, `home` the folder that the service takes relative paths
    from (the agent's workspace). `mcp__server__tool` becomes `mcp.server.tool` with the tool's
    arguments as they are; a tool that is not known becomes `tool.<name>`, which no file governs
    until somebody writes one.
    """
    filed = file_action(tool_name, tool_input)
    if filed is not None:
        return filed[0], _placed(tool_name, dict(filed[1]), cwd)
    if tool_name in _INTERNAL:
        return "host.internal", {"tool": tool_name}
    mcp = _MCP.match(tool_name)
    if mcp:
        return f"mcp.{_word(mcp['server'])}.{_word(mcp['tool'])}", dict(tool_input)
    action = _ACTIONS.get(tool_name, f"tool.{_snake(tool_name)}")
    dropped = _HARMLESS.get(tool_name, frozenset())
    arguments = {name: value for name, value in tool_input.items() if name not in dropped}
    if tool_name == "Bash":
        _stand_where_the_host_stands(arguments, cwd, home)
    url = arguments.get("url")
    if tool_name == "WebFetch" and isinstance(url, str):
        host = _host(url)
        if host is not None:
            arguments["host"] = host
    return action, arguments


def _placed(tool_name: str, arguments: dict[str, Any], cwd: str | None) -> dict[str, Any]:
    """The arguments of a file tool with the path that it will really look at."""
    path = arguments.get("path")
    if path == "":
        del arguments["path"]  # nobody knows what the host makes of it, so neither do the rules
    if not isinstance(path, str) or not path:
        return arguments
    if cwd and not path.startswith(("/", "~")):
        path = posixpath.join(cwd, path)
    pattern = arguments.get("pattern")
    if tool_name == "Glob" and isinstance(pattern, str):
        path = _looked_at(path, pattern)
    arguments["path"] = path
    return arguments


def _looked_at(path: str, pattern: str) -> str:
    """The folder that a glob pattern looks into: an absolute or climbing pattern leaves `path`."""
    steps = pattern.split("/")
    fixed = []
    for step in steps[:-1]:
        if _WILD.search(step):
            break
        fixed.append(step)
    if ".." in steps[len(fixed) :] or pattern.startswith("~") or _CHOICE_OF_FOLDERS.search(pattern):
        return "/"
    if pattern.startswith("/"):
        return "/".join(fixed) or "/"
    return posixpath.join(path, *fixed) if fixed else path


def _stand_where_the_host_stands(
    arguments: dict[str, Any], cwd: str | None, home: str | None
) -> None:
    command = arguments.get("command")
    if not isinstance(command, str) or not cwd or not cwd.startswith("/"):
        return
    if home is None or posixpath.normpath(cwd) != posixpath.normpath(home):
        arguments["command"] = f"cd {shlex.quote(cwd)} && {{ {command}\n}}"


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _snake(name: str) -> str:
    return _word(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower())


def _word(text: str) -> str:
    return _PART.sub("_", text)[:90]


def request_of(
    hook: Mapping[str, Any], *, agent: str, session: int, home: str | None
) -> dict[str, Any]:
    """The evaluation request for one hook call: intent to act.

    `agent` is whose key it is, `session` the session this service minted for the host's, `home`
    the agent's workspace folder as people registered it.
    """
    action, arguments = action_of(hook["tool_name"], hook["tool_input"], hook.get("cwd"), home)
    return {
        "subject": {"type": "agent", "id": agent},
        "action": {"name": action, "properties": {"arguments": arguments}},
        "resource": {"type": "tool", "id": hook["tool_name"]},
        "context": {"session": session, "intent": "act"},
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
    if context.get("effect") != "require_approval":
        return f"denied: {why}{named}"
    asked = context.get("access_request") or {}
    approval = asked.get("approval")
    if approval is not None:
        return (
            f"needs approval: {why}. Approval {approval} is requested{named}; once it is granted,"
            " repeat exactly this action to use it"
        )
    if asked.get("detail"):
        return f"needs approval: {why}{named}; no approval was requested: {asked['detail']}"
    return f"needs approval: {why}{named}; ask the agent's owner"


def _that_held_it_back(context: Mapping[str, Any]) -> list[Any]:
    """The reasons of the verdict's own effect, those that are certain first; what would have
    allowed it only confuses."""
    reasons = list(context.get("reasons") or ())
    effect = context.get("effect")
    same = [each for each in reasons if isinstance(each, Mapping) and each.get("effect") == effect]
    return sorted(same, key=_unsure) if same else reasons


def _unsure(reason: Mapping[str, Any]) -> bool:
    return bool(reason.get("missing"))


def _why(context: Mapping[str, Any]) -> str:
    said = []
    for reason in _that_held_it_back(context)[:3]:
        if isinstance(reason, Mapping):
            title = reason.get("title") or reason.get("because") or "a rule"
            named = f"{title} [{reason['rule']}]" if reason.get("rule") else str(title)
            unsure = reason.get("doubts") or reason.get("missing")
            said.append(
                f"{named} (cannot tell: {'; '.join(map(str, unsure))})" if unsure else named
            )
        else:
            said.append(str(reason))
    return "; ".join(said) or str(context.get("reason") or "no rule allows it")
