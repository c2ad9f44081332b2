# Two commands: `make demo` shows the whole product, `make test` proves it.
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=
# A stack is six processes of Python: what is compiled once is kept, whatever the machine says.
export PYTHONDONTWRITEBYTECODE :=
# A stack for each of three workers, of which one usually waits, and none for those of units, which never wait; tests of the system wait more. ARGS=-n0 runs in one process, for a debugger.
PYTEST := $(BIN)/python -m pytest --dist loadgroup --no-loadscope-reorder -n

.PHONY: help demo unit test test-system durations soak check lint types contracts matrix baseline histories openapi api-examples example lock clean
help: ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

demo: .venv/ready ## play three outages from declaration to settlement (ARGS=--exit to stop afterwards)
	@$(BIN)/apexchainx demo $(ARGS)

unit: .venv/ready ## seconds: what needs no server
	@$(PYTEST) 2 --tier unit $(ARGS)

test: .venv/ready ## minutes: what a change usually breaks, on real PostgreSQL, real Temporal, the chain in a box
	@$(PYTEST) 3 --tier test $(ARGS)

test-system: .venv/ready ## kills, crashes, crowds, 2,000 fresh schedules (SEED=n repeats them), the demo
	@$(PYTEST) 3 --tier system $(ARGS)

durations: .venv/ready ## measure every tier anew: tests/durations.json
	@$(PYTEST) 2 --tier unit --write-durations
	@$(PYTEST) 3 --tier test --write-durations
	@$(PYTEST) 3 --tier system --write-durations

soak: .venv/ready ## hours: 20,000 schedules, fresh searches, 50 deaths at each point, each race 20 times, 10,000 settlements under faults
	@SCHEDULES=20000 OUTAGES=1000 AGREEMENTS=100 $(BIN)/python -m pytest tests/soak $(ARGS)
	@KILLS=50 $(BIN)/python -m pytest tests/system/settlement/test_failpoints.py tests/system/settlement/test_two_signers.py $(ARGS)
	@REPEAT=20 CROWDS=40 $(BIN)/python -m pytest tests/system/settlement/test_restored_databases.py tests/system/settlement/test_lying_nodes.py tests/system/settlement/test_copies.py \
		tests/system/sla/test_ended_workflows.py tests/system/sla/test_crowded_outages.py tests/system/test_settling.py $(ARGS)
	@FRESH=1 $(PYTEST) 2 --tier unit $(ARGS)
	@EVENTS=1000 $(BIN)/python -m pytest tests/system/test_deliveries.py $(ARGS)
	@IDEMPOTENCY_KEYS=200 SCHEMATHESIS_EXAMPLES=30 $(BIN)/python -m pytest tests/system/test_idempotency.py tests/system/test_documented_answers.py $(ARGS)
	@$(BIN)/apexchainx soak

check: lint types contracts ## lint, types, import contracts, dead code

lint: .venv/ready ## the quick part of check: lint and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: .venv/ready ## the slow part of check: types
	@$(BIN)/mypy

contracts: .venv/ready ## the rest of check: who imports whom, and dead code
	@$(BIN)/lint-imports
	@$(BIN)/python .ci/dead_code.py

matrix: ## check and unit with each Python found on this machine (ARGS="check test" runs others)
	@.ci/matrix $(ARGS)

baseline: .venv/ready ## write the migration anew, from the tables and migrations/sql
	@$(BIN)/python -m tests.migrations.write_baseline

histories: .venv/ready ## record every kind of workflow anew, on two stacks and a stage
	@$(BIN)/python -m tests.workflows.record_histories

openapi: .venv/ready ## write docs/openapi.json anew, where a break of the API is meant
	@$(BIN)/apexchainx openapi > docs/openapi.json

api-examples: .venv/ready ## ask every route, and write docs/api/ anew
	@$(BIN)/python -m tests.docs.examples.example_documents

example: .venv/ready ## write .env.example anew, from the settings
	@$(BIN)/python -m tests.docs.write_example

lock: .venv/ready ## pin every dependency with its hashes again
	@$(BIN)/uv pip compile -q pyproject.toml --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-annotate --no-header --upgrade -o requirements.txt
	@$(BIN)/uv pip compile -q pyproject.toml packages/stellar-sandbox/pyproject.toml packages/devstack/pyproject.toml --no-emit-package apexchainx --no-emit-package stellar-sandbox --all-extras --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-annotate --no-header --upgrade -o requirements-dev.txt

clean: ## forget the environment and all local data
	@rm -rf .venv var

.venv/ready: requirements-dev.txt pyproject.toml packages/stellar-sandbox/pyproject.toml packages/devstack/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ApexChainx needs Python 3.11 or newer; set PYTHON=/path/to/it")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo 'Installing into .venv ...' >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . -e packages/stellar-sandbox -e packages/devstack
	@touch $@
