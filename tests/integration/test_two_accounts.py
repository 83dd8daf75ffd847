"""Two accounts of one CRM in one warehouse, whose leads have the same ids."""

import random
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connector import config, loop, scaffold
from connector.crm import names as account_names
from connector.crm import vendor, vendors
from connector.errors import OtherAccountError
from connector.sandbox import Sandbox
from connector.warehouse import models
from connector.warehouse.connection import Warehouse

pytestmark = pytest.mark.timeout(600)

OFFICES = {"convoso": "west", "convoso_east": "east"}
SHOWN = ("title", "first_name", "city")


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dbt_state: Path) -> Path:
    """Where the models go of a new project without any, with a second account of Convoso."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(models, "STATE", dbt_state)
    scaffold.write(tmp_path)
    monkeypatch.setenv("CRM__CONVOSO_EAST__VENDOR", "convoso")
    folder = tmp_path / "dbt_models" / "models"
    for old in folder.rglob("tiers*"):
        old.unlink()
    return folder


@pytest.fixture
def offices(written: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """A sandbox for each account; both have the same leads, and a push for each wants another title of every lead."""
    for name, office in OFFICES.items():
        (written / f"wanted_in_{office}.sql").write_text(
            f"select lead_id, '{office}' as title from {{{{ ref('leadloop', 'leads') }}}} where crm = '{name}'"
        )
        (written / f"{office}.sql").write_text(
            f"{{{{ leadloop.push(desired = ref('wanted_in_{office}'), crm = '{name}', key = 'lead_id',"
            " fields = {'title': 'title'}, max_share = 1) }}"
        )
    with Sandbox(leads=25) as west, Sandbox(leads=25) as east:
        found = dict(zip(OFFICES, (west, east), strict=True))
        for name, crm in found.items():
            settings = {**crm.settings()["convoso"], "settle": "0", "rate": "1000"}
            for setting, text in settings.items():
                monkeypatch.setenv(f"CRM__{name}__{setting}".upper(), str(text))
        config.reload()
        yield found
    config.reload()


def rows(warehouse: Warehouse, query: str) -> list[Any]:
    with warehouse.engine().connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]


@pytest.mark.long
def test_the_same_lead_id_means_two_leads(offices: dict[str, Any], warehouse: Warehouse) -> None:
    """Models, plans, journal, read-back and conflicts of one account say nothing of the other's leads."""
    chance = random.Random(7)
    ids = offices["convoso"].book.ids()
    assert ids == offices["convoso_east"].book.ids()
    typed: dict[tuple[str, str], str] = {}
    for number in range(2):
        loop.run(warehouse, pushes=OFFICES.values(), first=True)
        time.sleep(1.05 - time.time() % 1)
        for name, crm in offices.items():
            for lead in chance.sample(ids, 4):
                field = chance.choice(SHOWN)
                crm.book.edit(lead, {field: f"{field} {number} {name}"})
                if field == "title":
                    typed[name, lead] = f"{field} {number} {name}"
    ran = loop.run(warehouse, pushes=OFFICES.values())
    assert ran.exit_code == 0

    shown = {
        (crm, lead): values
        for crm, lead, *values in rows(
            warehouse, f"select crm, lead_id, {', '.join(SHOWN)} from analytics.leads"
        )
    }
    assert shown == {
        (name, lead): [crm.book.row(lead)[field] or None for field in SHOWN]
        for name, crm in offices.items()
        for lead in ids
    }
    assert {(name, lead): crm.book.row(lead)["title"] for name, crm in offices.items() for lead in ids} == {
        (name, lead): typed.get((name, lead), office) for name, office in OFFICES.items() for lead in ids
    }

    for name, office in OFFICES.items():
        confirmed = rows(
            warehouse,
            "select distinct lead_id from leadloop.push_journal"
            f" where crm = '{name}' and push = '{office}' and state = 'confirmed' and value = '{office}'",
        )
        kept = {lead for (crm, lead) in typed if crm == name}
        # What was typed over before it was read back was never seen.
        assert {lead for (lead,) in confirmed} | kept == set(ids)
        assert {each.lead_id for each in loop.resolve(warehouse, office)} == kept
    assert rows(warehouse, "select distinct crm, push from leadloop.push_journal order by 1") == [
        ("convoso", "west"),
        ("convoso_east", "east"),
    ]
    assert rows(warehouse, "select distinct crm, vendor from leadloop.accounts order by 1") == [
        ("convoso", "convoso"),
        ("convoso_east", "convoso"),
    ]


