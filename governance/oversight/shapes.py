"""Checks that make up the shapes of entries.

Law: a check returns nothing or raises `IllFormed` with the path of the offending field; it never
repairs a value.  Checks are closures built once, so that holding an entry against its shape costs
a few microseconds and can be done for each entry that is written.
"""

import re
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

from audit.errors import BadKey
from audit.keys import Verifier

Check = Callable[[Any], None]

_NONE: Final[frozenset[str]] = frozenset()
_fitting: Final[dict[Check, AbstractSet[str]]] = {}
"""Words that are known to fit a check.  A record looks here before it calls: calling one check for
each of a decision's forty values took longer than the checks."""

_IDENTIFIER: Final = re.compile(r"[^\x00-\x20\x7f]{1,200}").fullmatch
_DIGEST: Final = re.compile(r"[0-9a-f]{64}").fullmatch
_COMMITMENT: Final = re.compile(r"[A-Za-z0-9_-]{43}").fullmatch
_DECIMAL: Final = re.compile(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,18})?").fullmatch
_INSTANT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z"
).fullmatch
_KEY: Final = re.compile(r"k-[A-Za-z0-9]{8}").fullmatch
_PERSON: Final = re.compile(r"p-[a-z0-9]{10}").fullmatch
_SUBJECT: Final = re.compile(r"s-[a-z2-7]{26}").fullmatch
_REMEMBERED: Final = 4096
_LARGEST: Final = 2**53 - 1  # RFC 8785 (I-JSON): larger integers lose digits in other readers


class IllFormed(ValueError):
    """An entry that does not fit its shape: `path` says where, `expected` says what belongs there."""

    def __init__(self, path: str, expected: str, kind: str = "") -> None:
        self.path, self.expected, self.kind = path, expected, kind
        super().__init__(f"{kind + ': ' if kind else ''}`{path or 'value'}` must be {expected}")

    def inside(self, name: str) -> "IllFormed":
        """The same complaint seen from one level further out."""
        return IllFormed(f"{name}.{self.path}" if self.path else name, self.expected, self.kind)

    def of(self, kind: str) -> "IllFormed":
        """The same complaint, naming the kind of entry it was found in."""
        return IllFormed(self.path, self.expected, kind)


def _matching(expected: str, match: Callable[[str], object]) -> Check:
    def check(value: Any) -> None:
        if type(value) is not str or match(value) is None:
            raise IllFormed("", expected)

    return check


def _remembering(expected: str, match: Callable[[str], object]) -> Check:
    """As `_matching`, for words that come again and again: those that fitted are remembered."""
    fitted: set[str] = set()

    def check(value: Any) -> None:
        try:
            if value in fitted and type(value) is str:
                return
        except TypeError:  # unhashable: no text at all
            raise IllFormed("", expected) from None
        if type(value) is not str or match(value) is None:
            raise IllFormed("", expected)
        if len(fitted) >= _REMEMBERED:
            fitted.clear()
        fitted.add(value)

    _fitting[check] = fitted
    return check


identifier: Final = _remembering("1 to 200 characters without spaces", _IDENTIFIER)
digest: Final = _matching("64 hexadecimal digits", _DIGEST)
release: Final = _remembering("64 hexadecimal digits", _DIGEST)
"""A digest that most entries share."""
commitment: Final = _matching("a commitment, 43 characters of base64url", _COMMITMENT)
decimal: Final = _matching("a decimal number written as text", _DECIMAL)
instant: Final = _remembering("an instant such as 2026-11-20T08:00:00.000000Z", _INSTANT)
key_id: Final = _matching("the public id of a key, k-xxxxxxxx", _KEY)
person_id: Final = _matching("the pseudonym of a person, p-xxxxxxxxxx", _PERSON)
subject_id: Final = _matching("the pseudonym of a data subject, s-...", _SUBJECT)


def verifier_key(value: Any) -> None:
    """A verifier key of the log, C2SP signed-note."""
    try:
        Verifier.from_vkey(value if type(value) is str else "")
    except BadKey:
        raise IllFormed("", "a verifier key, name+id+key") from None


def nothing(value: Any) -> None:
    """Null, and only null."""
    if value is not None:
        raise IllFormed("", "null")


def flag(value: Any) -> None:
    """True or false."""
    if value is not True and value is not False:
        raise IllFormed("", "true or false")


