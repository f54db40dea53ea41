"""Paths as rules see them. The law: two spellings of one place are one value, and doubt is said.

A path inside the registered workspace reads ``workspace:/src/a.py``, a path inside anybody's home
directory ``home:/.ssh/id_rsa``, every other one is absolute. So a rule never names a machine.

The work is lexical: ``.`` and ``..`` are resolved as text, nothing is looked up. A symbolic link
cannot be seen from here; whoever can create one (`ln -s`) writes, and that is judged when it
happens. Paths taken from a command line may hold wildcards: ``*`` and ``?`` within one name,
``**`` for everything beneath. Comparisons answer True, False or None: None means *cannot tell*,
because a wildcard may or may not meet the rule, or because only the letter case differs (one file
on some disks, two on others).
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from governance.engine.model import CannotTell

MAX_PATH = 4096
MAX_WILD = 64
"""A longer name with wildcards is not compared: it may be anything."""
_ROOTS = ("workspace:/", "home:/")
_HOME = re.compile(r"^(/home/[^/]+|/[Uu][Ss][Ee][Rr][Ss]/[^/]+|/root|/var/root)(?=/|$)")
_TOO_WIDE = re.compile(r"^/?$|^/(home|Users|root|var)/?$|^/(home|Users)/[^/]+/?$|^/var/root/?$")
_OTHER_DOORS = re.compile(r"^/(proc/[^/]+/(root|cwd|fd|exe|task)(/|$)|dev/fd(/|$))", re.I)
_SAME_PLACE = re.compile(r"^/(private(?=/(etc|var|tmp)(/|$))|System/Volumes/Data(?=/))")


DOUBTS = {
    "path_empty": "the path is empty",
    "too_long": "it is too long",
    "odd_characters": "it holds invisible, control or look-alike characters",
    "path_backslash": "the path holds a backslash, which some machines read as a separator",
    "not_a_path": "it is an address, not a path",
    "workspace_too_wide": "the registered workspace is a home directory, the root, or relative",
    "path_leaves_root": "the path goes up (`..`) from a place that is not known",
    "no_workspace": "the path is relative and no workspace is registered",
    "unknown_directory": "the directory a relative path starts from is not known",
    "path_of_a_process": "the path leads to wherever another program stands",
    "letter_case": "the path differs from the workspace only in letter case",
}
"""What each `CannotTell` code of this module means, as the end of a sentence."""


def odd_characters(text: str) -> bool:
    """Tell whether ``text`` may not be what it looks like.

    Control, invisible, direction-changing and compatibility characters let two different texts
    look alike to a person, or one text mean two things to two programs.
    """
    if text.isascii():
        return re.search(r"[\x00-\x1f\x7f]", text) is not None
    for character in text:
        if unicodedata.category(character) in {"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"}:
            return True
    return unicodedata.normalize("NFKC", text) != unicodedata.normalize("NFC", text)


def normalise(
    text: str,
    *,
    workspace: str | None = None,
    cwd: str | None = None,
    home: str | None = None,
) -> str | CannotTell:
    """Give the one spelling of a path, or say why it cannot be told.

    ``workspace`` and ``home`` are absolute directories of the machine the agent works on; ``cwd``
    is where a relative path starts, absolute or already in the form given here. Without ``cwd`` a
    relative path starts at the workspace. The result of this function is left as it is.
    """
    why = _refusal(text, workspace)
    if why:
        return CannotTell(why)
    text = unicodedata.normalize("NFC", text)
    for root in _ROOTS:
        if text == root[:-1] or text.startswith(root):
            if ".." in text.split("/"):
                return CannotTell("path_leaves_root")
            return root + "/".join(_tidy(text[len(root) :].split("/")))
    if text.startswith("~"):
        rest = text.partition("/")[2]
        parts = _tidy(rest.split("/"))
        if ".." in parts:
            return CannotTell("path_leaves_root")
        return "home:/" + "/".join(parts)
    if not text.startswith("/"):
        start = cwd if cwd is not None else workspace
        if start is None:
            return CannotTell("no_workspace")
        return _from(start, text, workspace, home)
    return _place("/" + "/".join(_tidy(text.split("/"), absolute=True)), workspace, home)


def _refusal(text: str, workspace: str | None) -> str | None:
    if not text:
        return "path_empty"
    if len(text) > MAX_PATH:
        return "too_long"
    if odd_characters(text):
        return "odd_characters"
    if "\\" in text:
        return "path_backslash"
    if "://" in text:
        return "not_a_path"
    if workspace is not None and (not workspace.startswith("/") or _TOO_WIDE.match(workspace)):
        return "workspace_too_wide"
    return None


def _tidy(parts: list[str], absolute: bool = False) -> list[str]:
    """Resolve `.` and `..`; a `..` that would leave the start stays in front (or, at /, falls)."""
    out: list[str] = []
    for part in parts:
        if part in ("", "."):
            continue
        if part == ".." and out and out[-1] != "..":
            # `**/..` could be the start itself: nothing certain is left of it.
            out.pop() if out[-1] != "**" else out.append(part)
        elif part != ".." or not absolute:
            out.append(part)
    return out


def _from(start: str, text: str, workspace: str | None, home: str | None) -> str | CannotTell:
    if start.startswith("workspace:/") and workspace is not None:
        start = workspace.rstrip("/") + "/" + start[len("workspace:/") :]
    for root in _ROOTS:
        if start.startswith(root):
            parts = _tidy(start[len(root) :].split("/") + text.split("/"))
            if ".." in parts:
                return CannotTell("path_leaves_root")
            return root + "/".join(parts)
    if not start.startswith("/"):
        return CannotTell("unknown_directory")
    joined = start.split("/") + text.split("/")
    return _place("/" + "/".join(_tidy(joined, absolute=True)), workspace, home)


def _place(absolute: str, workspace: str | None, home: str | None) -> str | CannotTell:
    absolute = _SAME_PLACE.sub("", absolute)
    if ".." in absolute.split("/"):
        return CannotTell("path_leaves_root")
    if _OTHER_DOORS.match(absolute):
        return CannotTell("path_of_a_process")
    for prefix, root in ((workspace, "workspace:/"), (home, "home:/")):
        if prefix:
            prefix = "/" + "/".join(_tidy(prefix.split("/"), absolute=True))
            prefix = _SAME_PLACE.sub("", prefix)
            if absolute == prefix or absolute.startswith(prefix + "/"):
                return root + absolute[len(prefix) + 1 :]
            if (absolute + "/").casefold().startswith(prefix.casefold() + "/"):
                return CannotTell("letter_case")
    match = _HOME.match(absolute)
    if match:
        return "home:/" + absolute[match.end() + 1 :]
    return absolute


def is_under(path: str, root: str) -> bool | None:
    """Tell whether everything ``path`` stands for lies at or beneath ``root`` (both normalised).

    True: all of it, letter for letter. False: none of it can. None: some of it may.
    """
    anchor, parts = _split(path)
    root_anchor, root_parts = _split(root)
    literal = _literal_prefix(parts)
    wild = len(literal) < len(parts)
    if anchor != root_anchor:
        # `/**` and `home:/**` may hold the workspace; `/home/**` holds every home.
        if not wild:
            return False
        if root_anchor == "workspace:":
            return None
        if root_anchor == "home:":
            return None if anchor == "" and tuple(literal) in _ABOVE_HOMES else False
        return False
    if literal[: len(root_parts)] == root_parts:
        return True
    return None if _may_reach(parts, root_parts) else False


_ABOVE_HOMES = {(), ("home",), ("Users",), ("var",)}


def has_name(path: str, pattern: str) -> bool | None:
    """Tell whether the file's name fits ``pattern`` (`*` and `?` only; no other signs).

    A pattern that ends in ``/`` asks for a folder on the way, at any depth. A name with ``[ ]`` or
    ``{ }`` may be a search pattern: when one of the names it stands for fits, the answer is None.
    """
    _, parts = _split(path)
    if pattern.endswith("/"):
        # A wildcard `**` with names behind it does not go into hidden folders; one at the end
        # stands for everything beneath.
        hidden = pattern.startswith(".")
        inside = [n for n, part in enumerate(parts[:-1]) if hidden and part == "**"]
        found = [_name_meets(part, pattern[:-1]) for n, part in enumerate(parts) if n not in inside]
        if True in found:
            return True
        return None if None in found else False
    return _name_meets(parts[-1], pattern) if parts else False


def _name_meets(name: str, pattern: str) -> bool | None:
    if name == "**" or (_wild(name) and len(name) > MAX_WILD):
        return None
    if not _wild(name):
        if _meet(name, pattern):
            return True
        if _meet(name.casefold(), pattern.casefold()):
            return None
        return _choices_meet(name, pattern)
    if name == pattern:
        return True
    if "{" in name or "}" in name or "[" in name:
        return _choices_meet(name, pattern)
    # A shell's `*` never stands for a leading dot, so `*` cannot be `.env`.
    if pattern[:1] == "." and name[:1] in "*?":
        return False
    return None if _meet(name.casefold(), pattern.casefold()) else False


def _choices_meet(name: str, pattern: str) -> bool | None:
    """A name with brackets or braces may be a search pattern: a set of signs, or of endings."""
    if not re.search(r"[\[{}]", name):
        return False
    if len(name) > MAX_WILD or name.count("{") != name.count("}"):
        return None
    texts = [re.sub(r"\[[^\]]+\]", "?", name)]
    while any("{" in text for text in texts):
        text = next(text for text in texts if "{" in text)
        inner = re.search(r"\{([^{}]*)\}", text)
        if inner is None or len(texts) > MAX_WILD:
            return None
        texts.remove(text)
        parts = inner.group(1).split(",")
        texts += [text[: inner.start()] + part + text[inner.end() :] for part in parts]
    return None if any(_meet(t.casefold(), pattern.casefold()) for t in texts) else False


def _split(path: str) -> tuple[str, list[str]]:
    for root in _ROOTS:
        if path.startswith(root) or path == root[:-1]:
            return root[:-1], [part for part in path[len(root) :].split("/") if part]
    return "", [part for part in path.split("/") if part]


def _wild(part: str) -> bool:
    return "*" in part or "?" in part


def _literal_prefix(parts: list[str]) -> list[str]:
    for position, part in enumerate(parts):
        if _wild(part):
            return parts[:position]
    return parts


def _may_reach(parts: list[str], root: list[str]) -> bool:
    """True when something ``parts`` stands for may lie at or beneath ``root``, any letter case."""
    if not root:
        return True
    if not parts:
        return False
    if parts[0] == "**" or (_wild(parts[0]) and len(parts[0]) > MAX_WILD):
        return True
    if parts[0][:1] in "*?" and root[0][:1] == ".":
        return False
    return _meet(parts[0].casefold(), root[0].casefold()) and _may_reach(parts[1:], root[1:])


@lru_cache(maxsize=4096)
def _meet(one: str, other: str) -> bool:
    """True when some text fits both patterns; time grows with the product of their lengths."""
    one, other = re.sub(r"\*+", "*", one), re.sub(r"\*+", "*", other)
    row = [True] + [False] * len(other)
    for j, sign in enumerate(other):
        row[j + 1] = row[j] and sign == "*"
    for sign in one:
        below = [row[0] and sign == "*"]
        for j, opposite in enumerate(other):
            if sign == "*" or opposite == "*":
                met = row[j + 1] or below[j] or row[j]
            else:
                met = row[j] and (sign == opposite or "?" in (sign, opposite))
            below.append(met)
        row = below
    return row[-1]
