"""What the programs of a command line do. The law: a program not listed here is a stranger.

A table, not code. Each row says which effects a program always has, what its operands are (a role)
and what its options change. How to read the small notation:

- effects: `reads writes deletes lists network sends installs runs_code privileged changes_system
  changes_history stops_programs reads_environment changes_remote`;
- operands: a role for every operand: `reads`, `writes`, `deletes`, `lists` (names only), `url`,
  `hosts`, `none`; or `copy` (all but the last are read, the last written), `move` (as copy, and the
  sources are deleted), `link`;
- options: `-r|--recursive*` (a star: the program then goes into directories), `-o|--output=writes`
  (takes a value with that role), `-d|--data=data!sends` (adds an effect), `-e=none^` (with it, the
  leading operand that is not a path, such as grep's pattern, is gone);
- special: the name of a reader in ``command_special.py`` for programs that run other programs.

Sources: the manuals of GNU coreutils, findutils, grep, tar, git, curl, wget, npm, pip and of the
BSD and macOS tools, as of 2026.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from governance.engine.notation import Program, row

EFFECTS = [
    "reads",
    "writes",
    "deletes",
    "lists",
    "network",
    "sends",
    "installs",
    "runs_code",
    "privileged",
    "changes_system",
    "changes_history",
    "changes_remote",
    "stops_programs",
    "reads_environment",
    "unknown_program",
]


def _same(names: str, program: Program) -> dict[str, Program]:
    return dict.fromkeys(names.split(), program)


_ENDS = "-n|--lines=none -c|--bytes=none -q|--quiet -v|--verbose"
_GREP = (
    "-e|--regexp=none^ -f|--file=reads^ -r|--recursive* -R|--dereference-recursive* "
    "-A|--after-context=none -B|--before-context=none -C|--context=none -m|--max-count=none "
    "--include=names --exclude=none --exclude-dir=none -d|--directories=none --color=none "
    "-i|--ignore-case -n|--line-number -l|--files-with-matches -v|--invert-match"
)
_COPY = (
    "-r|-R|--recursive* -a|--archive* -f|--force -t|--target-directory=writes -S|--suffix "
    "-n|--no-clobber -i|--interactive -p|--preserve -v|--verbose -T|--no-target-directory"
)
_FILE_READERS = (
    "cat tac nl wc od hexdump xxd hd strings rev fold fmt pr column expand unexpand "
    "base64 base32 md5sum sha1sum sha224sum sha256sum sha384sum sha512sum b2sum cksum sum md5 "
    "shasum cmp comm diff sdiff diff3 colordiff join paste cut uniq tsort look file stat less "
    "more most bat batcat zcat bzcat xzcat zless zmore lz4cat zstdcat jq yq csvcut csvlook "
    "readlink realpath numfmt iconv uuencode pdftotext exiftool tr cloc tokei scc view sort nm ldd objdump readelf"
)
_STANDARD_OUT = "-o|--output=writes -O|--output-document=writes --output-file=writes"

_TEXT_TOOLS: dict[str, Program] = {
    **_same(_FILE_READERS, row("reads", "reads")),
    "sort": row(
        "reads",
        "reads",
        "-o|--output=writes!writes -k|--key=none -t|--field-separator=none -S|--buffer-size=none "
        "-T|--temporary-directory=writes --files0-from=unknown --compress-program=code "
        "-u|--unique -r|--reverse -n|--numeric-sort",
    ),
    "cut": row("reads", "reads", "-d|--delimiter=none -f|--fields=none -c|--characters=none"),
    "tr": row(),
    "wc": row("reads", "reads", "--files0-from=unknown -l|--lines -w|--words -c|--bytes"),
    "uniq": row("reads", "copy_first", "-c|--count -f=none -s=none -w=none"),
    "xxd": row("reads", "copy_first", "-l=none -s=none -c=none -r|--revert -p|--plain"),
    "head": row("reads", "reads", _ENDS),
    "tail": row("reads", "reads", _ENDS + " -f|--follow --pid=none"),
    "jq": row(
        "reads",
        "reads",
        "-f|--from-file=reads^ --arg=pair --argjson=pair --slurpfile=pair_reads "
        "--rawfile=pair_reads -r|--raw-output -e|--exit-status -s|--slurp -n|--null-input",
        skip=1,
    ),
    "yq": row("reads writes", "edit", "-e|--exit-status -r|--raw-output"),
    "diff": row("reads", "reads", "-r|--recursive* -u|--unified -q|--brief -x=none"),
    "iconv": row("reads", "reads", "-f=none -t=none -o|--output=writes!writes"),
    "less": row("reads", "reads", "-o|--log-file=writes!writes +=code"),
    **_same("grep egrep fgrep zgrep ggrep", row("reads", "reads", _GREP, skip=1)),
    **_same(
        "ag ack",
        row("reads", "searches", "-u|--unrestricted* --hidden* -a|--all-types*", default="."),
    ),
    **_same(
        "rg",
        row(
            "reads",
            "searches",
            _GREP.replace("-r|--recursive* -R|--dereference-recursive*", "-r|--replace=none")
            + " -g|--glob=none -t|--type=none -T|--type-not=none --hidden* -u|--unrestricted* "
            "-uu* -uuu* --no-ignore* --pre=code -j|--threads=none -z|--search-zip",
            skip=1,
            default=".",
        ),
    ),
    "look": row("reads", "reads", skip=1),
    "tee": row("writes", "writes", "-a|--append"),
    "split": row("reads writes", "copy", "-l=none -b=none -n=none -a=none --filter=code"),
    "csplit": row("reads writes", "copy", "-f=writes -b=none -n=none"),
    "sed": row(special="sed"),
    "gsed": row(special="sed"),
    **_same("awk gawk mawk nawk", row(special="awk")),
    **_same(
        "vi vim nvim ex emacs nano pico ed",
        row("reads writes runs_code", "edit", "-c=code -s=code --cmd=code --eval=code -S=code"),
    ),
    "patch": row(
        "reads writes", "edit", "-i|--input=reads -p=none -d|--directory=writes -o=writes"
    ),
}

_FILE_TOOLS: dict[str, Program] = {
    **_same("ls dir vdir exa eza lsd tree du", row("lists", "lists", default=".")),
    "rm": row(
        "deletes",
        "deletes",
        "-f|--force -r|-R|--recursive* -i|--interactive -v|--verbose -d|--dir "
        "--no-preserve-root --preserve-root --one-file-system",
    ),
    "unlink": row("deletes", "deletes"),
    "rmdir": row("deletes", "deletes", "-p|--parents"),
    **_same(
        "shred srm wipe",
        row("deletes", "deletes", "-u|--remove -n|--iterations=none -s=none -f|--force -z|--zero"),
    ),
    **_same("trash trash-put gio-trash rimraf", row("deletes", "deletes", deep=True)),
    "truncate": row("writes deletes", "overwrites", "-s|--size=none -r|--reference=reads"),
    "touch": row("writes", "writes", "-t=none -d|--date=none -r|--reference=reads"),
    "mkdir": row("writes", "writes", "-p|--parents -m|--mode=none -v|--verbose"),
    "mktemp": row("writes", "none", "-d|--directory -p|--tmpdir=writes -t"),
    "mkfifo": row("writes", "writes"),
    "mknod": row("writes changes_system", "writes"),
    **_same("cp gcp", row("reads writes", "copy", _COPY)),
    "mv": row(
        "reads writes deletes", "move", _COPY.replace("-r|-R|--recursive* -a|--archive*", "")
    ),
    "ln": row("writes", "link", "-s|--symbolic -f|--force -n|--no-dereference -t=writes"),
    "install": row(
        "reads writes", "copy", "-d|--directory -m|--mode -o -g -t|--target-directory=writes -D"
    ),
    "rename": row("writes deletes", "edit", skip=1),
    "dd": row(special="dd"),
    "rsync": row(
        "reads writes network sends",
        "remote",
        "-e|--rsh=code --delete!deletes -a|--archive* -r|--recursive* --exclude=none "
        "--include=none --files-from=unknown --rsync-path=code -z|--compress --remove-source-files"
        "!deletes --log-file=writes -n|--dry-run",
    ),
    "scp": row(
        "reads writes network sends",
        "remote",
        "-r|--recursive* -i=reads -P=none -o=code -S=code -F=reads -p -q -C",
    ),
    "tar": row(special="tar"),
    "bsdtar": row(special="tar"),
    "zip": row("reads writes", "archive", "-r|--recurse-paths* -x -P=none -TT=code -m!deletes"),
    "7z": row("reads writes", "archive", skip=1, deep=True),
    "unzip": row("reads writes", "unpack", "-d=writes -o -q -l -p -P=none"),
    **_same(
        "gzip gunzip bzip2 bunzip2 xz unxz zstd unzstd lz4 compress uncompress brotli",
        row("reads writes deletes", "rewrite", "-k|--keep -c|--stdout -d|--decompress -f|--force"),
    ),
    "find": row(special="find"),
    "fd": row(special="find"),
    "fdfind": row(special="find"),
    **_same("locate mlocate plocate", row("lists")),
    "chmod": row("writes", "writes", "-R|--recursive* -v|--verbose --reference=reads^", skip=1),
    **_same(
        "chown chgrp chattr setfacl xattr",
        row("changes_system writes", "writes", "-R|--recursive* -v|--verbose"),
    ),
    **_same("basename dirname", row()),
    **_same("md5deep hashdeep", row("reads", "reads", deep=True)),
    **_same("open xdg-open start", row("runs_code network", "url")),
    **_same(
        "gpg gpg2 age openssl",
        row("reads writes network sends", "unknown", "-out|-o|--output=writes -in=reads"),
    ),
    **_same("sqlite3 duckdb", row("reads writes runs_code", "code")),
    **_same("psql mysql mariadb mongosh redis-cli mongo", row("network sends runs_code", "code")),
    "source": row("runs_code reads", "reads"),
    ".": row("runs_code reads", "reads"),
}

_SHELL_WORDS: dict[str, Program] = {
    **_same(
        "echo true false : test [ pwd sleep wait exit return shift break continue type which "
        "whereis whatis hash fg bg times umask cal uname whoami id groups hostname "
        "arch nproc uptime seq yes expr factor tput clear reset tty stty history help "
        "ps top htop free df lsof lscpu who w users last locale getconf sw_vers read let getopts "
        "dirs ulimit command-not-found",
        row(),
    ),
    "printf": row("", "none", "-v=none"),
    **_same("env", row(special="env")),
    "printenv": row("reads_environment"),
    "set": row(special="set"),
    "date": row("", "none", "-f|--file=reads -r|--reference=reads"),
    **_same("man info", row("reads", "reads", "-P|--pager=code -H|--html=code")),
    "jobs": row(options="-x -l -n -p -r -s", special="wrapper"),
    **_same("export declare typeset local readonly", row(special="export")),
    "unset": row(),
    **_same("cd pushd chdir", row(special="cd")),
    "popd": row(special="cd"),
    "eval": row(special="unreadable"),
    **_same(
        "alias unalias enable bind complete coproc shopt setopt unsetopt emulate zmodload autoload",
        row(special="unreadable"),
    ),
    "trap": row(special="trap"),
}

_RUNNERS: dict[str, Program] = {
    **_same("sh bash zsh dash ksh ash fish csh tcsh rbash mksh", row(special="shell")),
    "busybox": row(special="wrapper"),
    "toybox": row(special="wrapper"),
    "sudo": row(
        "privileged",
        options="-u|--user=none -g|--group=none -h=none -p|--prompt=none "
        "-C=none -T=none -r=none -t=none -U=none -D|--chdir=dir -R=unknown "
        "-E|--preserve-env -n|--non-interactive -s|--shell=shell -i|--login=shell "
        "-e|--edit=unknown",
        special="wrapper",
    ),
    "doas": row("privileged", options="-u=none -C=unknown -s=shell -n", special="wrapper"),
    "pkexec": row("privileged", options="--user=none", special="wrapper"),
    "su": row("privileged", special="su"),
    "runuser": row("privileged", options="-u|--user=none -c|--command=line", special="wrapper"),
    "chroot": row("privileged changes_system", skip=1, special="wrapper"),
    **_same("nsenter unshare", row("privileged", special="unreadable")),
    "nohup": row(special="wrapper"),
    "nice": row(options="-n|--adjustment=none", special="wrapper"),
    "ionice": row(options="-c|--class=none -n|--classdata=none -p=none -t", special="wrapper"),
    "time": row(options="-f|--format=none -o|--output=writes -p -v -a", special="wrapper"),
    "timeout": row(
        options="-s|--signal=none -k|--kill-after=none --preserve-status --foreground -v|--verbose",
        skip=1,
        special="wrapper",
    ),
    "gtimeout": row(options="-s|--signal=none -k|--kill-after=none", skip=1, special="wrapper"),
    "stdbuf": row(options="-i=none -o=none -e=none", special="wrapper"),
    **_same("setsid caffeinate unbuffer catchsegv", row(special="wrapper")),
    **_same("command builtin exec", row(options="-a=none -v -V -p -c -l", special="wrapper")),
    "flock": row(
        "writes",
        options="-w|--timeout=none -c|--command=line -n -s -x -E=none",
        skip=1,
        special="wrapper",
    ),
    **_same(
        "strace ltrace", row(options="-o=writes -e=none -p=none -s=none -f", special="wrapper")
    ),
    "xargs": row(
        options="-n|--max-args=none -P|--max-procs=none -I=none -i -L|--max-lines=none "
        "-s=none -d|--delimiter=none -a|--arg-file=reads -E=none -0|--null "
        "-r|--no-run-if-empty -t|--verbose -J=none -R=none",
        special="xargs",
    ),
    **_same("parallel script expect at batch watch entr", row(special="unreadable")),
    "ssh": row("network sends runs_code", special="ssh"),
    **_same("python pypy", row("runs_code", special="python")),
    **_same(
        "node deno bun perl ruby php lua Rscript osascript tclsh swift groovy scala julia elixir "
        "powershell pwsh cmd ipython jshell ghci ts-node tsx irb",
        row("runs_code", special="interpreter"),
    ),
    "git": row(special="git"),
    "gh": row("network sends changes_remote"),
    "glab": row("network sends changes_remote"),
    "hub": row("network sends changes_remote"),
}

_BUILDERS = row("runs_code", "edit", "-C|--directory=writes -f|--file=reads -E|--eval=code")
_INSTALL = row("installs network runs_code writes")
_PUBLISH = row("sends network changes_remote")
_NPM = {
    **_same("install i ci add update upgrade up exec dlx create init link rebuild", _INSTALL),
    **_same("isntall in ins inst insta instal it cit audit x", _INSTALL),
    **_same("uninstall remove rm un unlink prune dedupe", row("installs writes deletes runs_code")),
    **_same("run run-script test t start stop restart build lint dev rum urn tst", _BUILDERS),
    **_same("publish unpublish deprecate owner dist-tag access token adduser login", _PUBLISH),
    **_same("ls list view info outdated why version help root bin search ping", row("network")),
    **_same("config set get", row("writes changes_system")),
}
_PIP = {
    **_same("install download wheel sync add lock update upgrade", _INSTALL),
    **_same("uninstall remove", row("installs deletes writes")),
    **_same("list show freeze check help inspect index search debug", row()),
    **_same("run shell", _BUILDERS),
    **_same("publish upload", _PUBLISH),
    "config": row("writes changes_system"),
}
_SYSTEM_PACKAGES = {
    **_same(
        "install add reinstall upgrade update dist-upgrade full-upgrade tap cask in -S -Sy -Syu -U",
        row("installs network runs_code changes_system"),
    ),
    **_same(
        "remove purge autoremove uninstall erase delete -R -Rs clean autoclean",
        row("installs deletes changes_system"),
    ),
    **_same("list search show info policy depends home help --version -Q -Ss", row()),
}

_PACKAGES: dict[str, Program] = {
    **_same("npm pnpm yarn cnpm", row("runs_code", commands=_NPM, special="subcommand")),
    **_same("npx pnpx bunx uvx pipx dlx", _INSTALL),
    **_same(
        "pip uv poetry pipenv pdm conda mamba hatch rye",
        row("runs_code", commands=_PIP, special="subcommand"),
    ),
    **_same(
        "apt apt-get aptitude yum dnf apk pacman zypper brew port snap flatpak choco winget scoop "
        "dpkg rpm pkg",
        row("changes_system", commands=_SYSTEM_PACKAGES, special="subcommand"),
    ),
    **_same("gem composer bundle cpan cpanm luarocks opam stack cabal nix nix-env", _INSTALL),
    "cargo": row(
        "runs_code",
        special="subcommand",
        commands={
            **_same("build b check c test t run r bench doc clippy fmt clean", _BUILDERS),
            **_same("install add update fetch remove uninstall", _INSTALL),
            **_same("publish yank owner login", _PUBLISH),
            **_same("tree metadata version help search", row()),
        },
    ),
    "go": row(
        "runs_code",
        special="subcommand",
        commands={
            **_same("build test run vet generate fmt clean tool", _BUILDERS),
            **_same("install get mod", _INSTALL),
            **_same("list version env doc help", row()),
        },
    ),
    "twine": _PUBLISH,
    **_same(
        "make gmake cmake ninja meson bazel gradle gradlew mvn mvnw ant sbt rake just task tox nox "
        "pytest py.test unittest mypy ruff flake8 pylint black isort pre-commit eslint prettier "
        "tsc jest vitest mocha webpack vite rollup esbuild next gcc g++ cc c++ clang clang++ "
        "rustc javac java dotnet msbuild ctest phpunit rspec rubocop golangci-lint shellcheck "
        "terraform-docs alembic flask django-admin uvicorn gunicorn celery cypress playwright",
        _BUILDERS,
    ),
}

_NETWORK: dict[str, Program] = {
    **_same("curl wget aria2c http https xh httpie", row("network", special="fetch")),
    **_same(
        "nc ncat netcat socat telnet ftp sftp lftp tftp rclone s3cmd mail mailx sendmail "
        "mutt swaks msmtp ngrok cloudflared autossh mosh websocat",
        row("network sends", "hosts", "-e=code -c=code"),
    ),
    **_same(
        "ping ping6 traceroute tracepath mtr whois",
        row("network sends", "hosts"),
    ),
    **_same("dig nslookup host", row("network sends", "hosts")),
    **_same("nmap masscan tcpdump wireshark tshark", row("network sends privileged", "hosts")),
    **_same(
        "ssh-keygen ssh-add ssh-agent ssh-copy-id keychain security pass op bw vault",
        row("reads changes_system network sends", "unknown"),
    ),
    **_same(
        "aws gcloud az kubectl helm terraform tofu pulumi ansible ansible-playbook heroku "
        "flyctl fly vercel netlify wrangler doctl oc kustomize argocd serverless sls cdk "
        "firebase supabase eksctl",
        row("network sends changes_remote runs_code", "reads"),
    ),
    **_same(
        "docker podman nerdctl docker-compose vagrant lxc qemu-system-x86_64",
        row("runs_code network privileged changes_system"),
    ),
}

_SYSTEM: dict[str, Program] = {
    **_same("kill pkill killall xkill skill", row("stops_programs")),
    **_same("shutdown reboot halt poweroff init telinit", row("changes_system stops_programs")),
    **_same(
        "mkfs mke2fs mkswap fdisk parted sfdisk wipefs cryptsetup lvremove vgremove "
        "diskutil blkdiscard hdparm",
        row("changes_system deletes", "deletes"),
    ),
    **_same(
        "mount umount losetup swapon swapoff modprobe insmod rmmod sysctl systemctl service "
        "launchctl systemd-run initctl update-rc.d crontab useradd usermod userdel adduser "
        "passwd chpasswd groupadd visudo iptables nft ufw firewall-cmd setcap setenforce "
        "dscl defaults hostnamectl timedatectl ldconfig update-alternatives chsh ip ifconfig "
        "route nmcli networksetup sysrc reg net sc loginctl atq atrm",
        row("changes_system privileged", "writes"),
    ),
}

TABLE: Mapping[str, Program] = {
    **_TEXT_TOOLS, **_FILE_TOOLS, **_SHELL_WORDS, **_RUNNERS, **_PACKAGES, **_NETWORK, **_SYSTEM
}  # fmt: skip

# Other spellings of one program: versions and aliases carry its name.
ALIASES: Mapping[str, str] = {
    "nodejs": "node", "python2": "python", "python3": "python", "pypy3": "pypy", "pip3": "pip",
    "pip2": "pip", "py": "python", "gmake": "make", "gfind": "find", "grm": "rm", "gmv": "mv",
    "gtar": "tar", "gdd": "dd", "gxargs": "xargs", "[[": "[", "chdir": "cd", "mkfs.ext4": "mkfs",
    "mkfs.xfs": "mkfs", "mkfs.btrfs": "mkfs", "mkfs.vfat": "mkfs", "mkfs.ext3": "mkfs",
    "perl5": "perl", "luajit": "lua", "bash5": "bash", "vim.tiny": "vim", "vim.basic": "vim",
    "awk1": "awk", "rbenv": "ruby", "netcat": "nc", "nc.openbsd": "nc", "nc.traditional": "nc",
}  # fmt: skip

STANDARD_PLACES = frozenset(
    [
        "/bin",
        "/sbin",
        "/usr/bin",
        "/usr/sbin",
        "/usr/local/bin",
        "/usr/local/sbin",
        "/opt/homebrew/bin",
        "/opt/local/bin",
        "/snap/bin",
        "/usr/games",
    ]
)


def known_name(name: str) -> str | None:
    """Give the table's name for a program's basename, or None for a stranger.

    `python3.11` and `pip3` are `python` and `pip`.
    """
    if name in ALIASES:
        return ALIASES[name]
    if name in TABLE:
        return name
    bare = re.sub(r"-?\d+(\.\d+)*$", "", name)
    return ALIASES.get(bare, bare) if bare in TABLE or bare in ALIASES else None
