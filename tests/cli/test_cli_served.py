"""The command line against a workspace that a process serves."""

from __future__ import annotations

import json
import re
import signal
import stat
import subprocess
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from cli_world import (
    DE,
    PROGRAM,
    Company,
    Served,
    cli,
    document,
    environment,
    process,
)

from audit.__main__ import main as check_log
from governance.client import Client

HOSTILE = "\x1b[2J\x1b[32mGRANTED\u202e\u009b\nstate granted"


def test_the_socket_is_its_owners_alone(company: Company) -> None:
    """Every user of the machine could speak to the service past its keys' network."""
    mode = (company.served.directory / "governance.sock").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_a_second_owner_is_refused_with_what_to_do(company: Company) -> None:
    """Two processes would write one log, or the second would fail without a word."""
    done = process("serve", "-w", str(company.served.directory), "--port", "0")
    assert done.returncode == 1
    assert "has one owner" in done.stderr
    assert "governance.sock" in done.stderr
    assert "Traceback" not in done.stderr


def test_every_list_is_one_json_document(company: Company) -> None:
    """A program could not read what a list says."""
    for group, name in [
        ("agent", "agents"),
        ("person", "people"),
        ("key", "keys"),
        ("approval", "approvals"),
        ("decision", "decisions"),
        ("stop", "stops"),
    ]:
        assert isinstance(company.served.json(group, "list")[name], list)


def test_onboarding_takes_two_people(company: Company) -> None:
    """One person could let an agent loose alone."""
    served = company.served
    shown = served.json("agent", "show", "payments-1")
    assert shown["workspace"] == "/srv/payments"
    assert shown["budget"]["amount"] == "200"
    args = ("agent", "add", "mail-1", "--team", "it", "--owner", company.mia, "--purpose", "Reads")
    added = served.run(*args)
    assert "another person" in added.stderr
    refused = served.run("agent", "confirm", "mail-1", "--yes")
    assert refused.exit_code == 1
    assert "another agent manager" in refused.stderr
    assert (
        served.json("agent", "confirm", "mail-1", "--yes", key=company.tom_key)["state"] == "active"
    )


def test_an_agents_life(company: Company) -> None:
    """A step between onboarding and retirement could not be taken from a terminal."""
    served, me = company.served, company.mia
    args = ("--team", "it", "--owner", me, "--purpose", "Reads")
    served.json("agent", "add", "life-1", *args)
    served.json("agent", "confirm", "life-1", "--yes", key=company.tom_key)
    until = ("--until", "2099-01-01T00:00:00Z", "--why", "good figures")
    unproven = served.run("agent", "autonomy", "life-1", "L3", *until)
    assert unproven.exit_code == 2
    assert "evidence" in unproven.stderr
    raised = served.json("agent", "autonomy", "life-1", "L3", *until, "--evidence", "eval=refunds")
    assert raised["level"] == "L3"
    assert served.json("agent", "autonomy", "life-1", "L1", "--why", "drift")["level"] == "L1"
    brief = ("--text", "Pay nobody new.", "--as-of", "2026-01-01T00:00:00Z", "--source", "handbook")
    assert served.json("agent", "brief", "life-1", *brief)["brief"]
    session = served.json("agent", "session", "life-1", "--works-in", "/srv/life")["session"]
    assert served.run("agent", "end-session", str(session)).exit_code == 0
    assert served.json("agent", "change", "life-1", "--deputy", company.tom)["agent"] == "life-1"
    assert served.run("agent", "clear-labels", "life-1", "--reason", "wiped").exit_code == 0
    for word, state in (("suspend", "suspended"), ("resume", "active"), ("retire", "retired")):
        assert served.json("agent", word, "life-1", "--why", "review")["state"] == state


