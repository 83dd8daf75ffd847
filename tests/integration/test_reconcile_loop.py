"""Every CRM can be compared with what was read from it."""

from pathlib import Path
from typing import Any

import pytest

from connector import config, crm, loop
from connector.sandbox import Sandbox
from connector.warehouse import pipelines
from connector.warehouse.connection import Warehouse


@pytest.mark.long
@pytest.mark.parametrize("vendor", crm.names())
def test_what_was_just_read_is_equal(vendor: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether leads are looked for by window or by id, nothing differs, and what was lost is named and mended."""
    monkeypatch.chdir(tmp_path)
    with Sandbox(leads=60, elsewhere=60) as sandbox:
        for name, text in {**sandbox.settings()[vendor], "rate": "1000", "settle": "0"}.items():
            monkeypatch.setenv(f"CRM__{vendor.upper()}__{name.upper()}", text)
        config.reload()
        warehouse = Warehouse.duckdb(tmp_path / "leads.duckdb")
        loop.extract(warehouse, vendor)
        with crm.account(vendor) as account:
            reached = pipelines.cursor(warehouse, account)
        assert reached is not None
        start = reached.replace(year=2001)
        window = loop.reconcile(warehouse, vendor, start=start)
        sample = loop.reconcile(warehouse, vendor, sample=20)
        assert (window.crm, window.warehouse, window.differences) == (60, 60, ())
        assert (sample.crm, sample.warehouse, sample.differences) == (20, 20, ())
        with warehouse.engine().begin() as connection:
            raw = f"{vendor}_raw.lead_versions"
            connection.exec_driver_sql(f"delete from {raw} where rowid in (select rowid from {raw} limit 7)")
        lost = loop.reconcile(warehouse, vendor, start=start, repair=True)
        assert [each.kind for each in lost.differences] == ["missing"] * 7
        assert loop.reconcile(warehouse, vendor, start=start).differences == ()
