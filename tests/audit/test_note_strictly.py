"""Signed notes and verifier keys against the letter of C2SP signed-note v1.0.0."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.checkpoint import Checkpoint, encode, open_checkpoint, parse, sign_checkpoint
from audit.cosigner import generate
from audit.encoding import b64
from audit.errors import BadCheckpoint, BadKey, BadNote, LogError, UnknownKey
from audit.head import MAX_NOTE, fitting
from audit.keys import MLDSA44_COSIGNATURE, Verifier, check_name
from audit.note import MAX_SIGNATURES, Ed25519Signer, open_note, sign, split

TEXT = "example.com/log\n7\n" + b64(bytes(32)) + "\n"
LOG = Ed25519Signer.from_seed("example.com/log", bytes(32))
OTHERS = [Ed25519Signer.from_seed(f"w{n}.example", bytes([n] * 32)) for n in range(1, 120)]
# Unicode's White_Space, which sumdb/note refuses in names
SPACES = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)


@pytest.mark.parametrize("count", [1, 16, 17, MAX_SIGNATURES])
def test_as_many_signatures_as_must_be_accepted_are(count: int) -> None:
    """A checkpoint that enough witnesses signed would be refused by those it is for."""
    note = sign(TEXT, *OTHERS[: count - 1], LOG)
    assert open_note(note, [LOG.verifier]).text == TEXT
    assert len(open_note(note, [LOG.verifier]).unverified) == count - 1


def test_one_signature_too_many_is_refused() -> None:
    """A note of a million lines would keep a verifier busy for a day."""
    with pytest.raises(BadNote):
        open_note(sign(TEXT, *OTHERS[:MAX_SIGNATURES], LOG), [LOG.verifier])


def test_a_key_that_shares_only_the_name_or_only_the_id_is_unknown() -> None:
    """A stranger's key under the log's name would make every genuine note fail."""
    namesake = Ed25519Signer.from_seed(LOG.name, bytes([9] * 32))
    good = sign(TEXT, LOG)
    line = sign(TEXT, namesake).removeprefix(TEXT + "\n")
    same_id = f"\u2014 other.example {b64(LOG.key_id + bytes(64))}\n"
    opened = open_note(good + line + same_id, [LOG.verifier])
    assert [each.name for each in opened.unverified] == [LOG.name, "other.example"]
    with pytest.raises(UnknownKey):
        open_note(TEXT + "\n" + line + same_id, [LOG.verifier])


def test_a_bad_line_of_a_known_key_spoils_the_note_wherever_it_stands() -> None:
    """An altered note would pass because a genuine line of another text stands beside it."""
    good = sign(TEXT, LOG)
    bad = f"\u2014 {LOG.name} {b64(LOG.key_id + bytes(64))}\n"
    for note in (good + bad, TEXT + "\n" + bad + good.removeprefix(TEXT + "\n")):
        with pytest.raises(UnknownKey):
            open_note(note, [LOG.verifier])


def test_a_line_that_stands_twice_counts_once() -> None:
    """A quorum of one could count for two."""
    good = sign(TEXT, LOG)
    twice = good + good.removeprefix(TEXT + "\n")
    assert len(open_note(twice, [LOG.verifier]).verified) == 1


@pytest.mark.parametrize("code", [*range(10), *range(11, 32)])
def test_control_characters_are_refused_everywhere(code: int) -> None:
    """A terminal would show another text than the one that is signed."""
    note, character = sign(TEXT, LOG), chr(code)
    for place in (0, 5, len(TEXT) - 1, len(TEXT) + 3, len(note) - 2):
        with pytest.raises(BadNote):
            split(note[:place] + character + note[place:])
        with pytest.raises(BadNote):
            split((note[:place] + character + note[place:]).encode())


@pytest.mark.parametrize("character", ["\x7f", "\u200b", "\u0301", "é", "\U0001f600", "\ufeff"])
def test_what_is_no_control_character_below_a_space_is_text(character: str) -> None:
    """Notes that every other program accepts would be refused here."""
    text = f"a{character}\n"
    assert open_note(sign(text, LOG).encode(), [LOG.verifier]).text == text


@pytest.mark.parametrize("space", SPACES)
def test_no_unicode_space_is_part_of_a_name(space: str) -> None:
    """A name would be cut in two by one verifier and not by another."""
    for name in (space, f"a{space}b", f"a{space}", f"{space}a"):
        with pytest.raises(BadKey):
            check_name(name)
        with pytest.raises(BadNote):
            split(f"{TEXT}\n\u2014 {name} {b64(bytes(68))}\n")


@pytest.mark.parametrize("name", ["", "+", "a+b", "a+", "\ud800"])
def test_no_name_is_empty_or_holds_a_plus(name: str) -> None:
    """A verifier key could be read in two ways."""
    with pytest.raises(BadKey):
        check_name(name)


SIGNATURE = b64(LOG.key_id + LOG.sign(TEXT.encode()))
LINE = f"\u2014 {LOG.name} {SIGNATURE}\n"


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n",
        "\n\n",
        TEXT,
        TEXT + "\n",
        TEXT + LINE,
        TEXT + "\n" + LINE.rstrip("\n"),
        TEXT + "\n" + LINE + "\n",
        TEXT + "\n" + LINE + "x",
        TEXT + "\n" + LINE.replace("\u2014", "-"),
        TEXT + "\n" + LINE.replace("\u2014", "\u2013"),
        TEXT + "\n" + LINE.replace("\u2014 ", "\u2014"),
        TEXT + "\n" + LINE.replace("\u2014 ", "\u2014  "),
        TEXT + "\n" + LINE.replace("\u2014 ", " \u2014 "),
        TEXT + "\n" + LINE.replace(" " + SIGNATURE, "  " + SIGNATURE),
        TEXT + "\n" + LINE.replace(SIGNATURE, SIGNATURE + " "),
        TEXT + "\n" + LINE.replace(SIGNATURE, ""),
        TEXT + "\n" + LINE.replace(SIGNATURE, SIGNATURE.rstrip("=")),
        TEXT + "\n" + LINE.replace(SIGNATURE, SIGNATURE + "="),
        TEXT + "\n" + LINE.replace(SIGNATURE, SIGNATURE.replace("+", "-").replace("/", "_") + "-"),
        TEXT + "\n" + LINE.replace(SIGNATURE, b64(LOG.key_id)),
        TEXT + "\n" + LINE.replace(SIGNATURE, b64(b"abc")),
        TEXT + "\n" + LINE + "\u2014 nothing\n",
        TEXT + "\n" + LINE + "a line of text\n",
    ],
)
def test_what_is_no_signed_note_is_refused(note: str) -> None:
    """Two programs would read one file in two ways, and one of them would believe it."""
    with pytest.raises(BadNote):
        open_note(note, [LOG.verifier])


def test_base64_whose_last_bits_are_not_zero_is_refused() -> None:
    """One signature would have four spellings, and a file could be altered without a trace."""
    encoded = b64(bytes(67) + b"\x01")
    loose = encoded[:-2] + "R="
    assert encoded[-1] == "="
    with pytest.raises(BadNote):
        split(f"{TEXT}\n\u2014 a {loose}\n")


def test_bytes_that_are_no_utf8_are_refused() -> None:
    """Programs would replace them, each by something else."""
    note = sign(TEXT, LOG).encode()
    for bad in (b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"):
        with pytest.raises(BadNote):
            split(bad + note)


def test_the_text_ends_at_the_last_blank_line() -> None:
    """A text that looks like a note of its own would be cut short."""
    text = f"{TEXT}\n{LINE}\nmore\n"
    assert open_note(sign(text, LOG), [LOG.verifier]).text == text
    assert open_note(sign("\n", LOG), [LOG.verifier]).text == "\n"


@pytest.mark.parametrize(
    "change",
    [
        lambda vkey: vkey.replace("+", " + ", 1),
        lambda vkey: vkey + "\n",
        lambda vkey: " " + vkey,
        lambda vkey: vkey + "=",
        lambda vkey: vkey.replace(LOG.key_id.hex(), LOG.key_id.hex().upper(), 1),
        lambda vkey: vkey.replace(LOG.key_id.hex(), "0" + LOG.key_id.hex(), 1),
        lambda vkey: vkey.replace(LOG.key_id.hex(), LOG.key_id.hex()[1:], 1),
        lambda vkey: vkey.replace("example", "Example", 1),
        lambda vkey: vkey.rpartition("+")[0],
        lambda _: "",
        lambda _: "++",
    ],
)
def test_a_verifier_key_has_one_spelling(change) -> None:
    """Comparing two printed keys would not tell whether they are one."""
    assert Verifier.from_vkey(LOG.vkey) == LOG.verifier
    with pytest.raises(BadKey):
        Verifier.from_vkey(change(LOG.vkey))


@pytest.mark.parametrize("kind", [0x00, 0x03, 0x05, 0x07, 0xFA, 0xFF])
def test_a_type_that_is_not_known_is_refused(kind: int) -> None:
    """A key would be pinned that never verifies anything, and nobody would be told."""
    with pytest.raises(BadKey, match="not known"):
        Verifier.from_public_key("a", bytes(32), kind)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "a\n1\n",
        f"\n1\n{b64(bytes(32))}\n",
        f"a\n\n{b64(bytes(32))}\n",
        f"a\n01\n{b64(bytes(32))}\n",
        f"a\n+1\n{b64(bytes(32))}\n",
        f"a\n-1\n{b64(bytes(32))}\n",
        f"a\n 1\n{b64(bytes(32))}\n",
        f"a\n1 \n{b64(bytes(32))}\n",
        f"a\n\u0661\n{b64(bytes(32))}\n",
        f"a\n1_0\n{b64(bytes(32))}\n",
        f"a\n0x1\n{b64(bytes(32))}\n",
        f"a\n9223372036854775808\n{b64(bytes(32))}\n",
        f"a\n1\n{b64(bytes(31))}\n",
        f"a\n1\n{b64(bytes(33))}\n",
        f"a\n1\n{b64(bytes(32))[:-1]}\n",
        f"a\n1\n{b64(bytes(32))}",
        f"a\n1\n{b64(bytes(32))}\n\n",
        f"a\n1\n{b64(bytes(32))}\n\nextension\n",
        f"a\r\n1\n{b64(bytes(32))}\n",
        f"a\0b\n1\n{b64(bytes(32))}\n",
        f"a\ud800\n1\n{b64(bytes(32))}\n",
        f"a\n1\n{b64(bytes(32))}\nan\textension\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    """A log of another size or another root would be read into a signed head."""
    with pytest.raises(BadCheckpoint):
        parse(text)


@pytest.mark.parametrize("origin", ["", "a\nb", "a\rb", "\0", "a\udcff"])
def test_no_checkpoint_is_written_that_none_could_read(origin: str) -> None:
    """A log could be pinned, or begun, under a name that no signed note can hold."""
    with pytest.raises(BadCheckpoint):
        encode(Checkpoint(origin, 0, bytes(32)))
    with pytest.raises(BadCheckpoint):
        encode(Checkpoint("a", 0, bytes(32), (origin,)))


@given(st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32))
def test_a_checkpoint_signed_by_two_kinds_of_keys_is_the_same_checkpoint(
    size: int, root: bytes
) -> None:
    """Verifiers that pin different keys of one log would believe different things."""
    tree = Checkpoint(LOG.name, size, root)
    large = generate(LOG.name, MLDSA44_COSIGNATURE, lambda: 1_795_000_000)
    note = sign_checkpoint(tree, LOG, large)
    assert open_checkpoint(note, [LOG.verifier]) == tree
    assert open_checkpoint(note, [large.verifier]) == tree
    assert len(open_note(note, [LOG.verifier, large.verifier]).verified) == 2
    other = encode(Checkpoint(LOG.name, size, bytes(byte ^ 1 for byte in root)))
    for pinned in (LOG.verifier, large.verifier):
        with pytest.raises(LogError):
            open_checkpoint(note.replace(encode(tree), other), [pinned])


def test_a_long_note_keeps_the_lines_that_fit() -> None:
    """The head file could not be written, and with it nothing at all."""
    large = [generate(LOG.name, MLDSA44_COSIGNATURE, lambda: 1) for _ in range(2)]
    note = sign(TEXT, large[0], LOG, large[1])
    short = fitting(note)
    assert len(note.encode()) > MAX_NOTE >= len(short.encode())
    assert open_note(short, [LOG.verifier]).text == TEXT
    assert fitting(sign(TEXT, LOG)) == sign(TEXT, LOG)
