"""The keys that sign the log: announced, in force, retired; and who may change that.

Law: a key signs from the entry after the one that announces it, which is signed by those in force
before; it signs until the entry that retires it, which it still signs itself, if it is there. Adding a
key, and retiring one that is replaced, takes two administrators; one that is lost or compromised is
retired by one of them, at once, like a stop. One key that every verifier knows (Ed25519 or ECDSA)
always stays.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from immutables import Map

from audit.keys import MLDSA44_COSIGNATURE, Verifier
from governance.oversight.errors import Refused
from governance.oversight.model import KeyWish, LogKey, State
from governance.oversight.shapes import (
    Check,
    commitment,
    flag,
    index,
    listed,
    one_of,
    record,
    verifier_key,
)

CUSTODIES: Final = ("file", "encrypted", "pkcs11", "kms")
REPLACED, LOST, COMPROMISED = "replaced", "lost", "compromised"
AT_ONCE: Final = frozenset({LOST, COMPROMISED})
MOST: Final = 8
"""Keys that sign at one time: each is a line in every checkpoint."""

_vkeys = listed(verifier_key, at_least=1, at_most=2 * MOST)
_changed: dict[str, Check] = {
    "refs?": record({"log_key": index}),  # the proposal that is confirmed
    "vkey": verifier_key,
    "commitments?": record({"reason": commitment}),
    "alone": flag,
}
_custody = one_of(*CUSTODIES)
_why = one_of(REPLACED, LOST, COMPROMISED)

KINDS: Final[Mapping[str, Check]] = {
    "log_key.proposed": record(
        {
            "change": one_of("add", "retire"),
            "vkey": verifier_key,
            "custody?": _custody,
            "why?": _why,
            "commitments?": record({"reason": commitment}),
        }
    ),
    "log_key.added": record({**_changed, "custody": _custody, "beside": _vkeys}),
    "log_key.retired": record({**_changed, "why": _why, "remaining": _vkeys}),
}
"""Shapes of the kinds, part of `entries.KINDS`. `beside` and `remaining` are the other keys that sign at
that entry: a verifier that pins one of them learns of its successor under its own key."""


def key_id(vkey: str) -> str:
    """The id in a verifier key, 8 hexadecimal digits."""
    return vkey.split("+")[1]


def post_quantum(vkey: str) -> bool:
    """Whether it is an ML-DSA-44 key, which many verifiers do not know."""
    return Verifier.from_vkey(vkey).algorithm == MLDSA44_COSIGNATURE


def in_force(state: State) -> tuple[str, ...]:
    """The verifier keys that sign the next entry, newest first, ML-DSA-44 last.

    None before any was announced: then the key signs that the log was founded with.
    """
    if not state.log_keys:
        return ()
    alive = [key for key in state.log_keys.values() if key.retired is None]
    alive.sort(key=lambda key: (key.post_quantum, -key.index, key.id))
    return tuple(key.vkey for key in alive)


def require_addable(now: Iterable[str], vkey: str, known: Map[str, LogKey]) -> None:
    """Refuse a key that cannot be announced beside those that sign `now`."""
    now = tuple(now)
    if key_id(vkey) in known or vkey in now:
        raise Refused("conflict", f"the log key `{key_id(vkey)}` was announced already")
    if len(now) >= MOST:
        raise Refused(
            "conflict", f"{len(now)} keys sign this log, and no more than {MOST} may; retire one"
        )


def require_retirable(now: Iterable[str], key: str) -> str:
    """The verifier key with the id `key`, if it signs `now` and another one stays that must."""
    now = tuple(now)
    found = next((vkey for vkey in now if key_id(vkey) == key), None)
    if found is None:
        named = ", ".join(f"`{key_id(vkey)}`" for vkey in now)
        raise Refused("unknown", f"no log key `{key}` signs now; {named} do", field="key")
    if all(post_quantum(vkey) for vkey in now if vkey != found):
        raise Refused(
            "conflict",
            f"`{key}` is the last key that every verifier knows, and a log that nobody signs is no "
            "evidence; announce another first (`governance log-key rotate`)",
            field="key",
        )
    return found


# the fold


def proposed(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """log_key.proposed: waits for a second administrator; a newer proposal takes its place."""
    wish = KeyWish(index, by["id"], data["change"], data["vkey"], data.get("custody"))
    return replace(state, log_key_wish=wish)


def added(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """log_key.added: signs from the next entry on, beside those that signed so far."""
    keys = _named(state.log_keys, data["beside"], index)
    keys = keys.set(key_id(data["vkey"]), _key(data["vkey"], index))
    return replace(state, log_keys=keys, log_key_wish=_left(state, data["vkey"]))


def retired(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """log_key.retired: signs no entry after this one."""
    keys = _named(state.log_keys, data["remaining"], index)
    name = key_id(data["vkey"])
    gone = replace(keys.get(name) or _key(data["vkey"], index), retired=index, why=data["why"])
    return replace(state, log_keys=keys.set(name, gone), log_key_wish=_left(state, data["vkey"]))


def _named(keys: Map[str, LogKey], vkeys: Iterable[str], index: int) -> Map[str, LogKey]:
    """The key the log was founded with is first named when another one comes."""
    for vkey in vkeys:
        if key_id(vkey) not in keys:
            keys = keys.set(key_id(vkey), replace(_key(vkey, index), index=-1))
    return keys


def _key(vkey: str, index: int) -> LogKey:
    return LogKey(key_id(vkey), vkey, index, post_quantum(vkey))


def _left(state: State, vkey: str) -> KeyWish | None:
    """The proposal that still waits: none if it was about this key."""
    wish = state.log_key_wish
    return None if wish is not None and wish.vkey == vkey else wish
