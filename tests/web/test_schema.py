"""The published schemas as checks: what they do not describe is refused with its path."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.service.problem import Problem
from governance.web import openapi
from governance.web.schema import SchemaError, compile_schema

SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 5, "pattern": "^[a-z]+$"},
        "level": {"type": "string", "enum": ["L0", "L1"]},
        "count": {"type": "integer", "minimum": 1, "maximum": 9},
        "tags": {"type": "array", "maxItems": 2, "items": {"type": "string"}},
        "until": {"oneOf": [{"type": "string"}, {"type": "null"}]},
    },
}

WRONG = [
    ({}, "name", "missing"),
    ({"name": 1}, "name", "a string was expected"),
    ({"name": ""}, "name", "empty"),
    ({"name": "abcdef"}, "name", "at most 5"),
    ({"name": "A"}, "name", "expected form"),
    ({"name": "a", "level": "L9"}, "level", "`L0`, `L1`"),
    ({"name": "a", "count": 0}, "count", "below 1"),
    ({"name": "a", "count": True}, "count", "a whole number"),
    ({"name": "a", "count": Decimal("1.5")}, "count", "a whole number"),
    ({"name": "a", "count": Decimal("1.0")}, "count", "a whole number"),
    ({"name": "a", "tags": ["x", 1]}, "tags[1]", "a string"),
    ({"name": "a", "tags": ["x", "y", "z"]}, "tags", "at most 2"),
    ({"name": "a", "nmae": 1}, "nmae", "did you mean `name`?"),
    ({"name": "a", "until": 3}, "until", "a string was expected"),
    ([], None, "an object was expected"),
]


@pytest.mark.parametrize(("value", "field", "says"), WRONG)
def test_what_does_not_fit_is_named(value: Any, field: str | None, says: str) -> None:
    """A person who mistyped a field would have to guess which one, or would not be told at all."""
    with pytest.raises(Problem) as caught:
        compile_schema(SCHEMA, {})(value, "")
    assert caught.value.status == 400
    assert caught.value.field == field
    assert says in caught.value.detail


def test_a_keyword_nobody_checks_stops_the_start() -> None:
    """The document would promise a check that the service does not make."""
    with pytest.raises(SchemaError, match="uniqueItems"):
        compile_schema({"type": "array", "uniqueItems": True}, {})


_values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 12)
    | st.sampled_from(["", "a", "abcdef", "A", "L0", "L1"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "level", "count", "tags", "until", "other"]), inner, max_size=5
        )
    ),
    max_leaves=8,
)


@given(value=_values)
@settings(max_examples=200, deadline=None)
def test_our_checks_agree_with_another_implementation(value: Any) -> None:
    """A document that clients validate against would accept other bodies than the service does."""
    try:
        compile_schema(SCHEMA, {})(value, "")
        ours = True
    except Problem:
        ours = False
    assert ours == jsonschema_rs.is_valid(SCHEMA, value)


def test_every_body_of_the_contract_compiles() -> None:
    """A route would answer 500 to its first request, because its schema cannot be used."""
    assert len(openapi.body_checks()) > 25
    assert openapi.parameter_checks()["listDecisions"].keys() >= {"agent", "effect", "before"}
