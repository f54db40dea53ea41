"""Whatever strangers hand over: no parser breaks, and none accepts what was altered."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.parsers import PARSERS, judge, spoil

SLOW = {"package": 40, "anchored package": 40, "archive": 80}
"""How many examples for parsers that need files; the others get more."""


@pytest.mark.parametrize("name", sorted(PARSERS))
def test_what_is_valid_is_accepted_and_prints_as_it_was(name: str) -> None:
    """The fuzzing would prove nothing: everything would be refused."""
    for example in PARSERS[name].examples:
        assert judge(name, example)


@pytest.mark.parametrize("name", sorted(PARSERS))
def test_no_parser_breaks_and_none_accepts_what_was_altered(name: str) -> None:
    """A file from a stranger could crash a verifier, or convince it of what was never signed."""

    @settings(
        max_examples=SLOW.get(name, 250), suppress_health_check=list(HealthCheck), deadline=None
    )
    @given(st.integers(0, 2**32), st.sampled_from(PARSERS[name].examples))
    def fuzzed(seed: int, example: bytes) -> None:
        chance = random.Random(seed)
        judge(name, spoil(example, chance, chance.choice(PARSERS[name].examples)))

    fuzzed()


@pytest.mark.parametrize("name", sorted(PARSERS))
def test_no_parser_breaks_on_bytes_of_any_kind(name: str) -> None:
    """Something that is no file of ours at all could crash a verifier."""

    @settings(
        max_examples=SLOW.get(name, 100), suppress_health_check=list(HealthCheck), deadline=None
    )
    @given(st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
    def fuzzed(data: bytes) -> None:
        judge(name, data)

    fuzzed()


@pytest.mark.parametrize("name", sorted(set(PARSERS) - {"trust policy", "archive", "anchor"}))
def test_one_altered_byte_is_refused_or_is_another_thing(name: str) -> None:
    """A parser that is lenient in one place would read two texts as one."""
    (example, *_) = PARSERS[name].examples
    step = 1 if len(example) < 2_000 else len(example) // 60
    for at in range(0, len(example), step):
        judge(name, example[:at] + bytes([example[at] ^ 1]) + example[at + 1 :])
        judge(name, example[:at] + example[at + 1 :])
