"""`governance policy proposals`, `proposal`, `history`: what waits, what was found, what was in force."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

from governance.cli import output
from governance.cli.frame import Frame, command
from governance.cli.policy.group import policy
from governance.cli.policy.proposed_words import changes_of, text_lines, text_of
from governance.cli.policy.proposed_words import lines as lines_of_changes
from governance.cli.telling import names_of, with_names
from governance.service import accepting, carrying

_SHOWN = 20


@command(policy, "proposals", example="governance policy proposals")
def proposals(frame: Frame) -> None:
    """Proposals of releases, newest first: who made them, and how they stand."""
    with frame.api() as api:
        found = api.get("/v1/policies/proposals")
        if frame.json:
            return output.document(found)
        names = names_of(api)
    columns = {"proposal": "proposal", "state": "state", "at": "made", "proposed_by": "by"}
    columns |= {"origin": "from", "looser": "looser"}
    columns |= {"given_up": "no longer asked for", "note": "note"}
    rows = [with_names(row, names, "proposed_by") for row in found["proposals"]]
    output.table(columns, rows, "Nobody has proposed a release.")
    return None


@command(policy, "proposal", example="governance policy proposal 1204")
@click.argument("number", type=int)
@click.option("--full", is_flag=True, help="Every change in words, beside what is said now.")
@click.option("--file", "path", help="The text of this file instead, its changed lines marked.")
def proposal(frame: Frame, number: int, full: bool, path: str | None) -> None:
    """One proposal with everything that was found out about it: looser answers first, then what its
    files say differently.

    The whole of it as a book: governance policy words --proposal NUMBER --pdf FILE.
    """
    with frame.api() as api:
        if path is not None:
            text = text_of(api, number, path)
            return output.document(text) if frame.json else _say(text_lines(text))
        found = api.get(f"/v1/policies/proposals/{number}")
        changes = changes_of(api, number)
        if frame.json:
            return output.document({**found, "changes": changes} if full else found)
        tell(found, names_of(api), lines_of_changes(changes, full=full))
    if not full:
        output.say(f"In words: governance policy proposal {number} --full")
    return None


def _say(said: Iterable[str], *, err: bool = False) -> None:
    for line in said:
        click.echo(output.inert(line), err=err)


@command(policy, "shares", example="governance policy shares")
def shares(frame: Frame) -> None:
    """Policies that replace others for a share: what was counted, and whether they stopped."""
    with frame.api() as api:
        found = api.get("/v1/policies/shares")
    columns = {"policy": "policy", "replaces": "instead of", "share": "share", "state": "state"}
    columns |= {"decided": "decided", "denied": "denied", "held_back": "held back"}
    columns |= {"until": "until"}
    nothing = "No policy in force comes in by and by."
    output.listing(frame.output, found, columns, found["shares"], nothing)


@command(policy, "history", example="governance policy history")
def history(frame: Frame) -> None:
    """Releases that were in force, newest first: by whom, and on what ground."""
    with frame.api() as api:
        found = api.get("/v1/policies/releases")
        if frame.json:
            return output.document(found)
        names = names_of(api)
    columns = {"release": "release", "at": "since", "proposed_by": "proposed by"}
    columns |= {"signed_by": "signed by", "ground": "ground", "in_force": "in force"}
    rows = [
        {**with_names(row, names, "proposed_by", "signed_by"), "release": row["release"][:12]}
        for row in found["releases"]
    ]
    output.table(columns, rows, "No release was ever in force.")
    return None


def tell(
    found: Mapping[str, Any],
    names: Mapping[str, str],
    changes: Iterable[str],
    *,
    err: bool = False,
) -> None:
    """A proposal for a person who may sign it: `changes` are the lines of what its files say
    differently."""
    found = with_names(found, names, "proposed_by")
    head = ("proposal", "state", "release", "proposed_by", "at", "origin", "note", "evidence")
    output.facts({name: found[name] for name in head if found.get(name) is not None}, err=err)
    _say((f"NEWER LIST: {carrying.said(each)}" for each in found["newer_lists"]), err=err)
    _say(lines(found["attached"]), err=err)
    _say(changes, err=err)
    tell_warnings(found["warnings"], found["not_new"])


def tell_warnings(warnings: Sequence[str], not_new: Sequence[str]) -> None:
    """The warnings of a proposal; those that are said of what is in force, too, are only counted."""
    known = set(not_new)
    for warning in warnings:
        if warning not in known:
            output.say(f"warning: {warning}")
    if old := sum(warning in known for warning in warnings):
        more = f"{count(old, 'warning')} said of what is in force, too (-o json has them)"
        output.say(more)


def lines(attached: Mapping[str, Any]) -> list[str]:
    """What was found out, in sentences; what was not found out is said, too."""
    if not attached:
        return ["Nothing was found out about it: it was proposed under an older version."]
    out = []
    for name, document in attached.items():
        if not document["complete"] and "why" in document:
            out.append(f"{name}: NOT FOUND OUT: {document['why']}")
        else:
            out += _LINES[name](document)
    return out


def _check(found: Mapping[str, Any]) -> list[str]:
    count = len(found["warnings"]) + found["more"]
    told = [f"check: no error, {count} warning{'' if count == 1 else 's'}"]
    told += [
        f"  {each['path']}:{each['line']}: {each['message']}" for each in found["warnings"][:_SHOWN]
    ]
    return told


def _cases(found: Mapping[str, Any]) -> list[str]:
    told = [f"cases: {found['held']} of {found['ran']} hold"]
    known = found.get("failed_before", ())
    return told + [f"  {each}" for each in failed_before(known)]


def failed_before(known: Sequence[Mapping[str, Any]]) -> list[str]:
    """Cases of released files that fail and stop nothing, in lines."""
    if not known:
        return []
    fail = f"{count(len(known), 'case')} of what was released before {'fails' if len(known) == 1 else 'fail'}"
    lines = [f"{each['path']}:{each['line']}: {each['message']}" for each in known[:_SHOWN]]
    return [
        f"{fail}; nothing in this change broke that. Put it right in a release of its own:",
        *lines,
    ]


def count(number: float, what: str) -> str:
    """`1 case`, `2 cases`, `0.5 days`."""
    said = f"{number:g}" if isinstance(number, float) else number
    return f"{said} {what}{'' if number == 1 else 's'}"


def _proofs(found: Mapping[str, Any]) -> list[str]:
    gone = [f"  NO LONGER ASKED FOR: {name}" for name in found["given_up"]]
    if not found["proofs"]:
        return ["proofs: no invariants are written", *gone]
    told = [f"proofs: {found['proved']} of {len(found['proofs'])} proved"]
    for each in found["proofs"]:
        why = f" ({each['why']})" if each["why"] else ""
        told.append(f"  {each['result'].upper()}: {each['name']} {each['title']}{why}")
    return told + gone


def _diff(found: Mapping[str, Any]) -> list[str]:
    if found["against"] is None:
        return ["diff: nothing is in force to compare it with"]
    told = []
    for each in accepting.shown(found, _SHOWN):
        witness = ", ".join(f"{name} {value}" for name, value in each["witness"].items())
        how = "LOOSER" if each["looser"] else "stricter"
        change = f"{each['before']} -> {each['after']}"
        note = each["note"] or f"{each['was']} -> {each['by']}"
        such = f", such as {witness}" if witness else ""
        told.append(f"  {how}: {each['action']}: {change} ({note}){such}")
    told += [f"  … {line}" for line in accepting.left_out(found, _SHOWN)]
    told += [f"  not searched to the end: {name}: {why}" for name, why in found["open"].items()]
    return [f"diff: {_OUTCOMES[found['outcome']]}", *told]


_OUTCOMES = {
    "same": "the same answers, proved",
    "looser": "looser",
    "tighter": "stricter only, proved",
    "changed": "looser here, stricter there",
    "incomplete": "not proved to be the same: there may be more",
}


def _backtest(found: Mapping[str, Any]) -> list[str]:
    said = ", ".join(f"{count} × {change}" for change, count in found["by_change"].items())
    told = [
        f"backtest: {found['changes']} of {found['reperformed']} decisions of "
        f"{count(found['days'], 'day')} would change{f' ({said})' if said else ''}; {found['not_reperformed']} cannot be told"
    ]
    if not found["complete"]:
        told.append(f"  not all of the log was tried: {found['entries']} entries in time")
    return told


def _approvals(found: Mapping[str, Any]) -> list[str]:
    per_day = found["per_day"]
    told = [f"approvals: {per_day['added']:+g} a day ({per_day['was']:g} so far)"]
    return told + [
        f"  {role['role']}: {role['minutes_per_day']:+g} minutes a day, shared by "
        f"{role['holders']} {'person' if role['holders'] == 1 else 'people'}"
        for role in found["roles"]
    ]


_LINES = {
    "check": _check,
    "cases": _cases,
    "proofs": _proofs,
    "diff": _diff,
    "backtest": _backtest,
    "approvals": _approvals,
}
