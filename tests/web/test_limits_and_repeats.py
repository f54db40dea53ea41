"""Quotas and Idempotency-Key on the slow side."""

from __future__ import annotations

import pytest

from governance.service.desk import Caller
from governance.service.problem import Problem
from governance.web.api.repeats import KEEP_SECONDS, Repeats
from governance.web.quota import Quotas

ADA = Caller("person", "p-a1b2c3d4e5", "k-AAAAAAAA")
BOB = Caller("person", "p-b1b2c3d4e5", "k-BBBBBBBB")


class Time:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_key_that_asks_too_much_waits_and_nobody_else_does() -> None:
    """One loop in somebody's script would lock everybody else out."""
    time = Time()
    quotas = Quotas(2, 3, now=time)
    for _ in range(3):
        quotas.take(ADA)
    with pytest.raises(Problem) as caught:
        quotas.take(ADA)
    assert caught.value.status == 429
    assert caught.value.headers == {"Retry-After": "1"}
    quotas.take(BOB)
    time.now += 1
    quotas.take(ADA)


def test_the_same_call_again_gets_the_first_answer() -> None:
    """A retry after a lost answer would issue a second key or raise a second stop."""
    repeats = Repeats(now=Time())
    with repeats.once("k", "issueKey", "key-1", b"{}", {}) as earlier:
        assert earlier.answer is None
        earlier.answer = b"first", 201
    with repeats.once("k", "issueKey", "key-1", b"{}", {}) as earlier:
        assert earlier.answer == (b"first", 201)


@pytest.mark.parametrize(("operation", "status"), [("issueKey", 422), ("requestAccess", 409)])
def test_another_body_under_the_same_key_is_refused(operation: str, status: int) -> None:
    """A client with a broken key generator would be told that its new request was done."""
    repeats = Repeats(now=Time())
    with repeats.once("k", operation, "key-1", b"{}", {}) as earlier:
        earlier.answer = b"first", 200
    with (
        pytest.raises(Problem) as caught,
        repeats.once("k", operation, "key-1", b"[]", {}),
    ):
        pass
    assert caught.value.status == status


def test_keys_and_paths_do_not_share_answers() -> None:
    """One caller would read the answer, and the secret in it, that another one got."""
    repeats = Repeats(now=Time())
    with repeats.once("k", "issueKey", "key-1", b"{}", {"id": "a"}) as earlier:
        earlier.answer = b"secret", 201
    with repeats.once("other", "issueKey", "key-1", b"{}", {"id": "a"}) as earlier:
        assert earlier.answer is None
    with (
        pytest.raises(Problem),
        repeats.once("k", "issueKey", "key-1", b"{}", {"id": "b"}),
    ):
        pass


def test_a_failed_call_may_be_sent_again() -> None:
    """A call that failed once would fail for a day."""
    repeats = Repeats(now=Time())
    with pytest.raises(ValueError), repeats.once("k", "op", "key-1", b"{}", {}):
        raise ValueError
    with repeats.once("k", "op", "key-1", b"other", {}) as earlier:
        assert earlier.answer is None


def test_a_second_call_while_the_first_runs_is_told_to_wait() -> None:
    """Both would be carried out."""
    repeats = Repeats(now=Time())
    with repeats.once("k", "op", "key-1", b"{}", {}):
        with pytest.raises(Problem) as caught, repeats.once("k", "op", "key-1", b"{}", {}):
            pass
        assert caught.value.status == 409


def test_answers_are_forgotten() -> None:
    """The memory of the process would grow with every write."""
    time = Time()
    repeats = Repeats(now=time, most=10)
    for number in range(30):
        with repeats.once("k", "op", str(number), b"", {}) as earlier:
            earlier.answer = b"", 200
    assert len(repeats._known) <= 10
    time.now += KEEP_SECONDS + 1
    with repeats.once("k", "op", "29", b"another", {}) as earlier:
        assert earlier.answer is None
