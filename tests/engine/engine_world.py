"""A small world for the engine's tests: a catalogue, a file, a request, and random ones of each."""

from __future__ import annotations

import json
import re
import zlib
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from governance.engine.cases import AGENT
from governance.engine.compile import Release, compile_release
from governance.engine.decide import decide, needs
from governance.engine.model import FactQuery, Request, Total, Verdict

AT = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
IBAN = "DE89370400440532013000"
OTHER_IBAN = "NL91ABNA0417164300"

CATALOGUE = b"""
catalogue: world
title: A small world
owner: test@corp.example
actions:
  pay:
    title: Pay
    labels: [moves_money, irreversible]
    attaches: [paid]
    risk: low
    args:
      amount: {type: money, class: quantity}
      iban: {type: iban, class: identity, about: payee}
      country: {type: country, class: category}
      channel: {type: choice, one_of: [sepa, swift], class: category, required: false}
      to: {type: list of email, class: category, required: false}
      note: {type: text, class: private, required: false, max_length: 50}
      path: {type: path, class: category, required: false}
      urgent: {type: boolean, class: category}
      when: {type: date, class: category, required: false}
      weight: {type: number, unit: kg, at_least: 0, class: quantity, required: false}
    resource: {owner: {type: text, class: category}}
  mail:
    title: Write
    labels: [sends_external]
    attaches: [untrusted]
    risk: medium
    args:
      to: {type: list of email, class: category}
      country: {type: country, class: category, required: false}
      note: {type: text, class: category}
      host: {type: host, class: category, required: false}
  look:
    title: Look
    labels: [reads_private]
    attaches: [private]
    risk: low
  never:
    title: What no file governs
    risk: high
"""
CATALOGUE_PATH = "policies/actions/world.yaml"


def file(
    rules: str = "",
    *,
    policy: str = "pay",
    governs: str = "[pay]",
    applies: str = "all",
    mode: str = "enforce",
    default: str = "deny",
    more: str = "",
    limits: str = "",
) -> bytes:
    """A policy file around some rules (YAML items, indented by two)."""
    return (
        f"policy: {policy}\ntitle: A test\nowner: test@corp.example\nreview_by: 2099-01-01\n"
        f"governs: {governs}\napplies_to: {{agents: {applies}}}\nmode: {mode}\ndefault: {default}\n"
        f"{more}\ncases: {{columns: [name, action, expect], rows: [[x, look, deny]]}}\n"
        f"rules:\n{rules or '  []'}\n" + (f"limits:\n{limits}\n" if limits else "")
    ).encode()


def rule(number: int, effect: str, when: str, more: str = "", severity: str = "low") -> str:
    """One rule as a YAML item."""
    if effect == "require_approval":
        more += ", approval: {needs: [1 boss], answer_within: 1h}"
    return (
        f"  - {{id: R-{number}, title: Rule {number}, effect: {effect}, when: {when}, "
        f"because: test, severity: {severity}{more}}}"
    )


def release(*files: bytes, **more: bytes) -> Release:
    """A release of these policy files and the world's catalogue."""
    paths = {f"policies/f{i}.yaml": data for i, data in enumerate(files)}
    lists = {f"policies/lists/{name}.yaml": data for name, data in more.items()}
    return compile_release({CATALOGUE_PATH: CATALOGUE, **paths}, lists=lists)


PAY: dict[str, Any] = {"amount": "100 EUR", "iban": IBAN, "country": "DE", "urgent": False}


def request(
    made: Release,
    action: str = "pay",
    arguments: dict[str, Any] | None = None,
    facts: dict[str, Any] | None = None,
    attested: bool = False,
) -> Request:
    """A request of the case agent; `facts` replace service fields and add claims."""
    given = dict(PAY) if arguments is None and action == "pay" else (arguments or {})
    extra = {**AGENT, **(facts or {})}
    extra = {name: value for name, value in extra.items() if value is not None}
    found = made.catalogue.read(action, given, extra, attested)
    names = {f"args.{k}": f"s-{v}" for k, v in given.items() if isinstance(v, str)}
    return Request(found.action, found.fields, found.undeclared, found.attested, names)


