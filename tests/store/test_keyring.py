"""The ring of log keys: files, encrypted files, keys elsewhere; what is refused, and in which words."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from audit import disk
from audit.checkpoint import Checkpoint, encode, open_checkpoint, sign_checkpoint
from audit.head import MAX_NOTE, fitting
from audit.tree import empty_root
from governance.store import held, logkey
from governance.store.errors import CannotOpen, CannotSign, Unavailable
from governance.store.keyring import ENCRYPTED, KeyRing, Wanted, public_keys
from governance.store.paths import Paths
from governance.store.secrets import VARIABLE, asked
from governance.store.workspace import Workspace
from tests.optional import library
from tests.store import world

EMPTY = Checkpoint(world.ORIGIN, 0, empty_root())
TEXT = encode(EMPTY)
SECRET = "correct horse battery"
QUICK = 2**4
"""scrypt's cost in tests; what the format says is in the file."""


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """A folder for keys, and nothing else."""
    found = Paths(tmp_path)
    found.keys.mkdir()
    return found


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passphrases are stretched less."""
    usual = logkey.write_encrypted
    monkeypatch.setattr(logkey, "write_encrypted", lambda *a: usual(*a, cost=QUICK))


def secret(*_: Any) -> str:
    """Somebody who always knows."""
    return SECRET


# -- files -----------------------------------------------------------------------------------------


def test_an_encrypted_key_opens_with_its_passphrase_only(paths: Paths, quick: None) -> None:
    """A stolen folder would sign, or the right passphrase would not."""
    ring = KeyRing.create(paths, world.ORIGIN, Wanted(ENCRYPTED), ask=secret)
    note = sign_checkpoint(EMPTY, *ring.signers(()))
    assert b"PRIVATE" not in paths.log_key.read_bytes()
    again = KeyRing.open(paths, ask=secret)
    assert sign_checkpoint(EMPTY, *again.signers(())) == note
    assert open_checkpoint(note, public_keys(paths)) == EMPTY, "public keys need no passphrase"
    with pytest.raises(CannotOpen, match="passphrase is wrong") as caught:
        KeyRing.open(paths, ask=lambda *_: SECRET[:-1]).signers(())
    assert SECRET[:-1] not in str(caught.value)


@pytest.mark.parametrize("member", ["format", "vkey", "kdf", "cipher", "key"])
def test_an_altered_encrypted_key_is_refused(paths: Paths, quick: None, member: str) -> None:
    """A weaker stretching, or another public key, would be slipped under a genuine key."""
    KeyRing.create(paths, world.ORIGIN, Wanted(ENCRYPTED), ask=secret)
    value = json.loads(paths.log_key.read_text())
    other = logkey.generate(world.ORIGIN, logkey.ED25519, int)
    value[member] = {
        "format": "log-key-encrypted/v2",
        "vkey": other.verifier.vkey,
        "kdf": {**value["kdf"], "n": QUICK * 2},
        "cipher": {**value["cipher"], "name": "AES-128-GCM"},
        "key": value["key"][:-4] + "AAAA",
    }[member]
    paths.log_key.write_text(json.dumps(value))
    with pytest.raises(CannotOpen, match=r"damaged|altered"):
        KeyRing.open(paths, ask=secret).signers(())


def test_a_key_that_asks_for_a_gigabyte_is_refused_before_it_is_stretched(
    paths: Paths, quick: None
) -> None:
    """Whoever can write the file could exhaust the machine's memory at each start."""
    KeyRing.create(paths, world.ORIGIN, Wanted(ENCRYPTED), ask=secret)
    value = json.loads(paths.log_key.read_text())
    value["kdf"]["n"] = 2**30
    paths.log_key.write_text(json.dumps(value))
    with pytest.raises(CannotOpen, match="damaged"):
        KeyRing.open(paths, ask=lambda *_: pytest.fail("nobody is asked")).signers(())


def test_a_short_passphrase_makes_no_key(paths: Paths) -> None:
    """A key would be guessed within a day."""
    with pytest.raises(CannotOpen, match="at least 12 characters"):
        KeyRing.create(paths, world.ORIGIN, Wanted(ENCRYPTED), ask=lambda *_: "hunter2")
    assert not list(paths.keys.iterdir())


