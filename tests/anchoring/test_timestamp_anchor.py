"""An anchor that is a time-stamping authority: tokens of a real one, made by OpenSSL's `ts` here."""

from __future__ import annotations

import hashlib
import http.server
import shutil
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from anchoring_world import Log
from rfc3161_client import VerifierBuilder, decode_timestamp_response

from audit.note import split
from governance.anchoring.anchor import AnchorFailed
from governance.anchoring.settings import AnchorSettings
from governance.anchoring.timestamps import TimestampAnchor, certificates
from governance.config import ConfigError

CONFIG = """
[tsa]
default_tsa = one
[one]
serial = {folder}/serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ordering = yes
ess_cert_id_alg = sha256
[ca]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign
subjectKeyIdentifier = hash
[stamps]
basicConstraints = CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


def openssl(folder: Path, *arguments: str | Path) -> None:
    """Run OpenSSL in a folder."""
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def request(folder: Path, name: str, subject: str, *more: str) -> None:
    """A new EC key and a request, or with `-x509` a certificate of its own."""
    openssl(folder, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", subject, *more)  # fmt: skip


@pytest.fixture(scope="session")
def authority_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Root, intermediate and signer of an authority, and of another one that nobody trusts."""
    if shutil.which("openssl") is None:
        pytest.fail("install openssl: the time-stamping authority of this test is its `ts` command")
    folder = tmp_path_factory.mktemp("tsa")
    config = folder / "ts.cnf"
    config.write_text(CONFIG.format(folder=folder))
    (folder / "serial").write_text("01\n")
    for name in ("root", "other"):
        request(folder, name, f"/CN={name}", "-x509", "-days", "30",
                "-addext", "keyUsage=critical,keyCertSign")  # fmt: skip
        (folder / f"{name}.csr").rename(folder / f"{name}.pem")
    for name, above, section in (("between", "root", "ca"), ("signer", "between", "stamps")):
        request(folder, name, f"/CN={name}")
        openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{above}.pem", "-CAkey",
                f"{above}.key", "-CAcreateserial", "-out", f"{name}.pem", "-days", "30",
                "-extfile", config, "-extensions", section)  # fmt: skip
    both = (folder / "root.pem").read_text() + (folder / "between.pem").read_text()
    (folder / "roots.pem").write_text(both)
    return folder


class Authority:
    """The authority behind HTTP. `spoil` may change the request or the token, `chain` is sent along."""

    def __init__(self, folder: Path, work: Path) -> None:
        self.folder, self.work = folder, work
        self.asked: list[tuple[str, bytes]] = []
        self.spoil: Any = lambda token: token
        self.query: bytes | None = None
        self.status, self.chain = 200, ""
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.asked.append((self.headers["content-type"], body))
                token = outer.spoil(outer.stamp(outer.query or body))
                self.send_response(outer.status)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(token)))
                self.end_headers()
                self.wfile.write(token)

            def log_message(self, *args: Any) -> None:
                pass

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/tsr"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stamp(self, query: bytes) -> bytes:
        """The answer of `openssl ts` to a request."""
        (self.work / "q.tsq").write_bytes(query)
        more = ["-chain", self.folder / self.chain] if self.chain else []
        openssl(self.work, "ts", "-reply", "-config", self.folder / "ts.cnf", "-queryfile", "q.tsq",
                "-signer", self.folder / "signer.pem", "-inkey", self.folder / "signer.key",
                "-out", "r.tsr", *more)  # fmt: skip
        return (self.work / "r.tsr").read_bytes()


@pytest.fixture
def authority(authority_files: Path, tmp_path: Path) -> Iterator[Authority]:
    """A running authority."""
    found = Authority(authority_files, tmp_path)
    yield found
    found.server.shutdown()
    found.server.server_close()


def anchor_at(authority: Authority, roots: str = "roots.pem") -> TimestampAnchor:
    """The anchor that asks this authority."""
    path = str(authority.folder / roots)
    return TimestampAnchor(AnchorSettings("tsa", "timestamp", authority.url, roots=path))


