"""What a person most likely meant by a value that does not fit: `300,50 EUR`, `Iran`, `21.05.2027`.

Law: advice only. Nothing is read as what is advised here; where two things may be meant, both are said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from governance.engine.codes import COUNTRY_NAMES, CURRENCIES
from governance.engine.fields import WEEKDAYS
from governance.engine.fixes import ALIASES
from governance.engine.shape import european, nearest
from governance.engine.values import Type
from governance.engine.vocabulary import OPERATORS

_CURRENCY_WORDS: Final[Mapping[str, str]] = {
    "€": "EUR", "euro": "EUR", "euros": "EUR", "$": "USD", "dollar": "USD", "dollars": "USD",
    "£": "GBP", "pound": "GBP", "pounds": "GBP", "franken": "CHF", "francs": "CHF",
}  # fmt: skip
_WORDS: Final[Mapping[str, str]] = {
    "max": "at_most", "maximum": "at_most", "min": "at_least", "minimum": "at_least",
}  # fmt: skip
_DAYS: Final[Mapping[str, str]] = {
    "montag": "mon", "dienstag": "tue", "mittwoch": "wed", "donnerstag": "thu", "freitag": "fri",
    "samstag": "sat", "sonnabend": "sat", "sonntag": "sun",
}  # fmt: skip
_MONEY: Final = re.compile(r"([^\s\d.,'-]*)\s*(-?[0-9][0-9.,' _]*?)\s*([^\s\d.,'_-]*)")
_SIGNED: Final = re.compile(r"(<=|>=|==|!=|<|>|=|≤|≥) *(\S.*)")
_SIGNS: Final = {**ALIASES, "≤": "at_most", "≥": "at_least"}


def operator(word: str) -> str:
    """A hint for a word that is no operator."""
    found = ALIASES.get(word) or _WORDS.get(word)
    return f"did you mean `{found}`?" if found else nearest(word, OPERATORS)


def constant(types: list[Type], raw: Any) -> str:
    """A hint for a constant that none of these types of a field takes, or nothing."""
    kind, text = types[0], str(raw)
    if kind.name == "money":
        return _asked(amounts(text))
    if kind.name == "country":
        name = text.strip().lower()
        code = {"uk": "GB", "england": "GB", "usa": "US"}.get(name) or COUNTRY_NAMES.get(name)
        return _asked((code,) if code else ())
    if kind.name == "choice" and kind.members == WEEKDAYS:
        word = text.lower()
        word = _DAYS.get(word, word[:3])
        return _asked((word,) if word in WEEKDAYS else ())
    if kind.name == "domain" and text.startswith("*."):
        rest = text.removeprefix("*.")
        return f"write `{rest}`: that is everything below it, too"
    if kind.name == "date":
        return european(text)
    if kind.name == "duration" and re.fullmatch("[1-9][0-9]*", text):
        return f"write its unit, such as `{text}h` or `{text}d`"
    return ""


def _asked(found: tuple[str, ...]) -> str:
    if not found:
        return ""
    return f"did you mean {' or '.join(f'`{each}`' for each in found)}?"


def amounts(text: str) -> tuple[str, ...]:
    """The amounts that a text may stand for, as they are written here; empty when there is no sense
    in it. A comma before one or two digits is a decimal comma, before three it may be either."""
    found = _MONEY.fullmatch(text.strip())
    if found is None or bool(found[1]) is bool(found[3]):
        return ()
    word = found[1] or found[3]
    currency = _CURRENCY_WORDS.get(word.lower(), word.upper())
    if currency not in CURRENCIES:
        return ()
    return tuple(f"{each} {currency}" for each in numbers(found[2]))


def numbers(text: str) -> tuple[str, ...]:
    """The numbers that digits with points, commas and blanks may stand for, larger first."""
    digits = re.sub("[ '_]", "", text)
    if re.fullmatch(r"-?[0-9]{1,3}([.,])[0-9]{3}", digits):
        whole, tail = re.split("[.,]", digits)
        small = f"{whole}.{tail.rstrip('0')}".rstrip(".")
        return (
            (f"{whole}{tail}", small) if len(small.partition(".")[2]) < 3 else (f"{whole}{tail}",)
        )
    if re.fullmatch(r"-?[0-9]{1,3}(\.[0-9]{3})+(,[0-9]{1,2})?|-?[0-9]+,[0-9]{1,2}", digits):
        return (digits.replace(".", "").replace(",", "."),)
    if re.fullmatch(r"-?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]{1,2})?|-?[0-9]+(\.[0-9]{1,2})?", digits):
        return (digits.replace(",", ""),)
    return ()


def comparison(raw: Any) -> str:
    """A hint for a value where `{operator: value}` is expected: `<= 300 EUR` as `{at_most: …}`."""
    if not isinstance(raw, str | int):
        return ""
    found = _SIGNED.fullmatch(raw) if isinstance(raw, str) else None
    if found is not None:
        return f"such as {{{_SIGNS[found[1]]}: {found[2]}}}"
    return f"such as {{is: {raw}}}"


def torn(data: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """The operator whose value a comma tore apart, what is wrong and what was meant: in
    `{at_most: 300,50 EUR}` and `{one_of: IR, KP}` YAML sees a second key without a value."""
    keys = list(data)
    loose = [key for key in keys[1:] if data[key] is None and key not in OPERATORS]
    if not loose or keys[1:] != loose or isinstance(data[keys[0]], dict | list | None):
        return None
    first, value = keys[0], str(data[keys[0]])
    whole = f"{value},{loose[0]}"
    if len(loose) == 1 and re.fullmatch("[0-9]+", value) and re.match("[0-9]", loose[0]):
        found = amounts(whole) or numbers(whole)
        told = " or ".join(f"`{each}`" for each in found)
        return first, f"`{whole}` is torn apart at its comma", f"write {told}" if told else ""
    inside = ", ".join([value, *loose])
    return first, f"`{inside}` is torn apart at its commas", f"put them in brackets: [{inside}]"
