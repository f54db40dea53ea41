"""What a witness kept against a log, and what it proves to somebody who has only the log's key.

The law: a witness is not believed either. Two checkpoints of one size with different roots, both
signed by the log's key, prove that the log contradicted itself, whoever kept them; everything less
proves nothing, and is told so.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit.canonical import canonical
from audit.checkpoint import Checkpoint, open_checkpoint
from audit.encoding import decimal, unb64
from audit.errors import LogError, Malformed
from audit.keys import Verifier
from audit.proof import verify_consistency
from audit.tree import empty_root

FORMAT = "witness-conflict/v1"
FORK, EMPTY, UNPROVEN = "fork", "empty", "unproven"


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two things one log signed. `why` is FORK, EMPTY or UNPROVEN; `held` and `offered` are signed
    checkpoints (`held` empty if there was none), `proof` the hashes that came with `offered`, in
    base64, said to lead from `old` entries; `file` where it is kept."""

    why: str
    at: str
    held: str
    offered: str
    old: int
    proof: tuple[str, ...]
    file: Path | None = None


def encode(origin: str, conflict: Conflict) -> bytes:
    """The file: canonical JSON and a newline."""
    value = {
        "at": conflict.at,
        "format": FORMAT,
        "held": conflict.held,
        "offered": conflict.offered,
        "old": str(conflict.old),
        "origin": origin,
        "proof": list(conflict.proof),
        "why": conflict.why,
    }
    return canonical(value) + b"\n"


def decode(data: bytes, file: Path | None = None) -> Conflict:
    """Read a file. Raises `Malformed`; nothing in it is believed yet."""
    try:
        value: dict[str, Any] = json.loads(data)
        conflict = Conflict(
            value["why"],
            value["at"],
            value["held"],
            value["offered"],
            decimal(value["old"]),
            tuple(value["proof"]),
            file,
        )
        texts = (conflict.at, conflict.held, conflict.offered, *conflict.proof)
        known = conflict.why in (FORK, EMPTY, UNPROVEN) and all(type(t) is str for t in texts)
        if not known or encode(value["origin"], conflict) != data:
            raise ValueError
    except (LogError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise Malformed(
            "this is not the evidence of a witness: expected a file from its `conflicts`, as it "
            "wrote it"
        ) from error
    return conflict


def judge(conflict: Conflict, keys: Sequence[Verifier]) -> tuple[bool | None, str]:
    """What it proves to whoever trusts `keys` to be the log's, and a sentence for people.

    True: the log contradicted itself. None: nothing is proven. False: the two fit together.
    Raises `UnknownKey` if no such key signed both, `Malformed`.
    """
    offered = open_checkpoint(conflict.offered, keys)
    if offered.size == 0 and offered.root != empty_root():
        return True, "proven: the log signed an empty tree with the root of another one"
    if not conflict.held:
        return False, "the log signed one tree, and nothing that contradicts it"
    held = open_checkpoint(conflict.held, keys, offered.origin)
    if held.size == offered.size:
        if held.root == offered.root:
            return False, "both are the same tree"
        return True, (
            f"proven: the log `{held.origin}` signed two different trees of {held.size} entries; "
            "whoever was shown one was not shown the other"
        )
    return _follows(conflict, held, offered)


def _follows(conflict: Conflict, held: Checkpoint, offered: Checkpoint) -> tuple[bool | None, str]:
    try:
        proof = [unb64(line) for line in conflict.proof]
        verify_consistency(held.size, held.root, offered.size, offered.root, proof)
    except (LogError, ValueError) as error:
        return None, (
            f"not proven: the log `{held.origin}` signed trees of {held.size} and {offered.size} "
            f"entries, and the proof between them does not hold ({error}). If the log is honest it "
            "can give one that does"
        )
    return False, f"the tree of {offered.size} entries contains that of {held.size}"