def test_what_a_change_opens_is_told_to_both(company: Company) -> None:
    """Whoever confirms another tool would not be told what the rules allow with it."""
    served, me = company.served, company.mia
    served.json("agent", "add", "more-1", "--team", "it", "--owner", me, "--purpose", "Pays",
                "--autonomy", "L4", "--until", "2099-01-01T00:00:00Z")  # fmt: skip
    served.json("agent", "confirm", "more-1", "--yes", key=company.tom_key)
    asked = served.run(
        "agent", "change", "more-1", "--tool", "payment.create", "--label", "payments",
        "--purpose", "Pays what it is told",
    )  # fmt: skip
    assert "Now another person confirms it" in asked.stderr
    confirm = ("agent", "confirm", "more-1")
    for stdin, said in (("n\n", "Aborted!"), ("", "add --yes to do it without being asked")):
        left = served.run(*confirm, key=company.tom_key, stdin=stdin)
        assert left.exit_code == 1
        assert "Confirm this?" in left.stderr
        assert said in left.stderr
        assert "Looser: payment.create" in left.stderr, "it is told before it is asked"
    assert served.json("agent", "show", "more-1")["pending"], "nobody confirmed"
    confirmed = served.run(*confirm, key=company.tom_key, stdin="y\n")
    assert confirmed.exit_code == 0
    assert re.search(r"tools\n +now +–\n +then +payment\.create\n", confirmed.stderr)
    assert re.search(r"purpose\n +now +Pays\n +then +Pays what it is told\n", confirmed.stderr)
    assert f"by      Mia Lind ({me})" in confirmed.stderr
    late = served.run(*confirm, "--yes", key=company.tom_key)
    assert "nothing about agent `more-1` waits for a second person" in late.stderr
    assert "commitments" not in confirmed.stderr
    for told in (asked, confirmed):
        assert "Looser: payment.create: deny -> allow (service/agent -> " in told.stderr
        assert "opens" not in told.stdout + told.stderr, "it says that nothing is opened"
    served.json("agent", "autonomy", "more-1", "L1", "--why", "drift")
    served.run("agent", "autonomy", "more-1", "L4", "--until", "2099-01-01T00:00:00Z",
               "--why", "good figures", "--evidence", "eval=refunds")  # fmt: skip
    confirmed = served.run("agent", "confirm", "more-1", "--yes", key=company.tom_key)
    assert re.search(r"why +good figures\nevidence\n +eval +refunds", confirmed.stderr)


def test_a_request_is_shown_and_answered(company: Company, tmp_path: Path) -> None:
    """Nobody could answer an agent from a terminal, or not see what they answer."""
    served = company.served
    asked = served.ask(company.agent_key, amount="2000 EUR", iban=DE, country="DE")
    number = str(asked["context"]["access_request"]["approval"])
    assert number in served.run("approval", "list").stdout
    watched = served.run("approval", "watch", "--once")
    assert f"governance approval show {number}" in watched.stdout
    shown = served.run("approval", "show", number, key=company.tom_key)
    for told in ("2000.00 EUR", DE, "payments/PAY-003", "treasurer", "only claimed", "if granted"):
        assert told in shown.stdout
    not_mine = served.run("approval", "grant", number, "--yes", "--reason", "mine")
    assert not_mine.exit_code == 1
    assert "treasurer" in not_mine.stderr
    nobody_there = served.run("approval", "grant", number, key=company.tom_key)
    assert nobody_there.exit_code == 1
    granted = served.run(
        "approval", "grant", number, "-o", "json", key=company.tom_key, stdin="y\nchecked\n"
    )
    assert document(granted)["state"] == "granted"
    assert "2000.00 EUR" in granted.stderr
    allowed = served.ask(company.agent_key, amount="2000 EUR", iban=DE, country="DE")
    assert allowed["decision"] is True
    decision = allowed["context"]["evaluation_id"]
    told = served.run("decision", "show", decision)
    assert "what happened" in told.stdout
    outcome = ("decision", "outcome", decision, "executed")
    assert served.run(*outcome, key=company.agent_key).exit_code == 0
    reverse = ("decision", "reverse", decision, "--reason", "paid twice", "--outcome", "undone")
    assert served.run(*reverse).exit_code == 0
    assert served.run("policy", "explain", "--decision", decision).stdout


