"""A lead is found by whatever stands in its id, name, owner or status, also where a name is made of several columns."""

import pytest
import sqlalchemy as sa

from connector.views.settings import Masking, PageSettings
from connector.views.story import find
from connector.warehouse.relations import Relation

LEADS = (
    ("7001", "Renée", "Müller", None, "Olga", "SALE"),
    ("7002", " Ren ", "Mull", "Acme 100%", "Olga", "NEW"),
    ("7003", None, None, "Müller and Sons", None, "new_lead"),
    ("7010", "", "", None, "Rene", None),
)


@pytest.fixture(scope="module")
def leads() -> sa.Engine:
    """A table of leads."""
    engine = sa.create_engine("duckdb:///:memory:", poolclass=sa.pool.StaticPool)
    names = "crm, lead_id, first_name, last_name, company, owner_name, status_name, notes"
    with engine.begin() as connection:
        connection.exec_driver_sql("create schema analytics")
        connection.exec_driver_sql(f"create table analytics.leads ({names.replace(',', ' text,')} text)")
        for row in LEADS:
            connection.execute(
                sa.text("insert into analytics.leads values ('convoso', :a, :b, :c, :d, :e, :f, 'a note')"),
                dict(zip("abcdef", row, strict=True)),
            )
    return engine


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("7001", ["7001"]),
        ("ren", ["7002", "7001", "7010"]),
        ("RENÉE müll", ["7001"]),
        ("née M", ["7001"]),
        ("ren mul", ["7002"]),
        ("ren  mul", []),
        ("müller", ["7003", "7001"]),
        ("%", []),
        ("new_", ["7003"]),
        ("olga", ["7002", "7001"]),
        ("a note", []),
        ("  ", []),
    ],
)
def test_whatever_is_shown_of_a_lead_finds_it(leads: sa.Engine, text: str, found: list[str]) -> None:
    """Whole names, parts of them over several columns, ids; signs of SQL are texts; what isn't shown finds nothing."""
    with leads.connect() as connection:
        told = find(connection, Relation("analytics", "leads"), text, PageSettings(), Masking())
    assert [person.lead_id for _, person in told] == found
