"""The push macro in somebody's own dbt project: the three-way table, row by row; each mode in each engine."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from connector.errors import BuildError, ModelError
from connector.push import Confirmation, Journal, confirm, make_plan, plan_rows
from connector.warehouse import models, results
from connector.warehouse.connection import Warehouse
from tests.engines import DUCKDB_IS_LONG
from tests.unit.push.test_equality import DIFFERENT, SAME

CRM = "desired = ref('scores'), crm = 'convoso', key = 'lead_id', fields = {'Lead Score': 'score'}"

VIEWS = "(select table_name as name, view_definition as definition from information_schema.views) as views where name"

# The project's own models and what they stand on.
PUSHES = "+package:mine"


def verdicts(lab: Any, push: Any) -> Any:
    rows = lab.rows(
        f"select lead_id, current_value, desired_value, base_value, verdict from analytics.{push}"
    )
    return {row[0]: row[1:] for row in rows}


@pytest.mark.long
def test_every_row_of_the_table(lab: Any, own: Any) -> None:
    """Base, theirs and ours decide, under every option that has a say in it."""
    shown = {
        "in sync": "5",
        "blank in sync": " ",
        "new": "3",
        "new and empty": "",
        "kept": "3",
        "edited": "9",
    }
    lab.land(
        [
            {"id": lead, "modified_at": "2026-01-02 00:00:00", "lead_score": score}
            for lead, score in shown.items()
        ],
        "2 00:00",
    )
    own.desired(
        "scores",
        "lead_id, score",
        "'in sync', 5.0",
        "'blank in sync', null",
        "'new', 5",
        "'new and empty', 5.50",
        "'kept', null",
        "'edited', 5",
    )
    options = {
        "plain": "",
        "clearing": ", nulls = 'clear'",
        "filling": ", first_push = 'fill_empty'",
        "baseline": ", first_push = 'baseline'",
        "stopping": ", on_conflict = 'stop', max_changes = none, max_share = none, max_clears = 0, confirm = 'sample'",
    }
    for name, more in options.items():
        own.push(name, CRM + more)
    lab.record(
        *(
            {"push": push, "lead_id": lead, "field": "Lead Score", "value": "3", "recorded_at": "1 00:00"}
            for push in options
            for lead in ("kept", "edited")
        )
    )
    lab.build(own.folder, select=PUSHES)

    new = {"new": ("3", "5", None, "change"), "new and empty": (None, "5.5", None, "change")}
    edited = {"edited": ("9", "5", "3", "conflict")}
    assert verdicts(lab, "plain") == new | edited
    assert verdicts(lab, "clearing") == new | edited | {"kept": ("3", None, "3", "clear")}
    assert verdicts(lab, "filling") == new | edited | {"new": ("3", "5", None, "conflict")}
    assert verdicts(lab, "baseline") == edited
    assert verdicts(lab, "stopping") == new | edited
    assert lab.rows("select distinct crm, field, column_name from analytics.plain") == [
        ("convoso", "Lead Score", "lead_score")
    ]
    stopping = models.known(own.folder).push("stopping")
    assert (stopping.schema, stopping.identifier, stopping.fields) == (
        "analytics",
        "stopping",
        {"Lead Score": "score"},
    )
    assert (stopping.on_conflict, stopping.confirm) == ("stop", "sample")
    assert (stopping.max_changes, stopping.max_share, stopping.max_clears) == (None, None, 0)


@pytest.mark.long_if("duckdb")
def test_a_field_may_have_policies_of_its_own(lab: Any, own: Any) -> None:
    """In one push, each field by its own: what becomes of a blank, of what was never sent, and how values are compared."""
    lab.land(
        [
            {"id": "new", "one": "x", "two": "x", "three": "x", "four": "A"},
            {"id": "sent", "one": "x", "two": "x", "three": "x", "four": "x"},
        ],
        "2 00:00",
    )
    own.desired(
        "wanted",
        "lead_id, one, two, three, four",
        "'new', 'y', 'y', 'y', 'a'",
        "'sent', null, null, 'y', 'y'",
    )
    fields = (
        "{'one': {'column': 'one', 'nulls': 'clear', 'first_push': 'fill_empty', 'on_conflict': 'warehouse_wins'},"
        " 'two': {'column': 'two', 'first_push': 'baseline'}, 'three': 'three',"
        " 'four': {'column': 'four', 'equal': 'lower'}}"
    )
    own.push("mixed", f"desired = ref('wanted'), crm = 'convoso', key = 'lead_id', fields = {fields}")
    own.push(
        "other_way",
        "desired = ref('wanted'), crm = 'convoso', key = 'lead_id', nulls = 'clear', first_push = 'baseline',"
        " fields = {'one': {'column': 'one', 'nulls': 'keep'}, 'two': {'column': 'two', 'first_push': 'overwrite'},"
        " 'three': 'three'}",
    )
    lab.record(
        *(
            {"push": "mixed", "lead_id": "sent", "field": field, "value": "x", "recorded_at": "1 00:00"}
            for field in ("one", "two", "three", "four")
        )
    )
    lab.build(own.folder, select=PUSHES)

    def found(push: str) -> Any:
        return lab.rows(f"select lead_id, field, verdict from analytics.{push} order by 1, 2")

    assert found("mixed") == [
        ("new", "one", "conflict"),
        ("new", "three", "change"),
        ("sent", "four", "change"),
        ("sent", "one", "clear"),
        ("sent", "three", "change"),
    ]
    assert found("other_way") == [
        ("new", "two", "change"),
        ("sent", "three", "change"),
        ("sent", "two", "clear"),
    ]
    assert lab.rows(
        "select field from analytics.push_pending where push = 'mixed' and verdict = 'conflict' and is_sent"
    ) == [("one",)]
    # Whoever names leads has the engine look at its hundreds of columns: once for a push, however many fields it has.
    for push in ("mixed", "other_way"):
        ((view,),) = lab.rows(f"select definition from {VIEWS} = '{push}'")
        assert [
            len(re.findall(rf"analytics\.{model}\b", view)) for model in ("leads", "int_push_memory")
        ] == [1, 1]
    mixed = models.known(own.folder).push("mixed")
    assert mixed.fields == {each: each for each in ("one", "two", "three", "four")}
    assert mixed.policies == {
        "one": {"nulls": "clear", "first_push": "fill_empty", "on_conflict": "warehouse_wins"},
        "two": {"first_push": "baseline"},
    }
    assert mixed.equal == {"four": "lower"}


@pytest.mark.long
def test_what_the_crm_said_counts(duck: Any, own: Any) -> None:
    """An accepted value stands until the lead is read again; a refused one is held back, with what it was refused with;
    a lost answer makes what was to be replaced the base; a lead that was not there gets it once it is."""
    leads = (
        "accepted",
        "accepted, then seen",
        "refused",
        "refused, then changed",
        "together",
        "one of two changed",
        "not there",
        "not there, then back",
        "lost",
        "lost, then edited",
        "lost, arrived late",
        "lost, then accepted",
        "skipped",
    )
    duck.land([{"id": lead, "score": "1", "tier": "cold"} for lead in leads], "2 00:00")
    own.desired("scores", "lead_id, score, tier", *(f"'{lead}', 7, 'hot'" for lead in leads))
    own.push(
        "both",
        "desired = ref('scores'), crm = 'convoso', key = 'lead_id', fields = {'score': 'score', 'tier': 'tier'}",
    )

    def said(
        lead: Any, state: Any, recorded_at: Any, old: Any = None, code: Any = None, **values: Any
    ) -> Any:
        return [
            {
                "push": "both",
                "lead_id": lead,
                "field": field,
                "state": state,
                "code": code,
                "old_value": old,
                "value": value,
                "recorded_at": recorded_at,
            }
            for field, value in values.items()
        ]

    duck.record(
        *said("accepted", "applied", "3 00:00", score="7", tier="hot"),
        *said("accepted, then seen", "applied", "1 00:00", score="7", tier="hot"),
        *said("refused", "rejected", "3 00:00", score="7"),
        *said("refused, then changed", "rejected", "3 00:00", score="6"),
        *said("together", "rejected", "3 00:00", score="7", tier="hot"),
        *said("one of two changed", "rejected", "3 00:00", score="6", tier="hot"),
        *said("not there", "rejected", "3 00:00", code="6071", score="7", tier="hot"),
        *said("not there, then back", "rejected", "1 00:00", code="6071", score="7", tier="hot"),
        *said("lost", "unknown", "1 00:00", old="1", score="6"),
        *said("lost, then edited", "unknown", "1 00:00", old="0", score="6"),
        *said("lost, arrived late", "unknown", "1 00:00", old="0", score="1"),
        *said("lost, then accepted", "unknown", "1 00:00", old="0", score="1"),
        *said("lost, then accepted", "applied", "1 01:00", old="0", score="1"),
        *(
            {**row, "code": "skipped"}
            for row in said("skipped", "rejected", "1 00:00", score="5", tier="cold")
        ),
    )
    duck.build(own.folder, select=PUSHES)

    rows = duck.rows("select lead_id, field, verdict from analytics.both")
    assert {(lead, field): verdict for lead, field, verdict in rows} == {
        ("accepted, then seen", "score"): "conflict",
        ("accepted, then seen", "tier"): "conflict",
        ("refused", "score"): "rejected",
        ("refused", "tier"): "change",
        ("refused, then changed", "score"): "change",
        ("refused, then changed", "tier"): "change",
        ("together", "score"): "rejected",
        ("together", "tier"): "rejected",
        ("one of two changed", "score"): "change",
        ("one of two changed", "tier"): "change",
        ("not there", "score"): "rejected",
        ("not there", "tier"): "rejected",
        ("not there, then back", "score"): "change",
        ("not there, then back", "tier"): "change",
        ("lost", "score"): "change",
        ("lost", "tier"): "change",
        ("lost, then edited", "score"): "conflict",
        ("lost, then edited", "tier"): "change",
        ("lost, arrived late", "score"): "change",
        ("lost, arrived late", "tier"): "change",
        ("lost, then accepted", "score"): "change",
        ("lost, then accepted", "tier"): "change",
        ("skipped", "score"): "rejected",
        ("skipped", "tier"): "rejected",
    }


@pytest.mark.long
def test_nothing_vanishes(duck: Any, own: Any) -> None:
    """Doubled leads, rows without an id, unknown leads, unknown fields and CRMs that aren't read all show."""
    duck.land([{"id": lead, "lead_score": "5"} for lead in ("1", "2")], "2 00:00")
    own.desired(
        "scores",
        "lead_id, score, flag",
        "'1', 5, true",
        "'1', 6, true",
        "'7', 5, true",
        "null, 5, true",
        "'2', 5, true",
    )
    own.push("here", CRM)
    own.push("elsewhere", CRM.replace("convoso", "pollybot"))
    own.push("unshown", CRM.replace("'Lead Score': 'score'", "'metadata.isHot': 'flag'"))
    duck.record(
        {
            "push": "elsewhere",
            "crm": "pollybot",
            "lead_id": "2",
            "field": "Lead Score",
            "value": "5",
            "recorded_at": "1 00:00",
        },
        {
            "push": "unshown",
            "lead_id": "2",
            "field": "metadata.isHot",
            "value": "true",
            "recorded_at": "1 00:00",
        },
    )
    duck.build(own.folder, select=PUSHES)

    rows = sorted(duck.rows("select lead_id, desired_value, verdict from analytics.here"), key=str)
    assert rows == [
        ("1", "5", "change"),
        ("1", "6", "change"),
        ("7", "5", "unknown_lead"),
        (None, "5", "unknown_lead"),
    ]
    assert duck.rows("select distinct desired_leads from analytics.here") == [(5,)]
    plan = make_plan(duck.warehouse.engine(), models.known(own.folder).push("here"))
    assert (plan.unknown_leads, plan.desired_leads, plan.guardrails[-1].actual) == (1, 5, 0.2)
    assert sorted(duck.rows("select lead_id, desired_value, verdict from analytics.elsewhere"), key=str) == [
        ("1", "5", "change"),
        ("1", "6", "change"),
        ("7", "5", "change"),
        (None, "5", "unknown_lead"),
    ]
    assert set(duck.rows("select lead_id, column_name, desired_value, verdict from analytics.unshown")) == {
        ("1", "metadata_is_hot", "true", "change"),
        ("7", "metadata_is_hot", "true", "unknown_lead"),
        (None, "metadata_is_hot", "true", "unknown_lead"),
    }


