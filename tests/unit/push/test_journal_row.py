"""The journal's columns stand in one place; what is written and read has exactly them."""

import re
from dataclasses import FrozenInstanceError, fields
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa

from connector.push.journal_row import GIVEN, NAMES, Entry, JournalRow, Recorded, recorded
from connector.push.tables import push_journal, push_journal_archive

ROOT = Path(__file__).resolve().parents[3]
AT = datetime(2026, 8, 1, 12, 0, tzinfo=timezone(timedelta(hours=2)))
ROW = (
    "scores", "convoso", "form 1", "lead_score", "lead_score", "unknown", "3", "7", "500", "no answer", AT, None, 41,
    "run", 4,
)  # fmt: skip


def test_table_and_row_have_the_same_columns() -> None:
    """Times with a zone, whole numbers of any size, and everything else as text."""
    assert list(push_journal.c.keys()) == [each.name for each in fields(JournalRow)] == list(NAMES)
    assert list(push_journal_archive.c.keys()) == list(NAMES)
    kinds = {name: type(push_journal.c[name].type) for name in NAMES}
    assert {name for name, kind in kinds.items() if kind is sa.BigInteger} == {"seq", "sequence_number"}
    assert {name for name, kind in kinds.items() if kind is sa.DateTime} == {"recorded_at"}
    recorded_at = push_journal.c.recorded_at.type
    assert isinstance(recorded_at, sa.DateTime)
    assert recorded_at.timezone
    assert set(NAMES) - set(GIVEN) == {"run_id", "seq"}


def test_the_models_of_dbt_know_the_same_columns() -> None:
    """Also where there is no journal yet, so that what reads the staging model finds all of them."""
    model = next((ROOT / "dbt_models").rglob("journal_rows.sql")).read_text("utf-8")
    listed = re.findall(r"'(\w+)': '\w+'", model.partition("no_rows(")[2].partition(")")[0])
    assert sorted(listed) == sorted([*NAMES, "is_undo"])  # the last one is of the run, not of the row


def test_what_was_read_is_a_row_in_utc() -> None:
    """In the order of the columns, with as much of its run's as was selected; nobody can change it."""
    row = recorded(ROW)
    assert (row.run_id, row.seq, row.lead_id, row.state, row.mode) == ("run", 4, "form 1", "unknown", None)
    assert (row.recorded_at, row.recorded_at.tzinfo) == (AT, UTC)
    assert recorded([*ROW, "insert", "{}", None]) == Recorded(
        **{name: getattr(row, name) for name in NAMES}, mode="insert", options="{}"
    )
    with pytest.raises(FrozenInstanceError):
        row.state = "applied"  # type: ignore[misc]


def test_the_next_state_of_a_row_is_an_entry_of_the_same_field() -> None:
    """Of now, unless it is said to be as of this row; and with the CRM's id that has been found meanwhile."""
    row = recorded(ROW)
    same = ("scores", "convoso", "form 1", "lead_score", "lead_score")
    assert row.then("deferred", reason="gone") == Entry(*same, "deferred", "3", "7", reason="gone")
    assert row.then("applied", code="200", as_of_this=True, crm_lead_id="C1") == Entry(
        *same, "applied", "3", "7", "200", None, AT.astimezone(UTC), "C1", 41
    )
