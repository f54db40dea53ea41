"""The programs that make, move and delete files. The law: an option that is not named is a doubt.

The notation is the one of ``programs.py``. Sources: the manuals of GNU coreutils 9, findutils, tar,
rsync, Info-ZIP, gzip, and of the BSD and macOS tools.
"""

from __future__ import annotations

from collections.abc import Mapping

from governance.engine.notation import Program, row
from governance.engine.programs_look import same

_COPY = (
    "-r|-R|--recursive* -a|--archive* -f|--force -t|--target-directory=writes -S|--suffix=none "
    "-n|--no-clobber -i|--interactive -p|--preserve?none -v|--verbose -T|--no-target-directory "
    "-u|--update?none -l|--link -s|--symbolic-link -L|--dereference -P|--no-dereference -H -d -c "
    "--parents --reflink?none --sparse=none -x|--one-file-system"
)
_MOVE = (
    "-f|--force -n|--no-clobber -i|--interactive -v|--verbose -t|--target-directory=writes -h "
    "-T|--no-target-directory -u|--update?none -S|--suffix=none"
)
_PACK = (
    "-k|--keep -c|--stdout -d|--decompress -f|--force -t|--test -l|--list -[123456789vqnN] -NUM "
    "--fast --best --quiet --verbose"
)

FILES: Mapping[str, Program] = {
    "rm": row(
        "deletes",
        "deletes",
        "-f|--force -r|-R|--recursive* -i|--interactive?none -I -v|--verbose -d|--dir "
        "--no-preserve-root --preserve-root?none --one-file-system",
    ),
    "unlink": row("deletes", "deletes"),
    "rmdir": row("deletes", "deletes", "-p|--parents -v|--verbose --ignore-fail-on-non-empty"),
    **same(
        "shred srm wipe",
        row(
            "deletes",
            "deletes",
            "-u|--remove -n|--iterations=num -s=none -f|--force -z|--zero -v -x",
        ),
    ),
    **same("trash trash-put gio-trash rimraf", row("deletes", "deletes", deep=True)),
    "truncate": row("writes deletes", "overwrites", "-s|--size=none -r|--reference=reads -c -o"),
    "touch": row("writes", "writes", "-t=none -d|--date=none -r|--reference=reads -[acmh]"),
    "mkdir": row("writes", "writes", "-p|--parents -m|--mode=none -v|--verbose"),
    "mktemp": row("writes", "none", "-d|--directory -p|--tmpdir=writes -t -q -u --suffix=none"),
    "mkfifo": row("writes", "writes", "-m|--mode=none"),
    "mknod": row("writes changes_system", "writes"),
    **same("cp gcp", row("reads writes", "copy", _COPY)),
    "mv": row("reads writes deletes", "move", _MOVE),
    "ln": row(
        "writes",
        "link",
        "-s|--symbolic -f|--force -n|--no-dereference -t|--target-directory=writes -r|--relative "
        "-v|--verbose -T|--no-target-directory -i -h",
    ),
    "link": row("writes", "link"),
    "install": row(
        "reads writes",
        "copy",
        "-d|--directory -m|--mode=none -o=none -g=none -t|--target-directory=writes -[DvpcC]",
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
    "zip": row(
        "reads writes",
        "archive",
        "-r|--recurse-paths* -x=none -P=none -TT=code -m!deletes -[qvjy9] -NUM -e -u -g",
    ),
    "7z": row("reads writes", "archive", skip=1, deep=True),
    "unzip": row("reads writes", "unpack", "-d=writes -[oqlpntvjuCZ1] -P=none"),
    **same(
        "gzip gunzip bzip2 bunzip2 xz unxz zstd unzstd lz4 compress uncompress brotli",
        row("reads writes deletes", "rewrite", _PACK),
    ),
    "find": row(special="find"),
    **same("fd fdfind", row(special="fd")),
    **same("locate mlocate plocate", row("lists", "none", "-[bcil0] -n|--limit=num")),
    "chmod": row(
        "writes",
        "writes",
        "-R|--recursive* -v|--verbose -c -f --reference=reads^ -[xwrXstugoa]",
        skip=1,
    ),
    **same(
        "chown chgrp chattr setfacl xattr",
        row("changes_system writes", "writes", "-R|--recursive* -v|--verbose"),
    ),
    **same("md5deep hashdeep", row("reads", "reads", deep=True)),
    **same("open xdg-open start", row("runs_code network", "url")),
    **same(
        "gpg gpg2 age openssl",
        row("reads writes network sends", "unknown", "-out|-o|--output=writes -in=reads"),
    ),
    **same("sqlite3 duckdb", row("reads writes runs_code", "code")),
    **same("psql mysql mariadb mongosh redis-cli mongo", row("network sends runs_code", "code")),
    "source": row("runs_code reads", "reads"),
    ".": row("runs_code reads", "reads"),
    "ldd": row("runs_code reads", "reads"),
}
