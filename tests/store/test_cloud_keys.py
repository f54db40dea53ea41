"""Keys in cloud key services: the signers of securesystemslib, each over a client that is played here.

What is played is the client library's part, by its documentation: which call with which members, what
comes back, and what it raises. All that lies between it and the log is the real thing.
"""

from __future__ import annotations

import hashlib
import importlib
import sys
import time
from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from audit.checkpoint import open_checkpoint
from governance.store import held
from governance.store.errors import CannotOpen, CannotSign
from governance.store.keyring import KeyRing, Wanted, public_keys
from governance.store.paths import Paths
from governance.store.workspace import Workspace
from tests.optional import library
from tests.store import world

AZURE = "azurekms://vault.vault.azure.net/keys/log/1"
GOOGLE = "gcpkms:projects/p/locations/l/keyRings/r/cryptoKeys/log/cryptoKeyVersions/1"
TEXT = f"{world.ORIGIN}\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"


class Cloud:
    """The far end: one key, and what it was asked."""

    def __init__(self, ed25519: bool) -> None:
        self.key: Any = Ed25519PrivateKey.generate() if ed25519 else p256()
        self.asked: list[tuple[Any, bytes]] = []
        self.wrong: Exception | None = None
        self.slow = 0.0

    @property
    def pem(self) -> str:
        """The public key as the service's console shows it."""
        public = self.key.public_key()
        return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def sign(self, call: Any, message: bytes) -> bytes:
        """Sign what came with `call`: a digest for ECDSA, in DER, or the message itself."""
        self.asked.append((call, message))
        time.sleep(self.slow)
        if self.wrong is not None:
            raise self.wrong
        if isinstance(self.key, Ed25519PrivateKey):
            return self.key.sign(message)
        return bytes(self.key.sign(message, ec.ECDSA(Prehashed(SHA256()))))


def p256() -> ec.EllipticCurvePrivateKey:
    """A fresh key on P-256."""
    return ec.generate_private_key(ec.SECP256R1())


def module(name: str, **members: Any) -> dict[str, ModuleType]:
    """A module of that name and the packages above it."""
    made = {}
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        made[".".join(parts[:end])] = ModuleType(".".join(parts[:end]))
    vars(made[name]).update(members)
    for child in list(made)[1:]:
        parent, _, last = child.rpartition(".")
        setattr(made[parent], last, made[child])
    return made


def amazon(cloud: Cloud) -> dict[str, ModuleType]:
    """boto3: `client("kms").sign(KeyId, Message, MessageType, SigningAlgorithm)`, all four required."""

    class BotoCoreError(Exception):
        """No region, no credentials, no network, after boto3's own retries."""

    class ClientError(Exception):
        """What the service refused."""

    class Client:
        def sign(
            self, *, KeyId: str, Message: bytes, MessageType: str, SigningAlgorithm: str
        ) -> dict[str, Any]:
            assert (MessageType, SigningAlgorithm) == ("DIGEST", "ECDSA_SHA_256")
            assert len(Message) == 32
            return {"KeyId": KeyId, "Signature": cloud.sign(KeyId, Message)}

    def client(service: str) -> Client:
        assert service == "kms"
        return Client()

    errors = module("botocore.exceptions", BotoCoreError=BotoCoreError, ClientError=ClientError)
    return {**module("boto3", client=client), **errors}


def google(cloud: Cloud) -> dict[str, ModuleType]:
    """google-cloud-kms: `asymmetric_sign({"name", "digest": {"sha256"}})`."""

    class KeyManagementServiceClient:
        def asymmetric_sign(self, request: dict[str, Any]) -> Any:
            assert request.keys() == {"name", "digest"}
            signature = cloud.sign(request["name"], request["digest"]["sha256"])
            return SimpleNamespace(signature=signature)

    class Algorithms:
        """Every algorithm there is, as itself."""

        def __getattr__(self, name: str) -> str:
            return name

    version = SimpleNamespace(CryptoKeyVersionAlgorithm=Algorithms())
    kms = module("google.cloud.kms", KeyManagementServiceClient=KeyManagementServiceClient)
    return {**kms, **module("google.cloud.kms_v1.types", CryptoKeyVersion=version), **kms}


