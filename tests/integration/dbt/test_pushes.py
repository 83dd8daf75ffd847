"""The push macro in somebody's own dbt project: the three-way table, row by row, in each engine."""

import pytest

from connector.errors import BuildError
from connector.warehouse import models

CRM = "desired = ref('scores'), crm = 'convoso', key = 'lead_id', fields = {'Lead Score': 'score'}"


def verdicts(lab, push):
    rows = lab.rows(
        f"select lead_id, current_value, desired_value, base_value, verdict from analytics.{push}"
    )
    return {row[0]: row[1:] for row in rows}


@pytest.mark.slow
def test_every_row_of_the_table(lab, own):
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
    lab.build(own.folder)

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
    stopping = models.push_spec(own.folder, "stopping")
    assert (stopping.schema, stopping.identifier, stopping.fields) == (
        "analytics",
        "stopping",
        {"Lead Score": "score"},
    )
    assert (stopping.on_conflict, stopping.confirm) == ("stop", "sample")
    assert (stopping.max_changes, stopping.max_share, stopping.max_clears) == (None, None, 0)


@pytest.mark.slow
def test_what_the_crm_said_counts(lab, own):
    """An accepted value stands until the lead is read again; a refused one is held back, with what it was refused with."""
    leads = (
        "accepted",
        "accepted, then seen",
        "refused",
        "refused, then changed",
        "together",
        "one of two changed",
    )
    lab.land([{"id": lead, "score": "1", "tier": "cold"} for lead in leads], "2 00:00")
    own.desired("scores", "lead_id, score, tier", *(f"'{lead}', 7, 'hot'" for lead in leads))
    own.push(
        "both",
        "desired = ref('scores'), crm = 'convoso', key = 'lead_id', fields = {'score': 'score', 'tier': 'tier'}",
    )

    def said(lead, state, recorded_at, **values):
        return [
            {
                "push": "both",
                "lead_id": lead,
                "field": field,
                "state": state,
                "value": value,
                "recorded_at": recorded_at,
            }
            for field, value in values.items()
        ]

    lab.record(
        *said("accepted", "applied", "3 00:00", score="7", tier="hot"),
        *said("accepted, then seen", "applied", "1 00:00", score="7", tier="hot"),
        *said("refused", "rejected", "3 00:00", score="7"),
        *said("refused, then changed", "rejected", "3 00:00", score="6"),
        *said("together", "rejected", "3 00:00", score="7", tier="hot"),
        *said("one of two changed", "rejected", "3 00:00", score="6", tier="hot"),
    )
    lab.build(own.folder)

    rows = lab.rows("select lead_id, field, verdict from analytics.both")
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
    }


@pytest.mark.slow
def test_nothing_vanishes(lab, own):
    """Doubled leads, rows without an id, unknown leads, unknown fields and CRMs that aren't read all show."""
    lab.land([{"id": lead, "lead_score": "5"} for lead in ("1", "2")], "2 00:00")
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
    lab.record(
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
    lab.build(own.folder)

    rows = sorted(lab.rows("select lead_id, desired_value, verdict from analytics.here"), key=str)
    assert rows == [
        ("1", "5", "change"),
        ("1", "6", "change"),
        ("7", "5", "unknown_lead"),
        (None, "5", "unknown_lead"),
    ]
    assert sorted(lab.rows("select lead_id, desired_value, verdict from analytics.elsewhere"), key=str) == [
        ("1", "5", "change"),
        ("1", "6", "change"),
        ("7", "5", "change"),
        (None, "5", "unknown_lead"),
    ]
    assert set(lab.rows("select lead_id, column_name, desired_value, verdict from analytics.unshown")) == {
        ("1", "metadata_is_hot", "true", "change"),
        ("7", "metadata_is_hot", "true", "unknown_lead"),
        (None, "metadata_is_hot", "true", "unknown_lead"),
    }


@pytest.mark.slow
def test_a_failed_test_stands_against_the_push(duck, own):
    """What failed on a push is known to whoever plans it next, until a build in which it passes."""
    duck.land([{"id": "1"}], "2 00:00")
    own.desired("scores", "lead_id, score", "'1', 5", "'2', 5", "'2', 6")
    own.push("sent", CRM)
    own.push("other", CRM)
    own.write(
        "models/sent.yml",
        "models:\n  - name: sent\n    data_tests:\n      - leadloop.grain:\n          arguments:\n            columns: [lead_id, field]\n",
    )
    with pytest.raises(BuildError, match=r"test leadloop_grain_sent_lead_id__field \(1 row\)"):
        duck.build(own.folder)
    assert models.push_spec(own.folder, "sent").failed_tests == ("leadloop_grain_sent_lead_id__field",)
    assert models.push_spec(own.folder, "other").failed_tests == ()

    own.desired("scores", "lead_id, score", "'1', 5", "'2', 5")
    duck.build(own.folder)
    assert models.push_spec(own.folder, "sent").failed_tests == ()

    own.write("models/scores.sql", "select no_such_column as lead_id, 1 as score")
    with pytest.raises(BuildError, match="model scores"):
        duck.build(own.folder)
    assert models.push_spec(own.folder, "sent").failed_tests == ("leadloop_grain_sent_lead_id__field", "sent")
