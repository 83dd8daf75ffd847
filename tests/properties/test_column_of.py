"""Two implementations of one rule: a field's column in Python, which lands it, and in SQL, which compares it."""

import hashlib
import re
from types import SimpleNamespace
from typing import Any

import jinja2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connector.errors import UnexpectedAnswerError
from connector.extract.columns import LEADS_OWN, OWN, column_in
from connector.extract.names import Names, column_name, own_column
from connector.warehouse.models import packaged_project

FIELDS = (
    st.text(max_size=30)
    | st.text(alphabet="aZB9_ .-é", max_size=12)
    | st.text(alphabet="crm_id CRM", max_size=12)
)


class _Returned(Exception):  # noqa: N818 - it carries a value, as dbt's own does
    pass


def _return(value: Any) -> None:
    raise _Returned(value)


@pytest.fixture(scope="module")
def macros() -> Any:
    """The macros, in as much of dbt's Jinja as they need."""
    folder = packaged_project() / "macros"
    source = "".join(
        (folder / name).read_text(encoding="utf-8") for name in ("leads/column_of.sql", "leads/columns.sql")
    )
    environment = jinja2.Environment(autoescape=False, extensions=["jinja2.ext.do"])
    leadloop = SimpleNamespace()
    environment.globals.update(
        modules=SimpleNamespace(re=re),
        local_md5=lambda text: hashlib.md5(text.encode()).hexdigest(),
        leadloop=leadloop,
        **{"return": _return},
    )
    module = environment.from_string(source).module

    def callable_as(name: str) -> Any:
        def call(*given: Any) -> Any:
            try:
                getattr(module, name)(*given)
            except _Returned as returned:
                return returned.args[0]
            raise AssertionError(f"{name} returned nothing")

        return call

    for name in (
        "column_of", "column_in", "plain_column", "suffixed_column", "lead_column", "raw_column", "set_aside",
        "own_columns", "more_fields",
    ):  # fmt: skip
        setattr(leadloop, name, callable_as(name))
    return leadloop


@pytest.mark.long
@given(field=FIELDS)
@example(field="LeadScore")
@example(field="mx_City")
@example(field="HTTPStatusCode")
@example(field="metadata.isHot")
@example(field="2ndPhone")
@example(field="--")
@example(field="Cost (€)")
@example(field="xmin")
@example(field="cost_x0a1b2c3d")
@example(field="a" * 64)
@example(field=("Annual revenue of the household " * 4).strip())
def test_a_push_looks_where_the_extraction_put_it(macros: Any, field: str) -> None:
    """For every name, the macro column_of and the extraction's column_name give the same column, of 63 bytes at most."""
    column = column_name(field)
    assert macros.column_of(field) == column
    assert re.fullmatch("[a-z0-9_]{1,63}", column)
    assert macros.column_in([own_column("convoso", field)], "convoso", field) == own_column("convoso", field)
    assert len(own_column("convoso", field)) <= 63


@given(fields=st.lists(FIELDS, unique=True, min_size=2, max_size=6), known=st.integers(0, 6))
@example(fields=["Cost ($)", "Cost (€)"], known=0)
@example(fields=["Lead Score", "leadScore", "lead_score"], known=1)
@example(fields=["crm_crm", "crm", "crm.crm.crm"], known=1)
@example(fields=["LeadloopMoreFields", "crm_leadloop_seen_at", "leadloop_timezone"], known=0)
def test_no_two_fields_share_a_column(macros: Any, fields: list[str], known: int) -> None:
    """Whichever fields came first, each has a column of its own that stays, and a push finds it among those of leads."""
    first = Names("convoso", own=OWN)
    before = first.columns(fields[:known])
    later = Names("convoso", own=OWN, there=before.values(), homes=first.homes())
    columns = later.columns(fields)
    assert len(set(columns.values())) == len(fields)
    assert before.items() <= columns.items()
    leads = {column: macros.lead_column(column) for column in columns.values()}
    assert len(set(leads.values())) == len(fields)
    for field, column in columns.items():
        assert macros.column_in(list(leads.values()), "convoso", field) == leads[column]
        assert column_in(leads.values(), "convoso", field) == leads[column]


def test_both_know_the_same_columns_of_leads_as_ours(macros: Any) -> None:
    """A field of such a name has ``crm_`` before its column, wherever it is looked for."""
    assert set(macros.own_columns()) == LEADS_OWN
    there = ("title", "crm_title", "crm_modified_at")
    assert [column_in(there, "convoso", field) for field in ("Title", "crm_title", "ModifiedAt")] == list(
        there
    )


def test_a_field_takes_no_column_from_one_that_was_there_before() -> None:
    """A later run that meets the second spelling first still knows whose column it is; a look that can't know says so."""
    first = Names("convoso")
    assert first.columns(["Lead Score"]) == {"Lead Score": "lead_score"}
    later = Names("convoso", there=["lead_score"], homes=first.homes())
    own = own_column("convoso", "lead_score")
    assert later.columns(["lead_score"]) == {"lead_score": own}
    assert later.moved() == [("lead_score", "Lead Score", own)]
    assert later.moved() == []
    look = Names("convoso", there=["lead_score", own], gives=False)
    assert look.columns(["lead_score", "Lead Score"]) == {"lead_score": own, "Lead Score": "lead_score"}
    with pytest.raises(UnexpectedAnswerError, match="'lead_score' and 'leadScore'"):
        Names("convoso", there=["lead_score"], gives=False).columns(["leadScore", "lead_score"])


def test_the_fields_that_every_lead_needs_keep_their_columns() -> None:
    """A custom field that resembles the lead's id can't pose as it."""
    names = Names("convoso", reserved=["ID"])
    assert names.columns(["id", "ID"]) == {"id": own_column("convoso", "id"), "ID": "id"}
