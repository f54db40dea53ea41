"""A workspace read from beside its owner: its log, its vault, its releases.

Law: nothing is written, no lock is taken, and what is read ends at the size the log had when it was
opened.  Whoever may read the files may read them this way.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from audit.encoding import b64url
from audit.entry import Entry
from audit.package import Anchored, Disclosure
from governance.engine.compile import Release
from governance.oversight import snapshot
from governance.oversight.model import State
from governance.oversight.state import genesis
from governance.service.desk import FOLD
from governance.service.disclosing import FAR, Chosen, Selection
from governance.service.problem import Problem
from governance.service.releases import Releases
from governance.store.blobs import BlobError, blobs_of
from governance.store.encoding import quick
from governance.store.opening import carried
from governance.store.paths import Paths
from governance.store.reader import Reader
from governance.store.ringfile import retired_keys
from governance.store.sealing import VaultKey
from governance.store.snapshots import newest, stored
from governance.store.vault import Vault


class Beside:
    """A workspace read from beside its owner."""

    def __init__(self, root: Path) -> None:
        paths = Paths(root)
        self.reader = Reader(paths.log_database)
        self.blobs = blobs_of(paths)
        self.releases = Releases(self.blobs)
        vault = paths.vault_database.reader()
        key = VaultKey.open(paths.vault_key)
        self.vault = Vault(paths.vault_database, vault, vault, key, lambda: 0)
        self.minimum = self.reader.minimum
        self.base: bytes | None = None
        found: State | None
        with self.reader.connection() as db:
            if self.minimum:
                self.base = stored(db, self.minimum)
                found = _at_the_cut(newest(db, FOLD, self.minimum), self.minimum)
            else:
                found = carried(db, FOLD)[0]
        self.carried = found
        self.first = genesis() if found is None else found
        self.size = self.reader.size
        self.retired = retired_keys(paths)

    def entries(self) -> Iterator[Entry]:
        """Every entry that was kept; their bytes were checked when they were written."""
        return map(quick, self.reader.entries(self.minimum, self.size))

    def retirements(self, there: Collection[int]) -> Iterator[Anchored]:
        """The last heads that retired keys signed, for whoever pins one of those still.

        They prove, under the key that is gone, which key goes on. `there` are sizes of heads that the
        package has anyway.
        """
        if not self.retired:
            return
        found = set(there)
        for index, data in enumerate(self.reader.entries(self.minimum, self.size), self.minimum):
            if b'"kind":"log_key.retired"' in data:
                size, note = self.reader.checkpoint_covering(index)
                if size not in found and size < self.size:
                    found.add(size)
                    yield Anchored(size, note)

    def resolved(self, shown: Selection) -> Selection:
        """`shown` with pseudonyms for the subjects that were given as `KIND=VALUE`.

        Raises `Problem` for entries that are not there.
        """
        if shown.first >= min(shown.stop, self.size):
            last = "" if shown.stop == FAR else f" to `{shown.stop - 1}`"
            raise Problem(
                "bad-field",
                f"there are no entries `{shown.first}`{last}: the log has the entries {self.minimum} "
                f"to {self.size - 1}",
                field="from",
            )
        subjects = []
        for given in shown.subjects:
            kind, told, value = given.partition("=")
            found = self.vault.find(kind, value) if told else given
            if found is None:
                raise Problem("unknown", f"no {kind} of that value was ever recorded here")
            subjects.append(found)
        resolved = replace(shown, subjects=tuple(subjects))
        resolved.check()
        return resolved

    def release(self, digest: str) -> Release | None:
        """A release by digest, if its files are kept here."""
        try:
            return self.releases.get(digest).release
        except BlobError:
            return None

    def opened(self, index: int) -> dict[str, Any]:
        """What entry `index` commits to, as far as it was not erased."""
        return {name: json.loads(found.value) for name, found in self.vault.values(index).items()}

    def blobs_named(self) -> Iterator[bytes]:
        """Policy files that entries name, what anchors showed against the log, and the state that a
        restored or pruned log begins with."""
        seen: set[str] = set()
        for entry in self.entries():
            named = list(entry.data.get("files", {}).values())
            if entry.kind == "anchor.conflict":
                named.append(entry.data["digest"])
            for digest in named:
                if digest not in seen:
                    seen.add(digest)
                    yield self.blobs.get(digest)
        if self.carried is not None:
            yield self.base or snapshot.dump(self.carried)
            if self.carried.release is not None:
                yield self.releases.manifest(self.carried.release)
                yield from self.releases.files(self.carried.release).values()

    def disclosures(self, chosen: Chosen) -> Iterator[Disclosure]:
        """The opened commitments that were asked for, as far as they are still there."""
        for index, entry in enumerate(self.entries(), self.minimum):
            if not entry.data.get("commitments"):
                chosen.names(index, entry)
                continue
            names = chosen.names(index, entry)
            values = self.vault.values(index) if names else {}
            for name in names:
                found = values.get(name)
                chosen.count(found is not None)
                if found is not None:
                    yield Disclosure(index, name, b64url(found.salt), json.loads(found.value))


def _at_the_cut(found: tuple[int, State] | None, minimum: int) -> State:
    if found is None or found[0] != minimum:
        raise Problem(
            "not-ready",
            f"the state at entry {minimum}, up to which the log was pruned, is of another version; "
            "use the version that pruned it",
        )
    return found[1]
