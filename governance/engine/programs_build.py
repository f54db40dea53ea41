"""The programs that build, test, check and install. The law: they run code, and say where.

What such a program runs is the code of the workspace, which people review; an option that would
make it run something else (another configuration outside, a plugin, a wrapper for its tests) is
named with the role `code` or not at all, and what is not named leaves every field in doubt. The
notation is the one of ``programs.py``.

Sources: the manuals of make, npm, pip, cargo, go, pytest, mypy, ruff, eslint, prettier, tsc, jest,
vitest, gcc and their neighbours, as of 2026.
"""

from __future__ import annotations

from collections.abc import Mapping

from governance.engine.notation import Program, row
from governance.engine.programs_look import same

_COMMON = (
    "-q|--quiet -v|--verbose -vv -h|--help -s --silent --color?none --no-color --debug -NUM "
    "-k|--keep-going"
)
_PYTEST = (
    "-[qvxsl] -p=word -vv -vvv -qq -k=none -m=none -n|--numprocesses=none -r=none --tb=none --maxfail=none "
    "--lf --last-failed --ff --failed-first --nf --new-first --sw --stepwise --exitfirst --quiet "
    "--verbose --collect-only --co --cov?none --cov-report=none --cov-branch --no-cov "
    "--cov-fail-under=none --cov-append --durations=none --durations-min=none --no-header "
    "--no-summary --timeout=none --color=none --showlocals --cache-clear --capture=none "
    "--disable-warnings --disable-pytest-warnings --strict-markers --strict-config --markers "
    "--fixtures --junitxml|--junit-xml=writes --ignore=none --deselect=none --dist=none "
    "--asyncio-mode=none --reruns=none --runxfail --setup-show --full-trace --log-cli-level=none "
    "--log-level=none --randomly-seed=none --hypothesis-seed=none --hypothesis-show-statistics "
    "--benchmark-only --benchmark-skip --benchmark-disable --snapshot-update --doctest-modules "
    "-W=none --last-failed-no-failures=none --import-mode=none --no-migrations --reuse-db "
    "--create-db --trace-config --verbosity=none --version"
)
_MYPY = (
    "--strict -p|--package=none -m|--module=none --ignore-missing-imports --show-error-codes "
    "--pretty --no-incremental --check-untyped-defs --disallow-untyped-defs --follow-imports=none "
    "--python-version=none --namespace-packages --explicit-package-bases --no-error-summary "
    "--config-file=conf --cache-dir=writes --disable-error-code=none --enable-error-code=none "
    "--warn-unused-ignores --no-color-output --exclude=none --no-site-packages "
    "--show-column-numbers --hide-error-context --show-error-context --warn-return-any "
    "--warn-unreachable --implicit-optional --no-implicit-optional --show-traceback --platform=none "
    "--skip-cache-mtime-checks --sqlite-cache --explicit-package-bases --error-summary -v|--verbose"
)
_RUFF = (
    "--fix --unsafe-fixes --no-fix --select=none --ignore=none --extend-select=none "
    "--extend-ignore=none --fixable=none --diff --check --statistics --output-format=none "
    "--line-length=none -[qvesn] --quiet --verbose --silent --no-cache --config=conf --exclude=none "
    "--extend-exclude=none --preview --show-fixes --show-files --target-version=none "
    "--force-exclude --exit-zero -o|--output-file=writes --isolated --add-noqa "
    "--respect-gitignore --fix-only --per-file-ignores=none --exit-non-zero-on-fix --watch"
)
_BLACK = (
    "-[qvCS] -l|--line-length=none -t|--target-version=none --check --diff --color --no-color "
    "--skip-string-normalization --preview --fast --safe --exclude=none --include=none "
    "--extend-exclude=none --quiet --verbose --config=conf --profile=none --check-only -c "
    "--filter-files --skip=none -w=none --force-exclude=none --line-width=none"
)
_PYLINT = (
    "--disable=none --enable=none -d=none -e=none -E|--errors-only --output-format=none -f=none "
    "-r|--reports=none -s|--score=none -j|--jobs=none --rcfile=conf --max-line-length=none "
    "--ignore=none --exclude=none --select=none --extend-ignore=none --max-complexity=none "
    "--count --statistics --show-source --recursive=none --fail-under=none --format=none -q -v "
    "--per-file-ignores=none --exit-zero --isolated --disable-noqa --extend-exclude=none"
)
_ESLINT = (
    "--fix --fix-dry-run --ext=none --max-warnings=none --quiet --cache --no-cache "
    "--cache-location=writes --cache-strategy=none -o|--output-file=writes --color --no-color "
    "--no-error-on-unmatched-pattern --report-unused-disable-directives --rule=none --env=none "
    "--ignore-pattern=none --no-ignore --fix-type=none --debug -c|--config=conf --no-eslintrc "
    "--ignore-path=reads -f|--format=word --no-warn-ignored --print-config=reads"
)
_PRETTIER = (
    "--write -w --check -c -l|--list-different --config=conf --no-config --ignore-path=reads "
    "--loglevel=none --log-level=none --cache --cache-location=writes --no-cache --tab-width=none "
    "--print-width=none --single-quote --no-semi --semi --trailing-comma=none --parser=word "
    "--end-of-line=none --prose-wrap=none --ignore-unknown -u --no-color "
    "--no-error-on-unmatched-pattern --use-tabs --arrow-parens=none --stdin-filepath=none"
)
_TSC = (
    "--noEmit -p|--project=conf -b|--build -w|--watch --outDir=writes --outFile=writes "
    "--declaration -d --strict --target=none -t=none --module=none -m=none --skipLibCheck "
    "--incremental --pretty --esModuleInterop --resolveJsonModule --jsx=none --lib=none "
    "--moduleResolution=none --noEmitOnError --force -f --clean --verbose -v --listFiles "
    "--listEmittedFiles --showConfig --rootDir=reads --sourceMap --emitDeclarationOnly "
    "--declarationDir=writes --allowJs --checkJs --diagnostics --extendedDiagnostics "
    "--noUnusedLocals --noUnusedParameters --tsBuildInfoFile=writes --dry --init --noImplicitAny"
)
_JEST = (
    "--coverage?none --watch --watchAll?none --ci --silent --verbose -t|--testNamePattern=none "
    "--testPathPattern=none --testPathPatterns=none --bail?none -u|--updateSnapshot --runInBand "
    "-i --maxWorkers=none -w=none --passWithNoTests --onlyChanged -o --findRelatedTests "
    "--detectOpenHandles --forceExit --json --outputFile=writes --no-coverage --no-cache "
    "--clearCache --showConfig --listTests --logHeapUsage --colors --no-color --notify "
    "--testTimeout=none --run --update --ui --reporter=word --reporters=word --changed?none "
    "--no-watch --dom --globals --threads --no-threads --pool=word --typecheck --grep=none -g=none "
    "--timeout=none --recursive --exit --retries=none --reporter-options=none -c|--config=conf "
    "--coverageDirectory=writes --coverageReporters=word --env=word --expand -e --exclude=none "
    "--dir=conf --mode=none --hideSkippedTests --shard=none --project=none --headed --workers=none"
)
_MAKE = (
    "-C|--directory=conf -f|--file|--makefile=conf -j|--jobs?none -n|--dry-run|--just-print "
    "-k|--keep-going -s|--silent|--quiet -B|--always-make -i|--ignore-errors -q|--question "
    "-r|--no-builtin-rules -R -w|--print-directory --no-print-directory -t|--touch -d -p "
    "--debug?none -l?none -O?none --output-sync?none --trace --warn-undefined-variables "
    "-E|--eval=code"
)
_GCC = (
    "-c -o=writes -g -ggdb -S -E -O?none -W?word -D=none -U=none -I=reads -L=reads -l=word -std=none "
    "-f?word -m?word -pthread -shared -static -pedantic -v -w -x=none -M -MM -MD -MMD -MF=writes "
    "-MT=none -MP -pipe -fPIC -Wall -Wextra -Werror -include=reads -isystem=reads"
)
_RUSTC = (
    "--edition=none --crate-type=none --crate-name=none -o=writes --out-dir=writes -O -g --test"
)
_JAVA = (
    "-d=writes -cp|-classpath|--class-path=reads -source=none -target=none --release=none -g -nowarn "
    "-encoding=none -jar -ea -version -Xlint?none -verbose -parameters -sourcepath=reads "
    "-Xmx?none -Xms?none"
)
_MVN = (
    "-q|--quiet -B|--batch-mode -o|--offline -U -e -X -D=word -pl=none -am -T=none "
    "-DskipTests -ntp|--no-transfer-progress -f=conf -P=none --parallel --no-daemon --stacktrace "
    "--info --debug --console=none --tests=none -x=none --continue --rerun-tasks --build-cache "
    "--no-build-cache --scan --warn"
)
_CMAKE = (
    "-S=conf -B=writes -G=none -D=word --build=conf --target|-t=none -j|--parallel?none "
    "--config=none --preset=none -C=conf -n -v|--verbose --clean-first --fresh --install=writes"
)
_CTEST = (
    "-j|--parallel?none -V|--verbose -VV --output-on-failure -R=none -E=none -L=none -N --test-dir=conf"
    " -C=none --rerun-failed --timeout=none"
)
_VITE = (
    "--mode=none -m=none --watch -w --minify?none --sourcemap?none --outDir=writes --bundle -p "
    "--outfile=writes --outdir=writes --target=none --format=none --platform=none --loader?none "
    "--emptyOutDir --external?none -c|--config=conf -o=writes -d=writes --progress --color --debug "
    "--no-lint --turbo --turbopack --port=none --host?none --open --stats?none --env?none --json "
    "--analyze -i=conf"
)
_UNITTEST = (
    "-[vqfbc] -k=none -s|--start-directory=conf -p|--pattern=none -t|--top-level-directory=conf "
    "--verbose --quiet --failfast --buffer --locals"
)
_DJANGO = (
    "--settings=none --noinput --no-input -v|--verbosity=none --keepdb --parallel?none --dry-run"
)
_SHELLCHECK = (
    "-s|--shell=none -e|--exclude=none -f|--format=none -S|--severity=none -x -a -o=none -i=none"
)
_RUBY = (
    "-f=word --format=word -e=none --tag=none -t=none -a -A --autocorrect --auto-correct "
    "--fail-fast --only=none --except=none --lint --order=none --seed=none -c -w -b -n=none "
    "--display-cop-names --parallel -j=none --filter=none --testdox --stop-on-failure "
    "--no-coverage --group=none"
)


