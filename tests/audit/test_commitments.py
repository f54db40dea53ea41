"""Commitments: the log can be checked against a value without holding it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.canonical import canonical
from audit.commit import commitment, digest, opens
from audit.encoding import b64url
from audit.errors import Malformed, Tampered

SALT = "4vZ1sXk0mY7uQd2pR9cT5g"


def test_the_digest_rule_is_that_of_rfc_9901() -> None:
    """Otherwise other people's tools could not check what we disclose (example of RFC 9901 §4.2.3)."""
    disclosure = "WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0"
    assert digest(disclosure) == "X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0"


@given(st.text("abc", min_size=1), st.integers(0, 9) | st.text() | st.lists(st.booleans()))
def test_only_the_value_itself_opens_a_commitment(name: str, value: Any) -> None:
    """Otherwise the operator could show another value than the one decided on."""
    committed = commitment(SALT, name, value)
    opens(committed, SALT, name, value)
    for salt, other_name, other in (
        ("5vZ1sXk0mY7uQd2pR9cT5g", name, value),
        (SALT, name + "x", value),
        (SALT, name, [value]),
    ):
        with pytest.raises(Tampered):
            opens(committed, salt, other_name, other)


def test_equal_values_look_different() -> None:
    """Otherwise everybody with the log could find an account number by trying all of them."""
    salts = [SALT[:4] + c + SALT[5:] for c in "abcdefghijklmnopqrstuvwxyz"]
    committed = {commitment(salt, "iban", "DE1") for salt in salts}
    unsalted = {digest(b64url(canonical(form))) for form in ("DE1", ["iban", "DE1"], ["DE1"])}
    assert len(committed) == len(salts)
    assert not committed & unsalted


@pytest.mark.parametrize("salt", ["", "short", SALT[:-1], SALT + "=", "4vZ1sXk0mY7uQd2pR9cT5/"])
def test_a_weak_or_misspelt_salt_is_refused(salt: str) -> None:
    """Otherwise a value of few possibilities would be as good as written in clear."""
    with pytest.raises(Malformed):
        commitment(salt, "iban", "DE1")
