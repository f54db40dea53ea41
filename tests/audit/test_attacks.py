"""Every attack of the detector table is detected and named; every silent case is silent.

Three attackers: one who has only the package, one who also has a key of his own, and one who is
the operator himself and has the log's key. The last is caught only by what somebody kept outside.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.checkpoint import Checkpoint, sign_checkpoint
from audit.commit import commitment
from audit.encoding import b64
from audit.entry import Entry, decode, encode
from audit.errors import Gap, NothingToVerify, NotVerified, Tampered, UnknownKey
from audit.head import SLOT_SIZE, encode_slot, slot_offset
from audit.note import Ed25519Cosigner, Ed25519Signer, countersign
from audit.package import Disclosure, Package
from audit.packing import write_package
from audit.proof import TlogProof
from audit.tiles import tiles_of
from audit.tree import inclusion_proof, leaf_hash
from audit.verify import verify
from tests.memory_log import MemoryLog

SIZE = 300


def edited(data: bytes, old: bytes, new: bytes) -> bytes:
    """The entry with one value exchanged, still canonical."""
    changed = data.replace(old, new)
    assert changed != data
    decode(changed)
    return changed


# --- who has only the package -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("index", "old", "new"),
    [
        (0, b"require_approval", b"allow"),
        (264, b'"verdict":"require_approval"', b'"verdict":"allow"'),
        (6, b"person:7f3a", b"person:0000"),
        (8, b"c4" * 32, b"d5" * 32),
        (299, b'"ok":true', b'"ok":false'),
        (17, b'"decision":16', b'"decision":12'),
        (100, b"10:01:40", b"10:01:39"),
    ],
    ids=["flipped", "flipped late", "approver", "release", "last", "reference", "back-dated"],
)
def test_an_edited_entry_is_named(world, index: int, old: bytes, new: bytes) -> None:
    """Otherwise a verdict, an approver, a release digest or a time could be changed afterwards."""
    path = world.package(world.log(SIZE))
    file, entries = world.bundle(path, index // 256)
    entries[index % 256] = edited(entries[index % 256], old, new)
    every = [*world.bundle(path, 0)[1], *world.bundle(path, 1)[1]]
    every[index] = entries[index % 256]
    world.forge(path, every)
    with pytest.raises(Tampered, match=rf"entry {index} was altered") as caught:
        verify(path, [world.key])
    assert caught.value.index == index
    assert file.exists()


def test_deleted_swapped_and_inserted_entries_are_named(world) -> None:
    """Otherwise an approval could vanish, or two decisions change places."""
    log = world.log(SIZE)
    honest = list(log.entries(0, SIZE))
    for name, change, wanted in (
        ("delete", lambda e: e.pop(41), 41),
        ("delete last of bundle", lambda e: e.pop(255), 255),
        ("swap", lambda e: e.insert(7, e.pop(12)), 7),
        ("insert", lambda e: e.insert(30, e[2]), 30),
        ("append", lambda e: e.append(e[2]), 256),
        ("duplicate", lambda e: e.__setitem__(9, e[8]), 9),
    ):
        path = world.package(log)
        first = honest[:256]
        change(first)
        file, _ = world.bundle(path, 0)
        file.write_bytes(b"".join(len(e).to_bytes(2, "big") + e for e in first))
        with pytest.raises((Tampered, Gap)) as caught:
            verify(path, [world.key])
        assert caught.value.index == wanted, name


def test_an_entry_and_its_leaf_altered_together_are_narrowed_down(world) -> None:
    """Otherwise altering the stored hash too would hide which entries to distrust."""
    log = world.log(SIZE)
    path = world.package(log)
    entries = list(log.entries(0, SIZE))
    entries[5] = edited(entries[5], b"payments", b"refunds!")
    world.forge(path, entries)
    world.retile(path, entries, [tile for tile in tiles_of(SIZE) if tile.level == 0])
    with pytest.raises(Tampered, match="entries 0 to 255") as caught:
        verify(path, [world.key])
    assert caught.value.span == (0, 256)
    world.forge(path, entries, tiles=True)
    with pytest.raises(Tampered, match="entries 0 to 299"):
        verify(path, [world.key])


def test_an_altered_tile_is_told_from_an_altered_entry(world) -> None:
    """Otherwise damage to a hash would throw suspicion on an entry that is as it was signed."""
    for tile in tiles_of(SIZE):
        path = world.package(world.log(SIZE))
        data = bytearray((path / tile.path).read_bytes())
        data[3] ^= 1
        (path / tile.path).write_bytes(data)
        with pytest.raises(Tampered, match="as they were signed") as caught:
            verify(path, [world.key])
        assert (caught.value.file, caught.value.index) == (tile.path, None)


def test_two_altered_entries_are_counted(world) -> None:
    """Otherwise the first find would seem to be the only one."""
    log = world.log(SIZE)
    path = world.package(log)
    entries = list(log.entries(0, SIZE))
    for index in (4, 299):
        entries[index] = edited(entries[index], b"payments", b"refunds!")
    world.forge(path, entries)
    with pytest.raises(Tampered, match="1 more"):
        verify(path, [world.key])


def test_a_tail_cut_from_the_files_alone_is_a_gap(world) -> None:
    """Otherwise the last decisions could be left out of an export."""
    path = world.package(world.log(SIZE))
    shorter = world.package(world.log(290))
    shutil.copy(path / "checkpoint", shorter / "checkpoint")
    with pytest.raises(Gap) as caught:
        verify(shorter, [world.key])
    assert caught.value.index == 290


def test_an_older_checkpoint_put_over_a_newer_one_is_noticed(world) -> None:
    """Otherwise entries after it would be there unsigned, or not be looked at."""
    log = world.log(SIZE)
    path = world.package(log)
    (path / "checkpoint").write_text(world.checkpoint(log, 200))
    with pytest.raises(Tampered, match="older checkpoint") as caught:
        verify(path, [world.key])
    assert caught.value.file == "checkpoint"


@pytest.mark.parametrize(
    "name",
    ["tile/entries/000", "tile/1/000.p/1", "manifest.json", "disclosures.jsonl", "checkpoint"],
)
def test_a_missing_file_is_a_gap(world, name: str) -> None:
    """Otherwise what is missing could not be checked and would not be missed."""
    path = world.package(world.log(SIZE))
    (path / name).unlink()
    with pytest.raises(Gap) as caught:
        verify(path, [world.key])
    assert caught.value.file == name


@pytest.mark.parametrize("name", ["notes.txt", "tile/7/000", "blobs/x", "tile/0/000.p/44"])
def test_a_file_that_does_not_belong_is_refused(world, name: str) -> None:
    """Otherwise something never signed could be handed over as part of the evidence."""
    path = world.package(world.log(SIZE))
    (path / name).parent.mkdir(parents=True, exist_ok=True)
    (path / name).write_bytes(b"trust me")
    with pytest.raises(Tampered) as caught:
        verify(path, [world.key])
    assert caught.value.file == name


def test_a_link_in_the_place_of_a_file_is_refused(world) -> None:
    """Otherwise a package could change after it was verified."""
    path = world.package(world.log(5))
    (path / "manifest.json").rename(world.folder / "elsewhere")
    (path / "manifest.json").symlink_to(world.folder / "elsewhere")
    with pytest.raises(Tampered):
        verify(path, [world.key])


@pytest.mark.parametrize("change", ["value", "salt", "name", "index", "order", "twice", "beyond"])
def test_a_false_disclosure_is_named(world, change: str) -> None:
    """Otherwise the operator could show an auditor another account number than the one decided on."""
    log = world.log(40)
    shown = world.disclosures(40)
    wrong = {
        "value": replace(shown[2], value="DE00"),
        "salt": replace(shown[2], salt="5" + shown[2].salt[1:]),
        "name": replace(shown[2], name="memo"),
        "index": replace(shown[2], index=9),
        "beyond": replace(shown[2], index=40),
    }
    path = world.package(log)
    lines = [d.line() for d in [*shown[:2], wrong.get(change, shown[2]), *shown[3:]]]
    if change == "order":
        lines[2:4] = lines[3:1:-1]
    if change == "twice":
        lines.insert(2, lines[2])
    if change == "beyond":
        lines.append(lines.pop(2))
    (path / "disclosures.jsonl").write_bytes(b"".join(lines))
    with pytest.raises(Tampered) as caught:
        verify(path, [world.key])
    assert caught.value.file == "disclosures.jsonl"


def test_an_altered_blob_key_or_manifest_is_named(world) -> None:
    """Otherwise a policy file, or what the package says of itself, could be exchanged."""
    for name, old, new in (
        (f"blobs/{Package.open(world.package(world.log(4))).blobs()[0]}", b"rules", b"Rules"),
        ("keys/log.vkey", b"example", b"exampla"),
        ("keys/log.vkey", b"\n", b"\n\n"),
        ("keys/log.vkey", b"\n", b"\r\n"),
        ("manifest.json", b"re-performable", b"re-performible"),
        ("manifest.json", b'"size":40', b'"size": 40'),
        ("manifest.json", b'"size":40', b'"size":41'),
    ):
        path = world.package(world.log(40))
        data = (path / name).read_bytes()
        assert old in data
        (path / name).write_bytes(data.replace(old, new))
        with pytest.raises(Tampered) as caught:
            verify(path, [world.key])
        assert caught.value.file == name


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_one_changed_byte_anywhere_names_an_entry_or_a_file(world, data: st.DataObject) -> None:
    """Otherwise there would be a place in a package where something can be changed unseen."""
    suffix = data.draw(st.sampled_from(["", ".zip"]))
    path = world.package(world.log(60), suffix=suffix)
    files = [path] if suffix else sorted(p for p in path.rglob("*") if p.is_file())
    file = data.draw(st.sampled_from(files))
    raw = bytearray(file.read_bytes())
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    file.write_bytes(raw)
    with pytest.raises(NotVerified) as caught:
        verify(path, [world.key])
    message = str(caught.value)
    assert "entry " in message or "`" in message or "the archive itself" in message


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_zip_cut_anywhere_is_noticed(world, data: st.DataObject) -> None:
    """Otherwise a broken download would pass for a shorter log."""
    path = world.package(world.log(9), suffix=".zip")
    raw = path.read_bytes()
    path.write_bytes(raw[: data.draw(st.integers(0, len(raw) - 1))])
    with pytest.raises((Tampered, NothingToVerify)):
        verify(path, [world.key])


# --- who has a key of his own -------------------------------------------------------------------


@pytest.mark.parametrize("name", ["example.com/acme/governance", "example.com/other"])
def test_a_log_signed_by_an_unknown_key_is_not_believed(world, name: str) -> None:
    """Otherwise anybody could write a log in the operator's name and claim a key for it."""
    stranger = Ed25519Signer.from_seed(name, bytes(32))
    log = world.log(20)
    note = sign_checkpoint(Checkpoint(name, 20, log.root()), stranger)
    path = world.folder / "strange"
    write_package(path, log, note, keys=[stranger.vkey])
    with pytest.raises(UnknownKey):
        verify(path, [world.key])
    verify(path, [stranger.vkey])


