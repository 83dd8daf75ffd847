"""How a DuckLake is opened: DuckDB in memory, with two databases attached to it under names that never change.

``lake`` is the DuckLake: raw tables and models. ``ledger`` is a DuckDB file beside its catalog: the schema ``leadloop``, which is
written to in many small transactions, and a lake makes a file and a snapshot of each. One transaction writes to one of the two.
In a session of leadloop's, ``leadloop.push_journal`` is in the ledger, and every other schema in the lake.
"""

from importlib.util import find_spec
from pathlib import Path

from connector.errors import ConfigError
from connector.texts import in_sql
from connector.warehouse.ducklake_bucket import Access, is_bucket

LAKE = "lake"
LEDGER = "ledger"
SCHEMA = "leadloop"
EXTENSIONS = ("ducklake", "httpfs")
"""Those that are needed; each comes as a wheel ``duckdb-extension-<name>``, and none is ever downloaded by DuckDB."""


def needs() -> dict[str, bool]:
    """The distributions that are needed, and whether each is there for the DuckDB that is installed."""
    import duckdb

    return {
        f"duckdb-extension-{name} {duckdb.__version__}": (file := _file(name)) is not None and file.exists()
        for name in EXTENSIONS
    }


def _file(extension: str) -> Path | None:
    import duckdb

    found = find_spec(f"duckdb_extension_{extension}")
    if found is None or found.origin is None:
        return None
    folder = Path(found.origin).parent / "extensions" / f"v{duckdb.__version__}"
    return folder / f"{extension}.duckdb_extension"


def load_statements(storage: str = "", access: Access | None = None) -> list[str]:
    """What has a DuckDB know DuckLake, and the bucket where its files are in one. ``ConfigError`` where the wheels are not installed."""
    if lacking := [name for name, is_there in needs().items() if not is_there]:
        raise ConfigError(
            f"warehouse.destination is ducklake, and {', '.join(lacking)} is not installed.",
            "Run: pip install 'leadloop[ducklake]'",
        )
    loaded = [f"load {in_sql(str(_file(name)))}" for name in EXTENSIONS]
    if not is_bucket(storage):
        return loaded[:1]
    return [*loaded, (access or Access()).statement(storage)]


def attach_statements(ledger: str, catalog: str, storage: str, *, read_only: bool = False) -> list[str]:
    """What attaches both databases, for who opens the lake and for docs/engines.md."""
    only = ["read_only"] if read_only else []
    lake = ", ".join([f"data_path {in_sql(storage)}", *only])
    return [
        f"attach if not exists {in_sql(ledger)} as {LEDGER}" + (" (read_only)" if read_only else ""),
        f"attach if not exists {in_sql('ducklake:' + catalog)} as {LAKE} ({lake})",
    ]
