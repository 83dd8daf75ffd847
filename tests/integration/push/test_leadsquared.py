"""A push to LeadSquared, one by one and 25 in a call: every lead ends in a state, also those of a call without an answer."""

from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from connector.config import Secret
from connector.crm.leadsquared import LeadSquaredReader, LeadSquaredSettings, LeadSquaredWriter, open_session
from connector.errors import CallsUsedError
from connector.push import deliver, plan_rows, recover
from connector.sandbox import Sandbox
from connector.sandbox import leadsquared as sandbox
from tests.integration.push.conftest import Push


@pytest.mark.parametrize(("bulk", "most_calls"), [(False, 61), (True, 10)])
def test_every_lead_is_accounted_for(local: Any, bulk: Any, most_calls: Any) -> None:
    """A refused lead, one that is gone, a value that is too long and a lost answer; the next run asks what it left open."""
    with Sandbox(leads=62) as crm:
        vendor: Any = crm.vendors["leadsquared"]
        leads = vendor.leads
        ids = leads.ids()
        refused, gone, too_long = ids[1], ids[2], ids[3]
        crm.refuse(refused, "MXInvalidInputException")
        leads.delete(gone)
        rows = [
            (each, "mx_City", "mx_city", None, "x" * 300 if each == too_long else "London", None, "change")
            for each in ids
        ]
        plan = plan_rows(Push(crm="leadsquared"), rows, made_at=datetime.now(UTC), crm_leads=len(ids))
        key = Secret(crm.token)
        settings = LeadSquaredSettings(
            base_url=crm.base_url, access_key=key, secret_key=key, rate=1000.0, bulk_rate=1000.0, bulk=bulk
        )
        with closing(open_session(settings)) as session:
            writer = LeadSquaredWriter(settings, session=session)
            reader = LeadSquaredReader(settings, session=session)
            writer.check(["mx_City"])
            path = "Lead/Bulk/UpdateV2" if bulk else "Lead.Update"
            crm.faults.add("drop_after_write", count=1, after=1, path=path)
            summary = deliver(plan, writer, local.journal, concurrency=1)
            assert summary.by_state["unknown"] >= 1
            assert sum(summary.by_state.values()) == 62
            assert 0 < crm.calls.count(path) <= most_calls
            found = recover("scores", local.journal, reader)
        ends = Counter({row.lead_id: row.state for row in local.journalled()}.values())
        # What a lost answer would have refused is put off: the lead doesn't show the value.
        assert ends["applied"] == 59
        assert ends["rejected"] + ends["deferred"] == 3
        assert (found.applied, found.unknown) == (summary.by_state["unknown"] - found.deferred, 0)
        assert {each for each in leads.ids() if leads.row(each)["mx_City"] == "London"} == set(ids) - {
            refused,
            gone,
            too_long,
        }


