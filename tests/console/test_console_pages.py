"""Pages: everything needed to decide is there, an answer is bound, and text stays text."""

from __future__ import annotations

import re

import pytest
from console_world import make_world, token_of
from paper_front import evidence
from paper_views import DIGEST, HOSTILE, JONAS, MARIA
from reading_pages import Page

PAGES = (
    "/",
    "/approvals",
    "/approvals/1043",
    "/approvals/2044",
    "/approvals/2044/note",
    "/approvals/closed",
    "/approvals/closed?before=30",
    "/decisions",
    "/decisions?agent=%3Cscript%3Ealert(1)%3C/script%3E",
    "/decisions/1042",
    "/stops",
    "/stops/90",
    "/stops/new",
    "/stops/new?agent=%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
    "/agents",
    "/agents/travel-desk",
    "/log",
    "/log/anchors/dept",
    "/retention",
    "/retention/rules",
    "/retention/holds/new",
    "/retention/holds/92",
    "/retention/holds/-17",
    "/retention/cut",
    "/policies",
    "/policies/in-force/payments",
    "/policies/learned",
    "/policies/proposals/300",
    "/policies/proposals/301",
    "/policies/back/abcd",
    "/account",
    "/approvals/77",
)


def look(client, path, status=200):
    """Open a page and parse it."""
    response = client.get(path)
    assert response.status_code == status, path
    return Page(response.get_data(as_text=True))


def answer_data(client, path="/approvals/1043", **changes):
    """The form of an approval as a browser would send it, with changes."""
    page = look(client, path)
    hidden = {i["name"]: i["value"] for i in page.of("input") if i.get("type") == "hidden"}
    return {
        **hidden,
        "answer": "grant",
        "reason": "called the payee back on the number we know",
        **changes,
    }


@pytest.fixture
def stopped_world():
    """A world with a stop in force."""
    world = make_world()
    world.front.raise_stop(JONAS, "agent", "pay-runner", reason=HOSTILE)
    return world


@pytest.mark.parametrize("path", PAGES)
def test_strings_that_try_to_be_markup_stay_text(stopped_world, path):
    """If this failed, an agent could put a button of its own on the approver's page."""
    page = look(stopped_world.signed_in(), path, 404 if path.endswith("/77") else 200)
    assert not page.of("script")
    assert not page.of("style")
    assert not page.of("img")
    assert not page.of("iframe")
    for tag, attributes in page.tags:
        assert "style" not in attributes, tag
        assert not [name for name in attributes if name.startswith("on")], tag
        for name in ("href", "src", "action"):
            value = attributes.get(name)
            assert value is None or value.startswith(("/", "#")), value
            assert value is None or not value.startswith("//"), value
    assert all(form["action"].startswith("/") for form in page.of("form"))


def test_hostile_text_is_shown_as_it_is(world):
    """If this failed, an approver would not see what the agent really wrote."""
    page = look(world.signed_in(), "/approvals/2044")
    assert "<script>alert(1)</script>" in page.text
    assert "{{ 7*7 }}" in page.text
    assert "{% raw %}" in page.text
    assert "[U+202E]gnp.exe[U+202C]" in page.text
    assert "[U+0000]" in page.text
    assert "&lt;b&gt;" in page.text


@pytest.mark.parametrize("path", PAGES[:-1])
def test_every_form_carries_its_token_and_every_field_its_name(stopped_world, path):
    """If this failed, a form would be refused, or a field would be a riddle to a screen reader."""
    page = look(stopped_world.signed_in(), path)
    posts = [form for form in page.of("form") if form["method"] == "post"]
    tokens = [i for i in page.of("input") if i.get("name") == "form"]
    assert len(tokens) == len(posts) >= 1
    labels = {label.get("for") for label in page.of("label")}
    inside = {"answer", "lift", "checklist"}  # radio buttons and ticks stand inside their label
    for tag in ("input", "select", "textarea"):
        for field in page.of(tag):
            if field.get("type") == "hidden" or field.get("aria-hidden") == "true":
                continue
            named = field.get("id") in labels or "aria-label" in field or field["name"] in inside
            assert named, field


