"""LeadSquared is read completely: while leads are edited, on seconds that hold more than a page, and at its last page."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import dlt
import pytest
import sqlalchemy as sa

from connector import config, leadsquared
from connector.crm.http import Retry
from connector.crm.leadsquared import LeadSquaredReader, LeadSquaredSettings, open_session
from connector.crm.leadsquared import reader as leadsquared_reader
from connector.errors import CallsUsedError, CrmError, UnexpectedAnswerError
from connector.extract.again import read_back
from connector.extract.edited import edited_since
from connector.extract.job import job
from connector.extract.load import load
from connector.extract.query import Query
from connector.extract.reading import Reading
from connector.extract.reconcile import RawLeads, window_of
from connector.extract.windows import Window
from connector.sandbox import parse_fault
from connector.sandbox.documents import Document
from connector.warehouse.pipelines import AccountTables
from tests.integration.extract.conftest import unseen
from tests.meanwhile import meanwhile

QUICK = Retry(first=0.01, longest=0.05, attempts=12)
SECOND = datetime(2026, 6, 1, 15, 0, 1, tzinfo=UTC)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def made(crm: Any, **given: Any) -> Any:
    settings = config.resolve(
        LeadSquaredSettings,
        {"base_url": crm.base_url, "access_key": crm.token, "secret_key": crm.token, "rate": 1000.0, **given},
    )
    return LeadSquaredReader(settings, session=open_session(settings, retry=QUICK)), settings


def leads_of(crm: Any) -> Any:
    return crm.vendors["leadsquared"].leads


def import_leads(leads: Any, instants: Any) -> None:
    """A list import: one new lead at each of these instants."""
    made: dict[str, Document] = {}
    for instant in instants:
        lead_id = f"{random.getrandbits(128):032x}"
        made[lead_id] = Document(lead_id, {"FirstName": f"n{len(made)}"}, instant, instant)
    with leads.lock:
        leads.leads.update(made)
        leads._by_time = sorted((each.modified, each.id) for each in leads.leads.values())


@contextmanager
def edits(leads: Any, count: int = 60) -> Iterator[None]:
    """People edit leads and act on them while the block runs: at least ``count`` times, then until it ends."""
    ids = leads.ids()

    def work(done: threading.Event) -> None:
        number = 0
        while not (done.wait(0.002) and number >= count):
            leads.edit(random.choice(ids), {"mx_City": f"edit {number}"})
            number += 1

    with meanwhile(work):
        yield


def read(reader: Any, window: Any, **query: Any) -> Any:
    """The rows of a window by the text of all their columns, and how the reading went."""
    reading = Reading(reader, window, Query(**query))
    rows = [row for batch in reading for row in batch.table.to_pylist()]
    return rows, reading.tally


def missing(leads: Any, rows: Any) -> Any:
    return unseen(leads.rows(), rows)


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)


def settled() -> datetime:
    """The end of a run's window: no edit falls into it any more, but leads leave it."""
    return now() - timedelta(seconds=3)


@pytest.mark.parametrize("page_size", [50, 1000])
def test_complete_while_leads_are_edited(sandbox: Any, page_size: Any) -> None:
    """Every lead is read in a first run during edits and a second run after them, also over many small pages."""
    crm = sandbox(leads=600)
    leads = leads_of(crm)
    reader, _ = made(crm)
    with closing(reader), edits(leads):
        middle = settled()
        rows, tally = read(reader, Window(LONG_AGO, middle), page_size=page_size)
    more, _ = read(reader, Window(middle, now()), page_size=page_size)
    assert missing(leads, rows + more) == set()
    assert tally.precision == "second"
    assert tally.calls < 100


def test_a_dense_second_whose_own_leads_are_edited(sandbox: Any) -> None:
    """More leads in one second than a page holds, some of which leave it meanwhile: none slips through."""
    crm = sandbox(leads=0)
    leads = leads_of(crm)
    import_leads(leads, [SECOND + timedelta(milliseconds=number) for number in range(700)])
    reader, _ = made(crm)
    with closing(reader), edits(leads, 30):
        middle = settled()
        rows, _ = read(reader, Window(LONG_AGO, middle), page_size=100)
    more, _ = read(reader, Window(middle, now()), page_size=100)
    assert missing(leads, rows + more) == set()


@pytest.mark.parametrize("page_size", [1, 3, 7, 50])
def test_neighbouring_windows_share_their_boundary_second(sandbox: Any, page_size: Any) -> None:
    """Leads between any two full seconds are found, however often the window is split."""
    crm = sandbox(leads=0)
    leads = leads_of(crm)
    import_leads(leads, [SECOND + timedelta(milliseconds=500 * number) for number in range(40)])
    reader, _ = made(crm)
    with closing(reader):
        rows, tally = read(reader, Window(SECOND, SECOND + timedelta(seconds=20)), page_size=page_size)
    assert missing(leads, rows) == set()
    assert tally.splits > 0 or page_size == 50


