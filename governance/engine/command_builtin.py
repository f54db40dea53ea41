"""Readers for what shells have built in, and for small programs with a language of their own.

Law: a shell evaluates the name of a variable, so a name that is not a plain one (`a[$(rm x)]`)
runs a program; whatever takes names or does sums gets plain names and plain numbers or is in doubt.
Values that come from the environment are an effect of their own.

Sources: the bash 5.2 and zsh 5.9 manuals, POSIX.1-2024, jq 1.7, yq 4, GNU date, procps ps.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from governance.engine.notation import Program, row, words_of
from governance.engine.programs import TABLE
from governance.engine.scene import Reader, Scene
from governance.engine.shell import ANY_ONE, ANY_RUN, Word

_CHANGES_PROGRAMS = re.compile(
    r"^(PATH|IFS|ENV|HOME|PWD|OLDPWD|CDPATH|FPATH|MANPATH|MODULE_PATH|SHELL|SHELLOPTS|BASHOPTS|"
    r"BASH_.*|PS[0-4]|PROMPT.*|LD_.*|DYLD_.*|PYTHON(?!DONTWRITEBYTECODE$|UNBUFFERED$).*|NODE_(?!ENV$)"
    r".*|PERL5.*|RUBY(OPT|LIB)|EDITOR|VISUAL|.*PAGER|LESS.*|MORE|MAKEFLAGS|MAKEFILES|CLASSPATH|"
    r"JAVA_TOOL_OPTIONS|.*_PROXY|NPM_CONFIG_.*|PIP_.*|CARGO_.*|RUSTC.*|RIPGREP_CONFIG_PATH|"
    r"CURL_HOME|WGETRC|GIT_(?!(AUTHOR|COMMITTER)_|TERMINAL_PROMPT$).*|SSH_.*|.*(_|^)OPT(ION)?S?|"
    r".*FLAGS|CC|CXX|LD|AR|AS|TMPDIR|TERMINFO|HIST.*|FCEDIT|INPUTRC|GREP_.*|AWK.*|RSYNC_.*|NULLCMD|"
    r"READNULLCMD|ZDOTDIR|XDG_.*|BAT_.*|ACKRC|JQ_.*|(?-i:GO(?!OS$|ARCH$)[A-Z0-9_]*))$",
    re.I,
)
_GIVEN: Final = re.compile(
    r"^([a-z]\w*|[A-Z]\d?|(APP|TEST|DJANGO|FLASK|RAILS|RACK|LC|DOCKER_BUILDKIT)(_\w+)?|NODE_ENV|CI|"
    r"DEBUG|VERBOSE|LANG|LANGUAGE|TZ|TERM|COLUMNS|LINES|PORT|HOST|LOG_LEVEL|RUST_BACKTRACE|RUST_LOG|"
    r"FORCE_COLOR|NO_COLOR|CLICOLOR|CLICOLOR_FORCE|SEED|DATABASE_URL|BASE_URL|API_URL|"
    r"PYTHONDONTWRITEBYTECODE|PYTHONUNBUFFERED|GIT_(AUTHOR|COMMITTER)_\w+|GIT_TERMINAL_PROMPT|"
    r"SOURCE_DATE_EPOCH|GOOS|GOARCH|NEXT_TELEMETRY_DISABLED|HUSKY)$"
)
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NUMBER: Final = re.compile(r"[-+]?[0-9]{1,18}")


def check_assignment(scene: Scene, name: str, *, given: bool = True) -> None:
    """Doubt everything when a variable may decide which programs run or where paths start.

    ``given``: a program that is started gets the variable; then only names that are known to be
    harmless are certain. A variable that stays in the shell must not be one of the known evils.
    """
    if _CHANGES_PROGRAMS.match(name) or (given and not _GIVEN.match(name)):
        scene.doubt("environment")


_IN_THE_WORKSPACE: Final = re.compile(r"(?![/~])(?!.*(\.\.|:[/~]))[\w./:-]+")


def check_setting(scene: Scene, name: str, value: Word, *, given: bool) -> None:
    """As `check_assignment`; a search path for Python's modules may lead into the workspace."""
    if name == "PYTHONPATH" and value.known and _IN_THE_WORKSPACE.fullmatch(value.text):
        return
    check_assignment(scene, name, given=given)


HARMLESS: Final = words_of(
    "HOME PWD OLDPWD PATH USER LOGNAME LANG TERM SHELL RANDOM SECONDS LINENO UID EUID PPID HOSTNAME "
    "COLUMNS LINES 0 - @ *"
)
"""Variables whose values are nobody's secret."""


def check_variables(scene: Scene, names: frozenset[str]) -> None:
    """Count every other variable that a line shows as reading the environment."""
    if names - HARMLESS:
        scene.add("effects", "reads_environment")


