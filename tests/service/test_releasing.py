"""Releases: what is found out about a proposal, who signs what, and how one goes back."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest
from service_world import FILES, POLICY, World

from audit.entry import Entry
from governance.engine.model import Charge
from governance.oversight.policies import PROPOSALS_KEPT
from governance.service import (
    accepting,
    backfilling,
    examining,
    onboarding,
    proposals,
    releasing,
)
from governance.service.problem import Problem
from governance.service.releases import Releases

PATH = "policies/payments.yaml"
LOOSER = POLICY.replace(b"at_most: 500 EUR}}", b"at_most: 550 EUR}}").replace(
    b"{above: 500 EUR", b"{above: 550 EUR"
)
NARROWER = POLICY.replace(b"- [small, payment.create", b"- [smaller, payment.create").replace(
    b"10 EUR, L4, allow, PAY-1", b"9 EUR, L4, allow, PAY-1"
)


def propose(world: World, policy: bytes, **how: object) -> dict[str, object]:
    """Maria proposes the world's files with another policy."""
    return releasing.propose(world.desk, world.maria, {**FILES, PATH: policy}, **how)  # type: ignore[arg-type]


def test_a_proposal_carries_what_was_found_out_about_it(world: World) -> None:
    """A signer would sign files about which nobody found out anything."""
    world.pay(amount="520 EUR")
    world.pay(amount="100 EUR")
    made = propose(world, LOOSER, note="RISK-1")
    shown = proposals.show(world.desk, int(str(made["proposal"])))
    assert list(shown["attached"]) == list(examining.EVIDENCE)
    assert all(each["complete"] for each in shown["attached"].values())
    diff = shown["attached"]["diff"]
    assert diff["against"] == world.desk.state.release
    assert diff["looser"] >= 1
    assert diff["differences"][0]["looser"]
    assert "args.amount" in diff["differences"][0]["witness"]
    backtest = shown["attached"]["backtest"]
    assert backtest["by_change"] == {"require_approval -> allow": 1}
    approvals = shown["attached"]["approvals"]
    assert (approvals["was"], approvals["added"]) == (1, -1)
    (treasurer,) = approvals["roles"]
    assert (treasurer["role"], treasurer["minutes_per_day"] < 0) == ("treasurer", True)
    assert shown["note"] == "RISK-1"
    entry = world.desk.reader.entry(int(str(made["proposal"])))
    for name in examining.EVIDENCE:
        kept = world.desk.blobs.get(entry.data["files"][f"evidence/{name}.json"])
        assert json.loads(kept) == shown["attached"][name]


def test_a_signature_names_what_was_shown(world: World) -> None:
    """Somebody could be made to sign another proposal than the one on their screen."""
    first, second = propose(world, LOOSER), propose(world, NARROWER)
    with pytest.raises(Problem) as caught:
        releasing.sign(world.desk, world.tom, int(str(first["proposal"])), str(second["evidence"]))
    assert caught.value.type == "not-shown"
    assert (
        world.desk.state.release == first["release"] or world.desk.state.release_index is not None
    )
    made = releasing.sign(
        world.desk, world.tom, int(str(first["proposal"])), str(first["evidence"])
    )
    data = world.desk.reader.entry(made["entry"]).data
    assert (data["evidence"], data["ground"]) == (first["evidence"], "signed")


def test_what_was_found_out_must_still_be_there(world: World) -> None:
    """A proposal whose evidence was changed on the disk would be signed as if it were known."""
    made = propose(world, LOOSER)
    entry = world.desk.reader.entry(int(str(made["proposal"])))
    digest = entry.data["files"]["evidence/diff.json"]
    path = world.root / "blobs" / digest[:2] / digest
    path.write_bytes(path.read_bytes().replace(b'"looser":true', b'"looser":false'))
    with pytest.raises(Problem) as caught:
        releasing.sign(world.desk, world.tom, int(str(made["proposal"])), str(made["evidence"]))
    assert caught.value.type == "not-ready"
    assert "altered" in caught.value.detail


