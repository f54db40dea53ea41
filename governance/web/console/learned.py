"""What people taught, put into words: proposals with their evidence, and what suggests nothing.

Law: a proposal on a page is one more thing to read, never one more thing to click: it becomes a rule by
the way every rule takes. What was looked for last is remembered by this process only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from governance.service import learning, lessons
from governance.service.background import Background, Running
from governance.service.people import name_of
from governance.web.console.framing import YES, allowed
from governance.web.console.saying import capped, sentence
from governance.web.console.views import May, Verdict

if TYPE_CHECKING:
    from governance.service.desk import Desk

SHOWN: Final = 50
_EFFECTS: Final = {
    "allow": Verdict("allow", "Would allow"),
    "require_approval": Verdict("ask", "Would ask a person"),
    "deny": Verdict("deny", "Would refuse"),
}


@dataclass(frozen=True, slots=True)
class LessonView:
    """One proposed rule. `owner` answers for the file it would stand in."""

    id: str
    title: str
    verdict: Verdict
    loosens: bool
    rule: str
    owner: str
    because: str
    support: str
    bounds: tuple[tuple[str, str], ...]
    evidence: tuple[tuple[int, int, str, str], ...]
    """(entry, decision, who, what they did)."""
    more: int
    tried: str
    adapt: tuple[str, ...]
    note: str
    draft: str


@dataclass(frozen=True, slots=True)
class LearningView:
    """`state` is never, running, failed or done; `said` a sentence about it."""

    state: str
    said: str
    takes: str
    lessons: tuple[LessonView, ...]
    left_out: tuple[tuple[str, str], ...]
    may: May


_DID: Final = {
    "granted": "approved it",
    "refused": "refused it",
    "overridden": "let it pass once",
    "taken_back": "took it back",
    "too_strict": "found it too strict",
    "too_loose": "found it too loose",
}


def view(desk: Desk, background: Background, person: str) -> LearningView:
    """The page as it stands."""
    found = background.newest()
    state, said = _state(found)
    result: Mapping[str, Any] = (found.result if found is not None else None) or {}
    return LearningView(
        state=state,
        said=said,
        takes=_takes(),
        lessons=tuple(_lesson(desk, each) for each in result.get("proposals", ())),
        left_out=tuple(
            (f"{each['rule']} ({each['action']})", sentence(each["why"]))
            for each in result.get("left_out", ())
        ),
        may=may_look(desk, person),
    )


def may_look(desk: Desk, person: str) -> May:
    """Who writes or signs policies may look what was learned."""
    writes = allowed(desk.state, person, "propose policies")
    return YES if writes.yes else allowed(desk.state, person, "sign policies")


def look(desk: Desk, background: Background) -> None:
    """Begin to look again; raises `Problem` while that goes on already."""
    background.start(lambda tell: learning.learn(desk, tell=tell))


def _state(found: Running | None) -> tuple[str, str]:
    if found is None:
        return "never", "Nobody has looked since the service was started."
    if not found.ended.is_set():
        far = f" {found.done} of {found.total} entries are read." if found.total else ""
        return "running", f"The log is being read.{far} Open this page again in a moment."
    if found.problem is not None:
        return "failed", sentence(found.problem.detail)
    assert found.result is not None
    acts, unlooked = found.result["acts"], found.result["unlooked"]
    days = f"{found.result['from'][:10]} to {found.result['to'][:10]}"
    hasty = f"; answers given without a look: {unlooked}, which do not count" if unlooked else ""
    return "done", f"From {days}: acts of people that count: {acts}{hasty}."


def _takes() -> str:
    loosen, tighten = lessons.LOOSEN, lessons.TIGHTEN
    return (
        f"Only people teach. To loosen takes {loosen.acts} decisions, {loosen.people} people and "
        f"{loosen.days} days on which nobody did otherwise; to tighten {tighten.acts}, {tighten.people} "
        f"and {tighten.days}. What nobody may waive is never loosened."
    )


def _lesson(desk: Desk, made: Mapping[str, Any]) -> LessonView:
    support, tried = made["support"], made["backtest"]
    return LessonView(
        id=made["id"],
        title=capped(made["title"], 200),
        verdict=_EFFECTS[made["effect"]],
        loosens=made["loosens"],
        rule=made["rule"],
        owner=made["owner"],
        because=made["because"],
        support=f"{support['decisions']} decisions, {support['people']} people, {support['days']} days",
        bounds=tuple((name, _bound(bound)) for name, bound in made["condition"].items()),
        evidence=tuple(
            (each["entry"], each["decision"], name_of(desk, each["person"]), _DID[each["kind"]])
            for each in made["evidence"][:SHOWN]
        ),
        more=max(0, len(made["evidence"]) - SHOWN),
        tried=f"On the past: {tried['looser']} answers looser, {tried['stricter']} stricter, of "
        f"{tried['reperformed']}; approvals {tried['approvals']['per_day']['added']:+g} a day.",
        adapt=tuple(made["adapt"]),
        note=sentence(made["note"]) if made["note"] else "",
        draft=made["draft"],
    )


def _bound(bound: Mapping[str, Any]) -> str:
    (name, value), *_ = bound.items()
    if name == "between":
        return f"from {value[0]} to {value[1]}"
    if name == "is_set":
        return "not given"
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if name == "one_of" else f"{name.replace('_', ' ')} {text}"
