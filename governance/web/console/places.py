"""What needs me now, agents and what waits about one, the log's head, an anchor that contradicts it.

Law: a page that shows a record shows its number; a page that shows nothing says why.
"""

from __future__ import annotations

from flask import Blueprint, Response, g, make_response, redirect

from governance.service.problem import Problem
from governance.web.console.forms import LONGEST_REASON, SHORTEST_REASON, Read, read_number
from governance.web.console.front import Front
from governance.web.console.guard import Guard
from governance.web.console.pages import Pages


def add(mounted: Blueprint, guard: Guard, front: Front, pages: Pages) -> None:
    """Add the routes of this module."""

    @mounted.get("/")
    @guard.signed_in
    def home() -> Response:
        return pages.render("home.html", place="now", view=front.home(g.visit.person))

    @mounted.get("/agents")
    @guard.signed_in
    def agents() -> Response:
        return pages.render("agents.html", place="agents", rows=front.agents(g.visit.person))

    @mounted.get("/agents/<name>")
    @guard.signed_in
    def agent_change(name: str) -> Response:
        view = front.agent_change(g.visit.person, name)
        return pages.render("agent_change.html", place="agents", view=view)

    @mounted.post("/agents/<name>/confirm")
    @guard.signed_in
    def confirm_agent(name: str) -> Response:
        entry = read_number(Read().text("entry", 20))
        if entry is None:
            raise Problem("bad-field", "the form does not say what was shown; open its page again")
        front.confirm_agent(g.visit.person, name, entry)
        return make_response(redirect("/agents", 303))

    @mounted.get("/log")
    @guard.signed_in
    def log() -> Response:
        return pages.render("log.html", place="log", head=front.head())

    def contradiction(name: str, status: int, read: Read) -> Response:
        return pages.render(
            "contradiction.html",
            status,
            place="log",
            view=front.contradiction(g.visit.person, name),
            read=read,
            shortest=SHORTEST_REASON,
            longest=LONGEST_REASON,
        )

    @mounted.get("/log/anchors/<name>")
    @guard.signed_in
    def anchor(name: str) -> Response:
        return contradiction(name, 200, Read())

    @mounted.post("/log/anchors/<name>/settle")
    @guard.signed_in
    def settle(name: str) -> Response:
        read = Read()
        reason = read.reason(what="which of the two heads is right, and how do you know?")
        seen = read_number(read.text("entry", 20))
        if seen is None:
            raise Problem("bad-field", "the form does not say what was shown; open its page again")
        if read.wrong:
            return contradiction(name, 400, read)
        front.settle(g.visit.person, name, reason=reason, seen=seen)
        return make_response(redirect("/log", 303))
