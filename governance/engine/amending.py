"""Small changes to a policy file as it is written. The law: everything else stays, byte for byte.

For tools that propose a rule: a rule is added behind the last one, a condition is added to a rule, and a
mode is set. What is not written in a way that can be amended safely is refused, never rewritten.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from governance.engine import syntax
from governance.engine.syntax import Entry, Node

_LIKE_A_NUMBER: Final = re.compile(r"[0-9.][0-9_.]*[eExob][0-9a-fA-F_]*")


class CannotAmend(ValueError):
    """The file is written in a way that this does not amend; the text says which."""


def with_rule(text: str, rule: Mapping[str, Any], comment: str = "") -> str:
    """`text` with one more rule behind the last one."""
    rules = _value(syntax.parse(text).root, "rules")
    if rules is None or rules.flow or not rules.entries:
        raise CannotAmend("its rules are not written one below the other")
    last = rules.entries[-1]
    pad = " " * rules.column
    lines = [f"{pad}# {comment}"] if comment else []
    for number, (name, value) in enumerate(rule.items()):
        lines.append(f"{pad}{'  ' if number else '- '}{name}: {written(value)}")
    end = text.find("\n", last.end)
    end = len(text) if end < 0 else end
    return f"{text[:end]}\n\n" + "\n".join(lines) + text[end:]


def with_exclusion(text: str, rule: str, condition: Mapping[str, Any]) -> str:
    """`text` in which one rule leaves out where `condition` holds."""
    when = _value(_rule(syntax.parse(text).root, rule), "when")
    if when is None or when.kind != "mapping" or not when.entries:
        raise CannotAmend(f"the condition of `{rule}` is not a mapping")
    if any(entry.name == "not" for entry in when.entries):
        raise CannotAmend(f"`{rule}` leaves something out already")
    said = f"not: {written(condition)}"
    if when.flow:
        close = when.end - 1
        return f"{text[:close].rstrip()}, {said}{text[close:]}"
    end = text.find("\n", when.entries[-1].end)
    end = len(text) if end < 0 else end
    return f"{text[:end]}\n{' ' * when.column}{said}{text[end:]}"


def in_draft(text: str) -> str:
    """`text` with `mode: draft`."""
    mode = _value(syntax.parse(text).root, "mode")
    if mode is None or mode.kind != "scalar":
        raise CannotAmend("it has no mode")
    return f"{text[: mode.start]}draft{text[mode.end :]}"


def written(value: Any) -> str:
    """A value in one line of YAML."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_word(k)}: {written(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(written, value))}]"
    return _word(value) if isinstance(value, str) else json.dumps(value)


def _word(text: str) -> str:
    """A text, quoted where it could be read as anything else."""
    plain = (
        text.replace(".", "").replace("_", "").replace("-", "").replace(" ", "").replace("$", "")
    )
    odd = text[:1] == "-" or text != text.strip() or _LIKE_A_NUMBER.fullmatch(text) is not None
    words = {"true", "false", "yes", "no", "null", "on", "off", "y", "n", "~", ""}
    if not plain.isalnum() or not plain.isascii() or odd or text.lower() in words:
        return "".join(map(_sign, json.dumps(text, ensure_ascii=False)))
    return json.dumps(text) if plain.isdigit() else text


def _sign(sign: str) -> str:
    """A sign as it stands between double quotes: what breaks lines, or nobody sees, is spelt out."""
    code = ord(sign)
    return sign if sign.isprintable() else f"\\U{code:08x}" if code > 0xFFFF else f"\\u{code:04x}"


def _value(node: Node | None, name: str) -> Node | None:
    entries = node.entries if node is not None and node.kind == "mapping" else []
    found: Entry | None = next((entry for entry in entries if entry.name == name), None)
    return None if found is None else found.value


def _rule(root: Node, name: str) -> Node | None:
    rules = _value(root, "rules")
    for entry in rules.entries if rules is not None else ():
        said = _value(entry.value, "id")
        if said is not None and said.text == name and not entry.alias:
            return entry.value
    raise CannotAmend(f"`{name}` is not among its rules")
