"""Pages that only show: what needs me now, agents, the log's head.

Law: a page that shows a record shows its number; a page that shows nothing says why.
"""

from __future__ import annotations

from flask import Blueprint, Response, g

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

    @mounted.get("/log")
    @guard.signed_in
    def log() -> Response:
        return pages.render("log.html", place="log", head=front.head())