def test_runs_that_follow_each_other_share_it_too(sandbox: Any) -> None:
    """What happened in the second in which one run's window ends is in the next one's at the latest."""
    crm = sandbox(leads=0)
    leads = leads_of(crm)
    import_leads(leads, [SECOND + timedelta(milliseconds=100 * number) for number in range(100)])
    reader, _ = made(crm)
    ends = [SECOND + timedelta(seconds=seconds) for seconds in range(11)]
    with closing(reader):
        rows = [row for low, high in pairwise(ends) for row in read(reader, Window(low, high))[0]]
    assert missing(leads, rows) == set()


@pytest.mark.parametrize("count", [10, 11, 20])
def test_exactly_full_pages(sandbox: Any, count: Any) -> None:
    """At the last page and behind it the API says what it says, and every lead comes once."""
    crm = sandbox(leads=0)
    leads = leads_of(crm)
    import_leads(leads, [SECOND + timedelta(milliseconds=number) for number in range(count)])
    reader, _ = made(crm)
    with closing(reader):
        rows, tally = read(reader, Window(SECOND, SECOND), page_size=10)
    assert missing(leads, rows) == set()
    assert tally.precision == "second"
    assert tally.calls <= 12


def test_activities_do_not_look_like_a_server_that_ignores_the_time(sandbox: Any) -> None:
    """Leads are found by a clock that any activity moves: their last edit may lie outside of the window."""
    crm = sandbox(leads=100)
    vendor = crm.vendors["leadsquared"]
    for lead in vendor.leads.ids()[:30]:
        vendor.act(lead)
    reader, _ = made(crm)
    with closing(reader):
        rows, tally = read(reader, Window(now() - timedelta(minutes=5), now()), page_size=10)
    assert {row["prospect_id"] for row in rows} == set(vendor.leads.ids()[:30])
    assert tally.precision == "second"


@pytest.mark.parametrize(
    "fault",
    ["status=429:0.2", "status=500:0.2", "cut:0.2", "empty_page:0.2", "repeat_page:0.2", "lying_total:0.2"],
)
def test_complete_or_an_error(sandbox: Any, fault: Any) -> None:
    """Under each fault all leads are read, or the reading says that it could not."""
    crm = sandbox(leads=300)
    leads = leads_of(crm)
    leads.ids()
    crm.faults.switch_on(parse_fault(fault))
    reader, _ = made(crm)
    with closing(reader):
        try:
            rows, _ = read(reader, Window(LONG_AGO, now()), page_size=50)
        except CrmError:
            return
    assert missing(leads, rows) == set()


def test_what_a_push_looks_at(sandbox: Any) -> None:
    """Leads that were edited since the plan, by id and column; and one lead by its id."""
    crm = sandbox(leads=20)
    leads = leads_of(crm)
    lead = leads.ids()[4]
    since = datetime.now(UTC)
    leads.edit(lead, {"mx_City": "Elsewhere"})
    reader, _ = made(crm)
    with closing(reader):
        found = edited_since(reader, since, datetime.now(UTC), Query())
        assert found[lead]["mx_city"] == "Elsewhere"
        (row,) = read_back(reader, lead).rows
        assert row["mx_City"] == "Elsewhere"


def test_loaded_with_its_cursor(duck: Any, sandbox: Any) -> None:
    """Through dlt into the warehouse, as the CRM has it; a second run reads only what came after the first."""
    crm = sandbox(leads=200)
    leads = leads_of(crm)
    leads.ids()
    reader, settings = made(crm, settle=0.0, lookback=0.0)

    def run(number: Any) -> Any:
        pipeline = dlt.pipeline(
            "leadsquared",
            destination=duck.warehouse.destination(),
            dataset_name="leadsquared_raw",
            pipelines_dir=str(duck.folder / f"machine{number}"),
        )
        tables = AccountTables(duck.warehouse, "leadsquared", "leadsquared_raw", lambda: pipeline)
        return load(tables, settings, job(settings, reader=reader))

    with closing(reader):
        assert run(1).rows == 200
        raw = RawLeads(duck.warehouse.engine(), reader)
        compared = window_of(job(settings, reader=reader), raw, Window(LONG_AGO, now()), cursor=None)
        assert (compared.crm, compared.warehouse, compared.differences) == (200, 200, ())
        edited = leads.ids()[:5]
        for lead in edited:
            leads.edit(lead, {"mx_City": "Elsewhere", "mx_Notes": None})
        # An edit of this very second lies behind what has settled.
        while datetime.now(UTC) < leads.find(edited[-1]).modified + timedelta(seconds=1):
            threading.Event().wait(0.05)
        second = run(2)
    assert 5 <= second.rows < 200
    with duck.warehouse.engine().connect() as connection:
        rows = connection.execute(sa.text("select * from leadsquared_raw.lead_versions")).mappings().all()
    assert missing(leads, rows) == set()
    assert {row["leadloop_timezone"] for row in rows} == {"UTC"}