@pytest.mark.parametrize("path", PAGES[:-1])
def test_every_page_has_stop_one_heading_and_a_way_to_skip(stopped_world, path):
    """If this failed, somebody who must stop an agent would have to search for the button."""
    page = look(stopped_world.signed_in(), path)
    assert len(page.of("h1")) == 1
    assert len(page.of("main")) == 1
    assert any(a["href"].startswith("/stops/new") for a in page.of("a"))
    assert page.tags[[t for t, _ in page.tags].index("body") + 1][1]["href"] == "#main"
    assert page.of("html")[0]["lang"] == "en"
    ids = [attributes["id"] for _, attributes in page.tags if attributes.get("id")]
    assert len(ids) == len(set(ids))


def test_times_name_day_and_zone(world):
    """If this failed, two people in two countries would read two different deadlines."""
    response = world.signed_in().get("/approvals/1043")
    page = response.get_data(as_text=True)
    assert '<time datetime="2026-11-20T11:20:10+01:00">Fri 20 Nov 2026, 11:20\xa0CET</time>' in page
    for said in re.findall(r"<time[^>]*>([^<]*)</time>", page):
        assert re.fullmatch(r"\w{3} \d{1,2} \w{3} \d{4}, \d\d:\d\d(:\d\d)?\xa0\w+", said), said


def test_an_approval_shows_everything_needed_to_decide(world):
    """If this failed, a person would answer for what they could not see."""
    said = look(world.signed_in(), "/approvals/1043").text
    for needed in (
        "Pay 18\u202f400.00 EUR to Halvorsen Maritime AS?",
        "NO93 8601 1117 947",
        "1 h 38 min left",
        "No answer by Fri 20 Nov 2026, 11:20 CET is a no",
        "critical",
        "autonomy L3",
        "PAY-004 in payments",
        "Above 10\u202f000 EUR a treasurer and the CFO.",
        "Recorded here",
        "Vouched for by erp",
        "Nothing recorded",
        "57 times in 90 days",
        "One treasurer",
        "the CFO must grant too",
        "the request closes",
        "What the agent claims",
        "sha256:" + DIGEST,
        "sha256:" + evidence("Open0"),
    ):
        assert " ".join(needed.split()) in said, needed
    assert world.front.shown == [(MARIA, 1043)]


def test_what_the_agent_claims_comes_last_and_capped(world):
    """If this failed, an agent could argue its case before the facts, at any length."""
    html = world.signed_in().get("/approvals/2044").get_data(as_text=True)
    order = [
        html.index(f'id="{name}"')
        for name in ("h-what", "h-why", "h-known", "h-hist", "h-who", "h-claim")
    ]
    assert order == sorted(order)
    assert "First " in html
    assert "of 1260 characters" in html


def test_neither_answer_is_chosen_or_nudged(world):
    """If this failed, the page would answer for the person."""
    client = world.signed_in()
    html = client.get("/approvals/1043").get_data(as_text=True)
    answers = [i for i in Page(html).of("input") if i.get("name") == "answer"]
    assert [i["value"] for i in answers] == ["grant", "refuse"]
    assert not [i for i in answers if "checked" in i]
    assert {frozenset(i) for i in answers} == {frozenset({"type", "name", "value", "required"})}
    assert html.count('<label class="choice">') == 2


@pytest.mark.parametrize("answer", ["grant", "refuse"])
def test_an_answer_reaches_the_service_bound_to_what_was_shown(world, answer):
    """If this failed, a yes could be moved to another action."""
    client = world.signed_in()
    response = client.post("/approvals/1043/answer", data=answer_data(client, answer=answer))
    assert response.headers["Location"] == "/approvals/1043"
    assert world.front.acts == [
        (answer, MARIA, 1043, "called the payee back on the number we know", "treasurer")
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"reason": ""}, "Write at least 10 characters"),
        ({"reason": "   ok    "}, "Write at least 10 characters"),
        ({"reason": "x" * 601}, "these are 601"),
        ({"answer": ""}, "Choose one"),
        ({"answer": "yes"}, "Choose one"),
    ],
)
@pytest.mark.parametrize("answer", ["grant", "refuse"])
def test_both_answers_need_a_reason(world, answer, changes, said):
    """If this failed, the log would hold answers that nobody can account for."""
    client = world.signed_in()
    data = answer_data(client, **{"answer": answer, **changes})
    response = client.post("/approvals/1043/answer", data=data)
    assert response.status_code == 400
    page = response.get_data(as_text=True)
    assert said in page
    assert data["reason"].strip()[:600] in page
    assert world.front.acts == []


