"""What dbt-duckdb needs to look into a MotherDuck database, for the ``plugins`` of a profile: see ``apart_views``."""

import os
from typing import Any

from dbt.adapters.duckdb.plugins import BasePlugin

from connector.warehouse import motherduck_connection as opening
from connector.warehouse.apart import LAKE

VARIABLE = "LEADLOOP_MOTHERDUCK_DATABASE"


class Plugin(BasePlugin):  # type: ignore[misc]
    """Attaches the database before the profile's own, and has the lake show its tables."""

    _is_shown = False

    def configure_connection(self, conn: Any) -> None:
        database = os.environ[VARIABLE]
        for statement in (*opening.load_statements(database), opening.attach_statement(database)):
            conn.execute(statement)

    def configure_cursor(self, cursor: Any) -> None:
        """Models name one another without the database, which is the lake then."""
        if not self._is_shown:
            self._is_shown = True
            opening.Views(os.environ[VARIABLE], of_models=False).refresh(cursor)
        cursor.execute(f"use {LAKE}")
