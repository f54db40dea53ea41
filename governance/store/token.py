"""A PKCS#11 token that holds a key of the log, named by an RFC 7512 URI.

The law: a PIN is given when it is asked for and kept nowhere, and one that was refused is not tried
again, because tokens lock. A session that ended is opened anew, once for each signature.

Ed25519 signs by CKM_EDDSA, P-256 by CKM_ECDSA over the SHA-256. python-pkcs11 is optional.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, unquote, unquote_to_bytes

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from audit.keys import ECDSA, ED25519
from governance.store.errors import CannotOpen

PKCS11 = "pkcs11"

Secret = Callable[[], str]

_POINTS = {34: b"\x04\x20", 67: b"\x04\x41", 69: b"\x04\x43"}

_WORDS = {
    "NoSuchToken": "there is no such token",
    "MultipleTokensReturned": "several tokens fit; name its serial, too",
    "NoSuchKey": "there is no such key on the token",
    "MultipleObjectsReturned": "several keys on the token fit; name its id, too",
    "DeviceRemoved": "the token was removed",
    "DeviceError": "the token has a fault",
    "GeneralError": "the module failed without saying why",
}


def said(error: Exception) -> str:
    """What an error of a library says; those of PKCS#11 have names only."""
    return str(error) or _WORDS.get(type(error).__name__, type(error).__name__)


def library(name: str, package: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise CannotOpen(
            f"this log key needs the Python package `{package}`, which is not installed; install "
            "it beside the service and start again"
        ) from error


class Token:
    """A session with the token that a `pkcs11:` URI (RFC 7512) names, opened anew when it broke."""

    def __init__(self, uri: str, secret: Secret) -> None:
        """Raises `CannotOpen` for a URI that does not say where the key is."""
        self._library = library("pkcs11", "python-pkcs11")
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
                f"`{self.where}` does not show the public key ({said(error)}); it must be on the "
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
        except errors.NoSuchKey as error:
            self.close()
            raise CannotOpen(
                f"the log key in `{self.where}` cannot be reached: the token holds no private key of "
                "that label (`object=`) or id (`id=`), so that nothing can be signed. Correct the URI, "
                "or put the key back, and start again"
            ) from error
        except Exception as error:
            self.close()
            raise CannotOpen(
                f"the log key in `{self.where}` cannot be reached ({said(error)}): nothing can be "
                "signed. Attach the token, or correct module-path, and start again"
            ) from error


def _bytes(text: str) -> bytes:
    return unquote_to_bytes(text)
