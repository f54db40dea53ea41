"""What a change of an agent's record opens: two people decide, and the second one sees it."""

from __future__ import annotations

import json
import re

import pytest
from service_world import DE, FILES, POLICY, World

from governance.oversight import retention
from governance.service import exporting, onboarding, registering, releasing
from governance.service.problem import Problem

PATH = "policies/payments.yaml"
LABELLED = POLICY.replace(
    b"  - id: WEB-1\n",
    b"  - id: WEB-9\n    title: Nothing for agents on probation\n    effect: deny\n"
    b"    when: {action: mail.read, agent.labels: {contains_any: [probation]}}\n"
    b"    because: They are new.\n    severity: low\n  - id: WEB-1\n",
)


def ruled(world: World, policy: bytes = LABELLED) -> None:
    """Put another policy in force."""
    made = releasing.propose(world.desk, world.maria, {**FILES, PATH: policy}, days=0)
    assert made["proposal"], made
    releasing.sign(world.desk, world.tom, made["proposal"], made["evidence"])


def raised(world: World, level: str, until: str = "2098-01-01T00:00:00Z") -> dict[str, object]:
    """Tom raises the reader's autonomy."""
    return onboarding.set_autonomy(
        world.desk,
        world.tom,
        "reader-1",
        level=level,
        until=until,
        why="a month without a finding",
        evidence={"reviewed": 200},
    )


def test_the_second_person_sees_what_a_label_opens(world: World) -> None:
    """Who confirms that a label goes would not know that a rule goes with it."""
    ruled(world)
    world.agent("reader-1", tools=["mail.read"], labels=["probation"])
    made = onboarding.change(world.desk, world.maria, "reader-1", labels=[])
    assert made["pending"]
    waiting = onboarding.agent(world.desk, "reader-1")["pending"]
    assert list(made["opens"]) == waiting["opens"]
    assert "mail.read: deny -> allow (payments/WEB-9 -> payments/WEB-1)" in waiting["opens"][0]
    data = world.desk.reader.entry(made["entry"]).data
    kept = json.loads(world.desk.blobs.get(data["files"]["evidence/diff.json"]))
    assert (kept["outcome"], kept["against"]) == ("looser", world.desk.state.release)
    onboarding.confirm(world.desk, world.tom, "reader-1", entry=made["entry"])
    assert world.desk.state.agents["reader-1"].labels == frozenset()
    assert exporting.replay(world.root)["different"] == 0


def test_a_tool_is_shown_with_what_it_is_good_for(world: World) -> None:
    """Who confirms another tool would have to know by heart what the rules allow with it."""
    world.agent("reader-1", tools=["mail.read"])
    made = onboarding.change(world.desk, world.maria, "reader-1", tools=["mail.read", "web.post"])
    assert any("web.post: deny -> allow (service/agent" in each for each in made["opens"])


def test_autonomy_that_opens_something_takes_two_people(world: World) -> None:
    """One manager could let an agent pay alone; every other way of letting it do more takes two."""
    world.agent("reader-1", tools=["web.post"])
    onboarding.set_autonomy(world.desk, world.owen, "reader-1", level="L1", why="new")
    made = raised(world, "L4")
    assert made["pending"]
    assert any("web.post: require_approval -> allow" in str(each) for each in made["opens"])  # type: ignore[attr-defined]
    assert onboarding.agent(world.desk, "reader-1")["autonomy"] == "L1"
    with pytest.raises(Problem) as caught:
        onboarding.confirm(world.desk, world.tom, "reader-1")
    assert caught.value.type == "needs-another"
    onboarding.confirm(world.desk, world.maria, "reader-1")
    told = onboarding.agent(world.desk, "reader-1")
    assert (told["autonomy"], told["autonomy_until"]) == ("L4", "2098-01-01T00:00:00.000000Z")


def test_autonomy_that_opens_nothing_is_one_persons(world: World) -> None:
    """People would confirm what changes no answer, and stop reading what they confirm."""
    world.agent("reader-1", tools=[])
    onboarding.set_autonomy(world.desk, world.owen, "reader-1", level="L1", why="new")
    assert not raised(world, "L4")["pending"]
    assert onboarding.agent(world.desk, "reader-1")["autonomy"] == "L4"