def _certain_number(word: Word) -> bool:
    if not word.known:
        return word.why == "number" and not word.text
    return _NUMBER.fullmatch(word.text) is not None


def _number(scene: Scene, name: str, words: Sequence[Word], source: str) -> None:
    if not all(_certain_number(word) for word in words):
        scene.doubt("computed")


_SUMS: Final = frozenset(["-eq", "-ne", "-lt", "-le", "-gt", "-ge"])
_TESTS: Final = re.compile(r"-[abcdefghkprsuwxzntGLNOS]|-o|==?|!=|<|>|-[no]t|-ef|!|\(|\)|\]")


def _test(scene: Scene, name: str, words: Sequence[Word], source: str) -> None:
    """`test` and `[`: names of variables (`-v`, `-R`) and sums are evaluated by the shell."""
    for position, word in enumerate(words):
        if word.splits and word.why != "number":
            scene.doubt(word.why)
        elif word.known and word.text in ("-v", "-R"):
            after = words[position + 1 : position + 2]
            if not all(w.known and _NAME.fullmatch(w.text) for w in after):
                scene.doubt("computed")
        elif word.known and word.text in _SUMS:
            sides = [*words[max(position - 1, 0) : position], *words[position + 1 : position + 2]]
            if not all(_certain_number(side) for side in sides):
                scene.doubt("computed")
        elif word.known and re.match(r"-[A-Za-z]", word.text) and not _TESTS.fullmatch(word.text):
            scene.doubt("unknown_option")


def _names_only(scene: Scene, words: Sequence[Word], *, given: bool = False) -> None:
    for word in words:
        name = word.text.partition("=")[0].removesuffix("+")
        if (not word.known and "=" not in word.text) or not _NAME.fullmatch(name):
            scene.doubt(word.why or "computed")
        else:
            check_assignment(scene, name, given=given)


_NAMES: Mapping[str, Program] = {
    "read": row("", "none", "-[rse] -p=none -n=none -N=none -t=none -d=none -a=name -u=none"),
    "unset": row("", "none", "-[vf]"),
    "getopts": row("", "none", "-V", skip=1),
}


def _names(scene: Scene, name: str, words: Sequence[Word], source: str) -> None:
    program = _NAMES[name]
    operands, chosen = scene.options(program, words)
    if any("?" in word.text for word in operands):
        scene.doubt("computed")  # `read x?prompt` of zsh
    numbers = [v for o, v in chosen if o.name in ("-n", "-N", "-t", "-u") and v is not None]
    if not all(re.fullmatch(r"[0-9.]+", word.text) for word in numbers):
        scene.doubt("computed")
    _names_only(scene, [v for o, v in chosen if o.value == "name" and v is not None])
    _names_only(scene, operands[program.skip :])


def _printf(scene: Scene, name: str, words: Sequence[Word], source: str) -> None:
    rest = list(words)
    if rest and (not rest[0].known or rest[0].text.startswith("-")) and rest[0].text != "--":
        if rest[0].text[:2] != "-v":
            scene.doubt(rest[0].why or "unknown_option")
        else:
            attached = rest.pop(0).text[2:]
            target = Word(attached) if attached else (rest.pop(0) if rest else Word(""))
            _names_only(scene, [target])
    for word in rest[1:]:
        # zsh does sums for `%d`, and a sum may run programs.
        if word.known and "[" in word.text and re.search(r"[$`]", word.text):
            scene.doubt("computed")


def _export(scene: Scene, name: str, words: Sequence[Word], source: str) -> None:
    names = [word for word in words if not (word.known and word.text.startswith(("-", "+")))]
    asked = "".join(w.text[1:] for w in words if w not in names)
    if not names or re.search(r"[pfF]", asked):
        # The list of what is set, or the value behind one name.
        scene.add("effects", "reads_environment")
    if re.search(r"[^agrxpfFlut]", asked):
        # Sums (`-i`), other names for names (`-n`), arrays (`-A`).
        scene.doubt("computed")
    _names_only(scene, names, given=True)


def _set(scene: Scene, name: str, words: Sequence[Word], source: str) -> None:
    if not words:
        scene.add("effects", "reads_environment")
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word.known and word.text == "--":
            return
        if not word.known:
            scene.doubt(word.why)
        elif re.fullmatch(r"[-+][eux]*o", word.text):
            if rest and rest.pop(0).text not in ("pipefail", "errexit", "nounset", "xtrace"):
                scene.doubt("unknown_option")
        elif not re.fullmatch(r"[-+][eux]+", word.text):
            scene.doubt("unknown_option")


def _asks(scene: Scene, name: str, words: Sequence[Word], source: str) -> None:
    """Programs that say something of the machine, or change it when they are told how."""
    operands, _ = scene.options(TABLE[name], words)
    if operands:
        scene.add("effects", "changes_system")