def test_a_missing_passphrase_is_asked_of_the_process_that_signs(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If it were not, people would set it where they type `rotate`, and be refused again."""
    for name in ("GOVERNANCE_LOG_KEY_SECRET", "GOVERNANCE_LOG_KEY_SECRET_FD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(CannotOpen, match="it is the service that needs it: start it again"):
        KeyRing.create(paths, world.ORIGIN, Wanted("encrypted"))


@pytest.mark.parametrize("custody", ["file", "encrypted"])
def test_a_key_file_that_others_can_read_is_refused(
    paths: Paths, quick: None, custody: str
) -> None:
    """Another user of the machine would have copied it, and nobody would know."""
    KeyRing.create(paths, world.ORIGIN, Wanted(custody), ask=secret)
    paths.log_key.chmod(0o644)
    with pytest.raises(CannotOpen, match="chmod 600"):
        KeyRing.open(paths, ask=secret).signers(())


def test_another_key_under_the_name_of_ours_is_refused(paths: Paths) -> None:
    """Whoever can write one file would choose who signs the log."""
    KeyRing.create(paths, world.ORIGIN)
    paths.log_key.unlink()
    logkey.write(paths.log_key, logkey.generate(world.ORIGIN, logkey.ED25519, int))
    with pytest.raises(CannotOpen, match=r"not `test\.example/log\+"):
        KeyRing.open(paths).signers(())


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"format":"log-keys/v2","keys":[]}', '{"format":"log-keys/v1","keys":[]}',
     '{"format":"log-keys/v1","keys":[{"vkey":"x","custody":"file","at":"a","status":"signing"}]}'],
)  # fmt: skip
def test_a_damaged_list_of_keys_is_refused(paths: Paths, text: str) -> None:
    """The service would go on with the wrong keys, or end in a traceback."""
    KeyRing.create(paths, world.ORIGIN)
    paths.ring.write_text(text)
    with pytest.raises(CannotOpen, match="is damaged"):
        KeyRing.open(paths)


def test_a_workspace_from_before_there_was_a_ring_opens(tmp_path: Path) -> None:
    """Every installation would stop at the update."""
    world.make(tmp_path)
    (tmp_path / "keys" / "ring.json").unlink(missing_ok=True)
    with Workspace.open(tmp_path, world.FOLD) as workspace:
        assert len(workspace.vkeys) == 1
    assert (tmp_path / "keys" / "ring.json").exists()


# -- secrets ---------------------------------------------------------------------------------------


def test_a_secret_comes_from_where_it_was_put(monkeypatch: pytest.MonkeyPatch) -> None:
    """A passphrase would be asked for at three in the morning, or the wrong key's one used."""
    monkeypatch.setattr("sys.stdin", None)
    for name in list(os.environ):
        if name.startswith(VARIABLE):
            monkeypatch.delenv(name)
    with pytest.raises(CannotOpen, match=VARIABLE):
        asked("1a2b3c4d", "the passphrase")
    read, write = os.pipe()
    os.write(write, b"from the pipe\n")
    os.close(write)
    monkeypatch.setenv(f"{VARIABLE}_FD", str(read))
    assert asked("1a2b3c4d", "the passphrase") == "from the pipe"
    os.close(read)
    assert asked("ffffffff", "the passphrase") == "from the pipe", "a pipe gives it only once"
    monkeypatch.setenv(VARIABLE, "for all")
    assert asked("1a2b3c4d", "the passphrase") == "for all"
    monkeypatch.setenv(f"{VARIABLE}_1A2B3C4D", "for one")
    assert asked("1a2b3c4d", "the passphrase") == "for one"
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv(f"{VARIABLE}_FD", "999")
    with pytest.raises(CannotOpen, match="999"):
        asked("ffffffff", "the passphrase")


# -- keys elsewhere --------------------------------------------------------------------------------


class Service:
    """A key service behind securesystemslib, as somebody would register one of their own."""

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {}
        self.down: str | None = None
        self.slow = 0.0
        self.asked = 0

    def hold(self, name: str, key: Any) -> tuple[str, str]:
        """Keep a private key; its URI and its public key as PEM."""
        self.keys[f"testkms:{name}"] = key
        pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return f"testkms:{name}", pem.decode()


@pytest.fixture
def service() -> Iterator[Service]:
    """The service, known to securesystemslib by its scheme."""
    signers = library("securesystemslib.signer", "securesystemslib")
    made = Service()

    class Remote(signers.Signer):  # type: ignore[misc, name-defined]
        """What securesystemslib calls."""

        def __init__(self, uri: str, public: Any) -> None:
            self.uri, self._public = uri, public

        @classmethod
        def from_priv_key_uri(cls, uri: str, public: Any, _secrets: Any = None) -> Any:
            """A signer for the key at `uri`."""
            if uri not in made.keys:
                raise ValueError("no such key")
            return cls(uri, public)

        @property
        def public_key(self) -> Any:
            """The public key as the caller has it."""
            return self._public

        def sign(self, payload: bytes) -> Any:
            """Sign, unless the service is down."""
            made.asked += 1
            if made.down:
                raise ConnectionError(made.down)
            time.sleep(made.slow)
            inner = signers.CryptoSigner(made.keys[self.uri])
            return signers.Signature(self._public.keyid, inner.sign(payload).signature)

    signers.SIGNER_FOR_URI_SCHEME["testkms"] = Remote
    yield made
    del signers.SIGNER_FOR_URI_SCHEME["testkms"]


KINDS: dict[str, Callable[[], Any]] = {
    "ed25519": Ed25519PrivateKey.generate,
    "p-256": lambda: ec.generate_private_key(ec.SECP256R1()),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_log_is_founded_on_a_key_in_a_key_service(
    tmp_path: Path, service: Service, kind: str
) -> None:
    """A company whose keys live in a key service could not use this."""
    uri, pem = service.hold("log", KINDS[kind]())
    paths = Workspace.create(tmp_path, world.ORIGIN, key=Wanted("kms", at=uri, public=pem))
    with Workspace.open(tmp_path, world.FOLD) as workspace:
        workspace.ledger.submit(world.Decide()).result(10)
        note = workspace.reader.checkpoint()
    assert open_checkpoint(note, public_keys(paths)).size == 1
    assert not [
        path for path in paths.keys.iterdir() if path.suffix == ".key" and "log" in path.name
    ]


def test_a_key_service_that_is_down_signs_nothing_and_says_so(
    tmp_path: Path, service: Service
) -> None:
    """An entry would be answered that no signed head covers, or the service would seem ready."""
    uri, pem = service.hold("log", Ed25519PrivateKey.generate())
    Workspace.create(tmp_path, world.ORIGIN, key=Wanted("kms", at=uri, public=pem))
    workspace = Workspace.open(tmp_path, world.FOLD)
    workspace.ledger.submit(world.Decide()).result(10)
    service.down = "the network is unreachable"
    with pytest.raises(Unavailable, match="network is unreachable"):
        workspace.ledger.submit(world.Decide()).result(10)
    assert "testkms:log" in str(workspace.ledger.ready)
    workspace.close()
    with pytest.raises(CannotOpen, match="nothing was signed"):
        Workspace.open(tmp_path, world.FOLD)
    service.down = None
    with Workspace.open(tmp_path, world.FOLD) as workspace:
        assert workspace.ledger.size == 1, "the entry that nobody signed is not in the log"
        workspace.ledger.submit(world.Decide()).result(10)


def test_a_key_service_that_hangs_is_not_waited_for(
    paths: Paths, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every agent would hang with it, and nobody would be told why."""
    uri, pem = service.hold("log", Ed25519PrivateKey.generate())
    ring = KeyRing.create(paths, world.ORIGIN, Wanted("kms", at=uri, public=pem))
    monkeypatch.setattr(held, "PATIENCE", 0.05)
    service.slow = 1.0
    with pytest.raises(CannotSign, match="no answer within"):
        ring.prove((), TEXT)


def test_a_key_service_that_answers_with_another_key_is_found_out(
    paths: Paths, service: Service
) -> None:
    """Checkpoints would be written that no pinned key has signed."""
    uri, pem = service.hold("log", Ed25519PrivateKey.generate())
    ring = KeyRing.create(paths, world.ORIGIN, Wanted("kms", at=uri, public=pem))
    ring.prove((), TEXT)
    service.hold("log", Ed25519PrivateKey.generate())
    with pytest.raises(CannotSign, match="another key"):
        ring.prove((), TEXT)


def test_what_cannot_sign_a_log_is_refused_before_it_is_in_the_ring(
    paths: Paths, service: Service
) -> None:
    """A log would be founded that never gets a signed head."""
    rsa, p384 = generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())
    _, good = service.hold("good", Ed25519PrivateKey.generate())
    for at, public, expected in [
        (*service.hold("rsa", rsa), "neither Ed25519 nor"),
        (*service.hold("p384", p384), "neither Ed25519 nor"),
        ("testkms:good", None, "--public-key"),
        ("testkms:good", "nonsense", "no PEM"),
        ("testkms:absent", good, "cannot be reached"),
        ("file2:/tmp/key.pem", good, "no place"),
        ("nowhere:key", good, "no place"),
        ("pkcs11:object=log?module-path=/lib.so", None, "does not name a key"),
        ("pkcs11:token=t;object=log", None, "lacks"),
        ("pkcs11:token=t?module-path=/lib.so", None, "lacks"),
        ("pkcs11:token=t;object=log?module-path=/lib.so&pin-value=1234", None, "PIN does not"),
    ]:
        with pytest.raises(CannotOpen, match=expected):
            KeyRing.create(paths, world.ORIGIN, Wanted("kms", at=at, public=public)).signers(())
        paths.ring.unlink(missing_ok=True)


def test_a_key_elsewhere_is_not_asked_on_the_loop_that_answers(
    tmp_path: Path, service: Service
) -> None:
    """Everybody would wait for the key service, also those whose answer needs no signature."""
    uri, pem = service.hold("log", Ed25519PrivateKey.generate())
    Workspace.create(tmp_path, world.ORIGIN, key=Wanted("kms", at=uri, public=pem))
    with Workspace.open(tmp_path, world.FOLD) as workspace:
        writer = workspace.ledger.writer
        assert not writer.ring.quick
        before = service.asked
        batch = writer.run([_job()], world.START)
        assert batch is not None
        writer.keep(batch)
        writer.write(batch)
        assert service.asked == before, "signed while the batch was prepared"
        writer.commit(batch)
        assert service.asked == before + 1
        writer.land(batch)


def _job() -> Any:
    from governance.store.lanes import Job
    from governance.store.ledger import _pending

    return Job(world.Decide(), _pending(), None)


def test_a_slow_key_service_loses_nothing_and_holds_up_nobody_else(
    tmp_path: Path, service: Service
) -> None:
    """Twenty milliseconds of a key service would stop pages and health checks, or reorder entries."""
    uri, pem = service.hold("log", Ed25519PrivateKey.generate())
    Workspace.create(tmp_path, world.ORIGIN, key=Wanted("kms", at=uri, public=pem))

    async def busy(workspace: Workspace) -> float:
        await workspace.ledger.drive()
        service.slow = 0.4
        waiting = [workspace.ledger.submit_async(world.Decide(str(n))) for n in range(40)]
        longest, last = 0.0, time.perf_counter()
        while not all(each.done() for each in waiting):
            await asyncio.sleep(0.001)
            longest, last = max(longest, time.perf_counter() - last), time.perf_counter()
        indexes = [(await each).receipts[0].index for each in waiting]
        assert indexes == list(range(40))
        await workspace.ledger.release()
        return longest

    with Workspace.open(tmp_path, world.FOLD) as workspace:
        assert asyncio.run(busy(workspace)) < 0.3, "the loop waited for a signature"
        service.slow = 0.0
        note = workspace.reader.checkpoint()
        assert open_checkpoint(note, workspace.ring.verifiers).size == 40


STEPS = ("fsync", "replace", "open")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("count", range(4))
def test_a_crash_at_any_step_of_a_new_key_leaves_a_ring_that_opens(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, step: str, count: int
) -> None:
    """A power cut during a rotation would end the log."""
    ring = KeyRing.create(paths, world.ORIGIN)
    (old,) = ring.verifiers
    left = [count]

    def cut(*arguments: Any, **named: Any) -> Any:
        if left[0] == 0:
            raise OSError(5, "power cut")
        left[0] -= 1
        return getattr(os, step)(*arguments, **named)

    faulty = SimpleNamespace(**{**vars(os), step: cut})
    for module in (logkey, disk):
        monkeypatch.setattr(module, "os", faulty)
    with suppress(OSError, CannotOpen):
        new = ring.prepare(Wanted(), TEXT)
        ring.follow((new.vkey, old.vkey))
    monkeypatch.undo()
    again = KeyRing.open(paths)
    again.prove((), TEXT)
    assert old in again.verifiers
    for known in again.known:
        again.prove_one(known.vkey, TEXT)


# -- the head file ---------------------------------------------------------------------------------


def test_the_head_file_keeps_as_many_signatures_as_fit(paths: Paths) -> None:
    """A second large signature would keep the log from being written at all."""
    keys = [logkey.generate(world.ORIGIN, kind, lambda: 1) for kind in
            (logkey.ED25519, logkey.ML_DSA_44, logkey.ML_DSA_44)]  # fmt: skip
    note = sign_checkpoint(EMPTY, *keys)
    short = fitting(note)
    assert len(note.encode()) > MAX_NOTE >= len(short.encode())
    assert open_checkpoint(short, [keys[0].verifier]) == EMPTY
    assert fitting(short) == short
