"""The ten laws of the product, each with tests that can fail."""

from __future__ import annotations

import hashlib
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from service_world import DE, FILES, GB, NL, POLICY, World, payment, request

from audit.canonical import canonical
from audit.errors import NotVerified
from audit.verify import verify
from governance.engine import cases
from governance.engine.compile import compile_release
from governance.engine.model import Effect, Verdict
from governance.service import (
    asking,
    backtesting,
    checking,
    deciding,
    erasing,
    exporting,
    keys,
    outcomes,
    overriding,
    releasing,
    stopping,
)
from governance.service.beside import Beside
from governance.service.disclosing import Selection
from governance.service.problem import Problem
from governance.service.replaying import replay
from governance.store.encoding import quick
from governance.store.fold import Fold


def effects(answer: dict[str, Any]) -> str:
    """The effect of an answer."""
    return str(answer["context"]["effect"])


def busy(world: World) -> None:
    """A day at work: allows, denies, approvals, an override, outcomes, a stop, an erasure."""
    for number in range(12):
        world.pay(amount=f"{number + 1}.25 EUR", iban=(DE, NL)[number % 2])
    world.act("mail.read")
    world.act("web.post")
    world.pay(iban="FR1420041010050500013M02606")
    held = world.pay(amount="600 EUR", ask=True, arguments={"note": "rush"})
    approval = held["context"]["access_request"]["approval"]
    shown = asking.show(world.desk, world.anna, approval)
    asking.grant(
        world.desk, world.anna, approval,
        digest=shown["digest"], evidence=shown["evidence"], reason="ok",
    )  # fmt: skip
    paid = world.pay(amount="600 EUR", arguments={"note": "rush"})
    assert paid["decision"]
    number = int(paid["context"]["evaluation_id"])
    outcomes.redeem(world.desk, world.agent_key, number)
    outcomes.report(world.desk, world.gateway, {"decision": number, "status": "failed"})
    denied = int(world.pay(iban=GB)["context"]["evaluation_id"])
    overriding.override(world.desk, world.carl, denied, reason="agreed")
    assert world.pay(iban=GB)["decision"]
    stop = stopping.raise_stop(world.desk, world.tom, scope="everything", reason="look")["stop"]
    world.pay()
    stopping.lift(world.desk, world.tom, stop, reason="seen")
    stopping.lift(world.desk, world.maria, stop, reason="seen")
    deciding.decide_many(
        world.desk, world.agent_key, [payment(amount="400 EUR", iban=NL) for _ in range(4)]
    )


def replayed(world: World) -> dict[str, Any]:
    """The workspace performed again, in this process."""
    here = Beside(world.root)
    counts, state = replay(here.entries(), here.first, here.release, here.opened)
    assert state == world.desk.state, "the fold of the log is not the state the service has"
    return counts.json()


class TestLaw1:
    """No durable signed record, no answer."""

    def test_an_answer_is_already_on_disk_and_signed(self, world: World) -> None:
        """If an answer left before its entry was on disk, a crash would unmake what was done."""
        answer = world.pay()
        receipt = answer["context"]["receipt"]
        beside = Beside(world.root)  # what another process sees right now
        assert beside.size == receipt["tree_size"]
        assert beside.reader.checkpoint() == receipt["checkpoint"]
        recorded = beside.reader.entry(receipt["index"])
        assert recorded.data["digest"] == answer["context"]["permit"]["action_digest"]

    def test_what_cannot_be_written_is_an_error_and_never_a_yes(self, founded: World,
                                                                tmp_path: Path) -> None:  # fmt: skip
        """If a full disk gave an allow, the disk would be the way round the policy."""
        broken = founded.copied(tmp_path / "w")
        writer = broken.workspace.ledger.writer
        writer._head.write = None  # type: ignore[method-assign, assignment]
        with pytest.raises(Problem) as caught:
            broken.pay()
        assert caught.value.status == 503
        with pytest.raises(Problem):
            broken.pay()
        broken.close()


