"""A log signed inside a PKCS#11 token: SoftHSM, as Debian ships it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from audit.checkpoint import open_checkpoint
from audit.keys import ECDSA, ED25519, Verifier
from governance.store.errors import CannotOpen, CannotSign
from governance.store.keyring import KeyRing, Wanted, public_keys
from governance.store.paths import Paths
from governance.store.secrets import VARIABLE
from governance.store.workspace import Workspace
from tests.optional import absent, library
from tests.store import world

PIN = "247135"
MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so")
EDWARDS25519 = bytes.fromhex("130c656477617264733235353139")


class Token:
    """A token in a temporary folder, with a key of each kind."""

    def __init__(self, module: str, folder: Path) -> None:
        self.module, self.folder = module, folder

    def uri(self, label: str, *, token: str = "log keys") -> str:
        """The RFC 7512 URI of a key."""
        return f"pkcs11:token={token.replace(' ', '%20')};object={label}?module-path={self.module}"


@pytest.fixture(scope="session")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Token]:
    """SoftHSM reads its settings once in a process, so that there is one token for all tests."""
    pkcs11 = library("pkcs11", "python-pkcs11")
    tool = shutil.which("softhsm2-util")
    module = next((path for path in MODULES if Path(path).exists()), None)
    if tool is None or module is None:
        absent("softhsm2", "`apt-get install softhsm2`")
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    settings = folder / "softhsm2.conf"
    settings.write_text(f"directories.tokendir = {folder}/tokens\nlog.level = ERROR\n")
    before = os.environ.get("SOFTHSM2_CONF")
    os.environ["SOFTHSM2_CONF"] = str(settings)
    label = ["--label", "log keys", "--pin", PIN, "--so-pin", PIN]
    subprocess.run([tool, "--init-token", "--free", *label], check=True, capture_output=True)
    _make_keys(pkcs11, pkcs11.lib(module))
    yield Token(str(module), folder)
    if before is None:
        del os.environ["SOFTHSM2_CONF"]
    else:
        os.environ["SOFTHSM2_CONF"] = before


def _make_keys(pkcs11: Any, loaded: Any) -> None:
    """An Ed25519 key `log`, which never leaves the token, and P-256 keys `p256` and `next`."""
    named, attribute = pkcs11.util.ec.encode_named_curve_parameters, pkcs11.Attribute
    with loaded.get_token(token_label="log keys").open(user_pin=PIN, rw=True) as session:
        for label, number, params, kind in [
            ("log", 1, EDWARDS25519, pkcs11.KeyType.EC_EDWARDS),
            ("p256", 2, named("secp256r1"), pkcs11.KeyType.EC),
            ("p384", 3, named("secp384r1"), pkcs11.KeyType.EC),
        ]:
            domain = session.create_domain_parameters(
                kind, {attribute.EC_PARAMS: params}, local=True
            )
            domain.generate_keypair(label=label, id=bytes([number]), store=True)


@pytest.fixture(autouse=True)
def pin(monkeypatch: pytest.MonkeyPatch) -> None:
    """The service was given the token's PIN."""
    monkeypatch.setenv(VARIABLE, PIN)


@pytest.mark.parametrize(("label", "algorithm"), [("log", ED25519), ("p256", ECDSA)])
def test_a_log_is_founded_and_signed_inside_the_token(
    token: Token, tmp_path: Path, label: str, algorithm: int
) -> None:
    """A company that must keep its keys in hardware could not use this, or would only seem to."""
    paths = Workspace.create(tmp_path, world.ORIGIN, key=Wanted("pkcs11", at=token.uri(label)))
    with Workspace.open(tmp_path, world.FOLD) as workspace:
        for _ in range(3):
            workspace.ledger.submit(world.Decide()).result(10)
        note = workspace.reader.checkpoint()
        (vkey,) = workspace.vkeys
    assert Verifier.from_vkey(vkey).algorithm == algorithm
    assert open_checkpoint(note, [Verifier.from_vkey(vkey)], world.ORIGIN).size == 3
    assert [key.vkey for key in public_keys(paths)] == [vkey]
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or b"PRIVATE+KEY" not in path.read_bytes()
        assert not path.is_file() or PIN.encode() not in path.read_bytes(), f"the PIN is in {path}"


