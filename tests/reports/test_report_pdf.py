import io
import re
from dataclasses import replace

import pytest
from pypdf import PdfReader
from reports_world import MADE, PEOPLE, RULES, START, C, D, Log, company

from audit import cosigner
from audit.keys import MLDSA44_COSIGNATURE
from audit.note import countersign, split
from reports.evidence import to_json
from reports.opening import opened
from reports.outside import AnchorRow, Outside
from reports.pdf import render
from reports.periodic import periodic

BOTTOM, LEFT, RIGHT = 54, 48, 547.3


@pytest.fixture(scope="module")
def evidence():
    log = company(150)
    closed = periodic(log.rows(), log.parameters(rules=RULES))
    return opened(closed, {PEOPLE[0]: "Jörg Müller"}, {})


@pytest.fixture(scope="module")
def pdf(evidence):
    return render(evidence)


def read(data):
    return PdfReader(io.BytesIO(data))


def text_of(reader):
    return re.sub(r"\s+", " ", " ".join(page.extract_text() for page in reader.pages))


def outside(reader):
    """Pieces of text that begin beyond a margin; heads and feet of the page are no body."""
    found = []
    for number, page in enumerate(reader.pages, 1):

        def look(text, cm, tm, *_, number=number):
            x = tm[4] * cm[0] + cm[4]
            y = tm[5] * cm[3] + cm[5]
            furniture = abs(y - 29) < 1 or y > 800
            inside = LEFT - 1 <= x <= RIGHT and y >= BOTTOM - 1
            if text.strip() and not furniture and not inside:
                found.append((number, round(x), round(y), text.strip()[:30]))

        page.extract_text(visitor_text=look)
    return found


def test_the_same_evidence_gives_the_same_bytes(evidence, pdf):
    """Two copies of one report could not be compared by their digest."""
    assert render(evidence) == pdf


def test_the_attachment_is_the_json(evidence, pdf):
    """The figures on paper and the figures for machines could differ."""
    assert read(pdf).attachments["report.json"] == [to_json(evidence)]


def test_every_font_is_embedded(pdf):
    """The report would look different, or be unreadable, on another machine or in ten years."""
    seen = set()
    for page in read(pdf).pages:
        for font in page["/Resources"]["/Font"].values():
            font = font.get_object()
            seen.add(font["/BaseFont"])
            assert "/FontFile2" in font["/FontDescriptor"].get_object()
    assert len(seen) == 4


def test_it_is_tagged_titled_and_navigable(pdf):
    """A reader with a screen reader, or a reader in a hurry, would be lost."""
    reader = read(pdf)
    catalog = reader.trailer["/Root"]
    assert catalog["/Lang"] == "en-GB"
    assert catalog["/MarkInfo"]["/Marked"]
    assert catalog["/StructTreeRoot"]["/K"]
    assert reader.metadata.title.startswith("Oversight report OVR-")
    titles = [item.title for item in reader.outline]
    assert [t.split()[0] for t in titles] == [str(n) for n in range(1, 11)]
    assert b"pdfuaid:part>1<" in catalog["/Metadata"].get_data()


def test_the_pages_say_what_the_evidence_says(evidence, pdf):
    """A figure of the evidence, an exception or a limit would not be printed."""
    text = text_of(read(pdf))
    d, o = evidence.decisions, evidence.oversight
    assert f"{d.total.n:,} decisions: {d.allow.n:,} allowed" in text
    assert f"{o.granted.k} of {o.granted.n}" in text
    for act in evidence.acts:
        assert f"#{act.index:,}" in text
    for row in (*evidence.controls, *evidence.duties):
        assert row.source in text
    for statement in evidence.not_shown:
        assert statement.title in text
    for row in evidence.exceptions:
        for first, _ in row.cite.ranges:
            assert f"#{first:,}" in text
    assert evidence.head.root in text
    assert "python -m audit verify" in text
    assert "\\u" not in text  # our own words hold no character that is printed as its code


def test_nothing_leaves_the_page(pdf):
    """A line of the report would be cut off."""
    assert outside(read(pdf)) == []


def test_an_empty_log_prints_as_such():
    """A workspace without entries would make the report fail, or look fine."""
    log = Log()
    reader = read(render(periodic(log.rows(), log.parameters())))
    text = text_of(reader)
    assert outside(reader) == []
    assert "No decision is recorded in the period." in text
    assert "Not evidenced: 10" in text


