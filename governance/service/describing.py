"""A recorded decision in the words and values that people need, opened where it still can be.

Law: who says a value is always said with it; what an agent merely claims is marked, what was erased
reads as nothing, and nothing is shown that the log does not commit to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from governance.engine import reasons
from governance.engine.catalogue import ActionType
from governance.oversight.agents import text_entry
from governance.oversight.model import Agent, Session
from governance.oversight.times import write
from governance.service.desk import Desk
from governance.service.reading import opened


def facts_of(desk: Desk, index: int, data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Arguments, resource and claims of decision `index`, in the catalogue's order.

    Each is `{field, value, type, class, says, claimed, spoiled?}`; `value` is text, a list of
    texts, or None when it was erased; `says` is the agent, the gateway or the service.
    """
    declared = action_of(desk, data)
    speaker = "gateway" if data["attested"] else "agent"
    out: list[dict[str, Any]] = []
    known = [f"args.{name}" for name in declared.args] if declared else []
    known += list(declared.claims) if declared else []
    stated = _stated(data)
    for field in [*known, *sorted(stated.keys() - set(known))]:
        if field not in stated:
            continue
        fact: dict[str, Any] = {
            "field": field,
            "value": _value(desk, index, data, field, stated[field]),
            "type": None,
            "class": "private",
            "says": speaker,
            "claimed": not field.startswith("args.") and not data["attested"],
        }
        arg = declared.declared(field) if declared else None
        if arg is not None:
            fact |= {"type": arg.type.kind, "class": arg.cls}
        elif field.startswith("args."):
            fact["undeclared"] = True
        if isinstance(stated[field], dict):
            fact["spoiled"] = stated[field].get("spoiled")
        out.append(fact)
    return out


def _stated(data: Mapping[str, Any]) -> dict[str, Any]:
    """field -> recorded form, for everything the caller stated (None: only committed)."""
    stated: dict[str, Any] = dict.fromkeys(data.get("commitments", {}))
    stated |= {f"args.{name}": value for name, value in data["args"].items()}
    stated |= {f"resource.{name}": value for name, value in data["resource"].items()}
    stated |= data.get("claims", {})
    if "intent_confidence" in data:
        stated["context.confidence"] = data["intent_confidence"]
    if "claimed_cost" in data:
        stated["context.cost"] = data["claimed_cost"]
    return stated


def _value(
    desk: Desk, index: int, data: Mapping[str, Any], field: str, recorded: Any
) -> str | list[str] | None:
    if field in data.get("commitments", {}):
        return _text(opened(desk, index, field))
    return _text(recorded)


def _text(value: Any) -> str | list[str] | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return [str(_text(each)) for each in value]
    if isinstance(value, dict) and value.keys() == {"number"}:
        return str(value["number"])
    return str(value)


def action_of(desk: Desk, data: Mapping[str, Any]) -> ActionType | None:
    """The catalogue's entry for a decision's action, in the release that it was taken under."""
    if data["release"] is None:
        return None
    catalogue = desk.releases.get(data["release"]).release.bundle.catalogue
    return catalogue.actions.get(data["action"])


def findings_of(desk: Desk, data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Findings with the sentences of their rules, in the order in which reasons are told:
    `{policy, rule, title, because, ...}`."""
    ready = None if data["release"] is None else desk.releases.get(data["release"])
    out = []
    for finding in reasons.recorded(data):
        said = reasons.text_of(ready.release if ready else None, data, finding)
        if said is None:
            name = f"{finding['policy']}/{finding['rule']}"
            said = ready.texts.get(name, ("", "")) if ready else ("", "")
        out.append({**finding, "title": said[0] or finding["rule"], "because": said[1]})
    return out


def owner_of(desk: Desk, digest: str | None, policy: str) -> str:
    """Who answers for what a policy said in a release; says so if that release is not kept."""
    kept = digest is not None and desk.releases.known(digest)
    release = desk.releases.get(digest).release if kept and digest is not None else None
    return reasons.owner_of(release, policy)


def agent_of(desk: Desk, name: str, agent: Agent | None, level: str | None) -> dict[str, Any]:
    """Who acts, for whom, and who answers for it."""
    if agent is None:
        return {"agent": name}
    return {
        "agent": name,
        "team": agent.team,
        "owner": agent.owner,
        "deputy": agent.deputy,
        "class": agent.agent_class,
        "autonomy": level,
        "autonomy_until": None if agent.autonomy_until is None else write(agent.autonomy_until),
        "purpose": opened(desk, text_entry(agent, "purpose"), "purpose"),
    }


def session_of(index: int | None, session: Session | None) -> dict[str, Any]:
    """In which session; labels are those it has now."""
    if session is None:
        return {"session": index, "opened_by": None, "labels": [], "depth": None}
    return {
        "session": session.index,
        "opened_by": session.opened_by,
        "labels": sorted(session.labels),
        "depth": session.depth,
    }
