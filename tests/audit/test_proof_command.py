"""`python -m audit proof`: one entry's proof, checked by whoever was given it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.__main__ import main
from audit.encoding import b64
from audit.errors import BadProof
from audit.note import Ed25519Cosigner, Ed25519Signer, countersign
from audit.proof import TlogProof, path_length
from audit.tree import inclusion_proof, leaf_hash

INDEX, SIZE = 9, 23


class Kept:
    """The files somebody was given: a proof, its entry, a key of their own."""

    def __init__(self, world: Any, note: str | None = None) -> None:
        log = world.log(SIZE)
        hashes = tuple(inclusion_proof(INDEX, SIZE, log.node))
        self.proof = TlogProof(INDEX, hashes, note or world.checkpoint(log))
        self.bytes = next(log.entries(INDEX, INDEX + 1))
        self.folder: Path = world.folder
        self.file = self.write("decision.tlog-proof", self.proof.encode())
        self.entry = self.write("decision.json", self.bytes)
        self.key = world.key

    def write(self, name: str, content: str | bytes) -> str:
        """A file in the folder; its path."""
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)


@pytest.fixture
def kept(world: Any) -> Kept:
    """A proof of one entry."""
    return Kept(world)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Exit code and what was printed."""
    try:
        code = main(["proof", *arguments])
    except SystemExit as error:
        code = int(str(error.code))
    return code, capsys.readouterr().out


def test_an_entry_is_proven_with_its_bytes_or_its_leaf_hash(kept: Kept, capsys: Any) -> None:
    """Somebody who was given a decision and its proof could not tell that it is in the log."""
    code, said = run(capsys, kept.file, "--key", kept.key, "--entry", kept.entry)
    assert code == 0
    assert f"is entry {INDEX} of it" in said
    assert "a `approval.asked` of 2026-11-20T10:00:09" in said
    assert "no witness" in said
    leaf = leaf_hash(kept.bytes).hex()
    code, said = run(capsys, kept.file, "--key", kept.key, "--leaf", leaf, "-o", "json")
    told = json.loads(said)
    assert (code, told["index"], told["size"], told["leaf_hash"]) == (0, INDEX, SIZE, leaf)
    assert told["not_proven"]


def test_without_the_entry_only_the_checkpoint_is_claimed(kept: Kept, capsys: Any) -> None:
    """A proof of nothing in particular would be taken for the proof of a decision."""
    code, said = run(capsys, kept.file, "--key", kept.key)
    assert code == 0
    assert said.startswith("proven (checkpoint only)")
    assert f"what entry {INDEX} is" in said.partition("not proven:")[2]
    assert "leaf hash `" not in said


def test_a_receipt_that_carries_its_proof_is_enough(kept: Kept, capsys: Any) -> None:
    """An agent's author would have to cut the proof out of the answer by hand."""
    receipt: dict[str, Any] = {
        "index": INDEX,
        "leaf_hash": leaf_hash(kept.bytes).hex(),
        "tree_size": SIZE,
        "checkpoint": kept.proof.checkpoint,
        "proof": kept.proof.encode(),
    }
    answer = {"decision": True, "context": {"receipt": receipt}}
    file = kept.write("answer.json", json.dumps(answer))
    code, said = run(capsys, file, "--key", kept.key)
    assert (code, f"is entry {INDEX} of it" in said) == (0, True)
    other = kept.write("other.json", b"{}")
    assert run(capsys, file, "--key", kept.key, "--entry", other)[0] == 10
    receipt["leaf_hash"] = leaf_hash(b"{}").hex()
    file = kept.write("answer.json", json.dumps(answer))
    assert run(capsys, file, "--key", kept.key)[0] == 10
    del receipt["proof"]
    file = kept.write("answer.json", json.dumps(answer))
    code, said = run(capsys, file, "--key", kept.key)
    assert (code, "Prefer: receipt=proof" in said) == (12, True)


