"""How values are kept unreadable without their keys.

The law: every value is sealed with AES-256-GCM under a key that belongs to one data subject (or to
the workspace, for values about nobody), bound to the place it is kept in, so that a sealed value
moved to another place does not open. The subjects' keys are wrapped by a key in a file that is in
no database; who has the databases but not that file has nothing.

The key file holds 64 random bytes: 32 that wrap keys, 32 that key the look-up of subjects.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from governance.store.errors import CannotOpen, Damaged

NONCE = 12
_WRAPPING, _LOOKING_UP = slice(0, 32), slice(32, 64)


class Randomness:
    """Random bytes from the operating system, fetched in bulk.

    Each call to the system lets other threads run and then waits for its turn, many times longer
    than the call takes. Any thread may ask; no byte is given out twice.
    """

    def __init__(self, size: int, count: int = 256) -> None:
        """Pieces of `size` bytes, fetched `count` at a time."""
        self._size, self._count = size, count
        self._pieces: list[bytes] = []

    def take(self) -> bytes:
        """The next piece."""
        try:
            return self._pieces.pop()
        except IndexError:
            size = self._size
            data = os.urandom(size * self._count)
            pieces = [data[at : at + size] for at in range(0, len(data), size)]
            piece = pieces.pop()
            self._pieces = pieces
            return piece


_nonces = Randomness(NONCE)


def seal(key: AESGCM, place: str, value: bytes) -> bytes:
    """Nonce and AES-256-GCM of `value`, bound to `place`."""
    nonce = _nonces.take()
    return nonce + key.encrypt(nonce, value, place.encode())


def unseal(key: AESGCM, place: str, sealed: bytes) -> bytes:
    """The value in `sealed`. Raises `Damaged` if key, place or bytes are not the right ones."""
    try:
        return key.decrypt(sealed[:NONCE], sealed[NONCE:], place.encode())
    except InvalidTag as error:
        raise Damaged(
            f"the value kept for `{place}` cannot be opened: it was altered, or belongs to "
            "another vault key"
        ) from error


class VaultKey:
    """The workspace's own key: wraps other keys, and keys look-ups."""

    def __init__(self, material: bytes) -> None:
        self._wrapping = AESGCM(material[_WRAPPING])
        # HMAC (RFC 2104) from prepared states: the one-shot calls let go of the interpreter's lock
        padded = material[_LOOKING_UP].ljust(64, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded))

    @classmethod
    def create(cls, path: Path) -> VaultKey:
        """A new random key, kept at `path` (mode 0600). Raises `CannotOpen` if there is one."""
        material = os.urandom(64)
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise CannotOpen(f"cannot make the vault key `{path}`: {error.strerror}") from error
        with open(fd, "wb") as file:
            file.write(material)
            file.flush()
            os.fsync(file.fileno())
        return cls(material)

    @classmethod
    def open(cls, path: Path) -> VaultKey:
        """The key at `path`. Raises `CannotOpen` if it is not there or not one."""
        try:
            material = path.read_bytes()
        except OSError as error:
            raise CannotOpen(
                f"the vault key `{path}` cannot be read ({error.strerror}); without it no name "
                "and no recorded value can be opened. Put it back from where it was kept"
            ) from error
        if len(material) != 64:
            raise CannotOpen(
                f"`{path}` is not a vault key: expected 64 bytes, found {len(material)}"
            )
        return cls(material)

    def wrap(self, key: bytes, place: str) -> bytes:
        """`key` sealed under the workspace's key."""
        return seal(self._wrapping, place, key)

    def unwrap(self, wrapped: bytes, place: str) -> bytes:
        """The key in `wrapped`. Raises `Damaged`."""
        return unseal(self._wrapping, place, wrapped)

    def lookup(self, kind: str, value: str) -> bytes:
        """A keyed digest under which a value is found again; nobody guesses it without the key."""
        message = len(kind).to_bytes(4, "big") + kind.encode() + value.encode()
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        return outer.digest()

    @property
    def own(self) -> AESGCM:
        """The key for values that are about nobody."""
        return self._wrapping
