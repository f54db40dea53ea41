"""Runs case tables. The law: a release whose promises do not hold is not made.

A case runs against the whole release, with its own file enforced whatever its mode is, so that a
case says what will happen and not what one file would like. It happens at `AT`, or at its cell `at`.
Lists are fresh unless a cell says `stale` or how old they are. `limits.LIM-1` is what was used before;
`history.PAY-005: yes` means that what the rule says about the past is true; `before` tells what
happened, action by action. Without such cells nothing has happened before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from governance.engine.compile import Release, compile_bundle
from governance.engine.decide import decide, needs
from governance.engine.earlier import AT as AT
from governance.engine.earlier import BadPast, age_of, at_of, clock, past_of
from governance.engine.fields import CLAIM_SPEAKERS, SERVICE_FIELDS
from governance.engine.keys import UNKNOWN_KEY, Context
from governance.engine.model import (
    NOTHING,
    SERVICE,
    CannotTell,
    FactQuery,
    Mode,
    Money,
    Request,
    Scalar,
    Total,
    Value,
    Verdict,
)
from governance.engine.points import RULE, count
from governance.engine.reach import conjuncts, histories_of
from governance.engine.rules import Case, Factor, Limit, ListUse, PolicyFile, Rule, Test
from governance.engine.sides import BOTH, NEW, OLD
from governance.engine.values import Type, write

CANNOT_TELL: Final = "cannot tell"
STALE: Final = "stale"
_BUILTIN: Final = frozenset({"governed", "stop", "agent", "autonomy", "obligation"})
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)

AGENT: Final[Mapping[str, Value]] = {
    "agent.id": "case-agent",
    "agent.team": "case-team",
    "agent.labels": (),
    "agent.class": "minimal",
    "agent.autonomy": "L4",
    "agent.state": "active",
    "agent.owner": "p-owner",
    "agent.model": "case-model",
    "agent.tools": ("*",),
    "agent.brief_age": timedelta(hours=1),
    "agent.evaluation_age": timedelta(hours=1),
    "agent.certified": True,
    "session.id": "1",
    "session.labels": (),
    "session.depth": 0,
    "session.opened_by": "person",
    "session.acting": "agent",
    "session.age": timedelta(minutes=1),
    "session.workspace": "/srv/work",
    "session.stops": (),
    "session.chain_agents": (),
    "session.chain_teams": (),
    "session.chain_sessions": (),
    **clock(AT),
}
"""What a case need not say: an ordinary active agent at L4 in a clean session."""


@dataclass(frozen=True, slots=True)
class CaseResult:
    """How one case went. `problem` is empty when it passed; `variant` is the release it was asked of:
    its file enforced, its lists as the case says."""

    policy: str
    case: Case
    request: Request
    verdict: Verdict
    problem: str
    variant: Release = field(repr=False, compare=False)

    @property
    def passed(self) -> bool:
        return not self.problem


def run(release: Release, policy: str | None = None) -> tuple[CaseResult, ...]:
    """Every case of every file (or of one), in file order."""
    variants: dict[str, Release] = {}
    out = []
    for file in tested(release):
        if policy is None or file.policy == policy:
            out += [ask(release, file, case, variants) for case in file.cases]
    return tuple(out)


def tested(release: Release) -> tuple[PolicyFile, ...]:
    """Every file that has cases: the policies, and the table of risk points in its shell."""
    risk = release.bundle.risk
    return release.bundle.files if risk is None else (*release.bundle.files, risk.shell)


def failures(results: tuple[CaseResult, ...]) -> tuple[CaseResult, ...]:
    """The cases that did not go as their table says."""
    return tuple(result for result in results if not result.passed)


def coverage(results: tuple[CaseResult, ...]) -> Mapping[str, int]:
    """How many cases each `policy/rule` was a reason in, with certainty or without."""
    counts: dict[str, int] = {}
    for result in results:
        for finding in result.verdict.findings:
            counts[finding.name] = counts.get(finding.name, 0) + 1
    return counts


def uncovered(release: Release, results: tuple[CaseResult, ...]) -> tuple[str, ...]:
    """Rules, limits and exceptions (`policy/rule`) that no case has as a reason."""
    seen = coverage(results)
    every: list[str] = []
    for file in release.bundle.files:
        every += [f"{file.policy}/{rule.id}" for rule in file.rules]
        every += [f"{file.policy}/{limit.id}" for limit in file.limits]
        every += [f"{file.policy}/{exception.id}" for exception in file.exceptions]
    return tuple(name for name in every if name not in seen)


def ask(release: Release, file: PolicyFile, case: Case, variants: dict[str, Release]) -> CaseResult:
    """How one case of a file goes; `variants` remembers releases made for cases before it."""
    cells = case.cells
    key = _key(file, cells)
    if key not in variants:
        variants[key] = variant_of(release, file, cells)
    variant = variants[key]
    request, problems = request_of(variant, file, cells)
    facts = dict[FactQuery, Total]()
    try:
        facts = facts_of(variant, file, cells, request)
    except BadPast as error:
        problems.append(str(error))
    verdict = decide(variant, request, facts, moment(cells))
    problems += _lists_problems(file, cells)
    problem = "; ".join(problems) or _compare(release, file, case, verdict)
    problem = problem or _compare_more(variant, cells, request, facts, verdict)
    return CaseResult(file.policy, case, request, verdict, problem, variant)


def _key(file: PolicyFile, cells: Mapping[str, Any]) -> str:
    """What a case's release depends on: nothing of its own for most files, which are enforced."""
    around = sorted((name, repr(cells[name])) for name in cells if name.startswith(_AROUND))
    aged = any(name.endswith(".age") for name, _ in around)
    own = file.policy if around or file.mode is not Mode.ENFORCE else ""
    return f"{own} {around} {cells.get('at') if aged else None}"


