"""Why a verdict is what it is. The law: an explanation is computed, never told from memory.

Every line is the evaluation of a compiled condition on the request at hand, and *what would have
been enough* is found by deciding again with the change, so that it can be believed. Values of
private arguments and of identities are never shown; quantities and categories are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal

from governance.engine import builtin, points, reasons, turning, words, words_of_files
from governance.engine.compile import Candidate, Cap, Release
from governance.engine.decide import NOTHING_LIFTED, decide
from governance.engine.model import (
    ABSENT,
    CannotTell,
    Effect,
    FactQuery,
    Finding,
    Mode,
    Money,
    Request,
    Risk,
    Total,
    Value,
    Verdict,
)
from governance.engine.nearest import search
from governance.engine.nodes import Context, Node, queries
from governance.engine.rules import Any, History, Not, Test
from governance.engine.suppose import Change, enough
from governance.engine.totals import amount_of, cap_queries
from governance.engine.vocabulary import Answer

Told = Literal["yes", "no", "cannot tell"]
_TOLD: Final[Mapping[Answer, Told]] = {True: "yes", False: "no", None: "cannot tell"}
_SHOWN_OF_PRIVATE: Final = frozenset(
    {"command.programs", "command.effects", "command.piped_to_shell", "command.understood"}
)


@dataclass(frozen=True, slots=True)
class Seen:
    """One condition: what it says, what was seen, whether it holds, who says so. `level` is its
    depth below the rule (conditions below an `any` or a `not` are one deeper)."""

    says: str
    saw: str
    holds: Told
    who: str
    level: int = 0


@dataclass(frozen=True, slots=True)
class Account:
    """One rule, limit or built-in finding, with who answers for it. `matters` = it is a finding of
    the verdict."""

    policy: str
    rule: str
    title: str
    effect: str
    because: str
    owner: str
    holds: Told
    matters: bool
    rows: tuple[Seen, ...]

    def __post_init__(self) -> None:
        if not (self.owner.strip() and self.because.strip()):
            raise ValueError(f"`{self.rule}` is not explained without its owner and its reason")


@dataclass(frozen=True, slots=True)
class Explanation:
    """`sentence` is the verdict in one sentence; `accounts` the findings in the order of `reasons`,
    then the allow rules that did not match; `enough` what would have been enough, one line each;
    `nearest` the smallest changes that turn it; `turning` what people would have to do where no
    change of the request does."""

    effect: str
    sentence: str
    accounts: tuple[Account, ...]
    enough: tuple[str, ...]
    nearest: tuple[str, ...] = ()
    turning: str = ""


def explain(
    release: Release,
    request: Request,
    facts: Mapping[FactQuery, Total],
    at: datetime,
    lifted: frozenset[str] = NOTHING_LIFTED,
    *,
    everything: bool = False,
) -> Explanation:
    """Explain the verdict that `decide` gives for the same arguments; with `everything`, also the
    rules and limits that could have spoken and did not."""
    verdict = decide(release, request, facts, at, lifted)
    context = Context(request, facts, at)
    teller = _Teller(release, request, context)
    accounts = [teller.of(f) for f in reasons.told(verdict.findings, verdict.effect.word)]
    accounts += teller.ladder(verdict)
    accounts += teller.failed_allows(verdict)
    if everything:
        told = {f"{account.policy}/{account.rule}" for account in accounts}
        accounts += teller.silent(told)
    changes = enough(release, request, facts, at, lifted, verdict)
    found = search(release, request, facts, at, lifted, verdict)
    return Explanation(
        effect=verdict.effect.word,
        sentence=sentence(release, verdict, request),
        accounts=tuple(accounts),
        enough=tuple(_change(change, request) for change in changes),
        nearest=turning.nearest(found),
        turning=turning.turning(release, request, verdict, found),
    )


def sentence(release: Release, verdict: Verdict, request: Request) -> str:
    """The verdict in one sentence, with what certainly decided it if anything did."""
    findings = reasons.told(verdict.findings, verdict.effect.word)
    texts = reasons.texts(release, request.action, findings)
    side = words_of_files.sides(verdict.sides, release.bundle.files)
    return _sentence(verdict, request, findings, texts) + (f" {_capital(side)}." if side else "")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _sentence(
    verdict: Verdict,
    request: Request,
    findings: Sequence[Finding],
    texts: Mapping[str, reasons.Text],
) -> str:
    live = [f for f in findings if not f.lifted and f.mode is Mode.ENFORCE]
    deciding = [f for f in live if f.effect is verdict.effect]
    if not deciding:
        lifted = [f for f in verdict.findings if f.lifted]
        people = [f"`{f.name}`" for f in lifted if not f.lifted_by]
        if people:
            return f"Allowed: people lifted {words.joined(people)}."
        if lifted:
            named = [f"`{f.lifted_by}` lifts `{f.name}`" for f in lifted]
            return f"Allowed: {words.joined(named)}."
        return f"Allowed: {findings[0].title} (`{findings[0].name}`)."
    first = next((finding for finding in deciding if finding.rule != "default"), deciding[0])
    title = texts[first.name][0]
    more = len(deciding) - 1
    also = f", and {more} more {'says' if more == 1 else 'say'} the same" if more else ""
    doubt = _doubt(first, request)
    if verdict.effect is Effect.ALLOW:
        return f"Allowed: {title} (`{first.name}`){also}."
    if verdict.effect is Effect.DENY:
        return f"Refused: {title} (`{first.name}`){doubt}{also}."
    asked = words.joined(
        list(dict.fromkeys(words.seats(clause.needs) for clause in verdict.clauses))
    )
    within = min((clause.answer_within for clause in verdict.clauses), default=None)
    who = f" by {asked} within {words.duration(within)}" if within is not None else ""
    return f"To be approved{who}: {title} (`{first.name}`){doubt}{also}."


def _doubt(finding: Finding, request: Request) -> str:
    if finding.certain or not finding.unknown:
        return ""
    name = finding.unknown[0]
    value = request.fields.get(name)
    if finding.rule == "undeclared":
        return f"; `{name[:80]}` is not in the catalogue"
    why = f": {words.unknown(value.why)}" if isinstance(value, CannotTell) else ""
    return f"; {words.field(name)} cannot be told{why}"


@dataclass(frozen=True, slots=True)
class _Teller:
    release: Release
    request: Request
    context: Context

    def of(self, finding: Finding) -> Account:
        """The account of one finding of the verdict."""
        holds: Told = "yes" if finding.certain else "cannot tell"
        rows: tuple[Seen, ...] = ()
        candidate = self._candidate(finding)
        cap = self._cap(finding)
        if candidate is not None:
            rows = tuple(self.rows(candidate.node, candidate))
        elif cap is not None:
            rows = (*self.rows(cap.node, None), *self._used(cap))
        elif (extra := self._extra(finding)) is not None:
            rows = extra
        else:
            rows = tuple(self._plain(name) for name in (finding.unknown or finding.fields))
        if finding.lifted_by:
            lifted = f"`{finding.lifted_by}` lifts this"
            rows = (*rows, Seen(lifted, self._title(finding.lifted_by), "yes", "the policies"))
        texts = reasons.texts(self.release, self.request.action, (finding,))
        title, because = texts[finding.name]
        return Account(
            finding.policy, finding.rule, title, finding.effect.word, because,
            self._owner(finding), holds, True, rows,
        )  # fmt: skip

    def _owner(self, finding: Finding) -> str:
        return reasons.owner_of(self.release, finding.policy)

    def _title(self, name: str) -> str:
        policy, _, number = name.partition("/")
        titles: dict[str, str] = {}
        for file in self.release.bundle.files:
            if file.policy == policy:
                titles |= {rule.id: rule.title for rule in file.rules}
                titles |= {limit.id: limit.title for limit in file.limits}
                titles |= {exception.id: exception.title for exception in file.exceptions}
        return titles.get(number, "")

    def _extra(self, finding: Finding) -> tuple[Seen, ...] | None:
        """The conditions of an exception, or the risk points one by one."""
        plan = self.release.plans.get(self.request.action)
        if plan is None:
            return None
        risk = plan.risk
        if risk is not None and finding.name == f"{risk.table.risk}/{points.RULE}":
            return tuple(self._points(risk))
        for lifter in plan.extras.lifters if plan.extras is not None else ():
            if lifter.name == finding.name:
                return tuple(self.rows(lifter.node, None))
        return None

    def _points(self, risk: points.RiskPlan) -> Iterator[Seen]:
        for factor in risk.present:
            yield Seen(factor.title, f"{factor.points} points", "yes", "the catalogue")
        for part in risk.parts:
            holds = _TOLD[part.node.test(self.request.fields, self.context)]
            there = f"{part.factor.points} points" if holds != "no" else "no points"
            yield Seen(part.factor.title, there, holds, "")
            yield from self.rows(part.node, None, 1)
        counted = points.count(risk, self.request.fields, self.context)
        level = risk.table.level(counted.points).word
        yield Seen("all points together", f"{counted.points}: {level} risk", "yes", "the service")

    def ladder(self, verdict: Verdict) -> Iterator[Account]:
        """What the agent's level of autonomy asks by itself, where a rule asks or refuses already:
        without it the request would look as if that rule alone stood in its way."""
        if verdict.effect is Effect.ALLOW or any(f.rule == "autonomy" for f in verdict.findings):
            return
        level = self.request.fields.get("agent.autonomy")
        found = builtin.autonomy(level, Risk.of(verdict.risk), Effect.ALLOW)
        if found is not None:
            yield replace(self.of(found), matters=False)

    def failed_allows(self, verdict: Verdict) -> Iterator[Account]:
        """The allow rules of the governing files that did not match."""
        matched = {finding.name for finding in verdict.findings}
        for candidate in self.release.candidates(self.request.action):
            if candidate.allow and candidate.finding.name not in matched:
                answer = candidate.node.test(self.request.fields, self.context)
                finding = candidate.finding
                yield Account(
                    finding.policy, finding.rule, finding.title, finding.effect.word,
                    finding.because, self._owner(finding), _TOLD[answer], False,
                    tuple(self.rows(candidate.node, candidate)),
                )  # fmt: skip

    def silent(self, told: set[str]) -> Iterator[Account]:
        """Everything else that could have spoken about the action."""
        plan = self.release.plans.get(self.request.action)
        for candidate in self.release.candidates(self.request.action):
            if candidate.finding.name not in told:
                rows = tuple(self.rows(candidate.node, candidate))
                yield self._quiet(candidate.finding, candidate.node, rows)
        for cap in plan.caps if plan else ():
            if cap.finding.name not in told:
                yield self._quiet(
                    cap.finding, cap.node, (*self.rows(cap.node, None), *self._used(cap))
                )

    def _quiet(self, finding: Finding, node: Node, rows: tuple[Seen, ...]) -> Account:
        holds = _TOLD[node.test(self.request.fields, self.context)]
        return Account(
            finding.policy, finding.rule, finding.title, finding.effect.word, finding.because,
            self._owner(finding), "no" if holds == "yes" else holds, False, rows,
        )  # fmt: skip

    def _candidate(self, finding: Finding) -> Candidate | None:
        for candidate in self.release.candidates(self.request.action):
            if candidate.finding.name == finding.name:
                return candidate
        return None

    def _cap(self, finding: Finding) -> Cap | None:
        plan = self.release.plans.get(self.request.action)
        for cap in plan.caps if plan else ():
            if cap.finding.name == finding.name:
                return cap
        return None

    def rows(self, node: Node, candidate: Candidate | None, level: int = 0) -> Iterator[Seen]:
        """One row for each comparison below a node, with a heading row above `any` and `not`."""
        condition = node.condition
        holds = _TOLD[node.test(self.request.fields, self.context)]
        if isinstance(condition, Any | Not):
            text = "at least one of these" if isinstance(condition, Any) else "not this"
            yield Seen(text, "", holds, "", level)
            level += 1
        for part in node.parts:
            yield from self.rows(part, candidate, level)
        if isinstance(condition, Test):
            lists = candidate.lists if candidate else None
            names = [condition.field, *([condition.other] if condition.other else [])]
            saw = "; ".join(self.saw(name) for name in names)
            who = "; ".join(dict.fromkeys(self.who(name, candidate) for name in names))
            yield Seen(words.comparison(condition, lists, words.SHOWN), saw, holds, who, level)
        elif isinstance(condition, History):
            catalogue = self.release.catalogue.actions
            says = words.history(condition, catalogue)
            yield Seen(says, self._happened(condition, holds), holds, "the log", level)

    def _used(self, cap: Cap) -> Iterator[Seen]:
        """What a limit counted, under every key that it counts, and since when."""
        amount = amount_of(cap, self.request.fields)
        limit = cap.limit
        most = words.value(limit.at_most)
        since = words.window(limit.window) if limit.window else f"this day in {limit.calendar_day}"
        says = f"used in {since} and asked for is above {most}"
        asked_for = list(cap_queries(cap, self.request.fields, self.context))
        for number, query in enumerate(asked_for):
            total = self.context.facts.get(query)
            if total is None or total.mixed or amount is None or amount[1] != limit.unit:
                mixed = total is not None and total.mixed
                saw = "another currency or unit is in the window" if mixed else "cannot be told"
                yield Seen(says, saw, "cannot tell", "the log")
                continue
            used, asked = _amount(limit.at_most, total.sum), _amount(limit.at_most, amount[0])
            left = max(_number(limit.at_most) - total.sum, Decimal(0))
            over = total.sum + amount[0] > _number(limit.at_most)
            above = " (counted for who delegated)" if number else ""
            saw = f"{used} used, {asked} asked for, {_amount(limit.at_most, left)} was left{above}"
            yield Seen(says, saw, "yes" if over else "no", "the log")
        if not asked_for:
            yield Seen(says, "cannot be told for whom it counts", "cannot tell", "the log")

    def _happened(self, history: History, holds: Told) -> str:
        """What the log knows of an earlier action, in figures."""
        action = self.release.catalogue.actions.get(self.request.action)
        asked = queries(history, action, self.request.fields, self.context)
        totals = [self.context.facts.get(query) for query in asked]
        if not totals or any(total is None or total.mixed for total in totals):
            return "not known"
        confirmed, allowed, unknown = (total.count if total else 0 for total in totals)
        if not (confirmed or allowed or unknown):
            return "it did not happen"
        said = f"confirmed {_times(confirmed)}, allowed {_times(allowed)}"
        if unknown:
            said += f", and {_times(unknown)} for nobody knows whom"
        return f"it did happen: {said}" if confirmed else f"allowed but not confirmed: {said}"

    def _plain(self, name: str) -> Seen:
        value = self.request.fields.get(name)
        lost = value is None or isinstance(value, CannotTell)
        return Seen(
            words.field(name), self.saw(name), "cannot tell" if lost else "yes", self.who(name)
        )

    def saw(self, name: str) -> str:
        """What was seen of a field, without what must not be shown."""
        if name in self.request.undeclared:
            return "given, but not in the catalogue"
        value = self.request.fields.get(name)
        if value is None:
            return "cannot tell: it is missing"
        if isinstance(value, CannotTell):
            return f"cannot tell: {words.unknown(value.why)}"
        if value is ABSENT:
            return "not given"
        hidden = self._hidden(name)
        return hidden or shown(value)

    def _hidden(self, name: str) -> str:
        action = self.release.catalogue.actions.get(self.request.action)
        if action is None:
            return ""
        declared = action.declared(name)
        if name.startswith("command.") and name not in _SHOWN_OF_PRIVATE and action.command:
            source = action.args[action.command]
            return "not shown here (private)" if source.cls == "private" else ""
        if declared is None or declared.cls in ("quantity", "category"):
            return ""
        if declared.cls == "private":
            return "not shown here (private)"
        return f"not shown here (identity of a {declared.about})"

    def who(self, name: str, candidate: Candidate | None = None) -> str:
        """Who says a field."""
        speaker = name.partition(".")[0]
        if speaker == "args":
            return "the action itself (bound)"
        if speaker == "command":
            return "derived from the command line"
        if speaker in ("resource", "subject", "context"):
            if self.request.attested:
                return "attested by a gateway"
            trusted = candidate is not None and bool(candidate.rule.trust_claim)
            return (
                "claimed by the agent (the rule trusts it)" if trusted else "claimed by the agent"
            )
        return "the service"


def _times(count: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count} times")


def _number(most: Money | Decimal) -> Decimal:
    return most.amount if isinstance(most, Money) else most


def _amount(like: Money | Decimal, amount: Decimal) -> str:
    return words.value(Money(amount, like.currency) if isinstance(like, Money) else amount)


def shown(value: Value) -> str:
    """A known value as a person reads it."""
    if isinstance(value, tuple):
        if not value:
            return "nothing"
        parts = [words.value(item) for item in value[: words.SHOWN]]
        more = len(value) - words.SHOWN
        return words.joined([*parts, f"{more} more"] if more > 0 else parts)
    assert not isinstance(value, CannotTell)
    assert value is not ABSENT
    return words.value(value)


def _change(change: Change, request: Request) -> str:
    """One line of *what would have been enough*."""
    said = {
        Effect.ALLOW: "it would have been allowed",
        Effect.REQUIRE_APPROVAL: "a person could have approved it",
        Effect.DENY: "it would still have been refused",
    }[change.effect]
    by = f" by `{change.by}`" if change.by else ""
    note = f" ({change.note})" if change.note else ""
    return f"If {words.joined(list(change.says))}, {said}{by}{note}."


def plain(explanation: Explanation) -> dict[str, object]:
    """The explanation as JSON values."""
    return {
        "effect": explanation.effect,
        "sentence": explanation.sentence,
        "accounts": [
            {
                "policy": account.policy,
                "rule": account.rule,
                "title": account.title,
                "effect": account.effect,
                "because": account.because,
                "owner": account.owner,
                "holds": account.holds,
                "matters": account.matters,
                "conditions": [_row(row) for row in account.rows],
            }
            for account in explanation.accounts
        ],
        "enough": list(explanation.enough),
        "nearest": list(explanation.nearest),
        "turning": explanation.turning,
    }


def _row(row: Seen) -> dict[str, object]:
    return {
        "says": row.says, "saw": row.saw, "holds": row.holds, "who": row.who, "level": row.level
    }  # fmt: skip
