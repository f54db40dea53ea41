"""Trust policies: what is refused, with its line; and when a quorum is met."""

from __future__ import annotations

import itertools

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.checkpoint import Checkpoint, encode, sign_checkpoint
from audit.cosigner import from_seed
from audit.encoding import b64
from audit.errors import BadPolicy, UnknownKey
from audit.keys import (
    ED25519,
    ED25519_COSIGNATURE,
    MLDSA44_COSIGNATURE,
    Verifier,
    subtree_message,
)
from audit.note import Ed25519Cosigner, Ed25519Signer, Signer, countersign, open_note
from audit.trust import TrustPolicy

ORIGIN = "example.com/log"
TIME = 1_790_000_000
LOG = Ed25519Signer.from_seed(ORIGIN, bytes(32))
OTHER_LOG = Ed25519Signer.from_seed("example.com/other", bytes([9]) * 32)
TREE = Checkpoint(ORIGIN, 5, bytes(32))


def witness(number: int) -> Ed25519Cosigner:
    """One of as many witnesses as are needed."""
    key = Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
    return Ed25519Cosigner(f"witness.example/w{number}", key, lambda: TIME + number)


W = {number: witness(number) for number in range(1, 7)}
VKEYS = {number: w.verifier.vkey for number, w in W.items()}
TWO_LEVELS = f"""
# which log
  log {LOG.vkey} https://log.example/
\t
witness X1 {VKEYS[1]} https://x1.example/
witness X2 {VKEYS[2]}
witness\tX3   {VKEYS[3]}
group X 2 X1 X2 X3

witness Y1 {VKEYS[4]}
witness Y2 {VKEYS[5]}
group Y any Y1 Y2
  # both departments
group X-and-Y all X Y
quorum X-and-Y
log {OTHER_LOG.vkey}
witness Z {VKEYS[6]}
"""


def note(*numbers: int, by: Signer = LOG) -> str:
    """The checkpoint, cosigned by these witnesses."""
    return countersign(sign_checkpoint(TREE, by), *(W[number] for number in numbers))


def accepted(policy: TrustPolicy, text: str) -> bool:
    """What the three ways of asking say, which must agree."""
    opened = open_note(text, policy.verifiers())
    answer = policy.satisfied_by(opened)
    try:
        policy.open(text)
    except UnknownKey:
        assert not answer
    else:
        assert answer
    return answer


def test_a_quorum_of_two_levels_is_met_by_exactly_the_right_witnesses() -> None:
    """Otherwise a checkpoint seen by too few would be trusted, or one seen by enough refused."""
    policy = TrustPolicy.parse(TWO_LEVELS)
    for count in range(7):
        for chosen in itertools.combinations(W, count):
            wanted = sum(n in (1, 2, 3) for n in chosen) >= 2 and bool({4, 5} & set(chosen))
            assert accepted(policy, note(*chosen)) == wanted, chosen


def test_witnesses_alone_do_not_make_a_checkpoint_the_logs() -> None:
    """Otherwise witnesses could put their own tree in the place of the log's."""
    policy = TrustPolicy.parse(TWO_LEVELS)
    assert not accepted(policy, sign_checkpoint(TREE, W[1], W[2], W[4]))
    foreign = note(1, 2, 4, by=OTHER_LOG)
    assert not accepted(policy, foreign)
    with pytest.raises(UnknownKey, match="not signed by a log of the trust policy"):
        policy.open(foreign)


def test_what_a_policy_says_about_a_checkpoint_is_said_in_words() -> None:
    """Otherwise people would not learn which witness is missing."""
    policy = TrustPolicy.parse(TWO_LEVELS)
    lines = policy.explain(open_note(note(1, 4), policy.verifiers()))
    assert lines == (
        "signed by the log `example.com/log`",
        "`X-and-Y` is not met: 1 of 2, 2 wanted",
        "`X` is not met: 1 of 3, 2 wanted",
        "the witness `X1` (`witness.example/w1`) cosigned at 2026-09-21T14:13:21Z",
        "the witness `X2` (`witness.example/w2`) did not cosign",
        "the witness `X3` (`witness.example/w3`) did not cosign",
        "`Y` is met: 1 of 2, 1 wanted",
        "the witness `Y1` (`witness.example/w4`) cosigned at 2026-09-21T14:13:24Z",
        "the witness `Y2` (`witness.example/w5`) did not cosign",
    )


def test_a_policy_without_logs_or_without_witnesses_is_one() -> None:
    """Otherwise whoever knows the log otherwise, or has no witness yet, could write no policy."""
    nobody = TrustPolicy.parse(f"quorum none\nlog {LOG.vkey}\n")
    assert accepted(nobody, note())
    assert nobody.explain(open_note(note(), nobody.verifiers()))[-1].endswith("no cosignature")
    any_log = TrustPolicy.parse(f"witness w {VKEYS[1]}\nquorum w\n")
    assert accepted(any_log, note(1))
    assert accepted(any_log, note(1, by=OTHER_LOG))
    assert TrustPolicy.parse(b"quorum none\n").vkeys() == []