def moment(cells: Mapping[str, Any]) -> datetime:
    """When a row of cells happens, in UTC: its cell `at` (a day is taken at ten, UTC), or `AT`."""
    return _wall(cells).astimezone(UTC)


def _wall(cells: Mapping[str, Any]) -> datetime:
    """The same as a clock on the wall shows it; what is not understood is said by `facts_of`."""
    try:
        return at_of(cells)
    except BadPast:
        return AT


def variant_of(release: Release, tested: PolicyFile, cells: Mapping[str, Any]) -> Release:
    """The release with one file enforced, its lists as a case gives them, all lists fresh, and of two
    files of which one replaces the other for a share the one that the case is about."""
    given = {
        name.removeprefix("lists."): value
        for name, value in cells.items()
        if name.startswith("lists.")
    }
    files = []
    for file in release.bundle.files:
        own = file.policy == tested.policy
        uses = {
            name: _use(use, given, cells, own or use.inherited == tested.policy or _hands_down(
                tested, name, file.policy
            ))
            for name, use in file.lists.items()
        }  # fmt: skip
        if file.gradual is not None:
            side = _SIDES.get(str(cells.get(f"gradual.{file.policy}")), NEW if own else OLD)
            file = replace(file, gradual=replace(file.gradual, forced=side))
        elif own:
            file = replace(file, mode=Mode.ENFORCE, observing=None)
        files.append(replace(file, lists=uses))
    risk = release.bundle.risk
    if risk is not None:
        own = risk.risk == tested.policy
        uses = {name: _use(use, given, cells, own) for name, use in risk.lists.items()}
        risk = replace(risk, lists=uses)
    return compile_bundle(replace(release.bundle, files=tuple(files), risk=risk), {}, "")


_AROUND: Final = ("lists.", "gradual.")
_SIDES: Final = {NEW: NEW, OLD: OLD, CANNOT_TELL: BOTH}


def _hands_down(tested: PolicyFile, name: str, policy: str) -> bool:
    """True when the file under test has a list from this policy."""
    use = tested.lists.get(name)
    return use is not None and use.inherited == policy


def _use(use: ListUse, given: Mapping[str, Any], cells: Mapping[str, Any], mine: bool) -> ListUse:
    made = replace(use, max_age=None)
    if mine and use.name in given:
        made = _members(made, given[use.name])
    if mine and f"{use.name}.age" in given:
        made = _aged(made, use, cells)
    return made


def _lists_problems(file: PolicyFile, cells: Mapping[str, Any]) -> list[str]:
    """Members of lists that do not fit, which would otherwise be left out."""
    problems = []
    for name, value in cells.items():
        use = file.lists.get(name.removeprefix("lists.")) if name.startswith("lists.") else None
        if use is None or value == STALE:
            continue
        problems += [
            f"`{item}` is not a member that `{name}` can have"
            for item in (value if isinstance(value, list) else [value])
            if isinstance(use.kind.one(item), CannotTell)
        ]
    return problems


def _members(use: ListUse, value: Any) -> ListUse:
    if value == STALE:
        return replace(use, as_of=_LONG_AGO, max_age=timedelta(0))
    raw = value if isinstance(value, list) else [value]
    found = [use.kind.one(item) for item in raw]
    return replace(use, members=tuple(v for v in found if not isinstance(v, CannotTell)))