@pytest.mark.long
def test_the_same_id_in_two_crms_is_two_leads(duck: Any, own: Any) -> None:
    """What was read of, sent to, accepted by and confirmed in one CRM says nothing about the other's lead of that id."""
    shown = {"convoso": ("0", "7"), "pollybot": ("7", "0")}
    for crm, (before, after) in shown.items():
        for score, seen_at in ((before, "2 00:00"), (after, "4 00:00")):
            duck.land([{"id": "1", "lead_score": score}], seen_at, table=f"{crm}_raw.lead_versions")
    own.desired("scores", "lead_id, score", "'1', 7")
    for crm in shown:
        own.push(f"to_{crm}", CRM.replace("convoso", crm))
    sent = {
        "push": "to_convoso",
        "lead_id": "1",
        "field": "Lead Score",
        "column_name": "lead_score",
        "value": "7",
    }
    duck.record(
        {**sent, "state": "sent", "recorded_at": "3 00:00"},
        {**sent, "state": "applied", "recorded_at": "3 00:01"},
    )
    duck.build(own.folder, select=f"{PUSHES} +int_push_history lead_changes")

    origins = duck.rows(
        "select crm, origin from analytics.lead_changes where version_number = 2 order by crm"
    )
    assert origins == [("convoso", "push"), ("pollybot", "crm")]
    assert verdicts(duck, "to_convoso") == {}
    assert verdicts(duck, "to_pollybot") == {"1": ("0", "7", None, "change")}

    engine = duck.warehouse.engine()
    journal = Journal(engine)
    journal.ensure()
    assert confirm(engine, journal, "pollybot") == Confirmation()
    assert confirm(engine, journal, "convoso") == Confirmation(confirmed=1)
    states = duck.rows("select crm, state from leadloop.push_journal where state = 'confirmed'")
    assert states == [("convoso", "confirmed")]


