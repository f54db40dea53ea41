"""`verify.py`: one file, the same verdicts, in an empty directory."""

from __future__ import annotations

import ast
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from attacked_packages import attacked

from audit import single
from audit.__main__ import main
from audit.entry import Entry, encode
from audit.errors import LogError
from audit.note import Ed25519Signer
from audit.package import Package
from audit.proof import TlogProof
from audit.renaming import stored
from audit.tree import inclusion_proof
from audit.verify import verify

ROOT = Path(__file__).parents[2]
EXIT_OF_USAGE = 2


@pytest.fixture
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file in a directory of its own."""
    path = tmp_path_factory.mktemp("alone") / "verify.py"
    path.write_text(single.text())
    return path


def test_it_says_of_every_package_what_the_library_says(world, alone: Path) -> None:
    """Otherwise an auditor with the one file could be satisfied with what we would refuse."""
    for name, (path, given, code) in attacked(world).items():
        arguments = [str(path), *given, "-o", "json", "--workers", "1"]
        one = subprocess.run(
            [sys.executable, "-I", str(alone), *arguments],
            cwd=alone.parent,
            capture_output=True,
            text=True,
            check=False,
        )
        assert one.returncode == code, (name, one.stdout, one.stderr)
        assert list(alone.parent.iterdir()) == [alone]
        if code == 2:
            with pytest.raises(SystemExit):
                main(["verify", *arguments])
            continue
        both = subprocess.run(
            [sys.executable, "-m", "audit", "verify", *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (one.stdout, one.stderr) == (both.stdout, both.stderr), name
        assert json.loads(one.stdout)["exit"] == code


def _proofs(world: Any) -> dict[str, tuple[list[str], int]]:
    """Proof files, good and bad, with what is given beside them and the exit code they must have."""
    log = world.log(23)
    hashes = tuple(inclusion_proof(9, 23, log.node))
    witness = world.witness()
    good = TlogProof(9, hashes, world.checkpoint(log)).encode()
    seen = TlogProof(9, hashes, world.cosigned(log, 23, witness)).encode()
    entry, leaf = next(log.entries(9, 10)), log.node(0, 9).hex()
    receipt = {"index": 9, "leaf_hash": leaf, "tree_size": 23, "checkpoint": world.checkpoint(log)}

    def write(name: str, content: str | bytes) -> str:
        path = world.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    file, bytes_ = write("d.tlog-proof", good), write("d.json", entry)
    is_ = ["--leaf", leaf]
    stranger = Ed25519Signer.from_seed(world.signer.name, bytes(32)).vkey
    policy = f"log {world.key}\nwitness w {witness.verifier.vkey}\nquorum w\n"
    rules = ["--policy", write("rules", policy)]
    key = ["--key", world.key]
    return {
        "entry": ([file, *key, "--entry", bytes_], 0),
        "key in a file": ([file, "--key", write("log.vkey", world.key), "--leaf", leaf], 0),
        "checkpoint only": ([file, *key], 0),
        "policy": ([write("w.tlog-proof", seen), *rules, "--entry", bytes_], 0),
        "policy unmet": ([file, *rules, "--entry", bytes_], 11),
        "receipt": ([write("r.json", json.dumps({**receipt, "proof": good})), *key], 0),
        "receipt without proof": ([write("n.json", json.dumps(receipt)), *key], 12),
        "another entry": ([file, *key, "--entry", write("o.json", entry + b" ")], 10),
        "altered": ([write("a.tlog-proof", good.replace("index 9", "index 8")), *key, *is_], 10),
        "no proof": ([write("x.tlog-proof", "hello\n"), *key], 10),
        "stranger": ([file, "--key", stranger, "--entry", bytes_], 11),
        "empty": ([write("e.tlog-proof", b""), *key], 13),
        "no key": ([file], 2),
        "no hash": ([file, *key, "--leaf", "abc"], 2),
        "both": ([file, *key, "--leaf", leaf, "--entry", bytes_], 2),
        "no file": ([str(world.folder / "none"), *key], 2),
        "nothing": (key, 2),
    }


@pytest.mark.parametrize("form", ["text", "json"])
def test_it_says_of_every_proof_what_the_library_says(
    world: Any, alone: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Otherwise an auditor with the one file could not check a decision's proof, or would believe
    one that we would refuse."""
    for name, (given, code) in _proofs(world).items():
        arguments = [*given, "-o", form]
        one = subprocess.run(
            [sys.executable, "-I", str(alone), "proof", *arguments],
            cwd=alone.parent,
            capture_output=True,
            text=True,
            check=False,
        )
        try:
            both = main(["proof", *arguments])
        except SystemExit as error:
            both = int(str(error.code))
        said = capsys.readouterr()
        assert one.returncode == both == code, (name, one)
        assert one.stdout == said.out, name
        usage = [text.rpartition("error: ")[2] for text in (one.stderr, said.err)]
        assert usage[0] == usage[1], name
        assert bool(one.stdout) == (code != EXIT_OF_USAGE), name
        if form == "json" and one.stdout:
            assert json.loads(one.stdout)["exit"] == code, name


