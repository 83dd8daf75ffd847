"""The Delta tables of a storage: each is a folder ``<storage>/<schema>/<table>`` with a log of its versions in ``_delta_log``.

The storage is its owner's alone, so whoever writes into it may make files that all could read.
"""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from connector.warehouse.relations import Relation

LOG = "_delta_log"
ROWS_AT_A_TIME = 20_000
_COMMIT = re.compile(r"\d{20}\.json")
_CHECKPOINT = re.compile(r"\d{20}\.checkpoint\..*parquet")


class Version(NamedTuple):
    """What tells one state of a table from all others, also from one of the same number in a copy."""

    number: int
    written_at: int
    """Nanoseconds, by the clock of whoever wrote it."""
    bytes: int

    def __str__(self) -> str:
        return " ".join(map(str, self))


def tables(storage: Path) -> dict[Relation, Path]:
    """Every table that is there."""
    found = {}
    for schema in _folders(storage):
        for table in _folders(schema):
            if (table / LOG).is_dir():
                found[Relation(schema.name, table.name)] = table
    return found


def version(table: Path) -> Version | None:
    """The newest version of a table; ``None`` where it has none yet."""
    newest: os.DirEntry[str] | None = None
    with suppress(FileNotFoundError), os.scandir(table / LOG) as entries:
        for entry in entries:
            is_version = _COMMIT.fullmatch(entry.name) or _CHECKPOINT.fullmatch(entry.name)
            if is_version and (newest is None or entry.name > newest.name):
                newest = entry
    if newest is None:
        return None
    told = newest.stat()
    return Version(int(newest.name[:20]), told.st_mtime_ns, told.st_size)


def commits(table: Path) -> int:
    """How many versions can still be looked into."""
    with suppress(FileNotFoundError):
        return sum(_COMMIT.fullmatch(name) is not None for name in os.listdir(table / LOG))
    return 0


def delta(table: Path) -> Any:
    """The table as ``deltalake`` has it."""
    from deltalake import DeltaTable

    return DeltaTable(str(table))


def make(table: Path, schema: Any) -> None:
    """Makes an empty table of an Arrow schema, where there is none."""
    from deltalake import DeltaTable

    DeltaTable.create(str(table), schema, mode="ignore")


def append(table: Path, rows: Any) -> None:
    """Adds rows, an Arrow table or a reader of one; columns that the table lacks are new in it, and NULL in its other rows."""
    from deltalake import write_deltalake

    write_deltalake(str(table), rows, mode="append", schema_mode="merge")


def replace(table: Path, rows: Any) -> None:
    """Puts these rows, and their columns, in place of all that is in the table."""
    from deltalake import write_deltalake

    write_deltalake(str(table), rows, mode="overwrite", schema_mode="overwrite")


def highest(table: Path, columns: Iterable[str]) -> int | None:
    """The highest value of any of these columns, which hold whole numbers, as the table's log tells it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    told = pa.table(delta(table).get_add_actions(flatten=True))
    found = [pc.max(told[f"max.{name}"]).as_py() for name in columns if f"max.{name}" in told.column_names]
    return max((each for each in found if isinstance(each, int)), default=None)


def tidy(table: Path, keep: timedelta) -> None:
    """Puts small files together, and removes files that only versions older than ``keep`` have."""
    found = delta(table)
    found.optimize.compact()
    found.vacuum(int(keep.total_seconds() // 3600), dry_run=False, enforce_retention_duration=False)
    found.create_checkpoint()
    found.cleanup_metadata()


def _folders(folder: Path) -> Iterator[Path]:
    with suppress(FileNotFoundError, NotADirectoryError):
        yield from sorted(
            each for each in folder.iterdir() if each.is_dir() and not each.name.startswith(".")
        )
