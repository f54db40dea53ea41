"""Founding a workspace: the first person, key, release and agent, each an entry like any other.

Law: founding works once, on an empty log, and gives nobody a right that the log does not show. Until a
second person is added the first one signs alone, and every such entry says so (`alone`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from governance.service import keys, onboarding, people, releasing
from governance.service.desk import Caller, Desk

FIRST_PURPOSE = "Not yet briefed: the agent that came with this workspace"


def found(
    desk: Desk,
    *,
    name: str,
    email: str,
    files: Mapping[str, bytes],
    agent: str | None,
    labels: Sequence[str] = (),
) -> dict[str, Any]:
    """Make the first person with a key, put `files` in force, and onboard `agent` at L1 with a key.

    `labels` are the agent's: which policies apply to it.

    `files` are policy files by path (`policies/payments.yaml`). Raises `Problem`, also when the
    workspace was founded before. Returns `{person, person_key, release, agent, agent_key}`; both keys
    are secrets, shown this once.
    """
    person = str(people.first(desk, name=name, email=email)["person"])
    issued = keys.first(desk, person)
    caller = Caller("person", person, issued["key"], keys.digest_of(issued["secret"]))
    made = {"person": person, "person_key": issued["secret"]}
    made["release"] = releasing.first(desk, caller, files)["release"]
    if agent is not None:
        made |= _first_agent(desk, caller, agent, labels)
    return made


def _first_agent(desk: Desk, caller: Caller, agent: str, labels: Sequence[str]) -> dict[str, Any]:
    onboarding.propose(
        desk, caller, agent=agent, team="unassigned", owner=caller.id, purpose=FIRST_PURPOSE,
        tools=["*"], labels=tuple(labels), autonomy="L1",
    )  # fmt: skip
    onboarding.confirm(desk, caller, agent)
    key = keys.issue(desk, caller, holder_type="agent", holder_id=agent)
    return {"agent": agent, "agent_key": key["secret"]}
