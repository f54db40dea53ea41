"""The ring: which keys a workspace's log has, where each of them is, and which sign now.

The law: who signs is what the log says, never what lies in a folder. `signers` gives exactly the keys
that the log names, or raises: a checkpoint that lacks a promised line is not signed at all. A key is
in the ring before the log announces it, and stays in it, public half only, when it is retired.

What is in the ring is written down in `keys/ring.json` (`governance.store.ringfile`).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection, Sequence
from typing import Final, NamedTuple

from audit.disk import sync_directory
from audit.keys import MLDSA44_COSIGNATURE, Verifier
from audit.note import Ed25519Signer, Signer
from governance.store import held, logkey, secrets
from governance.store.errors import CannotOpen
from governance.store.paths import Paths
from governance.store.ringfile import (
    ENCRYPTED,
    FILE,
    PREPARED,
    RETIRED,
    SIGNING,
    Known,
    public_keys,
    read,
    write,
)
from governance.store.secrets import Secrets

__all__ = ["ENCRYPTED", "FILE", "PREPARED", "USUAL", "KeyRing", "Known", "Wanted", "public_keys"]


class Wanted(NamedTuple):
    """What kind of key is to be made or taken into the ring.

    `at` is the URI of a key held elsewhere, `public` its public key as PEM if the place does not
    show it; `algorithm` counts for keys that are made here.
    """

    custody: str = FILE
    algorithm: str = logkey.ED25519
    at: str = ""
    public: str | None = None


USUAL: Final = Wanted()


class KeyRing:
    """The keys of one log. Any thread may ask for signers; only verbs change the ring."""

    def __init__(
        self, paths: Paths, keys: Sequence[Known], clock: logkey.Seconds, ask: Secrets
    ) -> None:
        self._paths, self._clock, self._ask = paths, clock, ask
        self._known = tuple(keys)
        self._opened: dict[str, Signer] = {}
        self._last: tuple[tuple[str, ...], tuple[Signer, ...]] | None = None
        self._failed: tuple[tuple[str, ...], frozenset[tuple[str, int, int]], str] | None = None
        self.without: frozenset[str] = frozenset()
        self._changing = threading.RLock()

    @classmethod
    def create(
        cls,
        paths: Paths,
        origin: str,
        wanted: Wanted = USUAL,
        *,
        clock: logkey.Seconds | None = None,
        ask: Secrets = secrets.asked,
    ) -> KeyRing:
        """The ring of a new log called `origin`, with one key. Raises `CannotOpen`.

        The first key is Ed25519 or ECDSA: an ML-DSA-44 line comes as a second one.
        """
        if wanted.custody in (FILE, ENCRYPTED) and paths.log_key.exists():
            raise CannotOpen(f"cannot make the log key `{paths.log_key}`: File exists")
        ring = cls(paths, (), clock or _now, ask)
        ring._add(origin, wanted, paths.log_key.name, SIGNING)
        return ring

    @classmethod
    def open(
        cls,
        paths: Paths,
        *,
        clock: logkey.Seconds | None = None,
        ask: Secrets = secrets.asked,
        without: Collection[str] = (),
    ) -> KeyRing:
        """The keys of a workspace. Opens none of them yet. Raises `CannotOpen`, saying what to do.

        `without`: ids of keys that are lost, and do not sign although the log still names them.
        """
        ring = cls(paths, read(paths), clock or _now, ask)
        ring.without = frozenset(without)
        return ring

    # -- looking -----------------------------------------------------------------------------------

    @property
    def origin(self) -> str:
        """The log's name, which is that of all its keys."""
        return self._known[0].verifier.name

    @property
    def known(self) -> tuple[Known, ...]:
        """All keys, the one the log was founded with first."""
        return self._known

    @property
    def verifiers(self) -> tuple[Verifier, ...]:
        """The public halves of all keys that sign or signed."""
        return tuple(key.verifier for key in self._known if key.status != PREPARED)

    @property
    def followed(self) -> tuple[Verifier, ...]:
        """Whose heads are followed: also those of a key that waits here, for another process of the
        log may have put it in force, and retired the others, since this one looked."""
        return tuple(key.verifier for key in self._known)

    @property
    def quick(self) -> bool:
        """Whether those that signed last do it in memory within microseconds."""
        return self._last is not None and all(
            isinstance(signer, Ed25519Signer) for signer in self._last[1]
        )

    def signers(self, vkeys: tuple[str, ...]) -> tuple[Signer, ...]:
        """The keys named by `vkeys`, in that order; for none, the key the log was founded with.

        Raises `CannotOpen` if one of them is not in the ring or does not open.
        """
        last = self._last
        if last is not None and last[0] == vkeys:
            return last[1]
        named = self._named(vkeys)
        signing = [
            vkey for vkey in named if Verifier.from_vkey(vkey).key_id.hex() not in self.without
        ]
        if all(Verifier.from_vkey(vkey).algorithm == MLDSA44_COSIGNATURE for vkey in signing):
            raise CannotOpen(
                "no key is left that signs this log; put one back from where it was kept. If all "
                "are lost, start a new log with `governance restore --acknowledge`"
            )
        signers = tuple(self._signer(vkey) for vkey in signing)
        self._last = vkeys, signers
        return signers

    def lacking(self, vkeys: tuple[str, ...]) -> str | None:
        """Why the keys named by `vkeys` cannot sign (a sentence), or None if they can.

        What failed is tried again only when `keys/` has changed: tokens count refused PINs, and
        passphrases take time.
        """
        last, failed = self._last, self._failed
        if last is not None and last[0] == vkeys:
            return None
        seen = self._seen()
        if failed is None or failed[:2] != (vkeys, seen):
            try:
                self.signers(vkeys)
            except CannotOpen as error:
                self._failed = vkeys, seen, f"{error}. It is looked for again when `keys/` changes"
            else:
                self._failed = None
        return None if self._failed is None else self._failed[2]

    def named(self, vkeys: tuple[str, ...]) -> tuple[str, ...]:
        """The verifier keys of those that `signers` gives; opens none of them."""
        named = self._named(vkeys)
        return tuple(k for k in named if Verifier.from_vkey(k).key_id.hex() not in self.without)

    def prove(self, vkeys: tuple[str, ...], checkpoint: str) -> None:
        """Have each key sign `checkpoint` (a text the log has signed already) once more.

        So a token or service that answers with another key is found before anything is recorded.
        Raises `CannotOpen` and `CannotSign`.
        """
        for signer in self.signers(vkeys):
            signer.verifier.verify(checkpoint.encode(), signer.sign(checkpoint.encode()))

    def prove_one(self, vkey: str, checkpoint: str) -> None:
        """The same for one key of the ring that does not sign yet."""
        signer = self._signer(vkey)
        signer.verifier.verify(checkpoint.encode(), signer.sign(checkpoint.encode()))

    def look_again(self) -> None:
        """Read which keys there are: another process's may have been copied here. Raises `CannotOpen`."""
        with self._changing:
            self._known = read(self._paths)

    # -- changing ----------------------------------------------------------------------------------

    def prepare(self, wanted: Wanted, checkpoint: str) -> Known:
        """Make a key, or take one from elsewhere, that signs nothing until the log announces it.

        It proves itself over `checkpoint`, a text the log has signed. Raises `CannotOpen`, and
        `CannotSign` if the place does not sign.
        """
        with self._changing:
            known = self._add(self.origin, wanted, None, PREPARED)
            try:
                self.prove_one(known.vkey, checkpoint)
            except BaseException:
                self.discard(known.vkey)
                raise
            return known

    def discard(self, vkey: str) -> None:
        """Forget a key that was prepared and never announced; its file goes, too."""
        with self._changing:
            found = self._find(vkey)
            if found is None or found.status != PREPARED:
                return
            self._opened.pop(vkey, None)
            self._keep([key for key in self._known if key.vkey != vkey])
            if found.custody in (FILE, ENCRYPTED):
                (self._paths.keys / found.at).unlink(missing_ok=True)

    def destroy(self, vkey: str) -> bool:
        """Delete the private half of a key that signs no longer, if it is a file; whether it was.

        Nothing needs it any more, and who finds it could write another past. Only for keys that the
        log retired: to be called once that is on disk, and `follow` knows it.
        """
        found = self._find(vkey)
        if found is None or found.status != RETIRED or found.custody not in (FILE, ENCRYPTED):
            return False
        path = self._paths.keys / found.at
        there = path.exists()
        path.unlink(missing_ok=True)
        sync_directory(self._paths.keys)
        return there

    def follow(self, vkeys: tuple[str, ...]) -> None:
        """Write down who signs now, as the log says it: `vkeys`, or for none the first key."""
        named = self._named(vkeys)
        with self._changing:
            now = [key._replace(status=_status(key, named)) for key in self._known]
            if now != list(self._known) or not self._paths.ring.exists():
                self._keep(now)
        for vkey in self._opened.keys() - set(named):
            signer = self._opened.pop(vkey)
            if isinstance(signer, held.HeldSigner):
                signer.close()

    def close(self) -> None:
        """End the sessions with tokens."""
        self._last = None
        for signer in self._opened.values():
            if isinstance(signer, held.HeldSigner):
                signer.close()
        self._opened.clear()

    # -- inside ------------------------------------------------------------------------------------

    def _seen(self) -> frozenset[tuple[str, int, int]]:
        """What lies in `keys/` now: name, size, and when it was changed last (rights included)."""
        try:
            with os.scandir(self._paths.keys) as found:
                stats = [(each.name, each.stat()) for each in found]
        except OSError:
            return frozenset()
        return frozenset((name, stat.st_size, stat.st_ctime_ns) for name, stat in stats)

    def _named(self, vkeys: tuple[str, ...]) -> tuple[str, ...]:
        """Those of `vkeys` that are this log's: a restored log begins with the state of another."""
        ours = tuple(vkey for vkey in vkeys if vkey.startswith(f"{self.origin}+"))
        return ours or (self._known[0].vkey,)

    def _signer(self, vkey: str) -> Signer:
        if vkey not in self._opened:
            if self._find(vkey) is None:
                self.look_again()  # another process of this log announced it
            found = self._find(vkey)
            if found is None:
                key = Verifier.from_vkey(vkey).key_id.hex()
                raise CannotOpen(
                    f"the log names the key `{key}`, which is not in `{self._paths.ring}`: nothing "
                    "can be signed. Put `keys/` back as it was; if another service of this log "
                    "(PostgreSQL) made it, copy `keys/` from its folder; only if nobody has that key "
                    f"any more: `governance log-key retire {key} --why lost`"
                )
            self._opened[vkey] = self._open(found)
        return self._opened[vkey]

    def _open(self, known: Known) -> Signer:
        path = self._paths.keys / known.at
        signer: Signer
        if known.custody in (FILE, ENCRYPTED) and not path.exists() and len(self.verifiers) > 1:
            raise CannotOpen(
                f"the log key `{path}` is missing: nothing is signed without a line that the log "
                "promises. Put it back from where it was kept; if it is lost, the others go on after "
                f"`governance log-key retire {known.id} --why lost`"
            )
        if known.custody == FILE:
            signer = logkey.read(path, self._clock)
        elif known.custody == ENCRYPTED:
            signer = logkey.read_encrypted(path, self._asking(known, "the passphrase"), self._clock)
        else:
            secret = self._asking(known, "the PIN or password")
            return held.open_held(known.at, known.verifier, secret)
        if signer.verifier != known.verifier:
            raise CannotOpen(
                f"the log key `{path}` is `{signer.name}+{signer.key_id.hex()}`, not "
                f"`{known.verifier.name}+{known.id}` as `{self._paths.ring.name}` says; put the "
                "right file back"
            )
        return signer

    def _asking(self, known: Known, what: str, new: bool = False) -> Callable[[], str]:
        return lambda: self._ask(known.id, f"{what} of the log key `{known.id}`", new)

    def _add(self, origin: str, wanted: Wanted, name: str | None, status: str) -> Known:
        if wanted.custody in (FILE, ENCRYPTED):
            known, signer = self._made(origin, wanted, name, status)
            self._opened[known.vkey] = signer
        else:
            ask = self._ask
            verifier = held.find(
                wanted.at,
                origin,
                lambda: ask("", f"the PIN of `{wanted.at}`", False),
                wanted.public,
            )
            known = Known(verifier, wanted.custody, wanted.at, status)
        if any(key.id == known.id for key in self._known):
            raise CannotOpen(
                f"a key with the id `{known.id}` is in the ring already, and a key that was used is "
                "not used again; make another"
            )
        self._keep([*self._known, known])
        return known

    def _made(
        self, origin: str, wanted: Wanted, name: str | None, status: str
    ) -> tuple[Known, logkey.FileSigner]:
        signer = logkey.generate(origin, wanted.algorithm, self._clock)
        at = name or f"log-{signer.key_id.hex()}.key"
        known = Known(signer.verifier, wanted.custody, at, status)
        if wanted.custody == ENCRYPTED:
            passphrase = self._asking(known, "a new passphrase", True)()
            logkey.write_encrypted(self._paths.keys / at, signer, passphrase)
        else:
            logkey.write(self._paths.keys / at, signer)
        sync_directory(self._paths.keys)
        return known, signer

    def _find(self, vkey: str) -> Known | None:
        return next((key for key in self._known if key.vkey == vkey), None)

    def _keep(self, keys: Sequence[Known]) -> None:
        write(self._paths, keys)
        self._known, self._last = tuple(keys), None


def _status(key: Known, named: Collection[str]) -> str:
    if key.vkey in named:
        return SIGNING
    return PREPARED if key.status == PREPARED else RETIRED


def _now() -> int:
    return int(time.time())  # noqa: TID251 - the time in a signature, as the machine has it
