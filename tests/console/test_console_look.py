"""What holds for every template, style sheet and value: no script, readable colours, inert text."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest
from markupsafe import Markup
from paper_views import START

from governance.service.anchors import SAME_DISK, UNANCHORED, Conflict, Known, Quorum
from governance.service.anchors import Outside as Found
from governance.web.console import explaining, saying, stating
from governance.web.console.decision_views import Holds
from governance.web.console.outside import Outside, told
from governance.web.console.pages import STATIC, TEMPLATES
from governance.web.console.present import Clockface, inert, left, minutes_up, number, ticks
from governance.web.console.stating import worth_showing
from governance.web.console.views import Source, Verdict, VerdictKind

# -- the house of templates ------------------------------------------------------------------------


def test_templates_hold_no_script_no_style_and_no_unescaped_value():
    """If this failed, the strict policy would break a page, or a value would become markup."""
    for path in [*TEMPLATES.glob("*.html")]:
        source = path.read_text()
        for forbidden in (
            "<script",
            "<style",
            " style=",
            "|safe",
            "autoescape false",
            "javascript:",
            "http://",
            "https://",
        ):
            assert forbidden not in source, f"{path.name}: {forbidden}"
        assert not re.search(r"\son\w+=", source), path.name


def test_style_sheets_load_nothing_from_elsewhere():
    """If this failed, opening the console would tell somebody else about it."""
    for name in ("tokens.css", "console.css"):
        source = (STATIC / name).read_text()
        assert "url(" not in source
        assert "@import" not in source


def test_colours_come_from_tokens_alone():
    """If this failed, a colour would not change with the dark theme and could not be read."""
    source = (STATIC / "console.css").read_text()
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b", source) in ([], ["#fff"])


def test_every_class_and_colour_of_the_style_sheets_is_on_some_page():
    """If this failed, whoever changes a page would keep styles in step that nobody sees."""
    sheet = (STATIC / "console.css").read_text()
    rules = re.sub(r"/\*.*?\*/|\{[^{}]*\}", "", sheet, flags=re.S)
    named = {*get_args(VerdictKind), *get_args(Source), *get_args(Holds), "new", "gone"}
    pages = "".join(path.read_text() for path in TEMPLATES.glob("*.html"))
    for found in re.findall(r'class="([^"]*)"', pages):
        named |= set(re.findall(r"[\w-]+", found))
    for found in re.findall(r'icon\("\w+", "([^"]*)"', pages):
        named |= set(found.split())
    assert sorted(set(re.findall(r"\.([A-Za-z][\w-]*)", rules)) - named) == []
    tokens = (STATIC / "tokens.css").read_text()
    made = set(re.findall(r"(--[\w-]+):", tokens))
    assert made == set(re.findall(r"var\((--[\w-]+)", tokens + sheet))


# -- how values are written ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ("plain", "plain"),
        ("Grüße, 東京, שלום", "Grüße, 東京, שלום"),
        ("two\nlines\tand tab", "two\nlines\tand tab"),
        ("a\u202eb", "a[U+202E]b"),
        ("a\u2066b\u2069", "a[U+2066]b[U+2069]"),
        ("zero\u200bwidth", "zero[U+200B]width"),
        ("bell\x07", "bell[U+0007]"),
        ("\ud800", "[U+D800]"),
        ("\ufeff", "[U+FEFF]"),
        ("tag\U000e0041", "tag[U+E0041]"),
        ("e" + "\u0301" * 40, "e" + "\u0301" * 4),
        (None, ""),
        (7, 7),
    ],
)
def test_unseen_characters_are_written_as_numbers(raw, said):
    """If this failed, a text could read one way and be another."""
    assert inert(raw) == said


def test_markup_of_ours_is_left_alone():
    """If this failed, every time on a page would show its tags."""
    markup = Markup("<time>x</time>")
    assert inert(markup) is markup


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "0"),
        (9999, "9999"),
        (10_000, "10\u202f000"),
        (48211, "48\u202f211"),
        (-1_234_567, "-1\u202f234\u202f567"),
    ],
)
def test_large_numbers_are_grouped(value, said):
    """If this failed, an entry's number could be misread by a digit."""
    assert number(value) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-1, "none"),
        (0, "none"),
        (59, "59 s"),
        (60, "1 min"),
        (5_880, "1 h 38 min"),
        (7_200, "2 h"),
        (86_400, "1 day"),
        (280_800, "3 days 6 h"),
    ],
)
def test_time_left_is_said_in_words(seconds, said):
    """If this failed, a person would misjudge how long there is."""
    assert left(START + timedelta(seconds=seconds), START).replace("\xa0", " ") == said


