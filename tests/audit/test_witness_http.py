"""The witness on HTTP: the whole protocol over a socket, and what strangers may not do to it."""

from __future__ import annotations

import http.client
import socket
import time
from pathlib import Path

import pytest
from witness_world import LOG, ORIGIN, ALog, AWitness, ask, served

from audit.note import open_note
from audit.witness_http import WitnessServer
from audit.witness_state import origin_hash

MONITOR = f"/{origin_hash(ORIGIN)}/checkpoint"


@pytest.fixture
def witness(tmp_path: Path) -> AWitness:
    """A witness that knows the log."""
    return AWitness(tmp_path / "w")


@pytest.mark.parametrize("prefix", ["", "/departments/audit"])
def test_a_session_of_every_kind_of_step(witness: AWitness, prefix: str) -> None:
    """Otherwise other people's logs could not use our witness."""
    log, fork = ALog(12), ALog(12, other=1)
    forged = log.request(1, 3).replace(b"= \n", b"").replace(b"\n3\n", b"\n4\n")
    unknown = log.request(1, 3).replace(ORIGIN.encode(), b"example.com/nobody")
    steps = [
        (log.request(0, 1), 200),
        (forged, 403),
        (unknown, 404),
        (log.request(1, 1).replace(b"old 1", b"old 2"), 400),
        (log.request(0, 3).replace(b"old 0", b"old 1"), 422),
        (fork.request(1, 3), 200 if fork.tree(1) == log.tree(1) else 422),
        (log.request(1, 3), 409),
        (fork.request(3, 3), 200),
        (log.request(3, 3), 422),
        (log.request(0, 12), 409),
        (fork.request(3, 12), 200),
        (log.request(12, 12), 422),
    ]
    with served(witness.witness, prefix) as place:
        assert ask(place, "GET", prefix + MONITOR)[0] == 404
        for number, (body, wanted) in enumerate(steps):
            status, kind, answer = ask(place, "POST", f"{prefix}/add-checkpoint", body)
            assert (status, number) == (wanted, number), answer
            if status == 409:
                assert (kind, answer) == ("text/x.tlog.size", b"%d\n" % (witness.size or 0))
            if status == 200:
                assert answer.startswith("\u2014 ".encode())
        status, _, note = ask(place, "GET", prefix + MONITOR)
        assert status == 200
        opened = open_note(note, [LOG.verifier, witness.key])
        assert (len(opened.verified), opened.unverified) == (2, ())
        for path in ("/", MONITOR + "x", MONITOR.upper(), f"{prefix}/add-checkpoint"):
            assert ask(place, "GET", path)[0] == 404
        assert ask(place, "POST", prefix + MONITOR, b"x")[0] == 404
        assert ask(place, "HEAD", prefix + MONITOR)[::2] == (200, b"")
        assert ask(place, "DELETE", prefix + MONITOR)[0] == 501


def test_one_connection_serves_many_requests(witness: AWitness) -> None:
    """Otherwise every checkpoint of a busy log would cost a new connection."""
    log = ALog(9)
    with served(witness.witness) as place:
        connection = http.client.HTTPConnection(*place, timeout=5)
        connection.connect()
        first = connection.sock
        for old in range(8):
            connection.request("POST", "/add-checkpoint", log.request(old, old + 1))
            response = connection.getresponse()
            response.read()
            assert response.status == 200
        assert connection.sock is first
        connection.close()


