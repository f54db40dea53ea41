"""Warnings: what is said of dates, lists, roles, silent rules and titles, and what is not."""

from __future__ import annotations

from datetime import date, timedelta

import engine_world as world
import pytest

from governance.engine.check import Around, Report, check
from governance.engine.lints import SILENT, SOON
from governance.engine.strangers import Bearers

TODAY = date(2026, 11, 20)


def checked(text: bytes, around: Around | None = None, today: date = TODAY) -> Report:
    """The check of one policy file beside the world's catalogue."""
    files = {world.CATALOGUE_PATH: world.CATALOGUE, "policies/pay.yaml": text}
    return check(files, today, around or Around())


def codes(text: bytes, around: Around | None = None, today: date = TODAY) -> list[str]:
    """The codes that a check of one file gives, without those of its only case."""
    return [each.code for each in checked(text, around, today).findings]


PLAIN = "{action: pay, args.amount: {above: 500 EUR}}"


def titled(title: str, when: str = PLAIN, effect: str = "deny", more: str = "") -> bytes:
    """A file whose only rule has this title."""
    text = world.rule(1, effect, when, more).replace("Rule 1", f'"{title}"')
    return world.file(rules=text)


@pytest.mark.parametrize(
    ("title", "effect", "said"),
    [
        ("Nothing above 500 EUR", "deny", False),
        ("Nothing above 600 EUR", "deny", True),
        ("Nothing above 5 000 EUR", "deny", True),
        ("Art. 14 of the Act, and section 8", "deny", False),
        ("No payments at level 3 or under PAY-007", "deny", False),
        ("Payments above 0.5 thousand EUR", "deny", False),
        ("Within 30 days nothing is paid", "deny", True),
        ("Payments go through", "deny", True),
        ("Payments go through only with a person", "deny", False),
        ("Above 500 EUR the boss decides", "require_approval", False),
        ("Above 500 EUR two people decide", "require_approval", True),
        ("Four eyes above 500 EUR", "require_approval", True),
        ("Up to 500 EUR the boss decides", "require_approval", True),
        ("Never above 500 EUR", "allow", True),
    ],
)
def test_a_title_is_held_against_its_rule(title: str, effect: str, said: bool) -> None:
    """Somebody would sign four eyes and get two; or be told of a contradiction that is none."""
    assert ("title-says-more" in codes(titled(title, effect=effect))) is said


@pytest.mark.parametrize(
    ("title", "said"),
    [("Nothing goes to North Korea", False), ("Nothing goes to Iran", True), ("Nothing there", False)],
)  # fmt: skip
def test_a_country_in_the_title_is_in_the_rule(title: str, said: bool) -> None:
    """A sanctions rule would name Iran and mean another country."""
    found = codes(titled(title, "{action: pay, args.country: {is: KP}}"))
    assert ("title-says-more" in found) is said


def test_a_role_in_the_title_is_asked() -> None:
    """The title would promise the CFO, and the treasurer alone decides."""
    rules = [
        world.rule(1, "require_approval", PLAIN).replace("Rule 1", "The boss and the cfo decide"),
        world.rule(2, "require_approval", "{action: pay, args.amount: {above: 900 EUR}}"),
    ]
    text = world.file(rules="\n".join(rules))
    assert "title-says-more" not in codes(text)  # no file knows a role `cfo`
    text = text.replace(b"1 boss", b"1 cfo", 2).replace(b"1 cfo", b"1 boss", 1)
    assert "title-says-more" in codes(text)


def test_a_limit_counts_the_time_its_title_says() -> None:
    """A limit a day would be a limit an hour."""
    limit = (
        "  - {id: LIM-1, title: At most 250 EUR a day, measure: sum args.amount, of: {action: pay}, "
        "in_last: 24h, at_most: 250 EUR, otherwise: deny, because: test}"
    )
    assert "title-says-more" not in codes(world.file(limits=limit))
    assert "title-says-more" in codes(world.file(limits=limit.replace("24h", "1h")))


@pytest.mark.parametrize(("days", "code"), [(0, True), (30, True), (31, False), (-1, False)])
def test_a_review_is_announced_for_thirty_days(days: int, code: bool) -> None:
    """The first to hear of a review would be whoever needs a release that day."""
    day = TODAY + timedelta(days=days)
    found = codes(world.file().replace(b"2099-01-01", day.isoformat().encode()))
    assert ("review-due" in found) is code
    assert SOON.days == 30


def test_a_list_that_nothing_names_is_unused_and_one_that_is_named_is_not() -> None:
    """Somebody would keep a list of partners up to date that decides nothing."""
    when = "{action: pay, args.country: {one_of: $used}}"
    text = world.file(rules=world.rule(1, "deny", when), more="lists:\n  used: [DE]\n  other: [FR]")
    report = checked(text)
    named = [each for each in report.findings if each.code == "unused-list"]
    assert [each.message for each in named] == ["no rule of `pay` names `$other`"]


