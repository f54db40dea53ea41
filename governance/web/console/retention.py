"""Retention: how long entries are kept, legal holds, and cuts.

Law: a form says what its button does and how many people it takes; nothing is given up from the
overview, only from the page that shows what would go.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, g, make_response, redirect

from governance.oversight import retention as classes
from governance.web.console.forms import LONGEST_REASON, SHORTEST_REASON, Read
from governance.web.console.front import Front
from governance.web.console.guard import Guard
from governance.web.console.pages import Pages

SCOPES = ("decision", "agent", "subject", "range")
HOME = "/retention"


def add(mounted: Blueprint, guard: Guard, front: Front, pages: Pages) -> None:
    """Add the routes of this module."""
    _add_rules(mounted, guard, front, pages)
    _add_holds(mounted, guard, front, pages)
    _add_cuts(mounted, guard, front, pages)


def _home() -> Response:
    return make_response(redirect(HOME, 303))


def _add_rules(mounted: Blueprint, guard: Guard, front: Front, pages: Pages) -> None:
    @mounted.get("/retention")
    @guard.signed_in
    def retention() -> Response:
        view = front.retention(g.visit.person)
        return pages.render("retention.html", place="retention", view=view)

    def form(status: int, read: Read) -> Response:
        view = front.retention(g.visit.person)
        return pages.render(
            "retention_rules.html", status, place="retention", view=view, read=read,
            longest=LONGEST_REASON, floor=classes.FLOOR_DAYS,
        )  # fmt: skip

    @mounted.get("/retention/rules")
    @guard.signed_in
    def rules() -> Response:
        return form(200, Read())

    @mounted.post("/retention/rules")
    @guard.signed_in
    def set_rules() -> Response:
        read = Read()
        wanted = {name: _days(read, name) for name in classes.CLASSES}
        law = read.text("duty_law", 200)
        days = _days(read, "duty_days")
        if bool(law) != bool(days):
            read.wrong["duty_law"] = "Name the law and its days, or neither."
        reason = read.reason(what="why are these the right times?")
        if read.wrong:
            return form(400, read)
        duty: dict[str, Any] | None = {"law": law, "days": days} if law else None
        schedule = "schedule" in read.ticks("schedule")
        front.set_retention(
            g.visit.person, classes=wanted, duty=duty, schedule=schedule, reason=reason
        )
        return _home()

    @mounted.post("/retention/rules/<int:index>/confirm")
    @guard.signed_in
    def confirm(index: int) -> Response:
        front.confirm_retention(g.visit.person, index)
        return _home()


def _days(read: Read, name: str) -> int | None:
    """A number of days, or None for an empty field: for ever."""
    typed = read.text(name, 8)
    if not typed:
        return None
    if not (typed.isascii() and typed.isdigit()):
        read.wrong[name] = "Write a number of days, or leave it empty: for ever."
        return None
    return int(typed)


def _add_holds(mounted: Blueprint, guard: Guard, front: Front, pages: Pages) -> None:
    def form(status: int, read: Read) -> Response:
        return pages.render(
            "hold_new.html", status, place="retention", read=read, longest=LONGEST_REASON,
            may=front.retention(g.visit.person).may,
        )  # fmt: skip

    @mounted.get("/retention/holds/new")
    @guard.signed_in
    def new_hold() -> Response:
        return form(200, Read())

    @mounted.post("/retention/holds/new")
    @guard.signed_in
    def place_hold() -> Response:
        read = Read()
        scope = read.choice("scope", SCOPES, "Choose what to hold.")
        named = {name: read.text(name, 300) for name in ("decision", "agent", "subject", "kind")}
        bounds = {name: _days(read, name) for name in ("first", "last")}
        reason = read.reason(what="which claim or case is it?")
        if scope == "range" and None in bounds.values():
            read.wrong["first"] = "A range has a first and a last entry."
        if scope in ("decision", "agent", "subject") and not named[scope]:
            read.wrong[scope] = f"Say which {scope}."
        if read.wrong:
            return form(400, read)
        front.place_hold(
            g.visit.person,
            scope=scope,
            name=named.get(scope) or None,
            kind=named["kind"] or None if scope == "subject" else None,
            first=bounds["first"] if scope == "range" else None,
            last=bounds["last"] if scope == "range" else None,
            reason=reason,
        )
        return _home()

    def show(index: int, status: int, read: Read) -> Response:
        return pages.render(
            "hold.html", status, place="retention", view=front.hold(g.visit.person, index),
            read=read, shortest=SHORTEST_REASON, longest=LONGEST_REASON,
        )  # fmt: skip

    @mounted.get("/retention/holds/<int(signed=True):index>")
    @guard.signed_in
    def hold(index: int) -> Response:
        return show(index, 200, Read())

    @mounted.post("/retention/holds/<int(signed=True):index>/release")
    @guard.signed_in
    def release(index: int) -> Response:
        read = Read()
        reason = read.reason(what="why is it over?")
        if read.wrong:
            return show(index, 400, read)
        front.release_hold(g.visit.person, index, reason=reason)
        return _home()


def _add_cuts(mounted: Blueprint, guard: Guard, front: Front, pages: Pages) -> None:
    def show(status: int, read: Read) -> Response:
        return pages.render(
            "cut.html", status, place="retention", view=front.cut(g.visit.person), read=read,
            shortest=SHORTEST_REASON, longest=LONGEST_REASON,
        )  # fmt: skip

    @mounted.get("/retention/cut")
    @guard.signed_in
    def cut() -> Response:
        return show(200, Read())

    @mounted.post("/retention/cut")
    @guard.signed_in
    def prune() -> Response:
        read = Read()
        minimum = _days(read, "minimum")
        reason = read.reason(what="what did you compare the plan with?")
        if read.wrong or minimum is None:
            return show(400, read)
        front.prune(g.visit.person, minimum, reason=reason)
        return _home()
