"""How dlt loads into Delta tables: every table of a dataset is one, dlt's own as well, and each file of a load is one version of it.

dlt's ``filesystem`` destination can write Delta tables, but keeps its loads and its state in a file each, which no SQL engine reads as
tables, and there are as many of them as there were loads.
"""

import dataclasses
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from dlt.common import json
from dlt.common.configuration import configspec
from dlt.common.destination import Destination, DestinationCapabilitiesContext
from dlt.common.destination.client import (
    DestinationClientDwhConfiguration,
    JobClientBase,
    RunnableLoadJob,
    StateInfo,
    StorageSchemaInfo,
    WithStateSync,
)
from dlt.common.libs.pyarrow import get_py_arrow_datatype

from connector.warehouse import spark_tables as tables

_OURS = "leadloop_"


@configspec
class Configuration(DestinationClientDwhConfiguration):  # type: ignore[misc]
    """``storage``: the folder of the datasets."""

    destination_type: Final[str] = dataclasses.field(
        default="leadloop_delta", init=False, repr=False, compare=False
    )
    storage: str = None  # type: ignore[assignment]  # dlt resolves it

    def data_location(self) -> str:
        return self.storage


class LoadJob(RunnableLoadJob):  # type: ignore[misc]
    """One file of Parquet, which is added as one version of its table: whole or not at all."""

    def run(self) -> None:
        with pq.ParquetFile(self._file_path) as file:
            schema = file.schema_arrow
            batches = file.iter_batches(tables.ROWS_AT_A_TIME)
            rows = pa.RecordBatchReader.from_batches(schema, batches)
            tables.append(self._job_client.folder(self.load_table_name), rows)


class Client(JobClientBase, WithStateSync):  # type: ignore[misc]
    """What dlt asks of a destination; appending is the only way in which leadloop loads."""

    def __init__(
        self, schema: Any, config: Configuration, capabilities: DestinationCapabilitiesContext
    ) -> None:
        super().__init__(schema, config, capabilities)
        self._dataset: Path = Path(config.storage) / config.normalize_dataset_name(schema)

    def folder(self, table: str) -> Path:
        return self._dataset / table

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def initialize_storage(self, truncate_tables: Iterable[str] | None = None) -> None:
        self._dataset.mkdir(parents=True, exist_ok=True)

    def is_storage_initialized(self) -> bool:
        return self._dataset.is_dir()

    def drop_storage(self) -> None:
        raise NotImplementedError("leadloop drops no raw tables")

    def drop_tables(self, *names: str, delete_schema: bool = True) -> None:
        raise NotImplementedError("leadloop drops no raw tables")

    def should_truncate_table_before_load(self, table_name: str) -> bool:
        return False

    def update_stored_schema(
        self, only_tables: Iterable[str] | None = None, expected_update: Any = None, force: bool = False
    ) -> Any:
        """Makes the tables that are missing; a column that is new comes with the first rows that have it."""
        super().update_stored_schema(only_tables, expected_update, force)
        if not force and self.get_stored_schema_by_hash(self.schema.stored_version_hash) is not None:
            return {}
        for name in only_tables or self.schema.tables:
            if tables.version(self.folder(name)) is None and (fields := self._fields(name)):
                tables.make(self.folder(name), pa.schema(fields))
        self._add(
            self.schema.version_table_name,
            version=self.schema.version,
            engine_version=self.schema.ENGINE_VERSION,
            inserted_at=datetime.now(UTC),
            schema_name=self.schema.name,
            version_hash=self.schema.stored_version_hash,
            schema=json.dumps(self.schema.to_dict()),
        )
        return expected_update

    def create_load_job(self, table: Any, file_path: str, load_id: str, restore: bool = False) -> LoadJob:
        return LoadJob(file_path)

    def complete_load(self, load_id: str) -> None:
        self._add(
            self.schema.loads_table_name,
            load_id=load_id,
            schema_name=self.schema.name,
            status=0,
            inserted_at=datetime.now(UTC),
            schema_version_hash=self.schema.version_hash,
        )

    def get_stored_schema(self, schema_name: str | None = None) -> StorageSchemaInfo | None:
        return self._stored_schema("schema_name", schema_name)

    def get_stored_schema_by_hash(self, version_hash: str) -> StorageSchemaInfo | None:
        return self._stored_schema("version_hash", version_hash)

    def get_stored_state(self, pipeline_name: str) -> StateInfo | None:
        """What the last load that was completed left."""
        completed = {row["load_id"] for row in self._rows(self.schema.loads_table_name, status=0)}
        found = [
            row
            for row in self._rows(self.schema.state_table_name, pipeline_name=pipeline_name)
            if row["_dlt_load_id"] in completed
        ]
        if not found:
            return None
        newest = max(found, key=lambda row: row["_dlt_load_id"])
        return StateInfo.from_normalized_mapping(newest, self.schema.naming)

    def _stored_schema(self, column: str, text: str | None) -> StorageSchemaInfo | None:
        found = self._rows(self.schema.version_table_name, **({} if text is None else {column: text}))
        if not found:
            return None
        newest = max(found, key=lambda row: row["inserted_at"])
        return StorageSchemaInfo.from_normalized_mapping(newest, self.schema.naming)

    def _fields(self, name: str) -> list[Any]:
        """Those of the columns that are known by their types. leadloop's own come first: a log keeps the least and the greatest value
        of a table's first columns alone."""
        columns = self.schema.get_table_columns(name).values()
        ordered = sorted(columns, key=lambda column: not column["name"].startswith(_OURS))
        return [
            pa.field(column["name"], get_py_arrow_datatype(column, self.capabilities, "UTC"))
            for column in ordered
        ]

    def _add(self, name: str, **row: Any) -> None:
        schema = pa.schema(self._fields(name))
        tables.append(self.folder(name), pa.Table.from_pylist([row], schema=schema))

    def _rows(self, name: str, **only: Any) -> list[dict[str, Any]]:
        """The rows of one of dlt's own tables that have these values; none where it is not there yet."""
        folder = self.folder(name)
        if tables.version(folder) is None:
            return []
        filters = [(column, "=", value) for column, value in only.items()] or None
        found: list[dict[str, Any]] = tables.delta(folder).to_pyarrow_table(filters=filters).to_pylist()
        return found


class leadloop_delta(Destination[Configuration, Client]):  # type: ignore[misc]  # noqa: N801 - dlt takes its settings' section from it
    """dlt's door to a folder of Delta tables."""

    spec = Configuration

    def _raw_capabilities(self) -> DestinationCapabilitiesContext:
        capabilities = DestinationCapabilitiesContext.generic_capabilities(
            preferred_loader_file_format="parquet", supported_table_formats=["delta"]
        )
        capabilities.supported_loader_file_formats = ["parquet"]
        capabilities.has_case_sensitive_identifiers = True
        capabilities.supported_merge_strategies = []
        capabilities.supported_replace_strategies = []
        capabilities.supports_nested_types = False
        return capabilities

    @property
    def client_class(self) -> type[Client]:
        return Client

    def __init__(self, storage: str | None = None, **kwargs: Any) -> None:
        super().__init__(storage=storage, **kwargs)


def delta(storage: str) -> leadloop_delta:
    """The dlt destination of the Delta tables in this folder."""
    return leadloop_delta(storage=storage)
