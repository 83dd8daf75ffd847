"""One account object serves a whole command."""

from collections import Counter
from typing import Any

import pytest

from connector import config, loop
from connector.crm import registry
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
