"""The page that explains the language speaks the language."""

from __future__ import annotations

import re
from datetime import date

import pytest
import yaml
from shipped import FOLDER, files

from governance.engine.cases import failures, run
from governance.engine.compile import compile_release
from governance.engine.load import load
from governance.engine.model import PolicyErrors
from governance.engine.values import INTERNAL, SCALARS
from governance.engine.vocabulary import OPERATORS

PAGE = (FOLDER / "README.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.S | re.M)
TABLE = PAGE.partition("| I want to say |")[2].partition("\n\n")[0]
SENTENCES = re.findall(r"^\| ([^|]+) \| `([^|]+)` \|$", TABLE, re.M)
TODAY = date(2026, 11, 20)


def _kind(snippet: str) -> str:
    return next(iter(yaml.load(snippet, Loader=yaml.BaseLoader)))


def _of(kind: str) -> list[bytes]:
    return [snippet.encode() for snippet in SNIPPETS if _kind(snippet) == kind]


def _surroundings() -> dict[str, bytes]:
    (catalogue,) = _of("catalogue")
    (members,) = _of("list")
    return {
        "policies/actions/page.yaml": catalogue,
        "policies/lists/erp/trusted-payees.yaml": members,
    }


def _page() -> dict[str, bytes]:
    """Every file of the page beside each other."""
    whole = [*_of("policy"), *_of("risk")]
    return {**_surroundings(), **{f"policies/page{i}.yaml": data for i, data in enumerate(whole)}}


def test_every_policy_on_the_page_loads_and_its_cases_pass() -> None:
    """If the page showed a file that does not load, its first reader would be lost."""
    made = compile_release(_page(), at=TODAY)
    assert {file.policy for file in made.bundle.files} == {"payments", "refunds", "payroll"}
    assert made.bundle.risk is not None
    results = run(made)
    assert {result.policy for result in results} == {
        "payments",
        "refunds",
        "payroll",
        "company-risk",
    }
    assert [(each.policy, each.case.name, each.problem) for each in failures(results)] == []


def test_the_exception_and_the_share_on_the_page_load_beside_what_they_name() -> None:
    """If an example could not be put into the file it speaks of, it would explain nothing."""
    page = _page()
    (exception,) = _of("exceptions")
    made = compile_release(
        {**page, "policies/page0.yaml": page["policies/page0.yaml"] + b"\n" + exception}, at=TODAY
    )
    assert [len(file.exceptions) for file in made.bundle.files] == [1, 0, 0]
    (share,) = [part for part in SNIPPETS if part.startswith("mode: gradual")]
    old = page["policies/page1.yaml"].decode()
    new = old.replace("policy: refunds", "policy: refunds-next").replace("mode: enforce\n", share)
    new = new.replace("replaces: support-refunds", "replaces: refunds")
    made = compile_release({**page, "policies/next.yaml": new.encode()}, at=TODAY)
    assert [rollout.gradual.replaces for rollout in made.rollouts] == ["refunds"]
    assert failures(run(made)) == ()


FRAME = """policy: frame
title: A frame for parts of files
owner: test@corp.example
review_by: 2027-05-31
governs: [email.send, payee.change, identity.verify]
applies_to: {agents: all}
MODE
default: deny
rules:
  - id: FR-001
    title: Something
    effect: allow
    when: {action: email.send}
    because: It is a test.
    severity: low
OBLIGATIONS
cases:
  columns: [name, action, expect]
  rows:
    - [anything, email.send, allow]
"""


def test_every_part_of_a_file_on_the_page_loads() -> None:
    """If a clause on the page were not the clause of the language, copying it would fail."""
    whole = ("policy", "catalogue", "list", "risk", "exceptions")
    parts = [s for s in SNIPPETS if _kind(s) not in whole]
    assert {_kind(part) for part in parts} == {"obligations", "mode"}
    for part in parts:
        if part.startswith("mode: gradual"):
            continue  # it needs the file that it replaces: the test above
        indented = "".join(f"    {line}\n" for line in part.splitlines())
        if _kind(part) == "mode":
            text = FRAME.replace("MODE", part.strip()).replace("OBLIGATIONS\n", "")
        else:
            text = FRAME.replace("MODE", "mode: enforce").replace("OBLIGATIONS\n", indented)
            text = text.replace("args.features", "args.subject")
        shared = {k: v for k, v in files().items() if "/actions/" in k}
        load({**shared, "policies/frame.yaml": text.encode()}, TODAY)


def _loads(action: str, test: str) -> bool:
    lists = "lists: {trusted_payees: {from: erp/trusted-payees, max_age: 24h}}\nrules:"
    text = FRAME.replace("rules:", lists, 1).replace("MODE", "mode: enforce")
    text = text.replace("OBLIGATIONS\n", "").replace("effect: allow", "effect: deny")
    text = text.replace("when: {action: email.send}", f"when: {{action: {action}, {test}}}")
    shared = {k: v for k, v in files().items() if "/actions/" in k or "/lists/" in k}
    try:
        load({**shared, "policies/frame.yaml": text.encode()}, TODAY)
    except PolicyErrors:
        return False
    return True


ACTIONS = (
    "payment.create",
    "email.send",
    "file.read",
    "shell.run",
    "refund.create",
)


@pytest.mark.parametrize(("says", "writes"), SENTENCES, ids=[says for says, _ in SENTENCES])
def test_every_line_of_the_table_can_be_written(says: str, writes: str) -> None:
    """If a line of the table were wrong, people would learn a language that does not exist."""
    assert any(_loads(action, writes) for action in ACTIONS)


def test_the_page_has_its_twenty_lines_and_names_the_whole_vocabulary() -> None:
    """If an operator or a type were not on the page, nobody would know that it exists."""
    assert len(SENTENCES) >= 20
    for operator in OPERATORS:
        assert f"`{operator}" in PAGE or f" {operator}:" in PAGE
    types = next(line for line in PAGE.splitlines() if line.startswith("Types: "))
    for name in SCALARS:
        assert name in INTERNAL or name in types
