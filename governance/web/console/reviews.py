"""To review: decisions that were drawn to be looked at, and saying what one thinks of one.

Law: a review is one choice and a reason; drawing is one form, and what is drawn cannot be chosen.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, g, make_response, redirect

from governance.oversight.reviews import MOST
from governance.service.reviews import COUNT, DAYS
from governance.web.console.forms import Read, read_number
from governance.web.console.front import Front
from governance.web.console.guard import Guard
from governance.web.console.pages import Pages
from governance.web.console.review_views import choices

LONGEST_AGO = 3_650
VERDICTS = tuple(
    dict.fromkeys(
        value for effect in ("allow", "require_approval", "deny") for value, _ in choices(effect)
    )
)


def add(
    mounted: Blueprint,
    guard: Guard,
    front: Front,
    pages: Pages,
    decision: Callable[[int, int, Read], Response],
) -> None:
    """Add the routes of this module; `decision` gives a decision's own page."""

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

    @mounted.post("/decisions/<int:index>/review")
    @guard.signed_in
    def review(index: int) -> Response:
        read = Read()
        chosen = read.choice("verdict", VERDICTS, "Choose what you think of it.")
        reason = read.reason(what="why do you think so?")
        if read.wrong:
            read.values["act"] = "review"
            return decision(index, 400, read)
        verdict, _, should_be = chosen.partition(" ")
        front.review(g.visit.person, index, verdict=verdict, should_be=should_be, reason=reason)
        return make_response(redirect(f"/decisions/{index}", 303))
