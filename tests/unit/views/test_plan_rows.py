"""The rows of a plan as somebody looks through them."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.push import plan_rows
from connector.views.plan_rows import SORTS, Asked, PlanRows, Row
from connector.views.settings import Masking

AT = datetime(2025, 11, 2, 8, 30, tzinfo=UTC)
PUSH = SimpleNamespace(
    name="scores", schema="analytics", identifier="scores", crm="convoso", mode="update", on_conflict="crm_wins",
    max_changes=5000, max_share=None, max_clears=100, max_inserts=1000, max_deletes=100, max_found=100, max_unknown_share=None,
    fields={}, options={}, equal={}, policies={}, approval="none", approve_above=None,
)  # fmt: skip
VALUES = st.one_of(
    st.none(),
    st.sampled_from(["", " ", "7", "70", "-3.5", "1e400", "nan", "hot", "Ä", "%", "'"]),
    st.text(max_size=5),
)


def made(*rows: Any, people: Any = (), masking: Masking | None = None) -> PlanRows:
    whole = [
        (lead, name, name.lower(), current, desired, None, verdict)
        for lead, name, current, desired, verdict in rows
    ]
    return PlanRows(plan_rows(PUSH, whole, made_at=AT, crm_leads=100), people, masking)


def everything(rows: PlanRows, asked: Asked, most: int) -> list[Row]:
    found: list[Row] = []
    while True:
        page = rows.page(asked, most)
        found += page.rows
        if page.after is None:
            assert len(found) == page.total_rows
            return found
        asked = Asked(asked.list, asked.text, asked.field, asked.sort, page.after)


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from(["score", "title"]), VALUES, VALUES, st.just("change")), max_size=12,
             unique_by=lambda row: row[:2]),
    st.sampled_from(SORTS), st.integers(1, 4),
)  # fmt: skip
def test_every_row_comes_once_whatever_the_order_and_the_size_of_a_page(
    given_rows: Any, sort: str, most: int
) -> None:
    """Also where many rows have the same value, or none."""
    found = everything(made(*given_rows), Asked(sort=sort), most)
    shown = [(row.lead_id, row.field, row.current, row.desired) for row in found]
    assert sorted(map(repr, shown)) == sorted(repr(tuple(row[:4])) for row in given_rows)
    assert [row.key for row in found] == sorted(row.key for row in found)


def test_the_biggest_jump_comes_first() -> None:
    """From one number to another, up or down; what is no number comes last."""
    rows = made(
        ("1", "score", "10", "20", "change"),
        ("2", "score", "90", "5", "change"),
        ("3", "score", "hot", "cold", "change"),
        ("4", "score", "1", "1.5", "change"),
    )
    assert [row.lead_id for row in everything(rows, Asked(sort="jump"), 10)] == ["2", "1", "4", "3"]
    assert [row.lead_id for row in rows.jumps(2)] == ["2", "1"]


def test_a_search_finds_names_ids_and_values_and_nothing_hidden() -> None:
    """In capitals or not; a pattern of SQL is a text; a private value is not found."""
    people = pa.table(
        {
            "lead_id": ["1", "2"],
            "name": ["Zoë Müller", "Bob"],
            "owner": ["", "Ann"],
            "status": ["", ""],
            "edited_by": ["", ""],
        }
    )
    rows = made(
        ("1", "phone", None, "555123", "change"),
        ("2", "title", "100%", "hot", "change"),
        people=[people],
        masking=Masking(("phone",)),
    )

    def found(text: str) -> list[str]:
        return [row.lead_id for row in rows.page(Asked(text=text)).rows]

    assert found("zoë") == ["1"]
    assert found("ANN") == ["2"]
    assert found("0%") == ["2"]
    assert found("%") == ["2"]
    assert found("555") == []
    assert found("' or 1=1 --") == []
    assert found("") == ["1", "2"]


def test_moves_are_counted() -> None:
    """How often a field goes from one value to another, the most frequent first."""
    rows = made(*((str(n), "tier", "cold", "hot" if n < 4 else "warm", "change") for n in range(6)))
    assert [(move.current, move.desired, move.leads) for move in rows.moves()["tier"]] == [
        ("cold", "hot", 4),
        ("cold", "warm", 2),
    ]
