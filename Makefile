# Everything runs in .venv, which is created when needed. PYTHON selects the interpreter: 3.10 to 3.13.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
AIRFLOW := .venv-airflow
DBT := .venv-dbt
DUCKLAKE := .ducklake
CLICKHOUSE := .clickhouse
SNOWFLAKE := .snowflake
LAKEHOUSE := .lakehouse
SUPERSET := .venv-superset
SHELL := /bin/bash
# Without the compiled files, each of the many processes of the tests compiles every module again.
unexport PYTHONDONTWRITEBYTECODE
.DEFAULT_GOAL := help

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | awk -F'\t' '{printf "  make %-15s %s\n", $$1, $$2}'

setup: $(VENV)/.runtime ## Create .venv from requirements.lock (other targets do it when needed)

$(VENV)/.runtime: requirements.lock
	@echo "Installing the locked packages into $(VENV). The first time takes a minute."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@
	@echo "Installed $$($(BIN)/python -m pipelines.audit --version)."

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

$(VENV)/.dashboard: $(VENV)/.runtime requirements-dashboard.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dashboard.lock
	@touch $@

$(VENV)/.spark: $(VENV)/.dev requirements-spark.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-spark.lock
	@touch $@

# Airflow's packages conflict with the pipeline's, so each has its own environment.
$(AIRFLOW)/.done: requirements-airflow.lock
	$(PYTHON) -m venv $(AIRFLOW)
	$(AIRFLOW)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-airflow.lock
	@touch $@

# The newest extensions belong to an older DuckDB than the locked one, so they come before it on the path.
$(DUCKLAKE)/.done: requirements-ducklake.txt
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --target $(DUCKLAKE) -r requirements-ducklake.txt
	@touch $@

# ClickHouse's engine in a process, half a gigabyte, and the clients that dlt's destination uses.
$(CLICKHOUSE)/.done: requirements-clickhouse.txt
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --target $(CLICKHOUSE) -r requirements-clickhouse.txt
	@touch $@

# The newest extension `delta` belongs to an older DuckDB than the locked one.
$(LAKEHOUSE)/.done: requirements-lakehouse.txt
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --target $(LAKEHOUSE) -r requirements-lakehouse.txt
	@touch $@

# fakesnow pins other versions of what the pipeline uses, and needs Python 3.11.
$(SNOWFLAKE)/.done: requirements-snowflake.txt
	$(PYTHON) -m venv $(SNOWFLAKE)
	$(SNOWFLAKE)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-snowflake.txt
	@touch $@

# dbt pins other versions of what the pipeline uses too.
$(DBT)/.done: requirements-dbt.lock
	$(PYTHON) -m venv $(DBT)
	$(DBT)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dbt.lock
	@touch $@

# Superset pins other versions of what the pipeline uses.
$(SUPERSET)/.done: requirements-superset.lock
	$(PYTHON) -m venv $(SUPERSET)
	$(SUPERSET)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-superset.lock
	@touch $@

demo: setup ## Load, enrich and show the audit log of a simulated company; a second time, only new events
	@$(BIN)/python -m sandbox.demo

.PHONY: init
init: setup ## Ask for region, sign-in and destination, and write .dlt/config.toml and .dlt/secrets.toml
	@$(BIN)/python -m pipelines.audit init

run: setup ## Load what is new from the tenant in .dlt/secrets.toml, enrich it, check it
	@$(BIN)/python -m pipelines.audit run

driver: setup ## Install what a warehouse needs in addition to the locked packages: make driver FOR=snowflake
	@test -n "$(FOR)" || { echo "make driver FOR=snowflake (or another destination_type of .dlt/config.toml.example)"; exit 2; }
	@$(BIN)/python -m pip freeze --disable-pip-version-check > $(VENV)/installed.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c $(VENV)/installed.txt "dlt[$(FOR)]"

