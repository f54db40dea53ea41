"""Who is at the door: cookies, sessions, form tokens and the headers of every page.

Law: nothing is done and nothing is shown before a session is found good, except the sign-in page
and its style sheets. Each request that changes something carries the session's form token and
comes from a page of our own. Pages run no script and load nothing from elsewhere; the policy says
so to the browser, which then holds whatever a hostile text might try.
"""

from __future__ import annotations

import functools
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec
from urllib.parse import quote, urlsplit

from flask import Request, Response, g, make_response, redirect, request

from governance.web.accounts import ABSOLUTE, Accounts, SignedIn, form_token, form_token_fits
from governance.web.console.front import Front
from governance.web.console.pages import Pages
from governance.web.console.views import Frame

P = ParamSpec("P")

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self';"
    " frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not `no-referrer`: browsers then send `Origin: null` with forms, which we could not tell
    # from a stranger's page.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}
LONGEST_NUMBER = 15
"""Digits of an entry's number in an address; the database could not even look for longer ones."""
LONGEST_FORM = 32_768
"""Bytes of a form; the longest field is a reason of 600 characters."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A request of a signed-in person: the session and the frame of the page."""

    signed_in: SignedIn
    frame: Frame

    @property
    def person(self) -> str:
        """The person's pseudonym."""
        return self.signed_in.person


class Guard:
    """Stands before every route; knows the accounts, decides nothing about the service."""

    def __init__(self, accounts: Accounts, front: Front, pages: Pages) -> None:
        self.accounts = accounts
        self._front = front
        self._pages = pages

    # -- before and after ----------------------------------------------------------------------

    def signed_in(self, page: Callable[P, Response]) -> Callable[P, Response]:
        """Let only signed-in people through; others get to the sign-in page and back."""

        @functools.wraps(page)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> Response:
            secret = request.cookies.get(session_cookie(request), "")
            session = self.accounts.resume(secret, self._front.now()) if secret else None
            if session is None:
                return self._to_sign_in()
            frame = self._front.frame(session.person)
            if frame is None:
                # Left or erased since: the session goes, and with it every other one.
                self.accounts.forget(session.person)
                return self._to_sign_in()
            g.visit = Visit(session, frame)
            g.form_token = form_token(session.secret)
            if request.method == "POST" and not self._form_is_ours(session.secret):
                return self._pages.message(
                    403,
                    "This form was not sent from a page of yours",
                    "It may be left over from before you signed in again, or another site tried"
                    " to send it for you. Nothing was done.",
                    back=page_of_form(request.path),
                )
            if len(str(kwargs.get("index", ""))) > LONGEST_NUMBER:
                return self._pages.message(
                    404,
                    "There is no such thing here",
                    "No entry has a number that long.",
                    back_text="Go to Now",
                )
            return page(*args, **kwargs)

        return guarded

    def finish(self, response: Response) -> Response:
        """The headers of every answer of the console."""
        for name, value in HEADERS.items():
            response.headers[name] = value
        response.headers.setdefault("Cache-Control", "no-store")
        if request.is_secure:
            response.headers["Strict-Transport-Security"] = "max-age=31536000"
        return response

    # -- forms ---------------------------------------------------------------------------------

    def _form_is_ours(self, secret: str) -> bool:
        return from_our_page(request) and form_token_fits(secret, request.form.get("form", ""))

    def door_secret(self) -> str:
        """The secret of a visitor who is not signed in; made once per browser."""
        found = request.cookies.get(door_cookie(request), "")
        return found if 40 <= len(found) <= 64 and found.isascii() else secrets.token_urlsafe(32)

    def door_token(self, secret: str) -> str:
        """The sign-in form's token."""
        return form_token(secret)

    def door_form_is_ours(self) -> bool:
        """Whether the sign-in form comes from our sign-in page in this very browser."""
        secret = request.cookies.get(door_cookie(request), "")
        return (
            bool(secret)
            and from_our_page(request)
            and form_token_fits(secret, request.form.get("form", ""))
        )

    # -- cookies -------------------------------------------------------------------------------

    def keep(self, response: Response, signed_in: SignedIn) -> Response:
        """Give the browser its new session; the visitor's secret has done its work."""
        _set(response, session_cookie(request), signed_in.secret, int(ABSOLUTE.total_seconds()))
        _set(response, device_cookie(request), self.accounts.device_of(signed_in.person), _YEAR)
        _drop(response, door_cookie(request))
        return response

    def keep_door(self, response: Response, secret: str) -> Response:
        """Give the browser the visitor's secret that its sign-in form is bound to."""
        _set(response, door_cookie(request), secret, 3_600)
        return response

    def drop(self, response: Response) -> Response:
        """Take the session from the browser."""
        _drop(response, session_cookie(request))
        return response

    def _to_sign_in(self) -> Response:
        if request.method == "GET" and request.headers.get("Sec-Fetch-Site") == "cross-site":
            # A Strict cookie stays away when a link in a message is followed. One step on a page
            # of our own brings it along; who is not signed in lands on the sign-in page then.
            return self._pages.onward(request.full_path.rstrip("?"))
        target = "/sign-in"
        if request.method == "GET" and request.path != "/":
            target += "?next=" + quote(request.full_path.rstrip("?"), safe="/")
        elif request.method == "POST":
            target += "?next=" + quote(page_of_form(request.path), safe="/") + "&lost=1"
        return self.drop(make_response(redirect(target, 303)))


_YEAR = 365 * 24 * 3_600


def session_cookie(asked: Request) -> str:
    """Name of the session's cookie; with TLS the prefix ties it to this host (RFC 6265bis)."""
    return "__Host-governance" if asked.is_secure else "governance"


def door_cookie(asked: Request) -> str:
    """Name of the visitor's cookie."""
    return "__Host-governance-door" if asked.is_secure else "governance-door"


def device_cookie(asked: Request) -> str:
    """Name of the cookie by which a browser is known at the next sign-in."""
    return "__Host-governance-device" if asked.is_secure else "governance-device"


def from_our_page(asked: Request) -> bool:
    """Whether the browser says that a form comes from a page of this very site.

    Old browsers send neither header; the form's token stands alone then.
    """
    site = asked.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    origin = asked.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == asked.host


def local_path(wanted: str) -> str:
    """A path on this site to go on to, or "/" for anything else that was asked for."""
    fits = (
        len(wanted) <= 500
        and wanted.startswith("/")
        and not wanted.startswith(("//", "/\\", "/sign-"))
        and wanted.isascii()
        and wanted.isprintable()
        and "\\" not in wanted
    )
    return wanted if fits else "/"


_OWN_PAGES = (
    "/reviews",
    "/stops/new",
    "/retention/holds/new",
    "/retention/rules",
    "/retention/cut",
    "/policies/learned",
)
"""Forms that are sent to the page they are on."""


def page_of_form(path: str) -> str:
    """The page whose form is sent to `path`: `/approvals/7/answer` belongs to `/approvals/7`."""
    if path in _OWN_PAGES or path.startswith("/policies/back/"):
        return path
    return "/retention" if path.startswith("/retention/rules/") else path.rpartition("/")[0] or "/"


def _set(response: Response, name: str, value: str, seconds: int) -> None:
    response.set_cookie(
        name,
        value,
        max_age=seconds,
        path="/",
        secure=request.is_secure,
        httponly=True,
        samesite="Strict",
    )


def _drop(response: Response, name: str) -> None:
    response.delete_cookie(
        name, path="/", secure=request.is_secure, httponly=True, samesite="Strict"
    )
