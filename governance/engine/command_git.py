"""Reads a call of git. The law: what rewrites history, runs code or reaches another host is named.

Sources: git-scm.com manuals of git 2.45 and later. Aliases live in configuration that cannot be
seen from here, so a subcommand that is not listed is a stranger's program.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from governance.engine.notation import Program, row
from governance.engine.scene import Scene
from governance.engine.shell import Word

_GLOBAL = row(
    "reads",
    "none",
    "-C=dir -c=config --git-dir=config --work-tree=config --exec-path=code --namespace=config "
    "--config-env=config -p|--paginate --no-pager -P --no-replace-objects --literal-pathspecs "
    "--no-optional-locks --version",
)
_DIFF = (
    "-p|--patch -u -s|--no-patch -U|--unified=none --stat?none --shortstat --numstat --name-only "
    "--name-status --summary --compact-summary --dirstat?none --raw --color?none --no-color "
    "--word-diff?none --color-words?none -w|--ignore-all-space -b|--ignore-space-change "
    "--ignore-blank-lines --ignore-space-at-eol --diff-filter=none -M?none -B?none -C?none "
    "--find-renames?none --no-renames --find-copies?none -S=range -G=range --pickaxe-regex "
    "--minimal --patience --histogram --diff-algorithm=none --check --full-index --binary "
    "--abbrev?none -R -W|--function-context --inter-hunk-context=none --exit-code --quiet -z "
    "--no-ext-diff --no-textconv --no-prefix --relative?none --text -a --submodule?none --cc -c -m "
    "-t -r --root --no-index --cached --staged --merge-base --ours --theirs --base -1 -2 -3 -0 "
    "--src-prefix=none --dst-prefix=none --output=writes!writes --ext-diff=code"
)
_LOG = (
    f"{_DIFF} --oneline --graph --all --decorate?none --no-decorate -n|--max-count=none -NUM "
    "--skip=none --since=none --until=none --after=none --before=none --author=none "
    "--committer=none --grep=none --format=format --pretty?format --date=none --merges --no-merges "
    "--first-parent --reverse --follow --abbrev-commit --no-abbrev-commit --topo-order --date-order "
    "--author-date-order --left-right --cherry-pick --cherry-mark --cherry --branches?none "
    "--tags?none --remotes?none --glob=none --exclude=none --not --source -g|--walk-reflogs "
    "--invert-grep -i -E -F -P -L=range --simplify-by-decoration --full-history --ancestry-path?none "
    "--boundary --parents --children --count --no-walk?none --max-parents=none --min-parents=none "
    "--objects --no-notes --notes?none --use-mailmap --left-only --right-only --no-color -q"
)
_STATUS = (
    "-s|--short --porcelain?none -b|--branch -u?none --untracked-files?none --ignored?none -z "
    "-v|--verbose --long --show-stash --renames --no-renames --ahead-behind --no-ahead-behind "
    "--column?none --no-column --find-renames?none --ignore-submodules?none"
)
_LS = (
    "-[cdmoiskuztvf] --cached --deleted --modified --others --ignored --stage --killed --unmerged "
    "--exclude-standard -x|--exclude=none --full-name --error-unmatch --eol --abbrev?none "
    "--directory --no-empty-directory --deduplicate -r -l --long --name-only --name-status "
    "--full-tree --recurse-submodules"
)
_REFS = (
    "--abbrev-ref?none --short?none --verify --show-toplevel --git-dir --absolute-git-dir "
    "--git-common-dir --is-inside-work-tree --is-bare-repository --is-inside-git-dir "
    "--is-shallow-repository --symbolic-full-name --symbolic --all --branches?none --tags?none "
    "--remotes?none -q|--quiet --show-prefix --show-cdup --sq --revs-only --no-revs --flags --heads "
    "--head -d --hash?none --sort=none --format=format --count=none --points-at=none --contains=none "
    "--merged?none --no-merged?none --always --long --dirty?none --match=none --exclude=none "
    "--candidates=none --first-parent --abbrev?none --exact-match --is-ancestor --octopus --fork-point "
    "-a -l -s -n -e -c --numbered --summary --email --group=none --no-undefined --name-only -v "
    "--exists --default=none --git-path=none -H --size-pack"
)
_BLAME = (
    "-L=none -w -M?none -C?none -e|--show-email -s -l -t --date=none -p|--porcelain "
    "--line-porcelain --since=none -f|--show-name -n|--show-number -c --abbrev=none --root "
    "--reverse --first-parent --ignore-rev=none --color-lines --color-by-age --score-debug -b"
)
_GREP = (
    "-O=code --open-files-in-pager?code -e=none^ -f=reads -A|--after-context=none "
    "-B|--before-context=none -C|--context=none -m|--max-count=none --max-depth=none --color?none "
    "--no-color -[iIwvhHnlLcoqEFGPazWpr] --cached --ignore-case --word-regexp --invert-match "
    "--line-number --column --name-only --files-with-matches --files-without-match --count "
    "--only-matching --quiet --heading --break --show-function --function-context --all-match "
    "--and --or --not --extended-regexp --fixed-strings --perl-regexp --basic-regexp --full-name "
    "--text --threads=none -NUM --null"
)
_CAT = "-[pts] -e"

COMMANDS: Mapping[str, Program] = {
    **dict.fromkeys(
        ["log", "whatchanged", "shortlog", "rev-list", "show-branch", "reflog-show", "cherry"],
        row("reads", "objects", _LOG + " -n -s -e"),
    ),
    "shortlog": row("reads", "objects", _LOG + " --numbered --email --group=none -e -s --summary"),
    **dict.fromkeys(
        ["diff", "diff-tree", "diff-index", "diff-files", "range-diff"],
        row("reads", "objects", _DIFF + " --always --no-commit-id --stdin --creation-factor=none "
            "--oneline"),
    ),
    "show": row("reads", "objects", _LOG),
    "status": row("reads", "objects", _STATUS),
    **dict.fromkeys(["ls-files", "ls-tree"], row("reads", "objects", _LS)),
    **dict.fromkeys(
        ["describe", "rev-parse", "name-rev", "merge-base", "count-objects", "show-ref",
         "for-each-ref", "check-ignore", "version"],
        row("reads", "objects", _REFS),
    ),
    **dict.fromkeys(["blame", "annotate"], row("reads", "objects", _BLAME)),
    "check-attr": row("reads", "objects", "-a --all"),
    "var": row("reads_environment reads", "none"),
    "help": row("reads", "none", "-a -g"),
    "fsck": row("reads", "none", "--full --strict --no-dangling --unreachable --connectivity-only"),
    "cat-file": row("reads", "objects", _CAT),
    "grep": row("reads", "pattern", _GREP),
    **dict.fromkeys(["verify-commit", "verify-tag"], row("reads runs_code", "none", "-v --raw")),
    "symbolic-ref": row("writes", "none", "-q --short -d --delete -m=none"),
    "add": row("writes", "lists", "-f|--force -A|--all -p|--patch -u|--update -n|--dry-run "
               "-v|--verbose -N|--intent-to-add --no-all --ignore-errors --renormalize --chmod=none"),
    "stage": row("writes", "lists", "-f|--force -A|--all"),
    "commit": row(
        "writes",
        "lists",
        "-m|--message=none -F|--file=reads -t|--template=reads --amend!changes_history -a|--all "
        "-n|--no-verify -s|--signoff -q|--quiet -v|--verbose -C=none -c=none --author=none "
        "--date=none --fixup=none --squash=none --trailer=none -S?word --gpg-sign?word --no-gpg-sign "
        "--no-edit -e|--edit --allow-empty --allow-empty-message --dry-run --short --porcelain "
        "--status --no-status --reset-author -p|--patch -o|--only -i|--include --cleanup=none "
        "--reuse-message=none --no-post-rewrite -u?none",
    ),
    "stash": row("writes", "words", "-m|--message=none -u|--include-untracked!deletes -k|--keep-index "
                 "-p|--patch -a|--all!deletes -q|--quiet --index -S|--staged --no-keep-index --stat --name-only "
                 "-NUM --oneline"),
    "tag": row("writes", "none", "-d|--delete!changes_history -f|--force!changes_history "
               "-m|--message=none -F=reads -a|--annotate -s -l|--list -n?none --sort=none "
               "--contains=none --points-at=none --merged?none -i --format=format --column?none"),
    "branch": row("writes", "none", "-d|--delete -D!changes_history -f|--force!changes_history "
                  "-M!changes_history -m|--move -a|--all -r|--remotes -v|--verbose -vv --list "
                  "-u|--set-upstream-to=none --show-current --merged?none --no-merged?none "
                  "--contains=none --sort=none --format=format --unset-upstream -c|--copy "
                  "-t|--track?none --no-track -q --color?none --no-color --column?none -i "
                  "--points-at=none"),
    "checkout": row("writes", "tree", "-f|--force!deletes -b=none -B=none!changes_history -q|--quiet "
                    "-t|--track?none --no-track --detach -d --ours --theirs --orphan=none -p|--patch "
                    "-m|--merge --progress --no-progress"),
    "switch": row("writes", "none", "-f|--force!deletes --discard-changes!deletes -c|--create=none "
                  "-C=none!changes_history -q|--quiet -d|--detach -t|--track?none --no-track "
                  "-m|--merge --guess --no-guess"),
    "restore": row("writes", "tree", "-s|--source=none -S|--staged -W|--worktree -q|--quiet -p|--patch "
                   "--ours --theirs"),
    "reset": row("writes", "none", "--hard!deletes!changes_history --merge!deletes --keep --soft "
                 "--mixed -q|--quiet -p|--patch -N"),
    "clean": row("deletes", "tree", "-f|--force -d -x -X -n|--dry-run -e|--exclude=none -i -q"),
    "rm": row("deletes writes", "deletes", "-r* -f|--force --cached -q|--quiet -n|--dry-run "
              "--ignore-unmatch"),
    "mv": row("writes", "move", "-f|--force -k -n|--dry-run -v|--verbose"),
    "merge": row("writes", "none", "-m=none -F=reads -s=code -X=word --no-ff --ff --ff-only --squash "
                 "--abort --continue --no-commit --commit --no-edit -e -q -v --stat --no-stat "
                 "--allow-unrelated-histories --quit -n"),
    "cherry-pick": row("writes", "none", "-s -m=none -n|--no-commit -x --abort --continue --skip "
                       "--quit -e --allow-empty --keep-redundant-commits"),
    "revert": row("writes", "none", "-m=none -n|--no-commit --no-edit -e --abort --continue --skip "
                  "-s --quit"),
    "rebase": row("writes changes_history", "none", "-x|--exec=line -i|--interactive --onto=none "
                  "-s=code"),
    "am": row("writes reads", "reads", "--abort --continue --skip --quit -3 --3way -s --signoff -k"),
    "apply": row("writes reads", "reads", "--directory=writes -p=none --unsafe-paths=code --check "
                 "--stat --cached --index -R|--reverse -v -3|--3way --reject --summary --numstat "
                 "--whitespace=none"),
    "init": row("writes", "writes", "--template=code -b|--initial-branch=none -q|--quiet --bare "
                "--separate-git-dir=writes"),
    "config": row(
        "reads",
        "config",
        "-f|--file=writes --global --system --local --get=none --get-all=none --get-regexp=none "
        "-l|--list --unset=none -e|--edit --blob=none --show-origin --add --unset-all=none "
        "--replace-all --bool --int --type=none --name-only -z",
    ),
    "archive": row("reads", "objects", "-o|--output=writes!writes --remote=url!network --format=none "
                   "--prefix=none --exec=code -v -l"),
    "bundle": row("reads writes", "words", "--all -q --progress"),
    "format-patch": row("writes", "none", "-o|--output-directory=writes -NUM -1 -n -k --stdout "
                        "--cover-letter --base=none --subject-prefix=none -v=none --root"),
    "notes": row("writes", "none"),
    "worktree": row("writes", "words", "-b=none -B=none!changes_history -f|--force -d|--detach "
                    "--porcelain -v -q --lock"),
    "sparse-checkout": row("writes", "none", "--cone --no-cone"),
    "bisect": row("writes", "none"),
    "fetch": row("network writes", "address", "--upload-pack=code --depth=none -j=none"),
    "pull": row("network writes runs_code", "address", "--upload-pack=code --depth=none "
                "--rebase -s=code"),
    "clone": row("network writes", "clone", "-b|--branch=none --depth=none -u|--upload-pack=code "
                 "-c|--config=code --template=code -o=none --reference=reads -j=none "
                 "--separate-git-dir=writes --recursive!runs_code --recurse-submodules!runs_code"),
    "remote": row("writes", "words", "-v|--verbose -t=none -m=none -f"),
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


_ONLY_LOOKS = frozenset(["--check", "--stat", "--numstat", "--summary", "list"])


def git(scene: Scene, name: str, words: Sequence[Word], source: str) -> None:
    """Read the words after `git`."""
    rest, chosen = scene.options(_GLOBAL, words, stop_at_operand=True)
    before = scene.cwds
    for option, value in chosen:
        if value is None:
            continue
        if option.value == "dir":
            scene.cwds = _moved(scene, value)
            scene.path("lists", value)
        else:
            # The configuration of another folder, like one given with `-c`, can name programs: pagers, hooks, transports.
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
    if program.operands in (
        "address",
        "clone",
        "push",
        "objects",
        "pattern",
        "tree",
        "words",
        "config",
    ):
        plain = replace(program, operands="none")
        scene.apply(plain, words)
        probe = Scene(None, None, (None,), scene.run, scene.run_line)
        operands, chosen = probe.options(plain, words)
        names = {option.name for option, _ in chosen}
        if program.operands == "pattern" and not any(option.unskips for option, _ in chosen):
            operands = operands[1:]
        _operands(scene, program.operands, name, operands, names)
    else:
        scene.apply(program, words)
        if name in ("apply", "am", "sparse-checkout") and not _ONLY_LOOKS & {w.text for w in words}:
            # The patch decides which files are written; a sparse checkout takes files away.
            scene.doubt("archive_decides", "writes", "deletes")
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
    elif role in ("objects", "pattern"):
        _objects(scene, operands)
    elif role == "tree":
        _tree(scene, name, operands, flags)
    elif role == "words":
        _words(scene, name, operands, flags)
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
    """`HEAD:.env` is the file as it was committed; any other word may be the name of a file.

    git's own patterns (in quotes, or behind `:(glob)`) meet hidden files, too.
    """
    for word in operands:
        text = word.text
        if not word.known:
            scene.doubt(word.why, "reads")
        elif text.startswith((":!", ":^", ":(exclude)")):
            continue
        elif text.startswith(":("):
            scene.doubt("too_unusual", "reads")
        elif not word.wild and re.search(r"[*?\[]", text):
            for tail in scene.globs([Word(text.rpartition(":")[2])]):
                scene.path("reads", Word("."), tail)
        else:
            parts = text.split(":")
            for start in range(len(parts)):
                if parts[start:] != [""] and (start or len(parts) == 1):
                    scene.path("reads", Word(":".join(parts[start:])))


def _tree(scene: Scene, name: str, operands: Sequence[Word], flags: set[str]) -> None:
    if name == "clean" and "--dry-run" not in flags:
        scene.operands("deletes", operands or [Word(".")], "/**")
    elif name in ("checkout", "restore"):
        # What the working copy held is overwritten, and git keeps no copy of it.
        scene.operands("writes", operands, "")
        if name == "restore" or "--force" in flags or any(w.text == "." for w in operands):
            scene.operands("deletes", operands or [Word(".")], "/**")


def _words(scene: Scene, name: str, operands: Sequence[Word], flags: set[str]) -> None:
    first = operands[0].text if operands else ""
    if operands and not operands[0].known:
        scene.doubt(operands[0].why)
    if name == "stash" and first in ("drop", "clear", "pop"):
        scene.add("effects", "changes_history") if first != "pop" else None
    elif name == "stash" and flags & {"--include-untracked", "--all"}:
        scene.path("deletes", Word("."), "/**")
    elif name == "remote" and first in ("show", "update", "prune", "set-head"):
        scene.add("effects", "network")
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
    if "--list" in flags:
        # Everything at once, addresses with passwords in them included.
        scene.add("effects", "reads_environment")
        return
    asks = flags & {"--get", "--get-all", "--get-regexp"}
    if asks or (len(operands) == 1 and flags <= {"--global", "--local", "--system"}):
        return
    scene.add("effects", "writes", "changes_system")
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
