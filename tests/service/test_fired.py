"""Which rules did not speak for 90 days, read from the log."""

from __future__ import annotations

from datetime import date

from service_world import DE, FILES, POLICY, World

from governance.service import checking, fired, releasing

DAY = 86_400.0
NEW = b"""  - id: PAY-9
    title: Never pay that much
    effect: deny
    when: {action: payment.create, args.amount: {above: 90000 EUR}}
    because: It is too much.
    severity: medium
    may_be_waived_by: [cfo]
  - id: VER-1
"""


def today(world: World) -> date:
    """The day of the world's clock."""
    return world.desk.now().date()


def test_a_young_log_says_nothing(world: World) -> None:
    """Every rule of a new workspace would be called dead."""
    world.pay(iban=DE)
    world.clock.advance(80 * DAY)
    assert fired.spoken(world.desk.directory, today(world)) is None


def test_a_rule_speaks_on_the_day_of_its_last_decision_and_a_new_rule_is_left_out(
    world: World,
) -> None:
    """A rule that decides every day would be called dead, or one of yesterday."""
    world.pay(iban=DE)
    world.clock.advance(100 * DAY)
    found = fired.spoken(world.desk.directory, today(world))
    assert found is not None
    last, since = found
    assert (today(world) - since).days == 90
    assert set(last) >= {"payments/PAY-1", "payments/PAY-4", "payments/LIM-1"}
    assert set(last.values()) == {None}
    files = {**FILES, "policies/payments.yaml": POLICY.replace(b"  - id: VER-1\n", NEW, 1)}
    made = releasing.propose(world.desk, world.maria, files)
    releasing.sign(world.desk, world.tom, made["proposal"], made["evidence"])
    world.pay(iban="GB82WEST12345698765432")
    found = fired.spoken(world.desk.directory, today(world))
    assert found is not None
    last, _ = found
    assert last["payments/PAY-4"] == today(world)
    assert last["payments/VER-1"] is None
    assert "payments/PAY-9" not in last
    told = checking.here(world.desk, files, silent=True)["findings"]
    silent = {each["message"].split("`")[1] for each in told if each["code"] == "not-fired"}
    assert "VER-1" in silent
    assert not silent & {"PAY-4", "PAY-9"}
    assert [
        e for e in checking.here(world.desk, files)["findings"] if e["code"] == "not-fired"
    ] == []


def test_roles_that_nobody_holds_are_known_to_the_desk(world: World) -> None:
    """The one place that knows would be another than the one that says it."""
    assert checking.held(world.desk.state) >= {"treasurer", "cfo", "agent_owner"}
    asked = POLICY.replace(b"1 cfo]", b"1 archivist]")
    found = checking.here(world.desk, {**FILES, "policies/payments.yaml": asked})["findings"]
    assert any("`archivist`" in each["message"] for each in found)
