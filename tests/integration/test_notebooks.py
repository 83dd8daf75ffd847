"""The notebook runs from its first cell to its last, on a warehouse whose answers are known."""

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

pytestmark = pytest.mark.timeout(400)  # whoever comes first waits for the warehouse with a past
NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]


def answers(notebook: Any) -> list[str]:
    """What each code cell shows, as text."""
    return [
        "\n".join(output["data"]["text/plain"] for output in cell.outputs if "data" in output)
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_it_is_kept_without_outputs(path: Path) -> None:
    """What was shown on somebody's machine is not part of the repository."""
    notebook = read(path)
    nbformat.validate(notebook)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)


@pytest.mark.long
def test_every_question_has_an_answer(past: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every cell runs and shows rows; edits and pushes of the warehouse's past are among them."""
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.setenv("LEADS_DATABASE", str(past.path))
    notebook = read(NOTEBOOKS / "leads.ipynb")
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = answers(notebook)
    assert all("│" in text and not re.search(r"\b0 rows", text) for text in shown[1:-1])
    changes, one_lead, outcomes, conflicts = shown[3:7]
    assert "first_name" in changes
    assert "push" in changes
    assert past.pushed[0] in one_lead
    assert "confirmed" in outcomes
    assert all(lead_id in conflicts for lead_id in past.edited_after_push)
