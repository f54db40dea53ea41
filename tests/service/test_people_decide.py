"""What people do to decisions: approve, refuse, override, reverse, stop; and what they may not."""

from __future__ import annotations

import pytest
from service_world import FILES, GB, POLICY, World

from governance.service import (
    asking,
    clock,
    keys,
    onboarding,
    outcomes,
    overriding,
    people,
    releasing,
    stopping,
)
from governance.service.desk import Caller
from governance.service.problem import Problem


def ask(world: World, amount: str = "600 EUR", **more: object) -> int:
    """An open approval for a payment."""
    answer = world.pay(amount=amount, ask=True, **more)
    return int(answer["context"]["access_request"]["approval"])


def say(world: World, who: Caller, approval: int, *, yes: bool = True, **more: object) -> dict:
    """`who` looks at a request and answers it."""
    shown = asking.show(world.desk, who, approval)
    given = {"digest": shown["digest"], "evidence": shown["evidence"], "reason": "seen", **more}
    return (asking.grant if yes else asking.refuse)(world.desk, who, approval, **given)


def test_a_grant_lets_exactly_that_action_through_once(world: World) -> None:
    """If a granted action were still held back, nobody would wait for people."""
    approval = ask(world)
    assert say(world, world.anna, approval)["state"] == "granted"
    assert asking.status(world.desk, world.agent_key, approval)["state"] == "granted"
    answer = world.pay(amount="600 EUR")
    assert answer["decision"]
    recorded = world.desk.reader.entry(int(answer["context"]["evaluation_id"])).data
    assert recorded["refs"]["approval"] == approval
    assert asking.status(world.desk, world.agent_key, approval)["state"] == "used"


def test_a_yes_counts_no_more_once_who_said_it_has_left(world: World) -> None:
    """If it did, somebody dismissed in the morning would still let payments through at noon."""
    approval = ask(world)
    assert say(world, world.anna, approval)["state"] == "granted"
    people.leave(world.desk, world.maria, world.anna.id)
    answer = world.pay(amount="600 EUR")
    assert not answer["decision"]
    assert "approval" not in world.desk.reader.entry(world.desk.state.size - 1).data["refs"]


def test_two_clauses_need_every_seat(world: World) -> None:
    """If one of two people were enough above the threshold, there would be no four eyes."""
    world.act("payee.verify", arguments={"iban": "DE89370400440532013000"})
    verified = world.act("payee.verify", arguments={"iban": "DE89370400440532013000"})
    outcomes.report(
        world.desk, world.gateway,
        {"decision": verified["context"]["evaluation_id"], "status": "executed"},
    )  # fmt: skip
    approval = ask(world, "12000 EUR")
    for who in (world.anna, world.carl):
        asking.show(world.desk, who, approval)
    world.clock.advance(30)
    point = "I called the payee"
    first = say(world, world.anna, approval, checklist=[point])
    assert first["state"] == "open"
    assert first["missing"] == [{"role": "cfo", "count": 1}]
    assert not world.pay(amount="12000 EUR")["decision"]
    with pytest.raises(Problem) as caught:
        say(world, world.anna, approval, checklist=[point])
    assert caught.value.type == "needs-another"
    assert say(world, world.carl, approval, checklist=[point])["state"] == "granted"
    assert world.pay(amount="12000 EUR")["decision"]


def test_a_checklist_is_confirmed_point_by_point_and_not_in_a_second(world: World) -> None:
    """If a checklist or a reading time were only shown, the rule would promise what nobody holds."""
    verified = world.act("payee.verify", arguments={"iban": "DE89370400440532013000"})
    number = verified["context"]["evaluation_id"]
    outcomes.report(world.desk, world.gateway, {"decision": number, "status": "executed"})
    approval = ask(world, "12000 EUR")
    point = "I called the payee"
    with pytest.raises(Problem, match="at least 30 s"):
        say(world, world.anna, approval, checklist=[point])
    world.clock.advance(30)
    with pytest.raises(Problem) as caught:
        say(world, world.anna, approval, checklist=["I did not call"])
    assert caught.value.field == "checklist"
    assert say(world, world.anna, approval, checklist=[point])["state"] == "open"
    refused = say(world, world.carl, approval, yes=False)
    assert refused["state"] == "refused", "a no needs neither"


def test_only_the_roles_that_the_rule_names_may_answer(world: World) -> None:
    """If anybody could grant, a role would be a decoration."""
    approval = ask(world)
    for who in (world.carl, world.tom, world.maria):
        with pytest.raises(Problem) as caught:
            say(world, who, approval)
        assert caught.value.status == 403
    assert asking.may_answer(world.desk.state, world.desk.state.approvals[approval],
                             world.anna.id) is None  # fmt: skip


