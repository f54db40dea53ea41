"""Retention in the browser: what is sent reaches the service, and nothing goes by accident."""

from __future__ import annotations

import re

import pytest
from console_world import make_world, token_of
from desk_world import make_desk_world
from paper_views import JONAS, MARIA
from reading_pages import Page

from governance.oversight.retention import CLASSES
from governance.service import people, retaining
from governance.service.desk import Caller

REASON = "as the compliance board decided"


def look(client, path, status=200):
    """Open a page and parse it."""
    response = client.get(path)
    assert response.status_code == status, path
    return Page(response.get_data(as_text=True))


def sent(client, path, **data):
    """Send the form of a page to `path`."""
    page = path if path.endswith(("new", "rules", "cut")) else "/retention"
    token = token_of(client.get(page).get_data(as_text=True))
    return client.post(path, data={"form": token, "reason": REASON, **data})


@pytest.fixture
def world():
    """Retention on paper."""
    return make_world()


def test_times_reach_the_service_as_they_were_typed(world):
    """A field left empty would keep a class for zero days instead of for ever."""
    client = world.signed_in()
    days = dict.fromkeys(CLASSES, "730") | {"people": ""}
    done = sent(client, "/retention/rules", **days, duty_law="hgb-257", duty_days="3650")
    assert done.status_code == 303
    (kept,) = world.front.kept
    wanted = dict.fromkeys(CLASSES, 730) | {"people": None}
    assert kept == ("set", MARIA, wanted, {"law": "hgb-257", "days": 3650}, False, REASON)
    assert sent(client, "/retention/rules", **days, schedule="schedule").status_code == 303
    assert world.front.kept[-1][3:5] == (None, True)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"decisions": "two years"}, "Write a number of days"),
        ({"duty_law": "hgb-257"}, "Name the law and its days"),
        ({"reason": "x"}, "Write at least 10 characters"),
    ],
)
def test_what_was_typed_wrong_comes_back_with_a_sentence(world, data, said):
    """A typing error would set another time than was meant."""
    done = sent(world.signed_in(), "/retention/rules", **data)
    assert done.status_code == 400
    assert said in Page(done.get_data(as_text=True)).text
    assert world.front.kept == []


@pytest.mark.parametrize(
    ("data", "asked"),
    [
        ({"scope": "decision", "decision": "17"}, {"scope": "decision", "name": "17"}),
        (
            {"scope": "subject", "subject": "DE89", "kind": "payee", "agent": "not this"},
            {"scope": "subject", "name": "DE89", "kind": "payee"},
        ),
        ({"scope": "range", "first": "3", "last": "9"}, {"scope": "range", "first": 3, "last": 9}),
    ],
)
def test_a_hold_names_what_was_chosen_and_nothing_else(world, data, asked):
    """A hold on a payee would be placed on the agent whose field was still filled in."""
    assert sent(world.signed_in(), "/retention/holds/new", **data).status_code == 303
    (kept,) = world.front.kept
    none = {"name": None, "kind": None, "first": None, "last": None}
    assert kept == ("hold", MARIA, {**none, **asked, "reason": REASON})


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({}, "Choose what to hold"),
        ({"scope": "agent"}, "Say which agent"),
        ({"scope": "range", "first": "3"}, "A range has a first and a last entry"),
    ],
)
def test_a_hold_on_nothing_is_asked_for_again(world, data, said):
    """People would believe that something is held."""
    done = sent(world.signed_in(), "/retention/holds/new", **data)
    assert done.status_code == 400
    assert said in Page(done.get_data(as_text=True)).text
    assert world.front.kept == []


def test_a_cut_is_asked_for_and_done_from_the_page_that_shows_it(world):
    """Somebody would give up other entries than those they saw."""
    maria = world.signed_in()
    page = look(maria, "/retention/cut")
    assert re.search(r"Entries before 8\W?192 may go", page.text)
    assert "Ask to give them up" in page.text
    hidden = {i["name"]: i["value"] for i in page.of("input") if i.get("type") == "hidden"}
    assert hidden["minimum"] == "8192"
    assert sent(maria, "/retention/cut", minimum=hidden["minimum"]).status_code == 303
    assert world.front.kept == [("prune", MARIA, 8192, REASON)]
    world.front.asked_cut = JONAS
    assert "Give them up for ever" in look(maria, "/retention/cut").text
    assert sent(maria, "/retention/cut", minimum="all").status_code == 400
    assert len(world.front.kept) == 1


def test_who_has_no_right_reads_why_and_gets_no_form(world):
    """A treasurer would fill in a form that the service refuses."""
    jonas = world.signed_in("jonas@corp.example")
    for path in (
        "/retention/rules",
        "/retention/holds/new",
        "/retention/holds/92",
        "/retention/cut",
    ):
        page = look(jonas, path)
        assert "takes the role" in page.text
        assert not list(page.of("textarea"))


def test_two_people_decide_in_the_browser_and_the_log_has_it(tmp_path):
    """The pages would be a picture of retention."""
    with make_desk_world(tmp_path / "w") as made:
        roles = ("cfo", "agent_manager", "compliance_officer")
        first = Caller("person", made.ids["ada"])
        people.set_roles(made.desk, first, made.ids["jonas"], roles=roles)
        ada, jonas = made.browser("ada"), made.browser("jonas")
        days = dict.fromkeys(CLASSES, "400")
        assert sent(ada, "/retention/rules", **days).status_code == 303
        waiting = made.desk.state.retention.waiting
        assert waiting is not None
        page = look(ada, "/retention")
        assert "You proposed these times" in page.text
        warned = f"The times of entry {waiting.index}, which wait for a second person, are dropped"
        assert warned in look(jonas, "/retention/rules").text
        confirm = f"/retention/rules/{waiting.index}/confirm"
        assert sent(jonas, confirm).status_code == 303
        assert made.desk.state.retention.rules is not None
        short = sent(ada, "/retention/rules", **{**days, "decisions": "30"})
        assert short.status_code == 400
        assert "at least six months" in Page(short.get_data(as_text=True)).text
        held = sent(ada, "/retention/holds/new", scope="agent", agent="pay-runner")
        assert held.status_code == 303
        (number,) = made.desk.state.retention.holds
        place = f"/retention/holds/{number}"
        assert sent(ada, f"{place}/release").status_code == 303
        assert "it takes another person" in look(ada, place).text
        assert "Ada Berg asked to lift it" in look(jonas, place).text
        assert sent(jonas, f"{place}/release").status_code == 303
        assert not made.desk.state.retention.holds
        look(jonas, place, 404)
        assert "Nothing may go now" in look(ada, "/retention/cut").text
        again = ada.get(confirm)  # reloading where a form was sent shows its page
        assert (again.status_code, again.headers["Location"]) == (303, "/retention")
        shown = retaining.show(made.desk, Caller("person", "p-none"))
        assert shown["rules"]["classes"]["decisions"] == 400
