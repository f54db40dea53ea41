"""The whole application in a real browser: people answer and stop, and the agent feels it."""

from __future__ import annotations

import pytest
from console_browser import chromium, watched
from console_world import PASSWORD
from desk_world import make_desk_world
from paper_views import HOSTILE


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A real workspace, served as in production."""
    place = tmp_path_factory.mktemp("story") / "workspace"
    with make_desk_world(place) as made, made.served() as url:
        made.url = url
        yield made


@pytest.fixture(scope="module")
def browser():
    """One Chromium for this module."""
    with chromium() as running:
        yield running


@pytest.fixture
def phone(browser, world):
    """A phone, 360 px wide; whatever trouble its pages cause fails the test."""
    with watched(browser, world.url, 360, has_touch=True) as page:
        yield page
    assert page.trouble == []


def test_two_people_grant_one_by_thumb_one_by_keyboard_and_the_agent_may_once(
    world, browser, phone
):
    """If this failed, the one thing that people come here for could not be done."""
    assert world.ask("18400.10")["decision"] is False
    index = world.approval()
    phone.sign_in("maria@corp.example", PASSWORD)
    page = phone.page
    page.get_by_role("link", name="18\u202f400.10 EUR").tap()
    page.get_by_role("link", name="Answer").tap()
    page.locator("input[value=grant]").check()
    page.get_by_label("the payee was called back").check()
    page.get_by_label("the invoice is in the books").check()
    page.get_by_label("Your reason").fill("called the payee back on the number we know")
    with page.expect_navigation():
        page.get_by_role("button", name="Send your answer").tap()
    assert "1 of 2" in page.inner_text("main")
    assert world.ask("18400.10")["decision"] is False
    with watched(browser, world.url, 360) as second:
        second.sign_in("jonas@corp.example", PASSWORD)
        second.go(f"/approvals/{index}")
        keys = second.page.keyboard
        second.page.locator("input[value=grant]").focus()
        keys.press("Space")
        for _ in range(2):
            keys.press("Tab")
            assert second.page.evaluate("document.activeElement.name") == "checklist"
            keys.press("Space")
        keys.press("Tab")
        assert second.page.evaluate("document.activeElement.name") == "reason"
        keys.type("four eyes, and the invoice is in the books")
        keys.press("Tab")
        with second.page.expect_navigation():
            keys.press("Enter")
        assert "Granted, not used yet" in second.page.inner_text("main")
        assert second.fits(320)
        assert second.fits(1280)
    assert second.trouble == []
    assert world.ask("18400.10")["decision"] is True
    assert world.ask("18400.10")["decision"] is False


def test_refuse_by_thumb_and_the_agent_hears_no(world, phone):
    """If this failed, a no given on a phone would not reach the agent."""
    assert world.ask("910", payee="GB29NWBK60161331926819")["decision"] is False
    index = world.approval()
    phone.sign_in("maria@corp.example", PASSWORD)
    phone.go(f"/approvals/{index}")
    page = phone.page
    page.get_by_label("Refuse").check()
    page.get_by_label("Your reason").fill("nobody knows this payee here")
    with page.expect_navigation():
        page.get_by_role("button", name="Send your answer").tap()
    assert "It was refused." in page.inner_text("#answer")
    assert "nobody knows this payee here" in page.inner_text("main")
    assert index not in world.desk.state.approvals


def test_hostile_words_of_an_agent_stay_words(world, phone):
    """If this failed, a hijacked agent could act through the approver's browser."""
    world.ask(
        "911",
        payee="DE89370400440532013000",
        note=HOSTILE.replace("\x00", "") * 3,
        reference=HOSTILE.replace("\x00", "")[:300],
    )
    phone.sign_in("maria@corp.example", PASSWORD)
    for path in ("/", f"/approvals/{world.approval()}", f"/approvals/{world.approval()}/note"):
        phone.go(path)
        made = phone.page.evaluate(
            "document.querySelectorAll('script, style, img, iframe, input[name=p]').length"
        )
        assert made == 0, path
        assert phone.fits(320), path
        assert phone.fits(360), path
    assert "<script>alert(1)</script>" in phone.page.inner_text("blockquote")


def test_stop_by_thumb_and_the_next_question_is_refused(world, phone):
    """If this failed, somebody would press stop and the agent would go on."""
    assert world.ask("99")["decision"] is True
    phone.sign_in("ada@corp.example", PASSWORD)
    page = phone.page
    page.get_by_role("link", name="Stop…").tap()
    page.get_by_label("One agent").check()
    page.get_by_label("Which agent").select_option("pay-runner")
    page.get_by_label("Why").fill("wrong payees")
    with page.expect_navigation():
        page.get_by_role("button", name="Stop now").tap()
    assert "Agent pay-runner" in page.inner_text("h1")
    refused = world.ask("98")
    assert refused["decision"] is False
    phone.go(f"/decisions/{refused['context']['evaluation_id']}")
    said = page.inner_text("main")
    assert "Refused" in said
    assert "stop" in said.lower()
