"""The console in a real browser: by thumb at 360 px, by keyboard alone, and against hostile text."""

from __future__ import annotations

import shutil

import console_browser
import pytest
from console_browser import chromium, watched
from console_world import PASSWORD, make_world
from paper_views import HOSTILE, JONAS, MARIA

NAME = "maria@corp.example"
PAGES = (
    "/sign-in",
    "/",
    "/approvals",
    "/approvals/1043",
    "/approvals/2044",
    "/approvals/2044/note",
    "/approvals/closed",
    "/decisions",
    "/decisions/1042",
    "/reviews",
    "/stops",
    "/stops/90",
    "/stops/new?agent=pay-runner",
    "/agents",
    "/agents/travel-desk",
    "/log",
    "/log/anchors/dept",
    "/policies",
    "/policies/in-force/payments",
    "/policies/learned",
    "/policies/proposals/300",
    "/policies/proposals/301",
    "/policies/proposals/300/files/policies/payments.yaml",
    "/policies/back/abcd",
    "/account",
    "/approvals/77",
)


@pytest.fixture(scope="module")
def browser():
    """One Chromium for all tests of this module."""
    with chromium() as running:
        yield running


@pytest.fixture
def served():
    """A world of its own, served on a local port."""
    world = make_world()
    with world.served() as url:
        world.url = url
        yield world


@pytest.fixture
def phone(browser, served):
    """A phone's browser, 360 px wide; whatever trouble its pages cause fails the test."""
    with watched(browser, served.url, 360, has_touch=True) as page:
        yield page
    assert page.trouble == []


def press_until(page, wanted, most=80):
    """Press Tab until the focused element fits; gives how often. Fails when it never comes."""
    for count in range(1, most + 1):
        page.keyboard.press("Tab")
        if page.evaluate(
            "wanted => { const e = document.activeElement;"
            " return e.name === wanted || e.id === wanted"
            " || e.textContent.trim().startsWith(wanted); }",
            wanted,
        ):
            return count
    raise AssertionError(f"`{wanted}` cannot be reached by Tab")


def focus_is_visible(page):
    """Whether the focused element, or the box around it, has an outline and is on the screen."""
    return page.evaluate(
        """() => {
          const e = document.activeElement, box = e.getBoundingClientRect();
          const outlined = n => n && getComputedStyle(n).outlineStyle !== 'none'
            && parseFloat(getComputedStyle(n).outlineWidth) >= 2;
          return (outlined(e) || outlined(e.closest('.choice')))
            && box.bottom > 0 && box.top < innerHeight;
        }"""
    )


def test_without_chromium_the_tests_say_what_to_do(monkeypatch):
    """If this failed, a machine without the browser would skip these tests or fail in riddles."""
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(AssertionError, match="make browser"), console_browser.chromium():
        pass


def test_grant_by_thumb(phone, served):
    """If this failed, an approver could not answer from a phone."""
    phone.sign_in(NAME, PASSWORD)
    page = phone.page
    assert page.get_by_role("heading", level=1).inner_text() == "Two approvals need your answer"
    page.get_by_role("link", name="Open the most urgent").tap()
    page.get_by_role("link", name="Answer").tap()
    page.get_by_label("Grant").check()
    page.get_by_label("Your reason").fill("called the payee back on the number we know")
    with page.expect_navigation():
        page.get_by_role("button", name="Send your answer").tap()
    assert "You granted it already" in page.inner_text("#answer")
    assert served.front.acts == [
        ("grant", MARIA, 1043, "called the payee back on the number we know", "treasurer")
    ]


def test_refuse_by_thumb(phone, served):
    """If this failed, an approver could say yes on a phone but not no."""
    phone.sign_in(NAME, PASSWORD)
    phone.go("/approvals/1043")
    page = phone.page
    page.get_by_label("Refuse").check()
    page.get_by_label("Your reason").fill("the account is five days old")
    with page.expect_navigation():
        page.get_by_role("button", name="Send your answer").tap()
    assert "This request is answered." in page.inner_text("#answer")
    assert [act[0] for act in served.front.acts] == ["refuse"]


def test_an_answer_without_a_reason_stays_in_the_browser_and_on_the_server(phone, served):
    """If this failed, an answer without a reason could be sent."""
    phone.sign_in(NAME, PASSWORD)
    phone.go("/approvals/1043")
    page = phone.page
    page.get_by_label("Refuse").check()
    page.get_by_role("button", name="Send your answer").tap()
    assert page.evaluate("document.activeElement.name") == "reason"
    page.get_by_label("Your reason").fill("no")
    with page.expect_navigation():
        page.get_by_role("button", name="Send your answer").tap()
    assert "Write at least 10 characters" in page.inner_text("#answer")
    assert page.get_by_label("Refuse").is_checked()
    assert served.front.acts == []


