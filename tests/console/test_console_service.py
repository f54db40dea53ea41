"""The console over the real service: what a person does in the browser stands in the log."""

from __future__ import annotations

import re

import pytest
from console_world import PASSWORD, sign_in, token_of
from desk_world import DeskWorld, make_desk_world
from paper_views import HOSTILE
from reading_pages import Page

from audit.keys import Verifier
from audit.proof import TlogProof
from governance.service import log_keys, onboarding, people, reviews, sessions
from governance.service.desk import Caller
from governance.web.console import framing

REASON = "called the payee back on the number we know"
PAYEES = ("DE89370400440532013000", "GB29NWBK60161331926819", "FR1420041010050500013M02606")


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> DeskWorld:
    """One real workspace for this module; each test asks for things of its own."""
    with make_desk_world(tmp_path_factory.mktemp("desk") / "workspace") as made:
        yield made


def look(client, path, status=200) -> Page:
    """Open a page and parse it."""
    response = client.get(path)
    assert response.status_code == status, (path, response.get_data(as_text=True)[-2000:])
    return Page(response.get_data(as_text=True))


def send(client, index, answer, **changes):
    """Answer an approval with exactly what its page carries."""
    page = look(client, f"/approvals/{index}")
    hidden = {i["name"]: i["value"] for i in page.of("input") if i.get("type") == "hidden"}
    points = [i["value"] for i in page.of("input") if i.get("name") == "checklist"]
    data = {**hidden, "answer": answer, "reason": REASON, "checklist": points, **changes}
    return client.post(f"/approvals/{index}/answer", data=data)


def asked(world, amount="18400", **more) -> int:
    """The agent asks for a payment that needs people; gives the approval's number."""
    answer = world.ask(amount, **more)
    assert answer["context"]["effect"] == "require_approval", answer
    return world.approval()


def test_showing_is_recorded_with_the_evidence_on_the_page(world):
    """If this failed, nobody could prove what an approver saw."""
    index = asked(world, "18400.01")
    size = world.desk.state.size
    page = look(world.browser("maria"), f"/approvals/{index}")
    shown = world.desk.reader.entry(size)
    assert shown.kind == "approval.shown"
    assert shown.data["person"] == world.ids["maria"]
    assert f"sha256:{shown.data['evidence']}" in page.text
    evidence = [i["value"] for i in page.of("input") if i.get("name") == "evidence"]
    assert evidence == [shown.data["evidence"]]


def test_an_approval_page_holds_what_the_log_holds(world):
    """If this failed, a person would answer for something else than what is recorded."""
    index = asked(world, "18400.02", note="Paying today keeps the discount.", confidence="0.97")
    page = look(world.browser("maria"), f"/approvals/{index}")
    for needed in (
        "Pay money out of a company account: 18 400.02 EUR?",
        "NO93 8601 1117 947",
        "Invoice H-20931",
        "Large payments a treasurer and the CFO decide.",
        "PAY-3 in payments",
        "Four eyes before money that cannot come back.",
        "Accountable Ada Berg",
        "Pays supplier invoices",
        "One treasurer not answered; may answer: you",
        "One cfo not answered; may answer: Jonas Weber",
        "May not answer: Ada Berg, who answers for the agent",
        "No gateway stands between this agent and the action",
        "Paying today keeps the discount.",
        "Confidence 0.97",
    ):
        assert needed in page.text, (needed, page.text)
    html = world.browser("maria").get(f"/approvals/{index}").get_data(as_text=True)
    assert html.index("0.97") > html.index('id="h-claim"')


