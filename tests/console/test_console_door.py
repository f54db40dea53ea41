"""The door: sign-in, cookies, form tokens, headers, and what a stranger's page can do."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from console_world import PASSWORD, sign_in, token_of
from paper_front import evidence
from paper_views import DIGEST, JONAS, MARIA, START

from governance.web.console.guard import page_of_form

PAGES = (
    "/",
    "/approvals",
    "/approvals/1043",
    "/approvals/2044/note",
    "/approvals/closed",
    "/decisions",
    "/decisions/1042",
    "/reviews",
    "/stops",
    "/stops/new",
    "/agents",
    "/agents/travel-desk",
    "/log",
    "/log/anchors/dept",
    "/account",
)
FORMS = {
    "/approvals/1043/answer": {
        "answer": "grant",
        "reason": "called the payee back",
        "digest": DIGEST,
        "evidence": evidence("Open0"),
        "role": "treasurer",
    },
    "/stops/new": {"scope": "everything", "reason": "a test of the door"},
    "/stops/90/lift": {"reason": "it is safe again"},
    "/agents/travel-desk/confirm": {"entry": "95"},
    "/log/anchors/dept/settle": {"reason": "a second copy was running", "entry": "7"},
    "/decisions/1042/override": {
        "lift": "support-refunds/REF-009",
        "reason": "the shop asked",
        "digest": DIGEST,
    },
    "/decisions/1042/disregard": {"reason": "the list was stale"},
    "/decisions/1042/reverse": {"reason": "paid back in cash", "outcome": "undone"},
    "/decisions/1042/review": {"verdict": "too_strict allow", "reason": "a known customer"},
    "/reviews": {"count": "20", "days": "30"},
    "/decisions/1042/what-if": {"given": "args.amount = 1 EUR"},
    "/account/password": {
        "old": PASSWORD,
        "new": "five other words here now",
        "again": "five other words here now",
    },
    "/account/sign-out-everywhere": {},
    "/sign-out": {},
}


def cookie(response, name):
    """The Set-Cookie line of this cookie."""
    lines = [line for line in response.headers.getlist("Set-Cookie") if line.startswith(name + "=")]
    return lines[0] if lines else ""


@pytest.mark.parametrize("page", PAGES)
def test_no_page_without_signing_in(world, page):
    """If this failed, whoever reaches the port could read what agents do."""
    response = world.client().get(page)
    assert response.status_code == 303
    assert response.headers["Location"].startswith("/sign-in")
    assert b"Halvorsen" not in response.data


@pytest.mark.parametrize("form", FORMS)
def test_no_act_without_signing_in(world, form):
    """If this failed, whoever reaches the port could grant an approval."""
    response = world.client().post(form, data=FORMS[form])
    assert response.status_code == 303
    assert response.headers["Location"].startswith("/sign-in?next=")
    assert world.front.acts == []


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("token", [None, "", "made-up", "another"])
def test_no_act_without_the_sessions_own_token(world, form, token):
    """If this failed, another site could grant an approval through a signed-in browser."""
    world.front.raise_stop(JONAS, "agent", "pay-runner", reason="so that there is one to lift")
    world.front.acts.clear()
    client = world.signed_in()
    data = dict(FORMS[form])
    if token == "another":
        token = token_of(
            world.signed_in("jonas@corp.example").get("/stops/new").get_data(as_text=True)
        )
    if token is not None:
        data["form"] = token
    response = client.post(form, data=data)
    assert response.status_code == 403
    assert b"Nothing was done" in response.data
    assert world.front.acts == []
    assert client.get("/").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_a_form_from_another_page_is_refused_even_with_the_token(world, headers):
    """If this failed, a leaked token would be enough to act from another site."""
    client = world.signed_in()
    form = token_of(client.get("/stops/new").get_data(as_text=True))
    response = client.post(
        "/stops/new", data={**FORMS["/stops/new"], "form": form}, headers=headers
    )
    assert response.status_code == 403
    assert world.front.acts == []


@pytest.mark.parametrize(
    "headers", [{}, {"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://localhost"}]
)
def test_a_form_of_ours_is_taken(world, headers):
    """If this failed, nobody could press stop."""
    client = world.signed_in()
    form = token_of(client.get("/stops/new").get_data(as_text=True))
    response = client.post(
        "/stops/new", data={**FORMS["/stops/new"], "form": form}, headers=headers
    )
    assert response.status_code == 303
    assert world.front.acts == [("stop", MARIA, "everything", "", "a test of the door")]


@pytest.mark.parametrize(
    "page",
    [*PAGES, "/sign-in", "/approvals/999", "/stops/999", "/assets/console.css", "/assets/nothing"],
)
def test_every_answer_carries_the_strict_headers(world, page):
    """If this failed, one forgotten page would let a hostile string run or be framed."""
    response = world.signed_in().get(page)
    assert response.headers["Content-Security-Policy"] == (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self';"
        " frame-ancestors 'none'; base-uri 'none'"
    )
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["X-Frame-Options"] == "DENY"
    assert response.headers["Referrer-Policy"] == "same-origin"
    if not page.startswith("/assets/") or response.status_code != 200:
        assert response.headers["Cache-Control"] == "no-store"


def test_style_sheets_are_kept_under_their_digest(world):
    """If this failed, each page would load its style sheets anew, or keep stale ones."""
    client = world.client()
    page = client.get("/sign-in").get_data(as_text=True)
    address = page.split('rel="stylesheet" href="', 1)[1].split('"', 1)[0]
    response = client.get(address)
    assert "immutable" in response.headers["Cache-Control"]
    assert response.mimetype == "text/css"
    assert client.get("/assets/console.css").headers["Cache-Control"] == "no-cache"
    assert client.get("/assets/../console.py").status_code == 404


def test_session_cookie_is_out_of_reach_of_scripts_and_other_sites(world):
    """If this failed, a cookie could be read by a script or sent along by another site."""
    line = cookie(sign_in(world.client()), "governance")
    for part in ("HttpOnly", "SameSite=Strict", "Path=/"):
        assert part in line
    assert "Domain" not in line


def test_with_tls_the_cookie_is_secure_and_tied_to_the_host(world):
    """If this failed, one plain request would send the session over the wire in clear."""
    client = world.client()
    base = "https://localhost"
    form = token_of(client.get("/sign-in", base_url=base).get_data(as_text=True))
    data = {"form": form, "sign_in": "maria@corp.example", "password": PASSWORD}
    response = client.post("/sign-in", data=data, base_url=base)
    line = cookie(response, "__Host-governance")
    assert "Secure" in line
    assert "SameSite=Strict" in line
    assert "max-age=31536000" in response.headers["Strict-Transport-Security"]
    assert client.get("/", base_url=base).status_code == 200


def test_a_session_from_before_sign_in_is_not_taken_over(world):
    """If this failed, a cookie planted beforehand would be the victim's session (fixation)."""
    client = world.client()
    client.set_cookie("governance", "planted-planted-planted-planted-planted-pl")
    response = sign_in(client)
    assert response.status_code == 303
    assert "planted" not in cookie(response, "governance")
    other = world.client()
    other.set_cookie("governance", "planted-planted-planted-planted-planted-pl")
    assert other.get("/").status_code == 303


