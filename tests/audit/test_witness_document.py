"""FORMAT.md on witnesses: its examples are what the programs send, answer and accept."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from witness_world import ALog, AWitness

from audit.cosigner import from_seed
from audit.errors import UnknownKey
from audit.keys import ED25519_COSIGNATURE
from audit.note import Ed25519Signer
from audit.trust import TrustPolicy
from audit.witness import Witness
from audit.witness_request import AddCheckpoint
from audit.witness_state import PinnedLog, State

TEXT = (Path(__file__).parents[2] / "audit" / "FORMAT.md").read_text()
EXAMPLE = TEXT.partition("## Worked example")[2]
TIME = 1_795_168_900
SIGNER = Ed25519Signer.from_seed("example.com/acme", bytes(range(32)))


def block(name: str) -> str:
    """The content of one fenced block of the worked example."""
    found = re.search(rf"^```{name}\n(.*?)^```$", EXAMPLE, re.DOTALL | re.MULTILINE)
    assert found is not None, name
    return found[1]


def test_the_session_of_the_document_is_what_a_witness_answers(tmp_path: Path) -> None:
    """Otherwise a client or witness written from the document would not understand ours."""
    key = from_seed(
        "witness.example/audit", ED25519_COSIGNATURE, bytes(range(32, 64)), lambda: TIME
    )
    state = State.create(tmp_path / "w", [key])
    state.pin(PinnedLog(SIGNER.name, (SIGNER.verifier,)))
    checkpoint = block("checkpoint")
    assert block("request") == AddCheckpoint(0, (), checkpoint).encode().decode()
    answer = Witness(state, lambda: TIME).add_checkpoint(block("request").encode())
    assert (answer.status, answer.body) == (200, block("cosignature"))
    policy = TrustPolicy.parse(block("policy"))
    assert policy.encode() == block("policy")
    assert policy.open(checkpoint + answer.body).size == 3
    with pytest.raises(UnknownKey):
        policy.open(checkpoint)


def test_every_status_of_the_document_is_one_that_the_witness_gives(tmp_path: Path) -> None:
    """Otherwise the table would promise an answer that never comes, or lack one that does."""
    table = TEXT.partition("## Witness")[2].partition("**What it keeps**")[0]
    documented = {
        int(n)
        for row in re.findall(r"^\| ([\d, ]+) \|", table, re.MULTILINE)
        for n in row.split(",")
    }
    source = "".join(
        (Path(__file__).parents[2] / "audit" / name).read_text()
        for name in ("witness.py", "witness_http.py")
    )
    given = {int(n) for n in re.findall(r"(?:_No|Answer|_refuse)\((\d{3}),", source)}
    # The standard library's server answers 431 for headers; 503 stands in bytes for a full house.
    assert documented == given | {431}


def test_the_files_of_a_witness_are_those_of_the_document(tmp_path: Path) -> None:
    """Otherwise whoever backs a witness up, or looks into it, would miss a file."""
    witness = AWitness(tmp_path / "w")
    with witness.state.lock(), witness.state.lock("logs.lock"):
        witness.add(ALog(9).request(0, 5))
        witness.add(ALog(9, other=2).request(5, 5))
    table = TEXT.partition("**What it keeps**")[2].partition("## ")[0]
    names = [
        name
        for row in re.findall(r"^\| (`.+?) \| ", table, re.MULTILINE)
        for name in row.split(", ")
    ]
    patterns = [
        re.escape(name.strip("`"))
        .replace(re.escape("<hex SHA-256 of the origin>"), "[0-9a-f]{64}")
        .replace("<…>", "[0-9a-f]{64}")
        .replace("<why>", "(fork|empty|unproven)")
        .replace("<id>", "[0-9a-f]{32}")
        for name in names
    ]
    files = [
        str(path.relative_to(witness.path)) for path in witness.path.rglob("*") if path.is_file()
    ]
    assert len(patterns) == len(files) == 6
    for file in files:
        assert sum(re.fullmatch(pattern, file) is not None for pattern in patterns) == 1, file