def test_two_people_grant_and_the_agent_may_once(world):
    """If this failed, the whole point of asking people would be lost."""
    index = asked(world, "18400.03")
    maria, jonas = world.browser("maria"), world.browser("jonas")
    size = world.desk.state.size
    assert send(maria, index, "grant").status_code == 303
    assert world.kinds(size)[-1] == "approval.granted"
    waiting = look(maria, f"/approvals/{index}")
    assert "another person" in waiting.text
    assert "1 of 2" in waiting.text
    assert "granted by you" in waiting.text
    assert REASON in look(jonas, f"/approvals/{index}").text
    assert send(jonas, index, "grant").status_code == 303
    assert "Granted, not used yet" in look(maria, f"/approvals/{index}").text
    again = world.ask("18400.03")
    assert again["decision"] is True
    world.done(int(again["context"]["evaluation_id"]))
    story = look(maria, f"/approvals/{index}").text
    for step in (
        "People were asked.",
        "Shown to Jonas Weber",
        "Granted by Maria Lindqvist, treasurer",
        "Allowed under that grant.",
        "Done,",
        "Granted and used",
    ):
        assert step in story, step
    assert "2 of 2" in story
    assert "granted by you" in story
    used = look(jonas, f"/decisions/{again['context']['evaluation_id']}")
    assert any(a["href"] == f"/approvals/{index}" for a in used.of("a"))
    assert world.ask("18400.03")["decision"] is False


def test_a_point_that_is_not_confirmed_holds_the_grant_back(world):
    """If this failed, a rule's checklist would be decoration."""
    index = asked(world, "18400.04")
    maria = world.browser("maria")
    response = send(maria, index, "grant", checklist=["the payee was called back"])
    assert response.status_code == 400
    page = Page(response.get_data(as_text=True))
    assert "the invoice is in the books" in page.text
    assert REASON in page.text
    assert not world.desk.state.approvals[index].grants
    boxes = [i for i in page.of("input") if i.get("name") == "checklist"]
    assert [i["value"] for i in boxes if "checked" in i] == ["the payee was called back"]
    assert send(maria, index, "grant").status_code == 303
    assert world.desk.state.approvals[index].grants


def test_a_refusal_is_seen_at_once_with_its_reason(world):
    """If this failed, a refused request would look open or withdrawn to whoever refused it."""
    index = asked(world, "900", payee=PAYEES[0])
    maria = world.browser("maria")
    response = send(maria, index, "refuse")
    page = look(maria, response.headers["Location"])
    assert "Refused by Maria Lindqvist, treasurer." in page.text
    assert REASON in page.text
    assert "It was refused." in page.text
    assert f"/approvals/{index}" not in [a["href"] for a in look(maria, "/approvals").of("a")]
    assert f"/approvals/{index}" in [a["href"] for a in look(maria, "/approvals/closed").of("a")]


def test_owner_and_stranger_read_why_they_cannot_answer(world):
    """If this failed, the owner of an agent could grant its requests, or not learn why not."""
    ada = Caller("person", world.ids["ada"])
    second = people.add(
        world.desk, ada, name="Ben", email="ben@corp.example", roles=("administrator",)
    )["person"]
    people.set_roles(  # nobody gives themselves a role
        world.desk,
        Caller("person", second),
        world.ids["ada"],
        roles=("administrator", "agent_manager", "risk_editor", "compliance_officer", "treasurer"),
    )
    people.confirm(world.desk, ada, world.ids["ada"])
    index = asked(world, "901", payee=PAYEES[1])
    owner = look(world.browser("ada"), f"/approvals/{index}")
    assert "Not yours to answer" in owner.text
    assert "another person must" in owner.text
    stranger = look(world.browser("otto"), f"/approvals/{index}")
    assert "Not yours to answer" in stranger.text
    assert "treasurer" in stranger.text
    for page in (owner, stranger):
        assert not [i for i in page.of("input") if i.get("name") == "answer"]
    forced = world.browser("ada")
    form = token_of(forced.get("/account").get_data(as_text=True))
    approval = world.desk.state.approvals[index]
    data = {
        "form": form,
        "answer": "grant",
        "reason": REASON,
        "digest": approval.digest,
        "evidence": approval.shown[world.ids["ada"]],
        "role": "treasurer",
    }
    response = forced.post(f"/approvals/{index}/answer", data=data)
    assert response.status_code == 403
    assert not world.desk.state.approvals[index].grants


