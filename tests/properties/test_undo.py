"""After an undo every lead is as it would be had the runs never been, but for what people changed meanwhile; on all four CRMs.

``UNDO_EXAMPLES=200 pytest -m long tests/properties/test_undo.py`` tries longer. See ``quick_loop`` for what is not real here.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from connector import loop
from connector.errors import ConfigError
from connector.push import Asked
from tests.properties.four_crms import FourCrms
from tests.properties.quick_loop import CRMS, Killed, QuickLoop

EXAMPLES = int(os.environ.get("UNDO_EXAMPLES", "12"))
"""Of the long variant."""
FAULTS = ("status", "drop_before_write", "drop_after_write", "status_after_write", "truncate", "html")
LEAD = st.integers(0, 3)
FIELD = st.integers(0, 2)
VALUE = st.integers(1, 3)
KILL = st.tuples(st.integers(1, 6), st.booleans()) | st.none()
STEP = st.one_of(
    st.tuples(st.just("want"), LEAD, VALUE, st.none() | VALUE, st.none() | VALUE),
    st.tuples(st.just("edit"), LEAD, FIELD, st.booleans()),
    st.tuples(st.just("look")),
    st.tuples(st.just("push"), KILL),
    st.tuples(st.just("push"), KILL),
    st.tuples(st.just("undo"), KILL),
    st.tuples(st.just("fault"), st.sampled_from(FAULTS)),
    st.tuples(st.just("decide"), LEAD),
    st.tuples(st.just("release")),
    st.tuples(st.just("maintain")),
)
STEPS = st.lists(STEP, max_size=10)
Steps = list[tuple[Any, ...]]


@pytest.fixture
def four(
    warehouse: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made_before: dict[Any, Any]
) -> Iterator[FourCrms]:
    """The quick loop over four CRMs, once in each engine."""
    if warehouse.has_ledger_apart:
        pytest.skip("a quick loop copies a warehouse as one file, or as one database")
    monkeypatch.chdir(tmp_path)
    made = FourCrms(tmp_path, warehouse, monkeypatch, made_before)
    yield made
    made.close()


def dying(quick: QuickLoop, kill: tuple[int, bool] | None, work: Any) -> Any:
    """Does the work, whose process may die at some row of the journal."""
    if kill is None:
        return work()
    number, recorded = kill
    with quick.killed_at(number, recorded=recorded), suppress(Killed):
        return work()
    return None


class Story:
    """What happens in one CRM, and what each field would show had the pushes since ``begin_undoing`` never been."""

    def __init__(self, four: FourCrms, name: str) -> None:
        self.four = four
        self.crm = four.begin_with(name)
        self.leads = self.crm.ids()[:4]
        self.typed = 100
        self.without: dict[tuple[str, str], str | None] = {}
        self.not_blanked: set[tuple[str, str]] = set()
        """What the last undo has said that it can't blank."""
        self.since = datetime(2000, 1, 1, tzinfo=UTC)
        for number, lead in enumerate(self.leads):
            for place, field in enumerate(self.crm.fields):
                self.crm.type(lead, field, None if place and number % 2 else 10 * place + number + 50)
        self.look()

    def begin_undoing(self) -> None:
        """From here on it counts."""
        ((last,),) = self.four.rows("select max(started_at) from leadloop.push_runs")
        self.since = last + timedelta(microseconds=1) if last else self.since
        self.without = self.shown()

    def shown(self) -> dict[tuple[str, str], str | None]:
        return {(lead, name): self.crm.shows(lead, name) for lead in self.leads for name in self.crm.fields}

    def check_taken_back(self) -> None:
        """Every field is as it would be without the pushes, but for those of which the undo has said that it can't be."""
        shown = self.shown()
        unlike = {key for key, value in self.without.items() if shown[key] != value}
        assert unlike <= self.not_blanked, {key: (shown[key], self.without[key]) for key in unlike}
        assert all(self.without[key] is None for key in unlike)

    def step(self, step: tuple[Any, ...]) -> None:
        name, *rest = step
        getattr(self, name)(*rest)

    def want(self, lead: int, *numbers: int | None) -> None:
        key = self.leads[lead]
        self.four.write("delete from inputs.wanted_of_four where lead_id = :key", key=key)
        values = {
            f"value{place}": "" if number is None else self.crm.value(field, number)
            for place, (field, number) in enumerate(zip(self.crm.fields, numbers, strict=True))
        }
        told = ", ".join(f"nullif(:{name}, '')" for name in values)
        self.four.write(f"insert into inputs.wanted_of_four values (:key, {told})", key=key, **values)

    def edit(self, lead: int, field: int, is_emptied: bool) -> None:
        self.typed += 1
        key = (self.leads[lead], self.crm.fields[field])
        self.crm.type(*key, None if is_emptied else self.typed)
        self.without[key] = self.crm.shows(*key)

    def look(self) -> None:
        loop.extract(self.four.warehouse, self.crm.name)
        loop.build(self.four.warehouse)

    def push(self, kill: tuple[int, bool] | None = None) -> None:
        dying(self.four, kill, lambda: loop.push(self.four.warehouse, self.crm.push, first=True))

    def undo(self, kill: tuple[int, bool] | None = None) -> None:
        asked = Asked(push=self.crm.push, since=self.since)
        with suppress(ConfigError):  # nothing was sent yet
            done = dying(self.four, kill, lambda: loop.undo(self.four.warehouse, asked))
            if done is not None:
                self.not_blanked = set(done.plan.undo.not_blanked)

    def fault(self, kind: str) -> None:
        self.crm.break_next(kind)

    def decide(self, lead: int) -> None:
        """A person looks at a conflict and wants ours."""
        key = self.leads[lead]
        if key in {each.lead_id for each in loop.resolve(self.four.warehouse, self.crm.push)}:
            loop.resolve(self.four.warehouse, self.crm.push, take="ours", leads=[key])

    def release(self) -> None:
        loop.release(self.four.warehouse, self.crm.push, everything=True)

    def maintain(self) -> None:
        loop.maintain(self.four.warehouse)


