"""How one value is written: without quotes where nobody could take it for something else.

Law: what is written reads back as the same value of the same type. A text is quoted when YAML needs
it, when it would read as a number, `true`, `false` or nothing, and when it is one word with a colon or
a star in it (`"workspace:/"`, `"*.pem"`), which looks special; a time of day is plain.
"""

from __future__ import annotations

import re
from typing import Final

from governance.engine.reading import is_text

_START: Final = re.compile(r"[^\s\-?:,\[\]{}#&*!|>'\"%@`=<]|[-](?=[^\s,\[\]{}])")
_TIME: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}[T ])?[0-9]{1,2}:[0-9]{2}(:[0-9.]+)?\S*")
_ODD: Final = re.compile(
    r"[\x00-\x1f\x7f-\xa0\xad\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufffe\uffff"
    r"\U000e0000-\U000e007f]"
)
"""Characters that are there and not seen: they are written as escapes, so that a reader sees them."""
_ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0"}


def scalar(text: str, plain: bool, flow: bool, key: bool = False) -> str:
    """One value on one line. `plain`: it was written without quotes, so that it may be a number,
    true, false or nothing. `flow`: it stands inside brackets."""
    if plain and text in ("", "~", "null"):
        return "~"
    if plain and not is_text(text):
        return text
    if _may_be_plain(text, flow) and (key or not _looks_special(text)):
        return text
    if ('"' in text or "\\" in text) and not _ODD.search(text):
        return "'" + text.replace("'", "''") + "'"
    return '"' + _ODD.sub(_escape, re.sub(r'[\\"]', _escape, text)) + '"'


def _may_be_plain(text: str, flow: bool) -> bool:
    if not _START.match(text) or not is_text(text) or text[-1] in " :" or _ODD.search(text):
        return False
    if ": " in text or " #" in text or text.startswith(("---", "...")):
        return False
    return not (flow and re.search(r"[,?\[\]{}]", text))


def _looks_special(text: str) -> bool:
    """`workspace:/` could be taken for a key, `.env.*` for an alias."""
    return bool(re.search("[:*]", text)) and " " not in text and not _TIME.fullmatch(text)


def _escape(found: re.Match[str]) -> str:
    sign = found[0]
    if sign in _ESCAPES:
        return _ESCAPES[sign]
    code = ord(sign)
    if code > 0xFFFF:
        return f"\\U{code:08x}"
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def literal(text: str) -> tuple[str, list[str]] | None:
    """A text of several lines as `|` and its lines; None if that form cannot hold it."""
    body = text[:-1] if text.endswith("\n") else text
    lines = body.split("\n")
    odd = _ODD.search(body.replace("\n", "").replace("\t", ""))
    if "\n" not in text or odd or not lines[-1] or not lines[0] or lines[0][0] in " \t":
        return None
    return ("|" if text.endswith("\n") else "|-"), lines


def folded(text: str, width: int) -> list[str] | None:
    """A long text as the lines of `>-`, each at most `width` long where it has blanks to break at;
    None if that form cannot hold it or would not help."""
    if _ODD.search(text) or text != text.strip() or " " not in text:
        return None
    lines, line = [], ""
    for word in re.split(r"(?<=\S) (?=\S)", text):
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    lines.append(line)
    return lines if len(lines) > 1 or len(line) <= width else None
