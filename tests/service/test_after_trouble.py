"""After something went wrong: a restore, a clock that jumped, a crash while erasing."""

from __future__ import annotations

import shutil
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from service_world import DE, NL, World

from audit.verify import verify
from governance.oversight.service import OLD_LOG
from governance.oversight.times import from_micros
from governance.service import (
    asking,
    clock,
    erasing,
    explaining,
    exporting,
    onboarding,
    outcomes,
    people,
    releasing,
    stopping,
)
from governance.service.desk import FOLD, Desk
from governance.service.problem import Problem
from governance.store import restore as restoring
from governance.store.backup import back_up
from governance.store.errors import CannotOpen
from governance.store.vault import MOVED
from governance.store.workspace import Workspace


def effect(answer: dict[str, Any]) -> str:
    """The effect of an answer."""
    return str(answer["context"]["effect"])


def moment(world: World) -> datetime:
    """The world's time."""
    return from_micros(world.clock.now)


def restored(world: World) -> None:
    """Back up, lose everything since, restore."""
    backup = back_up(world.workspace.paths, moment(world), world.workspace.ledger)
    world.pay(amount="1 EUR")
    world.close()
    world.clock.advance(5)
    restoring.restore(
        world.root, backup.folder, FOLD, moment(world), acknowledge=True, clock=world.clock
    )
    world.open()


def test_a_restored_workspace_starts_stopped_and_forgets_no_limit(
    world: World, tmp_path: Path
) -> None:
    """If a restore gave fresh limits or went on by itself, losing the log would be worth it."""
    world.pay(amount="500 EUR")
    world.pay(amount="400 EUR")
    held = world.pay(amount="600 EUR", ask=True)
    assert effect(held) == "require_approval"
    restored(world)
    desk = world.desk
    assert desk.state.restored
    assert not desk.state.approvals
    answer = world.pay(amount="1 EUR")
    assert effect(answer) == "deny"
    assert answer["context"]["reasons"][0]["rule"] == "service/stop"
    stop = stopping.listed(desk)["stops"][0]["stop"]
    stopping.lift(desk, world.tom, stop, reason="compared with the bank")
    assert desk.state.restored
    stopping.lift(desk, world.maria, stop, reason="compared with the bank")
    assert not desk.state.restored
    assert effect(world.pay(amount="100 EUR")) == "allow"
    assert effect(world.pay(amount="1 EUR")) == "require_approval", "the limit was carried over"
    assert onboarding.agent(desk, "payments-1")["purpose"] == "Pays suppliers."
    assert releasing.current(desk)["release"] == desk.state.release
    counts = exporting.replay(desk)
    assert counts["different"] == 0
    assert counts["same"] == counts["decisions"] >= 3
    made = exporting.export(desk, world.tom, tmp_path / "package.zip")
    verify(tmp_path / "package.zip", made["vkeys"])
    assert exporting.replay(tmp_path / "package.zip")["same"] == counts["same"]


def test_windows_cannot_be_told_until_the_restore_is_lifted(world: World) -> None:
    """If a window were believed right after a restore, what was lost with the log would be free."""
    restored(world)
    decision = int(world.pay(amount="1 EUR")["context"]["evaluation_id"])
    facts = world.desk.reader.entry(decision).data["facts"]
    assert facts
    assert all(mixed for *_, mixed in facts)


def test_roles_that_waited_in_the_old_log_wait_no_longer(world: World) -> None:
    """Who confirms them would refer to an entry of another log: a verifier calls that tampered."""
    who = world.carl.id
    waits = people.set_roles(world.desk, world.maria, who, roles=["cfo", "administrator"])
    assert waits["waiting"] == ["administrator"]
    restored(world)
    with pytest.raises(Problem, match="no role of"):
        people.confirm(world.desk, world.tom, who)
    again = people.set_roles(world.desk, world.maria, who, roles=["cfo", "administrator"])
    people.confirm(world.desk, world.tom, who, entry_shown=again["entry"])
    assert world.desk.state.people[who].roles == {"cfo", "administrator"}


def test_old_numbers_are_lowered_as_the_vault_lowers_them() -> None:
    """If state and vault moved an old log's numbers differently, purposes would be mixed up."""
    assert OLD_LOG == MOVED


def test_a_jump_of_the_clock_pauses_until_two_people_looked(world: World) -> None:
    """If a clock that jumped just went on, permits and windows would end when nobody meant it."""
    world.pay()
    real = world.clock.wall
    world.clock.wall = lambda: real() + 7_200_000_000  # type: ignore[method-assign]
    deadline = moment(world) + timedelta(seconds=20)
    while world.workspace.ledger.paused is None and moment(world) < deadline:
        world.clock.advance(1.5)
        with_problem(world)
    assert world.workspace.ledger.paused is not None
    with pytest.raises(Problem) as caught:
        world.pay()
    assert caught.value.status == 503
    assert clock.confirm(world.desk, world.maria)["state"] == "looked"
    with pytest.raises(Problem) as caught:
        clock.confirm(world.desk, world.maria)
    assert caught.value.type == "needs-another"
    with pytest.raises(Problem):
        world.pay()
    assert clock.confirm(world.desk, world.tom)["state"] == "confirmed"
    assert world.pay()["context"]["effect"] == "allow"


def with_problem(world: World) -> None:
    """Ask for something, so that the ledger looks at its clock."""
    with suppress(Problem):
        world.pay(amount="1 EUR")


def test_an_erasure_interrupted_before_its_entry_is_recorded_afterwards(world: World) -> None:
    """If values could go without an entry, the log would not say that they were erased."""
    world.pay()
    subject = world.desk.vault.find("payee", DE)
    assert subject is not None
    world.desk.vault.erase(subject)
    assert erasing.finish_unrecorded(world.desk) == 1
    assert erasing.finish_unrecorded(world.desk) == 0
    last = world.desk.reader.entry(world.desk.state.size - 1)
    assert last.kind == "data.erased"
    assert last.data["subject"] == subject


