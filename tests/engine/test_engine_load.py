"""Bad policy files: each is refused with file, line and column, quickly, and all findings at once."""

from __future__ import annotations

import time
from datetime import date

import engine_world as world
import pytest

from governance.engine.compile import compile_release
from governance.engine.model import LoadFinding, PolicyErrors

GOOD = """policy: pay
title: What payment agents may do
owner: risk@corp.example
review_by: 2027-05-31
governs: [pay]
applies_to: {agents: all}
mode: enforce
default: deny
lists:
  known: [DE89370400440532013000]
  safe: {from: erp/safe, max_age: 24h}
rules:
  - id: PAY-001
    title: Small payments go through
    effect: allow
    when: {action: pay, args.amount: {at_most: 500 EUR}, args.iban: {one_of: $known}}
    because: the loss is capped
    severity: low
  - id: PAY-002
    title: Never there
    effect: deny
    when:
      action: pay
      args.country: {one_of: [KP, NO]}
    because: sanctions
    severity: critical
limits:
  - id: LIM-1
    title: So much a day
    measure: sum args.amount
    of: {action: pay}
    per: [args.iban]
    in_last: 24h
    at_most: 2000 EUR
    otherwise: deny
    because: caps the loss
cases:
  columns: [name, args.amount, args.iban, args.country, expect, by]
  always: {action: pay, args.urgent: false}
  rows:
    - [small, 1 EUR, DE89370400440532013000, DE, allow, PAY-001]
    - [no country, 1 EUR, DE89370400440532013000, , deny, PAY-002]
"""
SAFE = b"""list: erp/safe
as_of: 2026-11-20T08:00:00Z
type: iban
members: [DE89370400440532013000]
"""


def errors(text: str, at: date | None = date(2026, 11, 20)) -> list[LoadFinding]:
    """The findings for one policy file beside the world's catalogue."""
    return errors_of({"policies/pay.yaml": text.encode()}, at)


def errors_of(files: dict[str, bytes], at: date | None = None) -> list[LoadFinding]:
    files = {world.CATALOGUE_PATH: world.CATALOGUE, "policies/lists/erp/safe.yaml": SAFE, **files}
    try:
        compile_release(files, at=at)
    except PolicyErrors as error:
        return list(error.findings)
    return []


def test_the_good_file_is_good() -> None:
    """Every test below would find a fault that is not the one it planted."""
    assert errors(GOOD) == []


