"""The quick commitments and digests are those of the log library."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from audit.canonical import canonical
from audit.commit import commitment
from governance.service.committing import b64url, committed, digest, hmac_sha256

NAMES = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=20)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
VALUES: Any = st.recursive(
    TEXTS | st.booleans() | st.none() | st.integers(-(2**53) + 1, 2**53 - 1),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=10,
)


@settings(max_examples=200, deadline=None)
@given(st.binary(min_size=32, max_size=32), NAMES, VALUES)
def test_a_commitment_is_the_librarys(secret: bytes, field: str, value: Any) -> None:
    """If the quick way committed to other bytes, no disclosure would ever open."""
    sealed, data, salt = committed(secret, field, value)
    assert sealed == commitment(b64url(salt), field, value)
    assert data == canonical(value)
    assert json.loads(data) == value
    assert committed(secret, field, value) == (sealed, data, salt), "salts must repeat"


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=100), st.binary(max_size=200))
def test_the_quick_hmac_is_hmac(secret: bytes, message: bytes) -> None:
    """If salts came from something else than HMAC, they might be guessed from one another."""
    assert hmac_sha256(secret, message) == hmac.digest(secret, message, "sha256")


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(NAMES, VALUES, max_size=5))
def test_a_digest_is_of_the_canonical_bytes(body: dict[str, Any]) -> None:
    """If the digest were of other bytes, a stranger could not recompute it."""
    assert digest(body) == hashlib.sha256(canonical(body)).hexdigest()