def test_the_log_key_under_another_origin_is_not_believed(world) -> None:
    """Otherwise the checkpoint of one log could be passed off as that of another."""
    log = world.log(20)
    note = sign_checkpoint(Checkpoint("example.com/other", 20, log.root()), world.signer)
    path = world.folder / "other"
    write_package(path, log, note)
    with pytest.raises(UnknownKey):
        verify(path, [world.key])


def test_one_log_cannot_speak_for_another(world) -> None:
    """Otherwise the operator of one pinned log could accuse, or vouch for, another."""
    log = world.log(20)
    other = Ed25519Signer.from_seed("example.com/other", bytes(32))
    pinned = [world.key, other.vkey]
    forged = sign_checkpoint(Checkpoint(world.signer.name, 30, bytes(32)), other)
    with pytest.raises(UnknownKey):
        verify(world.package(log), pinned, head=forged)
    note = world.checkpoint(world.log(20), 20, other)
    with pytest.raises(UnknownKey):
        verify(world.package(log, note), pinned)


def test_the_package_key_is_never_trusted(world) -> None:
    """Otherwise the package itself would say whom to believe."""
    path = world.package(world.log(20))
    with pytest.raises(UnknownKey):
        verify(path, [Ed25519Signer.from_seed(world.signer.name, bytes(32)).vkey])