class TestLaw2:
    """Log order is decision order; replay gives every verdict again."""

    def test_every_disclosed_verdict_is_the_same_again(self, world: World) -> None:
        """If replay gave another verdict, nobody could check what was decided."""
        busy(world)
        counts = replayed(world)
        assert counts["different"] == 0, counts["differences"]
        assert counts["same"] == counts["decisions"] >= 23

    def test_erased_values_are_counted_and_not_assumed(self, world: World) -> None:
        """If a decision without its values counted as the same, replay would prove nothing."""
        busy(world)
        erasing.erase(world.desk, world.tom, subject_type="payee", value=DE, ground="gdpr-17")
        counts = replayed(world)
        assert counts["different"] == 0, counts["differences"]
        assert counts["not_disclosed"] > 5
        assert counts["same"] + counts["not_disclosed"] == counts["decisions"]

    def test_a_flipped_verdict_is_found(self, world: World) -> None:
        """If replay missed a verdict that the rules do not give, it would be a ritual."""
        busy(world)
        here = Beside(world.root)
        entries = list(here.entries())
        number = next(
            n for n, e in enumerate(entries)
            if e.kind == "decision" and e.data["effect"] == "allow" and "labels" not in e.data
            and not {"approval", "override"} & e.data["refs"].keys()
        )  # fmt: skip
        entries[number].data["effect"] = "deny"  # type: ignore[index]
        counts, _ = replay(entries, here.first, here.release, here.opened)
        assert [each["decision"] for each in counts.differences] == [number]


class TestLaw3:
    """Less or invented information never loosens."""

    SPOILERS: tuple[Any, ...] = (
        None, "", "abc", -1, 10**30, [], {}, True, "NaN EUR", "100", "100 XXX", "1e5 EUR",
        "100 USD", "100.001 EUR", " 100 EUR", "１００ EUR",
    )  # fmt: skip

    @pytest.mark.parametrize("name", ["amount", "iban"])
    def test_spoiling_a_required_argument_never_loosens(self, world: World, name: str) -> None:
        """If a mistyped amount passed where a real one is held back, typing errors would pay."""
        for amount, iban in (("100 EUR", DE), ("600 EUR", DE), ("100 EUR", GB)):
            before = Effect.of(effects(world.pay(amount=amount, iban=iban, intent="ask")))
            for spoiler in self.SPOILERS:
                spoiled = {"amount": amount, "iban": iban, name: spoiler}
                asked = request("payment.create", arguments=spoiled, intent="ask")
                after = deciding.decide(world.desk, world.agent_key, asked)
                assert Effect.of(effects(after)) >= before, (name, spoiler)
            less = {"amount": amount, "iban": iban}
            del less[name]
            asked = request("payment.create", arguments=less, intent="ask")
            after = deciding.decide(world.desk, world.agent_key, asked)
            assert Effect.of(effects(after)) >= before

    def test_claims_of_an_agent_loosen_nothing(self, world: World) -> None:
        """If what an agent says about itself or the resource helped it, it would say it."""
        rng = random.Random(3)
        for amount in ("100 EUR", "600 EUR", "20000 EUR"):
            before = Effect.of(effects(world.pay(amount=amount, intent="ask")))
            for _ in range(20):
                asked = payment(amount=amount, intent="ask")
                asked["context"]["confidence"] = rng.choice(["1", "0.1", 7, "sure", None])
                asked["context"]["cost"] = rng.choice(["0 EUR", "-1 EUR", "free"])
                asked["context"]["risk"] = "none"
                asked["resource"]["properties"] = {"owner": "me", "trusted": True}
                asked["subject"]["properties"] = {"role": "treasurer", "labels": []}
                after = deciding.decide(world.desk, world.agent_key, asked)
                assert Effect.of(effects(after)) >= before

    def test_without_its_facts_a_limit_holds(self, world: World) -> None:
        """If a window that cannot be told counted as empty, a restore would refill every limit."""
        desk = world.desk
        world.pay()
        blind = Fold(
            **{
                name: getattr(world.workspace.fold, name)
                for name in ("genesis", "apply", "dump", "load", "semantics", "check",
                             "clock_jumped")
            },
            blind=lambda state: True,
        )  # fmt: skip
        world.workspace.ledger.writer._runner._fold = blind
        assert deciding.decide(desk, world.agent_key, payment())["context"]["effect"] == (
            "require_approval"
        )


