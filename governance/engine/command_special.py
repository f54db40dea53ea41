"""Readers for programs that run other programs: shells, wrappers, interpreters, package tools.

Law: an inner command is read like an outer one, and code that is not read here (a line of Python, an
awk program that opens files) leaves every field in doubt. Each reader takes the words after the
program's name and what feeds its input (`pipe`, `here`, `file` or nothing).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from governance.engine.command_builtin import BUILTINS, check_assignment
from governance.engine.command_tools import TOOLS
from governance.engine.notation import NEVER_FREE, Program, row
from governance.engine.programs import TABLE
from governance.engine.programs_build import make_row
from governance.engine.scene import Reader, Scene
from governance.engine.shell import Word


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
        check_assignment(scene, operands.pop(0).text.partition("=")[0], given=True)
    if operands:
        scene.run(scene, operands, source)
    else:
        scene.add("effects", "reads_environment")


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


def _trap(scene: Scene, name: str, words: Sequence[Word], source: str) -> None:
    actions = [word for word in words if word.text not in ("-", "--", "-l", "-p", "")]
    if actions:
        scene.line(actions[0])


_INLINE: Final = re.compile(
    r"^(-[A-Za-z]*[eEprRnBIM]|--(eval|print|require|import|run|loader)|/c|/k"
    r"|-(?i:c|command|encodedcommand|enc|ec))"
)


_RUNS_PLAINLY: Final = re.compile(
    r"-[wcTl]|--(test|test-only|check|watch|no-warnings|trace-warnings|enable-source-maps|"
    r"experimental-strip-types|max-old-space-size=\d+|transpile-only|syntax-check|task|no-color|"
    r"trace-uncaught|test-reporter=\w+|test-name-pattern=[^/]*|coverage|bail|only|version)"
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
    _script_of(scene, name, words, source)


def _script_of(scene: Scene, name: str, words: Sequence[Word], source: str) -> None:
    for position, word in enumerate(words):
        if not word.known or word.wild:
            scene.doubt(word.why or "wildcard")
            return
        text = word.text
        if len(words) == 1 and text in ("--version", "-V", "--help", "-h", "-v"):
            return
        if _INLINE.match(text):
            scene.doubt("inline_code")
            return
        if text.startswith("-") and text != "-" and not _RUNS_PLAINLY.fullmatch(text):
            scene.doubt("unknown_option")
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
        value = option[2:]
        if option in ("-W", "-X"):
            value = rest.pop(0).text if rest else ""
        if option[:2] in ("-W", "-X") and not re.fullmatch(r"[\w:. ]+|utf8=[01]", value):
            scene.doubt("unknown_option")
        if option in ("-V", "-VV", "--version", "-h", "--help") and not rest:
            return
        if option.startswith("--") and option not in ("--version", "--help"):
            scene.doubt("unknown_option")
        if "i" in option and not option.startswith(("--", "-X", "-W")):
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
    before: list[Word] = []
    for position, word in enumerate(words):
        if not word.known:
            scene.doubt(word.why, "effects", "subcommands")
            return
        valued = bool(before) and _takes_value(program, before[-1].text)
        if valued or (word.text[:1] in ("-", "+") and word.text not in program.commands):
            before.append(word)
            continue
        if name == "uv" and word.text in ("pip", "tool"):
            _subcommand(scene, name, words[position + 1 :], source)
            scene.add("subcommands", f"{name} {word.text}")
        else:
            _one_of(scene, name, word.text, before, words[position + 1 :])
        return
    if len(before) > 1 or not all(word.text in ("-v", "-V", "-h") for word in before):
        scene.options(program, before)
    scene.add("effects", "lists" if name in ("npm", "pip") else "runs_code")
    if name == "yarn":
        scene.add("effects", *program.commands["install"].effects)


def _takes_value(program: Program, text: str) -> bool:
    option = program.options.get(text)
    return option is not None and option.value is not None and text != "+"


def _one_of(
    scene: Scene, name: str, command: str, before: Sequence[Word], after: Sequence[Word]
) -> None:
    """Read one subcommand: `npm run build`, with the options in front of it and behind it."""
    program = TABLE[name]
    inner = program.commands.get(command)
    scene.add("subcommands", f"{name} {command}")
    scene.add("effects", *(inner.effects if inner else (*program.effects, "unknown_program")))
    if inner is not None and inner.special == "wrapper":
        scene.add("effects", "runs_code")
        scene.options(program, before)
        if not after or not after[0].known or after[0].text.startswith("-"):
            scene.doubt("unknown_option")
        else:
            scene.run(scene, after, "")
        return
    if inner is not None and not NEVER_FREE & set(inner.effects):
        scene.options(program, before)
        _, chosen = scene.options(inner, after)
        for option, value in chosen:
            scene.add("effects", *option.effects)
            if option.value is not None and value is not None:
                scene.value(option.value, value)
    found = [w for w in (*before, *after) if w.known and w.text.startswith("-") and w.text != "--"]
    scene.add("flags", *(word.text.partition("=")[0] for word in found))
    for operand in after:
        if not operand.known:
            scene.doubt(operand.why, "reads", "writes")
        elif re.match(r"^(\.{0,2}/|~)", operand.text):
            scene.path("reads", operand)
        elif re.match(r"^(git\+)?\w+://", operand.text):
            scene.address(Word(operand.text.removeprefix("git+")))
        elif operand.text.startswith("-"):
            _pessimistic(scene, operand)


def _make(scene: Scene, name: str, words: Sequence[Word], source: str) -> None:
    """`make`: a variable on its command line is a part of the recipes."""
    values = [w for w in words if re.match(r"[A-Za-z_.]\w*[:?+]?=", w.text)]
    for word in values:
        variable, _, value = word.text.partition("=")
        check_assignment(scene, variable.rstrip(":?+"), given=False)
        if not word.known or not re.fullmatch(r"[\w.,:+@-]*", value) or "MAKE" in variable:
            scene.doubt(word.why or "environment")
    scene.apply(make_row(), [word for word in words if word not in values])


SPECIAL: Mapping[str, Reader] = {
    **TOOLS, **BUILTINS,
    "shell": _shell, "wrapper": _wrapper, "su": _su, "env": _env, "cd": _cd, "xargs": _xargs,
    "trap": _trap, "interpreter": _interpreter, "python": _python, "subcommand": _subcommand,
    "make": _make,
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
