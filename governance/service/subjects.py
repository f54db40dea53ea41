"""Finding who is meant: a data subject by kind and value, as the catalogue writes it.

Law: the value is looked up by its keyed digest and goes no further; what comes out is a pseudonym.
"""

from __future__ import annotations

import re
from typing import Final

from governance.service.desk import Desk
from governance.service.problem import Problem

PERSON: Final = "person"
_PERSON: Final = re.compile(r"p-[a-z0-9]{10}").fullmatch


def subject_of(desk: Desk, kind: str, value: str) -> str:
    """The pseudonym of a data subject by kind and value, or of a person; raises `Problem`."""
    if kind == PERSON:
        if type(value) is not str or _PERSON(value) is None:
            raise Problem("bad-field", f"`{value}` is no pseudonym of a person", field="value")
        if value in desk.state.people:
            raise Problem(
                "conflict", f"`{value}` is an active person; they leave before they are erased"
            )
        return value
    for normal in _spellings(desk, kind, value):
        found = desk.vault.find(kind, normal)
        if found is not None:
            return found
    kinds = _kinds(desk)
    if kind not in kinds:
        raise Problem(
            "bad-field",
            f"`{kind}` is no kind of person here; expected {', '.join(sorted(kinds | {PERSON}))}",
            field="subject_type",
        )
    raise Problem(
        "unknown",
        f"nothing is kept about this {kind}; check the spelling of the value",
        field="value",
    )


def _kinds(desk: Desk) -> set[str]:
    """The kinds of data subjects that the catalogue in force knows."""
    release = desk.state.release
    if release is None:
        return set()
    actions = desk.releases.get(release).release.bundle.catalogue.actions.values()
    return {
        arg.about
        for action in actions
        for arg in (*action.args.values(), *action.claims.values())
        if arg.cls == "identity"
    }


def _spellings(desk: Desk, kind: str, value: str) -> list[str]:
    """The value as given, and as every argument about this kind of subject normalises it."""
    spellings = [value]
    release = desk.state.release
    if release is None:
        return spellings
    for action in desk.releases.get(release).release.bundle.catalogue.actions.values():
        for arg in (*action.args.values(), *action.claims.values()):
            if arg.cls == "identity" and arg.about == kind:
                normal = arg.type.one(value)
                if isinstance(normal, str) and normal not in spellings:
                    spellings.append(normal)
    return spellings
