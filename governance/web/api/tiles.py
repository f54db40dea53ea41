"""Routes of the log in tiles: checkpoint, tiles, entry bundles (C2SP tlog-tiles).

Law: what the address of a tile names never changes, so it may be kept for a year, though by the
caller only, because reading it takes a right; the checkpoint is asked for anew each time.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping

from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header, parse_etags

from governance.service import tiling
from governance.web.api.call import Call, Handler, Reply

KEPT = "private, max-age=31536000, immutable"
ASKED_ANEW = "no-cache"
TEXT = "text/plain; charset=utf-8"
BYTES = "application/octet-stream"
_LEVEL = 6


def read_checkpoint(call: Call) -> Reply:
    """The signed head of the log, as a signed note."""
    return _unless_known(call, tiling.checkpoint(call.desk.reader).encode(), TEXT, ASKED_ANEW)


def read_tile(call: Call) -> Reply:
    """Hashes of one level of the tree."""
    path = f"tile/{call.given['level']}/{call.given['tile']}"
    return _unless_known(call, tiling.tile(call.desk.reader, path), BYTES, KEPT)


def read_entries(call: Call) -> Reply:
    """Entries, compressed for whoever takes that."""
    content = tiling.tile(call.desk.reader, f"tile/entries/{call.given['tile']}")
    zipped = parse_accept_header(call.headers.accept_encoding, Accept)["gzip"] > 0
    headers = {"Vary": "Accept-Encoding"}
    if zipped:
        headers["Content-Encoding"] = "gzip"
        content = gzip.compress(content, _LEVEL, mtime=0)
    return _unless_known(call, content, BYTES, KEPT, headers)


def _unless_known(
    call: Call, content: bytes, kind: str, age: str, headers: Mapping[str, str] | None = None
) -> Reply:
    """The content with its tag; 304 without it for a caller who has it (RFC 9110 section 13.1.2)."""
    tag = hashlib.sha256(content).hexdigest()[:32]
    said = {"ETag": f'"{tag}"', "Cache-Control": age, **(headers or {})}
    if parse_etags(call.headers.if_none_match).contains_weak(tag):
        said.pop("Content-Encoding", None)
        return Reply(b"", kind, status=304, headers=said)
    return Reply(content, kind, headers=said)


HANDLERS: Mapping[str, Handler] = {
    "readCheckpoint": read_checkpoint,
    "readTile": read_tile,
    "readEntries": read_entries,
}
