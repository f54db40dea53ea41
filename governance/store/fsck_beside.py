"""What lies beside the log: the values that entries commit to, and the blobs they name.

The law: neither can be made again from entries, so whatever is missing or altered is named with the
place a good copy may be found in. A value that is gone may have been erased; where the log records
erasures that could explain it, it is counted and not accused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple

from audit.commit import commitment
from audit.encoding import b64url
from audit.errors import LogError
from governance.store.blobs import BlobError, BlobStore, blobs_of
from governance.store.database import ERRORS
from governance.store.encoding import quick
from governance.store.errors import StoreError
from governance.store.findings import BLOBS, VAULT, Finding, Part
from governance.store.paths import Paths
from governance.store.reader import Reader
from governance.store.sealing import VaultKey
from governance.store.vault import Opened, Vault


class Beside(NamedTuple):
    """What was found, and what could not be looked at."""

    findings: list[Finding]
    unchecked: list[str]


def check_beside(paths: Paths, reader: Reader, size: int) -> Beside:
    """Hold values and blobs against the entries up to `size`; the vault is read as it is now."""
    found = Beside([], [])
    try:
        key = VaultKey.open(paths.vault_key)
        connection = paths.vault_database.reader()
    except StoreError as error:
        found.unchecked.append(f"values that entries commit to: {error}")
        _look(paths, reader, size, None, found)
        return found
    with closing(connection):
        vault = Vault(paths.vault_database, connection, connection, key, lambda: 0)
        _look(paths, reader, size, vault, found)
    return found


def _look(paths: Paths, reader: Reader, size: int, vault: Vault | None, found: Beside) -> None:
    blobs = blobs_of(paths)
    seen: set[str] = set()
    erased, gone = -1, []
    minimum = reader.minimum
    for index, data in enumerate(reader.entries(minimum, size), minimum):
        if b'"commitments":{"' not in data and b'"files":{"' not in data:
            if b'"kind":"data.erased"' in data:
                erased = index
            continue
        entry = quick(data)
        for name, digest in sorted(entry.data.get("files", {}).items()):
            if digest not in seen:
                seen.add(digest)
                found.findings.extend(_blob(blobs, index, name, digest))
        if vault is not None:
            committed = entry.data.get("commitments", {})
            wrong, missing = _values(vault, index, committed)
            found.findings.extend(wrong)
            gone += [(index, name) for name in missing]
        if entry.kind == "data.erased":
            erased = index
    if gone and vault is not None:  # the vault is as it is now, the log as it was a moment ago
        erased, minimum = max(erased, _erased_since(paths, vault, size)), _minimum_now(paths)
        gone = [place for place in gone if place[0] >= minimum]
    explained = [place for place in gone if place[0] < erased]
    found.findings.extend(
        Finding(f"`{name}` of entry {index}", "its value is not in the vault", Part.VALUE, VAULT)
        for index, name in gone
        if index >= erased
    )
    if explained:
        found.unchecked.append(
            f"{len(explained)} values that are not in the vault: erasures that the log records "
            "may be why"
        )


def _erased_since(paths: Paths, vault: Vault, size: int) -> int:
    """The newest erasure after the first `size` entries, or one that has no entry yet; -1: none."""
    if vault.unrecorded():
        return size
    with closing(Reader(paths.log_database)) as now:
        newer = enumerate(now.entries(max(size, now.minimum), now.size), max(size, now.minimum))
        return max((n for n, data in newer if b'"kind":"data.erased"' in data), default=-1)


def _minimum_now(paths: Paths) -> int:
    with closing(Reader(paths.log_database)) as now:
        return now.minimum


def _values(vault: Vault, index: int, committed: dict[str, str]) -> tuple[list[Finding], list[str]]:
    """What is wrong with the values of one entry, and the names of those that are not there."""
    try:
        kept = vault.values(index)
    except (StoreError, *ERRORS) as error:
        what = f"they cannot be opened: {error}"
        return [Finding(f"the values of entry {index}", what, Part.VALUE, VAULT)], []
    wrong = [
        Finding(
            f"`{name}` of entry {index}",
            "the value in the vault is not the one that was committed to",
            Part.VALUE,
            VAULT,
        )
        for name, opened in sorted(kept.items())
        if not _is(committed.get(name), name, opened)
    ]
    return wrong, sorted(committed.keys() - kept.keys())


def _is(committed: str | None, name: str, opened: Opened) -> bool:
    try:
        return committed == commitment(b64url(opened.salt), name, json.loads(opened.value))
    except (LogError, ValueError):
        return False


def _blob(blobs: BlobStore, index: int, name: str, digest: str) -> Iterator[Finding]:
    try:
        data = blobs.get(digest)
        what = "" if hashlib.sha256(data).hexdigest() == digest else "it was altered"
    except BlobError as error:
        what = str(error)
    if what:
        yield Finding(f"the file `{name}` of entry {index}", what, Part.BLOB, BLOBS)
