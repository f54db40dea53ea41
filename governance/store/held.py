"""Keys of the log that never leave where they are: a PKCS#11 token, a cloud key service.

The law: whatever such a place answers is held against the pinned public key before it counts, so a
signature of another key is never written; a place that does not answer signs nothing, and nobody
waits for it longer than `PATIENCE`.

`pkcs11:` URIs (RFC 7512) name keys of a token (`governance.store.token`). Every other URI goes to
the signers of securesystemslib (`awskms:`, `gcpkms:`, `azurekms:`, `hv:`, `hsm:`), which is optional
and needs the public key as PEM.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_public_key,
)

from audit.errors import BadKey, UnknownKey
from audit.keys import ECDSA, ED25519, OfVerifier, Verifier
from governance.store.errors import CannotOpen, CannotSign
from governance.store.token import PKCS11, Secret, Token, library, said

PATIENCE: Final = 10.0
"""Seconds that one signature may take."""

KMS: Final = "kms"

Sign = Callable[[bytes], bytes]

_PLAIN = frozenset({"file2", "file", "gnupg"})

_NAMES: Final = {ED25519: "Ed25519", ECDSA: "ECDSA P-256"}
_ALGORITHMS: Final = {
    "awskms": ECDSA,
    "azurekms": ECDSA,
    "gcpkms": ECDSA,
    "hsm": ECDSA,
    "hv": ED25519,
}
"""With what the signers of securesystemslib sign."""
_CLIENTS: Final = {
    "awskms": "`boto3`",
    "azurekms": "`azure-keyvault-keys` and `azure-identity`",
    "gcpkms": "`google-cloud-kms`",
    "hsm": "`PyKCS11`",
    "hv": "`hvac`",
}


class HeldSigner(OfVerifier):
    """A signer (`audit.note.Signer`) whose private key is elsewhere."""

    def __init__(self, verifier: Verifier, where: str, sign: Sign, close: Callable[[], None]):
        """`where` names the place for people; `sign` may raise anything and may hang."""
        super().__init__(verifier)
        self._where = where
        self._sign, self.close = sign, close

    def sign(self, message: bytes) -> bytes:
        """The signature, which was verified. Raises `CannotSign`, saying what to do."""
        try:
            signature = _in_time(lambda: self._sign(message))
        except CannotOpen as error:
            raise CannotSign(str(error)) from error
        except Exception as error:
            raise CannotSign(
                f"the log key `{self.key_id.hex()}` in `{self._where}` did not sign "
                f"({said(error)}); nothing was signed. Bring that place back"
            ) from error
        try:
            self.verifier.verify(message, signature)
        except UnknownKey as error:
            raise CannotSign(
                f"what `{self._where}` signed is not by the log key `{self.key_id.hex()}`: another "
                "key lies there; nothing was written. Put the right key in its place"
            ) from error
        return signature


def find(uri: str, origin: str, secret: Secret, public: str | None = None) -> Verifier:
    """The verifier, named `origin`, of the key that `uri` names. Raises `CannotOpen`.

    A `pkcs11:` token says itself which public key it holds; elsewhere `public` (PEM) says it.
    """
    if public is None and uri.startswith(f"{PKCS11}:"):
        token = Token(uri, secret)
        try:
            raw, algorithm = token.public_key()
        finally:
            token.close()
    elif public is not None:
        raw, algorithm = _from_pem(public)
    else:
        raise CannotOpen(
            f"`{uri}` names a private key only; give its public key, too, as PEM "
            "(--public-key FILE), as the key service shows it"
        )
    try:
        return Verifier.from_public_key(origin, raw, algorithm)
    except BadKey as error:
        raise CannotOpen(f"`{uri}` cannot sign a log: {error}") from error


def open_held(uri: str, verifier: Verifier, secret: Secret) -> HeldSigner:
    """A signer for the key that `uri` names and `verifier` verifies. Raises `CannotOpen`."""
    if uri.startswith(f"{PKCS11}:"):
        token = Token(uri, secret)
        return HeldSigner(verifier, token.where, token.sign, token.close)
    return HeldSigner(verifier, uri, _through_securesystemslib(uri, verifier, secret), _nothing)


def _nothing() -> None:
    """There is nothing to close."""


def _in_time(call: Callable[[], bytes]) -> bytes:
    """What `call` returns or raises, or TimeoutError after `PATIENCE`; it may then go on for ever."""
    done: list[bytes | BaseException] = []

    def run() -> None:
        try:
            done.append(call())
        except BaseException as error:
            done.append(error)

    thread = threading.Thread(target=run, name="held key", daemon=True)
    thread.start()
    thread.join(PATIENCE)
    if not done:
        raise TimeoutError(f"no answer within {PATIENCE:.0f} s")
    if isinstance(done[0], BaseException):
        raise done[0]
    return done[0]


def _through_securesystemslib(uri: str, verifier: Verifier, secret: Secret) -> Sign:
    signers = library("securesystemslib.signer", "securesystemslib")
    missing = library("securesystemslib.exceptions", "securesystemslib").UnsupportedLibraryError
    scheme = uri.partition(":")[0]
    if scheme in _PLAIN or scheme not in signers.SIGNER_FOR_URI_SCHEME:
        known = sorted(signers.SIGNER_FOR_URI_SCHEME.keys() - _PLAIN)
        raise CannotOpen(
            f"`{uri}` is no place that a log key can be kept in: expected `pkcs11:` or one of "
            + ", ".join(f"`{each}:`" for each in known)
        )
    if verifier.algorithm != _ALGORITHMS.get(scheme, verifier.algorithm):
        only, given = _NAMES[_ALGORITHMS[scheme]], _NAMES[verifier.algorithm]
        raise CannotOpen(
            f"a key at `{scheme}:` signs a log if it is {only}, and the public key given is {given}: "
            "make such a key there, and give its public half"
        )
    try:
        if verifier.algorithm == ED25519:
            public: Any = Ed25519PublicKey.from_public_bytes(verifier.public_key)
        else:
            public = load_der_public_key(verifier.public_key)
        key = signers.SSlibKey.from_crypto(public)
        signer = signers.Signer.from_priv_key_uri(uri, key, lambda _name: secret())
    except CannotOpen:
        raise
    except missing as error:
        raise CannotOpen(
            f"a key at `{scheme}:` needs the Python package {_CLIENTS.get(scheme, scheme)}, which is "
            "not installed; install it beside the service and start again"
        ) from error
    except Exception as error:
        raise CannotOpen(
            f"the log key in `{uri}` cannot be reached ({said(error)}): nothing can be signed. "
            "Correct the address, or what gives access to it, and start again"
        ) from error
    return lambda message: bytes.fromhex(signer.sign(message).signature)


def _from_pem(pem: str) -> tuple[bytes, int]:
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CannotOpen(f"the public key is no PEM of a public key: {error}") from error
    if isinstance(key, Ed25519PublicKey):
        return key.public_bytes_raw(), ED25519
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), ECDSA
    raise CannotOpen(
        "the public key is neither Ed25519 nor on the curve P-256; only those sign a log"
    )
