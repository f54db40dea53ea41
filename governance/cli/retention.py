"""`governance retention`: how long the log is kept, what is held, and what may go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from governance.cli import output
from governance.cli.frame import Frame, command, named, require_yes
from governance.cli.telling import names_of, with_names
from governance.cli.transport import Failed

SCOPES = click.Choice(["decision", "agent", "subject", "range"])
FOR_EVER = "ever"


@click.group("retention")
def retention() -> None:
    """How long entries are kept: rules, legal holds, cuts."""


@command(retention, "show", example="governance retention show")
def show(frame: Frame) -> None:
    """Classes and their times, holds in force, the last cut, and what waits for a second person."""
    with frame.api() as api:
        found = api.get("/v1/retention")
        if frame.json:
            return output.document(found)
        names = names_of(api)
    rows = [{**each, "days": each["days"] or "for ever"} for each in found["classes"]]
    output.table({"name": "class", "days": "days", "holds": "what is in it"}, rows, "")
    _say(found, names)
    holds = [
        {
            **with_names(each, names, "placed_by", "release_asked_by"),
            "what": _what(each),
            "at": output.moment(each["at"]),
        }
        for each in found["holds"]
    ]
    columns = {"hold": "hold", "what": "keeps", "placed_by": "placed by", "at": "at"}
    columns |= {"release_asked_by": "release asked by"}
    return output.table(columns, holds, "No legal hold is in force.")


def _say(found: dict[str, Any], names: Mapping[str, str]) -> None:
    rules = found["rules"] or {"duty": None, "schedule": False}
    duty, cut = rules["duty"], found["cut"]
    if duty:
        output.say(f"`{duty['law']}` asks for {duty['days']} days of everything.")
    output.say(
        f"No class may be kept for less than {found['floor_days']} days (six months; AI Act, Articles "
        "19 and 26(6)); the law of your sector may ask for longer."
    )
    output.say(
        "A daily job cuts by these rules." if rules["schedule"] else "Each cut takes two people."
    )
    if cut:
        state = "" if cut["overwritten"] else "; its bytes are still being overwritten"
        output.say(
            f"The log keeps its entries from {cut['minimum']} on, since {cut['at'][:10]}{state}."
        )
    for what, until in found["copies_until"].items():
        if until:
            output.say(f"Backups of the {what} may hold what is gone until {until[:10]}.")
    if found["waiting"]:
        waiting = found["waiting"]
        output.say(
            f"Rules wait for a second person: {_rules(waiting, names)}. They run: governance retention "
            f"confirm {waiting['entry']}"
        )
    if found["asked"]:
        asked = with_names(found["asked"], names, "asked_by")
        output.say(
            f"{asked['asked_by']} asked to cut below {asked['minimum']}. Another person does it: "
            f"governance retention prune --minimum {asked['minimum']} --reason ..."
        )


def _rules(rules: dict[str, Any], names: Mapping[str, str]) -> str:
    """Proposed rules in a line, so that nobody confirms what they have not seen."""
    said = [
        f"{name} {f'{days} days' if days else 'for ever'}"
        for name, days in rules["classes"].items()
    ]
    if rules["duty"]:
        said.append(f"`{rules['duty']['law']}` asks for {rules['duty']['days']} days of everything")
    said.append("a daily job cuts" if rules["schedule"] else "each cut takes two people")
    people = ", ".join(names.get(each, each) for each in rules["decided_by"])
    return f"{', '.join(said)}" + (f" (proposed by {people})" if people else "")


def _what(hold: dict[str, Any]) -> str:
    if hold["scope"] == "range":
        return f"entries {hold['first']} to {hold['last']}"
    return f"{hold['scope']} {hold['id']}"


@command(
    retention,
    "set",
    example="governance retention set decisions=730 service=730 people=3650 --reason 'our rules'",
)
@click.argument("classes", metavar="[CLASS=DAYS]...", nargs=-1)
@click.option("--duty", help="A longer duty of your sector: LAW=DAYS, or `none`.")
@click.option("--schedule/--no-schedule", default=None, help="Let a daily job cut by the rules.")
@click.option("--reason", help="Why.")
def set_(
    frame: Frame,
    classes: tuple[str, ...],
    duty: str | None,
    schedule: bool | None,
    reason: str | None,
) -> None:
    """Say for how many days classes of entries are kept; `CLASS=ever` keeps one for ever.

    At least 184 days (six months; AI Act, Articles 19 and 26(6)); the law of your sector may ask for
    longer, which --duty names: then no class may be kept for less than that. A class without a time
    is kept for ever. Rules that keep less than before wait for a second person. Whatever is set,
    rules that still wait are dropped.
    """
    if not classes and duty is None and schedule is None:
        raise click.UsageError("say what changes: CLASS=DAYS, --duty, or --schedule")
    body: dict[str, Any] = {"classes": {name: _days(days) for name, days in named(classes).items()}}
    if duty is not None:
        body["duty"] = _duty(duty)
    if schedule is not None:
        body["schedule"] = schedule
    if reason is not None:
        body["reason"] = reason
    with frame.api() as api:
        made = api.call("POST", "/v1/retention", body)
    output.show(frame.output, made)
    if "dropped" in made:
        output.say(f"Rules {made['dropped']}, which waited for a second person, are dropped.")
    if made["state"] == "waits":
        output.say(f"Another person confirms: governance retention confirm {made['retention']}")


def _days(text: str) -> int | None:
    if text == FOR_EVER:
        return None
    if not (text.isascii() and text.isdecimal()):
        raise Failed(f"`{text}` is no number of days; write one such as 730, or `{FOR_EVER}`", 2)
    return int(text)


def _duty(text: str) -> dict[str, Any] | None:
    if text == "none":
        return None
    ((law, days),) = named((text,)).items()
    return {"law": law, "days": _days(days) or 0}


@command(retention, "confirm", example="governance retention confirm 812")
@click.argument("number", metavar="ENTRY", type=int)
def confirm(frame: Frame, number: int) -> None:
    """Put rules into force that another person set; they are shown first."""
    with frame.api() as api:
        waiting = api.get("/v1/retention")["waiting"]
        if waiting and waiting["entry"] == number:
            output.say(f"Rules {number}: {_rules(waiting, names_of(api))}.")
        output.show(frame.output, api.post(f"/v1/retention/{number}/confirm"))


@command(
    retention,
    "hold",
    example="governance retention hold subject C-4711 --kind customer --reason 'court case 7 O 12/26'",
)
@click.argument("scope", type=SCOPES)
@click.argument("scope_id", metavar="[WHAT]", required=False)
@click.option("--kind", help="What the catalogue calls the data subject (payee, customer, ...).")
@click.option("--first", type=int, help="First entry of a range.")
@click.option("--last", type=int, help="Last entry of a range.")
@click.option("--reason", required=True, help="Why.")
def hold(
    frame: Frame,
    scope: str,
    scope_id: str | None,
    kind: str | None,
    first: int | None,
    last: int | None,
    reason: str,
) -> None:
    """Place a legal hold: what it names, and what lies after it, is not cut; nobody in it is erased."""
    with frame.api() as api:
        made = api.post(
            "/v1/retention/holds",
            scope=scope,
            id=scope_id,
            subject_type=kind,
            first=first,
            last=last,
            reason=reason,
        )
    output.show(frame.output, made)


@command(retention, "release", example="governance retention release 90 --reason 'case closed'")
@click.argument("number", metavar="HOLD", type=int)
@click.option("--reason", required=True, help="Why.")
def release(frame: Frame, number: int, reason: str) -> None:
    """Ask to lift a legal hold; a second person's call lifts it."""
    with frame.api() as api:
        made = api.post("/v1/retention/releases", hold=number, reason=reason)
    output.show(frame.output, made)
    if made["state"] == "release_asked":
        output.say(f"Another person lifts it: governance retention release {number} --reason 'why'")


