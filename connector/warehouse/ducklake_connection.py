"""How a DuckLake is opened: DuckDB in memory, with two databases attached to it under names that never change.

``lake`` is the DuckLake: raw tables and models. ``ledger`` is a DuckDB file beside its catalog: the schema ``leadloop``, which is
written to in many small transactions, and a lake makes a file and a snapshot of each. One transaction writes to one of the two.
In a session of leadloop's, ``leadloop.push_journal`` is in the ledger, and every other schema in the lake.
"""

from connector.texts import in_sql
from connector.warehouse import extensions
from connector.warehouse.apart import LAKE, LEDGER
from connector.warehouse.ducklake_bucket import Access, is_bucket

EXTENSIONS = ("ducklake", "httpfs")
OF_SERVERS = ("postgres_scanner",)
"""Those that are needed, the last for a catalog on a server."""


def needs(*, server: bool = False) -> dict[str, bool]:
    """The distributions that are needed, and whether each is there for the DuckDB that is installed."""
    return extensions.needs(_needed(server))


def _needed(server: bool) -> tuple[str, ...]:
    return (*EXTENSIONS, *(OF_SERVERS if server else ()))


def load_statements(storage: str = "", access: Access | None = None, *, server: bool = False) -> list[str]:
    """What has a DuckDB know DuckLake, the bucket where its files are in one, and PostgreSQL where a ``server`` has its catalog.
    ``ConfigError`` where the wheels are not installed."""
    names = [EXTENSIONS[0], *(OF_SERVERS if server else ()), *(EXTENSIONS[1:] if is_bucket(storage) else ())]
    loaded = extensions.load_statements(names, _needed(server), "ducklake")
    if server:
        # Each commit is a row of one number; of two at once the second tries again, and loses only if it never gets its turn.
        loaded.append("set ducklake_max_retry_count = 100")
    return [*loaded, (access or Access()).statement(storage)] if is_bucket(storage) else loaded


def attach_statements(ledger: str, catalog: str, storage: str, *, read_only: bool = False) -> list[str]:
    """What attaches both databases, for who opens the lake and for docs/engines.md."""
    only = ["read_only"] if read_only else []
    lake = ", ".join([f"data_path {in_sql(storage)}", *only])
    return [
        f"attach if not exists {in_sql(ledger)} as {LEDGER}" + (" (read_only)" if read_only else ""),
        f"attach if not exists {in_sql('ducklake:' + catalog)} as {LAKE} ({lake})",
    ]
