"""Signing in and out, and one's own account.

Law: the page says the same for a wrong name and a wrong password, and says how long to wait.
"""

from __future__ import annotations

from flask import Blueprint, Response, g, make_response, redirect, request

from governance.web.accounts import (
    SHORTEST_PASSWORD,
    SignInError,
    ThrottledError,
    WeakPasswordError,
)
from governance.web.console.forms import Read
from governance.web.console.front import Front
from governance.web.console.guard import Guard, device_cookie, local_path, session_cookie
from governance.web.console.pages import Pages
from governance.web.console.present import minutes_up

WRONG = "Name and password do not belong together. Check both; capitals count in the password."
STALE = "This page had been open too long, or your browser keeps no cookies. Try once more."


def add(mounted: Blueprint, guard: Guard, front: Front, pages: Pages) -> None:
    """Add the routes of this module."""
    _add_door(mounted, guard, front, pages)
    _add_account(mounted, guard, front, pages)


def _add_door(mounted: Blueprint, guard: Guard, front: Front, pages: Pages) -> None:
    def form(
        status: int, going: str, error: str = "", name: str = "", lost: bool = False
    ) -> Response:
        secret = guard.door_secret()
        g.form_token = guard.door_token(secret)
        response = pages.render(
            "sign_in.html", status, going=going, error=error, sign_in=name, lost=lost
        )
        return guard.keep_door(response, secret)

    @mounted.get("/sign-in")
    def sign_in_page() -> Response:
        going = local_path(request.args.get("next", "/"))
        secret = request.cookies.get(session_cookie(request), "")
        if secret and guard.accounts.resume(secret, front.now()):
            return make_response(redirect(going, 303))
        return form(200, going, lost="lost" in request.args)

    @mounted.post("/sign-in")
    def sign_in() -> Response:
        going = local_path(request.form.get("next", "/"))
        name = request.form.get("sign_in", "")[:300]
        if not guard.door_form_is_ours():
            return form(403, going, STALE, name)
        before = request.cookies.get(session_cookie(request), "")
        try:
            signed_in = guard.accounts.sign_in(
                name,
                request.form.get("password", ""),
                address=request.remote_addr or "local",
                at=front.now(),
                device=request.cookies.get(device_cookie(request), "")[:200],
            )
        except ThrottledError as throttled:
            wait = minutes_up(throttled.wait)
            response = form(
                429, going, f"Too many wrong attempts. Wait {wait}, then try again.", name
            )
            response.headers["Retry-After"] = str(int(throttled.wait.total_seconds()) + 1)
            return response
        except SignInError:
            return form(401, going, WRONG, name)
        if before:
            guard.accounts.sign_out(before)
        if front.frame(signed_in.person) is None:
            # An account whose person left: the same answer as for one that never was.
            guard.accounts.forget(signed_in.person)
            return form(401, going, WRONG, name)
        return guard.keep(make_response(redirect(going, 303)), signed_in)

    @mounted.post("/sign-out")
    @guard.signed_in
    def sign_out() -> Response:
        guard.accounts.sign_out(g.visit.signed_in.secret)
        return guard.drop(make_response(redirect("/sign-in", 303)))


def _add_account(mounted: Blueprint, guard: Guard, front: Front, pages: Pages) -> None:
    def account_form(status: int, read: Read, done: str = "") -> Response:
        return pages.render(
            "account.html",
            status,
            place="account",
            read=read,
            done=done,
            shortest=SHORTEST_PASSWORD,
            sign_in=guard.accounts.sign_in_name(g.visit.person),
            sessions=guard.accounts.open_sessions(g.visit.person, front.now()),
            ends_at=g.visit.signed_in.ends_at,
        )

    @mounted.get("/account")
    @guard.signed_in
    def account() -> Response:
        return account_form(
            200, Read(), "Your password is changed." if "changed" in request.args else ""
        )

    @mounted.post("/account/password")
    @guard.signed_in
    def change_password() -> Response:
        read = Read()
        new = request.form.get("new", "")
        if new != request.form.get("again", ""):
            read.wrong["again"] = "The two new passwords differ."
            return account_form(400, read)
        try:
            guard.accounts.change_password(
                g.visit.signed_in,
                old=request.form.get("old", ""),
                new=new,
                address=request.remote_addr or "local",
                at=front.now(),
            )
        except SignInError:
            read.wrong["old"] = "This is not your password now."
            return account_form(400, read)
        except ThrottledError as throttled:
            read.wrong["old"] = f"Too many wrong attempts. Wait {minutes_up(throttled.wait)}."
            return account_form(429, read)
        except WeakPasswordError as weak:
            said = str(weak)
            read.wrong["new"] = said[0].upper() + said[1:] + "."
            return account_form(400, read)
        return make_response(redirect("/account?changed=1", 303))

    @mounted.post("/account/sign-out-everywhere")
    @guard.signed_in
    def sign_out_everywhere() -> Response:
        guard.accounts.sign_out_everywhere(g.visit.person)
        return guard.drop(make_response(redirect("/sign-in", 303)))
