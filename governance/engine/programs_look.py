"""The programs that only look: text tools, listings, and what a shell has built in.

Law: every option that such a program may be given is named here; one that is not leaves every field
in doubt. The notation is the one of ``programs.py``. An option whose manual says that it names a
program, a module, a configuration or a file to write is named with that role or not at all.

Sources: the manuals of GNU coreutils 9, grep 3.11, diffutils, less, jq 1.7, ripgrep 14, fd 10, ag,
bat, bash 5.2, zsh 5.9, procps, and of the BSD and macOS tools.
"""

from __future__ import annotations

from collections.abc import Mapping

from governance.engine.notation import Program, row


def same(names: str, program: Program) -> dict[str, Program]:
    """One row for several programs."""
    return dict.fromkeys(names.split(), program)


_ENDS = "-n|--lines=num -c|--bytes=num -[qvz] --quiet --silent --verbose -NUM --zero-terminated"
_GREP = (
    "-e|--regexp=none^ -f|--file=reads^ -r|--recursive* -R|--dereference-recursive* "
    "-A|--after-context=num -B|--before-context=num -C|--context=num -m|--max-count=num "
    "--include=glob --exclude=none --exclude-dir=none -d|--directories=none* "
    "--color?none --colour?none -[EFGPiynlLvcohHqswxabzZUITu] -NUM --null -V "
    "--extended-regexp --fixed-strings --basic-regexp --perl-regexp "
    "--ignore-case --no-ignore-case --line-number --files-with-matches --files-without-match "
    "--invert-match --count --only-matching --no-filename --with-filename --quiet --silent "
    "--no-messages --word-regexp --line-regexp --text --initial-tab --line-buffered --byte-offset "
    "--binary-files=none --label=none --null-data --group-separator=none --no-group-separator"
)
_RG = (
    "-e|--regexp=none^ -f|--file=reads^ -r|--replace=none -A|--after-context=num "
    "-B|--before-context=num -C|--context=num -m|--max-count=num -g|--glob=glob --iglob=glob "
    "-t|--type=none -T|--type-not=none -j|--threads=num -d|--max-depth=num -M|--max-columns=num "
    "--sort=none --sortr=none --color=none --colors=none --context-separator=none -E|--encoding=none "
    "--max-filesize=none --engine=none --field-match-separator=none "
    "--hidden* -.* -u|--unrestricted* -uu* -uuu* --no-ignore* --no-ignore-vcs* --no-ignore-parent* "
    "--no-ignore-dot* --no-ignore-global* --no-ignore-exclude* --no-ignore-files* -L|--follow* "
    "-a|--text* -z|--search-zip --pre=code --hostname-bin=code "
    "-[FPSinNlcovwxsUpqIHb0] --fixed-strings --pcre2 --smart-case --ignore-case --line-number "
    "--no-line-number --files-with-matches --files-without-match --count --count-matches "
    "--only-matching --invert-match --word-regexp --line-regexp --case-sensitive --multiline "
    "--multiline-dotall --pretty --quiet --no-filename --with-filename --heading --no-heading "
    "--json --stats --trim --vimgrep --column --no-messages --null --crlf --files^ --type-list^ "
    "--no-config --byte-offset --passthru --auto-hybrid-regex --block-buffered --line-buffered "
    "--max-columns-preview --one-file-system --no-mmap --mmap --glob-case-insensitive"
)
_PLAIN = "-[abcdehilnqrstuvwxz] -[ABCEHLNRSTUVWZ] -NUM --zero-terminated"
_SUMS = (
    "-[bctwz] -c|--check --status --quiet --strict --ignore-missing --warn --tag --binary --text"
)
_DIFF = (
    "-r|--recursive* -[uqwbBiapNydctTEZ] -c -U|--unified=num -C|--context=num --brief -x|--exclude=none "
    "-I|--ignore-matching-lines=none --ignore-all-space --ignore-space-change --ignore-blank-lines "
    "--ignore-case --text --new-file --side-by-side --color?none --strip-trailing-cr -W|--width=num "
    "--suppress-common-lines --minimal --report-identical-files -s --speed-large-files -NUM "
    "--from-file=reads --to-file=reads -L|--label=none"
)
_LS = (
    "-[aAbBcCdfFgGhHiklLmnNopqQrRsStuUvxXZ1@eOTW] -I|--ignore=none -w|--width=num -T --all "
    "--almost-all --recursive --human-readable --reverse --size --inode --color?none --colour?none "
    "--sort=none --time=none --time-style=none --format=none --full-time --group-directories-first "
    "--directory --classify?none --numeric-uid-gid --no-group --si --quoting-style=none "
    "--indicator-style=none --hyperlink?none --dereference --literal --file-type --git --icons "
    "--tree --level=num --long --header --oneline"
)
_TREE = (
    "-[adfigshDFNQpuCnrtcUvAS] -L=num -P=none -I=none --dirsfirst --prune --noreport --charset=none "
    "--filelimit=none --matchdirs --du --si --inodes --gitignore --ignore-case -J -X"
)
_DU = (
    "-[abchHkmsSxlLD0] -d|--max-depth=num --all --apparent-size --bytes --total --human-readable "
    "--summarize --separate-dirs --one-file-system --exclude=none -t|--threshold=none --time?none "
    "--si -B|--block-size=none"
)

