"""Routes that try policies on the past. What takes long runs beside the service."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

import orjson

from governance.service import background, backtesting, child, drafting, given, learning, wording
from governance.web.api.call import Call, Handler, Reply, download
from governance.web.api.evidence import instant
from governance.web.api.policies import files_given
from governance.web.parsing import bad_request


def backtest_policies(call: Call) -> Reply:
    """Begin a backtest; 202 with its number."""
    body = call.body
    if body.get("days") is not None and body.get("from") is not None:
        raise bad_request("give `days` or `from`, not both", "days")
    first, last = instant(body.get("from"), "from"), instant(body.get("to"), "to")
    if body.get("days") is not None:
        first = (last or call.desk.now()) - timedelta(days=body["days"])
    if first is not None and last is not None and first >= last:
        raise bad_request("the period ends before it begins", "to")
    files, desk = files_given(call), call.desk

    def work(tell: Callable[[int, int], None]) -> dict[str, Any]:
        found = backtesting.backtest(
            desk, files, start=first, end=last, seconds=background.SECONDS, tell=tell
        )
        tell(found["entries"], found["entries"])
        return found

    made = call.surface.backtests.start(work)
    return _begun(made, "backtests")


def read_backtest(call: Call) -> Mapping[str, Any]:
    """How far a backtest is, or its result."""
    return call.surface.backtests.get(call.given["id"]).json()


def learn_policies(call: Call) -> Reply:
    """Begin to look what people taught; 202."""
    days, desk = call.body.get("days") or learning.DAYS, call.desk
    made = call.surface.lessons.start(lambda tell: learning.learn(desk, days=days, tell=tell))
    return _begun(made, "lessons")


def read_lesson(call: Call) -> Mapping[str, Any]:
    """How far it is, or what people taught."""
    return call.surface.lessons.get(call.given["id"]).json()


def explain_policies(call: Call) -> Mapping[str, Any]:
    """A supposed action under the files of the body, or under the release in force."""
    body = call.body
    files = files_given(call) if body.get("files") is not None else _in_force(call)
    cells, desk = dict(body["given"]), call.desk
    agent = given.known_agent(desk.state, cells, desk.now())
    released = body.get("files") is None
    supposed = partial(drafting.suppose, agent=agent, asked=True, released=released)
    return child.run(supposed, files, cells, body.get("policy"))


def _begun(made: background.Running, where: str) -> Reply:
    """Work that goes on; its number says where to ask how far it is."""
    headers = {"Location": f"/v1/policies/{where}/{made.id}", "Retry-After": "1"}
    return Reply(orjson.dumps(made.json()), "application/json", 202, headers)


def _in_force(call: Call) -> dict[str, bytes]:
    release = call.desk.state.release
    if release is None:
        raise bad_request("no policy is in force; send the files", "files")
    return call.desk.releases.files(release)


def read_words(call: Call) -> Mapping[str, Any]:
    """The release in force in sentences, every rule with its owner and its reason."""
    return wording.in_force(call.desk, call.given.get("policy"))


def print_words(call: Call) -> Reply:
    """The same as a PDF for an auditor's shelf."""
    names = call.given.get("names") == "1"
    data = wording.print_in_force(call.desk, policy=call.given.get("policy"), names=names)
    return download(data, "application/pdf", "policies.pdf")


HANDLERS: Mapping[str, Handler] = {
    "backtestPolicies": backtest_policies,
    "readBacktest": read_backtest,
    "explainPolicies": explain_policies,
    "readWords": read_words,
    "printWords": print_words,
    "learnPolicies": learn_policies,
    "readLesson": read_lesson,
}
