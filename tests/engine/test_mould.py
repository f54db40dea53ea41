"""What a mould makes is what the class makes."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, dataclass, field

import pytest

from governance.engine.model import Request, Verdict
from governance.engine.mould import mould


@dataclass(frozen=True, slots=True)
class Pair:
    """Two things, the second with a default."""

    one: int
    two: list[int] = field(default_factory=list)


def test_it_is_the_class_in_everything_but_time() -> None:
    """A quickly made value that is unequal, open to change or no value of its class would be a trap."""
    make = mould(Pair)
    made = make(1, [2])
    assert made == Pair(1, [2])
    assert type(made) is Pair
    assert repr(made) == repr(Pair(1, [2]))
    assert pickle.loads(pickle.dumps(made)) == made
    with pytest.raises(FrozenInstanceError):
        made.one = 3  # type: ignore[misc]
    request = mould(Request)("pay", {}, (), False, {})
    assert request == Request("pay", {})


def test_every_field_must_be_given() -> None:
    """A field left out must not be filled with whatever was there."""
    with pytest.raises(TypeError):
        mould(Pair)(1)


@pytest.mark.parametrize("kind", [Verdict, int, type("Bare", (), {})])
def test_a_class_that_does_more_is_refused(kind: type) -> None:
    """A verdict checks that it has a reason; a mould would skip that."""
    with pytest.raises(TypeError):
        mould(kind)
