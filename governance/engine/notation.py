"""The notation of the table of programs, read once. The law: what cannot be read is an error.

See ``programs.py`` for how rows are written and what they mean.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field


def words_of(text: str) -> frozenset[str]:
    """The words of a text that has blanks between them."""
    return frozenset(text.split())


NEVER_FREE = frozenset(
    [
        "network", "sends", "installs", "privileged", "changes_system", "changes_history",
        "changes_remote", "stops_programs", "reads_environment", "unknown_program",
    ]
)  # fmt: skip
"""Effects that no rule for everyday work allows."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option: its one name, the role of its value (None: takes none), what it changes.

    ``optional``: the value is only what stands attached to the option (`--color=auto`, `-i.bak`).
    """

    name: str
    value: str | None = None
    effects: tuple[str, ...] = ()
    deep: bool = False
    unskips: bool = False
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Program:
    """One row of the table, read from the notation above."""

    effects: tuple[str, ...] = ()
    operands: str = "none"
    skip: int = 0
    options: Mapping[str, Option] = field(default_factory=dict)
    commands: Mapping[str, Program] = field(default_factory=dict)
    special: str = ""
    deep: bool = False
    default: str = ""

    @property
    def strict(self) -> bool:
        """True when an option that the row does not name leaves everything in doubt.

        So it is for every program that an everyday rule may allow; a program that reaches another
        machine or changes this one is never free, and its options need not all be known. A row that
        says nothing at all stands for a program that only looks at words, such as `echo`.
        """
        says_anything = self.options or self.effects or self.operands != "none"
        return bool(says_anything) and not NEVER_FREE & set(self.effects)

    def may_touch(self) -> frozenset[str]:
        """Every field an operand or option that is not known could change."""
        roles = {self.operands} | {o.value for o in self.options.values() if o.value}
        touched = {part for role in roles for part in ROLE_FIELDS.get(role, ())}
        gained = {effect for option in self.options.values() for effect in option.effects}
        gained |= touched & {"reads", "writes", "deletes"}
        if not gained <= set(self.effects):
            touched.add("effects")
        return frozenset(touched)


ROLE_FIELDS: Mapping[str, tuple[str, ...]] = {
    "reads": ("reads",),
    "lists": ("reads",),
    "searches": ("reads",),
    "writes": ("writes",),
    "deletes": ("deletes",),
    "overwrites": ("writes", "deletes"),
    "rewrite": ("reads", "writes", "deletes"),
    "all": ("reads", "writes", "deletes"),
    "copy_first": ("reads", "writes"),
    "archive": ("reads", "writes"),
    "unpack": ("reads", "writes"),
    "remote": ("reads", "writes", "hosts"),
    "unknown": ("reads", "writes", "deletes", "hosts", "effects"),
    "copy": ("reads", "writes"),
    "move": ("reads", "writes", "deletes"),
    "link": ("reads", "writes"),
    "edit": ("reads", "writes"),
    "url": ("hosts", "reads"),
    "host": ("hosts",),
    "hosts": ("hosts",),
    "objects": ("reads",),
    "data": ("reads", "effects"),
    "code": ("reads", "writes", "deletes", "hosts", "effects"),
    "line": ("reads", "writes", "deletes", "hosts", "effects", "programs"),
}


def row(
    effects: str = "",
    operands: str = "none",
    options: str = "",
    *,
    skip: int = 0,
    deep: bool = False,
    default: str = "",
    special: str = "",
    commands: Mapping[str, Program] | None = None,
) -> Program:
    """Read one row of the table from its notation."""
    found: dict[str, Option] = {}
    for item in options.split():
        letters = re.fullmatch(r"-\[([^\]]+)\]", item)
        if letters:
            found.update({f"-{letter}": Option(f"-{letter}") for letter in letters.group(1)})
            continue
        match = re.fullmatch(r"([^=!*^?]+)(?:([=?])(\w+))?((?:!\w+)*)(\*?)(\^?)", item)
        if match is None:
            raise ValueError(f"`{item}` is not an option in the notation of this table")
        names, sign, value, extra, deeper, unskips = match.groups()
        spellings = names.split("|")
        option = Option(
            spellings[-1],
            value,
            tuple(extra.split("!")[1:]),
            bool(deeper),
            bool(unskips),
            sign == "?",
        )
        found.update(dict.fromkeys(spellings, option))
    return Program(
        tuple(effects.split()), operands, skip, found, commands or {}, special, deep, default
    )
