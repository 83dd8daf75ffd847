"""Rows become text columns without losing or bending a value."""

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.crm.answers import RawRows
from connector.crm.base import Page
from connector.extract.columns import Columns, as_text, column_name

AT = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)


def table(*rows, columns=None):
    return (columns or Columns("UTC")).table(Page(list(rows), None, AT))


@pytest.mark.parametrize(
    ("field", "column"),
    [
        ("lead_score", "lead_score"),
        ("mx_City", "mx_city"),
        ("ProspectID", "prospect_id"),
        ("Lead Score", "lead_score"),
        ("contact.phone.number", "contact_phone_number"),
        ("alt_phone_1", "alt_phone_1"),
        ("HTTPStatusCode", "http_status_code"),
        ("_dlt_id", "dlt_id"),
        ("2nd phone", "_2nd_phone"),
        ("имя", "x"),
        ("", "x"),
    ],
)
def test_column_names(field, column):
    """A field's column is its name in words of lower-case ASCII."""
    assert column_name(field) == column


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        ("", ""),
        ("05", "05"),
        (5310, "5310"),
        (True, "true"),
        ([1, "a"], '[1,"a"]'),
        ({"a": None}, '{"a":null}'),
    ],
)
def test_values_are_kept_as_the_api_said_them(value, text):
    """Null stays null, blank stays blank, everything else is its JSON text."""
    assert as_text(value) == text


def test_numbers_keep_their_literal_text():
    """A number with a fraction is not rounded on its way through a float."""
    decoded = msgspec.json.Decoder(float_hook=str).decode(
        b'[{"id": 1, "rate": 1.10, "big": 12345678901234567890}]'
    )
    assert table(*decoded).to_pylist()[0] | {"leadloop_seen_at": None} == {
        "id": "1",
        "rate": "1.10",
        "big": "12345678901234567890",
        "leadloop_seen_at": None,
        "leadloop_timezone": "UTC",
    }


def test_a_new_field_is_an_addition():
    """Later tables keep every earlier column, so that a schema only grows."""
    columns = Columns("UTC")
    first = table({"id": "1", "a": "x"}, columns=columns)
    second = table({"id": "2", "lead_score": "9"}, columns=columns)
    assert set(first.column_names) < set(second.column_names)
    assert second.to_pylist()[0]["a"] is None


def test_fields_that_differ_only_in_spelling_share_a_column():
    """The one with a value wins, whatever their order."""
    assert table({"Lead Score": "7", "lead_score": ""}).to_pylist()[0]["lead_score"] == "7"
    assert table({"lead_score": None, "Lead Score": "7"}).to_pylist()[0]["lead_score"] == "7"


def test_a_field_of_our_own_name_is_moved_aside():
    """A CRM's field can't pose as the time we saw the row."""
    row = table({"id": "1", "leadloop_seen_at": "never"}).to_pylist()[0]
    assert row["leadloop_seen_at"] == AT
    assert row["crm_leadloop_seen_at"] == "never"


values = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.lists(st.integers(), max_size=2)
)


@given(st.lists(st.dictionaries(st.sampled_from(["id", "a", "B c", "dEf"]), values), max_size=8))
def test_every_value_of_every_row_arrives(rows):
    """Whatever fields the rows have, each value is found again in its row and column."""
    made = table(*rows).to_pylist()
    assert len(made) == len(rows)
    for row, shown in zip(rows, made, strict=True):
        for field, value in row.items():
            assert shown[column_name(field)] == as_text(value)


def raw(*rows: dict) -> RawRows:
    return RawRows([msgspec.Raw(msgspec.json.encode(row)) for row in rows])


def straight(columns: Columns, *rows: dict) -> list[dict]:
    made = columns.table(Page(raw(*rows), None, AT)).to_pylist()
    return [{name: value for name, value in row.items() if not name.startswith("leadloop_")} for row in made]


@given(
    st.lists(
        st.dictionaries(st.sampled_from(["id", "a", "B c", "b_c", "dEf", "leadloop_seen_at"]), values),
        max_size=8,
    )
)
def test_the_short_way_and_the_long_way_agree(rows):
    """Whatever comes on a second page, its columns are those that looking value by value gives."""
    known = {"id": "1", "a": "x", "B c": 5, "dEf": True}
    columns = Columns("UTC")
    straight(columns, known)
    expected = set(columns.table(Page([known, *rows], None, AT)).column_names)
    columns = Columns("UTC")
    straight(columns, known)
    for row, shown in zip(rows, straight(columns, *rows), strict=True):
        wanted = table(row).to_pylist()[0]
        for name, value in shown.items():
            assert name in expected
            assert value == wanted.get(name)
