# The index of commands. `make help` prints it.
SHELL := /bin/bash
PYTHON ?= python3.11
UV_VERSION := 0.13.9
BIN := .venv/bin
READY := .venv/.ready

# Nothing leaves the machine that the user did not ask for.
export DO_NOT_TRACK := 1
export DAGSTER_DISABLE_TELEMETRY := 1
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export GX_ANALYTICS_ENABLED := false

.DEFAULT_GOAL := help
.PHONY: help setup run up test check bench faults mutants clean

help: ## print this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(READY) ## make .venv with exactly what uv.lock names

# uv is fetched by pip into the environment itself; pip with the hashed constraints is the way without uv.
$(READY): pyproject.toml uv.lock
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || python3 -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@$(BIN)/uv sync --frozen --inexact --quiet || { \
		$(BIN)/python -m pip install --quiet --require-hashes -r constraints.txt && \
		$(BIN)/python -m pip install --quiet --no-deps --editable .; }
	@touch $(READY)

run: setup ## the main job: real shipments become a ranked queue with drafts
	@$(BIN)/tidewaiter run

up: setup ## Dagster on 127.0.0.1:3000, the dashboard on 127.0.0.1:8501, the worker beside them
	@$(BIN)/tidewaiter up

test: setup ## the tests, on real SQLite, PostgreSQL, DuckDB, mail server and browser (not the whole-path kills)
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not whole_path"

check: setup ## ruff, types, SQL style, import directions
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/sqlfluff lint --disable-progress-bar dbt_project/models
	@$(BIN)/python -m pytest -q tests/test_layout.py

bench: setup ## ratios within one run
	@$(BIN)/python -m tests.bench

# ROUNDS: how often each named crash point. SIZE: a share of the release figures. CLAIM=1: the public claim's.
# ONLY: pytest's marks, for a part; the record names it.
faults: setup ## try to break the invariants at a release's figures; kill workers, loading and whole runs
	@TIDEWAITER_FAULT_ROUNDS=$${ROUNDS:-$(if $(CLAIM),100,20)} \
		TIDEWAITER_FAULT_SIZE=$${SIZE:-$(if $(CLAIM),claim,release)} \
		TIDEWAITER_FAULT_GO_ON="$(GO_ON)" \
		$(BIN)/python -m pytest -n 2 --dist worksteal -m "$(ONLY)" -p tests.faults.recording tests/casework/invariants \
		tests/casework/test_worker_kills.py tests/casework/test_worker_crashes.py \
		tests/casework/test_server_restarts.py tests/system/test_receiver_kills.py \
		tests/data/test_mutated_files.py tests/data/test_poison_and_drift.py tests/warehouse/test_order_free.py \
		tests/warehouse/test_touched.py tests/faults

mutants: setup ## seed bugs into casework, one at a time; each must be caught by its invariant's tests
	@$(BIN)/python -m tests.faults.mutants --jobs 2

clean: ## remove what was made (the environment stays)
	@rm -rf var dbt_project/target dbt_project/logs
