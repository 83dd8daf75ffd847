"""Apache Spark's own Connect server, where it is another than Sail: it asks for a token, keeps its catalog, and may know no Delta tables."""

import json
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector import config
from connector.errors import ConfigError, WarehouseError
from connector.warehouse import spark_session, spark_tables
from connector.warehouse.connection import Warehouse
from connector.warehouse.spark_server import Server
from tests.engines import apache

pytest.importorskip(
    "pyspark", reason="The client of Spark Connect is not installed: pip install 'leadloop[spark]'"
)
pa = pytest.importorskip("pyarrow")
pytest.importorskip("deltalake", reason="deltalake is not installed: pip install 'leadloop[spark]'")
TOKEN = "Zk3-not-a-real_token.81"


def real(test: Any) -> Any:
    """A test that starts a server."""
    return pytest.mark.long(pytest.mark.timeout(600)(apache.needs_spark(test)))


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that asks for a token, with Delta Lake where it is here."""
    folder = tmp_path_factory.mktemp("guarded")
    with apache.started(folder, token=TOKEN, delta=bool(apache.delta_jars())) as address:
        yield address


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """A folder with one Delta table."""
    folder = tmp_path / "leads.delta"
    spark_tables.append(folder / "convoso_raw" / "lead_versions", pa.table({"id": ["007", "7"]}))
    return folder


def refused(lake: Path, server: Server) -> WarehouseError:
    with pytest.raises(WarehouseError) as told, spark_session.opened(lake, server, {"analytics"}):
        pass
    assert TOKEN not in str(told.value)
    assert told.value.__cause__ is None
    return told.value


@real
def test_a_token_is_asked_for(guarded: str, lake: Path) -> None:
    """Without one, or with another one, nobody gets in and is told which setting it is; with it the server answers."""
    without = refused(lake, Server(guarded))
    assert "asks for a token" in str(without)
    other = refused(lake, Server(guarded, TOKEN[::-1]))
    assert "does not take the token" in str(other)
    assert "destination.spark.credentials.token" in str(other)
    if not apache.delta_jars():
        assert "doesn't know Delta tables" in str(refused(lake, Server(guarded, TOKEN)))
        return
    try:
        with spark_session.opened(lake, Server(guarded, TOKEN), {"analytics"}) as address:
            assert TOKEN not in address
            from pyspark.sql import SparkSession

            # As dbt's adapter does, which is given the address alone.
            session = SparkSession.builder.config("spark.remote", address).getOrCreate()
            assert session.sql("select count(*) from convoso_raw.lead_versions").collect()[0][0] == 2
    finally:
        apache.emptied(f"{guarded}/;token={TOKEN}")


@real
@apache.needs_delta
def test_models_are_made_in_this_folder_alone(spark_connect: str, lake: Path, tmp_path: Path) -> None:
    """A server whose catalog has a schema of that name elsewhere makes none of the models there."""
    other = tmp_path / "other.delta"
    other.mkdir()
    with spark_session.opened(other, Server(spark_connect), {"analytics"}):
        pass
    with (
        pytest.raises(ConfigError, match=r"has the schema analytics already.*other\.delta"),
        spark_session.opened(lake, Server(spark_connect), {"analytics"}),
    ):
        pass


@real
@apache.needs_delta
def test_a_catalog_that_stays_knows_what_is_gone(spark_connect: str, lake: Path) -> None:
    """A table that is no longer in the folder is none of the catalog's either, and one that came back is read as it is now."""
    from pyspark.sql import SparkSession

    def names() -> list[str]:
        with spark_session.opened(lake, Server(spark_connect), {"analytics"}) as address:
            session = SparkSession.builder.config("spark.remote", address).getOrCreate()
            return [row["tableName"] for row in session.sql("show tables in convoso_raw").collect()]

    assert names() == ["lead_versions"]
    (lake / "convoso_raw" / "lead_versions").rename(lake.parent / "aside")
    assert names() == []
    (lake.parent / "aside").rename(lake / "convoso_raw" / "lead_versions")
    assert names() == ["lead_versions"]


