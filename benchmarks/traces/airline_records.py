"""The airline's reservation system, as far as its connector states facts about a call.

Law: facts are read from the records and computed from the call; what the rules of service make of them
is the policy's business. The records are three JSON files of the airline (users, reservations, flights)
that are given by a path; nothing of them is in this repository.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from benchmarks.traces.recorded import NoData

NOW: Final = datetime.fromisoformat("2024-05-15T15:00:00")
"""The moment at which all recorded conversations take place, by the airline's own clock."""

FREE_BAGS: Final[Mapping[str, Mapping[str, int]]] = {
    "regular": {"basic_economy": 0, "economy": 1, "business": 2},
    "silver": {"basic_economy": 1, "economy": 2, "business": 3},
    "gold": {"basic_economy": 2, "economy": 3, "business": 3},
}
"""Free checked bags a passenger, by membership and cabin."""

BAG, INSURANCE = 50, 30
_FLOWN: Final = ("landed", "flying")
_NEW_IDS: Final = ("HATHAT", "HATHAU", "HATHAV")


def kinds(payments: Iterable[str]) -> dict[str, int]:
    """How many certificates, credit cards and gift cards these payment ids are."""
    given = list(payments)
    return {
        f"context.{kind}s": sum(one.startswith(kind) for one in given)
        for kind in ("certificate", "credit_card", "gift_card")
    }


def shown(tool: str, args: Mapping[str, Any]) -> dict[str, Any]:
    """What a call shows by itself: the kinds of its payment methods."""
    if tool == "book_reservation":
        methods = args.get("payment_methods")
        if isinstance(methods, list):
            return kinds(str(one.get("payment_id")) for one in methods if isinstance(one, dict))
    if isinstance(args.get("payment_id"), str):
        return kinds([args["payment_id"]])
    return {}


class _Own(dict[str, Any]):
    """Records of others, of which one gets a copy of one's own by looking."""

    def __init__(self, base: Mapping[str, Any]) -> None:
        super().__init__()
        self.base = base

    def __missing__(self, name: str) -> Any:
        self[name] = copy.deepcopy(self.base[name])
        return self[name]

    def get(self, name: Any, default: Any = None) -> Any:
        known = name in self
        return self[name] if known else default

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or name in self.base