def test_a_checkpoint_altered_after_signing_is_refused(world) -> None:
    """Otherwise the size or root could be changed under the signature."""
    path = world.package(world.log(20))
    text = (path / "checkpoint").read_text()
    (path / "checkpoint").write_text(text.replace("\n20\n", "\n21\n"))
    with pytest.raises(UnknownKey, match="checkpoint"):
        verify(path, [world.key])


# --- who has the log's key: signed, and wrong all the same --------------------------------------


def signed_with(world, index: int, data: bytes) -> MemoryLog:
    """A log that the operator signed although entry `index` is what it is."""
    entries = list(world.log(20).entries(0, 20))
    entries[index] = data
    return MemoryLog(entries)


@pytest.mark.parametrize(
    ("refs", "why"),
    [
        ({"decision": 13}, "not before it"),
        ({"decision": 14}, "not before it"),
        ({"decision": 10}, "which is a `approval`"),
        ({"approval": 11}, "which is a `outcome`"),
    ],
)
def test_a_broken_reference_is_named_although_signed(world, refs, why: str) -> None:
    """Otherwise an approval could point to a decision that is none, or to one yet to come."""
    entry = replace(world.entry(13), data={"refs": refs})
    path = world.package(signed_with(world, 13, encode(entry)))
    with pytest.raises(Tampered, match=why) as caught:
        verify(path, [world.key])
    assert caught.value.index == 13


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"not json", "not JSON"),
        (b'{"kind":"stop","v":1}', "lacks"),
        (b'{"at":"2026-11-20T10:00:13.000000Z", "by":{}}', "canonical"),
        (b"", "not JSON"),
    ],
)
def test_what_is_no_entry_is_named_although_signed(world, data: bytes, why: str) -> None:
    """Otherwise a log could hold things that no verifier can interpret."""
    path = world.package(signed_with(world, 13, data))
    with pytest.raises(Tampered, match=why) as caught:
        verify(path, [world.key])
    assert caught.value.index == 13


