"""The same work in bare DuckDB, as few statements as it takes: what leadloop's builds and plans are held against.

    python -m tests.benchmarks.bare first FOLDER

It reads ``FOLDER/leads.duckdb`` and writes ``FOLDER/bare.duckdb``: the newest sighting of each lead, found by the key
columns alone, and its row fetched by row id. It keeps no history and no changes, tests nothing, and locks nothing.
"""

import sys
from pathlib import Path

import duckdb

from tests.benchmarks.sizes import FIELDS

LIMIT = "2GB"
RAW = "raw.convoso_raw.lead_versions"
NEWEST = f"""
    select * from {RAW} where rowid in (
        select arg_max(rowid, (leadloop_seen_at, modified_at)) from {RAW} {{where}} group by id
    )
"""


def first(bare: duckdb.DuckDBPyConnection) -> None:
    bare.execute("create or replace table leads as" + NEWEST.format(where=""))
    bare.execute("create or replace table read as select load_id from raw.convoso_raw._dlt_loads")


def changed(bare: duckdb.DuckDBPyConnection) -> None:
    """The leads that loads since the last time have seen, deleted and inserted."""
    bare.execute(
        "create temp table touched as select distinct id from "
        f"{RAW} where _dlt_load_id not in (select load_id from read)"
    )
    bare.execute("begin")
    bare.execute("delete from leads where id in (select id from touched)")
    bare.execute("insert into leads" + NEWEST.format(where="where id in (select id from touched)"))
    bare.execute(
        "insert into read select load_id from raw.convoso_raw._dlt_loads anti join read using (load_id)"
    )
    bare.execute("commit")


def plan(bare: duckdb.DuckDBPyConnection) -> None:
    """The wanted values that the leads do not show."""
    differs = " or ".join(f"wanted.{name} is distinct from leads.{name}" for name in FIELDS)
    bare.execute(
        "create or replace table plan as select wanted.*, "
        + ", ".join(f"leads.{name} as {name}_now" for name in FIELDS)
        + f" from raw.inputs.wanted inner join leads on wanted.lead_id = leads.id where {differs}"
    )


def main() -> None:
    what, folder = sys.argv[1], Path(sys.argv[2])
    with duckdb.connect(str(folder / "bare.duckdb")) as bare:
        bare.execute(f"set memory_limit = '{LIMIT}'; set preserve_insertion_order = false")
        bare.execute(f"attach '{folder / 'leads.duckdb'}' as raw (read_only)")
        {"first": first, "changed": changed, "plan": plan}[what](bare)


if __name__ == "__main__":
    main()