def test_signing_in_again_ends_the_session_before(world):
    """If this failed, signing in as somebody else would leave the first session usable."""
    client = world.signed_in()
    old = client.get_cookie("governance").value
    client.delete_cookie("governance")
    page = client.get("/sign-in").get_data(as_text=True)
    client.set_cookie("governance", old)
    data = {"form": token_of(page), "sign_in": "jonas@corp.example", "password": PASSWORD}
    assert client.post("/sign-in", data=data).status_code == 303
    assert world.accounts.resume(old, START) is None


def test_the_sign_in_form_is_bound_to_the_browser_too(world):
    """If this failed, another site could sign a victim in under the attacker's name."""
    client = world.client()
    client.get("/sign-in")
    stranger = token_of(world.client().get("/sign-in").get_data(as_text=True))
    data = {"form": stranger, "sign_in": "maria@corp.example", "password": PASSWORD}
    response = client.post("/sign-in", data=data)
    assert response.status_code == 403
    assert not cookie(response, "governance")


def test_wrong_name_and_wrong_password_look_the_same(world):
    """If this failed, the page would tell a stranger who has an account."""
    pages = []
    for name, password in (("maria@corp.example", "wrong"), ("nobody@corp.example", PASSWORD)):
        response = sign_in(world.client(), name, password)
        assert response.status_code == 401
        page = response.get_data(as_text=True)
        pages.append(page.replace(name, "NAME").replace(token_of(page), "TOKEN"))
    assert pages[0] == pages[1]
    assert 'value="NAME"' in pages[0]


def test_guessing_is_slowed_and_the_page_says_how_long(world):
    """If this failed, passwords could be tried at the speed of the network."""
    client = world.client()
    codes = [sign_in(client, password="guess").status_code for _ in range(5)]
    assert codes == [401] * 5
    response = sign_in(client)
    assert response.status_code == 429
    assert 0 < int(response.headers["Retry-After"]) <= 900
    assert b"Wait " in response.data
    world.front.at += timedelta(minutes=1)
    assert sign_in(client).status_code == 303


def test_a_person_who_left_cannot_enter(world):
    """If this failed, somebody dismissed could still grant an approval."""
    client = world.signed_in()
    world.front.left.add(MARIA)
    assert client.get("/").status_code == 303
    response = sign_in(world.client())
    assert response.status_code == 401
    assert not world.accounts.has_account(MARIA)


def test_idle_session_leads_to_the_sign_in_page_and_back(world):
    """If this failed, an open browser would stay signed in, or its owner would lose the place."""
    client = world.signed_in()
    world.front.at += timedelta(minutes=31)
    response = client.get("/approvals/1043?x=1")
    assert response.headers["Location"] == "/sign-in?next=/approvals/1043%3Fx%3D1"
    page = client.get(response.headers["Location"]).get_data(as_text=True)
    assert 'name="next" value="/approvals/1043?x=1"' in page


