"""A DuckDB file reads the same under whatever name: no view of leadloop's, or of a project that `init` writes, holds the file's."""

import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from connector import scaffold
from connector.errors import ConfigError
from connector.warehouse.connection import Warehouse

VIEWS = "select schema_name || '.' || view_name from duckdb_views() where not internal order by 1"


def fill(lab: Any) -> None:
    lab.land([{"id": "1", "status": "NEW", "modified_at": "2026-01-02 10:00:00"}], "2 10:00")
    lab.land(
        [{"id": "2", "removal": "deleted", "removed_at": None}],
        "3 00:00",
        table="convoso_raw.lead_removals",
    )
    lab.land(
        [{"recording_id": "r", "lead_id": "1", "start_time": "2026-01-02 10:00:00"}],
        "3 00:00",
        table="convoso_raw.recordings",
    )
    lab.record({"push": "sending", "lead_id": "1", "field": "status", "recorded_at": "2 10:02"})


def read(path: Path, *, attached: bool) -> dict[str, Any]:
    """Every view of a file -> its rows."""
    with duckdb.connect() if attached else duckdb.connect(str(path), read_only=True) as connection:
        if attached:
            connection.execute(f"attach '{path}' as elsewhere (read_only)")
        prefix = "elsewhere." if attached else ""
        names = [name for (name,) in connection.execute(VIEWS).fetchall()]
        return {
            name: sorted(map(repr, connection.execute(f"select * from {prefix}{name}").fetchall()))
            for name in names
        }


@pytest.mark.long
@pytest.mark.parametrize("project", ["another's", "from init"])
def test_a_file_under_another_name(duck: Any, own: Any, tmp_path: Path, project: str) -> None:
    """Copied and attached: every view there is shows what it shows in the file that was built."""
    fill(duck)
    if project == "from init":
        scaffold.write(tmp_path / "mine")
        folder = tmp_path / "mine" / "dbt_models"
        # As a link, like dbt deps makes it.
        (folder / "dbt_packages").mkdir()
        (folder / "dbt_packages" / "leadloop").symlink_to(folder / ".leadloop" / "package")
        pushes = "analytics.tiers_to_convoso"
    else:
        # As a table: what dbt's own ref gives there is the owner's business.
        own.desired("wanted", "lead_id, status", "'1', 'WON'", "'3', 'NEW'")
        made = (own.folder / "models/wanted.sql").read_text()
        own.write("models/wanted.sql", "{{ config(materialized='table') }}\n" + made)
        common = "desired = ref('wanted'), crm = 'convoso', key = 'lead_id'"
        own.push("sending", f"{common}, fields = {{'status': 'status'}}")
        own.push("deleting", f"{common}, mode = 'delete'")
        folder, pushes = own.folder, "analytics.sending"
    built = duck.build(folder)
    assert built.made is not None
    assert built.made.why_not == "", "a run with nothing new would build"
    there = read(duck.warehouse.path, attached=False)
    assert there[pushes]
    assert len(there) > 9
    copied = tmp_path / "moved" / "of last week.duckdb"
    copied.parent.mkdir()
    shutil.copy(duck.warehouse.path, copied)
    assert read(copied, attached=False) == there
    duck.warehouse.path.unlink()
    assert read(copied, attached=True) == there


@pytest.mark.long
def test_a_schema_that_is_called_like_the_file(duck: Any, own: Any, tmp_path: Path) -> None:
    """DuckDB could not tell `dev`, the schema, from `dev`, the database: a sentence says so before anything is built."""
    own.write(
        "profiles.yml",
        "leadloop:\n  target: dev\n  outputs:\n    dev:\n      type: duckdb\n      schema: Dev\n"
        f"      path: {tmp_path / 'dev.duckdb'}\n",
    )
    lab = type(duck)(Warehouse.duckdb(tmp_path / "dev.duckdb"))
    with pytest.raises(ConfigError, match=r"schema Dev.*the name of the file dev\.duckdb"):
        lab.build(own.folder)
    assert not (tmp_path / "dev.duckdb").exists()


@pytest.mark.parametrize("name", ["leadloop.duckdb", "analytics.duckdb", "Convoso_raw.duckdb"])
def test_a_file_that_is_called_like_a_schema_in_it(tmp_path: Path, name: str) -> None:
    """The same from the other side: it is refused with a name that works, and no file is made."""
    with pytest.raises(ConfigError, match=f"the file can't be called {name}") as refused:
        Warehouse.duckdb(tmp_path / name)
    assert "leads.duckdb" in str(refused.value.advice)
    assert not list(tmp_path.glob("*.duckdb"))
