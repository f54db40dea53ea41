"""Decisions and requests as people read them in a terminal.

Law: every word that an agent may have chosen is inert and cannot begin a line of its own; who says a
thing stands beside it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

import click

from governance.cli import output
from governance.cli.transport import Api, Failed
from governance.engine import words

NOBODY: Final[Mapping[str, str]] = MappingProxyType({})
_PSEUDONYM: Final = re.compile(r"[ps]-[a-z0-9]{8,40}").fullmatch
_SECONDS: Final = re.compile(r"\d{1,12}s").fullmatch


def tell(told: Mapping[str, Any]) -> None:
    """An explanation for a person: the sentence, the rules with their conditions, what would do."""
    click.echo(output.inert(told["sentence"]))
    for account in told["accounts"]:
        name = f"{account['policy']}/{account['rule']}"
        click.echo(f"\n{output.one_line(name)}  {output.one_line(account['title'])}")
        why = f"  why: {account['because']} ({account['owner']})"
        click.echo(output.one_line(why))
        for row in account["conditions"]:
            pad = "  " * (1 + row["level"])
            line = f"{row['holds']:<12} {row['says']}"
            if row["saw"]:  # a heading of others has seen nothing itself
                line += f"  (saw: {row['saw']}; {row['who']})"
            click.echo(pad + output.one_line(line))
    nearest = told.get("nearest", ())
    for line in nearest:
        click.echo(f"\nNearest: {output.inert(line)}")
    for line in told["enough"]:
        if line not in nearest:
            click.echo(f"\n{output.inert(line)}")
    if told.get("turning"):
        click.echo(f"\n{output.inert(told['turning'])}")
    if told.get("incomplete"):
        click.echo(f"\n{output.inert(told['incomplete'])}")


def names_of(api: Api) -> dict[str, str]:
    """Pseudonym -> `Mia Lind (p-…)`, for everybody whose name is still kept; nobody, where this key
    may not see people."""
    try:
        people = api.get("/v1/people")["people"]
    except Failed:
        return {}
    return {each["person"]: f"{each['name']} ({each['person']})" for each in people if each["name"]}


def with_names(row: Mapping[str, Any], names: Mapping[str, str], *fields: str) -> dict[str, Any]:
    """A row with names beside the pseudonyms in these fields."""
    return {
        **row,
        **{each: names[row[each]] for each in fields if row.get(each) in names},
    }


def request(
    told: Mapping[str, Any], names: Mapping[str, str] = NOBODY, *, err: bool = False
) -> None:
    """What a person is asked to approve, with everything its evidence covers; `err`: on stderr."""

    def line(text: str = "") -> None:
        click.echo(output.one_line(text), err=err)

    agent, session = told["agent"], told["session"]
    line(f"{told['approval']}  {agent['agent']} asks for {told['action']} (risk {told['risk']})")
    line(
        f"     asked {output.moment(told['asked_at'])}, answer by {output.moment(told['answer_by'])}"
    )
    _facts(told["facts"], line)
    line()
    line("what the rules say")
    for found in told["findings"]:
        line(f"  {found['policy']}/{found['rule']} ({_words(found['effect'])})  {found['title']}")
        if found["because"]:
            line(f"    {found['because']}")
        if found["unknown"]:
            line(f"    cannot be told: {', '.join(found['unknown'])}")
    for clause in told["clauses"]:
        _clause(clause, line)
    line()
    line("who asks")
    owner, deputy = (names.get(agent[role], agent[role] or "–") for role in ("owner", "deputy"))
    line(f"  team {agent['team']}, owner {owner}, deputy {deputy}")
    line(f"  autonomy {agent['autonomy']}, class {agent['class']}: {agent['purpose'] or 'erased'}")
    labels = ", ".join(session["labels"]) or "none"
    line(f"  session {session['session']}, opened by {session['opened_by']}, labels {labels}")
    line(
        f"  claimed confidence {told['confidence'] or 'none'}, refused before: {told['refused_before']}"
    )
    if told["note"]:
        line(f"  says: {told['note']}")
    _totals(told["totals"], line)
    line()
    for name in ("if_granted", "if_refused"):
        line(f"{name.replace('_', ' ')}: {told[name]}")
    missing = ", ".join(f"{seat['count']} {_words(seat['role'])}" for seat in told["missing"])
    line(f"state {told['state']}, missing {missing or 'nobody'}")
    if told.get("may_not"):
        line(f"you may not answer: {told['may_not']}")
    line(f"evidence {told['evidence']}")


def decision(told: Mapping[str, Any], names: Mapping[str, str] = NOBODY) -> None:
    """A recorded decision: why, what was asked, and what became of it."""
    tell(told)

    def line(text: str = "") -> None:
        click.echo(output.one_line(text))

    line()
    line(
        f"decision {told['decision']}, {output.moment(told['at'])}: {told['agent']}, {told['action']}"
    )
    _facts(told["facts"], line)
    line(
        f"  effect {told['effect']}, risk {told['risk']}, autonomy {told['autonomy']}, session {told['session']}"
    )
    line(f"  release {told['release']}")
    line(f"  action  {told['digest']}")
    line()
    line("what happened")
    for step in told["story"]:
        said = f"  {step['text']}" if step["text"] else ""
        who = names.get(step["by"]["id"], step["by"]["id"])
        line(f"{step['index']:>8}  {output.moment(step['at'])}  {step['kind']:<18} {who}{said}")
    _reviews(told["reviews"] or {}, names, line)


def _reviews(
    told: Mapping[str, Any], names: Mapping[str, str], line: Callable[[str], None]
) -> None:
    """What people said of it afterwards, unless the reader has still to say it."""
    if told.get("given"):
        line("")
        line(f"reviewed by {told['given']}{'; they disagree' if told['disputed'] else ''}")
    if told.get("hidden"):
        line("  what they said is shown once you have reviewed it yourself")
    for each in told.get("reviews", ()):
        said = each["verdict"].replace("_", " ")
        said += f", should be {each['should_be']}" if each["should_be"] else ""
        who = names.get(each["person"], each["person"])
        line(
            f"{each['review']:>8}  {output.moment(each['at'])}  {said:<18} {who}  {each['reason']}"
        )


def _facts(facts: Sequence[Mapping[str, Any]], line: Callable[[str], None]) -> None:
    width = max((len(output.one_line(fact["field"])) for fact in facts), default=0)
    for fact in facts:
        value = fact.get("value")
        shown = fact.get("spoiled") or ("erased" if value is None else _value(fact))
        who = "only claimed" if fact.get("claimed") else "in the action"
        line(f"  {output.one_line(fact['field']):<{width}}  {shown}  ({who})")


def _clause(clause: Mapping[str, Any], line: Callable[[str], None]) -> None:
    seats = ", ".join(f"{seat['count']} {_words(seat['role'])}" for seat in clause["needs"])
    hours = Decimal(clause["answer_within"]) / 3_600_000_000
    line(f"  {clause['rule']} needs {seats} within {hours.normalize():f} hours")
    if clause["not_by"]:
        line(f"    not by {', '.join(clause['not_by'])}")
    for point in clause["checklist"]:
        line(f"    [ ] {point}")


def _words(role: str) -> str:
    return role.replace("_", " ")


def _value(fact: Mapping[str, Any]) -> object:
    """A value as people say it: a length of time in its units, everything else as it is."""
    value = fact["value"]
    if fact.get("type") == "duration" and isinstance(value, str) and _SECONDS(value):
        return words.duration(timedelta(seconds=int(value[:-1])))
    return value


def _totals(totals: Sequence[Sequence[Any]], line: Callable[[str], None]) -> None:
    """What limits have counted so far and is not zero, and which earlier actions rules look for."""
    counted = [row for row in totals if row[4] and not row[0].startswith("did:")]
    if counted:
        line("  counted so far")
    for series, key, _, total, count, mixed in counted:
        about = series.removeprefix("limit:").rpartition(":")[0] or series
        about = "an earlier action that a rule looks for" if series.startswith("done:") else about
        named = ", ".join(part for part in _parts(key) if not _PSEUDONYM(part))
        sums = "" if total in ("0", str(count)) else f", {total} in all"
        times = "once" if count == 1 else f"{count} times"
        unclear = ", more than one unit" if mixed else ""
        line(f"    {about}{f' ({named})' if named else ''}: {times}{sums}{unclear}")


def _parts(key: str) -> list[str]:
    try:
        found = json.loads(key)
    except ValueError:
        return [key]
    return (
        [str(each) for each in found if each not in (None, "?")] if type(found) is list else [key]
    )