def test_evidence_that_changed_while_reading_is_a_page_not_a_grant(world):
    """If this failed, a yes would count although the agent's owner changed under the reader."""
    index = asked(world, "902", payee=PAYEES[1])
    maria = world.browser("maria")
    before = look(maria, f"/approvals/{index}")
    hidden = {i["name"]: i["value"] for i in before.of("input") if i.get("type") == "hidden"}
    onboarding.change(
        world.desk, Caller("person", world.ids["ada"]), "pay-runner", deputy=world.ids["otto"]
    )
    if world.desk.state.agents["pay-runner"].pending is not None:
        onboarding.confirm(world.desk, Caller("person", world.ids["jonas"]), "pay-runner")
    look(world.browser("maria"), f"/approvals/{index}")  # a second tab sees the new state
    data = {**hidden, "answer": "grant", "reason": REASON}
    response = maria.post(f"/approvals/{index}/answer", data=data)
    assert response.status_code == 409
    assert "no longer what you were shown" in response.get_data(as_text=True)
    assert not world.desk.state.approvals[index].grants


def test_hostile_notes_and_names_stay_text(world):
    """If this failed, an agent could write buttons onto the approver's page through the log."""
    index = asked(
        world, "903", payee=PAYEES[1], note=HOSTILE.replace("\x00", ""), reference=HOSTILE[:200]
    )
    for name in ("maria", "otto"):
        client = world.browser(name)
        for path in (
            "/",
            f"/approvals/{index}",
            f"/approvals/{index}/note",
            "/account",
            "/decisions",
        ):
            page = look(client, path)
            assert not page.of("script")
            assert not page.of("img")
            assert not [
                t for t, a in page.tags if "style" in a or any(n.startswith("on") for n in a)
            ]
    page = look(world.browser("maria"), f"/approvals/{index}")
    assert "<script>alert(1)</script>" in page.text
    assert "[U+202E]" in page.text


def test_a_decision_is_explained_with_what_was_seen(world):
    """If this failed, nobody could say why an agent was refused, or what would have been enough."""
    denied = int(world.ask("90000")["context"]["evaluation_id"])
    page = look(world.browser("jonas"), f"/decisions/{denied}")
    for needed in (
        "Refused",
        "PAY-4 in payments",
        "Above 50 000 EUR no agent pays",
        "The board said so.",
        "90 000 EUR",
        "this rule decided",
        "What would have been enough",
        f"entry {denied}",
        "corp.example/governance",
        "Unanchored",
    ):
        assert needed in page.text, (needed, page.text)
    leaf = world.desk.reader.receipt(denied).leaf_hash.hex()
    assert f"sha256:{leaf}" in page.text


def test_the_proof_of_a_decision_is_one_click_away(world):
    """A manager who is asked for evidence would have to find an operator with a command line."""
    receipt = world.ask("90000")["context"]["receipt"]
    index, client = receipt["index"], world.browser("jonas")
    page = look(client, f"/decisions/{index}")
    assert any(a.get("href") == f"/decisions/{index}/proof" for a in page.of("a"))
    assert f"--leaf {receipt['leaf_hash']}" in page.text
    got = client.get(f"/decisions/{index}/proof")
    assert got.headers["Content-Disposition"].endswith(f'"decision-{index}.tlog-proof"')
    assert got.mimetype == "text/plain"
    key = Verifier.from_vkey(world.desk.workspace.vkeys[0])
    TlogProof.parse(got.text).verify(bytes.fromhex(receipt["leaf_hash"]), [key])
    assert client.get("/decisions/0/proof").status_code == 404


def test_an_override_lets_it_pass_once(world):
    """If this failed, a person with the right could not step in."""
    denied = int(world.ask("90001")["context"]["evaluation_id"])
    assert "cfo" in look(world.browser("maria"), f"/decisions/{denied}").text
    jonas = world.browser("jonas")
    page = look(jonas, f"/decisions/{denied}")
    lifts = [i["value"] for i in page.of("input") if i.get("name") == "lift"]
    assert lifts == ["payments/PAY-4"]
    hidden = {i["name"]: i["value"] for i in page.of("input") if i.get("type") == "hidden"}
    data = {**hidden, "lift": lifts, "reason": "the board agreed this morning"}
    assert jonas.post(f"/decisions/{denied}/override", data=data).status_code == 303
    after = look(jonas, f"/decisions/{denied}").text
    assert "Let through once by Jonas Weber, lifting payments/PAY-4." in after
    assert "the board agreed this morning" in after
    stale = jonas.post(f"/decisions/{denied}/override", data={**data, "digest": "0" * 64})
    assert stale.status_code == 409