# what is replaced, by what, the code found, its line, what stands there, words of the finding
BAD: list[tuple[str, str, str, int, str, str]] = [
    ("max_age: 24h", "max_rage: 24h", "unknown-key", 11, "max_rage: 24h", "did you mean `max_age`"),
    ("{from: erp/safe,", "{from: erp/saef,", "unknown-list", 11, "erp/saef", "did you mean"),
    ("severity: low", "severty: low", "unknown-key", 18, "severty: low", "did you mean `severity`"),
    ("severity: low", "severity: lowish", "not-allowed", 18, "lowish", "did you mean `low`"),
    (
        "title: So much",
        "tilte: So much",
        "unknown-key",
        29,
        "tilte: So much",
        "did you mean `title`",
    ),
    (
        "at_most: 500 EUR",
        "at_mots: 500 EUR",
        "unknown-operator",
        16,
        "at_mots: 500 E",
        "did you mean `at_most`",
    ),
    (
        "args.amount: {at",
        "args.amout: {at",
        "unknown-field",
        16,
        "args.amout: {a",
        "did you mean `args.amount`",
    ),
    (
        "action: pay, args",
        "action: pya, args",
        "unknown-action",
        16,
        "pya, args.amou",
        "did you mean `pay`",
    ),
    ("governs: [pay]", "governs: [payy]", "unknown-action", 5, "payy]", "did you mean `pay`"),
    (
        "effect: deny\n",
        "effect: deny\n    effect: allow\n",
        "duplicate-key",
        22,
        "effect: allow",
        "already",
    ),
    ("id: PAY-002", "id: PAY-001", "duplicate-id", 19, "PAY-001", "used twice"),
    ("id: LIM-1", "id: PAY-001", "duplicate-id", 28, "PAY-001", "used twice"),
    ("500 EUR", "500 km", "wrong-unit", 16, "500 km}, args.", "an amount with its currency"),
    ("500 EUR", "500", "wrong-unit", 16, "500}, args.iba", "the currency is missing"),
    ("500 EUR", "500.001 EUR", "outside-domain", 16, "500.001 EUR},", "fewer decimals"),
    ("at_most: 2000 EUR", "at_most: 2000", "wrong-unit", 34, "2000", "2000 EUR"),
    (
        "at_most: 500 EUR",
        "below: 0 EUR",
        "never-matches",
        16,
        "args.amount: {",
        "no value that fits",
    ),
    (
        "at_most: 500 EUR",
        "above: 9 EUR, below: 9 EUR",
        "never-matches",
        16,
        "args.amount: {",
        "no value",
    ),
    ("at_most: 500 EUR", "under: [/etc]", "operator-does-not-fit", 16, "under: [/etc]}", "at_most"),
    (
        "at_most: 500 EUR",
        "one_of: []",
        "wrong-constant",
        16,
        "[]}, args.iban",
        "at least one value",
    ),
    ("[KP, NO]", "[KP, North]", "outside-domain", 24, "North]}", "can never have"),
    ("[KP, NO]", "$banned", "unknown-list", 24, "$banned}", "not a list of this file"),
    ("{one_of: [KP, NO]}", "KP", "wrong-shape", 24, "KP", "needs an operator"),
    ("one_of: $known", "is: $known", "wrong-constant", 16, "$known}}", "does not take a list"),
    ("      action: pay\n", "\taction: pay\n", "tab", 23, "\taction: pay", "spaces"),
    ("title: Never there", "title: Never: there", "not-yaml", 20, ": there", "quote a text"),
    ("    because: sanctions\n", "", "missing-key", 19, "id: PAY-002", "`because` is missing"),
    ("owner: risk@corp.example\n", "", "missing-key", 1, "policy: pay", "`owner` is missing"),
    (
        "effect: deny",
        "effect: require_approval",
        "missing-key",
        19,
        "id: PAY-002",
        "`approval` is missing",
    ),
    ("mode: enforce", "mode: canary", "not-allowed", 7, "canary", "possible: draft"),
    ("mode: enforce", "mode: observe", "missing-key", 7, "observe", "a person and an end"),
    ("default: deny", "default: allow", "not-allowed", 8, "allow", "deny"),
    (
        "review_by: 2027-05-31",
        "review_by: 2026-05-31",
        "review-overdue",
        4,
        "2026-05-31",
        "was due",
    ),
    ("review_by: 2027-05-31", "review_by: 2027-02-31", "wrong-form", 4, "2027-02-31", "not a date"),
    (
        "mode: enforce",
        "mode: enforce\nextends: [org]",
        "unknown-parent",
        8,
        "org]",
        "there is no policy `org`",
    ),
    (
        "mode: enforce",
        "mode: enforce\nmarks: []",
        "not-enforced",
        8,
        "marks: []",
        "remove it",
    ),
    (
        "severity: low",
        "severity: low\n    approval: {needs: [1 a], answer_within: 1h}",
        "does-not-apply",
        19,
        "approval: {nee",
        "does nothing",
    ),
    (
        "severity: low",
        "severity: low\n    may_be_waived_by: [boss]",
        "does-not-apply",
        19,
        "may_be_waived_",
        "deny",
    ),
    (
        "severity: low",
        "severity: low\n    trust_claim: why",
        "does-not-apply",
        19,
        "trust_claim: w",
        "no claim",
    ),
    (
        "args.country: {one_of: [KP, NO]}",
        "resource.owner: {is: anna}",
        "claim-not-trusted",
        19,
        "id: PAY-002",
        "trust_claim",
    ),
    (
        "args.country: {one_of: [KP, NO]}",
        "history: {did: never, same: args.iban, in_last: 1h, by: any_agent}",
        "unknown-field",
        24,
        "args.iban, in_",
        "`never` has no `args.iban`",
    ),
    (
        "args.country: {one_of: [KP, NO]}",
        "history: {did: never, in_last: 1h, by: any_agent}",
        "never-fed",
        24,
        "never, in_last",
        "never allowed",
    ),
    (
        "args.country: {one_of: [KP, NO]}",
        "history: {did: pay, in_last: 1h, by: anyone}",
        "not-allowed",
        24,
        "anyone}",
        "this_agent",
    ),
    (
        "args.country: {one_of: [KP, NO]}",
        "history: {did: pay, same: args.note, by: any_agent}",
        "not-a-key",
        24,
        "args.note, by:",
        "private",
    ),
    (
        "      action: pay\n",
        "      not: {args.weight: {above: 5 kg}}\n",
        "not-inapplicable",
        23,
        "args.weight: {",
        "would always hold",
    ),
    (
        "args.country: {one_of: [KP, NO]}",
        "args.weight: {above: 5 lb}",
        "wrong-unit",
        24,
        "5 lb}",
        "kg",
    ),
    (
        "args.country: {one_of: [KP, NO]}",
        "args.weight: {above: 5}",
        "wrong-unit",
        24,
        "5}",
        "12 kg",
    ),
    (
        "args.country: {one_of: [KP, NO]}",
        "tool.labels: {contains_any: [money]}",
        "unknown-label",
        24,
        "money]}",
        "moves_money",
    ),
    (
        "measure: sum args.amount",
        "measure: sum args.country",
        "operator-does-not-fit",
        30,
        "sum args.count",
        "cannot be summed",
    ),
    (
        "measure: sum args.amount",
        "measure: sum args.weight",
        "optional-sum",
        30,
        "sum args.weigh",
        "left out",
    ),
    ("per: [args.iban]", "per: [args.to]", "not-a-key", 32, "args.to]", "a list"),
    (
        "in_last: 24h",
        "calendar_day: Europe/Atlantis",
        "unknown-time-zone",
        33,
        "Europe/Atlanti",
        "time zone",
    ),
    (
        "in_last: 24h",
        "in_last: 24h\n    calendar_day: UTC",
        "missing-key",
        28,
        "id: LIM-1",
        "either",
    ),
    ("expect, by]", "expects, by]", "unknown-column", 38, "expects, by]", "did you mean `expect`"),
    ("DE, allow, PAY-001]", "DE, allow]", "wrong-size", 41, "[small, 1 EUR,", "5 cells"),
    ("DE, allow,", "DE, alow,", "not-allowed", 41, "alow, PAY-001]", "did you mean `allow`"),
    ("{from: erp/safe,", "{from: erp/saef,", "unknown-list", 11, "erp/saef, max_", "did you mean"),
    (
        "[DE89370400440532013000]",
        "[DE88370400440532013000]",
        "wrong-constant",
        10,
        "DE883704004405",
        "iban",
    ),
    (
        "owner: risk@corp.example",
        "owner: !!python/name:os.system ''",
        "tag",
        3,
        "!!python/name:",
        "not allowed",
    ),
    (
        "action: pay, args",
        "action: mail, args",
        "not-governed",
        16,
        "mail, args.amo",
        "add it to `governs`",
    ),
    (
        "{agents: all}",
        "{agents: {labls: {is: x}}}",
        "unknown-field",
        6,
        "labls: {is: x}",
        "agent.labels",
    ),
    (
        "mode: enforce",
        "mode: observe\nobserve: {by: a, from: 2026-11-01, until: 2026-12-24}",
        "observes-too-long",
        8,
        "2026-12-24}",
        "30 days",
    ),
    (
        "mode: enforce",
        "mode: observe\nobserve: {by: a, from: 2026-11-01, until: 2026-11-10}",
        "observing-ended",
        8,
        "2026-11-10}",
        "ended",
    ),
]