@pytest.mark.parametrize("what", ["entry", "hash", "index", "size", "root", "short", "long"])
def test_an_altered_proof_is_found(kept: Kept, capsys: Any, what: str) -> None:
    """A proof would vouch for an entry that was never recorded."""
    text = kept.proof.encode()
    first = b64(kept.proof.hashes[0])
    if what == "entry":
        kept.write("decision.json", kept.bytes.replace(b"10:00:09", b"10:00:08"))
    elif what == "size":
        text = text.replace(f"\n{SIZE}\n", f"\n{SIZE - 1}\n")
    elif what == "root":
        root = text.splitlines()[text.splitlines().index(str(SIZE)) + 1]
        text = text.replace(root, b64(bytes(32)))
    elif what == "index":
        text = text.replace(f"index {INDEX}", f"index {INDEX - 1}")
    else:
        other = {"hash": b64(bytes(32)) + "\n", "short": "", "long": f"{first}\n{first}\n"}
        text = text.replace(first + "\n", other[what])
    kept.write("decision.tlog-proof", text)
    code, said = run(capsys, kept.file, "--key", kept.key, "--entry", kept.entry)
    wanted = 11 if what in ("size", "root") else 10
    assert code == wanted, said
    if what in ("short", "long"):
        assert run(capsys, kept.file, "--key", kept.key)[0] == 10


def test_a_proof_by_a_stranger_is_no_proof(kept: Kept, world: Any, capsys: Any) -> None:
    """Anybody could make a log of their own and prove whatever they like."""
    stranger = Ed25519Signer.from_seed(world.signer.name, bytes(32))
    code, _ = run(capsys, kept.file, "--key", stranger.vkey, "--entry", kept.entry)
    assert code == 11
    other = Ed25519Signer.from_seed("example.com/other", bytes(32))
    code, said = run(capsys, kept.file, "--key", other.vkey, "--entry", kept.entry)
    assert (code, "no pinned key has that name" in said) == (11, True)


@pytest.mark.parametrize(
    ("content", "code"), [(b"", 13), (b"\n", 13), (b"hello\n", 10), (b"\xff\n", 10), (b"{", 12)]
)
def test_what_is_no_proof_is_said_to_be_none(
    kept: Kept, capsys: Any, content: bytes, code: int
) -> None:
    """A broken file would end in a traceback, or pass."""
    file = kept.write("broken", content)
    assert run(capsys, file, "--key", kept.key)[0] == code


def test_a_witness_is_believed_only_if_the_policy_names_it(world: Any, capsys: Any) -> None:
    """Whoever has the log's key could show a tree that nobody else has seen, and call it witnessed."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    witness = Ed25519Cosigner("w.example/one", key, lambda: 1_800_000_000)
    kept = Kept(world, countersign(world.checkpoint(world.log(SIZE)), witness))
    log, one = world.key, witness.verifier.vkey
    text = f"log {log}\nwitness one {one}\nquorum one\n"
    policy = kept.write("policy", text)
    code, said = run(capsys, kept.file, "--policy", policy, "--entry", kept.entry)
    assert code == 0
    assert "the witness `w.example/one` saw this tree at 2027-01-15T08:00:00Z" in said
    alone = Kept(world)
    code, said = run(capsys, alone.file, "--policy", policy, "--entry", alone.entry)
    assert (code, "lacks the cosignatures" in said) == (11, True)


def test_the_command_says_what_it_wants(kept: Kept, capsys: Any) -> None:
    """Somebody would read a proof without any key and think it verified."""
    assert run(capsys, kept.file)[0] == 2
    assert run(capsys, kept.file, "--key", kept.key, "--leaf", "abc")[0] == 2
    assert run(capsys, str(kept.folder / "none"), "--key", kept.key)[0] == 2
    missing = str(kept.folder / "none.json")
    assert run(capsys, kept.file, "--key", kept.key, "--entry", missing)[0] == 2


def test_the_length_of_a_path_is_known_before_it_is_walked() -> None:
    """A proof of a wrong length would be refused only once its entry is at hand."""
    from audit.tree import MemoryNodes

    nodes = MemoryNodes(leaf_hash(b"%d" % n) for n in range(70))
    for size in range(1, 71):
        for index in range(size):
            assert path_length(index, size) == len(inclusion_proof(index, size, nodes))
    with pytest.raises(BadProof):
        path_length(7, 7)
