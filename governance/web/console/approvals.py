"""Open approvals, one approval, and a person's answer to it.

Law: an answer is bound to what was shown. The form carries the digest of the action and of the
evidence on the page; the service refuses when either is no longer what it was. Grant and refuse
look the same, neither is chosen beforehand, and both need a reason.
"""

from __future__ import annotations

from typing import cast

from flask import Blueprint, Response, g, make_response, redirect, request

from governance.oversight.errors import Refused
from governance.web.console.forms import LONGEST_REASON, SHORTEST_REASON, Read, read_number
from governance.web.console.front import Answer, Front
from governance.web.console.guard import Guard
from governance.web.console.pages import Pages
from governance.web.console.saying import sentence


def add(mounted: Blueprint, guard: Guard, front: Front, pages: Pages) -> None:
    """Add the routes of this module."""
    _add_lists(mounted, guard, front, pages)
    _add_one(mounted, guard, front, pages)


def _add_lists(mounted: Blueprint, guard: Guard, front: Front, pages: Pages) -> None:
    @mounted.get("/approvals")
    @guard.signed_in
    def approvals() -> Response:
        rows = front.approvals(g.visit.person)
        return pages.render(
            "approvals.html",
            place="approvals",
            mine=tuple(row for row in rows if row.may.yes),
            others=tuple(row for row in rows if not row.may.yes),
        )

    @mounted.get("/approvals/closed")
    @guard.signed_in
    def closed() -> Response:
        before = read_number(request.args.get("before", ""))
        page = front.closed(g.visit.person, before)
        return pages.render("closed.html", place="approvals", page=page, before=before)


def _add_one(mounted: Blueprint, guard: Guard, front: Front, pages: Pages) -> None:
    def show(index: int, status: int, read: Read) -> Response:
        return pages.render(
            "approval.html",
            status,
            place="approvals",
            view=front.approval(g.visit.person, index),
            read=read,
            shortest=SHORTEST_REASON,
            longest=LONGEST_REASON,
        )

    @mounted.get("/approvals/<int:index>")
    @guard.signed_in
    def approval(index: int) -> Response:
        return show(index, 200, Read())

    @mounted.get("/approvals/<int:index>/note")
    @guard.signed_in
    def note(index: int) -> Response:
        text = front.note(g.visit.person, index)
        return pages.render("note.html", place="approvals", index=index, text=text)

    @mounted.post("/approvals/<int:index>/answer")
    @guard.signed_in
    def answer(index: int) -> Response:
        read = Read()
        chosen = read.choice(
            "answer", ("grant", "refuse"), "Choose one: nothing is chosen beforehand."
        )
        reason = read.reason()
        digest, evidence, role = read.text("digest"), read.text("evidence"), read.text("role")
        checklist = read.ticks("checklist")
        if read.wrong:
            return show(index, 400, read)
        try:
            front.answer(
                g.visit.person,
                index,
                cast(Answer, chosen),
                reason=reason,
                digest=digest,
                evidence=evidence,
                role=role,
                checklist=checklist,
            )
        except Refused as refused:
            if refused.field != "checklist":
                raise
            read.wrong["checklist"] = sentence(refused.detail)
            return show(index, 400, read)
        return make_response(redirect(f"/approvals/{index}", 303))
