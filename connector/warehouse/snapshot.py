"""A copy of a warehouse in files that readers hold open as long as they like: ``leads.snapshot.duckdb`` beside ``leads.duckdb``.

DuckDB lets nobody read a file that somebody writes to, nor write to one that somebody reads. So whoever only reads, an analyst's
notebook or ``leadloop serve``, opens the copy. Making one takes no lock and disturbs nobody: the file is copied as it lies on the
disk, and the copy counts only if nobody has written to it meanwhile. It is written beside, checked, and then renamed, so a reader has
the old copy or the new one, and never a part.

Of a lake it is a copy of its catalog and of its ledger, of one moment. They name Parquet files, which are never changed, only deleted:
``leadloop maintain`` leaves those that the copy needs.
"""

import functools
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ParamSpec, TypeVar, cast

from filelock import FileLock

from connector.errors import ConfigError, LockedError, WarehouseError
from connector.warehouse import copying, private, settings
from connector.warehouse.connection import Warehouse

PATIENCE = 60.0
"""Seconds to wait for a moment in which nobody writes to the file."""
HELD = timedelta(days=1)
"""So long a reader may have a copy open that was replaced since."""
_PAUSE = 0.1
_LONGEST_PAUSE = 2.0


P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A copy that was just made."""

    path: Path
    made_at: datetime
    """It shows what was in the warehouse then."""
    bytes: int
    cloned: bool
    """The file system shares the blocks of both files, so the copy took no room."""
    seconds: float
    is_one_file: bool = True
    """Whether it is the whole warehouse, and not the files of a lake that change."""


def paths_of(warehouse: Warehouse) -> tuple[Path, ...]:
    """Where the copies are, or would be; none for a server."""
    return tuple(each.with_name(f"{each.stem}.snapshot{each.suffix}") for each in warehouse.files)


def path_of(warehouse: Warehouse) -> Path | None:
    """The first of them, which names the snapshot; ``None`` for a server."""
    return next(iter(paths_of(warehouse)), None)


def made_at(warehouse: Warehouse) -> datetime | None:
    """When the snapshot that is there was made."""
    path = path_of(warehouse)
    with suppress(OSError):
        return datetime.fromtimestamp(path.stat().st_mtime, UTC) if path is not None else None
    return None


def is_current(warehouse: Warehouse) -> bool:
    """Whether nobody has written to the warehouse since the snapshot was made."""
    made = made_at(warehouse)
    if made is None:
        return False
    return warehouse.last_written() <= made.timestamp()


def needed_since(warehouse: Warehouse) -> datetime | None:
    """From when on files of a lake are needed by readers, who may have an older copy open for a day; ``None`` where there is no copy."""
    made = made_at(warehouse)
    return None if made is None else made - HELD


def opening(warehouse: Warehouse) -> AbstractContextManager[object]:
    """Around opening, or replacing, all the files of a snapshot: they are of one moment."""
    path = path_of(warehouse)
    return nullcontext() if path is None else FileLock(f"{path}.lock", mode=0o600)


def make(warehouse: Warehouse, *, patience: float = PATIENCE) -> Snapshot:
    """Copies the warehouse beside itself. ``ConfigError`` where there is no file, ``LockedError`` where somebody kept writing to it."""
    sources, targets = warehouse.files, paths_of(warehouse)
    if not sources:
        if warehouse.path is not None:
            raise ConfigError(
                f"{warehouse.label} has no snapshot for readers: a copy of its ledger has no leads in it."
            )
        raise ConfigError(
            f"{warehouse.label} needs no snapshot: it is a server, and people read it while leadloop writes."
        )
    if not all(each.is_file() for each in sources):
        raise ConfigError(f"There is no warehouse {warehouse.label} yet.", "Run: leadloop extract")
    new = [each.with_name(f"{each.name}.new-{os.getpid()}") for each in targets]
    began = time.monotonic()
    try:
        at, how = copy(warehouse, new, patience=patience)
        for each in new:
            os.utime(each, (at, at))
            private.keep(each)
        with opening(warehouse):
            for each, target in zip(new, targets, strict=True):
                each.replace(target)
        seconds, size = time.monotonic() - began, sum(each.stat().st_size for each in targets)
        made = datetime.fromtimestamp(at, UTC)
        return Snapshot(targets[0], made, size, how == "cloned", seconds, warehouse.file is not None)
    finally:
        for each in new:
            for left in (each, Path(f"{each}.wal")):
                left.unlink(missing_ok=True)


def copy(warehouse: Warehouse, targets: Sequence[Path], *, patience: float = PATIENCE) -> tuple[float, str]:
    """Copies a warehouse's files to other places as they are at one moment: when (as ``time.time``), and ``cloned`` or ``copied``.

    ``LockedError`` where somebody kept writing to them; whatever lies at ``targets`` then is no copy.
    """
    began, pause = time.monotonic(), _PAUSE
    while True:
        at, before = time.time(), warehouse.tables_written()
        how = _copied(warehouse, targets)
        if how is not None and warehouse.tables_written() == before and all(map(_is_whole, targets)):
            warehouse.note_in_copy(targets, before)
            return at, how
        if time.monotonic() - began > patience:
            raise LockedError(
                f"{warehouse.label} is being written to all the time, so no copy of it could be made.",
                "Try again when the run that is under way has ended.",
            )
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


def remake(warehouse: Warehouse, *, patience: float) -> Snapshot | None:
    """The same, where one is needed and can be made; ``None`` else. For whoever can do without: raises nothing of the warehouse's."""
    with suppress(WarehouseError, ConfigError):
        if warehouse.files and warehouse.is_there and not is_current(warehouse):
            return make(warehouse, patience=patience)
    return None


def left_behind(run: Callable[P, T]) -> Callable[P, T]:
    """Has a run whose first argument is the warehouse leave a snapshot at its end, where the settings ask for one.

    A snapshot is no reason for a run to fail: what can't be made is not made, and the last one stays.
    """

    @functools.wraps(run)
    def ran(*args: P.args, **kwargs: P.kwargs) -> T:
        wanted = settings.leaves_snapshot()
        try:
            return run(*args, **kwargs)
        finally:
            if wanted:
                remake(cast(Warehouse, args[0] if args else kwargs["warehouse"]), patience=PATIENCE)

    return ran


def _copied(warehouse: Warehouse, targets: Sequence[Path]) -> str | None:
    """``cloned`` or ``copied``; ``None`` where somebody wrote to a file meanwhile. ``WarehouseError`` where it can't be copied."""
    for target in targets:
        Path(f"{target}.wal").unlink(missing_ok=True)
    pairs = zip(warehouse.files, targets, strict=True)
    files = [str(each) for source, target in pairs for each in (source.resolve(), target)]
    command = [sys.executable, "-I", "-S", copying.__file__, *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own file, two paths
    if done.returncode == copying.BUSY:
        return None
    if done.returncode:
        raise WarehouseError(
            f"{warehouse.label} could not be copied to {targets[0].parent}: {done.stderr.strip()}.",
            "Make room there, or do without a snapshot.",
        )
    return done.stdout


def _is_whole(path: Path) -> bool:
    """Whether DuckDB can read it; what its log holds is put into the file, so that the copy is a single file."""
    import duckdb

    log = Path(f"{path}.wal")
    try:
        with duckdb.connect(str(path), read_only=not log.exists()) as connection:
            connection.execute("checkpoint" if log.exists() else "select count(*) from duckdb_tables()")
    except duckdb.Error:
        return False
    return not log.exists()
