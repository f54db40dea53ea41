"""Findings in the form that code hosts show beside the lines: SARIF.

Law: the document is what OASIS SARIF 2.1.0 (errata 01) asks for and holds nothing of ours that its
schema does not name. Paths are relative to the repository, lines and columns count from 1, columns in
characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote

from governance.service.version import version

SCHEMA: Final = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
ROOT: Final = "%SRCROOT%"
"""What code hosts call the root of the repository."""


def document(
    findings: Iterable[Mapping[str, Any]],
    page: str,
    address: str,
    *,
    prefix: str = "policies/",
) -> dict[str, Any]:
    """A SARIF log of findings (as `checking.check` gives them).

    `page` is the text of `policies/findings.md`, whose sections explain the rules, and `address` its
    URI, to which `#code` is added. `prefix` stands for `policies/` in front of the files' paths.
    """
    listed = list(findings)
    told = sections(page)
    codes = sorted({each["code"] for each in listed})
    number = {code: at for at, code in enumerate(codes)}
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "governance policy check",
                        "version": version(),
                        "rules": [_rule(code, told.get(code, ""), address) for code in codes],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "originalUriBaseIds": {
                    ROOT: {"description": {"text": "The root of the repository."}}
                },
                "results": [_result(each, number[each["code"]], prefix) for each in listed],
            }
        ],
    }


def sections(page: str) -> dict[str, str]:
    """The sections of `findings.md` by code, as Markdown without their headings."""
    found = {}
    for part in page.split("\n## ")[1:]:
        code, _, body = part.partition("\n")
        if re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code):
            found[code] = body.strip()
    return found


def gist(section: str) -> tuple[str, str]:
    """The severity and the sentence with which a section begins."""
    head = re.match(r"\*(\w+)\* · ([^\n]+)", section)
    return (head[1], head[2]) if head else ("warning", "")


def _rule(code: str, section: str, address: str) -> dict[str, Any]:
    severity, sentence = gist(section)
    return {
        "id": code,
        "shortDescription": {"text": sentence or code},
        "fullDescription": {"text": sentence or code},
        "help": {"text": section or sentence or code, "markdown": section or sentence or code},
        "helpUri": f"{address}#{code}",
        "defaultConfiguration": {"level": severity},
    }


def _result(finding: Mapping[str, Any], number: int, prefix: str) -> dict[str, Any]:
    hint = f" ({finding['hint']})" if finding["hint"] else ""
    file = {"uri": _uri(finding["path"], prefix), "uriBaseId": ROOT}
    region = {"startLine": finding["line"], "startColumn": finding["column"]}
    out: dict[str, Any] = {
        "ruleId": finding["code"],
        "ruleIndex": number,
        "level": finding["severity"],
        "message": {"text": f"{finding['message']}{hint}"},
        "locations": [{"physicalLocation": {"artifactLocation": file, "region": region}}],
    }
    fix = finding["fix"]
    if fix is not None:
        replacement = {
            "deletedRegion": {
                "startLine": fix["start_line"],
                "startColumn": fix["start_column"],
                "endLine": fix["end_line"],
                "endColumn": fix["end_column"],
            },
            "insertedContent": {"text": fix["text"]},
        }
        change = {"artifactLocation": file, "replacements": [replacement]}
        says = "Write it as it must be written." if fix["safe"] else "Perhaps this was meant."
        out["fixes"] = [{"description": {"text": says}, "artifactChanges": [change]}]
    return out


def _uri(path: str, prefix: str) -> str:
    """A file's path from the root of the repository, as a relative URI reference (RFC 3986)."""
    return quote((prefix + path.removeprefix("policies/")).removeprefix("./"), safe="/")
