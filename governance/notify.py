"""Telling people: one signed webhook for each approval that is asked for, each release that is
proposed, and each share of a policy that stopped by itself.

Law: a notice is a convenience. It carries no argument of the action and no name of a person, only
what leads to the page where one signs in and sees them; it is sent after the entry is on disk,
never while a caller waits, and its failure changes nothing. It goes to the one configured address
and nowhere else: no redirect is followed, and an address that resolves into this machine or the
private network is refused unless the configuration allows it (the name is resolved once and the
connection is made to that very address).

Form: Standard Webhooks 1.0 (`webhook-id`, `webhook-timestamp`, `webhook-signature: v1,<HMAC-SHA-256>`
over `id.timestamp.body`; secrets are `whsec_` and base64). The same notice keeps its id over
retries, so that a receiver can drop the second one.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import http.client
import ipaddress
import json
import queue
import random
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from governance.config import ConfigError, Webhook, secret

TIMEOUT: Final = 10.0
RETRY_AFTER: Final = (5.0, 30.0, 120.0, 600.0, 3600.0)
WAITING: Final = 1000
_LONGEST_ANSWER: Final = 64 * 1024


class Refused(Exception):
    """The address must not be called; the message says why."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One message. `id` is the same for every attempt; `body` the exact bytes that are signed."""

    id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Target:
    """Where notices go."""

    url: str
    key: bytes
    allow_private: bool = False


def target_of(webhook: Webhook) -> Target | None:
    """The configured receiver, None when there is none. Raises ConfigError for a bad secret."""
    if not webhook.url:
        return None
    return Target(webhook.url, key_of(secret(webhook.secret)), webhook.allow_private)


def key_of(text: str, setting: str = "webhook.secret") -> bytes:
    """The key of a Standard Webhooks secret: `whsec_` and 24 to 64 bytes in base64."""
    try:
        if not text.startswith("whsec_"):
            raise ValueError
        key = base64.b64decode(text[len("whsec_") :], validate=True)
        if not 24 <= len(key) <= 64:
            raise ValueError
    except (ValueError, binascii.Error):
        raise ConfigError(
            f"`{setting}` must be `whsec_` followed by 24 to 64 random bytes in base64"
        ) from None
    return key


def sign(key: bytes, notice_id: str, timestamp: int, body: bytes) -> str:
    """The `webhook-signature` header (Standard Webhooks 1.0, symmetric)."""
    signed = f"{notice_id}.{timestamp}.".encode() + body
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode("ascii")


def asked(origin: str, url: str, at: str, approval: Mapping[str, Any]) -> Notice:
    """The notice of `approval.asked`.

    `approval` has index, agent, action, roles and answer_by; `url` is the service's own address.
    """
    number = approval["index"]
    document = {
        "type": "approval.asked",
        "timestamp": at,
        "data": {
            "approval": number,
            "agent": approval["agent"],
            "action": approval["action"],
            "roles": list(approval["roles"]),
            "answer_by": approval["answer_by"],
            "review": f"{url}/approvals/{number}",
        },
    }
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    # The log and the entry name the event, so the id survives a restart of the sender.
    stamp = hashlib.sha256(f"{origin}\n{number}".encode()).hexdigest()[:24]
    return Notice(f"msg_{stamp}", body)


def happened(origin: str, kind: str, at: str, key: str, data: Mapping[str, Any]) -> Notice:
    """The notice of something else that people should look at; `key` names it within the log."""
    document = {"type": kind, "timestamp": at, "data": dict(data)}
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    stamp = hashlib.sha256(f"{origin}\n{kind}\n{key}".encode()).hexdigest()[:24]
    return Notice(f"msg_{stamp}", body)


