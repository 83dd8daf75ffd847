"""Snowflake: what settings may say, what is refused, that secrets are told to nobody, and what Snowflake is asked for. All but the last test
needs no package of Snowflake's and reaches nothing; `tests/cloud` has the loop on what stands for the service."""

import os
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from connector import checks, config, loop
from connector.errors import ConfigError, WarehouseError
from connector.warehouse import models
from connector.warehouse import snowflake_connection as opening
from connector.warehouse.connection import Warehouse
from connector.warehouse.engines import ENGINES
from connector.warehouse.snowflake import Snowflake
from connector.warehouse.snowflake_account import Account
from tests.engines import checked
from tests.engines.bench import made
from tests.engines.test_loop import PUSH

LIVE = pytest.param(
    "snowflake-live",
    marks=[
        pytest.mark.skipif(
            os.environ.get("LEADLOOP_LIVE") != "snowflake",
            reason="LEADLOOP_LIVE=snowflake runs this against the service: see CONTRIBUTING.md",
        ),
    ],
)
PASSWORD = "a-password-that-nobody-may-see"
GIVEN = {"host": "myorg-account1", "username": "LEADLOOP", "password": PASSWORD}


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if Snowflake's packages were there."""
    monkeypatch.setattr(opening, "_is_installed", lambda distribution: True)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets those that name the warehouse."""
    monkeypatch.chdir(tmp_path)

    def given(**named: str) -> None:
        monkeypatch.setenv("WAREHOUSE__DESTINATION", "snowflake")
        for name, text in named.items():
            monkeypatch.setenv(f"DESTINATION__SNOWFLAKE__CREDENTIALS__{name.upper()}", text)
        config.reload()

    return given


@pytest.mark.skipif(find_spec("snowflake") is not None, reason="Snowflake's packages are there")
def test_without_its_packages_it_says_what_to_install(settings: Callable[..., None]) -> None:
    """With exit code 2, and `leadloop check` says the same."""
    settings(**GIVEN)
    with pytest.raises(ConfigError, match="dbt-snowflake is not installed") as refused:
        Warehouse.open()
    assert refused.value.exit_code == 2
    assert "pip install 'leadloop[snowflake]'" in str(refused.value)
    assert not checked()["engine"].ok
    assert "snowflake-connector-python" in checked()["engine"].message


def test_settings_name_a_database(settings: Callable[..., None], tmp_path: Path, installed: None) -> None:
    """Also as a URL with the password beside it; and check says that nobody has run it against the service yet."""
    settings(**GIVEN, database="sales", warehouse="LOADING", role="LOADER")
    there = Warehouse.open()
    assert there.path == tmp_path / "sales.ledger.duckdb"
    assert there.label == "SALES in Snowflake's account myorg-account1"
    assert "LOADING" in there.described
    assert Account.of_url(there.url) == Account(
        "myorg-account1", "LEADLOOP", "SALES", "LOADING", "LOADER", "", PASSWORD
    )
    assert Account.of_variables(there.dbt_env()) == Account.of_url(there.url)
    found = checks._engine()[-1]
    assert found.warning
    assert "not yet run against the service" in found.message
    url = {
        "url": "snowflake://LEADLOOP@myorg-account1/sales?warehouse=LOADING&role=LOADER",
        "password": PASSWORD,
    }
    assert ENGINES["snowflake"].url(url) == there.url


def test_a_private_key_goes_to_each_door(tmp_path: Path) -> None:
    """By the name that dlt, dbt and Snowflake's driver have for it; without one, there has to be a password."""
    key = tmp_path / "key.p8"
    key.write_text("a key")
    given = {name: text for name, text in GIVEN.items() if name != "password"}
    account = Account.of({**given, "private_key_path": str(key), "private_key_passphrase": PASSWORD})
    assert (account.key, account.secret) == (str(key), PASSWORD)
    assert Account.of_variables(account.variables()) == account
    assert (
        account.of_dlt().items() >= {"private_key_path": str(key), "private_key_passphrase": PASSWORD}.items()
    )
    assert (
        account.of_driver().items()
        >= {"private_key_file": str(key), "private_key_file_pwd": PASSWORD}.items()
    )
    assert "password" not in {**account.of_dlt(), **account.of_driver()}


def test_secrets_are_in_no_text(installed: None, tmp_path: Path) -> None:
    """dbt masks them by the name of the variable."""
    there = Warehouse.snowflake(Account.of(GIVEN), tmp_path / "leads.ledger.duckdb")
    told = [repr(there), str(there.url), there.label, there.described, there.place, repr(Account.of(GIVEN))]
    assert not any(PASSWORD in each for each in told)
    assert {name for name, text in there.dbt_env().items() if PASSWORD in text} == {
        "DBT_ENV_SECRET_LEADLOOP_SNOWFLAKE_PASSWORD"
    }


