"""One key of the log takes over from another: entries, overlap, verifiers, and what goes wrong."""

from __future__ import annotations

import json
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from service_world import World

from audit.checkpoint import open_checkpoint, parse, sign_checkpoint
from audit.entry import decode
from audit.errors import UnknownKey
from audit.keys import MLDSA44_COSIGNATURE, Verifier
from audit.note import Ed25519Signer, countersign, split
from audit.packing import write_package
from audit.verify import verify
from governance.oversight import log_keys as rules
from governance.oversight.errors import Refused
from governance.service import exporting, keys, log_keys, people
from governance.service.desk import FOLD
from governance.service.problem import Problem
from governance.store import logkey
from governance.store.errors import CannotOpen
from governance.store.keyring import public_keys
from governance.store.ledger import Ledger
from governance.store.restore import newest, restore
from governance.store.secrets import VARIABLE

SECRET = "correct horse battery"


def note(world: World) -> str:
    """The newest signed checkpoint."""
    return world.desk.reader.checkpoint()


def signed_by(world: World) -> list[str]:
    """Ids of the keys whose lines the newest checkpoint has, in order."""
    return [line.key_id.hex() for line in split(note(world))[1]]


def believes(world: World, *vkeys: str) -> bool:
    """Whether somebody who pins just these keys accepts the newest checkpoint."""
    try:
        open_checkpoint(note(world), [Verifier.from_vkey(vkey) for vkey in vkeys])
    except UnknownKey:
        return False
    return True


def anything(world: World) -> None:
    """One more entry."""
    keys.issue(world.desk, world.maria, holder_type="person", holder_id=world.maria.id)


def entry(world: World, index: int):
    """What the log holds at `index`."""
    return decode(next(iter(world.desk.reader.entries(index, index + 1))))


def added(world: World, **what: str) -> str:
    """A further key, announced by two administrators; its verifier key."""
    made = log_keys.add(world.desk, world.maria, **what)
    done = log_keys.confirm(world.desk, world.tom, made["entry"])
    assert done["state"] == "signing"
    return str(done["vkey"])


def reopened(world: World) -> None:
    """The service is started again."""
    world.close()
    world.open()


def alone(world: World) -> None:
    """Maria is the only administrator."""
    people.set_roles(world.desk, world.maria, world.tom.id, roles=["compliance_officer"])


def test_two_administrators_announce_a_successor_under_the_old_key(world: World) -> None:
    """A key that one person made would sign the log, or nobody could tell that it belongs to it."""
    (old,) = world.desk.workspace.vkeys
    made = log_keys.add(world.desk, world.maria, reason="yearly")
    anything(world)
    assert (made["state"], signed_by(world)) == ("proposed", [rules.key_id(old)])
    with pytest.raises(Problem) as caught:
        log_keys.confirm(world.desk, world.maria, made["entry"])
    assert caught.value.type == "needs-another"
    with pytest.raises(Problem) as caught:
        log_keys.confirm(world.desk, world.tom, made["entry"] + 1)
    assert caught.value.type == "not-shown"
    done = log_keys.confirm(world.desk, world.tom, made["entry"])
    # the entry that announces it is signed by the old key only
    assert signed_by(world) == [rules.key_id(old)]
    announced = entry(world, done["entry"])
    assert (announced.kind, announced.data["vkey"]) == ("log_key.added", made["vkey"])
    assert announced.data["beside"] == [old]
    anything(world)
    assert signed_by(world) == [made["key"], rules.key_id(old)]
    assert world.desk.workspace.vkeys == (made["vkey"], old)


def test_during_the_overlap_each_key_suffices_and_afterwards_only_the_new_one(
    world: World, tmp_path: Path
) -> None:
    """Verifiers would have to change on one day, or would go on with a key that is gone."""
    (old,) = world.desk.workspace.vkeys
    origin = world.desk.workspace.origin
    new = added(world)
    anything(world)
    assert believes(world, old)
    assert believes(world, new)
    exporting.export(world.desk, world.maria, tmp_path / "overlap")
    for vkey in (old, new):
        assert verify(tmp_path / "overlap", [vkey]).origin == origin
    kept = note(world)
    wish = log_keys.retire(world.desk, world.tom, rules.key_id(old), why="replaced")
    assert wish["state"] == "proposed"
    log_keys.confirm(world.desk, world.maria, wish["entry"])
    assert believes(world, old), "the retiring entry itself is still signed by the retired key"
    anything(world)
    assert (believes(world, old), believes(world, new)) == (False, True)
    made = exporting.export(world.desk, world.maria, tmp_path / "after")
    assert made["vkeys"] == [new, old]
    with pytest.raises(UnknownKey):
        verify(tmp_path / "after", [old])
    # one tree, one name: a head kept under the old key is a head of the same log
    assert verify(tmp_path / "after", [new, old], head=kept).origin == origin
    reopened(world)
    anything(world)
    assert signed_by(world) == [rules.key_id(new)]


