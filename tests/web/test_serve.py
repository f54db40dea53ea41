"""The real process: sockets, signals, rights of files, and that it dies as one."""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import json
import os
import signal
import socket
import ssl
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from web_world import make_world, payment

from governance import config as settings
from governance.config import Config, Server
from governance.serve import SOCKET
from governance.store.errors import NotOwner

START = """
import sys
from pathlib import Path
from governance.serve import serve
sys.exit(serve(Path(sys.argv[1]), port=0))
"""
SLOW = """
import sys, time
from pathlib import Path
from governance import serve
from governance.web import api
api.HANDLERS["listAgents"] = lambda call: time.sleep(60)
sys.exit(serve.serve(Path(sys.argv[1]), port=0))
"""
FAILING = """
import sys, threading, time
from pathlib import Path
from governance import serve
from governance.store.position import WriteFailed
made = serve.create_app
def create_app(desk, config):
    def fail():
        while not Path(sys.argv[1], "full").exists():
            time.sleep(0.05)
        desk.ledger.fail(WriteFailed("disk full"), [], None)
    threading.Thread(target=fail, daemon=True).start()
    return made(desk, config)
serve.create_app = create_app
sys.exit(serve.serve(Path(sys.argv[1]), port=0))
"""


FEW_FILES = """
import resource, sys
from pathlib import Path
from governance.serve import serve
resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))
sys.exit(serve(Path(sys.argv[1]), port=0))
"""


