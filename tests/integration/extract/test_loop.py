"""``loop.extract`` and ``leadloop extract`` over every CRM that is set up, into one warehouse."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connector import checks, cli, config, crm, loop
from connector.errors import ConfigError, LeaseLostError, UnreachableError
from connector.events import Listener
from connector.push import Journal
from connector.push.journal_row import Entry
from connector.render.document import to_json
from connector.render.extract import extract_document, extract_text
from connector.sandbox import Sandbox
from connector.warehouse import leases, models, pipelines
from connector.warehouse.connection import Warehouse
from tests.json_documents import validated

VENDORS = list(crm.names())


@pytest.fixture
def leads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """A sandbox with a few leads, and settings for these vendors."""
    with Sandbox(leads=12) as sandbox:

        def set_up(*vendors: Any, **given: Any) -> Any:
            for vendor in vendors:
                values = {
                    **sandbox.settings()[vendor],
                    "rate": "1000",
                    "settle": "0",
                    "lookback": "0",
                    **given,
                }
                for name, value in values.items():
                    monkeypatch.setenv(config.env_name(f"crm.{vendor}.{name}"), value)
            config.reload()
            return sandbox

        monkeypatch.chdir(tmp_path)
        yield set_up
    config.reload()


@pytest.fixture
def duckdb(duck: Any) -> Any:
    return duck.warehouse


def count(warehouse: Any, table: Any) -> Any:
    with warehouse.engine().connect() as connection:
        return connection.scalar(sa.text(f"select count(*) from {table}"))


def sent(warehouse: Any, vendor: Any, *lead_ids: Any) -> None:
    """The journal as after a push whose updates were accepted."""
    journal = Journal(warehouse.engine())
    journal.ensure()
    entries = [Entry("p", vendor, each, "title", "title", "applied", None, "x") for each in lead_ids]
    journal.record("run", entries)


def test_an_extraction_that_another_one_has_taken_over_loads_nothing(leads: Any, rig: Any) -> None:
    """Its lease was taken while it read: exit code 5, no row and no cursor of it; the next one reads all."""
    warehouse = rig.warehouse
    leads("convoso")
    taken: list[leases.Lease] = []

    class Thief(Listener):
        def extracting(self, _progress: Any) -> None:
            if not taken:
                held = leases.leases
                with warehouse.engine().begin() as connection:
                    old = held.c.renewed_at - sa.text("interval '1 hour'")
                    connection.execute(held.update().values(host_id="elsewhere", renewed_at=old))
                taken.append(leases.take(warehouse.engine(), "extract:convoso"))

    with pytest.raises(LeaseLostError) as lost:
        loop.extract(warehouse, listener=Thief())
    assert lost.value.exit_code == 5
    taken[0].release()
    with crm.account("convoso") as account:
        assert pipelines.cursor(warehouse, account) is None
    assert loop.extract(warehouse).rows == count(warehouse, "convoso_raw.lead_versions") == 12


@pytest.mark.long
@pytest.mark.parametrize("vendor", VENDORS)
def test_leads_of_any_crm_are_read_once_and_read_back_after_a_push(
    leads: Any, duckdb: Any, vendor: Any
) -> None:
    """The second run reads only what was sent; a lead that is gone has a row that says so, and is not asked for again."""
    sandbox = leads(vendor)
    book = sandbox.book if vendor == "convoso" else sandbox.vendors[vendor].leads
    first = loop.extract(duckdb, vendor)
    assert first.rows == count(duckdb, f"{vendor}_raw.lead_versions") == 12
    there, gone, *_ = book.ids()
    sent(duckdb, vendor, there, gone)
    book.delete(gone)
    second = loop.extract(duckdb, vendor)
    assert second.read_back == 1
    with duckdb.engine().connect() as connection:
        rows = connection.execute(sa.text(f"select id, removal from {vendor}_raw.lead_removals")).all()
    assert (gone, "deleted") in rows
    third = loop.extract(duckdb, vendor)
    assert (third.read_back, third.gone) == (0, 0)


def test_a_crm_that_can_not_be_read_holds_up_no_other(
    leads: Any, duckdb: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``leadloop extract`` reads all that are set up, reports the one that fails, and ends with its code."""
    leads("convoso", "pollybot")
    monkeypatch.setenv("CRM__CONVOSO__BASE_URL", "http://127.0.0.1:1/v1")
    config.reload()
    monkeypatch.setattr(Warehouse, "open", lambda: duckdb)
    with pytest.raises(UnreachableError):
        cli.app(["extract"], standalone_mode=False)
    assert count(duckdb, "pollybot_raw.lead_versions") == 12
    assert "pollybot: 12 rows" in capsys.readouterr().out