def test_what_was_typed_is_still_there_after_an_error(world):
    """If this failed, a person would write the reason twice, and the second time worse."""
    client = world.signed_in()
    data = answer_data(client, answer="", reason="<b>looked</b> at\nthe invoice")
    html = client.post("/approvals/1043/answer", data=data).get_data(as_text=True)
    assert "&lt;b&gt;looked&lt;/b&gt; at\nthe invoice</textarea>" in html
    refused = client.post(
        "/approvals/1043/answer", data=answer_data(client, answer="refuse", reason="no")
    )
    assert 'value="refuse" required checked' in refused.get_data(as_text=True)


def test_a_checklist_is_confirmed_before_a_grant_and_not_before_a_refusal(world):
    """If this failed, a rule's checklist would be words that nobody has to look at."""
    client = world.signed_in()
    data = answer_data(client, "/approvals/2044")
    response = client.post("/approvals/2044/answer", data=data)
    assert response.status_code == 400
    page = Page(response.get_data(as_text=True))
    assert "Confirm each point of the checklist." in page.text
    assert data["reason"] in page.text
    assert world.front.acts == []
    boxes = [i["value"] for i in page.of("input") if i.get("name") == "checklist"]
    assert boxes == ["the account was called back"]
    ticked = answer_data(client, "/approvals/2044", checklist=boxes)
    assert client.post("/approvals/2044/answer", data=ticked).status_code == 303
    jonas = world.signed_in("jonas@corp.example")
    refusal = answer_data(jonas, "/approvals/2044", answer="refuse", role="cfo")
    assert jonas.post("/approvals/2044/answer", data=refusal).status_code == 303
    assert [act[0] for act in world.front.acts] == ["grant", "refuse"]


@pytest.mark.parametrize("field", ["digest", "evidence"])
def test_a_state_that_changed_meanwhile_is_a_page_not_an_answer(world, field):
    """If this failed, a yes to what stood there before would count for what stands there now."""
    client = world.signed_in()
    data = answer_data(client, **{field: "0" * 64})
    response = client.post("/approvals/1043/answer", data=data)
    assert response.status_code == 409
    page = Page(response.get_data(as_text=True))
    assert "This is no longer what you were shown" in page.text
    assert data["reason"] in page.text
    assert any(a["href"] == "/approvals/1043" for a in page.of("a"))
    assert world.front.acts == []


def test_somebody_else_answered_first(world):
    """If this failed, a late answer would be lost without a word."""
    client = world.signed_in()
    data = answer_data(client)
    world.front.answers[1043][JONAS] = "refuse"
    response = client.post("/approvals/1043/answer", data=data)
    assert response.status_code == 409
    assert "It changed meanwhile" in response.get_data(as_text=True)
    said = look(client, "/approvals/1043")
    assert "Refused" in said.text
    assert "This request is answered." in said.text
    assert not [i for i in said.of("input") if i.get("name") == "answer"]


def test_who_may_not_answer_reads_why(world):
    """If this failed, a person without the role would look for a button that is not there."""
    client = world.signed_in("otto@corp.example")
    page = look(client, "/approvals/1043")
    assert "you have neither role" in page.text
    assert not [i for i in page.of("input") if i.get("name") == "answer"]
    assert "you have neither role" in look(client, "/approvals").text
    assert "takes a role; you have none" in look(client, "/stops/new").text


@pytest.mark.parametrize("path", PAGES[:-1])
def test_no_button_is_dead(stopped_world, path):
    """If this failed, somebody would press a button that cannot do anything and not learn why."""
    page = look(stopped_world.signed_in("otto@corp.example"), path)
    assert not [a for _, a in page.tags if "disabled" in a]


def test_trouble_is_said_on_every_page(world):
    """If this failed, people would wait for agents that can get no yes."""
    world.front.trouble = "the disk is full; free some space, then run `governance doctor`"
    client = world.signed_in()
    for path in ("/", "/approvals/1043", "/stops/new"):
        said = look(client, path).text
        assert "No agent is getting a yes now." in said
        assert "governance doctor" in said


def test_nothing_to_do_says_so(world):
    """If this failed, an empty page could be taken for a broken one."""
    page = look(world.signed_in("otto@corp.example"), "/")
    assert "Nothing is waiting for you" in page.text
    assert "No answer is a no" in page.text


