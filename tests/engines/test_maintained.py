"""``leadloop maintain`` keeps every engine small, says what it did, and changes no row that anybody reads."""

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from connector import loop
from connector.errors import LockedError
from connector.render.maintain import maintain_document, maintain_text
from connector.warehouse.connection import Warehouse
from tests.engines.test_parts import RAW, execute, filled


def files(lake: Warehouse) -> int:
    return len(list(Path(lake.label).with_suffix(".files").rglob("*.parquet")))


def test_it_changes_no_row(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits for no build, and says how large the warehouse was and is."""
    filled(warehouse)
    with warehouse.lock("build"), pytest.raises(LockedError):
        loop.maintain(warehouse)
    monkeypatch.setenv("WAREHOUSE__HISTORY_DAYS", "0")
    done = loop.maintain(warehouse)
    assert done.bytes_before > 0
    assert done.bytes_after > 0
    assert maintain_document(done).bytes_after == done.bytes_after
    assert "0 rows moved" in maintain_text(done)
    with warehouse.engine().connect() as connection:
        assert connection.scalar(sa.text(f"select count(*) from {RAW}")) == 100


@pytest.mark.long
def test_a_lake_loses_what_nobody_needs(tmp_path: Path) -> None:
    """Small files become one, old snapshots and their files are gone, so are files that a killed build left; young snapshots stay."""
    lake = filled(Warehouse.ducklake(tmp_path / "leads.ducklake"))
    for _ in range(5):
        execute(lake, f"insert into {RAW} select cast(range as text), 1 from range(50)")
    execute(
        lake, f"delete from {RAW} where id < '5'", "create table old as select range as id from range(100)"
    )
    execute(lake, "drop table old")
    orphan = Path(lake.label).with_suffix(".files") / "main" / "left.parquet"
    orphan.write_bytes(next(orphan.parent.parent.rglob("*.parquet")).read_bytes())
    with lake.engine().connect() as connection:
        rows = connection.exec_driver_sql(f"select * from {RAW} order by all").all()

    before, after = lake.tidy(timedelta(days=1))
    assert after.snapshots is not None
    assert before.snapshots is not None
    assert after.snapshots >= before.snapshots, "none is a day old"
    assert not orphan.exists()

    before, after = lake.tidy(timedelta(0))
    assert after.snapshots == 1
    assert before.files is not None
    assert after.files == files(lake) < before.files
    with lake.engine().connect() as connection:
        assert connection.exec_driver_sql(f"select * from {RAW} order by all").all() == rows
        named = connection.exec_driver_sql(
            "select table_name, file_count from ducklake_table_info('lake')"
        ).all()
    assert dict(map(tuple, named))["lead_versions"] == 1
    lake.look_through()