def test_one_document_is_about_one_crm(
    leads: Any, duckdb: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With several CRMs set up, --json and --filter want to know which; nothing is read before that."""
    sandbox = leads("convoso", "pollybot")
    monkeypatch.setattr(Warehouse, "open", lambda: duckdb)
    for argv in (["--json"], ["--filter", "list_id=333"]):
        with pytest.raises(ConfigError, match="--crm"):
            cli.app(["extract", *argv], standalone_mode=False)
    assert len(sandbox.calls) == 0
    cli.app(["extract", "--crm", "convoso", "--json"], standalone_mode=False)
    found = json.loads(capsys.readouterr().out)
    assert (found["crm"], found["rows"], found["removals"], found["recordings"]) == ("convoso", 12, 0, None)


@pytest.mark.parametrize(
    ("vendor", "given", "says"),
    [
        ("convoso", "lst_id=333", "list_id"),
        ("convoso", "deleted_at_start=2026-01-01", "lead_removals"),
        ("pollybot", "list_id=333", "has none"),
    ],
)
def test_filters_that_can_not_be_are_refused_before_anything_is_read(
    leads: Any, duckdb: Any, monkeypatch: pytest.MonkeyPatch, vendor: Any, given: Any, says: Any
) -> None:
    """A misspelt filter, one that would show removed leads as present ones, and any filter where the CRM has none."""
    sandbox = leads(vendor)
    monkeypatch.setattr(Warehouse, "open", lambda: duckdb)
    with pytest.raises(ConfigError, match=says):
        cli.app(["extract", "--crm", vendor, "--filter", given], standalone_mode=False)
    assert len(sandbox.calls) == 0


FILTERS = sorted(
    name
    for name in crm.vendor("convoso").capabilities.search_filters
    if not name.startswith(
        ("deleted_at_", "archived_at_", "updated_at_", "changed_at_", "last_call_", "created_at_")
    )
)


def test_every_filter_of_the_search_can_be_given(leads: Any) -> None:
    """Each of them finds just the leads that have the value, from the settings and from the command alike."""
    sandbox = leads("convoso")
    rows = sandbox.book.rows()
    for name in FILTERS:
        column = "id" if name == "lead_id" else name
        value = next((row[column] for row in rows.values() if row.get(column)), "1")
        has_it = {key for key, row in rows.items() if (row.get(column) or "").lower() == value.lower()}
        for filters, settings in (({name: value}, {}), ({}, {"filters": {name: value}})):
            reader: Any = crm.vendor("convoso").reader(crm.vendor("convoso").settings(**settings))
            found = {row["id"] for row in reader.search(None, filters=filters).rows}
            reader.close()
            assert has_it <= found, name
            assert found == has_it or len(found) < len(rows), name


def test_a_backfill_of_leads_that_are_listed_newest_first_moves_no_cursor(leads: Any, duckdb: Any) -> None:
    """The next run has everything to read, as with a CRM that is read by windows."""
    leads("pollybot")
    loop.extract(duckdb, "pollybot", start=datetime(2020, 1, 1, tzinfo=UTC))
    with crm.account("pollybot") as account:
        assert pipelines.cursor(duckdb, account) is None
    assert loop.extract(duckdb, "pollybot").rows == 12


def test_what_is_said_to_be_in_the_warehouse_was_read(leads: Any, duckdb: Any) -> None:
    """A window, a filter or a late start leave leads out, and the sentence says which were read; only a run without any of
    them says that all is there."""
    book = leads("convoso").book
    first, last = sorted(book.ids())[:2]
    day = datetime.now(UTC) - timedelta(days=400)
    for lead in (first, last):
        book.edit(lead, {"title": "new"})

    def said(**given: Any) -> str:
        done = loop.extract(duckdb, **given)
        document = to_json(extract_document("convoso", done))
        assert validated(json.loads(document))["backfill"] is bool(given.keys() & {"start", "end"})
        return extract_text("convoso", done)

    backfill = said(start=day, end=day + timedelta(days=1))
    assert f"everything edited from {day:%F %T} to {day + timedelta(days=1):%F %T} UTC was read" in backfill
    assert "nothing else" in backfill
    assert "up to" not in backfill
    assert "everything that matches the filter list_id and was edited up to" in said(
        filters={"list_id": "333"}
    )
    assert "; everything edited up to" in said()
    leads("convoso", start="2026-01-01", filters='{"list_id": "1"}')
    late = said(filters={"owner_id": "7"})
    assert "matches the filters list_id, owner_id and was edited from 2026-01-01 " in late


def test_an_interval_of_no_length_is_refused_before_anything_is_read(leads: Any, duckdb: Any) -> None:
    """As Airflow's default timetable gives it: a usage error that says what to do instead, in Python as well."""
    sandbox = leads("convoso")
    now = datetime.now(UTC)
    with pytest.raises(ConfigError, match=r"the same moment.*Leave both out.*CronDataIntervalTimetable"):
        loop.extract(duckdb, start=now, end=now)
    with pytest.raises(ConfigError, match="must lie before"):
        loop.extract(duckdb, start=now, end=now - timedelta(days=1))
    assert len(sandbox.calls) == 0


@pytest.mark.long
def test_a_run_goes_on_without_the_crm_that_fails(
    leads: Any, duckdb: Any, monkeypatch: pytest.MonkeyPatch, dbt_state: Any
) -> None:
    """The error stands beside the others' results, and pushes to that CRM are left out."""
    sandbox = leads("convoso", "pollybot")
    monkeypatch.setenv("CRM__CONVOSO__BASE_URL", "http://127.0.0.1:1/v1")
    monkeypatch.setattr(models, "STATE", dbt_state)
    config.reload()
    done = loop.run(duckdb, models.packaged_project())
    assert list(done.extracted) == ["pollybot"]
    assert {"extract convoso", "lead_scores_to_convoso"} <= done.failed.keys()
    assert isinstance(done.failed["extract convoso"], UnreachableError)
    assert done.exit_code == 2
    assert sandbox.calls.count("update", vendor="convoso") == 0


@pytest.mark.long
@pytest.mark.parametrize("prefix", ["", "CONVOSO__", "PIPELINES__CONVOSO__"])
def test_options_of_dlt_in_the_environment_change_nothing(
    leads: Any, duckdb: Any, monkeypatch: pytest.MonkeyPatch, prefix: Any
) -> None:
    """Whatever is set for other pipelines: the load goes to the same dataset, on from its cursor, with the load's id."""
    sandbox = leads("convoso")
    monkeypatch.setenv(prefix + "DEV_MODE", "true")
    monkeypatch.setenv(prefix + "REFRESH", "drop_sources")
    monkeypatch.setenv(prefix + "RESTORE_FROM_DESTINATION", "false")
    monkeypatch.setenv("NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_LOAD_ID", "false")
    loop.extract(duckdb)
    sandbox.book.edit(sandbox.book.ids()[0], {"status": "SALE"})
    loop.extract(duckdb)
    schemas = sa.inspect(duckdb.engine()).get_schema_names()
    assert len([name for name in schemas if "convoso" in name and "staging" not in name]) == 1
    assert 13 <= count(duckdb, "convoso_raw.lead_versions where _dlt_load_id is not null") < 24


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_clock_that_differs_is_said_by_every_extraction_and_by_check(
    leads: Any, duckdb: Any, vendor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The window ends by the CRM's clock all the same, and what it finds is dated by it."""
    sandbox = leads(vendor)
    sandbox.clock.advance(3 * 3600)
    said: list[str] = []
    listener = Listener()
    monkeypatch.setattr(listener, "notice", said.append)
    done = loop.extract(duckdb, vendor, listener=listener)
    assert done.window is not None
    assert abs(done.window.end - sandbox.clock.now()) < timedelta(minutes=9)
    assert [sentence.partition(" the CRM's")[0] for sentence in said] == [
        f"{vendor}: this machine's clock is 3 hours behind"
    ]
    with duckdb.engine().connect() as connection:
        seen = connection.scalar(sa.text(f"select min(leadloop_seen_at) from {vendor}_raw.lead_versions"))
    assert abs(seen - sandbox.clock.now()) < timedelta(minutes=9)
    (check,) = (each for each in checks._account(vendor) if each.name == "clock")
    assert (check.ok, check.message) == (False, said[0])
    sandbox.clock.reset()
    (check,) = (each for each in checks._account(vendor) if each.name == "clock")
    assert (check.ok, check.message) == (True, f"{vendor}'s clock and this machine's agree")
