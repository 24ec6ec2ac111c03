# Each target installs what it needs, may be interrupted and repeated, and leaves nothing running unless it says so.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin
# Hundreds of processes import the same modules: where bytecode is not kept, each of them compiles them anew.
unexport PYTHONDONTWRITEBYTECODE
# Tests wait for clocks and other processes now and then: five files at once keep two processors busy,
# and six take longer. Each takes 1.4 GB.
JOBS ?= $(shell awk -v processors="$$(nproc)" '/^MemAvailable/ { fit = int($$2 / 1400000); most = int(2.5 * processors); \
  jobs = (fit < most) ? fit : most; print (jobs < 2) ? 2 : ((jobs > 12) ? 12 : jobs) }' /proc/meminfo)
AT_ONCE := --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder
SHOWN := $(PYTHON) tests/cluster/progress.py
PIP := $(RUN)/python -m pip install --quiet --disable-pip-version-check
APT_VENV := sh -c 'test "$$(id -u)" = 0 && { apt-get -qq install -y --no-install-recommends python3-venv || \
  { apt-get -qq update && apt-get -qq install -y --no-install-recommends python3-venv; }; } >/dev/null 2>&1'

.PHONY: help demo bench test test-failed check format lint types contracts generated dead generate cluster clean-cluster clean

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

$(VENV)/.ready: requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Keyward needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ...") if sys.version_info < (3, 11) else None'
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || $(SHOWN) "installing python3-venv from Debian" $(APT_VENV) || \
	  { echo "Python's venv is missing, and only root on Debian has it installed here: apt-get install python3-venv"; exit 1; }
	@$(SHOWN) "making $(VENV)" $(PYTHON) -m venv --clear $(VENV)
	@$(SHOWN) "installing Python packages into $(VENV)" $(PIP) --require-hashes -r requirements-dev.lock
	@$(SHOWN) "installing Keyward into $(VENV)" $(PIP) --no-deps --editable .
	@touch $@

demo: $(VENV)/.ready ## See it at work for a minute; nothing stays (ARGS=--keep: until Ctrl-C, ARGS=--help: the rest)
	@$(RUN)/python -m demo $(ARGS)

test: $(VENV)/.ready ## All tests, on a real API server, kubelet and targets
	@$(RUN)/python -m tests.cluster build
	@$(RUN)/python -m pytest $(AT_ONCE)

bench: $(VENV)/.ready ## Measure, and write docs/benchmarks.md: about ten minutes (ARGS=--quick: one, ARGS=--help: the rest)
	@$(RUN)/python -m benchmarks $(ARGS)

test-failed: $(VENV)/.ready ## Only the tests that failed last time
	@$(RUN)/python -m pytest --last-failed --last-failed-no-failures=none

check: format lint types contracts generated dead test ## What has to pass before a change lands

format: $(VENV)/.ready
	@$(SHOWN) "checking the format" $(RUN)/ruff format --check --quiet operator tests demo benchmarks

lint: $(VENV)/.ready
	@$(SHOWN) "checking the style" $(RUN)/ruff check --quiet operator tests demo benchmarks

types: $(VENV)/.ready
	@$(SHOWN) "checking types" $(RUN)/mypy

contracts: $(VENV)/.ready
	@$(SHOWN) "checking what imports what" $(RUN)/lint-imports --no-cache
	@test ! -e operator/__init__.py || { echo "operator/__init__.py must not exist: it would hide the standard library's operator"; exit 1; }

generated: $(VENV)/.ready
	@$(SHOWN) "checking crds/" $(RUN)/python -m keyward.api.schema --check
	@$(SHOWN) "checking docs/api.md" $(RUN)/python -m keyward.api.reference --check

dead: $(VENV)/.ready
	@$(SHOWN) "looking for dead code" $(RUN)/vulture

generate: $(VENV)/.ready ## Write crds/ and docs/api.md from the models
	@$(SHOWN) "writing crds/" $(RUN)/python -m keyward.api.schema
	@$(SHOWN) "writing docs/api.md" $(RUN)/python -m keyward.api.reference

cluster: $(VENV)/.ready ## Start a local cluster, leave it running, print its kubeconfig
	@$(RUN)/python -m tests.cluster up

clean-cluster: $(VENV)/.ready ## Stop it, and clear what a killed run left
	@$(RUN)/python -m tests.cluster down

clean: ## Remove the Python environment and caches of this folder
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