def _runs(options: str) -> Program:
    return row("runs_code", "edit", f"{_COMMON} {options}")


def _exactly(options: str) -> Program:
    return row("runs_code", "edit", options)


_BUILDERS = _runs("")
_INSTALL = row("installs network runs_code writes")
_PUBLISH = row("sends network changes_remote")
_SCRIPTS = _exactly(
    "-s|--silent -w|--workspace=none --workspaces -ws --if-present --loglevel=none -r|--recursive "
    "-q --quiet -F|--filter=none --include-workspace-root --no-color --color?none -D=none"
)
_CARGO_RUNS = _exactly(
    "-q|--quiet -v|--verbose -vv --release -r --workspace --all -p|--package=none "
    "--exclude=none --lib --bin=none --bins --test=none --tests --bench=none --benches "
    "--example=none --examples --all-targets --all-features --features=none -F=none "
    "--no-default-features --no-run --no-fail-fast --locked --frozen --offline -j|--jobs=none "
    "--target=none --target-dir=writes --message-format=none --profile=none --keep-going --doc --open "
    "--no-deps --fix --allow-dirty --allow-staged --check --color=none --document-private-items "
    "--timings?none -l --emit=none"
)
_CARGO_LOOKS = row(
    "runs_code",
    "none",
    "-e|--edges=none -i|--invert?none -p|--package=none --depth=none -d|--duplicates --all-features "
    "--features=none --no-default-features --workspace --target=none --offline --locked --frozen "
    "-f|--format=none --prefix=none --no-deps --format-version=none -q|--quiet -v|--verbose",
)
_GO_RUNS = _exactly(
    "-v -race -run=none -count=none -short -timeout=none -cover -coverprofile=writes -covermode=none "
    "-coverpkg=none -bench=none -benchmem -benchtime=none -failfast -json -parallel=none -cpu=none "
    "-shuffle=none -list=none -o=writes -tags=none -trimpath -a -n -x -p=none -ldflags=word "
    "-gcflags=word -mod=none -buildvcs?none -race -w -s -l -d -e -r=none -skip=none -vet=none "
    "-fix -cache -testcache -modcache -fuzz=none -fuzztime=none"
)
_GO_LOOKS = row(
    "", "none", "-m -json?none -f=none -deps -test -e -compiled -find -all -src -short -c"
)