_DATE = row(
    "",
    "none",
    "-[uR] --utc --universal --rfc-email -I?none --iso-8601?none --rfc-3339=none -d|--date=none "
    "-f|--file=reads -r|--reference=reads -s|--set=none!changes_system +=none",
)


def _date(scene: Scene, name: str, words: Sequence[Word], source: str) -> None:
    operands, chosen = scene.options(_DATE, words)
    for option, value in chosen:
        scene.add("effects", *option.effects)
        if value is not None and option.value is not None:
            scene.value(option.value, value)
    if operands:
        scene.add("effects", "changes_system")


_PS = row(
    "", "none", "-[AaefFdjlwcMHTLx] -u|-U|--user=none -p|--pid=none -o|--format=none --sort=none "
    "-C=none -g=none -t=none --ppid=none --no-headers --headers --forest"
)  # fmt: skip


def _ps(scene: Scene, name: str, words: Sequence[Word], source: str) -> None:
    """`ps`: BSD letters stand without a dash, and `e` among them shows every environment."""
    operands, _ = scene.options(_PS, words)
    for word in operands:
        if not re.fullmatch(r"[auxwfljhmrvT]+|[0-9,]+", word.text):
            scene.add("effects", "reads_environment")


_MAN = row("", "none", "-[kfwa] -P|--pager=code -H|--html=code -s=none")


def _man(scene: Scene, name: str, words: Sequence[Word], source: str) -> None:
    operands, chosen = scene.options(_MAN, words)
    for option, value in chosen:
        if option.value is not None and value is not None:
            scene.value(option.value, value)
    for word in operands:
        if not re.fullmatch(r"[A-Za-z0-9_.:+-]+", word.text):
            scene.path("reads", word)
            scene.doubt("too_unusual")


_JQ = row(
    "reads",
    "reads",
    "-f|--from-file=code --arg=pair --argjson=pair --slurpfile=pair_reads --rawfile=pair_reads "
    "-[rejsncMSCRah] --raw-output --exit-status --slurp --null-input --compact-output --tab "
    "--indent=none --sort-keys --raw-input --monochrome-output --color-output --ascii-output "
    "--join-output --args --jsonargs --raw-output0 --stream --seq --unbuffered",
)
_YQ = row(
    "reads",
    "reads",
    "-[rePNCMnyYjS] -i|--inplace --in-place --raw-output --exit-status --prettyPrint "
    "-o|--output-format=none -p|--input-format=none -I|--indent=none --no-colors --colors "
    "--unwrapScalar?none --no-doc --null-input",
)
_LOOKS_AROUND: Final = re.compile(
    r"(?<![\w.])env\b|\.\.\s*env|\$(ENV|__)|\bimport\b|\binclude\b|\bmodulemeta\b|\bsplitDoc\b|"
    r"\bget_search_list\b|\bload\w*\b|\b(str)?env(subst)?\s*\(|\benvsubst\b|\beval\s*\(|\bsystem\b|"
    r"\b(getpath|input_filename)\s*\(.*env"
)


def _query(scene: Scene, words: Sequence[Word]) -> None:
    """Doubt a filter that could reach the environment or other files."""
    for word in words:
        text = word.text.replace(ANY_RUN, "*").replace(ANY_ONE, "?")
        if not word.known or _LOOKS_AROUND.search(text):
            scene.doubt(word.why or "inline_code")


def _jq(scene: Scene, name: str, words: Sequence[Word], source: str) -> None:
    scene.add("effects", "reads")
    operands, chosen = scene.options(_JQ, words)
    if any(option.value == "code" for option, _ in chosen):
        scene.doubt("inline_code")
        scene.operands("reads", operands, "")
        return
    _query(scene, operands[:1])
    scene.operands("reads", operands[1:], "")


def _yq(scene: Scene, name: str, words: Sequence[Word], source: str) -> None:
    scene.add("effects", "reads")
    operands, chosen = scene.options(_YQ, words)
    if operands[:1] and operands[0].text in ("e", "eval", "ea", "eval-all"):
        operands = operands[1:]
    edits = {option.name for option, _ in chosen} & {"--inplace", "--in-place"}
    _query(scene, operands)
    # One word alone may be a file as well as a filter.
    files = operands[1:] if len(operands) > 1 else operands
    scene.operands("edit" if edits else "reads", files, "")


def _unreadable(scene: Scene, name: str, words: Sequence[Word], source: str) -> None:
    scene.doubt("code_in_words")


BUILTINS: Mapping[str, Reader] = {
    "number": _number,
    "test": _test,
    "names": _names,
    "printf": _printf,
    "export": _export,
    "set": _set,
    "asks": _asks,
    "date": _date,
    "ps": _ps,
    "man": _man,
    "jq": _jq,
    "yq": _yq,
    "unreadable": _unreadable,
}
