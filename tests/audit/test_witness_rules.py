"""What a witness cosigns, what it answers instead, and what it keeps as evidence."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from witness_world import LOG, ORIGIN, START, ALog, AWitness

from audit.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from audit.cosigner import from_seed
from audit.encoding import b64
from audit.errors import Malformed
from audit.keys import MLDSA44_COSIGNATURE
from audit.note import Ed25519Signer, countersign, open_note
from audit.tree import empty_root
from audit.witness_request import AddCheckpoint, parse, parse_size
from audit.witness_state import PinnedLog, State, WitnessError, origin_hash


@pytest.fixture
def witness(tmp_path: Path) -> AWitness:
    """A witness that knows the log."""
    return AWitness(tmp_path / "w")


def test_a_growing_log_is_cosigned_and_remembered(witness: AWitness) -> None:
    """Otherwise an honest log would get no cosignature, or the witness would forget how far it was."""
    log = ALog(300)
    old = 0
    for size in (0, 1, 2, 7, 7, 8, 255, 300):
        witness.now += 1
        answer = witness.add(log.request(old, size))
        assert (answer.status, answer.body[:2]) == (200, "\u2014 "), answer
        opened = witness.opened(log.note(size), answer)
        assert [line.time for line in opened.verified] == [None, witness.now]
        assert witness.size == size
        kept = witness.witness.checkpoint(origin_hash(ORIGIN))
        assert kept.body == log.note(size) + answer.body
        witness.again()
        old = size


def test_every_status_of_the_specification(witness: AWitness) -> None:
    """Otherwise a log's client would do the wrong thing: give up, or try again for ever."""
    log, fork = ALog(20), ALog(20, other=3)
    stranger = Ed25519Signer.from_seed("example.com/other", bytes(32))
    thief = Ed25519Signer.from_seed(ORIGIN, bytes(32))
    elsewhere = sign_checkpoint(Checkpoint("example.com/other", 1, bytes(32)), stranger)
    altered = log.note(5).replace("\n5\n", "\n6\n")
    session = [
        (b"", 400, "expected"),
        (AddCheckpoint(0, (), elsewhere).encode(), 404, "not known"),
        (ALog(5, signer=thief).request(0, 5), 403, "no pinned key"),
        (AddCheckpoint(0, (), altered).encode(), 403, "does not hold"),
        (AddCheckpoint(0, (), log.note(5)[:-8] + "\n").encode(), 403, "signature line"),
        (AddCheckpoint(6, (), log.note(5)).encode(), 400, "above"),
        (AddCheckpoint(5, (), log.note(5)).encode(), 409, "0\n"),
        (AddCheckpoint(0, (bytes(32),), log.note(5)).encode(), 422, "empty"),
        (log.request(0, 5), 200, "\u2014 "),
        (log.request(0, 8), 409, "5\n"),
        (log.request(3, 8), 409, "5\n"),
        (log.request(8, 9), 409, "5\n"),
        (log.request(0, 3), 409, "5\n"),
        (AddCheckpoint(5, (), log.note(8)).encode(), 422, "is empty"),
        (AddCheckpoint(5, tuple(log.proof(5, 8)[:1]), log.note(8)).encode(), 422, "shorter"),
        (AddCheckpoint(5, (bytes(32), *log.proof(5, 8)), log.note(8)).encode(), 422, "longer"),
        (AddCheckpoint(5, tuple(log.proof(5, 9)), log.note(8)).encode(), 422, "not hold"),
        (AddCheckpoint(5, (bytes(32),), log.note(5)).encode(), 422, "empty"),
        (fork.request(5, 5), 422, "another tree"),
        (fork.request(5, 8), 422, "does not begin"),
        (log.request(5, 8), 200, "\u2014 "),
        (log.request(8, 8), 200, "\u2014 "),
        (fork.request(8, 20), 422, "does not begin"),
        (log.request(8, 20), 200, "\u2014 "),
    ]
    for number, (body, status, says) in enumerate(session):
        answer = witness.add(body)
        assert (answer.status, number) == (status, number), answer
        assert says in answer.body, (number, answer)
        kind = "text/x.tlog.size" if status == 409 else "text/plain; charset=utf-8"
        assert answer.content_type == kind
    assert witness.size == 20


