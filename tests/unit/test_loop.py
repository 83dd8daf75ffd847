"""What a run sends by itself, and what it doesn't."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from connector import config, loop
from connector.warehouse import models
from connector.warehouse.connection import Warehouse
from connector.warehouse.relations import DEFAULT


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Sets the CRM's address, and clears the settings again."""

    def at(base_url: str) -> None:
        monkeypatch.setenv("CRM__CONVOSO__BASE_URL", base_url)
        monkeypatch.setenv("CRM__CONVOSO__AUTH_TOKEN", "token")
        monkeypatch.setenv("CRM__CONVOSO__TIMEZONE", "UTC")
        config.reload()

    monkeypatch.chdir(tmp_path)
    return at


def specs(name: str, crm: str = "convoso") -> dict[str, models.PushSpec]:
    spec = models.PushSpec(
        name,
        "analytics",
        name,
        crm,
        "lead_id",
        {},
        "update",
        "crm_wins",
        "keep",
        "overwrite",
        None,
        None,
        None,
        "all",
    )
    return {name: spec}


@pytest.mark.parametrize(
    ("base_url", "sent"),
    [("https://api.convoso.com/v1", []), ("http://127.0.0.1:8765/v1", ["example"])],
)
def test_the_packaged_example_is_for_rehearsals(account: Any, base_url: Any, sent: Any) -> None:
    """A run without a project of one's own never writes example scores into a real account."""
    account(base_url)
    assert models.own_pushes(models.packaged_project(), specs("example").values()) == sent


def test_examples_for_a_crm_that_is_not_set_up_are_left_out(
    account: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The example pushes name four CRMs; a run with good settings for one of them sends that one's, and does not fail."""
    monkeypatch.setenv("CRM__POLLYBOT__API_KEY", "key")
    monkeypatch.setenv("CRM__POLLYBOT__RATE", "many")
    account("http://127.0.0.1:8765/v1")
    examples = {**specs("here"), **specs("unset", "leadping"), **specs("wrong", "pollybot")}
    assert models.own_pushes(models.packaged_project(), examples.values()) == ["here"]


def test_pushes_of_ones_own_are_all_sent(account: Any, tmp_path: Path) -> None:
    """A project of one's own is sent wherever the settings say."""
    account("https://api.convoso.com/v1")
    own = Path(tmp_path / "dbt_models")
    own.mkdir()
    (own / "dbt_project.yml").write_text("name: mine\n")
    assert models.own_pushes(None, specs("mine").values()) == ["mine"]


def test_a_push_knows_where_its_leads_are() -> None:
    """A project's own schema moves its pushes and not the packaged leads; another model of that name is none of them."""
    options = {
        "crm": "convoso", "key": "lead_id", "fields": {"title": "tier"}, "mode": "update", "on_conflict": "crm_wins",
        "nulls": "keep", "first_push": "overwrite", "max_changes": 1, "max_share": 0.001, "max_unknown_share": 0.5, "max_clears": 1,
        "confirm": "all", "max_inserts": 1, "max_deletes": 1, "max_found": 1, "options": {}, "equal": {}, "policies": {}, "lead_id": "",
        "approval": "none", "approve_above": None,
    }  # fmt: skip

    def node(package: str, name: str, schema: str, **meta: object) -> SimpleNamespace:
        return SimpleNamespace(
            resource_type="model", unique_id=f"{package}.{name}", depends_on_nodes=[], package_name=package, name=name, schema=schema, alias=name,
            original_file_path=name, config=SimpleNamespace(meta=meta),
        )  # fmt: skip

    nodes = [
        node("mine", "leads", "analytics_marketing"),
        node("leadloop", "leads", "analytics"),
        node("mine", "tiers", "analytics_marketing", leadloop_push=options),
    ]
    manifest = SimpleNamespace(nodes={each.unique_id: each for each in nodes})
    (spec,) = models._pushes_in(manifest, models._relations(manifest))
    assert (spec.schema, str(spec.relations.leads)) == ("analytics_marketing", "analytics.leads")


def test_a_crm_that_lost_something_by_a_push_gets_no_other_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The first one that harmed it is named with what was lost; another CRM's pushes go on."""
    pushed = {**specs("first"), **specs("second"), **specs("elsewhere", crm="pollybot")}
    sent = []

    def push(_warehouse: Any, name: Any, *_: Any, **__: Any) -> Any:
        sent.append(name)
        nothing: Any = None
        summary: Any = SimpleNamespace(
            push=name, crm=pushed[name].crm, harmed=name == "first", stopped="company was gone", exit_code=1
        )
        return loop.Pushed(nothing, nothing, summary)

    known = models.Known(tuple(pushed.values()), DEFAULT, "", "")
    monkeypatch.setattr(models, "known", lambda *_: known)
    monkeypatch.setattr(loop, "vendors", lambda: ["convoso", "pollybot"])
    monkeypatch.setattr(loop, "extract", lambda *_, **__: SimpleNamespace(is_new=True))
    monkeypatch.setattr(loop, "build", lambda *_, **__: None)
    monkeypatch.setattr(loop, "push", push)
    ran = loop.run(Warehouse.duckdb(tmp_path / "leads.duckdb"), tmp_path, pushes=list(pushed))
    assert sent == ["first", "elsewhere"]
    assert str(ran.failed["second"]) == "Nothing was sent to convoso after first: company was gone"
    assert ran.exit_code == 1