def count(value: Any) -> None:
    """A whole number from 0 to 2^53 - 1."""
    if type(value) is not int or not 0 <= value <= _LARGEST:
        raise IllFormed("", "a whole number, 0 or more")


index: Final = count


def text(longest: int) -> Check:
    """Text of at most `longest` characters (for names of versions, rules and units, not prose)."""

    def check(value: Any) -> None:
        if type(value) is not str or len(value) > longest:
            raise IllFormed("", f"text of at most {longest} characters")

    return check


def one_of(*words: str) -> Check:
    """One of a closed list of words."""
    allowed = frozenset(words)

    def check(value: Any) -> None:
        if type(value) is not str or value not in allowed:
            raise IllFormed("", "one of " + ", ".join(words))

    _fitting[check] = allowed
    return check


def either(first: Check, second: Check) -> Check:
    """What fits one of two checks; `either(nothing, x)` costs no exception."""
    if first is nothing:

        def optional(value: Any) -> None:
            if value is not None:
                second(value)

        _fitting[optional] = _fitting.get(second, _NONE)
        return optional

    def check(value: Any) -> None:
        try:
            first(value)
        except IllFormed as wrong:
            try:
                second(value)
            except IllFormed as also:
                if value is None or wrong.expected == "null":
                    raise also.inside("") if also.path else also from None
                raise

    return check


def listed(item: Check, at_least: int = 0, at_most: int = 4096) -> Check:
    """A list whose members all fit `item`."""

    def check(value: Any) -> None:
        if type(value) is not list or not at_least <= len(value) <= at_most:
            raise IllFormed("", f"a list of {at_least} to {at_most} members")
        member = None
        try:
            for member in value:
                item(member)
        except IllFormed as wrong:
            raise wrong.inside(str(_place(value, member))) from None

    return check


def _place(value: list[Any], member: Any) -> int:
    return next(number for number, each in enumerate(value) if each is member)


def row(*columns: Check) -> Check:
    """A list with one member per column."""
    width = len(columns)

    def check(value: Any) -> None:
        if type(value) is not list or len(value) != width:
            raise IllFormed("", f"a list of exactly {width} members")
        at = -1
        try:
            for at in range(width):
                columns[at](value[at])
        except IllFormed as wrong:
            raise wrong.inside(str(at)) from None

    return check


def mapped(item: Check, names: int = 200) -> Check:
    """An object of any fields (names of at most `names` characters) whose values all fit `item`."""

    texts = item is recorded  # which any text is

    def check(value: Any) -> None:
        if type(value) is not dict:
            raise IllFormed("", "an object")
        name = None
        try:
            for name, member in value.items():
                if type(name) is not str or not 0 < len(name) <= names:
                    break
                if not texts or type(member) is not str:
                    item(member)
            else:
                return
        except IllFormed as wrong:
            raise wrong.inside(str(name)) from None
        raise IllFormed("", f"an object with field names of 1 to {names} characters")

    return check


def record(fields: Mapping[str, Check]) -> Check:
    """An object with exactly these fields; a name that ends in `?` may be absent."""
    known = {
        name.removesuffix("?"): (item, _fitting.get(item, _NONE)) for name, item in fields.items()
    }
    required = frozenset(name for name in fields if not name.endswith("?"))

    def check(value: Any) -> None:
        if type(value) is not dict:
            raise IllFormed("", "an object")
        if not required <= value.keys():
            raise IllFormed(min(required - value.keys()), "present")
        name = None
        try:
            for name, member in value.items():
                item, fitting = known[name]
                if type(member) is not str or member not in fitting:
                    item(member)
        except KeyError:
            raise IllFormed(str(name), "absent: this kind of entry has no such field") from None
        except IllFormed as wrong:
            raise wrong.inside(str(name)) from None

    return check


def recorded(value: Any) -> None:
    """A recorded value: text, whole number, true, false, null, and lists and objects of those."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return
    if kind is int:
        if not -_LARGEST <= value <= _LARGEST:
            raise IllFormed("", "a whole number below 2^53")
    elif kind is list:
        for member in value:
            recorded(member)
    elif kind is dict:
        for name, member in value.items():
            if type(name) is not str:
                raise IllFormed("", "an object with text as field names")
            recorded(member)
    else:
        raise IllFormed("", "text, a whole number, true, false, null, a list or an object")
