"""By what people know a lead: its name, who looks after it, how far it has come, and where it is in the CRM's own pages."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

from connector import crm as crms
from connector.errors import LeadloopError
from connector.views.settings import Masking, PageSettings
from connector.warehouse.ledger import columns_of
from connector.warehouse.relations import Relation

MOST_IDS = 5_000
"""Leads that are asked for by their ids; beyond that, all leads of the CRM are read."""
EDITORS = ("last_modified_by_name", "modified_by_name", "last_modified_by", "modified_by", "updated_by")
"""Columns that say who has edited a lead last; the first one that has a value."""


@dataclass(frozen=True, slots=True)
class Person:
    """One lead as people know it. What is not known is ``""``."""

    lead_id: str
    name: str = ""
    owner: str = ""
    status: str = ""
    edited_by: str = ""
    """Who edited it last in the CRM."""


def shown_columns(
    leads: Any, there: Collection[str], settings: PageSettings, masking: Masking
) -> dict[str, sa.ColumnElement[str]]:
    """Attribute of a ``Person`` -> its value in SQL; private columns are left out."""
    open_columns = [name for name in there if not masking.hides(name)]
    return {
        "name": _first(leads, open_columns, settings.name),
        "owner": _first(leads, open_columns, settings.owner),
        "status": _first(leads, open_columns, settings.status),
        "edited_by": _first(leads, open_columns, EDITORS),
    }


def people(
    connection: sa.Connection,
    model: Relation,
    crm: str,
    settings: PageSettings,
    masking: Masking,
    lead_ids: Sequence[str] | None = None,
) -> Iterator[Any]:
    """Arrow tables with the columns of ``Person``, all text, of these leads or of all leads of a CRM."""
    from connector.warehouse.engines import engine_of

    there = columns_of(connection, *model)
    if not {"crm", "lead_id"} <= there:
        return
    leads = sa.table(model.name, *map(sa.column, sorted(there)), schema=model.schema)
    columns = shown_columns(leads.c, there, settings, masking)
    query = sa.select(
        sa.cast(leads.c.lead_id, sa.Text).label("lead_id"),
        *(each.label(name) for name, each in columns.items()),
    ).where(leads.c.crm == crm)
    if lead_ids is not None and len(lead_ids) <= MOST_IDS:
        query = query.where(leads.c.lead_id.in_(lead_ids))
    yield from engine_of(connection).tables(connection, query)


def rows_of(tables: Iterable[Any]) -> Iterator[Person]:
    """The same one by one."""
    for table in tables:
        names = table.column_names
        for row in zip(*(column.to_pylist() for column in table.columns), strict=True):
            yield Person(**{name: value or "" for name, value in zip(names, row, strict=True)})


def lead_link(crm: str, lead_id: str) -> str | None:
    """The address of a lead in the CRM's own pages, where the account's settings say it."""
    return link_in(lead_url(crm), lead_id)


def link_in(address: str | None, lead_id: str) -> str | None:
    """The same where the setting (``lead_url``) is known: to look settings up takes a millisecond."""
    return address.replace("{lead_id}", quote(lead_id, safe="")) if address and lead_id else None


def lead_url(crm: str) -> str | None:
    """``lead_url`` of an account, if it is set."""
    try:
        states: Mapping[str, Any] = {each.setting: each for each in crms.vendor(crm).described()}
    except LeadloopError:
        return None
    found = states.get(f"crm.{crm}.lead_url")
    return found.value if found is not None and found.state == "set" else None


def _first(columns: Any, there: Collection[str], entries: Iterable[str]) -> sa.ColumnElement[str]:
    """The first entry that has a value; the columns of one entry are put together with a blank."""
    found = []
    for entry in entries:
        parts = [
            sa.func.trim(sa.func.coalesce(sa.cast(columns[name], sa.Text), ""))
            for name in entry.split()
            if name in there
        ]
        if parts:
            whole: sa.ColumnElement[str] = parts[0]
            for part in parts[1:]:
                whole = whole + " " + part
            found.append(sa.func.nullif(sa.func.trim(whole), ""))
    return sa.func.coalesce(*found, "") if found else sa.literal("")
