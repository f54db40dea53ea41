"""The rules in sentences: nothing without its owner and reason, and nothing left out."""

from __future__ import annotations

import io
import re
from dataclasses import MISSING, fields, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pypdf import PdfReader
from service_world import World

from governance.engine.book import Said, chapters
from governance.engine.compile import compile_release
from governance.service import wording
from governance.service.checking import read_folder
from governance.service.problem import Problem
from reports import handbook

AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
SHIPPED = read_folder(Path(__file__).parents[2] / "policies")


@pytest.fixture(scope="module")
def pdf() -> bytes:
    """The shipped policies as a book."""
    return wording.print_files(SHIPPED, workspace="corp.example", at=AT)


def text_of(data: bytes) -> str:
    """The text of a PDF on one line."""
    reader = PdfReader(io.BytesIO(data))
    return re.sub(r"\s+", " ", " ".join(page.extract_text() for page in reader.pages))


def test_no_rule_can_be_said_without_its_owner_and_its_reason() -> None:
    """If a rule could be shown bare, nobody would know whom to ask, or why it is there."""
    said = next(iter(chapters(compile_release(SHIPPED)))).said[0]
    for name in ("owner", "because", "title", "id"):
        with pytest.raises(ValueError, match="is not shown without"):
            replace(said, **{name: " "})
    assert not [
        field
        for field in fields(Said)
        if field.name in ("owner", "because") and field.default is None
    ]
    for name in ("owner", "because"):
        with pytest.raises(ValueError, match="owner and its reason"):
            handbook.Rule(**{
                "kind": "rule", "id": "R", "title": "t", "does": "refuses", "severity": "low",
                "sentence": "s", "because": "b", "owner": "o", name: "",
            })  # fmt: skip


def test_every_rule_of_every_file_is_said_and_printed(pdf: bytes) -> None:
    """If a rule were missing in the book, an auditor would sign another policy than the one in force."""
    release = compile_release(SHIPPED)
    told = wording.said(release)
    ids = {(c["name"], one["id"]) for c in told["chapters"] for one in c["said"]}
    for file in release.bundle.files:
        wanted = [*file.rules, *file.limits, *file.exceptions]
        assert {(file.policy, one.id) for one in wanted} <= ids
    assert release.bundle.risk is not None
    assert {(release.bundle.risk.risk, one.id) for one in release.bundle.risk.factors} <= ids
    for invariants in release.bundle.invariants:
        assert {(invariants.name, one.id) for one in invariants.never} <= ids
    printed = text_of(pdf).replace("\u00a0", " ")
    for chapter in told["chapters"]:
        assert chapter["owner"] in printed
        for one in chapter["said"]:
            assert f"{one['id']} {one['title']}"[:60] in printed, one["id"]
            assert "Why: " + one["because"][:40] in printed, one["id"]
    assert "\\u{" not in printed


def test_the_book_is_tagged_stable_and_carries_its_data(pdf: bytes) -> None:
    """If the print were for eyes only, neither a screen reader nor a program could read the rules."""
    again = wording.print_files(SHIPPED, workspace="corp.example", at=AT)
    assert again == pdf
    reader = PdfReader(io.BytesIO(pdf))
    root = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert b"pdfuaid:part>1" in root["/Metadata"].get_object().get_data()
    attached = reader.attachments["policies.json"][0]
    assert compile_release(SHIPPED).digest.encode() in attached
    assert len(reader.outline) == len(chapters(compile_release(SHIPPED))) + 2
    assert "Not released" in text_of(pdf)


def test_a_book_of_files_says_of_none_that_it_is_in_force(pdf: bytes) -> None:
    """An auditor would read `in force` under a file that nobody released; and rules whose constants
    end in `or 5 more`, which stand nowhere."""
    printed = text_of(pdf)
    assert "mode: enforce" in printed
    assert "· in force" not in printed
    assert not re.search(r"or \d+ more\b", printed)


def test_nobodys_account_is_printed(pdf: bytes) -> None:
    """If members of a list of payees were printed, erasing somebody would miss the auditor's shelf."""
    assert "DE89370400440532013000" not in text_of(pdf)


def test_the_title_page_says_who_signed(world: World) -> None:
    """If the book did not say who released it, it would prove nothing about responsibility."""
    told = wording.in_force(world.desk)
    assert told["standing"].startswith("In force since")
    assert [row[0] for row in told["people"]] == ["Proposed", "Signed"]
    assert world.maria.id in told["people"][0][1]
    plain = text_of(wording.print_in_force(world.desk))
    named = text_of(wording.print_in_force(world.desk, names=True, policy="payments"))
    assert "Maria" not in plain
    assert "Maria Fischer" in named
    assert "nobody else signed it" in plain
    with pytest.raises(Problem, match="there is no policy `nope`"):
        wording.in_force(world.desk, "nope")


def test_many_alternatives_become_points() -> None:
    """If twenty alternatives stood in one sentence, nobody would read it to the end."""
    told = wording.words(SHIPPED, "code-agent")
    said = next(one for one in told["chapters"][0]["said"] if one["id"] == "SH-001")
    assert "at least one of these points holds" in said["sentence"]
    assert len(said["alternatives"]) >= 3


def test_every_surface_that_shows_a_rule_shows_its_owner_and_its_reason(world: World) -> None:
    """If one surface showed bare rules, that is where people would look."""
    from governance.engine.explain import Account
    from governance.service import explaining
    from governance.web.console import decision_views, views

    for kind in (Account, Said, handbook.Rule, decision_views.FindingView, views.RuleWhy):
        named = {field.name for field in fields(kind)}
        assert {"owner", "because"} <= named, kind
        bare = [
            f.name for f in fields(kind) if f.name in ("owner", "because") and f.default != MISSING
        ]
        assert bare == [], f"{kind} can be made without {bare}"
    for asked in (world.pay(), world.pay(amount="700 EUR"), world.act("nobody.governs"),
                  world.pay(arguments={"bcc": "x"})):  # fmt: skip
        index = int(asked["context"]["evaluation_id"])
        told = explaining.decision(world.desk, world.maria, index, everything=True)
        assert told["accounts"]
        for account in told["accounts"]:
            assert account["owner"].strip(), account
            assert account["because"].strip(), account
