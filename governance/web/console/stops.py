"""Stops: raise one from any page, see those in force, lift one with a second person.

Law: raising takes one person and one form; lifting takes two. The form comes with the agent
chosen when it was reached from that agent's row, and with nothing chosen otherwise.
"""

from __future__ import annotations

from typing import cast

from flask import Blueprint, Response, g, make_response, redirect, request

from governance.web.console.forms import LONGEST_REASON, SHORTEST_REASON, Read
from governance.web.console.front import Front, Scope
from governance.web.console.guard import Guard
from governance.web.console.pages import Pages

SCOPES = ("agent", "team", "session", "action", "everything")
SHORTEST_STOP_REASON = 3


def add(mounted: Blueprint, guard: Guard, front: Front, pages: Pages) -> None:
    """Add the routes of this module."""
    _add_raising(mounted, guard, front, pages)
    _add_lifting(mounted, guard, front, pages)


def _add_raising(mounted: Blueprint, guard: Guard, front: Front, pages: Pages) -> None:
    def form(status: int, read: Read) -> Response:
        return pages.render(
            "stop_new.html",
            status,
            place="stops",
            read=read,
            choices=front.choices(g.visit.person),
            longest=LONGEST_REASON,
        )

    @mounted.get("/stops/new")
    @guard.signed_in
    def new_stop() -> Response:
        read = Read()
        for scope in ("agent", "team", "session", "action"):
            chosen = request.args.get(scope, "")[:200]
            if chosen:
                read.values.update({"scope": scope, scope: chosen})
                break
        return form(200, read)

    @mounted.post("/stops/new")
    @guard.signed_in
    def raise_stop() -> Response:
        read = Read()
        scope = read.choice("scope", SCOPES, "Choose what to stop.")
        chosen = {name: read.text(name) for name in SCOPES[:-1]}.get(scope, "")
        reason = read.reason(SHORTEST_STOP_REASON, "one line is enough.")
        if scope in SCOPES[:-1] and not chosen:
            read.wrong[scope] = f"Say which {scope}."
        if scope == "session" and chosen and not (chosen.isascii() and chosen.isdigit()):
            read.wrong[scope] = "A session is a number, for instance 17."
        if read.wrong:
            return form(400, read)
        index = front.raise_stop(g.visit.person, cast(Scope, scope), chosen, reason=reason)
        return make_response(redirect(f"/stops/{index}", 303))


def _add_lifting(mounted: Blueprint, guard: Guard, front: Front, pages: Pages) -> None:
    @mounted.get("/stops")
    @guard.signed_in
    def stops() -> Response:
        return pages.render("stops.html", place="stops", rows=front.stops(g.visit.person))

    def show(index: int, status: int, read: Read) -> Response:
        return pages.render(
            "stop.html",
            status,
            place="stops",
            view=front.stop(g.visit.person, index),
            read=read,
            shortest=SHORTEST_REASON,
            longest=LONGEST_REASON,
        )

    @mounted.get("/stops/<int:index>")
    @guard.signed_in
    def stop(index: int) -> Response:
        return show(index, 200, Read())

    @mounted.post("/stops/<int:index>/lift")
    @guard.signed_in
    def lift(index: int) -> Response:
        read = Read()
        reason = read.reason(what="what makes it safe again?")
        if read.wrong:
            return show(index, 400, read)
        front.lift(g.visit.person, index, reason=reason)
        return make_response(redirect("/stops", 303))
