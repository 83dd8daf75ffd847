"""The sandbox against every vendor's published API: each documented call is answered as documented, and refused as documented."""

from collections.abc import Iterator
from typing import Any

import pytest

from connector.sandbox import Sandbox
from tests.contracts.published import CONTRACTS
from tests.contracts.published.between import Answered, Between, asked, between
from tests.contracts.published.contract import Contract, Endpoint, Scene, Wrong, filled

EACH = [(contract, each) for contract in CONTRACTS for each in contract.endpoints if each.played]
NOT_PLAYED = [(contract, each) for contract in CONTRACTS for each in contract.endpoints if not each.played]
IDS = [f"{contract} {each.name}" for contract, each in EACH]
REFUSED = [(contract, wrong) for contract in CONTRACTS for wrong in contract.wrong]
METHODS = ("GET", "POST", "PUT", "DELETE")
LEADS = 12


@pytest.fixture
def crm(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    contract: Contract = request.getfixturevalue("contract")
    with Sandbox(leads=LEADS, **contract.options) as crm:
        yield crm


@pytest.fixture
def scene(crm: Sandbox, contract: Contract) -> Scene:
    return contract.scene(crm)


def send(
    server: Between,
    endpoint: Endpoint,
    scene: Scene,
    *,
    method: str | None = None,
    place: int = 0,
    key: str | None = None,
    wrong: Wrong | None = None,
    as_json: bool = False,
) -> Answered:
    """The endpoint's example, with its key in one of its places."""
    contract, example = server.contract, endpoint.example
    method = method or endpoint.methods[-1]
    keys, headers = contract.keys.places(server.crm.token if key is None else key)[place]
    params, body, path = {**example.params}, example.body, {**example.path}
    if wrong is not None:
        params = {name: value for name, value in {**params, **wrong.params}.items() if value is not None}
        body = body if wrong.body is ... else wrong.body
        path |= wrong.path
    there = endpoint.path.format(**filled(path, scene))
    given: dict[str, Any] = {"params": {**keys, **filled(params, scene)}}
    if endpoint.form and method == "POST":
        given = {"body" if as_json else "form": given["params"]}
    elif body is not None:
        given["body"] = filled(body, scene)
    return asked(method, server.url + there, headers=headers, **given)


def lists(value: Any) -> Iterator[list[Any]]:
    """Every list in an answer, however deep."""
    if isinstance(value, list):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from lists(inner)


@pytest.mark.parametrize(("contract", "endpoint"), EACH, ids=IDS)
def test_each_documented_call_is_answered_as_documented(contract: Contract, endpoint: Endpoint) -> None:
    """With each of its methods, and each way to give a key; a list that is checked has something in it."""
    ways = [(method, False) for method in endpoint.methods] + [("POST", True)] * endpoint.form
    for method, as_json in ways:
        for place in range(len(contract.keys.places("any"))):
            with Sandbox(leads=LEADS, **contract.options) as crm, between(crm, contract) as server:
                answer = send(
                    server, endpoint, contract.scene(crm), method=method, place=place, as_json=as_json
                )
            (found,) = server.exchanges
            assert (found.name, answer.status_code) == (endpoint.name, 200)
            assert list(endpoint.answer.problems(answer.json(), "")) == []
            assert not endpoint.has_list or any(lists(answer.json()))


@pytest.mark.parametrize(("contract", "endpoint"), EACH, ids=IDS)
def test_nothing_but_the_documented_methods_and_keys_is_taken(
    crm: Sandbox, contract: Contract, endpoint: Endpoint, scene: Scene
) -> None:
    """A wrong key, and none, is refused as documented; another method is no call of the API."""
    with between(crm, contract, wrong_calls=True) as server:
        for place in range(len(contract.keys.places("any"))):
            answer = send(server, endpoint, scene, place=place, key="wrong")
            refused = (answer.status_code, contract.code_of(answer.status_code, answer.json()))
            assert refused == contract.wrong_key
    path = endpoint.path.format(**filled(endpoint.example.path, scene))
    taken = {method for each in contract.endpoints if each.matches(path) for method in each.methods}
    for method in set(METHODS) - taken:
        answer = asked(method, crm.base_url + path, headers=contract.keys.places(crm.token)[-1][1])
        assert answer.status_code in (404, 405), method


@pytest.mark.parametrize(
    ("contract", "wrong"),
    REFUSED,
    ids=[
        f"{contract} {wrong.name} {wrong.code} {number}" for number, (contract, wrong) in enumerate(REFUSED)
    ],
)
def test_a_wrong_call_is_refused_as_documented(
    crm: Sandbox, contract: Contract, wrong: Wrong, scene: Scene
) -> None:
    """With the code of this endpoint, and the words beside it: one number has other words at another endpoint."""
    endpoint = contract.endpoint(wrong.name)
    with between(crm, contract, wrong_calls=True) as server:
        answer = send(server, endpoint, scene, wrong=wrong)
    assert list(endpoint.answer.problems(answer.json(), "")) != []
    assert contract.code_of(answer.status_code, answer.json()) == wrong.code
    words = endpoint.codes[wrong.code]
    assert not words or words in answer.json().values()


@pytest.mark.parametrize(
    ("contract", "endpoint"), NOT_PLAYED, ids=[f"{contract} {each.name}" for contract, each in NOT_PLAYED]
)
def test_what_the_sandbox_does_not_play_is_no_call_of_it(
    crm: Sandbox, contract: Contract, endpoint: Endpoint
) -> None:
    """And leadloop never calls it."""
    keys, headers = contract.keys.places(crm.token)[0]
    answer = asked(endpoint.methods[-1], crm.base_url + endpoint.path, form=keys, headers=headers)
    assert (answer.status_code, answer.content[:15]) == (404, b"<!DOCTYPE html>")
    assert not endpoint.used


@pytest.mark.parametrize("contract", CONTRACTS, ids=str)
def test_every_documented_code_is_provoked(contract: Contract) -> None:
    """A code without a way to it is in ``never``, with the reason."""
    ways = {(wrong.name, wrong.code) for wrong in contract.wrong}
    documented = {(each.name, code) for each in contract.endpoints if each.played for code in each.codes}
    twins = {
        (each.name, code)
        for each in contract.endpoints
        for other in contract.endpoints
        if each.source.split()[:2] == other.source.split()[:2] and each.codes == other.codes
        for code in each.codes
        if (other.name, code) in ways
    }
    assert documented - ways - twins - set(contract.never) == set()


@pytest.mark.parametrize("contract", CONTRACTS, ids=str)
def test_every_row_has_its_source_and_a_right_example(contract: Contract) -> None:
    """The example is a call that the table itself allows."""
    with Sandbox(leads=LEADS, **contract.options) as crm:
        scene = contract.scene(crm)
    for each in contract.endpoints:
        assert each.source
        assert list(each.wrong_params(list(filled(each.example.params, scene).items()))) == []
        if each.body is not None and (each.needs_body or each.example.body is not None):
            assert list(each.body.problems(filled(each.example.body, scene), "")) == []
