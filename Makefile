# On a fresh machine: `make demo` and `make test`. `make help` lists everything.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

export DO_NOT_TRACK := 1
export RUNTIME__DLTHUB_TELEMETRY := false
export DBT_SEND_ANONYMOUS_USAGE_STATS := false

.PHONY: install demo quick test test-engines test-spark test-apache-spark test-cloud test-live suite shuffled coverage long check rest types docs screenshots screenshots-orchestrators format bench evaluate soak test-orchestrators orchestrators clean help

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

install: $(READY) ## install everything into .venv

$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || python3 -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --constraint constraints.txt --build-constraint constraints.txt --editable '.[postgres,dev]'
	touch $@

demo: install ## run the whole loop twice, on DuckDB and a sandbox CRM
	$(BIN)/leadloop demo

check: install ## check lint, types, layers, SQL style, spelling, links and generated pages
	$(MAKE) -j 2 types rest

# Beside each other, since the types take as long as all the rest.
rest:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/sqlfluff lint dbt_models
	$(BIN)/codespell
	$(BIN)/pytest -q tests/unit/test_links.py
	$(BIN)/python docs/generate.py --check

types:
	$(BIN)/mypy

docs: install ## write the generated pages and tables of docs/
	$(BIN)/python docs/generate.py

# tests/unit needs neither PostgreSQL nor dbt: about 80 seconds of CPU time, so 40 seconds on two idle cores.
quick: install ## run ruff and the unit tests, in under a minute
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pytest -q -n 2 --dist loadfile -m "not long" tests/unit

test: install ## run the checks and all tests but the long ones; this must pass at any time
	$(MAKE) -j 2 types suite

# Three processes for two cores: a quarter of the time a test waits, for a server, another process or a pace. In the order of the
# folders: files of one long test come first, and those of many short ones fill up what is left.
suite: rest
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not long"

shuffled: install ## run make test's tests in a random order; SEED=n repeats one
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not long" \
		--random-order-bucket=module --random-order-seed=$(or $(SEED),$(shell date +%s))

long: install ## run the long tests; these must pass before an issue is resolved
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m long

# ENGINES names some of them: each costs several minutes. The S3 server is in an environment of its own: it brings 35 packages. No lake has tables of an older leadloop, so nothing is migrated there.
S3 := .venv-s3
test-engines: install ## run the engine suite, and the tests of locks, journal and pushes, on every engine
	$(BIN)/uv venv --quiet --allow-existing $(S3)
	$(BIN)/uv pip install --quiet --python $(S3)/bin/python 'moto[server]>=5.2,<6'
	ENGINES="$(or $(ENGINES),duckdb postgres ducklake ducklake-postgres motherduck)" MOTO_SERVER=$(abspath $(S3))/bin/moto_server \
		$(BIN)/pytest -n 2 --dist loadfile tests/engines
	ENGINES="$(or $(ENGINES),ducklake)" $(BIN)/pytest -n 2 --dist loadfile -m "not long" \
		--ignore tests/integration/push/test_migrations.py tests/integration/warehouse tests/integration/push

# An environment of its own: Spark's client needs pandas, and the other tests show that leadloop works without. Sail needs several
# minutes for what the other engines make in seconds.
SPARK := .venv-spark
test-spark: install ## run the engine suite on Sail, and some of it on Apache Spark, each in an environment of its own
	$(BIN)/uv venv --quiet --allow-existing $(SPARK)
	$(BIN)/uv pip install --quiet --python $(SPARK)/bin/python --constraint constraints.txt --build-constraint constraints.txt \
		--editable '.[postgres,spark,dev]'
	ENGINES=spark $(SPARK)/bin/pytest -n 2 --dist loadfile tests/engines
	$(MAKE) test-apache-spark

# Apache Spark's own server, from its wheel, in an environment that has nothing else. It needs Java. DELTA_JARS names a folder with the
# jars of Delta Lake, which no wheel has (see tests/README.md); without it only what needs no Delta table runs. ALL=1 runs what nobody has
# seen through to its end yet as well: Spark needs most of an hour for it, and more than the tests' time-out on a busy machine.
REAL_SPARK := .venv-real-spark
PYSPARK := pyspark==4.0.1
test-apache-spark: install ## run some of the engine suite on Apache Spark's own Connect server; DELTA_JARS names the jars of Delta Lake
	$(BIN)/uv venv --quiet --allow-existing $(REAL_SPARK)
	$(BIN)/uv pip install --quiet --python $(REAL_SPARK)/bin/python '$(PYSPARK)'
	ENGINES=spark-connect REAL_SPARK=$(abspath $(REAL_SPARK)) DELTA_JARS="$(if $(DELTA_JARS),$(abspath $(DELTA_JARS)))" \
		$(SPARK)/bin/pytest -n 1 --dist loadfile tests/engines/test_real_spark.py tests/engines/test_sail.py \
		$(if $(ALL),tests/engines/test_loop.py tests/engines/test_killed.py,-k "not every_relation")