def test_a_time_that_goes_back_is_named_although_signed(world) -> None:
    """Otherwise an entry could be dated before what it answers."""
    entry = world.entry(13)
    back = encode(replace(entry, at=entry.at - timedelta(seconds=2)))
    path = world.package(signed_with(world, 13, back))
    with pytest.raises(Tampered, match="before that of the entry before it") as caught:
        verify(path, [world.key])
    assert caught.value.index == 13


# --- who has the log's key, against whoever kept something --------------------------------------


def test_a_cut_tail_is_found_by_a_retained_head(world) -> None:
    """Otherwise the operator could drop the last decisions and sign what is left."""
    log = world.log(50)
    head = world.checkpoint(log)
    path = world.package(world.log(44))
    verify(path, [world.key])
    with pytest.raises(Gap, match="44 to 49") as caught:
        verify(path, [world.key], head=head)
    assert caught.value.index == 44


def test_an_emptied_log_is_found_by_a_retained_head(world) -> None:
    """Otherwise the operator could begin anew as if nothing had happened."""
    empty = world.package(world.log(0))
    with pytest.raises(NothingToVerify):
        verify(empty, [world.key])
    with pytest.raises(Gap):
        verify(empty, [world.key], head=world.checkpoint(world.log(50)))


@pytest.mark.parametrize("size", [50, 73])
def test_a_rewrite_with_the_key_is_found_by_a_retained_head(world, size: int) -> None:
    """Otherwise the operator could change the past and sign it again."""
    head = world.checkpoint(world.log(50))
    rewritten = world.changed(world.log(size), 12, verdict="allow")
    path = world.package(rewritten)
    verify(path, [world.key])
    with pytest.raises(Tampered, match="rewritten") as caught:
        verify(path, [world.key], head=head)
    assert caught.value.span == (0, 50)


