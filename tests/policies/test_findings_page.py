"""The page of findings and the code that makes them, held together in both directions."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from functools import cache
from typing import NamedTuple

import pytest
from codes_in_source import codes
from shipped import FOLDER

from governance.engine.check import Around, check
from governance.engine.model import LoadFinding
from governance.engine.strangers import Bearers
from governance.service import proving
from governance.service.examining import findings_of

PAGE = (FOLDER / "findings.md").read_text(encoding="utf-8")
TODAY = date(2026, 11, 20)
DAY = datetime(2026, 11, 20, 10, tzinfo=UTC)
AROUND = Around(
    held=frozenset({"treasurer", "risk_officer"}),
    last={"example/EX-008": None, "example/EX-900": TODAY},
    since=date(2025, 11, 20),
    bearers=Bearers(
        frozenset({"payments-1", "month-end"}),
        frozenset({"treasury"}),
        frozenset({"payments", "emea"}),
    ),
)
_BLOCK = re.compile(r"^```yaml([^\n]*)\n(.*?)^```$", re.S | re.M)
_OWN = ("policy", "catalogue", "list", "risk", "invariants")


class Section(NamedTuple):
    """One finding's section: what is told, and its examples as (info, text)."""

    code: str
    severity: str
    sentence: str
    wrong: list[tuple[str, str]]
    right: list[tuple[str, str]]


def _sections() -> dict[str, Section]:
    found = {}
    for part in PAGE.split("\n## ")[1:-1]:
        code, _, body = part.partition("\n")
        head = re.match(r"\n\*(\w+)\* · ([^\n]+)\n\n([^\n]{10,})\n", body)
        assert head, f"`{code}` does not say what it is and why"
        wrong, _, right = body.partition("\nRight:\n")
        assert "\nWrong:\n" in wrong, code
        found[code] = Section(code, head[1], head[2], _BLOCK.findall(wrong), _BLOCK.findall(right))
    return found


SECTIONS = _sections()
FRAME = [text for _, text in _BLOCK.findall(PAGE.split("\n## ")[-1])]


def _blocks(text: str) -> dict[str, str]:
    """The entries of a mapping in block style by key, as written."""
    out: dict[str, str] = {}
    for line in text.splitlines(keepends=True):
        if line[0] not in " \t\n-" or line.startswith("---"):
            key = line.partition(":")[0]
            key = f"{key}+" if key in out else key
            out[key] = line
        else:
            out[key] += line
    return out


def _files(example: list[tuple[str, str]]) -> dict[str, bytes]:
    """The files of an example: the frame with what the example says put in."""
    catalogue, listed, policy = FRAME
    own = _blocks(policy)
    files = {
        "policies/actions/frame.yaml": catalogue.encode(),
        "policies/lists/erp/known.yaml": listed.encode(),
    }
    coding = {"encoding": "utf-8"}
    padding = 0
    for number, (info, text) in enumerate(example):
        key = text.partition(":")[0]
        if "latin-1" in info:
            coding = {"encoding": "latin-1"}
        if "padded-to=" in info:
            padding = int(info.partition("padded-to=")[2])
        if key in _OWN:
            folder = {"catalogue": "actions/", "list": "lists/"}.get(key, "")
            folder = "cases/" if "\ntables:" in text else folder
            files[f"policies/{folder}own{number}.yaml"] = text.encode()
        elif text.startswith("- id:"):
            group = "rules"
            group = "limits" if "\n  measure:" in text else group
            group = "exceptions" if "\n  lifts:" in text else group
            indented = "".join(f"  {line}" for line in text.splitlines(keepends=True))
            own[group] = own.get(group, f"{group}:\n") + indented
        elif text.startswith("columns:"):
            indented = "".join(f"  {line}" for line in text.splitlines(keepends=True))
            own["cases"] = "cases:\n" + indented
        else:
            own |= _blocks(text)
    made = "".join(own.values()).encode(**coding)
    if padding:
        made += b"#" * (padding - len(made))
    files["policies/example.yaml"] = made
    return files


def _found(example: list[tuple[str, str]]) -> tuple[LoadFinding, ...]:
    """What a check finds and, where something must never be, what a proposal would."""
    files = _files(example)
    report = check(files, TODAY, AROUND)
    if report.release is None or not report.release.bundle.invariants:
        return report.findings
    return (*report.findings, *findings_of(report.release, proving.of_release(report.release, DAY)))


@cache
def _codes() -> dict[str, str]:
    return codes()


def test_the_file_around_the_examples_has_no_finding() -> None:
    """Every example would show a finding that is not its own."""
    assert _found([]) == ()


@pytest.mark.parametrize("code", sorted(SECTIONS))
def test_the_wrong_example_has_that_finding_and_the_right_one_none(code: str) -> None:
    """Whoever looks a finding up would read about something that does not happen."""
    section = SECTIONS[code]
    wrong = _found(section.wrong)
    assert {each.code for each in wrong} == {code}, "\n".join(map(str, wrong))
    assert {each.severity for each in wrong} == {section.severity}
    right = _found(section.right)
    assert right == (), "\n".join(map(str, right))


def test_every_finding_has_a_section_and_every_section_a_finding() -> None:
    """A person would look for the id that a check prints, in vain; or read about one that is gone."""
    missing = {code: place for code, place in _codes().items() if code not in SECTIONS}
    assert missing == {}
    assert set(SECTIONS) - set(_codes()) == set()


def test_every_section_is_in_the_table_at_the_top() -> None:
    """The page would hide what it explains."""
    table = PAGE.partition("\n## ")[0]
    assert sorted(re.findall(r"\]\(#([a-z0-9-]+)\)", table)) == sorted(SECTIONS)


@pytest.mark.parametrize("code", [c for c in sorted(SECTIONS) if "`--fix`" in PAGE.split(f"\n## {c}\n")[1].partition("\n## ")[0]])  # fmt: skip
def test_a_section_that_speaks_of_fix_has_a_safe_one(code: str) -> None:
    """`--fix` would leave what the page promises to repair."""
    assert any(each.fix and each.fix.safe for each in _found(SECTIONS[code].wrong))
