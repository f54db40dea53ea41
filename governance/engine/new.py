"""Six questions, then a policy file. The law: what comes out loads, and its cases pass.

The text is complete: rules with reasons, a limit where something can be added up, and cases on both
sides of every threshold. It starts as a draft, so that nothing is in force before somebody read it.
Answers in, text out; nothing is asked or written here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, Final

from governance.engine import unclear
from governance.engine.catalogue import ActionType, ArgType, Catalogue, record
from governance.engine.classes import of_type
from governance.engine.codes import CURRENCIES
from governance.engine.model import CannotTell, Money, Scalar
from governance.engine.values import Type, duration, write

NOTHING: Final = "nothing"
EVERYTHING: Final = "everything"


@dataclass(frozen=True, slots=True)
class Question:
    """One question: the answer's name, the question, what an answer looks like."""

    key: str
    text: str
    example: str


QUESTIONS: Final = (
    Question("title", "What is this about, in one sentence?", "What refund agents may give back"),
    Question("owner", "Who answers for these rules?", "support-risk@corp.example"),
    Question("actions", "Which actions of the catalogue does it speak for?", "refund.create"),
    Question("agents", "Which agents? One of their labels, or `all`.", "support"),
    Question("free", "What may they do alone? An amount, `everything` or `nothing`.", "50 EUR"),
    Question("asks", "Who decides beyond that, and within what time?", "1 support_lead in 4h"),
)
"""The six questions. `never` (an amount beyond which even people may not approve) is optional."""


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers as people type them. `actions` and `agents` are separated by spaces or commas."""

    title: str
    owner: str
    actions: str
    agents: str
    free: str
    asks: str
    never: str = ""
    name: str = ""


class AnswerError(ValueError):
    """An answer that cannot be used. `key` is the question's, the text says what to do."""

    def __init__(self, key: str, message: str) -> None:
        self.key = key
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class _Plan:
    """The answers after they were understood."""

    name: str
    prefix: str
    title: str
    owner: str
    actions: tuple[ActionType, ...]
    labels: tuple[str, ...]
    measure: str | None
    free: Scalar | None
    all_free: bool
    never: Scalar | None
    needs: str
    within: str


def draft(answers: Answers, catalogue: Catalogue, at: date) -> str:
    """The text of a policy file for these answers.

    `at` is today: the file is to be reviewed in half a year. Raises AnswerError.
    """
    plan = _understand(answers, catalogue)
    review = at + timedelta(days=182)
    parts = [_head(plan, review), *_rules(plan), _limit(plan), _cases(plan)]
    return "\n".join(part for part in parts if part)


def _understand(answers: Answers, catalogue: Catalogue) -> _Plan:
    for key in ("title", "owner"):
        if not getattr(answers, key).strip():
            raise AnswerError(key, f"`{key}` is empty: write a few words")
    names = tuple(re.split(r"[\s,]+", answers.actions.strip()))
    for name in names:
        if name not in catalogue.actions:
            raise AnswerError("actions", _not_there(name, catalogue))
    actions = tuple(catalogue.actions[name] for name in dict.fromkeys(names))
    labels = tuple(label for label in re.split(r"[\s,]+", answers.agents.strip()) if label)
    if not labels:
        raise AnswerError("agents", "name the labels of the agents, or write `all`")
    measure, kind = _measure(actions)
    needs, within = _seats(answers.asks)
    plain = answers.free.strip()
    amount = None if plain in (NOTHING, EVERYTHING) else _amount("free", plain, measure, kind)
    never = _amount("never", answers.never, measure, kind) if answers.never.strip() else None
    if never is not None and amount is not None and not _below(amount, never):
        raise AnswerError("never", f"`{answers.never}` must be more than `{answers.free}`")
    name = answers.name or _slug(names[0])
    return _Plan(
        name=name,
        prefix=re.sub(r"[^A-Z]", "", name.upper())[:3] or "NEW",
        title=answers.title.strip(),
        owner=answers.owner.strip(),
        actions=actions,
        labels=() if labels == ("all",) else labels,
        measure=measure,
        free=amount,
        all_free=plain == EVERYTHING,
        never=never,
        needs=needs,
        within=within,
    )


def _not_there(name: str, catalogue: Catalogue) -> str:
    """For a new topic the catalogue comes first: rules can only speak of what it names."""
    near = get_close_matches(name, catalogue.actions, 3)
    meant = f"did you mean {' or '.join(f'`{each}`' for each in near)}? " if near else ""
    return (
        f"`{name}` is not in the catalogue; {meant}for a new topic first describe its actions in "
        "`policies/actions/NAME.yaml`: write it as those that are there, or `governance policy "
        "import` makes it of an MCP tool list, OpenAPI or JSON Schema"
    )