def against(duck: Any, own: Any, name: Any) -> Any:
    """What stands against sending a push."""
    return results.failed(duck.warehouse.engine(), models.known(own.folder).push(name).stands_on)


def test_what_failed_in_another_schema_stands_against_nothing(duck: Any) -> None:
    """The same node in a colleague's target is another one; a row that says no schema, of an older version, counts for all."""
    duck.execute("create schema leadloop")
    duck.execute(
        "create table leadloop.dbt_results (unique_id text, name text, status text, sequence_number bigint, schema_name text)"
    )
    engine, nodes = duck.warehouse.engine(), {"model.mine.a": "prod", "test.mine.b": "prod_audit"}

    def record(name: str, status: str, number: int, schema: str | None) -> None:
        schema_name = f"'{schema}'" if schema else "null"
        duck.execute(
            f"insert into leadloop.dbt_results values ('{name}', '{name[-1]}', '{status}', {number}, {schema_name})"
        )

    record("model.mine.a", "success", 1, "prod")
    record("model.mine.a", "error", 2, "dev_anna")
    assert results.failed(engine, nodes) == ()
    record("test.mine.b", "fail", 3, "prod_audit")
    record("test.mine.b", "pass", 4, "dev_anna_audit")
    assert results.failed(engine, nodes) == ("b",)
    record("model.mine.a", "error", 5, None)
    assert results.failed(engine, nodes) == ("a", "b")
    record("model.mine.a", "success", 6, "prod")
    record("test.mine.b", "pass", 7, "prod_audit")
    assert results.failed(engine, nodes) == ()