@pytest.mark.parametrize("name", ["password", "private_key_passphrase", "private_key"])
def test_a_secret_in_config_toml_is_refused(name: str, settings: Callable[..., None], tmp_path: Path) -> None:
    settings()
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text(
        f'[destination.snowflake.credentials]\n{name} = "{PASSWORD}"\n'
    )
    config.reload()
    with pytest.raises(ConfigError, match=r"config\.toml") as refused:
        Warehouse.open()
    assert PASSWORD not in str(refused.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"host": None}, "HOST.* is not set"),
        ({"username": None}, "USERNAME.* is not set"),
        ({"password": None}, "PASSWORD.* is not set"),
        ({"database": "my-leads"}, "must be the name of a database"),
        ({"warehouse": 7}, "WAREHOUSE.* must be a text"),
        ({"authenticator": "externalbrowser"}, "AUTHENTICATOR.* does not use it yet"),
        ({"private_key_path": "none.p8"}, "names a file that is not there"),
        ({"url": "postgresql://a@b/c"}, "is no address of a Snowflake database"),
        ({"ledger": "s3://bucket/ledger"}, "must be a path"),
    ],
)  # fmt: skip
def test_what_can_not_be_is_said(given: Mapping[str, Any], said: str, installed: None) -> None:
    with pytest.raises(ConfigError, match=said) as refused:
        Snowflake().url({**GIVEN, **given})
    assert refused.value.exit_code == 2
    assert PASSWORD not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("250001 250001 (08001): Failed to connect to DB: x. Incorrect username or password was specified.", ConfigError, "host, username and password"),
        ("250001 250001 (08001): Could not connect to Snowflake backend", WarehouseError, "can't be reached"),
        ("2003 SQL compilation error: Database 'LEADS' does not exist or not authorized.", ConfigError, "create database LEADS"),
        ("606 000606 (57P03): No active warehouse selected in the current session.", ConfigError, "Set warehouse"),
        ("3001 SQL access control error: Insufficient privileges to operate on database 'LEADS'", ConfigError, "make schemas"),
        ("90073 Warehouse 'X' cannot be resumed because resource monitor 'Y' has exceeded its quota.", WarehouseError, "used up"),
    ],
)  # fmt: skip
def test_what_snowflake_says_is_told_in_a_sentence(text: str, kind: type[Exception], said: str) -> None:
    """As its documentation has these messages; nobody has seen them here."""
    found = Snowflake().explained(f"IO Error: Snowflake says: {text}", "LEADS in Snowflake's account a")
    assert isinstance(found, kind)
    assert said in str(found)


class Service(opening.Door):
    """A database of which the rows are known, and that notes what it is asked."""

    def __init__(self, rows: pa.Table) -> None:
        super().__init__(Account.of(GIVEN))
        self.asked: list[str] = []
        self._rows = rows

    def batches(self, query: str) -> Iterator[pa.Table]:
        self.asked.append(query)
        names = query.partition("select ")[2].partition(" from ")[0].replace('"', "").lower().split(", ")
        for part in self._rows.select(names).to_batches(max_chunksize=2):
            yield pa.Table.from_batches([part])


IDS = ["a", "b'c", 'd"e\\', None]


@pytest.mark.parametrize(
    ("condition", "asked", "found"),
    [
        ("id = 'a'", """ where "ID" = 'a'""", [0]),
        ("id = 'b''c' and n >= 1", """ where "ID" = 'b''c' and "N" >= 1""", [1]),
        ("id = 'd\"e\\'", "", [2]),  # what Snowflake reads as an escape is looked at here alone
        ("id > 'a'", "", [1, 2]),  # a collation may see it otherwise
        ("id is null", "", [3]),
        ("id = 'a' or n = 2", "", [0, 2]),
        ("id in ('a', 'b''c')", "", [0, 1]),
        ("n > 1", ' where "N" > 1', [2, 3]),
        ("id = ' and '", """ where "ID" = ' and '""", []),
        ("id = '(\"N\" == 1)'", "", []),
    ],
)
def test_snowflake_is_asked_for_the_rows_that_are_wanted(
    condition: str, asked: str, found: list[int]
) -> None:
    """As far as that can be said to it in plain words, and for no more columns; what comes too much is left out here."""
    columns = (opening._column("ID", "TEXT", None, None), opening._column("N", "NUMBER", 38, 0))
    more = opening._column("MORE", "TEXT", None, None)
    service = Service(pa.table({"id": IDS, "n": pa.array([0, 1, 2, 3], pa.int8()), "more": [""] * 4}))
    with duckdb.connect() as opened:
        opened.register("there", opening.Shown(service, opening.Table('"T"', (*columns, more))))
        rows = opened.execute(f"select n, id from there where {condition} order by n").fetchall()
    assert rows == [(number, IDS[number]) for number in found]
    assert [each.partition('"T"')[2] for each in service.asked] == [asked]
    assert "MORE" not in service.asked[0]


def test_of_names_that_differ_in_their_case_the_plain_one_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """dlt and dbt write names without quotes, which Snowflake has in capitals."""
    service = Service(pa.table({}))
    there = [
        ("ANALYTICS", each, column, "TEXT", None, None)
        for each in ("leads", "LEADS")
        for column in ("ID", "id")
    ]
    monkeypatch.setattr(Service, "rows", lambda self, query, given=(): there)
    ((relation, table),) = service.tables().items()
    assert relation == ("analytics", "leads")
    assert table.sql == '"LEADS"."ANALYTICS"."LEADS"'
    assert [each.own for each in table.columns] == ['"ID"']


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("warehouse", [LIVE], indirect=True)
def test_the_loop_live(bench: Callable[..., Any]) -> None:
    """Against the service. Read, build, send; the plan after it is empty; and what is made is what DuckDB makes."""
    run = bench(leads=8)
    project = models.packaged_project()
    loop.extract(run.warehouse)
    assert loop.build(run.warehouse, project).models > 10
    sent = loop.push(run.warehouse, PUSH, project)
    assert sent is not None
    assert sent.plan.leads
    assert not loop.plan(run.warehouse, PUSH, project).leads
    loop.extract(run.warehouse)
    loop.build(run.warehouse, project)
    here, there = made(run.warehouse), run.of_duckdb()
    assert here.keys() == there.keys()
    for name, rows in there.items():
        assert here[name] == rows, name
