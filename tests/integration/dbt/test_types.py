"""Columns of `leads` that have a type: what fits it, what becomes of the rest, and that pushes compare texts all the same."""

import math
import re
from datetime import date, datetime
from typing import Any

import pytest

from connector.errors import LeadloopError
from connector.extract.raw import text_column
from connector.push import Confirmation, Journal, confirm
from connector.warehouse.fields import fields
from connector.warehouse.models import OtherForm

MODELS = "+int_push_history stg_lead_removals lead_history lead_changes leads lead_types"
LONG = "a_question_that_is_so_long_that_its_name_has_hardly_any_room_for"
VALUES: dict[str, dict[str, Any]] = {
    "integer": {
        "87": 87, "-3": -3, "+5": 5, " 0012 ": 12, "5.00": 5, "7.": 7, "999999999999999999": 10**18 - 1,
        "5.5": None, "1,200": None, "1e3": None, "99999999999999999999": None, "n/a": None, "٣": None, "4\n5": None,
    },
    "number": {
        "87": 87.0, "-0.5": -0.5, ".5": 0.5, "+5.": 5.0, "1e3": 1000.0, "2.5E-2": 0.025, "0.1": 0.1, "1e99": 1e99,
        f"1{'0' * 199}": 1e199, "1e999": None, "NaN": None, "inf": None, "12,5": None, "$5": None, "-": None, ".": None,
        "0x1F": None, f"1{'0' * 200}": None,
    },
    "boolean": {
        "true": True, "Yes": True, "1": True, "ON": True, "f": False, "NO": False, "0": False, "off": False,
        "2": None, "maybe": None, "truee": None,
    },
    "date": {
        "2026-03-01": date(2026, 3, 1), "2026-03-01 00:00:00": date(2026, 3, 1), "2028-02-29T00:00:00Z": date(2028, 2, 29),
        "2026-02-30": None, "03/01/2026": None, "2026-03-01 10:00:00": None, "0000-00-00": None, "soon": None,
    },
    "timestamp": {
        "2026-03-01 10:00:00": datetime(2026, 3, 1, 10), "2026-03-01": datetime(2026, 3, 1),
        "2026-03-01T10:00:00.25Z": datetime(2026, 3, 1, 10, 0, 0, 250_000),
        "2026-03-01T10:00:00+05:30": datetime(2026, 3, 1, 4, 30), "2026-03-01 24:00:00": None, "yesterday": None,
    },
}  # fmt: skip


def declare(own: Any, types: str) -> None:
    text = (own.folder / "dbt_project.yml").read_text()
    text = re.sub(r"vars:\n.*", "", text, flags=re.DOTALL)
    own.write("dbt_project.yml", f"{text}vars:\n  leadloop_types: {types}\n")


@pytest.mark.long
def test_what_fits_a_type_and_what_does_not(lab: Any, own: Any) -> None:
    """The same in both engines: no text is an error, each is there as it was, and what does not fit is counted."""
    declare(own, "{convoso: {" + ", ".join(f"a_{kind}: {kind}" for kind in VALUES) + "}}")
    most = max(map(len, VALUES.values()))
    lists = {kind: [*values, *[None] * (most - len(values))] for kind, values in VALUES.items()}
    lab.land(
        [
            {"id": str(place), **{f"a_{kind}": texts[place] for kind, texts in lists.items()}}
            for place in range(most)
        ],
        "2 10:00",
    )
    lab.build(own.folder, select=MODELS)
    for kind, values in VALUES.items():
        found = dict(
            lab.rows(f"select a_{kind}__text, a_{kind} from analytics.leads where a_{kind}__text is not null")
        )
        assert found.keys() == values.keys()
        for text, value in values.items():
            same = math.isclose(found[text], value) if kind == "number" and value else found[text] == value
            assert same, (kind, text, found[text])
    counted = lab.rows(
        "select crm, column_name, type, filled, misfits from analytics.lead_types order by type"
    )
    assert counted == [
        ("convoso", f"a_{kind}", kind, len(values), list(values.values()).count(None))
        for kind, values in sorted(VALUES.items())
    ]