def test_a_decision_is_drawn_reviewed_and_shown_with_its_reviews(company: Company) -> None:
    """Nobody could say from a terminal that a rule is wrong, or see what was drawn for that."""
    served = company.served
    allowed = served.ask(company.agent_key, amount="12 EUR", iban=DE, country="DE")
    number = allowed["context"]["evaluation_id"]
    rita, rita_key = served.person("Rita", "risk_editor")
    served.json("person", "confirm", rita, key=company.tom_key)
    drawn = served.json("decision", "sample", "--draw", "200", key=rita_key)
    assert int(number) in {row["decision"] for row in drawn["decisions"]}
    waiting = served.run("decision", "sample")
    assert number in waiting.stdout
    assert "governance decision review" in waiting.stderr
    assert served.run("decision", "sample", "--nonce", "x").exit_code == 2
    review = ("decision", "review", number, "--verdict", "too-loose", "--reason", "nobody called")
    assert served.run(*review, key=company.agent_key).exit_code == 1
    owner = served.run(*review)
    assert owner.exit_code == 1
    assert "another person reviews it" in owner.stderr
    made = served.json(*review, "--should-be", "deny", key=rita_key)
    assert made["sample"] == drawn["sample"]
    left = served.json("decision", "sample")
    assert left["waiting"] == drawn["waiting"] - 1
    shown = served.run("decision", "show", number).stdout
    assert "reviewed by 1" in shown
    assert "too loose, should be deny" in shown
    unseen = served.run("decision", "show", number, key=company.tom_key).stdout
    assert "nobody called" not in unseen
    assert "once you have reviewed it yourself" in unseen
    impossible = (*review, "--should-be", "allow")
    assert "does not go with `too_loose`" in served.run(*impossible, key=company.tom_key).stderr


def test_a_request_is_refused_or_withdrawn(company: Company) -> None:
    """A person could only say yes."""
    served = company.served
    asked = served.ask(company.agent_key, amount="2100 EUR", iban=DE, country="DE")
    number = str(asked["context"]["access_request"]["approval"])
    refuse = ("approval", "refuse", number, "--yes", "--reason", "unknown")
    assert served.json(*refuse, key=company.tom_key)["state"] == "refused"
    gb = "GB82WEST12345698765432"
    other = served.ask(company.agent_key, amount="2200 EUR", iban=gb, country="GB")
    number = str(other["context"]["access_request"]["approval"])
    done = served.run("approval", "cancel", number, key=company.agent_key)
    assert done.exit_code == 0, done.stderr


def test_a_denial_is_explained_and_can_be_disregarded(company: Company) -> None:
    """A person could not find out why an agent was held, or say that they went on anyway."""
    served = company.served
    denied = served.ask(company.agent_key, amount="5 EUR", iban=DE, country="KP")
    number = denied["context"]["evaluation_id"]
    assert "sanctioned" in served.run("decision", "show", number).stdout
    override = served.run("decision", "override", number, "--reason", "x")
    assert override.exit_code == 1
    assert "nobody" in override.stderr
    assert served.run("decision", "disregard", number, "--reason", "outdated").exit_code == 0
    listed = served.json("decision", "list", "--effect", "deny", "--limit", "5")
    assert number in {str(row["decision"]) for row in listed["decisions"]}


def test_hostile_words_of_an_agent_stay_inert(company: Company) -> None:
    """An agent could repaint a terminal, or forge a line, where a person decides."""
    served = company.served
    given = {
        "amount": "2300 EUR",
        "iban": "FR1420041010050500013M02606",
        "country": "FR",
        "reference": HOSTILE,
        "memo": HOSTILE,
    }
    asked = served.evaluate(company.agent_key, "payments-1", "payment.create", given)
    number = asked["context"]["evaluation_id"]
    shown = [served.run("decision", "show", number).stdout]
    as_json = served.run("decision", "show", number, "-o", "json").stdout
    approval = str(asked["context"]["access_request"]["approval"])
    shown.append(served.run("approval", "show", approval).stdout)
    assert "GRANTED" in shown[1]
    shown.append(served.run("audit", "tail", "-n", "5").stdout)
    for text in (*shown, as_json):
        assert not {"\x1b", "\u202e", "\u009b"} & set(text)
    for text in shown:
        assert "state granted" not in text.splitlines()
    assert json.loads(as_json)["decision"] == int(number)


