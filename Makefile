# Two commands do everything on a fresh machine: `make run` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install
DATA ?= data
# Tests wait a good deal: half as many processes more than cores. Long files come first as they are named.
PYTEST_ARGS ?= --numprocesses $(shell echo $$(($$(nproc) * 3 / 2))) --dist loadfile --no-loadscope-reorder

.PHONY: help run test check format docs screenshots lock programs clean
help: ## what can be made
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

# The stamp names say what is installed; they are remade when a lock file or the project's metadata changes.
$(VENV)/.runtime: requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { \
	  rm -rf $(VENV); echo "Python's venv module is missing; on Debian: apt-get install python3-venv" >&2; exit 2; }
	@echo "Installing what Chimera Storage needs into $(VENV) (once; about a minute) ..."
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime
	@$(PIP) --require-hashes -r requirements-dev.lock
	@touch $@

run: $(VENV)/.runtime ## the server with a demonstration camera on http://127.0.0.1:8083
	@exec $(BIN)/chimera-storage serve --demo --path $(DATA)

test: $(VENV)/.dev programs check ## style, types, layers and every test
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

check: $(VENV)/.dev ## style, types and layers only
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache | tail -n 12

format: $(VENV)/.dev ## put the code in order
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

docs: $(VENV)/.dev ## what of the documentation is made: commands, man page, routes by role, plots
	@$(BIN)/python -m tests.test_cli_docs
	@$(BIN)/python -m tests.test_man_page
	@$(BIN)/python -m tests.test_security_docs
	@$(BIN)/python bench/plot.py

# Tests of pages run in Debian's Chromium, those of MQTT against its mosquitto, those of the documentation's
# commands with its curl; as root they are installed here, otherwise this says what to install.
programs:
	@test -x /usr/bin/chromium && test -x /usr/sbin/mosquitto && test -x /usr/bin/curl || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && \
	  { echo "Installing Debian's chromium, mosquitto and curl for the tests ..."; \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium mosquitto curl >/dev/null; }; } || \
	  { echo "The tests need Chromium, Mosquitto and curl: sudo apt-get install chromium mosquitto curl" >&2; exit 2; }

screenshots: $(VENV)/.dev programs ## the pictures of the pages in README and docs
	@PYTHONPATH=. $(BIN)/python docs/pictures/make.py

lock: ## pin every dependency anew, with hashes, without index addresses
	@$(PYTHON) -m venv $(VENV)-lock && $(VENV)-lock/bin/pip --quiet install uv
	@$(VENV)-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-annotate --custom-compile-command "make lock" --upgrade pyproject.toml build-requirements.in -o requirements.lock
	@$(VENV)-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-annotate --custom-compile-command "make lock" --group dev -c requirements.lock pyproject.toml build-requirements.in -o requirements-dev.lock
	@rm -rf $(VENV)-lock

clean: ## everything this file made
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
