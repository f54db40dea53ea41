"""The types of the catalogue: one JSON value in, one known value or *cannot tell* out.

Law: a type knows its world. What it cannot place (a wrong type, an unknown member, a wrong
checksum, a foreign currency's decimals, an over-long text) is `CannotTell`, never a guess and never
an exception. Two spellings of one thing are one value; `write` gives the one spelling and
`read(write(v)) == v`.

Two values that differ only in letter case are told apart where case is known not to matter
(country, currency, IBAN, e-mail, domain, host: folded) or to matter (name, choice: exact). A `text`
may be either, so comparisons of texts that differ only in case are *cannot tell* (see vocabulary).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from governance.engine import paths
from governance.engine.codes import COUNTRIES, CURRENCIES, IBAN_LENGTHS
from governance.engine.model import CannotTell, Money, Scalar

MAX_TEXT: Final = 10_000
MAX_ITEMS: Final = 1_000
_MAX_DIGITS: Final = 28
_LEVELS: Final = {
    **{f"L{n}": n for n in range(6)},
    **{word: n for n, word in enumerate(("low", "medium", "high", "critical"))},
}

ORDERED: Final = frozenset(
    {"integer", "count", "number", "money", "date", "datetime", "duration", "level"}
)
SCALARS: Final = (
    "text",
    "name",
    "boolean",
    "integer",
    "count",
    "number",
    "money",
    "country",
    "currency",
    "iban",
    "email",
    "domain",
    "host",
    "path",
    "command",
    "date",
    "datetime",
    "duration",
    "choice",
    "level",
)
INTERNAL: Final = frozenset({"name", "level"})
"""Types that only the service's own fields have; a catalogue cannot declare them."""


@dataclass(frozen=True, slots=True)
class Type:
    """A type with its domain. `kind` is its name in words: `money`, `list of path`.

    `unit` belongs to numbers (`km`); `members` to choice, level and money (its currencies; none =
    any); `negative` to money; `minimum`/`maximum` to numbers; `max_length` to text.
    """

    name: str
    unit: str = ""
    members: tuple[str, ...] = ()
    many: bool = False
    negative: bool = False
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    max_length: int = MAX_TEXT
    max_items: int = MAX_ITEMS

    @property
    def kind(self) -> str:
        return f"list of {self.name}" if self.many else self.name

    def read(
        self, raw: Any, workspace: str | None = None, home: str | None = None
    ) -> Scalar | tuple[Scalar, ...] | CannotTell:
        """The value of one JSON value (numbers as int or Decimal), or why it cannot be told.

        `workspace` and `home` are absolute directories that paths are resolved against.
        """
        if not self.many:
            return self.one(raw, workspace, home)
        if raw.__class__ is not list and raw.__class__ is not tuple:
            return CannotTell("not_a_list")
        if len(raw) > self.max_items:
            return CannotTell("too_many_items")
        out: list[Scalar] = []
        for item in raw:
            value = self.one(item, workspace, home)
            if isinstance(value, CannotTell):
                return value
            out.append(value)
        return tuple(out)

    def one(
        self, raw: Any, workspace: str | None = None, home: str | None = None
    ) -> Scalar | CannotTell:
        """As `read`, for one member of a list or a value that is not a list."""
        if raw is None:
            return CannotTell("null")
        if self.name == "path":
            if not isinstance(raw, str):
                return CannotTell("not_a_text")
            return _path(raw, workspace, home)
        return _READERS[self.name](self, raw)


def _path(raw: str, workspace: str | None, home: str | None) -> str | CannotTell:
    """The one spelling of a path (see `paths`). One that differs from the workspace in letter case
    only stays absolute: comparisons with places in the workspace then cannot be told."""
    place = paths.normalise(raw, workspace=workspace, home=home)
    if isinstance(place, CannotTell) and workspace is not None and raw[:1] == "/":
        place = paths.normalise(raw, home=home)
    return CannotTell("not_a_known_path") if isinstance(place, CannotTell) else place