def ask(
    made: Release,
    action: str = "pay",
    arguments: dict[str, Any] | None = None,
    facts: dict[str, Any] | None = None,
    *,
    attested: bool = False,
    used: dict[str, Total] | None = None,
    lifted: frozenset[str] = frozenset(),
    at: datetime = AT,
) -> Verdict:
    """A verdict; `used` gives totals by the start of a series' name, nothing happened otherwise."""
    asked = request(made, action, arguments, facts, attested)
    return decide(made, asked, totals(made, asked, used or {}, at), at, lifted)


def totals(
    made: Release, asked: Request, used: dict[str, Total], at: datetime = AT
) -> dict[FactQuery, Total]:
    """Every total a request needs."""
    found = {}
    for query in needs(made, asked, at):
        starts = [total for start, total in used.items() if query.series.startswith(start)]
        found[query] = starts[0] if starts and query.key != "?" else Total(Decimal(0), 0)
    return found


# ---- random worlds ----

_TESTS: list[tuple[str, list[str]]] = [
    ("args.amount", ["{above: 50 EUR}", "{at_most: 120 EUR}", "{between: [10 EUR, 200 EUR]}",
                     "{is: 100 EUR}", "{below: 80 USD}"]),
    ("args.country", ["{one_of: [DE, FR]}", "{is: KP}", "{none_of: [KP, IR]}", "{is_not: DE}"]),
    ("args.channel", ["{is: sepa}", "{is_not: swift}", "{is_set: true}", "{is_set: false}"]),
    ("args.to", ["{contains_any: [a@corp.example]}", "{in_domain: [corp.example]}",
                 "{not_in_domain: [corp.example]}", "{count_above: 1}", "{count_at_most: 2}",
                 "{contains_none: [b@evil.example]}", "{is_set: true}",
                 "{contains_all: [a@corp.example, b@evil.example]}"]),
    ("args.note", ["{is: hello}", "{name_like: ['*ell*']}", "{none_of: [hello, bye]}"]),
    ("args.path", ["{under: ['workspace:/']}", "{not_under: ['workspace:/', /etc]}",
                   "{name_like: ['*.py']}"]),
    ("args.urgent", ["{is: true}", "{is_not: true}"]),
    ("agent.autonomy", ["{at_least: L3}", "{below: L2}"]),
    ("agent.labels", ["{contains_any: [blue]}", "{contains_none: [red]}"]),
    ("agent.id", ["{one_of: [case-agent, other]}", "{is: other}"]),
    ("session.labels", ["{contains_any: [untrusted]}", "{contains_all: [untrusted, private]}"]),
    ("session.depth", ["{above: 0}"]),
    ("tool.labels", ["{contains_any: [moves_money]}"]),
    ("time.hour", ["{between: [8, 18]}"]),
    ("resource.owner", ["{is: anna}"]),
]  # fmt: skip
_OF_MAIL = frozenset({"args.to", "args.country", "args.note", "agent.id", "agent.labels"})
_SERVICE = ("agent", "session", "time", "tool")


@st.composite
def conditions(draw: Any, mail: bool, depth: int = 0) -> str:
    """A condition in flow style over the fields of `pay` (or those that `mail` has, too)."""
    entries: dict[str, str] = {}
    fields = [t for t in _TESTS if not mail or t[0] in _OF_MAIL or t[0].startswith(_SERVICE)]
    for name, tests in draw(
        st.lists(st.sampled_from(fields), max_size=2, unique_by=lambda t: t[0])
    ):
        entries[name] = draw(st.sampled_from(tests))
    if depth < 2 and draw(st.integers(0, 3)) == 0:
        inner = [draw(conditions(mail, depth + 1)) for _ in range(draw(st.integers(1, 2)))]
        entries["any"] = f"[{', '.join(inner)}]"
    if depth < 2 and draw(st.integers(0, 3)) == 0:
        entries["not"] = draw(conditions(mail, depth + 1))
    if not mail and depth < 2 and draw(st.integers(0, 5)) == 0:
        verb = draw(st.sampled_from(["did", "did_not"]))
        same = draw(st.sampled_from(["", ", same: args.iban", ", same: args.channel"]))
        by = draw(st.sampled_from(["this_agent", "any_agent", "any_person"]))
        entries["history"] = f"{{{verb}: pay{same}, in_last: 24h, by: {by}}}"
    if not entries:
        entries["time.hour"] = "{at_most: 23}"
    return "{" + ", ".join(f"{name}: {value}" for name, value in entries.items()) + "}"


_DUTIES = [
    "{redact: [args.note]}",
    "{notify: boss}",
    "{notify: deputy}",
    "{redact: [args.note], id: hide}, {notify: boss}",
]


@st.composite
def rules(draw: Any, number: int) -> str:
    """A rule with a random effect, severity and condition."""
    effect = draw(st.sampled_from(["allow"] * 6 + ["require_approval", "deny"]))
    both = draw(st.booleans())
    when = draw(conditions(both))
    action = "[pay, mail]" if both else "pay"
    if effect == "allow" or draw(st.integers(0, 2)) > 0:
        when = f"{{action: {action}, {when[1:]}"
    more = ""
    if "resource.owner" in when:
        more += ", attested_only: true"
    if effect != "deny" and draw(st.integers(0, 2)) == 0:
        more += f", obligations: [{draw(st.sampled_from(_DUTIES))}]"
    if effect == "deny" and draw(st.booleans()):
        more += ", may_be_waived_by: [boss]"
    return rule(number, effect, when, more, draw(st.sampled_from(["low", "low", "high"])))


@st.composite
def policy_files(draw: Any, number: int) -> bytes:
    """A file with up to five rules and perhaps a limit."""
    listed = [draw(rules(i)) for i in range(1, draw(st.integers(2, 6)))]
    governs = draw(st.sampled_from(["[pay, mail]", "[pay, mail, look]", "[pay]"]))
    text = "\n".join(listed)
    if "[pay, mail]" in text and governs == "[pay]":
        governs = "[pay, mail]"
    approval = "default_approval: {needs: [1 boss], answer_within: 1h}"
    default = draw(st.sampled_from(["deny", "require_approval"]))
    limits = []
    for i in range(1, draw(st.sampled_from([1, 1, 2, 3]))):
        per = draw(
            st.sampled_from(["[]", "[agent.id]", "[args.iban]", "[args.channel, agent.team]"])
        )
        limits.append(
            f"  - {{id: LIM-{i}, title: Limit, measure: sum args.amount, of: {{action: pay}}, "
            f"per: {per}, in_last: 24h, at_most: 250 EUR, otherwise: deny, because: test}}"
        )
    return file(
        text,
        policy=f"file{number}",
        governs=governs,
        applies=draw(st.sampled_from(["all", "all", "{labels: {contains_any: [blue]}}"])),
        default=default,
        more=approval if default == "require_approval" else "",
        limits="\n".join(limits),
    )


worlds = st.sampled_from([1, 1, 1, 2, 3]).flatmap(
    lambda count: st.tuples(*(policy_files(number) for number in range(count)))
)

_NUMBERED = re.compile(r"id: ((?:R|LIM)-[0-9]+),.*?(?:effect|otherwise): (\w+)")
_PERIODS = ["from: 2026-11-01, expires: 2026-11-30"] * 5 + ["from: 2026-09-01, expires: 2026-10-01"]


def _loosenable(data: bytes, draw: Any) -> tuple[bytes, list[tuple[str, str]]]:
    """A file some of whose rules and limits may be lifted, and their (number, effect)."""
    lines, found = [], []
    for line in data.decode().splitlines():
        match = _NUMBERED.search(line)
        if match and match[2] != "allow" and draw(st.integers(0, 2)) > 0:
            words = "exception, child"
            if "may_be_waived_by" in line:
                line = line.replace(
                    "may_be_waived_by: [boss]", f"may_be_waived_by: [boss, {words}]"
                )
            else:
                line = line[:-1] + f", may_be_waived_by: [{words}]}}"
            found.append((match[1], match[2]))
        lines.append(line)
    return ("\n".join(lines) + "\n").encode(), found


