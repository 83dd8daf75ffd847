"""When a lead was last read: what decides whether one that was sent has been seen since."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from connector import crm
from connector.extract.columns import column_name
from connector.push.unseen import Moment, last_sightings
from connector.warehouse.connection import Warehouse


@pytest.mark.parametrize("vendor", crm.names())
def test_the_last_sighting_is_found_by_the_vendors_own_id(tmp_path: Path, vendor: Any) -> None:
    """Each CRM's id columns count, in their order; blank ids and sightings before the instant don't."""
    seen = datetime(2026, 1, 1, tzinfo=UTC)
    account: Any = SimpleNamespace(name=vendor, capabilities=crm.vendor(vendor).capabilities)
    fields = account.capabilities.id_fields
    engine = Warehouse.duckdb(tmp_path / "leads.duckdb").engine()
    since = [Moment(seen)]
    assert last_sightings(engine, account, since) == {}

    columns = ", ".join(f"{column_name(each)} text" for each in fields)
    with engine.begin() as connection:
        connection.execute(sa.text(f"create schema {vendor}_raw"))
        connection.execute(
            sa.text(f"create table {vendor}_raw.lead_versions ({columns}, leadloop_seen_at timestamptz)")
        )
        for place, (lead_id, hours) in enumerate([("1", 1), ("1", 2), ("2", 0), (" ", 1)]):
            ids: dict[str, str | None] = {column_name(each): None for each in fields}
            ids[column_name(fields[place % len(fields)])] = lead_id
            marks = ", ".join(f":{name}" for name in ids)
            connection.execute(
                sa.text(f"insert into {vendor}_raw.lead_versions values ({marks}, :seen_at)"),
                {**ids, "seen_at": seen + timedelta(hours=hours)},
            )
    assert last_sightings(engine, account, since) == {"1": Moment(seen + timedelta(hours=2))}
    engine.dispose()


def test_what_has_a_number_is_ordered_by_it() -> None:
    """What has none is from before there were any; only what was never counted is later by its clock."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    later = now + timedelta(hours=1)
    assert Moment(now, 2).is_after(Moment(later, 1))
    assert not Moment(later, 1).is_after(Moment(now, 2))
    assert Moment(later, 1).is_after(Moment(now))
    assert Moment(now, 1).is_after(Moment(later))
