"""What the API says is what is in raw, in both engines: every value, and every field whenever it turns up."""

from datetime import UTC, datetime, timedelta
from typing import Any

AWKWARD = {
    "first_name": "Zoë 王小明 Ольга 👩‍👩‍👧",
    "last_name": "",
    "email": None,
    "address1": 'He said "no, never", twice',
    "address2": "back\\slash \\N \\. \\n",
    "city": "line one\nline two\r\n\r\nline five\\.\n\\.\n",
    "state": "\x01\x02\t\x7f\u200b\u2028",
    "province": "  spaces  ",
    "postal_code": "00501",
    "country": "NULL",
    "notes": "long " * 2_000,
    "plan_interest": '{"not": "parsed"}',
    "field_12": "''; drop table leads; --,,;",
}


def test_awkward_values_arrive_as_they_are(rig: Any, sandbox: Any) -> None:
    """Unicode, quotes, backslashes, newlines, control characters and 10 kB of notes; empty text and NULL stay two things."""
    crm = sandbox(leads=200)
    awkward = crm.book.ids()[17]
    crm.book.edit(awkward, AWKWARD)
    rig.extract(crm)
    row = next(row for row in rig.raw() if row["id"] == awkward)
    assert {name: row[name] for name in AWKWARD} == AWKWARD
    assert rig.missing(crm) == {}


def test_new_fields_are_new_columns(rig: Any, sandbox: Any) -> None:
    """A field that first turns up in a later page, a later chunk or a later run is a column from then on."""
    crm = sandbox(leads=0)
    crm.book.custom_fields = (*crm.book.custom_fields, "Policy Number", "myScore")
    now = datetime.now(UTC)
    ids = [crm.book.add({"status": "NEW"}, modified_at=now - timedelta(minutes=300 - n)) for n in range(300)]
    book = crm.book
    with book.lock:
        for place, name in ((150, "annual_revenue"), (290, "Policy Number")):
            lead = book.find(ids[place])
            book._set(lead, {name: f"value {place}"})
    rig.extract(crm, page_size=50, chunk_rows=100)
    assert rig.missing(crm) == {}
    crm.book.edit(ids[0], {"myScore": "7"})
    rig.extract(crm)
    assert rig.missing(crm) == {}
    rows = {row["id"]: row for row in rig.raw() if row["my_score"] or row["policy_number"]}
    assert rows[ids[0]]["my_score"] == "7"
    assert rows[ids[290]]["policy_number"] == "value 290"


def test_numbers_objects_and_ids_as_numbers_are_text(duck: Any, sandbox: Any) -> None:
    """Types that change from page to page end up as the text of the JSON, in the same column."""
    crm = sandbox(leads=120)
    odd = {"lead_score": 7, "notes": {"a": [1, None, "é"]}, "city": True, "monthly_revenue": None}
    shown = crm.book.shown
    chosen = set(crm.book.ids()[40:60])
    crm.book.shown = lambda lead: {**shown(lead), **(odd if str(lead.id) in chosen else {})}
    crm.vendors["convoso"]._rows.clear()
    crm.faults.add("ids_as_numbers", probability=0.5)
    duck.extract(crm, page_size=25)
    rows = {row["id"]: row for row in duck.raw()}
    assert set(rows) == set(crm.book.ids())
    for lead_id in chosen:
        row = rows[lead_id]
        assert (row["lead_score"], row["notes"], row["city"]) == ("7", '{"a":[1,null,"é"]}', "true")
        assert row["monthly_revenue"] is None
