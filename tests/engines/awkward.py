"""Raw tables and a journal whose values engines treat in different ways, in steps: what is there before each build.

The rows are put straight into the tables, in each engine by its own means, so that every engine begins with the same.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from connector.warehouse.connection import Warehouse

Row = Mapping[str, Any]
Step = Mapping[str, Sequence[Row]]
"""Table -> rows that are added to it."""

TYPES = {
    "leadloop_seen_at": pa.timestamp("us", "UTC"),
    "leadloop_sequence_number": pa.int64(),
    "started_at": pa.timestamp("us", "UTC"),
    "noted_at": pa.timestamp("us", "UTC"),
    "recorded_at": pa.timestamp("us", "UTC"),
    "sequence_number": pa.int64(),
    "seq": pa.int64(),
}
"""Column -> type, of those that are no texts."""
SQL_TYPES = {"string": "text", "int64": "bigint", "timestamp[us, tz=UTC]": "timestamptz"}
"""An Arrow type -> the name that DuckDB has for it."""
BEGIN = datetime(2026, 3, 9, tzinfo=UTC)
LOS_ANGELES, LONDON = "America/Los_Angeles", "Europe/London"

_ODD: tuple[Row, ...] = (
    # Ids are text: leading zeros, and more digits than a floating-point number holds.
    {"id": "007", "first_name": "Zero", "last_name": " ", "email": None, "created_at": "2026-03-01 10:00:00"},
    {"id": "7", "first_name": "", "last_name": None, "email": "a@example.org", "created_at": "2026-03-01"},
    {"id": "9007199254740993", "first_name": "a'b\"c;d\\e\nf", "last_name": "\\n''\t", "created_at": "n/a"},
    # Hours that happen twice, or never, where the account is; texts with an offset of their own; and what is no time.
    {"id": "autumn", "created_at": "2025-11-02 01:30:00", "modified_at": "2025-11-02 01:30:00"},
    {"id": "spring", "created_at": "2026-03-08 02:30:00", "modified_at": "2026-03-08 02:30:00"},
    {"id": "offset", "created_at": "2026-03-01T10:00:00+05:30", "modified_at": "2026-03-01T10:00:00.25Z"},
    {"id": "minus", "created_at": "2026-03-01t10:00:00 -0800", "modified_at": "2026-03-01 10:00:00.123456789+01"},
    {"id": "never", "created_at": "2026-02-30 10:00:00", "modified_at": "0000-00-00 00:00:00"},
    {"id": "line end", "created_at": "2026-03-01 10:00:00\n", "modified_at": "2026-03-01 10:00:00\n"},
    {"id": "far", "created_at": "9999-12-31 00:00:00", "modified_at": "1900-01-01 00:00:00"},
    # Blanks of ASCII are blank, and others are not.
    {"id": "blanks", "first_name": "\t\n\x0b\x0c\r ", "last_name": "\xa0", "email": "\u2003"},
    {"id": " ", "first_name": "no lead"},
    {"id": None, "first_name": "no lead either"},
    {"id": None, "lead_id": "by another name", "first_name": "É;é;;😀", "last_name": "\u0130\u0131"},
    # Types: what fits, and what doesn't.
    {"id": "t1", "lead_score": "+5.", "premium": ".5", "is_hot": "YES", "renewal": "2026-03-01", "called_at": "2026-03-01T10:00:00+02"},
    {"id": "t2", "lead_score": "1e3", "premium": "-1.5e3", "is_hot": "off", "renewal": "2026-03-01 10:00:00", "called_at": "2026-03-01"},
    {"id": "t3", "lead_score": " 7\n", "premium": "1,000", "is_hot": "maybe", "renewal": "1 March", "called_at": "n/a"},
    {"id": "t4", "lead_score": "123456789012345678", "premium": "1.1234567890123456", "is_hot": "0", "renewal": "2024-02-29"},
)  # fmt: skip

# Fields for which the raw table has no columns.
_MORE = (
    '{"plan": "gold", "odd \\"name\\"": "a\\\\b", "points": "12", "empty": ""}',
    '{"plan": "silver", "points": "x", "new": "\\u00e9"}',
)


def _seen(
    row: Row, minute: float, load: str | None, zone: str | None = LOS_ANGELES, number: int | None = None
) -> Row:
    ours = {
        "leadloop_seen_at": BEGIN + timedelta(minutes=minute),
        "leadloop_timezone": zone,
        "_dlt_load_id": load,
    }
    return {**ours, "leadloop_sequence_number": number, **row}


def _lead(lead_id: str, modified: str, **fields: str | None) -> Row:
    return {"id": lead_id, "created_at": "2026-01-01 00:00:00", "modified_at": modified, **fields}


def _said(number: int, state: str, **given: Any) -> Row:
    row = {
        "run_id": "run-1",
        "push": "p",
        "crm": "convoso",
        "field": "Lead Score",
        "column_name": "lead_score",
    }
    moment = {
        "recorded_at": BEGIN + timedelta(minutes=given.pop("minute", number)),
        "seq": number,
        "sequence_number": 100 + number,
    }
    none = dict.fromkeys(("old_value", "value", "code", "reason", "crm_lead_id"))
    return {**row, **none, **moment, "lead_id": "l1", "state": state, **given}


def _run(run_id: str, mode: str = "update", undoes: str | None = None) -> Row:
    return {
        "run_id": run_id,
        "push": "p",
        "crm": "convoso",
        "mode": mode,
        "started_at": BEGIN,
        "undoes": undoes,
    }


def _first() -> Step:
    load = "1772000000.1"
    leads = [_seen(row, number, load) for number, row in enumerate(_ODD)]
    # A, B, A are three versions; a repeat is none; and the same row twice is two sightings.
    for number, name in enumerate(("A", "B", "B", "A", "A")):
        leads.append(_seen(_lead("aba", "2026-03-01 10:00:00", first_name=name), 20 + number, load))
    leads += [_seen(_lead("twice", "2026-03-02 10:00:00", first_name="same"), 30, load, number=7)] * 3
    leads += [_seen(_lead("twice", "2026-03-02 10:00:00", first_name="other"), 31, load, number=8)] * 2
    leads.append(_seen(_lead("no load", "2026-03-02 10:00:00", first_name="put in by hand"), 30, None))
    leads += [
        _seen(_lead(f"l{number}", "2026-03-03 10:00:00", lead_score="10", title="cold", email=f"l{number}@Example.org",
                    phone_number=f"(555) 010-01{number:02}", leadloop_more_fields=_MORE[0]), 40, load, number=20)
        for number in range(1, 31)
    ]  # fmt: skip
    return {
        "convoso_raw.lead_versions": leads,
        "convoso_raw._dlt_loads": [{"load_id": load}],
        "leadsquared_raw.lead_versions": [
            _seen({"prospect_id": f"p-{n}", "created_on": "2026-03-01 00:00:00", "modified_on": "2026-03-01 10:00:00.250",
                   "mx_lead_score": "5", "phone": f"+1 555 010 01{n:02}", "email_address": f"L{n}@example.org "}, 5, load, "UTC")
            for n in range(1, 4)
        ],
        "pollybot_raw.lead_versions": [
            _seen({"id": "1", "created_at": "2026-01-01T00:00:00.000Z", "updated_at": "2026-01-02T10:00:00.500Z",
                   "status": "new", "custom_fields_lead_score": "85", "contact_email": "l5@example.org"}, 6, load, LONDON)
        ],
        "leadping_raw.lead_versions": [
            _seen({"id": "1", "created_at": "2026-01-01T02:00:00+02:00", "modified_at": None,
                   "contact_phone_number": "+15550100106"}, 6, load, None)
        ],
        "convoso_east_raw.lead_versions": [
            _seen(_lead("l1", "2026-03-28 01:30:00", first_name="of another office"), 7, load, LONDON)
        ],
        "convoso_raw.lead_removals": [
            _seen({"id": "l28", "removal": "deleted", "removed_at": "2026-03-09 03:00:00"}, 300, load, number=30),
            _seen({"id": "l29", "removal": "merged", "merged_into": "l1", "removed_at": None}, 300, load, number=30),
            _seen({"id": "l29", "removal": "archived", "merged_into": " ", "removed_at": None}, 200, load, number=29),
            _seen({"id": "007", "removal": "deleted", "removed_at": None}, -5, load),
        ],
        "convoso_raw.recordings": [
            _seen({"recording_id": "r1", "lead_id": "l1", "start_time": "2026-03-01 10:00:00", "end_time": "2026-03-01 10:01",
                   "seconds": "61.9", "url": "https://example.org/1"}, 1, load),
            _seen({"recording_id": "r1", "lead_id": "l1", "start_time": "2026-03-01 10:00:00", "end_time": None,
                   "seconds": "x", "url": "https://example.org/2"}, 2, load),
        ],
        "convoso_raw.calls": [
            _seen({"id": "c1", "lead_id": "l1", "call_date": "2026-03-08 02:30:00", "call_length": "9", "status": None}, 1, load),
            _seen({"id": "c1", "lead_id": "l1", "call_date": "2026-03-08 02:30:00", "call_length": "9", "status": "SALE"}, 1, load),
        ],
        "leadloop.accounts": [
            {"crm": "convoso_east", "vendor": "convoso", "noted_at": BEGIN},
            {"crm": "convoso", "vendor": "convoso", "noted_at": BEGIN},
        ],
        "leadloop.fields": [
            {"crm": crm, "field": field, "type": kind}
            for crm in ("convoso", "convoso_east")
            for field, kind in (("Lead Score", "integer"), ("premium", "number"), ("Is Hot", "boolean"), ("renewal", "date"),
                                ("called_at", "timestamp"), ("points", "integer"), ("title", "text"))
        ],
        "leadloop.push_runs": [_run("run-1"), _run("run-2", "insert"), _run("run-3", undoes='["run-1"]')],
        "leadloop.push_journal": [
            _said(1, "planned", value="60", old_value="10", crm_lead_id="l1"),
            _said(2, "sent", value="60", crm_lead_id="l1"),
            _said(3, "applied", value="60", old_value="10", crm_lead_id="l1", minute=45),
            _said(4, "planned", lead_id="l2", value="it's", old_value="10"),
            _said(5, "sent", lead_id="l2", value="it's"),
            _said(6, "unknown", lead_id="l2", value="it's", old_value="10", reason="no answer"),
            _said(7, "rejected", lead_id="l3", value="70", code="6001", reason="no\\such lead"),
            _said(8, "rejected", lead_id="l3", field="title", column_name="title", value="hot", code="6001"),
            *(
                _said(9 + number, state, lead_id="l4", value="80", old_value="10")
                for number, state in enumerate(("applied", "reverted") * 3)
            ),
            _said(20, "applied", lead_id="l5", value="90", old_value="10"),
            _said(21, "applied", run_id="run-3", lead_id="l5", value=" ", old_value="90"),
            _said(22, "applied", run_id="run-2", lead_id="mine", crm_lead_id="l6", value="1"),
            _said(23, "sent", run_id="run-2", lead_id="mine too", value="1"),
            _said(24, "applied", lead_id="l7", value="", old_value="10", code="found"),
        ],
        "leadloop.push_journal_archive": [_said(1, "applied", run_id="old", lead_id="l9", value="1", sequence_number=None)],
    }  # fmt: skip


def _second() -> Step:
    """Edits, a column that is new, a version that is late, a lead that is back, a row of no load, and what the CRM shows of ours."""
    load = "1772100000.1"
    return {
        "convoso_raw.lead_versions": [
            _seen(_lead("l1", "2026-03-09 00:46:00", lead_score="60", title="cold", loan_size="00120"), 46, load, number=50),
            _seen(_lead("l2", "2026-03-09 00:50:00", lead_score="it's", title=None, leadloop_more_fields=_MORE[1]), 50, load, number=50),
            _seen(_lead("aba", "2026-02-28 10:00:00", first_name="late"), 20.5, load),
            _seen(_lead("twice", "2026-03-02 10:00:00", first_name="same"), 60, load, number=51),
            _seen(_lead("l28", "2026-03-10 10:00:00", lead_score="10"), 400, load, number=52),
            _seen(_lead("spring", "2026-03-29 01:30:00", first_name="elsewhere"), 61, load, LONDON, 53),
            _seen(_lead("no load", "2026-03-04 10:00:00", first_name="by hand again"), 62, None),
            _seen(_lead("new", "2026-03-05 10:00:00", first_name=";", last_name=";;"), 63, load, number=54),
        ],
        "convoso_raw._dlt_loads": [{"load_id": load}],
        "leadloop.push_journal": [
            _said(30, "sent", lead_id="l2", field="title", column_name="title", value=None, minute=47),
            _said(31, "confirmed", value="60", crm_lead_id="l1", minute=47),
        ],
    }  # fmt: skip


def _third() -> Step:
    """Nothing but an answer that came late: a change that was built already is our own."""
    return {
        "leadloop.push_journal": [
            _said(32, "confirmed", lead_id="l2", value="it's", old_value="10", minute=55, code="x"),
            _said(
                33,
                "reverted",
                lead_id="l1",
                value="60",
                old_value="60.0",
                code="other_form",
                crm_lead_id="l1",
                minute=56,
            ),
        ]
    }


def _fourth() -> Step:
    """A later load, which shows leads that were seen before and two new ones."""
    load = "1772200000.1"
    return {
        "convoso_raw.lead_versions": [
            _seen(_lead(f"l{number}", "2026-03-11 10:00:00", lead_score="80", title="hot"), 500, load, number=70)
            for number in range(25, 33)
        ],
        "leadsquared_raw.lead_versions": [
            _seen({"prospect_id": "p-1", "created_on": "2026-03-01 00:00:00", "modified_on": "2026-03-11 10:00:00.250",
                   "mx_lead_score": "6", "loan_size": "7"}, 500, load, "UTC")
        ],
    }  # fmt: skip


STEPS: tuple[Step, ...] = (_first(), _second(), _third(), _fourth())


def tables(step: Step) -> Iterator[tuple[str, str, pa.Table]]:
    """Schema, name and rows of each table to which a step adds some."""
    for table, rows in step.items():
        schema, _, name = table.partition(".")
        columns = dict.fromkeys(column for row in rows for column in row)
        arrays = {
            column: pa.array([row.get(column) for row in rows], TYPES.get(column, pa.string()))
            for column in columns
        }
        yield schema, name, pa.table(arrays)


def land(duck: Warehouse, step: Step) -> None:
    """Puts the rows of a step straight into the tables."""
    with duck.engine().begin() as connection:
        for schema, name, rows in tables(step):
            connection.execute(sa.text(f"create schema if not exists {schema}"))
            columns = [f'"{field.name}" {SQL_TYPES[str(field.type)]}' for field in rows.schema]
            if schema != "leadloop":
                declared = ", ".join(columns)
                connection.execute(sa.text(f"create table if not exists {schema}.{name} ({declared})"))
                for column in columns:
                    connection.execute(
                        sa.text(f"alter table {schema}.{name} add column if not exists {column}")
                    )
            names = ", ".join(f'"{each}"' for each in rows.column_names)
            marks = ", ".join("?" * rows.num_columns)
            statement = f"insert into {schema}.{name} ({names}) values ({marks})"
            connection.exec_driver_sql(statement, [tuple(row.values()) for row in rows.to_pylist()])
