"""What the ledger has to be told about the state that the log adds up to.

The law: the ledger does not know what an entry means. It asks for a check, folds accepted entries
with `apply`, and keeps snapshots as bytes whose SHA-256 an entry seals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from audit.entry import Entry, encode
from governance.store.encoding import encode_checked

State = Any


def _accept(_kind: str, _by: Mapping[str, Any], _data: Mapping[str, Any]) -> None:
    """Accepts every entry; the checks of kinds belong to whoever makes the fold."""


def _no(_state: State) -> bool:
    return False


def _never(_state: State) -> None:
    """Nothing was ever pruned."""


def _as_it_is(state: State, _size: int) -> State:
    """The state after no entries."""
    return state


def _unknown(_data: bytes) -> bool:
    return False


def _none(_state: State) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Fold:
    """One state and how entries change it.

    `apply(state, index, entry)` is pure. `check(kind, by, data)` raises for an entry whose shape
    does not fit its kind; one that is given must also refuse everything but plain dicts with text
    as names, lists, text, integers within ±(2^53 - 1), true, false and null, because what it
    accepts is encoded without looking at types again. `dump` and `load` are inverse, `dump` is deterministic; `semantics`
    names the version of their meaning. `blind(state)` is True while windows cannot be told (after
    a restore), `clock_jumped(state)` while a jump of the clock waits for people. `told_from(state)`
    is when the last entry that was pruned was written (microseconds) and which entry first pruned
    something, or None: no window can be told that begins before. `log_keys(state)`
    are the verifier keys of those that sign the log, newest first; none before any was announced,
    which leaves it to the key the log was founded with. `inert(data)` tells from canonical bytes, True
    only where it is sure, that an entry changes nothing in the state but its size, is charged nowhere and
    is no news; `moved(state, size)` is the state after such entries.
    """

    genesis: Callable[[], State]
    apply: Callable[[State, int, Entry], State]
    dump: Callable[[State], bytes]
    load: Callable[[bytes], State]
    semantics: str
    check: Callable[[str, Mapping[str, Any], Mapping[str, Any]], None] = _accept
    blind: Callable[[State], bool] = _no
    clock_jumped: Callable[[State], bool] = _no
    told_from: Callable[[State], tuple[int, int] | None] = _never
    log_keys: Callable[[State], tuple[str, ...]] = _none
    inert: Callable[[bytes], bool] = _unknown
    moved: Callable[[State, int], State] = _as_it_is

    @property
    def encode(self) -> Callable[[Entry], bytes]:
        """How entries that passed `check` become canonical bytes."""
        return encode if self.check is _accept else encode_checked
