"""``leadloop undo`` as a person types it: shown, saved, sent, held and released; over all four CRMs."""

import csv
from typing import Any

import pytest
import sqlalchemy as sa

from connector.sandbox import Sandbox

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

SCORES = {
    "convoso": "lead_score",
    "leadsquared": "mx_lead_score",
    "pollybot": "custom_fields_lead_score",
    "leadping": "metadata_source_metadata_lead_score",
}
"""CRM -> the column of the field that the packaged push sets."""


def test_a_push_is_taken_back_from_the_command_line(places: Any) -> None:
    """Nobody there: 4 and nothing sent. Saved, it is sent as it is; what was taken back is held, listed and released."""
    with Sandbox(leads=60) as crm:
        place = places(crm)
        lead, deleted = crm.book.ids()[:2]
        crm.book.edit(lead, {"city": "Bonn", "title": ""})
        crm.book.edit(deleted, {"city": "Ulm"})
        place.project(
            f"select '{lead}' as lead_id, 'Ours' as value",
            scores="key = 'lead_id', max_share = 1, fields = {'city': 'value', 'title': 'value'}",
        )
        place.write("models/gone.sql", f"select '{deleted}' as lead_id")
        place.push("removing", "key = 'lead_id', mode = 'delete', max_share = 1", desired="gone")
        ran = place.run("run", "--yes", "--first", "--json").json
        run, removing = (ran["pushed"][name]["run_id"] for name in ("scores", "removing"))

        assert "1 lead" in place.run("undo", run, code=4).stderr
        assert crm.book.row(lead)["city"] == "Ours"
        place.run("undo", run, "--save", "undo.json", "--html", "undo.html")
        assert "Undo of" in (place.folder / "undo.html").read_text("utf-8")
        assert "leadloop undo --plan" in place.run("push", "scores", "--plan", "undo.json", code=2).message
        done = place.run("undo", "--plan", "undo.json", "--json").json
        assert done["fields_by_state"] == {"applied": 2}
        assert (crm.book.row(lead)["city"], crm.book.row(lead)["title"] or "") == ("Bonn", "")
        assert "is no plan of an undo" in place.run("undo", "--plan", _plan(place), code=2).message

        assert place.json("push", "scores")["leads"] == 0
        held = place.json("release", "scores")
        assert [(each["field"], each["shows"], each["wanted"]) for each in held["fields"]] == [
            ("city", "Bonn", "Ours"),
            ("title", None, "Ours"),
        ]
        assert "released" in place.run("release", "scores", "--field", "city").stdout
        assert place.json("push", "scores", "--yes")["fields"] == 1

        told = place.run("undo", removing, "--yes").stderr
        assert "can't bring a deleted lead back" in told
        (file,) = (place.folder / ".leadloop" / "deleted").iterdir()
        assert file.stat().st_mode & 0o077 == 0
        with file.open(newline="") as rows:
            (row,) = csv.DictReader(rows)
        assert (row["lead_id"], row["city"]) == (deleted, "Ulm")


def _plan(place: Any) -> str:
    place.run("plan", "scores", "--save", "plan.json")
    return "plan.json"


def test_every_crm_is_as_it_was_before(places: Any) -> None:
    """After a run over four CRMs and the undo of each of its pushes, every score is what it was, and nothing is sent again."""
    with Sandbox(leads=60) as sandbox:
        place = places()
        for vendor, settings in sandbox.settings().items():
            for name, value in {**settings, "settle": "0"}.items():
                place.env[f"CRM__{vendor}__{name}".upper()] = value

        def scores() -> dict[tuple[str, str], Any]:
            place.run("extract")
            place.run("build")
            # A field that no lead has shown yet has no column.
            with place.warehouse.engine().connect() as connection:
                rows = connection.execute(sa.text("select * from analytics.leads")).mappings()
                return {(row["crm"], row["lead_id"]): row.get(SCORES[row["crm"]]) for row in rows}

        before = scores()
        pushed = {
            vendor: place.run("push", f"lead_scores_to_{vendor}", "--yes", "--first", "--json").json
            for vendor in SCORES
        }
        assert all(each["leads_by_state"]["applied"] > 5 for each in pushed.values())
        assert scores() != before
        for each in pushed.values():
            done = place.run("undo", each["run_id"], "--yes", "--json").json
            assert done["fields_by_state"] == each["fields_by_state"]
        assert scores() == before
        again = place.run("run", "--yes", "--json").json
        assert {push["leads"] for push in again["pushed"].values()} == {0}