def test_two_people_lift_a_stop_and_the_first_reads_why_it_stands(world):
    """If this failed, one person could raise a stop and lift it again."""
    maria, jonas = world.signed_in(), world.signed_in("jonas@corp.example")
    form = token_of(maria.get("/stops/new").get_data(as_text=True))
    raised = maria.post(
        "/stops/new",
        data={
            "form": form,
            "scope": "agent",
            "agent": "pay-runner",
            "team": "payments",
            "reason": "wrong payees",
        },
    )
    assert raised.headers["Location"] == "/stops/90"
    assert world.front.acts == [("stop", MARIA, "agent", "pay-runner", "wrong payees")]
    assert "wrong payees" in look(maria, "/stops/90").text
    data = {"form": form, "reason": "the payees are right again"}
    maria.post("/stops/90/lift", data=data)
    assert "another person must agree" in look(maria, "/stops/90").text
    assert "needs" in look(maria, "/stops").text or "asked" in look(maria, "/stops").text
    form = token_of(jonas.get("/stops/90").get_data(as_text=True))
    assert b"With your agreement the stop ends at once" in jonas.get("/stops/90").data
    jonas.post("/stops/90/lift", data={"form": form, "reason": "I looked at the payees too"})
    assert [act[0] for act in world.front.acts] == ["stop", "ask-lift", "lift"]
    assert "No stop is in force" in look(maria, "/stops").text


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"scope": "", "reason": "why not"}, "Choose what to stop."),
        ({"scope": "agent", "reason": "why not"}, "Say which agent."),
        ({"scope": "session", "session": "x1", "reason": "why not"}, "A session is a number"),
        ({"scope": "everything", "reason": ""}, "one line is enough"),
        ({"scope": "world", "reason": "why not"}, "Choose what to stop."),
    ],
)
def test_a_stop_that_would_stop_nobody_is_asked_for_again(world, sent, said):
    """If this failed, a person would believe that something is stopped."""
    client = world.signed_in()
    form = token_of(client.get("/stops/new").get_data(as_text=True))
    response = client.post("/stops/new", data={"form": form, **sent})
    assert response.status_code == 400
    assert said in response.get_data(as_text=True)
    assert world.front.acts == []


def test_stop_comes_with_the_agent_of_the_page(world):
    """If this failed, somebody in a hurry could stop the wrong agent."""
    client = world.signed_in()
    page = look(client, "/approvals/1043")
    assert any(a["href"] == "/stops/new?agent=pay-runner" for a in page.of("a"))
    chosen = [
        o["value"]
        for o in look(client, "/stops/new?agent=pay-runner").of("option")
        if "selected" in o
    ]
    assert chosen == ["pay-runner"]
    plain = look(client, "/stops/new")
    assert not [o for o in plain.of("option") if "selected" in o]
    assert not [i for i in plain.of("input") if "checked" in i]


def test_a_decision_explains_itself(world):
    """If this failed, a refused agent's owner could not learn what would have been enough."""
    page = look(world.signed_in(), "/decisions/1042")
    for needed in (
        "REF-003 in support-refunds",
        "amount is at most 100 EUR",
        "84.00 EUR",
        "Cannot tell",
        "counts as no",
        "this rule decided",
        "What would have been enough",
        "refreshed within 24 h",
        "sha256:" + "ab" * 32,
        "entry 1042",
        "It was not carried out, so there is nothing to take back.",
        "Unanchored",
        "python -m audit verify",
    ):
        assert needed in page.text, needed


def test_a_decision_is_tried_with_something_else(world):
    """If this failed, whoever asks *what if* would have to try it on a live agent."""
    client = world.signed_in()
    form = token_of(client.get("/decisions/1042").get_data(as_text=True))

    def tried(given):
        response = client.post("/decisions/1042/what-if", data={"form": form, "given": given})
        return response.status_code, response.get_data(as_text=True)

    status, text = tried("args.amount = 50 EUR\nagent.autonomy = L3")
    page = Page(text)
    assert status == 200
    for needed in ("It was", "Refused", "Allowed", "args.amount", "50 EUR", "Only supposed."):
        assert needed in page.text, needed
    assert not page.of("script")
    for given, said in (
        ("", "at least one line"),
        ("amount", "is not of the form"),
        ("args.amout = 5", "has no"),
    ):
        status, text = tried(given)
        assert status == 400, given
        assert said in Page(text).text, said


