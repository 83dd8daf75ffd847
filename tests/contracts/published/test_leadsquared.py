"""What is LeadSquared's alone in its published API: what is not found, what a refusal leaves, and the limits by plan."""

from collections.abc import Iterator
from typing import Any

import pytest

from connector.config import Secret
from connector.crm.leadsquared import LeadSquaredSettings
from connector.crm.leadsquared.settings import PLANS
from connector.sandbox import Sandbox
from connector.sandbox.leadsquared import prospect_id
from tests.contracts.published.between import asked
from tests.contracts.published.leadsquared import LEADS, RATE_LIMITS

NOBODY = prospect_id("nobody")


@pytest.fixture
def crm() -> Iterator[Sandbox]:
    with Sandbox(leads=3) as crm:
        yield crm


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("Leads.GetById", {"id": NOBODY}),
        ("Leads.GetByEmailaddress", {"emailaddress": "nobody@example.com"}),
        ("RetrieveLeadByPhoneNumber", {"phone": "0000000000"}),
    ],
)
def test_nothing_is_found_as_published(crm: Sandbox, name: str, params: dict[str, str]) -> None:
    """``[]`` of a lead that isn't there, by its id, its email address and its phone number."""
    keys = {"accessKey": crm.token, "secretKey": crm.token}
    assert asked("GET", f"{crm.base_url}{LEADS}{name}", params={**keys, **params}).json() == []


def test_a_field_has_a_type_and_a_way_to_be_rendered(crm: Sandbox) -> None:
    """A date that is rendered with a time of day is told by that alone."""
    keys: dict[str, Any] = {"accessKey": crm.token, "secretKey": crm.token}
    fields = asked("GET", f"{crm.base_url}{LEADS}LeadsMetaData.Get", params=keys).json()
    found = {each["SchemaName"]: (each["DataType"], each["RenderTypeTextValue"]) for each in fields}
    assert found["Score"] == ("Number", "Textbox")
    assert found["ProspectStage"] == ("Select", "Dropdown")


def test_the_client_keeps_to_the_published_limits() -> None:
    """Each plan has the numbers of the page, and the rate stays below them."""
    assert PLANS.keys() == RATE_LIMITS.keys()
    for name, published in RATE_LIMITS.items():
        plan = PLANS[name]
        assert (plan.calls, plan.bulk, plan.a_day) == (published.calls, published.bulk, published.a_day)
        settings = LeadSquaredSettings(access_key=Secret("a"), secret_key=Secret("b"), plan=name)
        assert 0 < settings.rate * 5 < published.calls
        assert 0 < settings.bulk_rate * 5 < published.bulk
        assert settings.calls_a_day == published.a_day
