"""dlt's Snowflake destination. Other doors of this process are told when it has made tables."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from dlt.destinations.impl.snowflake.factory import snowflake as DltSnowflake  # noqa: N812 - a class by its name

from connector.warehouse import snowflake_connection as opening
from connector.warehouse.snowflake_account import Account


def destination(account: Account) -> Any:
    """Files that were loaded don't stay in the stages, and times are kept with their zone, as models have them."""
    return snowflake(credentials=account.of_dlt(), keep_staged_files=False, use_timestamp_tz=True)


@lru_cache(maxsize=1)
def _client() -> Any:
    """Made when it is wanted: dlt's own needs Snowflake's packages."""
    from dlt.destinations.impl.snowflake.snowflake import SnowflakeClient

    class Client(SnowflakeClient):  # type: ignore[misc]
        def update_stored_schema(
            self, only_tables: Iterable[str] | None = None, expected_update: Any = None, force: bool = False
        ) -> Any:
            try:
                return super().update_stored_schema(only_tables, expected_update, force)
            finally:
                opening.forget()

    return Client


class snowflake(DltSnowflake):  # type: ignore[misc]  # noqa: N801 - dlt takes the destination's name from it
    """``dlt.destinations.snowflake`` with that client. dlt's own tables are loaded as leads are, from Parquet."""

    def _raw_capabilities(self) -> Any:
        capabilities = super()._raw_capabilities()
        capabilities.preferred_loader_file_format = "parquet"
        capabilities.supported_loader_file_formats = ["parquet"]
        return capabilities

    @property
    def client_class(self) -> Any:
        return _client()