def test_the_only_administrator_does_it_alone_and_the_log_says_so(world: World) -> None:
    """A workspace of one could never change its key, or it would look as if two had."""
    alone(world)
    made = log_keys.add(world.desk, world.maria)
    assert made["state"] == "signing"
    assert entry(world, made["entry"]).data["alone"] is True


def test_a_lost_or_compromised_key_is_retired_by_one_at_once(world: World) -> None:
    """Whoever has the key would go on signing for the log until a second person has time."""
    (old,) = world.desk.workspace.vkeys
    new = added(world)
    done = log_keys.retire(
        world.desk, world.maria, rules.key_id(old), why="compromised", reason="laptop stolen"
    )
    assert (done["state"], done["deleted"]) == ("retired", True)
    assert not (world.root / "keys" / "log.key").exists()
    assert "another history" in done["means"]
    recorded = entry(world, done["entry"]).data
    assert (recorded["why"], recorded["remaining"]) == ("compromised", [new])
    assert "laptop" not in json.dumps(recorded)
    anything(world)
    assert signed_by(world) == [rules.key_id(new)]
    told = {each["key"]: each for each in log_keys.listed(world.desk)["keys"]}
    assert told[rules.key_id(old)]["state"] == "retired"
    assert told[rules.key_id(old)]["retired"] == done["entry"]


def test_the_last_key_that_everybody_knows_stays(world: World) -> None:
    """The log would be signed by nobody, or by a key that most verifiers cannot check."""
    (old,) = world.desk.workspace.vkeys
    for _ in range(2):
        with pytest.raises(Problem) as caught:
            log_keys.retire(world.desk, world.maria, rules.key_id(old), why="compromised")
        assert caught.value.type == "conflict"
        assert "log-key rotate" in str(caught.value)
        if len(world.desk.workspace.vkeys) == 1:
            added(world, algorithm="ml-dsa-44")
    anything(world)
    assert believes(world, old)


def test_who_may_not_manage_people_may_not_change_keys(world: World) -> None:
    """A treasurer would decide who signs the log."""
    for act in (
        lambda: log_keys.add(world.desk, world.anna),
        lambda: log_keys.retire(world.desk, world.anna, "1a2b3c4d", why="lost"),
        lambda: log_keys.confirm(world.desk, world.anna, 3),
    ):
        with pytest.raises(Problem) as caught:
            act()
        assert caught.value.type == "not-allowed"
    files = sorted(path.name for path in (world.root / "keys").glob("log*.key"))
    assert files == ["log.key"], "a key was made for somebody who may not"


def test_a_second_line_of_ml_dsa_is_verified_by_itself_and_ignored_by_who_does_not_know_it(
    world: World, tmp_path: Path
) -> None:
    """A quantum computer could rewrite the log, or verifiers of today could not read it."""
    (old,) = world.desk.workspace.vkeys
    new = added(world, algorithm="ml-dsa-44")
    anything(world)
    lines = split(note(world))[1]
    assert [len(line.signature) for line in lines] == [64, 8 + 2420]
    assert Verifier.from_vkey(new).algorithm == MLDSA44_COSIGNATURE
    assert believes(world, old)
    assert believes(world, new)
    exporting.export(world.desk, world.maria, tmp_path / "package.zip")
    for pinned in ([old], [new], [old, new]):
        proven = verify(tmp_path / "package.zip", pinned)
        assert len(proven.signed_by) == len(pinned)
        assert proven.outside.seen == (), "a log is no witness of itself"
    added(world, algorithm="ml-dsa-44")  # two of them are more than the head file holds
    anything(world)
    assert len(signed_by(world)) == 3
    reopened(world)
    anything(world)
    assert len(signed_by(world)) == 3


def test_a_key_that_was_prepared_and_never_announced_signs_nothing(world: World) -> None:
    """After a crash a key nobody agreed on would sign the log."""
    prepared = log_keys._prepared(world.desk, log_keys.Wanted())  # and then the process dies
    reopened(world)
    anything(world)
    assert len(signed_by(world)) == 1
    assert prepared.vkey not in world.desk.workspace.vkeys
    told = {each["vkey"]: each["state"] for each in log_keys.listed(world.desk)["keys"]}
    assert told[prepared.vkey] == "prepared"
    assert prepared.verifier not in public_keys(world.desk.workspace.paths)


def test_a_crash_right_after_the_announcement_loses_nothing(world: World) -> None:
    """The log would promise a second line, and the service would not sign it."""
    made = log_keys.add(world.desk, world.maria)
    ring = world.desk.workspace.paths.ring
    before = ring.read_bytes()
    log_keys.confirm(world.desk, world.tom, made["entry"])
    ring.write_bytes(before)  # what follows the entry was never written
    (world.root / log_keys.VKEY_FILE).unlink(missing_ok=True)
    reopened(world)
    anything(world)
    assert signed_by(world)[0] == made["key"]
    assert made["vkey"] in [key.vkey for key in public_keys(world.desk.workspace.paths)]


