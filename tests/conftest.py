"""Real parts for every test: a sandbox CRM on loopback, a DuckDB file, a PostgreSQL server."""

import gc
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings

from connector.cli import absent
from tests import postgres
from tests.leak_watch import LeakWatch

os.environ.update(
    DO_NOT_TRACK="1",
    RUNTIME__DLTHUB_TELEMETRY="false",
    DBT_SEND_ANONYMOUS_USAGE_STATS="false",
    RUNTIME__LOG_LEVEL="CRITICAL",
)

OURS = (
    "CRM__", "WAREHOUSE__", "DESTINATION__", "DBT__", "ALERTS__", "TELEMETRY__", "LINEAGE__", "LEADLOOP_", "OTEL_",
    "OPENLINEAGE_",
)  # fmt: skip
"""How variables begin that are settings of ours."""
MEMORY = Path("/dev/shm")
ENOUGH = 4 * 2**30
"""Bytes; all that the tests write at one time is a fraction of it."""
if (
    "PYTEST_DEBUG_TEMPROOT" not in os.environ
    and os.access(MEMORY, os.W_OK)
    and shutil.disk_usage(MEMORY).free > ENOUGH
):
    # Thousands of small databases: on a disk that is slow to sync they take most of the tests' time.
    tempfile.tempdir = os.environ["PYTEST_DEBUG_TEMPROOT"] = str(MEMORY)

settings.register_profile(
    "leadloop", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("leadloop")


def pytest_configure(config: pytest.Config) -> None:
    absent.remember("pandas")  # as the command does
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        # A shell that starts something in the background has it ignore Ctrl-C; some tests press it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.pluginmanager.register(LeakWatch(config))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for mark in item.iter_markers("long_if"):
            if set(mark.args) & set(item.callspec.id.split("-") if hasattr(item, "callspec") else ()):
                item.add_marker(pytest.mark.long)


def pytest_collection_finish() -> None:
    """What is imported by now stays for good, and is not to be looked through again and again for what is in cycles."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _no_settings_from_another_test() -> Iterator[None]:
    """What a test read from its own files is forgotten after it, once its folder and its variables are gone, too."""
    from dlt.common.configuration.container import Container
    from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext

    before = Container()[PluggableRunContext].providers
    yield
    if Container()[PluggableRunContext].providers is not before:
        from connector import config

        config.reload()


@pytest.fixture(autouse=True)
def _no_settings_from_outside(_no_settings_from_another_test: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the settings of whoever runs it."""
    for name in list(os.environ):
        if name.startswith(OURS):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a real server on TCP loopback (dlt refuses socket addresses), one per test process."""
    with postgres.server() as url:
        yield url


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """An empty database on the test process's server; always of the same name, which is a part of what dbt has parsed."""
    name = "leads"
    admin = sa.create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text(f"create database {name}"))
    yield postgres_server.rpartition("/")[0] + f"/{name}"
    with admin.connect() as connection:
        connection.execute(sa.text(f"drop database if exists {name} with (force)"))
    admin.dispose()


@pytest.fixture(params=os.environ.get("ENGINES", "duckdb postgres").split())
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> object:
    """An empty warehouse, once in each engine."""
    from tests.engines import empty_warehouse

    return empty_warehouse(request, tmp_path)


@pytest.fixture(scope="session")
def made_before() -> dict[Any, Any]:
    """What the quick loops of this process share."""
    return {}


@pytest.fixture
def quick(
    warehouse: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made_before: dict[Any, Any]
) -> Iterator[object]:
    """The quick loop over an empty warehouse, once in each engine."""
    from tests.properties.quick_loop import QuickLoop

    if warehouse.has_ledger_apart:
        pytest.skip("a quick loop copies a warehouse as one file, or as one database")
    monkeypatch.chdir(tmp_path)
    made = QuickLoop(tmp_path, warehouse, monkeypatch, made_before)
    yield made
    made.close()


@pytest.fixture(scope="session")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """Where the tests of a process start the ``leadloop`` command."""
    from tests.acceptance.conftest import Launcher

    launcher = Launcher(Path(tmp_path_factory.mktemp("commands")))
    yield launcher
    launcher.close()