class Records:
    """Users, reservations and flights; changed by the calls that go through."""

    def __init__(
        self, users: Mapping[str, Any], reservations: Mapping[str, Any], flights: Mapping[str, Any]
    ) -> None:
        self.users = _Own(users)
        self.reservations = _Own(reservations)
        self.flights = flights
        self.read: list[str] = []

    @classmethod
    def load(cls, directory: Path) -> Records:
        """From `users.json`, `reservations.json` and `flights.json`; raises NoData."""
        files = [directory / f"{name}.json" for name in ("users", "reservations", "flights")]
        for file in files:
            if not file.is_file():
                raise NoData(f"`{file}` is missing: give the directory of the airline's records")
        return cls(*(json.loads(file.read_text("utf-8")) for file in files))

    def fresh(self) -> Records:
        """The records as they were loaded, for another conversation."""
        return Records(self.users.base, self.reservations.base, self.flights)

    def facts(self, tool: str, args: Mapping[str, Any]) -> dict[str, Any]:
        """The `resource.*` facts about a call; those that the records do not know are left out."""
        if tool == "book_reservation":
            user = self.users.get(args.get("user_id"))
            return {} if user is None else self._of_booking(user, args)
        if tool == "send_certificate":
            user = self.users.get(args.get("user_id"))
            return {} if user is None else self._of_certificate(user, args)
        reservation = self.reservations.get(args.get("reservation_id"))
        if reservation is None:
            return {}
        user = self.users[reservation["user_id"]]
        makers = {
            "update_reservation_flights": self._of_flights,
            "update_reservation_baggages": self._of_bags,
            "update_reservation_passengers": self._of_passengers,
            "cancel_reservation": self._of_cancelling,
        }
        return makers[tool](user, reservation, args) if tool in makers else {}

    def _of_booking(self, user: Any, args: Mapping[str, Any]) -> dict[str, Any]:
        paid = [one["payment_id"] for one in args["payment_methods"]]
        return {
            "resource.payment_in_profile": all(one in user["payment_methods"] for one in paid),
            "resource.flights_available": all(
                self._status(f) == "available" for f in args["flights"]
            ),
            "resource.bags_to_pay": _to_pay(
                user, args["cabin"], len(args["passengers"]), args["total_baggages"]
            ),
        }

    def _of_flights(self, user: Any, reservation: Any, args: Mapping[str, Any]) -> dict[str, Any]:
        before = {_key(one) for one in reservation["flights"]}
        after = [_key(one) for one in args["flights"]]
        new = [one for one in args["flights"] if _key(one) not in before]
        legs = [self.flights.get(number) for number, _ in after]
        # A trip keeps its two ends: out from the origin, and for a round trip back to it.
        ends = [leg[end] for leg in legs if leg for end in ("origin", "destination")]
        there = reservation["destination"] in ends if ends else False
        home = reservation[
            "origin" if reservation["flight_type"] == "round_trip" else "destination"
        ]
        same = bool(ends) and ends[0] == reservation["origin"] and ends[-1] == home and there
        return {
            "resource.payment_in_profile": args["payment_id"] in user["payment_methods"],
            "resource.flights_available": all(self._status(one) == "available" for one in new),
            "resource.cabin_before": reservation["cabin"],
            "resource.flights_changed": set(after) != before,
            "resource.same_route": same,
        }

    def _of_bags(self, user: Any, reservation: Any, args: Mapping[str, Any]) -> dict[str, Any]:
        people, total = len(reservation["passengers"]), args["total_baggages"]
        return {
            "resource.payment_in_profile": args["payment_id"] in user["payment_methods"],
            "resource.bags_removed": total < reservation["total_baggages"],
            "resource.bags_to_pay": _to_pay(user, reservation["cabin"], people, total),
        }

    def _of_passengers(
        self, user: Any, reservation: Any, args: Mapping[str, Any]
    ) -> dict[str, Any]:
        same = len(args["passengers"]) == len(reservation["passengers"])
        return {"resource.same_number_of_passengers": same}

    def _of_cancelling(
        self, user: Any, reservation: Any, args: Mapping[str, Any]
    ) -> dict[str, Any]:
        status = [self._status(one) for one in reservation["flights"]]
        age = NOW - datetime.fromisoformat(reservation["created_at"])
        return {
            "resource.cabin_before": reservation["cabin"],
            "resource.insured": reservation["insurance"] == "yes",
            "resource.booked_ago": f"{max(0, int(age.total_seconds()))}s",
            "resource.cancelled_by_airline": "cancelled" in status,
            "resource.flown": any(one in _FLOWN for one in status),
        }

    def _of_certificate(self, user: Any, args: Mapping[str, Any]) -> dict[str, Any]:
        """About the reservation read last in which a flight was cancelled or delayed."""
        facts: dict[str, Any] = {
            "resource.membership": user["membership"],
            "resource.disruption": "none",
            "resource.cabin_before": "economy",
            "resource.insured": False,
            "resource.amount_per_passenger": args["amount"],
        }
        for name in reversed(self.read):
            reservation = self.reservations[name]
            status = {self._status(one) for one in reservation["flights"]}
            found = next((one for one in ("cancelled", "delayed") if one in status), None)
            if found and name in user["reservations"]:
                each = args["amount"] / len(reservation["passengers"])
                return facts | {
                    "resource.disruption": found,
                    "resource.cabin_before": reservation["cabin"],
                    "resource.insured": reservation["insurance"] == "yes",
                    "resource.amount_per_passenger": int(each)
                    if each == int(each)
                    else round(each, 2),
                }
        return facts

    def _status(self, leg: Mapping[str, Any]) -> str:
        days = self.flights.get(leg["flight_number"], {}).get("dates", {})
        return str(days.get(leg["date"], {}).get("status", "unknown"))

    def apply(self, tool: str, args: Mapping[str, Any]) -> bool:
        """Carry a call out; False if the reservation system itself refuses it."""
        if tool == "get_reservation_details" and args.get("reservation_id") in self.reservations:
            self.read.append(args["reservation_id"])
        doers = {
            "book_reservation": self._book,
            "update_reservation_flights": self._change,
            "update_reservation_baggages": self._pack,
            "update_reservation_passengers": self._rename,
            "cancel_reservation": self._cancel,
        }
        try:
            return doers[tool](args) if tool in doers else True
        except (KeyError, TypeError, IndexError, StopIteration):
            return False

    def _book(self, args: Mapping[str, Any]) -> bool:
        user, people = self.users[args["user_id"]], len(args["passengers"])
        fares = [self._fare(leg, args["cabin"], people) for leg in args["flights"]]
        price = sum(fares) * people + BAG * args["nonfree_baggages"]
        price += INSURANCE * people if args["insurance"] == "yes" else 0
        methods = user["payment_methods"]
        if price != sum(one["amount"] for one in args["payment_methods"]):
            return False
        for one in args["payment_methods"]:
            method = methods[one["payment_id"]]
            if method.get("amount", one["amount"]) < one["amount"]:
                return False
        for one in args["payment_methods"]:
            self._pay(user, one["payment_id"], one["amount"])
        name = next(one for one in _NEW_IDS if one not in self.reservations)
        flights = [dict(leg, price=fare) for leg, fare in zip(args["flights"], fares, strict=True)]
        self.reservations[name] = {
            **args, "reservation_id": name, "flights": flights, "created_at": NOW.isoformat(),
        }  # fmt: skip
        user["reservations"].append(name)
        return True

    def _change(self, args: Mapping[str, Any]) -> bool:
        reservation = self.reservations[args["reservation_id"]]
        people, user = len(reservation["passengers"]), self.users[reservation["user_id"]]
        kept = {_key(leg): leg["price"] for leg in reservation["flights"]}
        same = args["cabin"] == reservation["cabin"]
        flights = [
            dict(leg, price=kept[_key(leg)] if same and _key(leg) in kept
                 else self._fare(leg, args["cabin"], people))
            for leg in args["flights"]
        ]  # fmt: skip
        before = sum(leg["price"] for leg in reservation["flights"])
        price = (sum(leg["price"] for leg in flights) - before) * people
        if not self._charge(user, args["payment_id"], price):
            return False
        reservation.update(flights=flights, cabin=args["cabin"])
        return True

    def _pack(self, args: Mapping[str, Any]) -> bool:
        reservation = self.reservations[args["reservation_id"]]
        price = BAG * max(0, args["nonfree_baggages"] - reservation["nonfree_baggages"])
        if not self._charge(self.users[reservation["user_id"]], args["payment_id"], price):
            return False
        for name in ("total_baggages", "nonfree_baggages"):
            reservation[name] = args[name]
        return True

    def _rename(self, args: Mapping[str, Any]) -> bool:
        reservation = self.reservations[args["reservation_id"]]
        if len(args["passengers"]) != len(reservation["passengers"]):
            return False
        reservation["passengers"] = args["passengers"]
        return True

    def _cancel(self, args: Mapping[str, Any]) -> bool:
        self.reservations[args["reservation_id"]]["status"] = "cancelled"
        return True

    def _fare(self, leg: Mapping[str, Any], cabin: str, people: int) -> int:
        day = self.flights[leg["flight_number"]]["dates"][leg["date"]]
        if day["status"] != "available" or day["available_seats"][cabin] < people:
            raise KeyError(leg["date"])
        return int(day["prices"][cabin])

    def _charge(self, user: Any, payment: str, price: int) -> bool:
        method = user["payment_methods"][payment]
        if method["source"] == "certificate" or method.get("amount", price) < price:
            return False
        self._pay(user, payment, price)
        return True

    def _pay(self, user: Any, payment: str, price: int) -> None:
        method = user["payment_methods"][payment]
        if method["source"] == "gift_card":
            method["amount"] -= price
        elif method["source"] == "certificate":
            del user["payment_methods"][payment]


def _key(leg: Mapping[str, Any]) -> tuple[str, str]:
    return leg["flight_number"], leg["date"]


def _to_pay(user: Any, cabin: str, people: int, total: int) -> int:
    return max(0, total - people * FREE_BAGS[user["membership"]][cabin])
