"""`governance audit export` and `verifier`, as a compliance officer types them."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

from cli_world import Company, cli, document

from audit import single
from governance.web import verifypage


def test_one_decision_is_shown_to_one_auditor(company: Company, tmp_path: Path) -> None:
    """If the options did not reach the export, everybody's data would be in every package."""
    served = company.served
    shown = tmp_path / "one.zip"
    tail = served.json("audit", "search", "--kind", "agent.proposed")["entries"]
    made = served.json("audit", "export", shown, "--from", "0", "--to", str(tail[0]["index"]))
    everything = served.json("audit", "export", tmp_path / "all.zip")
    assert 0 < made["disclosed"] <= everything["disclosed"]
    assert made["withheld"] + made["disclosed"] + made["erased"] >= everything["disclosed"]
    for options in (
        ("--disclose", "none"),
        ("--field", "no.such"),
        ("--decision", "0"),
        ("--class", "identity", "--from", "0", "--to", "0"),
    ):
        path = tmp_path / ("-".join(options) + ".zip")
        assert served.json("audit", "export", path, *options)["disclosed"] == 0, options
        assert zipfile.ZipFile(path).read("disclosures.jsonl") == b""
    done = served.run("audit", "export", tmp_path / "x.zip", "--subject", "maria")
    assert done.exit_code == 2
    assert "no pseudonym" in done.output
    assert served.run("audit", "export", tmp_path / "x.zip", "--class", "secret").exit_code == 2
    assert not (tmp_path / "x.zip").exists()


def test_a_package_that_shows_nothing_of_what_was_asked_for_says_so(
    company: Company, tmp_path: Path
) -> None:
    """If a misspelt field passed for a disclosure, the auditor would find out, weeks later."""
    served = company.served
    said = "No value can be seen in it"
    misspelt = served.run("audit", "export", tmp_path / "a.zip", "--field", "args.amonut")
    assert (misspelt.exit_code, said in misspelt.output) == (0, True)
    assert said not in served.run("audit", "export", tmp_path / "b.zip").output
    assert said not in served.run("audit", "export", tmp_path / "c.zip", "--redacted").output
    for first, last in ((9, 3), (100_000, 100_001)):
        done = served.run(
            "audit", "export", tmp_path / "d.zip", "--from", str(first), "--to", str(last)
        )
        assert done.exit_code == 2
        assert (
            f"there are no entries `{first}` to `{last}`: the log has the entries 0 to"
            in done.output
        )
        assert not (tmp_path / "d.zip").exists()


def test_the_verifier_is_printed_and_its_digest_can_be_published(
    company: Company, tmp_path: Path
) -> None:
    """If nobody could get the verifier but from a package, a package would bring its own judge."""
    text = cli("audit", "verifier")
    assert (text.exit_code, text.stdout) == (0, single.text())
    digest = hashlib.sha256(single.text().encode()).hexdigest()
    assert cli("audit", "verifier", "--digest").stdout.strip() == digest
    assert document(cli("audit", "verifier", "-o", "json")) == {
        "file": "verify.py",
        "sha256": digest,
    }
    page = cli("audit", "verifier", "--page")
    assert page.stdout.encode() == verifypage.page()
    published = cli("audit", "verifier", "--page", "--digest").stdout.strip()
    assert published == hashlib.sha256(page.stdout.encode()).hexdigest() == verifypage.digest()
    served = company.served
    made = served.json("audit", "export", tmp_path / "p.zip")
    assert made["verifier"] == digest
    (tmp_path / "verify.py").write_text(text.stdout)
    done = subprocess.run(
        [sys.executable, "-I", "verify.py", "p.zip", "--key", made["vkeys"][0]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_trust_policy_reaches_the_verifier(company: Company, tmp_path: Path) -> None:
    """If `--policy` were lost on the way, a quorum that nobody met would not be missed."""
    served = company.served
    made = served.json("audit", "export", tmp_path / "p")
    (tmp_path / "policy").write_text(f"log {made['vkeys'][0]}\nquorum none\n")
    policy = ("--policy", tmp_path / "policy")
    done = document(cli("audit", "verify", tmp_path / "p", *policy, "-o", "json"))
    assert (done["outcome"], done["quorum"]) == ("proven", made["size"])
    assert cli("audit", "verify", tmp_path / "p").exit_code == 2
    missing = ("--tsa", tmp_path / "absent.pem")
    assert cli("audit", "verify", tmp_path / "p", *policy, *missing).exit_code == 2
