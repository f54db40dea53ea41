"""What must never be allowed is proved of the shipped files, and a loosened file breaks it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from governance.engine.compile import compile_release
from governance.engine.prove import Proof, prove
from governance.service.checking import read_folder

FOLDER = Path(__file__).parents[2] / "policies"
AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


def proofs(change: tuple[str, str, str] | None = None) -> dict[str, Proof]:
    """The proofs of the shipped files, perhaps with one text changed in one of them."""
    files = read_folder(FOLDER)
    if change is not None:
        path, before, after = change
        assert before.encode() in files[path]
        files[path] = files[path].replace(before.encode(), after.encode(), 1)
        # Only what the change is about is looked at, so that the test is quick.
        files = {name: data for name, data in files.items() if "code-agent" not in name}
        text = files["policies/invariants.yaml"].decode()
        start = text.index("  - id: INV-013")
        files["policies/invariants.yaml"] = (
            text[:start]
            .replace(
                '  key_places: ["home:/.ssh", "home:/.aws", "home:/.gnupg", "home:/.kube", '
                "/etc/shadow, /run/secrets]\n",
                "",
            )
            .encode()
        )
    return {each.name: each for each in prove(compile_release(files), None, AT)}


def test_every_shipped_invariant_is_proved() -> None:
    """The files that people start from would not keep what they promise."""
    found = proofs()
    assert len(found) >= 15
    assert {name: each.why for name, each in found.items() if each.result != "proved"} == {}


@pytest.mark.parametrize(
    ("path", "before", "after", "broken"),
    [
        ("policies/payments.yaml", "needs: [1 treasurer, 1 cfo]", "needs: [1 treasurer]", "001"),
        ("policies/payments.yaml", "{above: 250000 EUR}", "{above: 260000 EUR}", "002"),
        ("policies/payments.yaml", "CU, IR, KP", "CU, KP", "003"),
        ("policies/payments.yaml", "      args.iban: {one_of: $trusted_payees}\n", "", "004"),
        ("policies/data-egress.yaml", "contains_all: [untrusted, private]", "contains_all: [private]",
         ""),
        ("policies/data-egress.yaml", "gmail.com, ", "", ""),
        ("policies/support-refunds.yaml", "{above: 5000 EUR}", "{above: 5000.01 EUR}", "008"),
        ("policies/hr-annex3.yaml", "when: {action: employee.dismiss}\n    approval:\n      needs: [1 hr_decider, 1 line_manager]",
         "when: {action: employee.dismiss}\n    approval:\n      needs: [1 hr_decider]", "010"),
    ],
)  # fmt: skip
def test_a_loosened_file_breaks_what_it_loosens(
    path: str, before: str, after: str, broken: str
) -> None:
    """A change that lets more through would be released as if it kept every promise."""
    found = proofs((path, before, after))
    refuted = {name for name, each in found.items() if each.result == "refuted"}
    assert refuted == ({f"company/INV-{broken}"} if broken else set())