def test_it_listens_on_the_newer_internet_protocol_without_asking_for_names(
    witness: AWitness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a witness without a name server would start after a minute, or not at all."""
    monkeypatch.setattr(socket, "getfqdn", lambda *_: pytest.fail("asked a name server"))
    server = WitnessServer(("::1", 0), witness.witness)
    assert server.socket.family == socket.AF_INET6
    server.server_close()
    with served(witness.witness) as place:
        assert ask(place, "GET", MONITOR)[0] == 404


def raw(place: tuple[str, int], data: bytes) -> bytes:
    """What comes back for these bytes, until the other side closes."""
    with socket.create_connection(place, timeout=5) as sock:
        sock.sendall(data)
        answer = b""
        while piece := sock.recv(65536):
            answer += piece
    return answer


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"Content-Length: 262145", 413),
        (b"Content-Length: 99999999999999999999999999999", 413),
        (b"Content-Length: 0000000000000000000000000000000", 413),
        (b"X: y", 411),
        (b"Transfer-Encoding: chunked", 411),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 3", 411),
        (b"Content-Length: 3\r\nContent-Length: 4", 400),
        (b"Content-Length: -1", 400),
        (b"Content-Length: 0x3", 400),
        (b"Content-Length: \xb2", 400),
        (b"X: " + b"y" * 70_000, 431),
        (b"\r\n".join(b"X%d: y" % n for n in range(120)), 431),
    ],
)
def test_a_request_that_is_too_much_is_refused_before_it_is_read(
    witness: AWitness, head: bytes, status: int
) -> None:
    """Otherwise a stranger could fill the witness's memory, or slip a second request past a proxy."""
    with served(witness.witness) as place:
        answer = raw(place, b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\n" + head + b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 %d " % status), answer[:80]
        assert b"Connection: close" in answer
        assert raw(place, b"\x16\x03\x01 nonsense\r\n\r\n").startswith(b"HTTP/1.1 400")


def test_headers_are_bounded_together_and_counted_for_each_request(witness: AWitness) -> None:
    """Otherwise strangers could have the witness remember hundreds of megabytes for them."""
    head = b"GET /x HTTP/1.1\r\n"
    some = b"".join(b"X-%d: %s\r\n" % (n, b"a" * 1_000) for n in range(60))
    much = b"".join(b"X-%d: %s\r\n" % (n, b"a" * 2_000) for n in range(60))
    with served(witness.witness) as place:
        assert raw(place, head + much + b"\r\n").startswith(b"HTTP/1.1 431")
        answers = raw(place, (head + some + b"\r\n") * 3 + head + b"Connection: close\r\n\r\n")
        assert answers.count(b"HTTP/1.1 404") == 4


def test_a_client_that_waits_for_a_continue_gets_it(witness: AWitness) -> None:
    """Otherwise such a client would wait until the connection is ended, and get no cosignature."""
    body = ALog(3).request(0, 3)
    head = b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: %d\r\n" % len(body)
    head += b"Expect: 100-continue\r\nConnection: close\r\n\r\n"
    with served(witness.witness) as place, socket.create_connection(place, timeout=5) as sock:
        sock.sendall(head)
        assert sock.recv(1000).startswith(b"HTTP/1.1 100 ")
        sock.sendall(body)
        assert sock.recv(1000).startswith(b"HTTP/1.1 200 ")


def test_silence_and_slowness_end(witness: AWitness) -> None:
    """Otherwise a few idle connections would keep every log from its cosignature."""
    head = b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 100\r\n\r\nold"
    with served(witness.witness, idle=0.2, life=0.8) as place:
        start = time.monotonic()
        raw(place, head)
        assert time.monotonic() - start < 2
        with socket.create_connection(place, timeout=5) as sock:
            sock.sendall(head)
            ended = False
            for _ in range(40):
                time.sleep(0.1)
                try:
                    sock.sendall(b" ")
                except OSError:
                    ended = True
                    break
            assert ended
        assert ask(place, "POST", "/add-checkpoint", ALog(3).request(0, 3))[0] == 200


def test_too_many_connections_are_turned_away_and_then_served(witness: AWitness) -> None:
    """Otherwise each connection would cost a thread until there are none."""
    with served(witness.witness, connections=2, idle=5.0) as place:
        held = [socket.create_connection(place, timeout=5) for _ in range(2)]
        time.sleep(0.2)
        assert raw(place, b"").startswith(b"HTTP/1.1 503")
        for sock in held:
            sock.close()
        time.sleep(0.2)
        assert ask(place, "POST", "/add-checkpoint", ALog(3).request(0, 3))[0] == 200


def test_a_line_in_the_operators_log_is_one_line(
    witness: AWitness, capsys: pytest.CaptureFixture[str]
) -> None:
    """Otherwise a stranger could write lines of his own, or colours, into the operator's terminal."""
    with served(witness.witness) as place:
        raw(place, b"GET /\x1b[31m\x07 HTTP/1.0\r\n\r\n")
        time.sleep(0.05)
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert "\x1b" not in printed
    assert "\x07" not in printed
