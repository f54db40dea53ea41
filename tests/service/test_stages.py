"""Exceptions and shares in the service: recorded, replayed to the byte, stopped by the log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from service_world import FILES, POLICY, World

from governance.engine.compile import Release
from governance.service import exporting, releasing

PATH, NEXT = "policies/payments.yaml", "policies/next.yaml"


def today(world: World, days: int = 0) -> str:
    at = datetime.fromtimestamp(world.clock.wall() / 1e6, UTC) + timedelta(days=days)
    return at.date().isoformat()


def put(world: World, files: dict[str, bytes]) -> Release:
    made = releasing.propose(world.desk, world.maria, files)
    errors = [each for each in made["findings"] if each.get("severity", "error") == "error"]
    assert errors == []
    releasing.sign(world.desk, world.tom, made["proposal"], made["evidence"])
    return world.desk.releases.get(made["release"]).release


def with_exception(world: World) -> bytes:
    loosenable = POLICY.replace(
        b"    because: A person looks.\n    severity: medium\n",
        b"    because: A person looks.\n    severity: medium\n    may_be_waived_by: [exception]\n",
    )
    return (
        loosenable
        + (
            "exceptions:\n  - id: EXC-1\n    title: The month-end run\n    lifts: PAY-2\n"
            "    for: {agent.id: {is: payments-1}}\n    instead: allow\n    reason: month's end\n"
            f"    ticket: T-1\n    from: {today(world)}\n    expires: {today(world, 5)}\n"
        ).encode()
    )


def test_an_exception_is_recorded_ends_by_itself_and_replays(world: World) -> None:
    """Nobody could prove later why a payment went through, or the run would never end."""
    put(world, {**FILES, PATH: with_exception(world)})
    answer = world.pay(amount="600 EUR")
    assert answer["decision"], answer
    entry = world.desk.reader.entry(int(answer["context"]["evaluation_id"]))
    lifted = [each for each in entry.data["findings"] if each.get("lifted")]
    assert [(each["rule"], each["lifted_by"]) for each in lifted] == [("PAY-2", "payments/EXC-1")]
    world.clock.advance(6 * 86_400)
    late = world.pay(amount="600 EUR")
    assert late["context"]["effect"] == "require_approval"
    told = exporting.replay(world.root)
    assert (told["different"], told["not_disclosed"]) == (0, 0)


def test_a_share_is_recorded_stops_by_itself_and_replays(world: World) -> None:
    """A rollout that refuses everything would go on, or a replay would take the other side."""
    roll = (
        "mode: gradual\ngradual: {replaces: payments, share: 99 %, of: agents, by: m@corp.example, "
        f"from: {today(world)}, until: {today(world, 20)}, "
        "stop_if: {denied: 50 %, out_of: 2, in_last: 1h}}"
    )
    text = POLICY.decode().replace("policy: payments\n", "policy: next\n")
    text = text.replace("mode: enforce", roll).replace("{at_most: 500 EUR}", "{at_most: 5 EUR}")
    text = text.replace("10 EUR, L4, allow, PAY-1", "5 EUR, L4, allow, PAY-1")
    put(world, {**FILES, NEXT: text.encode()})
    sides = []
    for _ in range(4):
        answer = world.pay(amount="50 EUR")
        sides.append(answer["context"]["sides"]["next"])
    assert sides == ["new", "new", "stopped", "stopped"]
    assert answer["decision"]
    world.clock.advance(2 * 3_600)
    assert world.pay(amount="50 EUR")["context"]["sides"] == {"next": "stopped"}
    told = exporting.replay(world.root)
    assert (told["different"], told["not_disclosed"]) == (0, 0)