def test_several_anchors_narrow_a_rewrite(world) -> None:
    """Otherwise an auditor with many receipts would learn no more than one with a single head."""
    log = world.log(50)
    anchors = [world.checkpoint(log, size) for size in (8, 20, 40)]
    path = world.package(world.changed(log, 12, verdict="allow"))
    with pytest.raises(Tampered) as caught:
        verify(path, [world.key], receipts=anchors)
    assert caught.value.span == (8, 20)


def test_a_rollback_that_went_on_is_found_by_a_retained_head(world) -> None:
    """Otherwise a backup could be restored and continued as if nothing had been lost."""
    log = world.log(50)
    head = world.checkpoint(log)
    other = list(log.entries(0, 40))
    at = world.entry(40).at
    other += [encode(Entry("stop", at, {"type": "person", "id": "p"}, {"n": n})) for n in range(30)]
    path = world.package(MemoryLog(other), disclosures=world.disclosures(40))
    verify(path, [world.key])
    with pytest.raises(Tampered, match="rewritten"):
        verify(path, [world.key], head=head)


def test_an_old_export_replayed_is_found_by_a_retained_head(world) -> None:
    """Otherwise yesterday's package could be handed over as today's."""
    log = world.log(50)
    path = world.package(log, world.checkpoint(log, 40), disclosures=[])
    with pytest.raises(Gap, match="older export"):
        verify(path, [world.key], head=world.checkpoint(log))


@pytest.mark.parametrize("form", ["json", "json with proof", "answer", "evaluation", "proof"])
def test_a_receipt_names_the_rewritten_entry(world, form: str) -> None:
    """Otherwise an agent whose decision was changed could not show which."""
    log = world.log(50)
    receipt = make_receipt(world, log, 12, form)
    verify(world.package(log), [world.key], receipts=[receipt])
    path = world.package(world.changed(log, 12, verdict="allow"))
    with pytest.raises(Tampered, match="entry 12 was rewritten") as caught:
        verify(path, [world.key], receipts=[receipt])
    assert caught.value.index == 12


def make_receipt(world, log: MemoryLog, index: int, form: str) -> str:
    """What an answer carried for entry `index`, in one of its forms."""
    note = world.checkpoint(log)
    proof = TlogProof(index, tuple(inclusion_proof(index, log.size, log.node)), note).encode()
    if form == "proof":
        return proof
    receipt = {
        "index": index,
        "leaf_hash": leaf_hash(next(log.entries(index, index + 1))).hex(),
        "tree_size": log.size,
        "checkpoint": note,
        "proof": proof if form == "json with proof" else None,
    }
    answers = {
        "answer": {"decision": True, "receipt": receipt},
        "evaluation": {"decision": True, "context": {"receipt": receipt}},
    }
    return json.dumps(answers.get(form, receipt))


@pytest.mark.parametrize(
    "changes",
    [
        {"index": 20},
        {"index": -1},
        {"index": "12"},
        {"tree_size": 19},
        {"leaf_hash": "zz"},
        {"leaf_hash": None},
        {"proof": 5},
        {"proof": "nonsense"},
        {"index": 11},
    ],
)
def test_a_receipt_that_contradicts_itself_is_not_passed_over(world, changes) -> None:
    """Otherwise a receipt could be made harmless, or accuse the wrong entry, by altering it."""
    log = world.log(20)
    receipt = json.loads(make_receipt(world, log, 12, "json with proof"))
    with pytest.raises(Gap, match="cannot be used"):
        verify(world.package(log), [world.key], receipts=[json.dumps({**receipt, **changes})])


