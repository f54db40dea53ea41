"""Keys of the log that never leave where they are: a PKCS#11 token, a cloud key service.

The law: whatever such a place answers is held against the pinned public key before it counts, so a
signature of another key is never written; a place that does not answer signs nothing, and nobody
waits for it longer than `PATIENCE`. A PIN that was refused is not tried again: tokens lock.

`pkcs11:` URIs (RFC 7512) are answered through python-pkcs11: Ed25519 by CKM_EDDSA, P-256 by
CKM_ECDSA. Every other URI goes to the signers of securesystemslib (`awskms:`, `gcpkms:`,
`azurekms:`, `hv:`, `hsm:`), which need the public key as PEM. Both libraries are optional.
"""

from __future__ import annotations

import hashlib
import importlib
import threading
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, unquote_to_bytes

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_public_key,
)

from audit.errors import BadKey, UnknownKey
from audit.keys import ECDSA, ED25519, Verifier
from governance.store.errors import CannotOpen, CannotSign

PATIENCE: Final = 10.0
"""Seconds that one signature may take."""

PKCS11: Final = "pkcs11"
KMS: Final = "kms"

Sign = Callable[[bytes], bytes]
Secret = Callable[[], str]

_PLAIN = frozenset({"file2", "file", "gnupg"})
_POINTS = {34: b"\x04\x20", 67: b"\x04\x41", 69: b"\x04\x43"}


class HeldSigner:
    """A signer (`audit.note.Signer`) whose private key is elsewhere."""

    def __init__(self, verifier: Verifier, where: str, sign: Sign, close: Callable[[], None]):
        """`where` names the place for people; `sign` may raise anything and may hang."""
        self._verifier, self._where = verifier, where
        self._sign, self.close = sign, close

    @property
    def verifier(self) -> Verifier:
        """The public half."""
        return self._verifier

    @property
    def name(self) -> str:
        """The key name: the log's origin."""
        return self._verifier.name

    @property
    def key_id(self) -> bytes:
        """Four bytes, as in the verifier key."""
        return self._verifier.key_id

    def sign(self, message: bytes) -> bytes:
        """The signature, which was verified. Raises `CannotSign`, saying what to do."""
        try:
            signature = _in_time(lambda: self._sign(message))
        except CannotOpen as error:
            raise CannotSign(str(error)) from error
        except Exception as error:
            raise CannotSign(
                f"the log key `{self.key_id.hex()}` in `{self._where}` did not sign "
                f"({_said(error)}); nothing was signed. Bring that place back"
            ) from error
        try:
            self._verifier.verify(message, signature)
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
        token = _Token(uri, secret)
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
        token = _Token(uri, secret)
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


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__