class Clock:
    """Time that only waiting moves, for the client and for the sandbox's limits alike."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(sandbox, "time", SimpleNamespace(monotonic=made))
    return made


def push_all(
    local: Any, crm: Sandbox, clock: Clock | None = None, held: CallsUsedError | None = None, **given: Any
) -> Any:
    """A push of another city to every lead of the sandbox."""
    vendor: Any = crm.vendors["leadsquared"]
    rows = [(each, "mx_City", "mx_city", None, "London", None, "change") for each in vendor.leads.ids()]
    plan = plan_rows(Push(crm="leadsquared"), rows, made_at=datetime.now(UTC), crm_leads=len(rows))
    key = Secret(crm.token)
    settings = LeadSquaredSettings(base_url=crm.base_url, access_key=key, secret_key=key, **given)
    timing = {} if clock is None else {"clock": clock, "sleep": clock.sleep}
    with closing(open_session(settings, **timing)) as session:
        writer = LeadSquaredWriter(settings, session=session)
        # A clock that one thread moves would run away from the others.
        return deliver(plan, writer, local.journal, held=held, concurrency=4 if clock is None else 1)


def cities(crm: Sandbox) -> Counter[str]:
    vendor: Any = crm.vendors["leadsquared"]
    return Counter(vendor.leads.row(each)["mx_City"] for each in vendor.leads.ids())


@pytest.mark.parametrize(
    "given", [{"plan": "lite"}, {}, {"bulk": False}, {"bulk": False, "plan": "lite"}], ids=str
)
@pytest.mark.parametrize("status", [429, 200])
def test_a_push_goes_out_whole_at_the_slowest_plan(
    local: Any, clock: Clock, status: int, given: dict[str, Any]
) -> None:
    """2 calls in 5 seconds and one bulk call: it takes its time, whether the plan is known or not, and defers nothing."""
    slow: dict[str, Any] = {
        "leadsquared_calls_per_5s": 2,
        "leadsquared_bulk_per_5s": 1,
        "leadsquared_limit_status": status,
    }
    with Sandbox(leads=600 if given.get("bulk", True) else 60, **slow) as crm:
        leads = sum(cities(crm).values())
        summary = push_all(local, crm, clock, **given)
        assert (summary.by_state, summary.stopped) == ({"applied": leads}, None)
        assert cities(crm)["London"] == leads


def test_threads_share_the_slowest_pace(local: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same with four threads in real time, in which 5 seconds are a tenth of one."""
    monkeypatch.setattr(sandbox, "LIMIT_SECONDS", 0.1)
    with Sandbox(leads=600, leadsquared_calls_per_5s=2, leadsquared_bulk_per_5s=1) as crm:
        summary = push_all(local, crm, rate=0.36 * 50, bulk_rate=0.18 * 50)
        assert (summary.by_state, summary.stopped) == ({"applied": 600}, None)
        assert cities(crm)["London"] == 600


@pytest.fixture
def at_home(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A state folder of its own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


def test_what_the_days_calls_do_not_reach_waits_for_a_date(local: Any, at_home: Any) -> None:
    """Nothing fails, no call is made beyond the limit, and the next run knows what the one before has used."""
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    with Sandbox(leads=30) as crm:
        # One call is for the account's fields.
        given: dict[str, Any] = {"rate": 1000.0, "bulk": False, "calls_per_day": 11}
        summary = push_all(local, crm, **given)
        assert (summary.by_state, summary.exit_code) == ({"applied": 10, "deferred": 20}, 3)
        assert summary.deferred_until == datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=UTC)
        assert summary.calls == 10
        assert f"the next ones begin on {tomorrow} at 00:00 UTC" in summary.stopped
        assert all(str(tomorrow) in row.reason for row in summary.unapplied)
        assert cities(crm)["London"] == 10
        assert crm.calls.count() == 11
        again = push_all(local, crm, **given)
        assert (again.by_state, again.calls, crm.calls.count()) == ({"deferred": 30}, 0, 11)


def test_the_crm_itself_may_say_that_the_day_is_used_up(local: Any, at_home: Any) -> None:
    """Other programs use the account, too: then no call of today helps, and the count says so to the next run."""
    with Sandbox(leads=30, leadsquared_calls_per_day=6) as crm:
        given: dict[str, Any] = {"rate": 1000.0, "bulk": False, "calls_per_day": 1000}
        summary = push_all(local, crm, **given)
        assert summary.by_state == {"applied": 5, "deferred": 25}
        assert summary.deferred_until is not None
        calls = crm.calls.count()
        again = push_all(local, crm, **given)
        assert (again.by_state, crm.calls.count()) == ({"deferred": 30}, calls)


def test_a_push_that_is_held_makes_no_call_and_records_every_lead(local: Any, at_home: Any) -> None:
    """What is known before it begins is said of each lead."""
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    with Sandbox(leads=5) as crm:
        held = CallsUsedError("has no calls left today", new_at=tomorrow, crm="leadsquared")
        summary = push_all(local, crm, held=held)
        assert (summary.by_state, summary.deferred_until) == ({"deferred": 5}, tomorrow)
        assert crm.calls.count() == 0
        assert {row.state for row in local.journalled()} == {"planned", "deferred"}


