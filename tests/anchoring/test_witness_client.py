"""The log's side of tlog-witness: against our witness program, and against answers of every kind."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.cosigner import from_seed
from audit.errors import LogError
from audit.keys import ED25519_COSIGNATURE, MLDSA44_COSIGNATURE, Verifier
from audit.note import Ed25519Signer, countersign, open_note, sign, split
from audit.witness_request import parse
from governance.anchoring.anchor import AnchorFailed, Contradicted, Head
from governance.anchoring.calling import Answer
from governance.anchoring.settings import AnchorSettings
from governance.anchoring.witnesses import (
    Behind,
    NotExtended,
    Refused,
    Unreachable,
    WitnessAnchor,
    WitnessClient,
)
from governance.config import ConfigError
from tests.audit.witness_world import LOG, ORIGIN, START, WITNESS, ALog, AWitness, served

KEY = from_seed(WITNESS, ED25519_COSIGNATURE, bytes([7]) * 32, lambda: START)
LINE = "\u2014 "


@pytest.fixture
def witness(tmp_path: Path) -> AWitness:
    """Our witness program."""
    return AWitness(tmp_path / "w")


def client(place: tuple[str, int], vkey: str = KEY.vkey, now: int = START) -> WitnessClient:
    """A client that never waits, with a clock of ours."""
    url = f"http://{place[0]}:{place[1]}/"
    return WitnessClient(url, vkey, 2.0, now=lambda: now, pause=lambda _: None)


def head(log: ALog, size: int) -> Head:
    """What the service hands over."""
    at = datetime.fromtimestamp(START, UTC)
    return Head(ORIGIN, size, log.tree(size).root, log.note(size), at, log.proof)


def anchor_at(place: tuple[str, int], vkey: str = KEY.vkey) -> WitnessAnchor:
    """The anchor of a configuration."""
    url = f"http://{place[0]}:{place[1]}"
    made = WitnessAnchor(AnchorSettings("audit", "witness", url, key=vkey))
    made._client = client(place, vkey)
    return made


class Answers:
    """A witness that answers what it is told to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.queue: list[tuple[int, str, bytes]] = []
        self.asked: list[tuple[str, bytes]] = []

    def give(self, status: int, body: bytes | str = b"", kind: str = "text/plain") -> None:
        """One more answer."""
        self.queue.append((status, kind, body.encode() if isinstance(body, str) else body))


@pytest.fixture
def answers() -> Iterator[tuple[Answers, tuple[str, int]]]:
    """A server whose answers are scripted; the last one is repeated."""
    script = Answers()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            script.asked.append((self.path, body))
            status, kind, answer = script.queue.pop(0) if len(script.queue) > 1 else script.queue[0]
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=lambda: server.serve_forever(0.02), daemon=True)
    thread.start()
    yield script, ("127.0.0.1", server.server_address[1])
    server.shutdown()
    server.server_close()


def test_a_growing_log_is_cosigned_from_wherever_the_witness_is(witness: AWitness) -> None:
    """Otherwise a restart of the service would leave it without cosignatures."""
    log = ALog(300)
    with served(witness.witness, "/w") as place:
        url = f"http://{place[0]}:{place[1]}/w"
        first = WitnessClient(url, KEY.vkey, now=lambda: START)
        assert first.newest(ORIGIN) is None
        old = 0
        for size in (1, 5, 5, 256, 300):
            lines = first.cosign(log.note(size), log.proof, old)
            opened = open_note(log.note(size) + lines, [LOG.verifier, KEY.verifier])
            assert (len(opened.verified), opened.unverified) == (2, ())
            assert first.newest(ORIGIN) == log.note(size) + lines
            old = size
        # From a wrong size, smaller or larger, it finds the way by what the witness names.
        for wrong in (0, 17, 299):
            assert first.cosign(log.note(300), log.proof, wrong).startswith(LINE)
        with pytest.raises(Behind) as caught:
            first.add(17, log.proof(17, 300), log.note(300))
        assert caught.value.size == 300


def test_a_cosignature_over_more_than_was_asked_for_does_not_count(answers) -> None:
    """Otherwise a witness could sign another text that begins with ours, and count towards a quorum."""
    script, place = answers
    log = ALog(20)
    longer = sign(split(log.note(20))[0] + "\nand more\n", KEY)
    script.give(200, longer.removeprefix(split(log.note(20))[0] + "\n"))
    assert open_note(longer, [KEY.verifier]).verified
    with pytest.raises(Refused, match="no cosignature"):
        client(place).add(0, (), log.note(20))


