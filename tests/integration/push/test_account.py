"""One account object serves a whole command."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from connector import config, loop
from connector.config import environments
from connector.crm import registry
from connector.errors import ConfigError
from tests.properties.quick_loop import QuickLoop


@pytest.mark.parametrize("warehouse", ["duckdb"], indirect=True)
def test_a_commands_settings_are_resolved_once(quick: QuickLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also by a push that looks for edits, recovers and makes its plan twice."""
    crm = quick.begin()
    quick.write("insert into inputs.wanted values (:lead, 'gold', null)", lead=crm.book.ids()[0])
    resolved: Counter[str] = Counter()

    def counting(real: Any) -> Any:
        def resolve(settings: Any, *given: Any) -> Any:
            resolved[settings.vendor] += 1
            return real(settings, *given)

        return resolve

    monkeypatch.setattr(registry, "resolve", counting(config.resolve))
    for command in (
        lambda: loop.extract(quick.warehouse),
        lambda: loop.build(quick.warehouse),
        lambda: loop.plan(quick.warehouse, "scores"),
        lambda: loop.push(quick.warehouse, "scores", first=True),
    ):
        resolved.clear()
        command()
        assert resolved["convoso"] <= 1
    assert resolved["convoso"] == 1
    assert crm.calls.count("update") == 1


@pytest.mark.parametrize("warehouse", ["duckdb"], indirect=True)
def test_dev_sends_nothing_to_the_account_of_prod(quick: QuickLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also by a run; it reads and builds, and agrees to nothing."""
    crm = quick.begin()
    quick.write("insert into inputs.wanted values (:lead, 'gold', null)", lead=crm.book.ids()[0])
    Path(".dlt").mkdir(exist_ok=True)
    Path(".dlt/dev.config.toml").touch()
    monkeypatch.setenv(environments.VARIABLE, "dev")
    ran = loop.run(quick.warehouse, first=True)
    assert ran.exit_code == 2
    assert {type(error) for error in ran.failed.values()} == {ConfigError}
    assert "prod pushes to" in str(ran.failed["scores"])
    assert sum(crm.calls.count(each) for each in ("update", "insert", "delete")) == 0
    monkeypatch.setenv("CRM__CONVOSO__SHARED_WITH_PROD", "true")
    assert loop.run(quick.warehouse, first=True).exit_code == 0
    assert crm.calls.count("update") == 1
