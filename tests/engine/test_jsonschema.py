"""The JSON Schema of policy files: valid itself, true to the loader, and full of names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from governance.engine import forms, glossary, jsonschema
from governance.engine.casetable import PLAIN_COLUMNS
from governance.engine.forms import Form
from governance.engine.histories import HISTORY_KEYS
from governance.engine.known import known
from governance.engine.reading import Findings, read
from governance.engine.vocabulary import OPERATORS

POLICIES = Path(__file__).parents[2] / "policies"
SHIPPED = sorted(POLICIES.rglob("*.yaml"))


def data(text: bytes) -> Any:
    """The values of a file as JSON has them."""
    document = read("x.yaml", text, Findings())
    assert document is not None
    return json.loads(json.dumps(document.data, default=float))


def names() -> Any:
    """What the shipped folder knows."""
    found = [read(str(path), path.read_bytes(), Findings()) for path in SHIPPED]
    return known([each for each in found if each is not None])


SCHEMA = jsonschema.schema(names())
VALIDATOR = jsonschema_rs.Draft202012Validator(SCHEMA)


def test_it_is_a_schema() -> None:
    """An editor would complete nothing, and say nothing about why."""
    jsonschema_rs.meta.validate(SCHEMA)
    for kind in forms.KINDS:
        jsonschema_rs.meta.validate(jsonschema.schema(names(), kind))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_what_loads_fits(path: Path) -> None:
    """An editor would underline what the service takes, and people would learn to look away."""
    assert [each.message for each in VALIDATOR.iter_errors(data(path.read_bytes()))] == []


def test_the_examples_of_the_language_fit() -> None:
    """The first thing somebody copies would be underlined."""
    blocks = re.findall(r"```yaml\n(.*?)```", (POLICIES / "README.md").read_text(), re.DOTALL)
    whole = [
        block for block in blocks if re.match(r"(policy|catalogue|list|risk|invariants):", block)
    ]
    assert len(whole) >= 4
    shipped = [read(str(path), path.read_bytes(), Findings()) for path in SHIPPED]
    told = [read("x.yaml", block.encode(), Findings()) for block in whole]
    every = known([each for each in (*shipped, *told) if each is not None])
    check = jsonschema_rs.Draft202012Validator(jsonschema.schema(every))
    for block in whole:
        assert [each.message for each in check.iter_errors(data(block.encode()))] == [], block


PAYMENTS = (POLICIES / "payments.yaml").read_text()
CATALOGUE = (POLICIES / "actions" / "payments.yaml").read_text()
MISTAKES = [
    ("severity: critical", "severty: critical"),
    ("severity: critical", "severity: catastrophic"),
    ("effect: deny", "effect: refuse"),
    ("args.amount: {at_most: 500 EUR}", "args.amuont: {at_most: 500 EUR}"),
    ("args.amount: {at_most: 500 EUR}", "args.amount: {atmost: 500 EUR}"),
    ("args.amount: {at_most: 500 EUR}", "args.amount: {contains_any: [500 EUR]}"),
    ("args.amount: {at_most: 500 EUR}", "args.amount: {at_most: 500}"),
    ("args.instant: {is: true}", "args.instant: {is: yes}"),
    ("action: payment.create\n", "action: payment.creat\n"),
    ("id: PAY-001", "id: pay one"),
    ("    title: Never pay into a sanctioned country\n", ""),
    ("mode: enforce", "mode: enforced"),
    ("default: deny", "default: allow"),
    ("review_by: 2027-05-31", "review_by: next spring"),
    ("answer_within: 4h", "answer_within: 4 hours"),
    ("needs: [1 treasurer]", "needs: [treasurer]"),
    ("by: this_agent", "by: the_agent"),
    ("in_last: 24h", "in_last: a day"),
    ("governs: [payment.create,", "governs: [payment.make,"),
    ("from: erp/trusted-payees", "from: erp/trusted-payee"),
    ("measure: count", "measure: number"),
    ("expect, by]", "expect, bye]"),
    ("otherwise: deny", "otherwise: allow"),
]


@pytest.mark.parametrize(("before", "after"), MISTAKES, ids=str.strip)
def test_a_mistake_is_underlined_while_it_is_typed(before: str, after: str) -> None:
    """The mistake would be found when the release is made, by somebody else."""
    assert before in PAYMENTS
    broken = data(PAYMENTS.replace(before, after, 1).encode())
    assert not VALIDATOR.is_valid(broken)


def test_a_mistake_in_a_catalogue_is_underlined() -> None:
    """A misspelt type would be found when somebody else writes a rule."""
    for before, after in (("type: money", "type: moneys"), ("class: quantity", "class: amount")):
        assert not VALIDATOR.is_valid(data(CATALOGUE.replace(before, after, 1).encode()))


def test_a_file_of_no_kind_is_no_policy_file() -> None:
    """A misspelt first key would switch every check off."""
    assert not VALIDATOR.is_valid({"polcy": "payments"})


def test_names_of_the_folder_are_offered() -> None:
    """Somebody would have to look up how an action, a role or a list is called."""
    text = json.dumps(SCHEMA)
    for name in (
        "payment.create",
        "args.iban",
        "1 treasurer",
        "erp/trusted-payees",
        "sum args.amount",
    ):
        assert f'"{name}"' in text, name
    tests = SCHEMA["$defs"]["condition"]["properties"]["args.channel"]["$ref"].rpartition("/")[2]
    assert "under" not in SCHEMA["$defs"][tests]["properties"]
    assert set(SCHEMA["$defs"][tests]["properties"]) <= set(OPERATORS)


def keys(form: Form, way: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The way to every key of a form."""
    for key in forms.keys_of(form):
        yield (*way, key)
        yield from keys(forms.inside(form, key), (*way, key))
    inner = forms.inside(form, 0) if "list" in form.get("type", ()) else {}
    if inner:
        yield from keys(inner, way)
    if forms.is_open(form):
        yield from keys(forms.inside(form, "name"), (*way, "name"))


WAYS = {way for kind, form in forms.KINDS.items() for way in keys(form, (kind,))}


def test_every_key_has_its_words() -> None:
    """An editor would show an empty box where somebody asks what a key means."""
    assert sorted(way for way in WAYS if not glossary.of(way)) == []
    used = {words for way in WAYS if (words := glossary.of(way))}
    assert [key for key, words in glossary.KEYS.items() if words not in used] == []
    assert set(glossary.COLUMNS) == set(PLAIN_COLUMNS)
    assert set(HISTORY_KEYS) | {"action", "any", "not", "history"} == set(glossary.CONDITIONS)


def test_every_free_mapping_has_a_meaning() -> None:
    """A new kind of condition would take any field without a word."""
    free = set()
    for way in WAYS:
        form: Form = forms.KINDS[way[0]]
        for key in way[1:]:
            form = forms.inside(form, key) if "list" not in form.get("type", ()) else form
            if "list" in form.get("type", ()):
                form = forms.inside(form, 0)
        if form.get("type") == "dict" and not forms.keys_of(form) and not forms.is_open(form):
            free.add(way[-1])
    assert free <= jsonschema.CONDITIONS | {"always", "before"}  # or cells of a case
