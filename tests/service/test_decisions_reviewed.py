"""People review past decisions: who may, what counts, what is drawn, and what it teaches."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from service_world import DE, GB, NL, World
from test_learning import DAY, answer, found
from test_people_decide import ask, say

from governance.service import explaining, overriding, people, reviews, sessions
from governance.service.desk import Caller
from governance.service.problem import Problem
from governance.store.reader import Reader

WHY = "the supplier has been known for years"


def paid(world: World, amount: str = "100 EUR", **more: Any) -> int:
    """A payment is asked for; the number of the decision."""
    return int(world.pay(amount=amount, **more)["context"]["evaluation_id"])


def judge(world: World, who: Caller, decision: int, verdict: str, **more: Any) -> dict[str, Any]:
    """Somebody reviews a decision."""
    return reviews.review(world.desk, who, decision, verdict=verdict, reason=WHY, **more)


def refused(world: World, who: Caller, decision: int, verdict: str = "right", **more: Any) -> str:
    """The type of the problem that a review ends in."""
    size = world.desk.state.size
    with pytest.raises(Problem) as caught:
        judge(world, who, decision, verdict, **more)
    assert world.desk.state.size == size, "a refused review was recorded"
    return caught.value.type


def test_a_review_is_an_entry_about_the_decision(world: World) -> None:
    """If a verdict were not in the log, a report could say that people looked when nobody did."""
    number = paid(world)
    made = judge(world, world.tom, number, "too_loose", should_be="require_approval")
    entry = world.desk.reader.entry(made["review"])
    assert entry.kind == "decision.reviewed"
    assert entry.data == {
        "refs": {"decision": number},
        "person": world.tom.id,
        "verdict": "too_loose",
        "should_be": "require_approval",
        "commitments": entry.data["commitments"],
    }
    assert made["receipt"]["index"] == made["review"]
    told = explaining.decision(world.desk, world.tom, number)["reviews"]
    (only,) = told["reviews"]
    assert (only["reason"], only["person"], only["sampled"]) == (WHY, world.tom.id, False)


def test_a_hijacked_agent_cannot_review_itself(world: World) -> None:
    """If an agent could say that it was held back too strictly, it would write its own rules."""
    number = paid(world, "600 EUR")
    for key in (world.agent_key, world.agent_2, world.gateway):
        assert refused(world, key, number, "too_strict") == "not-allowed"
        with pytest.raises(Problem, match="for people"):
            reviews.draw(world.desk, key)
    judge(world, world.tom, number, "too_strict")
    assert explaining.decision(world.desk, world.agent_key, number)["reviews"] is None
    story = explaining.decision(world.desk, world.agent_key, number)["story"]
    assert WHY not in str(story), "the agent is told what its reviewers think"


def test_who_has_no_role_for_it_or_answers_for_the_agent_reviews_nothing(world: World) -> None:
    """If approvers, auditors or the agent's own owner could review, nobody independent would have."""
    number = paid(world)
    for who in (world.anna, world.person("Ada Reads", "auditor")):
        assert refused(world, who, number) == "not-allowed"
    people.set_roles(world.desk, world.maria, world.owen.id, roles=("agent_owner", "risk_editor"))
    people.confirm(world.desk, world.tom, world.owen.id)
    assert refused(world, world.owen, number) == "needs-another"
    assert reviews.why_not(world.desk, world.tom.id, number) == ""
    assert "role" in reviews.why_not(world.desk, world.anna.id, number)
    assert "another person" in reviews.why_not(world.desk, world.owen.id, number)


def test_who_asked_for_it_does_not_review_it_even_when_the_session_is_over(world: World) -> None:
    """If closing a session made its opener independent, everybody could review their own errands."""
    own = world.session(world.tom)
    number = paid(world, session=str(own))
    assert refused(world, world.tom, number) == "needs-another"
    sessions.close(world.desk, world.tom, own)
    assert own not in world.desk.state.sessions
    assert refused(world, world.tom, number) == "needs-another"
    judge(world, world.maria, number, "right")