def test_what_nobody_could_be_shown_is_not_signed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over the API somebody would sign looser answers that were counted and not kept."""
    made = propose(world, LOOSER)
    monkeypatch.setattr(accepting, "_looser_kept", lambda _diff: 0)
    with pytest.raises(Problem) as caught:
        releasing.sign(world.desk, world.tom, int(str(made["proposal"])), str(made["evidence"]))
    assert caught.value.type == "not-shown"
    assert "propose the files in smaller parts" in caught.value.detail


def test_a_warning_that_is_not_new_is_told_apart(world: World) -> None:
    """The one warning that a proposal brings would drown in those that everybody knows."""
    shown = proposals.show(world.desk, int(str(propose(world, LOOSER)["proposal"])))
    known = set(shown["not_new"])
    role = POLICY.replace(b"needs: [1 treasurer, 1 cfo]", b"needs: [1 treasurer, 1 archduke]")
    shown = proposals.show(world.desk, int(str(propose(world, role)["proposal"])))
    new = [each for each in shown["warnings"] if each not in shown["not_new"]]
    assert len(new) == 1
    assert "archduke" in new[0]
    assert set(shown["not_new"]) == known


def test_what_nobody_reads_cannot_be_proposed(world: World) -> None:
    """A file would stand among those that were signed, and none of its rules be in force."""
    with pytest.raises(Problem) as caught:
        releasing.propose(world.desk, world.maria, {**FILES, "policies/more.YAML": POLICY})
    assert (caught.value.type, "more.YAML" in str(caught.value)) == ("bad-policy", True)


@pytest.mark.parametrize(
    "name", ["a\x1b[2J", "a\nb", "\u202egnp", "zero\u200bwidth", "./a", "a\u0308", "a" * 300, ""]
)
def test_a_file_is_called_what_the_signer_reads(world: World, name: str) -> None:
    """An author would name a file so that the signer's screen shows another one, or nothing of it."""
    files = {**FILES, f"policies/{name}/x.yaml": POLICY}
    with pytest.raises(Problem, match="is no name for a policy file"):
        releasing.propose(world.desk, world.maria, files)


def test_one_person_crowds_out_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who proposes again and again would have the proposals of others forgotten, and nobody be told."""
    assert PROPOSALS_KEPT >= 4 * releasing.WAITING
    monkeypatch.setattr(releasing, "WAITING", 2)
    made = [propose(world, NARROWER, days=0) for _ in range(2)]
    with pytest.raises(Problem, match="2 proposals of yours wait") as caught:
        propose(world, LOOSER, days=0)
    assert caught.value.type == "too-many"
    proposals.withdraw(
        world.desk, world.maria, int(str(made[0]["proposal"])), reason="twice the same"
    )
    assert propose(world, LOOSER, days=0)["proposal"]


def test_files_that_take_long_hold_up_neither_the_way_back_nor_a_list(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One author's endless files would keep a release in force that somebody has to undo at once."""
    monkeypatch.setattr(examining, "_WAIT", 0.01)
    made = propose(world, KNOWN)
    releasing.sign(world.desk, world.tom, int(str(made["proposal"])), str(made["evidence"]))
    with examining._one_at_a_time[""]:
        with pytest.raises(Problem, match="other policy files are being examined"):
            propose(world, LOOSER)
        back = releasing.rollback(world.desk, world.tom, proposals.earlier(world.desk, None))
    assert back["in_force"]
    assert examining._one_at_a_time["in force"] is not examining._one_at_a_time["all"]


def test_a_refused_proposal_is_signed_by_nobody(world: World) -> None:
    """A refusal would be a remark, and the next signer would not see it."""
    made = propose(world, LOOSER)
    number = int(str(made["proposal"]))
    with pytest.raises(Problem):
        proposals.withdraw(world.desk, world.tom, number, reason="it is not mine")
    with pytest.raises(Problem, match="at least 10 characters"):
        proposals.refuse(world.desk, world.tom, number, reason="no")
    proposals.refuse(world.desk, world.tom, number, reason="it is too wide")
    with pytest.raises(Problem) as caught:
        releasing.sign(world.desk, world.tom, number, str(made["evidence"]))
    assert caught.value.type == "unknown"
    row = proposals.listed(world.desk)["proposals"][0]
    assert (row["state"], row["reason"], row["by"]) == ("refused", "it is too wide", world.tom.id)


def test_what_never_was_a_proposal_does_not_wait_no_more(world: World) -> None:
    """Who mistyped a number would believe that somebody else had taken the proposal back."""
    for verb in (proposals.refuse, proposals.withdraw):
        with pytest.raises(Problem) as caught:
            verb(world.desk, world.maria, 1, reason="a case is missing")
        assert (caught.value.type, "no proposal `1`" in caught.value.detail) == ("unknown", True)


