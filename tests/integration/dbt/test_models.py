"""From raw rows to leads, their history and their changes, by dbt itself; what engines may do differently, in each."""

from datetime import timedelta
from typing import Any

import pytest
from dbt.adapters.base import BaseAdapter

from tests.engines import DUCKDB_IS_LONG

# Convoso's leads, versions and changes; and without the views, which stay as they are however the leads grow.
GROWING = "lead_history lead_changes"
CONVOSO = f"stg_lead_versions +int_push_history {GROWING}"

LEAD = {"created_at": "2026-01-01 00:00:00"}


def lead(number: Any, modified: Any, **fields: Any) -> Any:
    return {"id": str(number), **LEAD, "modified_at": modified, **fields}


SAME_PERSON = {
    "convoso": lead(1, "2026-01-02 10:00:00", status="NEW", phone_number="5550100123"),
    "leadsquared": {
        "prospect_id": "p-1",
        "created_on": "2026-01-01 00:00:00",
        "modified_on": "2026-01-02 10:00:00.250",
        "mx_lead_score": "5",
    },
    "pollybot": {
        "id": "1",
        "created_at": "2026-01-01T00:00:00.000Z",
        "updated_at": "2026-01-02T10:00:00.500Z",
        "status": "new",
        "custom_fields_lead_score": "85",
    },
    "leadping": {
        "id": "1",
        "created_at": "2026-01-01T02:00:00+02:00",
        "modified_at": None,
        "contact_phone_number": "+15550100123",
    },
}


@pytest.mark.long
def test_an_empty_warehouse_has_empty_models(lab: Any) -> None:
    """Before anything was extracted every model is there and empty, and all tests and unit tests pass."""
    result = lab.build(unit_tests=True)

    assert result.models == 24
    assert result.warnings == ()
    for model in (
        "leads",
        "lead_history",
        "lead_changes",
        "lead_types",
        "push_outcomes",
        "int_push_memory",
        "lead_recordings",
        "lead_calls",
        "lead_scores",
        "lead_matches",
        *(f"lead_scores_to_{crm}" for crm in SAME_PERSON),
    ):
        assert lab.rows(f"select count(*) from analytics.{model}") == [(0,)]


