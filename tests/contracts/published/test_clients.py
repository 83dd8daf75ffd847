"""Our client against every vendor's published API: whatever it asks is documented, and all that it is said to use is asked."""

from typing import Any

import pytest

from connector.sandbox import Sandbox
from tests.contracts.published import CONTRACTS, pollybot
from tests.contracts.published.between import between
from tests.contracts.published.clients import CLIENTS, CONVOSO, OPTIONS, PUSHED, WAYS
from tests.contracts.published.contract import Contract
from tests.contracts.published.convoso_leads import ROWS

EACH = [(contract, way) for contract in CONTRACTS for way in WAYS[contract.vendor]]
LEADS = 30


@pytest.mark.parametrize(("contract", "way"), EACH, ids=[f"{contract} {way}" for contract, way in EACH])
def test_the_client_asks_only_what_is_published(contract: Contract, way: str) -> None:
    """Each call is in the table, with parameters, fields and a key as there; each answer is read for what it is."""
    with Sandbox(leads=LEADS, **contract.options) as crm, between(crm, contract) as server:
        CLIENTS[contract.vendor](server.url, crm, contract.scene(crm), way)
    used = {each.name for each in contract.endpoints if each.used}
    of_pollybot = {each for each in used if ("chatbots" in each) == ("chatbots" in way)}
    assert server.names == (of_pollybot if contract.vendor == "pollybot" else used)
    if contract.vendor == "convoso":
        in_query = {name for each in server.exchanges for name, _ in each.call.in_query}
        assert in_query == ({"auth_token"} if way == "query" else set())


@pytest.mark.parametrize("contract", CONTRACTS, ids=str)
def test_the_client_is_seen_to_ask_something_else(contract: Contract) -> None:
    """Without one of the endpoints that it uses, or with one that allows less, the test above fails."""
    with Sandbox(leads=LEADS, **contract.options) as crm:
        scene = contract.scene(crm)
        used = [each for each in contract.endpoints if each.used]
        less: Any = Contract(
            contract.name,
            contract.vendor,
            tuple(used[1:]),
            contract.keys,
            contract.scene,
            contract.code_of,
            (0, ""),
        )
        with pytest.raises(AssertionError, match="is not documented"), between(crm, less) as server:
            CLIENTS[contract.vendor](server.url, crm, scene, WAYS[contract.vendor][0])


def test_every_filter_and_option_is_published() -> None:
    """Convoso's; and each is tried above."""
    search, insert = ROWS["leads/search"], ROWS["leads/insert"]
    assert set(CONVOSO.search_filters) == {*search.required, *search.optional} - {"offset", "limit"}
    assert set(CONVOSO.options) <= {*insert.required, *insert.optional}
    assert {name for options in OPTIONS for name in options} == set(CONVOSO.options)


def test_every_published_field_is_pushed() -> None:
    """PollyBot's; those of Leadping are made from its table."""
    for generation, fields in (("older", pollybot.OLDER_FIELDS), ("newer", pollybot.NEWER_FIELDS)):
        assert {name.partition(".")[0] for name in PUSHED[generation]} == fields.keys()
