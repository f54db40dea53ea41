"""What a witness remembers, on disk: its key, its logs, the last checkpoint it cosigned of each.

    DIR/witness.key                       signer keys, one to a line; readable by the owner only
    DIR/lock                              held by the one witness that runs on this directory
    DIR/logs/<sha256 of origin>/log       which keys are pinned for the log, canonical JSON
    DIR/logs/<sha256 of origin>/checkpoint  the newest checkpoint it cosigned, with all signatures
    DIR/logs/<sha256 of origin>/conflicts/<why>-<id>.json  what a log signed that does not fit together

The law: `store` returns only when the new checkpoint is on disk: written beside the old one, synced,
put in its place in one step, and the folder synced. Whatever happens in between, the file holds the
old or the new checkpoint, whole. A file that cannot be read as what it must be stops the witness;
it never counts as "nothing seen yet". Forgetting is the one thing a witness must not do.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from audit import checkpoint as checkpoints
from audit import note as notes
from audit.canonical import canonical
from audit.checkpoint import Checkpoint
from audit.cosigner import Cosigner, from_skey
from audit.disk import sync_directory, sync_file
from audit.encoding import b64
from audit.errors import BadKey, LogError, Malformed
from audit.keys import Verifier
from audit.witness_disk import Uncertain, WitnessError, replace_file
from audit.witness_evidence import FORK, UNPROVEN, Conflict, decode, encode

__all__ = ["Conflict", "Held", "PinnedLog", "State", "Uncertain", "WitnessError", "origin_hash"]

MAX_CONFLICTS = 100
"""Of each kind and log: one proves it, and each may have half a megabyte."""
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_LOG_FORMAT = "witness-log/v1"


@dataclass(frozen=True, slots=True)
class PinnedLog:
    """A log the witness knows. `name` and `url` are for people."""

    origin: str
    keys: tuple[Verifier, ...]
    name: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """The newest checkpoint the witness cosigned: the whole note, the tree, and when (Unix s)."""

    note: str
    tree: Checkpoint
    time: int


class State:
    """A witness's directory. Any process may read; only the one with `lock` may `store`."""

    def __init__(self, path: Path) -> None:
        """Raises `WitnessError` if there is no witness at `path`."""
        self.path = path
        self._logs = path / "logs"
        if not (path / "witness.key").is_file() or not self._logs.is_dir():
            raise WitnessError(
                f"there is no witness at `{path}`: make one with "
                f"`python -m audit witness init {path} --name NAME`"
            )

    @classmethod
    def create(cls, path: Path, cosigners: list[Cosigner]) -> State:
        """A new directory with these keys. Raises `WitnessError` if there is one already."""
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            (path / "logs").mkdir(exist_ok=True)
            key = path / "witness.key"
            fd = os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError as error:
            raise WitnessError(
                f"there is a witness at `{path}` already; its key is what others pinned, so it is "
                "not replaced"
            ) from error
        except OSError as error:
            raise WitnessError(f"cannot make `{path}`: {error.strerror}") from error
        with open(fd, "w", encoding="utf-8") as file:
            file.writelines(f"{cosigner.skey}\n" for cosigner in cosigners)
            file.flush()
            os.fsync(file.fileno())
        sync_directory(path)
        return cls(path)

    def cosigners(self, clock: Callable[[], int]) -> list[Cosigner]:
        """The witness's own keys. Raises `WitnessError` if others may read them, or if damaged."""
        path = self.path / "witness.key"
        if path.stat().st_mode & 0o077:
            raise WitnessError(
                f"the key `{path}` can be read by others on this machine: `chmod 600 {path}`, and "
                "make a new witness if somebody did"
            )
        try:
            keys = [from_skey(line, clock) for line in path.read_text().splitlines()]
        except (BadKey, OSError, UnicodeDecodeError) as error:
            raise WitnessError(f"the key file `{path}` cannot be used: {error}") from error
        if not keys:
            raise WitnessError(f"the key file `{path}` is empty; put it back from a backup of it")
        return keys

    @contextmanager
    def lock(self, name: str = "lock") -> Iterator[None]:
        """Held while a witness runs here, or (`logs.lock`) while its list of logs is changed.

        Raises `WitnessError` if another process holds it.
        """
        fd = os.open(self.path / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(fd)
            raise WitnessError(
                f"another process is working on `{self.path}`: two witnesses on one directory could "
                "cosign two trees that disagree. Stop the other, or give this one its own directory"
            ) from error
        try:
            self._sync()
            yield
        finally:
            os.close(fd)

    def _sync(self) -> None:
        """Make durable what an earlier process left, before anything relies on it."""
        for folder in self._folders():
            file = folder / "checkpoint"
            if file.exists():
                sync_file(file)
            sync_directory(folder)
        sync_directory(self._logs)

    def _folders(self) -> list[Path]:
        return sorted(path for path in self._logs.iterdir() if (path / "log").is_file())

    def folder(self, origin: str) -> Path:
        """Where what is known of a log is kept; the name is also the one of its public address."""
        return self._logs / origin_hash(origin)

    def logs(self) -> list[PinnedLog]:
        """All logs, by origin. Raises `WitnessError` if one cannot be read."""
        return sorted(
            (self._read_log(path) for path in self._folders()), key=lambda log: log.origin
        )

    def log(self, origin: str) -> PinnedLog | None:
        """The log of this origin, None if it is not known. Raises `WitnessError`."""
        folder = self.folder(origin)
        return self._read_log(folder) if (folder / "log").is_file() else None

    def log_at(self, digest: str) -> PinnedLog | None:
        """The log whose origin has this SHA-256 (hex), None if it is not known."""
        folder = self._logs / digest
        if not _DIGEST.fullmatch(digest) or not (folder / "log").is_file():
            return None
        return self._read_log(folder)

    def _read_log(self, folder: Path) -> PinnedLog:
        try:
            data = (folder / "log").read_bytes()
            value = json.loads(data)
            if canonical(value) + b"\n" != data or value["format"] != _LOG_FORMAT:
                raise Malformed("it is not as it was written")
            keys = tuple(Verifier.from_vkey(vkey) for vkey in value["keys"])
            log = PinnedLog(value["origin"], keys, value["name"], value["url"])
            if origin_hash(log.origin) != folder.name:
                raise Malformed("it lies in the folder of another log")
        except (OSError, ValueError, KeyError, TypeError, LogError) as error:
            raise WitnessError(f"`{folder / 'log'}` cannot be read: {error}") from error
        return log

    def pin(self, log: PinnedLog) -> None:
        """Write which keys are pinned for a log; what was seen of it stays."""
        value = {
            "format": _LOG_FORMAT,
            "keys": [key.vkey for key in log.keys],
            "name": log.name,
            "origin": log.origin,
            "url": log.url,
        }
        folder = self.folder(log.origin)
        folder.mkdir(mode=0o700, exist_ok=True)
        sync_directory(self._logs)
        replace_file(folder / "log", canonical(value) + b"\n")

    def held(self, origin: str, own: list[Verifier]) -> Held | None:
        """What was cosigned last of a log, None if nothing ever was.

        `own` are the witness's keys, which must have signed it. Raises `WitnessError`.
        """
        file = self.folder(origin) / "checkpoint"
        try:
            note = file.read_bytes().decode()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise WitnessError(f"`{file}` cannot be read: {error}") from error
        try:
            opened = notes.open_note(note, own)
            tree = checkpoints.parse(opened.text)
            if tree.origin != origin:
                raise Malformed(f"it is of `{tree.origin}`")
        except LogError as error:
            raise WitnessError(
                f"`{file}` is not what this witness wrote ({error}); put it back from a backup made "
                "after its last cosignature, or start a new witness with a new key"
            ) from error
        return Held(note, tree, max(line.time or 0 for line in opened.verified))

    def store(self, origin: str, note: str) -> None:
        """Put `note` in the place of the last checkpoint, and return when it is on disk.

        Raises `OSError` if it was certainly not stored, `Uncertain` if nobody can tell.
        """
        replace_file(self.folder(origin) / "checkpoint", note.encode())

    def keep(self, origin: str, conflict: Conflict) -> Path | None:
        """Keep what a log signed as evidence; None if there is too much of it already.

        The same two checkpoints are kept once. Raises `OSError`.
        """
        folder = self.folder(origin) / "conflicts"
        folder.mkdir(mode=0o700, exist_ok=True)
        file = folder / _evidence_name(conflict)
        if file.exists():
            return file
        if len(list(folder.glob(f"{conflict.why}-*.json"))) >= MAX_CONFLICTS:
            return None
        replace_file(file, encode(origin, conflict))
        return file

    def settle(self, origin: str, note: str) -> None:
        """Drop the suspicion against a checkpoint that was shown to fit after all."""
        file = _evidence_name(Conflict(UNPROVEN, "", "", note, 0, ()))
        (self.folder(origin) / "conflicts" / file).unlink(missing_ok=True)

    def conflicts(self, origin: str) -> list[Conflict]:
        """All evidence against a log, oldest first. Raises `WitnessError`."""
        found = []
        for file in sorted((self.folder(origin) / "conflicts").glob("*.json")):
            try:
                found.append(decode(file.read_bytes(), file))
            except (OSError, Malformed) as error:
                raise WitnessError(f"the evidence `{file}` cannot be read: {error}") from error
        return sorted(found, key=lambda conflict: conflict.at)


def _evidence_name(conflict: Conflict) -> str:
    """One name for the same contradiction, however often and by whomever it is shown."""
    known = conflict.held if conflict.why == FORK else ""
    trees = "".join(_tree_line(note) for note in (known, conflict.offered) if note)
    return f"{conflict.why}-{hashlib.sha256(trees.encode()).hexdigest()[:32]}.json"


def _tree_line(note: str) -> str:
    tree = checkpoints.parse(notes.split(note)[0])
    return f"{tree.size} {b64(tree.root)}\n"


def origin_hash(origin: str) -> str:
    """The lower-case hex SHA-256 of an origin: its name in addresses, C2SP tlog-witness."""
    return hashlib.sha256(origin.encode(errors="surrogateescape")).hexdigest()
