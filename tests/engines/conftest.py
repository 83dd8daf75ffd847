"""Every test of this folder runs on every engine, against a sandbox CRM."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from connector import config
from connector.sandbox import Sandbox
from connector.warehouse import models, motherduck_connection, motherduck_loading
from connector.warehouse.connection import Warehouse
from tests.engines import ENGINES, SPARK, apache, empty_warehouse
from tests.engines.bench import Bench

IN_MAKE_TEST = {
    "ducklake": "ducklake",
    "spark": SPARK,
    "spark-connect": pytest.param("spark-connect", marks=[pytest.mark.long, apache.needs_delta]),
}


@pytest.fixture(
    params=[IN_MAKE_TEST.get(each) or pytest.param(each, marks=pytest.mark.long) for each in ENGINES]
)
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Warehouse:
    """An empty warehouse, once in each engine; `make test` has those of which its other tests know nothing."""
    return empty_warehouse(request, tmp_path)


@pytest.fixture(scope="session")
def apache_spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server of Apache Spark's; it knows Delta tables where `DELTA_JARS` names the jars."""
    with apache.started(tmp_path_factory.mktemp("spark"), delta=bool(apache.delta_jars())) as address:
        yield address


@pytest.fixture
def spark_connect(apache_spark: str) -> Iterator[str]:
    """The same; its catalog, which stays, is empty again afterwards."""
    yield apache_spark
    apache.emptied(apache_spark)


@pytest.fixture
def bench(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dbt_state: Path
) -> Iterator[Callable[..., Bench]]:
    """Makes the bench of a test; the arguments are the sandbox's."""
    running: list[Sandbox] = []

    def make(**given: Any) -> Bench:
        crm = Sandbox(**{"seed": 7, **given})
        running.append(crm)
        crm.__enter__()
        settings = {
            "CRM__CONVOSO__BASE_URL": f"{crm.base_url}/v1",
            "CRM__CONVOSO__AUTH_TOKEN": crm.token,
            "CRM__CONVOSO__TIMEZONE": crm.timezone,
            "CRM__CONVOSO__RATE": "1000",
            "CRM__CONVOSO__SETTLE": "0",
            "DBT__PROJECT": models.PACKAGED,
        }
        for name, text in settings.items():
            monkeypatch.setenv(name, text)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(models, "STATE", dbt_state)
        config.reload()
        return Bench(warehouse, tmp_path, crm)

    yield make
    for crm in running:
        crm.__exit__(None, None, None)


@pytest.fixture
def instead_of_motherduck(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of DuckDB files that stand for the databases of the service: ``md:leads`` is the file ``leads``. Extension, token and
    dlt's own destination are left out; all else is what leadloop does."""
    import dlt

    folder = tmp_path / "service"
    folder.mkdir()
    monkeypatch.setattr(motherduck_connection, "PREFIX", f"{folder}/")
    monkeypatch.setattr(
        motherduck_loading,
        "destination",
        lambda database, token: dlt.destinations.duckdb(credentials=motherduck_connection.address(database)),
    )
    return folder


@pytest.fixture(scope="session")
def dbt_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where dbt keeps what it has parsed, for all tests of a process."""
    return tmp_path_factory.mktemp("dbt")
