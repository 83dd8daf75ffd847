"""Where a planted value turned up: in what was printed, in files of every kind, in the titles of processes."""

import gzip
import os
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq


def texts(path: Path) -> Iterator[bytes]:
    """A file as it is, unpacked where it is packed, and as rows where it is a table."""
    raw = path.read_bytes()
    yield raw
    with suppress(OSError, EOFError, zlib.error):
        yield gzip.decompress(raw)
    with suppress(pa.ArrowInvalid, OSError):
        yield repr(pq.read_table(path).to_pylist()).encode()


def files(folder: Path) -> Iterator[Path]:
    """Everything below a folder but folders; what others take away meanwhile is not there."""
    for root, _, names in os.walk(folder):
        yield from (Path(root, name) for name in names)


def in_files(folder: Path, planted: Iterable[str], leave_out: Iterable[Path] = ()) -> set[tuple[str, str]]:
    """(path, planted value) of every file below a folder, also in the names of files."""
    wanted, left_out, found = list(planted), set(leave_out), set()
    for path in files(folder):
        name = str(path.relative_to(folder))
        found |= {(name, value) for value in wanted if value in name}
        if path in left_out or path.is_symlink() or not path.is_file():
            continue
        for text in texts(path):
            found |= {(name, value) for value in wanted if value.encode() in text}
    return found


def in_database(path: Path, planted: str) -> list[str]:
    """The tables of a DuckDB file in which a value is part of any column of any row."""
    with duckdb.connect(str(path), read_only=True) as connection:
        tables = connection.execute(
            "select table_schema, table_name from information_schema.tables"
        ).fetchall()
        return [
            f"{schema}.{name}"
            for schema, name in tables
            if connection.execute(
                f'select 1 from "{schema}"."{name}" as row where contains(row::text, ?) limit 1', [planted]
            ).fetchone()
        ]


def in_titles(planted: Iterable[str]) -> set[str]:
    """Values that the command line of any process shows to everybody on the machine."""
    lines = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and process.name != str(os.getpid()):
            with suppress(OSError):
                lines.append((process / "cmdline").read_bytes())
    return {value for value in planted if any(value.encode() in line for line in lines)}


def open_to_others(folder: Path) -> list[str]:
    """Files that group or others may read and that no folder above them keeps from them."""
    found = []
    for root, folders, names in os.walk(folder):
        folders[:] = [
            name for name in folders if not (Path(root, name).is_symlink()) and _open(Path(root, name))
        ]
        for name in names:
            path = Path(root, name)
            if not path.is_symlink() and _open(path):
                found.append(str(path.relative_to(folder)))
    return found


def _open(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & 0o077)
    except FileNotFoundError:
        return False