TEXT: Mapping[str, Program] = {
    **same("cat tac nl wc od hexdump hd strings rev fold fmt pr column expand unexpand zcat bzcat "
           "xzcat zstdcat paste comm join cmp",
           row("reads", "reads", _PLAIN)),
    "cat": row("reads", "reads", "-[AbeEnstuTv] --number --show-all --number-nonblank --show-ends "
               "--show-tabs --show-nonprinting --squeeze-blank"),
    "nl": row("reads", "reads", "-b|--body-numbering=none -w|--number-width=num -s=none -n=none "
              "-i=num -v=num -p"),
    "wc": row("reads", "reads", "--files0-from=unknown -[lwcmL] --lines --words --bytes --chars "
              "--max-line-length --total=none"),
    "od": row("reads", "reads", "-[abcdfilosvxX] -A|--address-radix=none -t|--format=none "
              "-j|--skip-bytes=num -N|--read-bytes=num -w?none"),
    **same("hexdump hd", row("reads", "reads", "-[bcCdovx] -n=num -s=num -e=none")),
    "strings": row("reads", "reads", "-[afow] -n|--bytes=num -t|--radix=none -NUM --all"),
    **same("fold fmt", row("reads", "reads", "-[bcstu] -w|--width=num --spaces -NUM")),
    "pr": row("reads", "reads", "-[adfFmrtT] -l=none -w=none -h=none -o=none -NUM"),
    "column": row("reads", "reads", "-[tenxJ] -s|--separator=none -c|--output-width=num --table "
                  "-o|--output-separator=none -N|--table-columns=none -R|--table-right=none --json"),
    **same("expand unexpand", row("reads", "reads", "-t|--tabs=num -i|--initial -a|--all")),
    "paste": row("reads", "reads", "-s|--serial -d|--delimiters=none"),
    "comm": row("reads", "reads", "-[123iz] --check-order --nocheck-order --output-delimiter=none"),
    "join": row("reads", "reads", "-[i] -t=none -1=num -2=num -j=num -o=none -a=none -v=none "
                "-e=none --header"),
    "cmp": row("reads", "reads", "-[bls] -i=num -n|--bytes=num --silent --quiet --verbose"),
    "tsort": row("reads", "reads"),
    **same("base64 base32", row("reads", "reads", "-[dDi] -w|--wrap=num --decode "
                                "--ignore-garbage -b=num")),
    **same("md5sum sha1sum sha224sum sha256sum sha384sum sha512sum b2sum cksum sum",
           row("reads", "reads", _SUMS + " -a|--algorithm=none -l|--length=none -r -s")),
    "shasum": row("reads", "reads", _SUMS + " -a|--algorithm=none"),
    "md5": row("reads", "reads", "-[qr]"),
    "diff": row("reads", "reads", _DIFF),
    "colordiff": row("reads", "reads", _DIFF),
    "file": row("reads", "reads", "-[bihLkNpsr0] --brief --mime --mime-type --mime-encoding "
                "--dereference -e=none -F=none"),
    "stat": row("reads", "reads", "-c|--format=none -f -L -x -l -s -t --printf=none --terse "
                "--dereference --file-system"),
    **same("readlink realpath", row("reads", "reads", "-[femnqsvzLP] --relative-to=none "
                                    "--relative-base=none --canonicalize --no-newline")),
    "numfmt": row("reads", "none", "--to=none --from=none --field=none --suffix=none --padding=none "
                  "--header?none -d=none --format=none"),
    "sort": row(
        "reads", "reads",
        "-o|--output=writes!writes -k|--key=none -t|--field-separator=none -S|--buffer-size=none "
        "-T|--temporary-directory=writes!writes --files0-from=unknown --compress-program=code "
        "--parallel=none --batch-size=none --random-source=reads --sort=none --version-sort "
        "-[unrbdfgiMhVRmszcC] --unique --reverse --numeric-sort --human-numeric-sort "
        "--ignore-case --stable --merge --check?none --zero-terminated --random-sort "
        "--general-numeric-sort --month-sort --ignore-leading-blanks --dictionary-order",
    ),
    "shuf": row("reads", "reads", "-n|--head-count=num -r|--repeat -z --random-source=reads "
                "-o|--output=writes!writes -i|--input-range=none"),
    "cut": row("reads", "reads", "-d|--delimiter=none -f|--fields=none -c|--characters=none "
               "-b|--bytes=num -[snwz] --complement --only-delimited --output-delimiter=none"),
    "tr": row("", "none", "-[cCdst] --delete --squeeze-repeats --complement --truncate-set1"),
    "uniq": row("reads", "copy_first", "-[cdDuiz] --count --repeated --unique --ignore-case "
                "-f|--skip-fields=num -s|--skip-chars=num -w|--check-chars=num --all-repeated?none"),
    "xxd": row("reads", "copy_first", "-l=num -s=num -c=num -g=num -o=num -n=none -[abeEiprudC] "
               "--revert -ps --plain -cols=none -len=none"),
    "head": row("reads", "reads", _ENDS),
    "tail": row("reads", "reads", _ENDS + " -[fFr] --follow?none --pid=num --retry "
                "-s|--sleep-interval=num +=none"),
    "iconv": row("reads", "reads", "-f|--from-code=none -t|--to-code=none -c -s -l "
                 "-o|--output=writes!writes"),
    "less": row("reads", "reads", "-o|--log-file=writes!writes -O=writes!writes +=code -p=none "
                "-[aAcdeEfFgGiIJmMnNqQrRsSuUwWX] --raw-control-chars --chop-long-lines "
                "--quit-if-one-screen --no-init --line-numbers --LINE-NUMBERS"),
    "more": row("reads", "reads", "-[dfclpsu] -n=none +=code"),
    "most": row("reads", "reads"),
    **same("bat batcat", row("reads", "reads", "-[AnpPfuS] -pp --plain --number --show-all -l|--language=none "
                             "-r|--line-range=none --style=none --theme=none --color?none --decorations=none "
                             "--paging=none --wrap=none --tabs=none --no-config -H|--highlight-line=none "
                             "--terminal-width=none")),
    **same("zcat bzcat xzcat zstdcat", row("reads", "reads", "-[fqv] --force --quiet")),
    **same("grep egrep fgrep ggrep", row("reads", "reads", _GREP, skip=1)),
    "zgrep": row("reads", "reads", "-e|--regexp=none^ -[EFGPincvolLhHqswx] -A=num -B=num -C=num "
                 "-m=num", skip=1),
    **same("ag ack", row("reads", "searches",
        "-u|--unrestricted* --hidden* -a|--all-types* -U* -t* -f|--follow* -G=none "
        "-[ilLcSsvwQnorHh0] --nocolor --color --nogroup --group --heading --noheading --column "
        "--literal --ignore-case --smart-case --case-sensitive --files-with-matches --count "
        "--word-regexp -A|--after?none -B|--before?none -C|--context?none -m|--max-count=num "
        "--depth=num --nonumbers --numbers --silent --stats --vimgrep --nofilename --ignore=none "
        "--ignore-dir=none --python --js --ts --go --rust --java --ruby --php --cpp --cc --html "
        "--css --json --yaml --markdown --shell --sql", default=".")),
    "rg": row("reads", "searches", _RG, skip=1, default="."),
    "look": row("reads", "reads", "-[dfb]", skip=1),
    "jq": row(special="jq"),
    "gojq": row(special="jq"),
    "yq": row(special="yq"),
    "tee": row("writes", "writes", "-a|--append -i|--ignore-interrupts -p --output-error?none"),
    "split": row("reads writes", "copy", "-l|--lines=num -b|--bytes=num -n|--number=num -a=none "
                 "-C=num --filter=code -d?none --numeric-suffixes?none --additional-suffix=none "
                 "--verbose -[ex]"),
    "csplit": row("reads writes", "copy", "-f|--prefix=writes -b=num -n=none -[kszq]"),
    "sed": row(special="sed"),
    "gsed": row(special="sed"),
    **same("awk gawk mawk nawk", row(special="awk")),
    **same("vi vim nvim ex view vimdiff emacs nano pico ed",
           row("reads writes runs_code", "edit", "-c=code -s=code --cmd=code --eval=code -S=code "
               "-u=code +=code -[Rnm]")),
    "patch": row(special="patch"),
    **same("ls dir vdir exa eza lsd", row("lists", "lists", _LS, default=".")),
    "tree": row("lists", "lists", _TREE, default="."),
    "du": row("lists", "lists", _DU, default="."),
    "df": row("lists", "lists", "-[ahHiklmPTx] -t|--type=none -x=none --output?none --total "
              "--human-readable --si -B|--block-size=none"),
}  # fmt: skip

