# Two commands: `make demo` shows the whole product, `make test` proves it.
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=

.PHONY: help demo test soak check lock clean
help: ## show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

demo: .venv/ready ## play three outages from declaration to settlement (ARGS=--exit to stop afterwards)
	@$(BIN)/apexchainx demo $(ARGS)

test: .venv/ready ## the whole suite: real PostgreSQL, real Temporal, the chain in a box
	@$(BIN)/python -m pytest $(ARGS)

soak: .venv/ready ## hours: 20,000 schedules, 50 deaths at each point, 10,000 settlements under faults
	@SCHEDULES=20000 KILLS=50 $(BIN)/python -m pytest tests/test_exactly_once.py tests/system/test_failpoints.py $(ARGS)
	@$(BIN)/apexchainx soak

check: .venv/ready ## lint, types, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

lock: .venv/ready ## pin every dependency with its hashes again
	@$(BIN)/uv pip compile -q pyproject.toml --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-annotate --no-header --upgrade -o requirements.txt
	@$(BIN)/uv pip compile -q pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-annotate --no-header --upgrade -o requirements-dev.txt

clean: ## forget the environment and all local data
	@rm -rf .venv var

.venv/ready: requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ApexChainx needs Python 3.11 or newer; set PYTHON=/path/to/it")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