@st.composite
def exceptions(draw: Any, targets: list[tuple[str, str]]) -> str:
    """The `exceptions` of a file with rules that may be lifted."""
    out = []
    for i, (target, _) in enumerate(targets):
        whom = draw(st.sampled_from(["agent.labels: {contains_any: [blue]}",
                                     "agent.id: {one_of: [case-agent, other]}"]))  # fmt: skip
        more = draw(conditions(False, 2))
        if "resource." in more or whom.partition(":")[0] in more:
            more = "{args.country: {one_of: [DE, KP]}}"
        instead = draw(st.sampled_from(["allow", "allow", "require_approval"]))
        clause = ""
        if instead == "require_approval":
            clause = ", approval: {needs: [1 deputy], answer_within: 1h}"
        out.append(
            f"  - {{id: EXC-{i}, title: Exception {i}, lifts: {target}, for: {{{whom}, {more[1:-1]}}}, "
            f"instead: {instead}{clause}, reason: test, ticket: T-1, {draw(st.sampled_from(_PERIODS))}}}"
        )
    return "exceptions:\n" + "\n".join(out) + "\n" if out else ""


@st.composite
def children(draw: Any, parent: str, targets: list[tuple[str, str]]) -> bytes:
    """A file that extends another and replaces some of its rules."""
    lines = []
    for i in range(1, draw(st.integers(2, 4))):
        line = draw(rules(i))
        effect = re.search(r"effect: (\w+)", line)
        fit = [name for name, _ in targets if name.startswith("R-")]
        if fit and effect is not None and effect[1] != "deny" and draw(st.booleans()):
            if draw(st.booleans()):
                line = rule(i, effect[1], "{action: pay, args.country: {one_of: [DE, FR]}}")
            line = line[:-1] + f", instead_of: {parent}/{draw(st.sampled_from(fit))}}}"
        lines.append(line)
    return file(
        "\n".join(lines),
        policy="child",
        governs="[pay, mail]",
        applies=draw(st.sampled_from(["all", "{labels: {contains_any: [blue]}}"])),
        default="require_approval",
        more=f"extends: [{parent}]\ndefault_approval: {{needs: [1 boss], answer_within: 1h}}",
    )


@st.composite
def risk_tables(draw: Any) -> bytes:
    """A table of risk points with up to three factors."""
    factors = []
    for i in range(1, draw(st.integers(2, 4))):
        when = draw(conditions(False))
        more = ", attested_only: true" if "resource.owner" in when else ""
        factors.append(
            f"  - {{id: RISK-{i}, title: Factor, points: 30, when: {when}, because: a{more}}}"
        )
    cells = draw(st.sampled_from(["{L4: {medium: require_approval}}", "{L3: {medium: deny}}",
                                  "{L5: {low: require_approval}, L2: {medium: deny}}"]))  # fmt: skip
    asks = "low" if "low" in cells else "medium"
    clause = f"approval: {{{asks}: {{needs: [1 risk], answer_within: 1h}}}}\n"
    return (
        "risk: points\ntitle: Points\nowner: test@corp.example\nreview_by: 2099-01-01\n"
        f"levels: {{medium: 30, high: 60}}\nmatrix: {cells}\n"
        f"{clause if 'require_approval' in cells else ''}"
        "cases: {columns: [name, action, expect], rows: [[x, look, deny]]}\n"
        "factors:\n" + "\n".join(factors) + "\n"
    ).encode()


