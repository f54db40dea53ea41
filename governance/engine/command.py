"""What a shell command line does, as fields that rules can test. The law: doubt is an answer.

`parse` gives one value per field of `FIELDS`: the programs that run (wrappers and inner
commands included), their effects, flags under one name each, subcommands, the places read, written
and deleted, the hosts named, and whether something is fed into an interpreter. What decides a field
but cannot be known before the line runs (a variable, `$( )`, code in another language, a loop) makes
exactly the fields it touches *cannot tell*, and a rule that denies then matches.

The fields speak about the line, not about the code it starts: a test run may do anything, which is
what the effect `runs_code` says. An option that the tables do not name makes the whole line *cannot
tell*. What cannot be seen from here: symbolic links that exist already (making one counts as writing
to its target), and files whose names look like options where a wildcard meets them. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from governance.engine import paths, shell
from governance.engine.command_builtin import check_setting, check_variables
from governance.engine.command_git import git
from governance.engine.command_special import SPECIAL, stranger
from governance.engine.model import CannotTell, Value
from governance.engine.programs import STANDARD_PLACES, TABLE, known_name
from governance.engine.scene import EVERYTHING, Scene
from governance.engine.shell import Group, NotUnderstood, Redirect, Script, Simple, Word

FIELDS: Mapping[str, str] = {
    "programs": "list of text",
    "effects": "list of text",
    "flags": "list of text",
    "subcommands": "list of text",
    "reads": "list of path",
    "writes": "list of path",
    "deletes": "list of path",
    "hosts": "list of text",
    "piped_to_shell": "boolean",
    "understood": "boolean",
}
"""Field (under `command.`) to its type in the catalogue's words."""

DOUBTS: Mapping[str, str] = {
    **paths.DOUBTS,
    **shell.DOUBTS,
    "wildcard": "a wildcard stands where it matters",
    "not_a_host": "a host is not written as a plain name or address",
    "unknown_option": "an option is used that this version does not know",
    "environment": "a variable is set that decides which programs run",
    "inline_code": "code in another language is part of the command",
    "piped_code": "an interpreter runs what it is fed",
    "code_in_words": "the program runs words that are put together later",
    "words_from_input": "words come from another program's output",
    "too_unusual": "the program can do too many things to tell",
    "archive_decides": "an archive or a patch decides which files are written",
    "configuration": "configuration on the command line can name programs",
    "odd_program": "the program's name is not plainly written",
}
"""What each *cannot tell* code of a command field means, as the end of a sentence."""

_PLAIN_NAME = re.compile(r"^[A-Za-z0-9_.+@\[:][A-Za-z0-9_.+@\[:-]*$")
_DEPTH = 8
MOST_PLACES = 4
"""In more directories than these a step is taken to run anywhere."""


def parse(
    line: str,
    *,
    workspace: str | None = None,
    cwd: str | None = None,
    home: str | None = None,
) -> dict[str, Value]:
    """Give the value of every field of ``FIELDS`` for one command line.

    ``workspace``, ``cwd`` and ``home`` as for `paths.normalise`. Never raises.
    """
    depth = 0

    def run_line(scene: Scene, text: str) -> None:
        nonlocal depth
        depth += 1
        try:
            if depth > _DEPTH:
                raise NotUnderstood("too_deep")
            script = shell.read(text)
            check_variables(scene, script.variables)
            _script(scene, script)
        except NotUnderstood as doubt:
            scene.doubt(str(doubt))
        except RecursionError:
            scene.doubt("too_deep")
        finally:
            depth -= 1

    scene = Scene(workspace, home, (cwd if cwd is not None else "workspace:/",), _run, run_line)
    if cwd is None and workspace is None:
        scene.cwds = (None,)
    run_line(scene, line)
    return _fields(scene)


def _fields(scene: Scene) -> dict[str, Value]:
    out: dict[str, Value] = {}
    for name in EVERYTHING:
        if name in scene.doubts and not (name == "piped_to_shell" and scene.piped):
            out[name] = CannotTell(scene.doubts[name])
        else:
            out[name] = tuple(scene.found.get(name, {}))
    if not isinstance(out["piped_to_shell"], CannotTell):
        out["piped_to_shell"] = scene.piped
    out["understood"] = not scene.doubts
    return out


def _script(scene: Scene, script: Script) -> None:
    for step in script.steps:
        if step.joined_by != "&&":
            # The change of directory before may have failed, and this step runs all the same.
            scene.cwds = _places(scene.cwds, scene.fallbacks)
            scene.fallbacks = ()
        start = scene.cwds
        source = ""
        for command in step.pipeline:
            before = scene.cwds, scene.fallbacks
            if isinstance(command, Group):
                _group(scene, command, source)
            else:
                _simple(scene, command, source)
            if len(step.pipeline) > 1:
                scene.cwds, scene.fallbacks = before
            source = "pipe"
        if step.joined_by == "||" or step.negated:
            # It may have been left out, or have failed, and what follows runs all the same.
            scene.cwds = _places(scene.cwds, (*start, *scene.fallbacks))


