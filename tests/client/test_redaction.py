"""What a `redact` obligation names does not leave: over-redaction is preferred to a leak."""

from __future__ import annotations

import random
import time
from decimal import Decimal
from typing import Any

import pytest

from governance.client import BLACKED_OUT, Client, Decision, redacted
from governance.testing import FakeService

EVERY = ["iban", "card_number", "email", "phone"]


def clean(text: Any, *patterns: str) -> Any:
    obligation = {
        "id": "redact",
        "type": "redact",
        "properties": {"fields": ["args.body"], "patterns": list(patterns or EVERY)},
    }
    return redacted({"body": text, "other": text}, [obligation])["body"]


IBANS = [
    "DE89370400440532013000",
    "DE89 3704 0044 0532 0130 00",
    "de89 3704 0044 0532 0130 00",
    "DE89-3704-0044-0532-0130-00",
    "D E 8 9 3 7 0 4 0 0 4 4 0 5 3 2 0 1 3 0 0 0",
    "DE89.3704.0044.0532.0130.00",
    "DE89\n3704\n0044\n0532\n0130\n00",
    "DE89\u00a03704\u20090044\u202f0532\u30000130\u200700",
    "D\u200bE\u200b8\u200b9\u200b3704\u200d0044\ufeff0532\u00ad0130\u206000",
    "ＤＥ８９３７０４００４４０５３２０１３０００",
    "DE٨٩٣٧٠٤٠٠٤٤٠٥٣٢٠١٣٠٠٠",
    "DE89%203704%200044%200532%200130%2000",
    "DE89&nbsp;3704&#32;0044&#x20;0532&nbsp;0130&nbsp;00",
    "D\u0415893704 0044 0532 0130 00",  # a Cyrillic letter
    "IBANDE89370400440532013000",
    "(DE89) [3704] {0044} <0532> 0130/00",
    "GB82 WEST 1234 5698 7654 32",
    "MT84 MALT 0110 0001 2345 MTLC AST0 01S",
    "NO93 8601 1117 947",
    "LC55 HEMM 0001 0001 0012 0012 0002 3015",
    "DE00 3704 0044 0532 0130 00",  # its checksum is wrong: somebody mistyped it
    "D\u0301E\u030189370400440532013000",
]
CARDS = [
    "4111111111111111",
    "4111 1111 1111 1111",
    "4111-1111-1111-1111",
    "4111.1111.1111.1111",
    "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
    "4111 - 1111 - 1111 - 1111",
    "4111\u200b1111\u200b1111\u200b1111",
    "４１１１１１１１１１１１１１１１",
    "4111|1111|1111|1111",
    "4111\n1111\n1111\n1111",
    "4111%201111%201111%201111",
    "3782 822463 10005",
    "6304000000000000000",
    "①②③④⑤⑥⑦⑧⑨①②③④",
    "4111_1111_1111_1111",
    "4111 1111 1111 1112",  # fails its checksum: over-redaction
]
EMAILS = [
    "anna.schmidt@corp.example",
    "ANNA@CORP.EXAMPLE",
    "anna+tag@mail.corp.example",
    "anna @ corp.example",
    "anna＠corp.example",
    "anna﹫corp．example",
    "anna at corp dot example",
    "anna (at) corp (dot) example",
    "anna[at]corp[dot]example",
    "anna{at}corp.example",
    "anna\u200b@\u200bcorp\u200b.example",
    "anna%40corp.example",
    "anna&#64;corp.example",
    "ännä@bücher.example",
    "<mailto:anna@corp.example>",
]
PHONES = [
    "+49 151 12345678",
    "+4915112345678",
    "0049 151 1234 5678",
    "0151/12345678",
    "(0151) 123 456 78",
    "+1 (415) 555-2671",
    "415.555.2671",
    "tel4915112345678",
    "0151\u200b12345678",
    "０１５１１２３４５６７８",
    "+49\u00a0151\u00a012345678",
    "+4-9-1-5-1-1-2-3-4-5-6-7-8",
    "0151 12345678x",
    "+491511234567800000000000000",
]
ALL = [
    *(("iban", text) for text in IBANS),
    *(("card_number", text) for text in CARDS),
    *(("email", text) for text in EMAILS),
    *(("phone", text) for text in PHONES),
]


def digits(text: str) -> str:
    return "".join(char for char in text if char.isdigit())


@pytest.mark.parametrize(("pattern", "secret"), ALL)
@pytest.mark.parametrize("frame", ["{}", "please pay {} today", "x:{};", "«{}»\n", "a{}"])
def test_every_spelling_is_blacked_out(pattern: str, secret: str, frame: str) -> None:
    """A space, a dash or a sign without width would carry the number out."""
    out = clean(frame.format(secret), pattern)
    assert BLACKED_OUT in out
    left = out.replace(BLACKED_OUT, "")
    assert len(digits(left)) < 4, out
    if pattern == "email":
        assert "corp" not in left.lower()
        assert "example" not in left


def test_random_spacing_leaks_nothing() -> None:
    """Somebody would find the one spacing that nobody thought of."""
    rng = random.Random(4)
    gaps = ["", "", "", " ", "-", ".", " - ", "\u200b", "\u00a0", "/", "_", "\t", "%20", "\u2013"]
    for _ in range(300):
        for pattern, number in (
            ("iban", "DE89370400440532013000"),
            ("card_number", "4111111111111111"),
        ):
            spaced = "".join(char + rng.choice(gaps) for char in number)
            out = clean(f"pay to {spaced} please", pattern)
            assert len(digits(out)) < 4, (spaced, out)