def _aged(use: ListUse, declared: ListUse, cells: Mapping[str, Any]) -> ListUse:
    """A list so old as a cell says at the moment of the case; a cell that is not understood makes it
    stale, and is said by `facts_of`."""
    try:
        age = age_of(cells[f"lists.{use.name}.age"])
        return replace(use, as_of=moment(cells) - age, max_age=declared.max_age)
    except BadPast:
        return _members(use, STALE)


def agent_of(file: PolicyFile) -> dict[str, Value]:
    """An ordinary agent that a file applies to."""
    fields = dict(AGENT)
    for part in conjuncts(file.applies_to):
        if not isinstance(part, Test):
            continue
        members = [m for name in part.lists for m in file.lists[name].members]
        values: tuple[Scalar, ...] = (*part.constants, *members)
        if part.op in ("contains_any", "contains_all"):
            fields[part.field] = values
        elif part.op in ("is", "one_of", "at_least", "at_most") and values:
            fields[part.field] = values[0]
    return fields


def request_of(
    release: Release, file: PolicyFile, cells: Mapping[str, Any]
) -> tuple[Request, list[str]]:
    """The request that a row of cells describes, and what is wrong with the row itself."""
    problems: list[str] = []
    arguments: dict[str, Any] = {}
    extra: dict[str, Any] = {
        **agent_of(file),
        **clock(_wall(cells)),
        "context.obligations_supported": ("redact", "notify", "log", "tell_user"),
    }
    tool: dict[str, Value] = {}
    for name, raw in cells.items():
        speaker = name.partition(".")[0]
        if speaker == "args":
            arguments[name.removeprefix("args.")] = raw
        elif speaker in CLAIM_SPEAKERS:
            extra[name] = raw
        elif name in SERVICE_FIELDS:
            value = _fact(SERVICE_FIELDS[name], raw)
            if isinstance(value, CannotTell) and raw != CANNOT_TELL:
                problems.append(f"`{raw}` is not a value of `{name}`")
            (tool if speaker == "tool" else extra)[name] = value
    action = str(cells["action"])
    if action not in release.plans:
        problems.append(f"`{action}` is not an action of the catalogue")
    request = release.catalogue.read(action, arguments, extra, cells.get("attested") is True)
    names = {
        name: f"s-{write(value)}"
        for name, value in request.fields.items()
        if name.startswith("args.") and isinstance(value, str)
    }
    return replace(request, fields={**request.fields, **tool}, pseudonyms=names), problems


def _fact(kind: Type, raw: Any) -> Value:
    if raw == CANNOT_TELL:
        return CannotTell("missing")
    if kind.many and not isinstance(raw, list):
        raw = [raw]
    return kind.read(raw)


def facts_of(
    release: Release, file: PolicyFile, cells: Mapping[str, Any], request: Request
) -> dict[FactQuery, Total]:
    """The totals that the cells `before`, `limits.X` and `history.X` of a row describe; what a cell
    says of one limit or rule goes before what happened. Raises `BadPast`."""
    at_of(cells)
    for name in cells:
        if name.startswith("lists.") and name.endswith(".age"):
            age_of(cells[name])
    past_rows = past_of(release, cells, lambda row: request_of(release, file, row))
    used = {
        limit.series: _used(limit, cells.get(f"limits.{limit.id}"))
        for limit in file.limits
        if past_rows is None or f"limits.{limit.id}" in cells
    }
    past: dict[str, Total] = {}
    looking_back: list[Rule | Factor] = [*file.rules]
    risk = release.bundle.risk
    if risk is not None and risk.risk == file.policy:
        looking_back += risk.factors
    for rule in looking_back:
        said = cells.get(f"history.{rule.id}")
        for history in histories_of(rule.when) if said is not None else ():
            happened = (said == "yes") is not history.negative
            past[history.series] = _times(happened or said == CANNOT_TELL)
            past[history.confirmed_series] = _times(happened and said != CANNOT_TELL)
    facts: dict[FactQuery, Total] = {}
    for query in needs(release, request, moment(cells)):
        total: Total | None = _times(False) if past_rows is None else past_rows.get(query, NOTHING)
        if query.series in used:
            total = used[query.series]
        elif query.key != UNKNOWN_KEY:
            total = past.get(query.series, total)
        if total is not None:
            facts[query] = total
    return facts


def _times(once: bool) -> Total:
    return Total(Decimal(once), int(once))


