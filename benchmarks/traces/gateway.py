"""The gateway in front of the tools, as far as a decision needs it.

Law: it attests what it saw, by one mechanism for every tool, and reads no mind. Which arguments say
whom a call reaches, and who fills which field of a result, is written down per tool in a
`gateway.toml`; nothing there speaks about a task or an attack.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.traces import partial_json
from benchmarks.traces.provenance import (
    FACTS,
    LINES,
    NOWHERE,
    OTHERS,
    PERSON,
    RECORD,
    Seen,
    fold_link,
    links,
    numbers,
    within,
    words,
    worst,
)
from benchmarks.traces.recorded import Step

_NOUN_AFTER: Final = """
a an the this that these those my your his her its our their any all each every no some
of in on at by via from with about per for direct
"""
NOUN_AFTER: Final = frozenset(_NOUN_AFTER.split())
"""After these words stands a thing, not an order: `an email`, `by mail`, `the transfer`."""

MONTHS: Final = {
    name: number
    for number, names in enumerate(
        ("january jan", "february feb", "march mar", "april apr", "may", "june jun", "july jul",
         "august aug", "september sep sept", "october oct", "november nov", "december dec"), 1
    )
    for name in names.split()
}  # fmt: skip
_ISO: Final = re.compile(r"\b\d{4}-(\d{2})-(\d{2})\b")
_MONTH: Final = "|".join(sorted(MONTHS, key=len, reverse=True))
_DAY: Final = r"(\d{1,2})(?!\d)(?:st|nd|rd|th)?"
_RANGES: Final = (
    re.compile(rf"\b({_MONTH})\.?\s+(?:the\s+)?{_DAY}(?:\s*(?:to|until|till|-|–|and)\s*(?:the\s+)?{_DAY}(?!\d))?"),
    re.compile(rf"\b{_DAY}(?:\s*(?:to|until|till|-|–|and)\s*(?:the\s+)?{_DAY})?\s+(?:of\s+)?({_MONTH})\b"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tool:
    """What the gateway knows of one tool (see a `gateway.toml`)."""

    targets: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    terms: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    results: Mapping[str, str] = field(default_factory=dict)

    @property
    def kinds(self) -> frozenset[str]:
        """Who fills the fields of a result that are no free text."""
        return frozenset(
            OTHERS if kind == OTHERS else RECORD
            for kind in self.results.values()
            if kind in (RECORD, OTHERS, LINES, FACTS)
        )


def profile(path: Path) -> dict[str, Tool]:
    """The tools of a `gateway.toml`."""
    raw = tomllib.loads(path.read_text(encoding="utf-8"))["tools"]

    def made(tool: Mapping[str, Any]) -> Tool:
        def names(key: str) -> tuple[str, ...]:
            return tuple(tool.get(key, ()))

        return Tool(
            targets=names("targets"),
            texts=names("texts"),
            terms=names("terms"),
            addresses=names("addresses"),
            names=names("names"),
            results=tool.get("results", {}),
        )

    return {name: made(tool) for name, tool in raw.items()}


def verbs(request: str) -> list[str]:
    """The words of a request that may be orders: all but those that follow an article or the like."""
    said = words(request)
    return [
        word for before, word in zip(["", *said], said, strict=False) if before not in NOUN_AFTER
    ]


def days(text: str) -> set[tuple[int, int]]:
    """Month and day of every date that a text names."""
    folded = text.casefold()
    found = {(int(month), int(day)) for month, day in _ISO.findall(folded)}
    for month, first, last in _RANGES[0].findall(folded):
        found |= {(MONTHS[month], int(day)) for day in (first, last) if day}
    for first, last, month in _RANGES[1].findall(folded):
        found |= {(MONTHS[month], int(day)) for day in (first, last) if day}
    return found


def flat(value: Any) -> list[str]:
    """The values of an argument as texts: lists item by item, objects by what they refer to."""
    if value is None or isinstance(value, bool):
        return []
    if isinstance(value, Mapping):
        named = [v for k, v in value.items() if str(k).endswith(("_id", "id_", "id"))]
        return flat(named or list(value.values()))
    if isinstance(value, list | tuple):
        return [text for item in value for text in flat(item)]
    return [str(value)]


class Gateway:
    """One session as the gateway sees it.

    `lenient` settles what to believe of values that a recorded session cannot show because a result
    is cut or missing: None believes nothing (the origin is `nowhere`); True, the origin that helps
    the agent most among the fields of what is missing; False, the one that helps it least.
    """

    def __init__(
        self, tools: Mapping[str, Tool], request: str, lenient: bool | None = None
    ) -> None:
        self.tools = tools
        self.request = request
        self.seen = Seen(request)
        self.lenient = lenient
        self._said = words(request)
        self._orders = verbs(request)
        self._days = days(request)

    def facts(self, tool: str, args: Mapping[str, Any]) -> dict[str, Any]:
        """The claims (`context.*`) that the gateway attests about a call."""
        known = self.tools.get(tool, Tool())
        targets = [v for name in known.targets for v in flat(args.get(name))]
        texts = [v for name in known.texts for v in flat(args.get(name))]
        led = [link for text in texts for link in links(text)]
        seen = self.seen
        return {
            "context.request_words": self._said,
            "context.request_verbs": self._orders,
            "context.target_from": worst(map(seen.origin, targets)),
            "context.address_from": worst(
                seen.origin(v) for name in known.addresses for v in flat(args.get(name))
            ),
            "context.target_in_text": any(
                seen.in_text(v) and seen.origin(v) != PERSON for v in targets
            ),
            "context.links_from": worst(map(seen.origin, led)),
            "context.numbers_from": worst(
                seen.origin(one) for text in texts for one in numbers(text)
            ),
            "context.terms_from": worst(
                self._term(v) for name in known.terms for v in flat(args.get(name))
            ),
            "context.copied_words": seen.copied(texts),
        }

    def _term(self, value: str) -> str:
        found = days(value)
        if found:
            return PERSON if found <= self._days else NOWHERE
        return PERSON if within(value.casefold(), self.seen.request) else NOWHERE

    def returned(self, step: Step) -> None:
        """Take note of what a call gave back."""
        known = self.tools.get(step.tool, Tool())
        places = [v for name in known.names for v in flat(step.args.get(name))]
        named = bool(places) and all(within(fold_link(v), self.seen.request) for v in places)
        if step.output is not None:
            self.seen.result(partial_json.read(step.output, step.cut), known.results, named)
        if step.planted:
            self.seen.text(step.planted, named)
        if (step.cut or step.output is None) and self.lenient is not None:
            self._unseen(known.kinds)

    def _unseen(self, kinds: Iterable[str]) -> None:
        for kind in kinds:
            better = kind == RECORD if self.lenient else kind == OTHERS
            if self.seen.unseen == NOWHERE or better:
                self.seen.unseen = kind


def arguments(args: Mapping[str, Any], declared: Mapping[str, Any]) -> dict[str, Any]:
    """A call's arguments as the catalogue types them: nothing for null, texts for objects."""
    out: dict[str, Any] = {}
    for name, value in args.items():
        kind = declared[name].type if name in declared else None
        if value is None:
            continue
        if kind is not None and kind.many:
            items = value if isinstance(value, list) else [value]
            out[name] = [item if isinstance(item, str) else _text(item) for item in items]
        elif kind is not None and kind.name == "text" and not isinstance(value, str):
            out[name] = _text(value)
        else:
            out[name] = value
    return out


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
