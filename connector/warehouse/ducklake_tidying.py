"""How a lake is kept small and quick: each write leaves a snapshot and often a small file, and nothing goes away by itself."""

from datetime import datetime, timedelta

import sqlalchemy as sa

from connector.warehouse.apart import LAKE, LEDGER
from connector.warehouse.ducklake_ledger import METADATA
from connector.warehouse.engine import Size

GONE = 0.1
"""A file of which a larger part of the rows is deleted is written anew."""
LONGEST_WORK = timedelta(days=1)
"""Where several are at work: a file that no snapshot needs may be one that somebody still reads, or has not committed yet."""
_SIZE_ON_SERVER = """
select coalesce(sum(pg_total_relation_size(relid)), 0)
from pg_stat_all_tables
where schemaname = 'leadloop' or relname like 'ducklake\\_%%'
"""
_SIZE = f"""
select count(*), coalesce(sum(file_size_bytes), 0)
from (
    select file_size_bytes from {METADATA}.ducklake_data_file
    union all
    select file_size_bytes from {METADATA}.ducklake_delete_file
)
"""


def size(connection: sa.Connection, databases: int) -> Size:
    """``databases``: bytes of catalog and ledger."""
    files, size_of_files = connection.exec_driver_sql(_SIZE).one()
    snapshots = connection.exec_driver_sql(f"select count(*) from {METADATA}.ducklake_snapshot").scalar_one()
    return Size(databases + int(size_of_files), int(files), int(snapshots))


def size_on_server(connection: sa.Connection) -> int:
    """Bytes of a catalog on PostgreSQL, and of the ledger in the same database."""
    return int(connection.exec_driver_sql(_SIZE_ON_SERVER).scalar_one())


def tidy_shared(connection: sa.Connection, keep: timedelta) -> None:
    """The same where others may read and load at the same time: a file is deleted only after so long that nobody is at work with it."""
    seconds, hours = int(keep.total_seconds()), int(LONGEST_WORK.total_seconds() // 3600)
    for statement in (
        f"call ducklake_flush_inlined_data('{LAKE}')",
        f"call ducklake_rewrite_data_files('{LAKE}', delete_threshold => {GONE})",
        f"call ducklake_merge_adjacent_files('{LAKE}')",
        f"call ducklake_expire_snapshots('{LAKE}', older_than => now() - interval {seconds} second)",
        f"call ducklake_cleanup_old_files('{LAKE}', older_than => now() - interval {hours} hour)",
        f"call ducklake_delete_orphaned_files('{LAKE}', older_than => now() - interval {hours} hour)",
    ):
        connection.exec_driver_sql(statement).close()


def tidy(connection: sa.Connection, keep: timedelta, needed_since: datetime | None) -> None:
    """Removes old snapshots, puts rows of the catalog and small files into larger files, and removes what no snapshot needs.

    What no snapshot needs goes at once: whoever reads a lake has its catalog open, and then this process could not open it. Only where
    readers have a copy of the catalog, what was needed at ``needed_since`` or later stays.
    """
    seconds = int(keep.total_seconds())
    unneeded = (
        "cleanup_all => true"
        if needed_since is None
        else f"older_than => to_timestamp({needed_since.timestamp():.3f})"
    )
    for statement in (
        f"call ducklake_flush_inlined_data('{LAKE}')",
        f"call ducklake_rewrite_data_files('{LAKE}', delete_threshold => {GONE})",
        f"call ducklake_merge_adjacent_files('{LAKE}')",
        f"call ducklake_expire_snapshots('{LAKE}', older_than => now() - interval {seconds} second)",
        f"call ducklake_cleanup_old_files('{LAKE}', {unneeded})",
        f"call ducklake_delete_orphaned_files('{LAKE}', cleanup_all => true)",
        f"checkpoint {METADATA}",
        f"checkpoint {LEDGER}",
    ):
        connection.exec_driver_sql(statement).close()