docs: setup ## Write docs/tables.md, and the same with its lineage as one page: build/dictionary.html
	@$(BIN)/python -m pipelines.data_dictionary docs/tables.md
	@$(BIN)/python -m pipelines.data_dictionary

dbt: setup ## Write the models as a dbt project: build/dbt (DIALECT=postgres for PostgreSQL)
	@$(BIN)/python -m pipelines.transform --dialect $(or $(DIALECT),duckdb)

report: setup ## Show sign-ins, most visited pages, most active users, busiest models
	@$(BIN)/python -m pipelines.audit report

status: setup ## Show how fresh and complete the data is, and the last runs; fails if something is wrong
	@$(BIN)/python -m pipelines.audit status

.PHONY: dashboard
dashboard: $(VENV)/.dashboard ## Serve the dashboard on this machine: your data, or the demo's
	@$(BIN)/python -m pipelines.dashboard

.PHONY: test-dashboard screenshots
test-dashboard: $(VENV)/.dev ## Run the tests of the dashboard that need a browser (Chromium)
	@$(BIN)/python -m pytest tests/browser

screenshots: $(VENV)/.dev ## Draw the README's pictures of the dashboard again (needs Chromium)
	@$(BIN)/python -m tests.browser.screenshots

# DuckDB takes its number of threads from SLURM_CPUS_ON_NODE. There is a process a core, and tables are small.
test: $(VENV)/.dev ## Run the tests: sandbox over HTTP, DuckDB, PostgreSQL
	@SLURM_CPUS_ON_NODE=1 $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

test-variants: $(VENV)/.dev ## Run the variants that make test leaves out: the same tests on the other engine, or with all models (minutes)
	@$(BIN)/python -m pytest -m "variant or long" -n auto --dist loadfile

test-engines: $(VENV)/.spark ## Compare every table on DuckDB, PostgreSQL and Spark (Java 17 or newer; minutes)
	@$(BIN)/python -m pytest tests/engines

test-ducklake: $(VENV)/.dev $(DUCKLAKE)/.done ## Load a DuckLake and compare every table with DuckDB's; let four processes want one lake (minutes)
	@PYTHONPATH=$(abspath $(DUCKLAKE)) $(BIN)/python -m pytest tests/pipelines/warehouse/lease/test_contention.py tests/pipelines/warehouse/test_lake.py

test-clickhouse: $(VENV)/.dev $(CLICKHOUSE)/.done ## Load and enrich a ClickHouse (chdb) and compare every table with DuckDB's (minutes)
	@PYTHONPATH=$(abspath $(CLICKHOUSE)) $(BIN)/python -m pytest -n 0 tests/pipelines/warehouse/test_clickhouse.py

test-snowflake: $(VENV)/.dev $(SNOWFLAKE)/.done ## Load, enrich, check and purge an emulated Snowflake (fakesnow) and compare every table with DuckDB's (minutes)
	@SNOWFLAKE_BIN=$(abspath $(SNOWFLAKE)/bin) $(BIN)/python -m pytest -n 0 tests/pipelines/warehouse/test_snowflake.py

test-lakehouse: $(VENV)/.dev $(LAKEHOUSE)/.done ## Publish Delta tables and compare every row with DuckDB's, after kills and purges too (minutes)
	@PYTHONPATH=$(abspath $(LAKEHOUSE)) $(BIN)/python -m pytest -n 0 tests/pipelines/publish/test_lakehouse.py

test-airflow: $(VENV)/.dev $(AIRFLOW)/.done ## Run the Airflow DAG against the sandbox, in its own Airflow (minutes)
	@AIRFLOW_BIN=$(abspath $(AIRFLOW)/bin) $(BIN)/python -m pytest tests/airflow

test-dbt: $(VENV)/.dev $(DBT)/.done ## Build the models with dbt on DuckDB and PostgreSQL, and compare every table
	@DBT_BIN=$(abspath $(DBT)/bin/dbt) $(BIN)/python -m pytest tests/pipelines/transform/test_dbt_project.py