def test_signatures_that_are_missing_or_unreadable_are_403(witness: AWitness) -> None:
    """Otherwise a checkpoint that no trusted key signed would look like a request out of form."""
    text = ALog(5).note(5).partition("\n\n")[0] + "\n"
    for note in (
        text,
        text + "\n",
        text + "\nhello\n",
        ALog(5).note(5) + "\n",
        ALog(5).note(5) * 2,
    ):
        answer = witness.add(AddCheckpoint(0, (), note).encode())
        assert answer.status == 403, (note, answer)
    assert witness.size is None


def test_an_empty_tree_has_the_root_of_nothing(witness: AWitness) -> None:
    """Otherwise a log could have a first tree cosigned that no later one contains."""
    note = sign_checkpoint(Checkpoint(ORIGIN, 0, bytes(32)), LOG)
    assert witness.add(AddCheckpoint(0, (), note).encode()).status == 422
    assert [c.why for c in witness.state.conflicts(ORIGIN)] == ["empty"]
    assert ALog(1).tree(0).root == empty_root()
    assert witness.add(ALog(1).request(0, 0)).status == 200


def test_signatures_of_others_are_ignored_and_not_passed_on(witness: AWitness) -> None:
    """Otherwise strangers could put lines under what the witness publishes, or block a log."""
    stranger = Ed25519Signer.from_seed("example.com/other", bytes(32))
    log = ALog(5)
    note = countersign(log.note(5), stranger)
    answer = witness.add(AddCheckpoint(0, (), note).encode())
    assert answer.status == 200
    assert "other" not in witness.witness.checkpoint(origin_hash(ORIGIN)).body


def test_a_fork_is_refused_and_both_sides_are_kept(witness: AWitness) -> None:
    """Otherwise a log could show two histories and the witness would have nothing to show for it."""
    log, fork = ALog(20), ALog(20, other=3)
    witness.add(log.request(0, 8))
    stranger = Ed25519Signer.from_seed("example.com/other", bytes(32))
    noisy = AddCheckpoint(8, (), countersign(fork.note(8), *[stranger] * 50)).encode()
    assert witness.add(noisy).status == 422
    assert witness.add(fork.request(0, 8)).status == 409
    assert witness.add(fork.request(8, 8)).status == 422
    (conflict,) = witness.state.conflicts(ORIGIN)
    assert (conflict.why, conflict.offered) == ("fork", fork.note(8))
    trees = [
        open_checkpoint(n, [LOG.verifier, witness.key]) for n in (conflict.held, conflict.offered)
    ]
    assert [tree.size for tree in trees] == [8, 8]
    assert trees[0].root != trees[1].root
    assert any("CONFLICT (fork)" in line for line in witness.told)
    assert witness.size == 8


def test_a_suspicion_is_kept_and_dropped_when_the_tree_turns_out_to_fit(witness: AWitness) -> None:
    """Otherwise a stranger with a public checkpoint and a made-up proof would accuse a log for ever."""
    log, fork = ALog(20), ALog(20, other=3)
    witness.add(log.request(0, 8))
    witness.add(AddCheckpoint(8, (bytes(32),), log.note(12)).encode())
    witness.add(fork.request(8, 12))
    assert [c.why for c in witness.state.conflicts(ORIGIN)] == ["unproven", "unproven"]
    assert witness.add(log.request(8, 12)).status == 200
    (left,) = witness.state.conflicts(ORIGIN)
    assert left.offered == fork.note(12)
    assert left.proof == tuple(b64(each) for each in fork.proof(8, 12))