def test_a_newer_proposal_takes_the_place_of_the_old_one_and_its_key(world: World) -> None:
    """Keys that nobody wants any more would pile up, ready to sign."""
    first = log_keys.add(world.desk, world.maria)
    second = log_keys.add(world.desk, world.maria)
    told = {each["key"] for each in log_keys.listed(world.desk)["keys"]}
    assert first["key"] not in told
    assert not (world.root / "keys" / f"log-{first['key']}.key").exists()
    assert log_keys.listed(world.desk)["waiting"]["key"] == second["key"]


def test_without_the_new_key_nothing_starts_until_it_is_retired_as_lost(world: World) -> None:
    """The service would sign without the line it promised, and nobody would have decided that."""
    new = added(world)
    world.close()
    (world.root / "keys" / f"log-{rules.key_id(new)}.key").unlink()
    with pytest.raises(CannotOpen, match=f"log-key retire {rules.key_id(new)} --why lost"):
        world.open()
    world.open(without_keys=(rules.key_id(new),))
    told = {each["vkey"]: each["state"] for each in log_keys.listed(world.desk)["keys"]}
    assert told[new] == "missing"
    log_keys.retire(world.desk, world.maria, rules.key_id(new), why="lost")
    reopened(world)
    anything(world)
    assert len(signed_by(world)) == 1


def test_a_restored_log_begins_with_a_key_of_its_own(world: World) -> None:
    """A new log would be signed by keys of the old one, or would wait for keys it does not have."""
    added(world)
    paths, at = world.desk.workspace.paths, world.desk.now()
    world.close()
    restore(world.root, newest(paths, FOLD, at), FOLD, at, acknowledge=True, clock=world.clock)
    world.open()
    anything(world)
    assert len(signed_by(world)) == len(public_keys(paths)) == 1
    assert world.desk.workspace.vkeys[0].startswith(world.desk.workspace.origin + "+")
    assert not world.desk.state.log_keys
    archived = sorted(path.name for path in paths.archive.rglob("*") if path.is_file())
    assert {"log.key", "ring.json"} <= set(archived)
    assert [path.name for path in paths.keys.glob("log*.key")] == ["log.key"]


