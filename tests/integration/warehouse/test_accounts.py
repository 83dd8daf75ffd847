"""Another account of a CRM is told from the one whose leads the warehouse holds, before anything is read or sent."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connector import cli, config, crm, loop
from connector.errors import OtherAccountError
from connector.sandbox import Sandbox
from connector.warehouse import accounts, models
from connector.warehouse.connection import Warehouse

VENDORS = list(crm.names())


@pytest.fixture
def open_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """Starts a sandbox and points the settings of a CRM at it; another seed is another account with the same lead ids."""
    monkeypatch.chdir(tmp_path)
    with ExitStack() as stack:

        def start(
            vendor: Any, *, seed: Any, token: Any = "sandbox-token", leads: Any = 12, sandbox: Any = None
        ) -> Any:
            sandbox = sandbox or stack.enter_context(Sandbox(leads=leads, seed=seed, token=token))
            values = {**sandbox.settings()[vendor], "rate": "1000", "settle": "0", "lookback": "0"}
            for name, value in values.items():
                monkeypatch.setenv(config.env_name(f"crm.{vendor}.{name}"), value)
            config.reload()
            return sandbox

        yield start
    config.reload()


@pytest.fixture
def duck(tmp_path: Path) -> Any:
    return Warehouse.duckdb(tmp_path / "leads.duckdb")


def noted(warehouse: Any) -> Any:
    with warehouse.engine().connect() as connection:
        query = sa.select(accounts.accounts).order_by(accounts.accounts.c.sequence_number)
        return [dict(row) for row in connection.execute(query).mappings()]


def rows(warehouse: Any, vendor: Any) -> Any:
    with warehouse.engine().connect() as connection:
        return connection.scalar(sa.text(f"select count(*) from {vendor}_raw.lead_versions"))


@pytest.mark.long_if(*(set(VENDORS) - {"convoso"}))
@pytest.mark.parametrize("vendor", VENDORS)
def test_another_account_is_refused_before_it_is_read(open_account: Any, duck: Any, vendor: Any) -> None:
    """The same ids with other creation times: exit code 2, no row more, and the way out is named."""
    open_account(vendor, seed=1)
    loop.extract(duck, vendor)
    other = open_account(vendor, seed=2)
    with pytest.raises(OtherAccountError, match="--same-account") as stopped:
        loop.extract(duck, vendor)
    assert stopped.value.exit_code == 2
    assert rows(duck, vendor) == 12
    assert len(other.calls) <= 2 * accounts.KNOWN
    (row,) = noted(duck)
    assert (row["organisation"] is not None) == (vendor in ("pollybot", "leadping"))
    assert (row["crm"], row["vendor"], len(json.loads(row["known_leads"]))) == (
        vendor,
        vendor,
        accounts.KNOWN,
    )


@pytest.mark.long
def test_another_account_is_refused_in_either_warehouse(open_account: Any, warehouse: Any) -> None:
    """So it is in PostgreSQL."""
    open_account("convoso", seed=1)
    loop.extract(warehouse, "convoso")
    open_account("convoso", seed=2)
    with pytest.raises(OtherAccountError):
        loop.extract(warehouse, "convoso")
    assert rows(warehouse, "convoso") == 12


@pytest.mark.long
@pytest.mark.parametrize("vendor", VENDORS)
def test_the_same_account_under_another_address_and_key_passes(
    open_account: Any, duck: Any, vendor: Any
) -> None:
    """One lead is looked up, once; the new address and key are noted, and the run goes on without a word."""
    first = open_account(vendor, seed=1)
    loop.extract(duck, vendor)
    with Sandbox(book=first.book, token="rotated") as second:
        open_account(vendor, seed=1, token="rotated", sandbox=second)
        loop.extract(duck, vendor)
        calls = len(second.calls)
        loop.extract(duck, vendor)
        # The look for a known lead also tells what time it is there, which the second run has to ask for.
        assert calls == len(second.calls) - calls
    before, after = noted(duck)
    assert before["mark"] != after["mark"]
    assert after["host"] == f"127.0.0.1:{second.port}"


@pytest.mark.long
def test_a_warehouse_from_before_there_were_accounts_is_looked_at_as_well(
    open_account: Any, duck: Any
) -> None:
    """Where nothing is noted, the leads in the raw tables tell."""
    open_account("convoso", seed=1)
    loop.extract(duck, "convoso")
    with duck.engine().begin() as connection:
        connection.execute(sa.text("drop table leadloop.accounts"))
    open_account("convoso", seed=2)
    with pytest.raises(OtherAccountError):
        loop.extract(duck, "convoso")


@pytest.mark.long
def test_a_person_may_say_that_it_is_the_same_account(
    open_account: Any, duck: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All known leads are gone: --same-account reads on, and what it says is noted for later runs."""
    monkeypatch.setattr(Warehouse, "open", lambda: duck)
    open_account("convoso", seed=1)
    loop.extract(duck, "convoso")
    other = open_account("convoso", seed=2)
    other.book.edit(other.book.ids()[0], {"status": "SALE"})
    cli.app(["extract", "--crm", "convoso", "--same-account"], standalone_mode=False)
    assert rows(duck, "convoso") == 13
    loop.extract(duck, "convoso")


@pytest.mark.long
def test_leads_that_are_gone_do_not_make_another_account(open_account: Any, duck: Any) -> None:
    """The leads that were seen last may have been deleted: one that is still there is enough."""
    sandbox = open_account("convoso", seed=1)
    loop.extract(duck, "convoso")
    known = [lead_id for lead_id, _ in json.loads(noted(duck)[0]["known_leads"])]
    for lead_id in known[:-1]:
        sandbox.book.delete(lead_id)
    with duck.engine().begin() as connection:
        connection.execute(sa.text("update leadloop.accounts set host = 'crm.example.com'"))
    loop.extract(duck, "convoso")
    assert len(noted(duck)) == 2


@pytest.mark.long
def test_nothing_is_sent_to_another_account(open_account: Any, duck: Any) -> None:
    """A push stops before its first call that writes, with exit code 2, and leaves no run behind."""
    open_account("convoso", seed=1, leads=60)
    project = models.packaged_project()
    loop.extract(duck, "convoso")
    loop.build(duck, project)
    other = open_account("convoso", seed=2, leads=60)
    with pytest.raises(OtherAccountError):
        loop.push(duck, "lead_scores_to_convoso", project)
    assert other.calls.count("update") == 0
    with duck.engine().connect() as connection:
        assert connection.scalar(sa.text("select count(*) from leadloop.push_journal")) == 0
