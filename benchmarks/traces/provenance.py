"""Where a value comes from. The law: the best that can be claimed is what was seen to be so.

A gateway sees the person's own words and every result that goes back to the agent. From these alone
it says, of any value that an agent puts into a call, who was the first to bring it up:

* `person`: it stands in the person's own request;
* `record`: it is the whole value of a field that only the person or the system of record fills
  (a contact's address, the payee of an own payment, the name of a listed hotel);
* `source`: it stands in the text of a page, file or channel that the person's request names;
* `others`: it is the whole value of a field that other people fill (the sender of a mail);
* `text`: it stands somewhere in free text that other people wrote;
* `nowhere`: none of these.

Spelling is folded first (Unicode compatibility forms, letter case, invisible characters, blanks),
so that a value does not change its origin by changing its dress.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any, Final

PERSON, RECORD, SOURCE, OTHERS, TEXT, NOWHERE, NONE = (
    "person", "record", "source", "others", "text", "nowhere", "none",
)  # fmt: skip
WORST_FIRST: Final = (NOWHERE, TEXT, OTHERS, SOURCE, RECORD, PERSON, NONE)

FACTS: Final = "facts"
LINES: Final = "lines"
"""Kinds of result field besides the origins: `facts` is what a system of record says in its own words
(an address, a price list), `lines` is a text that names one record in each line."""

_LONG: Final = 4
"""A value of so many words is text, too, whoever fills its field; `facts` are not."""

_LINK: Final = re.compile(
    r"[a-z][a-z0-9+.-]*://[^\s<>\"')\]]+|www\.[^\s<>\"')\]]+"
    r"|[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
    r"|\b(?:[a-z0-9-]+\.)+(?:com|net|org|io|ly|me|co|info|biz|app|dev|xyz|site|online|link|ru|cn|de|uk|eu|gov|edu)\b(?:/[^\s<>\"')\]]*)?"
)
_NUMBER: Final = re.compile(
    r"(?<![\w.])\+?[a-z]{0,4}\d[a-z0-9]*(?:[ ()/-]{1,2}\d[a-z0-9]*)*(?![\w@])"
)
_DIGITS: Final = 6
_DATE: Final = re.compile(
    r"\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}|\b(?:19|20)\d\d ?[-/–] ?(?:19|20)?\d\d\b"
)
_WORD: Final = re.compile(r"[^\W_]+(?:['’.@-][^\W_]+)*")
_HIDDEN: Final = dict.fromkeys((0xAD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF))


def fold(text: str) -> str:
    """One spelling for every spelling of the same text."""
    plain = unicodedata.normalize("NFKC", text).translate(_HIDDEN).casefold()
    return " ".join(plain.split()).strip(" .,;:!?'\"()[]<>")


def fold_link(text: str) -> str:
    """A link without its scheme and its last slash."""
    return re.sub(r"^[a-z][a-z0-9+.-]*://", "", fold(text)).rstrip("/.,;:!?")


def words(text: str) -> list[str]:
    """The words of a text, folded."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).translate(_HIDDEN).casefold())


def links(text: str) -> list[str]:
    """What in a text leads somewhere: addresses of pages and of people."""
    return [fold_link(match.group()) for match in _LINK.finditer(fold(text))]


def numbers(text: str) -> list[str]:
    """What in a text stands for somebody: numbers of accounts, cards, passports, phones, and codes.

    These have six digits or more; days and amounts of money have fewer or are left out.
    """
    plain = _DATE.sub(" ; ", _LINK.sub(" ; ", fold(text)))
    found = (match.group() for match in _NUMBER.finditer(plain))
    return [one for one in found if sum(letter.isdigit() for letter in one) >= _DIGITS]