def check_story(four: FourCrms, crm: str, before: Steps, steps: Steps) -> None:
    """What people typed stays, all else is undone, and no push sends any of it again."""
    story = Story(four, crm)
    for step in before:
        story.step(step)
    story.crm.sandbox.faults.clear()
    if before:
        story.look()
        story.push()  # what earlier pushes had left open is theirs
        story.look()
    story.begin_undoing()
    for step in steps:
        story.step(step)
    story.crm.sandbox.faults.clear()
    story.undo()
    story.check_taken_back()
    story.look()
    if before:
        story.undo()
        story.check_taken_back()
    shown, writes = story.shown(), story.crm.writes()
    left = four.rows(
        f"select lead_id, field from analytics.{story.crm.push} where verdict in ('change', 'clear')"
    )
    story.push()
    after = story.shown()
    for key in shown:
        if key not in left:
            assert after[key] == shown[key], "what was taken back was sent again"
    assert left or story.crm.writes() == writes


STORY: tuple[Steps, Steps] = (
    [],
    [
        ("want", 0, 1, 1, 1),
        ("want", 1, 1, 1, 1),
        ("fault", "drop_after_write"),
        ("push", None),
        ("edit", 0, 1, False),
        ("undo", (4, True)),
        ("edit", 1, 0, True),
    ],
)


@pytest.mark.long_if("postgres")
@pytest.mark.timeout(0)
@pytest.mark.parametrize("crm", CRMS)
def test_an_undo_leaves_what_would_have_been_without(four: FourCrms, crm: str) -> None:
    """A push with a lost answer, an undo that is killed, and people in between: what they typed stays, all else is undone."""
    check_story(four, crm, *STORY)


@pytest.mark.long
@pytest.mark.timeout(0)
def test_whatever_happens_an_undo_leaves_what_would_have_been_without(four: FourCrms) -> None:
    """Whatever was pushed, edited, killed, lost, decided and taken back before: what people typed stays, all else is undone."""

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(list(CRMS)), STEPS, STEPS)
    @example("convoso", [], [("want", 0, 1, 2, 3), ("push", None), ("edit", 0, 1, False), ("look",)])
    def holds(crm: str, before: Steps, steps: Steps) -> None:
        check_story(four, crm, before, steps)

    holds()


