"""A policy written from prose: what the airline's connector says, and what is held back because of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.traces import __main__ as program
from benchmarks.traces import breaches, recorded, service_rules
from governance.engine.compile import Release
from tests.traces import airline_world as world
from tests.traces import trace_world

READ_ME = ("get_user_details", {"user_id": "ida"})


@pytest.fixture(scope="module")
def release() -> Release:
    return service_rules.policy_set()


def writes(release: Release, tmp_path: Path, *rows: Any) -> list[service_rules.Write]:
    trace_world.write(tmp_path, "tau-bench-gpt4o-airline-toolcalls.jsonl.gz", list(rows))
    (trace,) = recorded.taubench(tmp_path)
    return service_rules.play(release, world.records(), trace)


def test_what_the_solution_does_goes_through(release: Release, tmp_path: Path) -> None:
    """Every booking would be a false alarm, and the figures would say so of no rule in particular."""
    call = ("book_reservation", world.booking())
    (write,) = writes(release, tmp_path, world.conversation(READ_ME, call, expected=[call]))
    assert (write.held, write.in_solution, write.refused) == (False, True, False)


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"passengers": [{"first_name": "A"}] * 6}, "AIR-020"),
        ({"payment_methods": [{"payment_id": "credit_card_9", "amount": 200}]}, "AIR-040"),
        ({"flights": [{"flight_number": "F1", "date": world.TODAY}]}, "AIR-041"),
        ({"total_baggages": 7}, "AIR-042"),
        (
            {"payment_methods": [{"payment_id": f"certificate_{i}", "amount": 1} for i in "12"]},
            "AIR-021",
        ),
    ],
)
def test_a_breach_is_held_back_by_its_rule(
    release: Release, tmp_path: Path, changed: dict[str, Any], rule: str
) -> None:
    """The prose would have been read, written down, and not enforced."""
    call = ("book_reservation", world.booking(**changed))
    (write,) = writes(release, tmp_path, world.conversation(READ_ME, call))
    assert f"airline/{rule}" in write.rules
    assert not write.in_solution


def test_nothing_is_booked_for_a_stranger(release: Release, tmp_path: Path) -> None:
    """An agent that never looked at the customer would be trusted to know what they are entitled to."""
    call = ("book_reservation", world.booking())
    (write,) = writes(release, tmp_path, world.conversation(call))
    assert write.rules == ("airline/AIR-010",)


def test_the_records_move_with_the_calls() -> None:
    """Later calls would be judged from a state that no longer exists."""
    airline = world.records()
    assert airline.apply("book_reservation", world.booking())
    assert airline.reservations["HATHAT"]["cabin"] == "economy"
    change = {"reservation_id": "R1", "cabin": "business", "payment_id": "credit_card_1",
              "flights": [{"flight_number": "F1", "date": "2024-05-26"}]}  # fmt: skip
    assert airline.apply("update_reservation_flights", change)
    assert airline.facts("cancel_reservation", {"reservation_id": "R1"})["resource.cabin_before"] == "business"  # fmt: skip
    assert "HATHAT" not in airline.fresh().reservations


@pytest.mark.parametrize(
    "changed",
    [
        {"payment_methods": [{"payment_id": "credit_card_1", "amount": 199}]},
        {"payment_methods": [{"payment_id": "gift_card_1", "amount": 200}]},
        {"flights": [{"flight_number": "F1", "date": world.PAST}]},
        {"user_id": "nobody"},
    ],
)
def test_what_the_system_refuses_is_counted_apart(changed: dict[str, Any]) -> None:
    """The policy would be praised for stopping what could never have happened."""
    assert not world.records().apply("book_reservation", world.booking(**changed))


def test_another_destination_is_seen() -> None:
    """A change of dates could not be told from a new trip."""

    def same(number: str) -> bool:
        args = {"reservation_id": "R1", "cabin": "economy", "payment_id": "credit_card_1",
                "flights": [{"flight_number": number, "date": world.COMING}]}  # fmt: skip
        return bool(
            world.records().facts("update_reservation_flights", args)["resource.same_route"]
        )

    assert (same("F1"), same("F2")) == (True, False)


def test_without_records_only_certainty_counts(release: Release, tmp_path: Path) -> None:
    """Without the airline's records every call would look like a breach, for want of facts."""
    right = ("book_reservation", world.booking())
    wrong = ("book_reservation", world.booking(passengers=[{"first_name": "A"}] * 6))
    row = world.conversation(READ_ME, right, wrong)
    trace_world.write(tmp_path, "tau-bench-gpt4o-airline-toolcalls.jsonl.gz", [row])
    (trace,) = recorded.taubench(tmp_path)
    found = service_rules.play(release, None, trace)
    assert [write.held for write in found] == [False, True]
    assert found[1].rules == ("airline/AIR-020",)


def test_made_breaches_are_held_back_and_right_calls_are_not(release: Release) -> None:
    """A maker that makes nothing, or a rule that holds back everything, would look like success."""
    airline = world.records()
    counts = {name: breaches.found(release, airline, m) for name, m in breaches.SENTENCES.items()}
    assert all(held == tried for held, tried in counts.values()), counts
    assert sum(tried > 0 for _, tried in counts.values()) >= 18, counts
    right = {name: breaches.found(release, airline, m) for name, m in breaches.RIGHT.items()}
    assert all(held == 0 for held, _ in right.values()), right
    assert sum(tried for _, tried in right.values()) >= 8, right


def test_the_program_reports_both_ways(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Somebody without the airline's records would get no figures, or take the one for the other."""
    call = ("book_reservation", world.booking())
    row = world.conversation(READ_ME, call, expected=[call])
    trace_world.write(tmp_path, "tau-bench-gpt4o-airline-toolcalls.jsonl.gz", [row])
    assert program.main([str(tmp_path), "--only", "tau-bench"]) == 0
    assert "without the airline's records" in capsys.readouterr().out
    assert program.main([str(tmp_path), "--only", "tau-bench", "--airline", str(tmp_path)]) == 2
    assert "users.json` is missing" in capsys.readouterr().err
    folder = str(world.write(tmp_path))
    assert program.main([str(tmp_path), "--only", "tau-bench", "--airline", folder]) == 0
    assert "breaking nothing" in capsys.readouterr().out