def _places(one: tuple[str | None, ...], other: tuple[str | None, ...]) -> tuple[str | None, ...]:
    both = tuple(dict.fromkeys((*one, *other)))
    return both if len(both) <= MOST_PLACES else (None,)


def _group(scene: Scene, group: Group, source: str) -> None:
    before = scene.cwds, scene.fallbacks
    feed = _redirects(scene, group.redirects) or source
    if feed:
        # Whatever reads inside the group may read this input.
        for step in group.script.steps:
            for command in step.pipeline[:1]:
                if isinstance(command, Simple):
                    _simple(scene, command, feed)
        scene.cwds, scene.fallbacks = before
    # That a change of directory before the group failed is out of the question inside it.
    scene.fallbacks = ()
    _script(scene, group.script)
    scene.fallbacks += before[1]
    if group.subshell:
        scene.cwds, scene.fallbacks = before


def _simple(scene: Scene, command: Simple, source: str) -> None:
    for inner in command.inner:
        before = scene.cwds, scene.fallbacks
        _script(scene, inner)
        scene.cwds, scene.fallbacks = before
    for name, value in command.assignments:
        check_setting(scene, name, value, given=bool(command.words))
    source = _redirects(scene, command.redirects) or source
    if command.words:
        _run(scene, command.words, source)


def _redirects(scene: Scene, redirects: Sequence[Redirect]) -> str:
    source = ""
    for redirect in redirects:
        word = redirect.target
        if redirect.operator in ("<<", "<<<"):
            source = "here"
            if word.why == "substitution":
                scene.doubt(word.why)
        elif redirect.operator == "<":
            source = "file"
            scene.path("reads", word)
        elif redirect.operator in (">&", "<&") and re.fullmatch(r"\d+-?|-", word.text):
            source = "file" if redirect.operator == "<&" else source
        else:
            if redirect.operator == "<>":
                scene.path("reads", word)
            scene.path("writes", word)
    return source


def _run(scene: Scene, words: Sequence[Word], source: str) -> None:
    """Read one program call: its name, then the rest by the table."""
    first = words[0]
    if not first.known or first.wild or not first.text:
        scene.doubt(first.why or "odd_program")
        return
    folder, slash, base = first.text.rpartition("/")
    if not _PLAIN_NAME.match(base):
        scene.doubt("odd_program")
        return
    name = known_name(base)
    if name is None and known_name(base.lower()) is not None:
        # On some disks `RM` is `rm`.
        scene.add("programs", base)
        scene.doubt("odd_program", *(field for field in EVERYTHING if field != "programs"))
        return
    scene.add("programs", name or base)
    if slash and (folder or "/") not in STANDARD_PLACES:
        scene.path("reads", first)
        stranger(scene, TABLE["make"], words[1:])
        return
    if name is None:
        stranger(scene, None, words[1:])
        return
    if len(words) == 2 and words[1].known and words[1].text in ("--help", "--version"):
        return
    program = TABLE[name]
    if name == "git":
        git(scene, name, words[1:], source)
    elif program.special:
        SPECIAL[program.special](scene, name, words[1:], source)
    else:
        scene.apply(program, words[1:])


FILE_TOOLS: Mapping[str, tuple[str, str, Mapping[str, str]]] = {
    "Read": ("file.read", "file_path", {}),
    "NotebookRead": ("file.read", "notebook_path", {}),
    "Glob": ("file.list", "path", {"pattern": "pattern"}),
    "LS": ("file.list", "path", {}),
    "Grep": ("file.search", "path", {"pattern": "pattern", "glob": "glob"}),
    "Write": ("file.write", "file_path", {"content": "content"}),
    "Edit": ("file.write", "file_path", {"new_string": "content", "old_string": "replaces"}),
    "MultiEdit": ("file.write", "file_path", {"edits": "content"}),
    "NotebookEdit": ("file.write", "notebook_path", {"new_source": "content"}),
}
"""A coding runtime's file tool → catalogue action, its path argument, its other arguments."""


def file_action(tool: str, given: Mapping[str, object]) -> tuple[str, dict[str, object]] | None:
    """Give action and arguments for a file tool of Claude Code, or None for another tool.

    A path that is not given stays missing, save for tools that then take the working directory.
    Arguments that this version does not know are passed on under their own names, so that they are
    undeclared and silence every allow.
    """
    if tool not in FILE_TOOLS:
        return None
    action, path, others = FILE_TOOLS[tool]
    harmless = {
        "file.read": {"limit", "offset", "pages"},
        "file.write": {"replace_all", "cell_id", "cell_type", "edit_mode"},
        "file.list": {"ignore"},
        "file.search": {
            "output_mode", "-n", "-i", "-A", "-B", "-C", "type", "head_limit", "multiline", "offset",
        },
    }[action]  # fmt: skip
    arguments: dict[str, object] = {}
    for name, value in given.items():
        if name == path:
            arguments["path"] = value
        elif name in others:
            arguments[others[name]] = value if isinstance(value, str) else repr(value)
        elif name not in harmless:
            arguments[name] = value
    if action in ("file.list", "file.search") and path not in given:
        arguments["path"] = "."
    return action, arguments
