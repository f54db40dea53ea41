"""Messages about common slips name the mistake that was made, and what to write instead."""

from __future__ import annotations

import pytest
from test_engine_load import GOOD, errors

from governance.engine.check import check
from governance.engine.fixes import apply
from governance.engine.meant import amounts

AMOUNT = "{at_most: 500 EUR}"
COUNTRY = "args.country: {one_of: [KP, NO]}"


@pytest.mark.parametrize(
    ("old", "new", "points_at", "said"),
    [
        (AMOUNT, "{at_most: 300,50 EUR}", "300,50", "write `300.50 EUR`"),
        (AMOUNT, "{at_most: 5,000 EUR}", "5,000", "write `5000 EUR` or `5 EUR`"),
        (AMOUNT, "{at_most: '300,50 EUR'}", "'300,50", "did you mean `300.50 EUR`?"),
        (AMOUNT, "{at_most: '5,000 EUR'}", "'5,000", "did you mean `5000 EUR` or `5 EUR`?"),
        (AMOUNT, "{at_most: '1.234.567,89 EUR'}", "'1.234", "did you mean `1234567.89 EUR`?"),
        (AMOUNT, "{at_most: 10.005 EUR}", "10.005", "did you mean `10005 EUR`?"),
        (AMOUNT, "{at_most: 300 €}", "300 €", "did you mean `300 EUR`?"),
        (AMOUNT, "{at_most: 300 EURO}", "300 EURO", "did you mean `300 EUR`?"),
        (AMOUNT, "{at_most: EUR 300}", "EUR 300", "did you mean `300 EUR`?"),
        (AMOUNT, "<= 300 EUR", "<= 300", "such as {at_most: 300 EUR}"),
        (AMOUNT, "'>300 EUR'", "'>300", "such as {above: 300 EUR}"),
        (AMOUNT, "{less_than: 300 EUR}", "less_than", "did you mean `below`?"),
        (AMOUNT, "{max: 300 EUR}", "max", "did you mean `at_most`?"),
        (AMOUNT, "{'<=': 300 EUR}", "'<='", "did you mean `at_most`?"),
        (AMOUNT, "{largest: 300 EUR}", "largest", "operators: is, is_not"),
        ("{one_of: [KP, NO]}", "{one_of: IR, KP, SY}", "IR, KP", "in brackets: [IR, KP, SY]"),
        (COUNTRY, "or: [{args.country: {is: KP}}]", "or:", "did you mean `any`?"),
        (COUNTRY, "and: [{args.country: {is: KP}}]", "and:", "without `and`"),
        ("[KP, NO]", "[KP, Iran]", "Iran", "did you mean `IR`?"),
        ("[KP, NO]", "[KP, UK]", "UK", "did you mean `GB`?"),
        (COUNTRY, "time.weekday: {one_of: [Saturday]}", "Saturday", "did you mean `sat`?"),
        (COUNTRY, "time.weekday: {is: Sonntag}", "Sonntag", "did you mean `sun`?"),
        (COUNTRY, "time.hour: {between: [22, 6]}", "[22, 6]", "two parts under `any`"),
        (COUNTRY, "args.to: {in_domain: ['*.corp.example']}", "'*.corp", "write `corp.example`"),
        (COUNTRY, "args.when: {is: 21.05.2027}", "21.05", "did you mean `2027-05-21`?"),
        ("review_by: 2027-05-31", "review_by: 21.05.2027", "21.05", "did you mean `2027-05-21`?"),
        ("in_last: 24h", "in_last: 24", "24", "write its unit, such as `24h` or `24d`"),
        (
            "    effect: deny\n",
            "      effect: deny\n",
            ": deny",
            "keys of one mapping begin in one column",
        ),
        ("because: sanctions", 'because: "Sanctions law.', '"Sanctions', "close it"),
        (
            "because: sanctions\n",
            'because: "Sanctions law.\n    trust_claim: "no"\n',
            '"Sanctions',
            "close it",
        ),
        ("title: Never there", "title: Never: there", ": there", "quote a text"),
    ],
)
def test_the_message_names_the_mistake(old: str, new: str, points_at: str, said: str) -> None:
    """Somebody would look for a mistake that they did not make, and not find theirs."""
    text = GOOD.replace(old, new, 1)
    assert text != GOOD
    found = [each for each in errors(text) if said in f"{each.message}; {each.hint}"]
    assert found, [str(each) for each in errors(text)]
    line = text.splitlines()[found[0].line - 1]
    assert line[found[0].column - 1 :].startswith(points_at), str(found[0])
    assert not any("50 EUR` is not an operator" in each.message for each in errors(text))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("300,50 EUR", ("300.50 EUR",)),
        ("€300", ("300 EUR",)),
        ("1 000 EUR", ("1000 EUR",)),
        ("1,234,567.50 USD", ("1234567.50 USD",)),
        ("300", ()),
        ("EUR 300 EUR", ()),
        ("300 km", ()),
        ("many EUR", ()),
        ("1,23,4 EUR", ()),
    ],
)
def test_advice_about_an_amount_is_an_amount_or_nothing(text: str, found: tuple[str, ...]) -> None:
    """The advice would be another mistake, or a guess at what makes no sense."""
    assert amounts(text) == found


def test_a_day_with_points_is_repaired() -> None:
    """A date that can mean one thing only would be typed again by hand in every file."""
    import engine_world as world
    from test_engine_load import SAFE

    text = GOOD.replace("review_by: 2027-05-31", "review_by: 21.05.2027").encode()
    files = {
        world.CATALOGUE_PATH: world.CATALOGUE,
        "policies/lists/erp/safe.yaml": SAFE,
        "policies/pay.yaml": text,
    }
    fixes = [each.fix for each in check(files, None).findings if each.fix and each.fix.safe]
    assert b"review_by: 2027-05-21\n" in apply(text, fixes)
    wrong = [each for each in errors(text.decode().replace("21.05.", "21.13.")) if each.fix]
    assert wrong == []