def test_a_form_on_its_own_page_leads_back_there(world):
    """If this failed, "back" after a refusal would lead away from the page with the form."""
    rules = [rule for rule in world.app.url_map.iter_rules() if "page of" not in rule.endpoint]
    pages, forms = (
        {rule.rule for rule in rules if method in rule.methods} for method in ("GET", "POST")
    )
    both = {re.sub("<.*>", "x", path) for path in (pages & forms) - {"/sign-in"}}
    assert {"/reviews", "/stops/new", "/policies/learned", "/policies/back/x"} <= both
    assert {path for path in both if page_of_form(path) != path} == set()


def test_a_form_sent_after_the_session_ended_does_nothing_and_says_so(world):
    """If this failed, a person would believe in an answer that was never recorded."""
    client = world.signed_in()
    form = token_of(client.get("/stops/new").get_data(as_text=True))
    world.front.at += timedelta(minutes=31)
    response = client.post("/stops/new", data={**FORMS["/stops/new"], "form": form})
    assert response.status_code == 303
    page = client.get(response.headers["Location"]).get_data(as_text=True)
    assert "Nothing of it was done" in page
    assert world.front.acts == []


@pytest.mark.parametrize(
    "going",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/a\nSet-Cookie: x=1",
        "/" + "a" * 900,
        "é",
    ],
)
def test_signing_in_never_leads_off_the_site(world, going):
    """If this failed, a link could use our sign-in page to send people to a false one."""
    client = world.client()
    form = token_of(client.get("/sign-in").get_data(as_text=True))
    data = {"form": form, "sign_in": "maria@corp.example", "password": PASSWORD, "next": going}
    assert client.post("/sign-in", data=data).headers["Location"] == "/"


def test_a_link_in_a_message_takes_a_signed_in_person_along(world):
    """If this failed, each link from a message would ask for the password again."""
    stranger = world.client()
    response = stranger.get("/approvals/1043", headers={"Sec-Fetch-Site": "cross-site"})
    assert response.status_code == 200
    assert b'content="0; url=/approvals/1043"' in response.data
    assert b"Halvorsen" not in response.data
    assert (
        stranger.get("/approvals/1043", headers={"Sec-Fetch-Site": "same-origin"}).status_code
        == 303
    )


def test_signing_out_ends_the_session_on_the_server(world):
    """If this failed, a copied cookie would outlive "Sign out"."""
    client = world.signed_in()
    secret = client.get_cookie("governance").value
    form = token_of(client.get("/").get_data(as_text=True))
    assert client.post("/sign-out", data={"form": form}).headers["Location"] == "/sign-in"
    assert client.get_cookie("governance") is None
    assert world.accounts.resume(secret, START) is None


@pytest.mark.parametrize("form", FORMS)
def test_the_address_of_a_form_leads_to_its_page(world, form):
    """If this failed, reloading after an error would end in a dead end."""
    client = world.signed_in()
    response = client.get(form)
    if form == "/sign-out":
        assert response.status_code == 405
    elif form in ("/stops/new", "/reviews"):
        assert response.status_code == 200
    else:
        assert response.status_code == 303
        assert response.headers["Location"] == form.rpartition("/")[0]


def test_signing_out_needs_a_form(world):
    """If this failed, an image on another site could sign people out while they decide."""
    client = world.signed_in()
    assert client.get("/sign-out").status_code == 405
    assert client.get("/").status_code == 200


def test_sign_out_everywhere_reaches_other_browsers(world):
    """If this failed, a lost phone would stay signed in."""
    phone, desk = world.signed_in(), world.signed_in()
    form = token_of(desk.get("/account").get_data(as_text=True))
    desk.post("/account/sign-out-everywhere", data={"form": form})
    assert phone.get("/").status_code == 303


def test_changing_the_password(world):
    """If this failed, the password printed at set-up would stay for ever."""
    client = world.signed_in()
    form = token_of(client.get("/account").get_data(as_text=True))
    data = {
        "form": form,
        "old": PASSWORD,
        "new": "five other words here now",
        "again": "five other words here now",
    }
    assert client.post("/account/password", data={**data, "again": "x"}).status_code == 400
    assert client.post("/account/password", data={**data, "old": "x"}).status_code == 400
    short = client.post("/account/password", data={**data, "new": "short", "again": "short"})
    assert b"at least 15" in short.data
    assert client.post("/account/password", data=data).headers["Location"] == "/account?changed=1"
    assert sign_in(world.client()).status_code == 401
    assert sign_in(world.client(), password="five other words here now").status_code == 303


def test_an_overlong_form_is_refused(world):
    """If this failed, a form could be used to fill the server's memory."""
    client = world.signed_in()
    response = client.post("/stops/new", data={"reason": "x" * 100_000})
    assert response.status_code == 413
    assert b"too long" in response.data
