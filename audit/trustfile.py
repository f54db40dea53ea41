"""The lines of a trust policy, C2SP tlog-policy: `log`, `witness`, `group`, `quorum`.

The law: every line that the specification does not know is refused with its number, because a line
that is skipped would be a condition that is not checked. A name is defined before it is used, and
is in at most one group; a public key is listed once, so that one witness never counts as two.

Octets: tab, newline and what is neither a control character nor DEL; fields are separated by tabs
and spaces; every line ends in a newline. Names of witnesses and groups are opaque octets: as text
they are decoded with `surrogateescape`, so that two names that differ in one octet stay different.
A comment is a line of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from audit.encoding import decimal
from audit.errors import BadKey, BadPolicy
from audit.keys import COSIGNATURES, ED25519, ED25519_COSIGNATURE, Verifier

NONE = "none"
MAX_BYTES = 1 << 20

_FORBIDDEN = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
_FIELD = re.compile(r"[^ \t]+")


@dataclass(frozen=True, slots=True)
class TrustedLog:
    """A `log` line: its key, whose name is the origin, and perhaps where to find it."""

    key: Verifier
    url: str | None = None


@dataclass(frozen=True, slots=True)
class TrustedWitness:
    """A `witness` line: what the policy calls it, its cosigning key, perhaps where to find it."""

    name: str
    key: Verifier
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """A `group` line: met if at least `threshold` of its members are."""

    name: str
    threshold: int
    members: tuple[str, ...]


class Lines(NamedTuple):
    """What a policy file says. `quorum` is a witness, a group, or `none`."""

    logs: tuple[TrustedLog, ...]
    witnesses: tuple[TrustedWitness, ...]
    groups: tuple[Group, ...]
    quorum: str


def read(text: str | bytes) -> Lines:
    """Read a policy file. Raises `BadPolicy`, which names the line."""
    return _Reading().read(text)


class _Reading:
    """One pass over a file; every name must be defined before it is used."""

    def __init__(self) -> None:
        self._logs: list[TrustedLog] = []
        self._witnesses: list[TrustedWitness] = []
        self._groups: list[Group] = []
        self._quorum: str | None = None
        self._defined: dict[str, int] = {}
        self._member_of: dict[str, str] = {}
        self._log_lines: dict[bytes, int] = {}
        self._witness_lines: dict[bytes, int] = {}
        self._number = 0

    def read(self, text: str | bytes) -> Lines:
        for self._number, line in enumerate(_lines(text), 1):
            fields = _FIELD.findall(line)
            if not fields or fields[0].startswith("#"):
                continue
            keyword, *rest = fields
            if keyword == "log":
                self._log(rest)
            elif keyword == "witness":
                self._witness(rest)
            elif keyword == "group":
                self._group(rest)
            elif keyword == "quorum":
                self._set_quorum(rest)
            else:
                raise self._bad(
                    f"`{shown(keyword)}` is not known: expected `log`, `witness`, `group` or "
                    "`quorum`, or a comment that begins with `#`"
                )
        if self._quorum is None:
            raise BadPolicy(
                "the trust policy has no `quorum` line; `quorum none` asks for no cosignature"
            )
        return Lines(tuple(self._logs), tuple(self._witnesses), tuple(self._groups), self._quorum)

    def _log(self, rest: list[str]) -> None:
        if not 1 <= len(rest) <= 2:
            raise self._bad("expected `log <vkey> [<url>]`")
        key = self._key(rest[0])
        if key.algorithm == ED25519_COSIGNATURE:
            raise self._bad(
                f"the key of the log `{key.name}` is a witness's (type 0x04), with which no log "
                "signs its checkpoints"
            )
        self._once(self._log_lines, key, "log")
        self._logs.append(TrustedLog(key, *rest[1:]))

    def _witness(self, rest: list[str]) -> None:
        if not 2 <= len(rest) <= 3:
            raise self._bad("expected `witness <name> <vkey> [<url>]`")
        name, key = rest[0], self._key(rest[1])
        if key.algorithm not in COSIGNATURES:
            raise self._bad(_not_a_cosigner(key))
        self._define(name)
        self._once(self._witness_lines, key, "witness")
        self._witnesses.append(TrustedWitness(name, key, *rest[2:]))

    def _group(self, rest: list[str]) -> None:
        if len(rest) < 3:
            raise self._bad("expected `group <name> <k|any|all> <name>...` with at least one name")
        name, wanted, *members = rest
        threshold = self._threshold(wanted, len(members))
        for member in members:
            self._join(member, name)
        self._define(name)
        self._groups.append(Group(name, threshold, tuple(members)))

    def _set_quorum(self, rest: list[str]) -> None:
        if len(rest) != 1:
            raise self._bad("expected `quorum <name>` or `quorum none`")
        if self._quorum is not None:
            raise self._bad("there is a second `quorum` line; a trust policy has exactly one")
        if rest[0] != NONE:
            self._known(rest[0])
        self._quorum = rest[0]

    def _threshold(self, text: str, members: int) -> int:
        if text in ("any", "all"):
            return 1 if text == "any" else members
        try:
            threshold = decimal(text)
        except ValueError:
            raise self._bad(f"`{shown(text)}` is not `any`, `all` or a decimal number") from None
        if not 1 <= threshold <= members:
            raise self._bad(f"{threshold} of {members} cannot be met: expected 1 to {members}")
        return threshold

    def _join(self, member: str, group: str) -> None:
        if member == NONE:
            raise self._bad("`none` cannot be in a group; it is only for the `quorum` line")
        self._known(member)
        if member in self._member_of:
            other = self._member_of[member]
            raise self._bad(
                f"`{shown(member)}` is already in the group `{shown(other)}`; one witness cannot "
                "count twice"
            )
        self._member_of[member] = group

    def _known(self, name: str) -> None:
        if name not in self._defined:
            raise self._bad(f"`{shown(name)}` is not defined on a line before this one")

    def _define(self, name: str) -> None:
        if name == NONE:
            raise self._bad("the name `none` is taken: it means that no cosignature is needed")
        if name in self._defined:
            raise self._bad(f"the name `{shown(name)}` is taken since line {self._defined[name]}")
        self._defined[name] = self._number

    def _key(self, vkey: str) -> Verifier:
        try:
            return Verifier.from_vkey(vkey).checked()
        except BadKey as error:
            raise self._bad(str(error)) from error

    def _once(self, lines: dict[bytes, int], key: Verifier, what: str) -> None:
        """The same public key twice would be one witness that counts as two."""
        first = lines.setdefault(key.public_key, self._number)
        if first != self._number:
            raise self._bad(f"this {what} has the same public key as the one on line {first}")

    def _bad(self, message: str) -> BadPolicy:
        return BadPolicy(f"line {self._number} of the trust policy: {message}", self._number)


def shown(name: str) -> str:
    """A name or field of a policy as it may be printed on a terminal."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text[:80])


