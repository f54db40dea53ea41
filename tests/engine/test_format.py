"""`fmt`: one layout for every policy file, with its comments, and never another meaning."""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from layouts import owners, random_layout, with_comments
from mangled import mangled

from governance.engine import format as layout
from governance.engine import spelling, syntax
from governance.engine.model import PolicyErrors
from governance.engine.reading import Findings, plain_value, read

POLICIES = Path(__file__).parents[2] / "policies"
SHIPPED = sorted(POLICIES.rglob("*.yaml"))


def fmt(text: str) -> str:
    """The canonical form of a text."""
    return layout.formatted("x.yaml", text.encode()).decode()


def data(text: str) -> Any:
    """The values of a text."""
    found = Findings()
    document = read("x.yaml", text.encode(), found)
    assert document is not None, found.items
    return document.data


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_the_shipped_files_are_laid_out_as_they_teach(path: Path) -> None:
    """The first file that somebody copies would change when they format it."""
    before = path.read_bytes()
    assert layout.formatted(str(path), before) == before


def test_the_page_of_the_language_shows_the_layout() -> None:
    """Somebody who copies an example would see it change at once."""
    blocks = re.findall(r"```yaml\n(.*?)```", (POLICIES / "README.md").read_text(), re.DOTALL)
    whole = [each for each in blocks if re.match("(policy|catalogue|list|risk|invariants):", each)]
    assert len(whole) >= 6
    for each in whole:
        assert fmt(each) == each


SEEDS = st.integers(0, 2**32)
NO_SHRINKING = [each for each in Phase if each is not Phase.shrink]
"""A smaller seed is no simpler layout."""


@settings(max_examples=60, deadline=None, phases=NO_SHRINKING)
@given(seed=SEEDS, path=st.sampled_from(SHIPPED))
def test_every_layout_of_a_file_becomes_the_same_text(seed: int, path: Path) -> None:
    """Two people would fight over blanks and brackets in every review."""
    text = path.read_text()
    other = random_layout(text, Random(seed))
    assert fmt(other) == text


@settings(max_examples=60, deadline=None, phases=NO_SHRINKING)
@given(seed=SEEDS, path=st.sampled_from(SHIPPED), many=st.integers(1, 12))
def test_comments_stay_once_and_beside_what_they_explain(seed: int, path: Path, many: int) -> None:
    """A warning above one rule would end up above another, or be gone."""
    chance = Random(seed)
    noted = with_comments(path.read_text(), chance, many)
    first = fmt(noted)
    assert Counter(syntax.parse(noted).comments) == Counter(syntax.parse(first).comments)
    assert owners(noted) == owners(first)
    other = random_layout(first, chance)
    assert owners(other) == owners(first)
    assert fmt(other) == first
    assert fmt(first) == first


SPELLED = st.text(
    st.one_of(
        st.sampled_from("ab :,#[]{}&*!|>'\"%@`-?~=.0123456789\\\n\t"),
        st.characters(exclude_categories=("Cs",)),
    ),
    max_size=30,
)


@settings(max_examples=400, deadline=None)
@given(text=SPELLED, flow=st.booleans())
def test_a_text_is_written_so_that_it_reads_back(text: str, flow: bool) -> None:
    """`yes`, `1e3` or `a: b` would turn into something else on the way through the formatter."""
    written = spelling.scalar(text, False, flow)
    whole = f"[{written}]\n" if flow else f"k: {written}\n"
    found = data(whole)
    assert (found[0] if flow else found["k"]) == text
    # The scanner written in Python is stricter in places; editors resemble it.
    pure = yaml.load(whole, Loader=yaml.BaseLoader)
    assert (pure[0] if flow else pure["k"]) == text


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-9, 10**6), st.decimals(-9, 9, places=2), SPELLED
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(SPELLED.filter(lambda key: key != "<<"), inner, max_size=4),
    ),
    max_leaves=12,
)