class TestLaw4:
    """Strictest wins; order never matters."""

    def test_the_order_of_files_and_rules_changes_nothing(self) -> None:
        """If the order of files decided, renaming one would be a change of policy."""
        head, tail = POLICY.split(b"rules:\n")
        rules, rest = tail.split(b"limits:\n")
        parts = [b"  - id: " + each for each in rules.split(b"  - id: ")[1:]]
        random.Random(1).shuffle(parts)
        shuffled = head + b"rules:\n" + b"".join(parts) + b"limits:\n" + rest
        for files in (
            {**FILES, "policies/payments.yaml": shuffled},
            dict(reversed(list(FILES.items()))),
        ):
            release = compile_release(files)
            assert not cases.failures(cases.run(release))

    def test_the_strictest_of_all_matching_rules_wins(self, world: World) -> None:
        """If an allow could outvote a deny, the loosest author would decide."""
        answer = world.pay(iban=GB)
        recorded = world.desk.reader.entry(int(answer["context"]["evaluation_id"])).data
        found = {f"{f['policy']}/{f['rule']}": f["effect"] for f in recorded["findings"]}
        assert found == {"payments/PAY-1": "allow", "payments/PAY-4": "deny"}
        assert not answer["decision"]


class TestLaw5:
    """A human act is bound: to what was shown, to the right person, once, in time."""

    def test_a_yes_covers_one_action_of_one_session_once(self, world: World) -> None:
        """If a yes covered more than was shown, people would answer for what they never saw."""
        held = world.pay(amount="600 EUR", ask=True)
        approval = held["context"]["access_request"]["approval"]
        shown = asking.show(world.desk, world.anna, approval)
        given = {"digest": shown["digest"], "evidence": shown["evidence"], "reason": "ok"}
        for who in (world.carl, world.owen, world.tom):
            with pytest.raises(Problem):
                asking.grant(world.desk, who, approval, **given)
        asking.grant(world.desk, world.anna, approval, **given)
        answers = deciding.decide_many(
            world.desk, world.agent_key,
            [payment(amount="601 EUR"), payment(amount="600 EUR"), payment(amount="600 EUR")],
        )["evaluations"]  # fmt: skip
        assert [answer["decision"] for answer in answers] == [False, True, False]

    def test_the_evidence_is_of_everything_that_was_shown(self, world: World) -> None:
        """If a shown value were outside the digest, the page could lie without a trace."""
        held = world.pay(amount="600 EUR", ask=True)
        approval = held["context"]["access_request"]["approval"]
        evidence = asking.evidence_of(world.desk, approval)
        shown = asking.show(world.desk, world.anna, approval)
        assert hashlib.sha256(canonical(evidence)).hexdigest() == shown["evidence"]
        assert evidence.items() <= shown.items()


class TestLaw6:
    """After a stop, nothing."""

    def test_nothing_passes_a_stop_in_any_way(self, world: World) -> None:
        """If one way round a stop were left, that is the way a hijacked agent would take."""
        permit = int(world.pay(idempotency_key="a")["context"]["evaluation_id"])
        held = world.pay(amount="600 EUR", ask=True)
        approval = held["context"]["access_request"]["approval"]
        shown = asking.show(world.desk, world.anna, approval)
        asking.grant(
            world.desk, world.anna, approval,
            digest=shown["digest"], evidence=shown["evidence"], reason="ok",
        )  # fmt: skip
        denied = int(world.pay(iban=GB)["context"]["evaluation_id"])
        overriding.override(world.desk, world.carl, denied, reason="agreed")
        stop = stopping.raise_stop(world.desk, world.tom, scope="everything", reason="x")["stop"]
        for _ in range(2):
            assert effects(world.pay(idempotency_key="a")) == "deny"
            assert effects(world.pay(amount="600 EUR")) == "deny", "a grant passed the stop"
            assert effects(world.pay(iban=GB)) == "deny", "an override passed the stop"
            with pytest.raises(Problem):
                outcomes.redeem(world.desk, world.agent_key, permit)
            world.close()
            world.open()
        allowed = [
            index
            for index in range(stop, world.desk.state.size)
            if world.desk.reader.entry(index).data.get("effect") == "allow"
        ]
        assert allowed == []


