"""Releases from a terminal: what is shown, signed, refused, withdrawn and refreshed."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cli_world import POLICIES, Company, Served, document

from governance.cli.policy.proposals import lines


def test_a_release_takes_two_people(company: Company, tmp_path: Path) -> None:
    """One person could change the rules for every agent."""
    served = company.served
    _edited(served)
    made = served.json("policy", "release", "--note", "RISK-4411")
    assert made["warnings"]  # each is said of what is in force, too
    told = served.run("policy", "release", "--note", "RISK-4411 again").stderr
    assert "warning: " not in told
    assert f"{len(made['warnings'])} warnings said of what is in force, too" in told
    sign = ("policy", "sign", str(made["proposal"]))
    assert served.run(*sign).exit_code == 1
    assert served.json(*sign, "--yes", key=company.tom_key)["alone"] is False
    late = served.run("policy", "sign", str(made["proposal"] + 1), key=company.tom_key).stderr
    assert "another release came in force first, or too many were proposed after it" in late
    assert "propose its files again" in late
    backtest = served.json("policy", "backtest", POLICIES)
    assert {"decisions", "changed", "by_change"} <= backtest.keys()
    again = served.run("policy", "release")
    assert again.exit_code == 1
    assert "there is nothing to release: these very files are in force" in again.stderr


def _edited(served: Served) -> None:
    """One more line in a file of the folder, so that there is something to release."""
    path = served.directory / "policies" / "code-agent.yaml"
    path.write_text(path.read_text() + "# looked at once more\n")


def test_a_terminal_signs_what_it_showed_once_it_was_told_to(company: Company) -> None:
    """A person who wanted to look would have put rules in force that nobody had read."""
    served = company.served
    for name, old, new in (
        ("payments.yaml", "may_be_waived_by: [cfo]", "may_be_waived_by: [cfo, treasurer]"),
        ("cases/payments.yaml", 'pays that payee", [cfo]', 'pays that payee", [cfo, treasurer]'),
    ):
        path = served.directory / "policies" / name
        text = path.read_text()
        assert text.count(old) == 1
        path.write_text(text.replace(old, new))
    number = str(served.json("policy", "release", "--days", "0")["proposal"])
    sign = ("policy", "sign", number)
    for stdin, said in (("", "add --yes to do it without being asked"), ("n\n", "Aborted!")):
        left = served.run(*sign, key=company.tom_key, stdin=stdin)
        assert left.exit_code == 1
        assert "Sign this?" in left.stderr
        assert said in left.stderr
    assert served.json("policy", "proposal", number)["state"] == "waiting"
    signed = served.run(*sign, "-o", "json", key=company.tom_key, stdin="y\n")
    assert document(signed)["alone"] is False
    for said in (
        "LOOSER: payment.create",
        "would be: ",
        "is now: ",
        "With your signature you accept that 1 kind of request would be answered more loosely",
    ):
        assert said in signed.stderr, said


def test_all_that_becomes_looser_is_on_the_terminal() -> None:
    """A signer would answer for looser answers of which they were told only how many there are."""
    rows = [
        {"action": f"pay.{n}", "looser": n < 30, "before": "deny", "after": "allow", "note": "",
         "was": "default", "by": "PAY-1", "witness": {}}
        for n in range(40)
    ]  # fmt: skip
    diff = {"complete": True, "against": "ab", "outcome": "changed", "open": {}, "looser": 30}
    told = lines({"diff": {**diff, "differences": rows, "more": 3}})
    assert sum("LOOSER: pay." in line for line in told) == 30
    assert not any("stricter: " in line for line in told)
    assert told[-2] == "  … 10 more are in `governance policy proposal NUMBER -o json`."
    assert told[-1].startswith("  … 3 more were not kept")


def test_days_are_told_as_people_say_them() -> None:
    """A signer would read of "30.0 days"."""
    told = {"complete": True, "changes": 0, "reperformed": 9, "by_change": {}, "not_reperformed": 0}
    for days, said in ((30.0, "30 days"), (1.0, "1 day"), (0.25, "0.25 days")):
        assert f"of {said} would change" in lines({"backtest": {**told, "days": days}})[0]


def test_a_proposal_is_looked_at_refused_withdrawn_and_undone(
    company: Company, tmp_path: Path
) -> None:
    """What was found out about a proposal, and the ways it ends, would be there but out of reach."""
    served = company.served
    _edited(served)
    made = served.json("policy", "release", "--note", "RISK-5", "--days", "7")
    number = str(made["proposal"])
    shown = served.run("policy", "proposal", number)
    for said in ("RISK-5", "check: no error", "cases:", "proofs:", "diff:", "backtest:"):
        assert said in shown.stdout, said
    assert "changes:" in shown.stdout
    person = served.json("policy", "proposal", number)["proposed_by"]
    assert f"({person})" in shown.stdout, "with the name before it"
    path = Path(POLICIES).name + "/payments.yaml"
    text = served.run("policy", "proposal", number, "--file", path)
    assert f"{path}: same, sha256:" in text.stdout
    assert "changes" in served.json("policy", "proposal", number, "--full")
    book = tmp_path / "proposal.pdf"
    served.run("policy", "words", "--proposal", number, "--pdf", book)
    assert book.read_bytes().startswith(b"%PDF")
    assert f"Proposal {number}." in served.json("policy", "words", "--proposal", number)["standing"]
    rows = served.json("policy", "proposals")["proposals"]
    assert (rows[0]["proposal"], rows[0]["state"]) == (made["proposal"], "waiting")
    reason = ("--reason", "a case is missing")
    own = served.run("policy", "sign", number)
    assert own.exit_code == 1
    assert own.stderr.startswith(f"error: you proposed `{number}` yourself"), own.stderr
    assert served.json("policy", "withdraw", number, *reason)["state"] == "withdrawn"
    late = served.run("policy", "sign", number, key=company.tom_key)
    assert (late.exit_code, late.stderr) == (
        1, f"error: proposal `{number}` waits no more: it is withdrawn\n",
    )  # fmt: skip
    again = str(served.json("policy", "release")["proposal"])
    refused = served.json("policy", "refuse", again, *reason, key=company.tom_key)
    assert refused["state"] == "refused"
    signed = served.run("policy", "sign", again, key=company.tom_key)
    assert signed.exit_code == 1
    history = served.json("policy", "history")["releases"]
    assert history[0]["in_force"]
    nothing = served.run("policy", "rollback", history[0]["release"][:12])
    assert nothing.exit_code == 1
    assert "in force now" in nothing.stderr


def test_a_list_is_refreshed_by_its_connector(company: Company, tmp_path: Path) -> None:
    """An export of the ERP system would have no way in but through a person."""
    served = company.served
    found = served.json("policy", "list", "show")["lists"]
    name = found[0]["list"]
    target = tmp_path / "erp.key"
    served.json("key", "issue", "gateway", "erp", "--list", name, "--to", str(target))
    key = target.read_text().strip()
    path = served.directory / found[0]["path"]
    old = path.read_text()
    at = re.search(r"as_of: (\S+)", old)
    assert at is not None
    newer = tmp_path / "list.yaml"
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=2)
    newer.write_text(old.replace(at[1], later.isoformat()))
    made = served.json("policy", "list", "put", name, newer, key=key)
    assert made["in_force"], made
    again = served.run("policy", "list", "put", name, path, key=key)
    assert again.exit_code == 1
    assert "older" in again.stderr
