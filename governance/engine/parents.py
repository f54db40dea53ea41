"""Reads inheritance: `extends`, and `instead_of` on a child's rules and limits.

Law: a child only adds, except where a rule of a direct parent says `may_be_waived_by: [child]` and a
rule of the child names it. A parent is a policy of the same release that is in force.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from governance.engine.clauses import loosened_by
from governance.engine.model import Effect
from governance.engine.reading import Document, Findings, Way
from governance.engine.shape import nearest

if TYPE_CHECKING:
    from governance.engine.policyfile import Reader


class Family:
    """Every policy document of a release by policy name, and who extends whom."""

    def __init__(self, documents: Mapping[str, Document]) -> None:
        self._documents = documents

    def parents(self, document: Document) -> dict[str, Document]:
        """The direct parents that exist, by name."""
        named = document.data.get("extends") or ()
        return {name: self._documents[name] for name in named if name in self._documents}

    def check(self, document: Document, findings: Findings) -> None:
        """Every parent exists, is in force, and does not descend from its own child."""
        data, path = document.data, document.path
        for i, name in enumerate(data.get("extends") or ()):
            place = document.place(("extends", i))
            parent = self._documents.get(name)
            if parent is None:
                findings.add(path, place, "unknown-parent", f"there is no policy `{name}`",
                             nearest(name, self._documents))  # fmt: skip
                continue
            mode = parent.data["mode"]
            if mode == "gradual" or (mode == "draft" != data["mode"]):
                findings.add(path, place, "unknown-parent",
                             f"`{name}` is in mode {mode}, so nothing can build on it",
                             "extend a policy that is in force for everybody")  # fmt: skip
            if data["extends"].index(name) != i:
                findings.add(
                    path, place, "parent-loop", f"`{name}` is named twice", "once is enough"
                )
            if any(above is document for above in self._above(parent)):
                findings.add(path, place, "parent-loop",
                             f"`{name}` extends this file in turn", "only one can be the parent")  # fmt: skip

    def _above(self, document: Document) -> list[Document]:
        """A document and everything it descends from, each once."""
        found = [document]
        for one in found:
            for parent in self.parents(one).values():
                if not any(known is parent for known in found):
                    found.append(parent)
        return found

    def lists(self, document: Document) -> dict[str, tuple[Document, ...]]:
        """Which ancestors declare each list that a file inherits."""
        out: dict[str, tuple[Document, ...]] = {}
        for parent in self.parents(document).values():
            for above in self._above(parent):
                for name in above.data.get("lists") or {}:
                    if above is not document and not any(one is above for one in out.get(name, ())):
                        out[name] = (*out.get(name, ()), above)
        return out

    def default_approval(self, document: Document) -> Any:
        """The one clause that everything above a file gives for its default, or None."""
        found: list[Any] = []
        for above in self._above(document)[1:]:
            clause = above.data.get("default_approval")
            if clause is not None and clause not in found:
                found.append(clause)
        return found[0] if len(found) == 1 else None


def entries(document: Document) -> dict[str, tuple[dict[str, Any], Effect, bool]]:
    """The rules and limits of a document by number: their data, effect, and whether it is a limit."""
    out: dict[str, tuple[dict[str, Any], Effect, bool]] = {}
    for rule in document.data.get("rules") or ():
        out[rule["id"]] = (rule, Effect.of(rule["effect"]), False)
    for limit in document.data.get("limits") or ():
        out[limit["id"]] = (limit, Effect.of(limit["otherwise"]), True)
    return out


def instead_of(
    reader: Reader, data: dict[str, Any], effect: Effect, way: Way, limit: bool
) -> tuple[str, ...]:
    """The parents' rules (`policy/rule`) that a rule or limit of a child replaces."""
    given = data.get("instead_of")
    if given is None:
        return ()
    out = []
    listed = isinstance(given, list)
    for i, name in enumerate(given if listed else [given]):
        at: Way = (*way, "instead_of", i) if listed else (*way, "instead_of")
        full = _resolved(reader, name, at)
        if full is not None and _permitted(reader, full, effect, at, limit):
            out.append(full)
    if "trust_claim" in data:
        reader.wrong((*way, "trust_claim"), "does-not-apply",
                     "what an agent claims of itself replaces no rule of a parent",
                     "say `attested_only: true`", key=True)  # fmt: skip
    return tuple(dict.fromkeys(out))


def _resolved(reader: Reader, name: str, way: Way) -> str | None:
    parents = reader.family.parents(reader.document)
    policy, _, rule = name.rpartition("/")
    known = [f"{parent}/{each}" for parent, made in parents.items() for each in entries(made)]
    found = [full for full in known if full == name or (not policy and full.endswith(f"/{rule}"))]
    if len(found) == 1:
        return found[0]
    if not parents:
        reader.wrong(way, "unknown-rule", "this file extends no other, so it replaces nothing",
                     "add `extends: [<policy>]`")  # fmt: skip
    elif found:
        reader.wrong(way, "unknown-rule", f"`{name}` is a rule of two parents",
                     "write " + " or ".join(f"`{full}`" for full in found))  # fmt: skip
    else:
        bare = [full.rpartition("/")[2] for full in known]
        reader.wrong(way, "unknown-rule", f"`{name}` is not a rule or limit of a parent",
                     nearest(name, known if policy else bare))  # fmt: skip
    return None


def _permitted(reader: Reader, full: str, effect: Effect, way: Way, limit: bool) -> bool:
    policy, _, rule = full.partition("/")
    target, strict, target_is_limit = entries(reader.family.parents(reader.document)[policy])[rule]
    if "child" not in loosened_by(target):
        reader.wrong(way, "may-not-be-waived",
                     f"`{full}` does not say `may_be_waived_by: [child]`, so no child loosens it",
                     "ask its owner, or only tighten")  # fmt: skip
    elif limit and not target_is_limit:
        reader.wrong(way, "does-not-apply", f"`{full}` is no limit, so a limit does not replace it")
    elif not limit and (effect is Effect.DENY or effect > strict):
        reader.wrong(way, "does-not-apply",
                     f"`{full}` is {strict.word}, so {effect.word} need not replace it",
                     "remove `instead_of`: the strictest wins anyway")  # fmt: skip
    elif strict is Effect.ALLOW:
        reader.wrong(way, "does-not-apply", f"`{full}` is an allow: there is nothing to loosen")
    else:
        return True
    return False
