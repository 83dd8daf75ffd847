"""A sandbox per test, and one way to talk to it that is not leadloop's own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import requests  # noqa: TID251 - the sandbox is tested with a client that is not ours

from connector.sandbox import Sandbox


@pytest.fixture
def start() -> Iterator[Callable[..., Sandbox]]:
    """Starts sandboxes that are stopped when the test ends."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(Sandbox(**options))


@pytest.fixture
def ask() -> Iterator[Callable[..., requests.Response]]:
    """Posts a form with the right token to an action of Convoso: ``ask(crm, 'search', limit=5)``."""
    with requests.Session() as session:

        def post(crm: Sandbox, action: str, **params: Any) -> requests.Response:
            given = {"auth_token": crm.token, **params}
            return session.post(f"{crm.base_url}/v1/leads/{action}", data=given, timeout=10)

        yield post


@pytest.fixture
def entries(ask: Callable[..., requests.Response]) -> Callable[..., list[dict[str, Any]]]:
    """The rows of one page in the live envelope."""

    def search(crm: Sandbox, **params: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = ask(crm, "search", **params).json()["data"]["entries"]
        return found

    return search
