"""One extraction of all leads of a CRM into a new DuckDB file: by leadloop, or by dlt's stock ``rest_api`` source.

    python -m tests.benchmarks.extract leadloop

It works in the current folder, is told of the CRM by leadloop's own settings, and prints ``{"rows", "seconds"}``. The
seconds include everything up to the committed table; imports and first-time set-up are not in them, since a scheduled run
pays them once, and the sandbox forgets the calls they took. The stock source is set up as its documentation has it, with parquet; leadloop brings its own settings
along, as it does in ``leadloop extract``.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path


def with_leadloop() -> Callable[[], int]:
    from connector import loop
    from connector.warehouse.connection import Warehouse

    # So that the smallest number of calls is known: a page each, and nothing beside the leads.
    os.environ["CRM__CONVOSO__REMOVALS"] = "false"
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        # A second long before there were leads: it imports everything.
        day = datetime(2001, 1, 1, tzinfo=UTC)
        loop.extract(Warehouse.duckdb(Path("warm.duckdb")), start=day, end=day + timedelta(seconds=1))
        os.chdir(here)
    warehouse = Warehouse.duckdb(here / "leads.duckdb")
    return lambda: loop.extract(warehouse).rows


def with_rest_api() -> Callable[[], int]:
    import dlt
    from dlt.sources.rest_api import rest_api_source

    source = rest_api_source(
        {
            "client": {"base_url": os.environ["CRM__CONVOSO__BASE_URL"]},
            "resources": [
                {
                    "name": "leads",
                    "endpoint": {
                        "path": "leads/search",
                        "params": {"auth_token": os.environ["CRM__CONVOSO__AUTH_TOKEN"]},
                        "data_selector": "data.entries",
                        "paginator": {
                            "type": "offset",
                            "limit": 2000,
                            "offset_param": "offset",
                            "limit_param": "limit",
                            "total_path": "data.total",
                        },
                    },
                }
            ],
        }
    )
    pipeline = dlt.pipeline(
        "bench",
        destination=dlt.destinations.duckdb("leads.duckdb"),
        dataset_name="convoso_raw",
        pipelines_dir="pipelines",
    )

    def read() -> int:
        pipeline.run(source, loader_file_format="parquet")
        return int(pipeline.last_trace.last_normalize_info.row_counts["leads"])

    return read


CONTENDERS = {"leadloop": with_leadloop, "rest_api": with_rest_api}
"""Each makes everything ready and returns what is measured."""


def main() -> None:
    import dlt
    import requests  # noqa: TID251 - to the sandbox's own endpoint

    with tempfile.TemporaryDirectory() as folder:
        warm = dlt.destinations.duckdb(f"{folder}/warm.duckdb")
        dlt.pipeline("warm", destination=warm, pipelines_dir=folder).run(
            [{"x": 1}], table_name="x", loader_file_format="parquet"
        )
    read = CONTENDERS[sys.argv[1]]()
    sandbox = os.environ["CRM__CONVOSO__BASE_URL"].removesuffix("/v1")
    requests.delete(f"{sandbox}/_sandbox/calls", timeout=10).raise_for_status()
    before = time.perf_counter()
    rows = read()
    print(json.dumps({"rows": rows, "seconds": time.perf_counter() - before}))


if __name__ == "__main__":
    main()