def test_the_owner_may_not_grant_what_the_rule_keeps_from_owners(world: World) -> None:
    """If the accountable owner could wave through their own agent, nobody else would look."""
    people.set_roles(world.desk, world.maria, world.owen.id, roles=["treasurer"])
    people.confirm(world.desk, world.tom, world.owen.id)
    with pytest.raises(Problem) as caught:
        say(world, world.owen, ask(world))
    assert caught.value.type == "needs-another"


def test_the_requester_may_not_grant(world: World) -> None:
    """If who asked could say yes, one person would be both pairs of eyes."""
    people.set_roles(world.desk, world.maria, world.anna.id, roles=["treasurer", "agent_manager"])
    people.confirm(world.desk, world.tom, world.anna.id)
    session = world.session(world.anna)
    with pytest.raises(Problem) as caught:
        say(world, world.anna, ask(world, session=session))
    assert caught.value.type == "needs-another"


def test_an_answer_names_what_was_shown(world: World) -> None:
    """If an answer were not bound to the evidence, a page could show one thing and sign another."""
    approval = ask(world)
    shown = asking.show(world.desk, world.anna, approval)
    for change in ({"evidence": "ab" * 32}, {"digest": "cd" * 32}):
        given = {"digest": shown["digest"], "evidence": shown["evidence"], "reason": "x", **change}
        with pytest.raises(Problem) as caught:
            asking.grant(world.desk, world.anna, approval, **given)
        assert caught.value.status == 409


def test_a_reason_is_required_where_the_rule_says_so(world: World) -> None:
    """If a required reason could be left out, a review would find nothing to read."""
    with pytest.raises(Problem) as caught:
        say(world, world.anna, ask(world), reason="  ")
    assert caught.value.field == "reason"


def test_no_answer_in_time_is_a_no(world: World) -> None:
    """If silence counted, waiting would be the way to a yes."""
    approval = ask(world)
    world.clock.advance(4 * 3600)
    with pytest.raises(Problem) as caught:
        say(world, world.anna, approval)
    assert caught.value.type == "expired"
    assert asking.expire(world.desk) == 1
    assert asking.expire(world.desk) == 0
    assert asking.status(world.desk, world.agent_key, approval)["state"] == "expired"
    assert not world.pay(amount="600 EUR")["decision"]


def test_a_grant_counts_only_while_the_person_still_has_the_role(world: World) -> None:
    """If a yes outlived the role it was given in, leaving would not take the right away."""
    say(world, world.anna, ask(world))
    people.set_roles(world.desk, world.maria, world.anna.id, roles=["former_treasurer"])
    assert not world.pay(amount="600 EUR")["decision"]


def test_a_grant_never_lifts_a_deny(world: World) -> None:
    """If an approval lifted a deny, a rule that nobody may waive could be waived by anyone."""
    approval = ask(world, session=None)
    say(world, world.anna, approval)
    onboarding.suspend(world.desk, world.tom, "payments-1", why="fraud alarm")
    answer = world.pay(amount="600 EUR")
    assert answer["context"]["effect"] == "deny"


def test_an_override_lifts_what_may_be_waived_once(world: World) -> None:
    """If an override lifted more, or twice, it would be a second policy."""
    number = int(world.pay(iban=GB)["context"]["evaluation_id"])
    with pytest.raises(Problem) as caught:
        overriding.override(world.desk, world.anna, number, reason="I know them")
    assert caught.value.status == 403
    with pytest.raises(Problem):
        overriding.override(world.desk, world.carl, number, reason=" ")
    made = overriding.override(world.desk, world.carl, number, reason="settled with the bank")
    assert made["lifts"] == ["payments/PAY-4"]
    assert not world.pay(iban=GB, amount="101 EUR")["decision"], "another amount is another action"
    answer = world.pay(iban=GB)
    assert answer["decision"]
    assert not world.pay(iban=GB)["decision"]


def test_an_override_runs_out(world: World) -> None:
    """If an override lasted, an exception of one hour would be a rule."""
    number = int(world.pay(iban=GB)["context"]["evaluation_id"])
    overriding.override(world.desk, world.carl, number, reason="now", seconds=60)
    world.clock.advance(60)
    assert not world.pay(iban=GB)["decision"]
    with pytest.raises(Problem):
        overriding.override(world.desk, world.carl, number, reason="long", seconds=3601)


