"""What a build costs on Spark as the book grows: the first one, and one after some leads were seen again.

    make test-spark                                          # makes the environment
    .venv-spark/bin/python -m tests.benchmarks.spark_growth 100000 1000000

The server is Sail, which leadloop starts in its own process, so that all memory is counted. The table is in docs/scale.md.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

from connector.warehouse import spark_tables
from connector.warehouse.connection import Warehouse
from connector.warehouse.ledger import next_number
from tests.benchmarks.crm import Crm
from tests.benchmarks.measure import CLEAN, LEADLOOP, Done, process
from tests.benchmarks.sizes import CHANGED, SEED
from tests.benchmarks.synthetic import FIRST_ID, OWN, RAW

COLUMNS = ("leads", "first build, CPU s", "s", "MB", "next build, CPU s", "s", "MB", "Delta tables, MB")


class Book:
    """A warehouse on Spark whose raw table has a few leads, as leadloop has read them, and then many."""

    def __init__(self, folder: Path, crm: Crm) -> None:
        self._folder = folder
        self._storage = folder / "leads.delta"
        self._warehouse = Warehouse.spark(self._storage)
        self._env = {
            **CLEAN,
            **crm.settings(),
            "WAREHOUSE__DESTINATION": "spark",
            "DESTINATION__SPARK__CREDENTIALS__STORAGE": str(self._storage),
            "DBT__PROJECT": "packaged",
        }
        self._run("extract")

    def fill(self, leads: int) -> None:
        """Adds leads to those that are there, up to this many, in their load."""
        own = {name: rule.format(first=FIRST_ID) for name, rule in OWN.items()}
        self._append(
            "lead_versions",
            "select {columns} from (select *, row_number() over (order by id) - 1 as place from {table}) as seed "
            f"inner join generate_series(1, {leads - SEED}) as made(n) on mod(made.n, {SEED}) = seed.place",
            own,
        )

    def change(self, leads: int) -> None:
        """A load that has seen some leads again, spread over all of them, each with two other values."""
        load = repr(time.time())
        with self._warehouse.ledger().begin() as connection:
            number = next_number(connection)
        seen = f"where mod(cast(id as bigint), {max(1, leads // CHANGED)}) = 0 limit {CHANGED}"
        own = {
            "modified_at": f"'{time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(time.time() - 8 * 3600))}'",
            "status": f"case when status = 'SALE' then 'NEW{load[-3:]}' else 'SALE' end",
            "notes": f"'Called again, {load}'",
            "leadloop_seen_at": "current_timestamp",
            "leadloop_sequence_number": str(number),
            "_dlt_load_id": f"'{load}'",
        }
        self._append("lead_versions", "select {columns} from {table} " + seen, own)
        whole = {"load_id": f"'{load}'", "inserted_at": "current_timestamp"}
        self._append("_dlt_loads", "select {columns} from {table} limit 1", whole)

    def build(self) -> Done:
        return self._run("build")

    def size(self) -> float:
        return sum(each.stat().st_size for each in self._storage.rglob("*") if each.is_file()) / 1e6

    def count(self) -> int:
        with self._warehouse.engine().connect() as connection:
            return int(connection.exec_driver_sql("select count(*) from analytics.leads").scalar() or 0)

    def _append(self, table: str, query: str, own: dict[str, str]) -> None:
        schema, _ = RAW.split(".")
        with self._warehouse.engine().connect() as connection:
            names = connection.exec_driver_sql(f"select * from {schema}.{table} limit 0").keys()
            told = ", ".join(f"{own.get(name, name)} as {name}" for name in names)
            found: Any = connection.exec_driver_sql(query.format(columns=told, table=f"{schema}.{table}"))
            with found.cursor.to_arrow_reader(100_000) as rows:
                spark_tables.append(self._storage / schema / table, rows)

    def _run(self, command: str) -> Done:
        return process([*LEADLOOP, command], cwd=self._folder, env={**self._env, "LEADLOOP_DEBUG": "1"})


def measured(leads: int) -> str:
    with tempfile.TemporaryDirectory() as name, Crm(SEED) as crm:
        book = Book(Path(name), crm)
        book.fill(leads)
        builds = [book.build()]
        book.change(leads)
        builds.append(book.build())
        if book.count() != leads:
            raise SystemExit(f"analytics.leads has {book.count()} leads instead of {leads}")
        figures = [f"{leads:,}"]
        for each in builds:
            figures += [f"{each.cpu:,.0f}", f"{each.wall:,.0f}", f"{each.peak_mb:,.0f}"]
        return f"| {' | '.join([*figures, f'{book.size():,.0f}'])} |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("leads", type=int, nargs="+")
    sizes = parser.parse_args().leads
    print(f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|", flush=True)
    for leads in sizes:
        print(measured(leads), flush=True)


if __name__ == "__main__":
    main()