def _lines(text: str | bytes) -> Iterator[str]:
    """The lines of a file, each checked to be of allowed octets and to end in a newline."""
    try:
        data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise BadPolicy("the trust policy holds half of a surrogate pair") from error
    if len(data) > MAX_BYTES:
        raise BadPolicy(f"a trust policy has at most {MAX_BYTES:,} bytes, this has {len(data):,}")
    found = _FORBIDDEN.search(data)
    if found is not None:
        number = data.count(b"\n", 0, found.start()) + 1
        hint = " (lines end in a newline only)" if found[0] == b"\r" else ""
        raise BadPolicy(
            f"line {number} of the trust policy: the control character 0x{found[0][0]:02x} is not "
            f"allowed{hint}",
            number,
        )
    *lines, rest = data.split(b"\n")
    if rest:
        raise BadPolicy(
            f"line {len(lines) + 1} of the trust policy does not end in a newline: the file may "
            "have been cut",
            len(lines) + 1,
        )
    for line in lines:
        yield line.decode("utf-8", "surrogateescape")


def _not_a_cosigner(key: Verifier) -> str:
    message = f"the key `{key.name}` is of type 0x{key.algorithm:02x}, with which nobody cosigns"
    if key.algorithm == ED25519:
        other = Verifier.from_public_key(key.name, key.public_key, ED25519_COSIGNATURE)
        message += f"; if it is the witness's, its cosigning key is `{other.vkey}`"
    return message