def test_what_is_harmless_stays_readable() -> None:
    """A letter would arrive as a row of black bars, and people would turn redaction off."""
    text = (
        "Dear Anna, on 2026-11-20 at 10:15:30 we met in room 12. The 3 offers are 1 200 000 EUR, "
        "450.50 EUR and 12,500.00 USD; order A-1034 of 20.11.2026 has 15 items, 20 % off, see §8."
    )
    assert clean(text) == text


def test_only_what_is_looked_for_goes() -> None:
    """A file that asks for account numbers would lose its addresses, too."""
    text = "anna@corp.example pays from DE89370400440532013000"
    assert clean(text, "iban") == f"anna@corp.example pays from {BLACKED_OUT}"
    assert clean(text, "email") == f"{BLACKED_OUT} pays from DE89370400440532013000"


def test_nothing_is_left_to_be_found() -> None:
    """What is uncovered when one match is taken out would go through."""
    rng = random.Random(7)
    secrets = [secret for _, secret in ALL]
    for _ in range(100):
        text = " ".join(rng.sample(secrets, 3)) + rng.choice(["", " ok", "\n"])
        once = clean(text)
        assert clean(once) == once


def test_values_inside_values_are_looked_at() -> None:
    """A list, a mapping or a number would be a way around."""
    secret = "4111 1111 1111 1111"
    given = {"a": [secret, {secret: (secret, 5)}], "b": 4111111111111111, "c": True, "d": None}
    out = clean(given)
    assert "1111" not in repr(out)
    assert out["c"] is True
    assert out["d"] is None
    assert clean(Decimal("4111111111111111")) == BLACKED_OUT
    assert clean(5) == 5
    assert clean({secret}) == [BLACKED_OUT]


def test_a_number_that_is_spread_over_a_list_is_found() -> None:
    """An agent would send it in four lines."""
    assert clean(["4111", "1111", "1111", "1111"]) == [BLACKED_OUT] * 4
    assert clean(["room 4", "item 11"]) == ["room 4", "item 11"]


def test_without_patterns_or_with_unknown_ones_the_whole_value_goes() -> None:
    """A newer service would ask an older runtime for something it does not know, and get nothing."""
    given = {"body": "hello", "to": ["a", "b"], "n": 3, "x": None}
    for properties in (
        {"fields": ["args.body", "args.to", "args.n", "args.x"]},
        {"fields": ["args.body", "args.to", "args.n", "args.x"], "patterns": ["iban", "passport"]},
        {"fields": ["args.body", "args.to", "args.n", "args.x"], "patterns": []},
        {"fields": []},
        {},
        None,
    ):
        out = redacted(given, [{"id": "r", "type": "redact", "properties": properties}])
        assert out == {"body": BLACKED_OUT, "to": [BLACKED_OUT] * 2, "n": BLACKED_OUT, "x": None}
    assert redacted(given, [{"id": "n", "type": "notify"}]) == given
    assert given["body"] == "hello"


def test_a_decision_knows_what_to_act_with() -> None:
    """Each runtime would write its own redaction, and one of them wrongly."""
    obligation = {"id": "redact", "type": "redact", "properties": {"fields": ["args.a"]}}
    decision = Decision("x", {"a": "secret", "b": "plain"}, obligations=(obligation,))
    assert decision.redacted == {"a": BLACKED_OUT, "b": "plain"}


@pytest.mark.parametrize(
    "text",
    ["a" * 200_000, "1" * 200_000, "1 " * 100_000, "a@" * 50_000, "AA11" * 5_000, "at dot " * 20_000,
     "(" * 100_000, "%31" * 60_000, "12:" * 60_000],
)  # fmt: skip
def test_a_hostile_text_costs_no_minutes(text: str) -> None:
    """One mail would hold the runtime up for good."""
    start = time.process_time()
    clean(text)
    assert time.process_time() - start < 5


class Redacting(FakeService):
    """A service whose every yes comes with a redaction."""

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        status, made = super().answer(method, path, body)
        if path.endswith("/evaluation") and made.get("decision"):
            made["context"]["obligations"] = [
                {
                    "id": "redact",
                    "type": "redact",
                    "properties": {
                        "fields": ["args.body", "args.footer", "args.extra"],
                        "patterns": ["iban"],
                    },
                }
            ]
        return status, made


def test_a_governed_function_gets_the_redacted_arguments() -> None:
    """The obligation would be reported as carried out, and the number sent all the same."""
    got: list[Any] = []
    secret = "DE89 3704 0044 0532 0130 00"
    with Redacting({"mail": "allow"}) as service:
        client = Client(service.url, "gov_k_x", agent="a", timeout=1.0, fulfils=["redact"])

        @client.governed("mail")
        def send(to: str, body: str, footer: str = f"IBAN {secret}", **more: str) -> None:
            got.append((to, body, footer, more))

        send("ann@corp.example", body=f"pay {secret}", extra=secret)
    assert got == [
        ("ann@corp.example", f"pay {BLACKED_OUT}", f"IBAN {BLACKED_OUT}", {"extra": BLACKED_OUT})
    ]
