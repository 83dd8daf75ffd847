"""DuckDB's extensions, each from its wheel ``duckdb-extension-<name>``; none is ever downloaded by DuckDB."""

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from connector.errors import ConfigError
from connector.texts import in_sql


def needs(names: Iterable[str]) -> dict[str, bool]:
    """The distributions that are needed, and whether each is there for the DuckDB that is installed."""
    import duckdb

    return {
        f"duckdb-extension-{name.replace('_', '-')} {duckdb.__version__}": (file := _file(name)) is not None
        and file.exists()
        for name in names
    }


def load_statements(names: Iterable[str], needed: Iterable[str], engine: str) -> list[str]:
    """What loads these extensions. ``ConfigError`` where one of those that the engine needs is not installed."""
    if lacking := [name for name, is_there in needs(needed).items() if not is_there]:
        raise ConfigError(
            f"warehouse.destination is {engine}, and {', '.join(lacking)} is not installed.",
            f"Run: pip install 'leadloop[{engine}]'",
        )
    return [f"load {in_sql(str(_file(name)))}" for name in names]


def _file(extension: str) -> Path | None:
    import duckdb

    found = find_spec(f"duckdb_extension_{extension}")
    if found is None or found.origin is None:
        return None
    folder = Path(found.origin).parent / "extensions" / f"v{duckdb.__version__}"
    return folder / f"{extension}.duckdb_extension"
