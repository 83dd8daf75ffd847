"""What a person is told of clocks: this machine's against the CRM's, and times in the future."""

from collections.abc import Iterator
from contextlib import contextmanager

from connector.crm.account import Account
from connector.crm.clock import skew
from connector.events import Listener
from connector.push.ahead import in_the_future
from connector.warehouse.connection import Warehouse


@contextmanager
def skew_said(account: Account, listener: Listener) -> Iterator[None]:
    """At the end, however it came: by then the CRM's clock is known."""
    try:
        yield
    finally:
        if (sentence := skew(account.name, account.clock)) is not None:
            listener.notice(sentence)


def say_future(warehouse: Warehouse, account: Account, listener: Listener) -> None:
    for sentence in in_the_future(warehouse.engine(), account.reader):
        listener.notice(sentence)