@st.composite
def families(draw: Any) -> tuple[bytes, ...]:
    """Files with everything: rules that are lifted, a child, risk points, a file for a share."""
    first, targets = _loosenable(draw(policy_files(0)), draw)
    share = draw(st.integers(0, 2)) == 0
    plain = first
    first += draw(exceptions(targets)).encode()
    made = [first]
    if draw(st.booleans()):
        made.append(draw(children("file0", targets)))
    if draw(st.booleans()):
        made.append(draw(risk_tables()))
    if share:
        part = draw(st.sampled_from([50, 99]))
        roll = (
            f"mode: gradual\ngradual: {{replaces: file0, share: {part} %, of: agents, by: me, from: "
            "2026-11-01, until: 2026-11-30, stop_if: {denied: 50 %, out_of: 3, in_last: 1h}}"
        )
        rule_lines = [draw(rules(i)) for i in range(1, 3)]
        head = plain.decode().partition("rules:\n")[0]
        text = head.replace("policy: file0", "policy: next").replace("mode: enforce", roll)
        if "[pay, mail]" in "".join(rule_lines) and "governs: [pay]" in text:
            rule_lines = [line for line in rule_lines if "[pay, mail]" not in line]
        made.append((text + "rules:\n" + ("\n".join(rule_lines) or "  []") + "\n").encode())
    return tuple(made)


ARGUMENTS: dict[str, list[Any]] = {
    "amount": ["100 EUR", "49.99 EUR", "300 EUR", "100 USD", None, "x", -1],
    "iban": [IBAN, OTHER_IBAN, "DE00", None],
    "country": ["DE", "KP", "de", "ZZ", None],
    "channel": [None, "sepa", "swift", "SEPA"],
    "to": [["a@corp.example"], ["a@corp.example", "b@evil.example"], [], "a@corp.example", None],
    "note": ["hello", "HELLO", "bye", "x" * 60, 7, None],
    "path": ["src/a.py", "/etc/passwd", "/SRV/work/a", "../../x", None],
    "urgent": [True, False, "yes", None],
    "host": ["corp.example", None],
    "bcc": [None, None, None, "b@evil.example"],
}
_PAY_ARGS = ("amount", "iban", "country", "channel", "to", "note", "path", "urgent", "bcc")
FACTS: dict[str, list[Any]] = {
    "agent.autonomy": ["L4", "L5", "L3", "L2", "L1", "L0", None],
    "agent.labels": [("blue",), ("blue", "red"), (), None],
    "agent.id": ["case-agent", "other", "third", None],
    "session.labels": [(), ("untrusted",), ("untrusted", "private"), None],
    "session.depth": [0, 1, None],
    "time.hour": [10, 20, None],
    "resource.owner": ["anna", None],
    "context.obligations_supported": [("redact", "notify"), ("redact",), ()],
}


@st.composite
def asked(draw: Any) -> tuple[str, dict[str, Any], dict[str, Any], bool]:
    """A random request: action, arguments, facts (None: not given), attested."""
    action = draw(st.sampled_from(["pay"] * 6 + ["mail"] * 2 + ["look", "never"]))
    names = {"pay": _PAY_ARGS, "mail": ("to", "country", "note", "host")}.get(action, ())
    arguments = {name: draw(usually(ARGUMENTS[name])) for name in names}
    given = {name: value for name, value in arguments.items() if value is not None}
    facts = {name: draw(usually(values)) for name, values in FACTS.items()}
    return action, given, facts, draw(st.booleans())


def usually(values: list[Any]) -> st.SearchStrategy[Any]:
    """The first value six times out of ten: most requests are ordinary ones."""
    return st.sampled_from([values[0]] * (len(values) * 3 // 2) + values)


def total_of(query: FactQuery, seed: int) -> Total:
    """A total that depends on the question only: none, some, much, or mixed."""
    number = zlib.crc32(json.dumps([query.series, query.key, seed]).encode()) % 12
    some = [Total(Decimal(100), 1), Total(Decimal(200), 2), Total(Decimal(10), 2, mixed=True)]
    return some[number] if number < len(some) else Total(Decimal(0), 0)


def facts_of(made: Release, one: Request, seed: int, at: datetime = AT) -> dict[FactQuery, Total]:
    """Random totals for everything a request needs."""
    return {query: total_of(query, seed) for query in needs(made, one, at)}
