"""Reads a call of git. The law: what rewrites history, runs code or reaches another host is named.

Sources: git-scm.com manuals of git 2.45 and later. Aliases live in configuration that cannot be
seen from here, so a subcommand that is not listed is a stranger's program.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from governance.engine.notation import Program, row
from governance.engine.scene import Scene
from governance.engine.shell import Word

_GLOBAL = row(
    "",
    "none",
    "-C=dir -c=config --git-dir=dir --work-tree=dir --exec-path=code --namespace=none "
    "--config-env=config -p|--paginate --no-pager -P --bare --no-replace-objects --literal-pathspecs",
)
_LOOK = row("reads", "objects", "-O=code --output=writes!writes --ext-diff --textconv")
_NET = row("network writes", "address")

COMMANDS: Mapping[str, Program] = {
    **dict.fromkeys(
        ["status", "log", "diff", "shortlog", "describe", "rev-parse", "rev-list", "ls-files", "ls-tree", "blame", "annotate", "whatchanged", "name-rev", "merge-base", "cherry", "count-objects", "var", "version", "help", "show-ref", "for-each-ref", "diff-tree", "diff-index", "diff-files", "range-diff", "check-ignore", "check-attr", "verify-commit", "show-branch", "symbolic-ref", "fsck", "ls"],
        _LOOK,
    ),
    "show": row("reads", "objects", "--output=writes!writes"),
    "cat-file": row("reads", "objects"),
    "grep": row("reads", "none", "-O=code -e=none -f=reads -A=none -B=none -C=none"),
    "add": row("writes", "lists", "-f|--force -A|--all -p|--patch -u|--update -n|--dry-run"),
    "stage": row("writes", "lists", "-f|--force -A|--all"),
    "commit": row(
        "writes",
        "none",
        "-m|--message=none -F|--file=reads -t|--template=reads --amend!changes_history -a|--all "
        "-n|--no-verify -s|--signoff -q|--quiet -C=none --author=none --date=none --fixup=none "
        "--trailer=none -S",
    ),
    "stash": row("writes", "words"),
    "tag": row("writes", "none", "-d|--delete!changes_history -f|--force!changes_history -m=none "
               "-F=reads -a -s -l|--list"),
    "branch": row("writes", "none", "-d|--delete -D!changes_history -f|--force!changes_history "
                  "-M!changes_history -m -a -r -v --list -u=none"),
    "checkout": row("writes", "tree", "-f|--force!deletes -b=none -B=none!changes_history"),
    "switch": row("writes", "none", "-f|--force!deletes --discard-changes!deletes -c=none "
                  "-C=none!changes_history"),
    "restore": row("writes", "tree", "-s|--source=none -S|--staged -W|--worktree"),
    "reset": row("writes", "none", "--hard!deletes!changes_history --merge!deletes --keep --soft "
                 "--mixed"),
    "clean": row("deletes", "tree", "-f|--force -d -x -X -n|--dry-run -e|--exclude=none -i -q"),
    "rm": row("deletes writes", "deletes", "-r* -f|--force --cached -q -n"),
    "mv": row("writes", "move", "-f|--force -k -n -v"),
    "merge": row("writes", "none", "-m=none -F=reads -s=code -X=none"),
    "cherry-pick": row("writes", "none", "-s -m=none -n -x"),
    "revert": row("writes", "none", "-m=none -n"),
    "rebase": row("writes changes_history", "none", "-x|--exec=line -i|--interactive --onto=none "
                  "-s=code"),
    "am": row("writes reads", "reads"),
    "apply": row("writes reads", "reads", "--directory=writes -p=none --unsafe-paths=code"),
    "init": row("writes", "writes", "--template=code -b=none --separate-git-dir=writes"),
    "config": row("writes changes_system", "config", "-f|--file=writes --global --system --local "
                  "--get=none --get-all=none -l|--list --unset=none -e|--edit --blob=none"),
    "archive": row("reads", "none", "-o|--output=writes!writes --remote=url!network --format=none "
                   "--prefix=none --exec=code"),
    "bundle": row("reads writes", "words"),
    "format-patch": row("writes", "none", "-o|--output-directory=writes"),
    "notes": row("writes"),
    "worktree": row("writes", "words"),
    "sparse-checkout": row("writes"),
    "bisect": row(special="bisect"),
    "fetch": row("network writes", "address", "--upload-pack=code --depth=none -j=none"),
    "pull": row("network writes runs_code", "address", "--upload-pack=code --depth=none "
                "--rebase -s=code"),
    "clone": row("network writes", "clone", "-b|--branch=none --depth=none -u|--upload-pack=code "
                 "-c|--config=code --template=code -o=none --reference=reads -j=none "
                 "--separate-git-dir=writes --recursive!runs_code --recurse-submodules!runs_code"),
    "remote": row("writes", "words"),
    "ls-remote": row("network", "address", "--upload-pack=code"),
    "push": row("network sends changes_remote", "push", "-f|--force!changes_history "
                "--force-with-lease!changes_history --mirror!changes_history --receive-pack=code "
                "--exec=code -d|--delete!changes_history --prune!changes_history -o=none --all "
                "--tags -u|--set-upstream -n|--dry-run --no-verify"),
    "submodule": row("network writes runs_code", "words"),
    "lfs": row("network writes", "none"),
    "gc": row("writes", "none", "--prune=none!changes_history --aggressive"),
    "prune": row("writes changes_history"),
    "reflog": row("writes changes_history"),
    "filter-branch": row("writes changes_history runs_code", "code"),
    "filter-repo": row("writes changes_history runs_code", "code"),
    "replace": row("writes changes_history"),
    "update-ref": row("writes changes_history"),
    "send-email": row("network sends", "reads"),
    "credential": row("reads reads_environment", "code"),
    "daemon": row("network sends", "code"),
}  # fmt: skip


def git(scene: Scene, name: str, words: Sequence[Word], source: str) -> None:
    """Read the words after `git`."""
    rest, chosen = scene.options(_GLOBAL, words, stop_at_operand=True)
    before = scene.cwds
    for option, value in chosen:
        if value is None:
            continue
        if option.value == "dir":
            scene.cwds = _moved(scene, value) if option.name == "-C" else (None,)
            scene.path("lists", value)
        else:
            # `-c` can name programs: pagers, hooks, transports.
            scene.doubt("configuration")
    if rest and not rest[0].known:
        scene.doubt(rest[0].why)
    elif rest:
        _command(scene, rest[0].text, rest[1:])
    scene.cwds = before


def _moved(scene: Scene, value: Word) -> tuple[str | None, ...]:
    probe = Scene(scene.workspace, scene.home, scene.cwds, scene.run, scene.run_line)
    probe.path("lists", value)
    return (None,) if "reads" in probe.doubts else tuple(probe.found.get("reads", {})) or (None,)


def _command(scene: Scene, name: str, words: Sequence[Word]) -> None:
    scene.add("subcommands", f"git {name}")
    program = COMMANDS.get(name)
    if program is None:
        scene.add("effects", "runs_code", "unknown_program")
        scene.operands("all", [w for w in words if w.text[:1] != "-" or not w.known], "")
        return
    if name == "bisect" and words and words[0].text == "run":
        scene.run(scene, words[1:], "")
        return
    if program.operands in ("address", "clone", "push", "objects", "tree", "words", "config"):
        plain = Program(program.effects, "none", 0, program.options)
        scene.apply(plain, words)
        probe = Scene(None, None, (None,), scene.run, scene.run_line)
        operands, chosen = probe.options(plain, words)
        names = {option.name for option, _ in chosen}
        _operands(scene, program.operands, name, operands, names)
    else:
        scene.apply(program, words)
        if "deletes" in scene.found.get("effects", {}) and name in ("reset", "switch"):
            scene.path("deletes", Word("."), "/**")


def _operands(
    scene: Scene, role: str, name: str, operands: Sequence[Word], flags: set[str]
) -> None:
    if role in ("address", "clone", "push"):
        for word in operands[:1]:
            _address(scene, word)
    if role == "clone":
        scene.operands("writes", operands[1:2] or [Word(".")], "")
    elif role == "push":
        _push(scene, operands[1:], flags)
    elif role == "objects":
        _objects(scene, operands)
    elif role == "tree":
        _tree(scene, name, operands, flags)
    elif role == "words":
        _words(scene, name, operands)
    elif role == "config":
        _config(scene, operands, flags)


def _push(scene: Scene, references: Sequence[Word], flags: set[str]) -> None:
    for word in references:
        if not word.known:
            scene.doubt(word.why, "effects")
        elif word.text.startswith(("+", ":")):
            scene.add("effects", "changes_history")
            scene.add("flags", "--force" if word.text[0] == "+" else "--delete")
    if "--force-with-lease" in flags:
        scene.add("flags", "--force")


def _objects(scene: Scene, operands: Sequence[Word]) -> None:
    """`HEAD:.env` is the file as it was committed; any other word may be the name of a file."""
    for word in operands:
        _, colon, inside = word.text.partition(":")
        if not word.known:
            scene.doubt(word.why, "reads")
        else:
            scene.path("reads", Word(inside) if colon and inside else word)


def _tree(scene: Scene, name: str, operands: Sequence[Word], flags: set[str]) -> None:
    if name == "clean" and "--dry-run" not in flags:
        scene.operands("deletes", operands or [Word(".")], "/**")
    elif name in ("checkout", "restore"):
        # What the working copy held is overwritten, and git keeps no copy of it.
        scene.operands("writes", operands, "")
        if name == "restore" or "--force" in flags or any(w.text == "." for w in operands):
            scene.operands("deletes", operands or [Word(".")], "/**")


def _words(scene: Scene, name: str, operands: Sequence[Word]) -> None:
    first = operands[0].text if operands else ""
    if operands and not operands[0].known:
        scene.doubt(operands[0].why)
    if name == "stash" and first in ("drop", "clear", "pop"):
        scene.add("effects", "changes_history") if first != "pop" else None
    elif name == "submodule" and first == "foreach":
        for word in operands[1:2]:
            scene.line(word)
    elif name == "remote" and first in ("add", "set-url"):
        for word in operands[2:3]:
            _address(scene, word)
        scene.add("effects", "changes_system")
    elif name == "worktree" and first == "remove":
        scene.operands("deletes", operands[1:], "/**")
    elif name in ("worktree", "bundle") and len(operands) > 1:
        scene.operands("writes", operands[1:2], "")


def _config(scene: Scene, operands: Sequence[Word], flags: set[str]) -> None:
    if flags & {"--get", "--get-all", "--list"} or (len(operands) == 1 and not flags):
        return
    if "--global" in flags:
        scene.path("writes", Word("~/.gitconfig"))
    elif "--system" in flags:
        scene.path("writes", Word("/etc/gitconfig"))
    else:
        scene.path("writes", Word(".git/config"))


def _address(scene: Scene, word: Word) -> None:
    if word.known and "::" in word.text:
        scene.doubt("inline_code")  # `ext::sh -c …` runs a program
    elif word.known and re.fullmatch(r"[\w.-]+", word.text):
        return  # the name of a remote: its address stands in the configuration
    elif word.known and re.match(r"^[\w.+-]+://", word.text):
        scene.address(word)
    elif word.known and scene.remote(word):
        return
    else:
        scene.path("reads", word)
