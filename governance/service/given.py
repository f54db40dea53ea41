"""What a person supposes of an action that nobody asked for: which names mean something, and what is
supposed besides.

Law: nothing that was written is left out of the answer. A name that says nothing about the action is
refused, and what nobody wrote (an autonomy level, empty limits, a clean session) is said with the
answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from governance.engine.cases import CANNOT_TELL
from governance.engine.compile import Plan, Release
from governance.engine.fields import SERVICE_FIELDS
from governance.engine.model import Request
from governance.engine.reach import histories_of
from governance.engine.rules import PolicyFile
from governance.engine.shape import nearest
from governance.oversight import agents, autonomy
from governance.oversight.model import State
from governance.service.problem import Problem
from governance.service.supposing import require_clear

_PLAIN: Final = ("action", "at", "attested")
_TOLD: Final = ("yes", "no", CANNOT_TELL)


def without_action(cells: Mapping[str, str]) -> str:
    """What to say where no action is named: which word was most likely meant as `action`."""
    near = [each for each in cells if nearest(each, ["action"])]
    more = f"; did you mean `action` by `{near[0]}`?" if near else ""
    return f"say which action, such as `action=payment.create`{more}"


def require_known(release: Release, file: PolicyFile, cells: Mapping[str, str]) -> None:
    """Raise `Problem` for the first name that says nothing about the action, as `file` is asked."""
    name = cells["action"]
    plan = release.plans.get(name)
    if plan is None:
        near = nearest(name, release.plans)
        raise Problem(
            "bad-field", f"`{name}` is not an action of the catalogue{f'; {near}' if near else ''}",
            field="action",
        )  # fmt: skip
    known = _known(release, plan, file)
    for each, text in cells.items():
        require_clear(each, text)
        if each not in known:
            raise Problem("bad-field", _unknown(each, plan, file, known), field=each)
        if each.startswith("history.") and text not in _TOLD:
            raise Problem("bad-field", f"`{each}` is yes, no or cannot tell", field=each)


def _known(release: Release, plan: Plan, file: PolicyFile) -> list[str]:
    """Every name that can be supposed of an action, with `file` as the one that is asked."""
    action = plan.action
    own = {limit.id for limit in file.limits}
    counted = [cap.limit.id for cap in plan.caps if cap.limit.id in own]
    looking = [rule.id for rule in file.rules if histories_of(rule.when)]
    risk = release.bundle.risk
    if risk is not None and risk.risk == file.policy:
        looking += [factor.id for factor in risk.factors if histories_of(factor.when)]
    lists = [f"lists.{each}" for each in file.lists]
    gradual = [each.policy for each in release.bundle.files if each.gradual is not None]
    declared = [*(f"args.{arg}" for arg in action.args), *action.claims]
    return [
        *_PLAIN, *declared, *(each for each in SERVICE_FIELDS if action.type_of(each) is not None),
        "context.confidence", "context.cost", "context.cwd",
        *(f"limits.{each}" for each in dict.fromkeys(counted)),
        *(f"history.{each}" for each in looking),
        *lists, *(f"{each}.age" for each in lists), *(f"gradual.{each}" for each in gradual),
    ]  # fmt: skip


def _unknown(name: str, plan: Plan, file: PolicyFile, known: list[str]) -> str:
    group = name.partition(".")[0]
    same = [each for each in known if each.startswith(f"{group}.")]
    hint = nearest(name, same) or nearest(name, known)
    where = (
        f"`{file.policy}` (--policy asks another)"
        if group in ("limits", "history", "lists")
        else ""
    )
    shown = same or [each for each in known if each.startswith("args.")]
    listed = ", ".join(f"`{each}`" for each in shown)
    if where:
        listed = f"{where} has {listed}" if same else f"{where} has none for it"
    return (
        f"`{plan.action.name}` has no `{name}`; {hint or (listed if where else f'it has {listed}')}"
    )


def known_agent(state: State, cells: Mapping[str, str], at: datetime) -> dict[str, object] | None:
    """The fields of the agent that `agent.id` names, as the workspace knows it; None without one."""
    agent = state.agents.get(cells.get("agent.id", ""))
    if agent is None:
        return None
    brief = agent.brief
    kept = brief is not None and (brief.valid_until is None or at < brief.valid_until)
    action = cells.get("action", "")
    return {
        "agent.team": agent.team,
        "agent.labels": sorted(agent.labels),
        "agent.class": agent.agent_class,
        "agent.autonomy": autonomy.level(agent, at),
        "agent.state": str(agent.state),
        "agent.owner": agent.owner,
        "agent.model": agent.model or CANNOT_TELL,
        "agent.tools": [action] if agents.may_use(agent, action) else [],
        "agent.brief_age": f"{int((at - brief.as_of).total_seconds())}s"
        if brief is not None and kept
        else CANNOT_TELL,
        "agent.evaluation_age": CANNOT_TELL,
        "agent.certified": CANNOT_TELL,
    }


def supposed(
    request: Request,
    cells: Mapping[str, str],
    agent: Mapping[str, object] | None,
    *,
    asked: bool,
) -> str:
    """What the answer stands on besides what was said, in one paragraph."""
    level, name = request.fields.get("agent.autonomy"), cells.get("agent.id")
    if agent is not None:
        who = f"`{name}` as the workspace knows it, at autonomy {level}"
    else:
        who = f"an ordinary active agent at autonomy {level}"
        if "agent.autonomy" not in cells:
            who += " (say agent.autonomy=… for another)"
    parts = [who]
    if "session.labels" not in cells:
        parts.append("a clean session")
    if not any(each.startswith("limits.") for each in cells):
        parts.append("nothing used of any limit")
    if not any(each.startswith("history.") for each in cells):
        parts.append("nothing happened before")
    told = f"Supposed: {', '.join(parts)}."
    if name is not None and agent is None:
        told += (
            f" The workspace knows no agent `{name}`." if asked
            else f" What the workspace knows of `{name}` was not looked at; --in-force does."
        )  # fmt: skip
    return told
