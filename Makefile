# The two commands of the README, and what stands behind them. Needs Python 3.11+, git and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := $(shell sed -n 's/^uv==\([^ ]*\).*/\1/p' requirements.lock)
STAMP := $(VENV)/.installed
WORKERS ?= 2

.PHONY: install demo test test-slow lint types lock bench clean

install: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "semioscope needs Python 3.11 or newer; make install PYTHON=python3.12 chooses another one."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV): about 2.9 GB to download the first time, 5.7 GB on disk."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	VIRTUAL_ENV=$(CURDIR)/$(VENV) UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy $(BIN)/uv pip sync --require-hashes requirements.lock
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

demo: install
	$(BIN)/semioscope demo demo

test: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -m "not slow"

test-slow: install
	$(BIN)/pytest -n $(WORKERS) -m slow

bench: install
	$(BIN)/semioscope bench

lock: install
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --generate-hashes --no-annotate --no-header \
	  --python-version 3.11 --upgrade --output-file requirements.lock

clean:
	rm -rf $(VENV) demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