def test_stop_and_lift_by_thumb(phone, browser, served):
    """If this failed, nobody could stop an agent from a phone, or one person could lift alone."""
    phone.sign_in(NAME, PASSWORD)
    phone.go("/agents")
    page = phone.page
    page.get_by_role("link", name="Stop… pay-runner").tap()
    assert page.get_by_label("Which agent").input_value() == "pay-runner"
    page.get_by_label("Why").fill("wrong payees")
    page.get_by_role("button", name="Stop now").tap()
    page.wait_for_url("**/stops/90")
    assert served.front.acts == [("stop", MARIA, "agent", "pay-runner", "wrong payees")]
    page.get_by_label("Your reason").fill("the payees are right again")
    with page.expect_navigation():
        page.get_by_role("button", name="Ask to lift it").tap()
    phone.go("/stops/90")
    assert "another person must agree" in page.inner_text("main")
    assert page.get_by_role("button", name="Lift").count() == 0
    with watched(browser, served.url) as second:
        second.sign_in("jonas@corp.example", PASSWORD)
        second.go("/stops/90")
        second.page.get_by_label("Your reason").fill("I looked at the payees too")
        second.page.get_by_role("button", name="Lift the stop").click()
        second.page.wait_for_url("**/stops")
    assert second.trouble == []
    assert [act[0] for act in served.front.acts] == ["stop", "ask-lift", "lift"]


def test_review_by_thumb(phone, served):
    """If this failed, what was drawn for review could only be looked at from a desk."""
    phone.sign_in(NAME, PASSWORD)
    phone.go("/reviews")
    page = phone.page
    page.get_by_role("link", name="Refund an order").tap()
    page.get_by_label("Too strict: it should have been allowed").check()
    page.locator("#reason-review").fill("the same customer as every month")
    with page.expect_navigation():
        page.get_by_role("button", name="Record your review").tap()
    assert served.front.acts == [
        ("review", MARIA, 1042, "too_strict", "allow", "the same customer as every month")
    ]


def test_review_by_keyboard_alone(phone, served):
    """If this failed, a person who uses no pointer could not review."""
    phone.sign_in(NAME, PASSWORD)
    phone.go("/decisions/1042#review")
    page = phone.page
    press_until(page, "verdict")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")
    assert focus_is_visible(page)
    press_until(page, "reason")
    page.keyboard.type("a person would have asked first")
    press_until(page, "Record your review")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert [act[3:5] for act in served.front.acts] == [("too_strict", "require_approval")]


def test_menu_and_sign_out_by_thumb(phone):
    """If this failed, a phone could not reach other places, or could not be signed out."""
    phone.sign_in(NAME, PASSWORD)
    page = phone.page
    page.locator("summary", has_text="Menu").tap()
    page.get_by_role("navigation", name="Menu").get_by_role("link", name="Decisions").tap()
    page.wait_for_url("**/decisions")
    page.locator("summary", has_text="Menu").tap()
    page.get_by_role("button", name="Sign out").tap()
    page.wait_for_url("**/sign-in")
    phone.go("/")
    assert page.url.endswith("/sign-in")


def test_a_link_in_a_message_leads_on_without_signing_in_again(phone):
    """If this failed, each link from a chat or a mail would end at the sign-in page."""
    phone.sign_in(NAME, PASSWORD)
    page = phone.page
    page.goto("about:blank")
    page.set_content(f"<a href='{phone.url}/approvals/1043'>answer this</a>")
    page.get_by_role("link", name="answer this").tap()
    page.wait_for_selector("#answer")
    assert page.url.endswith("/approvals/1043")
    assert "Halvorsen" in page.inner_text("h1")


def keyboard_sign_in(phone):
    """Sign in with keys alone."""
    phone.go("/sign-in")
    press_until(phone.page, "sign_in")
    phone.page.keyboard.type(NAME)
    press_until(phone.page, "password", 1)
    phone.page.keyboard.type(PASSWORD)
    phone.page.keyboard.press("Enter")
    phone.page.wait_for_url(phone.url + "/")


@pytest.mark.parametrize("answer", ["grant", "refuse"])
def test_answer_by_keyboard_alone(phone, served, answer):
    """If this failed, a person who uses no pointer could not answer."""
    keyboard_sign_in(phone)
    page = phone.page
    press_until(page, "Open the most urgent")
    page.keyboard.press("Enter")
    page.wait_for_url("**/approvals/1043")
    press_until(page, "answer")
    assert focus_is_visible(page)
    page.keyboard.press("Space" if answer == "grant" else "ArrowDown")
    assert page.evaluate("document.activeElement.value") == answer
    press_until(page, "reason")
    assert focus_is_visible(page)
    page.keyboard.type("looked at the invoice and called back")
    press_until(page, "Send your answer")
    assert focus_is_visible(page)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert [act[0] for act in served.front.acts] == [answer]