def test_an_override_leaves_approvals_needed(world: World) -> None:
    """If lifting a deny lifted the approval as well, one person would replace three."""
    number = int(world.pay(amount="6000 EUR")["context"]["evaluation_id"])
    overriding.override(world.desk, world.carl, number, reason="called them myself")
    held = world.pay(amount="6000 EUR", ask=True)
    assert held["context"]["effect"] == "require_approval"
    say(world, world.anna, int(held["context"]["access_request"]["approval"]))
    answer = world.pay(amount="6000 EUR")
    assert answer["decision"]
    refs = world.desk.reader.entry(int(answer["context"]["evaluation_id"])).data["refs"]
    assert {"approval", "override"} <= refs.keys()


def test_an_override_takes_as_many_people_as_what_it_lifts(world: World) -> None:
    """If two people guard an action and one could override it, one would be enough."""
    number = int(world.pay(amount="12000 EUR")["context"]["evaluation_id"])
    recorded = world.desk.reader.entry(number).data
    assert recorded["effect"] == "deny"
    made = overriding.override(
        world.desk, world.carl, number, lifts=["payments/VER-2"], reason="urgent"
    )
    assert made["needed"] == 2
    assert made["complete"] is False
    assert world.pay(amount="12000 EUR")["context"]["effect"] == "deny"
    with pytest.raises(Problem) as caught:
        overriding.override(
            world.desk, world.carl, number, lifts=["payments/VER-2"], reason="urgent"
        )
    assert caught.value.type == "needs-another"


def test_reversing_and_disregarding_are_entries_about_the_decision(world: World) -> None:
    """If a correction were not linked to what it corrects, a report could not count it."""
    number = int(world.pay()["context"]["evaluation_id"])
    undone = overriding.reverse(world.desk, world.owen, number, reason="wrong supplier")
    entry = world.desk.reader.entry(undone["entry"])
    assert entry.kind == "decision.reversed"
    assert entry.data["refs"] == {"decision": number}
    overriding.disregard(world.desk, world.tom, number, reason="paid by hand instead")
    with pytest.raises(Problem):
        overriding.reverse(world.desk, world.anna, number, reason="I am nobody's manager")
    denied = int(world.pay(iban=GB)["context"]["evaluation_id"])
    with pytest.raises(Problem):
        overriding.reverse(world.desk, world.owen, denied, reason="there is nothing to reverse")


def test_lifting_a_stop_takes_two_people(world: World) -> None:
    """If one person could lift a stop, a mistake would go on where it was stopped."""
    stop = stopping.raise_stop(world.desk, world.owen, scope="agent", scope_id="payments-1",
                               reason="odd")["stop"]  # fmt: skip
    assert not world.pay()["decision"]
    assert stopping.lift(world.desk, world.tom, stop, reason="explained")["state"] == "lift_asked"
    with pytest.raises(Problem) as caught:
        stopping.lift(world.desk, world.tom, stop, reason="explained")
    assert caught.value.type == "needs-another"
    assert not world.pay()["decision"]
    assert stopping.lift(world.desk, world.maria, stop, reason="agreed")["state"] == "lifted"
    assert world.pay()["decision"]


@pytest.mark.parametrize(
    ("scope", "name", "stops"),
    [
        ("everything", None, True),
        ("team", "treasury", True),
        ("agent", "payments-2", False),
        ("action", "payment.create", True),
        ("action", "payment", True),
        ("action", "web.post", False),
    ],
)
def test_a_stop_reaches_its_scope_and_no_more(
    world: World, scope: str, name: str | None, stops: bool
) -> None:
    """If a stop missed its scope it would be worthless; if it reached further, nobody would dare."""
    stopping.raise_stop(world.desk, world.tom, scope=scope, scope_id=name, reason="x")
    assert world.pay()["decision"] is not stops


def test_a_stop_with_a_typing_error_is_refused(world: World) -> None:
    """If a stop of an agent that does not exist were accepted, somebody would think it is stopped."""
    with pytest.raises(Problem) as caught:
        stopping.raise_stop(world.desk, world.tom, scope="agent", scope_id="paymnets-1", reason="x")
    assert caught.value.status == 404


@pytest.mark.parametrize("name", ["paymnt.create", "payment.creat", "mcp"])
def test_a_stop_of_an_action_that_nobody_takes_is_refused(world: World, name: str) -> None:
    """If a mistyped action could be stopped, payments would go on under a stop that looks right."""
    with pytest.raises(Problem) as caught:
        stopping.raise_stop(world.desk, world.tom, scope="action", scope_id=name, reason="x")
    assert caught.value.status == 404
    if name != "mcp":
        assert "did you mean `payment.create`" in caught.value.detail


