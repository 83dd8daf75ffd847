"""How leadloop itself looks into a MotherDuck database: DuckDB in memory, with a view ``lake.<schema>.<table>`` of each of its tables.

``ledger`` is a DuckDB file on this machine: the schema ``leadloop``, which is written to in many small transactions, and each would be a
way to the service and back. What shows the journal, such as a push, is a view of the session's own, whose SQL is in the ledger (see
``apart_views``): so a plan is of this moment. The MotherDuck database keeps its own name: whether it can have another one in a
session depends on how the session was begun.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from connector import config
from connector.texts import in_sql
from connector.warehouse import apart_views
from connector.warehouse.apart import LAKE, LEDGER, is_shown
from connector.warehouse.apart_views import OF_DUCKDB
from connector.warehouse.relations import Relation

PREFIX = "md:"
"""How the address of a MotherDuck database begins."""
EXTENSION = "motherduck"
TOKEN = "motherduck_token"  # noqa: S105 - the variable in which the extension looks for it
OWN = f"{LEDGER}.on_motherduck"
"""The schema with what only this engine remembers."""
TAKEN = frozenset(("memory", "system", "temp", LAKE, LEDGER))
"""Names of databases that are in every session."""
_THERE = """
select schema_name, table_name, string_agg(column_name || ' ' || data_type, ', ' order by column_index)
from duckdb_columns()
where database_name = ?
group by schema_name, table_name
"""
"""Its tables and views, each with its columns."""


def address(database: str) -> str:
    return f"{PREFIX}{database}"


def is_service(place: str) -> bool:
    """Whether DuckDB needs its extension for it."""
    return place.startswith("md:")


def load_statements(database: str) -> list[str]:
    """What has a DuckDB know MotherDuck. DuckDB downloads the extension where this machine has none yet, and the extension looks
    for a newer one of its own each time it is loaded."""
    return [f"install {EXTENSION}", f"load {EXTENSION}"] if is_service(address(database)) else []


def attach_statement(database: str) -> str:
    """Begins a session with this database alone, so that nothing of it is remembered for other sessions of the account."""
    return f"attach if not exists {in_sql(address(database))}"


def quoted(*names: str) -> str:
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


@contextmanager
def with_token(token: str) -> Iterator[None]:
    """The token is in no statement and in no address, so that no message quotes it. Blank: as the environment has it."""
    with config.variables({TOKEN: token} if token else {}):
        yield


def is_installed() -> bool:
    """Whether DuckDB's extension is on this machine; nothing is downloaded to find out."""
    import duckdb

    with duckdb.connect(":memory:") as asked:
        found = asked.execute(
            "select installed from duckdb_extensions() where extension_name = ?", (EXTENSION,)
        ).fetchone()
    return bool(found and found[0])


class Views:
    """The views of one database in one session."""

    def __init__(self, database: str, *, of_models: bool = True) -> None:
        """``of_models``: whether those are shown that the ledger has the SQL of."""
        self._database, self._of_models = database, of_models
        self._shown = apart_views.Views()

    def refresh(self, instance: Any) -> None:
        """Has them show what is there now. A view keeps the columns that its table had when it was made."""

        def ask(sql: str, given: tuple[str, ...]) -> Any:
            return instance.execute(sql, given).fetchall()

        models = apart_views.kept(ask, OWN, OF_DUCKDB) if self._of_models else {}
        wanted = {
            relation: (f"select * from {quoted(self._database, *relation)}", columns)
            for schema, name, columns in ask(_THERE, (self._database,))
            if is_shown(relation := Relation(schema, name)) and relation not in models
        }
        self._shown.show(instance, wanted | {relation: (sql, sql) for relation, sql in models.items()})