def test_a_policy_is_printed_so_that_it_reads_the_same() -> None:
    """Otherwise a policy handed on would not be the one that was read."""
    policy = TrustPolicy.parse(TWO_LEVELS)
    printed = policy.encode()
    assert TrustPolicy.parse(printed) == policy
    assert TrustPolicy.parse(printed).encode() == printed
    assert printed.splitlines()[0] == f"log {LOG.vkey} https://log.example/"
    assert "group X 2 X1 X2 X3\n" in printed
    assert policy.vkeys() == [LOG.vkey, OTHER_LOG.vkey, *VKEYS.values()]


def test_names_are_octets_and_not_letters() -> None:
    """Otherwise two different names would be one, or one would depend on a table of characters."""
    names = [
        b"K",
        b"\xe2\x84\xaa",
        b"\xff",
        b"\xfe",
        "\u00e4".encode(),
        "a\u0308".encode(),
        b"all",
        b"any",
    ]
    lines = [
        b"witness %s %s" % (name, witness(number).verifier.vkey.encode())
        for number, name in enumerate(names, 20)
    ]
    text = b"\n".join(
        [*lines, b"group log all " + b" ".join(names), b"quorum log", b"# \x80\xff\n"]
    )
    policy = TrustPolicy.parse(text)
    assert policy.groups[0].threshold == len(names)
    assert policy.encode().encode("utf-8", "surrogateescape").startswith(b"witness K ")


def with_type(algorithm: int, number: int = 1) -> str:
    """The public key of a witness as a key of another type."""
    key = W[number].verifier
    return Verifier.from_public_key(key.name, key.public_key, algorithm).vkey