def test_who_made_a_proposal_takes_it_back(world: World) -> None:
    """A mistake would wait for somebody to sign it by mistake, too."""
    made = propose(world, LOOSER)
    number = int(str(made["proposal"]))
    proposals.withdraw(world.desk, world.maria, number, reason="a case is missing")
    assert proposals.show(world.desk, number)["state"] == "withdrawn"
    with pytest.raises(Problem):
        proposals.refuse(world.desk, world.tom, number, reason="refused again")


KNOWN = POLICY.replace(b"  known: [", b"  known: [FR1420041010050500013M02606, ").replace(
    b"    - [unknown payee, payment.create, FR1420041010050500013M02606, 10 EUR, L4, deny, default]\n",
    b"",
)


def test_undoing_what_loosened_takes_one_person(world: World) -> None:
    """A release that opened too much would stay in force until a second person is found."""
    first = world.desk.state.release
    made = propose(world, KNOWN)
    assert made["proposal"], made
    releasing.sign(world.desk, world.tom, int(str(made["proposal"])), str(made["evidence"]))
    payee = "FR1420041010050500013M02606"
    assert world.pay(amount="20 EUR", iban=payee)["decision"]
    back = releasing.rollback(world.desk, world.tom, proposals.earlier(world.desk, None))
    assert back["in_force"]
    assert world.desk.state.release == first
    assert not world.pay(amount="20 EUR", iban=payee)["decision"]


ALLOWING = POLICY.replace(
    b"  - id: WEB-2",
    b"  - id: PAY-9\n    title: Mid-size is fine, too\n    effect: deny\n"
    b"    when: {action: payment.create, args.amount: {above: 90000 EUR}}\n"
    b"    because: Nobody pays that much.\n    severity: high\n  - id: WEB-2",
)


def test_going_back_to_what_is_stricter_is_at_once_and_to_what_is_looser_is_not(
    world: World,
) -> None:
    """One person could undo a tightening, or would have to wait to undo a loosening."""
    loose = world.desk.state.release
    made = propose(world, ALLOWING)
    assert made["proposal"], made
    releasing.sign(world.desk, world.tom, int(str(made["proposal"])), str(made["evidence"]))
    strict = world.desk.state.release
    back = releasing.rollback(world.desk, world.maria, str(loose))
    assert not back["in_force"]
    assert world.desk.state.release == strict
    with pytest.raises(Problem) as caught:
        releasing.sign(world.desk, world.maria, back["proposal"], back["evidence"])
    assert caught.value.type == "needs-another"
    releasing.sign(world.desk, world.tom, back["proposal"], back["evidence"])
    again = releasing.rollback(world.desk, world.maria, str(strict))
    assert again["in_force"]
    assert world.desk.state.release == strict
    row = proposals.history(world.desk)["releases"][0]
    assert (row["ground"], row["proposed_by"], row["signed_by"]) == (
        "not_looser",
        world.maria.id,
        world.maria.id,
    )


def test_what_lapsed_since_does_not_stop_a_rollback(world: World) -> None:
    """The way back would be shut on the day somebody needs it."""
    first = str(world.desk.state.release)
    made = propose(world, LOOSER)
    releasing.sign(world.desk, world.tom, int(str(made["proposal"])), str(made["evidence"]))
    world.clock.advance(400 * 86_400)
    assert propose(world, POLICY)["findings"], "the review date has passed: no new release"
    back = releasing.rollback(world.desk, world.maria, first)
    assert back["findings"] == []
    assert back["proposal"]