@pytest.mark.long
def test_a_failed_test_stands_against_the_push(lab: Any, own: Any) -> None:
    """What failed on a push is known to whoever plans it next, until a build in which it passes."""
    lab.land([{"id": "1"}], "2 00:00")
    own.desired("scores", "lead_id, score", "'1', 5", "'2', 5", "'2', 6")
    own.push("sent", CRM)
    own.push("other", CRM)
    own.write(
        "models/sent.yml",
        "models:\n  - name: sent\n    data_tests:\n      - leadloop.grain:\n          arguments:\n            columns: [lead_id, field]\n",
    )
    with pytest.raises(BuildError, match=r"test leadloop_grain_sent_lead_id__field \(1 row\)"):
        lab.build(own.folder, select=PUSHES)
    assert against(lab, own, "sent") == ("leadloop_grain_sent_lead_id__field",)
    assert against(lab, own, "other") == ()

    own.desired("scores", "lead_id, score", "'1', 5", "'2', 5")
    lab.build(own.folder, select=PUSHES)
    assert against(lab, own, "sent") == ()

    own.write("models/scores.sql", "select no_such_column as lead_id, 1 as score")
    with pytest.raises(BuildError, match="model scores"):
        lab.build(own.folder, select=PUSHES)
    assert against(lab, own, "sent") == ("leadloop_grain_sent_lead_id__field", "scores", "sent")


ODD = {
    "duckdb": {
        "list": ("['a', 'b']", "VARCHAR[]"),
        "array": ("array_value(1, 2)", "INTEGER[2]"),
        "struct": ("{'a': 1}", "STRUCT(a INTEGER)"),
        "map": ("map {'a': 1}", "MAP(VARCHAR, INTEGER)"),
        "bytes": ("cast('x' as blob)", "BLOB"),
        "object": ("cast('{}' as json)", "JSON"),
        "nan": ("cast('nan' as double)", "DOUBLE nan"),
        "infinite": ("cast('-inf' as float)", "FLOAT -inf"),
        "text_of_json": ("cast('\"t\"' as json)", None),
        "nothing": ("cast(null as integer[])", None),
        "number": ("cast(2.50 as double)", None),
        "bracket": ("'[1, 2]'", None),
        "day": ("date '2026-01-02'", None),
    },
    "postgres": {
        "list": ("array['a', 'b']", "text[]"),
        "object": ("cast('{}' as json)", "json"),
        "json_list": ("cast('[1]' as jsonb)", "jsonb"),
        "bytes": ("cast('x' as bytea)", "bytea"),
        "nan": ("cast('NaN' as double precision)", "double precision NaN"),
        "numeric_nan": ("cast('NaN' as numeric)", "numeric NaN"),
        "infinite": ("cast('-infinity' as real)", "real -Infinity"),
        "text_of_json": ("cast('\"t\"' as jsonb)", None),
        "nothing": ("cast(null as integer[])", None),
        "number": ("cast(2.50 as numeric)", None),
        "bracket": ("cast('[1, 2]' as text)", None),
        "day": ("date '2026-01-02'", None),
    },
}


@pytest.mark.long_if("postgres")
def test_what_is_no_single_value_is_named_and_never_sent(lab: Any, own: Any) -> None:
    """Lists, objects, bytes, NaN and infinities have their type beside them, and no plan is made with them; a list for a field
    that holds lists is JSON."""
    odd = ODD.get(lab.warehouse.kind, ODD["duckdb"])
    columns = ", ".join(f"{sql} as c_{name}" for name, (sql, _) in odd.items())
    lab.land([{"id": "1"}], "1 00:00")
    own.write("models/values_of.sql", f"select '1' as lead_id, {columns}\n")
    fields = ", ".join(f"'{name}': 'c_{name}'" for name in odd)
    own.push(
        "odd",
        f"desired = ref('values_of'), crm = 'convoso', key = 'lead_id', nulls = 'clear', fields = {{{fields}}}",
    )
    lab.build(own.folder, select=PUSHES)
    found = {
        field: rest for field, *rest in lab.rows("select field, desired_value, unsendable from analytics.odd")
    }
    wanted = {name: kind for name, (_, kind) in odd.items() if name != "nothing"}
    assert {field: kind for field, (_, kind) in found.items()} == wanted
    assert json.loads(found["list"][0]) == ["a", "b"]

    spec = models.known(own.folder).push("odd")
    with pytest.raises(
        ModelError, match=r"odd: the value for '\w+' is of the type .* in 1 lead \(such as 1\)"
    ):
        make_plan(lab.warehouse.engine(), spec)


