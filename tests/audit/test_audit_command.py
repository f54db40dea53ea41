"""`python -m audit verify` as an auditor runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from audit import single
from audit.__main__ import main
from audit.head import encode_slot
from audit.note import Ed25519Signer

ROOT = Path(__file__).parents[2]


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    """Exit code and output of the command."""
    code = main(["verify", *map(str, arguments), "--workers", "1"])
    return code, capsys.readouterr().out


def test_it_says_what_is_proven_and_what_is_not(world, capsys) -> None:
    """Otherwise the auditor would have to guess what exit code 0 means."""
    code, out = run(capsys, world.package(world.log(20)), "--key", world.key)
    assert code == 0
    before, after = out.split("not proven:")
    assert "every entry is byte for byte what was signed" in before
    assert "--head" in after
    assert "re-performed" in after


def test_every_outcome_has_its_exit_code(world, capsys) -> None:
    """Otherwise a script could not tell an altered log from a missing file."""
    log = world.log(20)
    good, altered, cut = world.package(log), world.package(log), world.package(log)
    data = bytearray((altered / "tile/entries/000.p/20").read_bytes())
    data[70] ^= 1
    (altered / "tile/entries/000.p/20").write_bytes(data)
    (cut / "tile/0/000.p/20").unlink()
    stranger = Ed25519Signer.from_seed(world.signer.name, bytes(32)).vkey
    assert run(capsys, good, "--key", world.key)[0] == 0
    code, out = run(capsys, altered, "--key", world.key)
    assert (code, "entry 0 was altered" in out) == (10, True)
    assert run(capsys, good, "--key", stranger)[0] == 11
    assert run(capsys, cut, "--key", world.key)[0] == 12
    assert run(capsys, world.package(world.log(0)), "--key", world.key)[0] == 13


def test_a_wrong_path_is_no_tampering(world, capsys, tmp_path: Path) -> None:
    """A mistyped path would raise the alarm that the log was altered."""
    (tmp_path / "something").write_text("else")
    (tmp_path / "link").symlink_to("nowhere")
    code, out = run(capsys, tmp_path, "--key", world.key)
    assert (code, "no package" in out) == (13, True)


def test_a_key_that_is_none_is_said_so(world, capsys) -> None:
    """An auditor would look for a file named like the key."""
    with pytest.raises(SystemExit) as ended:
        main(["verify", str(world.package(world.log(3))), "--key", "garbage"])
    assert ended.value.code == 2
    assert "neither a verifier key" in capsys.readouterr().err


def test_a_key_may_be_longer_than_the_name_of_a_file(world, capsys) -> None:
    """A post-quantum key, which mostly is, would be taken for a file that cannot be read."""
    package = str(world.package(world.log(20)))
    long = Ed25519Signer.from_seed("w" * 255, bytes(32)).verifier.vkey
    assert run(capsys, package, "--key", world.key, "--key", long)[0] == 0
    with pytest.raises(SystemExit) as caught:
        main(["verify", package, "--key", "w" * 256])
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert "neither a verifier key" in said
    assert said.startswith("usage: python -m audit verify ")


def test_heads_and_receipts_are_read_from_files(world, capsys) -> None:
    """Otherwise the only evidence against the holder of the key could not be used."""
    log = world.log(20)
    head, note = world.folder / "head", world.folder / "note"
    head.write_bytes(encode_slot(world.checkpoint(log), 0))
    note.write_text(world.checkpoint(log, 10))
    good, short = world.package(log), world.package(world.log(15))
    options = ("--key", world.key, "--receipt", note, "--receipt", note)
    code, out = run(capsys, good, "--head", head, *options)
    assert (code, "retained head" in out) == (0, True)
    assert run(capsys, short, *options)[0] == 0
    assert run(capsys, short, "--head", head, *options)[0] == 12


def test_a_key_may_come_from_a_file_but_not_from_the_package(world, capsys) -> None:
    """Otherwise an auditor would be led to believe the key that came with the evidence."""
    path = world.package(world.log(20))
    (world.folder / "log.vkey").write_text(world.key + "\n")
    (world.folder / "none.vkey").write_text("\n")
    assert run(capsys, path, "--key", world.folder / "log.vkey")[0] == 0
    for bad in (path / "keys/log.vkey", world.folder / "none.vkey"):
        with pytest.raises(SystemExit) as caught:
            run(capsys, path, "--key", bad)
        assert caught.value.code == 2


def test_json_says_the_same(world, capsys) -> None:
    """Otherwise a program would have to read sentences."""
    log = world.log(20)
    code, out = run(capsys, world.package(log), "--key", world.key, "-o", "json")
    value = json.loads(out)
    assert (code, value["exit"], value["outcome"], value["size"]) == (0, 0, "proven", 20)
    assert value["not_proven"]
    bad = world.package(log)
    data = (bad / "tile/entries/000.p/20").read_bytes()
    (bad / "tile/entries/000.p/20").write_bytes(data.replace(b"10:00:07", b"10:00:06"))
    code, out = run(capsys, bad, "--key", world.key, "-o", "json")
    value = json.loads(out)
    assert (code, value["exit"], value["outcome"], value["entry"]) == (10, 10, "tampered", 7)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["verify"],
        ["verify", "."],
        ["verify", ".", "--key", "not a key"],
        ["verify", "absent", "--key", "{key}"],
        ["verify", ".", "--key", "{key}", "--head", "absent"],
    ],
)
def test_wrong_usage_exits_with_2(world, capsys, arguments: list[str]) -> None:
    """Otherwise a typing mistake could be taken for a verdict on the log."""
    with pytest.raises(SystemExit) as caught:
        main([argument.replace("{key}", world.key) for argument in arguments])
    assert caught.value.code == 2
    assert capsys.readouterr().out == ""


def test_a_package_that_cannot_be_read_is_no_verdict(world, capsys, monkeypatch) -> None:
    """Otherwise a failing disk would be reported as a forged log, or as a Python traceback."""

    def failing(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("audit.longfile.LongFile.read", failing)
    path = world.package(world.log(5), suffix=".zip")
    with pytest.raises(SystemExit) as caught:
        run(capsys, path, "--key", world.key)
    assert caught.value.code == 2
    assert "Input/output error" in capsys.readouterr().err


def test_it_runs_with_nothing_but_the_standard_library_and_cryptography(world) -> None:
    """Otherwise an auditor would have to install the product in order to distrust it."""
    script = (
        "import sys, runpy\n"
        "class Fence:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        top = name.partition('.')[0]\n"
        "        if top not in allowed and top not in sys.stdlib_module_names:\n"
        "            raise ImportError('not for an auditor: ' + name)\n"
        "allowed = {'audit', 'cryptography', '_cffi_backend', 'cffi'}\n"
        "sys.meta_path.insert(0, Fence())\n"
        "runpy.run_module('audit', run_name='__main__', alter_sys=True)\n"
    )
    path = world.package(world.log(20))
    done = subprocess.run(
        [sys.executable, "-c", script, "verify", str(path), "--key", world.key],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("proven (re-performable package):")


def test_a_reader_who_has_heard_enough_changes_no_outcome(world, tmp_path: Path) -> None:
    """Otherwise `verify … | head` would end in a traceback, or in another exit code than without."""
    log = world.log(20)
    good, altered = world.package(log), world.package(log)
    (altered / "tile/entries/000.p/20").write_bytes(b"")
    alone = tmp_path / "verify.py"
    alone.write_text(single.text())
    commands = [
        ([*program, package, "--key", world.key, *output], code)
        for program in (["-m", "audit", "verify"], [alone])
        for package, code in ((good, 0), (altered, 12))
        for output in ([], ["-o", "json"])
    ]
    for arguments, code in [*commands, (["-m", "audit", "single-file"], 0)]:
        reading, writing = os.pipe()
        os.close(reading)
        done = subprocess.run(
            [sys.executable, *map(str, arguments)], stdout=writing, stderr=subprocess.PIPE, cwd=ROOT
        )
        os.close(writing)
        assert (done.returncode, done.stderr) == (code, b"")


@pytest.mark.parametrize("pasted", ["{}", "  {}", "{}x", "log={}"])
def test_a_private_key_given_by_mistake_is_not_repeated(world, tmp_path: Path, pasted: str) -> None:
    """If it were, the one secret of the log would stand in a terminal or in a build's output."""
    skey = pasted.format(world.signer.skey)
    (tmp_path / "log.key").write_text(skey)
    for given in (skey, str(tmp_path / "log.key")):
        done = subprocess.run(
            [sys.executable, "-m", "audit", "verify", world.package(world.log(3)), "--key", given],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 2
        assert "the private half of a key" in done.stderr
        assert "Traceback" not in done.stderr
        assert world.signer.skey.rpartition("+")[2][:8] not in done.stderr + done.stdout


@pytest.mark.parametrize("program", ["module", "file"])
def test_a_missing_package_is_said_in_a_sentence(program: str, tmp_path: Path) -> None:
    """If an auditor's first sight were a traceback, they would call the log's people for help."""
    file = tmp_path / "verify.py"
    file.write_text(single.text())
    hidden = "import sys; sys.modules['cryptography'] = None; import runpy; "
    run_it = {
        "module": "runpy.run_module('audit', run_name='__main__')",
        "file": f"runpy.run_path({str(file)!r}, run_name='__main__')",
    }[program]
    done = subprocess.run(
        [sys.executable, "-c", hidden + run_it], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'cryptography>=48'" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_older_python_is_told_which_it_takes(tmp_path: Path) -> None:
    """If the file ended in an error of names, nobody would know that Python is too old."""
    file = tmp_path / "verify.py"
    file.write_text(single.text())
    older = "import sys, runpy; sys.version_info = (3, 9, 2, 'final', 0); "
    done = subprocess.run(
        [sys.executable, "-c", older + f"runpy.run_path({str(file)!r}, run_name='__main__')"],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: this needs Python 3.11 or later, not 3.9\n"