def test_an_encrypted_successor_is_never_plain_on_disk(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever copies the folder could sign for the log."""
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(Problem, match=VARIABLE):
        log_keys.add(world.desk, world.maria, custody="encrypted")
    monkeypatch.setenv(VARIABLE, SECRET)
    new = added(world, custody="encrypted")
    for path in world.root.rglob("*"):
        if path.is_file() and path.name != "log.key":
            assert b"PRIVATE+KEY" not in path.read_bytes(), path
    world.close()
    monkeypatch.setenv(VARIABLE, SECRET + "!")
    with pytest.raises(CannotOpen, match="passphrase is wrong"):
        world.open()
    monkeypatch.setenv(f"{VARIABLE}_{rules.key_id(new).upper()}", SECRET)
    world.open()
    anything(world)
    assert signed_by(world)[0] == rules.key_id(new)


def test_the_file_of_verifier_keys_follows(world: World) -> None:
    """People would hand out the key of last year."""
    (old,) = world.desk.workspace.vkeys
    new = added(world)
    assert (world.root / "log.vkey").read_text().splitlines() == [new, old]
    log_keys.retire(world.desk, world.maria, rules.key_id(old), why="lost")
    assert (world.root / "log.vkey").read_text().splitlines() == [new]


def test_a_verifier_is_told_of_the_successor_and_after_retirement_what_to_do(
    world: World, tmp_path: Path
) -> None:
    """An auditor would stand before `key unknown` and pin whatever lies nearest."""
    (old,) = world.desk.workspace.vkeys
    new = added(world)
    exporting.export(world.desk, world.maria, tmp_path / "overlap")
    told = "\n".join(verify(tmp_path / "overlap", [old]).proven)
    assert f"announced the log's key `{new}`" in told
    done = log_keys.retire(world.desk, world.maria, rules.key_id(old), why="lost")
    anything(world)
    exporting.export(world.desk, world.maria, tmp_path / "after.zip")
    with pytest.raises(UnknownKey) as caught:
        verify(tmp_path / "after.zip", [old])
    for expected in (f"entry {done['entry']} retired", "lost", new, "another way"):
        assert expected in str(caught.value)
    # the package holds the last head by the old key, which proves the succession under it
    assert f"itself signed the first {done['entry'] + 1} entries" in str(caught.value)
    told = verify(tmp_path / "after.zip", [new])
    with zipfile.ZipFile(tmp_path / "after.zip") as package:
        head = package.read(f"anchors/{done['entry'] + 1}/checkpoint")
    assert open_checkpoint(head, [Verifier.from_vkey(old)]).size == done["entry"] + 1
    write_package(tmp_path / "bare", world.desk.reader, note(world), keys=[new])
    with pytest.raises(UnknownKey, match="which is not proven, that entry"):
        verify(tmp_path / "bare", [old])
    with pytest.raises(UnknownKey) as caught:
        verify(tmp_path / "bare", [Ed25519Signer.generate(world.desk.workspace.origin).vkey])
    assert "retired" not in str(caught.value), "a stranger's key is no key of this log"
    assert "retired the log's key" in "\n".join(told.proven)


def test_a_checkpoint_by_a_retired_key_alone_is_refused(world: World, tmp_path: Path) -> None:
    """A thief's old key would sign the log's later entries for whoever still pins it."""
    (old,) = world.desk.workspace.vkeys
    new = added(world)
    stolen = logkey.read(world.root / "keys" / "log.key", lambda: 1)
    log_keys.retire(world.desk, world.maria, rules.key_id(old), why="compromised")
    anything(world)
    forged = sign_checkpoint(parse(split(note(world))[0]), stolen)
    write_package(tmp_path / "forged", world.desk.reader, forged, keys=[old])
    with pytest.raises(UnknownKey, match=r"(?s)retired.*compromised"):
        verify(tmp_path / "forged", [old])
    genuine = countersign(note(world), stolen)
    write_package(tmp_path / "both", world.desk.reader, genuine, keys=[new])
    assert verify(tmp_path / "both", [old, new]).size == world.desk.reader.size


def test_a_key_is_not_retired_in_the_batch_that_announces_its_successor(world: World) -> None:
    """The head of that batch would be signed by no key that its log names as the last."""
    (old,) = world.desk.workspace.vkeys
    made = log_keys.add(world.desk, world.maria)
    log_keys.retire(world.desk, world.maria, rules.key_id(added(world)), why="lost")
    assert made["key"] not in signed_by(world)
    with pytest.raises(Refused, match="ask once more"):
        log_keys._require_successor((old,), old)


def test_a_successor_that_is_announced_in_the_same_batch_is_none_yet(world: World) -> None:
    """Two commands at once would do what neither of them may: nobody the log names signs the head."""
    alone(world)
    (old,) = world.desk.workspace.vkeys
    ledger, held, go = world.desk.ledger, threading.Event(), threading.Event()

    def hold(_db: object) -> None:
        held.set()
        go.wait(20)

    ledger.chore(hold)
    assert held.wait(10)
    with ThreadPoolExecutor(2) as threads:
        adding = threads.submit(log_keys.add, world.desk, world.maria)
        waits(ledger, 1)
        key = rules.key_id(old)
        retiring = threads.submit(log_keys.retire, world.desk, world.maria, key, why="replaced")
        waits(ledger, 2)
        go.set()
        assert adding.result(20)["state"] == "signing"
        with pytest.raises(Problem, match="ask once more"):
            retiring.result(20)
    assert log_keys.retire(world.desk, world.maria, key, why="replaced")["state"] == "retired"


def waits(ledger: Ledger, count: int) -> None:
    """Until so many commands of people wait."""
    until = time.monotonic() + 15
    while ledger.depth()["human"] < count:
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_key_that_was_announced_meanwhile_is_not_thrown_away(world: World) -> None:
    """Two administrators at once could leave the log with a promised line and no key for it."""
    first = log_keys.add(world.desk, world.maria)
    wish = world.desk.state.log_key_wish
    assert wish is not None
    ring = world.desk.workspace.paths.ring
    before = ring.read_bytes()
    log_keys.confirm(world.desk, world.tom, first["entry"])
    ring.write_bytes(before)  # as if what follows the entry were still to be written
    reopened = log_keys.KeyRing.open(world.desk.workspace.paths)
    assert {known.status for known in reopened.known} == {"signing", "prepared"}
    log_keys._give_up(world.desk, wish, "another")
    assert (world.root / "keys" / f"log-{first['key']}.key").exists()


def test_many_at_once_leave_a_ring_that_holds_them_all(world: World) -> None:
    """One of two keys that are made at the same moment would be lost, and with it the log."""
    alone(world)
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda _: log_keys.add(world.desk, world.maria), range(4)))
    anything(world)
    assert set(signed_by(world)) == {each["key"] for each in made} | {
        rules.key_id(world.desk.workspace.ring.known[0].vkey)
    }
    statuses = [known.status for known in world.desk.workspace.ring.known]
    assert statuses == ["signing"] * 5
    assert (world.root / "log.vkey").read_text().split() == list(world.desk.workspace.vkeys)