def test_reversal_and_disregard_stand_beside_the_decision(world):
    """If this failed, what people did afterwards could not be found from the decision."""
    allowed = world.ask("120")
    assert allowed["decision"] is True
    index = int(allowed["context"]["evaluation_id"])
    world.done(index)
    ada = world.browser("ada")
    form = token_of(ada.get(f"/decisions/{index}").get_data(as_text=True))
    for act, more in (("reverse", {"outcome": "undone"}), ("disregard", {})):
        data = {"form": form, "reason": "the branch had paid it in cash", **more}
        assert ada.post(f"/decisions/{index}/{act}", data=data).status_code == 303
    story = look(ada, f"/decisions/{index}").text
    assert "Taken back by Ada Berg: undone." in story
    assert "Not to be relied on, says Ada Berg." in story
    assert "It was taken back already" in story
    assert "taken back, entry" in look(ada, "/decisions").text
    refused = world.browser("maria")
    assert "To correct decisions takes the role" in look(refused, f"/decisions/{index}").text
    data = {"form": token_of(refused.get("/").get_data(as_text=True)), "reason": "because I say so"}
    assert refused.post(f"/decisions/{index}/disregard", data=data).status_code == 403


def test_lists_are_narrowed_by_agent_and_verdict(world):
    """If this failed, one refused decision among thousands could not be found."""
    world.ask("90002")
    client = world.browser("otto")
    page = look(client, "/decisions?effect=deny&agent=pay-runner")
    words = set(re.findall(r"Refused|Allowed|Person asked", page.text.split("When", 1)[1]))
    assert words == {"Refused"}
    assert "No decision matches" in look(client, "/decisions?agent=nobody").text


def test_a_stop_stops_and_two_people_lift_it(world):
    """If this failed, the stop button would be a picture of one."""
    ada, jonas = world.browser("ada"), world.browser("jonas")
    form = token_of(ada.get("/stops/new?agent=pay-runner").get_data(as_text=True))
    data = {"form": form, "scope": "agent", "agent": "pay-runner", "reason": "wrong payees"}
    raised = ada.post("/stops/new", data=data)
    place = raised.headers["Location"]
    assert re.fullmatch(r"/stops/\d+", place)
    held = world.ask("121")
    assert held["decision"] is False
    why = look(jonas, f"/decisions/{held['context']['evaluation_id']}")
    assert any(a["href"] == "/stops" and "rowlink" in (a.get("class") or "") for a in why.of("a"))
    assert "`" not in why.text
    page = look(jonas, place)
    assert "Agent pay-runner" in page.text
    assert "wrong payees" in page.text
    assert "Stopped" in look(jonas, "/agents").text
    assert "1 in force" in look(jonas, "/").text
    data = {"form": form, "reason": "the payees are right again"}
    assert ada.post(f"{place}/lift", data=data).status_code == 303
    assert world.ask("122")["decision"] is False
    assert "You asked to lift this stop; another person must agree." in look(ada, place).text
    assert ada.post(f"{place}/lift", data=data).status_code == 403
    second = look(jonas, place)
    assert "Ada Berg asked to lift it" in second.text
    assert "the payees are right again" in second.text
    form = token_of(jonas.get(place).get_data(as_text=True))
    data = {"form": form, "reason": "I looked at the payees too"}
    assert jonas.post(f"{place}/lift", data=data).status_code == 303
    assert world.ask("123")["decision"] is True
    assert "There is no such thing here" in look(jonas, place, 404).text


