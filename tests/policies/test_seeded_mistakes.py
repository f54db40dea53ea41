"""A thousand seeded mistakes in the shipped policy files: none loads in silence."""

from __future__ import annotations

from collections import Counter
from functools import cache

from seeded import EDITS, IMPLIED, Fate, judged

from governance.engine.command import parse
from governance.engine.notation import Program
from governance.engine.programs import TABLE

COUNT = 1_000


@cache
def fates() -> tuple[Fate, ...]:
    return tuple(judged(COUNT))


def report() -> str:
    """How many mistakes of each kind were found by what, for whoever reads the failure."""
    counted = Counter((each.mistake.kind, each.fate) for each in fates())
    lines = [f"{kind}: {fate} {number}" for (kind, fate), number in sorted(counted.items())]
    left = [
        f"{each.fate}: {each.mistake.path}:{each.mistake.line} `{each.mistake.was}` -> "
        f"`{each.mistake.became}` {each.said}"
        for each in fates()
        if each.fate in ("silent", "elsewhere")
    ]
    return "\n".join([*lines, *left])


def test_no_mistake_loads_in_silence() -> None:
    """Somebody's slip of the finger would be signed off, because nothing looked different."""
    assert len(fates()) == COUNT
    assert {each.fate for each in fates()} == {"found", "cases"}, report()


def test_every_kind_of_mistake_is_made_often() -> None:
    """A kind that the generator hardly makes would be a claim about nothing."""
    kinds = Counter(each.mistake.kind for each in fates())
    assert set(kinds) == set(EDITS)
    assert min(kinds.values()) >= 30, kinds
    assert len({each.mistake.path for each in fates()}) >= 8


def test_what_the_shape_forbids_is_found_at_its_line() -> None:
    """A typo in a key, an operator or a field would only show in what a case happens to try."""
    for each in fates():
        if each.mistake.kind in ("a typo in a key", "a typo in an operator", "a typo in a field"):
            assert each.fate == "found", each


def test_an_effect_that_is_implied_never_comes_alone() -> None:
    """A lost effect would be taken for redundant, and some program would have nothing but that."""
    looked = 0
    left: list[Program] = list(TABLE.values())
    while left:
        program = left.pop()
        left += program.commands.values()
        for word, other in IMPLIED.items():
            if word in program.effects:
                assert other in program.effects, program
                looked += 1
    assert looked > 5
    for line in ("ssh host ls", "git push", "gh pr merge 1", "kubectl apply -f x"):
        effects = parse(line, workspace="/srv/work")["effects"]
        assert isinstance(effects, tuple)
        assert {"sends", "changes_remote"} <= set(effects)