def plainly(value: Any) -> str:
    """YAML for a value, in brackets and double quotes throughout."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | Decimal):
        return str(value)
    if isinstance(value, str):
        return spelling.scalar(value + "\n", False, True)[:-3] + '"' if value else '""'
    if isinstance(value, list):
        return "[" + ", ".join(map(plainly, value)) + "]"
    return "{" + ", ".join(f"{plainly(key)}: {plainly(each)}" for key, each in value.items()) + "}"


@settings(max_examples=200, deadline=None)
@given(
    value=st.dictionaries(
        st.sampled_from(["rules", "cases", "lists", "x", "id"]), VALUES, min_size=1
    )
)
def test_files_that_make_no_sense_keep_their_values(value: Any) -> None:
    """A file in the middle of being written would lose what cannot be understood yet."""
    text = plainly(value) + "\n"
    once = fmt(text)
    assert data(once) == data(text)
    assert fmt(once) == once


@settings(max_examples=300, deadline=None, phases=NO_SHRINKING)
@given(seed=SEEDS, path=st.sampled_from(SHIPPED), edits=st.integers(1, 4))
def test_whatever_was_typed_is_laid_out_or_refused(seed: int, path: Path, edits: int) -> None:
    """A slip of the hand would crash the formatter, or it would take a comment or a value away."""
    chance = Random(seed)
    lines = path.read_text().split("\n")
    text = mangled("\n".join(lines[: chance.randint(8, 60)]), chance, edits)
    try:
        once = fmt(text)
    except (PolicyErrors, layout.Unsafe):
        return
    assert data(once) == data(text)
    assert Counter(syntax.parse(once).comments) == Counter(syntax.parse(text).comments)
    assert fmt(once) == once


def test_windows_line_ends_stay_and_the_mark_at_the_start_goes() -> None:
    """Every line of a file would count as changed on the other system."""
    made = layout.formatted("x.yaml", b"\xef\xbb\xbfpolicy:   a\r\ntitle: b\r\n")
    assert made == b"policy: a\r\ntitle: b\r\n"


def test_an_anchor_is_written_where_its_value_comes_first() -> None:
    """Sorted keys would leave a name that means nothing yet."""
    text = "catalogue: c\ntitle: &t x\nowner: *t\n"
    swapped = "owner: &t x\ntitle: *t\ncatalogue: c\n"
    assert fmt(swapped) == text


@pytest.mark.parametrize(
    "broken", ["a: [1", "a: 1\na: 2\n", "a: !!python/object x\n", "", "a: 1\n---\nb: 2\n"]
)
def test_what_cannot_be_read_is_left_alone(broken: str) -> None:
    """A half-written file would be replaced by what the formatter makes of it."""
    with pytest.raises(PolicyErrors):
        fmt(broken)


def test_a_change_of_meaning_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake in the formatter would rewrite what a company enforces."""
    monkeypatch.setattr(layout, "written", lambda tree, form: "mode: draft\n# why\n")
    with pytest.raises(layout.Unsafe, match="a value would change"):
        fmt("mode: enforce\n# why\n")
    monkeypatch.setattr(layout, "written", lambda tree, form: "mode: enforce\n")
    with pytest.raises(layout.Unsafe, match="a comment would be lost"):
        fmt("mode: enforce\n# why\n")
    monkeypatch.setattr(layout, "written", lambda tree, form: "limit: 1.0\n")
    with pytest.raises(layout.Unsafe, match="a value would change"):
        fmt("limit: 1.00\n")


def test_the_layout_in_one_picture() -> None:
    """Somebody would not find what the rules of the layout come to."""
    messy = """
rules: [{severity: high, id: 'A-1', title: "One", effect: deny, # why
  because: "It is said at such length here that it does not fit on one line of a hundred characters.",
  when: {args.path: {under: "workspace:/"}, action: [a, 'b', c]}}]
policy: p
# the table
cases: {rows: [[first, 12 EUR, ~], [second one, 1, "yes"]], columns: [name, args.amount, expect]}
"""
    assert (
        fmt(messy)
        == """\
policy: p

rules:
  - id: A-1
    title: One
    effect: deny  # why
    when: {action: [a, b, c], args.path: {under: "workspace:/"}}
    because: >-
      It is said at such length here that it does not fit on one line of a hundred characters.
    severity: high

# the table
cases:
  columns: [name, args.amount, expect]
  rows:
    - [first,      12 EUR, ~]
    - [second one, 1,      yes]
"""
    )


def test_a_number_keeps_its_digits() -> None:
    """`1.50` would come out as `1.5`, and `1e6` as something a person must count."""
    text = "a: 1.50\nb: 1e6\nc: -0\nd: +5\n"
    assert fmt(text) == text
    assert plain_value("1.50") == Decimal("1.50")
