"""Learning: what people decide again and again becomes a proposed rule, with its evidence.

Law: nothing is changed. A proposal is a draft of the policy file with one more rule, the entries it
came from, a case that tests it and a backtest; it counts only once two people made a release of it. A
rule that nobody may waive is never loosened, nor one whose severity is critical, nor one that an
invariant rests on; what cannot be proposed is listed with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from governance.engine import amending, cases, prove, reading
from governance.engine.amending import CannotAmend
from governance.engine.catalogue import ActionType
from governance.engine.classes import of_type
from governance.engine.compile import Release, compile_release
from governance.engine.model import Effect, Money, PolicyErrors, Risk
from governance.engine.reach import conjuncts
from governance.engine.rules import PolicyFile, Rule, Test
from governance.engine.values import write
from governance.oversight.model import State
from governance.oversight.times import micros
from governance.oversight.times import write as stamp
from governance.service import backtesting, child, lessons
from governance.service.beside import Beside
from governance.service.bounding import Unbounded, alone, bounds, sample
from governance.service.desk import Desk
from governance.service.disclosing import FAR
from governance.service.drafting import suppose
from governance.service.explaining import state_at
from governance.service.ideas import SHOWN, Idea, ideas, require_agreed, too_little
from governance.service.lessons import Act, Gathering, Pattern
from governance.service.problem import Problem
from governance.service.trial import Openings, Trial
from governance.store.encoding import quick
from governance.store.paths import Paths

DAYS: Final = 90
MOST: Final = 20
"""At most so many proposals are tried on the past."""

Tell = Callable[[int, int], None]
_DECISION: Final = b'"kind":"decision","v":1}'
_AT: Final = slice(7, 34)


def learn(
    desk: Desk | Path | str,
    *,
    days: int = DAYS,
    at: datetime | None = None,
    tell: Tell | None = None,
) -> dict[str, Any]:
    """What people taught in the last `days` before `at` (now).

    `{from, to, release, acts, unlooked, thresholds, proposals, left_out}`. A proposal is `{id,
    effect, loosens, title, rule, action, policy, path, support: {decisions, people, days}, entries,
    because, condition, draft, cases, amends, case, adapt, backtest}`: `draft` is the policy file as
    text in draft mode, `cases` a table that tests the rule, `adapt` the cases of today that the change
    contradicts. `left_out` are patterns that suggest nothing, each with why.
    """
    place = desk.directory if isinstance(desk, Desk) else Path(desk)
    if not Paths(place).founded:
        raise Problem("unknown", f"there is no workspace in `{place}`")
    moment = at if at is not None else desk.now() if isinstance(desk, Desk) else None
    return child.watched(tell, _learn, str(place), days, moment)


def _learn(tell: Tell, root: str, days: int, at: datetime | None) -> dict[str, Any]:
    """In the child."""
    here = Beside(Path(root))
    state = state_at(here.reader, here.size)
    release = None if state.release is None else here.release(state.release)
    if release is None:
        raise Problem("not-ready", "no policy is in force, or its files are not here")
    end = at if at is not None else here.reader.entry(here.size - 1).at
    start = end - timedelta(days=days)
    acts, unlooked = _gathered(here, start, tell)
    student = Student(here, state, release, start)
    student.study(acts)
    return {
        "from": stamp(start),
        "to": stamp(end),
        "release": release.digest,
        "acts": len(acts),
        "unlooked": unlooked,
        "thresholds": {
            "loosen": lessons.LOOSEN._asdict(),
            "tighten": lessons.TIGHTEN._asdict(),
            "least_look_seconds": int(lessons.LEAST_LOOK.total_seconds()),
        },
        "proposals": student.proposals,
        "left_out": student.left_out,
    }


def _gathered(here: Beside, start: datetime, tell: Tell) -> tuple[list[Act], int]:
    gathering = Gathering(here.reader.entry, start)
    for index, raw in enumerate(here.reader.entries(here.minimum, here.size), here.minimum):
        if not raw.endswith(_DECISION):
            gathering.entry(index, quick(raw))
        if not index % 16_384:
            tell(index - here.minimum, here.size - here.minimum)
    return gathering.acts, gathering.unlooked


class Student:
    """Makes proposals out of acts, against the release in force."""

    def __init__(self, here: Beside, state: State, release: Release, start: datetime) -> None:
        self._here, self._state, self._release, self._start = here, state, release, start
        self._files = dict(release.files)
        self._proved = _proofs(release, start)
        self.proposals: list[dict[str, Any]] = []
        self.left_out: list[dict[str, Any]] = []

    def study(self, acts: Iterable[Act]) -> None:
        """Every pattern of the acts: a proposal, or why not."""
        for pattern in lessons.patterns(acts, self._state):
            found = list(ideas(pattern, self._release))
            for idea in found:
                try:
                    if len(self.proposals) >= MOST:
                        raise Unbounded(f"there are {MOST} proposals already; release some first")
                    self.proposals.append(self._proposal(idea))
                except (Unbounded, CannotAmend, Problem, PolicyErrors) as why:
                    self._leave(pattern, idea.said, str(why))
            if not found and pattern.acts.keys() != {"right"}:
                self._leave(pattern, "", too_little(pattern))

    def _leave(self, pattern: Pattern, said: str, why: str) -> None:
        counted: dict[str, Any] = {kind: len(acts) for kind, acts in sorted(pattern.acts.items())}
        self.left_out.append(
            {"rule": pattern.rule, "action": pattern.action, "said": said, "why": why, **counted}
        )

    def _proposal(self, idea: Idea) -> dict[str, Any]:
        file, rule = _found(self._release, idea.pattern.rule)
        if idea.loosens:
            _require_loosenable(rule)
        action = self._release.catalogue.actions[idea.pattern.action]
        shared = bounds(idea.acts, action, rule.when, loosen=idea.loosens)
        require_agreed(idea, action, rule, shared)
        lone = alone(idea.acts, action, shared) if idea.loosens else ""
        name = _next_id(file, rule.id)
        because = _because(idea)
        made = _rule(idea, file, rule, name, self._when(file, rule, idea, shared), because)
        text = self._files[file.path].decode()
        amended = amending.with_rule(text, made, "learned; see the reason")
        if idea.loosens:
            amended = amending.with_exclusion(amended, rule.id, shared)
        files = {**self._files, file.path: amended.encode()}
        draft = compile_release(files)
        case = _case(files, file, draft, action, idea, name, shared, rule)
        table = _table(file, case, name)
        files[f"policies/cases/learned-{file.policy}-{name.lower()}.yaml"] = table.encode()
        whole = compile_release(files)
        self._require_proved(whole)
        failed = [
            each for each in cases.failures(cases.run(whole)) if each.case.name != case["name"]
        ]
        return {
            "id": f"{file.policy}/{name}",
            "effect": idea.effect.word,
            "loosens": idea.loosens,
            "title": made["title"],
            "rule": idea.pattern.rule,
            "action": idea.pattern.action,
            "policy": file.policy,
            "owner": file.owner,
            "path": file.path,
            "support": {
                "decisions": len({act.decision for act in idea.acts}),
                "people": len({act.person for act in idea.acts}),
                "days": len({act.at.date() for act in idea.acts}),
            },
            "entries": sorted({act.entry for act in idea.acts}),
            "evidence": [
                {"entry": act.entry, "decision": act.decision, "person": act.person, "at": stamp(act.at),
                 "kind": act.kind} for act in idea.acts
            ],
            "because": because,
            "note": "; ".join(filter(None, (idea.note, lone))),
            "condition": shared,
            "amends": rule.id if idea.loosens else None,
            "draft": amending.in_draft(amended),
            "cases": table,
            "case": case,
            "adapt": [f"{each.policy}: {each.case.name} ({each.problem})" for each in failed],
            "backtest": self._backtest(whole),
        }  # fmt: skip

    def _when(
        self, file: PolicyFile, rule: Rule, idea: Idea, shared: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The new rule's condition: what the old one means, within what was seen."""
        written = _written_condition(self._files[file.path], rule.id)
        left = {name: value for name, value in written.items() if name not in ("action", "not")}
        when: dict[str, Any] = {"action": idea.pattern.action}
        if left:
            when["any"] = [left]
        if "not" in written:
            when["not"] = written["not"]
        return {**when, **shared}

    def _require_proved(self, draft: Release) -> None:
        """What was proved of the release in force must be proved of the draft."""
        lost = sorted(self._proved - _proofs(draft, self._start))
        if lost:
            raise Unbounded(f"with it, {', '.join(lost)} would not be proved any more")

    def _backtest(self, draft: Release) -> dict[str, Any]:
        here, start = self._here, micros(self._start)
        result = backtesting.run(
            Trial(draft, here.release, here.first, Openings(here.vault, draft), start),
            here.reader.entries(here.minimum, here.size),
            (start, FAR),
            minimum=here.minimum,
            size=here.size,
            seconds=120,
        )
        kept = ("decisions", "reperformed", "not_reperformed", "changes", "stricter", "looser",
                "by_change", "by_agent", "by_rule", "complete")  # fmt: skip
        return {name: result[name] for name in kept} | {
            "approvals": {
                name: result["approvals"][name] for name in ("was", "would", "added", "per_day")
            }
        }


