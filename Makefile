# What to do with this repository: `make help` lists it. Everything runs in .venv, which `make setup` builds.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
SAM_VENV := .venv-sam
SAM := SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=$${AWS_DEFAULT_REGION:-us-east-1} $(SAM_VENV)/bin/sam
READY := $(VENV)/.ready
TEST_WORKERS ?= 4
SOURCES := plugin_sdk core functions batch infra tests benchmarks examples

.DEFAULT_GOAL := help
.PHONY: help setup demo up down status lint format test bench bench-batch bench-tools lambdas sam-tools validate sam-build deploy-local test-deployed clean

help:  ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(READY)  ## Build .venv with all that the platform, the demo and the tests need

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$(PYTHON) is older than Python 3.11, or missing. Install Python 3.11 or later, or name it: make setup PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "$(PYTHON) can't make virtual environments. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }

$(READY): $(PY) pyproject.toml constraints.txt
	@echo "Installing into $(VENV); the first time this takes some minutes."
	@$(PY) -m pip install --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@$(PY) -m pip install -q --disable-pip-version-check --no-deps --upgrade --target $(VENV)/clients/mixpeek-1.3 mixpeek==1.3.783
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

# Most tests wait for processes, so more run at once than there are cores. A file stays with one worker, in the order of
# the folders: those with the slowest tests come first. Hundreds of processes start, so what they compile is kept.
test: lint  ## Run every test
	@env -u PYTHONDONTWRITEBYTECODE $(PY) -m pytest -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder

bench: setup  ## Measure, and print a table
	@$(PY) -m benchmarks

bench-batch: setup  ## Measure the batch engine against a bare loop, and Daft, Ray Data and Dask after `make bench-tools`
	@$(PY) -m benchmarks.batch $(BENCH)
	@$(PY) -m benchmarks.batch.beside

# The peers pin libraries of their own, so they have an environment of their own.
bench-tools: benchmarks/peers-constraints.txt  ## Build .venv-peers with what the batch engine is measured against
	@$(PYTHON) -m venv .venv-peers
	@.venv-peers/bin/python -m pip install -q --disable-pip-version-check -c benchmarks/peers-constraints.txt \
	  'ray[data]' daft 'dask[dataframe,distributed]' pillow

lambdas: setup  ## Build the functions' archives for AWS into build/lambdas
	@$(PY) -m infra.lambdas

# aws-sam-cli pins libraries at versions that are not ours, so it has an environment of its own.
$(SAM_VENV)/.ready: infra/sam-constraints.txt
	@$(PYTHON) -m venv $(SAM_VENV)
	@$(SAM_VENV)/bin/python -m pip install -q --disable-pip-version-check -c infra/sam-constraints.txt aws-sam-cli
	@touch $@

sam-tools: $(SAM_VENV)/.ready  ## Build .venv-sam with the AWS SAM command line

validate: sam-tools  ## Check template.yaml and infra/cluster/ecs.yaml as AWS would
	@$(SAM) validate --lint
	@$(SAM) validate --lint -t infra/cluster/ecs.yaml

sam-build: setup sam-tools  ## Build the functions for AWS into .aws-sam, for `sam deploy`
	@$(SAM) build

deploy-local: setup  ## Deploy template.yaml to the emulator of `make up`, started if need be, or of AWS_ENDPOINT_URL
	@$(PY) -m infra.deploy

test-deployed: setup  ## Run the HTTP suite against what deploy-local deployed
	@test -f build/deployed.env || { echo "Nothing was deployed from here: make deploy-local"; exit 1; }
	@set -a; . build/deployed.env; exec $(PY) -m pytest tests/http

clean:  ## Remove what builds and tests leave behind; .venv stays
	@rm -rf build dist .aws-sam .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +
