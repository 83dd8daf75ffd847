"""Whatever rows a push model has and whatever the CRM answers: plans are deterministic, and every lead ends accounted for."""

import threading
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from operator import itemgetter
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.crm.base import Capabilities, OneByOne, Outcome
from connector.errors import StoppedError
from connector.push import deliver
from connector.push.equality import same
from connector.push.fingerprint import differences
from connector.push.guardrails import guardrails
from connector.push.journal import Journal
from connector.push.journal_row import Entry
from connector.push.plan import Plan
from connector.push.planning import plan_rows
from connector.texts import BLANKS

AT = datetime(2025, 1, 1, tzinfo=UTC)
FIELDS = ("lead_score", "status", "Phone 2")
VALUES = st.one_of(
    st.none(), st.sampled_from(["", " ", "0", "1", "Hot", "+1 (555) 000-1111", "日本"]), st.text()
)
VERDICTS = ("change", "clear", "conflict", "rejected", "removed", "unknown_lead")
ROWS = st.lists(
    st.tuples(
        st.text(min_size=1, max_size=3).filter(str.strip),
        st.sampled_from(FIELDS),
        VALUES,
        VALUES,
        VALUES,
        st.sampled_from(VERDICTS),
    ),
    max_size=30,
    unique_by=lambda row: row[:2],
)
STATES = st.sampled_from(["applied", "rejected", "deferred", "unknown", "conflict"])


def push(**options: Any) -> Any:
    known = {
        "max_changes": None,
        "max_share": None,
        "max_unknown_share": None,
        "max_clears": None,
        "max_inserts": None,
        "on_conflict": "crm_wins",
    }
    return SimpleNamespace(
        name="p",
        schema="s",
        identifier="p",
        crm="convoso",
        mode="update",
        max_deletes=None,
        fields={},
        options={},
        equal={},
        policies={},
        approval="none",
        approve_above=None,
        **known | options,
    )


def plan_of(rows: Iterable[Any], **options: Any) -> Plan:
    """The plan of rows that are in no warehouse."""
    return plan_rows(push(**options), named(rows), made_at=AT)


def named(rows: Iterable[Any]) -> Iterator[Any]:
    """With the names of the columns."""
    return ((lead_id, name, name.lower(), *rest) for lead_id, name, *rest in rows)


class Memory(Journal):
    """The journal without a database: what counts here is what it is told."""

    def __init__(self) -> None:
        super().__init__(SimpleNamespace())  # type: ignore[arg-type]
        self.rows: list[Entry] = []
        self.closed = False

    def start_run(self, plan: Plan) -> str:
        self.rows += (
            Entry(plan.push, plan.crm, lead.lead_id, change.field, change.column_name, "planned", None, None)
            for lead in plan.leads
            for change in lead.changes
        )
        return "run"

    def record(self, run_id: str, entries: Iterable[Entry], *, closed: bool = False) -> None:
        self.rows += entries
        self.closed |= closed

    def paths(self) -> dict[tuple[str, str], list[str]]:
        found: dict[tuple[str, str], list[str]] = {}
        for row in self.rows:
            found.setdefault((row.lead_id, row.field), []).append(row.state)
        return found


class Crm(OneByOne):
    """Answers call by call from a list."""

    capabilities = Capabilities("convoso", frozenset({"update"}), 1, 1.0)

    def __init__(self, answers: Iterable[Outcome | Exception]) -> None:
        self._answers = iter(answers)
        self._lock = threading.Lock()
        self.calls: list[tuple[str, dict[str, str | None]]] = []

    def update(self, lead_id: str, fields: Mapping[str, str | None]) -> Outcome:
        with self._lock:
            self.calls.append((lead_id, dict(fields)))
            answer = next(self._answers, Outcome("applied"))
        if isinstance(answer, Exception):
            raise answer
        return answer

    def check(self, fields: Collection[str]) -> None: ...

    def close(self) -> None: ...


@settings(max_examples=50)
@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_rows_makes_no_difference(rows: list[Any], chance: Any) -> None:
    """Any order of the same rows is the same plan, down to the fingerprint."""
    shuffled = list(rows)
    chance.shuffle(shuffled)
    assert plan_of(shuffled) == plan_of(rows)


@settings(max_examples=40)
@given(ROWS, st.integers(0, 5) | st.none())
def test_a_plan_is_what_python_would_make_of_the_rows(rows: list[Any], limit: int | None) -> None:
    """Every list has its rows, as they were, ordered as Python orders text; the first leads are kept."""
    plan = plan_rows(push(), named(rows), made_at=AT, limit=limit)
    lists: dict[str, list[Any]] = {name: [] for name in ("leads", "conflicts", "rejected")}
    for lead_id, name, current, desired, base, verdict in sorted(rows, key=itemgetter(0, 1)):
        if (
            place := {"change": "leads", "clear": "leads", "conflict": "conflicts"}.get(verdict, verdict)
        ) in lists:
            lists[place].append((lead_id, name, current, desired, base, verdict))
    sent = sorted({row[0] for row in lists["leads"]})
    kept = sent if limit is None else sent[:limit]
    lists["leads"] = [row for row in lists["leads"] if row[0] in kept]
    for name, expected in lists.items():
        found = [
            (lead.lead_id, change.field, change.current, change.desired, change.base, change.verdict)
            for lead in getattr(plan, name)
            for change in lead.changes
        ]
        assert found == expected
    assert [lead.lead_id for lead in plan.leads] == kept
    assert plan.beyond_limit == len(sent) - len(kept)
    assert plan.fields == len(lists["leads"])
    assert plan.clears == sum(row[3] is None for row in lists["leads"])