def _proofs(release: Release, at: datetime) -> frozenset[str]:
    if not release.bundle.invariants:
        return frozenset()
    found = prove.prove(release, None, at)
    return frozenset(each.name for each in found if each.result == "proved")


def _found(release: Release, name: str) -> tuple[PolicyFile, Rule]:
    policy, _, wanted = name.partition("/")
    for file in release.bundle.files:
        for rule in file.rules if file.policy == policy else ():
            if rule.id == wanted:
                return file, rule
    raise Unbounded(f"`{name}` is no rule of a file in force (a limit, a default, or an older one)")


def _require_loosenable(rule: Rule) -> None:
    if rule.severity is Risk.CRITICAL:
        raise Unbounded("the rule is critical; only people loosen those, of their own accord")
    if rule.effect is Effect.DENY and not rule.waivable_by:
        raise Unbounded("nobody may waive the rule")


def _next_id(file: PolicyFile, like: str) -> str:
    """The next number of the file's own numbering."""
    found = re.fullmatch(r"(.*?)(\d+)", like)
    prefix, digits = (found[1], found[2]) if found else (f"{like}-", "1")
    names = [rule.id for rule in file.rules]
    names += [limit.id for limit in file.limits] + [one.id for one in file.exceptions]
    numbers = [int(m[1]) for n in names if (m := re.fullmatch(re.escape(prefix) + r"(\d+)", n))]
    return f"{prefix}{max(numbers, default=0) + 1:0{len(digits)}d}"