def _used(limit: Limit, raw: Any) -> Total | None:
    if raw is None:
        return Total(Decimal(0), 0)
    if raw == CANNOT_TELL:
        return None
    kind = Type("money") if isinstance(limit.at_most, Money) else Type("number", unit=limit.unit)
    value = kind.one(raw)
    if isinstance(value, Money):
        return Total(value.amount, 1, value.currency != limit.unit)
    return Total(value, 1) if isinstance(value, Decimal) else None


def asked(verdict: Verdict) -> list[str]:
    """All that an approval of this verdict needs, as a case's cell `asks` says it: `1 treasurer`,
    `within 4h`, `not by requester`, `a reason`, `looks 30s` (the longest), and how
    many `checks`."""
    clauses = verdict.clauses
    if not clauses:
        return []
    out = [f"{seat.count} {seat.role}" for clause in clauses for seat in clause.needs]
    out += [f"within {_span(clause.answer_within)}" for clause in clauses]
    out += [f"not by {who}" for clause in clauses for who in clause.not_by]
    if any(clause.reason_required for clause in clauses):
        out.append("a reason")
    longest = max(clause.review_time for clause in clauses)
    if longest:
        out.append(f"looks {_span(longest)}")
    checks = sum(len(clause.checklist) for clause in clauses)
    return list(
        dict.fromkeys([*out, *([f"{checks} check{'s' if checks > 1 else ''}"] if checks else [])])
    )


def _span(span: timedelta) -> str:
    """A duration as files write it: `4h`, `1d`, `1h30m`."""
    seconds, out = span // timedelta(seconds=1), ""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")):
        number, seconds = divmod(seconds, size)
        out += f"{number}{unit}" if number else ""
    return out or "0s"


def _compare_more(
    release: Release,
    cells: Mapping[str, Any],
    request: Request,
    facts: Mapping[FactQuery, Total],
    verdict: Verdict,
) -> str:
    """What the columns `asks`, `waived_by`, `obligations` and `points` promise."""
    if "waived_by" in cells:
        strict = [f for f in verdict.findings if f.effect is verdict.effect and not f.lifted]
        roles = sorted({role for finding in strict for role in finding.waivable_by}) or ["nobody"]
        given = cells["waived_by"] if isinstance(cells["waived_by"], list) else [cells["waived_by"]]
        if sorted(map(str, given)) != roles:
            return (
                f"expected to be waived by {', '.join(map(str, given))}, is by {', '.join(roles)}"
            )
    if "asks" in cells:
        said = asked(verdict)
        given = cells["asks"] if isinstance(cells["asks"], list) else [cells["asks"]]
        if sorted(map(str, given)) != sorted(said):
            return f"expected to ask [{', '.join(map(str, given))}], asks [{', '.join(said)}]"
    wanted = cells.get("obligations")
    if wanted is not None:
        owed = set[str]()
        for one in verdict.obligations:
            said = [*one.properties.get("patterns", ()), *one.properties.get("fields", ())]
            said += [str(one.properties[name]) for name in ("to",) if name in one.properties]
            owed |= {one.id, one.type, *(f"{one.type} {word}" for word in said)}
        listed = wanted if isinstance(wanted, list) else [wanted]
        missing = [str(item) for item in listed if item not in owed]
        if missing:
            return f"expected the obligation {', '.join(missing)}, owed: {', '.join(sorted(owed))}"
    if "points" in cells:
        plan = release.plans.get(request.action)
        risk = plan.risk if plan is not None else None
        context = Context(request, facts, moment(cells))
        found = 0 if risk is None else count(risk, request.fields, context).points
        if cells["points"] != found:
            return f"expected {cells['points']} risk points, got {found}"
    return ""


def _compare(release: Release, file: PolicyFile, case: Case, verdict: Verdict) -> str:
    reasons = [f for f in verdict.findings if f.effect is verdict.effect and not f.lifted]
    names = {finding.name for finding in reasons}
    wanted = {_full(release, file, name) for name in case.by}
    if verdict.effect is case.expect and wanted <= names:
        return ""
    expected = case.expect.word + (f" by {', '.join(sorted(wanted))}" if wanted else "")
    unknown = sorted({name for finding in reasons for name in finding.unknown})
    why = f", cannot tell {', '.join(f'`{name}`' for name in unknown)}" if unknown else ""
    got = f"{verdict.effect.word} by {', '.join(sorted(names))}{why}"
    return f"expected {expected}, got {got}"


def _full(release: Release, file: PolicyFile, name: str) -> str:
    if "/" in name:
        return name
    if name == RULE and release.bundle.risk is not None:
        return f"{release.bundle.risk.risk}/{RULE}"
    return f"{SERVICE if name in _BUILTIN else file.policy}/{name}"
