"""A witness: it cosigns a log's checkpoint only if that log has never shown it another tree.

The law of C2SP tlog-witness: for each log the witness remembers the newest checkpoint it cosigned.
A new one is cosigned if a pinned key of the log signed it and a proof shows that its tree contains
the one remembered; it is on disk before anybody gets the cosignature, and looking and storing are
one step. So one witness never cosigns two trees that disagree, whoever has the log's key.

What a log signed that does not fit together is kept as evidence: two trees of one size (`fork`,
proof by itself), a larger tree that was not shown to contain the older (`unproven`: perhaps a fork,
perhaps a broken client, perhaps
somebody who sent a public checkpoint with a made-up proof; dropped once the same checkpoint is
shown to fit), an empty tree with a root that is not that of nothing (`empty`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple

from audit import checkpoint as checkpoints
from audit import note as notes
from audit.checkpoint import Checkpoint
from audit.encoding import b64, utc
from audit.errors import BadNote, LogError, Malformed, UnknownKey
from audit.keys import MLDSA44_COSIGNATURE
from audit.proof import verify_consistency
from audit.tree import empty_root
from audit.witness_evidence import EMPTY, FORK, UNPROVEN, Conflict
from audit.witness_request import SIZE_TYPE, AddCheckpoint, parse
from audit.witness_state import Held, PinnedLog, State, Uncertain, WitnessError

BACKWARDS = 60
"""Seconds by which the clock may lie behind the last cosignature before the witness refuses."""

TEXT = "text/plain; charset=utf-8"


class Answer(NamedTuple):
    """What goes back: an HTTP status and a body."""

    status: int
    body: str
    content_type: str = TEXT


class _No(Exception):
    """The request is answered with something else than a cosignature."""

    def __init__(self, status: int, message: str, content_type: str = TEXT) -> None:
        super().__init__(message)
        self.answer = Answer(status, message + "\n", content_type)


class Witness:
    """Answers requests over a state that is locked by this process."""

    def __init__(
        self, state: State, clock: Callable[[], int], told: Callable[[str], None] = print
    ) -> None:
        """`clock` gives Unix seconds; `told` gets a line for whatever the operator should see.

        Raises `WitnessError` if keys or logs cannot be read.
        """
        self._state, self._clock, self._told = state, clock, told
        self._cosigners = state.cosigners(clock)
        self._own = [cosigner.verifier for cosigner in self._cosigners]
        self._lock = threading.Lock()
        self._broken = ""
        for log in state.logs():
            state.held(log.origin, self._own)

    @property
    def vkeys(self) -> list[str]:
        """The keys to pin."""
        return [key.vkey for key in self._own]

    def add_checkpoint(self, body: bytes) -> Answer:
        """The answer to `POST add-checkpoint`. Never raises for anything a caller can send."""
        try:
            request, log, tree, signed = self._read(body)
            with self._lock:
                if self._broken:
                    raise _No(503, self._broken)
                return self._decide(request, log, tree, signed)
        except _No as no:
            return no.answer
        except WitnessError as error:
            self._told(str(error))
            return Answer(503, "the witness cannot read what it has seen\n")

    def checkpoint(self, digest: str) -> Answer:
        """The answer to `GET <origin hash>/checkpoint`: the newest cosigned checkpoint, or 404."""
        try:
            log = self._state.log_at(digest)
            with self._lock:
                if self._broken:
                    return Answer(503, self._broken + "\n")
                held = self._state.held(log.origin, self._own) if log else None
        except WitnessError as error:
            self._told(str(error))
            return Answer(503, "the witness cannot read what it has seen\n")
        return Answer(200, held.note) if held else Answer(404, "no checkpoint of such a log\n")

    def finish(self) -> None:
        """Return once nothing is being written any more, and answer nothing from then on."""
        with self._lock:
            self._broken = "the witness is shutting down"

    def _read(self, body: bytes) -> tuple[AddCheckpoint, PinnedLog, Checkpoint, str]:
        """The request, whose log it is, the tree, and its note with only that log's signatures."""
        try:
            request = parse(body)
            tree = request.checkpoint()
        except Malformed as error:
            raise _No(400, str(error)) from error
        log = self._state.log(tree.origin)
        if log is None:
            raise _No(404, f"the log `{tree.origin[:200]}` is not known here")
        try:
            opened = notes.open_note(request.note, log.keys)
            if opened.text != checkpoints.encode(tree):
                raise BadNote("the checkpoint is not what its signatures are under")
            checkpoints.open_checkpoint(request.note, log.keys, log.origin)
            _check_covered(tree, log, opened)
        except (UnknownKey, BadNote) as error:
            raise _No(403, str(error)) from error
        lines = [f"\u2014 {s.name} {b64(s.key_id + s.signature)}\n" for s in opened.verified]
        if request.old > tree.size:
            raise _No(400, f"the old size {request.old} is above the checkpoint's {tree.size}")
        return request, log, tree, f"{opened.text}\n{''.join(lines)}"

    def _decide(
        self, request: AddCheckpoint, log: PinnedLog, tree: Checkpoint, signed: str
    ) -> Answer:
        held = self._state.held(log.origin, self._own)
        size = held.tree.size if held else 0
        if held and tree.size == size > 0 and tree.root != held.tree.root:
            self._keep(FORK, request, signed, held)
        if request.old != size:
            raise _No(409, str(size), SIZE_TYPE)
        self._check(request, signed, tree, held)
        note, lines = self._cosign(signed, held)
        try:
            self._state.store(log.origin, note)
        except Uncertain as error:
            self._broken = "the witness must be started again"
            self._told(str(error))
            raise _No(503, self._broken) from error
        except OSError as error:
            self._told(f"nothing was cosigned, `{self._state.path}` is not writable: {error}")
            raise _No(503, "the witness cannot store what it sees") from error
        try:
            self._state.settle(log.origin, note)
        except OSError as error:  # it was cosigned and is on disk: that is what is answered
            self._told(f"a suspicion against `{log.origin}` could not be dropped: {error}")
        return Answer(200, lines)

    def _check(
        self, request: AddCheckpoint, signed: str, tree: Checkpoint, held: Held | None
    ) -> None:
        """Raises unless `tree` contains what was seen before. The old size is the one held."""
        if tree.size == 0 and tree.root != empty_root():
            self._keep(EMPTY, request, signed, held)
            raise _No(422, "an empty tree has the hash of nothing for a root")
        if request.old == 0 or held is None:
            if request.proof:
                raise _No(422, "from a tree without entries the consistency proof is empty")
            return
        if tree.size == request.old and tree.root != held.tree.root:
            raise _No(422, f"this witness has cosigned another tree of {tree.size} entries")
        try:
            verify_consistency(request.old, held.tree.root, tree.size, tree.root, request.proof)
        except LogError as error:
            if tree.size > request.old:
                self._keep(UNPROVEN, request, signed, held)
            raise _No(422, f"the consistency proof does not hold: {error}") from error

    def _cosign(self, signed: str, held: Held | None) -> tuple[str, str]:
        """The note to be kept, and the cosignature lines in it."""
        time = self._clock()
        if time <= 0:
            raise _No(503, "the witness's clock is not set")
        if held is not None and time < held.time:
            if time < held.time - BACKWARDS:
                self._told(
                    f"the clock says {utc(time)}, but the last cosignature is of "
                    f"{utc(held.time)}: set the clock; if it was that one that was wrong, start a "
                    "new witness with a new key"
                )
                raise _No(503, "the witness's clock lies behind its last cosignature")
            time = held.time
        text, _ = notes.split(signed)
        lines = ""
        for cosigner in self._cosigners:
            try:
                signature = cosigner.key_id + cosigner.sign_at(text.encode(), time)
            except Malformed as error:
                self._told(f"`{cosigner.name}` can sign no such checkpoint: {error}")
                raise _No(503, "a key of this witness can sign no such checkpoint") from error
            lines += f"\u2014 {cosigner.name} {b64(signature)}\n"
        return signed + lines, lines

    def _keep(self, why: str, request: AddCheckpoint, signed: str, held: Held | None) -> None:
        """Keep what the log signed, without what strangers may have added to it."""
        origin = request.checkpoint().origin
        conflict = Conflict(
            why,
            utc(self._clock()),
            held.note if held else "",
            signed,
            request.old,
            tuple(map(b64, request.proof)),
        )
        try:
            file = self._state.keep(origin, conflict)
        except (OSError, WitnessError) as error:
            self._told(f"evidence against `{origin}` could not be kept: {error}")
            return
        if file is None:
            self._told(f"more was signed by `{origin}` that does not fit ({why}): not kept")
            return
        word = "CONFLICT" if why != UNPROVEN else "not proven"
        self._told(
            f"{word} ({why}): what the log `{origin}` signed does not follow from what it had "
            f"shown before; kept in `{file}`"
        )


def _check_covered(tree: Checkpoint, log: PinnedLog, opened: notes.OpenedNote) -> None:
    """Raises `UnknownKey` for extension lines that nobody signed.

    ML-DSA-44 signatures leave them out: strangers could have any sentence cosigned as the log's.
    """
    signed = {(line.name, line.key_id) for line in opened.verified}
    whole = [key for key in log.keys if key.algorithm != MLDSA44_COSIGNATURE]
    if tree.extensions and not any((key.name, key.key_id) in signed for key in whole):
        raise UnknownKey(
            "no signature covers the extension lines; an ML-DSA-44 one leaves them out"
        )