def _string(raw: Any, longest: int) -> str | CannotTell:
    if raw.__class__ is not str:
        return CannotTell("not_a_text")
    if len(raw) > longest:
        return CannotTell("too_long")
    if not raw.isascii() and any("\ud800" <= sign <= "\udfff" for sign in raw):
        return CannotTell("not_valid_text")
    return raw


def _text(kind: Type, raw: Any) -> Scalar | CannotTell:
    value = _string(raw, kind.max_length)
    if isinstance(value, str) and "\x00" in value:
        return CannotTell("not_valid_text")
    return value


def _member(kind: Type, raw: Any) -> Scalar | CannotTell:
    if raw.__class__ is not str:
        return CannotTell("not_a_text")
    return raw if raw in kind.members else CannotTell("unknown_member")


def _bool(kind: Type, raw: Any) -> Scalar | CannotTell:
    return raw if raw.__class__ is bool else CannotTell("not_yes_or_no")


_NUMBER = re.compile(r"(-?[0-9]{1,28}(?:\.[0-9]{1,28})?)(?: ([^\s0-9][^\s]{0,30}))?")


def _number(raw: Any) -> Decimal | CannotTell:
    if raw.__class__ is int:
        return Decimal(raw) if abs(raw) < 10**_MAX_DIGITS else CannotTell("too_large")
    if raw.__class__ is float:
        raw = Decimal(repr(raw))
    if raw.__class__ is not Decimal:
        return CannotTell("not_a_number")
    if not raw.is_finite():
        return CannotTell("not_a_number")
    _, digits, exponent = raw.as_tuple()
    if len(digits) > _MAX_DIGITS or not -_MAX_DIGITS <= int(exponent) <= _MAX_DIGITS:
        return CannotTell("too_large")
    return raw


def _quantity(kind: Type, raw: Any) -> Decimal | CannotTell:
    if raw.__class__ is str and kind.unit:
        match = _NUMBER.fullmatch(raw)
        if match is None or match[2] is None:
            return CannotTell("not_a_number")
        if match[2] != kind.unit:
            return CannotTell("wrong_unit")
        raw = Decimal(match[1])
    value = _number(raw)
    if isinstance(value, CannotTell):
        return value
    low, high = kind.minimum, kind.maximum
    if (low is not None and value < low) or (high is not None and value > high):
        return CannotTell("outside_the_domain")
    return value


def _decimal(kind: Type, raw: Any) -> Scalar | CannotTell:
    return _quantity(kind, raw)


def _int(kind: Type, raw: Any) -> Scalar | CannotTell:
    value = _quantity(kind, raw)
    if isinstance(value, CannotTell):
        return value
    whole = int(value)
    return whole if whole == value else CannotTell("not_a_whole_number")


_MONEY = re.compile(r"(-?[0-9]{1,28}(?:\.[0-9]{1,28})?) ?([A-Za-z]{3})")


def _money(kind: Type, raw: Any) -> Scalar | CannotTell:
    if raw.__class__ is str:
        match = _MONEY.fullmatch(raw)
        if match is None:
            return CannotTell("not_an_amount")
        return _amount(kind, Decimal(match[1]), match[2])
    if isinstance(raw, dict) and set(raw) == {"amount", "currency"}:
        amount, currency = raw["amount"], raw["currency"]
        if amount.__class__ is str:
            match = _NUMBER.fullmatch(amount)
            if match is None or match[2] is not None:
                return CannotTell("not_an_amount")
            amount = Decimal(match[1])
        number = _number(amount)
        if isinstance(number, CannotTell) or currency.__class__ is not str:
            return CannotTell("not_an_amount")
        return _amount(kind, number, currency)
    return CannotTell("currency_missing" if isinstance(raw, int | Decimal) else "not_an_amount")


_UNITS: Final = {n: Decimal(1).scaleb(-n) for n in {0, 2, *CURRENCIES.values()}}