def test_merged_leads_are_removed_ones_with_the_lead_that_stays(duck: Any, sandbox: Any) -> None:
    """Each run asks for the merges since the last one, and keeps of them who was merged, when and into whom."""
    crm = sandbox(leads=20)
    vendor = crm.vendors["leadsquared"]
    ids = vendor.leads.ids()
    reader, settings = made(crm, settle=0.0)
    pipeline = dlt.pipeline(
        "leadsquared",
        destination=duck.warehouse.destination(),
        dataset_name="leadsquared_raw",
        pipelines_dir=str(duck.folder / "machine"),
    )

    def run() -> Any:
        tables = AccountTables(duck.warehouse, "leadsquared", "leadsquared_raw", lambda: pipeline)
        return load(tables, settings, job(settings, reader=reader))

    def removals() -> Any:
        with duck.warehouse.engine().connect() as connection:
            return connection.execute(
                sa.text("select distinct id, removal, merged_into from leadsquared_raw.lead_removals")
            ).all()

    with closing(reader):
        assert run().removals == 0
        vendor.merge(ids[3], ids[4])
        vendor.merge(ids[5], ids[4])
        # A merge of this very second lies behind what has settled.
        time.sleep(1.1)
        assert run().removals == 2
    assert set(removals()) == {(ids[3], "merged", ids[4]), (ids[5], "merged", ids[4])}


@pytest.mark.parametrize("only_search", [(), ("mx_Plan_Interest",)])
def test_an_attribute_that_one_endpoint_shows_looks_like_nobodys_edit(
    duck: Any, sandbox: Any, only_search: tuple[str, ...]
) -> None:
    """A lead has the same attributes with the same values, whether a search, a look at it or a group by ids shows it."""
    crm = sandbox(leads=30, leadsquared_only_search=only_search, leadsquared_only_get=("mx_Zip",))
    leads = leads_of(crm)
    ids = leads.ids()
    reader, settings = made(crm, settle=0.0)
    with closing(reader):
        searched = {reader.lead_id(row): row for row in reader.search(None).rows}
        assert all({"mx_Zip", "CanUpdate"}.isdisjoint(row) for row in searched.values())
        assert {each: reader.get(each).rows[0] for each in ids[:3]} == {
            each: searched[each] for each in ids[:3]
        }
        together = {reader.lead_id(row): row for row in reader.get_many(ids).rows}
        assert together == searched
        pipeline = dlt.pipeline(
            "leadsquared",
            destination=duck.warehouse.destination(),
            dataset_name="leadsquared_raw",
            pipelines_dir=str(duck.folder / "machine"),
        )
        tables = AccountTables(duck.warehouse, "leadsquared", "leadsquared_raw", lambda: pipeline)
        load(tables, settings, job(settings, reader=reader), again=lambda: dict.fromkeys(ids[:10]))
        raw = RawLeads(duck.warehouse.engine(), reader)
        compared = window_of(job(settings, reader=reader), raw, Window(LONG_AGO, now()), cursor=None)
        assert compared.differences == ()
    with duck.warehouse.engine().connect() as connection:
        rows = connection.execute(sa.text("select * from leadsquared_raw.lead_versions")).mappings().all()
    assert len(rows) == 40
    ours = {"leadloop_seen_at", "leadloop_sequence_number", "_dlt_load_id", "_dlt_id"}
    versions = {tuple(sorted((n, v) for n, v in row.items() if n not in ours and v)) for row in rows}
    assert len(versions) == 30


def test_which_attributes_are_one_sided_is_found_out_once(sandbox: Any) -> None:
    """Two calls in a run, however many leads are read by their ids; one where a search has shown a lead before."""
    crm = sandbox(leads=10)
    ids = leads_of(crm).ids()
    for searched, calls in ((False, 3), (True, 2)):
        reader, _ = made(crm)
        with closing(reader):
            if searched:
                reader.search(None, limit=1)
            assert [reader.get(each).calls for each in ids[:4]] == [calls, 1, 1, 1]


