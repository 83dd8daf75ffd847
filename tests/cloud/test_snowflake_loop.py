"""The loop with its warehouse in Snowflake, with fakesnow's server in place of the service: dlt, dbt and leadloop talk to it by Snowflake's
own driver."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connector import loop
from connector.warehouse import snowflake_copies
from connector.warehouse.connection import Warehouse
from connector.warehouse.engines import ENGINES
from connector.warehouse.relations import Relation
from connector.warehouse.snowflake import _door
from tests.engines.bench import made

pytest.importorskip("fakesnow", reason="`make test-cloud` has what this needs")
pytestmark = [pytest.mark.long, pytest.mark.timeout(2400)]
PUSH = "lead_scores_to_convoso"


def test_the_loop_does_what_it_does_on_duckdb(bench: Callable[..., Any], packaged: Path) -> None:
    """Read, build, send; the plan after it is empty, though nothing was built since. People edit, a field is new; read and build again:
    what was sent is confirmed, and every relation is row by row what DuckDB makes of the same raw tables."""
    run = bench(leads=40)
    warehouse, book = run.warehouse, run.crm.book
    loop.extract(warehouse)
    loop.build(warehouse, packaged)
    assert run.rows("select count(*) from leadloop.dbt_results where status not in ('success', 'pass')") == [
        (0,)
    ]
    sent = loop.push(warehouse, PUSH, packaged)
    assert sent is not None
    pushed = [lead.lead_id for lead in sent.plan.leads]
    assert len(pushed) > 1
    assert all(book.row(lead_id)["lead_score"] for lead_id in pushed)
    assert not loop.plan(warehouse, PUSH, packaged).leads

    time.sleep(
        1.1
    )  # the CRM's clock counts whole seconds: an edit in the second of our write would look like a part of it
    other = next(lead_id for lead_id in book.ids() if lead_id not in pushed)
    book.custom_fields += ("loan_size",)
    book.edit(pushed[0], {"lead_score": "100"})
    book.edit(other, {"first_name": "Renée 'O\\", "loan_size": "00120", "email": ""})
    loop.extract(warehouse)
    loop.build(warehouse, packaged)
    assert run.rows(
        f"select first_name, loan_size, email from analytics.leads where lead_id = '{other}'"
    ) == [("Renée 'O\\", "00120", None)]
    states = dict(run.rows("select lead_id, min(state) from analytics.push_outcomes group by lead_id"))
    assert states.keys() == set(pushed)
    assert {state for lead_id, state in states.items() if lead_id != pushed[0]} == {"confirmed"}
    again = loop.plan(warehouse, PUSH, packaged)
    assert not {lead.lead_id for lead in again.leads} & set(pushed[1:]), "what was sent is not sent again"
    here, there = made(warehouse), run.of_duckdb()
    assert here.keys() == there.keys()
    for name, rows in there.items():
        assert here[name] == rows, name


def test_only_what_has_changed_is_copied(warehouse: Warehouse) -> None:
    """Before each build, in one transaction; and a table that somebody dropped in the service is copied again."""
    door = _door(warehouse.url)

    def copied() -> list[str]:
        return snowflake_copies.copy(warehouse.engine(), ENGINES["snowflake"], door)

    with warehouse.lock("build"):
        assert "push_runs" in copied()
        assert copied() == []
        with warehouse.engine().begin() as connection:
            connection.exec_driver_sql(
                "insert into leadloop.push_runs (run_id, started_at) values ('run', '2026-03-01 10:00:00.123456+02')"
            )
        assert copied() == ["push_runs"]
        assert door.rows(
            'select "RUN_ID", date_part(epoch_microsecond, "STARTED_AT") from "LEADS"."LEADLOOP"."PUSH_RUNS"'
        ) == [("run", 1772352000123456)]
        with warehouse.engine().begin() as connection:
            connection.exec_driver_sql("update leadloop.push_runs set run_id = 'other'")
        assert copied() == ["push_runs"]
        assert door.rows('select "RUN_ID" from "LEADS"."LEADLOOP"."PUSH_RUNS"') == [("other",)]
        door.run('drop table "LEADS"."LEADLOOP"."PUSH_RUNS"')
        door.forget()
        assert copied() == ["push_runs"]
    assert Relation("leadloop", "leases") not in door.tables()


def test_rows_come_as_they_are_and_by_key(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of every type, also of years that nanoseconds don't reach; and Snowflake is asked for the columns and keys alone that are wanted."""
    with warehouse.lock("build"):
        pass
    door = _door(warehouse.url)
    door.run(
        "create schema if not exists LEADS.ANALYTICS",
        "create table LEADS.ANALYTICS.T (ID varchar, N number(38, 0), P number(10, 2), F float, B boolean, D date,"
        " MADE_AT timestamp_tz, HERE_AT timestamp_ntz, J variant, other varchar)",
        "insert into LEADS.ANALYTICS.T select '007', 9007199254740993, 1.25, 0.5, true, '9999-12-31',"
        " '9998-01-01 00:00:00.123456 +02:00'::timestamp_tz, '2026-03-08 02:30:00'::timestamp_ntz, parse_json('{\"a\":1}'), 'x'",
        "insert into LEADS.ANALYTICS.T (ID) select '7'",
    )
    door.forget()
    asked: list[str] = []
    batches = type(door).batches

    def noted(self: Any, query: str) -> Any:
        asked.append(query)
        return batches(self, query)

    monkeypatch.setattr(type(door), "batches", noted)
    with warehouse.engine().connect() as connection:
        row = connection.exec_driver_sql("select * from analytics.t where id = '007'").one()._mapping
        assert {name: str(row[name]) for name in row} == {
            "id": "007", "n": "9007199254740993", "p": "1.25", "f": "0.5", "b": "True", "d": "9999-12-31",
            "made_at": "9997-12-31 22:00:00.123456+00:00", "here_at": "2026-03-08 02:30:00", "j": '{"a":1}', "other": "x",
        }  # fmt: skip
        asked.clear()
        assert (
            connection.exec_driver_sql("select n from analytics.t where id = '007'").scalar()
            == 9007199254740993
        )
        wanted = 'select {} from "LEADS"."ANALYTICS"."T" where "ID" = \'007\''
        assert asked in ([wanted.format('"ID", "N"')], [wanted.format('"N", "ID"')])
        assert connection.exec_driver_sql("select count(*) from analytics.t where n is null").scalar() == 1