def test_override_and_disregard_go_through_with_their_reason(world):
    """If this failed, a person could not step in after a refusal."""
    client = world.signed_in()
    form = token_of(client.get("/decisions/1042").get_data(as_text=True))
    bare = client.post(
        "/decisions/1042/override", data={"form": form, "reason": "the shop asked for it"}
    )
    assert bare.status_code == 400
    assert "Tick each rule" in bare.get_data(as_text=True)
    data = {
        "form": form,
        "reason": "the shop asked for it",
        "lift": "support-refunds/REF-009",
        "digest": DIGEST,
    }
    assert client.post("/decisions/1042/override", data=data).status_code == 303
    assert (
        client.post(
            "/decisions/1042/disregard", data={"form": form, "reason": "a stale list"}
        ).status_code
        == 303
    )
    reversed_ = client.post(
        "/decisions/1042/reverse",
        data={"form": form, "reason": "paid back in cash", "outcome": "undone"},
    )
    assert reversed_.status_code == 303
    assert [act[0] for act in world.front.acts] == ["override", "disregard", "reverse"]


def test_a_review_is_sent_as_it_was_chosen_and_kept_when_something_is_missing(world):
    """If this failed, what a reviewer chose would reach the log as something else."""
    client = world.signed_in()
    form = token_of(client.get("/decisions/1042").get_data(as_text=True))
    data = {"form": form, "verdict": "too_strict allow", "reason": "short"}
    again = client.post("/decisions/1042/review", data=data)
    assert again.status_code == 400
    page = Page(again.get_data(as_text=True))
    kept = [i["value"] for i in page.of("input") if i.get("name") == "verdict" and "checked" in i]
    assert kept == ["too_strict allow"]
    for verdict in ("", "too_lax", "right allow"):
        data = {"form": form, "verdict": verdict, "reason": "a known customer"}
        assert client.post("/decisions/1042/review", data=data).status_code == 400
    assert world.front.acts == []
    for verdict in ("too_strict allow", "right"):
        data = {"form": form, "verdict": verdict, "reason": "a known customer"}
        assert client.post("/decisions/1042/review", data=data).status_code == 303
    assert (
        client.post("/reviews", data={"form": form, "count": "7", "days": "9"}).status_code == 303
    )
    assert world.front.acts == [
        ("review", MARIA, 1042, "too_strict", "allow", "a known customer"),
        ("review", MARIA, 1042, "right", "", "a known customer"),
        ("draw", MARIA, 7, 9),
    ]


def test_decisions_are_paged_and_narrowed(world):
    """If this failed, older decisions could not be found."""
    client = world.signed_in()
    first = look(client, "/decisions")
    rows = [a["href"] for a in first.of("a") if re.fullmatch(r"/decisions/\d+", a["href"])]
    assert len(rows) == 25
    older = next(a["href"] for a in first.of("a") if "before=" in a["href"])
    second = look(client, older)
    again = [a["href"] for a in second.of("a") if re.fullmatch(r"/decisions/\d+", a["href"])]
    assert not set(rows) & set(again)
    assert "No decision matches" in look(client, "/decisions?effect=deny").text
    assert look(client, "/decisions?before=abc&effect=x").of("table")


def test_refusals_of_the_service_become_pages_with_its_sentence(world):
    """If this failed, a person would meet a bare error code."""
    page = look(world.signed_in(), "/approvals/77", 404)
    assert "There is no such thing here" in page.text
    assert "There is no approval" in page.text
    assert "the log ends at 48211." in page.text


def test_the_log_page_shows_the_signed_head(world):
    """If this failed, nobody could keep a copy of the head to hold against us later."""
    page = look(world.signed_in(), "/log")
    assert "corp.example/governance 48211 q83v — corp.example/governance AAAA" in page.text
    assert "corp.example/governance+aabbccdd+AbCd" in page.text
    assert "Unanchored" in page.text


def test_names_can_be_missing_without_breaking_pages(world):
    """If this failed, erasing a person would break pages that name them."""
    world.front.people[MARIA] = type(world.front.people[MARIA])(MARIA, MARIA, ())
    assert look(world.signed_in(), "/account").text.count(MARIA) >= 2