def test_who_granted_may_review_the_asking_and_not_what_ran_on_the_grant(world: World) -> None:
    """If approvers judged what they approved, they would judge themselves."""
    grace = world.person("Grace Both", "treasurer", "risk_editor")
    approval = ask(world)
    world.clock.advance(5)
    say(world, grace, approval)
    asked = int(world.desk.reader.entry(approval).data["refs"]["decision"])
    ran = paid(world, "600 EUR")
    assert world.desk.reader.entry(ran).data["refs"]["approval"] == approval
    assert refused(world, grace, ran) == "needs-another"
    judge(world, grace, asked, "too_strict", should_be="allow")
    judge(world, world.tom, ran, "right")


def test_whether_one_may_review_is_told_without_reading_the_log(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each look at a decision would read all that happened since somebody was asked: a day's log."""
    grace = world.person("Grace Both", "treasurer", "risk_editor")
    both = world.person("Carla Both", "cfo", "compliance_officer")
    approval = ask(world)
    world.clock.advance(5)
    say(world, grace, approval)
    granted = paid(world, "600 EUR")
    denied = paid(world, "50 EUR", iban=GB)
    overriding.override(world.desk, both, denied, reason="the insurer confirmed it")
    lifted = paid(world, "50 EUR", iban=GB)
    world.desk.workspace.views.wait_for(world.desk.state.size)

    real = Reader.entries

    def one(reader: Reader, start: int, stop: int) -> Iterator[bytes]:
        assert stop - start == 1, "the log is read"
        return real(reader, start, stop)

    monkeypatch.setattr(Reader, "entries", one)
    for who, decision in ((grace, granted), (both, lifted)):
        assert reviews.why_not(world.desk, who.id, decision)
        assert not reviews.why_not(world.desk, world.tom.id, decision)


def test_who_overrode_does_not_review_what_ran_on_the_override(world: World) -> None:
    """If whoever lifted a denial could call it right afterwards, the override would approve itself."""
    both = world.person("Carla Both", "cfo", "compliance_officer")
    denied = paid(world, "50 EUR", iban=GB)
    overriding.override(world.desk, both, denied, reason="the insurer confirmed it")
    ran = paid(world, "50 EUR", iban=GB)
    assert world.desk.reader.entry(ran).data["effect"] == "allow"
    assert refused(world, both, ran) == "needs-another"
    judge(world, both, denied, "too_strict")


def test_a_verdict_has_to_fit_what_was_decided(world: World) -> None:
    """If an allowed action could be too strict, nobody would know what to make of it."""
    number = paid(world)
    assert refused(world, world.tom, number, "too_strict") == "conflict"
    assert refused(world, world.tom, number, "too_loose", should_be="allow") == "bad-field"
    assert refused(world, world.tom, number, "fine") == "bad-field"
    assert refused(world, world.tom, 0) == "unknown"
    with pytest.raises(Problem, match="must not be empty"):
        reviews.review(world.desk, world.tom, number, verdict="right", reason=" ")


def test_the_newest_review_of_a_person_counts_and_the_log_keeps_both(world: World) -> None:
    """If people could not change their mind, they would not say it early; twice is not two people."""
    number = paid(world)
    first = judge(world, world.tom, number, "right")["review"]
    second = judge(world, world.tom, number, "too_loose")["review"]
    (only,) = reviews.given(world.desk, world.tom, number)["reviews"]
    assert (only["review"], only["verdict"]) == (second, "too_loose")
    assert world.desk.reader.entry(first).data["verdict"] == "right"


def test_others_are_seen_only_by_who_has_said_it_or_may_not_say_it(world: World) -> None:
    """If the second reviewer read the first, two people would say what one thinks."""
    number = paid(world)
    judge(world, world.tom, number, "right")
    unseen = reviews.given(world.desk, world.maria, number)
    assert unseen == {"given": 1, "disputed": False, "hidden": True, "reviews": []}
    assert reviews.given(world.desk, world.anna, number)["reviews"], "she has nothing to say"
    judge(world, world.maria, number, "too_loose")
    for who in (world.maria, world.tom, world.anna):
        told = reviews.given(world.desk, who, number)
        assert [each["verdict"] for each in told["reviews"]] == ["right", "too_loose"]
        assert (told["disputed"], told["hidden"]) == (True, False)


# -- the sample ------------------------------------------------------------------------------------


def test_a_sample_is_drawn_across_agents_and_verdicts_and_can_be_drawn_again(world: World) -> None:
    """If only complaints were reviewed, what goes wrong quietly would go on for ever."""
    for number in range(30):
        paid(world, f"{number + 1} EUR", iban=(DE, NL)[number % 2])
    rare = {
        paid(world, "700 EUR"),
        paid(world, iban=GB),
        paid(world, by=world.agent_2, agent="payments-2"),
    }
    drawn = reviews.draw(world.desk, world.tom, count=8, nonce="the auditor's own")
    assert drawn["waiting"] == len(drawn["decisions"]) == 8
    chosen = [row["decision"] for row in drawn["decisions"]]
    assert rare <= set(chosen)
    said = world.desk.reader.entry(drawn["sample"]).data
    assert said["decisions"] == chosen
    root = world.desk.reader.frontier(said["size"]).root()
    assert said["root"] == root.hex()
    seed = hashlib.sha256(root + said["nonce"].encode()).digest()
    strata: dict[tuple[str, str], list[tuple[bytes, int]]] = {}
    for index in range(said["first"], said["size"]):
        entry = world.desk.reader.entry(index)
        if entry.kind == "decision":
            mark = hashlib.sha256(seed + index.to_bytes(8, "big")).digest()
            place = (entry.data["agent"], entry.data["effect"])
            strata.setdefault(place, []).append((mark, index))
    turns = sorted((n, *each) for found in strata.values() for n, each in enumerate(sorted(found)))
    assert sorted(index for *_, index in turns[:8]) == chosen


def test_a_reviewed_decision_waits_no_longer_and_its_review_names_the_sample(world: World) -> None:
    """If reviews of the sample looked like complaints, nobody could tell how many were looked at."""
    numbers = [paid(world, f"{n + 1} EUR") for n in range(4)]
    made = reviews.draw(world.desk, world.tom, count=2)
    assert len(made["nonce"]) == 32
    first, second = (row["decision"] for row in made["decisions"])
    assert judge(world, world.tom, first, "right")["sample"] == made["sample"]
    outside = next(number for number in numbers if number not in (first, second))
    assert judge(world, world.tom, outside, "right")["sample"] is None
    told = reviews.sample(world.desk)
    assert told["waiting"] == 1
    assert [row["reviewed"] for row in told["decisions"]] == [True, False]
    world.close()
    world.open()
    assert reviews.sample(world.desk) == told, "what waits is in the log"


def test_only_what_was_decided_in_the_days_asked_for_is_drawn(world: World) -> None:
    """If a sample reached further back, reviewers would judge rules that are long gone."""
    old = paid(world)
    world.clock.advance(10 * DAY)
    with pytest.raises(Problem, match="nothing was decided"):
        reviews.draw(world.desk, world.tom, days=5)
    new = paid(world, "7 EUR")
    (row,) = reviews.draw(world.desk, world.tom, days=5)["decisions"]
    assert row["decision"] == new
    assert {row["decision"] for row in reviews.draw(world.desk, world.tom)["decisions"]} == {
        old,
        new,
    }


def test_a_sample_takes_the_role_and_sane_figures(world: World) -> None:
    """If anybody could draw, anybody could replace the sample that waits by one that suits them."""
    paid(world)
    assert reviews.sample(world.desk) == {"sample": None, "waiting": 0, "decisions": []}
    for wrong in ({"count": 0}, {"count": 201}, {"days": 0}, {"nonce": "x" * 65}, {"nonce": " "}):
        with pytest.raises(Problem) as caught:
            reviews.draw(world.desk, world.tom, **wrong)  # type: ignore[arg-type]
        assert caught.value.type == "bad-field"
    for who in (world.anna, world.person("Ada Reads", "auditor")):
        with pytest.raises(Problem) as caught:
            reviews.draw(world.desk, who)
        assert caught.value.type == "not-allowed"


# -- what they teach -------------------------------------------------------------------------------


@pytest.fixture
def judges(world: World) -> tuple[World, tuple[Caller, Caller]]:
    """The company, and two reviewers."""
    return world, (world.tom, world.maria)


def many(
    judges: tuple[World, tuple[Caller, Caller]],
    verdict: str,
    count: int,
    start: int,
    *,
    should_be: tuple[str | None, str | None] = (None, None),
    **more: Any,
) -> list[int]:
    """So many payments, one a day, each reviewed alike by one of two people."""
    world, who = judges
    made = []
    for number in range(count):
        made.append(paid(world, f"{start + number} EUR", iban=(DE, NL)[number % 2], **more))
        judge(world, who[number % 2], made[-1], verdict, should_be=should_be[number % 2])
        world.clock.advance(DAY)
    return made


def test_what_reviewers_find_too_strict_becomes_a_proposed_rule(judges: Any) -> None:
    """If verdicts led nowhere, people would stop giving them."""
    many(judges, "too_strict", 10, 700)
    (made,) = found(judges[0])["proposals"]
    assert (made["rule"], made["effect"], made["loosens"]) == ("payments/PAY-2", "allow", True)
    assert made["condition"]["args.amount"] == {"between": ["700.00 EUR", "709.00 EUR"]}
    assert made["support"] == {"decisions": 10, "people": 2, "days": 10}
    assert {each["kind"] for each in made["evidence"]} == {"too_strict"}
    assert "people reviewed these as too strict" in made["because"]
    assert "too strict under PAY-2 goes through" in made["title"]
    assert made["case"]["expect"] == "allow"
    assert made["backtest"]["looser"] > 0


def test_what_reviewers_find_too_loose_is_asked_first(judges: Any) -> None:
    """If only complaints of those held back counted, rules could only ever become looser."""
    many(judges, "too_loose", 5, 300)
    (made,) = found(judges[0])["proposals"]
    assert (made["rule"], made["effect"]) == ("payments/PAY-1", "require_approval")
    assert made["loosens"] is False
    assert made["condition"]["args.amount"] == {"at_least": "300.00 EUR"}
    assert made["backtest"]["looser"] == 0


def test_what_all_reviewers_would_refuse_is_refused(judges: Any) -> None:
    """Who said that a payment should have been refused would be asked to approve the next one."""
    many(judges, "too_loose", 6, 300, should_be=("deny", "deny"))
    (made,) = found(judges[0])["proposals"]
    assert (made["rule"], made["effect"], made["loosens"]) == ("payments/PAY-1", "deny", False)
    assert "too loose under PAY-1 is refused at once" in made["title"]
    assert made["case"]["expect"] == "deny"
    assert (made["note"], made["backtest"]["looser"]) == ("", 0)


def test_what_only_some_would_refuse_is_asked_first_and_that_is_told(judges: Any) -> None:
    """If one voice for a refusal were enough, or unheard, reviewers would not say what they want."""
    many(judges, "too_loose", 6, 300, should_be=("deny", "require_approval"))
    (made,) = found(judges[0])["proposals"]
    assert made["effect"] == "require_approval"
    assert made["note"] == "3 of 6 say that it should be refused"


def test_a_refusal_found_too_strict_becomes_a_question_not_a_yes(judges: Any) -> None:
    """If reviewers could turn a no into a yes, an action would run that nobody looked at first."""
    world, who = judges
    for number in range(10):
        denied = paid(world, f"{50 + number} EUR", iban=GB)
        judge(world, who[number % 2], denied, "too_strict", should_be=("allow", None)[number % 2])
        world.clock.advance(DAY)
    (made,) = found(world)["proposals"]
    assert (made["rule"], made["effect"]) == ("payments/PAY-4", "require_approval")
    assert made["note"].split("; ")[0] == "5 of 10 say that it should be allowed"
    assert "needs: [1 cfo]" in made["draft"]


def test_reviews_count_beside_what_approvers_did(judges: Any) -> None:
    """If grants and reviews were counted apart, the same lesson would take twice the time."""
    world, _ = judges
    for number in range(5):
        answer(world, world.anna, f"{700 + number}.50 EUR")
        world.clock.advance(DAY + 60)
    assert found(world)["proposals"] == []
    many(judges, "too_strict", 5, 710)
    (made,) = found(world)["proposals"]
    assert {each["kind"] for each in made["evidence"]} == {"granted", "too_strict"}
    assert made["support"]["people"] == 3


def test_reviewers_who_disagree_are_shown_and_not_averaged(judges: Any) -> None:
    """If nine against one made a rule, the one who noticed would be outvoted."""
    world, who = judges
    numbers = many(judges, "too_strict", 11, 700)
    assert len(found(world)["proposals"]) == 1
    against = judge(world, who[0], numbers[5], "right")["review"]
    result = found(world)
    assert result["proposals"] == []
    (left,) = [each for each in result["left_out"] if each["rule"] == "payments/PAY-2"]
    assert "people disagree" in left["why"]
    assert "1 right, 11 too strict" in left["why"]
    assert str(against) in left["why"]
    assert left["right"] == 1


def test_a_review_beyond_what_the_rule_would_reach_is_no_contradiction(judges: Any) -> None:
    """If one verdict on a million blocked a lesson on hundreds, nothing would ever be learned."""
    world, who = judges
    many(judges, "too_strict", 10, 700)
    judge(world, who[0], paid(world, "9000 EUR", iban=NL), "right")
    judge(world, who[1], paid(world, "900 EUR", by=world.agent_2, agent="payments-2"), "right")
    (made,) = found(world)["proposals"]
    assert made["rule"] == "payments/PAY-2"


def test_one_reviewer_alone_teaches_nothing(judges: Any) -> None:
    """If one person's verdicts made a proposal, one account taken over would."""
    world, who = judges
    many((world, (who[0], who[0])), "too_strict", 12, 700)
    result = found(world)
    assert result["proposals"] == []
    assert "different people" in result["left_out"][0]["why"]


def test_a_changed_mind_teaches_what_it_says_last(judges: Any) -> None:
    """If the earlier verdict still counted, nobody could take one back."""
    world, who = judges
    numbers = many(judges, "too_strict", 10, 700)
    judge(world, who[0], numbers[0], "right")
    result = found(world)
    assert result["proposals"] == []
    assert result["acts"] == 10, "one person's two reviews of one decision are one"


def test_right_verdicts_alone_suggest_nothing_and_fill_no_list(judges: Any) -> None:
    """If every good decision stood among what is not proposed, nobody would read that list."""
    many(judges, "right", 6, 100)
    result = found(judges[0])
    assert (result["proposals"], result["left_out"], result["acts"]) == ([], [], 6)


def test_what_ran_on_a_grant_teaches_nothing_about_the_rule(judges: Any) -> None:
    """If a verdict on an approver's yes counted against the rule, rules would pay for people."""
    world, who = judges
    for number in range(6):
        approval = ask(world, f"{700 + number} EUR")
        world.clock.advance(20)
        say(world, world.anna, approval)
        judge(world, who[number % 2], paid(world, f"{700 + number} EUR"), "too_loose")
        world.clock.advance(DAY)
    result = found(world)
    assert "too_loose" not in str(result)