def test_it_asks_again_once_from_the_size_that_is_named_and_not_for_ever(answers) -> None:
    """Otherwise a witness that changes its mind would keep the service busy."""
    script, place = answers
    log = ALog(20)
    script.give(409, "5\n", "text/x.tlog.size")
    script.give(409, "7\n", "text/x.tlog.size")
    with pytest.raises(Behind):
        client(place).cosign(log.note(20), log.proof, 3)
    asked = [parse(body) for _, body in script.asked]
    assert [request.old for request in asked] == [3, 5]
    assert asked[1].proof == tuple(log.proof(5, 20))
    script.asked.clear()
    script.queue[:] = [(409, "text/x.tlog.size; charset=utf-8", b"21\n")]
    with pytest.raises(Behind) as caught:
        client(place).cosign(log.note(20), log.proof)
    assert (caught.value.size, len(script.asked)) == (21, 1)


@pytest.mark.parametrize(
    ("status", "body", "kind", "says"),
    [
        (400, "bad", "text/plain", "does not understand"),
        (403, "no", "text/plain", "has not pinned a key"),
        (404, "who", "text/plain", "does not know this log"),
        (301, "", "text/plain", "expected 200"),
        (418, "\x1b[31m", "text/plain", r"\?\[31m"),
        (409, "5\n", "text/plain", "without a size"),
        (409, "05\n", "text/x.tlog.size", "without a size"),
        (409, "", "text/x.tlog.size", "without a size"),
        (200, "", "text/plain", "no cosignature"),
        (200, "hello\n", "text/plain", "no cosignature"),
        (200, b"\xff", "text/plain", "no cosignature"),
    ],
)
def test_every_other_answer_is_told_in_words_and_asked_once(
    answers, status: int, body: str, kind: str, says: str
) -> None:
    """Otherwise nobody would know what to mend, or a refusal would be repeated for nothing."""
    script, place = answers
    script.give(status, body, kind)
    with pytest.raises(Refused, match=says) as caught:
        client(place).cosign(ALog(5).note(5), ALog(5).proof)
    assert (caught.value.status, len(script.asked)) == (status, 1)
    assert "\x1b" not in str(caught.value)


def test_trouble_is_asked_again_a_few_times(answers) -> None:
    """Otherwise one lost packet would count as an anchor that failed, or a dead one be asked for ever."""
    script, place = answers
    log = ALog(5)
    lines = countersign(log.note(5), KEY).removeprefix(log.note(5))
    script.give(503)
    script.give(429)
    script.give(200, lines)
    waited: list[float] = []
    asking = WitnessClient(
        f"http://{place[0]}:{place[1]}", KEY.vkey, now=lambda: START, pause=waited.append
    )
    assert asking.cosign(log.note(5), log.proof) == lines
    assert waited == [0.5, 2.0]
    script.queue[:] = [(500, "text/plain", b"x")]
    script.asked.clear()
    with pytest.raises(Unreachable, match="500"):
        client(place).cosign(log.note(5), log.proof)
    assert len(script.asked) == 3
    with pytest.raises(Unreachable, match="cannot be reached"):
        client(("127.0.0.1", 9)).cosign(log.note(5), log.proof)
    script.queue[:] = [(200, "text/plain", b"x" * 300_000)]
    with pytest.raises(Unreachable, match="more than"):
        client(place).cosign(log.note(5), log.proof)


def forged(change: Callable[[str], str]) -> bytes:
    """The right answer, altered."""
    log = ALog(5)
    return change(countersign(log.note(5), KEY).removeprefix(log.note(5))).encode()


def test_only_cosignatures_that_the_pinned_key_made_count(answers) -> None:
    """Otherwise whoever stands between could hand out cosignatures in the witness's name."""
    script, place = answers
    log = ALog(5)
    stranger = from_seed("stranger.example", ED25519_COSIGNATURE, bytes(32), lambda: START)
    other = ALog(6).note(6)
    bad = {
        "a stranger's alone": countersign(log.note(5), stranger).removeprefix(log.note(5)).encode(),
        "of another tree": countersign(other, KEY).removeprefix(other).encode(),
        "altered": forged(lambda line: line[:-9] + "AAAAAAA=\n" if line[-9] != "A" else line[:-1]),
        "no newline": forged(str.rstrip),
        "text before": forged(lambda line: "hello\n\n" + line),
        "text behind": forged(lambda line: line + "hello\n"),
        "the log's own line": split_lines(log.note(5)),
    }
    for name, body in bad.items():
        script.queue[:] = [(200, "text/plain", body)]
        with pytest.raises(Refused, match="no cosignature by its pinned key"):
            client(place).cosign(log.note(5), log.proof)
        assert name
    both = countersign(log.note(5), stranger, KEY).removeprefix(log.note(5))
    script.queue[:] = [(200, "text/plain", both.encode())]
    lines = client(place).cosign(log.note(5), log.proof)
    assert lines == countersign(log.note(5), KEY).removeprefix(log.note(5))