def test_who_may_not_stop_reads_why(world):
    """If this failed, somebody without the right would believe they stopped an agent."""
    page = look(world.browser("maria"), "/stops/new")
    assert "takes the role" in page.text
    assert not [b for b in page.of("button") if "stop" in (b.get("class") or "")]
    maria = world.browser("maria")
    form = token_of(maria.get("/").get_data(as_text=True))
    size = world.desk.state.size
    response = maria.post(
        "/stops/new", data={"form": form, "scope": "everything", "reason": "just because"}
    )
    assert response.status_code == 403
    assert "stop.raised" not in world.kinds(size)


def test_home_agents_and_log_show_the_desk(world):
    """If this failed, a page would show something else than the state."""
    client = world.browser("ada")
    agents = look(client, "/agents").text
    for needed in (
        "pay-runner",
        "Ada Berg",
        "treasury",
        "L4",
        "high risk sampled afterwards",
        "Active",
    ):
        assert needed in agents, needed
    log = look(client, "/log")
    assert world.desk.workspace.vkeys[0] in log.text
    size = world.desk.reader.checkpoint().split("\n")[1]
    assert f"Log of {size} entries" in log.text.replace("\u202f", "")
    home = look(client, "/").text
    assert "Nothing is waiting for you" in home
    assert "Waiting for others" in home


def test_the_log_page_shows_every_key_and_what_it_does(world):
    """If this failed, an auditor would pin a key that signs no more, or not see that one waits."""
    ada = Caller("person", world.ids["ada"])
    (old,) = world.desk.workspace.vkeys
    client = world.browser("maria")
    made = log_keys.add(world.desk, ada)
    others = [
        who
        for who, person in world.desk.state.people.items()
        if "administrator" in person.roles and who != ada.id
    ]
    if others:  # another test of this world has given it a second administrator
        assert f"governance log-key confirm {made['entry']}" in look(client, "/log").text
        made = log_keys.confirm(world.desk, Caller("person", others[0]), made["entry"])
    page = look(client, "/log").text
    assert made["vkey"] in page
    assert old in page
    assert f"signs since entry {made['entry']}" in page
    done = log_keys.retire(world.desk, ada, old.split("+")[1], why="compromised")
    page = look(client, "/log").text
    assert old not in page
    assert f"retired with entry {done['entry']}: others may have it" in page
    framed = framing._keys_wait({"change": "add", "key": "1a2b3c4d", "entry": 9})
    assert "governance log-key confirm 9" in framed


def test_who_leaves_is_out_at_once(world):
    """If this failed, a person could answer after their last day."""
    email = "lena@corp.example"
    ada = Caller("person", world.ids["ada"])
    lena = people.add(world.desk, ada, name="Lena", email=email, roles=("treasurer",))["person"]
    world.accounts.enrol(person=lena, sign_in=email, password=PASSWORD, at=world.desk.now())
    client = world.browser("lena")
    assert look(client, "/")
    people.leave(world.desk, ada, lena)
    assert client.get("/").status_code == 303
    assert sign_in(world.app.test_client(), email).status_code == 401


def test_what_does_not_exist_is_said(world):
    """If this failed, a mistyped number would end in an error page without words."""
    client = world.browser("ada")
    numbers = ("999999", "9" * 16, "9" * 400)
    places = [f"/{place}/{n}" for place in ("approvals", "decisions", "stops") for n in numbers]
    for path in (*places, "/decisions/0", "/approvals/" + "9" * 30 + "/note"):
        assert "There is no such thing here" in look(client, path, 404).text


