"""The whole product on a server: two services on one log, as agents, people and auditors meet them."""

from __future__ import annotations

import contextlib
import functools
import json
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from audit.__main__ import main as verify
from governance import config as settings
from governance.app import open_desk
from governance.cli import root as commands
from governance.cli.frame import Frame
from governance.config import Config, Server, Store
from governance.serve import InProcess, create_app
from governance.service import erasing, exporting, keys, people, releasing
from governance.service.desk import FOLD
from governance.store.joining import join
from governance.store.moving import move
from governance.wiring import App
from tests.postgres.fixtures import database, server
from tests.postgres.server import Cluster, TestDatabase

sys.path.insert(0, str(Path(__file__).parents[1] / "web"))
import web_world
from web_world import World, payment

__all__ = ["database", "server"]

EVALUATION = "/access/v1/evaluation"
REQUESTS = "/access/v1/access-requests"


@dataclass
class Pair:
    """Two services on one log."""

    one: World
    two: World
    stack: contextlib.ExitStack

    def settle(self) -> None:
        """Wait until each has read what the other wrote."""
        worlds = (self.one, self.two)
        for _ in range(250):
            sizes = {world.desk.ledger.size for world in worlds}
            if sizes == {self.one.desk.reader.size}:
                return
            time.sleep(0.02)
        raise AssertionError("a service does not follow")


@contextlib.contextmanager
def opened_world(directory: Path, secrets: dict[str, str], ids: dict[str, str]) -> Iterator[World]:
    """The API of one service."""
    config = settings.load(directory)
    with open_desk(directory, config, record_start=True) as desk:
        app = create_app(desk, config)
        http = InProcess(app)
        try:
            yield World(desk, http, dict(secrets), ids, directory)
        finally:
            http.close()
            app.close()


@functools.cache
def template() -> tuple[Path, dict[str, str], dict[str, str]]:
    """A founded workspace in files."""
    return web_world._template()


@pytest.fixture
def folder(database: TestDatabase, tmp_path: Path) -> Path:
    """A founded workspace whose log was moved to the server."""
    made, _, _ = template()
    directory = tmp_path / "one"
    shutil.copytree(made, directory)
    config = replace(Config(), server=Server(url=web_world.URL), store=Store())
    (directory / settings.FILE_NAME).write_text(settings.render(config))
    from datetime import UTC, datetime

    move(directory, database.app, FOLD, datetime.now(UTC))
    return directory


@pytest.fixture
def pair(folder: Path, tmp_path: Path) -> Iterator[Pair]:
    """Both services."""
    _, ids, secrets = template()
    join(tmp_path / "two", folder, FOLD)
    with contextlib.ExitStack() as stack:
        one = stack.enter_context(opened_world(folder, secrets, ids))
        two = stack.enter_context(opened_world(tmp_path / "two", secrets, ids))
        yield Pair(one, two, stack)


def cli(*words: object) -> Result:
    """A command, in this process."""
    return CliRunner().invoke(commands, [str(word) for word in words], obj=Frame(App()))


def test_one_approval_asked_here_granted_there_used_once(pair: Pair) -> None:
    """People would have to know which service an agent asked, or two payments would use one yes."""
    denied = pair.one.call("POST", EVALUATION, payment("900"))[2]["context"]
    asked = {
        **payment("900"),
        "denial": {
            "evaluation_id": denied["evaluation_id"],
            "expires_at": denied["access_request"]["expires_at"],
        },
    }
    task = pair.one.call("POST", REQUESTS, asked)[2]["task"]
    pair.settle()
    shown = pair.two.call("GET", f"/v1/approvals/{task['id']}", key="bob")[2]
    answer = {"digest": shown["digest"], "evidence": shown["evidence"], "reason": "checked"}
    granted = pair.two.call("POST", f"/v1/approvals/{task['id']}/grant", answer, key="bob")
    assert granted[0] == 200, granted
    pair.settle()
    approval = pair.one.call("GET", f"{REQUESTS}/{task['id']}")[2]["result"]["approval"]
    body = payment("900", approval=approval)
    used = [each.call("POST", EVALUATION, body)[2]["decision"] for each in (pair.one, pair.two)]
    assert sorted(used) == [False, True]


def test_a_permit_is_redeemed_by_one_service_only(pair: Pair) -> None:
    """The same payment would be carried out once for each service."""
    permit = pair.one.call("POST", EVALUATION, payment())[2]["context"]["permit"]["id"]
    answers = [
        each.call("POST", f"/v1/permits/{permit}/redeem", {})[0] for each in (pair.two, pair.one)
    ]
    assert answers[0] == 200
    assert answers[1] in (409, 410)


