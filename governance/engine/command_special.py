"""Readers for programs that run other programs: shells, wrappers, interpreters, package tools.

Law: an inner command is read like an outer one, and code that is not read here (a line of Python, an
awk program that opens files) leaves every field in doubt. Each reader takes the words after the
program's name and what feeds its input (`pipe`, `here`, `file` or nothing).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from governance.engine.command_tools import TOOLS
from governance.engine.notation import Program, row
from governance.engine.programs import TABLE
from governance.engine.scene import Reader, Scene
from governance.engine.shell import Word

_CHANGES_PROGRAMS = re.compile(
    r"^(PATH|IFS|ENV|HOME|PWD|OLDPWD|CDPATH|SHELL|SHELLOPTS|BASHOPTS|BASH_.*|PS4|PROMPT_COMMAND|"
    r"LD_.*|DYLD_.*|PYTHON(PATH|STARTUP|HOME|INSPECT|BREAKPOINT)|NODE_(OPTIONS|PATH)|PERL5.*|"
    r"RUBY(OPT|LIB)|EDITOR|VISUAL|PAGER|MANPAGER|LESSOPEN|LESSCLOSE|MAKEFLAGS|MAKEFILES|CLASSPATH|"
    r"JAVA_TOOL_OPTIONS|.*_PROXY|NPM_CONFIG_.*|PIP_.*|CARGO_.*|RUSTC_WRAPPER|RIPGREP_CONFIG_PATH|"
    r"CURL_HOME|WGETRC|GIT_(?!(AUTHOR|COMMITTER)_|TERMINAL_PROMPT$).*|SSH_.*)$",
    re.I,
)


def check_assignment(scene: Scene, name: str) -> None:
    """Doubt everything when a variable decides which programs run or where paths start."""
    if _CHANGES_PROGRAMS.match(name):
        scene.doubt("environment")


def _shell(scene: Scene, name: str, words: Sequence[Word], source: str) -> None:
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.known or word.wild:
            scene.doubt(word.why or "wildcard")
            return
        text = word.text
        letters = text[1:] if text[:1] in ("-", "+") and text[1:].isalpha() else ""
        if "c" in letters:
            while rest and rest[0].known and rest[0].text[:1] in ("-", "+"):
                rest.pop(0)
            if name in ("fish", "csh", "tcsh") or not rest:
                scene.doubt("inline_code")
            else:
                scene.line(rest[0])
            return
        if text in ("--rcfile", "--init-file") or letters[-1:] in ("o", "O"):
            if text.startswith("--") and rest:
                scene.path("reads", rest[0])
            rest = rest[1:]
        elif "s" in letters or text == "-":
            break
        elif text[:1] not in ("-", "+"):
            scene.add("effects", "runs_code")
            scene.path("reads", word)
            return
    scene.add("effects", "runs_code")
    if source:
        scene.piped = True
    scene.doubt("piped_code")


def _wrapper(scene: Scene, name: str, words: Sequence[Word], source: str) -> None:
    program = TABLE[name]
    operands, chosen = scene.options(program, words, stop_at_operand=True)
    scene.add("effects", *program.effects)
    for option, value in chosen:
        if option.value == "dir" and value is not None:
            scene.cwds = (None,) if not value.known else scene.cwds
            scene.doubt("unknown_directory", "reads", "writes", "deletes")
        elif option.value is not None and option.value != "shell" and value is not None:
            scene.value(option.value, value)
    for word in operands[: program.skip]:
        if not word.known:
            scene.doubt(word.why)
    inner = operands[program.skip :]
    while name == "sudo" and inner and re.match(r"^[A-Za-z_]\w*=", inner[0].text):
        check_assignment(scene, inner.pop(0).text.partition("=")[0])
    asked = [value for option, value in chosen if option.value == "shell"]
    if asked:
        # `sudo -s`, `sudo -i`: the rest is a line for a shell, or the shell reads its input.
        inner = [word for word in [*asked, *inner] if word is not None and word.text]
        if not inner:
            _shell(scene, "sh", (), source)
            return
    if inner:
        scene.run(scene, inner, source)


def _su(scene: Scene, name: str, words: Sequence[Word], source: str) -> None:
    scene.add("effects", "privileged")
    _, chosen = scene.options(
        row("", "none", "-c|--command=line -s|--shell=none -l|--login -g=none -m -p"), words
    )
    lines = [value for option, value in chosen if option.value == "line" and value is not None]
    for value in lines:
        scene.line(value)
    if not lines:
        _shell(scene, "sh", (), source)


def _env(scene: Scene, name: str, words: Sequence[Word], source: str) -> None:
    program = row(
        "", "none", "-u|--unset=none -C|--chdir=dir -S|--split-string=line -i|--ignore-environment"
    )
    operands, chosen = scene.options(program, words, stop_at_operand=True)
    for option, value in chosen:
        if option.value == "dir":
            scene.doubt("unknown_directory", "reads", "writes", "deletes")
        elif option.value == "line" and value is not None:
            scene.line(value)
            return
    while operands and re.match(r"^[A-Za-z_]\w*=", operands[0].text):
        check_assignment(scene, operands.pop(0).text.partition("=")[0])
    if operands:
        scene.run(scene, operands, source)
    else:
        scene.add("effects", "reads_environment")


def _set(scene: Scene, name: str, words: Sequence[Word], source: str) -> None:
    if not words:
        scene.add("effects", "reads_environment")
    elif any(not word.known for word in words):
        scene.doubt("variable", "effects")


def _export(scene: Scene, name: str, words: Sequence[Word], source: str) -> None:
    names = [word for word in words if not word.text.startswith("-")]
    if not names:
        scene.add("effects", "reads_environment")
    for word in names:
        if not word.known and "=" not in word.text:
            scene.doubt(word.why)
        check_assignment(scene, word.text.partition("=")[0])


def _cd(scene: Scene, name: str, words: Sequence[Word], source: str) -> None:
    where = [word for word in words if not re.fullmatch(r"-[LPe@]+|--", word.text)]
    target = where[0] if where else Word("~")
    if name == "popd" or not target.known or target.wild or target.text in ("-", "+1", "-1"):
        scene.fallbacks += scene.cwds
        scene.cwds = (None,)
        return
    probe = Scene(scene.workspace, scene.home, scene.cwds, scene.run, scene.run_line)
    probe.path("lists", target)
    places = tuple(probe.found.get("reads", {}))
    scene.fallbacks += scene.cwds
    scene.cwds = places if places and "reads" not in probe.doubts else (None,)


def _xargs(scene: Scene, name: str, words: Sequence[Word], source: str) -> None:
    operands, chosen = scene.options(TABLE["xargs"], words, stop_at_operand=True)
    for option, value in chosen:
        if option.value == "reads" and value is not None:
            scene.path("reads", value)
    unknown = Word("", False, "words_from_input")
    scene.run(scene, [*(operands or [Word("echo")]), unknown], "")


def _unreadable(scene: Scene, name: str, words: Sequence[Word], source: str) -> None:
    scene.doubt("code_in_words")


def _trap(scene: Scene, name: str, words: Sequence[Word], source: str) -> None:
    actions = [word for word in words if word.text not in ("-", "--", "-l", "-p", "")]
    if actions:
        scene.line(actions[0])


_INLINE: Final = re.compile(
    r"^(-[A-Za-z]*[eEprRnBIM]|--(eval|print|require|import|run|loader)|/c|/k"
    r"|-(?i:c|command|encodedcommand|enc|ec))"
)


def _interpreter(scene: Scene, name: str, words: Sequence[Word], source: str) -> None:
    scene.add("effects", "runs_code")
    if name in ("deno", "bun", "swift", "dotnet") and words and words[0].known:
        command = words[0].text
        if command in ("install", "add", "i", "x", "upgrade", "create"):
            scene.add("effects", "installs", "network")
        if command in ("eval", "repl"):
            scene.doubt("inline_code")
            return
        if command in ("run", "test", "task", "build", "fmt", "lint", "bench", "check"):
            words = words[1:] or [Word("--task")]
    for position, word in enumerate(words):
        if not word.known or word.wild:
            scene.doubt(word.why or "wildcard")
            return
        text = word.text
        if text in ("--version", "-V", "--help", "-h") or (text == "-v" and name != "perl"):
            return
        if _INLINE.match(text):
            scene.doubt("inline_code")
            return
        if not text.startswith("-"):
            scene.path("reads", word)
            for operand in words[position + 1 :]:
                _pessimistic(scene, operand)
            return
    if not words or words[-1].text == "-":
        _fed(scene, source)


def _fed(scene: Scene, source: str) -> None:
    """An interpreter without a program runs what comes in."""
    if source:
        scene.piped = True
    scene.doubt("piped_code" if source else "inline_code")


def _pessimistic(scene: Scene, word: Word) -> None:
    """An argument of code nobody described: it may be read, written or deleted."""
    if word.known and (word.text[:1] in ("-", "+") or not word.text):
        value = word.text.partition("=")[2]
        if re.search(r"^[~.]|/", value):
            scene.operands("all", [Word(value)], "")
        return
    if re.match(r"^[a-z]+://", word.text):
        scene.add("effects", "network")
        scene.address(word)
        return
    scene.operands("all", [word], "")


def _python(scene: Scene, name: str, words: Sequence[Word], source: str) -> None:
    rest = list(words)
    while (
        rest
        and rest[0].known
        and re.fullmatch(r"-[bBdEhiIOPqsSuvVx]+|-[WX].*|--\w.*", rest[0].text)
    ):
        option = rest.pop(0).text
        if option in ("-W", "-X", "--check-hash-based-pycs"):
            rest = rest[1:]
        if option in ("-V", "--version", "-h", "--help"):
            return
        if "i" in option.lower() and not option.startswith(("--", "-I", "-X", "-W")):
            scene.doubt("inline_code")
    scene.add("effects", "runs_code")
    module = rest[0].text if rest and rest[0].known else ""
    if re.fullmatch(r"-[bBdEiIOPqsSuvx]*m.*", module) and not module.startswith("--"):
        attached = module.partition("m")[2]
        target = [Word(attached), *rest[1:]] if attached else rest[1:]
        _module(scene, target, source)
    elif re.match(r"^-[A-Za-z]*c", module):
        scene.doubt("inline_code")
    else:
        _interpreter(scene, name, rest, source)


def _module(scene: Scene, words: Sequence[Word], source: str) -> None:
    """`python -m NAME …`: a module that is also a program is read as that program."""
    if not words or not words[0].known:
        scene.doubt("inline_code")
    elif words[0].text in TABLE and not TABLE[words[0].text].special.startswith("sh"):
        scene.run(scene, words, source)
    elif words[0].text in ("http.server", "SimpleHTTPServer"):
        scene.add("effects", "network", "sends")
        scene.path("reads", Word("."), "/**")
    elif words[0].text in ("venv", "virtualenv", "ensurepip", "compileall", "build"):
        scene.operands("writes", [word for word in words[1:] if word.text[:1] != "-"], "")
    elif words[0].text in ("json.tool", "tokenize", "dis", "ast", "timeit", "pdb", "cProfile"):
        if words[0].text in ("timeit", "pdb", "cProfile"):
            scene.doubt("inline_code")
        scene.operands("edit", [word for word in words[1:] if word.text[:1] != "-"], "")
    else:
        for word in words[1:]:
            _pessimistic(scene, word)


def _subcommand(scene: Scene, name: str, words: Sequence[Word], source: str) -> None:
    program = TABLE[name]
    for position, word in enumerate(words):
        if not word.known:
            scene.doubt(word.why, "effects", "subcommands")
            return
        if word.text.startswith("-") and word.text not in program.commands:
            scene.add("flags", word.text.partition("=")[0])
            continue
        command = word.text
        if name == "uv" and command in ("pip", "tool"):
            _subcommand(scene, name, words[position + 1 :], source)
            scene.add("subcommands", f"{name} {command}")
            return
        inner = program.commands.get(command)
        scene.add("subcommands", f"{name} {command}")
        scene.add(
            "flags",
            *(
                w.text.partition("=")[0]
                for w in words[position + 1 :]
                if w.known and w.text.startswith("-")
            ),
        )
        scene.add("effects", *(inner.effects if inner else (*program.effects, "unknown_program")))
        for operand in words[position + 1 :]:
            if operand.known and re.match(r"^(\.{0,2}/|~)", operand.text):
                scene.path("reads", operand)
            elif operand.known and re.match(r"^(git\+)?\w+://", operand.text):
                scene.address(Word(operand.text.removeprefix("git+")))
        return
    scene.add("effects", "lists" if name in ("npm", "pip") else "runs_code")


SPECIAL: Mapping[str, Reader] = {
    **TOOLS,
    "shell": _shell, "wrapper": _wrapper, "su": _su, "env": _env, "export": _export, "set": _set, "cd": _cd,
    "xargs": _xargs, "unreadable": _unreadable, "trap": _trap, "interpreter": _interpreter,
    "python": _python,
    "subcommand": _subcommand,
}  # fmt: skip


def stranger(scene: Scene, program: Program | None, words: Sequence[Word]) -> None:
    """A program that is not in the table: its arguments may be read, written and deleted."""
    scene.add("effects", "runs_code")
    if program is None:
        scene.add("effects", "unknown_program")
    for word in words:
        if word.known and word.text.startswith("-"):
            scene.add("flags", word.text.partition("=")[0])
        _pessimistic(scene, word)
