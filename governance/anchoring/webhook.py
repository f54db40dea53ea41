"""An anchor that is a receiver of signed webhooks, as approvers' notices are sent.

Law: the same form (Standard Webhooks 1.0) and the same caution about addresses as `governance.notify`;
a head keeps its id over retries, and only a 2xx answer counts as taken.
"""

from __future__ import annotations

import hashlib
import http.client
import json

from governance import notify
from governance.anchoring.anchor import AnchorFailed, Head
from governance.anchoring.settings import AnchorSettings
from governance.config import ConfigError, secret
from governance.notify import Notice, Target
from governance.oversight.times import write


class WebhookAnchor:
    """Sends each head to one address; a receiver cannot be asked what it holds."""

    tells = False
    proves = False

    def __init__(self, settings: AnchorSettings) -> None:
        """Raises ConfigError for a secret that is none."""
        try:
            key = notify.key_of(secret(settings.secret), "secret")
        except ConfigError as error:
            raise ConfigError(f"anchor `{settings.name}`: {error}") from None
        self._target = Target(settings.target, key, settings.allow_private)

    def newest(self, origin: str) -> str | None:
        """Cannot tell."""
        return None

    def publish(self, head: Head) -> bytes:
        """Send the head."""
        try:
            status = notify.post(self._target, notice(head))
        except notify.Refused as error:
            raise AnchorFailed(str(error)) from None
        except (OSError, http.client.HTTPException) as error:
            raise AnchorFailed(f"`{self._target.url}` cannot be reached: {error}") from error
        if not 200 <= status < 300:
            raise AnchorFailed(f"`{self._target.url}` answered {status}; it must answer 2xx")
        return b""


def notice(head: Head) -> Notice:
    """The message that carries a head: `checkpoint.signed`."""
    document = {
        "type": "checkpoint.signed",
        "timestamp": write(head.at),
        "data": {
            "origin": head.origin,
            "size": head.size,
            "root": head.root.hex(),
            "checkpoint": head.note,
        },
    }
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    stamp = hashlib.sha256(f"{head.origin}\n{head.size}\n{head.root.hex()}".encode()).hexdigest()
    return Notice(f"msg_{stamp[:24]}", body)