@command(retention, "plan", example="governance retention plan")
def plan(frame: Frame) -> None:
    """What a cut would take now, and what keeps the rest; changes nothing."""
    with frame.api() as api:
        found = api.get("/v1/retention/plan")
    if frame.json:
        return output.document(found)
    until = f" until {found['until'][:10]}" if found["until"] else ""
    if found["entries"]:
        last = found["last_at"][:10]
        output.say(
            f"Entries {found['current']} to {found['minimum'] - 1} may go, the last of {last}, and "
            f"{found['values']} values with them."
        )
    else:
        output.say("Nothing may go.")
    output.say(f"The first that stays is entry {found['first_kept']}: {found['why']}{until}.")
    covered = found["covered"]
    outside = ", ".join(covered["anchors"]) or "nobody outside (unanchored)"
    output.say(f"A head of {covered['size']} entries covers the cut, held by {outside}.")
    rows = [{"class": name, "entries": count} for name, count in found["counts"].items()]
    output.table({"class": "class", "entries": "would go"}, rows, "")
    columns = {"hold": "hold", "first": "first entry", "keeps": "keeps that were due"}
    return output.table(columns, found["holds"], "No legal hold keeps anything.")


@command(
    retention, "prune", example="governance retention prune --minimum 4096 --reason 'time is over'"
)
@click.option(
    "--minimum", type=int, help="Cut below this entry (a multiple of 256; else as planned)."
)
@click.option("--reason", required=True, help="Why.")
@click.option("--yes", is_flag=True, help="Do not ask again first.")
def prune(frame: Frame, minimum: int | None, reason: str, yes: bool) -> None:
    """Ask to give up entries whose time is over; a second person's call cuts. It cannot be undone.

    Proofs about them can still be made, and receipts stay valid; what they said is gone, in backups
    when those expire.
    """
    if not yes:
        require_yes("Give up the entries that the plan names, for ever?")
    with frame.api() as api:
        made = api.post("/v1/retention/cuts", minimum=minimum, reason=reason)
    output.show(frame.output, made)
    if made["state"] == "prune_asked":
        output.say(
            "Another person does it: governance retention prune "
            f"--minimum {made['minimum']} --reason ..."
        )