def test_a_forged_witness_spoils_the_checkpoint(world) -> None:
    """Otherwise a checkpoint could boast of a witness who never saw it."""
    log = world.log(20)
    private = Ed25519PrivateKey.from_private_bytes(bytes([9]) * 32)
    witness = Ed25519Cosigner("witness.example/w1", private, lambda: 1_795_168_800)
    elsewhere = countersign(world.checkpoint(log, 19), witness).splitlines(keepends=True)[-1]
    path = world.package(log, world.checkpoint(log) + elsewhere)
    verify(path, [world.key])
    with pytest.raises(UnknownKey, match="does not hold"):
        verify(path, [world.key, witness.verifier.vkey])


def test_an_empty_log_with_a_root_is_refused(world) -> None:
    """Otherwise a log could claim to be empty and to hold something at once."""
    empty = world.package(world.log(0))
    note = sign_checkpoint(Checkpoint(world.signer.name, 0, bytes(32)), world.signer)
    (empty / "checkpoint").write_text(note)
    with pytest.raises(Tampered, match="not that of an empty log"):
        verify(empty, [world.key])


def test_a_head_signed_by_a_stranger_proves_nothing_and_says_so(world) -> None:
    """Otherwise a forged head could accuse an honest log, or reassure about a false one."""
    log = world.log(20)
    stranger = Ed25519Signer.from_seed(world.signer.name, bytes(32))
    with pytest.raises(UnknownKey):
        verify(world.package(log), [world.key], head=world.checkpoint(log, 20, stranger))


def test_a_head_of_another_log_is_a_gap(world) -> None:
    """Otherwise a restored log under a new origin would seem to continue the old one."""
    log = world.log(20)
    other = Ed25519Signer.from_seed("example.com/before", bytes(32))
    head = sign_checkpoint(Checkpoint(other.name, 9, bytes(32)), other)
    with pytest.raises(Gap, match="one does not continue the other"):
        verify(world.package(log), [world.key, other.vkey], head=head)


@pytest.mark.parametrize("head", [b"", b"\0" * 8192, b"{}", b"nonsense", b"\xff\xfe", b"{" * 9999])
def test_a_head_that_cannot_be_read_is_not_passed_over(world, head: bytes) -> None:
    """Otherwise a destroyed head would have the effect of none having been given."""
    with pytest.raises(Gap):
        verify(world.package(world.log(20)), [world.key], head=head)


# --- what must not alarm ------------------------------------------------------------------------


def test_a_log_that_grew_since_the_head_is_silent(world) -> None:
    """Otherwise every retained head would raise an alarm a second later."""
    log = world.log(SIZE)
    path = world.package(log)
    for size in (1, 2, 255, 256, 257, 299, 300):
        assert verify(path, [world.key], head=world.checkpoint(log, size)).head == size


@pytest.mark.parametrize("torn", [0, 1, 100, SLOT_SIZE - 1])
def test_a_torn_write_of_the_head_is_silent(world, torn: int) -> None:
    """Otherwise a power cut would look like an attack."""
    log = world.log(50)
    path = world.package(log)
    file = bytearray(2 * SLOT_SIZE)
    for sequence, size in enumerate((40, 45, 50)):
        slot = encode_slot(world.checkpoint(log, size), sequence)
        upto = torn if size == 50 else SLOT_SIZE
        offset = slot_offset(sequence)
        file[offset : offset + upto] = slot[:upto]
    assert verify(path, [world.key], head=bytes(file)).head == 45


