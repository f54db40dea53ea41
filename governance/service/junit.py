"""Results of cases as JUnit XML, which continuous-integration hosts read.

Law: only the elements and attributes that the schema of the Jenkins xUnit plugin (junit-10.xsd) and
the readers of GitLab, GitHub and Azure have in common, so that no host refuses the file. Where a case
stands is in its `file` and `line`, which hosts link, and in the text of its failure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from xml.etree import ElementTree

_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 has no way to write."""


def document(results: Iterable[Mapping[str, Any]], seconds: float) -> bytes:
    """A JUnit report: a test suite for each policy, a test case for each row.

    `results` are those of `testing.run`, their paths as the host knows the files; `seconds` is how long all of them took together.
    """
    listed = list(results)
    suites: dict[str, list[Mapping[str, Any]]] = {}
    for row in listed:
        suites.setdefault(row["policy"], []).append(row)
    each = seconds / len(listed) if listed else 0.0
    root = ElementTree.Element("testsuites")
    for policy, rows in suites.items():
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=_text(policy),
            tests=str(len(rows)),
            failures=str(sum(not row["passed"] for row in rows)),
            errors="0",
            skipped="0",
            time=f"{each * len(rows):.3f}",
        )
        for row in rows:
            case = ElementTree.SubElement(
                suite,
                "testcase",
                name=_text(row["case"]),
                classname=_text(f"policies.{policy}"),
                time=f"{each:.3f}",
                file=_text(row["path"]),
                line=str(row["line"]),
            )
            if not row["passed"]:
                failure = ElementTree.SubElement(
                    case, "failure", message=_text(row["problem"]), type="case-failed"
                )
                failure.text = _text(f"{row['path']}:{row['line']}: {row['problem']}")
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _text(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)
