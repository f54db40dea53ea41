"""Routes of policy releases. Compiling is done in a child process, by the verbs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from governance.service import checking, comparing, releasing
from governance.web.api.call import Call, Handler, Reply
from governance.web.parsing import bad_request, printable


def read_policies(call: Call) -> Mapping[str, Any]:
    """The release in force and its files."""
    return releasing.current(call.desk)


def check_policies(call: Call) -> Mapping[str, Any]:
    """Findings with file, line and column; nothing is written."""
    return checking.check(_files(call))


def compare_policies(call: Call) -> Mapping[str, Any]:
    """What one side answers differently from the other; nothing is written."""
    sides = [
        side if isinstance(side, str) else _named(side, name)
        for name, side in (("old", call.body["old"]), ("new", call.body["new"]))
    ]
    return comparing.between(call.desk, sides[0], sides[1])


def propose_policies(call: Call) -> Mapping[str, Any] | Reply:
    """Propose a release; a second person signs it. 200 with the findings when nothing was."""
    made = releasing.propose(call.desk, call.who, _files(call), note=call.body.get("note"))
    if made["proposal"] is None:
        return Reply(orjson.dumps(made), "application/json")
    return made


def sign_policies(call: Call) -> Mapping[str, Any]:
    """Put a proposed release in force."""
    return releasing.sign(call.desk, call.who, call.given["index"])


def _files(call: Call) -> dict[str, bytes]:
    return _named(call.body["files"], "files")


def _named(texts: Mapping[str, str], field: str) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for path, text in texts.items():
        parts = path.split("/")
        if parts[0] != "policies" or ".." in parts or "" in parts or "\\" in path:
            raise bad_request(
                f"`{printable(path)}` is no policy file; paths are such as `policies/payments.yaml`",
                f"{field}.{printable(path)}",
            )
        files[path] = text.encode("utf-8")
    return files


HANDLERS: Mapping[str, Handler] = {
    "readPolicies": read_policies,
    "checkPolicies": check_policies,
    "comparePolicies": compare_policies,
    "proposePolicies": propose_policies,
    "signPolicies": sign_policies,
}
