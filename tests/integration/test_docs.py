"""What the pages show can be run: every query on both engines, every Python example against a sandbox, every table."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlalchemy as sa

from connector.warehouse.connection import Warehouse
from tests.json_documents import validated

ROOT = Path(__file__).resolve().parents[2]
QUERIES = re.findall(
    r"^### (.+?)\n(?:(?!^###).)*?```sql\n(.*?)```", (ROOT / "docs/queries.md").read_text("utf-8"), re.M | re.S
)
pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(400),
]  # whoever comes first waits for the warehouse with a past
README = re.findall(r"```sql\n(-- which.*?);\n```", (ROOT / "README.md").read_text("utf-8"), re.S)
EVERY = [*QUERIES, *(("the README's", text) for text in README)]


@pytest.fixture(scope="session")
def both(past: Any, postgres_server: str) -> Iterator[dict[str, sa.Engine]]:
    """The same warehouse in both engines: the tables of the DuckDB one, copied with their types."""
    name = "docs_queries"
    admin = sa.create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text(f"drop database if exists {name}"))
        connection.execute(sa.text(f"create database {name}"))
    there = Warehouse.postgres(postgres_server.rpartition("/")[0] + f"/{name}").engine()
    copy(past.path, there)
    yield {"duckdb": Warehouse.duckdb(past.path).engine(), "postgres": there}
    there.dispose()
    with admin.connect() as connection:
        connection.execute(sa.text(f"drop database if exists {name} with (force)"))
    admin.dispose()


def copy(path: Path, there: sa.Engine) -> None:
    with duckdb.connect(str(path), read_only=True) as here, there.begin() as connection:
        columns = here.execute(
            "select table_schema, table_name, column_name, data_type from information_schema.columns"
            " where table_schema in ('analytics', 'leadloop', 'convoso_raw') order by 1, 2, ordinal_position"
        ).fetchall()
        tables: dict[tuple[str, str], list[str]] = {}
        for schema, table, column, kind in columns:
            kind = kind.replace("VARCHAR", "TEXT").replace("HUGEINT", "NUMERIC")
            tables.setdefault((schema, table), []).append(f'"{column}" {kind}')
        for schema in sorted({schema for schema, _ in tables}):
            connection.execute(sa.text(f"create schema {schema}"))
        for (schema, table), definitions in tables.items():
            connection.execute(sa.text(f"create table {schema}.{table} ({', '.join(definitions)})"))
            rows = here.execute(f"select * from {schema}.{table}").fetchall()
            names = [f"p{place}" for place in range(len(definitions))]
            if rows:
                marks = ", ".join(f":{name}" for name in names)
                insert = sa.text(f"insert into {schema}.{table} values ({marks})")
                connection.execute(insert, [dict(zip(names, row, strict=True)) for row in rows])


def asked(engine: sa.Engine, query: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(query.replace("%", "%%"))]


@pytest.mark.parametrize("engine", ["duckdb", "postgres"])
@pytest.mark.parametrize(("question", "query"), EVERY, ids=[question for question, _ in EVERY])
def test_every_query_runs(both: dict[str, sa.Engine], engine: str, question: str, query: str) -> None:
    """Each query of the pages runs as it stands, on both engines."""
    asked(both[engine], query)


def answer(both: dict[str, sa.Engine], question: str) -> list[tuple[Any, ...]]:
    """The rows of one question, the same in both engines."""
    query = dict(QUERIES)[question]
    here, there = (asked(engine, query) for engine in both.values())
    assert sorted(map(repr, map(plain, here))) == sorted(map(repr, map(plain, there)))
    return here


def plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(value.timestamp() if hasattr(value, "timestamp") else value for value in row)


def test_the_answers_are_what_happened(past: Any, both: dict[str, sa.Engine]) -> None:
    """What people did to the leads between the runs is what the queries find, in both engines."""
    moves = {row[:2] for row in answer(both, "How do leads move from status to status?")}
    assert ("NEW", "SALE") in moves
    assert [row[1] for row in answer(both, "How fast is a new lead touched first?")] == [1]
    flips = answer(both, "Which leads flip-flop?")
    # The CRM shows a status by its code and in words.
    assert sorted(row[1:4] for row in flips) == [
        (past.undecided, name, 1) for name in ("status", "status_name")
    ]
    editors = answer(both, "Who edits most?")
    assert ("30002", 1, 1) in editors
    overwritten = answer(both, "Who overwrote what we sent?")
    assert {row[0] for row in overwritten} == set(past.edited_after_push)
    assert {row[3] for row in overwritten} == {"100"}
    conflicts = answer(both, "Which fields are in conflict: what we sent, what the CRM shows, what we want?")
    assert {row[1] for row in conflicts} == set(past.edited_after_push)
    disagree = answer(both, "Where do pushes disagree with people, or with each other?")
    assert {row[4] for row in disagree if row[0] == "edited"} == set(past.edited_after_push)
    pending = answer(both, "What would all pushes do now?")
    assert ("lead_scores_to_convoso", "convoso", "conflict", 3, 3) in pending
    (accepted,) = answer(both, "How many values does the CRM accept, by push?")
    assert accepted[1] == 2 * len(past.pushed)
    assert not answer(both, "What is still open?")


def test_every_table_is_described(past: Any) -> None:
    """docs/warehouse.md lists each table of each schema and, where it lists columns, all of them in their order."""
    text = (ROOT / "docs/warehouse.md").read_text("utf-8")
    with duckdb.connect(str(past.path), read_only=True) as connection:
        found = connection.execute(
            "select table_schema || '.' || table_name, list(column_name order by ordinal_position),"
            " list(lower(replace(replace(data_type, 'VARCHAR', 'text'), 'TIMESTAMP WITH TIME ZONE', 'timestamptz'))"
            " order by ordinal_position) from information_schema.columns"
            " where table_schema in ('analytics', 'leadloop') and table_name not like 'stg\\_%' escape '\\'"
            " and (table_name not like 'lead\\_scores%' escape '\\' or table_name = 'lead_scores_to_convoso')"
            " and table_name <> 'lead_matches' group by 1"
        ).fetchall()
    assert found
    for name, columns, kinds in found:
        part = re.split(r"^## ", text.partition(f"`{name}`\n")[2], maxsplit=1, flags=re.M)[0]
        rows = re.findall(r"^\| (`\w+`|every other field) \| (\w+) \|", part, re.M)
        assert rows, f"{name} is not described"
        there = dict(zip(columns, kinds, strict=True))
        told = {column.strip("`"): kind for column, kind in rows}
        others = told.pop("every other field", None)
        assert told.items() <= there.items(), name
        assert others or told.keys() == there.keys(), name


def test_the_status_document(past: Any) -> None:
    """What ``leadloop status --json`` tells has all documented fields and no other."""
    from connector.render.document import to_json
    from connector.render.status import status_document
    from connector.status import status

    found = validated(json.loads(to_json(status_document(status(Warehouse.duckdb(past.path))))))
    text = (
        (ROOT / "docs/json.md")
        .read_text("utf-8")
        .partition("## `leadloop status --json`")[2]
        .partition("\n## ")[0]
    )
    told = set(re.findall(r"^\| `([\w.\[\]]+)` \|", text, re.M))
    have = set(found)
    for name in ("crms", "commands", "runs"):
        assert found[name]
        have |= {f"{name}[].{key}" for key in found[name][0]}
    assert told == have


def examples(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text("utf-8"), re.S)


def test_the_sources_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """docs/source.md and README: a pipeline of one's own loads all leads, a backfill adds to them, the cursor stays."""
    from connector import config
    from connector.sandbox import Sandbox

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    with Sandbox(leads=300, seed=7) as crm:
        monkeypatch.setenv("CRM__CONVOSO__BASE_URL", f"{crm.base_url}/v1")
        monkeypatch.setenv("CRM__CONVOSO__AUTH_TOKEN", crm.token)
        monkeypatch.setenv("CRM__CONVOSO__TIMEZONE", crm.timezone)
        monkeypatch.setenv("CRM__CONVOSO__RATE", "1000")
        monkeypatch.setenv("CRM__CONVOSO__SETTLE", "0")
        config.reload()
        names: dict[str, Any] = {}
        for example in [*examples("docs/source.md"), *examples("README.md")]:
            exec(example, names)
        ids = set(crm.book.ids())
    with duckdb.connect("crm.duckdb", read_only=True) as connection:
        rows = connection.execute("select id, leadloop_timezone from convoso_raw.lead_versions").fetchall()
        (loads,) = connection.execute("select count(*) from convoso_raw._dlt_loads").fetchone() or (0,)
    assert {row[0] for row in rows} == ids
    assert {row[1] for row in rows} == {"America/Los_Angeles"}
    assert loads >= 2


def test_the_orchestrators_example_tells_failure_from_left_over_leads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """docs/warehouse.md: codes 0 and 3 are done, every other one is raised to the scheduler."""
    import subprocess
    from types import SimpleNamespace

    (example,) = examples("docs/warehouse.md")
    names: dict[str, Any] = {}
    exec(example, names)
    for code in (0, 3, 1, 2, 4, 5):
        monkeypatch.setattr(subprocess, "run", lambda *_, code=code, **__: SimpleNamespace(returncode=code))
        if code in (0, 3):
            names["leads"]()
        else:
            with pytest.raises(RuntimeError, match=str(code)):
                names["leads"]()