def test_a_head_file_with_only_its_first_slot_is_silent(world) -> None:
    """Otherwise a log whose head was written once could not be verified against it."""
    log = world.log(50)
    head = encode_slot(world.checkpoint(log), 0)
    assert verify(world.package(log), [world.key], head=head).head == 50


def test_restart_readers_and_equal_times_are_silent(world) -> None:
    """Otherwise ordinary operation would look like an attack."""
    at = world.entry(0).at
    still = [
        encode(Entry("service.started", at, {"type": "service", "id": "s"}, {"n": n}))
        for n in range(9)
    ]
    log = MemoryLog(still)
    paths = [world.package(log, world.checkpoint(log, n), disclosures=[]) for n in (4, 9, 9)]
    for path in paths:
        verify(path, [world.key], head=world.checkpoint(log, 4))


def test_a_witness_and_a_second_key_are_silent(world) -> None:
    """Otherwise witnesses and the rotation of keys would break verification."""
    log = world.log(20)
    following = Ed25519Signer.from_seed(world.signer.name, bytes(32))
    private = Ed25519PrivateKey.from_private_bytes(bytes([9]) * 32)
    witness = Ed25519Cosigner("witness.example/w1", private, lambda: 1_795_168_800)
    note = countersign(world.checkpoint(log, 20, world.signer, following), witness)
    path = world.package(log, note)
    verify(path, [world.key])
    verify(path, [following.vkey])
    proven = verify(path, [world.key, following.vkey, witness.verifier.vkey])
    assert proven.witnessed == (("witness.example/w1", 1_795_168_800),)
    with pytest.raises(UnknownKey):
        verify(path, [witness.verifier.vkey])


def test_an_acknowledged_restore_is_silent(world) -> None:
    """Otherwise a restored service could never again be shown to be sound."""
    old_head = b64(world.log(50).root())
    data = {"origin": "example.com/before", "size": 50, "root": old_head}
    first = Entry("service.restored", world.entry(0).at, {"type": "service", "id": "s"}, data)
    log = MemoryLog([encode(first), *world.log(20).entries(1, 1)])
    verify(world.package(log, disclosures=[]), [world.key])


def test_a_key_pinned_twice_is_silent(world) -> None:
    """Otherwise giving a key and a file with the same key would look like an attack."""
    verify(world.package(world.log(5)), [world.key, world.signer.verifier, world.key])


def test_withheld_values_are_silent_and_said(world) -> None:
    """Otherwise an erased person would make a log look forged, or a redacted one look complete."""
    log = world.log(20)
    proven = verify(world.package(log, disclosures=world.disclosures(20)[:2]), [world.key])
    assert proven.form == "redacted"
    assert any("withheld or erased" in line for line in proven.not_proven)
    complete = verify(world.package(log), [world.key])
    assert complete.form == "re-performable"


def test_what_is_not_proven_is_always_said(world) -> None:
    """Otherwise a reader would take a proof of integrity for a proof of truth."""
    log = world.log(20)
    path = world.package(log)
    without = verify(path, [world.key]).not_proven
    assert any("cut off" in line for line in without)
    assert any("the times are true" in line for line in without)
    assert any("not re-performed" in line for line in without)
    assert len(verify(path, [world.key], head=world.checkpoint(log)).not_proven) >= 3


def test_disclosures_of_the_same_entry_are_all_checked(world) -> None:
    """Otherwise a second value of an entry could be false behind a true first one."""
    salt = world.disclosures(1)[0].salt
    names = {name: commitment(salt, name, name.upper()) for name in ("a", "b")}
    entry = replace(world.entry(0), data={"commitments": names})
    log = MemoryLog([encode(entry)])
    good = [Disclosure(0, name, salt, name.upper()) for name in ("b", "a")]
    assert verify(world.package(log, disclosures=good), [world.key]).disclosed == 2
    false = [good[1], replace(good[0], value="C")]
    with pytest.raises(Tampered, match="`b`"):
        verify(world.package(log, disclosures=false), [world.key])
