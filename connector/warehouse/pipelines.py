"""dlt's pipeline of one CRM into one warehouse, and how far it has come.

dlt keeps its state with the rows: cursors and all. It is read here without dlt, for a run that finds nothing new needs no
pipeline, and to import dlt and to make one takes longer than all else of such a run.
"""

import base64
import os
import shutil
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from connector.crm import raw_schema
from connector.crm.account import Account
from connector.errors import LeadloopError, WarehouseError, causes
from connector.extract.columns import SEEN_AT
from connector.extract.past import HOMES, Past, most_columns, moved
from connector.extract.past import cursor as cursor_of
from connector.extract.raw import LEADS, REMOVALS
from connector.warehouse import kept, private, reads, shards, waiting
from connector.warehouse.connection import Warehouse
from connector.warehouse.engines import engine_of
from connector.warehouse.ledger import SEQUENCE, columns_of

FOLDER = Path(".leadloop") / "pipelines"
STATE_VERSION = 4
"""How dlt writes its state, by dlt's own number."""
NUMBERS = 4
"""So many numbers are taken at once: an extraction needs one for each stream, and one for what is read back."""


class AccountTables:
    """The raw tables of one account: an ``extract.past.RawTables``."""

    def __init__(
        self, warehouse: Warehouse, name: str, schema: str, pipeline: Callable[[], Any] | None = None
    ) -> None:
        """``name``: the pipeline's, which is the account's. ``pipeline``: makes it when the first package is loaded."""
        self._warehouse = warehouse
        self._name = name
        self._schema = schema
        self._make = pipeline or self._fresh
        self._pipeline: Any = None
        self._known: dict[str, Past] | None = None

    def past(self, table: str) -> Past:
        if self._known is None:
            self._known = self._read()
        if table not in self._known:
            # A table can be there without a state: one of dlt's tables was dropped, or restored without its rows.
            with self._warehouse.engine().connect() as connection:
                self._known[table] = Past(
                    columns=tuple(columns_of(connection, self._schema, table)),
                    most=most_columns(self._warehouse.kind),
                )
        return self._known[table]

    def load(self, resources: Sequence[Any]) -> None:
        self._known = None
        if self._pipeline is None:
            self._pipeline = self._make()
        import dlt

        source = dlt.source(lambda: list(resources), name=self._name, max_table_nesting=0)()
        # dlt opens the file with settings of its own, and on a first read no call has come before it.
        kept.let_go()
        with unwrapped():
            self._run(source)
        for table in sorted({resource.name for resource in resources} & {LEADS, REMOVALS}):
            self._find_late(table)

    def _find_late(self, table: str) -> None:
        """For ``push.ahead``, which looks for times in the future after each extraction. Who may not do this reads the table."""
        if self._warehouse.path is not None:
            return
        with suppress(sa.exc.DBAPIError), self._warehouse.engine().begin() as connection:
            if SEEN_AT in columns_of(connection, self._schema, table):
                engine_of(connection).find_late(connection, self._schema, table, SEEN_AT)

    def _run(self, source: Any) -> None:
        if waiting.is_on():
            self._warehouse.probe()  # dlt itself waits for nobody
        self._pipeline.run(source, loader_file_format=self._warehouse.file_format)

    def _read(self) -> dict[str, Past]:
        with self._warehouse.engine().connect() as connection:
            state = state_of(connection, self._schema, self._name)
            with_rows = {table: found.get("cursors") or {} for table, found in state.items()}
            nothing = reads.nothing_since(
                connection, self._name, {at for each in with_rows.values() for at in each.values()}
            )
            known = {
                table: Past(
                    moved(with_rows[table], nothing.get(table, {})),
                    found.get(HOMES) or {},
                    tuple(columns_of(connection, self._schema, table)),
                    most_columns(self._warehouse.kind),
                    with_rows[table],
                )
                for table, found in state.items()
            }
            return self._with_shards(connection, known)

    def _with_shards(self, connection: sa.Connection, known: dict[str, Past]) -> dict[str, Past]:
        """The same with what first reads in parts have come to, where no extraction has gone on from there yet."""
        leads = known.get(LEADS)
        cursors, homes = shards.progress(
            connection,
            self._name,
            leads.cursors if leads else {},
            lambda pipeline: state_of(connection, self._schema, pipeline),
        )
        if not cursors and not homes:
            return known
        before = leads or Past(
            columns=tuple(columns_of(connection, self._schema, LEADS)),
            most=most_columns(self._warehouse.kind),
        )
        found = replace(before, cursors={**cursors, **before.cursors}, homes={**homes, **before.homes})
        return {**known, LEADS: found}

    def _fresh(self) -> Any:
        """A pipeline without a past on this machine: cursor and schema come from the warehouse, and from nowhere else.

        So a deleted database starts afresh, a new machine goes on where the last one stopped, and a package that a killed
        run left behind is read again from the CRM instead of trusted.
        """
        import dlt

        folder = private.folder(FOLDER)
        shutil.rmtree(folder / self._name, ignore_errors=True)
        return dlt.pipeline(
            self._name,
            destination=self._warehouse.destination(),
            dataset_name=self._schema,
            pipelines_dir=str(folder.absolute()),
            dev_mode=False,
        )