def _amount(kind: Type, amount: Decimal, currency: str) -> Scalar | CannotTell:
    currency = currency.upper()
    decimals = CURRENCIES.get(currency)
    if decimals is None or (kind.members and currency not in kind.members):
        return CannotTell("unknown_currency")
    if amount < 0 and not kind.negative:
        return CannotTell("negative")
    try:
        exact = amount.quantize(_UNITS[decimals])
    except InvalidOperation:
        return CannotTell("too_large")
    if exact != amount:
        return CannotTell("too_many_decimals")
    return Money(exact + 0, currency)


def _code(known: frozenset[str] | dict[str, int]) -> Callable[[Type, Any], Scalar | CannotTell]:
    def read(kind: Type, raw: Any) -> Scalar | CannotTell:
        if raw.__class__ is not str:
            return CannotTell("not_a_text")
        code = raw.upper() if raw.isascii() else ""
        return code if code in known else CannotTell("unknown_member")

    return read


def _iban(kind: Type, raw: Any) -> Scalar | CannotTell:
    """ISO 13616: country, its length, and the remainder 1 modulo 97."""
    if raw.__class__ is not str or not raw.isascii() or len(raw) > 60:
        return CannotTell("not_an_iban")
    text = raw.replace(" ", "").upper()
    if not text.isalnum() or IBAN_LENGTHS.get(text[:2]) != len(text) or not text[2:4].isdigit():
        return CannotTell("not_an_iban")
    digits = (text[4:] + text[:4]).translate(_BASE_36)
    return text if int(digits) % 97 == 1 else CannotTell("wrong_checksum")


_BASE_36: Final = {ord(sign): str(int(sign, 36)) for sign in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
"""Letters as ISO 13616 counts them. A table: sign by sign, an IBAN took as long as all the rest of
reading a payment."""


_LAST_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
"""A last label that is a number makes the whole an IPv4 address for many resolvers (WHATWG URL)."""
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")


def _domain_name(raw: str) -> str | None:
    """Lower case, no trailing dot. Names outside ASCII must come in their `xn--` form (RFC 5890),
    because two mappings of the same letters exist and a guess would pick one."""
    text = raw.lower().removesuffix(".")
    if not raw.isascii() or len(text) > 253:
        return None
    labels = text.split(".")
    if len(labels) < 2 or _LAST_NUMBER.fullmatch(labels[-1]):
        return None
    return text if all(_LABEL.fullmatch(label) for label in labels) else None


def _domain(kind: Type, raw: Any) -> Scalar | CannotTell:
    if raw.__class__ is not str:
        return CannotTell("not_a_text")
    return _domain_name(raw) or CannotTell("not_a_domain")


def _host(kind: Type, raw: Any) -> Scalar | CannotTell:
    if raw.__class__ is not str or not raw.isascii() or len(raw) > 260:
        return CannotTell("not_a_host")
    bare = raw[1:-1] if raw[:1] == "[" and raw[-1:] == "]" else raw
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        name = raw.lower().removesuffix(".")
        if _LAST_NUMBER.fullmatch(name.rpartition(".")[2]):
            return CannotTell("not_a_host")
        if "." not in name and _LABEL.fullmatch(name):
            return name
        return _domain_name(raw) or CannotTell("not_a_host")
    if "%" in bare:
        return CannotTell("not_a_host")
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


_LOCAL = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*")


def _email(kind: Type, raw: Any) -> Scalar | CannotTell:
    """The dot-atom form of RFC 5322 only: one address, no name, no quotes, no comments."""
    if raw.__class__ is not str or len(raw) > 320 or raw.count("@") != 1:
        return CannotTell("not_an_email")
    local, _, host = raw.partition("@")
    name = _domain_name(host)
    if name is None or len(local) > 64 or not _LOCAL.fullmatch(local.lower()):
        return CannotTell("not_an_email")
    return f"{local.lower()}@{name}"


def _date(kind: Type, raw: Any) -> Scalar | CannotTell:
    if raw.__class__ is str and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", raw, re.ASCII):
        try:
            return date.fromisoformat(raw)
        except ValueError:
            pass
    return CannotTell("not_a_date")


_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})",
    re.ASCII,
)