def test_people_and_keys(company: Company, tmp_path: Path) -> None:
    """An administrator could not add, change or let go of anybody from a terminal."""
    served = company.served
    who, key = served.person("Ada", "auditor")
    given = served.json("person", "roles", who, "--role", "treasurer")
    assert (given["roles"], given["waiting"]) == ([], ["treasurer"])
    assert "to be confirmed" in served.run("person", "list").stdout
    alone = served.run("person", "confirm", who)
    assert alone.exit_code == 1
    assert "you gave these roles yourself" in alone.stderr
    confirmed = served.json("person", "confirm", who, key=company.tom_key)
    assert confirmed["roles"] == ["treasurer"]
    again = served.run("person", "password", who)
    assert again.exit_code == 1
    assert "password already" in again.stderr
    no_sign_in = ("--name", "Bo", "--email", "bo@corp.example", "--role", "auditor", "--no-sign-in")
    bo = served.json("person", "add", *no_sign_in)["person"]
    ian = ("--name", "Ian", "--email", "ian@corp.example", "--role", "admin", "--no-sign-in")
    misspelt = served.run("person", "add", *ian).stderr
    assert "`admin`: counts only where policies name it" in misspelt
    assert "administrator" in misspelt
    given = served.json("person", "password", bo, "--sign-in", "bo@corp.example")
    assert len(given["password"]) >= 15
    target = tmp_path / "ada.key"
    issued = served.json("key", "issue", "person", who, "--to", str(target), key=key)
    assert "secret" not in issued
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert served.run("agent", "list", key=target.read_text().strip()).exit_code == 0
    again = served.run("key", "issue", "person", who, "--to", str(target), key=key)
    assert again.exit_code == 1
    assert served.run("key", "revoke", issued["key"]).exit_code == 0
    assert served.run("agent", "list", key=target.read_text().strip()).exit_code == 1
    assert served.run("person", "leave", who).exit_code == 0
    gone = served.run("agent", "list", key=key)
    assert gone.exit_code == 1
    assert "--key" in gone.stderr


def test_stops_take_two_people_to_lift(company: Company) -> None:
    """Whoever raised a stop, or a hijacked key, could lift it alone."""
    served = company.served
    made = served.json("stop", "raise", "agent", "payments-1", "--reason", "pays twice")
    number = str(made["stop"])
    assert served.ask(company.agent_key, amount="5 EUR", iban=DE, country="DE")["decision"] is False
    listed = served.run("stop", "list").stdout
    assert "agent payments-1" in listed
    lift = ("stop", "lift", number, "--reason", "fixed")
    assert served.json(*lift)["state"] == "lift_asked"
    assert served.json(*lift, key=company.tom_key)["state"] == "lifted"
    drill = served.json("stop", "drill", "team", "finance", "--reason", "monthly")
    for key in (None, company.tom_key):
        served.json("stop", "lift", str(drill["stop"]), "--reason", "over", key=key)
    assert served.json("stop", "list")["stops"] == []


def test_evidence_leaves_while_the_service_works(company: Company, tmp_path: Path) -> None:
    """Evidence could be had only by stopping the service."""
    served = company.served
    package, zipped = tmp_path / "package", tmp_path / "p.zip"
    assert served.json("audit", "export", package)["size"] > 10
    assert served.json("audit", "export", zipped, "--redacted")["disclosed"] == 0
    assert zipfile.is_zipfile(zipped)
    key = served.directory / "log.vkey"
    verified = document(cli("audit", "verify", package, "--key", key, "-o", "json"))
    assert verified["outcome"] == "proven"
    replayed = served.json("audit", "replay", package)
    assert (replayed["different"], replayed["state"]) == (0, "same")
    assert served.json("audit", "fsck")["problems"] == []
    assert served.run("audit", "export", package).exit_code == 1
    assert served.json("audit", "tiles", tmp_path / "public")["size"] > 10
    assert "index 3\n" in served.json("audit", "proof", "3")["proof"]