def test_roles_that_nobody_holds_are_said_once_with_who_asks() -> None:
    """A rule would ask for somebody who left, and every answer is no."""
    rules = world.rule(1, "require_approval", PLAIN) + "\n" + world.rule(
        2, "deny", "{action: pay, args.country: {is: KP}}", ", may_be_waived_by: [cfo]"
    )  # fmt: skip
    told = checked(world.file(rules=rules), Around(held=frozenset({"cfo"}))).findings
    assert [each.message for each in told if each.code == "role-nobody-holds"] == [
        "nobody has the role `boss`, which pay/R-1 asks for"
    ]
    assert "role-nobody-holds" not in codes(world.file(rules=rules))


def test_a_rule_that_did_not_speak_is_named_unless_it_is_new_or_the_log_is_young() -> None:
    """A dead rule would be kept for a living one; or a rule of yesterday be called dead."""
    rules = "\n".join(world.rule(i, "deny", f"{{action: pay, args.amount: {{above: {i} EUR}}}}")
                      for i in (1, 2, 3, 4))  # fmt: skip
    last = {
        "pay/R-1": None,
        "pay/R-2": TODAY - SILENT,
        "pay/R-3": TODAY - SILENT - timedelta(days=1),
    }
    old = Around(last=last, since=TODAY - SILENT)
    told = checked(world.file(rules=rules), old).findings
    assert [each.message.split("`")[1] for each in told if each.code == "not-fired"] == [
        "R-1",
        "R-3",
    ]
    young = Around(last=last, since=TODAY - SILENT + timedelta(days=1))
    assert "not-fired" not in codes(world.file(rules=rules), young)


CASES = (
    "cases: {{columns: [name, action, args.amount, args.country{more}, expect{by}], rows: [{row}]}}"
)


def with_case(row: str, more: str = "", by: str = "") -> bytes:
    """A file with an allow, a deny and one case."""
    rules = "\n".join([
        world.rule(1, "allow", "{action: pay, args.amount: {at_most: 9 EUR}, args.country: {is: DE}}"),
        world.rule(2, "deny", "{action: pay, args.channel: {is: swift}, args.urgent: {is: true}}"),
    ])  # fmt: skip
    text = world.file(rules=rules).decode()
    begin = text.index("cases:")
    end = text.index("\n", begin)
    return (text[:begin] + CASES.format(row=row, more=more, by=by) + text[end:]).encode()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (with_case("[far, pay, 10 EUR, FR, deny]"), "case-proves-nothing"),
        (with_case("[far, pay, 10 EUR, FR, deny, default]", by=", by"), None),
        (with_case("[near, pay, 10 EUR, DE, deny]"), None),
        (with_case("[near, pay, 5 EUR, FR, deny]"), None),
        (with_case("[doubt, pay, 5 EUR, DE, swift, deny, R-2]", ", args.channel", ", by"),
         "case-by-doubt"),
        (with_case("[said, pay, 5 EUR, DE, swift, ~, deny, R-2]", ", args.channel, args.urgent",
                   ", by"), None),
        (with_case("[a, pay, 5 EUR, DE, allow], [b, pay, 5 EUR, DE, allow]"), "case-twice"),
        (with_case("[a, pay, 5 EUR, DE, x, deny, default]", ", args.chanel", ", by"), "odd-column"),
    ],
)  # fmt: skip
def test_a_case_that_shows_nothing_is_named_and_no_other(text: bytes, code: str | None) -> None:
    """A green table would hide that a rule is not tested."""
    assert codes(text) == ([] if code is None else [code])


@pytest.mark.parametrize(
    ("word", "meant"),
    [("no", "nobody"), ("none", "nobody"), ("niemand", "nobody"), ("nobdy", "nobody"),
     ("exeption", "exception"), ("[boss, nobdoy]", "nobody"),
     ("nobody", ""), ("boss", ""), ("[boss, child]", "")],
)  # fmt: skip
def test_nobody_in_other_words_is_no_role(word: str, meant: str) -> None:
    """Whoever is given a role `no` one day could lift what nobody may."""
    text = world.file(world.rule(1, "deny", PLAIN, f", may_be_waived_by: {word}"))
    found = [each for each in checked(text).findings if each.code == "not-allowed"]
    assert [each.hint for each in found] == ([f"did you mean `{meant}`?"] if meant else [])
    world.release(text)  # a release out of the log still loads


