"""Checks and repairs as a service gives them, and the forms code hosts read."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from governance.engine.meaning import of_bundle
from governance.engine.reading import Findings, read
from governance.service import checking, junit, sarif, testing
from governance.service.problem import Problem
from governance.service.repairing import repair

FOLDER = Path(__file__).parents[2] / "policies"
PAGE = (FOLDER / "findings.md").read_text(encoding="utf-8")
FILES = {
    f"policies/{path.relative_to(FOLDER).as_posix()}": path.read_bytes()
    for path in sorted(FOLDER.rglob("*.yaml"))
}
TODAY = date(2026, 11, 20)
PAYMENTS = "policies/payments.yaml"


def spoiled(*changes: tuple[str, str]) -> dict[str, bytes]:
    """The shipped files with texts of the payments policy replaced."""
    text = FILES[PAYMENTS].decode()
    for before, after in changes:
        assert before in text, before
        text = text.replace(before, after, 1)
    return {**FILES, PAYMENTS: text.encode()}


def test_the_shipped_files_give_no_finding() -> None:
    """Whoever starts from them would start with warnings."""
    assert checking.checked(FILES, TODAY).findings == ()


def test_repairs_bring_back_the_file_they_were_made_from() -> None:
    """A repair would leave something else than was meant."""
    wrong = spoiled(
        ("severity: critical", "severty: critical"),
        ("args.iban: {one_of: $trusted_payees}", "args.iban: {in: $trusted_payees}"),
        ("at_most: 500 EUR", "lte: 500 EUR"),
        ("  sanctioned_countries: [BY, CU,", "  sanctioned_countries: [BY, CU, BY,"),
    )
    made = repair(wrong, TODAY)
    assert made.files[PAYMENTS] == FILES[PAYMENTS]
    assert made.report.findings == ()
    assert {each.code for each in made.made} == {
        "unknown-key", "unknown-operator", "duplicate-member",
    }  # fmt: skip
    assert "+    severity: critical" in made.diff(wrong)


def test_a_repair_that_a_case_speaks_against_is_not_made() -> None:
    """A word that looks like ours would turn a rule over, and nobody would have said so."""
    wrong = spoiled(("args.amount: {at_most: 500 EUR}", "args.amount: {over: 500 EUR}"))
    made = repair(wrong, TODAY)
    assert made.files == {}
    assert [each.code for each in made.left] == ["unknown-operator"]
    assert [each.code for each in made.report.findings] == ["unknown-operator"]


def test_a_repair_of_files_that_load_keeps_their_meaning() -> None:
    """Tidying would change a verdict, or begin a limit's count anew."""
    wrong = spoiled(
        ("[BY, CU,", "[BY, CU, CU,"),
        ("  sanctioned_countries:", "  nobody: [DE]\n  sanctioned_countries:"),
    )
    before = checking.checked(wrong, TODAY)
    made = repair(wrong, TODAY)
    assert made.files[PAYMENTS] == FILES[PAYMENTS]
    assert made.report.release is not None
    assert of_bundle(before.bundle) == of_bundle(made.report.release.bundle)


def test_a_meaning_is_never_chosen() -> None:
    """`--fix` would pick one of two actions."""
    wrong = spoiled(("when: {action: [payee.add, payee.change]}", "when: {action: payee.chang}"))
    assert repair(wrong, TODAY).files == {}


_REQUIRED = {
    "log": {"version", "runs", "$schema"},
    "run": {"tool", "results", "columnKind", "originalUriBaseIds"},
    "rule": {
        "id",
        "shortDescription",
        "fullDescription",
        "help",
        "helpUri",
        "defaultConfiguration",
    },
    "result": {"ruleId", "ruleIndex", "level", "message", "locations"},
}


def _document(files: dict[str, bytes], prefix: str = "policies/") -> Any:
    findings = [checking.plain(each) for each in checking.checked(files, TODAY).findings]
    made = sarif.document(findings, PAGE, "https://host.example/findings.md", prefix=prefix)
    return json.loads(json.dumps(made))


