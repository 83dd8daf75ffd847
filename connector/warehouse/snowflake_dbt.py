"""What dbt-duckdb needs to look into a Snowflake database, for the ``plugins`` of a profile: see ``apart_views``."""

import os
from typing import Any

from dbt.adapters.duckdb.plugins import BasePlugin

from connector.warehouse import snowflake_connection as opening
from connector.warehouse.apart import LAKE
from connector.warehouse.snowflake_account import Account


class Plugin(BasePlugin):  # type: ignore[misc]
    """Has the lake show the database's tables."""

    _views: opening.Views | None = None

    def configure_cursor(self, cursor: Any) -> None:
        """Models name one another without the database, which is the lake then."""
        if self._views is None:
            self._views = opening.Views(opening.door(Account.of_variables(os.environ)), of_models=False)
            self._views.refresh(cursor)
        self._views.register(cursor)
        cursor.execute(f"use {LAKE}")
