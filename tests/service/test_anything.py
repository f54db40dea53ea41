"""Whatever an agent sends: an answer or a problem, never a crash, and never more than the limit."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from service_world import DE, World, payment

from governance.engine.model import Effect
from governance.service import asked, deciding
from governance.service.beside import Beside
from governance.service.problem import Problem
from governance.service.replaying import replay

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
WORDS = st.sampled_from(["agent", "user", "payments-1", "payment.create", "act", "ask", "true"])
SCALARS: Any = (
    TEXTS
    | WORDS
    | st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.decimals(allow_nan=False, allow_infinity=False, places=3)
)
JSON: Any = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS | WORDS, inner, max_size=3),
    max_leaves=8,
)
PARTS = {
    "subject": st.fixed_dictionaries(
        {}, optional={"type": WORDS | JSON, "id": WORDS | JSON, "properties": JSON}
    ),
    "action": st.fixed_dictionaries(
        {},
        optional={
            "name": WORDS | JSON,
            "properties": st.fixed_dictionaries({}, optional={"arguments": JSON, "soft": JSON}),
        },
    ),
    "resource": st.fixed_dictionaries(
        {}, optional={"type": JSON, "id": JSON, "properties": JSON}
    ),
    "context": st.dictionaries(
        st.sampled_from(
            ["session", "intent", "parent", "confidence", "cost", "obligations_supported",
             "request_approval", "labels", "time", "cwd", "x"]
        ),
        JSON,
        max_size=4,
    ),
}  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.fixed_dictionaries({}, optional={name: part | JSON for name, part in PARTS.items()}))
def test_reading_a_request_gives_a_request_or_a_problem(request: dict[str, Any]) -> None:
    """If a malformed request could crash the reader, it would be a 500 and not a finding."""
    status = 200
    with suppress(Problem):
        status = 0
        asked.read(request)
        status = 200
    if status == 0:
        with pytest.raises(Problem) as caught:
            asked.read(request)
        assert 400 <= caught.value.status < 500
        assert caught.value.detail


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    amount=JSON,
    iban=JSON | st.just(DE),
    more=st.dictionaries(TEXTS.filter(lambda name: "." not in name), JSON, max_size=2),
    resource=st.dictionaries(TEXTS, JSON, max_size=2),
    context=PARTS["context"],
)
def test_no_argument_makes_more_than_a_problem_and_none_loosens(
    world: World,
    amount: Any,
    iban: Any,
    more: dict[str, Any],
    resource: dict[str, Any],
    context: dict[str, Any],
) -> None:
    """If some argument broke the recording or passed where nothing may, the policy would leak."""
    asking = payment()
    asking["action"]["properties"]["arguments"] = {**more, "amount": amount, "iban": iban}
    asking["resource"]["properties"] = resource
    asking["context"] = {**context, "intent": "act"}
    asking["context"].pop("session", None)
    with suppress(Problem):
        answer = deciding.decide(world.desk, world.agent_key, asking)
        known = isinstance(amount, str | dict) and iban == DE and not more
        assert known or Effect.of(answer["context"]["effect"]) is not Effect.ALLOW


def test_what_was_recorded_of_anything_can_be_performed_again(world: World) -> None:
    """If odd values were recorded so that they read differently, replay would accuse an honest log."""
    odd: list[Any] = [
        "1 EUR", {"amount": "1.00", "currency": "EUR"}, {"amount": Decimal("2.5"), "currency": "EUR"},
        None, 10**20, Decimal("1.5"), "ü EUR", [], {"amount": "1", "currency": "JPY"}, "0.001 EUR",
    ]  # fmt: skip
    for value in odd:
        for name in ("amount", "iban", "note", "bcc"):
            with suppress(Problem):
                deciding.decide(
                    world.desk, world.agent_key,
                    payment(arguments={name: value}, cost="0.5 EUR", confidence=Decimal("0.25")),
                )  # fmt: skip
    here = Beside(world.root)
    counts, _ = replay(here.entries(), here.first, here.release, here.opened)
    assert counts.different == 0, counts.differences
    assert counts.same == counts.decisions >= 30


def test_many_at_once_never_pass_the_limit(world: World) -> None:
    """If two requests could see the same room in a limit, the limit would hold for one caller."""
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: world.pay(amount="100 EUR"), range(64)))
    assert sum(answer["decision"] for answer in answers) == 10
