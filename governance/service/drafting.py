"""Trying policy files before anybody releases them: cases, plain words, supposed actions, new files.

Law: nothing here touches a log. Files come in as bytes by path and answers go out as plain values; what
does not load raises `Problem` with every finding.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from typing import Any

from governance.engine import cases, new, words_of_files
from governance.engine import format as layout
from governance.engine.compile import Release
from governance.engine.earlier import BadPast
from governance.engine.explain import explain, plain
from governance.engine.rules import PolicyFile
from governance.service import given
from governance.service.drafts import compiled
from governance.service.problem import Problem


def _files(release: Release, policy: str | None) -> tuple[PolicyFile, ...]:
    found = tuple(f for f in release.bundle.files if policy is None or f.policy == policy)
    if not found:
        known = ", ".join(f"`{f.policy}`" for f in release.bundle.files)
        raise Problem("unknown", f"there is no policy `{policy}`; there are {known}")
    return found


def plain_words(files: Mapping[str, bytes], policy: str | None = None) -> dict[str, list[str]]:
    """Every file as sentences: policy -> paragraphs."""
    release = compiled(files)
    known = release.catalogue.actions
    table = release.bundle.risk
    if table is not None and policy == table.risk:
        return {table.risk: list(words_of_files.risk(table, known))}
    said = {file.policy: list(words_of_files.file(file, known)) for file in _files(release, policy)}
    if table is not None and policy is None:
        said[table.risk] = list(words_of_files.risk(table, known))
    return said


def suppose(
    files: Mapping[str, bytes],
    cells: Mapping[str, str],
    policy: str | None = None,
    *,
    everything: bool = False,
    agent: Mapping[str, object] | None = None,
    asked: bool = False,
    released: bool = False,
) -> dict[str, Any]:
    """Explain a supposed action, described as a case's cells are (`args.amount: 120 EUR`).

    The rest is as in a case: an ordinary active agent that the policy applies to, in a clean session.
    `agent` are the fields of an agent that the workspace knows, which `cells` may still change;
    `asked` says that the workspace was asked for one, `released` that the files are no draft. Returns `engine.explain.plain`'s form and
    `supposed`, what nobody said. Raises `Problem` for a name that means nothing here.
    """
    release = compiled(files, released=released)
    if not cells.get("action"):
        raise Problem("bad-field", given.without_action(cells), field="action")
    if policy is None:
        speaking = [f for f in release.bundle.files if cells["action"] in f.governs]
        policy = speaking[0].policy if speaking else None
    file = _files(release, policy)[0]
    given.require_known(release, file, cells)
    typed = {**(agent or {}), **{name: _cell(text) for name, text in cells.items()}}
    variant = cases.variant_of(release, file, typed)
    request, problems = cases.request_of(variant, file, typed)
    if problems:
        raise Problem("bad-request", "; ".join(problems))
    try:
        facts = cases.facts_of(variant, file, typed, request)
    except BadPast as error:
        raise Problem("bad-request", str(error)) from None
    told = explain(variant, request, facts, cases.moment(typed), everything=everything)
    return plain(told) | {"supposed": given.supposed(request, cells, agent, asked=asked)}


def _cell(text: str) -> object:
    """A cell as it is typed on a command line: `true`, `12`, `[a, b]`, or text."""
    if text in ("true", "false"):
        return text == "true"
    if re.fullmatch(r"-?[0-9]+", text):
        return int(text)
    if text.startswith("[") and text.endswith("]"):
        return [part.strip() for part in text[1:-1].split(",") if part.strip()]
    return text


def questions() -> list[dict[str, str]]:
    """What `draft` wants to know: `[{name, text, example}]`."""
    return [{"name": q.key, "text": q.text, "example": q.example} for q in new.QUESTIONS]


def speaking(files: Mapping[str, bytes], actions: str) -> list[str]:
    """The policies of `files` that already govern one of these actions (separated as answers are)."""
    wanted = set(re.split(r"[\s,]+", actions.strip()))
    return [f.policy for f in compiled(files).bundle.files if wanted & set(f.governs)]


def draft(files: Mapping[str, bytes], answers: Mapping[str, str], at: date) -> str:
    """A complete policy file out of the answers, for the catalogue of `files`; `at` is today.

    Besides the answers of `questions`, `never` (an amount beyond which nobody may approve) and
    `name` may be given. Raises `Problem` whose `field` names the answer that cannot be used.
    """
    known = [field.name for field in fields(new.Answers)]
    for name in answers:
        if name not in known:
            told = ", ".join(f"`{each}`" for each in known)
            raise Problem("bad-field", f"`{name}` is no question; there are {told}", field=name)
    for question in new.QUESTIONS:
        if question.key not in answers:
            raise Problem(
                "bad-field",
                f"`{question.key}` is not answered: {question.text} Such as `{question.example}`",
                field=question.key,
            )
    try:
        text = new.draft(new.Answers(**answers), compiled(files).catalogue, at)
        return layout.formatted("new.yaml", text.encode()).decode()
    except new.AnswerError as error:
        raise Problem("bad-field", str(error), field=error.key) from None
