"""dlt's PostgreSQL destination with one difference: an empty text in a CSV file stays one, and does not become NULL."""

from typing import Any

from dlt.common.storages.file_storage import FileStorage
from dlt.destinations.impl.postgres.factory import postgres as DltPostgres  # noqa: N812 - a class by its name
from dlt.destinations.impl.postgres.postgres import PostgresClient, PostgresCsvCopyJob


class CopyJob(PostgresCsvCopyJob):  # type: ignore[misc]
    """``COPY`` of a file as dlt's Arrow writer makes it: a header, NULL as nothing, every text in quotes."""

    def run(self) -> None:
        # dlt's own job asks for FORCE_NULL on every column that may be NULL: it reads "" as NULL, quotes or not.
        client = self._job_client.sql_client
        table = client.make_qualified_table_name(self.load_table_name)
        with FileStorage.open_zipsafe_ro(self._file_path, "rb") as file:
            header = file.readline().decode().strip().split(",")
            columns = ",".join(client.escape_column_name(name.strip('"'), quote=True) for name in header)
            with client.begin_transaction(), client.native_connection.cursor() as cursor:
                cursor.copy_expert(
                    f"copy {table} ({columns}) from stdin with (format csv, encoding 'utf-8')", file
                )


class Client(PostgresClient):  # type: ignore[misc]
    def create_load_job(self, table: Any, file_path: str, load_id: str, restore: bool = False) -> Any:
        job = super().create_load_job(table, file_path, load_id, restore)
        return CopyJob(file_path) if type(job) is PostgresCsvCopyJob else job


class postgres(DltPostgres):  # type: ignore[misc]  # noqa: N801 - dlt takes the destination's name from it
    """``dlt.destinations.postgres`` that loads CSV without bending a value."""

    @property
    def client_class(self) -> type[Client]:
        return Client