def split_lines(note: str) -> bytes:
    """The signature lines of a note."""
    return note.removeprefix(split(note)[0] + "\n").encode()


@pytest.mark.parametrize("shift", [-301, 301, -(10**6), 10**9])
def test_a_cosignature_from_another_time_does_not_count(witness: AWitness, shift: int) -> None:
    """Otherwise a witness with a wrong clock would make honest entries look back-dated."""
    log = ALog(5)
    with served(witness.witness) as place:
        with pytest.raises(Refused, match="one of the two clocks is wrong"):
            client(place, now=START - shift).cosign(log.note(5), log.proof)
        near = START - 300 * (shift > 0) + 300 * (shift < 0)
        assert client(place, now=near).cosign(log.note(5), log.proof)


def test_a_witness_may_have_a_key_of_each_kind(tmp_path: Path) -> None:
    """Otherwise a witness that moves to the newer kind of key could not be used meanwhile."""
    quantum = AWitness(tmp_path / "q", kind=MLDSA44_COSIGNATURE)
    log = ALog(5)
    with served(quantum.witness) as place:
        keys = [KEY.vkey, quantum.key.vkey]
        url = f"http://{place[0]}:{place[1]}"
        lines = WitnessClient(url, keys, now=lambda: START).cosign(log.note(5), log.proof)
    assert open_note(log.note(5) + lines, [quantum.key]).verified[0].time == START


LOG_5 = ALog(5)
GOOD = countersign(LOG_5.note(5), KEY).removeprefix(LOG_5.note(5)).encode()


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([200, 200, 200, 409, 404, 422, 301]),
    st.binary(max_size=200)
    | st.tuples(st.integers(0, len(GOOD)), st.binary(max_size=3), st.integers(0, 4)).map(
        lambda t: GOOD[: t[0]] + t[1] + GOOD[t[0] + t[2] :]
    ),
    st.sampled_from(["text/plain", "text/x.tlog.size", ""]),
)
def test_any_answer_is_the_cosignature_or_a_sentence(status: int, body: bytes, kind: str) -> None:
    """Otherwise a broken witness could stop the service, or an altered answer count as evidence."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "governance.anchoring.witnesses.call", lambda *_, **__: Answer(status, kind, body)
        )
        for ask in (
            lambda: client(("w", 1)).cosign(LOG_5.note(5), LOG_5.proof),
            lambda: client(("w", 1)).newest(ORIGIN),
            lambda: anchor_at(("w", 1)).publish(head(LOG_5, 5)).decode(),
        ):
            said = ""
            try:
                answer = ask()
            except AnchorFailed as error:
                answer, said = None, str(error)
            # `newest` may find nothing; whatever else comes back is what the key signed.
            assert answer in (None, GOOD.decode())
            assert said.isprintable()


def test_keys_that_no_witness_has_are_refused() -> None:
    """Otherwise a log's own key would be pinned as its witness."""
    for bad in (LOG.vkey, "x", ""):
        with pytest.raises(LogError):
            WitnessClient("http://127.0.0.1:9", bad)
        with pytest.raises(ConfigError, match="anchor `a`: `key`"):
            WitnessAnchor(AnchorSettings("a", "witness", "http://w.example", key=bad or LOG.vkey))


