"""The notebook runs from its first cell to its last: on a warehouse whose answers are known, and in a project that is new."""

from pathlib import Path
from typing import Any

import duckdb
import nbformat
import pytest
import sqlalchemy as sa
from nbclient import NotebookClient

from connector import notebook
from connector.errors import ConfigError

pytestmark = pytest.mark.timeout(400)  # whoever comes first waits for the warehouse with a past
NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]


def answers(ran: Any) -> list[str]:
    """What each code cell shows, as text."""
    return [
        "\n".join(output["data"]["text/plain"] for output in cell.outputs if "data" in output)
        for cell in ran.cells
        if cell.cell_type == "code"
    ]


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_it_is_kept_without_outputs(path: Path) -> None:
    """What was shown on somebody's machine is not part of the repository."""
    kept = read(path)
    nbformat.validate(kept)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in kept.cells)


def run(path: Path, folder: Path, patch: pytest.MonkeyPatch) -> list[str]:
    """What its cells show when it is run in a folder."""
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        patch.setenv(name, str(folder / name.lower()))
    ran = read(path)
    NotebookClient(ran, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()
    return answers(ran)


@pytest.mark.long
def test_every_question_has_an_answer(past: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every cell runs and shows something; edits and pushes of the warehouse's past are among it, and the file is let go of."""
    monkeypatch.setenv("LEADS_DATABASE", str(past.path))
    shown = run(notebook.packaged(), tmp_path, monkeypatch)
    told = "\n".join(shown)
    assert not any("nothing to show yet" in text or "0 rows" in text for text in shown)
    assert "NEW → SALE" in told
    assert "first_name" in told
    assert "confirmed" in told
    assert past.pushed[0] in shown[-1]
    conflicts = next(text for text in shown if "crm_shows" in text)
    assert all(lead_id in conflicts for lead_id in past.edited_after_push)
    duckdb.connect(str(past.path)).close()


@pytest.mark.long
@pytest.mark.parametrize("crm", ["convoso", "leadsquared"])
def test_it_runs_in_a_project_that_init_made(
    warehouse: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, dbt_state: Path, crm: str
) -> None:
    """With the project's settings, before anything was pushed, whatever fields the CRM has, and in either warehouse."""
    from connector import scaffold
    from connector.warehouse import models
    from tests.integration.dbt.conftest import Lab

    scaffold.write(tmp_path / "mine", crm)
    monkeypatch.chdir(tmp_path / "mine")
    monkeypatch.setattr(models, "STATE", dbt_state)
    copied = notebook.copy(Path())
    monkeypatch.setenv("WAREHOUSE__DESTINATION", warehouse.kind)
    where = str(warehouse.path or warehouse.url.render_as_string(hide_password=False))
    monkeypatch.setenv(f"DESTINATION__{warehouse.kind.upper()}__CREDENTIALS", where)
    rows = {
        "convoso": {"id": "1", "status": "NEW", "created_at": "2026-01-01 00:00:00"},
        "leadsquared": {"prospect_id": "1", "prospect_stage": "Won", "created_on": "2026-01-01 00:00:00"},
    }
    lab = Lab(warehouse)
    lab.land([rows[crm]], "2 10:00", table=f"{crm}_raw.lead_versions")
    lab.build(Path("dbt_models").absolute())
    shown = run(copied, tmp_path / "mine", monkeypatch)
    pending = next(text for text in shown if text.startswith("Fields that differ"))
    assert f"tiers_to_{crm}" in pending
    assert ("NEW" if crm == "convoso" else "Won") in shown[2]
    assert "No push has sent anything yet." in "\n".join(shown)


def test_any_sql_is_asked_as_it_stands(warehouse: Any) -> None:
    """Colons and percent signs mean what they mean in SQL, and `analytics` is the schema that the models have."""
    with warehouse.engine().begin() as connection:
        connection.exec_driver_sql("create schema dwh_crm")
        connection.exec_driver_sql("create table dwh_crm.leads (status text)")
        connection.execute(sa.text("insert into dwh_crm.leads values (:status)"), {"status": "50% :off"})
    book = notebook.Book(warehouse, "dwh_crm")
    found = book.ask(
        "select status, '5'::integer % 3 as rest from analytics.leads where status like '%% :o%'"
    )
    assert found.rows == (("50% :off", 2),)
    assert "1 row" in str(found)
    assert "<td>50% :off</td>" in found._repr_html_()
    assert book.ask(f"select {book.first('nothing', 'status')} from analytics.leads").rows == (("50% :off",),)
    assert book.ask(f"select {book.first('nothing')} from analytics.leads").rows == ((None,),)


def test_a_copy_replaces_nothing(tmp_path: Path) -> None:
    """Into a folder, or under a name of one's own; what somebody has edited stays."""
    copied = notebook.copy(tmp_path)
    assert copied == tmp_path / "leads.ipynb"
    assert copied.read_bytes() == notebook.packaged().read_bytes()
    copied.write_text("mine")
    with pytest.raises(ConfigError, match="is there already") as refused:
        notebook.copy(tmp_path)
    assert "leadloop notebook other.ipynb" in refused.value.advice
    assert copied.read_text() == "mine"
    assert notebook.copy(tmp_path / "other.ipynb").is_file()


@pytest.mark.parametrize("what", ["no file", "no leads"])
def test_what_is_missing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """In a folder without a warehouse none is made, and a sentence says what to run."""
    path = tmp_path / "leads.duckdb"
    monkeypatch.setenv("LEADS_DATABASE", str(path))
    if what == "no leads":
        duckdb.connect(str(path)).close()
    with pytest.raises(ConfigError, match="leadloop build"):
        notebook.Book.open()
    assert path.exists() is (what == "no leads")
