"""Which names a search pattern stands for. The law: a pattern that may name more is not certain.

Search tools leave hidden and ignored files out until a pattern (`rg -g`, `grep --include`, the
`glob` of a file tool) names them, and a pattern's `*` stands for a leading dot, too, which a
shell's does not. So only two forms are certain: a plain name, and `*.ext` with folders in front.
Pure.
"""

from __future__ import annotations

import re

from governance.engine.notation import words_of

_NAME = re.compile(r"(?:\*\*/)?([A-Za-z0-9_.-]+)")
_ENDING = re.compile(
    r"(?:\./)?(?:[A-Za-z0-9_-][A-Za-z0-9_.-]*/)*(?:\*\*/)*\*((?:\.[A-Za-z0-9_-]+)+)"
)
_CHOICE = re.compile(r"([^{}\[\]]*)\{([^{}\[\]]+)\}([^{}\[\]]*)")
_MOST_CHOICES = 40
_SOURCES = words_of(
    "py pyi ipynb js jsx mjs cjs ts tsx mts cts vue svelte html css scss sass less json jsonc toml "
    "yaml yml xml md mdx rst txt csv sql sh bash zsh go rs c h cc cpp hpp java kt kts scala rb php "
    "swift cs fs lua pl r jl ex exs erl hs clj dart proto graphql tf gradle lock cfg ini svg"
)
"""Endings of files that people write programs and texts in: `.env.<one of these>` is nobody's."""


def named_by(pattern: str) -> list[str] | None:
    """Give the names (`*` allowed) that a search pattern adds, or None when that is not certain.

    ``*.env`` stands for `.env` as well. A pattern that excludes (``!x``) adds nothing. ``{a,b}`` is
    read as its choices.
    """
    if pattern.startswith("!"):
        return []
    choice = _CHOICE.fullmatch(pattern)
    if choice:
        before, inside, after = choice.groups()
        parts = inside.split(",")
        if len(parts) > _MOST_CHOICES:
            return None
        found: list[str] = []
        for part in parts:
            named = named_by(f"{before}{part}{after}")
            if named is None:
                return None
            found += named
        return found
    if ".." in pattern:
        return None
    ending = _ENDING.fullmatch(pattern)
    if ending:
        name = ending.group(1)
        hidden = [] if name.rpartition(".")[2] in _SOURCES else [f".*{name}"]
        return [f"*{name}", name, *hidden]
    plain = _NAME.fullmatch(pattern)
    return [plain.group(1)] if plain else None