def test_an_override_that_would_not_help_is_refused(world: World) -> None:
    """If a person signed an override that lifts nothing, they would believe that it had."""
    answer = world.pay(iban="FR1420041010050500013M02606", amount="6000 EUR")
    number = int(answer["context"]["evaluation_id"])
    with pytest.raises(Problem, match="still be denied by `payments/default`"):
        overriding.override(
            world.desk, world.carl, number, lifts=["payments/VER-2"], reason="I called"
        )


def test_a_stop_outlives_a_restart(world: World) -> None:
    """If a restart forgot a stop, restarting would lift it."""
    stopping.raise_stop(world.desk, world.tom, scope="everything", reason="x")
    world.close()
    world.open()
    assert not world.pay()["decision"]


def test_a_drill_is_measured(world: World) -> None:
    """If a drill left no figure, nobody could say how fast the service stops."""
    world.pay()
    drill = stopping.drill(
        world.desk, world.tom, scope="agent", scope_id="payments-1", reason="quarterly"
    )
    assert drill["last_allowed"] is None
    assert float(drill["seconds"]) == 0
    assert not world.pay()["decision"], "a drill really stops"


def test_the_last_administrator_stays(world: World) -> None:
    """If the last administrator could go, nobody could let anybody in again."""
    people.set_roles(world.desk, world.maria, world.tom.id, roles=["agent_manager"])
    for attempt in (
        lambda: people.leave(world.desk, world.maria, world.maria.id),
        lambda: people.set_roles(world.desk, world.maria, world.maria.id, roles=["risk_editor"]),
    ):
        with pytest.raises(Problem, match="last administrator"):
            attempt()


def test_who_answers_for_an_agent_does_not_just_leave(world: World) -> None:
    """If an owner could leave, an agent would have nobody who answers for it."""
    with pytest.raises(Problem, match="answers for"):
        people.leave(world.desk, world.maria, world.owen.id)


def test_leaving_ends_the_persons_keys(world: World) -> None:
    """If keys outlived their holder, leaving would take nothing away."""
    secret = keys.issue(
        world.desk, world.carl, holder_type="person", holder_id=world.carl.id
    )["secret"]  # fmt: skip
    assert keys.caller_of(world.desk, secret) is not None
    people.leave(world.desk, world.maria, world.carl.id)
    assert keys.caller_of(world.desk, secret) is None


def test_onboarding_takes_two_people(world: World) -> None:
    """If one person could onboard an agent, one person could give a program the company's money."""
    onboarding.propose(
        world.desk, world.maria, agent="new-1", team="t", owner=world.owen.id, purpose="x"
    )
    with pytest.raises(Problem) as caught:
        onboarding.confirm(world.desk, world.maria, "new-1")
    assert caught.value.type == "needs-another"
    assert onboarding.confirm(world.desk, world.tom, "new-1")["alone"] is False


def test_what_loosens_waits_for_a_second_person(world: World) -> None:
    """If more tools took effect at once, onboarding by two would last until the first change."""
    reader = world.agent("reader-1", tools=["mail.read"])
    made = onboarding.change(world.desk, world.maria, "reader-1", tools=["mail.read", "web.post"])
    assert made["pending"]
    assert world.desk.state.agents["reader-1"].tools == {"mail.read"}
    onboarding.confirm(world.desk, world.tom, "reader-1")
    assert world.desk.state.agents["reader-1"].tools == {"mail.read", "web.post"}
    tight = onboarding.change(world.desk, world.maria, "reader-1", tools=["web.post"])
    assert not tight["pending"]
    assert world.desk.state.agents["reader-1"].tools == {"web.post"}
    assert reader.id == "reader-1"


def test_a_confirmation_counts_for_what_was_shown_only(world: World) -> None:
    """If a change could be swapped before it is confirmed, the second person would sign unseen."""
    world.agent("reader-1", tools=["mail.read"])
    shown = onboarding.change(world.desk, world.maria, "reader-1", tools=["mail.read", "web.post"])
    swapped = onboarding.change(world.desk, world.maria, "reader-1", tools=["*"])
    with pytest.raises(Problem) as caught:
        onboarding.confirm(world.desk, world.tom, "reader-1", entry=shown["entry"])
    assert (caught.value.type, caught.value.field) == ("not-shown", "entry")
    assert world.desk.state.agents["reader-1"].tools == {"mail.read"}
    done = onboarding.confirm(world.desk, world.tom, "reader-1", entry=swapped["entry"])
    assert done["confirmed"] == swapped["entry"]