_NPM = {
    **same("install i ci add update upgrade up exec dlx create init link rebuild", _INSTALL),
    **same("isntall in ins inst insta instal it cit audit x", _INSTALL),
    **same("uninstall remove rm un unlink prune dedupe", row("installs writes deletes runs_code")),
    **same("run run-script test t start stop restart build lint dev rum urn tst", _SCRIPTS),
    **same("publish unpublish deprecate owner dist-tag access token adduser login", _PUBLISH),
    **same("ls list view info outdated why version help root bin search ping", row("network")),
    **same("config set get", row("writes changes_system")),
}
_PIP = {
    **same("install download wheel sync add lock update upgrade", _INSTALL),
    **same("uninstall remove", row("installs deletes writes")),
    **same("list show freeze check help inspect debug", row("", "none",
        "--format=none -v|--verbose -q|--quiet --user -l|--local --not-required -f|--files -e "
        "--exclude-editable --no-color --disable-pip-version-check --no-input")),
    **same("index search", row("network")),
    "run": row(special="wrapper"),
    "shell": _INSTALL,
    **same("publish upload", _PUBLISH),
    "config": row("writes changes_system"),
}  # fmt: skip
_SYSTEM_PACKAGES = {
    **same(
        "install add reinstall upgrade update dist-upgrade full-upgrade tap cask in -S -Sy -Syu -U",
        row("installs network runs_code changes_system"),
    ),
    **same(
        "remove purge autoremove uninstall erase delete -R -Rs clean autoclean",
        row("installs deletes changes_system"),
    ),
    **same("list search show info policy depends home help --version -Q -Ss", row("network")),
}

