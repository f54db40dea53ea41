"""`python -m audit witness`, as a second department uses it."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from witness_world import LOG, ORIGIN, ALog, AWitness, ask

from audit.__main__ import main
from audit.checkpoint import sign_checkpoint
from audit.cosigner import from_seed
from audit.encoding import b64
from audit.keys import ED25519_COSIGNATURE, MLDSA44_COSIGNATURE, Verifier
from audit.note import Ed25519Signer, open_note
from audit.witness_evidence import Conflict, encode
from audit.witness_request import AddCheckpoint
from audit.witness_state import PinnedLog, State, origin_hash


def run(*arguments: str) -> int:
    """The command in this process."""
    return main(["witness", *arguments])


@pytest.fixture
def folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """A witness that has pinned the log."""
    place = str(tmp_path / "w")
    assert run("init", place, "--name", "witness.example/audit") == 0
    assert run("add-log", place, LOG.vkey, "--name", "Acme", "--url", "https://log.example") == 0
    printed = capsys.readouterr().out
    assert f"<prefix>/{origin_hash(ORIGIN)}/checkpoint" in printed
    return place


@pytest.mark.parametrize("origin", ["", "two\nlines", "a\rb", "not-utf-8-\udcff"])
def test_an_origin_that_no_checkpoint_can_name_is_an_error_in_words(
    folder: str, origin: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Otherwise a slip of the keyboard would pin nothing at all, or end in a stack of calls."""
    for command in (
        ("add-log", folder, LOG.vkey, "--origin", origin),
        ("drop-key", folder, LOG.vkey, "--origin", origin),
        ("show", folder, origin),
    ):
        assert run(*command) == 1
        assert capsys.readouterr().err.startswith("error: ")
    assert run("list", folder, "-o", "json") == 0
    assert [log["origin"] for log in json.loads(capsys.readouterr().out)["logs"]] == [ORIGIN]