def _because(idea: Idea) -> str:
    entries = sorted({act.entry for act in idea.acts})
    first, last = idea.acts[0].at.date(), idea.acts[-1].at.date()
    named = ", ".join(map(str, entries[:SHOWN]))
    more = f" and {len(entries) - SHOWN} more" if len(entries) > SHOWN else ""
    people = len({act.person for act in idea.acts})
    return (
        f"Learned: {people} people, {len({a.decision for a in idea.acts})} decisions from {first} to "
        f"{last}: {idea.said} (entries {named}{more})."
    )


_TITLES: Final = {
    ("granted", Effect.ALLOW): "What people always approved under {rule} goes through",
    ("refused", Effect.DENY): "What people always refused under {rule} is refused at once",
    ("overridden", Effect.REQUIRE_APPROVAL): "What people let pass in spite of {rule} they may approve",
    ("taken_back", Effect.REQUIRE_APPROVAL): "What people took back after {rule} allowed it is asked first",
    ("too_strict", Effect.ALLOW): "What people found too strict under {rule} goes through",
    ("too_strict", Effect.REQUIRE_APPROVAL): "What people found too strict under {rule} they may approve",
    ("too_loose", Effect.DENY): "What people found too loose under {rule} is refused at once",
    ("too_loose", Effect.REQUIRE_APPROVAL): "What people found too loose under {rule} is asked first",
}  # fmt: skip