@pytest.mark.parametrize(("old", "new", "code", "line", "points_at", "says"), BAD)
def test_each_fault_is_found_where_it_is(
    old: str, new: str, code: str, line: int, points_at: str, says: str
) -> None:
    """A risk team would search for a mistake that the machine already knows, or never learn of it."""
    at = GOOD.rindex(old) if old == "id: LIM-1" else GOOD.index(old)
    text = GOOD[:at] + new + GOOD[at + len(old) :]
    if "{from: erp/safe," in old or "DE88" in new:
        text = text.replace("one_of: $known", "one_of: [$known, $safe]")
    found = [item for item in errors(text) if (item.code, item.line) == (code, line)]
    assert found, [str(item) for item in errors(text)]
    item = found[0]
    assert text.splitlines()[line - 1][item.column - 1 :].startswith(points_at), str(item)
    assert says in f"{item.message} {item.hint}", str(item)
    assert str(item).startswith(f"policies/pay.yaml:{line}:{item.column}: {code}: ")


def test_all_findings_come_at_once_and_in_order() -> None:
    """A file with ten mistakes would take ten rounds."""
    text = GOOD.replace("500 EUR", "500").replace("[KP, NO]", "[XX]").replace("24h\n", "1 day\n")
    found = errors(text)
    assert {item.code for item in found} >= {"wrong-form"}
    text = (
        GOOD.replace("500 EUR", "500")
        .replace("[KP, NO]", "[XX]")
        .replace("per: [args", "per: [arg")
    )
    found = errors(text)
    assert [item.line for item in found] == sorted(item.line for item in found)
    assert {item.code for item in found} == {"wrong-unit", "outside-domain", "unknown-field"}


