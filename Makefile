# Two commands on a machine with Python 3.11, make and apt: `make demo` and `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
SUDO   := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
APT    := $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get
VECTORS ?=
DURATION ?=
DATA ?=
AIRLINE ?=
# The tests start hundreds of processes, each of which would compile the program again.
unexport PYTHONDONTWRITEBYTECODE
# Tests and checks run several at a time, with whatever else is named beside them: one more than there are
# processors, for every one of them waits now and then for a disk, a server or a browser.
ifneq ($(filter test check,$(MAKECMDGOALS)),)
$(info Several at a time; each is printed when it is done, all in some ten minutes.)
MAKEFLAGS += --jobs=$(shell expr $$(nproc) + 1) --output-sync=target --keep-going
endif

.PHONY: help setup demo test check conformance fuzz fuzz-parsers hammer bench lock clean
help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

$(VENV)/.ready: requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || ($(APT) update && $(APT) install -y python3-venv)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

setup: $(VENV)/.ready ## make the virtual environment from the locked dependencies

demo: $(VENV)/.ready ## the whole product, in a fresh workspace: two minutes after set-up
	$(BIN)/governance demo demo-workspace --fresh

.PHONY: browser
browser:
	@(for tool in chromium pdftoppm qpdf curl; do command -v $$tool >/dev/null || exit 1; done) && \
	  ldconfig -p | grep -q libatomic.so.1 || \
	  ($(APT) update && $(APT) install -y chromium poppler-utils qpdf curl libatomic1)

# A process for each large room, the longest first, so that none is left alone at the end; and one for all others.
ROOMS := store cli others postgres console service policies engine web audit
NAMED := $(filter-out others,$(ROOMS))
.PHONY: $(ROOMS:%=test-%)
test: $(ROOMS:%=test-%) ## every test that needs nothing outside the repository, several rooms at a time

$(ROOMS:%=test-%): $(VENV)/.ready browser

$(NAMED:%=test-%): test-%:
	$(BIN)/python -m pytest -rs tests/$*

test-others:
	$(BIN)/python -m pytest -rs tests $(NAMED:%=--ignore=tests/%)

check: lint test ## format, lint, types, floors, tests (once, also for `make test check`)

.PHONY: lint
lint: $(VENV)/.ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Programs that only some tests need. Without them these tests are left out and say what to install;
# where CI is set that is a failure, unless WITHOUT names the program.
.PHONY: tools go sigstore postgresql softhsm2
tools: go sigstore postgresql softhsm2 ## install what some tests need: Go, npm, PostgreSQL 15, SoftHSM

go:
	@(command -v go && [ -d /usr/share/gocode/src/golang.org/x/mod/sumdb ]) >/dev/null || \
	  ($(APT) update && $(APT) install -y --no-install-recommends golang-go golang-golang-x-mod-dev)

sigstore:
	@(command -v node && command -v npm) >/dev/null || \
	  ($(APT) update && $(APT) install -y --no-install-recommends nodejs npm)
	@mkdir -p .foreign && cp tests/audit/foreign/package.json tests/audit/foreign/package-lock.json .foreign/
	@cmp -s .foreign/package-lock.json .foreign/installed || \
	  (npm ci --prefix .foreign --ignore-scripts --no-audit --no-fund && cp .foreign/package-lock.json .foreign/installed)

postgresql:
	@[ -x /usr/lib/postgresql/15/bin/pg_ctl ] || \
	  ($(APT) update && $(APT) install -y --no-install-recommends postgresql-15)

softhsm2:
	@command -v softhsm2-util >/dev/null || \
	  ($(APT) update && $(APT) install -y --no-install-recommends softhsm2)

.PHONY: foreign hammer-log hammer-killed
foreign: $(VENV)/.ready go sigstore ## other people's verifiers judge logs that we make
	CI=1 $(BIN)/python -m pytest tests/audit/test_foreign_verifiers.py

conformance: $(VENV)/.ready ## public test vectors: make conformance VECTORS=DIR
	VECTORS=$(VECTORS) $(BIN)/python -m pytest tests/conformance

fuzz: $(VENV)/.ready ## the HTTP API against its own OpenAPI document (minutes)
	$(BIN)/python -m pytest tests/fuzz

fuzz-parsers: $(VENV)/.ready ## coverage-guided fuzzing of every parser: make fuzz-parsers DURATION=600
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r tests/fuzz/requirements.txt
	$(BIN)/python -m tests.fuzz.fuzz_parsers -max_total_time=$(or $(DURATION),60) -max_len=16384

hammer: $(VENV)/.ready ## kill -9 fifty times under load, stops under flood, syncs traced (minutes)
	@command -v strace >/dev/null || ($(APT) update && $(APT) install -y strace)
	$(BIN)/python -m pytest tests/hammer

hammer-log: $(VENV)/.ready ## everybody at once on one log, ten minutes: make hammer-log DURATION=60
	DURATION=$(or $(DURATION),600) $(BIN)/python -m pytest tests/hammer/test_hammer_log.py

hammer-killed: $(VENV)/.ready ## the real service killed fifty times under load (three minutes)
	$(BIN)/python -m pytest tests/hammer/test_service_killed.py

bench: $(VENV)/.ready ## the figures of the README (needs wrk)
	@command -v wrk >/dev/null || ($(APT) update && $(APT) install -y wrk)
	$(BIN)/python -m benchmarks

.PHONY: traces
traces: $(VENV)/.ready ## policies on recorded agent traces: make traces DATA=DIR [AIRLINE=DIR]
	$(BIN)/python -m benchmarks.traces $(DATA) $(if $(AIRLINE),--airline $(AIRLINE))

LOCK := $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header \
        --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --build-deps-for wheel
lock: ## renew the locks from pyproject.toml (needs pip-tools)
	$(LOCK) --extra postgresql -o requirements.lock pyproject.toml
	$(LOCK) --build-deps-for editable --extra dev -c requirements.lock -o requirements-dev.lock pyproject.toml

clean: ## forget the virtual environment and the demo
	rm -rf $(VENV) demo-workspace demo-workspace-head.txt