test-superset: $(VENV)/.dev $(SUPERSET)/.done ## Import bi/superset into a Superset, draw it, and compare its charts with the tables (Chromium; minutes)
	@SUPERSET_BIN=$(abspath $(SUPERSET)/bin) $(BIN)/python -m pytest -n 0 tests/superset

torture: $(VENV)/.dev test-variants ## Try every fault and every kill, then what make test leaves out; count lost, doubled and invented rows (20 minutes)
	@$(BIN)/python -m pytest tests/torture -n auto --dist worksteal

wheel: setup ## Build dist/anaplan_audit_log-*.whl, which installs the command anaplan-audit
	@$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .

test-wheel: $(VENV)/.dev ## Install the wheel into an empty environment and run all its commands (make test runs some)
	@$(BIN)/python -m pytest tests/test_wheel.py -m ""

lint: $(VENV)/.dev ## Check style, SQL and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/sqlfluff lint --processes 0 --disable-progress-bar pipelines/models
	@$(BIN)/mypy

bench: $(VENV)/.dev ## Measure speed and memory against the alternatives; writes tests/benchmarks/RESULTS.md
	@$(BIN)/python -m tests.benchmarks

bench-dashboard: $(VENV)/.dev ## Measure how soon the pages of the dashboard open on 1,000,000 events (needs Chromium; minutes)
	@$(BIN)/python -m tests.benchmarks.dashboard

bench-disk: $(VENV)/.dev ## Measure how much disk the database and its copies take
	@$(BIN)/python -m tests.benchmarks.disk

profile: $(VENV)/.dev ## Show where the time of a load and of an enrichment goes
	@$(BIN)/python -m tests.benchmarks.profile

COMPILE = uv pip compile -q --universal --python-version 3.10 --generate-hashes --no-emit-index-url --no-header
lock: ## Renew the lock files (needs uv)
	$(COMPILE) --extra sandbox --extra postgres pyproject.toml -o requirements.lock
	$(COMPILE) --extra dashboard -c requirements.lock pyproject.toml -o requirements-dashboard.lock
	$(COMPILE) --extra dev -c requirements.lock -c requirements-dashboard.lock pyproject.toml -o requirements-dev.lock
	$(COMPILE) --extra spark --extra dev -c requirements-dev.lock pyproject.toml -o requirements-spark.lock
	echo 'apache-airflow>=3.2,<4' | $(COMPILE) - -o requirements-airflow.lock
	printf 'dbt-core>=1.10,<1.11\ndbt-duckdb\ndbt-postgres\n' | $(COMPILE) --no-strip-extras - -o requirements-dbt.lock
	printf 'apache-superset==6.1.0\nrich\ncachetools\nflask-caching==2.3.1\nduckdb<2\nduckdb-engine\n' | $(COMPILE) - -o requirements-superset.lock
	@$(MAKE) check-extras

DRIVERS := postgres snowflake bigquery databricks redshift clickhouse motherduck ducklake filesystem athena
check-extras: ## Resolve the drivers of every warehouse against requirements.lock, on Python 3.10 to 3.13 (needs uv)
	@for extra in $(DRIVERS); do \
	    echo "dlt[$$extra]" | uv pip compile -q --universal --python-version 3.10 -c requirements.lock - -o /dev/null \
	    || { echo "make driver FOR=$$extra: requirements.lock pins what it refuses. Add a constraint to pyproject.toml."; exit 1; }; \
	done

clean: ## Remove .venv, the demo and caches; never your databases
	rm -rf $(VENV) $(AIRFLOW) $(DBT) $(DUCKLAKE) $(CLICKHOUSE) $(SNOWFLAKE) $(SUPERSET) $(LAKEHOUSE) .demo build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

.PHONY: help setup driver demo run docs dbt report status test test-variants test-engines test-ducklake test-clickhouse test-snowflake test-lakehouse test-airflow test-dbt test-superset test-wheel torture wheel lint bench bench-dashboard bench-disk profile lock check-extras clean