def test_five_minutes_of_a_second_department(folder: str) -> None:
    """Otherwise nobody could set up a witness by following the page about it."""
    command = [sys.executable, "-m", "audit", "witness", "serve", folder, "--port", "0"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    log = ALog(9)
    sizes = []
    for old, size, stop in ((0, 5, signal.SIGKILL), (5, 9, signal.SIGTERM), (9, 9, signal.SIGINT)):
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        assert process.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:(\d+); its keys:", process.stdout.readline())
        assert found is not None
        vkey = process.stdout.readline().strip()
        place = ("127.0.0.1", int(found[1]))
        status, _, lines = ask(place, "POST", "/add-checkpoint", log.request(old, size))
        assert status == 200
        assert open_note(log.note(size).encode() + lines, [Verifier.from_vkey(vkey)])
        second = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (second.returncode, "another process" in second.stderr) == (1, True)
        process.send_signal(stop)
        _, told = process.communicate(timeout=10)
        assert process.returncode == (-signal.SIGKILL if stop == signal.SIGKILL else 0), told
        assert "Traceback" not in told
        sizes.append(size)
    assert sizes == [5, 9, 9]


def test_list_and_show_say_how_far_and_what_is_wrong(
    folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Otherwise whoever runs the witness would not learn that a log contradicted itself."""
    witness = AWitness(Path(folder).parent / "x")
    place = str(witness.path)
    assert run("list", place) == 0
    assert "never cosigned" in capsys.readouterr().out
    witness.add(ALog(9).request(0, 5))
    witness.add(ALog(9, other=3).request(5, 9))
    assert run("list", place) == 0
    assert "size 5 cosigned 2026-09-21T14:13:20Z, unproven 1" in capsys.readouterr().out
    witness.add(ALog(9, other=3).request(5, 5))
    assert run("list", place) == 10
    assert "CONFLICTS 1, unproven 1" in capsys.readouterr().out
    assert run("show", place, ORIGIN) == 10
    shown = capsys.readouterr().out
    assert ALog(9).note(5) in shown
    assert "two trees of the same size" in shown
    (file,) = re.findall(r"kept in (\S+fork-\w+\.json)", shown)
    assert json.loads(Path(file).read_bytes())["why"] == "fork"
    assert run("list", place, "-o", "json") == 10
    value = json.loads(capsys.readouterr().out)
    assert value["logs"][0]["size"] == 5
    assert [c["why"] for c in value["logs"][0]["conflicts"]] == ["fork", "unproven"]
    assert run("show", place, ORIGIN, "-o", "json") == 10
    assert json.loads(capsys.readouterr().out)["name"] == "Acme"
    assert run("show", place, "nobody") == 1
    assert "pinned: `example.com/acme/governance`" in capsys.readouterr().err


def test_what_a_log_signs_does_not_command_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Otherwise a log could write on the screen of whoever looks at it."""
    witness = AWitness(tmp_path / "x")
    note = sign_checkpoint(replace(ALog(3).tree(3), extensions=("\x9b31mred\u202e",)), LOG)
    assert witness.add(AddCheckpoint(0, (), note).encode()).status == 200
    assert run("show", str(witness.path), ORIGIN) == 0
    shown = capsys.readouterr().out
    assert "?31mred?" in shown
    assert shown.replace("\n", "").isprintable()


def test_evidence_convinces_somebody_who_trusts_neither_side(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Otherwise a witness could accuse a log, or a log deny what it signed."""
    witness = AWitness(tmp_path / "x")
    log, fork = ALog(9), ALog(9, other=3)
    witness.add(log.request(0, 5))
    witness.add(fork.request(5, 9))
    witness.add(fork.request(5, 5))
    files = {c.why: str(c.file) for c in witness.state.conflicts(ORIGIN)}
    stranger = Ed25519Signer.from_seed(ORIGIN, bytes([5]) * 32)
    assert run("judge", files["fork"], "--key", LOG.vkey) == 10
    assert "signed two different trees of 5 entries" in capsys.readouterr().out
    assert run("judge", files["unproven"], "--key", LOG.vkey) == 12
    assert "not proven" in capsys.readouterr().out
    for file in files.values():
        assert run("judge", file, "--key", stranger.vkey) == 11
    # Evidence that somebody made up: the same tree twice, a tree that follows, a tree altered.
    made_up = Path(files["fork"])
    held = witness.state.conflicts(ORIGIN)[0].held
    for offered, old, proof, code in (
        (log.note(5), 5, [], 0),
        (log.note(9), 5, log.proof(5, 9), 0),
        (log.note(9), 5, log.proof(4, 9), 12),
        (fork.note(5).replace("\n5\n", "\n6\n"), 5, [], 11),
    ):
        conflict = Conflict("fork", "2026", held, offered, old, tuple(map(b64, proof)))
        made_up.write_bytes(encode(ORIGIN, conflict))
        assert run("judge", str(made_up), "--key", LOG.vkey) == code
    numbers = encode(ORIGIN, conflict).replace(b'"proof":[]', b'"proof":[5]')
    other = encode(ORIGIN, conflict).replace(b'"why":"fork"', b'"why":"what"')
    for bad in (b"", b"{}", b"[]", b"null", encode(ORIGIN, conflict) + b"\n", numbers, other):
        made_up.write_bytes(bad)
        assert run("judge", str(made_up), "--key", LOG.vkey) == 1
        said = capsys.readouterr().err
        assert said.startswith("error: this is not the evidence of a witness: expected a file")
    assert run("list", str(witness.path)) == 1
    assert "cannot be read" in capsys.readouterr().err


def test_a_new_key_of_a_log_is_accepted_only_when_somebody_says_so(
    folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Otherwise a wrong key, pasted by mistake or on purpose, would be trusted beside the right one."""
    new = Ed25519Signer.from_seed(ORIGIN, bytes([5]) * 32)
    assert run("add-log", folder, new.vkey) == 1
    assert "--also" in capsys.readouterr().err
    assert run("add-log", folder, new.vkey, "--also") == 0
    log = State(Path(folder)).log(ORIGIN)
    assert log == PinnedLog(ORIGIN, (LOG.verifier, new.verifier), "Acme", "https://log.example")
    assert run("add-log", folder, new.vkey) == 0
    assert run("drop-key", folder, LOG.vkey) == 0
    assert run("drop-key", folder, LOG.vkey) == 1
    assert run("drop-key", folder, new.vkey) == 0
    assert "no longer" in capsys.readouterr().out
    assert run("list", folder) == 0
    assert "no key: nothing is cosigned" in capsys.readouterr().out


def test_keys_that_cannot_be_a_logs_are_refused(
    folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Otherwise a log would be pinned whose checkpoints can never be cosigned."""
    witness = from_seed("witness.example/audit", ED25519_COSIGNATURE, bytes(32), lambda: 1)
    quantum = from_seed("example.com/q", MLDSA44_COSIGNATURE, bytes(32), lambda: 1)
    for arguments, says in (
        ((witness.vkey,), "a witness's key"),
        ((quantum.vkey, "--origin", "example.com/other"), "bears its origin"),
        ((LOG.vkey[:-4],), "32 bytes"),
        (("x",), "not a verifier key"),
    ):
        assert run("add-log", folder, *arguments) == 1
        assert says in capsys.readouterr().err
    assert run("add-log", folder, quantum.vkey) == 0


def test_mistakes_are_said_in_a_sentence(
    folder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Otherwise whoever mistypes would meet a traceback."""
    for arguments, says in (
        (("list", str(tmp_path / "none")), "there is no witness at"),
        (("init", folder, "--name", "again"), "already"),
        (("init", str(tmp_path / "n"), "--name", "two words"), "`two words` cannot name a key"),
        (("init", str(tmp_path / "n"), "--name", "https://w.example"), "no `https://` in front"),
        (("add-log", folder, "PRIVATE+KEY+x+00000000+AAAA"), "the private half of a key"),
        (("judge", __file__, "--key", LOG.vkey), "not the evidence of a witness: expected a file"),
        (("judge", __file__, "--key", "nowhere"), "neither a verifier key"),
        (("serve", folder, "--prefix", "w"), "must begin with `/`"),
        (("serve", folder, "--prefix", "/w/"), "must begin with `/`"),
        (("serve", folder, "--host", "192.0.2.1", "--port", "9"), "cannot listen"),
        (("serve", folder, "--port", "99999"), "cannot listen"),
    ):
        assert run(*arguments) == 1, arguments
        assert says in capsys.readouterr().err
    for arguments in (
        (),
        ("fly",),
        ("init", folder),
        ("init", folder, "--name", "x", "--key", "rsa"),
    ):
        with pytest.raises(SystemExit) as caught:
            run(*arguments)
        assert caught.value.code == 2
    for arguments in (("--help",), ("serve", "--help"), ("add-log", "--help")):
        with pytest.raises(SystemExit) as caught:
            run(*arguments)
        assert caught.value.code == 0


def test_both_kinds_of_key_can_be_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Otherwise a witness could not follow the recommendation and serve old verifiers, too."""
    assert run("init", str(tmp_path / "b"), "--name", "w", "--key", "both") == 0
    vkeys = capsys.readouterr().out.split("\n")[1:-1]
    types = [Verifier.from_vkey(vkey).algorithm for vkey in vkeys]
    assert types == [ED25519_COSIGNATURE, MLDSA44_COSIGNATURE]


def test_the_folder_audit_alone_is_a_witness(tmp_path: Path) -> None:
    """Otherwise the five minutes would begin with installing the whole service."""
    root = Path(__file__).parents[2]
    shutil.copytree(
        root / "audit", tmp_path / "audit", ignore=shutil.ignore_patterns("__pycache__")
    )
    code = (
        "import sys; sys.path.insert(0, ''); from audit.__main__ import main; "
        "code = main(['witness', 'init', 'w', '--name', 'witness.example/w']); "
        "import audit; assert audit.__file__.startswith(sys.argv[1]), audit.__file__; "
        "assert not any(m.partition('.')[0] in ('governance', 'reports') for m in sys.modules); "
        "sys.exit(code)"
    )
    command = [sys.executable, "-I", "-c", code, str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "w" / "witness.key").is_file()


def test_a_witness_needs_nothing_but_python_and_cryptography() -> None:
    """Otherwise a second department could not run it without installing the service."""
    code = (
        "import sys\n"
        "before = set(sys.modules)\n"
        "import audit.witness_cli\n"
        "top = {name.split('.')[0] for name in set(sys.modules) - before} - {'audit'}\n"
        "from importlib.metadata import packages_distributions as known\n"
        "print(*sorted(top & set(known()) - set(sys.stdlib_module_names)))\n"
    )
    command = [sys.executable, "-c", code]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert set(found) <= {"cryptography", "_cffi_backend", "cffi"}


def test_every_command_of_the_page_is_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Otherwise whoever follows the page about witnesses would be stuck at its first line."""
    page = (Path(__file__).parents[2] / "docs" / "witness.md").read_text()
    commands = re.findall(r"python3? -m audit witness ([^\n`]+)", page)
    assert len(commands) >= 4
    for line in commands:
        words = line.replace("/var/lib/witness", str(tmp_path / "w")).replace("VKEY", LOG.vkey)
        arguments = shlex.split(words)
        if arguments[0] == "serve":
            arguments += ["--host", "192.0.2.1"]
        assert run(*arguments) == (arguments[0] in ("serve", "judge")), line
    told = set(capsys.readouterr().err.splitlines())
    assert told == {
        "error: cannot listen on `192.0.2.1` port 8391: [Errno 99] Cannot assign requested address",
        "error: `FILE`: No such file or directory",
    }
    options = re.findall(r"`(add-log|drop-key) DIR \w+(?: (--\w+))?`", page)
    assert options == [("add-log", "--also"), ("drop-key", "")]