def within(value: str, text: str) -> bool:
    """True when a folded value stands in a folded text, not as a part of a longer word.

    A short number is no name of anything unless the text calls it one: `7` of `May 7` is not the
    file 7, `file 7` or `ID '7'` is.
    """
    if not value:
        return False
    if value.isdecimal() and len(value) < _LONG:
        named = rf"(?:\bids?|\bnumber|\bno\.?|#|\bfile|\bevent|\bmail|\bemail|\btransaction|\bdocument)\W{{0,3}}{value}(?!\w)"
        return re.search(named, text) is not None
    return re.search(rf"(?<![\w@.-]){re.escape(value)}(?![\w@-])(?!\.\w)", text) is not None


class Seen:
    """What a gateway has seen in one session."""

    def __init__(self, request: str) -> None:
        self.request = fold(request)
        self.request_words = words(request)
        self._fields: dict[str, str] = {}
        self._texts: list[tuple[str, bool]] = []
        self._runs: list[list[str]] = []
        self.unseen = NOWHERE
        """The origin of what was seen nowhere. A live gateway leaves it at that; where a recorded
        session lacks a result, the value may have stood there (see `gateway.Gateway`)."""

    def result(
        self, value: Any, kinds: Mapping[str, str], named: bool = False, key: str = ""
    ) -> None:
        """Take note of a tool's result. `kinds` says what kind of field each key is; `*` is every
        other. What nobody vouches for is text. `named` = the person named where it comes from."""
        if isinstance(value, Mapping):
            for name, item in value.items():
                self.result(item, kinds, named, str(name))
        elif isinstance(value, list | tuple):
            for item in value:
                self.result(item, kinds, named, key)
        elif value is not None and not isinstance(value, bool):
            self._field(str(value), kinds.get(key, kinds.get("*", TEXT)), named)

    def _field(self, value: str, kind: str, named: bool) -> None:
        if kind == LINES:
            for line in value.splitlines():
                self._field(line.rpartition(": ")[2], RECORD, named)
            return
        if kind == TEXT or (kind != FACTS and len(value.split()) >= _LONG):
            self.text(value, named)
        if kind != TEXT:
            name = fold_link(value)
            if self._fields.get(name) != RECORD:
                self._fields[name] = RECORD if kind == FACTS else kind

    def text(self, value: str, named: bool = False) -> None:
        """Take note of free text that somebody else wrote."""
        self._texts.append((fold(value), named))
        self._runs.append(words(value))

    def origin(self, value: str) -> str:
        """Who brought this value up."""
        name = fold_link(value)
        if within(name, self.request):
            return PERSON
        if self._fields.get(name) == RECORD:
            return RECORD
        found = {named for text, named in self._texts if within(name, text)}
        if True in found:
            return SOURCE
        if name in self._fields:
            return self._fields[name]
        return TEXT if found else self.unseen

    def in_text(self, value: str) -> bool:
        """True when the value stands in free text that others wrote."""
        name = fold_link(value)
        return any(within(name, text) for text, _ in self._texts)

    def copied(self, texts: Iterable[str]) -> int:
        """The longest run of words that these texts share with what others wrote, where it is not
        in the person's request, too."""
        return max(
            (_shared(words(text), self._runs, self.request_words) for text in texts), default=0
        )


def worst(origins: Iterable[str]) -> str:
    """The worst of some origins; `none` of no origin."""
    return min(origins, key=WORST_FIRST.index, default=NONE)


def _shared(said: list[str], sources: list[list[str]], own: list[str]) -> int:
    best = 0
    for source in sources:
        before: dict[int, int] = {}
        for i, word in enumerate(said):
            now: dict[int, int] = {}
            for j, other in enumerate(source):
                if word == other:
                    now[j] = before.get(j - 1, 0) + 1
                    if now[j] > best and not _inside(said[i + 1 - now[j] : i + 1], own):
                        best = now[j]
            before = now
    return best


def _inside(run: list[str], whole: list[str]) -> bool:
    size = len(run)
    return any(whole[i : i + size] == run for i in range(len(whole) - size + 1))
