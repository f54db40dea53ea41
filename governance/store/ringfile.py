"""The list of a workspace's log keys, `keys/ring.json`: public halves, and where the private ones are.

The law: it holds no secret and decides nothing; the log says who signs, and the list follows. It is
written whole or not at all.

One object: `format`, and `keys`, the one the log was founded with first: `vkey`, `custody` (`file`,
`encrypted`, `pkcs11`, `kms`), `at` (a file beside it, or a URI), `status` (`prepared`, `signing`,
`retired`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from audit.disk import replace_file
from audit.errors import BadKey
from audit.keys import MLDSA44_COSIGNATURE, Verifier
from governance.store import logkey
from governance.store.errors import CannotOpen
from governance.store.held import KMS
from governance.store.paths import Paths
from governance.store.token import PKCS11

FILE: Final = "file"
ENCRYPTED: Final = "encrypted"
CUSTODIES: Final = (FILE, ENCRYPTED, PKCS11, KMS)
PREPARED, SIGNING, RETIRED = "prepared", "signing", "retired"

_FORMAT: Final = "log-keys/v1"


class Known(NamedTuple):
    """A key of the ring: its public half, where the private one is, and what it does now."""

    verifier: Verifier
    custody: str
    at: str
    status: str

    @property
    def vkey(self) -> str:
        """The verifier key."""
        return self.verifier.vkey

    @property
    def id(self) -> str:
        """The key id, 8 hexadecimal digits."""
        return self.verifier.key_id.hex()


def public_keys(paths: Paths) -> tuple[Verifier, ...]:
    """The verifiers of a workspace's log, retired ones included, newest first; opens no key.

    Raises `CannotOpen`.
    """
    known = [key for key in reversed(read(paths)) if key.status != PREPARED]
    return tuple(key.verifier for key in sorted(known, key=_rank))


def retired_keys(paths: Paths) -> bool:
    """Whether a key of this log signs no longer. Raises `CannotOpen`."""
    return any(key.status == RETIRED for key in read(paths))


def read(paths: Paths) -> tuple[Known, ...]:
    """The keys in `ring.json`, or `CannotOpen`; a workspace from before there was one has the one file."""
    try:
        text = paths.ring.read_text(encoding="utf-8")
    except FileNotFoundError:
        return (
            Known(logkey.read(paths.log_key, _never).verifier, FILE, paths.log_key.name, SIGNING),
        )
    except (OSError, UnicodeDecodeError) as error:
        raise CannotOpen(f"the list of log keys `{paths.ring}` cannot be read: {error}") from error
    try:
        value = json.loads(text)
        if value["format"] != _FORMAT or not value["keys"]:
            raise ValueError(f"expected the format `{_FORMAT}` and at least one key")
        return tuple(_known(item) for item in value["keys"])
    except (ValueError, KeyError, TypeError, BadKey) as error:
        raise CannotOpen(
            f"the list of log keys `{paths.ring}` is damaged ({error}); put it back from where it "
            "was kept"
        ) from error


def write(paths: Paths, keys: Sequence[Known]) -> None:
    """Put `keys` in `ring.json`. Raises `CannotOpen`."""
    document = {
        "format": _FORMAT,
        "keys": [
            {"vkey": k.vkey, "custody": k.custody, "at": k.at, "status": k.status} for k in keys
        ],
    }
    _replace(paths.ring, json.dumps(document, indent=1) + "\n")


def _rank(key: Known) -> tuple[bool, bool]:
    """Who signs before who signed; keys that any verifier knows before ML-DSA-44."""
    return key.status != SIGNING, key.verifier.algorithm == MLDSA44_COSIGNATURE


def _known(item: Mapping[str, str]) -> Known:
    known = Known(Verifier.from_vkey(item["vkey"]), item["custody"], item["at"], item["status"])
    if known.custody not in CUSTODIES or known.status not in (PREPARED, SIGNING, RETIRED):
        raise ValueError(f"`{known.custody}`, `{known.status}`: not known here")
    if known.custody in (FILE, ENCRYPTED) and "/" in known.at:
        raise ValueError(f"`{known.at}` does not lie in `keys/`")
    return known


def _replace(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    try:
        replace_file(path, text.encode())
    except OSError as error:
        raise CannotOpen(f"cannot write `{path}`: {error.strerror}") from error


def _never() -> int:
    """Only the public half of the key is wanted."""
    return 0
