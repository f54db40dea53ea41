"""To review: decisions that were drawn to be looked at.

Law: drawing is one form, and what is drawn cannot be chosen.
"""

from __future__ import annotations

from flask import Blueprint, Response, g, make_response, redirect

from governance.oversight.reviews import MOST
from governance.service.reviews import COUNT, DAYS
from governance.web.console.forms import Read, read_number
from governance.web.console.front import Front
from governance.web.console.guard import Guard
from governance.web.console.pages import Pages

LONGEST_AGO = 3_650


def add(mounted: Blueprint, guard: Guard, front: Front, pages: Pages) -> None:
    """Add the routes of this module."""

    def show(status: int, read: Read) -> Response:
        return pages.render(
            "reviews.html",
            status,
            place="reviews",
            view=front.sample(g.visit.person),
            read=read,
            most={"count": MOST, "days": LONGEST_AGO},
            usual={"count": COUNT, "days": DAYS},
        )

    @mounted.get("/reviews")
    @guard.signed_in
    def to_review() -> Response:
        return show(200, Read())

    @mounted.post("/reviews")
    @guard.signed_in
    def draw() -> Response:
        read, wanted = Read(), {}
        for name, most in (("count", MOST), ("days", LONGEST_AGO)):
            wanted[name] = read_number(read.text(name)) or 0
            if not 1 <= wanted[name] <= most:
                read.wrong[name] = f"A number from 1 to {most}."
        if read.wrong:
            return show(400, read)
        front.draw(g.visit.person, **wanted)
        return make_response(redirect("/reviews", 303))
