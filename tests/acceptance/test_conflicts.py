"""Fields that a person edited in the CRM after a push: left alone, overwritten, a stop, or settled by hand."""

from typing import Any

import pytest

from connector.sandbox import Sandbox

pytestmark = pytest.mark.timeout(600)

FIELDS = {"crm_wins": "city", "warehouse_wins": "address1", "stop": "province", "clears": "notes"}
"""Push -> its own field, so that all of them can be watched over the same leads."""


def wanted(value: Any, leads: Any, cleared: Any = ()) -> Any:
    """The same value for each of these leads, and nothing for those to be cleared."""
    listed, blank = (", ".join(f"'{each}'" for each in some) or "''" for some in (leads, cleared))
    return (
        f"select lead_id, '{value}' as value, case when lead_id in ({blank}) then null else '{value}' end as note\n"
        f"from {{{{ ref('leadloop', 'leads') }}}} where lead_id in ({listed})"
    )


def pushes() -> Any:
    base = "key = 'lead_id', max_share = 1, fields = "
    return {
        "crm_wins": base + "{'city': 'value'}",
        "warehouse_wins": base + "{'address1': 'value'}, on_conflict = 'warehouse_wins'",
        "stop": base + "{'province': 'value'}, on_conflict = 'stop'",
        "clears": base + "{'notes': 'note'}, nulls = 'clear'",
    }


@pytest.mark.long
def test_an_edit_in_the_crm_is_a_conflict_until_somebody_decides(places: Any) -> None:
    """crm_wins leaves the edit, warehouse_wins sends ours, stop sends nothing, clear clears; resolve settles the rest."""
    with Sandbox(leads=60) as crm:
        place = places(crm)
        leads = crm.book.ids()[:4]
        one, two, three, _four = leads
        place.project(wanted("Ours", leads), **pushes())
        place.run("run", "--yes", "--first")
        assert all(crm.book.row(lead)[name] == "Ours" for lead in leads for name in FIELDS.values())

        for lead in (one, two, three):
            crm.book.edit(lead, {"city": "Theirs", "address1": "Theirs", "province": "Theirs"})
        place.write("models/wanted.sql", wanted("Newer", leads, cleared=[one]))
        crm.calls.clear()
        ran = place.run("run", "--yes", code=4)

        assert [crm.book.row(lead)["city"] for lead in leads] == ["Theirs", "Theirs", "Theirs", "Newer"]
        assert [crm.book.row(lead)["address1"] for lead in leads] == ["Newer"] * 4
        assert [crm.book.row(lead)["province"] for lead in leads] == ["Theirs", "Theirs", "Theirs", "Ours"]
        assert [crm.book.row(lead)["notes"] or None for lead in leads] == [None, "Newer", "Newer", "Newer"]
        assert "stop" in ran.message
        assert "on_conflict" in ran.message
        place.run("push", "stop", "--yes", code=4)
        assert not [call for call in crm.calls.select("update") if "province" in call.names]

        listed = place.json("resolve", "crm_wins")["conflicts"]
        assert {each["lead_id"] for each in listed} == {one, two, three}
        assert {(each["theirs"], each["ours"], each["sent_before"]) for each in listed} == {
            ("Theirs", "Newer", "Ours")
        }
        assert "3 conflicts" in place.run("resolve", "crm_wins").stdout
        assert "--lead" in place.run("resolve", "crm_wins", "--take", "ours", code=2).message

        place.run("resolve", "crm_wins", "--take", "ours", "--lead", one)
        place.run("resolve", "crm_wins", "--take", "theirs", "--lead", two)
        place.run("build", "--select", "crm_wins")
        place.run("push", "crm_wins", "--yes")
        assert [crm.book.row(lead)["city"] for lead in leads[:3]] == ["Newer", "Theirs", "Theirs"]
        assert [each["lead_id"] for each in place.json("resolve", "crm_wins")["conflicts"]] == [three]
        place.run("resolve", "crm_wins", "--take", "skip", "--lead", three)

        place.write("models/wanted.sql", wanted("Newest", leads, cleared=[one]))
        place.run("run", "--push", "crm_wins", "--yes")
        assert crm.book.row(one)["city"] == "Newest"
        again = {each["lead_id"] for each in place.json("resolve", "crm_wins")["conflicts"]}
        assert two in again or crm.book.row(two)["city"] == "Newest"
        assert three not in again
        assert crm.book.row(three)["city"] == "Theirs"
        place.run("resolve", "crm_wins", "--take", "ours", "--lead", three)
        place.run("build", "--select", "crm_wins")
        place.run("push", "crm_wins", "--yes")
        assert crm.book.row(three)["city"] == "Newest"

        status = place.json("status")
        assert {run["push"] for run in status["runs"]} >= {"crm_wins", "warehouse_wins", "clears"}
        assert status["crms"][0]["leads"] == 60
        assert "crm_wins" in place.run("status").stdout
