"""A CRM that does not answer: 2 where its address never worked, 1 where it did, and never the blame of the token."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from connector import checks, cli, config, loop
from connector.errors import AuthError, TransientError, UnreachableError
from connector.extract.shards import Shard
from connector.sandbox import Sandbox
from connector.sharded import extract_shard
from connector.warehouse.connection import Warehouse
from tests.quick_tables import without_dlt


@pytest.fixture(params=["duckdb", pytest.param("postgres", marks=pytest.mark.long)])
def home(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Warehouse:
    """A folder with a warehouse and quick loads."""
    monkeypatch.chdir(tmp_path)
    without_dlt(monkeypatch)
    if request.param == "duckdb":
        found = Warehouse.duckdb(tmp_path / "leads.duckdb")
    else:
        found = Warehouse.postgres(request.getfixturevalue("postgres_url"))
    monkeypatch.setattr(Warehouse, "open", lambda: found)
    return found


def point_at(crm: Sandbox, monkeypatch: pytest.MonkeyPatch, vendor: str = "convoso", **given: str) -> None:
    for name, value in {**crm.settings()[vendor], "rate": "1000", "settle": "0", **given}.items():
        monkeypatch.setenv(config.env_name(f"crm.{vendor}.{name}"), value)
    config.reload()


def codes() -> dict[str, int]:
    """The checks that failed, with what each ends the command with."""
    return {each.name: each.exit_code for each in checks.run() if not each.ok and each.name != "dbt project"}


@pytest.mark.long_if("leadsquared", "leadping", "pollybot")
@pytest.mark.parametrize("vendor", ["convoso", "leadsquared", "pollybot", "leadping"])
def test_an_address_that_has_answered_is_tried_again_later(
    home: Warehouse, monkeypatch: pytest.MonkeyPatch, vendor: str
) -> None:
    """1 and "run again later", in extract and check; the setting is named for the case that it goes on."""
    with Sandbox(leads=3) as crm:
        point_at(crm, monkeypatch, vendor)
        assert loop.extract(home, vendor).rows == 3
    with pytest.raises(
        TransientError, match=rf"{vendor} at 127\.0\.0\.1:\d+: nothing listens there"
    ) as caught:
        loop.extract(home, vendor)
    assert (caught.value.exit_code, caught.value.action, caught.value.crm) == (1, "retry", vendor)
    assert "Run again later" in caught.value.advice
    assert f"crm.{vendor}.base_url" in caught.value.advice
    assert codes() == {"address": 1}
    with pytest.raises(TransientError):
        loop.reconcile(home, vendor, sample=1)
    if vendor == "convoso":
        with pytest.raises(TransientError):
            extract_shard(home, vendor, start=datetime(2020, 1, 1, tzinfo=UTC), shard=Shard.parse("1/2"))


@pytest.mark.long_if("leadsquared", "leadping", "pollybot")
@pytest.mark.parametrize("vendor", ["convoso", "leadsquared", "pollybot", "leadping"])
def test_somebody_elses_page_at_an_address_that_has_answered(
    home: Warehouse, monkeypatch: pytest.MonkeyPatch, vendor: str
) -> None:
    """What a proxy shows while the CRM is mended, also in the first answer of a run: 1. A CRM that has moved for good: 2."""
    with Sandbox(leads=3) as crm:
        point_at(crm, monkeypatch, vendor)
        loop.extract(home, vendor)
        for fault in (("html",), ("status", 302)):
            found = crm.faults.add(*fault)
            with pytest.raises(TransientError, match=r"not the API's|redirect") as caught:
                loop.extract(home, vendor)
            assert (caught.value.exit_code, caught.value.crm) == (1, vendor)
            assert f"crm.{vendor}.base_url" in caught.value.advice
            assert codes() == {"address": 1}
            crm.faults.remove(found)
        crm.faults.add("status", 301)
        with pytest.raises(UnreachableError, match="redirect"):
            loop.extract(home, vendor)
        assert codes() == {"address": 2}


def test_somebody_elses_page_where_nobody_answered_before(
    home: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address may be that of anything: 2."""
    with Sandbox(leads=3) as crm:
        point_at(crm, monkeypatch)
        crm.faults.add("html")
        with pytest.raises(UnreachableError, match="not the API's"):
            loop.extract(home)
        assert codes() == {"address": 2}


def test_an_address_that_never_answered_is_a_wrong_setting(
    home: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2, also where another address of the same CRM has answered; check names the address, not the token."""
    with Sandbox(leads=3) as crm:
        point_at(crm, monkeypatch)
        loop.extract(home)
    for address in ("http://127.0.0.1:9/v1", "https://no-such-host.invalid/v1"):
        point_at(crm, monkeypatch, base_url=address)
        with pytest.raises(UnreachableError, match=r"Check crm\.convoso\.base_url") as caught:
            loop.extract(home)
        assert caught.value.exit_code == 2
        assert codes() == {"address": 2}


def test_a_first_extraction_that_finds_nobody(home: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is in the warehouse, so nothing says that the address is right: 2."""
    with Sandbox(leads=3) as crm:
        pass
    point_at(crm, monkeypatch)
    with pytest.raises(UnreachableError):
        loop.extract(home)
    assert codes() == {"address": 2}


def test_a_refused_token_is_still_one(home: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """check calls it the token: 2."""
    with Sandbox(leads=3) as crm:
        point_at(crm, monkeypatch)
        loop.extract(home)
        point_at(crm, monkeypatch, auth_token="another-one")
        with pytest.raises(AuthError):
            loop.extract(home)
        assert codes() == {"token": 2}


def test_of_two_crms_the_worse_one_decides(
    home: Warehouse, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One is away for now and the other's address is wrong: 2, whichever comes first, and both are told."""
    with Sandbox(leads=3) as crm:
        point_at(crm, monkeypatch)
        loop.extract(home)
        point_at(crm, monkeypatch, "pollybot", base_url="http://127.0.0.1:9/api")
    with pytest.raises(UnreachableError, match="pollybot"):
        cli.app(["extract"], standalone_mode=False)
    assert "convoso at" in capsys.readouterr().err