@pytest.mark.long_if("postgres")
def test_numbers_are_sorted_and_averaged_and_a_push_compares_texts(lab: Any, own: Any) -> None:
    """`90` does not come after `100`, and `087` is another text than `87`, which the CRM is to show; what it shows is confirmed."""
    # Names that differ in their last letter alone: PostgreSQL cuts what is made of them.
    alike = f"{LONG[:59]}x"
    declare(own, f"{{lead_score: number, {LONG[:60]}: integer, {alike}: integer, nowhere: date}}")
    own.desired("wanted", "lead_id, score", *(f"'{n}', '87'" for n in range(1, 4)))
    own.push(
        "sending",
        "desired = ref('wanted'), crm = 'convoso', key = 'lead_id', fields = {'lead_score': 'score'}",
    )
    scores = {"1": "087", "2": "87", "3": "hot", "4": "100", "5": "90"}
    lab.land(
        [
            {"id": key, "lead_score": value, LONG[:60]: "5", alike: f"{value} of 100"}
            for key, value in scores.items()
        ],
        "2 10:00",
    )
    lab.build(own.folder, select=f"{MODELS} +sending")

    assert lab.rows("select avg(lead_score), max(lead_score) from analytics.leads") == [(91.0, 100.0)]
    assert lab.rows("select lead_id, lead_score__text from analytics.leads where lead_score is null") == [
        ("3", "hot")
    ]
    assert dict(lab.rows("select lead_id, lead_score from analytics.lead_history")) == scores
    long_text = text_column(LONG[:60])
    assert len(long_text) <= 63
    assert lab.rows(f"select distinct {LONG[:60]}, {long_text} from analytics.leads") == [(5, "5")]
    plan = "select lead_id, current_value, verdict from analytics.sending order by 1"
    assert lab.rows(plan) == [("1", "087", "change"), ("3", "hot", "change")]
    counted = "select crm, filled, misfits from analytics.lead_types where column_name = "
    assert lab.rows(f"{counted}'lead_score'") == [("convoso", 5, 1)]
    assert lab.rows(f"{counted}'{LONG[:60]}'") == [("convoso", 5, 0)]
    assert lab.rows(f"{counted}'{alike}'") == [("convoso", 5, 5)]
    assert lab.rows(f"{counted}'nowhere'") == [(None, 0, 0)]
    ((view,),) = lab.rows(
        "select view_definition from information_schema.views where table_name = 'lead_types'"
    )
    assert len(re.findall(r"analytics\.leads\b", view)) == 1

    # Sent, and seen again: 087 is what the CRM made of it, which is another text.
    for lead_id in "12":
        lab.record(
            {
                "push": "sending",
                "lead_id": lead_id,
                "field": "lead_score",
                "value": "87",
                "recorded_at": "1 00:00",
            }
        )
    journal = Journal(lab.warehouse.engine())
    journal.ensure()
    found = confirm(lab.warehouse.engine(), journal, "convoso")
    assert found == Confirmation(
        confirmed=1, reverted=1, other_forms=(OtherForm("convoso", "lead_score", "number", 1),)
    )


def say(lab: Any, crm: str, **types: str) -> None:
    """As an extraction notes what the CRM says of its fields."""
    with lab.warehouse.lock("test"), lab.warehouse.engine().begin() as connection:
        connection.execute(
            fields.insert(),
            [{"crm": crm, "field": name, "type": kind, "crm_type": kind} for name, kind in types.items()],
        )


@pytest.mark.long_if("duckdb", "postgres")
def test_a_field_has_the_type_that_its_crm_says(lab: Any, own: Any) -> None:
    """Without a word in the project; what the project says of a field goes before it, and a column that another CRM has too
    has a type only if both say so."""
    declare(own, "{leadsquared: {mx_Plan: text, mx_Zip: number}}")
    say(lab, "leadsquared", Score="number", mx_Plan="number", mx_Zip="integer", mx_Shared="number", mx_Both="integer",
        mx_Renewal="date", mx_Gone="number", FirstName="text")  # fmt: skip
    say(lab, "convoso", mx_both="number")
    shown = {
        "mx_plan": "7",
        "mx_zip": "0.5",
        "mx_shared": "5",
        "mx_both": "3",
        "mx_renewal": "2026-03-01 00:00:00.000",
    }
    lab.land(
        [
            {"prospect_id": str(place), "score": score, "first_name": "1", **shown}
            for place, score in enumerate(("90", "100", "n/a"))
        ],
        "2 10:00",
        table="leadsquared_raw.lead_versions",
    )
    lab.land([{"id": "9", "mx_shared": "x", "mx_both": "0.5"}], "2 10:00")
    lab.build(own.folder, select=MODELS)
    assert lab.rows("select avg(score), max(score) from analytics.leads") == [(95.0, 100.0)]
    assert lab.rows(
        "select score__text from analytics.leads where score is null and crm = 'leadsquared'"
    ) == [("n/a",)]
    (row,) = lab.rows(
        "select mx_plan, mx_zip, mx_shared, mx_both, mx_renewal, first_name from analytics.leads where lead_id = '0'"
    )
    assert row == ("7", 0.5, "5", 3.0, date(2026, 3, 1), "1")
    assert lab.rows("select mx_shared, mx_both from analytics.leads where crm = 'convoso'") == [("x", 0.5)]
    counted = lab.rows(
        "select column_name, type, filled, misfits from analytics.lead_types where crm = 'leadsquared'"
    )
    assert sorted(counted) == [
        ("mx_both", "number", 3, 0),
        ("mx_renewal", "date", 3, 0),
        ("mx_zip", "number", 3, 0),
        ("score", "number", 3, 1),
    ]


@pytest.mark.parametrize(
    ("types", "said"),
    [
        pytest.param("{convoso: {lead_score: float}}", "lead_score must be one of integer, number, boolean, date, timestamp, text, not float", marks=pytest.mark.long),
        pytest.param("{convoso: {lead_score: integers}}", "not integers; did you mean integer?", marks=pytest.mark.long),
        pytest.param("{convosso: {lead_score: integer}}", "no CRM convosso; did you mean convoso?", marks=pytest.mark.long),
        ("{convoso: {score: integer}, pollybot: {score: date}}", "the column score has two types, date and integer"),
        pytest.param("[lead_score]", "it must be a mapping", marks=pytest.mark.long),
    ],
)  # fmt: skip
def test_a_wrong_declaration_is_told(duck: Any, own: Any, types: str, said: str) -> None:
    """With the name of the variable, the field, and what there is."""
    declare(own, types)
    with pytest.raises(LeadloopError) as told:
        duck.build(own.folder, select="leads")
    assert "leadloop_types" in str(told.value)
    assert said in str(told.value)