@DUCKDB_IS_LONG
def test_a_table_that_dbt_has_not_listed_yet_is_there(lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one thread of dbt's lists a schema, the others see a part of it: a model they make is not empty for that."""
    lab.land([lead(1, "2026-01-02 10:00:00", status="NEW"), lead(2, "2026-01-02 10:00:00")], "2 10:01")
    lab.land(
        [{"id": "2", "removal": "deleted", "removed_at": None}],
        "3 00:00",
        table="convoso_raw.lead_removals",
    )
    lab.record({"push": "p", "lead_id": "1", "field": "status", "recorded_at": "2 10:02"})
    listed = BaseAdapter.get_relation

    def in_part(adapter: Any, database: str, schema: str, identifier: str) -> Any:
        return listed(adapter, database, schema, identifier) if schema == "analytics" else None

    monkeypatch.setattr(BaseAdapter, "get_relation", in_part)
    lab.build(select=f"{CONVOSO} stg_lead_removals leads")

    query = "select lead_id, status, removal from analytics.leads order by lead_id"
    assert lab.rows(query) == [("1", "NEW", None), ("2", None, "deleted")]
    assert lab.rows("select lead_id, field from analytics.stg_leadloop__push_journal") == [("1", "status")]


@pytest.mark.long
def test_history_grows_and_equals_a_rebuild(lab: Any) -> None:
    """New columns, late versions, repeats and a killed run: each build leaves what a full refresh would make."""
    lab.build(select=CONVOSO)

    lab.land(
        [lead(1, "2026-01-02 10:00:00", status="NEW"), lead(2, "2026-01-02 10:00:00", status="NEW")],
        "2 10:01",
    )
    lab.build(select=f"{CONVOSO} stg_lead_removals leads")
    assert lab.rows(
        "select lead_id, status, last_seen_at > created_at from analytics.leads order by lead_id"
    ) == [
        ("1", "NEW", True),
        ("2", "NEW", True),
    ]

    # A column that nobody knew before, an edit that left the clock alone, and a sighting that is loaded after a later one.
    lab.land([lead(1, "2026-01-02 10:00:00", status="NEW", lead_score="87")], "3 00:00")
    lab.land([lead(2, "2026-01-04 10:00:00", status="WON")], "4 10:01")
    lab.build(select=GROWING)
    lab.land([lead(2, "2026-01-03 10:00:00", status="CALLED")], "4 10:00")
    lab.land([lead(1, "2026-01-02 10:00:00", status="NEW", lead_score="87")], "4 10:02")
    lab.build(select=GROWING)

    history = (
        "select lead_id, version_number, status, lead_score, is_current, sightings, content_hash, valid_from, valid_to,"
        " first_seen_at, last_seen_at, created_at, modified_at from analytics.lead_history order by 1, 2"
    )
    changes = (
        "select lead_id, version_number, field, old_value, new_value, origin, changed_at, sightings"
        " from analytics.lead_changes order by 1, 2, 3"
    )
    grown = lab.rows(history), lab.rows(changes)
    assert [row[:6] for row in grown[0]] == [
        ("1", 1, "NEW", None, False, 3),
        ("1", 2, "NEW", "87", True, 3),
        ("2", 1, "NEW", None, False, 3),
        ("2", 2, "CALLED", None, False, 3),
        ("2", 3, "WON", None, True, 3),
    ]
    assert [row[:5] for row in grown[1]] == [
        ("1", 2, "lead_score", None, "87"),
        ("2", 2, "status", "NEW", "CALLED"),
        ("2", 3, "status", "CALLED", "WON"),
    ]

    lab.build(select=GROWING, full_refresh=True)
    assert (lab.rows(history), lab.rows(changes)) == grown


@pytest.mark.long
def test_all_crms_are_there(lab: Any) -> None:
    """One row per lead and CRM, also where ids are the same; a CRM's columns are NULL in the others' rows."""
    check_crms(lab, *SAME_PERSON)


@pytest.mark.long
def test_only_another_crm_is_there(duck: Any) -> None:
    """No CRM has to be read for another to be."""
    check_crms(duck, "pollybot")


def check_crms(lab: Any, *crms: Any) -> None:
    for crm in crms:
        lab.land([SAME_PERSON[crm]], "2 10:01", table=f"{crm}_raw.lead_versions")
    lab.build(select="+lead_changes +leads")

    found = lab.rows("select crm, lead_id, created_at, modified_at, last_seen_at from analytics.leads")
    modified = dict(
        zip(
            SAME_PERSON,
            (
                lab.at("2 10:00"),
                lab.at("2 10:00") + timedelta(milliseconds=250),
                lab.at("2 10:00") + timedelta(milliseconds=500),
                None,
            ),
            strict=True,
        )
    )
    assert sorted(found) == sorted(
        (crm, "p-1" if crm == "leadsquared" else "1", lab.at("1 00:00"), modified[crm], lab.at("2 10:01"))
        for crm in crms
    )
    assert dict(lab.rows("select crm, custom_fields_lead_score from analytics.leads")) == {
        crm: "85" if crm == "pollybot" else None for crm in crms
    }
    ids_and_times = {
        "id", "prospect_id", "created_at", "modified_at", "updated_at", "created_on", "modified_on",
    }  # fmt: skip
    for crm in crms:
        for field in SAME_PERSON[crm].keys() - ids_and_times:
            shown = lab.rows(f"select {field} from analytics.leads where crm = '{crm}'")
            assert shown == [(SAME_PERSON[crm][field],)]
    assert lab.rows("select count(*) from analytics.lead_changes") == [(0,)]


@pytest.mark.long
def test_a_crm_that_comes_later_changes_nothing_of_the_others(duck: Any) -> None:
    """Its columns are added; the rows that were there keep their content hash, and are not made anew."""
    hashes = "select crm, content_hash, made_at from analytics.lead_history where crm = 'convoso'"
    duck.land([SAME_PERSON["convoso"]], "2 10:01")
    duck.build(select="+lead_history")
    before = duck.rows(hashes)

    for crm in ("leadsquared", "pollybot", "leadping"):
        duck.land([SAME_PERSON[crm]], "3 10:01", table=f"{crm}_raw.lead_versions")
    duck.build(select="+lead_history")
    assert duck.rows(hashes) == before
    grown = duck.rows("select crm, lead_id, content_hash from analytics.lead_history order by 1")
    assert len(grown) == 4
    duck.build(select="+lead_history", full_refresh=True)
    assert duck.rows("select crm, lead_id, content_hash from analytics.lead_history order by 1") == grown


@pytest.mark.long
def test_only_touched_leads_are_made_anew(duck: Any) -> None:
    """A build leaves the rows of a lead alone that was not seen again."""
    duck.land(
        [lead(1, "2026-01-02 10:00:00", status="NEW"), lead(2, "2026-01-02 10:00:00", status="NEW")],
        "2 10:01",
    )
    duck.land([lead(1, "2026-01-02 10:00:00", status="WON"), lead(2, "2026-01-02 10:00:00")], "2 10:02")
    duck.build(select=CONVOSO)
    for table in ("lead_history", "lead_changes"):
        duck.execute(f"alter table analytics.{table} add column mark text")
        duck.execute(f"update analytics.{table} set mark = 'as it was'")

    duck.land([lead(2, "2026-01-02 10:00:00", status="WON")], "3 00:00")
    duck.build(select=GROWING)

    for table in ("lead_history", "lead_changes"):
        marks = dict(duck.rows(f"select lead_id, max(mark) from analytics.{table} group by lead_id"))
        assert marks == {"1": "as it was", "2": None}


@pytest.mark.long
def test_rows_of_no_load_are_read(lab: Any) -> None:
    """Somebody's own pipeline may leave the load's id out: a build finds what it brought all the same, each time."""
    for number in ("1", "2"):
        lab.land([lead(number, "2026-01-02 10:00:00")], f"{number} 10:00")
        lab.build(select="lead_history")
        lab.land([lead(f"{number} of no load", "2026-01-02 10:00:00")], f"{number} 10:01", is_load=False)
        lab.build(select="lead_history")
    found = lab.rows("select lead_id, sightings from analytics.lead_history order by lead_id")
    assert found == [("1", 1), ("1 of no load", 1), ("2", 1), ("2 of no load", 1)]


def test_odd_columns_pass_through(lab: Any) -> None:
    """Reserved words, names of our own and values full of separators are columns and values like any other."""
    lab.land(
        [
            lead(1, "n/a", order="a=1:b;", sightings="x'\"", notes="  ", _2nd_phone="é😀\n"),
            lead(1, "n/a", order="a=1:b", sightings=";x'\"", notes="", _2nd_phone="é😀\n"),
        ],
        "2 10:01",
    )
    lab.build(select=f"{CONVOSO} stg_lead_removals leads")

    assert lab.rows("select distinct modified_at, notes, _2nd_phone from analytics.leads") == [
        (None, None, "é😀\n")
    ]
    assert len(lab.rows("select distinct content_hash from analytics.lead_history")) == 2
    assert {
        row[0] for row in lab.rows("select field from analytics.lead_changes where version_number = 2")
    } == {
        "order",
        "crm_sightings",
    }


@pytest.mark.long
def test_scores_are_few_and_stand_still(duck: Any) -> None:
    """At most 15 % of the leads have a score, and pushing it moves nothing that it depends on."""
    leads = [
        {
            "id": str(n),
            "created_at": f"2026-01-01 00:{n:02}:00",
            "modified_at": f"2026-01-02 00:{n:02}:00",
            "email": "a@b.c",
        }
        for n in range(40)
    ]
    duck.land(leads, "2 10:00")
    duck.build(select="+lead_scores_to_convoso")
    scores = duck.rows("select lead_id, score, tier from analytics.lead_scores order by 1")
    plan = duck.rows(
        "select lead_id, field, desired_value, verdict from analytics.lead_scores_to_convoso order by 1, 2"
    )
    assert len(scores) == 6
    assert plan == [
        row
        for lead_id, score, tier in scores
        for row in ((lead_id, "lead_score", str(score), "change"), (lead_id, "title", tier, "change"))
    ]

    pushed = {lead_id: (str(score), tier) for lead_id, score, tier in scores}
    again = [
        {
            **row,
            "modified_at": "2026-01-03 00:00:00",
            "lead_score": pushed[row["id"]][0],
            "title": pushed[row["id"]][1],
        }
        for row in leads
        if row["id"] in pushed
    ]
    duck.land(again, "3 10:00")
    duck.build(select="lead_history leads lead_scores lead_scores_to_convoso")

    assert duck.rows("select lead_id, score, tier from analytics.lead_scores order by 1") == scores
    assert duck.rows("select * from analytics.lead_scores_to_convoso") == []


@pytest.mark.long
def test_a_removed_lead_is_marked_until_it_is_back(lab: Any) -> None:
    """Removed leads keep their row, with when and how; who is seen again afterwards is like any other, in each build."""
    removed = (
        "select lead_id, removal, removed_at from analytics.leads where removed_at is not null order by 1"
    )
    lab.land([lead(n, "2026-01-02 10:00:00", status="NEW") for n in (1, 2, 3)], "2 10:01")
    lab.build(select="stg_lead_versions stg_lead_removals lead_history leads")
    assert lab.rows(removed) == []

    gone = [
        {"id": "1", "removal": "deleted", "removed_at": "2026-01-03 00:00:00", "status": "NEW"},
        {"id": "2", "removal": "archived", "removed_at": None},
        {"id": "9", "removal": "deleted", "removed_at": "2026-01-03 00:00:00"},
    ]
    lab.land(gone, "4 00:00", zone="America/Los_Angeles", table="convoso_raw.lead_removals")
    lab.build(select="stg_lead_removals leads")
    assert lab.rows(removed) == [("1", "deleted", lab.at("3 08:00")), ("2", "archived", lab.at("4 00:00"))]
    assert lab.rows("select count(*) from analytics.leads") == [(3,)]

    lab.land([lead(1, "2026-01-05 10:00:00", status="NEW")], "5 10:01")
    lab.build(select="lead_history leads")
    assert lab.rows(removed) == [("2", "archived", lab.at("4 00:00"))]


@pytest.mark.long
def test_what_the_crm_showed_last_is_what_leads_shows(lab: Any) -> None:
    """A lead whose time of modification went back, since it was restored there, is shown as it was seen last."""
    lab.land([lead(1, "2026-01-05 10:00:00", status="WON")], "6 00:00")
    lab.land([lead(1, "2026-01-02 10:00:00", status="NEW")], "7 00:00")
    lab.build(select=f"{CONVOSO} stg_lead_removals leads")
    assert lab.rows("select status, modified_at, last_seen_at from analytics.leads") == [
        ("NEW", lab.at("2 10:00"), lab.at("7 00:00"))
    ]
    assert lab.rows("select status, valid_from, valid_to from analytics.lead_history order by 2") == [
        ("WON", lab.at("5 10:00"), lab.at("7 00:00")),
        ("NEW", lab.at("7 00:00"), None),
    ]


@pytest.mark.long
def test_a_recording_has_one_row(lab: Any) -> None:
    """A recording that is read again is one, as it was shown last, its times in UTC."""
    shown = {
        "recording_id": "rec123",
        "lead_id": "12345",
        "start_time": "2026-01-03 14:30:00",
        "end_time": "2026-01-03 14:35:00",
        "url": "https://convoso.com/recording/rec123.mp3",
    }
    for seen_at, seconds in (("4 00:00", "299"), ("5 00:00", "300")):
        lab.land([{**shown, "seconds": seconds}], seen_at, "America/Los_Angeles", "convoso_raw.recordings")
    lab.build(select="+lead_recordings")
    assert lab.rows("select * from analytics.lead_recordings") == [
        (
            *("convoso", "rec123", "12345", lab.at("3 22:30"), lab.at("3 22:35"), 300, shown["url"]),
            *(lab.at("4 00:00"), lab.at("5 00:00")),
        )
    ]


@pytest.mark.long
def test_scores_go_to_the_same_person_elsewhere(duck: Any) -> None:
    """Each example push names its own CRM's lead of the person, and only fields that differ there."""
    people = [lead(n, "2026-01-02 10:00:00", phone_number="555010000" + str(n)) for n in range(1, 8)]
    for place, person in enumerate(people):
        person["created_at"] = f"2026-01-01 00:00:0{place}"
    duck.land(people, "2 10:01")
    duck.land(
        [{**SAME_PERSON["leadsquared"], "phone": "+1-5550100007", "mx_lead_score": "20"}],
        "2 10:01",
        table="leadsquared_raw.lead_versions",
    )
    # The id of another person in Convoso.
    duck.land(
        [{**SAME_PERSON["pollybot"], "phone": "5550100007"}], "2 10:01", table="pollybot_raw.lead_versions"
    )
    duck.land(
        [{**SAME_PERSON["leadping"], "contact_phone_number": "5550100001"}],
        "2 10:01",
        table="leadping_raw.lead_versions",
    )
    duck.build(select="+path:models/pushes")

    assert duck.rows("select lead_id, score, tier from analytics.lead_scores") == [("7", 20, "cold")]
    differs = {
        crm: duck.rows(
            "select lead_id, field, current_value, desired_value, verdict"
            f" from analytics.lead_scores_to_{crm} order by field"
        )
        for crm in SAME_PERSON
    }
    assert differs == {
        "convoso": [("7", "lead_score", None, "20", "change"), ("7", "title", None, "cold", "change")],
        "leadsquared": [("p-1", "mx_Lead_Tier", None, "cold", "change")],
        "pollybot": [
            ("1", "customFields.lead_score", "85", "20", "change"),
            ("1", "customFields.tier", None, "cold", "change"),
        ],
        "leadping": [],
    }