def test_a_change_that_waits_is_shown_with_what_it_opens_and_confirmed_by_another(world):
    """If this failed, the second person would confirm a label without seeing which rules it turns."""
    ada = Caller("person", world.ids["ada"])
    first = onboarding.change(world.desk, ada, "pay-runner", labels=["trial"])["entry"]
    onboarding.change(world.desk, ada, "pay-runner", labels=["probation"])
    assert "a change waits for a second person" in look(world.browser("maria"), "/agents").text
    jonas, at = world.browser("jonas"), "/agents/pay-runner"
    page = look(jonas, at)
    assert "Labels probation instead of: " in page.text
    assert "Nothing becomes looser under the rules in force; that was proved" in page.text
    assert "You proposed this yourself" in look(world.browser("ada"), at).text
    assert "takes the role" in look(world.browser("maria"), at).text
    sent = {i["name"]: i["value"] for i in page.of("input") if i.get("type") == "hidden"}
    size = world.desk.state.size
    for client, data, status in (
        (jonas, {**sent, "entry": str(first)}, 409),
        (jonas, {**sent, "entry": "it"}, 400),
        (world.browser("ada"), sent, 403),
        (world.browser("maria"), sent, 403),
    ):
        form = token_of(client.get("/stops/new").get_data(as_text=True))
        assert client.post(f"{at}/confirm", data={**data, "form": form}).status_code == status
    assert "agent.onboarded" not in world.kinds(size)
    assert jonas.post(f"{at}/confirm", data=sent).status_code == 303
    assert world.desk.state.agents["pay-runner"].labels == {"probation"}
    assert "nothing about an agent" in look(jonas, at, 404).text.lower()


def test_all_of_a_change_is_shown_to_its_last_word_and_with_its_evidence(world):
    """If this failed, a purpose could change after its first lines, and a level without grounds."""
    ada, confirmer = (Caller("person", world.ids[name]) for name in ("ada", "jonas"))
    jonas, at = world.browser("jonas"), "/agents/scribe-1"
    purpose = "It reads the mail. " * 200
    onboarding.propose(
        world.desk, ada, agent="scribe-1", team="support", owner=ada.id,
        purpose=purpose + "It asks first", tools=["payment.create"],
    )  # fmt: skip
    assert "It reads the mail. It asks first " in look(jonas, at).text
    onboarding.confirm(world.desk, confirmer, "scribe-1")
    onboarding.change(world.desk, ada, "scribe-1", purpose=purpose + "It pays", labels=["fast"])
    assert "It reads the mail. It pays instead of: " in look(jonas, at).text
    assert onboarding.set_autonomy(
        world.desk, ada, "scribe-1", level="L5", until="2099-01-01T00:00:00Z",
        why="a month of figures", evidence={"reviewed": 200, "figures": {"agreed": "198"}},
    )["pending"]  # fmt: skip
    text = look(jonas, at).text
    assert "Why a month of figures" in text
    assert "Evidence: reviewed 200" in text
    assert 'Evidence: figures {"agreed": "198"}' in text


def test_an_agent_is_taken_on_in_the_browser(world):
    """If this failed, a new agent would wait for somebody with a shell, who sees less of it."""
    onboarding.propose(
        world.desk, Caller("person", world.ids["ada"]), agent="help-desk", team="support",
        owner=world.ids["ada"], purpose="Answers customers", tools=["payment.create"],
        budget={"amount": "20", "currency": "EUR", "period": "month"}, agent_class="high", annex="4(a)",
    )  # fmt: skip
    jonas = world.browser("jonas")
    page = look(jonas, "/agents/help-desk")
    for said in ("Purpose Answers customers", "Owner Ada Berg", "Tools payment.create",
                 "Budget 20 EUR a month", "Class under the EU AI Act high", "Autonomy L1"):  # fmt: skip
        assert said in page.text, said
    sent = {i["name"]: i["value"] for i in page.of("input") if i.get("type") == "hidden"}
    assert jonas.post("/agents/help-desk/confirm", data=sent).status_code == 303
    assert world.desk.state.agents["help-desk"].state == "active"


