"""Checkpoints, C2SP tlog-checkpoint v1.0.0: the three lines that name a whole log.

    example.com/log
    15
    rKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=

The law: origin, number of entries, root. Whoever holds a signed one can tell later whether the
log still contains everything it contained then. A log never signs two that disagree.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from audit import note as notes
from audit.encoding import MAX_SIZE, b64, decimal, unb64
from audit.errors import BadCheckpoint, BadNote, UnknownKey
from audit.keys import ED25519_COSIGNATURE, MLDSA44_COSIGNATURE, Verifier
from audit.tree import HASH_SIZE


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree: whose (`origin`), how many leaves (`size`), which (`root`, 32 bytes)."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()


def encode(checkpoint: Checkpoint) -> str:
    """The note text. Raises `BadCheckpoint` for what no checkpoint can say."""
    if not 0 <= checkpoint.size <= MAX_SIZE or len(checkpoint.root) != HASH_SIZE:
        raise BadCheckpoint("a checkpoint has a size below 2^63 and a root of 32 bytes")
    lines = [
        checkpoint.origin,
        str(checkpoint.size),
        b64(checkpoint.root),
        *checkpoint.extensions,
    ]
    if any(not line or "\n" in line for line in lines):
        raise BadCheckpoint("the origin and the extension lines must be non-empty single lines")
    return _checked("".join(line + "\n" for line in lines))


def parse(text: str) -> Checkpoint:
    """The checkpoint that `text` spells. Raises `BadCheckpoint`."""
    if not text.endswith("\n"):
        raise BadCheckpoint("the checkpoint does not end in a newline")
    lines = _checked(text)[:-1].split("\n")
    if len(lines) < 3 or not all(lines):
        raise BadCheckpoint("a checkpoint has at least three lines, none of them empty")
    try:
        size, root = decimal(lines[1]), unb64(lines[2])
    except ValueError as error:
        raise BadCheckpoint(f"checkpoint of `{lines[0][:80]}`: {error}") from error
    if len(root) != HASH_SIZE:
        raise BadCheckpoint(f"checkpoint of `{lines[0][:80]}`: the root is not 32 bytes long")
    return Checkpoint(lines[0], size, root, tuple(lines[3:]))


def sign_checkpoint(checkpoint: Checkpoint, *signers: notes.Signer) -> str:
    """The signed note. Whoever calls this owes the log's promise: never two that disagree."""
    return notes.sign(encode(checkpoint), *signers)


def open_checkpoint(
    note: str | bytes, verifiers: Iterable[Verifier], origin: str | None = None
) -> Checkpoint:
    """The checkpoint in `note`, signed by a pinned key of the log itself.

    A witness's cosignature alone does not make it the log's. Raises `BadNote`, `BadCheckpoint`,
    or `UnknownKey` if no log key signed it or it is not of `origin` (when one is given).
    """
    pinned = list(verifiers)
    opened = notes.open_note(note, pinned)
    checkpoint = parse(opened.text)
    if origin is not None and checkpoint.origin != origin:
        raise UnknownKey(f"the checkpoint is of `{checkpoint.origin}`, not of `{origin}`")
    logs = {(v.name, v.key_id) for v in pinned if _may_be_the_log(v, checkpoint.origin)}
    if not any((line.name, line.key_id) in logs for line in opened.verified):
        raise UnknownKey(f"only witnesses signed the checkpoint of `{checkpoint.origin}`")
    return checkpoint


def open_named_checkpoint(note: str | bytes, verifiers: Iterable[Verifier]) -> Checkpoint:
    """As `open_checkpoint`, signed by a pinned key whose name is the origin, as our logs do.

    With keys of several logs pinned, none of them can speak for another. Raises `UnknownKey`.
    """
    pinned = list(verifiers)
    origin = parse(notes.split(note)[0]).origin
    own = [key for key in pinned if key.name == origin]
    if not own:
        names = ", ".join(f"`{key.name}`" for key in pinned)
        raise UnknownKey(
            f"the checkpoint is of the log `{origin}`, and no pinned key has that name "
            f"(pinned: {names or 'none'})"
        )
    notes.open_note(note, pinned)
    return open_checkpoint(note, own, origin)


def _checked(text: str) -> str:
    """The text, of characters that a note may hold: a checkpoint is the text of one."""
    try:
        notes.check_characters(text)
    except BadNote as error:
        raise BadCheckpoint(f"not the text of a checkpoint: {error}") from error
    return text


def _may_be_the_log(key: Verifier, origin: str) -> bool:
    """Whether a key signs for the log: a cosigning key does only if it bears the log's name."""
    if key.algorithm == MLDSA44_COSIGNATURE:
        return key.name == origin
    return key.algorithm != ED25519_COSIGNATURE