def test_a_release_is_taken_over_in_its_compiled_form(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every start and every other service would read 10,000 rules from YAML again."""
    made = propose(world, LOOSER)
    number = int(str(made["proposal"]))
    data = world.desk.reader.entry(number).data
    monkeypatch.setattr("governance.service.releases.compile_release", None)
    fresh = Releases(world.desk.blobs)
    fresh.learn(data["release"], data["compiled"])
    assert fresh.get(data["release"]).release.bundle == (
        world.desk.releases.get(data["release"]).release.bundle
    )


def test_a_tampered_compiled_form_counts_for_nothing(world: World) -> None:
    """Who can write files beside the log could put looser rules in force than those signed."""
    made = propose(world, LOOSER)
    data = world.desk.reader.entry(int(str(made["proposal"]))).data
    name = data["compiled"]
    path = Path(world.root) / "blobs" / name[:2] / name
    path.write_bytes(path.read_bytes().replace(b'"550"', b'"9999"'))
    fresh = Releases(world.desk.blobs)
    fresh.learn(data["release"], name)
    assert fresh.get(data["release"]).release.bundle == (
        world.desk.releases.get(data["release"]).release.bundle
    )


def test_a_proposal_is_about_the_release_that_is_still_in_force(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was found out would be about another comparison than the one that is signed."""
    real = examining.examine

    def slow(job: examining.Job, *more: object) -> examining.Examined:
        found = real(job)
        monkeypatch.setattr(examining, "examine", real)
        other = propose(world, ALLOWING)
        releasing.sign(world.desk, world.tom, int(str(other["proposal"])), str(other["evidence"]))
        return found

    monkeypatch.setattr(examining, "examine", slow)
    with pytest.raises(Problem) as caught:
        propose(world, LOOSER)
    assert caught.value.type == "conflict"


INVARIANTS = b"""invariants: company
title: What no agent may ever do
owner: chief@corp.example
review_by: 2027-05-31
never:
  - id: INV-001
    title: No payment above 10 000 EUR without two people
    when: {action: payment.create, args.amount: {above: 10000 EUR}}
    without: {people: 2}
    because: No single person can move such an amount.
"""
NEVER = "policies/invariants.yaml"


def test_a_refuted_invariant_can_never_be_signed(world: World) -> None:
    """What must never be allowed would be allowed by whoever finds a second signature."""
    files = {**FILES, NEVER: INVARIANTS}
    made = releasing.propose(world.desk, world.maria, files)
    assert made["findings"] == []
    proofs = proposals.show(world.desk, made["proposal"])["attached"]["proofs"]
    assert [each["result"] for each in proofs["proofs"]] == ["proved"]
    wrong = POLICY.replace(b"needs: [1 treasurer, 1 cfo]", b"needs: [1 treasurer]")
    size = world.desk.state.size
    found = releasing.propose(world.desk, world.maria, {**files, PATH: wrong})
    assert found["proposal"] is None
    (finding,) = found["findings"]
    assert (finding["code"], finding["path"], finding["line"]) == ("invariant-refuted", NEVER, 6)
    assert world.desk.state.size == size
    older = {"proofs": [{"name": "company/INV-001", "result": "refuted"}]}
    for proofs in (older, {**older, "refuted_before": ["company/INV-002"]}):
        digest = world.desk.blobs.put(json.dumps(proofs).encode())
        with pytest.raises(Problem, match="can never be signed"):
            releasing.require_provable(world.desk, {"files": {examining.path_of("proofs"): digest}})


def test_an_invariant_that_is_given_up_is_shown_and_takes_two(world: World) -> None:
    """Who wants what must never be allowed would first take away the sentence that forbids it."""
    first = str(world.desk.state.release)
    files = {**FILES, NEVER: INVARIANTS}
    made = releasing.propose(world.desk, world.maria, files)
    releasing.sign(world.desk, world.tom, made["proposal"], made["evidence"])
    back = releasing.rollback(world.desk, world.maria, first)
    assert not back["in_force"], "no answer is looser, but a promise is gone"
    proofs = proposals.show(world.desk, back["proposal"])["attached"]["proofs"]
    assert proofs["given_up"] == ["company/INV-001"]
    assert (back["looser"], back["given_up"]) == (0, ["company/INV-001"])
    (why,) = back["doubts"]
    assert why == (
        "1 thing that must never be allowed is no longer asked for, or otherwise: `company/INV-001`"
    )
    row = proposals.listed(world.desk)["proposals"][0]
    assert (row["outcome"], row["looser"], row["given_up"]) == ("same", 0, 1)


def test_two_people_who_sign_at_once_make_one_release(world: World) -> None:
    """A release would come in force twice, and the log would not say whose signature counted."""
    ada = world.person("Ada Berg", "compliance_officer")
    made = propose(world, LOOSER)
    number, evidence = int(str(made["proposal"])), str(made["evidence"])
    done: list[object] = []
    start = threading.Barrier(2)

    def sign(who: object) -> None:
        start.wait()
        try:
            done.append(releasing.sign(world.desk, who, number, evidence))  # type: ignore[arg-type]
        except Problem as problem:
            done.append(problem.type)

    signers = [threading.Thread(target=sign, args=(who,)) for who in (world.tom, ada)]
    for each in signers:
        each.start()
    for each in signers:
        each.join()
    assert sum(isinstance(each, dict) for each in done) == 1
    assert next(each for each in done if not isinstance(each, dict)) in ("conflict", "unknown")
    assert len(proposals.history(world.desk)["releases"]) == 2


@pytest.mark.parametrize("step", ["blob", "entry"])
def test_what_breaks_off_leaves_the_old_release(
    world: World, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """A full disk, or a process killed between files and entry, would leave half a release."""
    before, size = world.desk.state.release, world.desk.state.size

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "no space left on device")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    if step == "blob":
        monkeypatch.setattr(type(world.desk.blobs), "_write", full)
        with pytest.raises(Problem) as caught:
            propose(world, LOOSER)
        assert "no space" in caught.value.detail
    else:
        monkeypatch.setattr(releasing, "do", killed)
        with pytest.raises(KeyboardInterrupt):
            propose(world, LOOSER)
    monkeypatch.undo()
    assert (world.desk.state.release, world.desk.state.size) == (before, size)
    world.close()
    world.open()
    assert world.pay()["decision"]
    assert propose(world, LOOSER)["proposal"], "and it can be proposed again"


def test_another_time_zone_is_never_put_in_force_alone(world: World) -> None:
    """Rules about hours would move by an hour with a rollback that was proved to change nothing."""
    first = str(world.desk.state.release)
    made = propose(world, ALLOWING)
    releasing.sign(world.desk, world.tom, int(str(made["proposal"])), str(made["evidence"]))
    strict = str(world.desk.state.release)
    back = releasing.rollback(world.desk, world.maria, first)
    releasing.sign(world.desk, world.tom, back["proposal"], back["evidence"])
    object.__setattr__(world.desk.settings, "time_zone", "Europe/Berlin")
    again = releasing.rollback(world.desk, world.maria, strict)
    assert not again["in_force"]
    warned = proposals.show(world.desk, again["proposal"])["warnings"]
    assert any("Europe/Berlin" in each for each in warned)


def test_another_model_takes_two_where_a_rule_asks_for_it(world: World) -> None:
    """One manager could lead an agent out of the rules about its model."""
    assert not onboarding.change(world.desk, world.maria, "payments-1", model="m-2")["pending"]
    asking = POLICY.replace(
        b"  - id: WEB-1\n",
        b"  - id: WEB-9\n    title: Not with the old model\n    effect: deny\n"
        b"    when: {action: mail.read, agent.model: {is: m-1}}\n    because: It leaks.\n"
        b"    severity: low\n  - id: WEB-1\n",
    )
    made = propose(world, asking)
    assert made["proposal"], made
    releasing.sign(world.desk, world.tom, int(str(made["proposal"])), str(made["evidence"]))
    assert onboarding.change(world.desk, world.maria, "payments-1", model="m-3")["pending"]


def test_the_past_of_a_new_limit_is_read_before_the_signature(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new limit would come in force only after the whole log was read, while the signer waits."""
    for _ in range(120):
        world.pay(amount="1 EUR")
    seen: list[int] = []
    real = backfilling.Charging.__call__

    def counted(self: backfilling.Charging, index: int, entry: Entry) -> Iterable[Charge]:
        seen.append(index)
        return real(self, index, entry)

    monkeypatch.setattr(backfilling.Charging, "__call__", counted)
    limited = POLICY.replace(b"LIM-1", b"LIM-2").replace(b"at_most: 1000 EUR", b"at_most: 130 EUR")
    made = propose(world, limited)
    assert made["proposal"], made
    assert len(seen) > 20
    before = max(seen)
    seen.clear()
    releasing.sign(world.desk, world.tom, int(str(made["proposal"])), str(made["evidence"]))
    assert seen
    assert min(seen) > before, "it went on where it was"
    answer = world.pay(amount="20 EUR")
    assert [each["rule"] for each in answer["context"]["reasons"]] == ["payments/LIM-2"]