def test_a_person_is_erased_only_after_leaving(world: World) -> None:
    """If an active person's name could be erased, an approval would be by nobody."""
    erase = {"subject_type": "person", "value": world.carl.id, "ground": "gdpr-17"}
    with pytest.raises(Problem):
        erasing.erase(world.desk, world.tom, **erase)
    people.leave(world.desk, world.maria, world.carl.id)
    erasing.erase(world.desk, world.tom, **erase)
    assert people.name_of(world.desk, world.carl.id) == world.carl.id


def test_outcomes_are_kept_once(world: World) -> None:
    """If a second report could overwrite an attested one, history would be what was said last."""
    number = int(world.pay()["context"]["evaluation_id"])
    said = {"decision": number, "status": "executed"}
    first = outcomes.report(world.desk, world.agent_key, said)["outcomes"][0]
    assert first["attested"] is False
    attested = outcomes.report(world.desk, world.gateway, said)["outcomes"][0]
    assert attested["attested"] is True
    again = outcomes.report(world.desk, world.gateway, said)["outcomes"][0]
    assert again["outcome"] == attested["outcome"]
    with pytest.raises(Problem) as caught:
        outcomes.report(world.desk, world.gateway, {**said, "status": "failed"})
    assert caught.value.status == 409
    with pytest.raises(Problem):
        outcomes.report(world.desk, world.agent_2, said)
    with pytest.raises(Problem):
        outcomes.report(world.desk, world.agent_key, {**said, "decision": 0})


def test_an_explanation_is_performed_again_or_says_why_not(world: World) -> None:
    """If an explanation were told from memory, it could differ from what was decided."""
    number = int(world.pay(amount="600 EUR")["context"]["evaluation_id"])
    told = explaining.decision(world.desk, world.maria, number)
    assert told["incomplete"] is None
    assert "treasurer" in told["sentence"]
    assert told["enough"]
    first = told["accounts"][0]
    assert first["rule"] == "PAY-2"
    assert all(row["holds"] == "yes" for row in first["conditions"])
    erasing.erase(world.desk, world.tom, subject_type="payee", value=DE, ground="gdpr-17")
    later = explaining.decision(world.desk, world.maria, number)
    assert "args.iban" in later["incomplete"]
    assert later["accounts"]


@pytest.mark.parametrize("harm", ["one file is gone", "one file was altered", "all are gone"])
def test_a_release_that_cannot_be_loaded_is_said_in_a_sentence(world: World, harm: str) -> None:
    """If a lost policy file looked like a defect, the operator would not know what to copy back."""
    kept = world.root / "blobs"
    digest = next(iter(world.desk.releases.get(world.desk.state.release or "").files.values()))
    world.workspace.close()
    if harm == "all are gone":
        shutil.move(kept, world.root / "aside")
    elif harm == "one file is gone":
        (kept / digest[:2] / digest).unlink()
    else:
        (kept / digest[:2] / digest).write_bytes(b"policy: everything-goes")
    world.workspace = Workspace.open(world.root, FOLD, clock=world.clock)
    with pytest.raises(CannotOpen, match="release in force") as caught:
        Desk.over(world.workspace, clock=world.clock)
    assert "copy that folder back" in str(caught.value)
    if harm != "all are gone":
        assert digest in str(caught.value)


def test_an_old_decision_is_explained_beside_the_service(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If explaining an old decision were done in the service, everybody would wait for it."""
    number = int(world.pay(amount="600 EUR")["context"]["evaluation_id"])
    here = explaining.state_before(world.desk, number)
    monkeypatch.setattr(explaining, "NEAR", 3)
    assert explaining.state_before(world.desk, number) == here
    monkeypatch.setattr(explaining, "FARTHEST", 3)
    told = explaining.decision(world.desk, world.maria, number)
    assert "too far back" in told["incomplete"]
    assert told["accounts"]


def test_erasing_the_wrong_kind_or_an_unknown_value_says_which(world: World) -> None:
    """If a wrong kind looked like an unknown value, somebody would believe nothing is kept."""
    with pytest.raises(Problem, match="expected payee, person"):
        erasing.erase(world.desk, world.tom, subject_type="iban", value=DE, ground="gdpr-17")
    with pytest.raises(Problem, match="nothing is kept about this payee") as caught:
        erasing.erase(world.desk, world.tom, subject_type="payee", value="DE1", ground="gdpr-17")
    assert caught.value.status == 404


def test_after_an_erasure_a_waiting_grant_fits_nothing_and_people_are_asked_again(
    world: World,
) -> None:
    """If salts outlived an erasure, whoever has an old secret could try values against the log."""
    held = world.pay(amount="600 EUR", ask=True)
    approval = held["context"]["access_request"]["approval"]
    shown = asking.show(world.desk, world.anna, approval)
    asking.grant(
        world.desk, world.anna, approval,
        digest=shown["digest"], evidence=shown["evidence"], reason="ok",
    )  # fmt: skip
    world.pay(iban=NL)
    erasing.erase(world.desk, world.tom, subject_type="payee", value=NL, ground="gdpr-17")
    again = world.pay(amount="600 EUR")
    assert effect(again) == "require_approval"
    old = world.desk.reader.entry(int(held["context"]["evaluation_id"])).data
    new = world.desk.reader.entry(int(again["context"]["evaluation_id"])).data
    assert old["args"] == new["args"], "the pseudonym stays, so limits go on counting"
    assert old["commitments"] != new["commitments"]
