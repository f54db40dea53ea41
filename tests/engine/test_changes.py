"""What a release changes, in words: nothing that changed goes without a line."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from governance.engine import changes, marked
from governance.engine.compile import compile_release

HERE = Path(__file__).parents[2]
POLICY = """
policy: travel
title: What agents may book
owner: ines@corp.example
review_by: 2099-01-01
governs: [travel.book]
applies_to: {agents: all}
mode: enforce
default: deny
lists:
  embargo: [IR, KP]
rules:
  - id: TRV-1
    title: Small trips are booked
    effect: allow
    when: {action: travel.book, args.price: {at_most: 300 EUR}}
    because: Travel desk agreed.
    severity: low
  - id: TRV-2
    title: No trips to embargoed countries
    effect: deny
    when: {action: travel.book, args.country: {one_of: $embargo}}
    because: Sanctions law.
    severity: high
cases:
  columns: [name, args.price, expect, by]
  always: {action: travel.book, args.country: DE}
  rows:
    - [small, 120 EUR, allow, TRV-1]
"""
ACTIONS = """
catalogue: travel
title: Travel
owner: ines@corp.example
actions:
  travel.book:
    title: Book a trip
    labels: [moves_money]
    risk: high
    args:
      price: {type: money, currencies: [EUR], class: quantity}
      country: {type: country, class: category}
"""
NEVER = """invariants: company
title: What no agent may ever do
owner: chief@corp.example
review_by: 2099-01-01
never:
  - id: INV-1
    title: No trip to Iran
    when: {action: travel.book, args.country: {is: IR}}
    because: The law says so.
