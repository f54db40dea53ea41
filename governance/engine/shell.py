"""Reads one shell command line into its parts. The law: what is not understood is never guessed.

The grammar is the common core of POSIX sh, bash and zsh: words with quotes, lists (`;`, `&`, `&&`,
`||`, newline), pipelines, groups, subshells, assignments, redirections, here-documents and command
substitution (whose inner line is kept, because it runs). Loops, conditions, functions, arrays and
arithmetic raise `NotUnderstood`. A word whose text depends on the machine (a variable, a
substitution, braces) is kept with ``known=False`` and the reason.

Wildcards in words are the two private signs `ANY_RUN` and `ANY_ONE`, so that a quoted star stays a
star. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from governance.engine.notation import words_of
from governance.engine.paths import odd_characters

ANY_RUN = "\ue000"
ANY_ONE = "\ue001"
MAX_LINE = 20_000
MAX_WORD = 4_096
MAX_WORDS = 500
MAX_DEPTH = 12
_META = " \t\n;&|<>()"
_RESERVED = words_of(
    "if then elif else fi for while until do done case esac function select [[ coproc repeat "
    "foreach"
)
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9?#$!@*-]")
_NUMBERS = frozenset("?#$!")


DOUBTS = {
    "unbalanced": "a quote, bracket or here-document does not end",
    "too_deep": "the command is nested too deeply",
    "grammar": "the command does not follow the shell's grammar",
    "computed": "a part of the command is computed when it runs",
    "function_or_pattern": "the command holds a function, an array or an extended pattern",
    "loop_or_condition": "the command holds a loop or a condition",
    "process_substitution": "the command holds a process substitution",
    "variable": "a variable stands where it matters",
    "number": "a number that is known only when the command runs stands where it matters",
    "substitution": "the output of another command stands where it matters",
    "braces": "braces that expand stand where it matters",
    "brackets": "a set of characters in brackets stands where it matters",
}
"""What each code of `NotUnderstood` and of an unknown word means, as the end of a sentence."""


_OTHER_TILDE = re.compile(r"~[-+0-9]")


def _expands(bare: str) -> str:
    """Why a word becomes other words when it runs, or nothing. `bare` is its unquoted text."""
    opened, closed = bare.find("{"), bare.rfind("}")
    if 0 <= opened < closed and ("," in bare[opened:closed] or ".." in bare[opened:closed]):
        return "braces"
    if 0 <= bare.find("[") < bare.rfind("]"):
        return "brackets"
    return "variable" if _OTHER_TILDE.match(bare) else ""


class NotUnderstood(Exception):
    """The line, or a part of it, is outside the grammar; its text is one of the codes `DOUBTS`."""


@dataclass(frozen=True, slots=True)
class Word:
    """One word after quotes are removed; ``plain`` counts the leading characters not quoted.

    ``splits``: an expansion outside quotes, which may become several words.
    """

    text: str
    known: bool = True
    why: str = ""
    plain: int = 0
    splits: bool = False

    @property
    def wild(self) -> bool:
        """True when the shell would match the word against file names."""
        return ANY_RUN in self.text or ANY_ONE in self.text


@dataclass(frozen=True, slots=True)
class Redirect:
    """``operator`` is one of `<`, `>`, `<>`, `<<`, `<<<`, `>&`, `<&`; ``target`` what follows it."""

    operator: str
    target: Word


@dataclass(frozen=True, slots=True)
class Simple:
    """One program call: assignments in front, words, redirections.

    The body of a here-document stands after the line, so ``redirects`` is complete only when the
    whole line has been read.
    """

    assignments: tuple[tuple[str, Word], ...]
    words: tuple[Word, ...]
    redirects: Sequence[Redirect]
    inner: tuple[Script, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """`( … )` or `{ … }` with its own redirections."""

    script: Script
    subshell: bool
    redirects: Sequence[Redirect]


@dataclass(frozen=True, slots=True)
class Step:
    """A pipeline and the operator in front of it (`;` for the first one). `negated` = a `!` turns
    its success around."""

    joined_by: str
    pipeline: tuple[Simple | Group, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Script:
    """A list of steps in the order they are written, and the variables whose values they show."""

    steps: tuple[Step, ...]
    variables: frozenset[str] = frozenset()


def read(line: str) -> Script:
    """Read a whole command line.

    Raises:
        NotUnderstood: for anything outside the grammar, unbalanced quotes and odd characters.
    """
    if len(line) > MAX_LINE:
        raise NotUnderstood("too_long")
    for piece in re.split(r"[\t\n]", line):
        if odd_characters(piece):
            raise NotUnderstood("odd_characters")
    reader = _Reader(line)
    return replace(reader.script(None), variables=frozenset(reader.variables))


@dataclass(slots=True)
class _Reader:
    line: str
    at: int = 0
    depth: int = 0
    count: int = 0
    waiting: list[tuple[str, bool, bool, Callable[[Word], None]]] = field(default_factory=list)
    variables: set[str] = field(default_factory=set)

    def peek(self, length: int = 1) -> str:
        return self.line[self.at : self.at + length]

    def take(self, text: str) -> bool:
        if self.line.startswith(text, self.at):
            self.at += len(text)
            return True
        return False

    def blanks(self) -> None:
        while self.at < len(self.line):
            if self.line[self.at] in " \t":
                self.at += 1
            elif self.peek(2) == "\\\n":
                self.at += 2
            elif self.line[self.at] == "#":
                end = self.line.find("\n", self.at)
                self.at = len(self.line) if end < 0 else end
            else:
                return

    def gap(self) -> None:
        """Skip blanks, comments, newlines and the here-documents that newlines begin."""
        self.blanks()
        while self.peek() == "\n":
            self.newline()
            self.blanks()

    def newline(self) -> None:
        self.at += 1
        waiting, self.waiting = self.waiting, []
        for end_word, strip_tabs, expands, give in waiting:
            body: list[str] = []
            while True:
                if self.at >= len(self.line):
                    raise NotUnderstood("unbalanced")
                end = self.line.find("\n", self.at)
                end = len(self.line) if end < 0 else end
                row = self.line[self.at : end]
                self.at = min(end + 1, len(self.line))
                if (row.lstrip("\t") if strip_tabs else row) == end_word:
                    break
                body.append(row)
            text = "\n".join(body)
            runs = expands and re.search(r"\$[({\[]|`", text) is not None
            moves = expands and re.search(r"[$\\]", text) is not None
            why = "substitution" if runs else "variable" if moves else ""
            if moves:
                self.variables.update(re.findall(r"\$\{?([A-Za-z_0-9#!@*?-]+)", text))
            give(Word(text, not why, why))

    def script(self, until: str | None) -> Script:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise NotUnderstood("too_deep")
        steps: list[Step] = []
        joined_by = ";"
        while True:
            self.gap()
            if self.at >= len(self.line):
                if until:
                    raise NotUnderstood("unbalanced")
                break
            if until == ")" and self.take(")"):
                break
            if until == "}" and self.closing_brace():
                break
            negated = self.negations()
            steps.append(Step(joined_by, self.pipeline(), negated))
            self.blanks()
            joined_by = self.joiner(until)
        if self.waiting:
            raise NotUnderstood("unbalanced")
        self.depth -= 1
        return Script(tuple(steps))

    def closing_brace(self) -> bool:
        if self.peek() == "}" and (self.line[self.at + 1 : self.at + 2] or " ") in _META:
            self.at += 1
            return True
        return False

    def joiner(self, until: str | None) -> str:
        for operator in ("&&", "||", ";", "&"):
            if self.take(operator):
                if operator == ";" and self.peek() in (";", "&"):
                    raise NotUnderstood("grammar")
                return operator
        if self.at >= len(self.line) or self.peek() == "\n" or self.peek() == until:
            return ";"
        raise NotUnderstood("grammar")

    def negations(self) -> bool:
        found = False
        self.blanks()
        while self.peek() == "!" and self.line[self.at + 1 : self.at + 2] in (" ", "\t"):
            found = True
            self.at += 1
            self.blanks()
        return found

    def pipeline(self) -> tuple[Simple | Group, ...]:
        commands = [self.command()]
        while True:
            self.blanks()
            if self.peek() == "|" and self.peek(2) != "||":
                self.at += 2 if self.peek(2) == "|&" else 1
                self.gap()
                commands.append(self.command())
            else:
                return tuple(commands)

    def command(self) -> Simple | Group:
        self.blanks()
        if self.peek(2) == "((":
            raise NotUnderstood("computed")
        if self.take("("):
            return Group(self.script(")"), True, self.redirects_only())
        if self.peek() == "{" and (self.line[self.at + 1 : self.at + 2] or "x") in " \t\n":
            self.at += 1
            return Group(self.script("}"), False, self.redirects_only())
        return self.simple()

    def redirects_only(self) -> Sequence[Redirect]:
        found: list[Redirect] = []
        inner: list[Script] = []
        self.blanks()
        while self.redirect(found, inner):
            self.blanks()
        if inner:
            raise NotUnderstood("grammar")
        return found

    def simple(self) -> Simple:
        assignments: list[tuple[str, Word]] = []
        words: list[Word] = []
        redirects: list[Redirect] = []
        inner: list[Script] = []
        while True:
            self.blanks()
            if self.redirect(redirects, inner):
                continue
            if self.at >= len(self.line) or self.peek() in "\n;&|)":
                break
            if self.peek() == "(":
                raise NotUnderstood("function_or_pattern")
            word = self.word(inner)
            match = _ASSIGNMENT.match(word.text)
            if not words and match and match.end() <= word.plain:
                name = word.text[: match.end()].rstrip("+=")
                value = Word(word.text[match.end() :], word.known, word.why)
                assignments.append((name, value))
            elif not words and word.text in _RESERVED and word.plain == len(word.text):
                raise NotUnderstood("loop_or_condition")
            else:
                words.append(word)
        if not (assignments or words or redirects):
            raise NotUnderstood("grammar")
        return Simple(tuple(assignments), tuple(words), redirects, tuple(inner))

    def redirect(self, found: list[Redirect], inner: list[Script]) -> bool:
        match = re.compile(r"(\d*|&)(<<<|<<-|<<|<>|>>|>\||<&|>&|<|>)").match(self.line, self.at)
        if not match:
            return False
        if match.end() < len(self.line) and self.line[match.end()] == "(":
            raise NotUnderstood("process_substitution")
        self.at = match.end()
        operator = match.group(2)
        self.blanks()
        if self.at >= len(self.line) or self.peek() in _META:
            raise NotUnderstood("grammar")
        word = self.word(inner)
        if operator in ("<<", "<<-"):
            place = len(found)
            found.append(Redirect("<<", Word("", False, "unbalanced")))

            def give(body: Word, found: list[Redirect] = found, place: int = place) -> None:
                found[place] = Redirect("<<", body)

            plain = word.plain == len(word.text) and word.known
            self.waiting.append((word.text, operator == "<<-", plain, give))
        else:
            same = {">>": ">", ">|": ">"}
            found.append(Redirect(same.get(operator, operator), word))
        return True

    def word(self, inner: list[Script]) -> Word:
        text: list[str] = []
        bare: list[str] = []  # the same with every quoted part as one letter
        why = ""
        plain: int | None = None
        splits = False
        while self.at < len(self.line) and self.peek() not in _META:
            sign = self.peek()
            if sign in "'\"\\$`" and plain is None:
                plain = sum(map(len, text))
            self.at += 1
            if sign in "'\"\\$`":
                found = self.quoted_part(sign, text, inner)
                splits = splits or (bool(found) and sign != '"')
                why = found if why in ("", "number") and found else why
                bare.append("q")
            elif sign in "*?[":
                self.pattern(sign, text, bare)
            else:
                text.append(sign)
                bare.append(sign)
        if self.peek() == "(" and text:
            raise NotUnderstood("function_or_pattern")
        joined = "".join(text)
        why = _expands("".join(bare)) or why
        if len(joined) > MAX_WORD:
            # What is written or said may be long; what decides is not.
            why = "too_long"
        self.count += 1
        if self.count > MAX_WORDS:
            raise NotUnderstood("too_long")
        return Word(joined, not why, why, len(joined) if plain is None else plain, splits)

    def quoted_part(self, sign: str, text: list[str], inner: list[Script]) -> str:
        """Read a quote, an escaped character or an expansion; give why it is not known, if so."""
        if sign == "'":
            text.append(self.until_quote())
        elif sign == '"':
            return self.double_quoted(text, inner)
        elif sign == "\\":
            if self.peek() != "\n":
                text.append(self.peek() or "\\")
            self.at += 1
        else:
            return self.expansion(sign, text, inner, quoted=False)
        return ""

    def pattern(self, sign: str, text: list[str], bare: list[str]) -> None:
        """Read a wildcard: a star, a question mark, or a set of plain letters in brackets."""
        plain_set = re.compile(r"[A-Za-z0-9_.!^-]+\]").match(self.line, self.at)
        if sign == "[" and not plain_set:
            text.append(sign)
            bare.append(sign)
            return
        if sign == "[" and plain_set:
            self.at = plain_set.end()
        # A set that meets no file stays as it is written, so it may be more than one character.
        text.append(ANY_ONE if sign == "?" else ANY_RUN)
        bare.append("w")

    def until_quote(self) -> str:
        end = self.line.find("'", self.at)
        if end < 0:
            raise NotUnderstood("unbalanced")
        text, self.at = self.line[self.at : end], end + 1
        return text

    def double_quoted(self, text: list[str], inner: list[Script]) -> str:
        why = ""
        while True:
            if self.at >= len(self.line):
                raise NotUnderstood("unbalanced")
            sign = self.peek()
            self.at += 1
            if sign == '"':
                return why
            if sign == "\\" and self.peek() and self.peek() in '$`"\\\n':
                if self.peek() != "\n":
                    text.append(self.peek())
                self.at += 1
            elif sign in "$`":
                found = self.expansion(sign, text, inner, quoted=True)
                why = found if why in ("", "number") and found else why
            else:
                text.append(sign)

    def expansion(self, sign: str, text: list[str], inner: list[Script], *, quoted: bool) -> str:
        """Read what follows `$` or a backtick; give the reason why the word is not known."""
        if sign == "`":
            return self.backticks(inner)
        if self.peek(2) == "((" or self.peek() == "[":
            raise NotUnderstood("computed")
        if self.take("("):
            inner.append(self.script(")"))
            return "substitution"
        if not quoted and self.peek() in ("'", '"'):
            raise NotUnderstood("computed")
        if self.take("{"):
            match = re.compile(r"(HOME|PWD)\}").match(self.line, self.at)
            if match is None:
                match = re.compile(r"[#!]?\w+\}").match(self.line, self.at)
            if match is None:
                raise NotUnderstood("computed")
            self.at = match.end()
            name = match.group()[:-1]
        else:
            match = _NAME.match(self.line, self.at)
            if match is None:
                text.append("$")
                return ""
            self.at = match.end()
            name = match.group()
        if (
            name in ("HOME", "PWD")
            and not "".join(text)
            and self.peek() in ("", "/", " ", '"', "\n")
        ):
            text.append("~" if name == "HOME" else ".")
            return ""
        if name in _NUMBERS:
            return "number"
        self.variables.add(name)
        return "variable"

    def backticks(self, inner: list[Script]) -> str:
        body: list[str] = []
        while True:
            if self.at >= len(self.line):
                raise NotUnderstood("unbalanced")
            sign = self.peek()
            self.at += 1
            if sign == "`":
                break
            if sign == "\\" and self.peek() and self.peek() in "`\\$":
                sign = self.peek()
                self.at += 1
            body.append(sign)
        reader = _Reader("".join(body), depth=self.depth, count=self.count)
        inner.append(reader.script(None))
        self.count = reader.count
        self.variables |= reader.variables
        return "substitution"
