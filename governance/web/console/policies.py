"""Policies: what is in force, what waits for a signature, and the way back.

Law: a signature is given on the page that shows what was found out, looser answers first, and names
that page's digest; what opens something is accepted with a tick that says exactly what.
"""

from __future__ import annotations

from flask import Blueprint, Response, g, make_response, redirect, request

from governance.web.console.forms import LONGEST_REASON, Read, read_number
from governance.web.console.front import Front
from governance.web.console.guard import Guard
from governance.web.console.pages import Pages

HOME = "/policies"


def add(mounted: Blueprint, guard: Guard, front: Front, pages: Pages) -> None:
    """Add the routes of this module."""
    _add_reading(mounted, guard, front, pages)
    _add_proposals(mounted, guard, front, pages)
    _add_files(mounted, guard, front, pages)
    _add_going_back(mounted, guard, front, pages)


def _add_reading(mounted: Blueprint, guard: Guard, front: Front, pages: Pages) -> None:
    @mounted.get("/policies")
    @guard.signed_in
    def policies() -> Response:
        view = front.policies(g.visit.person)
        return pages.render("policies.html", place="policies", view=view)

    @mounted.get("/policies/policies.pdf")
    @guard.signed_in
    def book() -> Response:
        return pages.download(front.book(g.visit.person), "application/pdf", "policies.pdf")

    @mounted.get("/policies/learned")
    @guard.signed_in
    def learned() -> Response:
        view = front.learned(g.visit.person)
        return pages.render("learned.html", place="policies", view=view)

    @mounted.post("/policies/learned")
    @guard.signed_in
    def learn() -> Response:
        front.learn(g.visit.person)
        return make_response(redirect("/policies/learned", 303))

    @mounted.get("/policies/in-force/<name>")
    @guard.signed_in
    def policy(name: str) -> Response:
        view = front.policy(g.visit.person, name[:200])
        return pages.render("policy.html", place="policies", view=view)


def _add_proposals(mounted: Blueprint, guard: Guard, front: Front, pages: Pages) -> None:
    def show(index: int, status: int, read: Read) -> Response:
        return pages.render(
            "proposal.html", status, place="policies", read=read, longest=LONGEST_REASON,
            view=front.proposal(g.visit.person, index),
        )  # fmt: skip

    @mounted.get("/policies/proposals/<int:index>")
    @guard.signed_in
    def proposal(index: int) -> Response:
        return show(index, 200, Read())

    @mounted.post("/policies/proposals/<int:index>/sign")
    @guard.signed_in
    def sign_proposal(index: int) -> Response:
        read = Read()
        evidence = read.text("evidence", 64)
        view = front.proposal(g.visit.person, index)
        if not view.open:  # a second click, or an older page: the page says how it ended
            return make_response(redirect(f"{HOME}/proposals/{index}", 303))
        ticked = read.ticks("accepts")
        for name, _ in view.accepts:
            if name not in ticked:
                read.wrong[name] = "Tick this, or refuse the proposal."
        if read.wrong:
            return show(index, 400, read)
        front.sign_policies(g.visit.person, index, evidence)
        return make_response(redirect(f"{HOME}/proposals/{index}", 303))

    @mounted.post("/policies/proposals/<int:index>/refuse")
    @guard.signed_in
    def refuse_proposal(index: int) -> Response:
        return end(index, "refuse")

    @mounted.post("/policies/proposals/<int:index>/withdraw")
    @guard.signed_in
    def withdraw_proposal(index: int) -> Response:
        return end(index, "withdraw")

    def end(index: int, act: str) -> Response:
        read = Read()
        read.values["act"] = act
        reason = read.reason(what="what should be different?")
        if read.wrong:
            return show(index, 400, read)
        front.end_proposal(g.visit.person, index, withdraw=act == "withdraw", reason=reason)
        return make_response(redirect(f"{HOME}/proposals/{index}", 303))


def _add_files(mounted: Blueprint, guard: Guard, front: Front, pages: Pages) -> None:
    @mounted.get("/policies/proposals/<int:index>/policies.pdf")
    @guard.signed_in
    def proposed_book(index: int) -> Response:
        book = front.proposed_book(g.visit.person, index)
        return pages.download(book, "application/pdf", f"proposal-{index}.pdf")

    @mounted.get("/policies/proposals/<int:index>/files/<path:name>")
    @guard.signed_in
    def proposed_text(index: int, name: str) -> Response:
        first = read_number(request.args.get("from", "0")) or 0
        view = front.proposed_text(g.visit.person, index, name[:300], first)
        return pages.render("proposal_file.html", place="policies", view=view)


def _add_going_back(mounted: Blueprint, guard: Guard, front: Front, pages: Pages) -> None:
    def show(release: str, status: int, read: Read) -> Response:
        return pages.render(
            "way_back.html", status, place="policies", read=read, longest=LONGEST_REASON,
            view=front.way_back(g.visit.person, release[:64]),
        )  # fmt: skip

    @mounted.get("/policies/back/<release>")
    @guard.signed_in
    def way_back(release: str) -> Response:
        return show(release, 200, Read())

    @mounted.post("/policies/back/<release>")
    @guard.signed_in
    def go_back(release: str) -> Response:
        read = Read()
        reason = read.reason(what="what is wrong with the release in force?")
        if read.wrong:
            return show(release, 400, read)
        index = front.go_back(g.visit.person, release[:64], reason=reason)
        return make_response(redirect(f"{HOME}/proposals/{index}", 303))