FORM = st.one_of(
    st.tuples(st.just("form"), LEAD),
    st.tuples(st.just("form"), LEAD),
    st.tuples(st.just("push"), KILL),
    st.tuples(st.just("touch"), LEAD),
    st.tuples(st.just("look")),
    st.tuples(st.just("undo"), KILL),
    st.tuples(st.just("fault"), st.sampled_from(FAULTS)),
)


class Adding:
    """What happens to leads that are added, and which of them people have touched."""

    def __init__(self, quick: FourCrms) -> None:
        self.quick = quick
        self.crm = quick.begin()
        self.before = set(self.crm.book.ids())
        self.touched: set[str] = set()
        self.forms: set[int] = set()
        loop.extract(quick.warehouse)
        loop.build(quick.warehouse)

    def added(self) -> list[str]:
        return sorted(set(self.crm.book.ids()) - self.before)

    def step(self, step: tuple[Any, ...]) -> None:
        name, *rest = step
        getattr(self, name)(*rest)

    def form(self, number: int) -> None:
        if number not in self.forms:
            self.forms.add(number)
            self.quick.write(
                "insert into inputs.forms values (:key, :phone, 'New')",
                key=f"form {number}",
                phone=f"777555000{number}",
            )

    def touch(self, number: int) -> None:
        """A person writes into a field that no push sets, maybe in the very second in which the lead was made."""
        if added := self.added():
            self.crm.book.edit(added[number % len(added)], {"notes": "called"})
            self.touched.add(added[number % len(added)])

    def look(self) -> None:
        loop.extract(self.quick.warehouse)
        loop.build(self.quick.warehouse)

    def push(self, kill: tuple[int, bool] | None = None) -> None:
        dying(self.quick, kill, lambda: loop.push(self.quick.warehouse, "adding", first=True))

    def undo(self, kill: tuple[int, bool] | None = None) -> None:
        asked = Asked(push="adding", since=datetime(2000, 1, 1, tzinfo=UTC), delete_inserted=True)
        with suppress(ConfigError):  # nothing was sent yet
            dying(self.quick, kill, lambda: loop.undo(self.quick.warehouse, asked))

    def fault(self, kind: str) -> None:
        self.crm.faults.add(kind, path="insert", count=1)


def check_added(four: FourCrms, steps: Steps) -> None:
    """Those that people have touched stay, all others are gone, and none is added again."""
    story = Adding(four)
    for step in steps:
        story.step(step)
    story.crm.faults.clear()
    story.look()
    story.push()  # what a kill or a fault had left open
    story.look()
    story.undo()
    assert set(story.added()) == story.touched
    assert story.before <= set(story.crm.book.ids())
    story.look()
    story.push()
    assert set(story.added()) == story.touched, "what was taken back was added again"


@pytest.mark.long_if("postgres")
@pytest.mark.timeout(0)
def test_of_added_leads_those_stay_that_people_have_touched(four: FourCrms) -> None:
    """A lost answer, a touched lead and an undo that is killed: all others are gone from the CRM, and none is added again."""
    check_added(
        four,
        [
            ("form", 0),
            ("fault", "drop_after_write"),
            ("form", 1),
            ("push", None),
            ("touch", 0),
            ("look",),
            ("undo", (2, True)),
        ],
    )


@pytest.mark.long
@pytest.mark.timeout(0)
def test_whatever_happens_added_leads_stay_that_people_have_touched(four: FourCrms) -> None:
    """Whatever was added, touched, killed, lost and taken back before."""

    @settings(max_examples=max(EXAMPLES // 2, 1), deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(FORM, max_size=8))
    @example([("form", 0), ("fault", "drop_after_write"), ("push", None), ("form", 1), ("push", (3, False))])
    def holds(steps: Steps) -> None:
        check_added(four, steps)

    holds()