def test_a_token_is_over_the_note_text_and_can_be_checked_by_others(
    log: Log, authority: Authority
) -> None:
    """The token would prove the time of something that an auditor cannot recompute."""
    head, before = log.head(), datetime.now(UTC)
    token = anchor_at(authority).publish(head)
    found = decode_timestamp_response(token)
    text = split(head.note)[0].encode()
    assert found.tst_info.message_imprint.message == hashlib.sha256(text).digest()
    assert abs(found.tst_info.gen_time - before) < timedelta(seconds=30)
    roots, between = certificates(authority.folder / "roots.pem", "tsa")
    VerifierBuilder(roots=roots, intermediates=between).build().verify_message(found, text)
    assert authority.asked[0][0] == "application/timestamp-query"
    (authority.work / "text").write_bytes(text)
    (authority.work / "token.tsr").write_bytes(token)
    openssl(authority.work, "ts", "-verify", "-in", "token.tsr", "-data", "text", "-CAfile",
            authority.folder / "root.pem", "-untrusted", authority.folder / "between.pem")  # fmt: skip
    assert anchor_at(authority).newest(log.origin) is None


def test_a_token_of_an_authority_nobody_named_is_not_kept(log: Log, authority: Authority) -> None:
    """Anybody between here and the authority could say when a head existed."""
    with pytest.raises(AnchorFailed, match="does not hold"):
        anchor_at(authority, "other.pem").publish(log.head())


def test_a_token_for_something_else_or_for_an_older_question_is_not_kept(
    log: Log, authority: Authority
) -> None:
    """A token that was recorded earlier would date a head that it never saw."""
    anchor = anchor_at(authority)
    anchor.publish(log.head())
    authority.query = authority.asked[0][1]
    with pytest.raises(AnchorFailed, match="does not hold"):
        anchor.publish(log.head())  # the same head, the nonce of before
    with pytest.raises(AnchorFailed, match="does not hold"):
        anchor.publish(log.grow(1))


def test_an_altered_token_is_not_kept(log: Log, authority: Authority) -> None:
    """A transport error would be found by an auditor years later, when no other token can be had."""
    anchor = anchor_at(authority)
    for place in range(40, 400, 24):
        authority.spoil = lambda token, place=place: (
            token[:place] + bytes([token[place] ^ 1]) + token[place + 1 :]
        )
        with pytest.raises(AnchorFailed):
            anchor.publish(log.head())


@pytest.mark.parametrize(
    ("spoil", "status", "said"),
    [
        (lambda token: b"", 200, "no strict DER"),
        (lambda token: token + b"\0", 200, "no strict DER"),
        (lambda token: b"busy", 503, "answered 503"),
        (lambda token: b"0" * 300_000, 200, "more than"),
    ],
)
def test_what_is_no_token_is_a_sentence(
    log: Log, authority: Authority, spoil: Any, status: int, said: str
) -> None:
    """The operator would see a stack trace instead of whom to call."""
    authority.spoil, authority.status = spoil, status
    with pytest.raises(AnchorFailed, match=said):
        anchor_at(authority).publish(log.head())


def test_an_authority_that_sends_its_chain_is_told_what_to_do(
    log: Log, authority: Authority
) -> None:
    """The commonest misconfiguration would be a riddle to whoever reads the operator's log."""
    authority.chain = "roots.pem"
    with pytest.raises(AnchorFailed, match="signer's certificate only"):
        anchor_at(authority).publish(log.head())


def test_roots_that_are_none_stop_the_start(authority: Authority, tmp_path: Path) -> None:
    """Tokens would be kept that nobody can verify."""
    (tmp_path / "empty.pem").write_text("nothing")
    for roots, said in (("between.pem", "issued itself"), ("gone.pem", "no PEM certificates")):
        with pytest.raises(ConfigError, match=said):
            anchor_at(authority, roots)
    with pytest.raises(ConfigError, match="no PEM certificates"):
        certificates(tmp_path / "empty.pem", "tsa")