def test_what_lapses_is_found_by_a_check_and_never_stops_a_restart() -> None:
    """A service would not come up again because a review is a day late."""
    late = GOOD.replace("2027-05-31", "2026-05-31")
    assert [item.code for item in errors(late)] == ["review-overdue"]
    assert errors(late, at=None) == []


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("ten megabytes", b"policy: x\n" + b"# filler\n" * 1_200_000, "too-large"),
        ("alias bomb", b"a: &a [x, x, x, x, x, x, x, x, x]\n" + b"".join(
            b"%c: &%c [%s]\n" % (98 + i, 98 + i, b", ".join([b"*%c" % (97 + i)] * 9))
            for i in range(20)), "alias-bomb"),
        ("alias loop", b"a: &a [*a]\n", "alias-loop"),
        ("deep brackets", b"a: " + b"[" * 100_000, "too-deep"),
        ("deep dashes", b"- " * 100_000 + b"x", "too-deep"),
        ("deep indentation", b"".join(b" " * i + b"a:\n" for i in range(400)), "too-deep"),
        ("not text", b"policy: \xff\xfe", "not-utf8"),
        ("control character", b"policy: a\x07b", "not-yaml"),
        ("two documents", b"policy: a\n---\npolicy: b\n", "two-documents"),
        ("nothing", b"", "empty"),
        ("a list", b"- policy\n", "wrong-shape"),
        ("a merge key", b"a: &x {b: 1}\nc: {<<: *x}\n", "merge-key"),
        ("a key that is a list", b"? [a]\n: b\n", "odd-key"),
        ("open quote", b"policy: 'abc\ntitle: x\n", "not-yaml"),
    ],
)  # fmt: skip
def test_a_hostile_file_is_refused_quickly(name: str, data: bytes, code: str) -> None:
    """A single upload could keep the service busy or run it out of memory."""
    begin = time.perf_counter()
    found = errors_of({"policies/x.yaml": data})
    assert time.perf_counter() - begin < 1
    assert code in {item.code for item in found}, [str(item) for item in found][:5]
    assert all(item.line >= 1 and item.column >= 1 for item in found)