def test_a_wait_is_rounded_up():
    """If this failed, waiting as long as told would end in another wait."""
    assert minutes_up(timedelta(seconds=1.2)) == "2 seconds"
    assert minutes_up(timedelta(seconds=121)) == "3 minutes"


def test_zones_without_a_name_are_written_as_offsets():
    """If this failed, "+03" would stand where a zone is expected."""
    clock = Clockface(ZoneInfo("America/Sao_Paulo"))
    assert "UTC-03:00" in clock.minute(datetime(2026, 11, 20, 12, tzinfo=UTC))
    half = Clockface(timezone(timedelta(hours=5, minutes=30)))
    assert "UTC+05:30" in half.minute(datetime(2026, 11, 20, 12, tzinfo=UTC))


# -- colours ---------------------------------------------------------------------------------------

TEXT = (
    *((ink, ground) for ink in ("ink", "ink-soft") for ground in ("ground", "surface", "sunken")),
    *((f"{name}", f"{name}-wash") for name in ("allow", "deny", "ask", "unknown", "claim")),
    *(("ink", f"{name}-wash") for name in ("deny", "ask", "claim", "accent")),
    *(("ink-soft", f"{name}-wash") for name in ("ask", "claim")),
    *(("accent", ground) for ground in ("ground", "surface", "sunken")),
    ("on-accent", "accent"),
    ("on-accent", "accent-strong"),
    ("stop", "surface"),
    ("on-stop", "stop"),
    ("deny", "surface"),
    ("ask", "ground"),
    ("unknown", "surface"),
)
BORDERS = (("edge", "surface"), ("edge", "ground"), ("focus", "surface"), ("focus", "ground"))


def tokens():
    """The colours of both themes by name."""
    light, dark = (STATIC / "tokens.css").read_text().split("@media", 1)
    found = [dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]{6})", part)) for part in (light, dark)]
    return {"light": found[0], "dark": {**found[0], **found[1]}}