@pytest.fixture
def upsert(local: Any) -> Any:
    """``upsert(crm, row id -> fields, **options)`` carries out an upsert of these rows, without looking beforehand by phone."""

    def carry_out(crm: Sandbox, wanted: Mapping[str, Mapping[str, str]], **push: Any) -> Any:
        rows = [
            (row_id, name, name.lower(), None, value, None, "insert")
            for row_id, fields in wanted.items()
            for name, value in fields.items()
        ]
        made = Push(crm="leadsquared", mode="upsert", options={"SearchBy": "EmailAddress"}, **push)
        plan = plan_rows(made, rows, made_at=datetime.now(UTC), crm_leads=100)
        key = Secret(crm.token)
        settings = LeadSquaredSettings(base_url=crm.base_url, access_key=key, secret_key=key, rate=1000.0)
        with closing(open_session(settings)) as session:
            return deliver(plan, LeadSquaredWriter(settings, session=session), local.journal, concurrency=1)

    return carry_out


def new(name: str, phone: str) -> dict[str, str]:
    return {"EmailAddress": f"{name}@example.com", "Phone": phone, "mx_City": "London"}


def test_an_upsert_that_another_lead_stands_against_finds_it_by_its_phone_number(
    local: Any, upsert: Any
) -> None:
    """The lead's id is recorded, nothing is sent to it, and a second row with its phone number doesn't get it, too."""
    with Sandbox(leads=20) as crm:
        leads = crm.vendors["leadsquared"].leads  # type: ignore[attr-defined]
        there = next(each for each in leads.ids() if leads.row(each)["Phone"])
        before = leads.rows()
        phone = before[there]["Phone"]
        summary = upsert(
            crm, {"form 1": new("a", phone), "form 2": new("b", phone), "form 3": new("c", "5550177")}
        )
        assert summary.by_state == {"applied": 2, "rejected": 1}
        assert summary.found == 1
        found = {
            row.lead_id: row for row in local.journalled() if row.field == "Phone" and row.state != "sent"
        }
        assert (found["form 1"].code, found["form 1"].crm_lead_id) == ("found", there)
        assert found["form 2"].code == "duplicate"
        assert "belongs to another row" in found["form 2"].reason
        (added,) = set(leads.ids()) - before.keys()
        assert found["form 3"].crm_lead_id == added
        assert {each: leads.row(each) for each in before} == before


def test_a_phone_number_of_several_leads_or_of_none_decides_nothing(local: Any, upsert: Any) -> None:
    """Which one is meant, nobody can tell: the lead is refused as it was."""
    with Sandbox(leads=20) as crm:
        leads = crm.vendors["leadsquared"].leads  # type: ignore[attr-defined]
        phone = "5550188"
        for each in leads.ids()[:2]:
            leads.edit(each, {"Phone": phone})
        summary = upsert(crm, {"form 1": new("a", phone)})
        assert summary.by_state == {"rejected": 1}
        assert {row.code for row in summary.unapplied} == {"MXDuplicateEntryException"}


@pytest.mark.parametrize("bulk", [False, True])
def test_a_push_to_a_lead_that_was_merged_meanwhile_says_so(local: Any, bulk: bool) -> None:
    """It reaches nobody: neither the lead that is gone nor the one that stays, which may be another person."""
    with Sandbox(leads=6) as crm:
        vendor: Any = crm.vendors["leadsquared"]
        ids = vendor.leads.ids()
        rows = [(each, "mx_City", "mx_city", None, "London", None, "change") for each in ids[:2]]
        plan = plan_rows(Push(crm="leadsquared"), rows, made_at=datetime.now(UTC), crm_leads=6)
        vendor.merge(ids[0], ids[5])
        before = vendor.leads.row(ids[5])
        key = Secret(crm.token)
        settings = LeadSquaredSettings(
            base_url=crm.base_url, access_key=key, secret_key=key, rate=1000.0, bulk_rate=1000.0, bulk=bulk
        )
        with closing(open_session(settings)) as session:
            summary = deliver(plan, LeadSquaredWriter(settings, session=session), local.journal)
        assert summary.by_state == {"applied": 1, "rejected": 1}
        (missed,) = summary.unapplied
        assert (missed.lead_id, missed.state) == (ids[0], "rejected")
        assert "deleted, or merged into another lead" in str(missed.reason)
        assert vendor.leads.row(ids[5]) == before
