"""The pages of policies: what is signed is what was shown, and the way back is found."""

from __future__ import annotations

from pathlib import Path

import pytest
from console_world import PASSWORD, make_world, token_of
from desk_world import make_desk_world
from paper_views import DIGEST, MARIA
from reading_pages import Page

from governance.service import examining, people, proposals, releasing
from governance.service.desk import Caller
from governance.web.console import ruling


def look(client, path, status=200):
    """Open a page and parse it."""
    response = client.get(path)
    assert response.status_code == status, (path, response.get_data(as_text=True)[:2000])
    return Page(response.get_data(as_text=True))


def send(client, page, path, **data):
    """Send a form from its page."""
    form = token_of(client.get(page).get_data(as_text=True))
    return client.post(path, data={"form": form, **data})


def test_what_is_looser_is_signed_with_a_tick():
    """Somebody would sign what opens the gates while looking at the button."""
    world = make_world()
    maria, page = world.signed_in(), "/policies/proposals/300"
    done = send(maria, page, f"{page}/sign", evidence=DIGEST)
    assert done.status_code == 400
    assert "Tick this" in done.get_data(as_text=True)
    assert done.get_data(as_text=True).count("Tick this") == 2
    half = send(maria, page, f"{page}/sign", evidence=DIGEST, accepts="looser")
    assert half.status_code == 400
    assert half.get_data(as_text=True).count("Tick this") == 1
    assert world.front.ruled == []
    done = send(maria, page, f"{page}/sign", evidence="0" * 64, accepts=["looser", "given_up"])
    assert done.status_code == 409
    done = send(maria, page, f"{page}/sign", evidence=DIGEST, accepts=["looser", "given_up"])
    assert (done.status_code, done.headers["Location"]) == (303, page)
    assert world.front.ruled == [("sign", MARIA, 300)]


def test_a_promise_that_is_given_up_is_not_counted_as_looser(tmp_path: Path):
    """A signer would be told that requests are answered more loosely, and have to accept that, where
    nothing is; and would not be told what is given up."""
    never = b"""invariants: company
title: What no agent may ever do
owner: chief@corp.example
review_by: 2099-01-01
never:
  - id: INV-001
    title: No large payment without two people
    when: {action: payment.create, args.amount: {between: [10000.01 EUR, 50000 EUR]}}
    without: {people: 2}
    because: No single person can move such an amount.
"""
    with make_desk_world(tmp_path) as world:
        desk, first = world.desk, str(world.desk.state.release)
        sofia = enrolled(world, "Sofia Marin", "sofia")
        author = Caller("person", world.ids["ada"])
        files = {**desk.releases.files(first), "policies/invariants.yaml": never}
        made = releasing.propose(desk, author, files, days=0)
        releasing.sign(desk, sofia, made["proposal"], made["evidence"])
        back = releasing.rollback(desk, author, first)
        assert not back["in_force"]
        reader, page = world.browser("sofia"), f"/policies/proposals/{back['proposal']}"
        text = reader.get(page).get_data(as_text=True)
        assert "answered more loosely than today" not in text
        assert "1 thing that must never be allowed is no longer asked for" in text
        assert "I accept that 1 thing that must never be allowed is no longer asked for" in text
        assert "company/INV-001" in text.partition("I accept that")[2]
        assert text.count('type="checkbox"') == 1
        assert "must never be allowed no longer asked for" in reader.get("/policies").get_data(True)
        refused = send(reader, page, f"{page}/sign", evidence=back["evidence"], accepts="looser")
        assert refused.status_code == 400
        done = send(reader, page, f"{page}/sign", evidence=back["evidence"], accepts="given_up")
        assert done.status_code == 303
        assert desk.state.release == first


def enrolled(world, name, short):
    """One more person who may sign, with a password."""
    desk, email = world.desk, f"{short}@corp.example"
    made = people.add(
        desk, Caller("person", world.ids["ada"]), name=name, email=email,
        roles=("compliance_officer",),
    )  # fmt: skip
    world.accounts.enrol(person=made["person"], sign_in=email, password=PASSWORD, at=desk.now())
    return Caller("person", made["person"])


def test_what_was_not_found_out_is_said():
    """A signer would take an empty section for a clean one."""
    text = make_world().signed_in().get("/policies/proposals/301").get_data(as_text=True)
    assert text.count("Not found out: it was not finished within 60 s.") == 2


@pytest.mark.parametrize("act", ["refuse", "withdraw"])
def test_a_proposal_ends_with_a_reason(act):
    """Its author would not know what to change."""
    world = make_world()
    maria, page = world.signed_in(), "/policies/proposals/301"
    assert send(maria, page, f"{page}/{act}", reason="no").status_code == 400
    assert send(maria, page, f"{page}/{act}", reason="a case is missing").status_code == 303
    assert world.front.ruled == [(act, MARIA, 301, "a case is missing")]