def test_a_list_goes_to_a_field_that_holds_lists_alone() -> None:
    """Which fields do is known when the plan is made; a type that is no list is refused there as well."""
    from tests.integration.push.conftest import CAN

    def rows(kind: str | None, value: str) -> list[tuple[Any, ...]]:
        return [("7", "tags", "tags", None, value, None, "change", None, "1", kind)]

    spec = SimpleNamespace(
        name="sent", crm="convoso", mode="update", on_conflict="crm_wins", options={}, equal={}, policies={}, max_changes=None, max_share=None,
        max_clears=None, max_inserts=None, max_deletes=None, max_found=None, max_unknown_share=None,
        approval="none", approve_above=None,
    )  # fmt: skip
    at = datetime(2026, 1, 1, tzinfo=UTC)
    for kind in ("VARCHAR[]", "json", "DOUBLE nan"):
        with pytest.raises(ModelError, match="the value for 'tags' is of the type"):
            plan_rows(spec, rows(kind, '["a"]'), made_at=at)
    listing = replace(CAN, lists=frozenset({"tags"}))
    for kind in ("VARCHAR[]", "json"):
        assert plan_rows(spec, rows(kind, '["a"]'), made_at=at, lists=listing.lists).leads
    with pytest.raises(ModelError, match="DOUBLE nan"):
        plan_rows(spec, rows("DOUBLE nan", "NaN"), made_at=at, lists=listing.lists)
    assert plan_rows(spec, rows(None, "[1, 2]"), made_at=at).leads


WHO = "desired = ref('people'), crm = 'convoso', key = 'id', options = {'list_id': 333, 'check_dnc': true}"
PEOPLE = "fields = {'phone_number': 'phone', 'first_name': 'name'}"


@DUCKDB_IS_LONG
def test_leads_are_added_once(lab: Any, own: Any) -> None:
    """Rows that the CRM never accepted are added whole, blanks left out; refused ones wait until one of their values changes."""
    lab.land([{"id": "7", "phone_number": "999"}], "2 00:00")
    own.desired(
        "people",
        "id, phone, name",
        "'7', '111', 'Ann'",
        "'nameless', '222', null",
        "'accepted', '333', 'Bea'",
        "'refused', '444', 'Cy'",
        "'corrected', '555', 'Di'",
        "'completed', '666', 'Ed'",
        "'put off', '777', 'Flo'",
        "'doubled', '888', 'Gus'",
        "'doubled', '888', 'Gus'",
    )
    own.push("added", f"mode = 'insert', max_inserts = 5, {WHO}, {PEOPLE}")

    def said(key: Any, state: Any, crm_lead_id: Any = None, **values: Any) -> Any:
        return [
            {"push": "added", "lead_id": key, "crm_lead_id": crm_lead_id, "field": field, "state": state,
             "value": value, "recorded_at": "1 00:00"}
            for field, value in values.items()
        ]  # fmt: skip

    lab.record(
        *said("accepted", "applied", "70", phone_number="333", first_name="another name"),
        *said("refused", "rejected", phone_number="444", first_name="Cy"),
        *said("corrected", "rejected", phone_number="554", first_name="Di"),
        *said("completed", "rejected", phone_number="666"),
        *said("put off", "deferred", phone_number="777", first_name="Flo"),
    )
    lab.build(own.folder, select=PUSHES)

    rows = lab.rows("select lead_id, field, desired_value, crm_lead_id, verdict from analytics.added")
    whole = {
        "7": ("111", "Ann"),
        "corrected": ("555", "Di"),
        "completed": ("666", "Ed"),
        "put off": ("777", "Flo"),
    }
    expected = {(key, "phone_number", phone, None, "insert") for key, (phone, _) in whole.items()}
    expected |= {(key, "first_name", name, None, "insert") for key, (_, name) in whole.items()}
    expected |= {("nameless", "phone_number", "222", None, "insert")}
    expected |= {
        ("refused", "phone_number", "444", None, "rejected"),
        ("refused", "first_name", "Cy", None, "rejected"),
    }
    expected |= {
        ("doubled", "phone_number", "888", None, "insert"),
        ("doubled", "first_name", "Gus", None, "insert"),
    }
    assert set(rows) == expected
    assert len(rows) == len(expected) + 2
    spec = models.known(own.folder).push("added")
    assert (spec.mode, spec.max_inserts, spec.options) == (
        "insert",
        5,
        {"list_id": "333", "check_dnc": "true"},
    )