def test_sarif_holds_what_its_schema_asks_for() -> None:
    """A code host would refuse the file, or show nothing."""
    alone = {path: data for path, data in FILES.items() if not path.endswith("payroll.yaml")}
    log = _document(
        {**alone, PAYMENTS: spoiled(("severity: critical", "severty: critical"))[PAYMENTS]}
    )
    assert log.keys() == _REQUIRED["log"]
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    assert run.keys() == _REQUIRED["run"]
    driver = run["tool"]["driver"]
    assert driver["name"]
    rules = driver["rules"]
    assert rules
    for rule in rules:
        assert rule.keys() == _REQUIRED["rule"]
        assert rule["helpUri"] == f"https://host.example/findings.md#{rule['id']}"
        assert rule["defaultConfiguration"]["level"] in ("error", "warning", "note")
        assert all(rule[name]["text"] for name in ("shortDescription", "fullDescription", "help"))
    for result in run["results"]:
        assert result.keys() - {"fixes"} == _REQUIRED["result"]
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("error", "warning", "note")
        (place,) = result["locations"]
        where = place["physicalLocation"]
        assert where["artifactLocation"] == {"uri": PAYMENTS, "uriBaseId": "%SRCROOT%"}
        assert all(where["region"][name] >= 1 for name in ("startLine", "startColumn"))
        for fix in result["fixes"]:
            (change,) = fix["artifactChanges"]
            (replacement,) = change["replacements"]
            assert set(replacement) == {"deletedRegion", "insertedContent"}
            assert change["artifactLocation"] == where["artifactLocation"]


def test_sarif_paths_are_relative_references() -> None:
    """A code host would look for a file whose name has a blank, and not find it."""
    log = _document(spoiled(("severity: critical", "severty: critical")), "risk team/rules/")
    uri = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"][
        "uri"
    ]
    assert uri == "risk%20team/rules/payments.yaml"


def test_junit_says_what_failed_in_the_words_hosts_read() -> None:
    """A build would be green although a case failed, or red without saying which."""
    text = re.sub(
        r"(small to a known payee,.*?)allow", r"\1deny", FILES[PAYMENTS].decode(), count=1
    )
    wrong = {**FILES, PAYMENTS: text.encode()}
    told = testing.run(wrong, "payments")["results"]
    odd = {**told[0], "case": "a \x00 <name> & more", "passed": True}
    root = ElementTree.fromstring(junit.document([*told, odd], 1.5))
    (suite,) = root
    assert root.tag == "testsuites"
    assert suite.attrib.keys() == {"name", "tests", "failures", "errors", "skipped", "time"}
    assert (suite.get("tests"), suite.get("failures")) == (str(len(told) + 1), "1")
    cases = list(suite)
    assert all(
        case.attrib.keys() == {"name", "classname", "time", "file", "line"} for case in cases
    )
    (failure,) = [part for case in cases for part in case]
    assert (failure.tag, failure.get("type")) == ("failure", "case-failed")
    assert str(failure.text).startswith(PAYMENTS + ":")
    (failed,) = [case for case in cases if len(case)]
    lines = text.splitlines()
    assert failed.get("file") == PAYMENTS
    assert "small to a known payee" in lines[int(str(failed.get("line"))) - 1]
    assert cases[-1].get("name") == "a \ufffd <name> & more"


def test_a_confirmed_edge_is_a_case_and_is_not_asked_again() -> None:
    """People would be asked the same every day, until they say yes to everything."""
    found = testing.run(FILES, "payments", edges=True)["edges"]
    new = [each for each in found if not each["known"]]
    assert new
    path = testing.edges_path("payments")
    once = testing.confirmed(FILES, "payments", [each["row"] for each in new[:2]])
    twice = testing.confirmed({**FILES, path: once}, "payments", [each["row"] for each in new[2:]])
    assert twice.startswith(once.rstrip())
    after = testing.run({**FILES, path: twice}, "payments", edges=True)
    assert all(row["passed"] for row in after["results"])
    assert [each for each in after["edges"] if not each["known"]] == []
    report = checking.checked({**FILES, path: twice}, TODAY)
    assert report.findings == ()


def test_a_row_that_would_not_hold_is_not_written() -> None:
    """The file of confirmed cases would stop the next release."""
    row = testing.run(FILES, "payments", edges=True)["edges"][0]["row"]
    wrong = {**row, "expect": "deny"}
    with pytest.raises(Problem, match="would not hold"):
        testing.confirmed(FILES, "payments", [wrong])


@pytest.mark.parametrize("value", [
    None, True, False, 7, -7, "a word", "yes", "NO", "~", "null", "1e3", "12:30", "a, b", "x: y", "'", '"',
    "", " x", "500 EUR", "#x", "ä", "a\nb", ["DE", "NO"], {"action": "pay", "ago": "2h", "times": 2},
])  # fmt: skip
def test_a_cell_reads_back_as_what_it_was(value: object) -> None:
    """A confirmed case would test another value than the one that was confirmed."""
    document = read("x.yaml", f"a: [{testing.cell(value)}]\n".encode(), Findings())
    assert document is not None
    assert document.data["a"] == [value]
