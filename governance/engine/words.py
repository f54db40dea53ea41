"""Rules as plain English sentences. The law: the sentence says what the rule says, and all of it.

Everything here reads the checked rules (`rules.py`), never the text of a file, so that the words and
the verdicts have one source. Nothing is left out: what a rule itself names is named in full, and only a
list that is kept elsewhere, or in the file under a name of its own, is counted. Short answers to one
question (`explain`, the nearest change) may count the rest of a long row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from governance.engine.catalogue import ActionType
from governance.engine.command import DOUBTS
from governance.engine.model import ApprovalClause, Effect, Money, Obligation, Scalar, Seat
from governance.engine.rules import (
    ActionIs,
    Any,
    Condition,
    History,
    Limit,
    ListUse,
    Not,
    Rule,
    Test,
)
from governance.engine.vocabulary import OPERATORS

SHOWN: Final = 8
"""How many members of a named list a sentence names, and constants a short answer, before it counts."""
PEOPLES: Final = frozenset({"iban", "email"})
"""Kinds of members of a list that point to people: they are counted, not printed."""

FIELDS: Final[Mapping[str, str]] = {
    "action": "the action",
    "agent.id": "the agent",
    "agent.team": "the agent's team",
    "agent.labels": "the agent's labels",
    "agent.class": "the agent's risk class under the AI Act",
    "agent.autonomy": "the agent's autonomy level",
    "agent.state": "the agent's state",
    "agent.owner": "the agent's owner",
    "agent.model": "the agent's model",
    "agent.tools": "the agent's tools",
    "agent.brief_age": "the age of the agent's brief",
    "agent.evaluation_age": "the age of the agent's last evaluation",
    "agent.certified": "the agent's certification",
    "session.id": "the session",
    "session.labels": "what the session has seen",
    "session.depth": "the depth of delegation",
    "session.opened_by": "who opened the session",
    "session.acting": "who acts in the session",
    "session.age": "the age of the session",
    "session.workspace": "the workspace",
    "tool.labels": "what the action does",
    "tool.risk": "the action's base risk",
    "time.hour": "the hour of the day",
    "time.weekday": "the day of the week",
    "time.date": "the date",
    "command.programs": "the programs the command runs",
    "command.effects": "what the command does",
    "command.flags": "the command's options",
    "command.subcommands": "the command's subcommands",
    "command.reads": "what the command reads",
    "command.writes": "what the command writes",
    "command.deletes": "what the command deletes",
    "command.hosts": "the hosts the command names",
    "command.piped_to_shell": "whether something is fed into a shell or an interpreter",
    "command.understood": "whether the command is understood",
    "context.confidence": "the agent's claimed confidence",
    "context.cost": "the claimed cost",
    "history": "what happened before",
    "args.to": "the recipients",
    "args.cc": "the copy recipients",
    "args.iban": "the IBAN",
    "args.url": "the URL",
    "args.glob": "the file pattern",
}
_SPEAKERS: Final = {"resource": "the resource's", "subject": "the subject's", "context": "the"}
_BY: Final = {
    "this_agent": "this agent",
    "any_agent": "an agent",
    "any_person": "a person",
}
_NOT_BY: Final = {
    "requester": "whoever asked for it",
    "agent.owner": "the agent's owner",
    "agent.deputy": "the owner's deputy",
}
_UNITS: Final = ((604_800, "week"), (86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


def joined(items: Sequence[str], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {last} {items[-1]}"


def window(span: timedelta) -> str:
    """A window that ends now: `the last 24 hours`, `the last hour`, `the last 3 days`."""
    if span == timedelta(days=1):
        return "the last 24 hours"
    text = duration(span)
    return f"the last {text.removeprefix('1 ')}" if text.count(" ") == 1 else f"the last {text}"


def duration(span: timedelta) -> str:
    """A duration in the largest units that are exact: `3 days`, `1 hour and 30 minutes`."""
    seconds = int(span.total_seconds())
    if seconds == 0:
        return "0 seconds"
    parts = []
    for size, unit in _UNITS:
        number, rest = divmod(seconds, size)
        if unit == "week" and rest:
            continue
        if number:
            parts.append(f"{number} {unit}{'s' if number != 1 else ''}")
        seconds = rest
    return joined(parts)


def number(amount: Decimal | int) -> str:
    """A number with thin groups of thousands, as in `10 000` or `0.5`."""
    text = f"{amount:,f}" if isinstance(amount, Decimal) else f"{amount:,}"
    whole, dot, decimals = text.replace(",", "\u202f").partition(".")
    decimals = decimals.rstrip("0")
    return whole + (dot + decimals if decimals else "")


def money(amount: Money) -> str:
    """An amount with its currency: `10 000 EUR`, `0.50 EUR`."""
    whole = amount.amount == amount.amount.to_integral_value()
    if whole:
        return f"{number(amount.amount)} {amount.currency}"
    grouped = f"{amount.amount:,f}".replace(",", "\u202f")
    return f"{grouped} {amount.currency}"


def value(item: Scalar) -> str:
    """One value as a person writes it."""
    if isinstance(item, bool):
        return "yes" if item else "no"
    if isinstance(item, Money):
        return money(item)
    if isinstance(item, timedelta):
        return duration(item)
    if isinstance(item, int | Decimal):
        return number(item)
    if isinstance(item, datetime | date):
        return item.isoformat()
    return f"`{item}`"


def field(name: str) -> str:
    """A field as a noun: `the amount` for `args.amount`."""
    if name in FIELDS:
        return FIELDS[name]
    speaker, _, rest = name.partition(".")
    plain = rest.replace("_", " ").replace(".", " ")
    return f"{_SPEAKERS.get(speaker, 'the')} {plain}"


def comparison(
    test: Test, lists: Mapping[str, ListUse] | None = None, most: int | None = None
) -> str:
    """One comparison as a clause: `the amount is at most 500 EUR`.

    Beyond `most` constants the rest is counted (None: all are named).
    """
    noun = field(test.field)
    many = test.kind.startswith("list of ") and noun.endswith("s") and noun.startswith("the ")
    if test.op == "is_set":
        verb = "are" if many else "is"
        return f"{noun} {verb} {'given' if test.constants[0] else 'not given'}"
    if test.kind == "boolean" and test.op in ("is", "is_not"):
        return _yes_or_no(test, noun)
    says = OPERATORS[test.op].says
    if test.other is not None:
        return f"{noun} {says} {field(test.other)}"
    if test.op == "between":
        low, high = (value(item) for item in test.constants)
        return f"{noun} is between {low} and {high} (both included)"
    if test.op in ("count_at_most", "count_above"):
        bound = "at most" if test.op == "count_at_most" else "more than"
        return f"there are {bound} {value(test.constants[0])} of {noun}"
    if many:
        says = _PLURAL.get(says, says)
    kept = [use for use in map((lists or {}).get, test.lists) if use is not None and use.source]
    if kept and len(kept) == len(test.lists) and not test.constants and test.op in _ON_LIST:
        return f"{noun} {_ON_LIST[test.op]} {joined([_kept(use) for use in kept], 'or')}"
    constants = [value(item) for item in test.constants]
    if most is not None and len(constants) > most:
        constants = [*constants[:most], f"{len(constants) - most} more"]
    constants += [_list(name, (lists or {}).get(name)) for name in test.lists]
    return f"{noun} {says} {joined(constants, 'and' if test.op == 'contains_all' else 'or')}"


_ON_LIST: Final = {
    "one_of": "is on the list",
    "none_of": "is not on the list",
    "contains_any": "has a member of the list",
    "contains_none": "has no member of the list",
}
_PLURAL: Final = {
    "is in or under": "are in or under",
    "is outside": "are outside",
    "belongs to the domain": "belong to the domain",
    "does not belong to the domain": "do not belong to the domain",
    "has a name like": "have a name like",
    "contains any of": "contain any of",
    "contains all of": "contain all of",
    "contains none of": "contain none of",
}


def _kept(use: ListUse) -> str:
    aged = f", at most {duration(use.max_age)} old" if use.max_age is not None else ""
    return f"`{use.source}` ({len(use.members)} member{'s' if len(use.members) != 1 else ''}{aged})"


def _yes_or_no(test: Test, noun: str) -> str:
    holds = bool(test.constants[0]) == (test.op == "is")
    if noun.startswith("whether "):
        clause = noun.removeprefix("whether ")
        return clause if holds else f"it is not so that {clause}"
    if test.field.startswith("args."):
        return f"{noun} flag is {'set' if holds else 'not set'}"
    return f"{noun} is {'yes' if holds else 'no'}"


def _list(name: str, use: ListUse | None) -> str:
    if use is None:
        return f"the list `{name}`"
    if use.source is not None:
        return f"a member of the list {_kept(use)}"
    if len(use.members) > SHOWN or use.kind.name in PEOPLES:
        count = len(use.members)
        return f"the {'one' if count == 1 else count} on the list `{name}`"
    return joined([value(item) for item in use.members], "or")


def actions(names: Iterable[str], catalogue: Mapping[str, ActionType]) -> str:
    """Actions by their titles: `pay money out of a company account`."""
    titles = []
    for name in names:
        title = catalogue[name].title if name in catalogue else name
        titles.append(title[:1].lower() + title[1:] if title[1:2].islower() else title)
    return joined(titles, "or")


def history(past: History, catalogue: Mapping[str, ActionType]) -> str:
    """A history as a clause."""
    done = actions(past.actions, catalogue)
    who = _BY.get(past.by, past.by)
    same = ""
    if past.same:
        nouns = [field(name).removeprefix("the ") for name in past.same]
        same = f" for the same {joined(nouns)}"
    when = f" in {window(past.in_last)}" if past.in_last is not None else " before"
    if past.negative:
        return f"{who} did not {done}{same}{when} (confirmed)"
    return f"{who} did {done}{same}{when}"


def condition(
    part: Condition,
    catalogue: Mapping[str, ActionType],
    lists: Mapping[str, ListUse] | None = None,
) -> str:
    """A condition as a clause that follows `if`."""
    if isinstance(part, Test):
        return comparison(part, lists)
    if isinstance(part, ActionIs):
        return f"an agent wants to {actions(part.actions, catalogue)}"
    if isinstance(part, History):
        return history(part, catalogue)
    if isinstance(part, Not):
        return f"it is not so that {condition(part.part, catalogue, lists)}"
    inner = [condition(each, catalogue, lists) for each in part.parts]
    if isinstance(part, Any):
        return f"({'; or '.join(inner)})" if len(inner) > 1 else inner[0]
    return joined(_told_once(part.parts, inner)) if inner else "in every case"


def _told_once(parts: Sequence[Condition], clauses: Sequence[str]) -> list[str]:
    """Clauses that must all hold; two about one field name it once."""
    out: list[str] = []
    before = ""
    for part, clause in zip(parts, clauses, strict=True):
        start = f"{field(part.field)} is " if isinstance(part, Test) and part.op != "is_set" else ""
        if start and start == before and clause.startswith(start):
            out[-1] += f" and {clause.removeprefix(start)}"
        else:
            out.append(clause)
        before = start
    return out


UNKNOWN: Final[Mapping[str, str]] = {
    **DOUBTS,
    "missing": "it is missing",
    "null": "it is empty (null)",
    "not_a_text": "it is not a text",
    "not_valid_text": "it is not valid text",
    "not_yes_or_no": "it is neither true nor false",
    "not_a_number": "it is not a number",
    "not_a_whole_number": "it is not a whole number",
    "not_a_list": "it is not a list",
    "too_many_items": "the list is too long",
    "too_large": "the number is too large",
    "wrong_unit": "its unit is not the declared one",
    "outside_the_domain": "it is outside what the catalogue declares",
    "not_an_amount": "it is not an amount of money",
    "currency_missing": "its currency is missing",
    "unknown_currency": "its currency is not possible here",
    "negative": "it is negative",
    "too_many_decimals": "it has more decimals than its currency",
    "unknown_member": "it is not one of the known values",
    "not_an_iban": "it is not an IBAN",
    "wrong_checksum": "the checksum of the IBAN is wrong",
    "not_a_domain": "it is not a domain name",
    "not_a_host": "it is not a host name or address",
    "not_an_email": "it is not an e-mail address",
    "not_a_date": "it is not a date",
    "not_a_point_in_time": "it is not a point in time with its offset",
    "not_a_duration": "it is not a duration",
    "not_a_known_path": "it is not a path that can be placed",
    "not_understood": "the command is not understood",
    "not_disclosed": "the log does not disclose it",
    "unknown_action": "the action is not in the catalogue",
    "spoiled": "it was spoiled when it was recorded",
}
"""What each `CannotTell` code means, as the end of the sentence `cannot tell: …`."""


def unknown(why: str) -> str:
    """Why a value cannot be told; a code without an entry is shown as its plain words."""
    return UNKNOWN.get(why, why.replace("_", " "))


def seats(needs: Sequence[Seat]) -> str:
    """Who must agree: `1 treasurer and 1 cfo`."""
    named = [f"{seat.count} {plain_role(seat.role)}" for seat in needs]
    return joined(named)


def roles(names: Iterable[str]) -> str:
    """Anybody with one of several roles: `somebody with the role treasurer or cfo`."""
    return f"somebody with the role {joined([plain_role(name) for name in names], 'or')}"


def plain_role(name: str) -> str:
    """A role as people say it."""
    return name.replace("_", " ")


def approval(clause: ApprovalClause) -> str:
    """An approval clause as sentences."""
    total = sum(seat.count for seat in clause.needs)
    out = [
        f"{seats(clause.needs)} must agree within {duration(clause.answer_within)}"
        f"{' (different people)' if total > 1 else ''}; no answer is a no."
    ]
    if clause.not_by:
        out.append(f"Not by {joined([_NOT_BY[name] for name in clause.not_by], 'or')}.")
    if clause.reason_required:
        out.append("A reason must be given.")
    if clause.review_time:
        out.append(f"At least {duration(clause.review_time)} to look.")
    if clause.checklist:
        items = "; ".join(clause.checklist)
        out.append(f"To be confirmed one by one: {items}.")
    return " ".join(out)


_PATTERNS: Final = {
    "iban": "account numbers (IBAN)",
    "card_number": "card numbers",
    "email": "e-mail addresses",
    "phone": "telephone numbers",
}


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def obligation(duty: Obligation) -> str:
    """An obligation as a sentence."""
    fields = [
        field(str(item))
        for key, found in duty.properties.items()
        for item in (found if isinstance(found, tuple) else ())
        if key
    ]
    plain = [str(found) for found in duty.properties.values() if isinstance(found, str)]
    if duty.type == "redact":
        looked_for = [_PATTERNS.get(one, one) for one in duty.properties.get("patterns", ())]
        fields = [field(str(item)) for item in duty.properties.get("fields", ())]
        if not looked_for:
            return f"{_capital(joined(fields))} {'is' if len(fields) == 1 else 'are'} blacked out."
        return f"{_capital(joined(looked_for))} in {joined(fields)} are blacked out."
    if duty.type == "log":
        return f"The runtime records {joined(fields)}."
    if duty.type == "notify":
        return f"{joined(plain)} is told."
    return f"The user is told: {joined(plain)}"


def rule(
    made: Rule,
    catalogue: Mapping[str, ActionType],
    lists: Mapping[str, ListUse] | None = None,
) -> str:
    """A rule as a paragraph: when, what then, why, and who may lift it."""
    then = {
        Effect.ALLOW: "it may",
        Effect.DENY: "it is refused",
        Effect.REQUIRE_APPROVAL: "a person decides",
    }[made.effect]
    doubt = ", or if that cannot be told," if made.effect is not Effect.ALLOW else ","
    out = [f"If {condition(made.when, catalogue, lists)}{doubt} {then}."]
    if made.clause is not None:
        out.append(approval(made.clause))
    out += [obligation(duty) for duty in made.obligations]
    if made.effect is Effect.DENY:
        who = f"Only {roles(made.waivable_by)}" if made.waivable_by else "Nobody"
        out.append(f"{who} may lift this.")
    out += _loosened(made)
    out += believed(made.trust_claim, made.attested_only)
    out.append(f"Why: {made.because}")
    return " ".join(out)


def limit(
    made: Limit,
    catalogue: Mapping[str, ActionType],
    lists: Mapping[str, ListUse] | None = None,
) -> str:
    """A limit as a paragraph."""
    most = money(made.at_most) if isinstance(made.at_most, Money) else number(made.at_most)
    unit = f" {made.unit}" if made.unit and not isinstance(made.at_most, Money) else ""
    if made.measure is None:
        what = f"At most {most} time{'s' if made.at_most != 1 else ''}"
    else:
        what = f"At most {most}{unit} in all ({field(made.measure)})"
    per = f", counted per {joined([field(n).removeprefix('the ') for n in made.per])}"
    span = (
        f"in {window(made.window)}"
        if made.window is not None
        else f"on one calendar day ({made.calendar_day})"
    )
    then = "a person decides" if made.otherwise is Effect.REQUIRE_APPROVAL else "it is refused"
    out = [
        f"{what} {span}{per if made.per else ', all agents together'}, "
        f"if {condition(made.of, catalogue, lists)}; beyond that {then}."
    ]
    if made.clause is not None:
        out.append(approval(made.clause))
    if made.otherwise is Effect.DENY and made.waivable_by:
        out.append(f"Only {roles(made.waivable_by)} may lift this.")
    out += _loosened(made)
    out += believed(made.trust_claim, made.attested_only)
    out.append(f"Why: {made.because}")
    return " ".join(out)


def _loosened(made: Rule | Limit) -> list[str]:
    """What else may lift a rule or limit, and what it replaces itself."""
    out = []
    if "exception" in made.loosened_by:
        out.append("An exception that was signed off may lift it for a time.")
    if "child" in made.loosened_by:
        out.append("A policy that extends this one may replace it.")
    if made.instead_of:
        named = joined([f"`{name}`" for name in made.instead_of])
        out.append(f"Where this certainly holds, it replaces {named}.")
    return out


def believed(trust_claim: str, attested_only: bool) -> list[str]:
    """Whose word counts where a claim is tested."""
    if trust_claim:
        return [f"The agent's own word is believed here: {trust_claim}"]
    return ["Only a gateway's word counts here, not the agent's."] if attested_only else []
