"""Decisions: the list, one explained, and what a person can do about one afterwards.

Law: a decision is shown with what was seen when it was taken, never with what is true today.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from flask import Blueprint, Response, g, make_response, redirect, request

from audit.proof import SUFFIX
from governance.service.problem import Problem
from governance.web.console.decision_views import DecisionFilter
from governance.web.console.forms import (
    LONGEST_REASON,
    SHORTEST_REASON,
    Read,
    read_day,
    read_number,
)
from governance.web.console.front import Front, Undone
from governance.web.console.guard import Guard
from governance.web.console.pages import Pages
from governance.web.console.review_views import choices
from governance.web.console.saying import sentence

EFFECTS = ("allow", "require_approval", "deny")
LONGEST_SUPPOSED = 2_000
UNDONE = ("undone", "compensated", "failed")
VERDICTS = tuple(dict.fromkeys(value for effect in EFFECTS for value, _ in choices(effect)))

Show = Callable[[int, int, Read], Response]


def add(mounted: Blueprint, guard: Guard, front: Front, pages: Pages) -> None:
    """Add the routes of this module."""

    @mounted.get("/decisions")
    @guard.signed_in
    def decisions() -> Response:
        wanted = wanted_decisions()
        page = front.decisions(g.visit.person, wanted)
        return pages.render("decisions.html", place="decisions", page=page, wanted=wanted)

    def show(index: int, status: int, read: Read) -> Response:
        return pages.render(
            "decision.html",
            status,
            place="decisions",
            view=front.decision(g.visit.person, index),
            read=read,
            shortest=SHORTEST_REASON,
            longest=LONGEST_REASON,
        )

    @mounted.get("/decisions/<int:index>")
    @guard.signed_in
    def decision(index: int) -> Response:
        return show(index, 200, Read())

    @mounted.get("/decisions/<int:index>/proof")
    @guard.signed_in
    def proof(index: int) -> Response:
        text = front.proof(g.visit.person, index)
        return pages.download(text, "text/plain", f"decision-{index}{SUFFIX}")

    _add_what_if(mounted, guard, front, pages, show)
    _add_afterwards(mounted, guard, front, show)


def _add_afterwards(mounted: Blueprint, guard: Guard, front: Front, show: Show) -> None:
    """What a person can do about a decision; `show` gives its page."""

    @mounted.post("/decisions/<int:index>/override")
    @guard.signed_in
    def override(index: int) -> Response:
        read = Read()
        reason = read.reason(what="why may this pass once?")
        lifts = tuple(dict.fromkeys(request.form.getlist("lift")))
        if not lifts:
            read.wrong["lift"] = "Tick each rule that you lift."
        digest = read.text("digest")
        if read.wrong:
            read.values["act"] = "override"
            return show(index, 400, read)
        front.override(g.visit.person, index, reason=reason, lifts=lifts, digest=digest)
        return make_response(redirect(f"/decisions/{index}", 303))

    @mounted.post("/decisions/<int:index>/reverse")
    @guard.signed_in
    def reverse(index: int) -> Response:
        read = Read()
        outcome = read.choice("outcome", UNDONE, "Say what came of it.")
        reason = read.reason(what="why was it taken back?")
        if read.wrong:
            read.values["act"] = "reverse"
            return show(index, 400, read)
        front.reverse(g.visit.person, index, reason=reason, outcome=cast(Undone, outcome))
        return make_response(redirect(f"/decisions/{index}", 303))

    @mounted.post("/decisions/<int:index>/disregard")
    @guard.signed_in
    def disregard(index: int) -> Response:
        read = Read()
        reason = read.reason(what="why should nobody rely on it?")
        if read.wrong:
            read.values["act"] = "disregard"
            return show(index, 400, read)
        front.disregard(g.visit.person, index, reason=reason)
        return make_response(redirect(f"/decisions/{index}", 303))

    @mounted.post("/decisions/<int:index>/review")
    @guard.signed_in
    def review(index: int) -> Response:
        read = Read()
        chosen = read.choice("verdict", VERDICTS, "Choose what you think of it.")
        reason = read.reason(what="why do you think so?")
        if read.wrong:
            read.values["act"] = "review"
            return show(index, 400, read)
        verdict, _, should_be = chosen.partition(" ")
        front.review(g.visit.person, index, verdict=verdict, should_be=should_be, reason=reason)
        return make_response(redirect(f"/decisions/{index}", 303))


def _add_what_if(
    mounted: Blueprint,
    guard: Guard,
    front: Front,
    pages: Pages,
    show: Show,
) -> None:
    """Trying a decision with something else; `show` gives the decision's own page."""

    @mounted.post("/decisions/<int:index>/what-if")
    @guard.signed_in
    def what_if(index: int) -> Response:
        read = Read()
        given = supposed(read)
        if not read.wrong:
            try:
                view = front.what_if(g.visit.person, index, given)
                return pages.render("what_if.html", place="decisions", view=view, read=read)
            except Problem as problem:
                if problem.type != "bad-field":
                    raise
                read.wrong["given"] = sentence(problem.detail)
        read.values["act"] = "what-if"
        return show(index, 400, read)


def supposed(read: Read) -> dict[str, str]:
    """What would be different, a line each: `args.amount = 400 EUR`."""
    given: dict[str, str] = {}
    for line in filter(None, map(str.strip, read.text("given", LONGEST_SUPPOSED).split("\n"))):
        name, equals, text = line.partition("=")
        if not equals or not name.strip():
            read.wrong["given"] = f"“{line[:80]}” is not of the form: name = value."
        given[name.strip()] = text.strip()
    if not given and not read.wrong:
        read.wrong["given"] = "Write at least one line, such as: args.amount = 400 EUR."
    return given


def wanted_decisions() -> DecisionFilter:
    """The filter in the address; what does not fit is left out rather than refused."""
    effect = request.args.get("effect", "")
    return DecisionFilter(
        agent=request.args.get("agent", "")[:200],
        effect=effect if effect in EFFECTS else "",
        day=read_day(request.args.get("day", "")),
        before=read_number(request.args.get("before", "")),
    )
