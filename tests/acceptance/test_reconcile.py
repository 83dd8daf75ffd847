"""``leadloop check --reconcile`` as a person types it."""

from typing import Any

import pytest

from connector.sandbox import Sandbox

pytestmark = pytest.mark.timeout(600)


@pytest.mark.long
def test_the_command_tells_what_differs_and_mends_it(places: Any) -> None:
    """Before an extraction it says so; a lost lead is named with exit code 3 and read again; wrong usage is code 2."""
    with Sandbox(leads=60) as crm:
        place = places(crm)
        assert "leadloop extract" in place.run("check", "--reconcile", code=2).message
        place.run("extract")
        every = ("check", "--reconcile", "--window", "2000-01-01..")
        assert "60 in the CRM, 60 in the warehouse, 0 different" in place.run(*every).stdout
        lost = crm.book.ids()[7]
        with place.warehouse.engine().begin() as connection:
            connection.exec_driver_sql(f"delete from convoso_raw.lead_versions where id = '{lost}'")
        assert f"{lost}: missing in the warehouse" in place.run(*every, code=3).stdout
        found = place.json(*every, "--repair", code=3)
        assert found["crms"][0]["repaired"] == 1
        assert place.json(*every)["ok"] is True
        assert place.json("check", "--reconcile", "--sample", "5")["crms"][0]["in_crm"] == 5
        for wrong, word in (
            (("--sample", "5"), "--sample"),
            (("--reconcile", "--window", "today"), "--window"),
            (("--reconcile", "--window", "2026-11-02..2026-11-01"), "--window"),
            (("--reconcile", "--crm", "convosso"), "convoso"),
        ):
            assert word in place.run("check", *wrong, code=2).message
