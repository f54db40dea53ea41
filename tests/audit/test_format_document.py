"""FORMAT.md: what it says is what the code does."""

from __future__ import annotations

import hashlib
import re
import zipfile
from pathlib import Path

import pytest

from audit.__main__ import main
from audit.canonical import canonical
from audit.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from audit.commit import commitment
from audit.encoding import b64, b64url
from audit.entry import decode, encode
from audit.head import encode_slot
from audit.keys import Verifier
from audit.note import Ed25519Signer
from audit.package import Disclosure
from audit.packing import write_package
from audit.proof import TlogProof
from audit.tiles import encode_bundle, tile_bytes, tiles_of
from audit.tree import inclusion_proof, leaf_hash, node_hash
from audit.verify import verify
from tests.memory_log import MemoryLog

TEXT = (Path(__file__).parents[2] / "audit" / "FORMAT.md").read_text()
EXAMPLE = TEXT.partition("## Worked example")[2]


def block(name: str) -> str:
    """The content of one fenced block of the worked example."""
    found = re.search(rf"^```{name}\n(.*?)^```$", EXAMPLE, re.DOTALL | re.MULTILINE)
    assert found is not None, name
    return found[1]


def table() -> dict[str, str]:
    """The rows of the worked example's table."""
    rows = re.findall(r"^\| ([^|]+) \| `([^`|]+)` \|$", EXAMPLE, re.MULTILINE)
    return dict(rows)


ENTRIES = [line.encode() for line in block("entries").splitlines()]
SIGNER = Ed25519Signer.from_seed("example.com/acme", bytes(range(32)))


def test_the_entries_of_the_document_are_entries() -> None:
    """Otherwise somebody who follows the document would write entries that we refuse."""
    assert [encode(decode(data)) for data in ENTRIES] == ENTRIES
    assert decode(ENTRIES[0]).data["commitments"] == {"iban": table()["commitment"]}


def test_every_value_of_the_document_is_computed_again(tmp_path: Path) -> None:
    """Otherwise a verifier written from the document would disagree with ours."""
    rows = table()
    log = MemoryLog(ENTRIES)
    leaves = [leaf_hash(data) for data in ENTRIES]
    note = sign_checkpoint(Checkpoint(SIGNER.name, 3, log.root()), SIGNER)
    salt, value = rows["salt"], rows["value of iban"]
    bundle = encode_bundle(ENTRIES)
    (tile,) = tiles_of(3)
    shown = Disclosure(0, "iban", salt, value)
    path = tmp_path / "example.zip"
    manifest = write_package(path, log, note, keys=[SIGNER.vkey], disclosures=[shown])
    assert rows == {
        "verifier key": SIGNER.vkey,
        "salt": salt,
        "value of iban": value,
        "disclosure": b64url(canonical([salt, "iban", value])),
        "commitment": commitment(salt, "iban", value),
        "leaf 0": leaves[0].hex(),
        "leaf 1": leaves[1].hex(),
        "leaf 2": leaves[2].hex(),
        "node over 0 and 1": node_hash(leaves[0], leaves[1]).hex(),
        "root": log.root().hex(),
        "first six bytes of the bundle": bundle[:6].hex(),
        "SHA-256 of tile/entries/000.p/3": digest(bundle),
        "SHA-256 of tile/0/000.p/3": digest(tile_bytes(tile, log.node)),
        "first 24 bytes of the head slot with sequence 4": encode_slot(note, 4)[:24].hex(),
        "last 32 bytes of it": encode_slot(note, 4)[-32:].hex(),
        "line in disclosures.jsonl": shown.line().decode().rstrip("\n"),
        "SHA-256 of the package as zip": digest(path.read_bytes()),
    }
    assert block("checkpoint") == note
    proof = TlogProof(1, tuple(inclusion_proof(1, 3, log.node)), note)
    assert block("proof") == proof.encode()
    assert block("manifest") == canonical(manifest).decode() + "\n"
    verify(path, [rows["verifier key"]])


def digest(data: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def test_the_checkpoint_of_the_document_opens() -> None:
    """Otherwise the example key would not verify the example."""
    pinned = [Verifier.from_vkey(table()["verifier key"])]
    tree = open_checkpoint(block("checkpoint"), pinned, "example.com/acme")
    assert b64(tree.root) == block("checkpoint").splitlines()[2]
    proof = TlogProof.parse(block("proof"))
    proof.verify(leaf_hash(ENTRIES[1]), pinned)


def test_the_files_of_a_package_are_those_of_the_document(world) -> None:
    """Otherwise a reader of the document would not find, or not expect, a file."""
    section = TEXT.partition("## Package")[2].partition("`manifest.json` is one")[0]
    documented = [row.split("`")[1] for row in section.splitlines() if row.startswith("| `")]
    with zipfile.ZipFile(world.anchored_package(world.log(300), suffix=".zip")) as archive:
        names = archive.namelist()
    forms = []
    for name in names:
        form = re.sub(r"^tile/entries/.*", "tile/entries/<N>[.p/<W>]", name)
        form = re.sub(r"^tile/\d.*", "tile/<L>/<N>[.p/<W>]", form)
        form = re.sub(r"^blobs/.*", "blobs/<sha256>", form)
        form = re.sub(r"^anchors/\d+/", "anchors/<size>/", form)
        form = re.sub(r"\d+\.tsr$", "<n>.tsr", form)
        if form not in forms:
            forms.append(form)
    assert forms == documented


def test_the_exit_codes_are_those_of_the_document(capsys: pytest.CaptureFixture[str]) -> None:
    """Otherwise a script written from the document would misread the outcome."""
    codes = re.findall(r"^\| (\d+) \|", TEXT.partition("| exit |")[2], re.MULTILINE)
    assert codes == ["0", "2", "10", "11", "12", "13"]
    with pytest.raises(SystemExit):
        main(["verify", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    for code in codes:
        assert f"{code} " in said.partition("exit codes:")[2]


def test_the_place_for_the_kinds_is_there() -> None:
    """Otherwise nobody could learn from the document what the entries mean."""
    kinds = TEXT.partition("<!-- kinds:begin -->\n")[2].partition("<!-- kinds:end -->")[0]
    assert kinds.startswith("| kind | refs | data |\n|---|---|---|\n")
