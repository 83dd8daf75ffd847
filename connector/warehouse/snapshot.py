"""A copy of a DuckDB warehouse that readers hold open as long as they like: ``leads.snapshot.duckdb`` beside ``leads.duckdb``.

DuckDB lets nobody read a file that somebody writes to, nor write to one that somebody reads. So whoever only reads, an analyst's
notebook or ``leadloop serve``, opens the copy. Making one takes no lock and disturbs nobody: the file is copied as it lies on the
disk, and the copy counts only if nobody has written to it meanwhile. It is written beside, checked, and then renamed, so a reader has
the old copy or the new one, and never a part.
"""

import functools
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import ParamSpec, TypeVar, cast

from connector.errors import ConfigError, LockedError, WarehouseError
from connector.warehouse import copying, private, settings
from connector.warehouse.connection import Warehouse

PATIENCE = 60.0
"""Seconds to wait for a moment in which nobody writes to the file."""
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


def path_of(warehouse: Warehouse) -> Path | None:
    """Where the snapshot is, or would be; ``None`` for a warehouse that is no file."""
    path = warehouse.file
    return None if path is None else path.with_name(f"{path.stem}.snapshot{path.suffix}")


def made_at(warehouse: Warehouse) -> datetime | None:
    """When the snapshot that is there was made."""
    path = path_of(warehouse)
    with suppress(OSError):
        return datetime.fromtimestamp(path.stat().st_mtime, UTC) if path is not None else None
    return None


def is_current(warehouse: Warehouse) -> bool:
    """Whether nobody has written to the warehouse since the snapshot was made."""
    made, path = made_at(warehouse), warehouse.file
    if made is None or path is None:
        return False
    for each in (path, Path(f"{path}.wal")):
        with suppress(FileNotFoundError):
            if each.stat().st_mtime > made.timestamp():
                return False
    return True


def make(warehouse: Warehouse, *, patience: float = PATIENCE) -> Snapshot:
    """Copies the warehouse beside itself. ``ConfigError`` where there is no file, ``LockedError`` where somebody kept writing to it."""
    source, target = warehouse.file, path_of(warehouse)
    check_shown(warehouse)
    if source is None or target is None:
        raise ConfigError(
            f"{warehouse.label} needs no snapshot: it is a server, and people read it while leadloop writes."
        )
    if not source.is_file():
        raise ConfigError(f"There is no warehouse {source} yet.", "Run: leadloop extract")
    new = target.with_name(f"{target.name}.new-{os.getpid()}")
    began = time.monotonic()
    try:
        at, how = copy(source, new, patience=patience)
        os.utime(new, (at, at))
        private.keep(new)
        new.replace(target)
        seconds = time.monotonic() - began
        return Snapshot(
            target, datetime.fromtimestamp(at, UTC), target.stat().st_size, how == "cloned", seconds
        )
    finally:
        for left in (new, Path(f"{new}.wal")):
            left.unlink(missing_ok=True)


def copy(source: Path, target: Path, *, patience: float = PATIENCE) -> tuple[float, str]:
    """Copies a warehouse's file to another place as it is at one moment: when (as ``time.time``), and ``cloned`` or ``copied``.

    ``LockedError`` where somebody kept writing to it; whatever lies at ``target`` then is no copy.
    """
    began, pause = time.monotonic(), _PAUSE
    while True:
        at = time.time()
        how = _copied(source, target)
        if how is not None and _is_whole(target):
            return at, how
        if time.monotonic() - began > patience:
            raise LockedError(
                f"{source} is being written to all the time, so no copy of it could be made.",
                "Try again when the run that is under way has ended.",
            )
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


def check_shown(warehouse: Warehouse) -> None:
    """``ConfigError`` for a warehouse that nobody can read while leadloop writes, and that is no single file to be copied."""
    if warehouse.path is not None and warehouse.file is None:
        raise ConfigError(
            f"{warehouse.label} has no snapshot for readers: it is more than one file.",
            "Look into it while no run is at work: docs/engines.md says how. `leadloop status`, `plan` and `explain` work as always.",
        )


def remake(warehouse: Warehouse, *, patience: float) -> Snapshot | None:
    """The same, where one is needed and can be made; ``None`` else. For whoever can do without: raises nothing of the warehouse's."""
    with suppress(WarehouseError, ConfigError):
        if warehouse.file is not None and warehouse.is_there and not is_current(warehouse):
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


def _copied(source: Path, target: Path) -> str | None:
    """``cloned`` or ``copied``; ``None`` where somebody wrote to the file meanwhile. ``WarehouseError`` where it can't be copied."""
    Path(f"{target}.wal").unlink(missing_ok=True)
    command = [sys.executable, "-I", "-S", copying.__file__, str(source), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own file, two paths
    if done.returncode == copying.BUSY:
        return None
    if done.returncode:
        raise WarehouseError(
            f"{source} could not be copied to {target}: {done.stderr.strip()}.",
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
