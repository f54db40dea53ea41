"""`python -m audit proof FILE --key VKEY --entry ENTRY`: check one entry's proof, offline.

The law: a proof proves of one entry, the one whose bytes (or leaf hash) are given, that it is in the
tree of a checkpoint that a pinned key signed. Without the entry it proves only that such a checkpoint
exists, and that is what is said.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from audit import checkpoint as checkpoints
from audit import note as notes
from audit import told
from audit.checkpoint import Checkpoint
from audit.encoding import b64, utc
from audit.entry import decode
from audit.errors import (
    BadEntry,
    BadProof,
    Gap,
    LogError,
    Malformed,
    NothingToVerify,
    NotVerified,
    Tampered,
)
from audit.keys import Verifier
from audit.proof import TlogProof, path_length
from audit.retained import read_retained
from audit.tree import leaf_hash
from audit.trust import TrustPolicy

HASH_DIGITS = 64


@dataclass(frozen=True, slots=True)
class ProvenEntry:
    """A proof that was checked. `leaf` is None if nobody said which entry is meant; `what` says in
    words what the entry's bytes hold; `witnessed` who cosigned, and when (Unix seconds)."""

    index: int
    tree: Checkpoint
    signed_by: tuple[str, ...]
    witnessed: tuple[tuple[str, int], ...]
    quorum: tuple[str, ...]
    leaf: bytes | None
    what: str | None

    @property
    def proven(self) -> tuple[str, ...]:
        """Sentences that hold if the pinned key is the log's."""
        keys = ", ".join(f"`{key}`" for key in self.signed_by)
        lines = [
            f"the log `{self.tree.origin}` was signed over {self.tree.size:,} entries under the root "
            f"`{b64(self.tree.root)}`, by {keys}"
        ]
        if self.leaf is not None:
            lines.append(
                f"the entry with the leaf hash `{self.leaf.hex()}` is entry {self.index} of it"
            )
        if self.what is not None:
            lines.append(f"that entry is {self.what}")
        for name, time in self.witnessed:
            lines.append(f"the witness `{name}` saw this tree at {utc(time)}")
        lines += self.quorum
        return tuple(lines)

    @property
    def not_proven(self) -> tuple[str, ...]:
        """Sentences about what this proof cannot show. Never empty."""
        lines = []
        if self.leaf is None:
            lines.append(
                f"what entry {self.index} is: give its bytes (--entry) or its leaf hash (--leaf)"
            )
        if not self.witnessed:
            lines.append(
                "when it was signed, and that others were shown the same log: no witness that you "
                "trust has cosigned this tree (--policy)"
            )
        lines.append("that the log still holds it today: that is shown by a package or a monitor")
        lines.append("that what the entry says is true")
        return tuple(lines)


def check(
    data: bytes,
    pinned: list[Verifier],
    *,
    policy: TrustPolicy | None = None,
    entry: bytes | None = None,
    leaf: bytes | None = None,
) -> ProvenEntry:
    """Check a `.tlog-proof` file, or a JSON receipt that carries one.

    The log's key is one of `pinned` or of the `policy`, whose quorum must then be met. Raises
    `Tampered` for what is not a proof or leads elsewhere, `UnknownKey`, `Gap` for a receipt without
    a proof, `NothingToVerify` for an empty file.
    """
    proof, stated = _read(data, [*pinned, *(policy.verifiers() if policy else ())])
    keys = list(dict.fromkeys([*pinned, *(policy.verifiers() if policy else ())]))
    if entry is not None:
        leaf = leaf_hash(entry)
        if stated is not None and stated != leaf:
            raise Tampered("the receipt is for another entry than the one given", index=proof.index)
    leaf = leaf or stated
    try:
        tree = checkpoints.open_named_checkpoint(proof.checkpoint, keys)
        opened = notes.open_note(proof.checkpoint, keys)
        if policy is not None:
            policy.check(opened)
        if leaf is not None:
            proof.verify(leaf, keys, tree.origin)
        elif path_length(proof.index, tree.size) != len(proof.hashes):
            raise BadProof("the proof has another length than the path to the root")
    except Malformed as error:
        raise Tampered(f"the proof was altered: {error}", index=proof.index) from error
    return ProvenEntry(
        proof.index,
        tree,
        tuple(f"{s.name}+{s.key_id.hex()}" for s in opened.verified if s.name == tree.origin),
        tuple((s.name, s.time) for s in opened.verified if s.time and s.name != tree.origin),
        policy.explain(opened) if policy is not None else (),
        leaf,
        None if entry is None else _said(entry),
    )


