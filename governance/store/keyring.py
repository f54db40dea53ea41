"""The ring: which keys sign a workspace's log.

The law: who signs is what the log says, never what lies in a folder. `signers` gives exactly the keys
that the log names, or raises: a checkpoint that lacks a promised line is not signed at all.
"""

from __future__ import annotations

from collections.abc import Sequence

from audit.keys import Verifier
from audit.note import Signer
from governance.store import logkey
from governance.store.errors import CannotOpen
from governance.store.paths import Paths


class KeyRing:
    """The opened keys of one log; the first is the one it was founded with."""

    def __init__(self, keys: Sequence[Signer]) -> None:
        self._keys = tuple(keys)
        self._last: tuple[tuple[str, ...], tuple[Signer, ...]] = ((), self._keys[:1])

    @classmethod
    def create(cls, paths: Paths, origin: str) -> KeyRing:
        """The ring of a new log called `origin`. Raises `CannotOpen` if there is one already."""
        return cls([logkey.create(paths.log_key, origin)])

    @classmethod
    def open(cls, paths: Paths) -> KeyRing:
        """The keys of a workspace. Raises `CannotOpen`, saying what to do."""
        return cls([logkey.read(paths.log_key)])

    @property
    def origin(self) -> str:
        """The log's name, which is that of all its keys."""
        return self._keys[0].name

    @property
    def verifiers(self) -> tuple[Verifier, ...]:
        """The public halves of all keys in the ring."""
        return tuple(key.verifier for key in self._keys)

    def signers(self, vkeys: tuple[str, ...]) -> tuple[Signer, ...]:
        """The keys named by `vkeys`, in that order; for none, the key the log was founded with.

        Raises `CannotOpen` if one of them is not in the ring.
        """
        if self._last[0] == vkeys:
            return self._last[1]
        here = {key.verifier.vkey: key for key in self._keys}
        for vkey in vkeys:
            if vkey not in here:
                raise CannotOpen(f"the log key `{vkey}` is missing: nothing can be signed")
        self._last = vkeys, tuple(here[vkey] for vkey in vkeys)
        return self._last[1]


def public_keys(paths: Paths) -> tuple[Verifier, ...]:
    """The verifiers of a workspace's log, for whoever only reads. Raises `CannotOpen`."""
    return KeyRing.open(paths).verifiers
