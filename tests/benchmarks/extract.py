"""leadloop's extraction beside dlt's stock ``rest_api`` source: the same sandbox, the same DuckDB, one run.

    make bench                      200,000 leads, three rounds of each in turn
    python tests/benchmarks/extract.py --leads 20000 400000 --rounds 1     shows that memory stays flat

Each round is a process of its own, so that its peak memory is its own too. The server runs in a third process on the
same cores. Rows per second include everything up to the committed table. The stock source is set up as its documentation
has it, with parquet; leadloop brings its own settings along, as it does in ``leadloop extract``.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

TOKEN = "sandbox-token"


def with_leadloop(base_url: str, folder: Path) -> Callable[[], int]:
    import dlt

    from connector import crm
    from connector.extract.job import job
    from connector.extract.load import load, tune

    tune()
    settings = crm.vendor("convoso").settings(
        base_url=base_url,
        auth_token=TOKEN,
        timezone="America/Los_Angeles",
        rate=1000,
        settle=0,
        removals=False,
    )
    pipeline = dlt.pipeline(
        "bench",
        destination=dlt.destinations.duckdb(str(folder / "leads.duckdb")),
        dataset_name="convoso_raw",
        pipelines_dir=str(folder),
    )
    return lambda: load(pipeline, settings, job(settings)).rows


def with_rest_api(base_url: str, folder: Path) -> Callable[[], int]:
    import dlt
    from dlt.sources.rest_api import rest_api_source

    source = rest_api_source(
        {
            "client": {"base_url": base_url},
            "resources": [
                {
                    "name": "leads",
                    "endpoint": {
                        "path": "leads/search",
                        "params": {"auth_token": TOKEN},
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
        destination=dlt.destinations.duckdb(str(folder / "leads.duckdb")),
        dataset_name="convoso_raw",
        pipelines_dir=str(folder),
    )

    def read() -> int:
        pipeline.run(source, loader_file_format="parquet")
        return int(pipeline.last_trace.last_normalize_info.row_counts["leads"])

    return read


CONTENDERS = {"leadloop": with_leadloop, "rest_api": with_rest_api}
"""Each makes everything ready and returns what is measured."""


def one_round(contender: str, base_url: str) -> None:
    """Runs in a process of its own and prints its figures as JSON."""
    import dlt

    with tempfile.TemporaryDirectory() as folder:
        # Imports and first-time set-up are not what is measured; a scheduled run pays them once.
        warm = dlt.destinations.duckdb(f"{folder}/warm.duckdb")
        dlt.pipeline("warm", destination=warm, pipelines_dir=folder).run(
            [{"x": 1}], table_name="x", loader_file_format="parquet"
        )
        read = CONTENDERS[contender](base_url, Path(folder))
        before = time.perf_counter()
        rows = read()
        seconds = time.perf_counter() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    cpu = sum(os.times()[:2])
    print(json.dumps({"rows": rows, "seconds": seconds, "peak_mb": peak, "cpu": cpu}))


def measure(contender: str, base_url: str) -> dict[str, float]:
    environment = {
        **os.environ,
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "RUNTIME__LOG_LEVEL": "CRITICAL",
    }
    done = subprocess.run(
        [sys.executable, __file__, "--round", contender, base_url],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
        cwd=tempfile.gettempdir(),
    )
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--leads", type=int, nargs="+", default=[200_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=sorted(CONTENDERS))
    parser.add_argument("--round", nargs=2, metavar=("CONTENDER", "URL"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.round:
        one_round(*arguments.round)
        return
    print(f"{'':10}{'leads':>9}{'rows/s (median of rounds)':>28}{'peak MB':>9}   each round, rows/s")
    for leads in arguments.leads:
        server = subprocess.Popen(
            [sys.executable, "-m", "connector.cli", "sandbox", "--leads", str(leads), "--port", "0"],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert server.stdout is not None
        try:
            base_url = next(word for word in server.stdout.readline().split() if word.startswith("http"))
            base_url = base_url.rstrip("/.,").removesuffix("/v1") + "/v1"
            figures: dict[str, list[dict[str, float]]] = {}
            for _ in range(arguments.rounds):
                for contender in [arguments.only] if arguments.only else CONTENDERS:
                    figures.setdefault(contender, []).append(measure(contender, base_url))
        finally:
            server.terminate()
            server.wait()
        speeds = {}
        for contender, rounds in figures.items():
            each = [one["rows"] / one["seconds"] for one in rounds]
            speeds[contender] = statistics.median(each)
            print(
                f"{contender:10}{leads:>9,}{speeds[contender]:>28,.0f}{max(o['peak_mb'] for o in rounds):>9,.0f}   "
                + " ".join(f"{speed:,.0f}" for speed in each)
            )
            assert all(one["rows"] >= leads for one in rounds), "rows are missing"
        if len(speeds) == 2:
            print(f"leadloop reads {speeds['leadloop'] / speeds['rest_api']:.1f} times as fast.")


if __name__ == "__main__":
    main()
