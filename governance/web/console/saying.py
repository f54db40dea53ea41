"""Recorded values in words: amounts, accounts, names of fields, findings that are built in.

Law: a value keeps every digit and letter it has; only blanks are added between groups, and what
is cut off says how much was cut. A value that is gone says so; it is never shown as empty.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from governance.engine import words as words_of
from governance.web.console.present import THIN

LONGEST = 4_000
"""Characters of one value on a page; whoever must see more finds it in the export."""

ERASED = "erased"
_MONEY = re.compile(r"(-?\d+)((?:\.\d+)?)((?: [A-Z]{3})?)\Z")

_SECONDS = re.compile(r"(\d{1,12})s").fullmatch
_SHORT = {"iban": "IBAN", "url": "URL", "id": "ID", "ip": "IP", "mcp": "MCP"}

SERVICE_RULES = {
    "governed": "No policy in force covers this action",
    "stop": "A stop is in force",
    "agent": "The agent is unknown, not active, or was not given this action",
    "autonomy": "The agent's level of autonomy asks for a person",
    "obligation": "The runtime cannot carry out what the rule obliges it to",
    "undeclared": "The action has arguments that the catalogue does not know",
    "budget": "The agent's budget for this period is used up",
    "observe": "The policy is on trial and only watches",
}


def amount(text: str) -> str:
    """A number or money in groups of three: `18400.00 EUR` as `18 400.00 EUR`."""
    found = _MONEY.match(text)
    if found is None:
        return text
    whole, fraction, unit = found.groups()
    sign, digits = ("-", whole[1:]) if whole.startswith("-") else ("", whole)
    first = len(digits) % 3 or 3
    # Digit by digit, not by way of a number: leading zeros stay.
    groups = [digits[:first], *(digits[i : i + 3] for i in range(first, len(digits), 3))]
    return f"{sign}{THIN.join(groups)}{fraction}{unit}"


def value(given: Any, kind: str = "") -> str:
    """A recorded value as text; `kind` is its type in the catalogue."""
    if given is None:
        return ERASED
    if isinstance(given, bool):
        return "yes" if given else "no"
    if isinstance(given, Mapping):
        return _marked(given, kind)
    if isinstance(given, list | tuple):
        return capped(", ".join(value(each, kind) for each in given) or "none")
    text = str(given)
    if kind == "duration" and (seconds := _SECONDS(text)):
        return words_of.duration(timedelta(seconds=int(seconds[1])))
    if kind in ("money", "integer", "decimal") or not isinstance(given, str):
        return amount(text)
    if kind == "iban" and text.isascii() and text.isalnum():
        return " ".join(text[start : start + 4] for start in range(0, len(text), 4))
    return capped(text) if text else "(empty)"


def _marked(given: Mapping[str, Any], kind: str) -> str:
    if "number" in given:
        return amount(str(given["number"]))
    if "spoiled" in given:
        said = value(given["given"], "") if "given" in given else "a value"
        return f"{said} — cannot be read ({str(given['spoiled']).replace('_', ' ')})"
    return capped(", ".join(f"{name}: {value(each)}" for name, each in given.items()) or "none")


def capped(text: str, most: int = LONGEST) -> str:
    """`text`, cut to `most` characters with a word about the rest."""
    return text if len(text) <= most else f"{text[:most]}… ({len(text)} characters in all)"


def label(name: str) -> str:
    """The name of a field as a label: `args.paid_on` as `Paid on`."""
    words = name.rpartition(".")[2].replace("_", " ").replace("-", " ").strip()
    words = " ".join(_SHORT.get(word, word) for word in words.split(" "))
    return words[:1].upper() + words[1:80] if words else name[:80]


def rule_title(policy: str, rule: str, title: str) -> str:
    """A rule's title; where none is known, what a built-in finding or a default says."""
    if title and title not in (rule, f"{policy}/{rule}"):
        return sentence(title)
    return SERVICE_RULES.get(rule, "No rule of the file decides, so its default does")


def split_rule(name: str) -> tuple[str, str]:
    """`policy/rule` taken apart."""
    policy, _, rule = name.rpartition("/")
    return policy, rule


def sentence(detail: str) -> str:
    """An error's text as a sentence: capital first, full stop last."""
    said = detail.strip()
    if not said:
        return "Nothing was done."
    said = said[0].upper() + said[1:]
    return said if said.endswith((".", "!", "?")) else said + "."


def words(role: str) -> str:
    """A role as people say it."""
    return role.replace("_", " ")


def listing(words: list[str] | tuple[str, ...], join: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {join} {words[-1]}"
