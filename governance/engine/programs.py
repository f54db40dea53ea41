"""What the programs of a command line do. The law: a program not listed here is a stranger.

A table, not code. Each row says which effects a program always has, what its operands are (a role)
and what its options change. How to read the small notation:

- effects: `reads writes deletes lists network sends installs runs_code privileged changes_system
  changes_history stops_programs reads_environment changes_remote`;
- operands: a role for every operand: `reads`, `writes`, `deletes`, `lists` (names only), `url`,
  `hosts`, `none`; or `copy` (all but the last are read, the last written), `move` (as copy, and the
  sources are deleted), `link`;
- options: `-r|--recursive*` (a star: the program then goes into directories), `-o|--output=writes`
  (takes a value with that role), `--color?none` (a value only where it is attached: `--color=auto`),
  `-d|--data=data!sends` (adds an effect), `-e=none^` (with it, the leading operand that is not a
  path, such as grep's pattern, is gone), `-[abc]` (three options that only change how it shows),
  `-NUM` (`-20`), `+=none` (`+5`); `=num` where some systems take no value: only a number is one;
- special: the name of a reader in one of the ``command_*.py`` modules.

An option that a row does not name, shortened long ones included, leaves every field in doubt
(``Program.strict``). This module holds what runs other programs, reaches other machines or changes
this one; what looks around is in ``programs_look.py``, what touches files in ``programs_files.py``,
what builds and tests in ``programs_build.py``.

Sources: the manuals of GNU coreutils, findutils, grep, tar, git, curl, wget, npm, pip and of the
BSD and macOS tools, as of 2026.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from governance.engine.notation import Program, row
from governance.engine.programs_build import BUILD
from governance.engine.programs_files import FILES
from governance.engine.programs_look import BUILTINS, TEXT
from governance.engine.programs_look import same as _same

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
    "nice": row(options="-n|--adjustment=none -NUM", special="wrapper"),
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
        "strace ltrace",
        row(options="-o=writes -e=none -s=none -f -ff -[cCtTrvyzZqik]", special="wrapper"),
    ),
    "xargs": row(
        options="-n|--max-args=none -P|--max-procs=none -I=none -i -L|--max-lines=none "
        "-s=none -d|--delimiter=none -a|--arg-file=reads -E=none -0|--null "
        "-r|--no-run-if-empty -t|--verbose -J=none -R=none -x|--exit -l?none -e?none",
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
    **TEXT, **FILES, **BUILTINS, **_RUNNERS, **BUILD, **_NETWORK, **_SYSTEM
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
