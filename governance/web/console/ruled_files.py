"""One file in force in words, for its page: a policy, the table of risk points, the invariants.

Law: pure, and no rule, limit, exception, factor or invariant without its reason; the owner is the
file's and stands beside each.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from governance.engine import book, words
from governance.engine.catalogue import ActionType
from governance.engine.load import Bundle
from governance.engine.model import Effect, Risk
from governance.engine.rules import Case, Exemption, Invariants, PolicyFile, RiskTable
from governance.web.console.rule_views import (
    CaseRow,
    ExceptionView,
    MatrixView,
    PolicyRow,
    PolicyView,
    RuleView,
)
from governance.web.console.saying import capped
from governance.web.console.views import ANSWERED, Verdict

RuledFile = PolicyFile | RiskTable | Invariants
CASES: Final = 100
_LEAST: Final = {**ANSWERED, Effect.ALLOW.word: Verdict("plain", "Adds nothing")}
_MODES: Final = {
    "draft": "only checked",
    "observe": "only watched",
    "gradual": "for a share",
    "enforce": "in force",
}


def files(bundle: Bundle) -> tuple[RuledFile, ...]:
    """Every file that says something about actions: policies, risk points, invariants."""
    risk = () if bundle.risk is None else (bundle.risk,)
    return (*bundle.files, *risk, *bundle.invariants)


def name_of(file: RuledFile) -> str:
    """Under which name its rules are reasons."""
    match file:
        case PolicyFile():
            return file.policy
        case RiskTable():
            return file.risk
        case Invariants():
            return file.name


def mode_of(file: RuledFile) -> str:
    """Whether it decides, in words."""
    match file:
        case PolicyFile():
            return _MODES.get(file.mode.value, file.mode.value)
        case RiskTable():
            return "in force for every policy"
        case Invariants():
            return "proved of every release; decides nothing"


def counted(file: RuledFile) -> tuple[int, int]:
    """How many rules (factors, invariants) and limits it has."""
    match file:
        case PolicyFile():
            return len(file.rules), len(file.limits)
        case RiskTable():
            return len(file.factors), 0
        case Invariants():
            return len(file.never), 0


def view(
    file: RuledFile, known: Mapping[str, ActionType], today: date, row: PolicyRow
) -> PolicyView:
    """The page of one file; when a rule last spoke, findings and versions are not the file's."""
    match file:
        case PolicyFile():
            chapter, cases, kind = book.policy(file, known), file.cases, "policy"
        case RiskTable():
            chapter, cases, kind = book.risk(file, known), file.cases, "risk"
        case Invariants():
            chapter, cases, kind = book.invariants(file, known), (), "invariants"
    points = {one.id: one.points for one in file.factors} if isinstance(file, RiskTable) else {}
    by_id = {one.id: one for one in file.exceptions} if isinstance(file, PolicyFile) else {}
    return PolicyView(
        row=row,
        says=chapter.about,
        controls=chapter.controls,
        rules=tuple(_rule(one, points) for one in chapter.said if one.kind != "exception"),
        cases=tuple(map(_case, cases[:CASES])),
        more_cases=max(0, len(cases) - CASES),
        findings=(),
        changes=(),
        looked=0,
        extends=file.extends if isinstance(file, PolicyFile) else (),
        exceptions=tuple(
            _exception(one, by_id[one.id], today) for one in chapter.said if one.kind == "exception"
        ),
        matrix=_matrix(file) if isinstance(file, RiskTable) else None,
        kind=kind,
    )


def _rule(one: book.Said, points: Mapping[str, int]) -> RuleView:
    verdict = ANSWERED.get(one.effect)
    if verdict is None and one.kind == "factor":
        count = points[one.id]
        verdict = Verdict("plain", f"{count} point{'' if count == 1 else 's'}")
    return RuleView(
        one.id,
        one.title,
        verdict or Verdict("deny", "Never"),
        one.sentence,
        one.because,
        one.severity,
        None,
        None,
        one.alternatives,
    )


def _exception(one: book.Said, made: Exemption, today: date) -> ExceptionView:
    state = Verdict("ask", f"Lifts {made.lifts}")
    if today < made.since:
        state = Verdict("plain", f"From {made.since.isoformat()} on")
    elif today > made.expires:
        state = Verdict("plain", f"Lapsed on {made.expires.isoformat()}")
    return ExceptionView(one.id, one.title, state, one.sentence, one.because)


def _matrix(table: RiskTable) -> MatrixView:
    levels = [Risk.LOW, *(level for level in Risk if level in table.levels and level > Risk.LOW)]
    begins = [table.levels.get(level, 0) for level in levels]
    return MatrixView(
        tuple(
            f"{level.word}, from {least} points" if least else f"{level.word}, below that"
            for level, least in zip(levels, begins, strict=True)
        ),
        tuple(
            (name, tuple(_LEAST[row.get(level, Effect.ALLOW).word] for level in levels))
            for name, row in table.matrix.items()
        ),
        tuple(
            f"At {level.word} risk: {words.approval(clause)}"
            for level, clause in table.clauses.items()
        ),
    )


def _case(case: Case) -> CaseRow:
    given = ", ".join(f"{name} {_cell(value)}" for name, value in case.cells.items())
    return CaseRow(case.name, capped(given, 400), ANSWERED[case.expect.word], ", ".join(case.by))


def _cell(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case None:
            return "nothing"
        case Mapping():
            return f"({', '.join(f'{name} {_cell(each)}' for name, each in value.items())})"
        case list() | tuple():
            return words.joined([_cell(each) for each in value])
    return str(value)
