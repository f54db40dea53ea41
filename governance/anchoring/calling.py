"""One HTTP exchange with a configured address: no redirect, bounded in time and size."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from governance.anchoring.anchor import LONGEST, TIMEOUT, AnchorFailed


class Answer(NamedTuple):
    """Status, media type (lower case, without parameters) and body."""

    status: int
    media_type: str
    body: bytes


def call(
    method: str,
    url: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = TIMEOUT,
) -> Answer:
    """Raises `AnchorFailed` if there is no answer, or one longer than `LONGEST` bytes."""
    parts = urlsplit(url)
    host, path = parts.hostname or "", parts.path or "/"
    if parts.query:
        path += "?" + parts.query
    try:
        if parts.scheme == "https":
            context = ssl.create_default_context()
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, parts.port, timeout=timeout, context=context
            )
        else:
            connection = http.client.HTTPConnection(host, parts.port, timeout=timeout)
        try:
            connection.request(method, path, body, {"User-Agent": "governance", **(headers or {})})
            response = connection.getresponse()
            found = response.read(LONGEST + 1)
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise AnchorFailed(f"`{url}` cannot be reached: {error or type(error).__name__}") from error
    if len(found) > LONGEST:
        raise AnchorFailed(f"`{url}` answered with more than {LONGEST} bytes")
    media_type = (response.getheader("Content-Type") or "").partition(";")[0].strip().lower()
    return Answer(response.status, media_type, found)
