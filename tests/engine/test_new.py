"""Six answers make a file that loads and keeps its promises."""

from __future__ import annotations

from datetime import date

import engine_world as world
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.engine.cases import failures, run, uncovered
from governance.engine.compile import compile_release
from governance.engine.new import QUESTIONS, AnswerError, Answers, draft

TODAY = date(2026, 11, 20)
CATALOGUE = world.release(world.file()).catalogue
GOOD = Answers(
    title="What payment agents may do",
    owner="treasury@corp.example",
    actions="pay",
    agents="payments",
    free="500 EUR",
    asks="1 treasurer in 4h",
    never="10000 EUR",
)


def _check(answers: Answers) -> str:
    text = draft(answers, CATALOGUE, TODAY)
    made = compile_release(
        {world.CATALOGUE_PATH: world.CATALOGUE, "policies/new.yaml": text.encode()}, at=TODAY
    )
    results = run(made)
    assert [result.problem for result in failures(results)] == []
    missing = [name for name in uncovered(made, results) if "LIM" not in name]
    assert missing == []
    return text


def test_there_are_six_questions_each_with_an_example() -> None:
    """If a question had no example, a first user would not know what to type."""
    assert len(QUESTIONS) == 6
    assert all(question.text.endswith((".", "?")) and question.example for question in QUESTIONS)


def test_the_answers_become_a_file_that_loads_and_whose_cases_pass() -> None:
    """If the first file a person gets did not load, it would be the last."""
    text = _check(GOOD)
    assert "mode: draft" in text
    assert "review_by: 2027-05-21" in text
    assert "needs: [1 treasurer]" in text


@settings(max_examples=60, deadline=None)
@given(
    actions=st.sampled_from(["pay", "mail", "look", "pay look", "mail, look", "never"]),
    agents=st.sampled_from(["all", "payments", "a, b"]),
    free=st.sampled_from(["everything", "nothing", "5 EUR", "0.01 EUR"]),
    never=st.sampled_from(["", "9000 EUR"]),
    asks=st.sampled_from(["1 boss", "2 boss and 1 cfo within 2d", "1 boss, 1 cfo in 30m"]),
    title=st.text(alphabet="ab: #'\"{}[]&*!|>%@`\\ é\n-", min_size=1, max_size=40),
)
def test_whatever_is_answered_the_file_loads_or_the_answer_is_refused(
    actions: str, agents: str, free: str, never: str, asks: str, title: str
) -> None:
    """If an answer could break the file, people would have to repair what they did not write."""
    answers = Answers(title, "owner: #1", actions, agents, free, asks, never)
    refused = ""
    try:
        _check(answers)
    except AnswerError as problem:
        refused = problem.key
    assert refused in {"", "free", "never", "title"}


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"title": " "}, "title"),
        ({"owner": ""}, "owner"),
        ({"actions": "paay"}, "actions"),
        ({"agents": ""}, "agents"),
        ({"free": "500"}, "free"),
        ({"free": "-5 EUR"}, "free"),
        ({"free": "10.000 EUR"}, "free"),
        ({"never": "100.000 EUR"}, "never"),
        ({"free": "many"}, "free"),
        ({"never": "5 EUR"}, "never"),
        ({"never": "9000 USD"}, "never"),
        ({"asks": "somebody"}, "asks"),
        ({"asks": "0 boss"}, "asks"),
        ({"actions": "look", "free": "5 EUR", "never": ""}, "free"),
    ],
)
def test_an_answer_that_cannot_be_used_is_named(change: dict[str, str], key: str) -> None:
    """If a bad answer were bent into a good one, the file would say what nobody said."""
    answers = Answers(**{**{f: getattr(GOOD, f) for f in GOOD.__slots__}, **change})
    with pytest.raises(AnswerError) as problem:
        draft(answers, CATALOGUE, TODAY)
    assert problem.value.key == key
    assert str(problem.value)[0].islower() or str(problem.value)[0] == "`"