def _datetime(kind: Type, raw: Any) -> Scalar | CannotTell:
    """RFC 3339 with an offset; the value is in UTC."""
    if raw.__class__ is str and _RFC3339.fullmatch(raw):
        try:
            return datetime.fromisoformat(raw.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    return CannotTell("not_a_point_in_time")


_SECONDS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DURATION = re.compile(r"(?=[0-9])(?:([0-9]{1,6})w)?(?:([0-9]{1,6})d)?(?:([0-9]{1,6})h)?"
                       r"(?:([0-9]{1,7})m)?(?:([0-9]{1,8})s)?", re.ASCII)  # fmt: skip


def duration(raw: object) -> timedelta | None:
    """`90m`, `1d`, `1d12h` as a duration; None when it is not one. Units: w, d, h, m, s."""
    match = _DURATION.fullmatch(raw) if isinstance(raw, str) else None
    if match is None:
        return None
    parts = zip(match.groups(), _SECONDS.values(), strict=True)
    return timedelta(seconds=sum(int(part) * size for part, size in parts if part))


def _duration(kind: Type, raw: Any) -> Scalar | CannotTell:
    found = duration(raw)
    return CannotTell("not_a_duration") if found is None else found


_READERS: Final[dict[str, Callable[[Type, Any], Scalar | CannotTell]]] = {
    "text": _text,
    "name": _text,
    "boolean": _bool,
    "integer": _int,
    "count": _int,
    "number": _decimal,
    "money": _money,
    "country": _code(COUNTRIES),
    "currency": _code(CURRENCIES),
    "iban": _iban,
    "email": _email,
    "domain": _domain,
    "host": _host,
    "command": _text,
    "date": _date,
    "datetime": _datetime,
    "duration": _duration,
    "choice": _member,
    "level": _member,
}


_MOST: Final = 1_024
_LONGEST: Final = 64


def remembering(kind: Type) -> Callable[[Any], Scalar | CannotTell]:
    """As `kind.one`, for values that come again and again and may be remembered: amounts, codes.

    Only short texts, and amounts given as two texts, are remembered by what they say: among those,
    equal means the same (1, 1.0 and true are equal and not the same). Saves most of a reading. Not
    for what is about a person, and never what could not be read: nobody could erase it here. Not
    for paths, which need a place.
    """
    read = _READERS[kind.name]
    known: dict[Any, Scalar | CannotTell] = {}

    def one(raw: Any) -> Scalar | CannotTell:
        if raw.__class__ is str:
            key: Any = raw
        elif raw.__class__ is dict and len(raw) == 2:
            key = raw.get("amount"), raw.get("currency")
            if key[0].__class__ is not str or key[1].__class__ is not str:
                return read(kind, raw)
        else:
            return CannotTell("null") if raw is None else read(kind, raw)
        value = known.get(key)
        if value is None:
            value = read(kind, raw)
            length = len(key) if raw.__class__ is str else len(key[0]) + len(key[1])
            if length <= _LONGEST and not isinstance(value, CannotTell):
                if len(known) >= _MOST:
                    known.clear()
                known[key] = value
        return value

    return one


def reading(kind: Type) -> Callable[[Any], Scalar | CannotTell]:
    """As `kind.one` without places, in one step."""
    read = _READERS[kind.name]
    return lambda raw: CannotTell("null") if raw is None else read(kind, raw)


def level(word: Scalar) -> int:
    """The rank of an autonomy level (`L0`..`L5`) or a risk level (`low`..`critical`)."""
    return _LEVELS[str(word)]


def write(value: Scalar) -> str | bool | int:
    """The one spelling of a value, fit for JSON: what the log records and keys are made of."""
    if isinstance(value, bool | int | str):
        return value
    if isinstance(value, Money):
        return f"{value.amount:f} {value.currency}"
    if isinstance(value, Decimal):
        text = f"{value:f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
        return "0" if text in ("-0", "") else text
    if isinstance(value, timedelta):
        return f"{int(value.total_seconds())}s"
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value.isoformat()
