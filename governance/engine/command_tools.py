"""Readers for tools with a grammar of their own: sed, awk, dd, tar, find, curl, wget, ssh.

Law: a script or an option that could open other files or run programs leaves every field in doubt.
Each reader takes the words after the program's name and what feeds its input.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from governance.engine.notation import row, words_of
from governance.engine.scene import Reader, Scene
from governance.engine.shell import ANY_ONE, ANY_RUN, Word

_SED_LETTERS = frozenset("pdqDPnNhHgGxl=")
_SED_PLAIN = re.compile(r"[\s;]*(?:(?:[0-9]+|\$)(?:,(?:[0-9]+|\$|\+[0-9]+))?)?")
_SED_FLAGS = re.compile(r"[gIip0-9]*")


def _sed_is_plain(script: str) -> bool:
    """True when a sed script only prints, deletes and replaces: no files, no programs."""
    at = 0
    while at < len(script):
        at = _SED_PLAIN.match(script, at).end()  # type: ignore[union-attr]
        while script[at : at + 1] == "/":
            at = _after(script, at + 1, "/")
            at += script[at : at + 1] == ","
        at += script[at : at + 1] == "!"
        letter = script[at : at + 1]
        if letter in ("s", "y") and not script[at + 1 : at + 2].isalnum():
            mark = script[at + 1 : at + 2]
            if mark in ("", "\\", "\n", " "):
                return False
            at = _after(script, _after(script, at + 2, mark), mark)
            at = _SED_FLAGS.match(script, at).end()  # type: ignore[union-attr]
        elif letter and letter in _SED_LETTERS:
            at += 1
        elif letter:
            return False
        if at < len(script) and script[at] not in " \t\n;":
            return False
    return at == len(script)


def _after(script: str, at: int, mark: str) -> int:
    """The place after the next mark that is not escaped; beyond the end if there is none."""
    while at < len(script):
        if script[at] == "\\":
            at += 1
        elif script[at] == mark:
            return at + 1
        at += 1
    return len(script) + 1


def _sed(scene: Scene, name: str, words: Sequence[Word], source: str) -> None:
    scene.add("effects", "reads")
    program = row(
        "",
        "none",
        "-n|--quiet -e|--expression=script -f|--file=code -E|-r|--regexp-extended -s|--separate "
        "-u|--unbuffered -z|--null-data --posix --debug --sandbox -l?none",
    )
    # `-i` and `-i.bak` write the file; the suffix is part of the same word.
    edits = [w for w in words if w.known and re.match(r"^(-[nErsuz]*[iI]|--in-place(=|$))", w.text)]
    for word in edits:
        # A suffix with a slash or a star is a folder for the copies.
        if not re.fullmatch(r"-[nErsuz]*[iI][\w.~-]*|--in-place(=[\w.~-]*)?", word.text):
            scene.doubt("too_unusual")
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
        if not script.known or not _sed_is_plain(text):
            scene.doubt("inline_code")
    if edits:
        scene.add("flags", "--in-place")
    scene.operands("edit" if edits else "reads", operands, "")


def _awk(scene: Scene, name: str, words: Sequence[Word], source: str) -> None:
    scene.add("effects", "reads")
    program = row(
        "reads",
        "none",
        "-F|--field-separator=none -v|--assign=none -f|--file=code -e=code "
        "-i=code -l=code --posix --traditional",
    )
    operands, chosen = scene.options(program, words)
    if any(option.value == "code" for option, _ in chosen) or not operands:
        scene.doubt("inline_code")
        return
    if not operands[0].known or re.search(
        r"system|getline|[|>@]|ARGV|ENVIRON|SYMTAB|FUNCTAB|PROCINFO|extension", operands[0].text
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
        "-I|--use-compress-program=code --to-command=code --checkpoint-action=code -F=code -O|--to-stdout "
        "-m|--touch --no-same-owner --no-same-permissions -W --wildcards --totals --numeric-owner "
        "--owner=none --group=none --mtime=none --sort=none --overwrite --skip-old-files "
        "--rsh-command=code -T|--files-from=unknown -X|--exclude-from=reads --exclude=none "
        "--remove-files!deletes --strip-components=none --transform=none -k -p -h --zstd",
    )
    found = list(words)
    if found and found[0].known and re.fullmatch(r"[a-zA-Z]+", found[0].text):
        # The old style `tar xfz file` has its options without a dash and their values after them.
        valued = [letter for letter in found[0].text if letter in "fCITXFbgKNVH"]
        if len(valued) > 1:
            scene.doubt("too_unusual")
        flags = [letter for letter in found[0].text if letter not in valued]
        found[0] = Word("-" + "".join([*flags, *valued]))
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
        if names & {"--absolute-names", "--transform"}:
            scene.doubt("archive_decides", "writes")
    elif "--list" not in names:
        scene.doubt("too_unusual")


_FIND_VALUES = words_of(
    "-name -iname -path -ipath -wholename -iwholename -regex -iregex -type -mtime -mmin -ctime -cmin "
    "-atime -amin -newer -anewer -cnewer -size -maxdepth -mindepth -perm -user -group -printf -fstype "
    "-links -inum -lname -ilname -regextype -xtype -uid -gid -used -samefile -newermt -newerat "
    "-newerct -D"
)
_FIND_ALONE = words_of(
    "-print -print0 -ls -prune -quit -empty -true -false -depth -d -xdev -mount -follow -H -L -P -E -X "
    "-x -s -o -or -a -and -not ! ( ) , -executable -readable -writable -nouser -nogroup -noleaf "
    "-daystart -ignore_readdir_race -noignore_readdir_race -warn -nowarn -O0 -O1 -O2 -O3"
)


def _find(scene: Scene, name: str, words: Sequence[Word], source: str) -> None:
    scene.add("effects", "lists")
    rest = list(words)
    while rest and rest[0].text in ("-H", "-L", "-P", "-E", "-X", "-x", "-s", "--"):
        rest.pop(0)
    starts: list[Word] = []
    while rest and (rest[0].text[:1] not in ("-", "(", "!") or not rest[0].known):
        if not rest[0].known:
            scene.doubt(rest[0].why)
        starts.append(rest.pop(0))
    starts = starts or [Word(".")]
    for word in starts:
        scene.path("lists", word)
    while rest:
        word = rest.pop(0)
        if word.text in _FIND_RUNS:
            _for_each(scene, _until_end(rest), starts)
            scene.add("flags", "-exec")
        else:
            _find_word(scene, word, rest, starts)


_FD = row(
    "lists",
    "none",
    "-[HIuLapigsF0lq1] -uu --hidden --no-ignore --no-ignore-vcs --unrestricted --follow --full-path "
    "--absolute-path --ignore-case --case-sensitive --glob --fixed-strings --print0 --list-details "
    "-d|--max-depth=none --min-depth=none --exact-depth=none -t|--type=none -e|--extension=none "
    "-E|--exclude=none -S|--size=none --changed-within=none --changed-before=none -o=none "
    "-c|--color=none -j|--threads=none --max-results=none --prune --strip-cwd-prefix --quiet",
    skip=1,
)


def _fd(scene: Scene, name: str, words: Sequence[Word], source: str) -> None:
    """fd: what stands behind `-x` and `-X` runs for the files that it finds."""
    scene.add("effects", "lists")
    runs = ("-x", "-X", "--exec", "--exec-batch")
    cut = next((n for n, w in enumerate(words) if w.known and w.text in runs), len(words))
    operands, _ = scene.options(_FD, words[:cut])
    starts = operands[1:] or [Word(".")]
    for word in starts:
        scene.path("lists", word)
    inner = list(words[cut + 1 :])
    if cut < len(words):
        scene.add("flags", "-exec")
        if not any("{" in word.text for word in inner):
            inner.append(Word("{}"))
        placed = [Word("{}") if re.fullmatch(r"\{[/.]*\}", w.text) else w for w in inner]
        _for_each(scene, placed, starts)


_FIND_RUNS: Final = frozenset(["-exec", "-execdir", "-ok", "-okdir"])


def _until_end(rest: list[Word]) -> list[Word]:
    """Take the words of `-exec … ;` or `-exec … +` out of the rest."""
    inner: list[Word] = []
    while rest and rest[0].text not in (";", "+"):
        inner.append(rest.pop(0))
    del rest[:1]
    return inner


def _find_word(scene: Scene, word: Word, rest: list[Word], starts: Sequence[Word]) -> None:
    text = word.text
    if text == "-delete":
        scene.operands("deletes", starts, "/**")
    elif text in ("-fprint", "-fprintf", "-fls", "-fprint0") and rest:
        scene.path("writes", rest.pop(0))
    elif text == "-files0-from":
        scene.doubt("words_from_input", "reads")
    elif not word.known:
        scene.doubt(word.why)
    elif text in _FIND_VALUES or re.fullmatch(r"-newer[aBcmt]{2}", text):
        scene.add("flags", text)
        if rest and rest[0].splits:
            scene.doubt(rest[0].why)
        del rest[:1]
    elif text in _FIND_ALONE:
        scene.add("flags", *([text] if text[:1] == "-" else []))
    else:
        scene.doubt("unknown_option")


def _for_each(scene: Scene, inner: Sequence[Word], starts: Sequence[Word]) -> None:
    """Run the inner command with `{}` standing for anything beneath each start."""
    if len(starts) > 8:
        scene.doubt("too_unusual")
        return
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


_PATCH = row(
    "reads writes",
    "edit",
    "-i|--input=reads -p|--strip=num -d|--directory=writes -o|--output=writes -[RNEbfst] --dry-run "
    "--reverse --forward --verbose --force",
)


def _patch(scene: Scene, name: str, words: Sequence[Word], source: str) -> None:
    scene.apply(_PATCH, words)
    if not any(word.text == "--dry-run" for word in words):
        scene.doubt("archive_decides", "writes", "deletes")


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


_ASKING: Final = ("GET", "HEAD", "OPTIONS")


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
        asks = value is not None and value.known and value.text.upper() in _ASKING
        if option.value == "method" and not asks:
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


TOOLS: Mapping[str, Reader] = {
    "sed": _sed,
    "awk": _awk,
    "dd": _dd,
    "tar": _tar,
    "find": _find,
    "fd": _fd,
    "patch": _patch,
    "fetch": _fetch,
    "ssh": _ssh,
}
