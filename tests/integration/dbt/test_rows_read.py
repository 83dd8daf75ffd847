"""What a build after a few changes reads of the book, by the engines' own counts: keys at most, however large the book is."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from dbt.adapters.duckdb.environments.local import DuckDBCursorWrapper

from connector.warehouse.connection import Warehouse
from tests.integration.dbt.conftest import Lab

RAW = "convoso_raw.lead_versions"
HISTORY = "analytics.lead_history"
BOOK = 20_000
"""Leads at first; then there are twice as many."""
CHANGED = 20
COLUMNS = ("id", "modified_at", "status", "email", "city", "notes")
RUN = "+int_push_history stg_lead_removals lead_history lead_changes leads push_outcomes int_push_memory"
"""What ``leadloop run`` makes and tests of its own, with the tests on it."""


class Book:
    """Leads in a warehouse, with as many columns as a small account has, made by SQL."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.loads = self.leads = 0
        lab.execute("create schema leadloop")
        lab.execute("create sequence leadloop.sequence_number")
        lab.land([dict.fromkeys(COLUMNS)], "1 00:00", load="0")
        lab.complete("0")

    def see(self, first: int, last: int) -> None:
        """A load with these leads."""
        self.loads += 1
        load, day = str(self.loads), f"2026-01-{self.loads + 1:02} 00:00:00"
        self.lab.execute(
            f"insert into {RAW} ({', '.join(COLUMNS)}, leadloop_seen_at, leadloop_timezone, _dlt_load_id)"
            f" select cast(n as text), '{day}', 'seen {load}', cast(n as text) || '@example.com', 'here', 'none',"
            f" cast('{day}+00' as timestamptz), 'UTC', '{load}' from generate_series({first}, {last}) as made(n)"
        )
        self.lab.complete(load)

    def grow(self) -> None:
        """The first leads or as many again, which a build has read; after it some of them were seen once more."""
        self.leads += BOOK
        self.see(self.leads - BOOK + 1, self.leads)
        self.analyze(RAW)
        self.lab.build(select=RUN)
        self.see(100, 99 + CHANGED)
        self.analyze(RAW, HISTORY, "analytics.lead_changes")

    def analyze(self, *tables: str) -> None:
        """As PostgreSQL does by itself, a minute later."""
        for table in tables:
            self.lab.execute(f"analyze {table}")


@contextmanager
def values_read(patch: pytest.MonkeyPatch) -> Iterator[Counter[tuple[str, str]]]:
    """(dbt's node, table) -> values that DuckDB's scans gave while dbt ran: rows times columns."""
    found: Counter[tuple[str, str]] = Counter()
    real = DuckDBCursorWrapper.execute

    def execute(wrapper: Any, sql: str, bindings: Any = None) -> Any:
        if bindings is not None or '"node_id": "' not in sql:
            return real(wrapper, sql, bindings)
        node = sql.partition('"node_id": "')[2].partition('"')[0].split(".")[2]
        cursor = wrapper._cursor
        cursor.execute("pragma enable_profiling='no_output'")
        for statement in cursor.extract_statements(sql):
            cursor.execute(statement)
            add(node, json.loads(cursor.get_profiling_information("json")))
        return wrapper

    def add(node: str, operator: Any) -> None:
        about = operator.get("extra_info", {})
        if "Table" in about:
            columns = about.get("Projections") or []
            width = 1 if isinstance(columns, str) else len(columns)
            found[node, about["Table"].partition(".")[2]] += operator["operator_cardinality"] * width
        for child in operator.get("children", []):
            add(node, child)

    with patch.context() as patched:
        patched.setattr(DuckDBCursorWrapper, "execute", execute)
        yield found


KEYS = {
    ("lead_history", RAW): 1,
    ("lead_history", HISTORY): 2,
    ("lead_changes", HISTORY): 1,
    ("grain_leads", HISTORY): 1,
    ("grain_lead_history", HISTORY): 1,
    ("filled_lead_history_valid_from", HISTORY): 1,
    ("filled_lead_history_first_seen_at", HISTORY): 1,
}
"""What DuckDB, which has no index for them, looks through at most: the leads' ids, and for the newest build its number."""


@pytest.mark.long
def test_duckdb_reads_a_key_of_each_lead(duck: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the size of the book, nothing wide is read of the leads that did not change, and no other column."""
    book = Book(duck)
    for _ in range(2):
        book.grow()
        with values_read(monkeypatch) as found:
            duck.build(select=RUN)
        read = {place: round(each / book.leads) for place, each in found.items()}
        assert {place: each for place, each in read.items() if each > KEYS.get(place, 0)} == {}
        assert read["lead_history", RAW] == 1, "nothing is counted"


@pytest.mark.long
def test_postgres_reads_nothing_of_other_leads(postgres_url: str) -> None:
    """It finds loads, leads and builds in its indexes, once the book is so large that it takes them."""
    lab = Lab(Warehouse.postgres(postgres_url))
    book = Book(lab)

    def rows_read() -> Counter[str]:
        others = (
            "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
            " and backend_type = 'client backend'"
        )
        while lab.rows(others) != [(0,)]:  # a connection reports what it read when it ends
            time.sleep(0.01)
        tables = lab.rows(
            "select schemaname || '.' || relname, seq_tup_read + coalesce((select sum(idx_tup_read) from pg_stat_user_indexes as indexes"
            " where indexes.relid = tables.relid), 0) from pg_stat_user_tables as tables"
        )
        return Counter({name: int(read) for name, read in tables})

    book.grow()
    lab.build(select=RUN)
    book.grow()
    before = rows_read()
    lab.build(select=RUN)
    read = rows_read() - before
    assert {table: each for table, each in read.items() if each > BOOK / 10} == {}
    assert read[RAW] >= CHANGED, "nothing is counted"


def profiled(lab: Lab, query: str) -> list[Any]:
    """Every operator of a query's plan, as DuckDB tells of it after it has run."""
    with lab.warehouse.engine().connect() as connection:
        told = json.loads(connection.exec_driver_sql(f"explain (analyze, format json) {query}").one()[1])
    found = [told]
    for operator in found:
        found += operator.get("children", [])
    return found


@pytest.mark.long
def test_a_plan_keeps_no_copy_of_the_book(duck: Any, own: Any) -> None:
    """Of leads that nobody wants otherwise, values are read and let go of, and no more is made of them; and whoever asks
    ``leads`` for one column reads one."""
    book = Book(duck)
    book.see(1, BOOK)
    own.desired("wanted", "lead_id, status, city", *(f"'{lead}', 'won', 'there'" for lead in range(1, 11)))
    own.push(
        "to_convoso",
        "desired = ref('wanted'), crm = 'convoso', key = 'lead_id', fields = {'Status': 'status', 'City': 'city'}",
    )
    duck.build(own.folder)
    operators = profiled(duck, "select * from analytics.to_convoso")
    kept = [
        each["children"][0]["operator_cardinality"]
        for each in operators
        if each.get("operator_type") == "CTE"
    ]
    assert kept, "nothing is counted"
    assert max(kept) < 100

    operators = profiled(
        duck,
        "select count(*), max(last_seen_at) from analytics.leads where crm = 'convoso' and removed_at is null",
    )
    read = {
        column
        for each in operators
        for column in each.get("extra_info", {}).get("Projections", ())
        if "lead_history" in each["extra_info"].get("Table", "")
    }
    assert "last_seen_at" in read
    assert not read & {"status", "email", "city", "notes"}
