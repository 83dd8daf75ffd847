"""On which engines a test runs in ``make test``, where ``make long`` runs the rest; and how another process is told of a warehouse."""

import os
from importlib.util import find_spec
from pathlib import Path

import pytest

from connector import checks, config
from connector.warehouse import motherduck_connection
from connector.warehouse.connection import Warehouse
from connector.warehouse.ducklake_catalog import Place
from connector.warehouse.spark import server_of

USUAL = "duckdb postgres ducklake spark"
EVERY = (*USUAL.split(), "ducklake-postgres", "motherduck")
"""Those on which `make test-engines` and `make test-spark` run the tests of this folder."""
IMITATED = ("snowflake",)
"""Those whose loop `make test-cloud` runs, with an imitation in an environment of its own."""
ENGINES = os.environ.get("ENGINES", USUAL).split()
"""Those on which the tests of this folder run; `spark-connect` is Apache Spark's own server, and `spark` is Sail."""

DUCKDB_IS_LONG = pytest.mark.parametrize(
    "warehouse", ["postgres", pytest.param("duckdb", marks=pytest.mark.long)], indirect=True
)
"""PostgreSQL in ``make test``, where dbt has several threads and a push several connections; DuckDB in ``make long``."""

SPARK = pytest.param(
    "spark",
    marks=pytest.mark.skipif(find_spec("pysail") is None, reason="`make test-spark` has what this needs"),
)
"""Spark's client needs pandas, without which the other tests show that leadloop works."""


def empty_warehouse(request: pytest.FixtureRequest, folder: Path) -> Warehouse:
    """For a fixture whose parameter is the name of an engine."""
    if request.param == "duckdb":
        return Warehouse.duckdb(folder / "leads.duckdb")
    if request.param == "ducklake":
        return Warehouse.ducklake(folder / "leads.ducklake")
    if request.param == "ducklake-postgres":
        return Warehouse.ducklake(request.getfixturevalue("postgres_url"), folder / "leads.files")
    if request.param == "spark":
        return Warehouse.spark(folder / "leads.delta")
    if request.param == "spark-connect":
        return Warehouse.spark(folder / "leads.delta", server=request.getfixturevalue("spark_connect"))
    if request.param == "motherduck-live":
        return _emptied(os.environ["LEADLOOP_LIVE_DATABASE"], folder)
    if request.param == "snowflake-live":
        return _emptied_snowflake(folder)
    if request.param == "motherduck":
        request.getfixturevalue("instead_of_motherduck")
        return Warehouse.motherduck("md:leads", folder / "leads.ledger.duckdb")
    return Warehouse.postgres(request.getfixturevalue("postgres_url"))


def _emptied(database: str, folder: Path) -> Warehouse:
    """The service itself: a database that is there for tests alone, without what an earlier test has left in it."""
    import duckdb

    assert database.startswith("leadloop_test"), (
        "LEADLOOP_LIVE_DATABASE is emptied: its name begins with leadloop_test"
    )
    with duckdb.connect(f"md:{database}") as service:
        for schema in ("analytics", "convoso_raw", "leadloop"):
            service.execute(f"drop schema if exists {schema} cascade")
    return Warehouse.motherduck(
        database, folder / "leads.ledger.duckdb", os.environ[motherduck_connection.TOKEN]
    )


def _emptied_snowflake(folder: Path) -> Warehouse:
    """The same of Snowflake's."""
    from connector.warehouse import snowflake_connection
    from connector.warehouse.snowflake_account import Account

    database = os.environ["LEADLOOP_LIVE_DATABASE"].upper()
    assert database.startswith("LEADLOOP_TEST"), (
        "LEADLOOP_LIVE_DATABASE is emptied: its name begins with leadloop_test"
    )
    named = {
        "host": "SNOWFLAKE_ACCOUNT",
        "username": "SNOWFLAKE_USER",
        "password": "SNOWFLAKE_PASSWORD",
        "private_key_path": "SNOWFLAKE_PRIVATE_KEY_PATH",
        "private_key_passphrase": "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE",
        "warehouse": "SNOWFLAKE_WAREHOUSE",
        "role": "SNOWFLAKE_ROLE",
    }
    given = {name: os.environ[variable] for name, variable in named.items() if os.environ.get(variable)}
    account = Account.of({**given, "database": database})
    service = snowflake_connection.door(account)
    for schema in ("ANALYTICS", "CONVOSO_RAW", "LEADLOOP"):
        service.run(f"drop schema if exists {snowflake_connection.quoted(database, schema)} cascade")
    return Warehouse.snowflake(account, folder / "leads.ledger.duckdb")


def settings_of(warehouse: Warehouse) -> dict[str, str]:
    """What names a warehouse to another process, as variables of the environment."""
    where = {
        "duckdb": lambda: {"": str(warehouse.path)},
        "postgres": lambda: {"": warehouse.url.render_as_string(hide_password=False)},
        "ducklake": lambda: _lake(warehouse),
        "spark": lambda: _delta_tables(warehouse),
        "motherduck": lambda: {"__DATABASE": "leads", "__LEDGER": str(warehouse.path)},
    }[warehouse.kind]()
    named = {
        f"DESTINATION__{warehouse.kind.upper()}__CREDENTIALS{part}": text for part, text in where.items()
    }
    return {"WAREHOUSE__DESTINATION": warehouse.kind, **named}


def set_to(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the settings of this process name this warehouse."""
    for name, text in settings_of(warehouse).items():
        monkeypatch.setenv(name, text)
    config.reload()


def checked() -> dict[str, checks.Check]:
    """What ``leadloop check`` says of the engine and the warehouse, by name."""
    return {each.name: each for each in (*checks._engine(), checks._tried("warehouse", checks._warehouse))}


def _delta_tables(warehouse: Warehouse) -> dict[str, str]:
    address = server_of(warehouse.url).address
    return {"__STORAGE": warehouse.label, **({"__URL": address} if address else {})}


def _lake(warehouse: Warehouse) -> dict[str, str]:
    if warehouse.path is not None:
        return {"__CATALOG": warehouse.label}
    place = Place.of_url(warehouse.url)
    catalog = place.catalog.set(drivername="postgresql").render_as_string(hide_password=False)
    return {"__CATALOG": catalog, "__STORAGE": place.storage}