@pytest.mark.long
def test_an_upsert_updates_what_is_known_and_adds_the_rest(lab: Any, own: Any) -> None:
    """A lead is known by the column that names it or by the id the CRM gave it; only then single fields are compared."""
    lab.land(
        [{"id": lead, "phone_number": "111", "first_name": "Ann"} for lead in ("10", "11", "12", "14")],
        "2 00:00",
    )
    own.desired(
        "people",
        "id, lead, phone, name",
        "'named', '10', '111', 'Anna'",
        "'tried to add', '10', '111', 'Anna'",
        "'in sync', '11', '111', 'Ann'",
        "'given', null, '111', 'Anna'",
        "'edited', null, '111', 'Anna'",
        "'not read yet', null, '222', 'Bea'",
        "'gone', '13', '111', 'Ann'",
        "'new', '', '333', 'Cy'",
        "'found', null, '111', 'Anna'",
    )
    own.push("upserted", f"mode = 'upsert', lead_id = 'lead', {WHO}, {PEOPLE}")
    lab.record(
        *(
            {"push": "upserted", "lead_id": key, "crm_lead_id": lead, "field": field, "value": value, "recorded_at": "1 00:00"}
            for key, lead, first_name in (("given", "11", "Ann"), ("edited", "12", "Al"), ("not read yet", "99", "Bo"))
            for field, value in (("phone_number", "111"), ("first_name", first_name))
        ),
        *(
            {"push": "upserted", "lead_id": "found", "crm_lead_id": "14", "field": field, "value": value, "code": "found", "recorded_at": "1 00:00"}
            for field, value in (("phone_number", "111"), ("first_name", "Bert"))
        ),
        {"push": "upserted", "lead_id": "tried to add", "field": "first_name", "value": "Anne", "state": "unknown", "recorded_at": "1 00:00"},
    )  # fmt: skip
    lab.build(own.folder, select=PUSHES)

    rows = lab.rows(
        "select lead_id, crm_lead_id, field, current_value, desired_value, base_value, verdict from analytics.upserted"
    )
    assert set(rows) == {
        ("named", "10", "first_name", "Ann", "Anna", None, "change"),
        ("tried to add", "10", "first_name", "Ann", "Anna", None, "change"),
        ("given", "11", "first_name", "Ann", "Anna", "Ann", "change"),
        ("edited", "12", "first_name", "Ann", "Anna", "Al", "conflict"),
        ("not read yet", "99", "phone_number", "111", "222", "111", "change"),
        ("not read yet", "99", "first_name", "Bo", "Bea", "Bo", "change"),
        ("gone", "13", "phone_number", None, "111", None, "unknown_lead"),
        ("gone", "13", "first_name", None, "Ann", None, "unknown_lead"),
        # Nothing was ever sent to it, whatever was wanted when it was found.
        ("found", "14", "first_name", "Ann", "Anna", None, "change"),
        ("new", None, "phone_number", None, "333", None, "insert"),
        ("new", None, "first_name", None, "Cy", None, "insert"),
    }


@pytest.mark.long
def test_deletions(lab: Any, own: Any) -> None:
    """Leads that are there are deleted; gone, accepted and refused ones cost no call; a restored one is a conflict."""
    leads = ("there", "accepted", "restored", "refused", "seen since", "wanted back", "wanted gone")
    lab.land([{"id": lead} for lead in leads], "2 00:00")
    own.desired(
        "unwanted", "id", *(f"'{lead}'" for lead in leads), "'never shown'", "null", "'double'", "'double'"
    )
    own.push(
        "gone", "desired = ref('unwanted'), crm = 'convoso', key = 'id', mode = 'delete', max_deletes = 3"
    )
    said = {
        "accepted": ("applied", "3 00:00", None),
        "restored": ("applied", "1 00:00", None),
        "refused": ("rejected", "3 00:00", "5"),
        "seen since": ("rejected", "1 00:00", "5"),
        "wanted back": ("rejected", "1 00:00", "resolved"),
        "wanted gone": ("confirmed", "3 00:00", "resolved"),
    }
    lab.record(
        *(
            {"push": "gone", "lead_id": lead, "field": "*", "state": state, "recorded_at": when, "code": code}
            for lead, (state, when, code) in said.items()
        )
    )
    lab.build(own.folder, select=PUSHES)

    rows = lab.rows("select lead_id, field, verdict from analytics.gone")
    assert sorted(rows, key=str) == sorted(
        [
            ("there", "*", "delete"),
            ("restored", "*", "conflict"),
            ("refused", "*", "rejected"),
            ("seen since", "*", "delete"),
            ("wanted back", "*", "rejected"),
            ("wanted gone", "*", "delete"),
            ("never shown", "*", "unknown_lead"),
            (None, "*", "unknown_lead"),
            ("double", "*", "unknown_lead"),
            ("double", "*", "unknown_lead"),
        ],
        key=str,
    )
    spec = models.known(own.folder).push("gone")
    assert (spec.mode, spec.fields, spec.max_deletes) == ("delete", {}, 3)


