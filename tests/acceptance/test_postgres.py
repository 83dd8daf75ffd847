"""The same loop with PostgreSQL as the warehouse."""

from typing import Any

import pytest

from connector.sandbox import Sandbox

pytestmark = pytest.mark.timeout(600)

WANTED = "select lead_id, 'hot' as tier from {{ ref('leadloop', 'leads') }}"


@pytest.mark.long
def test_the_loop_closes_on_postgres_too(places: Any, postgres_url: str) -> None:
    """Two settings switch dlt, dbt and the journal to PostgreSQL: 200 leads are sent once, then none."""
    with Sandbox(leads=200) as crm:
        place = places(crm, postgres=postgres_url)
        place.project(WANTED, titles="key = 'lead_id', fields = {'title': 'tier'}, max_share = 1")
        refused = crm.book.ids()[0]
        crm.refuse(refused, 6008)
        assert place.json("run", "--yes", code=3)["pushed"]["titles"]["leads_by_state"] == {
            "applied": 199,
            "rejected": 1,
        }
        edited = crm.book.ids()[1]
        crm.book.edit(edited, {"title": "Theirs"})
        crm.calls.clear()
        assert place.json("run", "--yes")["pushed"]["titles"]["leads"] == 0
        assert crm.calls.count("update") == 0
        assert len(place.journal("titles", "confirmed")) >= 198
        assert place.rows("select count(*) from analytics.leads") == [(200,)]
        assert "postgresql://" in place.run("status").stdout
        assert not (place.folder / "leads.duckdb").exists()