class Running:
    """A served workspace in a child process."""

    def __init__(self, directory: Path, keys: dict[str, str], program: str = START) -> None:
        self.directory = directory
        self.keys = keys
        self.log = directory / "service.log"
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", program, str(directory)], stdout=output, stderr=output
            )
        self.port = self._wait()

    def _wait(self) -> int:
        end = time.monotonic() + 30
        while time.monotonic() < end:
            assert self.process.poll() is None, self.log.read_text()
            for line in self.log.read_text().splitlines():
                with contextlib.suppress(ValueError):
                    event = json.loads(line)
                    if event.get("event") == "listening":
                        self.url = event["url"]
                        return self._port()
            time.sleep(0.05)
        raise AssertionError(self.log.read_text())

    def _port(self) -> int:
        mine = {
            os.readlink(f"/proc/{self.process.pid}/fd/{fd}")
            for fd in os.listdir(f"/proc/{self.process.pid}/fd")
            if os.path.islink(f"/proc/{self.process.pid}/fd/{fd}")
        }
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in mine:
                return int(fields[1].rpartition(":")[2], 16)
        raise AssertionError("it listens nowhere")

    def ask(self, connection: http.client.HTTPConnection, body: object) -> tuple[int, dict]:  # type: ignore[type-arg]
        connection.request(
            "POST",
            "/access/v1/evaluation",
            body=json.dumps(body),
            headers={
                "Content-Type": "application/json",
                "Authorization": f"Bearer {self.keys['agent']}",
            },
        )
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())

    def stop(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(20)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("served")
    with make_world(directory) as world:
        keys = dict(world.keys)
    found = Running(directory, keys)
    yield found
    found.stop()


def test_it_answers_over_tcp_and_over_the_unix_socket(running: Running) -> None:
    """Programs on the same host would have to go through the network, or could not reach it."""
    tcp = http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
    status, answer = running.ask(tcp, payment())
    assert (status, answer["decision"]) == (200, True)
    unix = http.client.HTTPConnection("localhost", timeout=10)
    unix.sock = socket.socket(socket.AF_UNIX)
    unix.sock.connect(str(running.directory / SOCKET))
    for _ in range(3):
        status, answer = running.ask(unix, payment("900"))
        assert (status, answer["decision"]) == (200, False)
    tcp.close()
    unix.close()


def test_only_the_owner_can_use_the_unix_socket(running: Running) -> None:
    """Every account of the machine could speak to the service past the firewall."""
    mode = (running.directory / SOCKET).stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600


def test_a_whole_answer_comes_at_once_and_the_connection_stays(running: Running) -> None:
    """Each call of a hook would cost 40 ms more than it has to."""
    with socket.create_connection(("127.0.0.1", running.port), timeout=10) as plain:
        for _ in range(3):
            plain.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            first = plain.recv(65536)
            assert first.startswith(b"HTTP/1.1 200")
            assert first.endswith(b'{"status":"ok"}')
            assert b"content-length: 15" in first
            assert b"server:" not in first.lower()


def test_a_second_owner_is_refused(running: Running) -> None:
    """Two processes would write two logs under one name."""
    with pytest.raises(NotOwner), make_world_again(running.directory):
        pass


@contextlib.contextmanager
def make_world_again(directory: Path) -> Iterator[None]:
    from governance.serve import in_process

    with in_process(directory):
        yield


def test_a_slow_caller_holds_nobody_up(running: Running) -> None:
    """A handful of callers who dribble bytes would take every thread."""
    slow = []
    for _ in range(20):
        made = socket.create_connection(("127.0.0.1", running.port), timeout=10)
        made.sendall(
            b"POST /v1/stops HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Authorization: Bearer " + running.keys["ada"].encode() + b"\r\n"
            b"Content-Length: 1000\r\n\r\n{"
        )
        slow.append(made)
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
    connection.request(
        "GET", "/v1/stops", headers={"Authorization": f"Bearer {running.keys['ada']}"}
    )
    assert connection.getresponse().status == 200
    for made in slow:
        made.close()


@pytest.mark.parametrize(
    "said", [b"", b"GET /readyz HTTP/1.1\r\nHost: x", b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n"]
)
def test_callers_who_only_hold_connections_lock_nobody_out(tmp_path: Path, said: bytes) -> None:
    """Whoever reaches the port could open connections until no agent is answered and nobody on
    the host itself can stop one."""
    with make_world(tmp_path) as world:
        keys = dict(world.keys)
    running = Running(tmp_path, keys, FEW_FILES)
    held = []
    try:
        for _ in range(300):
            held.append(socket.create_connection(("127.0.0.1", running.port), timeout=5))
            held[-1].sendall(said)
        tcp = http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
        assert running.ask(tcp, payment())[0] == 200
        unix = http.client.HTTPConnection("localhost", timeout=10)
        unix.sock = socket.socket(socket.AF_UNIX)
        unix.sock.settimeout(10)
        unix.sock.connect(str(running.directory / SOCKET))
        assert running.ask(unix, payment())[0] == 200
    finally:
        for each in held:
            each.close()
        assert running.stop() == 0


@pytest.mark.parametrize(
    "said",
    [
        b"GET /readyz HTTP/1.1\r\nHost: x\r\nX-Long: ",
        b"GET /",
        b"POST /v1/stops HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Trailer: ",
    ],
)
def test_a_line_without_end_is_not_kept(running: Running, said: bytes) -> None:
    """Anybody could fill the service's memory with one header that never ends."""
    with socket.create_connection(("127.0.0.1", running.port), timeout=10) as caller:
        caller.sendall(said)
        sent = 0
        with contextlib.suppress(OSError):
            while sent < 64 << 20:
                sent += caller.send(b"a" * 65536)
        assert sent < 64 << 20
    tcp = http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
    tcp.request("GET", "/readyz", headers={f"X-{n}": "a" * 8000 for n in range(9)})
    answer = tcp.getresponse()
    assert (answer.status, "send less" in json.loads(answer.read())["detail"]) == (431, True)


def test_the_operators_log_is_json_without_anything_that_callers_sent(running: Running) -> None:
    """Names and account numbers would pile up in a log that many people read."""
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
    connection.request("GET", "/v1/agents?secret=DE89370400440532013000")
    connection.getresponse().read()
    time.sleep(0.1)
    lines = running.log.read_text().splitlines()
    events = [json.loads(line) for line in lines]
    assert any(event["event"] == "request" for event in events)
    for private in ("DE89370400440532013000", "payer-1", "Ada", "corp.example", "gov_k"):
        assert private not in "\n".join(lines)


def test_it_finishes_what_it_began_and_ends_without_a_trace(tmp_path: Path) -> None:
    """A restart would lose an answer, or leave a process that still answers."""
    with make_world(tmp_path) as world:
        keys = dict(world.keys)
    found = Running(tmp_path, keys)
    connection = http.client.HTTPConnection("127.0.0.1", found.port, timeout=10)
    assert found.ask(connection, payment())[0] == 200
    assert found.stop() == 0
    assert not (tmp_path / SOCKET).exists()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", found.port), timeout=2)
    with make_world_again(tmp_path):
        pass  # the lock was given back


def test_a_log_that_fails_ends_the_process(tmp_path: Path) -> None:
    """A process that can record nothing would go on answering."""
    with make_world(tmp_path) as world:
        keys = dict(world.keys)
    found = Running(tmp_path, keys, FAILING)
    (tmp_path / "full").touch()
    assert found.process.wait(20) == 1
    assert "disk full" in found.log.read_text()
    assert not (tmp_path / SOCKET).exists()


def test_work_that_does_not_stop_cannot_keep_the_process(tmp_path: Path) -> None:
    """A process told to end would go on for as long as somebody's report takes."""
    with make_world(tmp_path) as world:
        keys = dict(world.keys)
    wanted = Config(server=Server(shutdown_seconds=1))
    (tmp_path / "config.toml").write_text(settings.render(wanted))
    found = Running(tmp_path, keys, SLOW)
    slow = http.client.HTTPConnection("127.0.0.1", found.port, timeout=30)
    slow.request("GET", "/v1/agents", headers={"Authorization": f"Bearer {keys['ada']}"})
    time.sleep(0.3)
    begun = time.monotonic()
    assert found.stop() == 1
    assert time.monotonic() - begun < 15
    with make_world_again(tmp_path):
        pass


def test_a_log_keeps_its_name(tmp_path: Path) -> None:
    """An operator would believe in a name that no checkpoint has."""
    with make_world(tmp_path):
        pass
    (tmp_path / "config.toml").write_text('[log]\norigin = "other.example/log"\n')
    with pytest.raises(settings.ConfigError, match="is called"), make_world_again(tmp_path):
        pass


def test_over_tls_keys_travel_encrypted_and_the_socket_stays_plain(tmp_path: Path) -> None:
    """Beyond one machine everybody on the way could read a key."""
    with make_world(tmp_path) as world:
        keys = dict(world.keys)
    certificate, private = _self_signed(tmp_path)
    wanted = Config(server=Server(tls_cert=str(certificate), tls_key=str(private)))
    (tmp_path / "config.toml").write_text(settings.render(wanted))
    found = Running(tmp_path, keys)
    assert found.url.startswith("https://127.0.0.1:")
    context = ssl.create_default_context(cafile=str(certificate))
    tls = http.client.HTTPSConnection("127.0.0.1", found.port, timeout=10, context=context)
    assert found.ask(tls, payment())[0] == 200
    unix = http.client.HTTPConnection("localhost", timeout=10)
    unix.sock = socket.socket(socket.AF_UNIX)
    unix.sock.connect(str(tmp_path / SOCKET))
    assert found.ask(unix, payment())[0] == 200
    tls.close()
    unix.close()
    assert found.stop() == 0


def _self_signed(directory: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gov.example")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    certificate, private = directory / "cert.pem", directory / "key.pem"
    certificate.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate, private


def test_every_line_of_the_services_log_is_json() -> None:
    """If an outage were told in bare words, who collects the log would drop just that line."""
    said = (
        "import logging; from governance.web import log; log.configure();"
        "logging.getLogger('governance.store.ledger').warning('it has %d entries', 37)"
    )
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    line = json.loads(done.stderr)
    assert (line["event"], line["level"]) == ("it has 37 entries", "warning")