def test_what_a_witness_shows_counts_only_under_its_key(witness: AWitness, answers) -> None:
    """Otherwise a proxy could stop the service by showing it a head that nobody cosigned."""
    script, place = answers
    log = ALog(5)
    alone = log.note(5)
    elsewhere = countersign(alone.replace(ORIGIN, "example.com/other"), KEY)
    ugly = "x\n\n\u2014 \x9b31m AAAA\n"
    bad = ((alone, "not under"), ("x", "not under"), (elsewhere, "another log"), (ugly, r"\?31m"))
    for body, says in bad:
        script.queue[:] = [(200, "text/plain", body.encode())]
        with pytest.raises(Refused, match=says):
            client(place).newest(ORIGIN)
    script.queue[:] = [(403, "text/plain", b"")]
    with pytest.raises(Refused, match="403"):
        client(place).newest(ORIGIN)
    good = countersign(alone, KEY)
    script.queue[:] = [(200, "text/plain", good.encode())]
    assert client(place).newest(ORIGIN) == good


def test_the_anchor_gives_evidence_and_goes_on(witness: AWitness) -> None:
    """Otherwise the service would have nothing to put into a package."""
    log = ALog(20)
    with served(witness.witness) as place:
        anchor = anchor_at(place)
        assert (anchor.tells, anchor.proves, anchor.newest(ORIGIN)) == (True, True, None)
        for size in (3, 9, 9):
            data = anchor.publish(head(log, size))
            assert open_note(log.note(size) + data.decode(), [KEY.verifier]).text
        again = anchor_at(place)
        assert again.newest(ORIGIN) == log.note(9) + data.decode()
        assert again.publish(head(log, 20)).startswith(LINE.encode())


def test_a_forked_log_is_contradicted_with_what_the_witness_holds(witness: AWitness) -> None:
    """Otherwise the service would go on with a history that others know to be false."""
    log, fork = ALog(20), ALog(20, other=3)
    with served(witness.witness) as place:
        anchor = anchor_at(place)
        anchor.publish(head(log, 9))
        for size in (9, 20):
            with pytest.raises(Contradicted) as caught:
                anchor.publish(head(fork, size))
            shown = open_note(caught.value.shown, [LOG.verifier, KEY.verifier])
            assert (shown.text, caught.value.size) == (split(log.note(9))[0], 9)
        # What it shows first is enough to know: an honest head, of a history that is not this one.
        assert anchor_at(place).newest(ORIGIN) == caught.value.shown.decode()


def test_a_log_put_back_to_an_older_state_is_told(witness: AWitness) -> None:
    """Otherwise a restored backup would look like a witness that is merely slow."""
    log = ALog(20)
    with served(witness.witness) as place:
        first = anchor_at(place)
        first.publish(head(log, 20))
        for anchor in (first, anchor_at(place)):
            with pytest.raises(AnchorFailed, match=r"cosigned 20 entries.*put back"):
                anchor.publish(head(log, 9))


def test_a_witness_that_shows_nothing_is_quoted(answers) -> None:
    """Otherwise a refusal by a witness without a page to look at would leave no trace."""
    script, place = answers
    log = ALog(9)
    script.give(422, "no\x07\nmore")
    script.give(404)
    with pytest.raises(Contradicted) as caught:
        anchor_at(place).publish(head(log, 9))
    shown = json.loads(caught.value.shown)
    assert shown["format"] == "witness-refusal/v1"
    assert parse(shown["request"].encode()).note == log.note(9)
    assert shown["answer"] == "no\x07\nmore"
    assert caught.value.size is None


def test_a_witness_at_fault_is_not_a_contradiction(answers) -> None:
    """Otherwise a bug in a witness would accuse an honest log."""
    script, place = answers
    log = ALog(9)
    for held in (5, 9):
        script.queue[:] = [
            (422, "text/plain", b"no"),
            (200, "text/plain", countersign(log.note(held), KEY).encode()),
        ]
        with pytest.raises(AnchorFailed, match="at fault") as caught:
            anchor_at(place).publish(head(log, 9))
        assert not isinstance(caught.value, Contradicted)


def test_a_refused_proof_is_named_with_both_sides(answers) -> None:
    """Otherwise the evidence would lack what was asked."""
    script, place = answers
    script.give(422, "no")
    with pytest.raises(NotExtended) as caught:
        client(place).cosign(ALog(9).note(9), ALog(9).proof)
    assert caught.value.request == ALog(9).request(0, 9)
    assert caught.value.answer == b"no"


def test_a_log_key_is_no_cosigner_though_it_bears_the_name() -> None:
    """Otherwise the log could cosign for itself."""
    key = Ed25519Signer.from_seed(WITNESS, bytes(32))
    assert Verifier.from_vkey(key.vkey).name == WITNESS
    with pytest.raises(LogError, match="not a witness's key"):
        WitnessClient("http://127.0.0.1:9", key.vkey)