def _library(name: str, package: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise CannotOpen(
            f"this log key needs the Python package `{package}`, which is not installed; install "
            "it beside the service and start again"
        ) from error


# -- PKCS#11 ---------------------------------------------------------------------------------------


class _Token:
    """A session with the token that a `pkcs11:` URI (RFC 7512) names, opened anew when it broke."""

    def __init__(self, uri: str, secret: Secret) -> None:
        """Raises `CannotOpen` for a URI that does not say where the key is."""
        self._library = _library("pkcs11", "python-pkcs11")
        path, _, query = uri.removeprefix(f"{PKCS11}:").partition("?")
        about = dict(part.partition("=")[::2] for part in path.split(";") if part)
        asked = dict(parse_qsl(query))
        if "pin-value" in asked or "pin-source" in asked:
            raise CannotOpen(
                "a PIN does not belong in the URI of a key, which is written to disk; leave it out "
                "and give it as GOVERNANCE_LOG_KEY_SECRET"
            )
        known = {"token", "serial", "object", "id", "type"}
        if not about.keys() <= known or not {"token", "serial"} & about.keys():
            raise CannotOpen(
                f"`{uri}` does not name a key: expected `pkcs11:token=TOKEN;object=LABEL"
                "?module-path=LIBRARY` (RFC 7512: token or serial, object or id)"
            )
        if not {"object", "id"} & about.keys() or "module-path" not in asked:
            raise CannotOpen(
                f"`{uri}` does not name a key: it lacks the object's label (`object=`) or the "
                "library of the module (`?module-path=/usr/lib/…so`)"
            )
        self.where = f"{PKCS11}:{path}"
        self._module, self._secret = asked["module-path"], secret
        self._token = {
            name: unquote(about[attribute]) if name == "token_label" else _bytes(about[attribute])
            for name, attribute in (("token_label", "token"), ("token_serial", "serial"))
            if attribute in about
        }
        self._object: dict[str, Any] = {}
        if "object" in about:
            self._object["label"] = unquote(about["object"])
        if "id" in about:
            self._object["id"] = _bytes(about["id"])
        self._session: Any = None
        self._key: Any = None

    def sign(self, message: bytes) -> bytes:
        """Sign, in a new session if the old one has ended. May raise anything."""
        if self._session is not None:
            try:
                return self._signed(message)
            except self._library.exceptions.PKCS11Error:
                self.close()  # it was idle too long, or the module was restarted: once more, anew
        self._open()
        return self._signed(message)

    def public_key(self) -> tuple[bytes, int]:
        """The public key as verifier keys write it, and its signature type. Raises `CannotOpen`."""
        try:
            self._open()
            public = self._session.get_key(
                object_class=self._library.ObjectClass.PUBLIC_KEY, **self._object
            )
            kind, point = public.key_type, bytes(public[self._library.Attribute.EC_POINT])
        except CannotOpen:
            raise
        except Exception as error:
            raise CannotOpen(
                f"`{self.where}` does not show the public key ({_said(error)}); it must be on the "
                "token beside the private one, with the same label or id"
            ) from error
        if _POINTS.get(len(point)) == point[:2]:
            point = point[2:]
        if kind == self._library.KeyType.EC_EDWARDS and len(point) == 32:
            return point, ED25519
        try:
            found = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        except ValueError as error:
            raise CannotOpen(
                f"the key in `{self.where}` is neither Ed25519 nor on the curve P-256; only those "
                "sign a log"
            ) from error
        return found.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), ECDSA

    def close(self) -> None:
        """End the session, if there is one."""
        session, self._session, self._key = self._session, None, None
        if session is not None:
            try:
                session.close()
            except self._library.exceptions.PKCS11Error:
                return  # it had ended

    def _signed(self, message: bytes) -> bytes:
        mechanisms = self._library.Mechanism
        if self._key.key_type == self._library.KeyType.EC_EDWARDS:
            return bytes(self._key.sign(message, mechanism=mechanisms.EDDSA))
        digest = hashlib.sha256(message).digest()
        raw = bytes(self._key.sign(digest, mechanism=mechanisms.ECDSA))
        half = len(raw) // 2
        return encode_dss_signature(
            int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big")
        )

    def _open(self) -> None:
        errors = self._library.exceptions
        try:
            token = self._library.lib(self._module).get_token(**self._token)
            try:
                self._session = token.open(user_pin=self._secret())
            except errors.UserAlreadyLoggedIn:  # by another key of ours on the same token
                self._session = token.open()
            self._key = self._session.get_key(
                object_class=self._library.ObjectClass.PRIVATE_KEY, **self._object
            )
        except CannotOpen:
            raise
        except (errors.PinIncorrect, errors.PinLenRange) as error:
            raise CannotOpen(
                f"the PIN of `{self.where}` is wrong; it was tried once and is not tried again, "
                "because tokens lock. Nothing was signed"
            ) from error
        except errors.PinLocked as error:
            raise CannotOpen(
                f"the PIN of `{self.where}` is locked after wrong attempts; its security officer "
                "unlocks it. Nothing was signed"
            ) from error
        except Exception as error:
            self.close()
            raise CannotOpen(
                f"the log key in `{self.where}` cannot be reached ({_said(error)}): nothing can be "
                "signed. Attach the token, or correct module-path, and start again"
            ) from error


def _bytes(text: str) -> bytes:
    return unquote_to_bytes(text)


# -- securesystemslib ------------------------------------------------------------------------------


def _through_securesystemslib(uri: str, verifier: Verifier, secret: Secret) -> Sign:
    library = _library("securesystemslib.signer", "securesystemslib")
    scheme = uri.partition(":")[0]
    if scheme in _PLAIN or scheme not in library.SIGNER_FOR_URI_SCHEME:
        known = sorted(library.SIGNER_FOR_URI_SCHEME.keys() - _PLAIN)
        raise CannotOpen(
            f"`{uri}` is no place that a log key can be kept in: expected `pkcs11:` or one of "
            + ", ".join(f"`{each}:`" for each in known)
        )
    try:
        if verifier.algorithm == ED25519:
            public: Any = Ed25519PublicKey.from_public_bytes(verifier.public_key)
        else:
            public = load_der_public_key(verifier.public_key)
        key = library.SSlibKey.from_crypto(public)
        signer = library.Signer.from_priv_key_uri(uri, key, lambda _name: secret())
    except CannotOpen:
        raise
    except Exception as error:
        raise CannotOpen(
            f"the log key in `{uri}` cannot be reached ({_said(error)}): nothing can be signed. "
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
