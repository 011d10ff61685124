# What to do with this repository: `make help` lists it. Everything runs in .venv, which `make setup` builds.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
SOURCES := plugin_sdk core functions batch infra tests benchmarks examples

.DEFAULT_GOAL := help
.PHONY: help setup demo up down status lint format test bench lambdas clean

help:  ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(READY)  ## Build .venv with all that the platform, the demo and the tests need

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$(PYTHON) is older than Python 3.11, or missing. Install Python 3.11 or later, or name it: make setup PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "$(PYTHON) can't make virtual environments. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }

$(READY): $(PY) pyproject.toml constraints.txt
	@echo "Installing into $(VENV); the first time this takes some minutes."
	@$(PY) -m pip install --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@grep -q plugin_sdk.cli.app $(VENV)/bin/mixpeek || $(PY) -m pip install -q --no-deps --force-reinstall -e .
	@touch $(READY)

demo: setup  ## Do the main job for real: create, test, publish, batch, search, serve
	@$(PY) -m examples.demo

up: setup  ## Start the platform on this machine
	@$(VENV)/bin/mixpeek up

down: setup  ## Stop it
	@$(VENV)/bin/mixpeek down

status: setup  ## Say what runs
	@$(VENV)/bin/mixpeek status

lint: setup  ## Check style and types
	@$(PY) -m ruff check $(SOURCES)
	@$(PY) -m ruff format --check $(SOURCES)
	@$(PY) -m mypy

format: setup  ## Put the sources into the house's format
	@$(PY) -m ruff check --fix $(SOURCES)
	@$(PY) -m ruff format $(SOURCES)

test: lint  ## Run every test
	@$(PY) -m pytest

bench: setup  ## Measure, and print a table
	@$(PY) -m benchmarks

lambdas: setup  ## Build the functions' archives for AWS into build/lambdas
	@$(PY) -m infra.lambdas

clean:  ## Remove what builds and tests leave behind; .venv stays
	@rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +
