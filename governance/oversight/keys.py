"""API credentials: who is calling, found by the SHA-256 of a secret nobody stores.

Law: a key speaks for one agent, one gateway or one person, only while its holder is there, and
only until it is revoked.  Secrets have 256 random bits, so a plain digest cannot be searched.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from governance.oversight.model import Key, State

ALL_AGENTS = "*"


def find(state: State, digest: str) -> Key | None:
    """The live key whose secret has this SHA-256 (hex), if its holder is still there."""
    key = state.keys.get(digest)
    if key is None:
        return None
    if key.holder_type == "agent" and key.holder_id not in state.agents:
        return None
    if key.holder_type == "person" and key.holder_id not in state.people:
        return None
    return key


def speaks_for(key: Key, agent: str) -> bool:
    """Whether a request under this key may name `agent` as its subject."""
    if key.holder_type == "agent":
        return key.holder_id == agent
    if key.holder_type == "gateway":
        return agent in key.agents or ALL_AGENTS in key.agents
    return False


# the fold


def issued(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """key.issued"""
    holder = data["holder"]
    key = Key(
        id=data["key"],
        index=index,
        digest=data["digest"],
        holder_type=holder["type"],
        holder_id=holder["id"],
        agents=frozenset(data.get("agents", ())),
        obligations=frozenset(data.get("obligations", ())),
        lists=frozenset(data.get("lists", ())),
    )
    people = state.people
    holder_of = people.get(key.holder_id) if key.holder_type == "person" else None
    if holder_of is not None and not holder_of.enrolled:
        people = people.set(holder_of.id, replace(holder_of, enrolled=True))
    return replace(state, keys=state.keys.set(key.digest, key), people=people)


def revoked(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """key.revoked"""
    keys = state.keys
    for digest, key in state.keys.items():
        if key.id == data["key"]:
            keys = keys.delete(digest)
    return replace(state, keys=keys)
