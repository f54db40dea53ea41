"""`policy check --fix` over what people write by mistake, one fault on top of another."""

from __future__ import annotations

import re
from datetime import date
from random import Random

import shipped
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from seeded import EDITS, typo

from governance.engine import meaning
from governance.engine.check import Report, check
from governance.engine.fixes import ALIASES
from governance.engine.model import LoadFinding
from governance.service.repairing import repair

TODAY = date(2026, 11, 20)
TARGET = "policies/payments.yaml"
FILES = {
    path: data
    for path, data in shipped.files().items()
    if path in (TARGET, "policies/actions/payments.yaml") or "/lists/erp/" in path
}
_SPELLINGS: tuple[tuple[str, str], ...] = (
    *((rf"\b{meant}:", f"{alias}:") for alias, meant in ALIASES.items() if alias.isidentifier()),
    (r"([0-9]+) EUR", r"\1 eur"),
    (r"([0-9]+) EUR", r"EUR \1"),
    (r"([0-9]+)([hd])\b", r"\1 \2"),
    (r"(title|because): ", r"\1: Note: "),
    (r"\[(\w+), ", r"[\1, \1, "),
)
"""Other ways to write the same, most of which can be repaired without asking."""


def spoiled(chance: Random) -> dict[str, bytes]:
    """The files with up to four lines of a policy written as they should not be."""
    lines = FILES[TARGET].decode().split("\n")
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(lines))
        if chance.random() < 0.3:
            lines[at] = EDITS[chance.choice(list(EDITS))](chance, lines[at]) or lines[at]
            continue
        pattern, instead = chance.choice(_SPELLINGS)
        fitting = [i for i, line in enumerate(lines) if re.search(pattern, line)]
        if fitting and chance.random() < 0.8:
            at = chance.choice(fitting)
            lines[at] = re.sub(pattern, instead, lines[at], count=1)
        else:
            lines[at] = re.sub(r"\w{4,}(?=:)", lambda m: typo(chance, m[0]), lines[at], count=1)
    return {**FILES, TARGET: "\n".join(lines).encode()}


def said(report: Report) -> list[str]:
    return [str(each) for each in report.findings]


def name(finding: LoadFinding) -> tuple[str, str, str]:
    return finding.path, finding.code, finding.message


def of(report: Report) -> str | None:
    return None if report.release is None else meaning.of_bundle(report.release.bundle)


@settings(
    max_examples=10,
    deadline=None,
    phases=[each for each in Phase if each is not Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**32))
def test_repairs_finish_what_they_can_and_change_no_meaning(seed: int) -> None:
    """A second run would go on changing a file, or the first would have changed what it enforces."""
    files = spoiled(Random(seed))
    before = check(files, TODAY, deep=False)
    made = repair(files, TODAY)
    refused = {name(each) for each in made.left}
    safe = [each for each in made.report.findings if each.fix is not None and each.fix.safe]
    assert {name(each) for each in safe} <= refused
    after = {**files, **made.files}
    assert said(check(after, TODAY, deep=False)) == said(made.report)
    assert repair(after, TODAY).files == {}
    if before.release is not None:
        assert of(made.report) == of(before)
    if any(each.code == "not-yaml" for each in before.findings) and made.files:
        # Nothing is known of a file that cannot be read but where reading stopped.
        assert made.made[0].code == "not-yaml"