@pytest.mark.long
def test_a_protected_field_is_in_no_push(duck: Any, own: Any) -> None:
    """The project's leadloop_protected_fields stop the parsing, however the field is written."""
    own.desired("scores", "lead_id, score", "'1', 5")
    own.push("wrong", CRM.replace("'Lead Score'", "'OwnerId'"))
    text = (own.folder / "dbt_project.yml").read_text("utf-8")
    own.write("dbt_project.yml", text + "vars:\n  leadloop_protected_fields: [owner_id]\n")
    with pytest.raises(
        ModelError, match=r"push wrong: fields has OwnerId, which the project protects: .* has owner_id"
    ):
        models.known(own.folder)


@pytest.mark.long_if("postgres")
def test_values_are_equal_in_sql_as_in_python(lab: Any, own: Any) -> None:
    """Each example of a rule, as what the CRM shows beside what we want; and as what someone edited beside what we sent."""
    examples = [(rule, one, other) for rule, one, other in SAME + DIFFERENT if rule and one and other]
    names = {rule: f"rule_{n}" for n, rule in enumerate(dict.fromkeys(rule for rule, *_ in examples))}

    def text(value: Any) -> Any:
        # A file with a carriage return is read as if it had none.
        return (
            "null"
            if value is None
            else "'" + value.replace("'", "''").replace("\r", "' || chr(13) || '") + "'"
        )

    lab.land(
        [
            {"id": str(n), names[rule]: shown, "modified_at": "2026-01-02 00:00:00"}
            for n, (rule, shown, _) in enumerate(examples)
        ],
        "2 00:00",
    )
    own.desired(
        "wanted",
        "id, " + ", ".join(f"of_{name}" for name in names.values()),
        *(
            f"'{n}', " + ", ".join(text(ours if rule == each else None) for each in names)
            for n, (rule, _, ours) in enumerate(examples)
        ),
    )
    fields = {name: f"of_{name}" for name in names.values()}
    options = f"desired = ref('wanted'), crm = 'convoso', key = 'id', fields = {fields}"
    own.push("by_rules", f"{options}, equal = { ({name: rule for rule, name in names.items()}) }")
    own.push("by_text", options)
    lab.build(own.folder, select=PUSHES)

    differ = {str(n) for n, example in enumerate(examples) if example in DIFFERENT}
    assert {lead for (lead,) in lab.rows("select lead_id from analytics.by_rules")} == differ
    unlike = {str(n) for n, (_, shown, ours) in enumerate(examples) if shown != ours}
    assert {lead for (lead,) in lab.rows("select lead_id from analytics.by_text")} == unlike


@pytest.mark.long
def test_what_the_crm_keeps_rewriting_is_not_sent_for_ever(duck: Any, own: Any) -> None:
    """Accepted three times and shown differently each time, or kept in another form: flapping, also where the warehouse wins; else it is
    sent, as what somebody has edited since."""
    forms = {"other form": "4.0", "other form, then edited": "5.0"}
    leads = ("twice", "three times", "kept once", "new value", "equal", *forms)
    duck.land([{"id": lead, "lead_score": "4.0", "title": "x"} for lead in leads], "9 00:00")
    own.desired("scores", "lead_id, score", *(f"'{lead}', '{4 if lead == 'equal' else 5}'" for lead in leads))
    own.push("stubborn", f"{CRM}, on_conflict = 'warehouse_wins', equal = {{'Lead Score': 'number'}}")
    states = {
        "twice": ["confirmed", "reverted", "reverted"],
        "three times": ["confirmed", "reverted", "reverted", "reverted"],
        "kept once": ["reverted", "reverted", "reverted", "confirmed", "reverted"],
        "new value": ["reverted", "reverted", "reverted"],
        "equal": ["reverted", "reverted", "reverted"],
    }
    duck.record(
        *(
            {"push": "stubborn", "lead_id": lead, "field": "Lead Score", "state": state, "recorded_at": f"{day} {hour}:00",
             "value": "6" if lead == "new value" else "4" if lead == "equal" else "5"}
            for lead, reached in states.items()
            for day, last in enumerate(reached, 1)
            for hour, state in (("10", "applied"), ("11", last))
        ),
        *(
            {"push": "stubborn", "lead_id": lead, "field": "Lead Score", "value": "5", "recorded_at": f"1 {hour}:00", **more}
            for lead, form in forms.items()
            for hour, more in (("10", {"state": "applied"}), ("11", {"state": "reverted", "code": "other_form", "old_value": form}))
        ),
    )  # fmt: skip
    duck.build(own.folder, select=PUSHES)
    assert {lead: row[3] for lead, row in verdicts(duck, "stubborn").items()} == {
        "twice": "conflict",
        "three times": "flapping",
        "kept once": "conflict",
        "new value": "conflict",
        "other form": "flapping",
        "other form, then edited": "conflict",
    }