def _rule(
    idea: Idea, file: PolicyFile, old: Rule, name: str, when: Mapping[str, Any], because: str
) -> dict[str, Any]:
    made: dict[str, Any] = {
        "id": name,
        "title": _TITLES[idea.acts[0].kind, idea.effect].format(rule=old.id),
        "effect": idea.effect.word,
        "when": when,
    }
    if idea.effect is Effect.REQUIRE_APPROVAL:
        made["approval"] = {
            "needs": [f"1 {_role(idea, file, old)}"],
            "answer_within": "4h",
            "not_by": ["requester", "agent.owner"],
            "reason": "required",
        }
    made |= {"because": because, "severity": old.severity.word}
    if idea.effect is Effect.DENY and old.clause is not None:
        made["may_be_waived_by"] = sorted({seat.role for seat in old.clause.needs})
    if old.trust_claim:
        made["trust_claim"] = old.trust_claim
    if old.attested_only:
        made["attested_only"] = True
    return made


def _role(idea: Idea, file: PolicyFile, old: Rule) -> str:
    """Who is asked: who may waive the rule, else whom the file asks elsewhere."""
    if old.effect is Effect.DENY:
        return sorted(old.waivable_by)[0]
    clauses = [rule.clause for rule in file.rules if rule.clause is not None]
    return clauses[0].needs[0].role if clauses else "agent_manager"


def _written_condition(data: bytes, rule: str) -> dict[str, Any]:
    """A rule's condition as it is written."""
    document = reading.read("policy", data, reading.Findings())
    for each in document.data["rules"] if document is not None else ():
        if each["id"] == rule:
            return dict(each["when"])
    raise CannotAmend(f"`{rule}` is not among its rules")


def _case(
    files: Mapping[str, bytes],
    file: PolicyFile,
    draft: Release,
    action: ActionType,
    idea: Idea,
    name: str,
    shared: Mapping[str, Any],
    old: Rule,
) -> dict[str, Any]:
    """One row that tests the new rule at its edge; raises `Unbounded` if none does."""
    cells: dict[str, Any] = {"action": action.name}
    tests = [part for part in conjuncts(old.when) if isinstance(part, Test)]
    lists = {test.field: test.lists[0] for test in tests if test.lists}
    named = {test.field: test.constants[0] for test in tests if test.constants}
    for arg_name, arg in action.args.items():
        field = f"args.{arg_name}"
        if field in shared:
            if "is_set" not in shared[field]:
                cells[field] = sample(shared[field])
        elif arg.required and arg.default is None:
            value = named.get(field, next(of_type(arg.type), "text"))
            cells[field] = [_cell(value)] if arg.type.many else _cell(value)
        if field in lists and field in cells:
            cells[f"lists.{lists[field]}"] = [cells[field]]
    cells["agent.id"] = shared.get("agent.id", {"one_of": [idea.acts[0].data["agent"]]})["one_of"][
        0
    ]
    cells["agent.autonomy"] = "L4"
    told = suppose(files, {k: _typed(v) for k, v in cells.items()}, file.policy)
    by = [a["rule"] for a in told["accounts"] if a["matters"] and a["policy"] == file.policy]
    if told["effect"] != idea.effect.word or name not in by:
        raise Unbounded(
            f"no case shows it: at the edge of what was seen it is `{told['effect']}` all the same"
        )
    return {"name": f"learned {name}", **cells, "expect": idea.effect.word, "by": name}


def _cell(value: Any) -> Any:
    return (
        write(value)
        if isinstance(value, Money) or not isinstance(value, str | bool | int)
        else value
    )


def _typed(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(str, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _table(file: PolicyFile, case: Mapping[str, Any], name: str) -> str:
    """The case as a table of its own, for `policies/cases/`."""
    columns = amending.written(list(case))
    row = amending.written([case[column] for column in case])
    return (
        f"# Tests {name}, which was learned.\npolicy: {file.policy}\ntables:\n"
        f"  - columns: {columns}\n    rows:\n      - {row}\n"
    )
