"""dlt's MotherDuck destination, with one difference: the token is no part of the address, which messages may quote."""

from typing import Any

from dlt.common.configuration import configspec
from dlt.destinations.impl.motherduck.configuration import (
    MotherDuckClientConfiguration,
    MotherduckConnectionPool,
    MotherDuckCredentials,
)
from dlt.destinations.impl.motherduck.factory import motherduck as DltMotherDuck  # noqa: N812 - a class by its name

from connector.warehouse.motherduck_connection import address, with_token


def destination(database: str, token: str) -> Any:
    """``token``: blank where the environment has it, in the variable of MotherDuck's own."""
    return motherduck(credentials={"database": database, **({"password": token} if token else {})})


class Pool(MotherduckConnectionPool):  # type: ignore[misc]
    def borrow_conn(self, *given: Any, **named: Any) -> Any:
        with self._conn_lock, with_token(self.credentials.password or ""):
            return super().borrow_conn(*given, **named)


@configspec(init=False)
class Credentials(MotherDuckCredentials):  # type: ignore[misc]
    def _conn_str(self) -> str:
        return address(self.database)

    def on_resolved(self) -> None:
        super().on_resolved()
        self.conn_pool = Pool(self)


@configspec
class Configuration(MotherDuckClientConfiguration):  # type: ignore[misc]
    credentials: Credentials = None  # type: ignore[assignment]  # dlt fills it in


class motherduck(DltMotherDuck):  # type: ignore[misc]  # noqa: N801 - dlt takes the destination's name from it
    """``dlt.destinations.motherduck`` with those credentials."""

    spec = Configuration