@pytest.mark.long
def test_whoever_runs_dbt_keeps_every_accounts_leads(
    offices: dict[str, Any], warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine without the account's settings its leads stay in the models: the warehouse says whose they are."""
    for name in OFFICES:
        loop.extract(warehouse, name)
    for setting in (
        "VENDOR",
        *(name.upper() for name in offices["convoso_east"].settings()["convoso"]),
        "SETTLE",
        "RATE",
    ):
        monkeypatch.delenv(f"CRM__CONVOSO_EAST__{setting}")
    for path in (Path("dbt_models") / "models").glob("*east.sql"):
        path.unlink()
    config.reload()
    loop.build(warehouse, select="+leads")
    assert rows(warehouse, "select crm, count(*) from analytics.leads group by crm order by crm") == [
        ("convoso", 25),
        ("convoso_east", 25),
    ]


def test_an_account_keeps_its_name(
    offices: dict[str, Any], warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under another name its leads would be there twice: it is refused before anything is read."""
    loop.extract(warehouse, "convoso_east")
    monkeypatch.setenv("CRM__CONVOSO_EAST__AUTH_TOKEN", "another")
    monkeypatch.setenv("CRM__EAST__VENDOR", "convoso")
    for setting, text in offices["convoso_east"].settings()["convoso"].items():
        monkeypatch.setenv(f"CRM__EAST__{setting}".upper(), str(text))
    config.reload()
    calls = len(offices["convoso_east"].calls)
    with pytest.raises(OtherAccountError, match=r"crm\.east leads to the account .* holds as convoso_east"):
        loop.extract(warehouse, "east")
    assert len(offices["convoso_east"].calls) == calls


@pytest.mark.long
def test_two_offices_and_one_account_of_each_other_crm(
    written: Path, monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse
) -> None:
    """All in one warehouse: each gets its own values once, shows them, and what a person types in one stays there."""
    settings = written.parent / "dbt_project.yml"
    settings.write_text(settings.read_text().replace("leadloop_read: [convoso]", "{}"))
    config.reload()
    names = account_names()
    assert set(names) == {*vendors(), "convoso_east"}
    (written / "wanted.sql").write_text(
        "select crm, lead_id, crm || ' wants it' as value from {{ ref('leadloop', 'leads') }}"
    )
    for name in names:
        field = vendor(name).capabilities.example_field
        (written / f"wanted_{name}.sql").write_text(
            f"select * from {{{{ ref('wanted') }}}} where crm = '{name}'"
        )
        (written / f"to_{name}.sql").write_text(
            f"{{{{ leadloop.push(desired = ref('wanted_{name}'), crm = '{name}', key = 'lead_id',"
            f" fields = {{'{field}': 'value'}}, max_share = 1) }}}}"
        )
    with ExitStack() as stack:
        for name in names:
            sandbox = stack.enter_context(Sandbox(leads=12))
            for setting, text in sandbox.settings()[vendor(name).kind].items():
                monkeypatch.setenv(f"CRM__{name}__{setting}".upper(), str(text))
            monkeypatch.setenv(f"CRM__{name}__SETTLE".upper(), "0")
            monkeypatch.setenv(f"CRM__{name}__RATE".upper(), "1000")
        config.reload()
        first = loop.run(warehouse, first=True)
        assert first.exit_code == 0
        sent = {name: dict(pushed.summary.by_state) for name, pushed in first.pushed.items()}
        assert sent == {f"to_{name}": {"applied": 12} for name in names}
        second = loop.run(warehouse)
        assert second.exit_code == 0
        assert {name: len(pushed.plan.leads) for name, pushed in second.pushed.items()} == {
            f"to_{name}": 0 for name in names
        }
    query = "select crm, count(*), count(distinct lead_id) from leadloop.push_journal where state = 'confirmed' group by crm"
    assert sorted(rows(warehouse, query)) == sorted((name, 12, 12) for name in names)
    changed = (
        "select crm, count(*) from analytics.lead_changes where new_value = crm || ' wants it' group by crm"
    )
    assert sorted(rows(warehouse, changed)) == sorted((name, 12) for name in names)
    shown = rows(warehouse, "select crm, count(*) from analytics.leads where removed_at is null group by crm")
    assert sorted(shown) == sorted((name, 12) for name in names)
    config.reload()
