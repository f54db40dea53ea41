"""Every step of putting a blob on disk failing: what is found is what was put, or nothing."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from governance.store.blobs import BlobError, Blobs
from tests.store import crashes

DATA = b"rules: []\n" * 900
DIGEST = hashlib.sha256(DATA).hexdigest()


class Steps:
    """Counts the steps that reach the disk; the `at`-th fails, before or after it was done."""

    def __init__(self, at: int, mode: str, seen: Callable[[str], None]) -> None:
        self.at, self.mode, self.seen, self.count = at, mode, seen, 0

    def around(self, name: str, operation: Callable[..., Any]) -> Callable[..., Any]:
        """The operation with the fault in front of it."""

        def run(*arguments: Any, **options: Any) -> Any:
            self.count += 1
            if self.count != self.at:
                result = operation(*arguments, **options)
                self.seen(name)
                return result
            if self.mode == "persisted":
                operation(*arguments, **options)
            raise OSError(28, "no space left on device (injected)")

        return run


@contextmanager
def steps(at: int, mode: str, seen: Callable[[str], None] = lambda _: None) -> Iterator[Steps]:
    """Put a fault into the system calls that a blob is written with."""
    found = Steps(at, mode, seen)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", found.around("fsync", os.fsync))
        patch.setattr(Path, "replace", found.around("rename", Path.replace))
        patch.setattr(Path, "mkdir", found.around("mkdir", Path.mkdir))
        yield found


def holds(folder: Path) -> None:
    """A blob is whole or not there; putting it again makes it whole."""
    blobs = Blobs(folder)
    with suppress(BlobError):
        assert blobs.get(DIGEST) == DATA
    assert blobs.put(DATA) == DIGEST
    assert blobs.get(DIGEST) == DATA


@pytest.mark.parametrize("mode", ["error", "persisted"])
def test_a_blob_whose_write_fails_is_whole_or_not_there(in_memory: Path, mode: str) -> None:
    """A policy file could be half there, and the release it belongs to could not be explained."""
    with steps(0, mode) as plain:
        Blobs(in_memory / "plain").put(DATA)
    assert plain.count >= 5
    for at in range(1, plain.count + 1):
        folder = in_memory / f"{mode}-{at}"
        with steps(at, mode), pytest.raises(OSError, match="injected"):
            Blobs(folder).put(DATA)
        assert not list(folder.rglob(".*")), "half a file was left on a full disk"
        holds(folder)
        crashes.count(f"write {'failed' if mode == 'error' else 'failed but persisted'}")


def test_a_blob_is_whole_or_not_there_after_a_death_at_any_step(in_memory: Path) -> None:
    """After a power cut a blob could have its name and not its bytes."""
    folder, images = in_memory / "blobs", []

    def look(_name: str) -> None:
        images.append(in_memory / f"image-{len(images)}")
        shutil.copytree(folder, images[-1], dirs_exist_ok=True)

    with steps(0, "error", look):
        Blobs(folder).put(DATA)
    for image in list(images):
        for draft in image.rglob(".*"):
            for cut in (0, 1, 4_096, len(DATA) - 1):
                torn = in_memory / f"{image.name}-{cut}"
                shutil.copytree(image, torn)
                place = torn / draft.relative_to(image)
                place.write_bytes(DATA[:cut])
                images.append(torn)
    assert len(images) > 6
    for image in images:
        holds(image)
        crashes.count("killed" if image.name.count("-") == 1 else "torn")


def test_the_folder_of_a_blob_is_synced_even_if_the_blob_is_there(in_memory: Path) -> None:
    """A blob whose first write failed at the last step would be called safe and lost in a power cut."""
    with steps(0, "error") as plain:
        Blobs(in_memory / "plain").put(DATA)
    with steps(plain.count, "error"), pytest.raises(OSError, match="injected"):
        Blobs(in_memory / "blobs").put(DATA)
    with steps(0, "error") as again:
        Blobs(in_memory / "blobs").put(DATA)
    assert again.count == 2


def test_a_blob_torn_under_its_own_name_is_refused_and_mended(in_memory: Path) -> None:
    """Half a policy file would be compiled as if it were the whole."""
    blobs = Blobs(in_memory)
    blobs.put(DATA)
    place = in_memory / DIGEST[:2] / DIGEST
    for torn in (b"", DATA[:100], DATA[:-1] + b"x"):
        place.write_bytes(torn)
        with pytest.raises(BlobError, match="altered"):
            blobs.get(DIGEST)
        holds_again = blobs.put(DATA)
        assert blobs.get(holds_again) == DATA
        crashes.count("torn")
