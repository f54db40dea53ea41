"""An anchor that is a file, best on another volume or a mounted share that only adds.

Law: whoever reads the file sees a whole head, the old one or the new one: a fresh file, then a
rename, both synced.
"""

from __future__ import annotations

from pathlib import Path

from audit.disk import replace_file
from governance.anchoring.anchor import LONGEST, AnchorFailed, Head
from governance.anchoring.settings import AnchorSettings


class FileAnchor:
    """A file that holds the newest head."""

    tells = True
    proves = False

    def __init__(self, settings: AnchorSettings) -> None:
        self._path = Path(settings.target)

    def newest(self, origin: str) -> str | None:
        """What the file holds; None if there is none yet."""
        try:
            with self._path.open("rb") as file:
                return file.read(LONGEST).decode("utf-8")
        except FileNotFoundError:
            return None
        except UnicodeDecodeError:
            raise AnchorFailed(f"`{self._path}` holds no head of a log; move it away") from None
        except OSError as error:
            raise AnchorFailed(f"`{self._path}` cannot be read: {error.strerror}") from error

    def publish(self, head: Head) -> bytes:
        """Put `head` in the file's place."""
        try:
            replace_file(self._path, head.note.encode(), 0o666)
        except OSError as error:
            raise AnchorFailed(
                f"`{self._path}` cannot be written: {error.strerror}; mount the volume, or give "
                "the service the right to write there"
            ) from error
        return b""