def tables(warehouse: Warehouse, account: Account) -> AccountTables:
    """The raw tables of an account."""
    return AccountTables(warehouse, account.name, raw_schema(account.name))


def state_of(connection: sa.Connection, schema: str, name: str) -> dict[str, Any]:
    """What the last package that was loaded whole left of each table, by its name; see dlt's ``get_stored_state``."""
    if not columns_of(connection, schema, "_dlt_pipeline_state"):
        return {}
    state = sa.table(
        "_dlt_pipeline_state",
        *map(sa.column, ("engine_version", "pipeline_name", "state", "_dlt_load_id")),
        schema=schema,
    )
    packages = sa.table("_dlt_loads", sa.column("load_id"), sa.column("status"), schema=schema)
    query = (
        sa.select(state.c.engine_version, state.c.state)
        .join(packages, packages.c.load_id == state.c["_dlt_load_id"])
        .where(state.c.pipeline_name == name, packages.c.status == 0)
        .order_by(packages.c.load_id.desc())
        .limit(1)
    )
    row = connection.execute(query).first()
    if row is None:
        return {}
    if row.engine_version != STATE_VERSION:
        raise WarehouseError(
            f"{schema}._dlt_pipeline_state says how far {name} was read, in version {row.engine_version} of dlt's state; "
            f"this leadloop reads version {STATE_VERSION}. Nothing was read.",
            "Install leadloop again, with the version of dlt that it asks for, as docs/upgrade.md says.",
        )
    found = msgspec.json.decode(zlib.decompress(base64.b64decode(row.state)))
    for part in ("sources", name, "resources"):
        found = found.get(part) or {}
    return dict(found)


def numbers(warehouse: Warehouse) -> Callable[[], int]:
    """The next number of the warehouse's own sequence, at each call.

    Some are taken ahead, so that the warehouse is opened once for them: a number that was taken earlier only says that
    what was written meanwhile may not be in what is read.
    """
    engine = warehouse.ledger()
    ahead: list[int] = []

    def number() -> int:
        if not ahead:
            with engine.begin() as connection:
                taken = connection.exec_driver_sql(
                    f"select nextval('{SEQUENCE}') from generate_series(1, {NUMBERS})"
                )
                ahead.extend(sorted(taken.scalars()))
        return ahead.pop(0)

    return number


def cursor(warehouse: Warehouse, account: Account) -> datetime | None:
    """Everything edited in the CRM up to this instant (UTC) is in the warehouse; ``None`` before the first extraction."""
    from connector.extract.job import job

    with warehouse.translated():
        name = job(account.settings, reader=account.reader).cursor_key
        return cursor_of(tables(warehouse, account), LEADS, name)


NEEDED = {
    "DEV_MODE": "false",
    "RESTORE_FROM_DESTINATION": "true",
    "USE_SINGLE_DATASET": "true",
    "DATASET_NAME_LAYOUT": "%s",
    "LOAD__RAISE_ON_FAILED_JOBS": "true",
    "LOAD__DELETE_COMPLETED_JOBS": "true",  # else files of leads stay behind
    "NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_LOAD_ID": "true",
    "NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_ID": "false",
}
"""dlt's options for where a load goes, what it remembers, and which columns a row has."""
UNWANTED = (
    "FULL_REFRESH",
    "REFRESH",
    "IMPORT_SCHEMA_PATH",
    "EXPORT_SCHEMA_PATH",
    "SCHEMA_CONTRACT",
    "NAMING",
)
"""Options of dlt's that would load something else, or drop what is there."""


def tune() -> None:
    """Sets what this load depends on, whatever the environment or a file says, and, where nothing else is set, what
    suits it: no telemetry, no gzip between its steps."""
    ours = {name.rpartition("__")[2] for name in NEEDED} | set(UNWANTED)
    for name in list(os.environ):
        # dlt lets the name win that says more, such as CONVOSO__DEV_MODE. After CRM__ come settings of leadloop's.
        if name.rpartition("__")[2] in ours and not name.startswith("CRM__"):
            del os.environ[name]
    os.environ.update(NEEDED)
    for name, value in {
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "RUNTIME__LOG_LEVEL": "CRITICAL",
        "DATA_WRITER__DISABLE_COMPRESSION": "true",
    }.items():
        os.environ.setdefault(name, value)


@contextmanager
def unwrapped() -> Iterator[None]:
    """An error of ours comes out of dlt's wrapping as itself."""
    try:
        yield
    except Exception as error:
        for cause in causes(error):
            if isinstance(cause, LeadloopError):
                raise cause from None
        raise
