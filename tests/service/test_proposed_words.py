"""What the second person reads before signing: all of what changes, and nothing but what is signed."""

from __future__ import annotations

import io
import re

import pytest
from pypdf import PdfReader
from service_world import FILES, POLICY, World

from governance.oversight.model import State
from governance.service import proposals, proposed_words, releasing
from governance.service.problem import Problem

PATH = "policies/payments.yaml"
WIDER = POLICY.replace(b"at_most: 500 EUR}}", b"at_most: 550 EUR}}").replace(
    b"{above: 500 EUR", b"{above: 550 EUR"
)


def proposed(world: World) -> int:
    """Maria proposes wider limits."""
    made = releasing.propose(world.desk, world.maria, {**FILES, PATH: WIDER}, days=0)
    assert made["findings"] == []
    return int(made["proposal"])


def test_the_second_person_reads_what_they_sign(world: World) -> None:
    """Somebody would sign a rule that nobody showed them."""
    told = proposed_words.changes(world.desk, proposed(world))
    assert told["against"] == world.desk.state.release
    assert told["counts"]["changed"] >= 1
    (file,) = [each for each in told["files"] if each["how"] != "same"]
    assert (file["path"], file["how"]) == (PATH, "changed")
    rule = next(each for each in file["changes"] if each["id"] == "PAY-1")
    assert "550" in rule["now"]["sentence"]
    assert "500" in rule["before"]["sentence"]
    assert rule["now"]["owner"]
    assert rule["now"]["because"]


def test_the_text_of_a_file_is_read_with_its_changed_lines(world: World) -> None:
    """A comment or a case that only the text has would be signed unread."""
    index = proposed(world)
    told = proposed_words.text(world.desk, index, PATH)
    gone = "\n".join(text for mark, *_, text in told["lines"] if mark != "new")
    now = "\n".join(text for mark, *_, text in told["lines"] if mark != "gone")
    assert (gone, now) == (POLICY.decode().strip("\n"), WIDER.decode().strip("\n")) or (
        gone.split("\n"),
        now.split("\n"),
    ) == (POLICY.decode().splitlines(), WIDER.decode().splitlines())
    assert told["how"] == "changed"
    with pytest.raises(Problem) as caught:
        proposed_words.text(world.desk, index, "policies/none.yaml")
    assert caught.value.type == "unknown"


def test_the_signature_covers_every_file_that_is_shown(world: World) -> None:
    """Files could be swapped behind the words, and the signature would still fit."""
    index = proposed(world)
    data = world.desk.reader.entry(index).data
    told = proposed_words.changes(world.desk, index)
    assert told["evidence"] == proposals.show(world.desk, index)["evidence"]
    shown = [each["path"] for each in told["files"] if each["how"] != "gone"]
    assert shown
    for path in shown:
        text = proposed_words.text(world.desk, index, path)
        assert text["digest"] == data["files"][path]
        other = {**data, "files": {**data["files"], path: "0" * 64}}
        assert releasing.shown_digest(index, other) != told["evidence"]
    for name in ("release", "against", "compiled"):
        other = {**data, name: "0" * 64}
        assert releasing.shown_digest(index, other) != told["evidence"], name


def test_a_file_that_was_altered_on_the_disk_is_not_shown(world: World) -> None:
    """The page would show a text that is not the one that comes in force."""
    index = proposed(world)
    digest = world.desk.reader.entry(index).data["files"][PATH]
    path = world.root / "blobs" / digest[:2] / digest
    path.write_bytes(path.read_bytes().replace(b"550", b"505"))
    with pytest.raises(Problem) as caught:
        proposed_words.text(world.desk, index, PATH)
    assert caught.value.type == "not-ready"


def test_a_book_of_a_proposal_says_that_it_is_one(world: World) -> None:
    """An auditor would take a proposal for what is in force."""
    index = proposed(world)
    told = proposed_words.words(world.desk, index)
    assert told["standing"].startswith(f"Proposal {index}. It waits for a signature")
    reader = PdfReader(io.BytesIO(proposed_words.print_words(world.desk, index)))
    first, *others = (re.sub(r"\s+", " ", page.extract_text()) for page in reader.pages)
    assert "nothing of it is in force" in first
    assert "In force since" not in first
    assert "mode: enforce" in " ".join(others)
    assert "· in force" not in " ".join(others)
    assert isinstance(world.desk.state, State)
    proposals.refuse(world.desk, world.tom, index, reason="too wide for us")
    assert "It was refused" in proposed_words.words(world.desk, index)["standing"]