BUILD: Mapping[str, Program] = {
    **same("npm pnpm yarn cnpm", row("runs_code", "none", "-s|--silent --loglevel=none -q --quiet "
           "--no-color -w|--workspace=none -r|--recursive -F|--filter=none", commands=_NPM,
           special="subcommand")),
    **same("npx pnpx bunx uvx pipx dlx", _INSTALL),
    **same("pip uv poetry pipenv pdm conda mamba hatch rye",
           row("runs_code", "none", "-q|--quiet -v|--verbose --no-color "
               "--disable-pip-version-check", commands=_PIP, special="subcommand")),
    **same(
        "apt apt-get aptitude yum dnf apk pacman zypper brew port snap flatpak choco winget scoop "
        "dpkg rpm pkg",
        row("changes_system", commands=_SYSTEM_PACKAGES, special="subcommand"),
    ),
    **same("gem composer bundle cpan cpanm luarocks opam stack cabal nix nix-env", _INSTALL),
    "cargo": row(
        "runs_code", "none", "-q|--quiet -v|--verbose --color=none --locked --offline --frozen +=none",
        special="subcommand",
        commands={
            **same("build b check c test t run r bench doc clippy fmt clean", _CARGO_RUNS),
            **same("install add update fetch remove uninstall", _INSTALL),
            **same("publish yank owner login", _PUBLISH),
            **same("tree metadata", _CARGO_LOOKS),
            **same("version help", row()),
            "search": row("network"),
        },
    ),
    "go": row(
        "runs_code",
        special="subcommand",
        commands={
            **same("build test run vet fmt clean", _GO_RUNS),
            **same("generate tool", row("runs_code", "edit", "-v -x -n -run=none")),
            **same("install get mod", _INSTALL),
            **same("list version env doc help", _GO_LOOKS),
        },
    ),
    "twine": _PUBLISH,
    **same("make gmake", row(special="make")),
    **same("pytest py.test", _exactly(_PYTEST)),
    "unittest": _exactly(_UNITTEST),
    "mypy": _exactly(_MYPY),
    "ruff": _exactly(_RUFF),
    **same("flake8 pylint", _exactly(_PYLINT)),
    **same("black isort", _exactly(_BLACK)),
    "eslint": _exactly(_ESLINT),
    "prettier": _exactly(_PRETTIER),
    "tsc": _exactly(_TSC),
    **same("jest vitest mocha playwright", _runs(_JEST)),
    **same("gcc g++ cc c++ clang clang++", _exactly(_GCC)),
    "rustc": _exactly(_RUSTC),
    **same("javac java", _exactly(_JAVA)),
    **same("gradle gradlew mvn mvnw", _exactly(_MVN)),
    "cmake": _exactly(_CMAKE),
    "ninja": _exactly("-C=conf -j=none -v -n -k=none -f=conf -d=none -t=none"),
    "ctest": _exactly(_CTEST),
    **same("webpack vite rollup esbuild next", _exactly(_VITE)),
    **same("flask django-admin uvicorn gunicorn", _exactly(_DJANGO)),
    "shellcheck": row("reads", "reads", _SHELLCHECK),
    **same("phpunit rspec rubocop", _exactly(_RUBY)),
    "pre-commit": _exactly("-a|--all-files -v|--verbose --files --show-diff-on-failure"),
    **same("tox nox", _runs("-e=none -p?none -r --parallel?none -l")),
    **same(
        "meson bazel ant sbt rake just task dotnet msbuild golangci-lint terraform-docs "
        "alembic celery cypress",
        _BUILDERS,
    ),
}  # fmt: skip


def make_row() -> Program:
    """What `make` may be given (its variables are looked at by its reader)."""
    return _exactly(_MAKE)