def test_the_same_level_for_longer_is_more(world: World) -> None:
    """An agent would stay at its level for ever by the word of one person, who prolongs it."""
    world.agent("reader-1", tools=["web.post"])
    onboarding.set_autonomy(world.desk, world.owen, "reader-1", level="L1", why="new")
    raised(world, "L4", "2097-01-01T00:00:00Z")
    onboarding.confirm(world.desk, world.maria, "reader-1")
    assert not raised(world, "L4", "2096-01-01T00:00:00Z")["pending"]
    assert raised(world, "L4", "2098-01-01T00:00:00Z")["pending"]


def test_what_was_not_found_out_takes_two_people(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A set of rules that is too large to be searched in time would let everything pass."""
    world.agent("reader-1", tools=[])
    onboarding.set_autonomy(world.desk, world.owen, "reader-1", level="L1", why="new")
    world.agent("reader-2", tools=["mail.read"])
    onboarding.set_autonomy(world.desk, world.owen, "reader-2", level="L1", why="new")
    monkeypatch.setattr(registering, "WITHIN", -1.0)
    made = raised(world, "L4")
    assert made["pending"]
    assert "not finished" in str(made["opens"])


def test_nobody_confirms_what_was_found_out_under_other_rules(world: World) -> None:
    """What the second person reads would be about rules that are not in force any more."""
    world.agent("reader-1", tools=["mail.read"], labels=["probation"])
    made = onboarding.change(world.desk, world.maria, "reader-1", labels=[])
    assert list(made["opens"]) == [
        "Nothing becomes looser under the rules in force; that was proved"
    ]
    ruled(world)
    with pytest.raises(Problem) as caught:
        onboarding.confirm(world.desk, world.tom, "reader-1", entry=made["entry"])
    assert caught.value.type == "conflict"
    assert world.desk.state.agents["reader-1"].labels == {"probation"}


def test_nobody_confirms_what_rules_began_to_see_since(world: World) -> None:
    """A tool that no rule knew would be confirmed as if the rules of today had been asked."""
    world.agent("reader-1", tools=["mail.read"])
    made = onboarding.change(world.desk, world.maria, "reader-1", tools=["mail.read", "ship.book"])
    assert (made["pending"], list(made["opens"])) == (True, [])
    ruled(world)
    with pytest.raises(Problem) as caught:
        onboarding.confirm(world.desk, world.tom, "reader-1", entry=made["entry"])
    assert caught.value.type == "conflict"


def test_nobody_confirms_what_was_found_out_of_another_record(world: World) -> None:
    """One manager lets a harmless change wait, raises the agent, and gets a yes to what is harmless no more."""
    ruled(world)
    world.agent("reader-1", tools=["mail.read"], labels=["probation"])
    onboarding.set_autonomy(world.desk, world.owen, "reader-1", level="L1", why="new")
    made = onboarding.change(world.desk, world.maria, "reader-1", labels=[])
    onboarding.change(world.desk, world.maria, "reader-1", purpose="Reads the mail of sales")
    lifted = onboarding.set_autonomy(
        world.desk, world.maria, "reader-1", level="L4", until="2098-01-01T00:00:00Z",
        evidence={"reviewed": 200},
    )  # fmt: skip
    assert not lifted["pending"]
    with pytest.raises(Problem) as caught:
        onboarding.confirm(world.desk, world.tom, "reader-1", entry=made["entry"])
    assert caught.value.type == "conflict"
    again = onboarding.change(world.desk, world.maria, "reader-1", labels=[])
    assert again["opens"] != made["opens"]
    onboarding.confirm(world.desk, world.tom, "reader-1", entry=again["entry"])
    assert world.desk.state.agents["reader-1"].labels == frozenset()


def test_what_a_change_opens_is_of_every_level_to_come(world: World) -> None:
    """A change would be shown as harmless that opens something on the day the agent's autonomy ends."""
    ruled(world, LABELLED.replace(b"agent.labels:", b"agent.autonomy: {is: L1}, agent.labels:"))
    world.agent("reader-1", tools=["mail.read"], labels=["probation"])
    onboarding.set_autonomy(world.desk, world.owen, "reader-1", level="L1", why="new")
    raised(world, "L4")
    onboarding.confirm(world.desk, world.maria, "reader-1")
    made = onboarding.change(world.desk, world.maria, "reader-1", labels=[])
    assert "mail.read: deny -> " in made["opens"][0]


def test_the_rules_change_while_an_agent_is_looked_at(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change would be recorded with what was found out under rules that were just replaced."""
    world.agent("reader-1", tools=["mail.read"], labels=["probation"])
    looked = registering.changed

    def slow(*given: object) -> object:
        found = looked(*given)  # type: ignore[arg-type]
        ruled(world)
        return found

    monkeypatch.setattr(registering, "changed", slow)
    with pytest.raises(Problem) as caught:
        onboarding.change(world.desk, world.maria, "reader-1", labels=[])
    assert caught.value.type == "conflict"
    assert world.desk.state.agents["reader-1"].pending is None


def test_what_a_change_opens_is_also_of_lists_as_they_will_be(world: World) -> None:
    """A change would be proved harmless that opens something with the next delivery of a list."""
    rule = (
        b"  - id: PAY-9\n    title: Nothing small for agents on probation\n    effect: deny\n"
        b"    when: {action: payment.create, args.amount: {at_most: 500 EUR},"
        b" agent.labels: {contains_any: [probation]}}\n"
        b"    because: They are new.\n    severity: low\n  - id: PAY-1\n"
    )
    known = b"  known: [" + POLICY.split(b"  known: [")[1].split(b"\n")[0]
    policy = POLICY.replace(known, b"  known: {from: erp/payees, max_age: 24h}")
    policy = policy.replace(b"  - id: PAY-1\n", rule).replace(b"[name,", b"[name, lists.known,")
    policy = re.sub(
        rb"(?m)^(    - \[(?:small|unknown payee|fraud|large),)", rb"\1 [%s]," % DE.encode(), policy
    )
    listed = b"list: erp/payees\nas_of: 2026-11-18T00:00:00Z\ntype: iban\nmembers: [" + DE.encode()
    files = {**FILES, PATH: policy, "policies/lists/payees.yaml": listed + b"]\n"}
    made = releasing.propose(world.desk, world.maria, files, days=0)
    releasing.sign(world.desk, world.tom, made["proposal"], made["evidence"])
    world.agent("payer-1", tools=["payment.create"], labels=["probation"])
    world.clock.advance(3 * 24 * 3600)
    opens = onboarding.change(world.desk, world.maria, "payer-1", labels=[])["opens"]
    assert "payment.create: deny -> allow (payments/PAY-9 -> payments/PAY-1)" in opens[0]
    assert "once `erp/payees` is refreshed" in opens[0]


def test_the_second_person_reads_the_words_that_wait_and_the_evidence(world: World) -> None:
    """A new purpose would be confirmed as a hash, and a higher level without what speaks for it."""
    world.agent("reader-1", tools=["web.post"], autonomy="L1", autonomy_until=None)
    words = {"purpose": "Posts all there is", "reasoning": "It meets nobody"}
    onboarding.change(world.desk, world.maria, "reader-1", deputy=world.carl.id, **words)
    waits = onboarding.agent(world.desk, "reader-1")["pending"]
    assert waits["fields"] == {"deputy": world.carl.id, **words}
    assert "evidence" not in waits
    assert list(onboarding.listed(world.desk)["agents"][-1]["pending"]["fields"]) == ["deputy"]
    assert raised(world, "L4")["pending"]
    waits = onboarding.agent(world.desk, "reader-1")["pending"]
    assert waits["evidence"] == {"reviewed": 200}
    assert waits["why"] == "a month without a finding"


def test_a_purpose_is_changed_at_once(world: World) -> None:
    """A new sentence about an agent could not be recorded."""
    world.agent("reader-1", tools=["mail.read"])
    made = onboarding.change(world.desk, world.maria, "reader-1", purpose="Reads mail")
    assert (made["pending"], list(made["opens"])) == (False, [])


def test_the_newest_purpose_is_the_one_that_is_shown(world: World) -> None:
    """People would answer for an agent by a sentence that somebody replaced long ago."""
    world.agent("reader-1", tools=["mail.read"])
    made = onboarding.change(world.desk, world.maria, "reader-1", purpose="Reads mail")
    assert onboarding.agent(world.desk, "reader-1")["purpose"] == "Reads mail"
    assert made["entry"] in retention.in_use(world.desk.state)
    wider = onboarding.change(
        world.desk, world.maria, "reader-1", purpose="Sends mail", tools=["mail.read", "mail.send"]
    )
    assert wider["pending"]
    assert onboarding.agent(world.desk, "reader-1")["purpose"] == "Reads mail"
    onboarding.change(world.desk, world.maria, "reader-1", purpose="Reads all mail")
    onboarding.confirm(world.desk, world.tom, "reader-1", entry=wider["entry"])
    world.close()
    world.open()
    assert onboarding.agent(world.desk, "reader-1")["purpose"] == "Sends mail"