@pytest.mark.long
def test_a_renamed_push_knows_what_it_sent(lab: Any, own: Any) -> None:
    """The base belongs to CRM, lead and field, and the warehouse's number says what is newest, whatever the clocks said; ids of
    another push's rows are no leads."""
    leads = ("edited", "as we left it", "numbered", "lost, then edited", "an id of another push's")
    lab.land([{"id": lead, "lead_score": "9"} for lead in leads], "2 00:00")
    own.desired("scores", "lead_id, score", *("'" + lead.replace("'", "''") + "', 5" for lead in leads))
    own.push("renamed", CRM)
    own.push("renamed_too", CRM + ", mode = 'upsert', lead_id = 'lead_id', options = {'list_id': 1}")

    def sent(lead: Any, value: Any, recorded_at: Any, **more: Any) -> Any:
        plain = {"push": "old_name", "lead_id": lead, "field": "Lead Score", "value": value}
        return {**plain, "recorded_at": recorded_at, **more}

    lab.record(
        sent("edited", "3", "1 00:00"),
        sent("as we left it", "9", "1 00:00", state="confirmed"),
        sent("numbered", "3", "1 10:00", sequence_number=1),
        sent("numbered", "9", "1 09:00", sequence_number=2, push="another"),
        sent("lost, then edited", "3", "1 00:00", state="unknown", old_value="2"),
        sent("an id of another push's", "3", "1 00:00", run_id="adding", state="unknown", old_value="2"),
        sent("an id of another push's", "3", "1 00:00", run_id="adding"),
        sent("row 1", "3", "1 01:00", run_id="adding", crm_lead_id="edited"),
    )
    lab.execute("insert into leadloop.push_runs (run_id, mode) values ('adding', 'insert')")
    lab.build(own.folder, select=PUSHES)

    expected = {
        "edited": ("9", "5", "3", "conflict"),
        "as we left it": ("9", "5", "9", "change"),
        "numbered": ("9", "5", "9", "change"),
        "lost, then edited": ("9", "5", "2", "conflict"),
        "an id of another push's": ("9", "5", None, "change"),
    }
    assert verdicts(lab, "renamed") == expected
    assert verdicts(lab, "renamed_too") == expected


@pytest.mark.long
def test_a_field_that_only_another_crm_shows_is_no_conflict(duck: Any, own: Any) -> None:
    """PollyBot has a column of that name, Convoso takes the field and never shows it: what we sent last is all there is."""
    duck.land([{"id": lead} for lead in ("kept", "changed")], "2 00:00")
    duck.land([{"id": "1", "lead_score": "3"}], "2 00:00", table="pollybot_raw.lead_versions")
    own.desired("scores", "lead_id, score", "'kept', 5", "'changed', 6")
    own.push("hidden", CRM)
    duck.record(
        *(
            {"push": "hidden", "lead_id": lead, "field": "Lead Score", "column_name": "lead_score", "value": "5", "recorded_at": "1 00:00"}
            for lead in ("kept", "changed")
        )
    )  # fmt: skip
    duck.build(own.folder, select=PUSHES)
    assert verdicts(duck, "hidden") == {"changed": ("5", "6", "5", "change")}
    journal = Journal(duck.warehouse.engine())
    journal.ensure()
    assert confirm(duck.warehouse.engine(), journal, "convoso") == Confirmation()


@pytest.mark.long
def test_a_values_text_is_the_same_in_every_session(lab: Any, own: Any) -> None:
    """A time with a zone, and a value of nothing but a line's end, are in sync whatever the machine's zone is."""
    shown = {"time": "2026-03-01 10:00:00+00", "newline": None, "shown newline": "\n", "other case": "ÄB\n"}
    lab.land([{"id": lead, "seen": text} for lead, text in shown.items()], "2 00:00")
    own.desired(
        "scores", "lead_id, value", "'newline', chr(10)", "'shown newline', null", "'other case', 'Äb'"
    )
    own.write(
        "models/times.sql",
        "select 'time' as lead_id, cast('2026-03-01 10:00:00+00' as timestamptz) as value",
    )
    crm = "crm = 'convoso', key = 'lead_id', fields = {'seen': 'value'}, nulls = 'clear'"
    own.push("texts", f"desired = ref('scores'), {crm}, equal = {{'seen': 'lower'}}")
    own.push("moments", f"desired = ref('times'), {crm}")
    lab.build(own.folder, select=PUSHES)
    with lab.warehouse.engine().connect() as connection:
        for zone in ("UTC", "America/New_York", "Asia/Kolkata"):
            connection.execute(sa.text(f"set TimeZone = '{zone}'"))
            for push in ("texts", "moments"):
                rows = connection.execute(
                    sa.text(f"select lead_id, current_value, desired_value from analytics.{push}")
                )
                assert rows.all() == [], zone


def test_times_are_shown_in_utc_whatever_the_machines_zone(tmp_path: Path) -> None:
    """Our own connections to a DuckDB file don't take the zone from the machine."""
    with Warehouse.duckdb(tmp_path / "leads.duckdb").engine().connect() as connection:
        assert connection.scalar(sa.text("select current_setting('TimeZone')")) == "UTC"
