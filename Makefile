# Everything needs Python 3.11+ and make alone: the first target that needs it makes `.venv` from the pinned requirements.
PYTHON ?= python3
BIN := .venv/bin
CHROMIUM ?= chromium
# One worker process a core, whatever the machine.
# The same order every time, as the same examples (tests/conftest.py): what it says is about the change.
PYTEST := $(BIN)/python -m pytest -n auto --dist loadfile --randomly-seed=1

.DEFAULT_GOAL := help
.PHONY: help install demo up save check test browser lint types architecture bench chaos clean

help: ## Say what there is
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

install: .venv/installed ## Install everything into .venv

.venv/installed: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=/path/to/it")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: install ## Run firewall_change on real input from start to end, show and verify its audit trail
	@$(BIN)/python scripts/demo.py

up: install ## Keep everything running for a person; Ctrl-C stops it
	@$(BIN)/hitl up

save: install ## The domain's tests with few examples each: a few seconds, to run on every save
	$(PYTEST) -q tests/domain -m "not lives" --hypothesis-profile=save

check: lint types architecture ## The quick part of the tests: under 90 seconds
	$(PYTEST) -q tests/domain tests/definition

test: lint types architecture ## Lint, types, architecture and all tests; every branch of the domain is tried
	$(PYTEST) -q tests/domain --cov=hitl_temporal.domain --cov-branch --cov-fail-under=100 --cov-report=term-missing:skip-covered
	$(PYTEST) tests --ignore=tests/domain --ignore=tests/browser

browser: install ## Try the pages in the Chromium that CHROMIUM names, as people use them
	@command -v $(CHROMIUM) > /dev/null || { echo "browser: not run: needs Chromium; install it, or set CHROMIUM=/path/to/it" >&2; exit 1; }
	CHROMIUM=$(CHROMIUM) $(BIN)/python -m pytest -q tests/browser

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/basedpyright

architecture: install
	$(BIN)/lint-imports

chaos: install ## Kill more workers, agents and servers, make more outages, send longer floods and play more lives than `make test` does
	HITL_CHAOS=long $(BIN)/python -m pytest -q --timeout=1800 tests/e2e/test_kill.py tests/e2e/test_kill_flows.py tests/engine/test_size.py tests/engine/test_floods.py tests/engine/test_takeover.py tests/domain

bench: install ## Measure: medians, and ratios to a reference of the same run
	$(BIN)/python -m benchmarks

clean: ## Remove what was installed and made here
	rm -rf .venv .hitl