def _read(data: bytes, keys: list[Verifier]) -> tuple[TlogProof, bytes | None]:
    """The proof, and the leaf hash that it came with."""
    if not data.strip():
        raise NothingToVerify("the file is empty")
    if data.startswith(b"{"):
        receipt = read_retained("the receipt", data, keys)
        if receipt.proof is None:
            raise Gap(
                "the receipt carries no proof: ask for it with `Prefer: receipt=proof`, or make one "
                "with `governance audit proof`"
            )
        return receipt.proof, receipt.leaf_hash
    try:
        return TlogProof.parse(data.decode()), None
    except (Malformed, UnicodeDecodeError) as error:
        raise Tampered(f"this is no proof as it was made: {error}") from error


def _said(data: bytes) -> str:
    """What an entry's bytes hold, in words; entries of other logs are just bytes."""
    try:
        entry = decode(data)
    except BadEntry:
        return f"{len(data):,} bytes"
    return f"a `{entry.kind}` of {entry.at:%Y-%m-%dT%H:%M:%S.%fZ}"


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to a parser's commands."""
    command = commands.add_parser("proof", help="verify one entry's proof", epilog=told.EPILOG)
    command.set_defaults(run=run, parser=command)
    fill(command)


def fill(command: argparse.ArgumentParser) -> None:
    """Give a parser the arguments of the command."""
    command.add_argument("proof", type=Path, metavar="FILE", help="a .tlog-proof, or a receipt")
    told.add_key_option(command, required=False)
    command.add_argument(
        "--policy", type=Path, metavar="FILE", help="a trust policy (C2SP tlog-policy) to be met"
    )
    which = command.add_mutually_exclusive_group()
    which.add_argument("--entry", type=Path, metavar="FILE", help="the entry's bytes")
    which.add_argument("--leaf", metavar="HEX", help="the entry's leaf hash")
    told.add_output_option(command)


def run(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """Run the command; return the exit code."""
    if not options.key and options.policy is None:
        parser.error("give the log's key with --key, or a trust policy with --policy")
    try:
        keys = [key for text in options.key for key in told.read_keys(text, options.proof)]
        policy = TrustPolicy.parse(options.policy.read_bytes()) if options.policy else None
        entry = options.entry.read_bytes() if options.entry else None
        leaf = _hash(options.leaf) if options.leaf is not None else None
        data = options.proof.read_bytes()
    except OSError as error:
        parser.error(f"`{error.filename}` cannot be read: {error.strerror}")
    except (LogError, UnicodeDecodeError) as error:
        parser.error(str(error))
    try:
        found = check(data, keys, policy=policy, entry=entry, leaf=leaf)
    except NotVerified as error:
        told.tell_failure(error, options.output)
        return error.exit_code
    facts = {
        "origin": found.tree.origin,
        "size": found.tree.size,
        "root": b64(found.tree.root),
        "index": found.index,
        "leaf_hash": None if found.leaf is None else found.leaf.hex(),
        "signed_by": found.signed_by,
        "witnessed": [{"name": name, "time": time} for name, time in found.witnessed],
    }
    title = "checkpoint only" if found.leaf is None else f"entry {found.index}"
    told.tell_proven(title, found.proven, found.not_proven, facts, options.output)
    return 0


def _hash(text: str) -> bytes:
    try:
        if len(text) == HASH_DIGITS:
            return bytes.fromhex(text)
    except ValueError:
        pass
    raise Malformed(f"`{text[:80]}` is no leaf hash: expected {HASH_DIGITS} hex digits")
