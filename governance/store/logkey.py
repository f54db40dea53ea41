"""Keys of the log that are kept in files: readable by the service only, or sealed by a passphrase.

The law: without a key no entry can be added, and a key is never made anew under the same name of a
file: a log signed by keys nobody agreed on is no evidence. An encrypted key is never plain on disk,
not even while it is made; a wrong passphrase opens nothing.

A plain file is one line, `PRIVATE+KEY+name+id+…` (`audit.note`, `audit.cosigner`). An encrypted file is JSON: the
verifier key, the parameters of scrypt (RFC 7914) and the same line under AES-256-GCM, which binds
everything else in the file, too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from audit import cosigner
from audit.canonical import canonical
from audit.cosigner import MLDSA44Cosigner
from audit.encoding import b64, unb64
from audit.errors import BadKey
from audit.keys import MLDSA44_COSIGNATURE, Verifier
from audit.note import Ed25519Signer
from governance.store.errors import CannotOpen

FORMAT: Final = "log-key-encrypted/v1"
ED25519: Final = "ed25519"
ML_DSA_44: Final = "ml-dsa-44"
COST: Final = 2**17
"""scrypt's N with r = 8 and p = 1: 128 MiB and about half a second for each guess."""

_MOST_COST: Final = 2**20
_SHORTEST: Final = 12

FileSigner = Ed25519Signer | MLDSA44Cosigner
Seconds = Callable[[], int]
"""Unix seconds, for signatures that carry a time."""


def generate(origin: str, algorithm: str, clock: Seconds) -> FileSigner:
    """A new key named `origin`, in memory only. Raises `CannotOpen` if that cannot name a key."""
    try:
        if algorithm == ML_DSA_44:
            return _mldsa(cosigner.generate(origin, MLDSA44_COSIGNATURE, clock))
        return Ed25519Signer.generate(origin)
    except BadKey as error:
        raise CannotOpen(f"the log cannot be called `{origin}`: {error}") from error


def write(path: Path, signer: FileSigner) -> None:
    """Keep a new key at `path`, mode 0600. Raises `CannotOpen` if there is a file already."""
    _write_new(path, signer.skey + "\n")


def write_encrypted(path: Path, signer: FileSigner, passphrase: str, *, cost: int = COST) -> None:
    """Keep a new key at `path` under `passphrase`. Raises `CannotOpen`, also for a short one."""
    if len(passphrase) < _SHORTEST:
        raise CannotOpen(
            f"a passphrase of a log key has at least {_SHORTEST} characters, this one has "
            f"{len(passphrase)}; nothing was made"
        )
    salt, nonce = os.urandom(16), os.urandom(12)
    about = {
        "format": FORMAT,
        "vkey": signer.verifier.vkey,
        "kdf": {"name": "scrypt", "n": cost, "r": 8, "p": 1, "salt": b64(salt)},
        "cipher": {"name": "AES-256-GCM", "nonce": b64(nonce)},
    }
    sealed = AESGCM(_stretched(passphrase, salt, cost)).encrypt(
        nonce, signer.skey.encode(), canonical(about)
    )
    _write_new(path, json.dumps({**about, "key": b64(sealed)}, indent=1) + "\n")


def read(path: Path, clock: Seconds) -> FileSigner:
    """The key at `path`. Raises `CannotOpen` if it is missing, unreadable or too readable."""
    text = _private_text(path)
    if text.startswith("{"):
        raise CannotOpen(
            f"the log key `{path}` is encrypted, but `keys/ring.json` says it is a plain file; put "
            "the `ring.json` back that belongs to it"
        )
    try:
        return _from_skey(text, clock)
    except BadKey as error:
        raise CannotOpen(f"the log key `{path}` is damaged: {error}") from error


def read_encrypted(path: Path, passphrase: Callable[[], str], clock: Seconds) -> FileSigner:
    """The key at `path`, opened with what `passphrase` gives. Raises `CannotOpen`."""
    text = _private_text(path)
    try:
        value = json.loads(text)
        about = {name: value[name] for name in ("format", "vkey", "kdf", "cipher")}
        kdf = about["kdf"]
        salt, nonce = unb64(kdf["salt"]), unb64(about["cipher"]["nonce"])
        sealed, cost = unb64(value["key"]), kdf["n"]
        known = about["format"] == FORMAT and (kdf["name"], kdf["r"], kdf["p"]) == ("scrypt", 8, 1)
        if not known or type(cost) is not int or not 2 <= cost <= _MOST_COST or len(value) != 5:
            raise ValueError(f"expected the format `{FORMAT}`")
        Verifier.from_vkey(about["vkey"])
    except (ValueError, KeyError, TypeError, BadKey) as error:
        raise CannotOpen(
            f"the log key `{path}` is damaged ({error}); put it back from where it was kept"
        ) from error
    try:
        key = _stretched(passphrase(), salt, cost)
        skey = AESGCM(key).decrypt(nonce, sealed, canonical(about)).decode()
        signer = _from_skey(skey, clock)
    except (InvalidTag, BadKey, ValueError) as error:
        raise CannotOpen(
            f"the log key `{path}` does not open: the passphrase is wrong, or the file was altered. "
            "Nothing was signed. Give the right passphrase (GOVERNANCE_LOG_KEY_SECRET) and start "
            "again"
        ) from error
    return signer


def _from_skey(skey: str, clock: Seconds) -> FileSigner:
    """A signer key of either type that a log may have. Raises `BadKey`, which never repeats it."""
    try:
        return Ed25519Signer.from_skey(skey)
    except BadKey as error:
        try:
            return _mldsa(cosigner.from_skey(skey, clock))
        except BadKey:
            raise error from None


def _mldsa(signer: cosigner.Cosigner) -> MLDSA44Cosigner:
    if not isinstance(signer, MLDSA44Cosigner):
        raise BadKey("an Ed25519 cosigning key is a witness's, not a log's")
    return signer


def _stretched(passphrase: str, salt: bytes, cost: int) -> bytes:
    return Scrypt(salt=salt, length=32, n=cost, r=8, p=1).derive(passphrase.encode())


def _private_text(path: Path) -> str:
    try:
        text = path.read_text(encoding="ascii").strip()
        mode = path.stat().st_mode & 0o077
    except FileNotFoundError as error:
        raise CannotOpen(
            f"the log key `{path}` is missing: nothing can be signed. Put it back from where it "
            "was kept; if it is lost, start a new log with `governance restore --acknowledge`"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise CannotOpen(f"the log key `{path}` cannot be read: {error}") from error
    if mode:
        raise CannotOpen(
            f"the log key `{path}` can be read by others (mode {mode | 0o600:o}); make it private "
            f"with `chmod 600 {path}`"
        )
    return text


def _write_new(path: Path, text: str) -> None:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CannotOpen(f"cannot make the log key `{path}`: {error.strerror}") from error
    with open(fd, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