def test_a_package_may_be_called_as_the_command_is(world: Any, alone: Path, tmp_path: Path) -> None:
    """Otherwise a folder's name could turn a check of a package into one of something else."""
    world.package(world.log(9)).rename(tmp_path / "proof")
    for given, code, said in (
        (["proof"], 2, "required: FILE"),
        (["./proof"], 0, "package"),
        (["--workers", "1", "proof"], 0, "package"),
        (["proof", "proof"], 2, "cannot be read"),
    ):
        done = subprocess.run(
            [sys.executable, "-I", str(alone), *given, "--key", world.key],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, said in done.stdout + done.stderr) == (code, True), done
    for asked, word in ((["--help"], "verify.py proof FILE"), (["proof", "--help"], "./proof")):
        help_ = subprocess.run(
            [sys.executable, "-I", str(alone), *asked], capture_output=True, text=True, check=True
        )
        assert word in help_.stdout


def test_several_processes_work_from_the_one_file(world, alone: Path) -> None:
    """Otherwise the one file would stop at large logs, or verify them on one core only."""
    entry = next(world.log(1).entries(0, 1))
    log = type(world.log(0))([entry] * 66_000)
    path = world.package(log, suffix=".zip", disclosures=())
    done = subprocess.run(
        [sys.executable, "-I", str(alone), str(path), "--key", world.key, "--workers", "2"],
        cwd=alone.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "66,000 entries" in done.stdout


def _imported() -> set[str]:
    """The modules and packages that the file imports."""
    return {
        (node.module or "") if isinstance(node, ast.ImportFrom) else node.names[0].name
        for node in ast.walk(ast.parse(single.text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }


def _hostile(folder: Path) -> None:
    """Put beside the verifier what takes the place of all that it imports, and says `proven`."""
    for name in {each.partition(".")[0] for each in _imported()} - {"__future__", "sys"}:
        (folder / f"{name}.py").write_text("import os\nprint('proven')\nos._exit(0)\n")


def test_nothing_beside_it_is_run(world) -> None:
    """Otherwise the right verifier would say what the package wants, if it is run from there."""
    path = world.anchored_package(world.log(60))
    _hostile(path)
    assert (path / "json.py").exists()
    for where in (path.parent, path):
        done = subprocess.run(
            [sys.executable, str(path / "verify.py"), str(path), "--key", world.key],
            cwd=where,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, "does not belong" in done.stdout) == (10, True), done


def test_its_processes_run_nothing_from_the_folder_they_are_in(
    world, alone: Path, tmp_path: Path
) -> None:
    """Otherwise whoever delivers a folder with a package in it would run programs at the auditor's."""
    entry = next(world.log(1).entries(0, 1))
    log = type(world.log(0))([entry] * 66_000)
    path = world.package(log, suffix=".zip", disclosures=())
    _hostile(tmp_path)
    (tmp_path / "multiprocessing.py").write_text("open('was-run', 'w')\n")
    done = subprocess.run(
        [sys.executable, str(alone), str(path), "--key", world.key, "--workers", "2"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert not (tmp_path / "was-run").exists()


def test_the_same_sources_give_the_same_file(capsys: pytest.CaptureFixture[str]) -> None:
    """Otherwise no digest of it could be published."""
    made = [
        subprocess.run(
            [sys.executable, "-m", "audit", "single-file"],
            cwd=ROOT,
            env={"PYTHONHASHSEED": seed, "PATH": ""},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert made[0] == made[1] == single.text().encode()
    assert main(["single-file", "--digest"]) == 0
    assert capsys.readouterr().out.strip() == hashlib.sha256(made[0]).hexdigest()


def test_it_needs_nothing_but_the_standard_library_and_cryptography() -> None:
    """Otherwise an auditor would have to install something of ours."""
    imported = set()
    for node in ast.walk(ast.parse(single.text())):
        if isinstance(node, ast.Import):
            imported.update(alias.name.partition(".")[0] for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").partition(".")[0])
    assert imported - sys.stdlib_module_names == {"cryptography", "rfc3161_client"}


def test_no_name_is_defined_twice_in_it() -> None:
    """Otherwise one module's function would silently take the place of another's."""
    names = [
        name
        for node in ast.parse(single.text()).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign)
        for name in stored(node)
    ]
    assert len(names) == len(set(names))
    assert len(names) > 200


def test_names_are_told_apart_or_refused(tmp_path: Path) -> None:
    """Otherwise the generated verifier could call another function than the library does."""
    (tmp_path / "one.py").write_text('"""One."""\n\nX = 1\n\n\ndef read(x):\n    return X + x\n')
    (tmp_path / "verifycommand.py").write_text(
        '"""Two."""\nfrom audit import one as ones\nfrom audit.one import read as first\n\nX = 2\n\n\n'
        "def read(first, X=X):\n    return f'{ones.read(X)} {first}'\n\n\n"
        "def run(x):\n    return read(first(x)), [ones.X for ones.X in ()]\n"
    )
    roots = (("verifycommand", "run"),)
    made = single._text.__wrapped__(tmp_path, roots)
    scope: dict[str, object] = {"__name__": "made"}
    code = made.partition("# the command line")[0].rpartition("# ====")[0]
    exec(compile(code, "made", "exec"), scope)
    assert scope["run"](5) == ("3 6", [])  # type: ignore[operator]
    (tmp_path / "one.py").write_text("import os\nif os.sep:\n    X = 1\n")
    with pytest.raises(LogError, match="cannot hold"):
        single._text.__wrapped__(tmp_path, roots)


def test_the_copy_in_a_package_is_named_and_not_believed(world) -> None:
    """Otherwise a package could bring its own judge along."""
    path = world.anchored_package(world.log(60))
    assert Package.open(path).files.read("verify.py") == single.text().encode()
    proven = verify(path, [world.key])
    assert proven.verifier == single.digest()
    assert any(single.digest() in line for line in proven.not_proven)


def test_an_older_cryptography_checks_everything_but_ml_dsa(world, alone: Path) -> None:
    """Otherwise an auditor with last year's Debian could not check a log at all."""
    from audit.cosigner import generate
    from audit.keys import MLDSA44_COSIGNATURE

    post_quantum = generate("w.example", MLDSA44_COSIGNATURE, lambda: 1).vkey
    path = world.package(world.log(20))
    without = (
        "import sys, runpy\n"
        "import cryptography.x509\n"
        "from cryptography.hazmat.primitives import asymmetric\n"
        "del asymmetric.mldsa\n"
        "sys.modules['cryptography.hazmat.primitives.asymmetric.mldsa'] = None\n"
        "sys.argv = sys.argv[1:]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    log = world.log(20)
    retired = Entry(
        "log_key.retired",
        world.entry(20).at,
        {"type": "person", "id": "p"},
        {"vkey": world.key, "why": "lost", "remaining": [post_quantum]},
    )
    gone = type(log)([*log.entries(0, 20), encode(retired)])
    replaced = world.package(gone, disclosures=())
    for given, keys, code, said in (
        (path, [world.key], 0, "proven"),
        (path, [world.key, post_quantum], 2, "needs version 48"),
        (replaced, [world.key], 11, "retired"),
    ):
        options = [option for key in keys for option in ("--key", key)]
        done = subprocess.run(
            [sys.executable, "-I", "-c", without, str(alone), str(given), *options],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, said in done.stdout + done.stderr) == (code, True), done