class Deaf(socketserver.BaseRequestHandler):
    """Takes a connection and says nothing."""

    def handle(self) -> None:
        self.request.recv(1000)
        threading.Event().wait(3)


def test_what_speaks_no_spark_connect_is_told_of(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In seconds, and not after the minutes for which Spark's client tries."""
    monkeypatch.setattr(spark_session, "TIMEOUT", 1.0)
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Deaf) as deaf:
        deaf.daemon_threads = True
        threading.Thread(target=deaf.serve_forever, daemon=True).start()
        for server in (
            f"sc://localhost:{deaf.server_address[1]}",
            f"sc://127.0.0.1:{deaf.server_address[1]}",
        ):
            told = refused(lake, Server(server, TOKEN))
            assert "can't be reached" in str(told)
        deaf.shutdown()


@pytest.mark.parametrize(
    ("text", "token", "address", "kept"),
    [
        ("sc://spark.example", None, "sc://spark.example", ""),
        ("sc://spark.example:15002/", None, "sc://spark.example:15002", ""),
        ("sc://spark.example:443/;use_ssl=true", TOKEN, "sc://spark.example:443/;use_ssl=true", TOKEN),
        (f"sc://spark.example:443/;use_ssl=true;token={TOKEN}", None, "sc://spark.example:443/;use_ssl=true", TOKEN),
        ("sc://h/;token=a%3Db;user_id=me", None, "sc://h/;user_id=me", "a=b"),
        ("sc://[::1]:15002", None, "sc://[::1]:15002", ""),
    ],
)  # fmt: skip
def test_an_address_is_read(text: str, token: str | None, address: str, kept: str) -> None:
    """The token is taken out of it, and what is left is the address."""
    found = Server.of(text, token, "the setting")
    assert (found.address, found.token) == (address, kept)
    assert not kept or kept not in f"{found} {found!r}"
    assert found.channel_builder().token == (kept or None)


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("sc://", None),
        ("sc://h:port", None),
        ("sc://h:0", None),
        ("sc://h/folder", None),
        ("sc://user@h", None),
        (f"sc://h/;{TOKEN}", None),
        (f"sc://h/;token={TOKEN}", TOKEN),
        ("sc://h", f"{TOKEN}\n"),
        ("sc://h", 7),
    ],
)
def test_a_wrong_address_is_named_and_not_quoted(text: str, token: Any) -> None:
    """The setting is named."""
    with pytest.raises(ConfigError, match="the setting") as told:
        Server.of(text, token, "the setting")
    assert TOKEN not in str(told.value)


def test_the_token_is_in_nothing_that_is_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither in what check says nor in what dbt gets; and it must not stand in config.toml."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WAREHOUSE__DESTINATION", "spark")
    monkeypatch.setenv("DESTINATION__SPARK__CREDENTIALS__STORAGE", str(tmp_path / "leads.delta"))
    monkeypatch.setenv("DESTINATION__SPARK__CREDENTIALS__URL", "sc://localhost:15002")
    monkeypatch.setenv("DESTINATION__SPARK__CREDENTIALS__TOKEN", TOKEN)
    config.reload()
    found = Warehouse.open()
    shown = (
        found.described,
        found.label,
        found.place,
        repr(found),
        str(found.url),
        json.dumps(found.dbt_env()),
    )
    assert not [each for each in shown if TOKEN in each]
    assert found.url.password == TOKEN
    monkeypatch.delenv("DESTINATION__SPARK__CREDENTIALS__URL")
    config.reload()
    with pytest.raises(ConfigError, match="no server that could ask for it"):
        Warehouse.open()
    monkeypatch.delenv("DESTINATION__SPARK__CREDENTIALS__TOKEN")
    (tmp_path / ".dlt").mkdir()
    for line in (f'token = "{TOKEN}"', f'url = "sc://localhost/;token={TOKEN}"'):
        (tmp_path / ".dlt" / "config.toml").write_text(f"[destination.spark.credentials]\n{line}\n")
        config.reload()
        with pytest.raises(ConfigError, match=r"stands in config\.toml") as told:
            Warehouse.open()
        assert TOKEN not in str(told.value)
