"""One small warehouse with a past, made once per test session: the loop ran twice over it, and people edited in between."""

import gc
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

PUSH = "lead_scores_to_convoso"


@dataclass(frozen=True)
class Past:
    """What happened to the warehouse, so that a test can say what a query has to find."""

    path: Path
    """The DuckDB file; nobody has it open."""
    leads: int
    pushed: tuple[str, ...]
    """Leads that the first run sent."""
    edited_after_push: tuple[str, ...]
    """Leads of these whose score a person set anew between the runs."""
    renamed: str
    """The lead whose first name a person, user 30002, changed to Renée between the runs."""
    touched: str
    """The lead whose status went from NEW to SALE."""
    undecided: str
    """The lead whose status was changed, seen, and changed back."""


@contextmanager
def _here(folder: Path, settings: dict[str, str]) -> Iterator[None]:
    """A folder to work in and settings from the environment, whatever else is set; all undone at the end."""
    from connector import config

    before, environment = Path.cwd(), dict(os.environ)
    for name in environment:
        if name.startswith(("CRM__", "WAREHOUSE__", "DESTINATION__", "LEADLOOP_")):
            del os.environ[name]
    os.environ.update(settings)
    os.chdir(folder)
    config.reload()
    try:
        yield
    finally:
        os.chdir(before)
        os.environ.clear()
        os.environ.update(environment)
        config.reload()


def make_past(folder: Path, warehouse: Any) -> Past:
    """Extract, build, push; people edit; extract and build again: in this process, against a sandbox of its own."""
    from connector import loop
    from connector.sandbox import Sandbox
    from connector.warehouse import models

    project = models.packaged_project()
    with Sandbox(leads=200, seed=7) as crm:
        settings = {
            "CRM__CONVOSO__BASE_URL": f"{crm.base_url}/v1",
            "CRM__CONVOSO__AUTH_TOKEN": crm.token,
            "CRM__CONVOSO__TIMEZONE": crm.timezone,
            "CRM__CONVOSO__RATE": "1000",
            "CRM__CONVOSO__SETTLE": "0",
        }
        with _here(folder, settings):
            loop.extract(warehouse)
            loop.build(warehouse, project)
            done = loop.push(warehouse, PUSH, project)
            assert done is not None
            pushed = tuple(lead.lead_id for lead in done.plan.leads)
            others = [lead_id for lead_id in crm.book.ids() if lead_id not in pushed]
            edited, renamed = pushed[:3], others[0]
            touched = next(lead_id for lead_id in others[1:] if crm.book.row(lead_id)["status"] == "NEW")
            undecided = next(lead_id for lead_id in others[1:] if crm.book.row(lead_id)["status"] != "NEW")
            status = crm.book.row(undecided)["status"]
            # The CRM's clock counts whole seconds: an edit in the second of our write would look like a part of it.
            time.sleep(1.1)
            for lead_id in edited:
                crm.book.edit(lead_id, {"lead_score": "100"})
            crm.book.edit(renamed, {"first_name": "Renée"}, user="30002")
            crm.book.edit(touched, {"status": "SALE"})
            crm.book.edit(undecided, {"status": "BUSY" if status != "BUSY" else "SALE"})
            loop.extract(warehouse)
            crm.book.edit(undecided, {"status": status})
            loop.extract(warehouse)
            loop.build(warehouse, project)
    return Past(warehouse.path or folder, 200, pushed, edited, renamed, touched, undecided)


@pytest.fixture(scope="session")
def dbt_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where dbt keeps what it has parsed, for all tests of a process: parsing anew takes seconds."""
    import dbt.adapters.duckdb
    import dbt.adapters.postgres
    import dbt.cli.main  # noqa: F401

    # After each build what hangs in cycles is looked for: not among all that stays for good.
    gc.collect()
    gc.freeze()
    return tmp_path_factory.mktemp("dbt")


@pytest.fixture(scope="session")
def past(tmp_path_factory: pytest.TempPathFactory, worker_id: str, dbt_state: Path) -> Past:
    """A DuckDB warehouse with a past. It is made once for all test processes; each reads a copy of its own."""
    from connector.warehouse import models
    from connector.warehouse.connection import Warehouse

    own = tmp_path_factory.mktemp("past")
    shared = own if worker_id == "master" else tmp_path_factory.getbasetemp().parent / "past"
    shared.mkdir(exist_ok=True)
    known = shared / "past.json"
    with FileLock(shared / "making.lock"):
        if not known.exists():
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(models, "STATE", dbt_state)
                made = make_past(shared, Warehouse.duckdb(shared / "leads.duckdb"))
            known.write_text(json.dumps(asdict(made), default=str), encoding="utf-8")
    # Under another name, as people make copies: no view holds that of the file in which it was made.
    copied = shutil.copy(shared / "leads.duckdb", own / "copied.duckdb")
    found: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in json.loads(known.read_text("utf-8")).items()
    }
    return Past(**{**found, "path": copied})
