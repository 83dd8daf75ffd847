"""A lake whose files are in an S3 bucket: a server of moto's on this machine, and what happens where none answers."""

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.client import HTTPConnection  # noqa: TID251 - to the server of the test alone
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connector import config, loop
from connector.errors import ConfigError, DamagedError, WarehouseError
from connector.warehouse import models
from connector.warehouse.connection import Warehouse
from connector.warehouse.ducklake import DuckLake
from connector.warehouse.ducklake_bucket import Access
from tests.engines.bench import Bench, made
from tests.engines.test_parts import RAW, execute, filled

SERVER = os.environ.get("MOTO_SERVER") or shutil.which("moto_server") or ".venv-s3/bin/moto_server"
SECRET = "hunter2-secret"
PUSH = "lead_scores_to_convoso"


def asked(endpoint: str, method: str, path: str) -> str:
    """What the server answers; ``OSError`` where there is none."""
    connection = HTTPConnection(endpoint.removeprefix("http://"), timeout=60)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        text = answer.read().decode()
    finally:
        connection.close()
    assert answer.status < 300, text
    return text


def lake_at(folder: Path, endpoint: str, bucket: str = "leads") -> Warehouse:
    access = Access("me", SECRET, "", "us-east-1", endpoint)
    return Warehouse("ducklake", DuckLake().of(folder / "leads.ducklake", f"s3://{bucket}/book", access))


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """A server with an empty bucket `leads`."""
    if not Path(SERVER).is_file():
        pytest.skip(
            "moto_server is not installed: make test-engines installs it in an environment of its own"
        )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [SERVER, "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 120
        while True:
            try:
                asked(address, "PUT", "/leads")
                break
            except OSError:
                assert process.poll() is None
                assert time.monotonic() < until
                time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait()


def names(endpoint: str) -> list[str]:
    """The objects of the bucket."""
    listed = asked(endpoint, "GET", "/leads?list-type=2")
    return [part.partition("</Key>")[0] for part in listed.split("<Key>")[1:]]


@pytest.mark.long
def test_the_files_are_in_the_bucket(endpoint: str, tmp_path: Path) -> None:
    """They are written, read, tidied up and missed there; nothing of them is beside the catalog, and no secret is on a disk."""
    lake = filled(lake_at(tmp_path, endpoint))
    for _ in range(3):
        execute(lake, f"insert into {RAW} select cast(range as text), 1 from range(50)")
    assert len(names(endpoint)) >= 4
    before, after = lake.tidy(timedelta(0))
    assert before.files is not None
    assert after.files == len(names(endpoint)) < before.files
    with lake.engine().connect() as connection:
        assert connection.scalar(sa.text(f"select count(*) from {RAW}")) == 250
    assert {each.name for each in tmp_path.iterdir() if each.suffix != ".lock"} == {
        "leads.ducklake",
        "leads.ledger.duckdb",
    }
    assert not [each for each in tmp_path.iterdir() if SECRET.encode() in each.read_bytes()]
    assert SECRET not in f"{lake} {lake.url} {lake.described} {lake.label}"
    asked(endpoint, "POST", "/moto-api/reset")
    asked(endpoint, "PUT", "/leads")
    Bench.restarted()
    with pytest.raises(DamagedError, match="missing"):
        lake.look_through()


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("warehouse", ["ducklake"], indirect=True)
def test_the_loop_goes_through_a_bucket(bench: Callable[..., Any], endpoint: str, tmp_path: Path) -> None:
    """dlt, dbt, the journal and the reader of plans: every relation is what DuckDB makes of the same raw tables."""
    run = bench(leads=20)
    run.warehouse = lake_at(tmp_path, endpoint)
    project = models.packaged_project()
    loop.extract(run.warehouse)
    loop.build(run.warehouse, project)
    sent = loop.push(run.warehouse, PUSH, project, first=True)
    assert sent is not None
    assert all(run.crm.book.row(lead.lead_id)["lead_score"] for lead in sent.plan.leads)
    loop.build(run.warehouse, project)
    here, there = made(run.warehouse), run.of_duckdb()
    assert here.keys() == there.keys()
    for name, rows in there.items():
        assert here[name] == rows, name
    assert any(name.startswith("book/analytics/lead_history/") for name in names(endpoint))


@contextmanager
def refusing() -> Iterator[str]:
    """An address at which every request is refused, as Amazon refuses a key."""

    class Refusing(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = b"<Error><Code>InvalidAccessKeyId</Code><Message>no</Message></Error>"
            self.send_response(403)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_HEAD = answer  # noqa: N815 - as http.server calls them

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Refusing)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_bucket_that_does_not_let_in_says_so(tmp_path: Path) -> None:
    """Refused, or not there at all: each is a sentence of its own, and neither shows the secret."""
    for number, (place, error, match) in enumerate(
        (("refusing", ConfigError, "refuses the key"), ("nobody", WarehouseError, "can't be reached"))
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        with refusing() as address:
            lake = lake_at(folder, address if place == "refusing" else "http://127.0.0.1:1")
            with pytest.raises(error, match=match) as raised, lake.translated():
                execute(
                    lake,
                    "create schema convoso_raw",
                    f"create table {RAW} as select range as id from range(100)",
                )
        assert SECRET not in str(raised.value)


def test_settings_name_a_bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings and Amazon's own variables; a key that is missing is named, and a secret in config.toml is refused."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".dlt").mkdir()
    lines = '[warehouse]\ndestination = "ducklake"\n[destination.ducklake.credentials]\nstorage = "s3://leads/book"\n'
    settings, secrets = tmp_path / ".dlt" / "config.toml", tmp_path / ".dlt" / "secrets.toml"
    settings.write_text(lines)
    for name in (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_REGION",
        "AWS_ENDPOINT_URL",
    ):
        monkeypatch.delenv(name, raising=False)
    config.reload()
    with pytest.raises(ConfigError, match=r"aws_access_key_id or aws_secret_access_key is not set"):
        Warehouse.open()
    secrets.write_text(
        f'[destination.ducklake.credentials]\naws_access_key_id = "me"\naws_secret_access_key = "{SECRET}"\n'
    )
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("DESTINATION__DUCKLAKE__CREDENTIALS__ENDPOINT_URL", "http://127.0.0.1:9")
    config.reload()
    found = Warehouse.open()
    assert Access.of_url(found.url) == ("me", SECRET, "", "eu-west-1", "http://127.0.0.1:9")
    assert "s3://leads/book/" in found.described
    settings.write_text(f'{lines}aws_secret_access_key = "{SECRET}"\n')
    config.reload()
    with pytest.raises(ConfigError, match=r"config\.toml") as refused:
        Warehouse.open()
    assert SECRET not in str(refused.value)
