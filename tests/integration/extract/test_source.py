"""``from connector import convoso`` in somebody's own dlt pipeline."""

from pathlib import Path
from typing import Any

import dlt
import pytest

from connector import convoso
from connector.errors import AuthError, ConfigError


def source_of(crm: Any, **given: Any) -> Any:
    given = {"settle": 0, "lookback": 0, "rate": 1000, **given}
    address = {"base_url": crm.base_url + "/v1", "auth_token": crm.token, "timezone": crm.timezone}
    return convoso(**(address | given))


@pytest.fixture(params=["duckdb", "postgres", "filesystem"])
def pipeline(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """A pipeline with names of its own, into three destinations as dlt has them."""
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_url").replace("postgres@", "postgres:none@")
        destination = dlt.destinations.postgres(credentials=url)
    elif request.param == "duckdb":
        destination = dlt.destinations.duckdb(str(tmp_path / "own.duckdb"))
    else:
        destination = dlt.destinations.filesystem(bucket_url=(tmp_path / "files").as_uri())
    return dlt.pipeline(
        "sales", destination=destination, dataset_name="crm_data", pipelines_dir=str(tmp_path / "dlt")
    )


def rows(pipeline: Any) -> Any:
    table = pipeline.dataset()["lead_versions"].arrow()
    return table.to_pylist()


def test_the_same_rows_in_any_destination(pipeline: Any, sandbox: Any) -> None:
    """Every lead is there as the book shows it; the second run brings only what was edited since."""
    crm = sandbox(leads=150)
    pipeline.run(source_of(crm))
    found = {row["id"]: row for row in rows(pipeline)}
    for lead_id, lead in crm.book.rows().items():
        # dlt's own PostgreSQL destination reads an empty text of its CSV files as NULL; leadloop's warehouse doesn't.
        blank = None if pipeline.destination.destination_name == "postgres" else ""
        assert {name: found[lead_id].get(name) for name in lead} == {
            name: value or (None if value is None else blank) for name, value in lead.items()
        }
    crm.book.edit(crm.book.ids()[3], {"status": "SALE"})
    pipeline.run([source_of(crm)])
    again = rows(pipeline)
    assert len(again) == 151
    assert sum(row["status"] == "SALE" and row["id"] == crm.book.ids()[3] for row in again) >= 1


def test_its_resource_can_be_selected_and_limited(tmp_path: Path, sandbox: Any) -> None:
    """``with_resources`` and ``add_limit`` work as on any source; a limited run leaves the rest to the next one."""
    crm = sandbox(leads=400)
    own = dlt.pipeline(
        "own", destination=dlt.destinations.duckdb(str(tmp_path / "own.duckdb")), pipelines_dir=str(tmp_path)
    )
    own.run(source_of(crm, page_size=50).with_resources("lead_versions").add_limit(2))
    some = len(rows(own))
    assert 0 < some < 400
    own.run(source_of(crm))
    assert {row["id"] for row in rows(own)} == set(crm.book.ids())


def test_which_tables_are_read_is_a_setting_or_a_selection(tmp_path: Path, sandbox: Any) -> None:
    """Removed leads by default, recordings when asked for; whatever is selected by name is read without the others."""
    crm = sandbox(leads=30)
    assert set(source_of(crm).selected_resources) == {"lead_versions", "lead_removals"}
    assert set(source_of(crm, removals=False).selected_resources) == {"lead_versions"}
    assert len(source_of(crm, recordings=True).selected_resources) == 3
    own = dlt.pipeline(
        "own", destination=dlt.destinations.duckdb(str(tmp_path / "own.duckdb")), pipelines_dir=str(tmp_path)
    )
    own.run(source_of(crm).with_resources("recordings"))
    assert "lead_versions" not in own.dataset().tables
    assert own.dataset()["recordings"].arrow().num_rows == sum(
        len(crm.book.recordings(lead_id)) for lead_id in crm.book.ids()
    )


def test_wrong_settings_are_errors_one_can_read(tmp_path: Path, sandbox: Any) -> None:
    """What is missing or wrong is named before anything is read; a refused token is named through dlt's own error."""
    crm = sandbox(leads=5)
    with pytest.raises(ConfigError, match=r"crm\.convoso\.auth_token"):
        convoso(base_url=crm.base_url + "/v1", timezone="UTC")
    with pytest.raises(ConfigError, match=r"crm\.convoso\.timezone"):
        source_of(crm, timezone="Mars/Olympus")
    own = dlt.pipeline(
        "own", destination=dlt.destinations.duckdb(str(tmp_path / "own.duckdb")), pipelines_dir=str(tmp_path)
    )
    with pytest.raises(Exception, match=r"crm\.convoso\.auth_token") as raised:
        own.run(source_of(crm, auth_token="wrong-token"))
    causes: list[type[BaseException]] = []
    error: BaseException | None = raised.value
    while error is not None:
        causes.append(type(error))
        error = error.__cause__ or error.__context__
    assert AuthError in causes


def test_settings_of_other_programs_are_not_taken(sandbox: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only ``crm.convoso.*`` is looked up: a BASE_URL or TIMEZONE that some other program set does not lead the token away."""
    crm = sandbox(leads=5)
    for name in ("BASE_URL", "AUTH_TOKEN", "TIMEZONE", "RATE", "CURSOR", "SOURCES__BASE_URL"):
        monkeypatch.setenv(name, "not-for-us")
    monkeypatch.setenv("CRM__CONVOSO__BASE_URL", crm.base_url + "/v1")
    monkeypatch.setenv("CRM__CONVOSO__AUTH_TOKEN", crm.token)
    monkeypatch.setenv("CRM__CONVOSO__TIMEZONE", crm.timezone)
    assert "lead_versions" in convoso().resources