def hostile(log, number):
    """Names of the greatest length, in scripts no font has, and with markup in them."""
    names = (
        "Äußerst-lang-" + "x" * 180,
        f"支付代理-{number}-\u202egpj.exe",
        f"<b>&amp;{number}</b>",
    )
    agent = f"{number}-{names[number % 3]}"
    session = log.agent(agent, team="Team<script>" + "y" * 180)
    log.at = max(log.at, START)
    decision = log.decide(
        agent,
        "deny",
        session=session,
        rule="R" * 200,
        certain=False,
        unknown=["args." + "z" * 150] * 8,
        action="a" * 200,
        risk="r" * 200,
        autonomy=None,
    )
    override = {
        "refs": {"decision": decision},
        "roles": ["treasury"],
        "digest": D,
        "lifts": ["p" * 90 + "/" + "q" * 90] * 50,
        "until": "2026-10-02T00:00:00.000000Z",
        "commitments": {"reason": C},
        "complete": True,
        "alone": True,
    }
    log.person("override.granted", PEOPLE[0], override)


def test_hostile_names_neither_break_the_page_nor_become_markup():
    """An agent's name could hide a line of the report, forge one, or make it fail."""
    log = Log()
    for number in range(9):
        hostile(log, number)
    texts = dict.fromkeys(range(len(log.entries)), "Grund <i>über</i> " * 300)
    names = {PEOPLE[0]: "Freiherr " * 40, PEOPLE[1]: "山田太郎"}
    closed = periodic(log.rows(), log.parameters(workspace="W" * 300))
    reader = read(render(opened(closed, names, texts)))
    text = text_of(reader)
    assert outside(reader) == []
    assert "<b>&amp;2</b>" in text
    assert "\\u{202E}" in text
    assert "\u202e" not in text


def test_a_thousand_exceptions_are_all_printed():
    """A long list of exceptions would be cut, or would take minutes."""
    log = Log()
    session = log.agent("payments-1")
    for _ in range(500):
        log.decide("payments-1", "deny", session=session, certain=False, unknown=["args.amount"])
        decision = log.decide("payments-1", "allow", session=session)
        log.outcome(decision, attested=False)
    evidence = periodic(log.rows(), log.parameters())
    reader = read(render(evidence))
    text = text_of(reader)
    assert sum(row.cite.count for row in evidence.exceptions) == 1000
    for row in evidence.exceptions:
        for first, _ in row.cite.ranges:
            assert f"#{first:,}" in text
    assert outside(reader) == []


def test_the_keys_that_signed_are_named_and_a_large_signature_fits():
    """A reader could not tell whose head it is, or an ML-DSA-44 line would fill two pages."""
    log = Log()
    note = log.checkpoint()
    origin = note.split("\n")[0]
    second = cosigner.generate(origin, MLDSA44_COSIGNATURE, lambda: 1)
    signed = countersign(note, second)
    evidence = periodic(log.rows(), log.parameters(checkpoint=signed))
    first = split(note)[1][0].key_id.hex()
    assert evidence.head.keys == (first, second.key_id.hex())
    assert evidence.head.witnesses == ()
    reader = read(render(evidence))
    text = text_of(reader)
    assert outside(reader) == []
    assert f"signed under {first}, {second.key_id.hex()}" in text
    assert "report.json has all of them" in text
    assert signed.encode() in reader.attachments["report.json"][0].replace(b"\\n", b"\n")


def test_the_cover_says_who_holds_which_head_or_that_nobody_does(evidence):
    """A board would take the operator's word for a log that nobody else has ever seen."""
    assert "unanchored: no outside anchor" in text_of(read(render(evidence)))
    rows = (
        AnchorRow("dept", "witness", True, 40, MADE),
        AnchorRow("file", "file", False, 30, MADE),
        AnchorRow("<b>tsa", "timestamp", True, None, None),
    )
    held = Outside(rows, unanchored=False)
    text = text_of(read(render(replace(evidence, head=replace(evidence.head, outside=held)))))
    assert "unanchored" not in text.partition("What this report does not show")[0]
    assert "dept (witness): the first 40 entries" in text
    assert "file (file, on the same disk): the first 30 entries" in text
    lied = replace(held, contradicted=("<i>dept",))
    text = text_of(read(render(replace(evidence, head=replace(evidence.head, outside=lied)))))
    assert "<i>dept showed another log under this name; not settled" in text