def test_the_way_back_asks_why():
    """Nobody could tell later why the rules of a day were undone."""
    world = make_world()
    maria, page = world.signed_in(), "/policies/back/abab"
    assert send(maria, page, page, reason="x").status_code == 400
    done = send(maria, page, page, reason="it let strangers be paid")
    assert done.headers["Location"] == "/policies/proposals/301"
    assert world.front.ruled == [("back", MARIA, "abab", "it let strangers be paid")]


def test_what_is_signed_is_read_on_the_page(tmp_path: Path):
    """The second person would sign names of files."""
    with make_desk_world(tmp_path) as world:
        desk, first = world.desk, str(world.desk.state.release)
        files = desk.releases.files(first)
        path = next(name for name in files if b"PAY-4" in files[name])
        draft = {**files, path: files[path].replace(b"above: 50000 EUR", b"above: 60000 EUR")}
        author = Caller("person", world.ids["ada"])
        made = releasing.propose(desk, author, draft, days=0)
        page = f"/policies/proposals/{made['proposal']}"
        reader = world.browser("otto")
        text = reader.get(page).get_data(as_text=True)
        said = text.partition("What the files say differently")[2].partition(
            "</section>\n    <sec"
        )[0]
        for needed in (
            "60\u202f000 EUR",
            "50\u202f000 EUR",
            "As it would be",
            "As it is now",
            "The board said so.",
            "risk@corp.example",
            "1 changed",
        ):
            assert needed in said, needed
        assert said.count("As it would be") == 1, "what is the same is not repeated"
        own = f"{page}/files/{path}"
        assert f'href="{own}"' in text
        lines = reader.get(own).get_data(as_text=True)
        assert lines.count("<ins>") == lines.count("<del>") == 1
        assert "above: 60000 EUR" in lines.partition("<ins>")[2].partition("</ins>")[0]
        assert reader.get(f"{page}/files/policies/none.yaml").status_code == 404
        assert f'href="{page}/policies.pdf"' in text
        assert reader.get(f"{page}/policies.pdf").data.startswith(b"%PDF")


def test_who_made_a_proposal_takes_it_back_and_others_refuse_it(tmp_path: Path):
    """An author would refuse their own proposal, and the log say that somebody looked at it."""
    with make_desk_world(tmp_path) as world:
        desk, first = world.desk, str(world.desk.state.release)
        sofia = enrolled(world, "Sofia Marin", "sofia")
        ada = Caller("person", world.ids["ada"])
        index = releasing.propose(desk, ada, desk.releases.files(first), days=0)["proposal"]
        own = ruling.proposal(desk, ada.id, index)
        assert (own.may_refuse.yes, own.may_withdraw.yes) == (False, True)
        other = ruling.proposal(desk, sofia.id, index)
        assert (other.may_refuse.yes, other.may_withdraw.yes) == (True, False)


def test_what_nobody_can_be_shown_is_not_offered_for_signing(tmp_path, monkeypatch):
    """Somebody would sign looser answers that were counted, and thrown away."""
    with make_desk_world(tmp_path) as world:
        desk, first = world.desk, str(world.desk.state.release)
        sofia = enrolled(world, "Sofia Marin", "sofia")
        ada = Caller("person", world.ids["ada"])
        index = releasing.propose(desk, ada, desk.releases.files(first), days=0)["proposal"]
        assert ruling.proposal(desk, sofia.id, index).may_sign.yes
        told = proposals.show(desk, index)
        told["attached"]["diff"] |= {"looser": 2, "more": 2}
        monkeypatch.setattr(ruling.proposals, "show", lambda *_: told)
        view = ruling.proposal(desk, sofia.id, index)
        assert not view.may_sign.yes
        assert "only 0 were kept" in view.may_sign.why_not
        assert any("2 more were not kept" in line for line in view.diff.says)


def test_the_part_of_a_file_is_asked_for_by_its_line():
    """The rest of a long file could not be reached."""
    world = make_world()
    page = "/policies/proposals/300/files/policies/payments.yaml"
    text = world.signed_in().get(f"{page}?from=1000").get_data(as_text=True)
    assert world.front.ruled[-1] == ("text", 300, "policies/payments.yaml", 1000)
    assert "from=1000" in text
    assert world.signed_in().get(f"{page}?from=x").status_code == 200


def test_who_may_not_sign_sees_why():
    """Somebody would fill in a form for nothing, or not know whom to ask."""
    text = make_world().signed_in("jonas@corp.example").get("/policies/proposals/300")
    assert "takes the role" in text.get_data(as_text=True)
    assert "/policies/proposals/300/sign" not in text.get_data(as_text=True)