def azure(cloud: Cloud) -> dict[str, ModuleType]:
    """azure-keyvault-keys: `CryptographyClient(url, credential).sign(algorithm, digest)`, r and s raw."""

    class CryptographyClient:
        def __init__(self, key: str, credential: Any) -> None:
            self._key = key

        def sign(self, algorithm: str, digest: bytes) -> Any:
            assert algorithm == "ES256"
            r, s = decode_dss_signature(cloud.sign(self._key, digest))
            return SimpleNamespace(signature=r.to_bytes(32, "big") + s.to_bytes(32, "big"))

    curves = SimpleNamespace(p_256="P-256", p_384="P-384", p_521="P-521")
    algorithms = SimpleNamespace(es256="ES256", es384="ES384", es512="ES512")
    keys = module(
        "azure.keyvault.keys.crypto",
        CryptographyClient=CryptographyClient,
        SignatureAlgorithm=algorithms,
    )
    above = {"KeyClient": object, "KeyCurveName": curves, "KeyVaultKey": object}
    vars(keys["azure.keyvault.keys"]).update(above)
    return {
        **module("azure.core.exceptions", HttpResponseError=OSError),
        **module("azure.identity", DefaultAzureCredential=object),
        **keys,
    }


def vault(cloud: Cloud) -> dict[str, ModuleType]:
    """hvac: `Client().secrets.transit.sign_data(name, hash_input, key_version)`; Ed25519."""

    def sign_data(name: str, *, hash_input: str, key_version: int) -> dict[str, Any]:
        signature = cloud.sign((name, key_version), b64decode(hash_input))
        return {"data": {"signature": f"vault:v1:{b64encode(signature).decode()}"}}

    transit = SimpleNamespace(sign_data=sign_data)
    client = SimpleNamespace(secrets=SimpleNamespace(transit=transit))
    return module("hvac", Client=lambda: client)


CLOUDS: dict[str, tuple[str, str, Callable[[Cloud], dict[str, ModuleType]], bool]] = {
    "awskms": ("_aws_signer", "awskms:alias/log", amazon, False),
    "gcpkms": ("_gcp_signer", GOOGLE, google, False),
    "azurekms": ("_azure_signer", AZURE, azure, False),
    "hv": ("_vault_signer", "hv:log/1", vault, True),
}


@pytest.fixture(params=CLOUDS)
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[Cloud, str]:
    """A key service and the URI of its key: securesystemslib's signer for it, read anew over a client
    library that is played."""
    scheme: str = request.param
    signers = library("securesystemslib.signer", "securesystemslib")
    name, uri, client, ed25519 = CLOUDS[scheme]
    cloud = Cloud(ed25519)
    for each, made in client(cloud).items():
        monkeypatch.setitem(sys.modules, each, made)
    monkeypatch.delitem(sys.modules, f"securesystemslib.signer.{name}")
    fresh = importlib.import_module(f"securesystemslib.signer.{name}")
    signer = getattr(fresh, signers.SIGNER_FOR_URI_SCHEME[scheme].__name__)
    monkeypatch.setitem(signers.SIGNER_FOR_URI_SCHEME, scheme, signer)
    return cloud, uri


def test_a_log_is_founded_and_written_on_a_cloud_key(
    tmp_path: Path, place: tuple[Cloud, str]
) -> None:
    """A company that keeps its keys in its cloud would find out in production whether it works."""
    cloud, uri = place
    wanted = Wanted("kms", at=uri, public=cloud.pem)
    paths = Workspace.create(tmp_path, world.ORIGIN, key=wanted)
    with Workspace.open(tmp_path, world.FOLD) as workspace:
        workspace.ledger.submit(world.Decide()).result(10)
        note = workspace.reader.checkpoint()
    assert open_checkpoint(note, public_keys(paths)).size == 1
    assert len({call for call, _ in cloud.asked}) == 1, (
        "another key than the one of the URI was asked for"
    )