def post(
    target: Target,
    notice: Notice,
    *,
    now: Callable[[], float] = time.time,  # noqa: TID251 a surface
) -> int:
    """One attempt; the receiver's status. Raises Refused, OSError or HTTPException."""
    parts = urlsplit(target.url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    address = resolve(host, port, allow_private=target.allow_private)
    timestamp = int(now())
    connection = _connection(parts.scheme, host, port, address)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request(
            "POST",
            path,
            body=notice.body,
            headers={
                "Host": parts.netloc.rpartition("@")[2],
                "Content-Type": "application/json",
                "User-Agent": "governance-webhook",
                "webhook-id": notice.id,
                "webhook-timestamp": str(timestamp),
                "webhook-signature": sign(target.key, notice.id, timestamp, notice.body),
            },
        )
        response = connection.getresponse()
        response.read(_LONGEST_ANSWER)
        return response.status
    finally:
        connection.close()


def resolve(host: str, port: int, *, allow_private: bool) -> str:
    """The address to connect to. Raises Refused for one inside, unless that is allowed."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(item[4][0]) for item in found]
    if not addresses:
        raise Refused(f"`{host}` has no address")
    for address in addresses:
        if not allow_private and not is_public(address):
            raise Refused(
                f"`{host}` is `{address}`, an address inside this machine or a private network;"
                " set `allow_private = true` beside its address in config.toml if that is meant"
            )
    return addresses[0]


def is_public(address: str) -> bool:
    """Whether an address is reachable on the open internet and nowhere else."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = parsed.ipv4_mapped or parsed.sixtofour
        if inner is not None:
            parsed = inner
    return parsed.is_global and not parsed.is_multicast


def _connection(scheme: str, host: str, port: int, address: str) -> http.client.HTTPConnection:
    """A connection to `address` whose certificate, if any, must be the one of `host`."""
    if scheme == "https":
        connection: http.client.HTTPConnection = _PinnedTls(host, port, address)
    else:
        connection = http.client.HTTPConnection(address, port, timeout=TIMEOUT)
    return connection


class _PinnedTls(http.client.HTTPSConnection):
    """TLS to a given address for a given name: a second look-up cannot point elsewhere."""

    def __init__(self, host: str, port: int, address: str) -> None:
        self._context_for_name = ssl.create_default_context()
        super().__init__(host, port, timeout=TIMEOUT, context=self._context_for_name)
        self._address = address

    def connect(self) -> None:
        plain = socket.create_connection((self._address, self.port), TIMEOUT)
        self.sock = self._context_for_name.wrap_socket(plain, server_hostname=self.host)


class Notifier:
    """Sends notices from a thread of its own; bounded, with retries, silent when not configured."""

    def __init__(
        self,
        target: Target | None,
        *,
        told: Callable[[str], None] = lambda result: None,
        retry_after: tuple[float, ...] = RETRY_AFTER,
        send: Callable[[Target, Notice], int] = post,
    ) -> None:
        self._target = target
        self._told = told
        self._retry_after = retry_after
        self._send = send
        self._due: queue.PriorityQueue[tuple[float, int, Notice, int]] = queue.PriorityQueue()
        self._count = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._disabled = False
        self._thread: threading.Thread | None = None

    @property
    def active(self) -> bool:
        """Whether notices go anywhere."""
        return self._target is not None and not self._disabled

    def start(self) -> None:
        """Start the thread; without a target nothing is started."""
        if self._target is not None and self._thread is None:
            self._thread = threading.Thread(target=self._run, name="notices", daemon=True)
            self._thread.start()

    def close(self, timeout: float = 5.0) -> None:
        """Stop; what waits for a retry is dropped (the approvals list is what counts)."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout)

    def tell(self, notice: Notice) -> None:
        """Queue a notice; beyond the bound it is dropped and counted."""
        if not self.active:
            return
        if self._due.qsize() >= WAITING:
            self._told("gave_up")
            return
        self._put(0.0, notice, 0)

    def _put(self, delay: float, notice: Notice, attempt: int) -> None:
        with self._lock:
            self._count += 1
            self._due.put((time.monotonic() + delay, self._count, notice, attempt))
        self._wake.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            try:
                due, number, notice, attempt = self._due.get_nowait()
            except queue.Empty:
                self._wake.wait()
                continue
            wait = due - time.monotonic()
            if wait > 0:
                self._due.put((due, number, notice, attempt))
                self._wake.wait(wait)
                continue
            self._attempt(notice, attempt)

    def _attempt(self, notice: Notice, attempt: int) -> None:
        assert self._target is not None
        try:
            status = self._send(self._target, notice)
        except Refused:
            self._told("gave_up")
            return
        except (OSError, http.client.HTTPException):
            status = 0
        if 200 <= status < 300:
            self._told("sent")
        elif status == 410:
            # the receiver says that it is gone for good (Standard Webhooks, "Disabling")
            self._disabled = True
            self._told("gave_up")
        elif attempt < len(self._retry_after):
            self._told("failed")
            delay = self._retry_after[attempt] * random.uniform(0.8, 1.2)
            self._put(delay, notice, attempt + 1)
        else:
            self._told("gave_up")