class TestLaw8:
    """Integrity raises, policy answers."""

    def test_a_verdict_without_a_reason_cannot_exist(self) -> None:
        """If a verdict could come without a finding, an answer could come without its why."""
        with pytest.raises(ValueError, match="reason"):
            Verdict(Effect.ALLOW, ())

    def test_verification_returns_nothing_or_raises(self, world: World, tmp_path: Path) -> None:
        """If a broken log gave False instead of an exception, somebody would not look."""
        busy(world)
        made = exporting.export(world.desk, world.tom, tmp_path / "package")
        verify(tmp_path / "package", made["vkeys"])
        bundle = next((tmp_path / "package" / "tile" / "entries").rglob("*.p/*"))
        data = bytearray(bundle.read_bytes())
        at = data.index(b'"effect":"deny"')
        data[at + 10 : at + 14] = b"allw"
        bundle.write_bytes(bytes(data))
        with pytest.raises(NotVerified):
            verify(tmp_path / "package", made["vkeys"])


class TestLaw9:
    """An auditor needs only `cryptography`; an agent author only the standard library."""

    def test_a_package_verifies_without_anything_of_ours_but_audit(
        self, world: World, tmp_path: Path
    ) -> None:
        """If verification needed our service, the service would vouch for itself."""
        busy(world)
        made = exporting.export(world.desk, world.tom, tmp_path / "package.zip")
        (tmp_path / "alone").mkdir()
        root = Path(__file__).parents[2]
        shutil.copytree(root / "audit", tmp_path / "alone" / "audit")
        code = (
            "import sys; sys.path.insert(0, sys.argv[1]);"
            "from audit.verify import verify; verify(sys.argv[2], [sys.argv[3]]);"
            "assert not [m for m in sys.modules if m.split('.')[0] in "
            "('governance', 'sqlalchemy', 'yaml', 'orjson', 'immutables')]"
        )
        arguments = [str(tmp_path / "alone"), made["package"], made["vkeys"][0]]
        subprocess.run([sys.executable, "-c", code, *arguments], check=True, cwd=tmp_path)

    def test_a_stranger_performs_the_package_again(self, world: World, tmp_path: Path) -> None:
        """If verdicts could be performed again only here, nobody outside could check one."""
        busy(world)
        made = exporting.export(world.desk, world.tom, tmp_path / "package.zip")
        assert made["form"] == "re-performable"
        counts = exporting._replay(made["package"])
        assert counts["same"] == counts["decisions"] > 20
        bare = exporting.export(
            world.desk, world.tom, tmp_path / "bare.zip", shown=Selection(nothing=True)
        )
        assert bare["form"] == "redacted"
        hidden = exporting._replay(bare["package"])
        assert hidden["different"] == 0, hidden["differences"]
        assert hidden["not_disclosed"] > 15


class TestLaw10:
    """Personal data can be erased and every older proof stays valid."""

    def test_erasing_leaves_every_proof_and_count(self, world: World, tmp_path: Path) -> None:
        """If erasing broke a proof, people would have to choose between the law and the log."""
        world.pay(arguments={"note": "rent"}, amount="500 EUR")
        world.pay(amount="500 EUR")
        before = world.desk.reader.checkpoint()
        made = erasing.erase(
            world.desk, world.tom, subject_type="payee", value="de89 3704 0044 0532 0130 00",
            ground="gdpr-17-1-b",
        )  # fmt: skip
        assert made["values"] >= 2
        for database in ("vault.db", "log.db"):
            for file in world.root.glob(database + "*"):
                assert DE.encode() not in file.read_bytes()
        made = exporting.export(world.desk, world.tom, tmp_path / "package")
        verify(tmp_path / "package", made["vkeys"], head=before.encode())
        assert not world.pay(amount="1 EUR")["decision"], "erasing gave a limit back"

    def test_no_leaf_holds_a_value_or_a_plain_hash_of_one(self, world: World) -> None:
        """If an unsalted hash of an IBAN stood in the log, anybody could try all IBANs."""
        busy(world)
        secrets = [DE, NL, GB, "Maria", "Anna", "rush", "treasury-risk", "supplier"]
        plain = [value.encode() for value in secrets[:6]]
        plain += [hashlib.sha256(value.encode()).hexdigest().encode() for value in secrets]
        for index in range(world.desk.state.size):
            raw = world.desk.reader.entry_bytes(index)
            assert not [value for value in plain if value in raw]