def test_a_release_is_proposed_signed_and_undone_on_real_pages(tmp_path: Path):
    """The pages would work on paper and not over the service."""
    with make_desk_world(tmp_path) as world:
        desk = world.desk
        first = str(desk.state.release)
        author = world.ids["ada"]
        added = people.add(
            desk, Caller("person", author), name="Sofia Marin", email="sofia@corp.example",
            roles=("compliance_officer",),
        )  # fmt: skip
        sofia = added["person"]
        world.accounts.enrol(
            person=sofia, sign_in="sofia@corp.example", password=PASSWORD, at=desk.now()
        )
        world.ask("55000")
        files = desk.releases.files(first)
        path = next(name for name in files if b"PAY-4" in files[name])
        looser = {**files, path: files[path].replace(b"above: 50000 EUR", b"above: 60000 EUR")}
        made = releasing.propose(desk, Caller("person", author), looser, note="RISK-9", days=30)
        assert made["findings"] == []
        page = f"/policies/proposals/{made['proposal']}"
        reader = world.browser("sofia")
        now = reader.get("/").get_data(as_text=True)
        assert "One proposal waits for your signature" in now
        assert page in now
        assert "Nothing is waiting for you" not in now
        assert "Nothing is waiting for you" in world.browser("ada").get("/").get_data(as_text=True)
        text = reader.get(page).get_data(as_text=True)
        for said in ("RISK-9", "Looser", "answered more loosely", "sha256:" + made["evidence"]):
            assert said in text, said
        for name in examining.EVIDENCE:
            assert proposals.show(desk, made["proposal"])["attached"][name]["complete"]
        assert "for you to sign" in text
        done = send(reader, page, f"{page}/sign", evidence=made["evidence"], accepts="looser")
        assert done.status_code == 303
        assert desk.state.release == made["release"]
        again = send(reader, page, f"{page}/sign", evidence=made["evidence"], accepts="looser")
        assert (again.status_code, again.headers["Location"]) == (303, page)
        assert "Sofia Marin" in reader.get(page).get_data(as_text=True)
        everything = reader.get("/policies").get_data(as_text=True)
        assert "payments" in everything
        assert f"/policies/back/{first[:12]}" in everything
        rules = reader.get("/policies/in-force/payments").get_data(as_text=True)
        assert "last spoke" in rules.partition("PAY-4")[2].partition("</li>")[0]
        back = f"/policies/back/{first[:12]}"
        done = send(reader, back, back, reason="nobody meant 60 000 EUR")
        assert done.status_code == 303, done.get_data(as_text=True)
        assert look(reader, done.headers["Location"])
        assert proposals.listed(desk)["proposals"][0]["origin"] == "rollback"


def test_what_people_taught_is_read_and_looked_for_again():
    """If a lesson could be put in force from its page, one click would change the rules."""
    world = make_world()
    maria = world.signed_in()
    text = maria.get("/policies/learned").get_data(as_text=True)
    for needed in ("payments/PAY-003", "12 decisions, 2 people, 6 days", "approved it", "Loosens"):
        assert needed in text, needed
    assert text.count("<form") - text.count("/sign-out") <= 2, "one button, and it only looks"
    form = token_of(text)
    assert maria.post("/policies/learned", data={"form": form}).status_code == 303
    assert ("learn", MARIA) in world.front.ruled
    jonas = world.signed_in("jonas@corp.example").get("/policies/learned").get_data(as_text=True)
    assert "takes the role" in jonas


def test_the_book_of_rules_is_one_link_away():
    """If the auditor's book could be had by command only, the auditor would ask for it by mail."""
    world = make_world()
    maria = world.signed_in()
    assert "/policies/policies.pdf" in maria.get("/policies").get_data(as_text=True)
    book = maria.get("/policies/policies.pdf")
    assert book.mimetype == "application/pdf"
    assert book.data.startswith(b"%PDF")


def test_a_real_desk_is_looked_through(tmp_path):
    """If the page and the service disagreed about a lesson's shape, the page would fail when it counts."""
    from governance.service.background import Background
    from governance.web.console import learned

    with make_desk_world(tmp_path) as world:
        background = Background("lesson")
        person = next(iter(world.desk.state.people))
        assert learned.view(world.desk, background, person).state == "never"
        learned.look(world.desk, background)
        newest = background.newest()
        assert newest is not None
        assert newest.ended.wait(60)
        view = learned.view(world.desk, background, person)
        assert view.state == "done", view.said
        assert "Only people teach" in view.takes


def test_lists_that_moved_and_promises_that_broke_are_on_the_pages():
    """A signer would not know that newer lists come in force with the signature; and nobody would be
    told that what must never happen can."""
    maria = make_world().signed_in()
    assert "bank/blocked was refreshed since" in look(maria, "/policies/proposals/300").text
    assert "What must never be allowed can happen: all/INV-1" in look(maria, "/policies").text
