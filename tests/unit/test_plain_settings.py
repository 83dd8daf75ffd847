"""Settings are the same with and without dlt, which is only imported where it may know more places for them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from connector.config import lookup, plain
from connector.errors import ConfigError
from connector.warehouse.engines import ENGINES

NAMES = (
    "warehouse.destination",
    "destination.duckdb.credentials",
    "destination.postgres.credentials.password",
    "crm.convoso.auth_token",
    "crm.convoso.rate",
    "crm.convoso.filters",
    "crm.convoso.nothing",
    "dbt.vars",
)
SECRETS = """
[crm.convoso]
auth_token = "secret"
[destination.postgres.credentials]
password = "pass"
"""
CONFIG = """
[warehouse]
destination = "duckdb"
[destination.duckdb]
credentials = "some.duckdb"
[crm.convoso]
auth_token = "in the wrong file"
rate = 2.5
filters = { list_id = 333, since = 2026-01-01 }
[dbt.vars]
region = "east"
"""
TELL = """
import sys, json
from connector import config
from connector.config import lookup
if sys.argv[1] == "dlt":
    import dlt
def told(name, secret):
    return [str(config.value(name, secret=secret)), config.origin(name, secret=secret), str(config.anchored(name, "x"))]
found = {f"{name} {secret}": told(name, secret) for name in json.loads(sys.argv[2]) for secret in (False, True)}
found["tables"] = [sorted(each) for each in lookup.tables_set("crm")]
print(json.dumps([found, "dlt" in sys.modules]))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "secrets.toml").write_text(SECRETS)
    (tmp_path / ".dlt" / "config.toml").write_text(CONFIG)
    (tmp_path / ".dlt" / "dev.config.toml").write_text("[crm.convoso]\nrate = 9\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path


def told(*with_dlt: str) -> Any:
    """What a process of its own finds, and whether dlt was imported in it."""
    done = subprocess.run(
        [sys.executable, "-c", TELL, *(with_dlt or ("",)), json.dumps(NAMES)],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {
            "CRM__CONVOSO__RATE": "7",
            "DESTINATION__POSTGRES__CREDENTIALS__PASSWORD": "",
            "DBT__VARS__REGION": "west",
        },
        {"LEADLOOP_ENV": "dev"},
    ],
)
def test_what_is_found_is_what_dlt_finds(
    folder: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    """Files, variables, environments: values, where they are from, and what a relative path is relative to."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    without, with_dlt = told(), told("dlt")
    assert [without[1], with_dlt[1]] == [False, True]
    assert without[0] == with_dlt[0]
    assert without[0]["crm.convoso.auth_token True"][0] == "secret"


@pytest.fixture
def no_dlt(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As in a process that has not imported dlt."""
    monkeypatch.delitem(sys.modules, "dlt", raising=False)
    monkeypatch.setattr(plain, "_KNOWN", [])
    monkeypatch.setattr(plain, "_folders_of_user", lambda: iter([folder / "user"]))
    return folder


def _variable(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("DLT_PROJECT_DIR", str(folder))


def _vault(folder: Path, patch: pytest.MonkeyPatch) -> None:
    (folder / ".dlt" / "config.toml").write_text("[providers]\nenable_google_secrets = true\n")


def _vault_by_variable(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("PROVIDERS__ENABLE_AWS_SECRETS", "true")


def _of_user(folder: Path, patch: pytest.MonkeyPatch) -> None:
    (folder / "user").mkdir()
    (folder / "user" / "config.toml").touch()


def _broken(folder: Path, patch: pytest.MonkeyPatch) -> None:
    (folder / ".dlt" / "secrets.toml").write_text("[crm\n")


def _container(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(plain, "_SECRETS_OF_CONTAINERS", folder)


def _plugin(folder: Path, patch: pytest.MonkeyPatch) -> None:
    (folder / "more-1.0.dist-info").mkdir()
    (folder / "more-1.0.dist-info" / "entry_points.txt").write_text("[dlt]\nmore = more\n")
    patch.syspath_prepend(str(folder))


def _airflow(folder: Path, patch: pytest.MonkeyPatch) -> None:
    (folder / "airflow").mkdir()
    (folder / "airflow" / "__init__.py").touch()
    patch.syspath_prepend(str(folder))


def _loaded(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setitem(sys.modules, "dlt", plain)


@pytest.mark.parametrize(
    "more",
    [_variable, _vault, _vault_by_variable, _of_user, _broken, _container, _plugin, _airflow, _loaded],
)
def test_dlt_is_asked_wherever_it_may_look_somewhere_else(
    no_dlt: Path, monkeypatch: pytest.MonkeyPatch, more: Any
) -> None:
    """A vault, files of the user's, a plugin and the rest are dlt's own business; so is what to say of a broken file."""
    assert plain.known() is not None
    plain.forget()
    more(no_dlt, monkeypatch)
    assert plain.known() is None


def test_a_broken_file_of_an_environment_is_told_without_dlt(
    no_dlt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its path and line."""
    monkeypatch.setenv("LEADLOOP_ENV", "dev")
    (no_dlt / ".dlt" / "dev.config.toml").write_text("[crm\n")
    with pytest.raises(ConfigError, match=r"dev\.config\.toml is not valid TOML.*line 1"):
        lookup.value("crm.convoso.rate")


def test_files_are_read_once_and_again_when_asked_for(no_dlt: Path) -> None:
    """As dlt reads them."""
    assert lookup.value("crm.convoso.rate") == 2.5
    (no_dlt / ".dlt" / "config.toml").write_text("[crm.convoso]\nrate = 3\n")
    assert lookup.value("crm.convoso.rate") == 2.5
    lookup.reload()
    assert lookup.value("crm.convoso.rate") == 3


@pytest.mark.parametrize(
    "name", [each for each in ENGINES if each != "spark"]
)  # which dlt does not know by a name
def test_the_names_of_an_engine_are_those_of_dlt(name: str) -> None:
    """A misspelt setting of a destination is found by them."""
    import dlt

    spec = getattr(dlt.destinations, name)().spec.get_resolvable_fields()
    assert {*ENGINES[name].options} == {*spec}
    of_credentials = spec["credentials"].get_resolvable_fields()
    assert {*ENGINES[name].parts} == {each for each in of_credentials if not each.startswith("_")}