def test_what_an_agent_was_told_is_proven_by_its_own_receipt(
    company: Company, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An agent's author could prove what was decided only by asking those who run the service."""
    url = f"unix:{company.served.directory / 'governance.sock'}"
    client = Client(url, company.agent_key, agent="payments-1", receipt="proof")
    arguments = {"iban": "DE89370400440532013000", "amount": "900000 EUR"}
    decision = client.check("payment.create", arguments)
    assert decision.receipt is not None, decision.why
    assert decision.proof is not None
    (tmp_path / "told.tlog-proof").write_text(decision.proof)
    (tmp_path / "told.json").write_text(json.dumps(dict(decision.receipt)))
    key = str(company.served.directory / "log.vkey")
    leaf = decision.receipt["leaf_hash"]
    proof = str(tmp_path / "told.tlog-proof")
    assert check_log(["proof", proof, "--leaf", leaf, "--key", key]) == 0
    assert check_log(["proof", str(tmp_path / "told.json"), "--key", key]) == 0
    assert f"is entry {decision.id} of it" in capsys.readouterr().out
    assert check_log(["proof", proof, "--leaf", "0" * 64, "--key", key]) == 10


def test_a_report_is_made_and_fetched(company: Company, tmp_path: Path) -> None:
    """A compliance officer could not get the report onto their own disk."""
    made = company.served.json("report", "periodic", "--to-dir", str(tmp_path / "out"))
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == sorted(made["files"])
    assert (tmp_path / "out" / made["files"][0]).stat().st_size > 1000


def test_data_are_erased_on_a_named_ground(company: Company) -> None:
    """A person's right to be forgotten could not be served, or without saying why."""
    served = company.served
    iban = "NL91ABNA0417164300"
    served.ask(company.agent_key, amount="5 EUR", iban=iban, country="NL")
    erase = ("data", "erase", "payee", iban, "--ground")
    vague = served.run(*erase, "GDPR Art. 17", "--yes")
    assert vague.exit_code == 2
    assert "gdpr-17" in vague.stderr
    assert served.run(*erase, "gdpr-17-1-a").exit_code == 1  # nobody said yes
    assert served.json(*erase, "gdpr-17-1-a", "--yes", "--note", "request 88")["values"] >= 1


def test_a_backup_is_made_while_the_service_works(company: Company) -> None:
    """Nothing could be brought back."""
    made = company.served.json("backup")
    assert (Path(made["folder"]) / "log.db").exists()
    assert Path(made["values"]).exists()


def test_reading_the_log(company: Company) -> None:
    """A person could not look something up without a program of their own."""
    served = company.served
    newest = served.json("audit", "tail", "-n", "3")["entries"]
    assert [entry["index"] for entry in newest] == sorted(entry["index"] for entry in newest)
    assert len(newest) == 3
    found = served.json("audit", "search", "--kind", "agent.", "--text", "payments-1")["entries"]
    assert {entry["kind"].split(".")[0] for entry in found} == {"agent"}
    assert served.run("audit", "search", "--kind", "no.such").stdout == ""


@pytest.mark.parametrize(
    "command", [("audit", "tail", "--follow"), ("approval", "watch", "--every", "0.1")], ids=str
)
def test_ctrl_c_ends_watching_cleanly(company: Company, command: tuple[str, ...]) -> None:
    """A person who has seen enough would be shown a traceback."""
    args = [*PROGRAM, *command, "-w", str(company.served.directory)]
    running = subprocess.Popen(
        args,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        # A shell starts what runs in its background deaf to it, tests and all.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert running.stdout is not None
    assert running.stderr is not None
    # The first line says that it is watching; only then is it interrupted.
    (running.stderr if command[0] == "approval" else running.stdout).readline()
    time.sleep(0.3)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=20)
    assert running.returncode == 0, said
    assert "Traceback" not in said


def test_a_broken_pipe_is_no_traceback(company: Company) -> None:
    """`governance audit tail | head -1` would end in a page of Python."""
    line = f"{' '.join(PROGRAM)} audit tail -n 1000 -w {company.served.directory} | head -1"
    done = subprocess.run(
        ["/bin/bash", "-c", line], capture_output=True, text=True, timeout=60, env=environment()
    )
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


def test_no_color_means_no_color(company: Company) -> None:
    """A log file or a screen reader would be full of escape sequences."""
    args = f"{' '.join(PROGRAM)} agent list -w {company.served.directory}"
    for env, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        done = subprocess.run(
            ["script", "-qec", args, "/dev/null"],
            capture_output=True,
            text=True,
            timeout=60,
            env=environment(TERM="xterm", **env),
        )
        assert "payments-1" in done.stdout
        assert ("\x1b[" in done.stdout) is coloured


def test_sigint_ends_the_service_cleanly(workspace: Path, founded: tuple[Path, Any]) -> None:
    """Ctrl-C would leave a lock or a socket behind, or look like a failure."""
    served = Served(workspace, founded[1])
    served.start()
    assert served.stop(signal.SIGINT) == 0
    assert not (workspace / "governance.sock").exists()
    assert "Traceback" not in served.log.read_text()
