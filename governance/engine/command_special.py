"""Readers for programs that run other programs or have a grammar of their own.

Law: an inner command is read like an outer one, and code that is not read here (a line of Python, an
awk program that opens files) leaves every field in doubt. Each reader takes the words after the
program's name and what feeds its input (`pipe`, `here`, `file` or nothing).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from governance.engine.programs import TABLE, Program, row
from governance.engine.scene import Scene
from governance.engine.shell import ANY_ONE, ANY_RUN, Word

Reader = Callable[[Scene, str, Sequence[Word], str], None]

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
        if re.fullmatch(r"[-+][A-Za-z]*c[A-Za-z]*", text):
            while rest and rest[0].known and rest[0].text[:1] in ("-", "+"):
                rest.pop(0)
            if name in ("fish", "csh", "tcsh") or not rest:
                scene.doubt("inline_code")
            else:
                scene.line(rest[0])
            return
        if text in ("--rcfile", "--init-file") or re.fullmatch(r"[-+][A-Za-z]*[oO]", text):
            if text.startswith("--") and rest:
                scene.path("reads", rest[0])
            rest = rest[1:]
        elif re.fullmatch(r"[-+][A-Za-z]*s[A-Za-z]*|-", text):
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
    operands, chosen = scene.options(
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
        if re.match(
            r"^(-[A-Za-z]*[eEprRnBIM]|--(eval|print|require|import|run|loader)|/c|/k)", text
        ):
            scene.doubt("inline_code")
            return
        if re.match(r"^-(c|Command|EncodedCommand|enc|ec)", text, re.I):
            scene.doubt("inline_code")
            return
        if not text.startswith("-"):
            scene.path("reads", word)
            for operand in words[position + 1 :]:
                _pessimistic(scene, operand)
            return
        if text == "-":
            break
    if not words or words[-1].text == "-":
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


_SED = re.compile(
    r"^(([0-9]+|\$|/[^/\\]*/|\\?)(,([0-9]+|\$|/[^/]*/|\+[0-9]+))?!?\s*"
    r"(s(?P<d>[/|#,@:!%])((?!(?P=d)).|\\.)*(?P=d)((?!(?P=d)).|\\.)*(?P=d)[gIip0-9]*|[pdqDPnNhHgGxl=]|"
    r"y/[^/]*/[^/]*/)\s*;?\s*)+$",
    re.S,
)


def _sed(scene: Scene, name: str, words: Sequence[Word], source: str) -> None:
    scene.add("effects", "reads")
    program = row(
        "",
        "none",
        "-n|--quiet -e|--expression=script -f|--file=code -E|-r|--regexp-extended -s|--separate "
        "-u|--unbuffered -z|--null-data -l|--line-length=none --posix --debug --sandbox",
    )
    # `-i` and `-i.bak` write the file; the suffix is part of the same word.
    edits = [w for w in words if w.known and re.match(r"^(-[nErsuz]*i|--in-place)", w.text)]
    operands, chosen = scene.options(program, [w for w in words if w not in edits])
    scripts = [value for option, value in chosen if option.value == "script" and value is not None]
    if any(option.value == "code" for option, _ in chosen):
        scene.doubt("inline_code")
    elif not scripts:
        # BSD sed takes an empty suffix as a word of its own: `sed -i '' s/a/b/ file`.
        while edits and operands and not operands[0].text:
            operands = operands[1:]
        scripts, operands = operands[:1], operands[1:]
    for script in scripts:
        text = script.text.replace(ANY_RUN, "*").replace(ANY_ONE, "?")
        if not script.known or len(text) > 500 or not _SED.match(text):
            scene.doubt("inline_code")
    if edits:
        scene.add("flags", "--in-place")
    scene.operands("edit" if edits else "reads", operands, "")


def _awk(scene: Scene, name: str, words: Sequence[Word], source: str) -> None:
    scene.add("effects", "reads")
    program = row("", "none", "-F=none -v=none -f|--file=code -e=code -i=code -l=code")
    operands, chosen = scene.options(program, words)
    if any(option.value == "code" for option, _ in chosen) or not operands:
        scene.doubt("inline_code")
        return
    if not operands[0].known or re.search(
        r"system|getline|[|>@]|ARGV|ENVIRON|extension", operands[0].text
    ):
        scene.doubt("inline_code")
    scene.operands("reads", [w for w in operands[1:] if not re.match(r"^\w+=", w.text)], "")


def _dd(scene: Scene, name: str, words: Sequence[Word], source: str) -> None:
    scene.add("effects", "writes")
    for word in words:
        key, _, value = word.text.partition("=")
        if not word.known:
            scene.doubt(word.why, "reads", "writes", "deletes")
        elif key == "if":
            scene.path("reads", Word(value))
        elif key == "of":
            scene.operands("overwrites", [Word(value)], "")


def _tar(scene: Scene, name: str, words: Sequence[Word], source: str) -> None:
    program = row(
        "",
        "none",
        "-f|--file=archive -C|--directory=into -c|--create -x|--extract|--get -t|--list -r|--append "
        "-u|--update -v|--verbose -z|--gzip -j|--bzip2 -J|--xz -a|--auto-compress -P|--absolute-names "
        "-I|--use-compress-program=code --to-command=code --checkpoint-action=code -F=code "
        "--rsh-command=code -T|--files-from=unknown -X|--exclude-from=reads --exclude=none "
        "--remove-files!deletes --strip-components=none --transform=none -k -p -h --zstd",
    )
    found = list(words)
    if found and found[0].known and re.fullmatch(r"[a-zA-Z]+", found[0].text):
        # The old style `tar xzf file` has its options without a dash.
        found[0] = Word("-" + found[0].text)
    operands, chosen = scene.options(program, found)
    names = {option.name for option, _ in chosen}
    archive = [v for option, v in chosen if option.value == "archive" and v is not None]
    into = [v for option, v in chosen if option.value == "into" and v is not None]
    for option, value in chosen:
        scene.add("effects", *option.effects)
        if option.value in ("code", "unknown", "reads") and value is not None:
            scene.value(option.value, value)
    for word in archive:
        if scene.remote(word):
            scene.add("effects", "network", "sends")
        elif names & {"--create", "--append", "--update"}:
            scene.path("writes", word)
        else:
            scene.path("reads", word)
    if names & {"--create", "--append", "--update"}:
        role = "all" if "--remove-files" in names else "reads"
        scene.operands(role, operands, "/**")
        scene.operands(role, into, "/**")
    elif "--get" in names:
        scene.operands("writes", into or [Word(".")], "/**")
        if "--absolute-names" in names:
            scene.doubt("archive_decides", "writes")
    elif "--list" not in names:
        scene.doubt("too_unusual")


_FIND_VALUES = frozenset(
    ["-name", "-iname", "-path", "-ipath", "-wholename", "-regex", "-iregex", "-type", "-mtime", "-mmin", "-ctime", "-cmin", "-atime", "-amin", "-newer", "-size", "-maxdepth", "-mindepth", "-perm", "-user", "-group", "-printf", "-fstype", "-links", "-inum", "-lname", "-regextype", "-D", "-xtype", "-uid", "-gid", "-used", "-samefile", "-newermt", "-e", "-E", "-x", "-X", "-t", "-d", "-g"]
)


def _find(scene: Scene, name: str, words: Sequence[Word], source: str) -> None:
    scene.add("effects", "lists")
    rest = list(words)
    starts: list[Word] = []
    while rest and rest[0].text[:1] not in ("-", "(", "!") and name == "find":
        starts.append(rest.pop(0))
    starts = starts or [Word(".")]
    if name != "find":
        starts += [w for w in rest if w.text[:1] != "-"][1:]
    for word in starts:
        scene.path("lists", word)
    while rest:
        word = rest.pop(0)
        text = word.text
        if text == "-delete":
            scene.operands("deletes", starts, "/**")
        elif text in ("-fprint", "-fprintf", "-fls", "-fprint0"):
            if rest:
                scene.path("writes", rest.pop(0))
        elif (
            text.startswith("-exec")
            or text in ("-ok", "-okdir", "--exec", "--exec-batch")
            or (name != "find" and text in ("-x", "-X"))
        ):
            inner: list[Word] = []
            while rest and rest[0].text not in (";", "+"):
                inner.append(rest.pop(0))
            if rest:
                rest.pop(0)
            scene.add("flags", "-exec")
            _for_each(scene, inner, starts)
        elif text == "-files0-from":
            scene.doubt("words_from_input", "reads")
        elif text in _FIND_VALUES and rest:
            scene.add("flags", text)
            rest.pop(0)
        elif text.startswith("-"):
            scene.add("flags", text)
        elif not word.known:
            scene.doubt(word.why)


def _for_each(scene: Scene, inner: Sequence[Word], starts: Sequence[Word]) -> None:
    """Run the inner command with `{}` standing for anything beneath each start."""
    for start in starts:
        beneath = Word(f"{start.text.rstrip('/') or ''}/**", start.known, start.why)
        filled = [
            beneath
            if word.text == "{}"
            else Word(word.text, False, "words_from_input")
            if "{}" in word.text
            else word
            for word in inner
        ]
        if filled:
            scene.run(scene, filled, "")


_CURL = row(
    "network",
    "url",
    "-d|--data=data!sends --data-raw=none!sends --data-binary=data!sends --data-urlencode=data!sends "
    "--data-ascii=data!sends --json=data!sends -F|--form=data!sends --form-string=none!sends "
    "-T|--upload-file=reads!sends -o|--output=writes!writes --output-dir=writes!writes "
    "-O|--remote-name -X|--request=method -H|--header=data -u|--user=none!sends -b|--cookie=data "
    "-c|--cookie-jar=writes!writes -K|--config=code -x|--proxy=url --url=url -E|--cert=reads "
    "--key=reads --cacert=reads -D|--dump-header=writes!writes -A|--user-agent=none -e|--referer=none "
    "-m|--max-time=none --connect-timeout=none --retry=none --retry-delay=none -w|--write-out=none "
    "--resolve=none --connect-to=url --unix-socket=unknown -n|--netrc --netrc-file=reads "
    "-L|--location -s|--silent -S|--show-error -f|--fail -k|--insecure -i|--include -I|--head "
    "-v|--verbose -C|--continue-at=none -r|--range=none --trace=writes -Q=none -P=none "
    "--preproxy=url --socks5=url --doh-url=url -G|--get --compressed -N -R -J|--remote-header-name",
)
_WGET = row(
    "network writes",
    "url",
    "-O|--output-document=writes -P|--directory-prefix=writes -o|--output-file=writes "
    "-a|--append-output=writes -i|--input-file=code -e|--execute=code --post-data=none!sends "
    "--post-file=reads!sends --body-file=reads!sends --body-data=none!sends --method=method "
    "--header=none -U|--user-agent=none --load-cookies=reads --config=code -B=url -t|--tries=none "
    "-T|--timeout=none -w|--wait=none -q|--quiet -c|--continue -r|--recursive -np -nc -N -l=none "
    "--use-askpass=code --user=none --password=none!sends --ca-certificate=reads",
)


def _fetch(scene: Scene, name: str, words: Sequence[Word], source: str) -> None:
    if name not in ("curl", "wget"):
        scene.add("effects", "network", "sends", "writes")
        scene.path("writes", Word("."))
        scene.operands(
            "url", [w for w in words if re.search(r"://|^[\w-]+(\.[\w-]+)+", w.text)], ""
        )
        return
    program = _CURL if name == "curl" else _WGET
    scene.apply(program, words)
    probe = Scene(None, None, (None,), scene.run, scene.run_line)
    _, chosen = probe.options(program, words)
    names = {option.name for option, _ in chosen}
    if names & {"--remote-name", "--remote-header-name"} or (
        name == "wget" and not names & {"--output-document", "--directory-prefix"}
    ):
        scene.path("writes", Word("."))
    for option, value in chosen:
        if option.value == "method" and value is not None:
            if value.text.upper() not in ("GET", "HEAD", "OPTIONS") or not value.known:
                scene.add("effects", "sends")


_SSH = row(
    "network sends",
    "none",
    "-i=reads -p=none -l=none -o=code -F=code -J=host -L=none -R=none -D=none -W=host -b=none "
    "-c=none -E=writes -S=none -m=none -w=none -N -f -T -t -A -q -v -n -4 -6 -C -x -X",
)


def _ssh(scene: Scene, name: str, words: Sequence[Word], source: str) -> None:
    operands, chosen = scene.options(_SSH, words, stop_at_operand=True)
    scene.add("effects", "network", "sends")
    for option, value in chosen:
        if option.value is not None and value is not None:
            scene.value(option.value, value)
    if operands:
        scene.address(operands[0])
    # What follows runs on another machine; its effects there are a change of that machine.
    scene.add("effects", "runs_code", "changes_remote")


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
    "shell": _shell, "wrapper": _wrapper, "su": _su, "env": _env, "export": _export, "cd": _cd,
    "xargs": _xargs, "unreadable": _unreadable, "trap": _trap, "interpreter": _interpreter,
    "python": _python, "sed": _sed, "awk": _awk, "dd": _dd, "tar": _tar, "find": _find,
    "fetch": _fetch, "ssh": _ssh, "subcommand": _subcommand,
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
