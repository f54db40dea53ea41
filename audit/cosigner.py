"""Cosigning keys: what a witness signs checkpoints with, C2SP tlog-cosignature.

    PRIVATE+KEY+<name>+<key id, 8 hex digits>+<base64(type ‖ 32-byte seed)>

The law: a cosignature says "at this time the largest tree of this log that I have seen, and found
consistent with all before it, was this one". It always bears a time, and its key signs nothing
else: an Ed25519 cosignature does not name its cosigner, so one key is one witness.

Types: 0x04 Ed25519, 0x06 ML-DSA-44 (FIPS 204, the seed as key). With 0x06 and the origin for a name
a log signs its own checkpoints; the signature covers origin, size and root, not extension lines.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from audit.encoding import MAX_SIZE, b64
from audit.errors import BadKey, BadNote
from audit.keys import (
    COSIGNATURES,
    ED25519_COSIGNATURE,
    MLDSA44_COSIGNATURE,
    OfVerifier,
    Verifier,
    cosignature_message,
    read_skey,
    subtree_message,
)

SEED_SIZE = 32


class Cosigner(OfVerifier):
    """A key in memory that cosigns. Make one of a subclass, or with `generate`, `from_skey`."""

    def __init__(self, verifier: Verifier, seed: bytes, clock: Callable[[], int]) -> None:
        super().__init__(verifier)
        self._seed, self._clock = seed, clock

    @property
    def skey(self) -> str:
        """The signer key as text. Whoever has it can cosign in this name."""
        material = bytes([self.verifier.algorithm]) + self._seed
        return f"PRIVATE+KEY+{self.name}+{self.key_id.hex()}+{b64(material)}"

    def sign(self, message: bytes) -> bytes:
        """The cosignature over a checkpoint's text at the time of the clock."""
        return self.sign_at(message, self._clock())

    def sign_at(self, message: bytes, time: int) -> bytes:
        """Eight bytes of time (Unix seconds) and the signature.

        Raises `BadNote` for a time that no cosignature can bear, `BadCheckpoint` if an ML-DSA-44
        key is to sign something else than a checkpoint.
        """
        if not 0 < time <= MAX_SIZE:
            raise BadNote(f"a cosignature's time is positive and below 2^63, not {time}")
        return time.to_bytes(8, "big") + self._sign(message, time)

    def _sign(self, message: bytes, time: int) -> bytes:
        raise AssertionError("a cosigner is of one of the two types")


class Ed25519Cosigner(Cosigner):
    """Signature type 0x04. The key must be used for nothing else."""

    def __init__(self, name: str, key: Ed25519PrivateKey, clock: Callable[[], int]) -> None:
        """`clock` gives Unix seconds. Raises `BadKey` if `name` cannot name a key."""
        public = key.public_key().public_bytes_raw()
        verifier = Verifier.from_public_key(name, public, ED25519_COSIGNATURE)
        super().__init__(verifier, key.private_bytes_raw(), clock)
        self._key = key

    def _sign(self, message: bytes, time: int) -> bytes:
        return self._key.sign(cosignature_message(message, time))


class MLDSA44Cosigner(Cosigner):
    """Signature type 0x06, which also says who cosigned and stays secure against quantum computers."""

    def __init__(self, name: str, key: MLDSA44PrivateKey, clock: Callable[[], int]) -> None:
        """`clock` gives Unix seconds. Raises `BadKey` if `name` cannot name a key."""
        public = key.public_key().public_bytes_raw()
        verifier = Verifier.from_public_key(name, public, MLDSA44_COSIGNATURE)
        super().__init__(verifier, key.private_bytes_raw(), clock)
        self._key = key

    def _sign(self, message: bytes, time: int) -> bytes:
        return self._key.sign(subtree_message(self.name, message, time))


def from_seed(name: str, algorithm: int, seed: bytes, clock: Callable[[], int]) -> Cosigner:
    """The cosigner of this type (0x04 or 0x06) with this 32-byte seed. Raises `BadKey`."""
    if len(seed) != SEED_SIZE:
        raise BadKey(f"a cosigning key's seed has {SEED_SIZE} bytes, not {len(seed)}")
    if algorithm == ED25519_COSIGNATURE:
        return Ed25519Cosigner(name, Ed25519PrivateKey.from_private_bytes(seed), clock)
    if algorithm == MLDSA44_COSIGNATURE:
        return MLDSA44Cosigner(name, MLDSA44PrivateKey.from_seed_bytes(seed), clock)
    raise BadKey(f"nobody cosigns with a key of type 0x{algorithm:02x}: 0x04 and 0x06 are for that")


def generate(name: str, algorithm: int, clock: Callable[[], int]) -> Cosigner:
    """A new key from the operating system's randomness."""
    return from_seed(name, algorithm, secrets.token_bytes(SEED_SIZE), clock)


def from_skey(skey: str, clock: Callable[[], int]) -> Cosigner:
    """Read a cosigner's key file line. Raises `BadKey`; the message never repeats the key."""
    name, key_id, material = read_skey(skey)
    if not material or material[0] not in COSIGNATURES:
        raise BadKey("the key is not a cosigner's (type 0x04 or 0x06)")
    cosigner = from_seed(name, material[0], material[1:], clock)
    if cosigner.key_id.hex() != key_id:
        raise BadKey(f"the cosigner key's id `{key_id[:20]}` is not that of its key")
    return cosigner
