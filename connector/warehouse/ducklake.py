"""DuckLake: Parquet files in a folder, and a catalog that says which of them are a table. One machine, one process at a time.

The catalog is a DuckDB file, and what leadloop itself remembers (locks, journal, pace) is in another one beside it, its ledger:
see ``ducklake_connection``. A catalog on a server, for several machines, is in ``ducklake_server``.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.engine import URL

from connector import config
from connector.errors import ConfigError, DamagedError, WarehouseError
from connector.warehouse import ducklake_catalog, ducklake_ledger, ducklake_states, ducklake_tidying
from connector.warehouse import ducklake_connection as opening
from connector.warehouse.apart import LAKE, LEDGER, Apart
from connector.warehouse.duckdb import DuckDB, is_lake, size_of
from connector.warehouse.ducklake_bucket import SETTINGS, Access, is_bucket, of_bucket
from connector.warehouse.engine import Size, State
from connector.warehouse.relations import Relation

DEFAULT_CATALOG = "leads.ducklake"
DRIVER = "duckdb+ducklake"
registry.register("duckdb.ducklake", "connector.warehouse.ducklake_dialect", "Dialect")
_TABLES = """
select database_name, schema_name, table_name
from duckdb_tables()
where database_name in ('{}')
"""


_MOVED = re.compile(
    r'DATA_PATH parameter "(?P<given>[^"]*)" does not match existing data path in the catalog "(?P<noted>[^"]*)"'
)
_BROKEN = re.compile(
    r"""(?:Cannot open file "(?P<opened>[^"]*\.parquet)"|(?:footer|magic bytes|Parquet|read)[^"']*["'](?P<read>[^"']*\.parquet)["'])"""
)
_CUT_OFF = "Could not read enough bytes from file"


class DuckLake(Apart):
    name = "ducklake"
    told = (
        f"`{DEFAULT_CATALOG}`",
        (
            "The path of the catalog, or a table with `catalog` (that path) and `storage` (the folder of the Parquet files; by "
            "default it is beside the catalog and ends in `.files`). The catalog can be a PostgreSQL database, "
            "`postgresql://user:password@host:5432/database` (secret), so that several machines work with one lake; then `storage` is "
            "required. The storage can be a bucket, `s3://bucket/folder`, with "
            "`aws_access_key_id`, `aws_secret_access_key` and `aws_session_token` (secret), `region_name` and `endpoint_url` beside it. Needs `pip install 'leadloop[ducklake]'`. See "
            "[engines](engines.md#ducklake)."
        ),
    )
    options = (*DuckDB.options, "override_data_path", "automatic_migration")
    parts = (
        *(
            "catalog",
            "storage",
            "ducklake_name",
            "metadata_schema",
            "read_only",
            "extensions",
            "global_config",
        ),
        *("pragmas", "statements", "local_config", "session_timezone", "conn_pool"),
    )
    more_parts = SETTINGS
    dialect = DRIVER
    # A model may read files of its own; those of the lake have names that DuckLake gave them.
    about_itself = re.compile(
        r'(?:IO|TransactionContext|FATAL|HTTP) Error: (?!Cannot open file(?! "[^"]*/ducklake-[0-9a-f-]+[^"/]*\.parquet"))'
    )
    place_variables = frozenset({"LEADLOOP_DUCKLAKE_CATALOG"})

    def needs(self, credentials: Any = None) -> dict[str, bool]:
        if ducklake_catalog.is_server(_table(credentials).get("catalog")):
            return {**opening.needs(server=True), **ducklake_catalog.CATALOG.needs()}
        return opening.needs()

    def url(self, credentials: Any) -> URL:
        table = _table(credentials)
        catalog, storage = table["catalog"], self._storage(table)
        access = Access.of_settings(table, self.credentials, storage)
        if ducklake_catalog.is_server(catalog):
            return self._served(ducklake_catalog.CATALOG.url(catalog), storage, access)
        return self.of(self._local("catalog", catalog or DEFAULT_CATALOG), storage, access)

    def of(self, path: str | Path, storage: str | Path | None = None, access: Access | None = None) -> URL:
        """The lake of this catalog, a path or the URL of a server, with its files in a folder or in a bucket; ``ConfigError`` also
        where DuckDB's extension is not installed."""
        if ducklake_catalog.is_server(path):
            return self._served(ducklake_catalog.CATALOG.of(str(path)), storage, access)
        opening.load_statements()
        # Whichever way leads to the catalog, its ledger and its locks are in one place.
        catalog = Path(path).resolve()
        files = storage if storage is not None else catalog.with_suffix(".files")
        if not is_bucket(str(files)):
            files = Path(files).absolute()
        query = {"catalog": str(catalog), "storage": f"{str(files).rstrip('/')}/"}
        url = URL.create(DRIVER, database=str(catalog.with_suffix(".ledger.duckdb")), query=query)
        return access.into_url(url) if access else url

    def label(self, url: URL) -> str:
        return _part(url, "catalog")

    def described(self, url: URL) -> str:
        return f"{self.label(url)}, with its files in {_part(url, 'storage')} and its ledger in {self.path(url)},"

    def files(self, url: URL) -> tuple[Path, ...]:
        """The Parquet files are never changed."""
        return Path(self.label(url)), self.path(url)

    def copied_to(self, url: URL, files: Sequence[Path]) -> URL:
        catalog, ledger = files
        return self.reading(url.set(database=str(ledger)).update_query_dict({"catalog": str(catalog)}))

    def storage(self, url: URL) -> str:
        return _part(url, "storage")

    def place(self, url: URL) -> str:
        return f"ducklake:{Path(_part(url, 'catalog')).resolve()}"

    def dbt_place(self, credentials: Any) -> str:
        catalog = _lake_of(credentials).path.removeprefix("ducklake:")
        if catalog.startswith(ducklake_catalog.PREFIX):
            return f"ducklake:{ducklake_catalog.place_of(catalog)}"
        return f"ducklake:{Path(catalog).resolve()}"

    def is_of(self, credentials: Any) -> bool:
        return is_lake(credentials)

    def as_toml(self, credentials: Any) -> tuple[str, str]:
        """A password is not copied: it may be in the profile for a variable of the environment."""
        lake = _lake_of(credentials) if credentials else None
        if lake is not None and (address := lake.path.removeprefix("ducklake:")).startswith(
            ducklake_catalog.PREFIX
        ):
            catalog = ducklake_catalog.url_of(address).render_as_string()
            storage = (lake.options or {}).get("data_path", "")
            head = f"[{self.credentials}]\n"
            return f"{head}storage = {json.dumps(storage)}\n", f"{head}catalog = {json.dumps(catalog)}\n"
        catalog = self.dbt_place(credentials).removeprefix("ducklake:") if credentials else DEFAULT_CATALOG
        return f"[{self.credentials}]\ncatalog = {json.dumps(catalog)}\n", ""

    def explained(self, text: str, label: str) -> WarehouseError | ConfigError | None:
        if moved := _MOVED.search(text):
            return ConfigError(
                f"{self.credentials}.storage is {moved['given']}, and the catalog {label} has its files in {moved['noted']}.",
                "Name that folder there. If the files were moved, docs/engines.md says how to tell the catalog.",
            )
        if (found := of_bucket(text, label, self.credentials)) is not None:
            return found
        if (broken := _BROKEN.search(text)) and "No space left" not in text:
            return DamagedError(
                f"A file of the lake {label} is missing or damaged: {broken['opened'] or broken['read']}. What it held is lost from this lake.",
                "Was the catalog put back from a copy that is older than the last `leadloop maintain`? Then it names files that were "
                "deleted since. Put back a newer copy of it, or the files as they were then; else catalog, files and ledger from one "
                "copy. Continue with `leadloop run --restored`. docs/engines.md says what to do without a copy.",
            )
        if _CUT_OFF in text:
            return DamagedError(
                f"The catalog {label} or its ledger is damaged: DuckDB can't read a part of it any more.",
                "Put catalog, files and ledger back from one copy, then continue with `leadloop run --restored`.",
            )
        return super().explained(text, label)

    def destination(self, url: URL) -> Any:
        import dlt
        from dlt.destinations.impl.ducklake.configuration import DuckLakeCredentials

        storage, access = _part(url, "storage"), Access.of_url(url)
        credentials = DuckLakeCredentials(
            LAKE,
            catalog=f"duckdb:///{_part(url, 'catalog')}",
            storage=access.for_dlt(storage) if is_bucket(storage) else storage,
        )
        credentials.statements = opening.load_statements(storage, access)
        return dlt.destinations.ducklake(credentials=credentials)

    def dbt_env(self, url: URL) -> dict[str, str]:
        return {
            "LEADLOOP_DBT_TARGET": self.name,
            "LEADLOOP_DUCKLAKE_CATALOG": _part(url, "catalog"),
            "LEADLOOP_DUCKLAKE_STORAGE": _part(url, "storage"),
            "LEADLOOP_DUCKLAKE_LEDGER": str(self.path(url)),
            **Access.of_url(url).as_variables(),
        }

    def look_through(self, connection: sa.Connection) -> None:
        self._look_through(connection, LAKE, LEDGER)

    def _look_through(self, connection: sa.Connection, *databases: str) -> None:
        quote = connection.dialect.identifier_preparer.quote_identifier
        for names in connection.exec_driver_sql(_TABLES.format("', '".join(databases))).all():
            table = ".".join(map(quote, names))
            connection.exec_driver_sql(f"select bit_xor(hash(columns(*))) from {table}").all()

    def is_there(self, url: URL) -> bool:
        return super().is_there(url) or Path(_part(url, "catalog")).exists()

    def highest_number(self, connection: sa.Connection) -> int | None:
        return ducklake_ledger.highest_number(connection)

    def note_ledger(self, connection: sa.Connection, own: str) -> None:
        ducklake_ledger.note(connection, own)

    def size(self, connection: sa.Connection) -> Size:
        url = connection.engine.url
        databases = sum(map(size_of, (Path(self.label(url)), self.path(url))))
        return ducklake_tidying.size(connection, databases)

    def tidy(self, connection: sa.Connection, keep: timedelta, needed_since: datetime | None = None) -> None:
        ducklake_tidying.tidy(connection, keep, needed_since)

    def states(self, connection: sa.Connection, relations: Iterable[Relation]) -> dict[Relation, State]:
        wanted = list(relations)
        found = ducklake_states.states(connection, wanted)
        return {**found, **self.states_of_ledger(connection, [each for each in wanted if each not in found])}

    def _served(self, catalog: URL, storage: str | Path | None, access: Access | None) -> URL:
        opening.load_statements(server=True)
        if storage is None:
            raise ConfigError(
                f"{self.credentials}.storage is not set, and the catalog of the lake is on a server.",
                "Name a folder that all machines of this lake have at the same path, or a bucket: s3://….",
            )
        files = str(storage) if is_bucket(str(storage)) else str(Path(storage).absolute())
        return ducklake_catalog.Place(catalog, f"{files.rstrip('/')}/", access).url

    def _storage(self, table: Mapping[str, Any]) -> Path | str | None:
        """As the settings name it; a bucket is a text."""
        storage = table.get("storage") or table.get("storage__bucket_url")
        if isinstance(storage, Mapping):
            storage = storage.get("bucket_url")
        if storage is None or (isinstance(storage, str) and is_bucket(storage)):
            return storage
        return self._local("storage", storage)

    def _local(self, part: str, given: Any) -> Path:
        setting = f"{self.credentials}.{part}"
        text = given.get("database") if isinstance(given, Mapping) else given
        if isinstance(text, str):
            text = text.removeprefix("ducklake:").removeprefix("duckdb:///").removeprefix("file://")
        if not isinstance(text, str) or not text or "://" in text or text.startswith("postgres:"):
            raise ConfigError(
                f"{config.named(setting)} must be a path on this machine.",
                "A catalog can also be a PostgreSQL database, postgresql://user:password@host:5432/database, and a storage a bucket, s3://….",
            )
        return config.anchored(setting, text)


def _lake_of(credentials: Any) -> Any:
    """What a dbt profile attaches as its own database."""
    return next(each for each in credentials.attach if each.alias == credentials.database)


def _table(credentials: Any) -> dict[str, Any]:
    """The setting as a table, which it may be, with a ``catalog`` in any case."""
    table = dict(credentials) if isinstance(credentials, Mapping) else {"catalog": credentials}
    return {**table, "catalog": table.get("catalog") or table.get("url")}


def _part(url: URL, name: str) -> str:
    found = url.query[name]
    return found if isinstance(found, str) else found[0]
