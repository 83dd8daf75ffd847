"""Whatever is wrong gives one clear message that names it, its exit code, and leaves nothing half done."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.sandbox import Sandbox
from tests.acceptance.conftest import WITHOUT_SETTINGS

pytestmark = pytest.mark.timeout(600)

WANTED = "select lead_id, 'A' as value from {{ ref('leadloop', 'leads') }}"


@pytest.fixture(scope="module")
def crm() -> Iterator[Any]:
    with Sandbox(leads=20) as crm:
        yield crm


@pytest.fixture
def place(places: Any, crm: Any) -> Any:
    crm.calls.clear()
    return places(crm)


def unused_port() -> Any:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("CRM__CONVOSO__AUTH_TOKEN", "not-the-token-8731", ["crm.convoso.auth_token"]),
        ("CRM__CONVOSO__AUTH_TOKEN", "", ["crm.convoso.auth_token", "CRM__CONVOSO__AUTH_TOKEN", "not set"]),
        ("CRM__CONVOSO__BASE_URL", "{base_url}/elsewhere", ["crm.convoso.base_url"]),
        ("CRM__CONVOSO__BASE_URL", "http://127.0.0.1:{port}/v1", ["crm.convoso.base_url"]),
        ("CRM__CONVOSO__BASE_URL", "no address", ["crm.convoso.base_url"]),
        ("CRM__CONVOSO__TIMEZONE", "America/Los_Angelos", ["crm.convoso.timezone", "America/Los_Angeles"]),
        ("CRM__CONVOSO__RATE", "fast", ["crm.convoso.rate"]),
        ("CRM__CONVOSO__SETLE", "0", ["settle"]),
        ("WAREHOUSE__DESTINATION", "oracle", ["warehouse.destination", "duckdb"]),
        (
            "DESTINATION__DUCKDB__CREDENTIALS",
            "no/such/folder/leads.duckdb",
            ["destination.duckdb.credentials"],
        ),
    ],
)
def test_a_wrong_setting_is_named(place: Any, crm: Any, setting: Any, value: Any, words: Any) -> None:
    """extract ends with code 2 and one message that names the setting, never the secret, and writes nothing."""
    value = value.format(base_url=crm.base_url, port=unused_port())
    done = place.run("extract", code=2, **{setting: value})
    assert all(word in done.message for word in words), done.stderr
    assert done.stdout == ""
    assert "8731" not in done.stderr
    assert len(done.message) < 600
    if place.warehouse.path.exists():
        assert place.rows(
            "select count(*) from information_schema.tables where table_schema <> 'leadloop'"
        ) == [(0,)]


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["extract", "--start", "yesterday"], ["--start", "yesterday"]),
        (["extract", "--start", "2026-02-02", "--end", "2026-01-01"], ["--start"]),
        (["extract", "--filter", "list_id"], ["--filter", "name=value"]),
        (["extract", "--crm", "convosso"], ["convoso"]),
        (["plan", "lead_scores_to_convosso"], ["lead_scores_to_convoso"]),
        (["build", "--dbt-project", "nowhere"], ["nowhere", "dbt_project.yml"]),
        (["push", "lead_scores_to_convoso", "--plan", "missing.json"], ["--plan", "missing.json"]),
        (["sandbox", "--timezone", "Mars/Olympus"], ["Mars/Olympus"]),
        (["sandbox", "--fault", "status=teapot"], ["teapot"]),
    ],
)
def test_wrong_usage_is_explained(place: Any, argv: Any, words: Any) -> None:
    """A wrong argument ends with code 2 and says which and what would do."""
    done = place.run(*argv, code=2)
    assert all(word in done.message for word in words), done.stderr
    assert done.stdout == ""


def test_broken_files_are_named_with_their_line(place: Any, crm: Any) -> None:
    """A broken settings file, a broken dbt file, a push without its key: code 2, the file or model and the line."""
    (place.folder / ".dlt").mkdir()
    (place.folder / ".dlt" / "config.toml").write_text('[crm.convoso\nrate = "1"\n')
    assert "config.toml" in place.run("extract", code=2).message
    (place.folder / ".dlt" / "config.toml").unlink()

    place.project(WANTED, titles="key = 'lead_id', fields = {'title': 'value'}, max_share = 1")
    place.write("models/wanted.yml", "version: 2\nmodels:\n  - name: wanted\n   description: crooked\n")
    broken = place.run("build", code=2)
    assert "wanted.yml" in broken.message
    place.write("models/wanted.yml", "version: 2\n")

    place.push("titles", "fields = {'title': 'value'}")
    keyless = place.run("run", "--yes", code=2)
    assert "titles" in keyless.message
    assert "key" in keyless.message
    place.push("titles", "key = 'lead_id', fields = {'title': 'value'}, on_conflicts = 'stop'")
    misspelt = place.run("plan", "titles", code=2)
    assert "titles" in misspelt.message
    assert "on_conflict" in misspelt.message
    assert crm.calls.count("update") == 0


HOLD = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"


@pytest.mark.long
def test_a_held_or_foreign_database_file_is_named(place: Any) -> None:
    """A DuckDB file that another process holds ends with code 5 and its process id; one that is none with code 2."""
    path = place.folder / "leads.duckdb"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        for argv in (["extract"], ["build"], ["status"], ["run", "--yes"]):
            held = place.run(*argv, code=5)
            assert str(path) in held.message.replace("\n", "")
            assert str(holder.pid) in held.message
        holder.communicate("")
    path.write_text("these are not the bytes you are looking for " * 100)
    assert "destination.duckdb.credentials" in place.run("status", code=2).message


@pytest.mark.long
def test_check_names_everything_that_is_wrong_at_once(places: Any, crm: Any) -> None:
    """check lists each missing setting with its name in a file and in the environment, and ends with code 2."""
    place = places()
    found = place.run("check", code=2)
    for name in ("crm.convoso.auth_token", "CRM__CONVOSO__AUTH_TOKEN", "crm.convoso.timezone"):
        assert name in found.stdout
    place.settings_of(crm)
    told = place.run("check", "--json", code=2, CRM__CONVOSO__AUTH_TOKEN="wrong").json
    assert told["ok"] is False
    assert [each["name"] for each in told["checks"] if not each["ok"]] == ["token"]
    fine = place.json("check")
    assert fine["ok"] is True
    (versions,) = (each["message"] for each in fine["checks"] if each["name"] == "versions")
    assert all(f"{name} " in versions for name in ("leadloop", "dlt", "dbt-core", "duckdb", "Python"))
    assert Path(place.warehouse.path).parent == place.folder


@pytest.mark.long
def test_a_crm_that_is_away_for_a_minute_can_be_tried_again(places: Any) -> None:
    """What worked yesterday and finds nobody today ends with 1; the same at an address that never answered with 2."""
    place = places()
    with Sandbox(leads=5) as crm:
        place.settings_of(crm)
        place.project(WANTED, titles="key = 'lead_id', fields = {'title': 'value'}, max_share = 1")
        place.run("run", "--yes", "--first")
        # A window reads that much and says so; the run after it goes on where the last one without a window stopped.
        read = place.run("run", "--yes", "--start", "2020-01-01", "--end", "2020-01-02").stdout
        assert "everything edited from 2020-01-01 00:00:00 to 2020-01-02 00:00:00 UTC was read" in read
        assert "everything edited up to" in place.run("run", "--yes").stdout
    for argv in (["extract"], ["run", "--yes"], ["check"]):
        away = place.run(*argv, code=1)
        assert "Run again later" in away.stdout + away.stderr
        assert "token" not in away.message
    # Another key has its account looked at before anything is sent.
    place.env["CRM__CONVOSO__AUTH_TOKEN"] = "another"
    assert "Run again later" in place.run("push", "titles", code=1).message
    place.env["CRM__CONVOSO__BASE_URL"] = "http://127.0.0.1:9/v1"
    for argv in (["extract"], ["run", "--yes"], ["check"], ["push", "titles"]):
        place.run(*argv, code=2)


@pytest.mark.long
def test_a_full_disk_and_a_damaged_file_are_told(places: Any) -> None:
    """Each in a sentence with a way out, 1 and 2; check, for which the file opens without trouble, reads it to its end."""
    with Sandbox(leads=2000) as crm:
        place = places(crm)
        place.project(WANTED)
        limited = subprocess.run(
            ["bash", "-c", f"ulimit -f 400; {sys.executable} -m connector.cli extract"],
            cwd=place.folder,
            env={**WITHOUT_SETTINGS, **place.env},
            capture_output=True,
            text=True,
            check=False,
        )
    assert limited.returncode == 1, limited.stderr
    assert "no space left" in limited.stderr
    assert "Make space, then run again." in limited.stderr
    path = place.folder / "leads.duckdb"
    with place.warehouse.engine().begin() as connection:
        connection.exec_driver_sql("create schema if not exists convoso_raw")
        connection.exec_driver_sql(
            "create table convoso_raw.large as select md5(cast(i as text)) as a from range(200000) as r(i)"
        )
    with path.open("r+b") as file:
        file.seek(path.stat().st_size * 2 // 3)
        file.write(b"x" * 300_000)
    with Sandbox(leads=3) as crm:
        place.settings_of(crm)
        told = place.run("check", code=2).stdout.replace("\n", " ")
        assert "damaged" in told
        assert "restore a copy" in told
        assert "Unexpected" not in place.start("run", "--yes").wait().stderr
