"""A plan says what the CRM would say of its fields, and is shown all the same where the CRM can't be asked."""

from collections.abc import Iterator
from typing import Any

import pytest

from connector import config, crm, loop
from connector.errors import ModelError
from connector.sandbox import Sandbox


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with Sandbox(leads=3) as sandbox:
        for name in ("pollybot", "leadsquared"):
            for setting, value in {**sandbox.settings()[name], "rate": "1000"}.items():
                monkeypatch.setenv(f"CRM__{name}__{setting}".upper(), value)
        config.reload()
        yield sandbox


@pytest.mark.parametrize(
    ("name", "field", "says"),
    [
        ("pollybot", "metadata.tier", "name it 'customFields.tier'"),
        ("leadsquared", "mx_Lead_Teir", "did you mean 'mx_Lead_Tier'"),
    ],
)
def test_the_crm_is_asked_about_the_fields(sandbox: Sandbox, name: str, field: str, says: str) -> None:
    """One of the other generation, and one that the account doesn't have; nothing is written."""
    with crm.account(name) as account, pytest.raises(ModelError, match=says):
        loop.pushing._check_fields(account, [field])
    assert {call.action for call in sandbox.calls} <= {"list", "get", "LeadsMetaData.Get"}


@pytest.mark.parametrize("name", ["pollybot", "leadsquared"])
def test_a_plan_is_shown_where_the_crm_does_not_answer(sandbox: Sandbox, name: str) -> None:
    """Or refuses the key: the push says so."""
    vendor: Any = sandbox.vendors[name]
    vendor.answer = lambda _: None
    with crm.account(name) as account:
        loop.pushing._check_fields(
            account, ["customFields.tier", "mx_Lead_Tier"][name == "leadsquared" :][:1]
        )
