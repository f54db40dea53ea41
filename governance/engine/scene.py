"""What one command line is found to do, while it is being read. The law: every doubt is kept.

A `Scene` collects the values of the fields of a command and, per field, the first reason why the
field cannot be told. Reading never removes anything, so the order of reading does not matter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from governance.engine.model import CannotTell
from governance.engine.notation import ROLE_FIELDS, Option, Program
from governance.engine.paths import normalise
from governance.engine.search import named_by
from governance.engine.shell import ANY_ONE, ANY_RUN, Word

EVERYTHING = (
    "programs", "effects", "flags", "subcommands", "reads", "writes", "deletes", "hosts",
    "piped_to_shell",
)  # fmt: skip
MOST_WILD = 50
"""More paths with wildcards than this are not looked at one by one."""

_HARMLESS = re.compile(r"^/dev/(null|stdout|stderr|stdin|tty|zero|full|u?random)$")
_PATH_LIKE = re.compile(r"^[~.]|/")
_WORDS = re.compile(r"[\w.,:+@=' -]*")
_LOADS = re.compile(r"plugin|wrapper|toolexec|extld|extar|executable|require", re.I)
_NUMBERS = re.compile(r"[-+]?[0-9][0-9./,]*[A-Za-z%]{0,3}")
_SIGNATURES = re.compile(r"%G|signature|trailers")
_SAY_NOTHING = ("none", "glob", "pair", "pair_reads", "dir", "shell")
# git runs the program that checks signatures for `%G?`; other words may be names of plugins.
_PLAIN_TEXT: Mapping[str, Callable[[str], bool]] = {
    "format": lambda text: not _SIGNATURES.search(text),
    "num": lambda text: bool(_NUMBERS.fullmatch(text)),
    "word": lambda text: bool(_WORDS.fullmatch(text)) and not _LOADS.search(text),
}
_HOST = re.compile(r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9_])?\.?$|^[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*$")
_URL = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*)://(?:[^/?#@]*@)?(\[[^\]]*\]|[^/?#:]*)")
_REMOTE = re.compile(r"^(?:[^/@:\s]+@)?(\[[^\]]+\]|[A-Za-z0-9][\w.-]*):(?!//)(.*)$", re.S)


@dataclass(slots=True)
class Scene:
    """The fields so far. ``cwds`` are the directories a step may run in (None: not known)."""

    workspace: str | None
    home: str | None
    cwds: tuple[str | None, ...]
    run: Callable[[Scene, Sequence[Word], str], None]
    run_line: Callable[[Scene, str], None]
    fallbacks: tuple[str | None, ...] = ()
    found: dict[str, dict[str, None]] = field(default_factory=dict)
    doubts: dict[str, str] = field(default_factory=dict)
    piped: bool = False
    wild: int = 0

    def add(self, name: str, *values: str) -> None:
        """Put values into a field, each once, in the order seen."""
        self.found.setdefault(name, {}).update(dict.fromkeys(values))

    def doubt(self, code: str, *names: str) -> None:
        """Say that fields (every field, when none is named) cannot be told, and why."""
        for name in names or EVERYTHING:
            self.doubts.setdefault(name, code)

    def path(self, name: str, word: Word, tail: str = "") -> None:
        """Put the path a word stands for into ``reads``, ``writes`` or ``deletes``.

        ``tail`` such as ``/**`` is what of the path is touched.
        """
        effect, name = name, "reads" if name == "lists" else name
        self.add("effects", effect)
        if not word.known:
            self.doubt(word.why, name)
            return
        if word.wild:
            self.wild += 1
            if self.wild > MOST_WILD:
                self.doubt("wildcard", name)
                return
        text = word.text.replace(ANY_RUN, "*").replace(ANY_ONE, "?")
        if effect == "lists" and word.wild:
            text = text.rstrip("/").rpartition("/")[0] or ("/" if text.startswith("/") else ".")
        if text == "-" or _HARMLESS.match(text):
            return
        if text.startswith(("/dev/tcp/", "/dev/udp/")):
            self.add("effects", "network", "sends")
            self.host(text.split("/")[3])
            return
        if text.startswith("file://"):
            text = text[len("file://") :] or "/"
        for cwd in self.cwds:
            if cwd is None and not text.startswith(("/", "~", "workspace:/", "home:/")):
                self.doubt("unknown_directory", name)
                continue
            place = normalise(
                text.rstrip("/") + tail if text.strip("/") else "/" + tail.lstrip("/"),
                workspace=self.workspace,
                cwd=cwd,
                home=self.home,
            )
            if isinstance(place, CannotTell):
                self.doubt(place.why, name)
            else:
                self.add(name, place)

    def host(self, text: str) -> None:
        """Put a host name or address into ``hosts``."""
        text = text.strip("[]").lower()
        if _HOST.match(text):
            self.add("hosts", text.rstrip("."))
        else:
            self.doubt("not_a_host", "hosts")

    def address(self, word: Word) -> None:
        """Put where a URL, `user@host:path` or host points into ``hosts`` (or ``reads``)."""
        if not word.known or word.wild:
            self.doubt(word.why or "wildcard", "hosts", "reads", "effects")
            return
        url = _URL.match(word.text)
        if url and url.group(1).lower() == "file":
            self.path("reads", Word(word.text[len("file://") :] or "/"))
        elif url:
            self.host(url.group(2))
        elif re.match(r"^file:", word.text, re.I):
            self.path("reads", Word(word.text.split(":", 1)[1] or "/"))
        else:
            self.host(re.split(r"[/?#]", word.text.rpartition("@")[2])[0].partition(":")[0])

    def remote(self, word: Word) -> str | None:
        """Take `host:path` apart; give the host, or None for a path of this machine."""
        match = _REMOTE.match(word.text) if word.known else None
        if match:
            self.host(match.group(1))
            return match.group(1)
        if word.known and _URL.match(word.text):
            self.address(word)
            return word.text
        return None

    def options(
        self, program: Program, words: Sequence[Word], *, stop_at_operand: bool = False
    ) -> tuple[list[Word], list[tuple[Option, Word | None]]]:
        """Take options and operands apart and record the flags under one name each."""
        operands: list[Word] = []
        chosen: list[tuple[Option, Word | None]] = []
        rest = list(words)
        while rest:
            word = rest.pop(0)
            text = word.text
            if text == "--" and word.known:
                operands += rest
                break
            plus = text[:1] == "+" and text[:1] not in program.options
            if not word.known or len(text) < 2 or text[0] not in "-+" or plus:
                if program.strict and not word.known and program.options and text[:1] in ("", "-"):
                    # What is put together when it runs may turn out to be an option.
                    self.doubt(word.why)
                operands.append(word)
                if stop_at_operand:
                    operands += rest
                    break
            elif text.startswith("--"):
                self._long(program, text, rest, chosen)
            elif text in program.options:
                self._take(program.options[text], "", rest, chosen)
            elif text[0] == "+":
                self._take(program.options["+"], text[1:], rest, chosen)
            elif text.partition("=")[0] in program.options and "=" in text and len(text) > 3:
                # `-run=Name`, as the tools of Go write it.
                name, _, value = text.partition("=")
                self._long(program, f"{name}={value}", rest, chosen)
            elif re.fullmatch(r"-[0-9]+", text) and "-NUM" in program.options:
                continue
            elif text[0] == "-":
                self._cluster(program, text, rest, chosen)
        self.add("flags", *(option.name for option, _ in chosen if option.name[0] in "-+"))
        return operands, chosen

    def _long(
        self,
        program: Program,
        text: str,
        rest: list[Word],
        chosen: list[tuple[Option, Word | None]],
    ) -> None:
        name, equals, value = text.partition("=")
        option = program.options.get(name)
        if option is None and len(name) > 3 and not program.strict:
            near = {o.name: o for key, o in program.options.items() if key.startswith(name)}
            option = next(iter(near.values())) if len(near) == 1 else None
        if option is None or (equals and option.value is None):
            self._stranger(program)
        if option is not None and (option.value is None or option.optional or equals):
            chosen.append((option, Word(value) if equals else None))
        elif option is not None:
            self._take(option, "", rest, chosen)
        else:
            # An option nobody described may well name a file: it counts as reading it.
            role = "reads" if equals and _PATH_LIKE.search(value) else None
            chosen.append((Option(name, role), Word(value) if role else None))

    def _stranger(self, program: Program) -> None:
        """Meet an option that the table does not name: where that counts, nothing is certain."""
        if program.strict:
            self.doubt("unknown_option")

    def _cluster(
        self,
        program: Program,
        text: str,
        rest: list[Word],
        chosen: list[tuple[Option, Word | None]],
    ) -> None:
        for position, letter in enumerate(text[1:], start=1):
            option = program.options.get("-" + letter, Option("-" + letter))
            if "-" + letter not in program.options:
                self._stranger(program)
            if option.value is not None:
                self._take(option, text[position + 1 :], rest, chosen)
                return
            chosen.append((option, None))

    def _take(
        self,
        option: Option,
        attached: str,
        rest: list[Word],
        chosen: list[tuple[Option, Word | None]],
    ) -> None:
        if option.value is None:
            chosen.append((option, None))
        elif attached:
            chosen.append((option, Word(attached.removeprefix("="))))
        elif option.optional:
            chosen.append((option, None))
        else:
            value = rest.pop(0) if rest else Word("", False, "grammar")
            if value.splits:
                self.doubt(value.why)
            chosen.append((option, value))
            if option.value in ("pair", "pair_reads") and rest:
                value = rest.pop(0)
                if option.value == "pair_reads":
                    self.path("reads", value)

    def value(self, role: str, word: Word) -> None:
        """Record what the value of an option means."""
        if role in _SAY_NOTHING:
            return
        if role in ("reads", "writes", "deletes"):
            self.path(role, word)
        elif role == "edit":
            self.operands("edit", [word], "")
        elif role == "line":
            self.line(word)
        elif role == "data":
            if not word.known:
                self.doubt(word.why, *ROLE_FIELDS["data"])
            elif "@" in word.text:
                self.path("reads", Word(word.text.partition("@")[2].partition(";")[0]))
        elif role == "url":
            self.address(word)
        elif role == "host":
            self.host(word.text) if word.known else self.doubt(word.why, "hosts")
        elif role in ("range", "conf"):
            self._file_of(role, word)
        elif role not in _PLAIN_TEXT or not word.known or not _PLAIN_TEXT[role](word.text):
            self.doubt("inline_code" if role in ("code", "format") else "too_unusual")

    def _file_of(self, role: str, word: Word) -> None:
        """`-L 1,5:file` names a file behind a colon; a configuration is a file of the workspace."""
        name = word.text.rpartition(":")[2] if role == "range" else word.text
        self.path("reads", replace(word, text=name))
        if role == "conf" and not self._inside(word):
            # A configuration names programs; people review the one of the workspace.
            self.doubt("configuration")

    def line(self, word: Word) -> None:
        """Read a word that another shell will run as a command line."""
        if not word.known or word.wild:
            self.doubt(word.why or "wildcard")
        else:
            self.run_line(self, word.text)

    def apply(self, program: Program, words: Sequence[Word]) -> None:
        """Record what one row of the table says about these words."""
        self.add("effects", *program.effects)
        operands, chosen = self.options(program, words)
        deep = program.deep
        globs: list[Word] = []
        skip = program.skip
        for option, value in chosen:
            self.add("effects", *option.effects)
            deep = deep or option.deep
            skip = 0 if option.unskips else skip
            if option.value == "glob" and value is not None:
                globs.append(value)
            elif option.value is not None and value is not None:
                self.value(option.value, value)
        for word in operands:
            if not word.known:
                touched = program.may_touch() - {"reads", "writes", "deletes"}
                if touched:
                    self.doubt(word.why, *touched)
        role = program.operands
        if any(option.name == "--target-directory" for option, _ in chosen):
            role = {"copy": "reads", "move": "all"}.get(role, role)
        named = self.globs(globs)
        # A file that is named itself is read, whatever the pattern says.
        tails = ["", *named] if named else ["/**"] if deep else [""]
        # A search that goes into directories starts where it stands unless it is told.
        default = program.default or ("." if deep and program.operands == "reads" else "")
        paths = operands[skip:] or ([Word(default)] if default else [])
        if role == "unpack":
            into = [value for option, value in chosen if option.name == "-d" and value is not None]
            self.operands("reads", paths[:1], "")
            self.operands("writes", into or [Word(".")], "/**")
            return
        for tail in tails:
            self.operands(role, paths, tail)
        if any(option.name in ("--link", "--symbolic-link") for option, _ in chosen):
            self._links(*_sources(role, paths))
        if any("deletes" in option.effects for option, _ in chosen):
            self.operands("deletes", [p for p in paths if self.remote(p) is None], "/**")

    def globs(self, words: Sequence[Word]) -> list[str]:
        """What search patterns such as `-g '*.py'` make of the folders searched, as path endings.

        A pattern can name files that a search leaves out otherwise, hidden ones above all.
        """
        tails: list[str] = []
        for word in words:
            text = word.text.replace(ANY_RUN, "*").replace(ANY_ONE, "?")
            named = named_by(text) if word.known else None
            if named is None:
                self.doubt(word.why or "wildcard", "reads")
            else:
                tails += [f"/**/{name}" for name in named]
        return tails

    def operands(self, role: str, words: Sequence[Word], tail: str) -> None:
        """Record what the operands of a program mean, by their role."""
        if role in ("reads", "edit"):
            # Tools of compilers take `@file` for more arguments.
            files = [Word(w.text[1:]) for w in words if w.known and re.match(r"@[^@]", w.text)]
            for word in files:
                self.path("reads", word)
        if role in _FIELDS_OF:
            for word in words:
                for name in _FIELDS_OF[role]:
                    self.path(name, word, tail)
        elif role in ("copy", "move", "link", "archive", "copy_first"):
            self._several(role, words, tail)
        elif role == "remote":
            here = [word for word in words if self.remote(word) is None]
            ends_here = bool(words) and here[-1:] == [words[-1]]
            self._several("copy" if ends_here else "reads", here, tail)
        elif role in ("url", "hosts"):
            for word in words:
                # A small bare number is a port.
                if not re.fullmatch(r"[0-9]{1,5}", word.text) or not word.known:
                    self.address(word)
        elif role in ("code", "unknown") and words:
            self.doubt("inline_code" if role == "code" else "too_unusual")

    def _several(self, role: str, words: Sequence[Word], tail: str) -> None:
        if role == "reads":
            for word in words:
                self.path("reads", word, tail)
            return
        sources, targets = _sources(role, words)
        for word in sources:
            self.path("reads", word, tail)
            if role == "move":
                # A folder goes with everything in it.
                self.path("deletes", word, "/**")
            if role == "link" and not self._inside(word):
                self.path("reads", word, "/**")
        for target in targets:
            self.path("writes", target, tail)
            for word in sources if role != "copy_first" else ():
                # The target may be a folder that the source is put into.
                name = word.text.rstrip("/").rpartition("/")[2]
                if word.known and target.known and name:
                    self.path("writes", Word(f"{target.text.rstrip('/')}/{name}"), tail)
        if role == "link":
            self._links(sources, targets)

    def _links(self, sources: Sequence[Word], targets: Sequence[Word]) -> None:
        """Count what links point to as written: whoever writes to the link writes there.

        A symbolic link's text starts where the link is, so it is taken from there, too. Links that
        exist already cannot be seen from here.
        """
        for source in sources:
            self.path("writes", source)
            if not self._inside(source, beneath=True):
                self.path("writes", source, "/**")
            for target in targets:
                if source.known and target.known and source.text[:1] not in ("/", "~"):
                    folder = target.text.rstrip("/").rpartition("/")[0]
                    for start in {folder, target.text.rstrip("/")} - {""}:
                        self.path("writes", Word(f"{start}/{source.text}"))
        if not targets:
            self.path("writes", Word("."))

    def _inside(self, word: Word, *, beneath: bool = False) -> bool:
        if not word.known or word.wild:
            return False
        for cwd in self.cwds:
            place = normalise(word.text or ".", workspace=self.workspace, cwd=cwd, home=self.home)
            if isinstance(place, CannotTell) or not place.startswith("workspace:/"):
                return False
            if beneath and place == "workspace:/":
                return False
            if cwd is None and not word.text.startswith(("/", "~")):
                return False
        return True


def _sources(role: str, words: Sequence[Word]) -> tuple[Sequence[Word], Sequence[Word]]:
    """What is read and what is written by a program that copies."""
    if role == "archive":
        return words[1:], words[:1]
    if role == "copy_first":
        return words[:1], words[1:]
    return (words[:-1], words[-1:]) if len(words) > 1 else (words, ())


_FIELDS_OF: Mapping[str, tuple[str, ...]] = {
    "reads": ("reads",),
    "searches": ("reads",),
    "lists": ("lists",),
    "writes": ("writes",),
    "deletes": ("deletes",),
    "edit": ("reads", "writes"),
    "overwrites": ("writes", "deletes"),
    "rewrite": ("reads", "writes", "deletes"),
    "all": ("reads", "writes", "deletes"),
}

Reader = Callable[[Scene, str, Sequence[Word], str], None]
"""Reads one program: the scene, the program's name, the words after it, what feeds its input
(`pipe`, `here`, `file` or nothing)."""