HEAD = f"log {LOG.vkey}\nwitness a {VKEYS[1]}\nwitness b {VKEYS[2]}\nwitness c {VKEYS[3]}\n"
RENAMED = Verifier.from_public_key("other", W[1].verifier.public_key, ED25519_COSIGNATURE).vkey
COSIGNING_LOG = Verifier.from_public_key(ORIGIN, LOG.verifier.public_key, ED25519_COSIGNATURE).vkey
BAD = {
    "no line at all": ("", None, "no `quorum` line"),
    "no quorum": (HEAD, None, "no `quorum` line"),
    "two quorums": (HEAD + "quorum a\nquorum a\n", 6, "second `quorum` line"),
    "none twice": ("quorum none\nquorum none\n", 2, "second `quorum` line"),
    "cut": (HEAD + "quorum a", 5, "newline"),
    "carriage return": ("quorum none\r\n", 1, "0x0d"),
    "form feed in a comment": ("# \f\nquorum none\n", 1, "0x0c"),
    "DEL in a comment": ("quorum none\n# \x7f\n", 2, "0x7f"),
    "NUL": ("quorum none\n\0\n", 2, "0x00"),
    "unknown word": ("quorum none\nlogs x\n", 2, "`logs` is not known"),
    "capital word": ("Quorum none\n", 1, "`Quorum` is not known"),
    "another kind of space": (f"quorum none\nwitness\u00a0w {VKEYS[1]}\n", 2, "is not known"),
    "comment after a line": (HEAD + "quorum a # why\n", 5, "expected `quorum"),
    "comment after a log": (f"log {LOG.vkey} https://l # x\n", 1, "expected `log"),
    "log without key": ("log\n", 1, "expected `log"),
    "log with three": (f"log {LOG.vkey} u v\n", 1, "expected `log"),
    "log with a bad key": (f"log {LOG.vkey[:-4]}AAAA\n", 1, "the id"),
    "log with a witness's key": (f"log {COSIGNING_LOG}\n", 1, "witness's"),
    "log twice": (f"log {LOG.vkey}\n  log {LOG.vkey} u\n", 2, "line 1"),
    "witness without key": ("witness a\n", 1, "expected `witness"),
    "witness with four": (f"witness a {VKEYS[1]} u v\n", 1, "expected `witness"),
    "witness with a log's key": (f"witness a {with_type(ED25519)}\n", 1, VKEYS[1]),
    "witness with half a key": (f"witness a {VKEYS[1][:30]}\n", 1, "verifier key"),
    "witness twice": (f"witness a {VKEYS[1]}\nwitness b {VKEYS[1]}\n", 2, "line 1"),
    "witness renamed": (f"witness a {VKEYS[1]}\nwitness b {RENAMED}\n", 2, "line 1"),
    "witness none": (f"witness none {VKEYS[1]}\n", 1, "taken"),
    "name twice": (f"witness a {VKEYS[1]}\nwitness a {VKEYS[2]}\n", 2, "taken since line 1"),
    "group without members": (HEAD + "group g any\n", 5, "expected `group"),
    "group of none": (HEAD + "group g any none\n", 5, "`none` cannot be in a group"),
    "group named none": (HEAD + "group none any a\n", 5, "taken"),
    "group named as a witness": (HEAD + "group a any b\n", 5, "taken since line 2"),
    "group of nobody known": (HEAD + "group g all a d b\n", 5, "`d` is not defined"),
    "group of itself": (HEAD + "group g all a g\n", 5, "`g` is not defined"),
    "member twice": (HEAD + "group g 2 a b a\n", 5, "already in the group `g`"),
    "member of two": (HEAD + "group g all a b\ngroup h all b c\n", 6, "already in the group `g`"),
    "zero": (HEAD + "group g 0 a b\n", 5, "cannot be met"),
    "more than there are": (HEAD + "group g 3 a b\n", 5, "cannot be met"),
    "negative": (HEAD + "group g -1 a b\n", 5, "not `any`, `all`"),
    "signed": (HEAD + "group g +1 a b\n", 5, "not `any`, `all`"),
    "leading zero": (HEAD + "group g 01 a b\n", 5, "not `any`, `all`"),
    "hexadecimal": (HEAD + "group g 0x1 a b\n", 5, "not `any`, `all`"),
    "other digits": (HEAD + "group g \u0661 a b\n", 5, "not `any`, `all`"),
    "ALL": (HEAD + "group g ALL a b\n", 5, "not `any`, `all`"),
    "quorum of nobody known": (HEAD + "quorum d\n", 5, "`d` is not defined"),
    "quorum before its group": (HEAD + "quorum g\ngroup g any a\n", 5, "`g` is not defined"),
    "quorum of two": (HEAD + "quorum a b\n", 5, "expected `quorum"),
    "quorum of nothing": (HEAD + "quorum\n", 5, "expected `quorum"),
    "half of a pair": ("quorum none\n# \ud800\n", None, "surrogate"),
    "very long": ("quorum none\n" + "#\n" * 600_000, None, "at most"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_policy_is_refused_with_its_line(case: str) -> None:
    """Otherwise a condition somebody wrote down would not be checked, or nobody would find it."""
    text, line, words = BAD[case]
    with pytest.raises(BadPolicy) as caught:
        TrustPolicy.parse(text)
    assert words in str(caught.value)
    assert caught.value.line == line
    if line is not None:
        assert str(caught.value).startswith(f"line {line} of the trust policy")


def test_post_quantum_logs_and_witnesses_count_like_others() -> None:
    """Otherwise a policy could not name the kind of key that the specification recommends."""
    log = from_seed(ORIGIN, MLDSA44_COSIGNATURE, bytes(32), lambda: TIME)
    quantum = from_seed("witness.example/q", MLDSA44_COSIGNATURE, bytes([1]) * 32, lambda: TIME)
    policy = TrustPolicy.parse(
        f"log {log.vkey}\nlog {LOG.vkey}\nwitness q {quantum.vkey}\nwitness own {log.vkey}\n"
        f"witness w {VKEYS[1]}\ngroup g 2 q w own\nquorum g\n"
    )
    assert len(policy.vkeys()) == 4  # the key that is a log's and a witness's, once
    assert accepted(policy, sign_checkpoint(TREE, LOG, quantum, W[1]))
    assert accepted(policy, sign_checkpoint(TREE, log, quantum))
    assert not accepted(policy, sign_checkpoint(TREE, LOG, quantum))
    # A post-quantum cosignature may say nothing of time; it still says that the tree was seen.
    text = encode(TREE)
    timeless = bytes(8) + quantum._key.sign(subtree_message(quantum.name, text.encode(), 0))
    line = f"\u2014 {quantum.name} {b64(quantum.key_id + timeless)}\n"
    note = sign_checkpoint(TREE, log) + line
    assert accepted(policy, note)
    opened = open_note(note, policy.verifiers())
    assert "the witness `q` (`witness.example/q`) cosigned" in policy.explain(opened)


def test_thirty_two_of_everything_fit() -> None:
    """Otherwise policies that the specification promises to work would be refused here."""
    lines = [f"log {Ed25519Signer.from_seed(f'l{n}', bytes([n]) * 32).vkey}" for n in range(32)]
    lines += [f"witness w{n} {witness(n + 100).verifier.vkey}" for n in range(32)]
    lines += [f"group g{n} any w{n}" + (f" g{n - 1}" if n else "") for n in range(32)]
    policy = TrustPolicy.parse("\n".join([*lines, "quorum g31", ""]))
    opened = open_note(
        sign_checkpoint(
            Checkpoint("l0", 1, bytes(32)),
            Ed25519Signer.from_seed("l0", bytes(32)),
            witness(100),
        ),
        policy.verifiers(),
    )
    assert policy.satisfied_by(opened)


WORDS = ("log", "witness", "group", "quorum", "none", "any", "all", "a", "b", "g", "1", "2", "#")
PIECES = st.sampled_from((*WORDS, LOG.vkey, VKEYS[1], VKEYS[2], VKEYS[1][:-1], *"\t\n\n\n \rä"))


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=40).map(" ".join) | st.text() | st.binary())
def test_any_text_is_a_policy_or_refused(text: str | bytes) -> None:
    """Otherwise a malformed policy would stop a verifier instead of being named."""
    try:
        policy = TrustPolicy.parse(text)
    except BadPolicy:
        return
    assert TrustPolicy.parse(policy.encode()) == policy
