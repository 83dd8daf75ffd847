"""What dbt-duckdb needs to open a DuckLake, for the ``plugins`` of a profile: the extension, from its wheel."""

import os
from typing import Any

from dbt.adapters.duckdb.plugins import BasePlugin

from connector.warehouse import ducklake_catalog
from connector.warehouse.apart import LAKE
from connector.warehouse.ducklake_bucket import Access
from connector.warehouse.ducklake_connection import load_statements


class Plugin(BasePlugin):  # type: ignore[misc]
    """Loads it before the profile's databases are attached, and lets DuckDB into the bucket where the files are in one and onto the
    server that has the catalog."""

    def configure_connection(self, conn: Any) -> None:
        server = os.environ.get("LEADLOOP_DUCKLAKE_CATALOG", "").startswith(ducklake_catalog.PREFIX)
        storage = os.environ.get("LEADLOOP_DUCKLAKE_STORAGE", "")
        secrets = ducklake_catalog.of_dbt() if server else []
        for statement in (*load_statements(storage, Access.of_dbt(), server=server), *secrets):
            conn.execute(statement)

    def configure_cursor(self, cursor: Any) -> None:
        """Models name one another without the database, which is the lake then."""
        cursor.execute(f"use {LAKE}")