def test_an_older_proposal_does_not_undo_a_newer_release(world: World) -> None:
    """If it could be signed later, the newest rules would vanish without anybody having said so."""
    first = releasing.propose(world.desk, world.maria, {**FILES, "policies/payments.yaml": POLICY})
    changed = POLICY.replace(b"at_most: 10000 EUR", b"at_most: 9000 EUR")
    second = releasing.propose(
        world.desk, world.maria, {**FILES, "policies/payments.yaml": changed}
    )
    releasing.sign(world.desk, world.tom, second["proposal"], second["evidence"])
    with pytest.raises(Problem, match="propose the files again"):
        releasing.sign(world.desk, world.tom, first["proposal"], first["evidence"])
    assert world.desk.state.release == second["release"]


def test_autonomy_is_raised_on_evidence_for_a_time_and_lapses(world: World) -> None:
    """If autonomy never ended, trust would be given once and never looked at again."""
    with pytest.raises(Problem) as caught:
        onboarding.set_autonomy(
            world.desk, world.tom, "payments-1", level="L5", until="2026-12-01T00:00:00Z"
        )
    assert caught.value.field == "evidence"
    onboarding.set_autonomy(
        world.desk, world.tom, "payments-1", level="L5", until="2026-11-19T00:00:00Z",
        evidence={"reviewed": 200, "agreed": 198},
    )  # fmt: skip
    assert world.pay()["decision"]
    world.clock.advance(24 * 3600)
    lapsed = world.pay()
    assert lapsed["context"]["effect"] == "require_approval"
    assert "service/autonomy" in [reason["rule"] for reason in lapsed["context"]["reasons"]]


def test_autonomy_is_lowered_at_once_by_the_owner(world: World) -> None:
    """If lowering needed a manager or a reason form in triplicate, drift would go on."""
    onboarding.set_autonomy(world.desk, world.owen, "payments-1", level="L0", why="drifting")
    assert world.pay()["context"]["effect"] == "deny"


def test_the_clock_is_confirmed_by_two(world: World) -> None:
    """If one person could confirm a clock that jumped, one could move every deadline."""
    with pytest.raises(Problem, match="not jumped"):
        clock.confirm(world.desk, world.maria)


def test_names_of_people_are_in_the_vault_only(world: World) -> None:
    """If a name stood in an entry, it could never be erased."""
    for index in range(world.desk.state.size):
        raw = world.desk.reader.entry_bytes(index)
        for name in (b"Maria", b"Fischer", b"corp.example", b"Anna"):
            assert name not in raw
    assert people.name_of(world.desk, world.maria.id) == "Maria Fischer"


def test_an_administrator_issues_only_the_first_key_of_somebody(world: World) -> None:
    """If an administrator could have keys of others, one person would be all pairs of eyes."""
    with pytest.raises(Problem) as caught:
        keys.issue(world.desk, world.maria, holder_type="person", holder_id=world.anna.id)
    assert caught.value.type == "needs-another"
    keys.revoke(world.desk, world.maria, world.anna.key)
    with pytest.raises(Problem):
        keys.issue(world.desk, world.maria, holder_type="person", holder_id=world.anna.id)


def test_nobody_gives_themselves_a_role(world: World) -> None:
    """If an administrator could become treasurer by themselves, every seat would be theirs."""
    with pytest.raises(Problem) as caught:
        people.set_roles(world.desk, world.tom, world.tom.id, roles=["administrator", "treasurer"])
    assert caught.value.type == "needs-another"
    people.set_roles(world.desk, world.tom, world.tom.id, roles=["agent_manager"])
    assert world.desk.state.people[world.tom.id].roles == {"agent_manager"}


def test_two_clauses_for_one_role_ask_for_one_person(world: World) -> None:
    """A list would say `1 treasurer, 1 treasurer`, and people would look for a second one."""
    for _ in range(2):
        world.pay(amount="450 EUR")
    asked = world.pay(amount="600 EUR", request_approval=True)
    listed = asking.listed(world.desk, world.anna)["approvals"]
    assert asked["context"]["effect"] == "require_approval"
    assert [each["needs"] for each in listed] == [["1 treasurer"]]
    shown = asking.evidence_of(world.desk, listed[0]["approval"])
    assert len(shown["clauses"]) == 2