def test_evidence_does_not_fill_the_disk(
    witness: AWitness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a log in quarrel with its witness could stop it by filling its disk."""
    monkeypatch.setattr("audit.witness_state.MAX_CONFLICTS", 3)
    log = ALog(20)
    witness.add(log.request(0, 8))
    for size in range(9, 15):
        assert witness.add(AddCheckpoint(8, (), log.note(size)).encode()).status == 422
    assert len(witness.state.conflicts(ORIGIN)) == 3
    assert "not kept" in witness.told[-1]
    assert witness.add(ALog(20, other=3).request(8, 8)).status == 422
    assert [c.why for c in witness.state.conflicts(ORIGIN)].count("fork") == 1


def test_a_clock_that_went_back_never_makes_an_older_cosignature(
    witness: AWitness, tmp_path: Path
) -> None:
    """Otherwise the witness would claim two different newest trees for one moment."""
    log = ALog(20)
    witness.add(log.request(0, 8))
    witness.now = START - 60
    answer = witness.add(log.request(8, 9))
    assert witness.opened(log.note(9), answer).verified[1].time == START
    witness.now = START - 61
    answer = witness.add(log.request(9, 10))
    assert (answer.status, witness.size) == (503, 9)
    assert "set the clock" in witness.told[-1]
    witness.now = START + 1
    assert witness.add(log.request(9, 10)).status == 200
    fresh = AWitness(tmp_path / "fresh")
    fresh.now = 0
    assert (fresh.add(log.request(0, 9)).status, fresh.size) == (503, None)


def test_two_requests_at_once_never_roll_back(witness: AWitness) -> None:
    """Otherwise of two requests in a race the later would put the older checkpoint back."""
    log = ALog(60)
    witness.add(log.request(0, 10))
    barrier = threading.Barrier(8)
    statuses: list[int] = []

    def add(size: int) -> None:
        barrier.wait()
        statuses.append(witness.add(log.request(10, size)).status)

    threads = [threading.Thread(target=add, args=(20 + n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [409] * 7
    assert witness.size is not None
    assert 20 <= witness.size < 28


VIEWS = [ALog(24), ALog(24, other=3), ALog(24, other=11), ALog(24, other=20)]
OFFERS = st.lists(
    st.tuples(
        st.integers(0, 3), st.integers(0, 24), st.sampled_from(["known", "any"]), st.integers(0, 24)
    ),
    max_size=25,
)


def agree(cosigned: list[tuple[ALog, int]]) -> bool:
    """Whether of any two trees the smaller is the beginning of the larger."""
    return all(
        one.tree(size).root == other.tree(size).root
        for one, size in cosigned
        for other, more in cosigned
        if size <= more
    )


@settings(max_examples=60, deadline=None)
@given(OFFERS)
def test_whatever_it_is_offered_all_it_cosigned_is_one_history(
    tmp_path_factory: pytest.TempPathFactory, offers: list[tuple[int, int, str, int]]
) -> None:
    """Otherwise some order of offers would get two histories cosigned by one witness."""
    witness = AWitness(tmp_path_factory.mktemp("w") / "w")
    cosigned: list[tuple[ALog, int]] = []
    for view, size, which, old in offers:
        log = VIEWS[view]
        known = witness.size or 0
        old = min(known if which == "known" else old, size)
        status = witness.add(log.request(old, size)).status
        assert status in (200, 400, 409, 422)
        if status == 200:
            assert old == known
            cosigned.append((log, size))
        else:
            assert witness.size in (None, known)
    assert agree(cosigned)
    assert [size for _, size in cosigned] == sorted(size for _, size in cosigned)


def test_callers_in_a_race_get_one_history_cosigned(witness: AWitness) -> None:
    """Otherwise two histories could slip in between looking and storing."""
    cosigned: list[tuple[ALog, int]] = []
    barrier = threading.Barrier(8)

    def push(number: int) -> None:
        log = VIEWS[number % 4]
        barrier.wait()
        for size in range(1 + number // 4, 24, 2):
            old = min(witness.size or 0, size)
            if witness.add(log.request(old, size)).status == 200:
                cosigned.append((log, size))

    threads = [threading.Thread(target=push, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(cosigned) >= 1
    assert agree(cosigned)


def test_a_new_key_of_the_log_is_accepted_beside_the_old(witness: AWitness) -> None:
    """Otherwise a log could not change its key without a new log."""
    new = Ed25519Signer.from_seed(ORIGIN, bytes([5]) * 32)
    log, rotated = ALog(9), ALog(9, signer=new)
    witness.add(log.request(0, 4))
    assert witness.add(rotated.request(4, 5)).status == 403
    witness.state.pin(PinnedLog(ORIGIN, (LOG.verifier, new.verifier)))
    both = countersign(log.note(6), new)
    assert witness.add(rotated.request(4, 5)).status == 200
    assert witness.add(AddCheckpoint(5, tuple(log.proof(5, 6)), both).encode()).status == 200
    witness.state.pin(PinnedLog(ORIGIN, (new.verifier,)))
    assert witness.add(log.request(6, 7)).status == 403
    assert witness.add(rotated.request(6, 7)).status == 200
    witness.state.pin(PinnedLog(ORIGIN, ()))
    assert witness.add(rotated.request(7, 8)).status == 403


def test_a_witness_may_sign_with_a_post_quantum_key(tmp_path: Path) -> None:
    """Otherwise the kind of cosignature that the specification recommends could not be had."""
    witness = AWitness(tmp_path / "q", kind=MLDSA44_COSIGNATURE)
    log = ALog(3)
    opened = witness.opened(log.note(3), witness.add(log.request(0, 3)))
    assert [line.time for line in opened.verified] == [None, START]


def test_a_log_that_signs_with_a_post_quantum_key_alone_is_cosigned(witness: AWitness) -> None:
    """Otherwise a log that follows the newest recommendation would have no witness."""
    signer = from_seed(ORIGIN, MLDSA44_COSIGNATURE, bytes(32), lambda: START)
    witness.state.pin(PinnedLog(ORIGIN, (signer.verifier,)))
    log = ALog(3, signer=signer)
    assert witness.add(log.request(0, 3)).status == 200
    assert open_note(witness.witness.checkpoint(origin_hash(ORIGIN)).body, [signer.verifier])


def test_an_unknown_or_unseen_log_has_no_checkpoint(witness: AWitness) -> None:
    """Otherwise a log could not ask whether the witness knows it."""
    for digest in (origin_hash(ORIGIN), origin_hash("x"), "", "..", "../../w", "A" * 64):
        assert witness.witness.checkpoint(digest).status == 404


HASH = (b64(bytes(32)) + "\n").encode()
CHECKPOINT = b"\n" + ALog(1).note(1).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 0",
        b"old 0\n",
        b"old 0\n\n",
        b"old 0\n\n\n",
        b"old 0\n" + CHECKPOINT[1:],
        b"\nold 0\n" + CHECKPOINT,
        b"old 05\n" + CHECKPOINT,
        b"old -0\n" + CHECKPOINT,
        b"old +1\n" + CHECKPOINT,
        b"old 1 \n" + CHECKPOINT,
        b"old  1\n" + CHECKPOINT,
        b"Old 1\n" + CHECKPOINT,
        b"old\t1\n" + CHECKPOINT,
        b"old \xd9\xa1\n" + CHECKPOINT,
        b"old 9223372036854775808\n" + CHECKPOINT,
        b"old 0\n\xff\n" + CHECKPOINT,
        b"old 0\nAAAA\n" + CHECKPOINT,
        b"old 0\n" + HASH[:-2] + b"\n" + CHECKPOINT,
        b"old 0\n" + HASH[:-3] + b"B=\n" + CHECKPOINT,
        b"old 0\n" + HASH[:-1] + b" \n" + CHECKPOINT,
        b"old 0\r\n\r" + CHECKPOINT,
        b"old 0\n" + HASH * 64 + CHECKPOINT,
        b"old 0\n\nx\n1\n",
        b"old 0\n\nx\n01\n" + HASH + b"\n",
        b"old 0\n\nx\n1\n" + HASH[4:] + b"\n",
        b"old 0\n\nx\n1\n" + HASH[:-1],
        b"old 0\n" + CHECKPOINT + b"x" * 300_000,
    ],
)
def test_a_malformed_request_is_400(witness: AWitness, body: bytes) -> None:
    """Otherwise two programs could read one request differently."""
    with pytest.raises(Malformed):
        parse(body)
    assert witness.add(body).status == 400


def test_a_request_is_written_as_it_was_read() -> None:
    """Otherwise what a client sends would not be what the witness checks."""
    log = ALog(9)
    for old, size in ((0, 0), (0, 9), (3, 9), (9, 9)):
        body = log.request(old, size)
        assert parse(body).encode() == body
    assert parse_size(b"17\n") == 17
    for bad in (
        b"",
        b"17",
        b"017\n",
        b"17\n\n",
        b"-1\n",
        b" 17\n",
        b"\xff\n",
        b"17\r\n",
        b"1" * 40,
    ):
        with pytest.raises(Malformed):
            parse_size(bad)


GOOD = ALog(9).request(3, 9)


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=300)
    | st.tuples(st.integers(0, len(GOOD)), st.binary(max_size=4), st.integers(0, 5)).map(
        lambda t: GOOD[: t[0]] + t[1] + GOOD[t[0] + t[2] :]
    )
)
def test_any_bytes_are_a_request_or_refused(body: bytes) -> None:
    """Otherwise a stranger could stop a witness, or one request would have two spellings."""
    try:
        request = parse(body)
    except Malformed:
        return
    assert request.encode() == body


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_an_altered_request_is_never_cosigned(
    tmp_path_factory: pytest.TempPathFactory, place: int, flip: int
) -> None:
    """Otherwise a checkpoint that the log did not sign, or did not prove, would be cosigned."""
    body = bytearray(GOOD)
    body[place] ^= flip
    witness = AWitness(tmp_path_factory.mktemp("w") / "w")
    assert witness.add(ALog(9).request(0, 3)).status == 200
    assert witness.add(bytes(body)).status in (400, 403, 404, 409, 422)
    assert witness.size == 3


def test_what_was_written_otherwise_stops_the_witness(witness: AWitness) -> None:
    """Otherwise a damaged memory would count as none, and a fork be cosigned."""
    log = ALog(9)
    witness.add(log.request(0, 5))
    file = witness.state.folder(ORIGIN) / "checkpoint"
    good = file.read_bytes()
    for bad in (b"", good[:-5], good.replace(b"\n5\n", b"\n1\n"), log.note(5).encode(), b"\xff"):
        file.write_bytes(bad)
        answer = witness.add(log.request(0, 3))
        assert (answer.status, "cannot read" in answer.body) == (503, True)
        assert "put it back" in witness.told[-1] or "cannot be read" in witness.told[-1]
        assert witness.witness.checkpoint(origin_hash(ORIGIN)).status == 503
        with pytest.raises(WitnessError):
            witness.again()
    file.write_bytes(good)
    assert witness.again().add_checkpoint(log.request(5, 6)).status == 200


def test_a_list_of_logs_that_was_altered_stops_the_witness(witness: AWitness) -> None:
    """Otherwise another key would be pinned than the one somebody chose."""
    file = witness.state.folder(ORIGIN) / "log"
    for bad in (
        b"{}",
        b"",
        file.read_bytes() + b" ",
        file.read_bytes().replace(b"acme/g", b"acmf/g"),
    ):
        good = file.read_bytes()
        file.write_bytes(bad)
        assert witness.add(ALog(3).request(0, 3)).status == 503
        with pytest.raises(WitnessError, match="cannot be read"):
            State(witness.path).logs()
        file.write_bytes(good)
    assert replace(State(witness.path).logs()[0], keys=()) == PinnedLog(
        ORIGIN, (), "Acme", "https://acme.example/log"
    )