def test_an_attribute_that_only_searches_show_is_looked_for_by_time(sandbox: Any) -> None:
    """Where not even a group by ids shows it; and where that doesn't, either, the error names it."""
    crm = sandbox(leads=10, leadsquared_only_search=("mx_City",))
    lead = leads_of(crm).ids()[4]
    crm.faults.switch_on(parse_fault("empty_page:path=ByIds"))
    reader, _ = made(crm)
    with closing(reader):
        assert reader.get(lead).rows[0]["mx_City"] == leads_of(crm).row(lead)["mx_City"]


def test_more_merges_than_a_page_of_activities_has(sandbox: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """All are there, and asked for once."""
    monkeypatch.setattr(leadsquared_reader, "MOST_ACTIVITIES", 3)
    crm = sandbox(leads=20)
    vendor = crm.vendors["leadsquared"]
    ids = vendor.leads.ids()
    for each in ids[1:10]:
        vendor.merge(each, ids[0])
    reader, _ = made(crm)
    with closing(reader):
        first, again = (reader.search(None, cursor_field="merged_at", limit=5, offset=at) for at in (0, 5))
        rows = [*first.rows, *again.rows]
        assert {row["ProspectID"] for row in rows} == set(ids[1:10])
        assert {row["merged_into"] for row in rows} == {ids[0]}
        assert (first.total, len(rows)) == (9, 9)
        assert (first.calls, again.calls) == (4 + 9, 4)
        assert not reader.search((SECOND, SECOND), cursor_field="merged_at").rows


def test_an_account_that_shows_no_activities_says_how_to_do_without(sandbox: Any) -> None:
    """The error names the setting."""
    crm = sandbox(leads=5)
    crm.faults.switch_on(parse_fault("status=404:path=ProspectActivity"))
    reader, _ = made(crm)
    with closing(reader), pytest.raises(UnexpectedAnswerError, match=r"crm\.leadsquared\.removals"):
        reader.search(None, cursor_field="merged_at")


def test_a_day_without_calls_keeps_what_was_read(
    duck: Any, sandbox: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reading ends with the date; each day goes on where the one before ended, until everything is there."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    crm = sandbox(leads=0)
    leads = leads_of(crm)
    import_leads(leads, [LONG_AGO + timedelta(hours=number) for number in range(1000)])
    reached = []

    def day(number: int) -> bool:
        """Whether everything was read."""
        # Each day counts for itself, as another account's would.
        reader, settings = made(
            crm, settle=0.0, page_size=20, start=date(2026, 1, 1), calls_per_day=40, pace_name=f"day {number}"
        )
        pipeline = dlt.pipeline(
            "leadsquared",
            destination=duck.warehouse.destination(),
            dataset_name="leadsquared_raw",
            pipelines_dir=str(duck.folder / "machine"),
        )
        tables = AccountTables(duck.warehouse, "leadsquared", "leadsquared_raw", lambda: pipeline)
        before = crm.calls.count()
        with closing(reader):
            used_up = None
            try:
                load(tables, settings, job(settings, reader=reader), chunk_rows=100)
            except CallsUsedError as error:
                used_up = error
        with duck.warehouse.engine().connect() as connection:
            seen = sa.text("select count(distinct prospect_id) from leadsquared_raw.lead_versions")
            reached.append(connection.scalar(seen))
        if used_up is None:
            return True
        tomorrow = datetime.now(UTC).date() + timedelta(days=1)
        assert f"the next ones begin on {tomorrow} at 00:00 UTC" in str(used_up)
        assert crm.calls.count() - before <= 40
        return False

    number = next(number for number in range(20) if day(number))
    assert 1 <= number <= 10
    assert reached == sorted(reached)
    assert (reached[0] > 0, reached[-1]) == (True, 1000)


def test_in_a_pipeline_of_ones_own(tmp_path: Path, sandbox: Any) -> None:
    """``from connector import leadsquared`` is a dlt source like any other, with the keys as arguments."""
    crm = sandbox(leads=30)
    pipeline = dlt.pipeline(
        "own",
        destination=dlt.destinations.duckdb(str(tmp_path / "crm.duckdb")),
        dataset_name="leads",
        pipelines_dir=str(tmp_path),
    )
    given = {"base_url": crm.base_url, "access_key": crm.token, "secret_key": crm.token}
    pipeline.run(leadsquared(**given, rate=1000.0, settle=0.0))
    with pipeline.sql_client() as client:
        rows = client.execute_sql("select prospect_id, email_address from lead_versions")
    expected = {(lead_id, row["EmailAddress"]) for lead_id, row in leads_of(crm).rows().items()}
    assert set(rows) == expected
