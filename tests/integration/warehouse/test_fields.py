"""Which types fields have: asked for once a day, and noted in `leadloop.fields`."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from connector import config, crm
from connector.sandbox import Sandbox
from connector.warehouse import fields
from connector.warehouse.reads import reads
from tests.contracts.published.clients import documented
from tests.contracts.published.leadping import NEWER_REQUEST, OLDER_REQUEST
from tests.contracts.published.shapes import Either, Flag, Moment, Number, Shape


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with Sandbox(leads=3) as sandbox:
        for name in ("convoso", "leadsquared", "leadping"):
            for setting, value in {**sandbox.settings()[name], "rate": "1000"}.items():
                monkeypatch.setenv(f"CRM__{name}__{setting}".upper(), value)
        config.reload()
        yield sandbox


def refresh(warehouse: Any, name: str = "leadsquared") -> list[str]:
    heard: list[str] = []
    with crm.account(name) as account, warehouse.lock("test") as lease:
        fields.refresh(warehouse.engine(), lease, account, "run", heard.append)
    return heard


def rows(warehouse: Any, query: str) -> list[tuple[Any, ...]]:
    with warehouse.engine().connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]


def calls(sandbox: Sandbox) -> int:
    return sum(call.path.endswith("LeadsMetaData.Get") for call in sandbox.calls)


def a_day_later(warehouse: Any) -> None:
    with warehouse.engine().begin() as connection:
        column = reads.c.noted_at
        connection.execute(reads.update().values({column: column - timedelta(days=1)}))


def test_the_types_are_asked_for_once_a_day(warehouse: Any, sandbox: Sandbox) -> None:
    """One call, and one row per field; what has changed since is there a day later, and what is gone is not."""
    assert refresh(warehouse) == []
    shown = "select type, crm_type, label from leadloop.fields where crm = 'leadsquared' and field = "
    assert rows(warehouse, shown + "'Score'") == [("number", "Number", "Lead Score")]
    assert rows(warehouse, shown + "'mx_City'") == [("text", "Text", "City")]
    read = "select crm, stream, calls, outcome from leadloop.reads"
    assert rows(warehouse, read) == [("leadsquared", "fields", 1, "whole")]

    refresh(warehouse)
    assert calls(sandbox) == 1
    noted = rows(warehouse, "select max(noted_at) from leadloop.fields")
    a_day_later(warehouse)
    refresh(warehouse)
    assert calls(sandbox) == 2
    assert rows(warehouse, "select max(noted_at) from leadloop.fields") == noted

    vendor: Any = sandbox.vendors["leadsquared"]
    del vendor.fields["mx_City"]
    a_day_later(warehouse)
    refresh(warehouse)
    assert rows(warehouse, shown + "'mx_City'") == []
    assert rows(warehouse, shown + "'Score'") == [("number", "Number", "Lead Score")]
    assert rows(warehouse, "select min(noted_at) from leadloop.fields") > noted


def test_a_crm_that_does_not_say_fails_nothing(warehouse: Any, sandbox: Sandbox) -> None:
    """One sentence a day; the types that are known stay."""
    refresh(warehouse)
    known = rows(warehouse, "select count(*) from leadloop.fields")
    a_day_later(warehouse)
    vendor: Any = sandbox.vendors["leadsquared"]
    answer = vendor.answer
    vendor.answer = lambda request: None if "MetaData" in request.path else answer(request)
    (said,) = refresh(warehouse)
    assert said.startswith("leadsquared does not say which types its fields have: ")
    assert refresh(warehouse) == []
    assert rows(warehouse, "select count(*) from leadloop.fields") == known


def test_what_is_hashed_or_left_out_has_no_type(
    warehouse: Any, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hash is no number."""
    monkeypatch.setenv("CRM__LEADSQUARED__HASH", '["Score"]')
    monkeypatch.setenv("CRM__LEADSQUARED__HASH_SALT", "a-long-random-text-that-nobody-guesses")
    config.reload()
    refresh(warehouse)
    assert rows(warehouse, "select type from leadloop.fields where field = 'Score'") == []


def test_a_crm_without_types_is_not_asked(warehouse: Any, sandbox: Sandbox) -> None:
    """Convoso publishes none."""
    refresh(warehouse, "convoso")
    assert rows(warehouse, "select count(*) from leadloop.fields") == [(0,)]
    assert list(sandbox.calls) == []


def test_leadping_has_the_types_of_its_published_schema(warehouse: Any, sandbox: Sandbox) -> None:
    """Numbers, flags, dates and times of both generations, without a call; a name has one type in both."""
    refresh(warehouse, "leadping")
    assert list(sandbox.calls) == []
    noted = dict(rows(warehouse, "select field, type from leadloop.fields where crm = 'leadping'"))
    for request in (OLDER_REQUEST, NEWER_REQUEST):
        for name, shape in documented(request):
            kind = _type(shape)
            if kind is not None and "coordinate" not in name:
                assert noted[name] == kind, name


def _type(shape: Shape) -> str | None:
    if isinstance(shape, Either):
        return _type(shape.shapes[0])
    if isinstance(shape, Moment):
        return "date" if shape.only_date else "timestamp"
    if isinstance(shape, Number):
        return "integer" if shape.whole else "number"
    return "boolean" if isinstance(shape, Flag) else None