def test_yaml_means_what_a_person_reads() -> None:
    """`NO` would be false instead of Norway, and 12:30 a number of seconds."""
    text = GOOD.replace("title: Never there", "title: 12:30")
    assert errors(text) == []
    assert errors(GOOD.replace("args.urgent: false", "args.urgent: no")) == []
    found = errors(GOOD.replace("severity: low", "severity: low\n    attested_only: yes"))
    assert "wrong-shape" in {item.code for item in found}


def test_files_are_checked_against_each_other() -> None:
    """Two teams could both own a policy, an action or a list, and the last file would win."""
    again = GOOD.encode()
    codes = {item.code for item in errors_of({"policies/a.yaml": again, "policies/b.yaml": again})}
    assert codes == {"duplicate-policy"}
    codes = {i.code for i in errors_of({"policies/actions/again.yaml": world.CATALOGUE})}
    assert codes == {"duplicate-action"}
    codes = {i.code for i in errors_of({"policies/lists/again.yaml": SAFE})}
    assert codes == {"duplicate-list"}
    stray = b"policy: nobody\ntables: {columns: [name, action, expect], rows: [[x, pay, deny]]}\n"
    assert {i.code for i in errors_of({"policies/cases/x.yaml": stray})} == {"unknown-policy"}


def test_a_policy_without_cases_is_refused() -> None:
    """A policy would go into force of which nobody said what it does."""
    assert [item.code for item in errors(GOOD[: GOOD.index("cases:")])] == ["no-cases"]


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("type: money, class: quantity}", "type: mony, class: quantity}", "not-allowed"),
        ("class: identity, about: payee", "class: identity", "missing-key"),
        ("one_of: [sepa, swift], class", "class", "missing-key"),
        ("unit: kg, at_least: 0", "unit: kg, may_be_negative: true", "option-does-not-fit"),
        ("type: boolean, class: category}", "type: boolean}", "missing-key"),
        ("risk: medium", "risk: some", "not-allowed"),
        ("max_length: 50", "max_length: 0", "wrong-size"),
        ("when: {type: date,", "when: {type: date, default: soon,", "wrong-constant"),
    ],
)
def test_a_bad_catalogue_is_found(old: str, new: str, code: str) -> None:
    """Rules would be checked against a catalogue that means nothing."""
    bad = world.CATALOGUE.decode().replace(old, new, 1).encode()
    assert bad != world.CATALOGUE
    found = errors_of({world.CATALOGUE_PATH: bad, "policies/pay.yaml": GOOD.encode()})
    assert code in {item.code for item in found}
    assert {item.path for item in found} == {world.CATALOGUE_PATH}


def test_a_limit_on_what_may_be_negative_is_refused() -> None:
    """A negative payment would give a spent budget back."""
    loose = world.CATALOGUE.replace(
        b"{type: money, class", b"{type: money, may_be_negative: true, class"
    )
    found = errors_of({world.CATALOGUE_PATH: loose, "policies/pay.yaml": GOOD.encode()})
    assert [(item.code, item.line) for item in found] == [("negative-sum", 30)]


def test_one_field_of_two_types_needs_two_rules() -> None:
    """A number in one action and money in another would be compared with one constant."""
    more = b"""catalogue: more
title: More
owner: x@corp.example
actions:
  pour: {title: Pour, risk: low, args: {amount: {type: number, class: quantity}}}
"""
    text = GOOD.replace("governs: [pay]", "governs: [pay, pour]")
    text = text.replace(
        "when: {action: pay, args.amount", "when: {action: [pay, pour], args.amount"
    )
    files = {"policies/actions/more.yaml": more, "policies/pay.yaml": text.encode()}
    assert [item.code for item in errors_of(files)] == ["two-types"]


def test_broken_utf8_names_its_line() -> None:
    """The line of a stray byte could only be guessed."""
    found = errors_of({"policies/x.yaml": b"policy: x\ntitle: \xff\n"})
    assert [(item.line, item.column, item.code) for item in found] == [(2, 8, "not-utf8")]