def test_a_review_stands_on_the_decisions_page_and_is_unseen_by_who_has_still_to_give_one(world):
    """If this failed, people could not judge a decision in the browser, or would copy each other."""
    index = int(world.ask("131")["context"]["evaluation_id"])
    jonas = world.browser("jonas")
    page = look(jonas, f"/decisions/{index}")
    chosen = [i["value"] for i in page.of("input") if i.get("name") == "verdict"]
    assert chosen == ["right", "too_loose require_approval", "too_loose deny"]
    assert "Nobody has reviewed it." in page.text
    data = {"form": token_of(jonas.get("/").get_data(as_text=True)), "verdict": chosen[2]}
    short = jonas.post(f"/decisions/{index}/review", data={**data, "reason": "no"})
    assert short.status_code == 400
    assert "Write at least 10 characters" in short.get_data(as_text=True)
    data["reason"] = "nobody knew that payee"
    assert jonas.post(f"/decisions/{index}/review", data=data).status_code == 303
    assert world.kinds()[-1] == "decision.reviewed"
    after = look(jonas, f"/decisions/{index}").text
    assert "Too loose: it should have been refused. Jonas Weber:" in after
    assert "nobody knew that payee" in after
    assert "nobody knew that payee" in look(world.browser("otto"), f"/decisions/{index}").text
    own = look(world.browser("ada"), f"/decisions/{index}").text
    assert "another person reviews it" in own
    assert (
        "To review decisions takes the role"
        in look(world.browser("maria"), f"/decisions/{index}").text
    )
    impossible = jonas.post(
        f"/decisions/{index}/review", data={**data, "verdict": "too_strict allow"}
    )
    assert impossible.status_code == 409
    ada = world.browser("ada")
    data["form"] = token_of(ada.get("/").get_data(as_text=True))
    assert ada.post(f"/decisions/{index}/review", data=data).status_code == 403


def test_what_one_had_a_part_in_waits_for_others(world):
    """If this failed, a reviewer would be sent to decisions that they must not judge, day after day."""
    own = Caller("person", world.ids["jonas"])
    opened = sessions.open_session(world.desk, own, agent="pay-runner")["session"]
    for amount, where in (("141", {"session": opened}), ("142", {})):
        world.ask(amount, **where)
    reviews.draw(world.desk, own, count=100)
    drawn = len(world.desk.state.sample.decisions)
    for name in ("jonas", "rita"):
        page = look(world.browser(name), "/reviews")
        parts = page.text.count("you asked for it or let it pass")
        assert (parts > 0) is (name == "jonas")
        assert f"{drawn} decisions wait for review" in page.text
        assert f"To review {drawn - parts} drawn" in page.text
        assert (f"You had a part in {parts} of them: another person" in page.text) is (parts > 0)


def test_what_was_drawn_waits_until_somebody_reviews_it(world):
    """If this failed, nobody would know what to look at besides complaints."""
    for amount in ("141", "142", "90141"):
        world.ask(amount)
    jonas = world.browser("jonas")
    form = token_of(jonas.get("/").get_data(as_text=True))
    assert jonas.post("/reviews", data={"form": form, "count": "0", "days": "x"}).status_code == 400
    drawn = jonas.post("/reviews", data={"form": form, "count": "3", "days": "30"})
    assert drawn.status_code == 303
    entry = world.desk.reader.entry(world.desk.state.size - 1)
    assert entry.kind == "sample.drawn"
    page = look(jonas, "/reviews")
    assert "decisions wait for review" in page.text
    assert "Were the rules right?" in look(jonas, "/").text
    assert "Were the rules right?" not in look(world.browser("maria"), "/").text
    assert "Were the rules right?" not in look(world.browser("ada"), "/").text
    listed = [a["href"] for a in page.of("a") if "#review" in a["href"]]
    assert listed == [f"/decisions/{index}#review" for index in entry.data["decisions"]]
    count = len(listed)
    data = {"form": form, "verdict": "right", "reason": "as the rules want it"}
    number = next(  # one that he had no part in
        index
        for index in entry.data["decisions"]
        if world.desk.reader.entry(index).data["effect"] == "deny"
    )
    assert jonas.post(f"/decisions/{number}/review", data=data).status_code == 303
    assert f"{count - 1} decision" in look(jonas, "/reviews").text
    assert "drawn for review" in look(jonas, f"/decisions/{number}").text
    assert "you answer for its agent" in look(world.browser("ada"), "/reviews").text
    maria = look(world.browser("maria"), "/reviews")
    assert "To review decisions takes the role" in maria.text
    refused = world.browser("maria")
    data = {"form": token_of(refused.get("/").get_data(as_text=True)), "count": "3", "days": "3"}
    answer = refused.post("/reviews", data=data)
    assert answer.status_code == 403
    assert 'href="/reviews">Go back' in answer.get_data(as_text=True)
