"""The workspace that `benchmarks.http` measures: so many rules, one agent, distinct requests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

RULES_EACH = 10
"""Rules for each action: those that can match one request."""

COUNTRIES = ("KP", "IR", "SY", "CU", "BY", "RU", "SD", "MM", "VE")


def policy_files(rules: int) -> dict[str, bytes]:
    """`rules` rules over a tenth as many actions, some ten of which can match each request."""
    actions = [f"bench.a{number:03d}" for number in range(max(1, rules // RULES_EACH))]
    catalogue = ["catalogue: bench", "title: Actions of the benchmark", "owner: bench@corp.example"]
    catalogue.append("actions:")
    policy = [
        "policy: bench",
        "title: Rules of the benchmark",
        "owner: bench@corp.example",
        "review_by: 2099-01-01",
        f"governs: [{', '.join(actions)}]",
        "applies_to: {agents: all}",
        "mode: enforce",
        "default: deny",
        "rules:",
    ]
    for action in actions:
        catalogue += [
            f"  {action}:",
            "    title: Pay out",
            "    labels: [moves_money]",
            "    risk: low",
            "    args:",
            "      amount: {type: money, currencies: [EUR], class: quantity}",
            "      country: {type: country, class: category}",
            "      payee: {type: iban, class: identity, about: payee}",
            "      note: {type: text, class: private, required: false}",
        ]
        policy += _rules(action)
    policy += [
        "cases:",
        "  columns: [name, args.amount, args.country, expect]",
        f"  always: {{action: {actions[0]}, args.payee: DE89370400440532013000}}",
        "  rows:",
        "    - [small, 120 EUR, DE, allow]",
        "    - [sanctioned, 120 EUR, KP, deny]",
    ]
    return {
        "policies/bench.yaml": "\n".join(policy).encode(),
        "policies/actions/bench.yaml": "\n".join(catalogue).encode(),
    }


def _rules(action: str) -> list[str]:
    name = action.rpartition(".")[2].upper()
    lines = [
        f"  - id: {name}-00",
        "    title: Small amounts go through",
        "    effect: allow",
        f"    when: {{action: {action}, args.amount: {{at_most: 500 EUR}}}}",
        "    because: It is small.",
        "    severity: low",
    ]
    for number, country in enumerate(COUNTRIES[: RULES_EACH - 1], start=1):
        lines += [
            f"  - id: {name}-{number:02d}",
            f"    title: Not to {country} above {number} 000",
            "    effect: deny",
            f"    when: {{action: {action}, args.country: {{one_of: [{country}]}},"
            f" args.amount: {{above: {number} EUR}}}}",
            "    because: Sanctions.",
            "    severity: high",
        ]
    return lines


def bodies(rules: int, count: int = 512) -> list[dict[str, Any]]:
    """Distinct evaluation requests of some 600 bytes, spread over actions and payees."""
    payees = [_iban(number) for number in range(64)]
    actions = max(1, rules // RULES_EACH)
    return [
        {
            "subject": {"type": "agent", "id": "bench-1"},
            "action": {
                "name": f"bench.a{number % actions:03d}",
                "properties": {
                    "arguments": {
                        "amount": {"amount": f"{number % 400 + 1}.50", "currency": "EUR"},
                        "country": "DE",
                        "payee": payees[number % len(payees)],
                        "note": "monthly invoice of the supplier, checked by accounting " * 3,
                    }
                },
            },
            "resource": {"type": "account", "id": f"acct-{number % 16}"},
            "context": {"intent": "act", "confidence": "0.93"},
        }
        for number in range(count)
    ]


def _iban(number: int) -> str:
    account = f"37040044{number:010d}"
    check = 98 - int(account + "131400") % 97
    return f"DE{check:02d}{account}"


def found(directory: Path, rules: int, database: str = "") -> str:
    """Make the workspace, with its log at `database` (a prepared server) or in a file; the agent's key."""
    from governance import config as settings
    from governance.app import open_desk
    from governance.config import Config, Limits, Store
    from governance.service import founding
    from governance.store.workspace import Workspace

    config = Config(
        limits=Limits(agent_per_second=1_000_000, agent_per_hour=1_000_000_000, waiting=100_000),
        store=Store(database),
    )
    Workspace.create(directory, "bench.example/log", database=database)
    (directory / settings.FILE_NAME).write_text(settings.render(config))
    with open_desk(directory, config, record_start=True) as desk:
        made = founding.found(
            desk,
            name="Bench",
            email="bench@corp.example",
            files=policy_files(rules),
            agent="bench-1",
        )
        _trust(desk, made)
    (directory / "keys" / "admin.key").write_text(made["person_key"], encoding="ascii")
    return str(made["agent_key"])


def _trust(desk: Any, made: Mapping[str, Any]) -> None:
    """Let the agent act alone, so that what is measured are allowed, charged decisions."""
    from governance.service import keys, onboarding

    caller = keys.caller_of(desk, made["person_key"])
    onboarding.set_autonomy(
        desk,
        caller,
        "bench-1",
        level="L4",
        until="2099-01-01T00:00:00Z",
        why="benchmark",
        evidence={"decisions": 0},
    )