def test_a_stop_and_a_revoked_key_hold_everywhere_at_once(pair: Pair) -> None:
    """Who was stopped or lost their key would go on through the other service."""
    stop = {"scope": "everything", "reason": "now"}
    status, _, raised = pair.one.call("POST", "/v1/stops", stop, key="ada")
    assert status in (200, 201), raised
    assert pair.two.call("POST", EVALUATION, payment())[2]["decision"] is False
    key_id = keys.caller_of(pair.one.desk, pair.one.keys["agent"])
    assert key_id is not None
    ada = keys.caller_of(pair.one.desk, pair.one.keys["ada"])
    assert ada is not None
    keys.revoke(pair.one.desk, ada, key_id.key)
    pair.settle()
    assert pair.two.call("POST", EVALUATION, payment())[0] == 401


def test_a_release_signed_here_is_enforced_there(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One service would still allow what the other one's policy forbids, or would read 10,000 rules
    from YAML while everybody waits for the log."""
    ada = keys.caller_of(pair.one.desk, pair.one.keys["ada"])
    bob = keys.caller_of(pair.one.desk, pair.one.keys["bob"])
    assert ada is not None
    assert bob is not None
    files = dict(web_world.FILES)
    files["policies/payments.yaml"] = (
        files["policies/payments.yaml"]
        .replace(b"at_most: 500 EUR", b"at_most: 50 EUR")
        .replace(b"between: [500.01 EUR", b"between: [50.01 EUR")
        .replace(b"[small, 120 EUR, allow, PAY-1]", b"[small, 20 EUR, allow, PAY-1]")
    )
    assert pair.two.call("POST", EVALUATION, payment("120"))[2]["decision"] is True
    people.set_roles(pair.one.desk, ada, bob.id, roles=("auditor", "treasurer", "risk_editor"))
    pair.settle()
    monkeypatch.setattr("governance.service.releases.compile_release", None)  # nobody here needs it
    proposed = releasing.propose(pair.one.desk, ada, files)
    until = time.monotonic() + 20
    while proposed["release"] not in pair.two.desk.releases.ready:
        assert time.monotonic() < until, (
            "the other service did not take it over before it is signed"
        )
        time.sleep(0.02)
    releasing.sign(pair.one.desk, bob, proposed["proposal"], proposed["evidence"])
    pair.settle()
    assert pair.two.desk.state.release == proposed["release"]
    answer = pair.two.call("POST", EVALUATION, payment("120"))[2]
    assert answer["context"]["effect"] == "require_approval"


def test_services_that_decide_while_others_release_use_what_is_in_force_at_each_index(
    pair: Pair, tmp_path: Path
) -> None:
    """One of several services would answer by rules that another one had replaced already."""
    ada = keys.caller_of(pair.one.desk, pair.one.keys["ada"])
    bob = keys.caller_of(pair.one.desk, pair.one.keys["bob"])
    assert ada is not None
    assert bob is not None
    people.set_roles(pair.one.desk, ada, bob.id, roles=("auditor", "risk_editor"))
    pair.settle()
    over = threading.Event()
    answers: list[int] = []

    def ask(world: World) -> None:
        while not over.wait(0.005):
            answers.append(world.call("POST", EVALUATION, payment("120"))[0])

    askers = [threading.Thread(target=ask, args=(each,)) for each in (pair.one, pair.two)]
    for each in askers:
        each.start()
    try:
        for most, at in ((50, pair.one), (400, pair.two), (60, pair.one)):
            path = "policies/payments.yaml"
            text = web_world.FILES[path].replace(b"at_most: 500 EUR", b"at_most: %d EUR" % most)
            text = text.replace(b"between: [500.01", b"between: [%d.01" % most)
            text = text.replace(b"[small, 120 EUR", b"[small, 20 EUR")
            files = {**web_world.FILES, path: text}
            made = releasing.propose(at.desk, ada, files, days=0)
            pair.settle()
            other = pair.two if at is pair.one else pair.one
            releasing.sign(other.desk, bob, made["proposal"], made["evidence"])
    finally:
        over.set()
        for each in askers:
            each.join()
    assert set(answers) == {200}
    in_force, seen = "", set()
    for index in range(pair.one.desk.reader.size):
        entry = pair.one.desk.reader.entry(index)
        if entry.kind == "policy.released":
            in_force = entry.data["release"]
        elif entry.kind == "decision":
            assert entry.data["release"] == in_force, index
            seen.add((in_force, entry.data["effect"]))
    assert {effect for _, effect in seen} == {"allow", "require_approval"}
    replayed = exporting.replay(pair.two.directory)
    assert (replayed["different"], replayed["same"]) == (0, len(answers))


def test_who_is_erased_here_is_unknown_there(pair: Pair) -> None:
    """A page of the other service would still show what a person had erased."""
    body = payment()
    body["action"]["properties"]["arguments"]["note"] = "a private note"
    decision = int(pair.two.call("POST", EVALUATION, body)[2]["context"]["evaluation_id"])
    assert pair.two.desk.vault.values(decision)
    ada = keys.caller_of(pair.one.desk, pair.one.keys["ada"])
    assert ada is not None
    erasing.erase(
        pair.one.desk, ada, subject_type="payee", value="DE89370400440532013000", ground="gdpr-17"
    )
    pair.settle()
    kept = pair.two.desk.vault.values(decision)
    assert not any("DE89370400440532013000" in str(found.value) for found in kept.values())


def test_health_says_which_database(pair: Pair) -> None:
    """An operator could not tell which services share a log and which keep one of their own."""
    assert pair.one.call("GET", "/readyz", key=None)[2]["database"] == "postgresql"
    shown = cli("database", "show", "-w", pair.one.directory, "-o", "json")
    assert shown.exit_code == 0, shown.output
    found = json.loads(shown.stdout)
    assert found["several_services"] is True
    assert found["entries"] == pair.one.desk.reader.size
    assert "governance_log" in found["log"]
    assert "governance_vault" in found["values"]
    page = pair.one.call("GET", "/metrics", key=None)[2].decode()
    assert "governance_log_bytes" in page


def test_a_service_that_lacks_a_rotated_key_says_so_and_goes_on_once_it_has_it(pair: Pair) -> None:
    """A rotation would leave a service that looks well, and that ends with the first stop it is asked for."""
    one, two = pair.one, pair.two
    status, _, made = one.call("POST", "/v1/log/keys", {"reason": "yearly"}, key="ada")
    assert status == 201, made
    assert f"copy `{one.directory / 'keys'}` to" in made["other_services"]
    assert f"`{made['key']}`" in made["other_services"]
    if made["state"] == "proposed":
        assert "before it is confirmed" in made["other_services"]
        pair.settle()
        body = {"entry": made["entry"]}
        refused = two.call("POST", "/v1/log/keys/confirm", body, key="bob")
        assert refused[0] == 409, refused
        done = one.call("POST", "/v1/log/keys/confirm", body, key="bob")
        assert done[0] == 200, done
    pair.settle()
    status, _, ready = two.call("GET", "/readyz", key=None)
    assert status == 503
    assert f"names the key `{made['key']}`" in ready["checks"]["log"]
    assert "copy `keys/` from its folder" in ready["checks"]["log"]
    page = two.call("GET", "/metrics", key=None)[2].decode()
    assert "governance_log_key_missing 1.0" in page
    assert "governance_ready 0.0" in page
    assert made["vkey"] in two.call("GET", "/version", key=None)[2]["log_keys"]
    stop = {"scope": "everything", "reason": "now"}
    status, _, refused = two.call("POST", "/v1/stops", stop, key="ada")
    assert status == 503
    assert "nothing was recorded" in str(refused)
    assert two.desk.ledger.failure is None
    assert one.call("GET", "/readyz", key=None)[0] == 200
    shutil.copytree(one.directory / "keys", two.directory / "keys", dirs_exist_ok=True)
    assert two.call("POST", "/v1/stops", stop, key="ada")[0] in (200, 201)
    assert two.call("GET", "/readyz", key=None)[0] == 200


def test_an_auditor_meets_the_same_log(pair: Pair, tmp_path: Path) -> None:
    """Exports, proofs and replays would only be possible for logs in files."""
    for amount in ("10", "900", "90000"):
        pair.two.call("POST", EVALUATION, payment(amount))
        pair.one.call("POST", EVALUATION, payment(amount))
    pair.settle()
    place = pair.one.directory
    checked = cli("audit", "fsck", "-w", place, "-o", "json")
    assert checked.exit_code == 0, checked.output
    assert json.loads(checked.stdout)["problems"] == []
    assert cli("audit", "tail", "-w", place, "-n", "3").exit_code == 0
    found = cli("audit", "search", "-w", place, "--kind", "decision", "-o", "json")
    assert len(json.loads(found.stdout)["entries"]) == 6
    replayed = cli("audit", "replay", "-w", pair.two.directory, "-o", "json")
    assert replayed.exit_code == 0, replayed.output
    assert json.loads(replayed.stdout)["different"] == 0
    package = tmp_path / "package.zip"
    exported = cli("audit", "export", package, "-w", place, "-o", "json")
    assert exported.exit_code == 0, exported.output
    vkey = pair.one.desk.workspace.vkeys[0]
    assert verify(["verify", str(package), "--key", vkey]) == 0
    reported = pair.two.call("POST", "/v1/reports/periodic", {}, key="ada")
    assert reported[0] in (200, 201, 202), reported


def test_a_backup_is_made_beside_both(pair: Pair) -> None:
    """The log would be safe only as long as its server is."""
    status, _, made = pair.two.call("POST", "/v1/backups", {}, key="ada")
    assert status in (200, 201), made
    folder = Path(made["folder"])
    assert (folder / "log.db").exists()
    assert list((folder / "blobs").glob("??/*"))
    assert Path(made["values"]).exists()


def test_the_command_line_founds_joins_and_serves_a_log_on_a_server(
    server: Cluster, tmp_path: Path
) -> None:
    """Nobody could begin with a server, or run a second service, without reading the code."""
    there = server.database(template="template0")
    one, two = tmp_path / "one", tmp_path / "two"
    try:
        made = cli("init", one, "--database", there.app, "--database-owner", there.owner)
        assert made.exit_code == 0, made.output
        joined = cli("join", two, "--from", one, "--head", tmp_path / "kept-head", "-o", "json")
        assert joined.exit_code == 0, joined.output
        assert json.loads(joined.stdout)["entries"] == 8
        assert (tmp_path / "kept-head").exists()
        assert settings.load(two).log.head == str(tmp_path / "kept-head")
        listed = cli("agent", "list", "-w", two)
        assert listed.exit_code == 0, listed.output
        assert "first-agent" in listed.output
        again = cli("init", tmp_path / "three", "--database", there.app)
        assert again.exit_code == 1
        assert "holds the log" in again.output
        ready = cli("database", "prepare", "--owner", there.owner, "--service", there.app)
        assert ready.exit_code == 0, ready.output
        assert "in place" in ready.output
        assert cli("database", "prune", "--owner", there.owner, "-o", "json").exit_code == 0
    finally:
        server.drop(there)


def test_a_begun_log_is_named_when_founding_fails(server: Cluster, tmp_path: Path) -> None:
    """A person who repeats `init` would be told of a log they never saw."""
    there = server.database()
    bad = tmp_path / "policies"
    bad.mkdir()
    (bad / "broken.yaml").write_text("policy: [")
    try:
        made = cli("init", tmp_path / "one", "--database", there.app, "--policies", bad)
        assert made.exit_code != 0
        assert "drop the schemas `governance_log`" in made.output
        assert not (tmp_path / "one").exists()
    finally:
        server.drop(there)


def test_a_head_signed_in_vain_is_passed_by_an_entry(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an outage the service would stop for good at the size it had signed before."""
    writer = pair.one.desk.ledger.writer
    pair.one.call("POST", EVALUATION, payment())  # opens the standing session
    pair.settle()
    size = pair.one.desk.ledger.size
    monkeypatch.setattr(writer, "_vain", {size + 1})
    assert pair.one.call("GET", "/readyz", key=None)[0] == 200
    assert pair.one.call("POST", EVALUATION, payment())[2]["decision"] is True
    entries = [pair.one.desk.reader.entry(size), pair.one.desk.reader.entry(size + 1)]
    assert [entry.kind for entry in entries] == ["decision", "service.started"]
    assert entries[1].data["version"] == "outage"
    assert pair.one.desk.reader.size == size + 2


def test_a_log_in_a_file_cannot_be_joined(tmp_path: Path) -> None:
    """Two processes would write one file."""
    made, _, _ = template()
    result = cli("join", tmp_path / "two", "--from", made)
    assert result.exit_code == 1
    assert "governance move" in result.output
    assert not (tmp_path / "two").exists()


def test_who_joins_has_a_head_file_of_their_own(folder: Path, tmp_path: Path) -> None:
    """Two services would write one head file, or a server that lacks entries would be joined."""
    shutil.move(folder / "head", tmp_path / "elsewhere")
    settings.set_head(folder / settings.FILE_NAME, str(tmp_path / "elsewhere"))
    joined = cli("join", tmp_path / "two", "--from", folder)
    assert joined.exit_code == 0, joined.output
    assert settings.load(tmp_path / "two").log.head == ""
    assert (tmp_path / "two" / "head").exists()
    (tmp_path / "elsewhere").unlink()
    refused = cli("join", tmp_path / "three", "--from", folder)
    assert refused.exit_code == 1
    assert "head file" in refused.output


def test_the_environment_names_the_server_for_every_process(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`serve --database` would reach the service but not the processes it starts for exports."""
    config = settings.load(folder)
    address = config.store.database
    text = (folder / settings.FILE_NAME).read_text()
    (folder / settings.FILE_NAME).write_text(text.replace(address, ""))
    monkeypatch.setenv(settings.DATABASE, address)
    assert settings.load(folder).store.database == address
    assert cli("audit", "replay", "-w", folder, "-o", "json").exit_code == 0