@pytest.mark.parametrize(
    ("role", "held", "said"),
    [
        ("treasurrer", frozenset({"treasurer"}), True),
        ("treasurer", frozenset({"treasurer"}), False),
        ("archivist", frozenset({"treasurer"}), False),
        ("treasurrer", None, False),
        ("treasurrer", frozenset({"treasurer", "treasurrer"}), False),
    ],
)
def test_a_role_one_letter_wrong_is_named(
    role: str, held: frozenset[str] | None, said: bool
) -> None:
    """Nobody would ever be able to agree, and the rule would read as if somebody could."""
    text = world.file(world.rule(1, "deny", PLAIN, f", may_be_waived_by: [{role}]"))
    assert ("misspelt-role" in codes(text, Around(held=held))) is said


THERE = Bearers(frozenset({"travel-1"}), frozenset({"sales"}), frozenset({"travel"}))


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("agent.labels: {contains_any: [travle]}", "did you mean `travel`?"),
        ("agent.labels: {contains_any: [travel]}", ""),
        ("agent.id: {is: travel-9}", "did you mean `travel-1`?"),
        ("agent.team: {one_of: [sales, law]}", "give it to an agent, or take it out"),
        ("agent.owner: {is: p-nobody}", ""),
    ],
)
def test_what_no_agent_is_or_has_is_named(when: str, said: str) -> None:
    """A deny for a misspelt label binds nobody, and everything would look as it should."""
    text = world.file(world.rule(1, "deny", f"{{action: pay, {when}}}"))
    hints = [
        e.hint for e in checked(text, Around(bearers=THERE)).findings if e.code == "nobody-has"
    ]
    assert hints == ([said] if said else [])
    assert "nobody-has" not in codes(text)


@pytest.mark.parametrize(
    ("title", "after"),
    [
        ("Fraud pattern #7 says so", '"Fraud pattern #7 says so"'),
        ("Fraud pattern # a remark", ""),
        ("Fraud pattern#7", ""),
        ('"Fraud pattern #7"', ""),
    ],
)
def test_a_text_that_ends_at_a_hash_is_named(title: str, after: str) -> None:
    """The reason of a rule would lose its end, in every report and for ever."""
    text = world.file().replace(b"title: A test", f"title: {title}".encode())
    found = [each for each in checked(text).findings if each.code == "text-cut-off"]
    assert [each.fix.text for each in found if each.fix and each.fix.safe] == (
        [after] if after else []
    )


@pytest.mark.parametrize(
    ("title", "said"),
    [
        ('"Refused is \\u202eyreve\\u202c payment"', "U+202E"),
        ('"Refused \\e[2J payment"', "U+001B"),
        ("Refused\u200b payment", "U+200B"),
        ("A test  # nothing \u2066allowed\u2069 here", "U+2066"),
        ("नियम क्\u200dष", ""),
        ("Zahlungen über 500\u00a0EUR", ""),
        ('"Two lines\\n of it"', ""),
    ],
)
def test_what_stands_in_a_file_and_is_not_seen_is_named(title: str, said: str) -> None:
    """A signer would read a rule's title, or a comment, the other way round, and sign another one."""
    text = world.file().replace(b"title: A test", f"title: {title}".encode())
    found = [each for each in checked(text).findings if each.code == "unseen-character"]
    assert [(each.line, said in each.message) for each in found] == ([(2, True)] if said else [])


def test_what_an_import_left_open_is_named() -> None:
    """Thirty guesses of a program would be released as decisions of a person."""
    open_ = world.CATALOGUE.replace(b"risk: low", b"risk: low  # decide").replace(
        b"owner: test@corp.example", b"owner: name-an-owner"
    )
    files = {world.CATALOGUE_PATH: open_, "policies/pay.yaml": world.file()}
    said = [e.message for e in check(files, TODAY).findings if e.code == "undecided"]
    assert len(said) == 2
    assert any("lines still say `# decide`" in each for each in said)
    assert any("`name-an-owner` is nobody" in each for each in said)


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("{action: pay, args.path: {under: ['/etc/*']}}", True),
        ("{action: pay, args.path: {not_under: ['workspace:/**']}}", True),
        ("{action: pay, args.path: {under: ['/etc']}}", False),
        ("{action: pay, args.path: {name_like: ['*.py']}}", False),
        ("{action: pay, args.path: {name_like: ['*.{py,js}']}}", True),
        ("{action: pay, any: [{args.note: {name_like: ['hel[lo]*']}}]}", True),
        ("{action: pay, not: {args.note: {is: 'refund*'}}}", True),
        ("{action: pay, args.note: {is: 'why?'}}", False),
    ],
)
def test_a_star_that_stands_for_itself_is_told(when: str, said: bool) -> None:
    """A rule about `/etc/*` would be read as one about everything in there, and never match."""
    found = codes(world.file(world.rule(1, "deny", when)))
    assert ("literal-wildcard" in found) is said, found