def ring_of(tmp_path: Path, cloud: Cloud, uri: str) -> KeyRing:
    """A ring with this one key."""
    paths = Paths(tmp_path)
    paths.keys.mkdir()
    return KeyRing.create(paths, world.ORIGIN, Wanted("kms", at=uri, public=cloud.pem))


@pytest.mark.parametrize("wrong", [ConnectionError("no route"), PermissionError("AccessDenied")])
def test_a_cloud_that_refuses_signs_nothing_and_is_named(
    tmp_path: Path, place: tuple[Cloud, str], wrong: Exception
) -> None:
    """Whoever is called at night would not learn which key does not answer, and why."""
    cloud, uri = place
    ring = ring_of(tmp_path, cloud, uri)
    cloud.wrong = wrong
    with pytest.raises(CannotSign, match=f"did not sign .*{wrong}") as caught:
        ring.prove((), TEXT)
    assert uri in str(caught.value)
    cloud.wrong = None
    ring.prove((), TEXT)


def test_a_cloud_that_hangs_is_not_waited_for(
    tmp_path: Path, place: tuple[Cloud, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every agent would hang with it."""
    cloud, uri = place
    ring = ring_of(tmp_path, cloud, uri)
    monkeypatch.setattr(held, "PATIENCE", 0.05)
    cloud.slow = 0.5
    with pytest.raises(CannotSign, match="no answer within"):
        ring.prove((), TEXT)


def test_a_cloud_key_that_was_replaced_is_found_out(
    tmp_path: Path, place: tuple[Cloud, str]
) -> None:
    """A checkpoint would be written that the pinned key has not signed."""
    cloud, uri = place
    ring = ring_of(tmp_path, cloud, uri)
    cloud.key = Ed25519PrivateKey.generate() if CLOUDS[uri.partition(":")[0]][3] else p256()
    with pytest.raises(CannotSign, match="another key"):
        ring.prove((), TEXT)


def test_a_kind_of_key_that_a_service_does_not_sign_with_is_refused_in_words(
    tmp_path: Path, place: tuple[Cloud, str]
) -> None:
    """Somebody would read a Python error where the answer is to make another kind of key there."""
    cloud, uri = place
    scheme = uri.partition(":")[0]
    cloud.key = p256() if CLOUDS[scheme][3] else Ed25519PrivateKey.generate()
    wanted = "Ed25519" if CLOUDS[scheme][3] else "ECDSA P-256"
    with pytest.raises(CannotOpen, match=f"`{scheme}:` .* {wanted}"):
        ring_of(tmp_path, cloud, uri).signers(())


def test_a_client_library_that_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody would be told that the address is wrong, and correct it for an hour."""
    signers = library("securesystemslib.signer", "securesystemslib")
    for name in ("boto3", "botocore"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "securesystemslib.signer._aws_signer")
    fresh = importlib.import_module("securesystemslib.signer._aws_signer")
    monkeypatch.setitem(signers.SIGNER_FOR_URI_SCHEME, "awskms", fresh.AWSSigner)
    with pytest.raises(CannotOpen, match="`boto3`"):
        ring_of(tmp_path, Cloud(ed25519=False), "awskms:alias/log").signers(())


def test_what_is_signed_is_the_checkpoint_itself(tmp_path: Path, place: tuple[Cloud, str]) -> None:
    """A service that signs a digest of a digest would verify nowhere else."""
    cloud, uri = place
    ring_of(tmp_path, cloud, uri).prove((), TEXT)
    message = TEXT.encode()
    whole = CLOUDS[uri.partition(":")[0]][3]
    assert [each for _, each in cloud.asked] == [
        message if whole else hashlib.sha256(message).digest()
    ]
