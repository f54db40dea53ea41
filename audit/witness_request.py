"""The body of `add-checkpoint`, C2SP tlog-witness: an old size, a consistency proof, a checkpoint.

    old 20852014
    PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=

    example.com/behind-the-sofa
    20852163
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

    — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeO…

The law: a request has one spelling. What is parsed is written again and must be what was read.
Nothing in it is believed yet.
"""

from __future__ import annotations

from dataclasses import dataclass

from audit import checkpoint as checkpoints
from audit.checkpoint import Checkpoint
from audit.encoding import b64, decimal, unb64
from audit.errors import BadProof, Malformed
from audit.tree import HASH_SIZE

MAX_PROOF = 63
MAX_BODY = 256 * 1024
SIZE_TYPE = "text/x.tlog.size"
"""The content type of the answer 409, whose body is the witness's size and a newline."""


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """One request: `note` is the signed checkpoint, byte for byte as it came."""

    old: int
    proof: tuple[bytes, ...]
    note: str

    def encode(self) -> bytes:
        """The body of the request."""
        lines = [f"old {self.old}", *map(b64, self.proof), ""]
        return ("\n".join(lines) + "\n" + self.note).encode()

    def checkpoint(self) -> Checkpoint:
        """The tree the note claims, **unverified**, whatever its signatures look like.

        Raises `BadCheckpoint`. A checkpoint's text has no blank line, so it ends at the first.
        """
        text, blank, _ = self.note.partition("\n\n")
        return checkpoints.parse(text + "\n" if blank else text)


def parse(body: bytes) -> AddCheckpoint:
    """Read a request. Raises `Malformed`: the answer is 400.

    The checkpoint's three lines are looked at; its signature lines and the proof's truth are not.
    """
    if len(body) > MAX_BODY:
        raise Malformed(f"the request has more than {MAX_BODY:,} bytes")
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise Malformed(f"byte {error.start} of the request is not UTF-8") from error
    head, blank, note = text.partition("\n\n")
    first, *lines = head.split("\n")
    if not blank or not first.startswith("old "):
        raise Malformed(
            "expected a line `old <size>`, the proof's lines, a blank line, a checkpoint"
        )
    if len(lines) > MAX_PROOF:
        raise Malformed(f"a consistency proof has at most {MAX_PROOF} lines, this has {len(lines)}")
    try:
        old = decimal(first[len("old ") :])
        proof = tuple(map(unb64, lines))
    except ValueError as error:
        raise Malformed(f"the request: {error}") from error
    if any(len(each) != HASH_SIZE for each in proof):
        raise BadProof(f"a line of the consistency proof is not a hash of {HASH_SIZE} bytes")
    request = AddCheckpoint(old, proof, note)
    request.checkpoint()
    return request


def parse_size(body: bytes) -> int:
    """The size in the answer 409: decimal and a newline. Raises `Malformed`."""
    try:
        text = body.decode("ascii")
        if not text.endswith("\n"):
            raise ValueError("it does not end in a newline")
        return decimal(text[:-1])
    except ValueError as error:
        raise Malformed(f"`{body[:40]!r}` is not a size and a newline") from error
