"""dlt's DuckLake destination for a catalog on PostgreSQL, with one difference: the password is in no statement."""

from typing import Any

from dlt.common.configuration.specs.connection_string_credentials import ConnectionStringCredentials
from dlt.destinations.impl.ducklake.configuration import DuckLakeCredentials
from dlt.destinations.impl.ducklake.ducklake import DuckLakeClient
from dlt.destinations.impl.ducklake.factory import ducklake as DltDuckLake  # noqa: N812 - a class by its name

from connector.warehouse.apart import LAKE
from connector.warehouse.ducklake_bucket import is_bucket
from connector.warehouse.ducklake_catalog import Place, attach_lake
from connector.warehouse.ducklake_connection import load_statements


def destination(place: Place) -> Any:
    """The destination of a lake."""
    server = place.catalog
    catalog = {
        "drivername": "postgresql", "host": server.host, "port": server.port, "database": server.database,
        "username": server.username,
    }  # fmt: skip
    credentials = DuckLakeCredentials(
        LAKE,
        catalog=ConnectionStringCredentials(catalog),
        storage=place.access.for_dlt(place.storage) if is_bucket(place.storage) else place.storage,
    )
    credentials.statements = [
        *load_statements(place.storage, place.access, server=True),
        *place.secret_statements(),
    ]
    return ducklake(credentials=credentials, attach=attach_lake(place))


class Client(DuckLakeClient):  # type: ignore[misc]
    attach: str

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.sql_client._attach_statement = self.attach


class ducklake(DltDuckLake):  # type: ignore[misc]  # noqa: N801 - dlt takes the destination's name from it
    """``dlt.destinations.ducklake`` that attaches the lake by a statement which is given."""

    def __init__(self, *, attach: str, **given: Any) -> None:
        self._attach = attach
        super().__init__(**given)

    @property
    def client_class(self) -> type[Client]:
        return type("Client", (Client,), {"attach": self._attach})

    @classmethod
    def adjust_capabilities(cls, caps: Any, config: Any, naming: Any) -> Any:
        """Loads one file after the other: each of several at once would attach the lake for itself."""
        found = super().adjust_capabilities(caps, config, naming)
        found.loader_parallelism_strategy = "sequential"
        return found