def contrast(one, two):
    """Contrast ratio of two colours, WCAG 2.2 (relative luminance)."""

    def luminance(colour):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    bright, dim = sorted((luminance(one), luminance(two)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_pair_of_colours_can_be_read(theme):
    """If this failed, somebody with weaker eyes could not read what they answer for."""
    colours = tokens()[theme]
    low = [
        (ink, ground, round(contrast(colours[ink], colours[ground]), 2))
        for pairs, least in ((TEXT, 4.5), (BORDERS, 3.0))
        for ink, ground in pairs
        if contrast(colours[ink], colours[ground]) < least
    ]
    assert low == []


# -- what is known of the head outside -------------------------------------------------------------


def known(**changes: Any) -> Known:
    """A witness that confirmed 48 208 entries two minutes ago."""
    usual: dict[str, Any] = {
        "name": "dept",
        "kind": "witness",
        "target": "https://witness.example",
        "apart": True,
        "size": 48208,
        "at": START,
        "late": timedelta(0),
        "error": "",
        "tried_at": START,
        "conflict": None,
    }
    return Known(**{**usual, **changes})


def seen(*anchors: Known, kept: str = "anchored", quorum: Quorum | None = None) -> Outside:
    """What pages say of these anchors, two minutes later."""
    return told(Found(50_000, kept, 0, None, anchors, quorum), START + timedelta(minutes=2))


def test_a_copy_on_the_same_disk_is_called_that():
    """If this failed, a file beside the log would be called evidence from outside."""
    beside = seen(known(name="file", kind="file", apart=False), kept=SAME_DISK)
    assert not beside.is_fresh
    assert not beside.covers(0)
    assert beside.kept == "copied to a file on the same disk"
    assert "rewrite the copy" in beside.said
    assert beside.anchors[0].said == "On the same disk as the log."


def test_a_head_without_an_anchor_is_unanchored():
    """If this failed, a page would promise what nobody outside could confirm."""
    nobody = seen(kept=UNANCHORED)
    assert not nobody.is_fresh
    assert not nobody.covers(0)
    assert nobody.kept == "unanchored"
    assert "rewrite" in nobody.said


def test_a_confirmed_head_counts_as_far_as_it_reaches():
    """If this failed, an entry made after the last confirmed head would be called safe."""
    found = seen(known(), known(name="tsa", kind="timestamp", size=40_000))
    assert found.is_fresh
    assert found.covers(48207)
    assert not found.covers(48208)
    assert "dept, a witness, confirmed 2\xa0min ago" in found.said


def test_anchors_that_fell_behind_do_not_count():
    """If this failed, a mail server that died last week would still look like protection."""
    found = seen(known(error="`mail` cannot be reached"), kept=UNANCHORED)
    assert not found.is_fresh
    assert "could still be rewritten" in found.said
    assert found.anchors[0].state.word == "Not reached"
    assert found.covers(48207)


def test_an_anchor_that_never_confirmed_is_not_claimed():
    """If this failed, a page would break, or count an anchor that holds nothing."""
    found = seen(known(size=None, at=None), kept=UNANCHORED)
    assert found.size == 0
    assert not found.is_fresh
    assert "No anchor has confirmed" in found.said
    assert found.anchors[0].state.word == "Nothing yet"


def test_an_anchor_that_contradicts_the_log_is_said_so():
    """If this failed, the strongest sign of a rewrite would be shown as one more anchor."""
    found = seen(known(conflict=Conflict(90, 100, 120, "ab" * 32, None)))
    assert found.anchors[0].state == Verdict("deny", "Contradicts the log")
    assert "entry 90" in found.anchors[0].said


def test_a_quorum_is_explained():
    """If this failed, nobody could tell which witness is missing."""
    found = seen(known(), quorum=Quorum(False, 48208, ("`all` is not met: 1 of 2, 2 wanted",)))
    assert found.quorum.startswith("The quorum of the trust policy is not met at 48\u202f208")
    assert "1 of 2" in found.quorum


# -- recorded values in words ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "kind", "said"),
    [
        ("18400.00 EUR", "money", "18\u202f400.00 EUR"),
        ("-1234567.5 EUR", "money", "-1\u202f234\u202f567.5 EUR"),
        ("999.00 EUR", "money", "999.00 EUR"),
        ("2548.54 EUR", "money", "2\u202f548.54 EUR"),
        ("0012345.0 EUR", "money", "0\u202f012\u202f345.0 EUR"),
        ("0012345", "text", "0012345"),
        (
            "12345678901234567890",
            "integer",
            "12\u202f345\u202f678\u202f901\u202f234\u202f567\u202f890",
        ),
        ("NO9386011117947", "iban", "NO93 8601 1117 947"),
        (None, "text", "erased"),
        ("", "text", "(empty)"),
        (True, "boolean", "yes"),
        (["a", "b"], "text", "a, b"),
        ([], "text", "none"),
        (
            {"spoiled": "wrong_unit", "given": "12 USD"},
            "money",
            "12 USD — cannot be read (wrong unit)",
        ),
        ({"number": "1e400"}, "", "1e400"),
    ],
)
def test_values_keep_every_digit_and_say_what_is_gone(given, kind, said):
    """If this failed, an approver would read another amount than the one they answer for."""
    assert saying.value(given, kind) == said


@pytest.mark.parametrize(
    ("type_", "id_", "shown"),
    [
        ("tool", "Bash", 0),
        ("action", "payment.create", 0),
        (None, "payment.create", 0),
        ("account", "acct-7", 2),
    ],
)
def test_a_resource_that_only_repeats_the_action_is_left_out(type_, id_, shown):
    """If this failed, what matters would stand between rows that say nothing."""
    given = [
        {"field": "args.amount", "value": "1 EUR"},
        {"field": "resource.type", "value": type_},
        {"field": "resource.id", "value": id_},
    ]
    assert len(worth_showing(given, "payment.create")) == 1 + shown


def test_a_long_value_says_how_much_was_cut():
    """If this failed, the dangerous half of a command could be hidden behind its length."""
    said = saying.value("x" * 9_000, "text")
    assert said.endswith("(9000 characters in all)")
    assert len(said) < 4_100


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rule `a/b` decided", "rule <code>a/b</code> decided"),
        ("one ` only", "one ` only"),
        ("`<script>`", "<code>&lt;script&gt;</code>"),
        ("a\u202eb `c\u202ed`", "a[U+202E]b <code>c[U+202E]d</code>"),
        ("", ""),
    ],
)
def test_backticks_become_code_and_nothing_else_becomes_markup(text, said):
    """If this failed, a sentence that quotes an agent could carry its markup onto the page."""
    assert ticks(text) == said


def test_values_are_said_as_people_say_them():
    """If this failed, a page would say 3888000s of an order that is 45 days old."""
    assert saying.value("3888000s", "duration") == "45 days"
    assert saying.value("3888000s", "text") == "3888000s"
    assert saying.label("args.iban") == "IBAN"


def test_a_total_is_said_with_its_unit():
    """If this failed, "in all 543.65" would leave an approver to guess of what."""
    clock = Clockface(UTC)
    held = stating._window(clock, None, "2543.65", 37, False, "EUR")
    assert held == "37 times ever, in all 2\u202f543.65 EUR"
    assert stating._window(clock, None, "37", 37, False, "") == "37 times ever"


def test_what_would_be_enough_is_not_said_twice():
    """If this failed, a reader would look for the difference between two equal sentences."""
    told = {"nearest": ["a", "b"], "enough": ["b", "c"]}
    assert explaining._others(told) == ("c",)
