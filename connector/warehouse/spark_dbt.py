"""What dbt-duckdb needs to look into a lake of Delta tables, for the ``plugins`` of a profile: see ``apart_views``."""

import os
from pathlib import Path
from typing import Any

from dbt.adapters.duckdb.plugins import BasePlugin

from connector.warehouse.apart import LAKE
from connector.warehouse.spark_connection import Views, load_statements


class Plugin(BasePlugin):  # type: ignore[misc]
    """Loads the extension before the profile's databases are attached, and has the lake show its Delta tables."""

    _is_shown = False

    def configure_connection(self, conn: Any) -> None:
        for statement in load_statements():
            conn.execute(statement)

    def configure_cursor(self, cursor: Any) -> None:
        """Models name one another without the database, which is the lake then."""
        if not self._is_shown:
            self._is_shown = True
            Views(Path(os.environ["LEADLOOP_SPARK_STORAGE"]), of_models=False).refresh(cursor)
        cursor.execute(f"use {LAKE}")