def test_securesystemslib_signs_with_a_p256_key_of_the_token(
    token: Token, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys that others manage with securesystemslib's addresses could not be used."""
    library("securesystemslib.signer", "securesystemslib")
    from cryptography.hazmat.primitives import serialization

    monkeypatch.setenv("PYKCS11LIB", token.module)
    first = KeyRing.create(
        _keys(tmp_path / "a"), world.ORIGIN, Wanted("pkcs11", at=token.uri("p256"))
    )
    public = serialization.load_der_public_key(first.verifiers[0].public_key).public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    place = Wanted("kms", at="hsm:2?label=log+keys", public=public.decode())
    ring = KeyRing.create(_keys(tmp_path / "b"), world.ORIGIN, place)
    assert ring.verifiers == first.verifiers
    ring.prove((), "a text\n")


def _keys(root: Path) -> Paths:
    paths = Paths(root)
    paths.keys.mkdir(parents=True)
    return paths


@pytest.mark.parametrize(
    ("label", "name", "expected"),
    [
        ("absent", "log keys", "does not show the public key|cannot be reached"),
        ("absent", "log keys", "no private key of that label"),
        ("log", "another", "cannot be reached"),
        ("p384", "log keys", "neither Ed25519 nor on the curve P-256"),
    ],
)
def test_what_is_not_on_the_token_is_said(
    token: Token, tmp_path: Path, label: str, name: str, expected: str
) -> None:
    """Somebody would search for the fault in the wrong place, at the worst moment."""
    with pytest.raises(CannotOpen, match=expected):
        KeyRing.create(
            _keys(tmp_path), world.ORIGIN, Wanted("pkcs11", at=token.uri(label, token=name))
        )


def test_a_module_that_is_not_there_is_said(token: Token, tmp_path: Path) -> None:
    """A missing library would end in a traceback."""
    uri = token.uri("log").replace(token.module, "/nowhere/libpkcs11.so")
    with pytest.raises(CannotOpen, match="cannot be reached"):
        KeyRing.create(_keys(tmp_path), world.ORIGIN, Wanted("pkcs11", at=uri))


def test_a_session_that_was_closed_is_opened_again(token: Token, tmp_path: Path) -> None:
    """A token that ends idle sessions would stop the service every night."""
    ring = KeyRing.create(_keys(tmp_path), world.ORIGIN, Wanted("pkcs11", at=token.uri("log")))
    ring.prove((), "a text\n")
    signer: Any = ring.signers(())[0]
    signer._sign.__self__._session.close()
    ring.prove((), "a text\n")
    ring.close()


def test_a_key_that_left_the_token_signs_nothing(token: Token, tmp_path: Path) -> None:
    """The service would go on without a signature, or record what it cannot prove."""
    pkcs11 = library("pkcs11", "python-pkcs11")
    edwards, attribute = pkcs11.KeyType.EC_EDWARDS, pkcs11.Attribute
    with (
        pkcs11.lib(token.module)
        .get_token(token_label="log keys")
        .open(user_pin=PIN, rw=True) as session
    ):
        domain = session.create_domain_parameters(
            edwards, {attribute.EC_PARAMS: EDWARDS25519}, local=True
        )
        public, private = domain.generate_keypair(label="brief", store=True)
        ring = KeyRing.create(
            _keys(tmp_path), world.ORIGIN, Wanted("pkcs11", at=token.uri("brief"))
        )
        ring.prove((), "a text\n")
        private.destroy()
        public.destroy()
        with pytest.raises(CannotSign, match="nothing can be signed"):
            ring.prove((), "a text\n")
        ring.close()


def test_a_wrong_pin_is_tried_once_and_said(token: Token, tmp_path: Path) -> None:
    """The service would lock the token by trying again and again, or start without it."""
    script = f"""
        from governance.store.errors import CannotOpen
        from governance.store.keyring import KeyRing, Wanted
        from governance.store.paths import Paths
        from pathlib import Path
        paths = Paths(Path({str(tmp_path)!r}))
        paths.keys.mkdir()
        try:
            KeyRing.create(paths, "test.example/log", Wanted("pkcs11", at={token.uri("log")!r}))
        except CannotOpen as error:
            print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        env={**os.environ, VARIABLE: "999999"},
    )
    assert "the PIN of `pkcs11:token=log%20keys;object=log` is wrong" in done.stdout, done.stderr
    assert "999999" not in done.stdout
    assert not (tmp_path / "keys" / "ring.json").exists()
