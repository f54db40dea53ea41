import hashlib
import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pypdf import PdfReader
from service_world import ORIGIN

from audit.note import Ed25519Cosigner, countersign
from governance.service import reporting
from governance.service.desk import SERVICE
from governance.service.problem import Problem
from governance.store import anchored


@pytest.fixture
def busy(world):
    """A workspace in which a payment was granted, one denied and one stopped."""
    world.pay()
    world.pay(iban="GB82WEST12345698765432")
    world.pay(amount="600 EUR")
    return world


def made(world, **more):
    return reporting.periodic(world.desk, world.tom, **more)


def read(world, name):
    return (world.root / "reports" / name).read_bytes()


def test_a_report_is_made_from_the_real_log_and_recorded(busy):
    """A report would be made of something else than the log, or leave no trace that it was."""
    size = busy.desk.state.size
    answer = made(busy)
    report = json.loads(read(busy, answer["files"][1]))
    assert report["decisions"]["total"]["n"] == 3
    assert report["decisions"]["allow"]["n"] == 1
    assert report["head"]["size"] == size
    assert report["head"]["recomputed"] == "same"
    assert report["header"]["workspace"] == ORIGIN
    entry = busy.desk.reader.entry(size)
    assert entry.kind == "report.issued"
    assert entry.by["id"] == busy.tom.id
    assert entry.data["report"] == answer["report"]
    assert entry.data["digest"] == hashlib.sha256(read(busy, answer["files"][1])).hexdigest()
    assert answer["receipt"]["index"] == size


def test_a_report_names_the_witness_that_cosigned_its_head(busy):
    """Page one would say that no witness signed a head that one did sign, and that is kept."""
    key = Ed25519PrivateKey.from_private_bytes(bytes([7]) * 32)
    note, size = busy.desk.reader.checkpoint(), busy.desk.state.size
    signed = countersign(note, Ed25519Cosigner("w.example", key, lambda: 1_800_000_000))
    found = anchored.Evidence(size, "audit", "witness", 0, signed.removeprefix(note).encode())
    busy.desk.ledger.chore(lambda db: anchored.keep(db, found)).result(10)
    report = json.loads(read(busy, made(busy)["files"][1]))
    assert report["head"]["witnesses"] == ["w.example"]
    assert report["head"]["checkpoint"] == signed
    later = json.loads(read(busy, made(busy)["files"][1]))
    assert later["head"]["witnesses"] == []


def test_the_pdf_carries_the_recorded_json(busy):
    """The page somebody holds could not be tied to the entry that says it was issued."""
    answer = made(busy)
    pdf, data = (read(busy, name) for name in answer["files"])
    attached = PdfReader(io.BytesIO(pdf)).attachments["report.json"][0]
    assert attached == data
    assert hashlib.sha256(attached).hexdigest() == answer["digest"]


def test_rules_in_force_are_named_with_those_that_never_fired(busy):
    """A rule that never had a finding would not be noticed."""
    report = json.loads(read(busy, made(busy)["files"][1]))
    fired = {r["rule"]: r for r in report["decisions"]["rules"]}
    assert fired["PAY-4"]["title"] == "Never pay this account"
    assert "payments/PAY-3" in report["decisions"]["never_fired"]


def test_rules_whose_text_is_lost_are_said_to_be_unknown(busy):
    """A report could not be made once a release's files are gone, or would claim to know them."""
    for manifest in (busy.root / "blobs" / "releases").iterdir():
        manifest.unlink()
    report = json.loads(read(busy, made(busy)["files"][1]))
    assert report["decisions"]["never_fired"] is None
    assert "Rules by their text." in {s["title"] for s in report["not_shown"]}
    assert report["decisions"]["total"]["n"] == 3


def test_names_are_only_in_the_copy_that_was_asked_for(busy):
    """A name nobody could erase would be in what the log vouches for."""
    plain = made(busy)
    assert len(plain["files"]) == 2
    named = made(busy, names=True)
    assert [name.endswith(("-named.pdf", "-named.json")) for name in named["files"]] == [
        False,
        False,
        True,
        True,
    ]
    closed, copy = read(busy, named["files"][1]), read(busy, named["files"][3])
    assert b"Owen Hill" not in closed
    assert b"Owen Hill" in copy
    assert named["digest"] == hashlib.sha256(closed).hexdigest()


def test_one_agent_and_one_period(busy):
    """A report asked for one agent or period would silently be of another."""
    now = busy.desk.now()
    answer = made(busy, agent="payments-2")
    assert json.loads(read(busy, answer["files"][1]))["decisions"]["total"]["n"] == 0
    earlier = made(busy, start=now - timedelta(days=9), end=now - timedelta(days=8))
    report = json.loads(read(busy, earlier["files"][1]))
    assert report["population"]["entries"]["n"] == 0
    assert {row["status"] for row in report["controls"]} <= {"not evidenced", "partly"}


def test_only_those_with_the_right_make_reports(busy):
    """An agent, or anybody with a key, could have reports issued."""
    for who in (busy.agent_key, busy.gateway, busy.anna):
        with pytest.raises((Problem, Exception), match=r"to report takes|made by people"):
            reporting.periodic(busy.desk, who)


def test_the_service_itself_makes_scheduled_reports(busy):
    """The report of the month would not be made, or would be laid at a person's door."""
    start = busy.desk.now() - timedelta(days=30)
    answer = reporting.periodic(busy.desk, SERVICE, start=start, end=busy.desk.now())
    assert busy.desk.reader.entry(answer["receipt"]["index"]).by["type"] == "service"


def test_two_reports_never_share_a_name(busy):
    """A later report would overwrite the one whose digest the log vouches for."""
    one, two = made(busy), made(busy)
    assert one["report"] != two["report"]
    assert one["digest"] == hashlib.sha256(read(busy, one["files"][1])).hexdigest()


def test_senseless_orders_are_refused(busy):
    """A report of nothing would be made, recorded and handed over."""
    now = busy.desk.now()
    for order, field in (
        ({"start": now, "end": now - timedelta(days=1)}, "from"),
        ({"start": now + timedelta(days=1)}, "from"),
        ({"start": datetime(2026, 1, 1)}, "from"),
        ({"end": now - timedelta(days=400)}, "to"),
        ({"agent": "nobody-1"}, "agent"),
    ):
        with pytest.raises(Problem) as refused:
            made(busy, **order)
        assert refused.value.field == field


@pytest.mark.parametrize(
    ("start", "end", "label"),
    [
        (
            datetime(2026, 10, 1, tzinfo=UTC),
            datetime(2027, 1, 1, tzinfo=UTC),
            "fourth quarter 2026",
        ),
        (datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC), "February 2026"),
        (
            datetime(2026, 2, 1, tzinfo=UTC),
            datetime(2026, 5, 1, tzinfo=UTC),
            "2026-02-01 to 2026-05-01",
        ),
    ],
)
def test_periods_have_their_usual_names(start, end, label):
    """A board would read two dates where it expects a quarter."""
    assert reporting.label_of(start, end) == label