BUILTINS: Mapping[str, Program] = {
    **same("echo true false : help yes", row()),
    **same("pwd", row("", "none", "-[LP]")),
    **same("sleep factor groups arch whoami uptime tty clear reset tput who w users last type "
           "command-not-found cal sw_vers lscpu getconf expr",
           row("", "none", "-[abpqstP]")),
    "basename": row("", "none", "-[az] -s|--suffix=none --multiple --zero"),
    "dirname": row("", "none", "-z|--zero"),
    "seq": row("", "none", "-w|--equal-width -s|--separator=none -f|--format=none -NUM"),
    "expr": row(),
    "which": row("", "none", "-[as] --all"),
    "whereis": row("", "none", "-[bms]"),
    "whatis": row("", "none", "-V"),
    **same("fg bg times", row("", "none")),
    "umask": row("", "none", "-[pS]"),
    **same("wait exit return shift break continue", row(special="number")),
    "wait": row("", "none", "-[nf]"),
    **same("test [", row(special="test")),
    "printf": row(special="printf"),
    **same("read getopts unset", row(special="names")),
    **same("export declare typeset local readonly", row(special="export")),
    **same("let mapfile readarray hash enable bind complete compgen coproc shopt setopt unsetopt "
           "emulate zmodload autoload alias unalias history fc disown caller zle vared",
           row(special="unreadable")),
    "uname": row("", "none", "-[amnrsvpio] --all --kernel-name --machine"),
    "id": row("", "none", "-[ugGnrzp] --user --group --name"),
    "nproc": row("", "none", "--all --ignore=none"),
    "hostname": row(special="asks", options="-[fsIidAy] --fqdn --short --ip-address --long"),
    "stty": row(special="asks", options="-[a] --all"),
    "ulimit": row(special="asks", options="-[aHS]"),
    "date": row(special="date"),
    "dirs": row("", "none", "-[lpv]"),
    "ps": row(special="ps"),
    "top": row("", "none", "-b -n=none -l=none -o=none -s=none -U=none -p=none -c -H -[1]"),
    "htop": row("", "none", "-V"),
    "free": row("", "none", "-[bkmghtlw] -s=none -c=none"),
    "lsof": row("lists", "lists", "-i?none -p=none -c=none -u=none -t -n -P -[alN]"),
    "locale": row("", "none", "-[amk]"),
    "pgrep": row("", "none", "-[aflnox] -u=none -P=none"),
    "man": row(special="man"),
    "info": row(special="man"),
    "env": row(special="env"),
    "printenv": row("reads_environment"),
    "set": row(special="set"),
    "jobs": row(options="-x -l -n -p -r -s", special="wrapper"),
    **same("cd pushd chdir popd", row(special="cd")),
    "eval": row(special="unreadable"),
    "trap": row(special="trap"),
}  # fmt: skip
