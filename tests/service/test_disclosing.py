"""Exports show what was asked for, carry what anchors gave back, and nothing else."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from service_world import DE, GB, NL, World

from audit import note as notes
from audit import single
from audit.cosigner import Ed25519Cosigner
from audit.note import countersign
from audit.package import Package
from audit.verify import verify
from governance.service import asking, erasing, exporting
from governance.service.disclosing import Selection
from governance.service.problem import Problem
from governance.store import anchored
from governance.store.anchored import Evidence

SECRETS = {"rent": "the rent of May", "bonus": "a bonus for Jo", "why": "The invoice fits."}


@pytest.fixture
def busy(world: World) -> dict[str, int]:
    """Payments to two payees, with texts, one of them approved; their indexes by name."""
    small = world.pay(arguments={"note": SECRETS["rent"]})
    large = world.pay(amount="700 EUR", arguments={"note": SECRETS["bonus"]}, iban=NL, ask=True)
    asked = large["context"]["access_request"]["approval"]
    return {"DE": _index(small), "NL": _index(large), "asked": asked}


def _index(answer: dict[str, Any]) -> int:
    return int(answer["context"]["receipt"]["index"])


def exported(world: World, path: Path, **shown: Any) -> tuple[dict[str, Any], bytes]:
    """An export verified as a stranger would, and its raw bytes."""
    made = exporting.export(world.desk, world.tom, path, shown=Selection(**shown))
    proven = verify(path, made["vkeys"])
    assert (proven.form, proven.disclosed) == (made["form"], made["disclosed"])
    raw = path.read_bytes()
    package = Package.open(path)
    for digest in package.blobs():  # policies name some payees; they are not what is disclosed
        assert package.blob(digest) in raw
        raw = raw.replace(package.blob(digest), b"")
    return made, raw


def found(raw: bytes) -> set[str]:
    """Which of the values of the world stand in the bytes, in any of the ways they could."""
    values = {"DE": DE, "NL": NL, "GB": GB, **SECRETS}
    return {
        name
        for name, value in values.items()
        for form in (value.encode(), base64.b64encode(value.encode())[:-3])
        if form in raw
    }


def test_what_is_not_asked_for_is_not_in_the_bytes(world: World, busy, tmp_path: Path) -> None:
    """If one value too many were in the file, a person's data would have left the house."""
    whose = {
        name: world.desk.reader.entry(busy[name]).data["args"]["iban"] for name in ("DE", "NL")
    }
    asked: list[tuple[dict[str, Any], set[str]]] = [
        ({}, {"DE", "NL", "rent", "bonus"}),
        ({"nothing": True}, set()),
        ({"fields": ("args.iban",)}, {"DE", "NL"}),
        ({"fields": ("args",)}, {"DE", "NL", "rent", "bonus"}),
        ({"fields": ("arg",)}, set()),
        ({"classes": ("private",)}, {"rent", "bonus"}),
        ({"classes": ("identity",)}, {"DE", "NL"}),
        ({"subjects": (whose["DE"],)}, {"DE", "rent"}),
        ({"subjects": (f"payee={NL}",), "classes": ("identity",)}, {"NL"}),
        ({"first": busy["NL"]}, {"NL", "bonus"}),
        ({"stop": busy["NL"]}, {"DE", "rent"}),
        ({"decisions": (busy["NL"],)}, {"NL", "bonus"}),
        ({"decisions": (busy["NL"],), "fields": ("args.note",)}, {"bonus"}),
        ({"decisions": (busy["DE"],), "subjects": (whose["NL"],)}, set()),
    ]
    for number, (shown, expected) in enumerate(asked):
        made, raw = exported(world, tmp_path / f"{number}.zip", **shown)
        assert found(raw) == expected, shown
        assert made["erased"] == 0
        assert (
            made["disclosed"] + made["withheld"]
            == Package.open(tmp_path / f"{number}.zip").manifest()["commitments"]
        )
        assert made["form"] == ("re-performable" if not shown else "redacted")