"""
FILES = {
    "policies/travel.yaml": POLICY.encode(),
    "policies/actions/travel.yaml": ACTIONS.encode(),
    "policies/invariants.yaml": NEVER.encode(),
}


def found(old: dict[str, bytes] | None, new: dict[str, bytes]) -> dict[str, changes.FileChange]:
    """Changes by path."""
    before = None if old is None else compile_release(old)
    return {file.path: file for file in changes.between(before, compile_release(new))}


def edited(path: str, *pairs: tuple[str, str]) -> dict[str, bytes]:
    """The files with some text replaced."""
    text = FILES[path].decode()
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return {**FILES, path: text.encode()}


def test_everything_is_new_where_nothing_was() -> None:
    """The first release would be signed unread."""
    every = found(None, FILES)
    assert {file.how for file in every.values()} == {"new"}
    told = {(c.kind, c.id): c for file in every.values() for c in file.changes}
    assert set(told) == {
        ("file", "travel"), ("rule", "TRV-1"), ("rule", "TRV-2"), ("list", "embargo"),
        ("action", "travel.book"), ("file", "company"), ("invariant", "INV-1"),
    }  # fmt: skip
    rule = told["rule", "TRV-1"].now
    assert rule is not None
    assert "300\u202fEUR" in rule.sentence or "300 EUR" in rule.sentence
    assert (rule.owner, rule.because) == ("ines@corp.example", "Travel desk agreed.")
    assert all(change.before is None for change in told.values())


def test_nothing_is_said_where_nothing_changed() -> None:
    """A signer would look for a needle in what is the same."""
    assert all((f.how, f.changes) == ("same", ()) for f in found(FILES, FILES).values())


def test_a_changed_rule_stands_beside_what_it_said() -> None:
    """A signer would read the new words and not know what they replace."""
    new = edited("policies/travel.yaml", ("300 EUR", "900 EUR"))
    (change,) = found(FILES, new)["policies/travel.yaml"].changes
    assert (change.kind, change.id, change.how) == ("rule", "TRV-1", "changed")
    assert change.now is not None
    assert change.before is not None
    assert "900" in change.now.sentence
    assert "300" in change.before.sentence


@pytest.mark.parametrize(
    ("path", "pair", "line"),
    [
        ("policies/travel.yaml", ("Travel desk agreed.", "The board."), ("rule", "TRV-1")),
        ("policies/travel.yaml", ("severity: low", "severity: high"), ("rule", "TRV-1")),
        ("policies/travel.yaml", ("effect: allow", "effect: deny"), ("rule", "TRV-1")),
        ("policies/travel.yaml", ("2099-01-01", "2098-01-01"), ("file", "travel")),
        ("policies/travel.yaml", ("[IR, KP]", "[IR, KP, SY]"), ("list", "embargo")),
        ("policies/actions/travel.yaml", ("moves_money", "sends"), ("action", "travel.book")),
        ("policies/actions/travel.yaml", ("risk: high", "risk: low"), ("action", "travel.book")),
        ("policies/invariants.yaml", ("Iran", "that country"), ("invariant", "INV-1")),
    ],
)
def test_each_kind_of_change_has_its_line(
    path: str, pair: tuple[str, str], line: tuple[str, str]
) -> None:
    """A change could be hidden in a part of the files that nobody reads out."""
    every = found(FILES, edited(path, pair))
    assert line in [(c.kind, c.id) for c in every[path].changes]


def test_what_goes_is_said_with_its_old_words() -> None:
    """A rule would go away without anybody having read what it forbade."""
    text = POLICY.partition("  - id: TRV-2")[0] + "cases:" + POLICY.partition("cases:")[2]
    text = text.replace("lists:\n  embargo: [IR, KP]\n", "")
    new = {"policies/travel.yaml": text.encode(), "policies/actions/travel.yaml": ACTIONS.encode()}
    every = found(FILES, new)
    assert every["policies/invariants.yaml"].how == "gone"
    gone = [c for file in every.values() for c in file.changes if c.how == "gone"]
    assert {(c.kind, c.id) for c in gone} >= {
        ("rule", "TRV-2"), ("list", "embargo"), ("invariant", "INV-1")
    }  # fmt: skip
    assert all(c.now is None and c.before is not None for c in gone)


def test_who_comes_on_a_list_and_who_leaves_is_named() -> None:
    """A list would grow by a name that a signer never saw."""
    new = edited("policies/travel.yaml", ("[IR, KP]", "[KP, SY]"))
    changed = {c.kind: c for c in found(FILES, new)["policies/travel.yaml"].changes}
    assert set(changed) == {"rule", "list"}, "the rule that uses it reads otherwise, too"
    change = changed["list"]
    assert change.now is not None
    assert change.before is not None
    assert (change.before.points, change.now.points) == (("leaves: IR",), ("comes: SY",))


PEOPLE = edited(
    "policies/travel.yaml",
    ("embargo: [IR, KP]", "embargo: [IR, KP]\n  friends: [a@corp.example, b@corp.example]"),
    (
        "  - id: TRV-2",
        "  - id: TRV-3\n    title: Not for strangers\n    effect: deny\n"
        "    when: {action: travel.book, args.for: {none_of: $friends}}\n"
        "    because: Only for us.\n    severity: high\n  - id: TRV-2",
    ),
    ("args.country: DE}", "args.country: DE, args.for: a@corp.example}"),
) | {
    "policies/actions/travel.yaml": (
        ACTIONS + "      for: {type: email, class: identity, about: recipient}\n"
    ).encode()
}


def test_whoever_takes_anothers_place_on_a_list_of_people_is_counted_and_not_named() -> None:
    """A trusted payee could be replaced by another, and the signer would read that nothing changed."""
    path = "policies/travel.yaml"
    text = PEOPLE[path]
    new = {**PEOPLE, path: text.replace(b"b@corp.example]", b"c@corp.example]")}
    (change,) = [c for c in found(PEOPLE, new)[path].changes if c.kind == "list"]
    assert (change.id, change.how) == ("friends", "changed")
    assert change.now is not None
    assert change.before is not None
    assert change.before.points == ("leaves: 1 member",)
    assert change.now.points == ("comes: 1 member",)
    told = repr(found(PEOPLE, new)[path])
    for member in ("a@corp.example", "b@corp.example", "c@corp.example"):
        assert member not in told, "nor where a rule names its list"
    turned = text.replace(b"[a@corp.example, b@", b"[b@corp.example, a@")
    moved = found(PEOPLE, {**PEOPLE, path: turned})[path].changes
    assert "list" not in {c.kind for c in moved}, "the order says nothing"


def listed(members: str, kind: str, at: str = "08:00:00") -> dict[str, bytes]:
    """The files with a list file."""
    text = f"list: erp/list\nas_of: 2026-11-20T{at}Z\ntype: {kind}\nmembers: [{members}]\n"
    return {**FILES, "policies/lists/list.yaml": text.encode()}


@pytest.mark.parametrize(
    ("old", "new", "left", "came"),
    [
        (
            listed("DE89370400440532013000", "iban"), listed("NL91ABNA0417164300", "iban"),
            ("leaves: 1 member",), ("comes: 1 member",),
        ),
        (listed("a.example", "domain"), listed("b.example", "domain"),
         ("leaves: a.example",), ("comes: b.example",)),
        (listed("a.example", "domain"), listed("a.example", "domain", "08:00:59"),
         (), (changes._SAME_WORDS,)),
    ],
)  # fmt: skip
def test_a_list_file_of_the_same_minute_and_size_is_not_the_same(
    old: dict[str, bytes], new: dict[str, bytes], left: tuple[str, ...], came: tuple[str, ...]
) -> None:
    """A list could be exchanged member by member, and no line would say so."""
    (change,) = found(old, new)["policies/lists/list.yaml"].changes
    assert change.before is not None
    assert change.now is not None
    assert (change.how, change.before.points, change.now.points) == ("changed", left, came)


def test_a_long_list_is_compared_at_once_and_named_in_part() -> None:
    """Looking at a refreshed list of the size that fits would hold the service for an hour."""
    names = [f"{n}.example" for n in range(20_000)]
    old, new = (
        compile_release(listed(", ".join(each), "domain"))
        for each in (names[:-1], [*names[1:], "new.example"])
    )
    began = time.process_time()
    told = {file.path: file for file in changes.between(old, new)}
    assert time.process_time() - began < 5, "each member was looked for among all others"
    (change,) = told["policies/lists/list.yaml"].changes
    assert change.before is not None
    assert change.now is not None
    assert change.before.points == ("leaves: 0.example",)
    assert change.now.points == ("comes: 19999.example", "comes: new.example")
    every = {file.path: file for file in changes.between(None, new)}
    now = every["policies/lists/list.yaml"].changes[0].now
    assert now is not None
    assert len(now.points) == changes.MEMBERS + 1


def test_every_id_of_the_shipped_files_is_told() -> None:
    """Something that a file can say would have no words, and change unseen."""
    files = {
        path.relative_to(HERE).as_posix(): path.read_bytes()
        for path in sorted((HERE / "policies").rglob("*.yaml"))
    }
    release = compile_release(files)
    told = {
        (change.kind, change.id)
        for file in changes.between(None, release)
        for change in file.changes
    }
    bundle = release.bundle
    for file in bundle.files:
        assert {("rule", rule.id) for rule in file.rules} <= told
        assert {("limit", one.id) for one in file.limits} <= told
        assert {("exception", one.id) for one in file.exceptions} <= told
        assert {("list", name) for name in file.lists} <= told
    assert {("action", name) for name, one in release.catalogue.actions.items() if one.path} <= told
    assert {("list", name) for name in bundle.lists} <= told
    assert bundle.risk is not None
    assert {("factor", one.id) for one in bundle.risk.factors} <= told
    assert {("invariant", one.id) for file in bundle.invariants for one in file.never} <= told


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", "a\nb"),
        ("a\nb", ""),
        ("a\nb\nc", "a\nx\nc"),
        ("a\na\na", "a\na"),
        ("a\nb\nc\nd", "d\nc\nb\na"),
        ("\n".join("x" * 9), "y"),
        ("same", "same"),
        ("\n".join(f"a{n}" for n in range(5_000)), "\n".join(f"b{n}" for n in range(5_000))),
    ],
)
def test_marked_lines_give_both_texts_back(old: str, new: str) -> None:
    """A line could stand in a file and not on the page that a signer reads."""
    found = marked.lines(old, new)
    assert [line.text for line in found if line.mark != "gone"] == new.splitlines()
    assert [line.text for line in found if line.mark != "new"] == old.splitlines()
    now = [line.now for line in found if line.now is not None]
    before = [line.before for line in found if line.before is not None]
    assert now == list(range(1, len(now) + 1))
    assert before == list(range(1, len(before) + 1))
