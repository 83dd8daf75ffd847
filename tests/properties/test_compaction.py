"""Moving rows out of the journal changes no answer: two warehouses get the same journal, and one of them is compacted in between.

``COMPACTION_EXAMPLES=500 pytest tests/properties/test_compaction.py`` tries longer.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector import loop
from connector.push import Entry, Journal
from connector.push.approvals import _never_sent
from connector.push.compaction import SMALL, compact, compact_when_due
from connector.push.forgotten import _with_base
from connector.push.planning import plan_rows
from connector.push.rivals import rivalry
from connector.push.tables import last_rows
from connector.warehouse import models
from connector.warehouse.accounts import _sent_leads
from tests.engines import DUCKDB_IS_LONG
from tests.properties.quick_loop import QuickLoop

pytestmark = pytest.mark.long_if("postgres")

EXAMPLES = int(os.environ.get("COMPACTION_EXAMPLES", "3"))
CRM = "convoso"
FIELDS = ("title", "city")
VALUES = ("a", "b", None)
UPDATES, INSERTS = ("scores", "ratings"), ("adding", "forms_to_crm")
THEN = datetime.now(UTC) - timedelta(days=30)
VIEWS = ("scores", "adding", "removing", "int_push_memory", "push_outcomes", "int_push_history")


@dataclass(frozen=True)
class Written:
    """Rows of one run that are recorded in one transaction."""

    run_id: str
    push: str
    entries: tuple[Entry, ...]
    begins: bool = False
    closed: bool = False


class Story:
    """A journal as pushes, looks and decisions write it, from what hypothesis draws."""

    def __init__(self) -> None:
        self.written: list[Written | None] = []
        self.number = 10_000

    def entry(self, push: str, lead: str, field: str, state: Any, value: str | None, **more: Any) -> Entry:
        self.number += 1
        at = {"recorded_at": THEN + timedelta(seconds=self.number), "sequence_number": self.number}
        return Entry(push, CRM, lead, field, field, state, "before", value, **{**at, **more})

    def run(self, push: str, writes: Iterable[tuple[int, str, str | None, str]]) -> None:
        """What a push planned, sent and heard; a lead and field comes once in a run, and all fields of a lead in one call."""
        adds, run_id = push in INSERTS, f"run {len(self.written)}"
        calls: dict[int, dict[str, tuple[str | None, str]]] = {}
        for place, field, value, outcome in writes:
            calls.setdefault(place, {})[field] = (value, outcome)
        entries: list[Entry] = []
        is_open = False
        for place, sent in calls.items():
            outcome = next(iter(sent.values()))[1]
            is_open |= outcome == "unknown"
            lead = f"form {place}" if adds else str(place)
            given = {"crm_lead_id": None if adds else lead}
            for field, (value, _) in sent.items():
                entries += [
                    self.entry(push, lead, field, state, value, **given) for state in ("planned", "sent")
                ]
            for field, (value, _) in sent.items():
                state, code = ("applied", "found") if outcome == "found" else (outcome, None)
                if adds and state == "applied":
                    given = {"crm_lead_id": str(place) if code else f"{run_id} {place}"}
                code = "400" if state == "rejected" else code
                entries.append(self.entry(push, lead, field, state, value, code=code, **given))
        self.written.append(Written(run_id, push, tuple(entries), begins=True, closed=not is_open))

    def follow(self, place: int, states: tuple[str, ...], state: Any) -> None:
        """A later word on an earlier row, as of that row: what a look or a recovery found."""
        rows = [
            (each.run_id, each.push, entry)
            for each in self.written
            if each is not None
            for entry in each.entries
            if entry.state in states and entry.code is None
        ]
        if rows:
            run_id, push, entry = rows[place % len(rows)]
            given = entry.crm_lead_id or ("found later" if state == "applied" else None)
            found: Any = replace(entry, state=state, crm_lead_id=given)
            self.written.append(Written(run_id, push, (found,)))

    def decide(self, push: str, place: int, field: str, value: str | None, side: str) -> None:
        state, code = ("confirmed", "resolved") if side == "ours" else ("rejected", side)
        lead = str(place)
        entry = self.entry(push, lead, field, state, value, code=code, crm_lead_id=lead)
        self.written.append(Written(f"resolve-{len(self.written)}", push, (entry,)))


PLACE, FIELD, VALUE = st.integers(0, 2), st.sampled_from(FIELDS), st.sampled_from(VALUES)
OUTCOME = st.sampled_from(("applied", "applied", "applied", "rejected", "unknown", "deferred", "conflict"))
WRITES = st.lists(st.tuples(PLACE, FIELD, VALUE, OUTCOME), min_size=1, max_size=4)
ADDED = st.lists(
    st.tuples(PLACE, FIELD, VALUE, st.sampled_from(("applied", "found", "rejected", "unknown"))),
    min_size=1,
    max_size=3,
)
STEP = st.one_of(
    st.tuples(st.just("run"), st.sampled_from(UPDATES), WRITES),
    st.tuples(st.just("run"), st.sampled_from(INSERTS), ADDED),
    st.tuples(st.just("look"), st.integers(0, 50), st.sampled_from(("confirmed", "reverted", "conflict"))),
    st.tuples(st.just("recover"), st.integers(0, 50), st.sampled_from(("applied", "rejected"))),
    st.tuples(st.just("decide"), st.sampled_from(UPDATES), PLACE, FIELD, VALUE, st.sampled_from(("ours", "resolved", "skipped"))),
    st.tuples(st.just("compact")),
)  # fmt: skip


def told(steps: Iterable[Any]) -> Story:
    story = Story()
    for kind, *rest in steps:
        if kind == "run":
            story.run(*rest)
        elif kind == "look":
            story.follow(rest[0], ("applied",), rest[1])
        elif kind == "recover":
            story.follow(rest[0], ("unknown",), rest[1])
        elif kind == "decide":
            story.decide(*rest)
        else:
            story.written.append(None)
    return story


def live(quick: QuickLoop, story: Story, *, compacting: bool) -> int:
    """Writes the journal anew; returns how many rows were moved out of it."""
    for table in ("push_runs", "push_journal", "push_journal_archive", "push_settled", "push_compactions"):
        quick.write(f"delete from leadloop.{table}")
    journal, moved = Journal(quick.warehouse.engine()), 0
    for each in story.written:
        if each is None:
            moved += compact(quick.warehouse).moved if compacting else 0
            continue
        if each.begins:
            mode = "insert" if each.push in INSERTS else "update"
            quick.write(
                "insert into leadloop.push_runs (run_id, push, crm, mode, started_at) values (:run_id, :push, :crm, :mode, :at)",
                run_id=each.run_id, push=each.push, crm=CRM, mode=mode, at=THEN.isoformat(),
            )  # fmt: skip
        journal.record(each.run_id, each.entries, closed=each.closed)
    return moved


def answers(quick: QuickLoop) -> dict[str, Any]:
    """All that anybody asks the journal."""
    journal, engine = Journal(quick.warehouse.engine()), quick.warehouse.engine()
    everybody = [*map(str, range(3)), "found later", *(row[0] for row in quick.rows("select distinct crm_lead_id from analytics.int_push_history where crm_lead_id is not null"))]  # fmt: skip
    found: dict[str, Any] = {
        view: sorted(map(repr, quick.rows(f"select * from analytics.{view}"))) for view in VIEWS
    }
    places = "run_id, push, crm, lead_id, field"
    assert not quick.rows(
        f"select {places} from analytics.push_outcomes group by {places} having count(*) > 1"
    )
    with engine.connect() as connection:
        applied = journal.applied_unconfirmed(CRM)
        found["to be confirmed"] = sorted(map(repr, connection.execute(sa.select(applied))))
        found["found"] = sorted(connection.scalars(journal.found(CRM)))
        found["open"] = sorted(map(repr, connection.execute(last_rows(("planned", "sent", "unknown")))))
        found["first time"] = _never_sent(connection, CRM, FIELDS)
        found["sent to"] = {each.lead_id for each in _sent_leads(connection, CRM)}
    found["owners"] = journal.owners(CRM, everybody)
    found["given"] = journal.leads_of(CRM, everybody)
    found["based"] = _with_base(journal, CRM)
    for push, code in (("scores", "skipped"), ("ratings", "400"), ("adding", "found")):
        found[f"{push} {code}"] = journal.decided(push, code)
    return found


@pytest.fixture
def read(quick: QuickLoop) -> QuickLoop:
    """Leads 0 to 2 as the CRM shows them, and what every push wants of them."""
    quick.begin()
    quick.write("delete from inputs.wanted")
    for place in range(3):
        quick.write("insert into inputs.wanted values (:lead, 'a', 'b')", lead=str(place))
        quick.write("insert into inputs.forms values (:key, '5550000', 'Form')", key=f"form {place}")
        quick.write("insert into inputs.unwanted values (:lead)", lead=str(place))
    loop.extract(quick.warehouse)
    loop.build(quick.warehouse)
    quick.write("update analytics.lead_history set lead_id = cast(version_number - 1 as text)")
    return quick


@DUCKDB_IS_LONG
def test_no_answer_changes(read: QuickLoop) -> None:
    """Whatever was sent, refused, lost, found, decided and looked at, and whenever rows are moved: the same plans, memory and
    answers as without."""
    moved = 0

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(STEP, min_size=4, max_size=14))
    def check(steps: list[Any]) -> None:
        nonlocal moved
        story = told([*steps, ("compact",)])
        live(read, story, compacting=False)
        before = answers(read)
        moved += live(read, story, compacting=True)
        assert answers(read) == before

    check()
    assert moved


@pytest.mark.long
def test_rivals_are_found_all_the_same(read: QuickLoop) -> None:
    """Who took turns in sending a field is known from what is kept."""
    known = models.known(None, read.warehouse).push("scores")

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        st.lists(st.tuples(st.sampled_from((*UPDATES, "tiers")), st.sampled_from("abc"), st.booleans()), min_size=2, max_size=12)
    )  # fmt: skip
    def check(sent: list[tuple[str, str, bool]]) -> None:
        story = Story()
        for push, value, is_next in sent:
            story.run(push, [(0, "title", value, "applied")])
            if is_next:
                story.follow(0, ("applied",), "confirmed")
                story.written.append(None)
        said = []
        for compacting in (False, True):
            live(read, story, compacting=compacting)
            for name in UPDATES:
                mine = replace(known, name=name)
                for value in "abc":
                    rows = [("0", "title", "title", "before", value, None, "change")]
                    plan = plan_rows(mine, rows, made_at=THEN)
                    said.append(rivalry(read.warehouse.engine(), mine, plan, ()))
        half = len(said) // 2
        assert said[:half] == said[half:]

    check()


@DUCKDB_IS_LONG
def test_a_field_that_is_sent_every_night_takes_a_row_or_two(read: QuickLoop) -> None:
    """However often it was sent, and so a push reads as much after a thousand runs as after ten."""
    sizes = []
    for nights in (10, 30):
        story = Story()
        for night in range(nights):
            story.run(
                "scores", [(place, field, str(night), "applied") for place in range(3) for field in FIELDS]
            )
            for place in range(6):
                story.follow(6 * night + place, ("applied",), "confirmed")
        story.written.append(None)
        live(read, story, compacting=True)
        sizes.append(read.rows("select count(*) from leadloop.push_journal")[0][0] - nights)
    assert sizes[0] == sizes[1]


@DUCKDB_IS_LONG
def test_it_is_done_when_the_journal_has_doubled(read: QuickLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not at every push, since it looks through all of the journal."""
    monkeypatch.setattr("connector.push.compaction.SMALL", 10)
    assert SMALL == 100_000
    journal = Journal(read.warehouse.engine())

    def done() -> int:
        if read.warehouse.kind == "postgres":
            read.write("analyze leadloop.push_journal")  # as it does by itself, a minute later
        compact_when_due(read.warehouse)
        return int(read.rows("select count(*) from leadloop.push_compactions")[0][0])

    assert done() == 0
    story = Story()
    for _ in range(4):
        story.run("scores", [(0, "title", "a", "applied")])
    live(read, story, compacting=False)
    assert [done(), done()] == [1, 1]
    kept = read.rows("select kept from leadloop.push_compactions")[0][0]
    journal.record("later", [story.entry("scores", "0", "title", "planned", "a") for _ in range(10 + kept)])
    assert done() == 1
    journal.record("later", [story.entry("scores", "0", "title", "planned", "a")])
    assert done() == 2


@DUCKDB_IS_LONG
def test_the_archive_is_kept_as_long_as_is_wanted(read: QuickLoop) -> None:
    """Only what is older goes, and nothing of what is still in the journal."""
    story = Story()
    for _ in range(3):
        story.run("scores", [(0, "title", "a", "applied")])
    live(read, story, compacting=False)
    before = answers(read)
    first = compact(read.warehouse, timedelta(days=40))
    assert (first.moved, first.deleted) == (6, 0)
    assert answers(read) == before
    second = compact(read.warehouse, timedelta(days=20))
    assert (second.moved, second.deleted) == (0, 6)
    after = answers(read)
    assert {name for name in before if before[name] != after[name]} <= {"int_push_history", "push_outcomes"}
