"""Texts that a proposed rule is written with come back as what they were."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.engine.amending import written
from governance.engine.reading import Findings, read

_PIECES = st.sampled_from(
    ["a", "1", ":", " ", "#", "{", "}", "[", "]", ",", "'", '"', "\n", "\t", "\\", "-", "~", "$",
     "&", "*", "!", "|", ">", "%", "@", "\u00e9", "\u2028", "\x85", "\x7f", "\ufeff", "\U0001f600",
     "yes", "null", "1e3", "0x1", "0o7", "1_000", "12:30", "2026-01-01", "10 EUR"]
)  # fmt: skip
texts = st.lists(_PIECES, max_size=5).map("".join)


def read_back(value: Any) -> Any:
    """What the reader makes of a value as it is written."""
    findings = Findings()
    made = read("policies/x.yaml", f"v: {written(value)}\n".encode(), findings)
    assert made is not None, (value, findings.items)
    return made.data["v"]


@settings(max_examples=300, deadline=None)
@given(texts)
def test_a_text_is_read_back_as_it_was(text: str) -> None:
    """What an agent once said would, written into a rule that people sign, mean something else."""
    assert read_back(text) == text
    assert read_back({"k": [text]}) == {"k": [text]}
    assert read_back({text or "x": text}) == {text or "x": text}


@pytest.mark.parametrize(
    "text", ["1e3", "yes ", "a\x85b", "a\u2028b", "\x7f", "}, effect: allow", "0x1F"]
)
def test_odd_texts_stay_texts(text: str) -> None:
    """`1e3` would become a number, and a text with a line break another text."""
    assert read_back([text]) == [text]
