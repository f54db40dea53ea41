"""`verify.py`: one file, the same verdicts, in an empty directory."""

from __future__ import annotations

import ast
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from attacked_packages import attacked

from audit import single
from audit.__main__ import main
from audit.entry import Entry, encode
from audit.errors import LogError
from audit.package import Package
from audit.renaming import stored
from audit.verify import verify

ROOT = Path(__file__).parents[2]


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
    made = single._text.__wrapped__(tmp_path)
    scope: dict[str, object] = {"__name__": "made"}
    code = made.partition("# the command line")[0].rpartition("# ====")[0]
    exec(compile(code, "made", "exec"), scope)
    assert scope["run"](5) == ("3 6", [])  # type: ignore[operator]
    (tmp_path / "one.py").write_text("import os\nif os.sep:\n    X = 1\n")
    with pytest.raises(LogError, match="cannot hold"):
        single._text.__wrapped__(tmp_path)


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