def test_stop_by_keyboard_alone(phone, served):
    """If this failed, a person who uses no pointer could not stop an agent in time."""
    keyboard_sign_in(phone)
    page = phone.page
    assert press_until(page, "Stop…") <= 4
    page.keyboard.press("Enter")
    page.wait_for_url("**/stops/new")
    press_until(page, "scope")
    for _ in range(4):
        page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.value") == "everything"
    press_until(page, "reason")
    page.keyboard.type("stop it all")
    page.keyboard.press("Enter")
    page.wait_for_url("**/stops/90")
    assert served.front.acts == [("stop", MARIA, "everything", "", "stop it all")]


def test_focus_is_always_visible(phone, served):
    """If this failed, a keyboard user would lose the place on the page."""
    served.front.raise_stop(JONAS, "agent", "pay-runner", reason="wrong payees")
    phone.sign_in(NAME, PASSWORD)
    page = phone.page
    for path in PAGES[1:]:
        phone.go(path)
        seen = 0
        for _ in range(30):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement === document.body"):
                break
            assert focus_is_visible(page), page.evaluate("document.activeElement.outerHTML")
            seen += 1
        assert seen >= 4, path


def test_no_page_scrolls_sideways(phone, served):
    """If this failed, part of a page would be out of sight on a phone or at 400 % zoom."""
    served.front.raise_stop(JONAS, "agent", HOSTILE, reason=HOSTILE)
    phone.sign_in(NAME, PASSWORD)
    wide = []
    for path in PAGES[1:]:
        phone.go(path)
        wide += [
            (path, width) for width in (320, 360, 640, 768, 1024, 1280) if not phone.fits(width)
        ]
    phone.page.context.clear_cookies()
    phone.go("/sign-in")
    wide += [("/sign-in", width) for width in (320, 360, 768, 1280) if not phone.fits(width)]
    assert wide == []


def test_hostile_strings_create_no_element_and_fire_nothing(phone, served):
    """If this failed, an agent could run code in an approver's browser, or forge a form there."""
    served.front.raise_stop(JONAS, "agent", HOSTILE, reason=HOSTILE)
    phone.sign_in(NAME, PASSWORD)
    for path in PAGES[1:]:
        phone.go(path)
        found = phone.page.evaluate(
            """() => ({
              made: document.querySelectorAll(
                'script, style, img, iframe, object, embed, base, b > b, input[name=p]').length,
              handlers: [...document.querySelectorAll('*')].filter(
                e => [...e.attributes].some(a => a.name.startsWith('on') || a.name === 'style')).length,
              away: [...document.forms].filter(f => new URL(f.getAttribute('action'), location).host !== location.host).length,
              links: [...document.links].filter(a => new URL(a.href).host !== location.host).length,
            })"""
        )
        assert found == {"made": 0, "handlers": 0, "away": 0, "links": 0}, path
    phone.go("/approvals/2044")
    assert "<script>alert(1)</script>" in phone.page.inner_text("h1")


def test_the_policy_would_stop_a_script_that_got_in(browser, served):
    """If this failed, the content security policy would be a header without effect."""
    with watched(browser, served.url) as page:
        page.sign_in(NAME, PASSWORD)
        page.page.evaluate(
            """() => {
              const s = document.createElement('script');
              s.textContent = 'window.ran = true'; document.body.append(s);
              const i = document.createElement('img');
              i.src = 'https://evil.example/x.png'; document.body.append(i);
            }"""
        )
        page.page.wait_for_timeout(100)
        assert page.page.evaluate("window.ran") is None
        assert len([t for t in page.trouble if "Content Security Policy" in t]) >= 2


def test_targets_are_large_enough_for_a_thumb(phone, served):
    """If this failed, a thumb would press the neighbour of what it aims at (WCAG 2.2, 2.5.8)."""
    phone.sign_in(NAME, PASSWORD)
    small = []
    for path in ("/", "/approvals/1043", "/stops/new", "/agents", "/decisions/1042", "/account"):
        phone.go(path)
        small += phone.page.evaluate(
            """() => [...document.querySelectorAll('button, .btn, select, summary, textarea,'
                 + ' input:not([type=hidden]):not(.hide)')]
               .filter(e => e.checkVisibility() && !e.closest('.menu nav'))
               .map(e => [e.tagName, e.name || e.textContent.trim(),
                          (e.closest('label, .choice-head') || e).getBoundingClientRect().height])
               .filter(([, , height]) => height < 43.5)"""
        )
    assert small == []


def test_dark_theme_is_dark(browser, served):
    """If this failed, a page at night would be white, or its text could not be read."""
    with watched(browser, served.url, color_scheme="dark") as page:
        page.sign_in(NAME, PASSWORD)
        colours = page.page.evaluate(
            "[getComputedStyle(document.documentElement).backgroundColor,"
            " getComputedStyle(document.body).color]"
        )
    assert colours == ["rgb(18, 22, 24)", "rgb(232, 235, 234)"]
