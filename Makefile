# `make run` starts everything, `make test` runs what CI runs. Both prepare .venv first; later runs find it ready.

PACKAGES := frontdesk webhooks channels bot core migrations tests
STAMPS := .venv/.stamps
BIN := .venv/bin

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run install docs test check test-db test-debian-postgres campaign stress year zones fuzz nlu chromium format lint lock clean

help:
	@echo "make run                        everything on this machine: chat at http://127.0.0.1:8080/chat"
	@echo "make test                       all that CI runs"
	@echo "make test-db DATABASE_URL=...   the tests on a given PostgreSQL server"
	@echo "make test-debian-postgres       the tests on Debian's PostgreSQL"
	@echo "make campaign                   200 kills while patients chat, then everything is checked (SEED=7 for another course)"
	@echo "make stress                     200 chats x 20 messages through four workers and four senders"
	@echo "make year                       a year of reminders with 100,000 visits (VISITS=, DAYS=, SEED=)"
	@echo "make zones                      free times in every zone there is, at every change of clocks until 2030"
	@echo "make fuzz                       100,000 random messages and all that is made to be slow, and which took longest (SEED=7 for others)"
	@echo "make nlu                        how well messages of others are understood, as a table (MISSES=sgd_dev for what is wrong)"
	@echo "make docs                       write docs/schema.md, dialog.md, setup.md and sms.md anew from the code"
	@echo "make format | lint | lock | clean"

run: $(STAMPS)/run
	@exec $(BIN)/frontdesk run

install: $(STAMPS)/run

test: check chromium
	$(BIN)/pytest -n 2 --dist loadgroup

# Everything but the tests themselves, cheapest first.
check: $(STAMPS)/dev
	$(BIN)/ruff format --check $(PACKAGES)
	$(BIN)/ruff check $(PACKAGES)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/vulture
	$(BIN)/deptry .

test-db: $(STAMPS)/dev
	@test -n "$(DATABASE_URL)" || { echo "Say which server: make test-db DATABASE_URL=postgresql://..."; exit 2; }
	DATABASE_URL="$(DATABASE_URL)" $(BIN)/pytest -n 2 --dist loadgroup

test-debian-postgres: $(STAMPS)/dev
	$(BIN)/python -m tests.debian_postgres $(BIN)/pytest -n 2 --dist loadgroup

# What takes minutes; `make test` has a small version of each.
campaign: $(STAMPS)/dev
	$(BIN)/python -m tests.campaign.campaign --kills 200 --seed $(or $(SEED),1)

zones: $(STAMPS)/dev
	AVAILABILITY_ZONES=all $(BIN)/pytest -n 2 tests/core/scheduling/test_availability.py

stress: $(STAMPS)/dev
	$(BIN)/python -m tests.campaign.stress

fuzz: $(STAMPS)/dev
	$(BIN)/python -m tests.understanding.hostile --count 100000 --seed $(or $(SEED),1)

year: $(STAMPS)/dev
	$(BIN)/python -m tests.campaign.year --visits $(or $(VISITS),100000) --days $(or $(DAYS),365) --seed $(or $(SEED),1)

# The labelled messages lie in ../shared, or where FRONTDESK_SHARED says; they are no part of this repository.
nlu: $(STAMPS)/dev
	@$(BIN)/python -m tests.nlu.report $(if $(MISSES),--misses $(MISSES),--labels)

# Tests in the browser need Chromium. Debian's is installed where we may; elsewhere they are skipped, and say so.
chromium:
	@if ! command -v chromium >/dev/null && [ -f /etc/debian_version ] && [ "$$(id -u)" = 0 ]; then \
		apt-get update -q && apt-get install -q -y --no-install-recommends chromium; \
	fi

# The pages that are made from the code; a test says when they are stale.
docs: $(STAMPS)/dev
	$(BIN)/python -m tests.generated_docs

format: $(STAMPS)/dev
	$(BIN)/ruff format $(PACKAGES)
	$(BIN)/ruff check --fix $(PACKAGES)

lint: check

# New releases wait a week before they get in.
A_WEEK_AGO = $$($(BIN)/python -c 'from datetime import *; print((datetime.now(timezone.utc) - timedelta(7)).isoformat())')
COMPILE = $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
	--upgrade --quiet --exclude-newer "$(A_WEEK_AGO)"

lock: $(STAMPS)/uv
	$(COMPILE) pyproject.toml --group build -o requirements.lock
	$(COMPILE) pyproject.toml --group build --group dev -o requirements-dev.lock
	echo uv | $(COMPILE) - -o requirements-uv.lock

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist
	find $(PACKAGES) -name __pycache__ -type d -prune -exec rm -rf {} +

# What follows prepares .venv, step by step; a stamp says that a step is done.

$(STAMPS)/venv:
	@python=; for name in python3 python3.14 python3.13 python3.12 python3.11; do \
		if $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$name; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
		echo "Frontdesk needs Python 3.11 or newer; install it first (Debian: sudo apt install python3-venv)."; exit 1; \
	fi; \
	if ! $$python -c 'import venv, ensurepip' 2>/dev/null; then \
		echo "Python's venv is missing; install it first (Debian: sudo apt install python3-venv)."; exit 1; \
	fi; \
	$$python -m venv .venv
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/uv: requirements-uv.lock $(STAMPS)/venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.lock 2>/dev/null \
		|| echo "uv cannot be had here; pip does the same, more slowly."
	@touch $@

# install,<file of requirements>: exactly what the file names, then the project itself as it stands here.
define install
	@echo "Installing what $(1) names ..."
	@[ -w "$$HOME" ] || export UV_NO_CACHE=1; \
	for pip in "$(BIN)/uv pip install --python $(BIN)/python" "$(BIN)/python -m pip install --disable-pip-version-check"; do \
		if [ -x $${pip%% *} ] && $$pip --quiet --require-hashes -r $(1) \
			&& $$pip --quiet --no-deps --no-build-isolation --editable .; then exit 0; fi; \
	done; exit 1
	@touch $@
endef

$(STAMPS)/run: requirements.lock pyproject.toml $(STAMPS)/uv
	$(call install,requirements.lock)

$(STAMPS)/dev: requirements-dev.lock pyproject.toml $(STAMPS)/uv
	$(call install,requirements-dev.lock)