def _slug(action: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", action.lower()).strip("-")
    return slug if slug[:1].isalpha() else f"policy-{slug}"


def _measure(actions: tuple[ActionType, ...]) -> tuple[str | None, Type | None]:
    """The quantity that all actions must be given and that can be added up."""
    for name, arg in actions[0].args.items():
        others = [action.args.get(name) for action in actions]
        if all(_sums(other) for other in others) and len({_kind(o) for o in others}) == 1:
            return f"args.{name}", arg.type
    return None, None


def _kind(arg: ArgType | None) -> tuple[str, str]:
    return ("", "") if arg is None else (arg.type.kind, arg.type.unit)


def _sums(arg: ArgType | None) -> bool:
    if arg is None or not arg.required or arg.cls != "quantity":
        return False
    kind = arg.type
    if kind.name == "money":
        return not kind.negative
    never_less = kind.minimum is not None and kind.minimum >= 0
    return kind.kind in ("count", "integer", "number") and never_less


def _amount(key: str, text: str, measure: str | None, kind: Type | None) -> Scalar:
    if measure is None or kind is None:
        raise AnswerError(
            key, "these actions have no amount in common: answer `everything` or `nothing`"
        )
    raw: object = text.strip()
    wrong, hint = unclear.says(text.strip())
    if wrong:
        raise AnswerError(key, f"{wrong} {hint}")
    if kind.name != "money" and not kind.unit and re.fullmatch(r"[0-9]+(\.[0-9]+)?", text.strip()):
        raw = Decimal(text.strip())
    value = kind.one(raw)
    if isinstance(value, CannotTell):
        example = f"500 {(kind.members or ('EUR',))[0]}" if kind.name == "money" else "100"
        raise AnswerError(key, f"`{text}` is not an amount of `{measure}`; such as `{example}`")
    return value


def _below(one: Scalar, other: Scalar) -> bool:
    if isinstance(one, Money) and isinstance(other, Money):
        return one.currency == other.currency and one.amount < other.amount
    return Decimal(str(one)) < Decimal(str(other))


def _seats(text: str) -> tuple[str, str]:
    match = re.fullmatch(
        r"\s*((?:[1-9][0-9]? [a-z][a-z0-9_-]*)(?:(?:,| and) [1-9][0-9]? [a-z][a-z0-9_-]*)*)"
        r"(?: (?:in|within) ([0-9]+[smhdw]))?\s*",
        text,
    )
    if match is None or (match[2] and not duration(match[2])):
        raise AnswerError("asks", f"`{text}` is not understood; such as `1 treasurer in 4h`")
    return ", ".join(re.split(r", | and ", match[1])), match[2] or "4h"


def _text(value: str) -> str:
    """A text as YAML that cannot be mistaken for anything else."""
    return json.dumps(value, ensure_ascii=False)


def _head(plan: _Plan, review: date) -> str:
    agents = f"{{labels: {{contains_any: [{', '.join(plan.labels)}]}}}}" if plan.labels else "all"
    governed = ", ".join(action.name for action in plan.actions)
    return f"""# A draft of which nothing is in force: read every rule, put your reasons where it says `because`,
# and change what is not right. `governance policy check` and `test` say whether it is sound. Then set
# `mode: enforce` and propose it: `governance policy release`.
policy: {plan.name}
title: {_text(plan.title)}
owner: {_text(plan.owner)}
review_by: {review.isoformat()}
governs: [{governed}]
applies_to: {{agents: {agents}}}
mode: draft
default: deny

rules:"""


def _rules(plan: _Plan) -> list[str]:
    named = [action.name for action in plan.actions]
    action = f"action: {named[0]}" if len(named) == 1 else f"action: [{', '.join(named)}]"
    free, never = plan.free, plan.never
    rules: list[str] = []

    def rule(title: str, effect: str, test: str, more: str, because: str, severity: str) -> None:
        when = f"{action}, {test}" if test else action
        rules.append(f"""  - id: {plan.prefix}-{len(rules) + 1:03d}
    title: {title}
    effect: {effect}
    when: {{{when}}}
{more}    because: {because}
    severity: {severity}
""")

    approval = (
        f"    approval: {{needs: [{plan.needs}], answer_within: {plan.within}, "
        "not_by: [requester], reason: required}\n"
    )
    if never is not None:
        rule(
            f"Beyond {_cell(never)} nothing is done at all", "deny",
            f"{plan.measure}: {{above: {_cell(never)}}}", "    may_be_waived_by: nobody\n",
            "An amount of this size is a mistake or an attack.", "critical",
        )  # fmt: skip
    if plan.all_free:
        test = f"{plan.measure}: {{at_most: {_cell(never)}}}" if never is not None else ""
        rule("This is free", "allow", test, "", "It was decided that no person is needed.", "low")
    elif free is not None:
        rule(
            f"Up to {_cell(free)} is free", "allow", f"{plan.measure}: {{at_most: {_cell(free)}}}",
            "", f"The sum is capped by {plan.prefix}-LIM-1.", "low",
        )  # fmt: skip
        rule(
            f"Beyond {_cell(free)} people decide", "require_approval",
            f"{plan.measure}: {{above: {_cell(free)}}}", approval,
            "A person looks before it happens.", "medium",
        )  # fmt: skip
    else:
        rule(
            "People decide every time", "require_approval", "", approval,
            "A person looks before it happens.", "medium",
        )  # fmt: skip
    return rules


def _limit(plan: _Plan) -> str:
    if plan.free is None:
        return ""
    times = Decimal(10)
    most: Scalar
    if isinstance(plan.free, Money):
        most = Money(plan.free.amount * times, plan.free.currency)
    else:
        most = Decimal(str(plan.free)) * times
    named = ", ".join(action.name for action in plan.actions)
    return f"""limits:
  - id: {plan.prefix}-LIM-1
    title: At most {_cell(most)} a day per agent without a person
    measure: sum {plan.measure}
    of: {{action: [{named}]}}
    per: [agent.id]
    in_last: 24h
    at_most: {_cell(most)}
    otherwise: require_approval
    approval: {{needs: [{plan.needs}], answer_within: {plan.within}, not_by: [requester]}}
    because: Many small amounts add up to a large one.
"""


def _cases(plan: _Plan) -> str:
    tables = [_table(plan, action) for action in plan.actions]
    return "cases:\n" + "\n".join(tables)


def _table(plan: _Plan, action: ActionType) -> str:
    """One table of cases for one action: both sides of every threshold, and the missing field."""
    first = plan.prefix
    ids = 1 if plan.never is not None else 0
    rows: list[tuple[str, str, str, str]] = []
    measure = plan.measure
    if measure is not None and (plan.free is not None or plan.never is not None):
        kind = action.args[measure.removeprefix("args.")].type
        if plan.free is not None:
            more = _more(plan.free, kind)
            rows.append(
                ("exactly what is free", _cell(plan.free), "allow", f"{first}-{ids + 1:03d}")
            )
            rows.append(
                ("a little more", _cell(more), "require_approval", f"{first}-{ids + 2:03d}")
            )
        if plan.never is not None:
            beyond = _more(plan.never, kind)
            at = ("allow", f"{first}-002") if plan.all_free else (
                "require_approval", f"{first}-{3 if plan.free is not None else 2:03d}")  # fmt: skip
            rows.append(("exactly at the end", _cell(plan.never), *at))
            rows.append(("beyond the end", _cell(beyond), "deny", f"{first}-001"))
        why = f"{first}-001" if plan.never is not None else "default"
        rows.append(("the amount is missing", "~", "deny", why))
    else:
        expect = "allow" if plan.all_free else "require_approval"
        rows.append(("an ordinary request", "", expect, f"{first}-001"))
    always = {"action": action.name, **_ordinary(action, measure)}
    column = f"{measure}, " if len(rows) > 1 else ""
    lines = [
        f"      - [{name}, {cell + ', ' if column else ''}{expect}, {by}]"
        for name, cell, expect, by in rows
    ]
    inside = ", ".join(f"{name}: {value}" for name, value in always.items())
    return "\n".join(
        [
            f"  - columns: [name, {column}expect, by]",
            f"    always: {{{inside}}}",
            "    rows:",
            *lines,
        ]
    )


def _more(value: Scalar, kind: Type) -> Scalar:
    if isinstance(value, Money):
        return Money(value.amount + Decimal(1).scaleb(-CURRENCIES[value.currency]), value.currency)
    step = 1 if kind.name in ("count", "integer") else Decimal("0.01")
    return Decimal(str(value)) + step


def _cell(value: Scalar) -> str:
    if isinstance(value, Money) and value.amount == value.amount.to_integral_value():
        return f"{value.amount:.0f} {value.currency}"
    return str(write(value))


def _ordinary(action: ActionType, measure: str | None) -> Mapping[str, Any]:
    """Every other required argument with an ordinary value."""
    out = {}
    for name, arg in action.args.items():
        if not arg.required or f"args.{name}" == measure:
            continue
        value = next(of_type(replace(arg.type, many=False)), "something")
        text = json.dumps(record(value), ensure_ascii=False)
        out[f"args.{name}"] = f"[{text}]" if arg.type.many else text
    return out
