"""In which order, and in which words, reasons are told. The law: what certainly decided is told
first, and a built-in finding says what to do about it.

The order and the texts are made from what an entry holds and from the release it names, so that the
same answer can be given again. A verdict keeps its own order (`compile.order_of`); this is only how
it is told to people and agents.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, Final

from governance.engine import builtin, words
from governance.engine.compile import Release
from governance.engine.model import SERVICE, Finding, Mode
from governance.engine.rules import All

Text = tuple[str, str]
"""(title, because)."""
Rank = tuple[bool, bool, bool, bool]

LONGEST: Final = 80
"""Characters of an action's name that are repeated to whoever asked for it."""

_AGENT: Final = "The agent is unknown, not active, or was not given this action"


def rank(
    effect: str, verdict: str, rule: str, *, certain: bool, enforced: bool, lifted: bool
) -> Rank:
    """Where a finding is told: what decided, for certain, by a rule that was written for it."""
    decided = effect == verdict and enforced and not lifted
    return (not decided, effect == "allow" != verdict, not certain, rule == "default")


def told(findings: Iterable[Finding], verdict: str) -> list[Finding]:
    """The findings of a verdict in the order in which they are told."""
    return sorted(
        findings,
        key=lambda f: rank(
            f.effect.word,
            verdict,
            f.rule,
            certain=f.certain,
            enforced=f.mode is Mode.ENFORCE,
            lifted=f.lifted,
        ),
    )


def recorded(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The findings of a decision's entry in the order in which they are told."""
    return sorted(
        data["findings"],
        key=lambda f: rank(
            f["effect"],
            data["effect"],
            f["rule"],
            certain=f["certain"],
            enforced=True,  # an entry does not say which files only watch
            lifted=bool(f.get("lifted")),
        ),
    )


def ungoverned(release: Release, action: str) -> Text:
    """Why no file speaks for `action`, and what to do: nobody described it, nobody governs it, or
    who governs it does not mean this agent."""
    plan, name = release.plans.get(action), action[:LONGEST]
    if plan is None:
        near = difflib.get_close_matches(name, release.plans, 1, 0.7)
        hint = f"; did you mean `{near[0]}`?" if near else ""
        return (
            f"The action `{name}` is not in the catalogue{hint}",
            "Describe the action in the catalogue and write a rule for it; what nobody knows is "
            "denied.",
        )
    files = [governor.file for governor in plan.governors if governor.governs]
    if not files:
        return (
            f"No policy in force governs `{name}`",
            "Name the action under `governs` in a policy and write a rule for it; what nobody "
            "wrote a policy for is denied.",
        )
    wants = []
    for file in files:
        applies = file.applies_to
        if not (isinstance(applies, All) and not applies.parts):
            said = words.condition(applies, release.catalogue.actions, file.lists)
            wants.append(f"`{file.policy}` only where {said}")
    return (
        f"No policy in force governs `{name}` for this agent: {words.joined(wants, 'or')}",
        "A policy speaks for the agents that it applies to: change the agent's labels or team, or "
        "write a policy for agents like this one.",
    )


def text_of(
    release: Release | None, data: Mapping[str, Any], finding: Mapping[str, Any]
) -> Text | None:
    """What a built-in finding of a decision's entry says; None for findings of files.

    `data` needs `action` and `autonomy`, `finding` is one of its findings.
    """
    policy, rule = finding["policy"], finding["rule"]
    if rule == "undeclared":
        names = words.joined([f"`{name}`" for name in finding["unknown"]])
        return "An argument is not in the catalogue", f"What {names} does is not known."
    if rule == "observe":
        return builtin.observed(policy).title, builtin.observed(policy).because
    if policy != SERVICE:
        return None
    if rule == "governed" and release is not None:
        return ungoverned(release, data["action"])
    if rule == "autonomy":
        return builtin.ladder(data.get("autonomy"))
    return _BUILT_IN.get((rule, bool(finding["certain"])), _BUILT_IN.get((rule, True)))


def doubts(data: Mapping[str, Any], finding: Mapping[str, Any]) -> list[str]:
    """Why each field that a finding could not tell was not told: `args.amount: its currency is
    missing`. A field whose value was told in time, or of which only the digest is recorded, has its
    name alone."""
    return [f"{name}{_doubt(data, name)}" for name in finding["unknown"]]


def _doubt(data: Mapping[str, Any], name: str) -> str:
    speaker, _, rest = name.partition(".")
    if speaker not in ("args", "resource"):
        given, known = data.get("claims", {}), name
    else:
        given, known = data[speaker], rest
    if known in given:
        value = given[known]
        spoiled = value.get("spoiled") if isinstance(value, Mapping) else None
        return f": {words.unknown(spoiled)}" if spoiled else ""
    missing = speaker in ("args", "resource") and name not in data.get("commitments", {})
    return f": {words.unknown('missing')}" if missing else ""


def texts(release: Release, action: str, findings: Iterable[Finding]) -> dict[str, Text]:
    """`policy/rule` -> its text, for the findings of a verdict on `action`."""
    out: dict[str, Text] = {}
    for finding in findings:
        said = finding.title, finding.because
        if finding is builtin.GOVERNED:
            said = ungoverned(release, action)
        elif finding is builtin.NOT_ITS_TOOL:
            said = f"The agent was not given the action `{action[:LONGEST]}`", finding.because
        known = out.get(finding.name)
        out[finding.name] = (f"{known[0]}; {said[0]}", known[1]) if known else said
    return out


def owner_of(release: Release | None, policy: str) -> str:
    """Who answers for what a policy says: its file's owner, the risk table's, or the service."""
    if policy == SERVICE:
        return "the service"
    bundle = None if release is None else release.bundle
    files = () if bundle is None else bundle.files
    owners = {file.policy: file.owner for file in files}
    if bundle is not None and bundle.risk is not None:
        owners[bundle.risk.risk] = bundle.risk.owner
    return owners.get(policy, "not known here: the release it stood in is not kept")


def again(release: Release, known: Mapping[str, Text], data: Mapping[str, Any]) -> dict[str, Text]:
    """`policy/rule` -> its text, for the findings of a decision's entry; `known` are the texts of
    the rules of its release."""
    out: dict[str, Text] = {}
    for finding in data["findings"]:
        name = f"{finding['policy']}/{finding['rule']}"
        said = text_of(release, data, finding) or known.get(name)
        if said is not None:
            out[name] = said
    return out


_BUILT_IN: Final[Mapping[tuple[str, bool], Text]] = {
    ("governed", True): (builtin.GOVERNED.title, builtin.GOVERNED.because),
    ("stop", True): (builtin.STOPPED.title, builtin.STOPPED.because),
    ("stop", False): (builtin.STOP_UNKNOWN.title, builtin.STOP_UNKNOWN.because),
    ("agent", True): (_AGENT, builtin.NOT_ITS_TOOL.because),
    ("agent", False): (builtin.AGENT_UNKNOWN.title, builtin.AGENT_UNKNOWN.because),
    ("obligation", True): (
        "The runtime cannot carry out an obligation",
        "An obligation that would not be carried out is a condition that does not hold.",
    ),
    ("budget", True): (
        "The agent's budget for this period is used up",
        "An agent manager decides whether it may cost more.",
    ),
}
