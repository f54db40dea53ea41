"""An airline of our own making: four customers' trips and four flights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.traces.airline_records import Records

PAST, TODAY, COMING = "2024-05-10", "2024-05-15", "2024-05-25"


def flight(origin: str, destination: str, **days: str) -> dict[str, Any]:
    """A flight: status by day (`d0525="available"`)."""
    dates: dict[str, Any] = {}
    for day, status in days.items():
        one: dict[str, Any] = {"status": status}
        if status == "available":
            cabins = ("basic_economy", "economy", "business")
            one |= {
                "available_seats": dict.fromkeys(cabins, 9),
                "prices": dict.fromkeys(cabins, 100),
            }
        dates[f"2024-{day[1:3]}-{day[3:]}"] = one
    return {"origin": origin, "destination": destination, "dates": dates}


FLIGHTS = {
    "F1": flight(
        "AAA", "BBB", d0510="landed", d0515="delayed", d0525="available", d0526="available"
    ),
    "F2": flight("AAA", "CCC", d0525="available"),
    "F3": flight("AAA", "BBB", d0520="cancelled", d0525="available"),
    "F4": flight("AAA", "BBB", d0515="delayed", d0525="available"),
}
USERS = {
    "ida": {
        "membership": "gold", "reservations": ["R1", "R2", "R3", "R4"],
        "payment_methods": {
            "credit_card_1": {"source": "credit_card"},
            "gift_card_1": {"source": "gift_card", "amount": 150},
            "certificate_1": {"source": "certificate", "amount": 100},
        },
    },
    "olaf": {
        "membership": "regular", "reservations": ["R5"],
        "payment_methods": {"credit_card_2": {"source": "credit_card"}},
    },
}  # fmt: skip


def trip(name: str, user: str, cabin: str, number: str, day: str, **more: Any) -> dict[str, Any]:
    """A reservation of two people with one bag, booked on the first of May."""
    made = {
        "reservation_id": name, "user_id": user, "origin": "AAA", "destination": "BBB",
        "flight_type": "one_way", "cabin": cabin,
        "flights": [{"flight_number": number, "date": day, "price": 100}],
        "passengers": [{"first_name": "A"}, {"first_name": "B"}],
        "created_at": "2024-05-01T10:00:00", "total_baggages": 1, "nonfree_baggages": 0,
        "insurance": "no", "payment_history": [],
    }  # fmt: skip
    return made | more


RESERVATIONS = {
    "R1": trip("R1", "ida", "economy", "F1", "2024-05-26"),
    "R2": trip("R2", "ida", "basic_economy", "F1", "2024-05-26", insurance="yes"),
    "R3": trip("R3", "ida", "business", "F1", PAST),
    "R4": trip("R4", "ida", "economy", "F3", "2024-05-20"),
    "R5": trip("R5", "olaf", "economy", "F3", "2024-05-20"),
}


def records() -> Records:
    """The airline's records."""
    return Records(USERS, RESERVATIONS, FLIGHTS)


def write(directory: Path) -> Path:
    """The records as files."""
    for name, data in (("users", USERS), ("reservations", RESERVATIONS), ("flights", FLIGHTS)):
        (directory / f"{name}.json").write_text(json.dumps(data), encoding="utf-8")
    return directory


def booking(**changed: Any) -> dict[str, Any]:
    """A booking that breaks nothing: two people of a gold member fly out with six free bags."""
    return {
        "user_id": "ida", "origin": "AAA", "destination": "BBB", "flight_type": "one_way",
        "cabin": "economy", "flights": [{"flight_number": "F1", "date": COMING}],
        "passengers": [{"first_name": "A"}, {"first_name": "B"}],
        "payment_methods": [{"payment_id": "credit_card_1", "amount": 200}],
        "total_baggages": 6, "nonfree_baggages": 0, "insurance": "no",
    } | changed  # fmt: skip


def conversation(
    *steps: tuple[str, dict[str, Any]], expected: Any = (), reward: float = 1.0
) -> Any:
    """A recorded conversation."""
    return {
        "task_id": 0, "trial": 0, "reward": reward, "instruction": "I want to book a trip.",
        "expected_actions": [{"name": name, "kwargs": args} for name, args in expected],
        "steps": [{"tool": tool, "args": args} for tool, args in steps],
    }  # fmt: skip