# Environments of their own: dbt-snowflake and dbt-bigquery want other versions than constraints.txt has.
CLOUD := .venv-cloud
$(CLOUD)/.ready: $(READY) pyproject.toml tests/cloud/snowflake.txt
	$(BIN)/uv venv --quiet --allow-existing $(CLOUD)
	$(BIN)/uv pip install --quiet --python $(CLOUD)/bin/python --constraint tests/cloud/snowflake.txt --build-constraint constraints.txt \
		--editable '.[postgres,snowflake,redshift,dev]' fakesnow
	touch $@

test-cloud: $(CLOUD)/.ready ## run the dbt package and the loop on dbt-snowflake and the package on dbt-redshift, with imitations of the services, and SQL for BigQuery on GoogleSQL, in environments of their own
	$(CLOUD)/bin/pytest -n 0 tests/cloud --ignore tests/cloud/test_googlesql.py
	$(BIN)/uv venv --quiet --allow-existing $(CLOUD)-bigquery
	$(BIN)/uv pip install --quiet --python $(CLOUD)-bigquery/bin/python --constraint tests/cloud/bigquery.txt --build-constraint constraints.txt \
		--editable '.[postgres,bigquery,dev]' zetasql
	$(CLOUD)-bigquery/bin/pytest -n 0 tests/cloud/test_googlesql.py

# Against a service, with an account of yours: CONTRIBUTING.md says which variables it needs. Without them all of it skips.
# Snowflake's is in the environment of test-cloud.
LIVE := $(if $(filter snowflake,$(LEADLOOP_LIVE)),$(CLOUD),$(VENV))
test-live: install ## run the loop against the service that LEADLOOP_LIVE names
	$(if $(filter snowflake,$(LEADLOOP_LIVE)),$(MAKE) $(CLOUD)/.ready)
	$(LIVE)/bin/pytest -n 0 -m long tests/engines/test_motherduck.py tests/engines/test_snowflake.py -k live

# Not a part of `test`, since it makes the tests take half as long again.
coverage: install ## run make test's tests and list the files that they cover least
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not long" --cov --cov-report=term

# ONLY names some of the parts: extraction, warehouse, commands, journal, wide.
bench: install ## measure what leadloop costs beside others, for docs/performance.md; LEADS, RUNS, WAREHOUSE and ONLY say more
	$(BIN)/python -m tests.benchmarks --leads $(or $(LEADS),100000) --runs $(or $(RUNS),3) \
		--warehouse $(or $(WAREHOUSE),duckdb) $(if $(ONLY),--only $(ONLY))

# Needs dbt's package hub, so no other target runs it.
evaluate: install ## hold the dbt package against dbt-project-evaluator's rules
	cd tests/evaluator && ../../$(BIN)/dbt deps --profiles-dir ../../dbt_models && ../../$(BIN)/dbt build \
		--profiles-dir ../../dbt_models --vars '{leadloop_examples: true}' \
		--select package:dbt_project_evaluator dbt_project_evaluator_exceptions

soak: install ## 1,000 strikes on both warehouses, then ten minutes against a CRM that keeps failing
	$(BIN)/python tests/campaigns/storm.py --strikes 1000
	$(BIN)/python tests/campaigns/soak.py --minutes 10

# Needs Chromium (Debian: apt-get install chromium). AGAIN=1 shows the warehouse of the last time.
screenshots: install ## take pictures of the page into build/screenshots
	$(BIN)/python docs/screenshots.py $(if $(AGAIN),--again)

# Environments of their own: what the orchestrators want is none of leadloop's business otherwise. Prefect and Airflow have leadloop
# without anything that it needs, as docs/prefect.md and docs/airflow.md have it. ONLY=airflow names one of the three.
ORCHESTRATORS := .venv-orchestrators
orchestrators: install
	for name in orchestrators prefect airflow; do $(BIN)/uv venv --quiet --allow-existing .venv-$$name || exit 1; done
	$(BIN)/uv pip install --quiet --python $(ORCHESTRATORS)/bin/python --constraint constraints.txt --build-constraint constraints.txt \
		--editable '.[postgres,dagster,dev]' dagster-dg-cli dagster-webserver
	for name in prefect airflow; do \
		$(BIN)/uv pip install --quiet --python .venv-$$name/bin/python --requirement tests/orchestrators/$$name.txt && \
		$(BIN)/uv pip install --quiet --python .venv-$$name/bin/python --build-constraint constraints.txt --no-deps --editable . || exit 1; done

test-orchestrators: orchestrators ## run the tests with the real Dagster, Prefect and Airflow, each in an environment of its own; ONLY names one
	$(ORCHESTRATORS)/bin/pytest tests/orchestrators$(if $(ONLY),/test_$(ONLY).py)

# Needs Chromium as well.
screenshots-orchestrators: orchestrators ## take pictures of the plan on Dagster's, Prefect's and Airflow's own pages; ONLY names one
	$(ORCHESTRATORS)/bin/python docs/orchestrator_pictures.py $(ONLY)

format: install ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/sqlfluff fix dbt_models

clean: ## remove what was installed and built
	rm -rf $(VENV) build dist .leadloop