class TestReplayAsABacktest:
    """The same mechanism shows before a release what it would have changed."""

    def test_a_backtest_names_what_changes_and_changes_nothing(self, world: World) -> None:
        """If a backtest missed a verdict, the risk team would find out in production."""
        busy(world)
        size = world.desk.state.size
        strict = POLICY.replace(b"at_most: 500 EUR}}", b"at_most: 5 EUR}}")
        found = backtesting.backtest(world.desk, {**FILES, "policies/payments.yaml": strict})
        same = backtesting.backtest(world.desk, FILES)
        assert same["changed"] == []
        assert same["not_reperformed"] == 0
        assert found["by_change"].get("allow -> deny", 0) >= 8
        assert all("payments/PAY-1" in each["rules_was"] for each in found["changed"]
                   if each["was"] == "allow" and each["rules_was"])  # fmt: skip
        assert world.desk.state.size == size

    def test_a_new_limit_does_not_start_empty(self, world: World) -> None:
        """If a new limit forgot the past, changing a policy would refill every budget."""
        for _ in range(4):
            world.pay(amount="100 EUR", iban=NL)
        renamed = POLICY.replace(b"LIM-1", b"LIM-2").replace(
            b"at_most: 1000 EUR", b"at_most: 450 EUR"
        )
        files = {**FILES, "policies/payments.yaml": renamed}
        proposed = releasing.propose(world.desk, world.maria, files)
        assert proposed["findings"] == []
        releasing.sign(world.desk, world.tom, proposed["proposal"], proposed["evidence"])
        answer = world.pay(amount="100 EUR", iban=NL)
        assert "payments/LIM-2" in [reason["rule"] for reason in answer["context"]["reasons"]]
        assert not answer["decision"]


def test_a_bad_release_leaves_the_old_one_in_force(world: World) -> None:
    """If a broken policy file replaced a good release, a typing error would open the gate."""
    before = world.desk.state.release
    broken = POLICY.replace(b"effect: deny", b"effect: denyy", 1)
    found = releasing.propose(world.desk, world.maria, {**FILES, "policies/payments.yaml": broken})
    assert found["proposal"] is None
    assert found["findings"][0]["line"] > 1
    wrong = POLICY.replace(b"10 EUR, L4, allow, PAY-1", b"10 EUR, L4, deny, PAY-1")
    found = releasing.propose(world.desk, world.maria, {**FILES, "policies/payments.yaml": wrong})
    assert found["findings"][0]["code"] == "case-failed"
    assert world.desk.state.release == before
    assert world.pay()["decision"]


def test_a_release_takes_two_people(world: World) -> None:
    """If one person could change the rules, one person would be the policy."""
    looser = POLICY.replace(b"at_most: 500 EUR}}", b"at_most: 550 EUR}}").replace(
        b"{above: 500 EUR", b"{above: 550 EUR"
    )
    made = releasing.propose(world.desk, world.maria, {**FILES, "policies/payments.yaml": looser})
    with pytest.raises(Problem) as caught:
        releasing.sign(world.desk, world.maria, made["proposal"], made["evidence"])
    assert caught.value.type == "needs-another"
    assert (
        releasing.sign(world.desk, world.tom, made["proposal"], made["evidence"])["alone"] is False
    )
    assert world.pay(amount="520 EUR")["decision"]


def test_the_log_is_read_back_as_it_was_written(world: World) -> None:
    """If the fast reader read anything else than the strict one, replay would be of another log."""
    busy(world)
    for index in range(world.desk.state.size):
        raw = world.desk.reader.entry_bytes(index)
        assert quick(raw) == world.desk.reader.entry(index)
    assert keys.listed(world.desk)["keys"]


def test_a_policy_folder_is_read_without_leaving_it(tmp_path: Path) -> None:
    """If a link led out of the folder, a release could hold what nobody put there; and if a file
    were left out for its name, its rules would be checked by nobody and never be in force."""
    folder = tmp_path / "policies"
    (folder / "actions").mkdir(parents=True)
    (folder / "payments.yaml").write_bytes(POLICY)
    (folder / "actions" / "payments.yaml").write_bytes(FILES["policies/actions/payments.yaml"])
    (folder / "README.md").write_text("no policy")
    assert checking.read_folder(folder) == FILES
    for name in ("more.yml", "more.YAML"):
        (folder / name).write_bytes(POLICY)
        with pytest.raises(Problem, match="would be left out"):
            checking.read_folder(folder)
        (folder / name).unlink()
    (tmp_path / "outside.yaml").write_bytes(POLICY)
    (folder / "linked.yaml").symlink_to(tmp_path / "outside.yaml")
    with pytest.raises(Problem, match="link out of"):
        checking.read_folder(folder)