@settings(max_examples=40)
@given(ROWS)
def test_every_row_ends_up_in_one_place(rows: list[Any]) -> None:
    """No row of the model is lost between being sent, left alone, held back and left out."""
    plan = plan_of(rows)
    placed = Counter(
        (lead.lead_id, change.field)
        for lead in (*plan.leads, *plan.conflicts, *plan.rejected)
        for change in lead.changes
    )
    assert set(placed.values()) <= {1}
    shown = {row[:2] for row in rows if row[5] not in ("removed", "unknown_lead")}
    assert placed.keys() == shown
    assert plan.removed == len({row[0] for row in rows if row[5] == "removed"})


@settings(max_examples=30)
@given(ROWS, ROWS)
def test_fingerprints_are_equal_exactly_for_equal_plans(one: list[Any], other: list[Any]) -> None:
    """The fingerprint stands for everything that is shown: no two plans share it, and where it moves there is something to tell."""
    plans = plan_of(one), plan_of(other)
    same_plan = plans[0] == plans[1]
    assert (plans[0].fingerprint == plans[1].fingerprint) == same_plan
    assert bool(differences(*plans)) == (not same_plan)


@given(VALUES, VALUES)
def test_same_is_text_with_blank_as_nothing(one: str | None, other: str | None) -> None:
    """Equal text is the same, all blanks are the same, nothing else is."""
    blank = [value is None or not value.strip(BLANKS) for value in (one, other)]
    assert same(one, other) == (one == other or all(blank))


@given(
    ROWS,
    st.lists(
        st.one_of(
            st.builds(
                Outcome,
                state=STATES,
                fields=st.frozensets(st.sampled_from(FIELDS)),
                breaks=st.booleans(),
            ),
            st.just(RuntimeError("boom")),
        ),
        max_size=30,
    ),
    st.integers(1, 4),
    st.integers(1, 7),
    st.integers(1, 5),
    st.dictionaries(st.text(min_size=1, max_size=3), st.dictionaries(st.sampled_from(FIELDS), VALUES)),
)
def test_every_lead_is_accounted_for_once(
    rows: list[Any],
    answers: list[Outcome | Exception],
    concurrency: int,
    batch: int,
    breaker: int,
    edits: dict[str, dict[str, str | None]],
) -> None:
    """Whatever the CRM answers and whoever edits: at most one call per lead, with fields of the plan only, and every field
    goes planned -> (sent) -> one outcome, never called without being recorded as sent."""
    plan, crm, journal = plan_of(rows), Crm(answers), Memory()
    summary = deliver(
        plan,
        crm,
        journal,
        concurrency=concurrency,
        batch=batch,
        breaker=breaker,
        recent_edits=lambda _waiting: edits,
    )
    assert set(Counter(lead_id for lead_id, _ in crm.calls).values()) <= {1}
    planned = {lead.lead_id: lead.values() for lead in plan.leads}
    assert all(fields and fields.items() <= planned[lead_id].items() for lead_id, fields in crm.calls)
    paths = journal.paths()
    assert paths.keys() == {(lead_id, name) for lead_id, fields in planned.items() for name in fields}
    called = {(lead_id, name) for lead_id, fields in crm.calls for name in fields}
    for key, path in paths.items():
        *before, outcome = path
        assert before in (["planned", "sent"], ["planned"])
        assert outcome in ("applied", "confirmed", "rejected", "deferred", "unknown", "conflict")
        assert key not in called or "sent" in before
        assert outcome not in ("applied", "rejected", "unknown") or key in called
    assert sum(summary.by_state.values()) == summary.leads == len(planned)
    assert sum(summary.fields_by_state.values()) == summary.fields
    assert summary.calls == len(crm.calls)
    assert journal.closed == ("unknown" not in summary.fields_by_state)
    assert (summary.stopped is None) or summary.exit_code == 3


@settings(max_examples=50)
@given(
    ROWS.filter(lambda rows: any(row[5] in ("change", "clear") for row in rows)),
    st.sampled_from(["changes", "stop"]),
)
def test_a_plan_that_may_not_be_sent_makes_no_call(rows: list[Any], why: str) -> None:
    """A guardrail or a conflict that stops a push stops all of it."""
    if why == "changes":
        plan = plan_of(rows, max_changes=0)
    else:
        plan = plan_of([*rows, ("conflict!", "status", "a", "b", "c", "conflict")], on_conflict="stop")
    crm, journal = Crm([]), Memory()
    with pytest.raises(StoppedError):
        deliver(plan, crm, journal)
    assert (crm.calls, journal.rows) == ([], [])


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 20), st.integers(1, 100), st.floats(0, 1))
def test_guardrails_trip_above_the_limit_only(
    leads: int, cleared: int, most: int, book: int, share: float
) -> None:
    """The limit itself is allowed, one more is not."""
    model = push(max_changes=most, max_share=share, max_unknown_share=share, max_clears=most)
    changes, shares, clears, unknown = guardrails(
        model, leads=leads, clears=cleared, crm_leads=book, unknown=cleared, desired=book
    )
    assert unknown.tripped == (cleared / book > share)
    assert changes.tripped == (leads > most)
    assert shares.tripped == (leads / book > share)
    assert clears.tripped == (cleared > most)
