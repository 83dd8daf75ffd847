"""Rows become text columns without losing or bending a value."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.crm.answers import RawRows, decode
from connector.crm.base import Page
from connector.extract.columns import OWN, Columns, as_text, column_name
from connector.extract.names import Names, own_column
from connector.extract.notes import Notes

AT = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)


def table(*rows: Any, columns: Any = None) -> Any:
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
        ("имя", "x_xf08ca02a"),
        ("", "x_xd41d8cd9"),
        ("Cost ($)", "cost_x7063f73a"),
        ("xmin", "xmin_x451a03ef"),
    ],
)
def test_column_names(field: Any, column: Any) -> None:
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
def test_values_are_kept_as_the_api_said_them(value: Any, text: Any) -> None:
    """Null stays null, blank stays blank, everything else is its JSON text."""
    assert as_text(value) == text


def test_numbers_keep_their_literal_text() -> None:
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


def test_a_new_field_is_an_addition() -> None:
    """Later tables keep every earlier column, so that a schema only grows."""
    columns = Columns("UTC")
    first = table({"id": "1", "a": "x"}, columns=columns)
    second = table({"id": "2", "lead_score": "9"}, columns=columns)
    assert set(first.column_names) < set(second.column_names)
    assert second.to_pylist()[0]["a"] is None


def test_fields_that_differ_only_in_spelling_have_columns_of_their_own() -> None:
    """Both values are kept, and it is said once, with the lead and the fields, but no value."""
    notes = Notes()
    columns = Columns("UTC", Names("convoso", own=OWN), notes=notes)
    own = own_column("convoso", "Lead Score")
    for number in ("7", "8"):
        rows = [{"id": number, "Lead Score": "1234", "lead_score": "9"}]
        shown = table(*rows, columns=columns).to_pylist()[0]
        assert (shown["lead_score"], shown[own]) == ("9", "1234")
    (note,) = notes.texts
    assert all(each in note for each in ("lead 7", "'Lead Score'", own))
    assert "1234" not in note


@pytest.mark.parametrize("rows", [1, 2_000])
def test_a_replaced_character_is_said_once(rows: Any) -> None:
    """With the lead and the field, in small answers and large ones; not where the CRM itself shows U+FFFD."""
    notes = Notes()
    columns = Columns("UTC", Names("convoso", own=OWN), notes=notes)

    def read(*texts: Any) -> Any:
        entries = [{"id": str(number), "Note": text} for number, text in enumerate(texts)] + [
            {"id": "more", "Note": "x" * 20}
        ] * rows
        body = msgspec.json.encode(entries).decode().replace("half", "\\ud83d").encode()
        return table(*decode(body), columns=columns)

    read("the CRM's \ufffd")
    assert notes.texts == ()
    assert read("fine", "secret half").to_pylist()[1]["note"] == "secret \ufffd"
    read("half")
    (note,) = notes.texts
    assert "lead 1 " in note
    assert "'Note'" in note
    assert "secret" not in note


def test_what_has_no_column_of_its_own_is_in_one_object() -> None:
    """As text, without blanks, its columns in order; ids, and columns that were there before, stay; it is said once."""
    notes = Notes()
    row = {"Zoë": None, "b": "", "c": 1, "A b": "x", "known": "2", "leadloop_more_fields": "3", "id": "7"}
    for _ in "12":
        names = Names("convoso", own=OWN, there=["known", "_dlt_load_id"], homes={"c": "c"}, most=1)
        columns = Columns("UTC", names, notes=notes)
        for page in (table(row, columns=columns), columns.table(Page(raw(row), None, AT))):
            (shown,) = page.to_pylist()
            del shown["leadloop_seen_at"], shown["leadloop_timezone"]
            objects = '{"a_b":"x","c":"1","crm_leadloop_more_fields":"3"}'
            assert shown == {"known": "2", "id": "7", "leadloop_more_fields": objects}
    (note,) = notes.texts
    assert "4 of them now" in note
    assert "lead 7" in note


def test_a_field_of_our_own_name_is_moved_aside() -> None:
    """A CRM's field can't pose as the time we saw the row."""
    row = table({"id": "1", "leadloop_seen_at": "never"}).to_pylist()[0]
    assert row["leadloop_seen_at"] == AT
    assert row["crm_leadloop_seen_at"] == "never"


values = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.lists(st.integers(), max_size=2)
)


@given(st.lists(st.dictionaries(st.sampled_from(["id", "a", "B c", "dEf"]), values), max_size=8))
def test_every_value_of_every_row_arrives(rows: Any) -> None:
    """Whatever fields the rows have, each value is found again in its row and column."""
    made = table(*rows).to_pylist()
    assert len(made) == len(rows)
    for row, shown in zip(rows, made, strict=True):
        for field, value in row.items():
            assert shown[column_name(field)] == as_text(value)


def raw(*rows: dict[str, Any]) -> RawRows:
    return RawRows([msgspec.Raw(msgspec.json.encode(row)) for row in rows])


def straight(columns: Columns, *rows: dict[str, Any]) -> list[dict[str, Any]]:
    made = columns.table(Page(raw(*rows), None, AT)).to_pylist()
    return [{name: value for name, value in row.items() if not name.startswith("leadloop_")} for row in made]


@given(
    st.lists(
        st.dictionaries(st.sampled_from(["id", "a", "B c", "b_c", "dEf", "leadloop_seen_at"]), values),
        max_size=8,
    )
)
def test_the_short_way_and_the_long_way_agree(rows: Any) -> None:
    """Whatever comes on a second page, its columns are those that looking value by value gives."""
    known = {"id": "1", "a": "x", "B c": 5, "dEf": True}
    columns = Columns("UTC")
    straight(columns, known)
    made = straight(columns, *rows)
    slow = Columns("UTC", columns.names)
    expected = set(table(known, *rows, columns=slow).column_names)
    for row, shown in zip(rows, made, strict=True):
        wanted = table(row, columns=slow).to_pylist()[0]
        for name, value in shown.items():
            assert name in expected
            assert value == wanted.get(name)
