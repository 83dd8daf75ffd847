"""What a run sends by itself, and what it doesn't."""

from pathlib import Path

import pytest

from connector import config, loop
from connector.warehouse import models


@pytest.fixture
def account(monkeypatch, tmp_path):
    """Sets the CRM's address, and clears the settings again."""

    def at(base_url: str) -> None:
        monkeypatch.setenv("CRM__CONVOSO__BASE_URL", base_url)
        monkeypatch.setenv("CRM__CONVOSO__AUTH_TOKEN", "token")
        monkeypatch.setenv("CRM__CONVOSO__TIMEZONE", "UTC")
        config.reload()

    monkeypatch.chdir(tmp_path)
    return at


def specs(name: str) -> dict[str, models.PushSpec]:
    spec = models.PushSpec(
        name,
        "analytics",
        name,
        "convoso",
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
def test_the_packaged_example_is_for_rehearsals(account, base_url, sent):
    """A run without a project of one's own never writes example scores into a real account."""
    account(base_url)
    assert loop._own_pushes(None, specs("example")) == sent


def test_pushes_of_ones_own_are_all_sent(account, tmp_path):
    """A project of one's own is sent wherever the settings say."""
    account("https://api.convoso.com/v1")
    own = Path(tmp_path / "dbt_models")
    own.mkdir()
    (own / "dbt_project.yml").write_text("name: mine\n")
    assert loop._own_pushes(None, specs("mine")) == ["mine"]
