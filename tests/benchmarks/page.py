"""The results on disk, and the page and the picture that are made from them: ``docs/performance.*``."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.benchmarks import chart
from tests.benchmarks.goals import HEAD, Rows, table
from tests.benchmarks.sizes import CHANGED, FIELDS, SEED

Results = dict[str, dict[str, Any]]
"""Name of a table -> ``leads``, ``engine``, ``rows``, and how they came about; see ``__main__``."""

ENGINES = {"duckdb": "DuckDB", "postgres": "PostgreSQL"}

INTRODUCTION = f"""\
# Performance

<!-- made by `make bench` from docs/performance.json; edits here are lost -->

`make bench` measures what leadloop costs, and what others need for the same work, on one machine in one run. This page shows the
newest figures of each size. Measure your own with:

```
make bench                                    # 100,000 leads in a DuckDB file, and everything that has no size
make bench LEADS=1000000 ONLY=warehouse       # a larger warehouse, up to 10,000,000 leads
make bench WAREHOUSE=postgres ONLY=warehouse  # PostgreSQL
```

## How to read the tables

- Every figure is that of a whole process, from its start to its end, imports included. `CPU s` is user and system time of the process
  and of all that it started; for PostgreSQL, the server's time is added. `peak MB` is the memory of leadloop's process.
- `0.9 · 1.0 · 1.3` is the least, the median and the most of several runs. Ratios and goals go by the median.
- A goal in seconds means CPU seconds: they hardly depend on what else the machine does. Wall seconds do.
- `–` under `met`: the goal is about another number of leads.
- The leads are made up. {SEED:,} come out of the sandbox through `leadloop extract`; the others repeat them with ids, times, phone numbers
  and e-mail addresses of their own. A lead has 36 fields.
- "Changed": a new load shows {CHANGED:,} leads again, each with two other values.
- The plan is of one push that wants other values in {len(FIELDS)} fields of 1 % of the leads.
- dbt has parsed the project before the first build.
- Bare DuckDB, held to 2 GB, makes one table with the newest sighting of each lead: it finds the sighting by the key columns and
  fetches the row by its id. After a change it deletes and inserts the leads of the new load. Its plan is one hash join.
  It keeps no history, no changes and no journal, and tests nothing.
- dlt's rest_api is dlt's own source for such an API, set up as its documentation has it, with parquet. Of both, `rows/s` leaves
  out the imports, which a scheduled run pays once. The sandbox runs on the same cores.
- drt is `drt-core`, a reverse ETL tool, in an environment of its own. It sends the same fields of the same leads to the same sandbox. It
  looks at no lead before it writes, and records no single one.

## What falls short, and why

Measured on 28 November 2026. The other goals in these tables are met.

| goal | what stands in its way | what would help |
|---|---|---|
| a plan costs at most twice the bare join | Of 7.8 CPU s for a million changes among 10M leads, 1.2 are imports and 2.0 the query. The rest copies the changes out of the warehouse, puts them in order and counts them, so that the plan stays as it was shown. | a copy that the warehouse itself makes and keeps |
| plan and status of 100,000 leads in less than 1 CPU s | Imports are 0.8 to 1.0 CPU s of it: SQLAlchemy, DuckDB, requests, and our own modules. | commands that only read the warehouse, without the client of the CRM |
| extraction at 8 times the rows of stock dlt, and 35,000 rows/s at 300 ms a page | Without latency it reads 37,700 rows/s, with a third of dlt's CPU time. A third of ours is DuckDB writing the rows, a quarter Python, a tenth Arrow and Parquet; the sandbox takes its part of the same two cores. At 300 ms, leads are loaded only when all are read, and the number of calls at once has to be found first. | loading while reading |
| 30 leads with 3,000 columns within 5 s and 500 MB above an idle build | DuckDB needs 3.6 CPU s to plan one statement with so many columns, and memory for 2,048 rows of each of them, however few there are. A first build has three such statements. | fields beyond some hundred in one column of JSON |
"""


def load(path: Path) -> Results:
    found: Results = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return found


def write(docs: Path, results: Results) -> None:
    """The results, the page and the picture."""
    text = json.dumps(results, indent=1, sort_keys=True, ensure_ascii=False)
    (docs / "performance.json").write_text(text + "\n", encoding="utf-8")
    sizes = {each["leads"]: each["rows"] for each in results.values() if each["engine"] == "duckdb"}
    if sizes:
        (docs / "performance.svg").write_text(chart.drawn(sizes), encoding="utf-8")
    (docs / "performance.md").write_text(page(results, bool(sizes)), encoding="utf-8")


def page(results: Results, has_picture: bool) -> str:
    parts = [INTRODUCTION]
    if has_picture:
        parts.append(
            "## Cost against size\n\n"
            "![CPU seconds of builds, plan and status against the number of leads](performance.svg)\n"
        )
    for name in sorted(results, key=lambda name: (*order(results[name]), name)):
        parts.append(
            f"## {heading(name, results[name])}\n\n{made(results[name])}\n\n{markdown(results, name)}\n"
        )
    return "\n".join(parts)


def order(result: Mapping[str, Any]) -> tuple[int, int]:
    """DuckDB's sizes, PostgreSQL's, then what has none."""
    return [*ENGINES, ""].index(result["engine"]), result["leads"]


def heading(name: str, result: Mapping[str, Any]) -> str:
    if result["engine"]:
        return f"{result['leads']:,} leads in {ENGINES[result['engine']]}"
    return f"{name.capitalize()} of {result['leads']:,} leads" if result["leads"] else name.capitalize()


def made(result: Mapping[str, Any]) -> str:
    """How the figures of a table came about."""
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    return (
        f"Measured on {result['when']} with `{result['command']}` on {result['machine']}; "
        f"load average {result['load']:.1f} when it began.  \n{versions}"
    )


def lines(results: Results, name: str) -> list[tuple[str, ...]]:
    """A table's lines, below ``HEAD``."""
    one = results[name]
    alike = [each for each in results.values() if each["engine"] == one["engine"]]
    smallest: Rows = next((each["rows"] for each in alike if each["leads"] == 100_000), {})
    return table(one["rows"], one["leads"], smallest)


def markdown(results: Results, name: str) -> str:
    rows = [HEAD, ("---",) * len(HEAD), *lines(results, name)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def plain(results: Results, names: list[str]) -> str:
    """The same for a terminal, several tables below one head."""
    rows = [HEAD]
    for name in names:
        rows += [(f"-- {heading(name, results[name])}", *[""] * (len(HEAD) - 1)), *lines(results, name)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(HEAD))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
