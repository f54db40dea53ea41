"""The console as one Flask blueprint.

Law: everything that leaves here carries the console's headers, and whatever the service refuses
becomes a page with the service's own sentence, the way back, and what the person had typed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import (
    Blueprint,
    Response,
    abort,
    g,
    make_response,
    redirect,
    request,
    send_from_directory,
)
from werkzeug.exceptions import HTTPException

from audit.errors import Pruned
from governance.oversight.errors import Refused
from governance.service.problem import Problem
from governance.web.accounts import Accounts
from governance.web.console import (
    approvals,
    decisions,
    places,
    policies,
    retention,
    reviews,
    signing_in,
    stops,
)
from governance.web.console.forms import LONGEST_REASON
from governance.web.console.front import Front
from governance.web.console.guard import LONGEST_FORM, Guard, page_of_form
from governance.web.console.pages import STATIC, Pages
from governance.web.console.saying import sentence
from governance.web.console.service_front import ServiceFront

if TYPE_CHECKING:
    from governance.service.desk import Desk

_ASSETS = {"tokens.css": "text/css", "console.css": "text/css", "icon.svg": "image/svg+xml"}

_SENT_TO = (
    "/approvals/<int:index>/answer",
    "/decisions/<int:index>/override",
    "/decisions/<int:index>/reverse",
    "/decisions/<int:index>/disregard",
    "/decisions/<int:index>/review",
    "/decisions/<int:index>/what-if",
    "/stops/<int:index>/lift",
    "/log/anchors/<name>/settle",
    "/agents/<name>/confirm",
    "/retention/rules/<int:index>/confirm",
    "/retention/holds/<int(signed=True):index>/release",
    "/policies/proposals/<int:index>/sign",
    "/policies/proposals/<int:index>/refuse",
    "/policies/proposals/<int:index>/withdraw",
    "/account/password",
    "/account/sign-out-everywhere",
)
_HEADINGS = {
    "unknown": "There is no such thing here",
    "not-allowed": "This is not yours to do",
    "needs-another": "This takes another person",
    "conflict": "It changed meanwhile",
    "used": "It changed meanwhile",
    "not-shown": "This is no longer what you were shown",
    "expired": "Too late",
    "pruned": "This is no longer kept",
    "stopped": "A stop is in force",
    "too-many": "Too many at once",
    "cooling-down": "Refused a short while ago",
    "not-ready": "The service cannot answer now",
    "bad-field": "Something in the form does not fit",
    "bad-policy": "These files make no release",
    "bad-request": "Something in the form does not fit",
}
_BACK = {
    "unknown": ("/", "Go to Now"),
    "conflict": ("", "See how it stands now"),
    "used": ("", "See how it stands now"),
    "not-shown": ("", "Look at it again"),
    "expired": ("", "See what happened"),
    "pruned": ("/retention", "See what is kept"),
}


def blueprint(desk: Desk, accounts: Accounts, *, workspace: str = "") -> Blueprint:
    """The console of one desk, to be mounted at the root of the Flask application.

    `workspace` is the name in the top bar; the log's name stands there without one.
    """
    return blueprint_of(ServiceFront(desk, workspace), accounts)


NOWHERE = "governance.console.nowhere"
"""Under which name a Flask application finds what turns an HTTP error into a page."""


def blueprint_of(front: Front, accounts: Accounts) -> Blueprint:
    """The console over any `Front`."""
    mounted = Blueprint("console", __name__)
    pages = Pages(front)
    guard = Guard(accounts, front, pages)

    @mounted.before_request
    def bound_form() -> None:
        request.max_content_length = LONGEST_FORM
        request.max_form_parts = 120

    @mounted.after_request
    def finish(response: Response) -> Response:
        return guard.finish(response)

    for path in _SENT_TO:
        mounted.add_url_rule(path, f"page of {path}", _page_of_form, methods=["GET"])

    @mounted.errorhandler(Refused)
    def refused(error: Refused) -> Response:
        return _refusal(pages, Problem.of(error))

    @mounted.errorhandler(Pruned)
    def pruned(error: Pruned) -> Response:
        return _refusal(pages, Problem("pruned", str(error)))

    @mounted.errorhandler(HTTPException)
    def failed(error: HTTPException) -> Response:
        return guard.finish(_http_error(pages, error))

    def nowhere(error: HTTPException) -> Response:
        return guard.finish(_http_error(pages, error))

    # An address that belongs to no page at all: the application asks here for what to show.
    mounted.record(lambda setup: setup.app.extensions.update({NOWHERE: nowhere}))

    @mounted.get("/assets/<name>")
    def asset(name: str) -> Response:
        if name not in _ASSETS:
            abort(404)
        response = send_from_directory(STATIC, name, mimetype=_ASSETS[name])
        # The address carries the content's digest, so what it names never changes.
        age = "public, max-age=31536000, immutable" if "v" in request.args else "no-cache"
        response.headers["Cache-Control"] = age
        return response

    signing_in.add(mounted, guard, front, pages)
    places.add(mounted, guard, front, pages)
    approvals.add(mounted, guard, front, pages)
    decisions.add(mounted, guard, front, pages)
    reviews.add(mounted, guard, front, pages)
    stops.add(mounted, guard, front, pages)
    retention.add(mounted, guard, front, pages)
    policies.add(mounted, guard, front, pages)
    return mounted


def _page_of_form(**_: object) -> Response:
    """Where a form is sent to is no page; whoever reloads that address gets the form's page."""
    return make_response(redirect(page_of_form(request.path), 303))


def _refusal(pages: Pages, problem: Problem) -> Response:
    heading = _HEADINGS.get(problem.type, problem.title[:1].upper() + problem.title[1:])
    back, back_text = _BACK.get(problem.type, ("", "Go back"))
    if problem.type == "conflict" and problem.retry_after is not None:
        heading, back_text = "Too soon", "Go back and read on"
    response = pages.message(
        problem.status,
        heading,
        sentence(problem.detail),
        back=back or ("/" if request.method == "GET" else page_of_form(request.path)),
        back_text=back_text,
        kept=request.form.get("reason", "")[: LONGEST_REASON * 2],
    )
    response.headers.extend(problem.headers)
    return response


def _http_error(pages: Pages, error: HTTPException) -> Response:
    said = {
        400: (
            "Something in the form does not fit",
            "The form could not be read. Go back and send it again.",
        ),
        404: ("There is no such page", "The address may be mistyped. Nothing was done."),
        405: ("This page cannot be reached that way", "Nothing was done."),
        413: (
            "The form is too long",
            f"A reason may have {LONGEST_REASON} characters. Nothing was done.",
        ),
    }
    code = error.code or 500
    heading, text = said.get(
        code,
        (
            "This went wrong on our side",
            "What you sent may or may not be recorded: look at the page it concerns before you send"
            " it again.",
        ),
    )
    if g.get("visit") is None:
        g.pop("form_token", None)
    return pages.message(code, heading, text, back="/", back_text="Go to Now")
