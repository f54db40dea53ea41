"""Routes of policy releases. Examining is done in a child process, by the verbs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from governance.service import (
    checking,
    comparing,
    examining,
    lists,
    proposals,
    proposed_words,
    proving,
    releasing,
    shares,
)
from governance.web.api.call import Call, Handler, Reply, download
from governance.web.parsing import bad_request, printable


def read_policies(call: Call) -> Mapping[str, Any]:
    """The release in force and its files."""
    return releasing.current(call.desk)


def check_policies(call: Call) -> Mapping[str, Any]:
    """Findings with file, line and column; nothing is written."""
    return checking.here(call.desk, files_given(call), silent=call.body.get("fired") is True)


def compare_policies(call: Call) -> Mapping[str, Any]:
    """What one side answers differently from the other; nothing is written."""
    sides = [
        side if isinstance(side, str) else _named(side, name)
        for name, side in (("old", call.body["old"]), ("new", call.body["new"]))
    ]
    return comparing.between(call.desk, sides[0], sides[1])


def list_releases(call: Call) -> Mapping[str, Any]:
    """Every release that was in force, newest first."""
    return proposals.history(call.desk)


def list_proposals(call: Call) -> Mapping[str, Any]:
    """Every proposal, newest first."""
    return proposals.listed(call.desk)


def read_proposal(call: Call) -> Mapping[str, Any]:
    """One proposal, with everything that was found out about it."""
    told = proposals.show(call.desk, call.given["index"])
    own = told["proposed_by"] == call.who.id and not call.desk.state.single_person
    return {**told, "own": own}


def read_changes(call: Call) -> Mapping[str, Any]:
    """What a proposal changes, in words, beside what is said now."""
    return proposed_words.changes(call.desk, call.given["index"])


def read_proposed_text(call: Call) -> Mapping[str, Any]:
    """One file of a proposal, its changed lines marked."""
    path = call.given.get("path")
    if not path:
        raise bad_request("say which file, such as `?path=policies/payments.yaml`", "path")
    return proposed_words.text(call.desk, call.given["index"], path)


def read_proposed_words(call: Call) -> Mapping[str, Any]:
    """A whole proposal in sentences."""
    return proposed_words.words(call.desk, call.given["index"], call.given.get("policy"))


def print_proposed_words(call: Call) -> Reply:
    """The same as a PDF, which says that it is a proposal."""
    index = call.given["index"]
    data = proposed_words.print_words(
        call.desk, index, policy=call.given.get("policy"), names=call.given.get("names") == "1"
    )
    return download(data, "application/pdf", f"proposal-{index}.pdf")


def prove_policies(call: Call) -> Mapping[str, Any]:
    """The invariants of files or of a release; nothing is written."""
    given = call.body["of"]
    return proving.of(call.desk, given if isinstance(given, str) else _named(given, "of"))


def propose_policies(call: Call) -> Mapping[str, Any] | Reply:
    """Propose a release; a second person signs it. 200 with the findings when nothing was."""
    body = call.body
    days = body.get("days")
    with examining.told(call.who.id) as progress:
        made = releasing.propose(
            call.desk,
            call.who,
            files_given(call),
            note=body.get("note"),
            days=examining.DAYS if days is None else days,
            progress=progress,
        )
    return _proposed(made)


def read_progress(call: Call) -> Mapping[str, Any]:
    """How far the examination of what this person just proposed has come."""
    return examining.progress_of(call.who.id)


def sign_policies(call: Call) -> Mapping[str, Any]:
    """Put a proposed release in force."""
    return releasing.sign(call.desk, call.who, call.given["index"], call.body["evidence"])


def refuse_policies(call: Call) -> Mapping[str, Any]:
    """Refuse a proposal with a reason."""
    return proposals.refuse(call.desk, call.who, call.given["index"], reason=call.body["reason"])


def withdraw_policies(call: Call) -> Mapping[str, Any]:
    """Take one's own proposal back."""
    return proposals.withdraw(call.desk, call.who, call.given["index"], reason=call.body["reason"])


def roll_back(call: Call) -> Mapping[str, Any] | Reply:
    """Return to an earlier release; at once where it is proved that nothing becomes looser."""
    body = call.body
    release = proposals.earlier(call.desk, body.get("release"))
    with examining.told(call.who.id):
        made = releasing.rollback(call.desk, call.who, release, note=body.get("note"))
    return _proposed(made)


def read_shares(call: Call) -> Mapping[str, Any]:
    """Files that come in by and by: their share, what was counted, whether they stopped."""
    return shares.listed(call.desk)


def read_lists(call: Call) -> Mapping[str, Any]:
    """The lists of the release in force."""
    return lists.listed(call.desk)


def refresh_list(call: Call) -> Mapping[str, Any] | Reply:
    """Refresh a list; in force at once where nothing becomes looser."""
    body = call.body
    made = lists.put(
        call.desk, call.who, body["list"], body["text"].encode("utf-8"), note=body.get("note")
    )
    return _proposed(made)


def _proposed(made: dict[str, Any]) -> Mapping[str, Any] | Reply:
    if made["proposal"] is None:
        return Reply(orjson.dumps(made), "application/json")
    return made


def files_given(call: Call) -> dict[str, bytes]:
    """The policy files of a body, by path."""
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
    "listReleases": list_releases,
    "listProposals": list_proposals,
    "readProposal": read_proposal,
    "readChanges": read_changes,
    "readProposedText": read_proposed_text,
    "readProposedWords": read_proposed_words,
    "printProposedWords": print_proposed_words,
    "provePolicies": prove_policies,
    "proposePolicies": propose_policies,
    "readProgress": read_progress,
    "signPolicies": sign_policies,
    "refusePolicies": refuse_policies,
    "withdrawPolicies": withdraw_policies,
    "rollBackPolicies": roll_back,
    "readLists": read_lists,
    "readShares": read_shares,
    "refreshList": refresh_list,
}