def test_one_decision_is_shown_with_what_people_said_about_it(
    world: World, busy, tmp_path: Path
) -> None:
    """If the approver's reason stayed closed, an auditor could not follow the one decision."""
    page = asking.show(world.desk, world.anna, busy["asked"])
    asking.grant(
        world.desk,
        world.anna,
        busy["asked"],
        digest=page["digest"],
        evidence=page["evidence"],
        reason=SECRETS["why"],
    )
    _, raw = exported(world, tmp_path / "one.zip", decisions=(busy["NL"],))
    assert found(raw) == {"NL", "bonus", "why"}
    _, raw = exported(world, tmp_path / "other.zip", decisions=(busy["DE"],))
    assert found(raw) == {"DE", "rent"}


def test_erased_values_are_counted_and_the_rest_is_replayed(
    world: World, busy, tmp_path: Path
) -> None:
    """If an erased value were called withheld, somebody would go and look for it."""
    erasing.erase(world.desk, world.tom, subject_type="payee", value=DE, ground="gdpr-17")
    made, raw = exported(world, tmp_path / "all.zip")
    assert made["erased"] >= 1
    assert (made["withheld"], made["form"]) == (0, "redacted")
    assert "DE" not in found(raw)
    counts = exporting._replay(str(tmp_path / "all.zip"))
    assert (counts["different"], counts["state"]) == (0, "same")


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ({"classes": ("secret",)}, "no class"),
        ({"subjects": ("maria",)}, "no pseudonym"),
        ({"subjects": ("payee=FR1420041010050500013M02606",)}, "ever recorded"),
    ],
)
def test_what_cannot_be_asked_for_is_said(
    world: World, tmp_path: Path, shown: dict[str, Any], said: str
) -> None:
    """If a mistyped subject opened nothing silently, an auditor would take it for an erasure."""
    with pytest.raises(Problem, match=said):
        exporting.export(world.desk, world.tom, tmp_path / "x.zip", shown=Selection(**shown))
    assert not (tmp_path / "x.zip").exists()


def test_a_package_carries_what_anchors_gave_back(world: World, busy, tmp_path: Path) -> None:
    """If evidence stayed at home, nobody outside could tell when the log existed."""
    reader = world.desk.reader
    size, note = reader.size, reader.checkpoint()
    time = world.clock.now // 1_000_000
    witness = Ed25519Cosigner("witness.example/w1", Ed25519PrivateKey.generate(), lambda: time)
    line = countersign(note, witness).removeprefix(note).encode()
    imprint = hashlib.sha256(notes.split(note)[0].encode()).digest()
    rows = [
        Evidence(size, "w1", "witness", world.clock.now, line),
        Evidence(size, "tsa", "timestamp", world.clock.now, b"token of " + imprint),
        Evidence(size, "mail", "mail", world.clock.now, b""),
        Evidence(size, "w2", "witness", world.clock.now, b"not a line\n"),
        Evidence(size, "w3", "witness", world.clock.now, b"\xff"),
        Evidence(size, "tsb", "timestamp", world.clock.now, b"of something else"),
    ]
    for row in rows:
        world.workspace.ledger.chore(lambda db, row=row: anchored.keep(db, row)).result()
    world.pay()
    made, _ = exported(world, tmp_path / "p.zip")
    assert (made["anchors"], made["unusable_evidence"]) == (1, 3)
    assert made["verifier"] == single.digest()
    names = set(Package.open(tmp_path / "p.zip").files.names())
    assert {n for n in names if n.startswith("anchors/")} == {
        f"anchors/{size}/checkpoint",
        f"anchors/{size}/0.tsr",
    }
    proven = verify(tmp_path / "p.zip", [*made["vkeys"], witness.verifier.vkey])
    assert [(s.size, s.name) for s in proven.outside.seen] == [(size, "witness.example/w1")]
    assert proven.outside.stamps_unchecked == 1
