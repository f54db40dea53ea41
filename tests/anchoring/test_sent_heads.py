"""Anchors that are sent heads: a webhook and a mailbox, with a receiver and a mail server that are real."""

from __future__ import annotations

import base64
import json
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from anchoring_world import Log

from governance import notify
from governance.anchoring.anchor import AnchorFailed
from governance.anchoring.mail import MailAnchor
from governance.anchoring.settings import AnchorSettings
from governance.anchoring.webhook import WebhookAnchor
from governance.config import ConfigError
from tests.receiver import Receiver

KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver on this machine."""
    found = Receiver("/heads")
    yield found
    found.close()


def webhook(url: str, **settings: Any) -> WebhookAnchor:
    """The anchor at `url`."""
    usual = {"secret": SECRET, "allow_private": True}
    return WebhookAnchor(AnchorSettings("legal", "webhook", url, **{**usual, **settings}))


def test_a_head_is_sent_signed(log: Log, receiver: Receiver) -> None:
    """Anybody could hand the receiver a head in our name."""
    head = log.head()
    anchor = webhook(receiver.url)
    assert anchor.publish(head) == b""
    anchor.publish(head)
    headers, body = receiver.got[0]
    document = json.loads(body)
    assert document["type"] == "checkpoint.signed"
    assert document["data"]["checkpoint"] == head.note
    assert document["data"]["size"] == 3
    stamp = int(headers["webhook-timestamp"])
    assert headers["webhook-signature"] == notify.sign(KEY, headers["webhook-id"], stamp, body)
    assert receiver.got[1][0]["webhook-id"] == headers["webhook-id"]
    assert anchor.newest(log.origin) is None


def test_only_a_2xx_answer_takes_a_head(log: Log, receiver: Receiver) -> None:
    """A receiver that threw the head away would count as an anchor."""
    receiver.answers = [302]
    with pytest.raises(AnchorFailed, match="answered 302"):
        webhook(receiver.url).publish(log.head())


def test_a_head_goes_to_no_address_inside_unless_that_is_meant(
    log: Log, receiver: Receiver
) -> None:
    """Whoever writes config.toml could reach services that only this machine may."""
    with pytest.raises(AnchorFailed, match="allow_private"):
        webhook(receiver.url, allow_private=False).publish(log.head())
    with pytest.raises(AnchorFailed, match="cannot be reached"):
        webhook("http://127.0.0.1:1/").publish(log.head())
    with pytest.raises(ConfigError, match="anchor `legal`"):
        webhook(receiver.url, secret="whsec_short")


class Mail(socketserver.StreamRequestHandler):
    """One conversation of the mail server below (RFC 5321, RFC 3207, AUTH PLAIN)."""

    server: Any

    def say(self, text: str) -> None:
        """One reply."""
        self.wfile.write(text.encode() + b"\r\n")

    def handle(self) -> None:
        """Commands until QUIT."""
        self.say("220 here")
        while line := self.rfile.readline():
            word = line.decode().strip().split(" ")[0].upper()
            if word == "EHLO":
                offers = ["250-here"]
                if self.server.context and not isinstance(self.connection, ssl.SSLSocket):
                    offers.append("250-STARTTLS")
                self.say("\r\n".join([*offers, "250 AUTH PLAIN"]))
            elif word == "STARTTLS":
                self.say("220 go on")
                self.connection = self.server.context.wrap_socket(self.connection, server_side=True)
                self.setup_files()
            elif word == "AUTH":
                self.server.auth.append(line.decode().strip().split(" ")[-1])
                self.say("235 fine")
            elif word == "DATA":
                self.say("354 go on")
                lines = []
                while (each := self.rfile.readline()) != b".\r\n":
                    lines.append(each.removeprefix(b"."))
                secure = isinstance(self.connection, ssl.SSLSocket)
                self.server.got.append((secure, b"".join(lines)))
                self.say("250 kept" if self.server.keeps else "452 full")
            elif word == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 fine")

    def setup_files(self) -> None:
        """Read and write through TLS from here on."""
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", buffering=0)


class Server(socketserver.ThreadingTCPServer):
    """A mail server on this machine; with a context it offers STARTTLS."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, context: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), Mail)
        self.context, self.keeps = context, True
        self.got: list[tuple[bool, bytes]] = []
        self.auth: list[str] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news."""

    @property
    def address(self) -> str:
        """Host and port."""
        return f"localhost:{self.server_address[1]}"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for `localhost` with its key, in one file."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-keyout", path, "-out", path.with_name("cert.pem"), "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    with path.open("a") as file:
        file.write(path.with_name("cert.pem").read_text())
    return path


@pytest.fixture
def server(certificate: Path) -> Iterator[Server]:
    """A mail server that offers STARTTLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    found = Server(context)
    yield found
    found.shutdown()
    found.server_close()


def mail(server: str, **settings: Any) -> MailAnchor:
    """The mailbox of the legal department behind `server`."""
    usual = {"server": server, "sender": "governance@corp.example"}
    return MailAnchor(
        AnchorSettings("legal", "mail", "legal@corp.example", **{**usual, **settings})
    )


def test_a_mail_holds_the_head_and_how_to_verify_with_it(
    log: Log, server: Server, certificate: Path
) -> None:
    """Whoever finds the mail in ten years would not know what it proves, or could not use it."""
    head = log.head()
    roots = str(certificate.with_name("cert.pem"))
    anchor = mail(server.address, roots=roots, user="gov", password="secret")
    assert anchor.publish(head) == b""
    secure, data = server.got[0]
    assert secure
    assert base64.b64decode(server.auth[0]) == b"\0gov\0secret"
    got = message_from_bytes(data, policy=default)
    assert got["To"] == "legal@corp.example"
    assert log.origin in got["Subject"]
    text = got.get_body()
    assert text is not None
    assert "python -m audit verify PACKAGE --key KEY --head checkpoint-3.txt" in text.get_content()
    assert head.note.replace("\n", "") in text.get_content().replace("\n", "").replace("\r", "")
    (attached,) = got.iter_attachments()
    assert attached.get_filename() == "checkpoint-3.txt"
    assert attached.get_content() == head.note.encode()
    assert anchor.newest(log.origin) is None


def test_no_mail_leaves_without_a_checked_encryption(log: Log, server: Server) -> None:
    """Somebody between here and the mailbox could take heads away or put others in their place."""
    with pytest.raises(AnchorFailed, match="certificate"):
        mail(server.address).publish(log.head())
    plain = Server(None)
    try:
        with pytest.raises(AnchorFailed, match="STARTTLS"):
            mail(plain.address).publish(log.head())
        assert plain.got == []
        mail(plain.address, tls="none").publish(log.head())
        assert len(plain.got) == 1
    finally:
        plain.shutdown()
        plain.server_close()
    assert server.got == []


def test_a_mail_that_was_not_kept_is_no_anchor(log: Log, server: Server, certificate: Path) -> None:
    """A full mailbox would count as an anchor."""
    server.keeps = False
    with pytest.raises(AnchorFailed, match="did not take the head"):
        mail(server.address, roots=str(certificate.with_name("cert.pem"))).publish(log.head())
    with pytest.raises(ConfigError, match="`GONE` is not set"):
        mail("localhost:25", user="gov", password="env:GONE")
