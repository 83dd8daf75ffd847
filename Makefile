# Two commands on a fresh machine: `make demo` and `make test`. Everything else is a part of one of them.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

export DO_NOT_TRACK := 1
export RUNTIME__DLTHUB_TELEMETRY := false
export DBT_SEND_ANONYMOUS_USAGE_STATS := false

.PHONY: install demo quick test long check docs format bench soak clean help

help: ## what can be made
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

install: $(READY) ## make .venv with everything in it

$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || python3 -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --constraint constraints.txt --build-constraint constraints.txt --editable '.[postgres,dev]'
	touch $@

demo: install ## the whole loop, twice, on DuckDB and the sandbox CRM
	$(BIN)/leadloop demo

check: install ## lint, types, layers, SQL style, spelling, links between pages, generated pages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/sqlfluff lint dbt_models --processes 2
	$(BIN)/codespell
	$(BIN)/pytest -q tests/unit/test_links.py
	$(BIN)/python docs/generate.py --check

docs: install ## write the generated pages and tables of docs/ anew
	$(BIN)/python docs/generate.py

# tests/unit needs neither PostgreSQL nor dbt: about 80 seconds of CPU time, so 40 seconds on two idle cores.
quick: install ## ruff and the tests of single modules: an answer in under a minute
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pytest -q -n 2 --dist loadfile -m "not long" tests/unit

# In the order of the folders: files of one long test come first, and those of many short ones fill up what is left.
test: check ## everything that has to pass at any time
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not long"

long: install ## the tests that take long; they have to pass before an issue is called resolved
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m long

bench: install ## side by side with dlt's stock rest_api source, in one run
	$(BIN)/python tests/benchmarks/extract.py

soak: install ## 1,000 strikes over both warehouses, then ten minutes against a CRM that fails all the time
	$(BIN)/python tests/campaigns/storm.py --strikes 1000
	$(BIN)/python tests/campaigns/soak.py --minutes 10

format: install ## let the tools put everything into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/sqlfluff fix dbt_models

clean: ## take away what was installed and made
	rm -rf $(VENV) build dist .leadloop
