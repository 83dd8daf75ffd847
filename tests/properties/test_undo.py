"""After an undo every lead is as it would be had the runs never been, but for what people changed meanwhile.

``UNDO_EXAMPLES=200 pytest tests/properties/test_undo.py`` tries longer. See ``quick_loop`` for what is not real here.
"""

import os
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from connector import loop
from connector.errors import ConfigError
from connector.push import Asked
from tests.properties.quick_loop import Killed, QuickLoop

EXAMPLES = int(os.environ.get("UNDO_EXAMPLES", "3"))
FIELDS = ("title", "city")
FAULTS = ("status", "drop_before_write", "drop_after_write", "status_after_write", "truncate", "html")
LEAD = st.integers(0, 3)
VALUE = st.sampled_from(["one", "two", "three"])
KILL = st.tuples(st.integers(1, 6), st.booleans()) | st.none()
STEP = st.one_of(
    st.tuples(st.just("want"), LEAD, VALUE, st.none() | VALUE),
    st.tuples(st.just("edit"), LEAD, st.sampled_from(FIELDS)),
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


def dying(quick: QuickLoop, kill: tuple[int, bool] | None, work: Any) -> None:
    """Does the work, whose process may die at some row of the journal."""
    if kill is None:
        work()
        return
    number, recorded = kill
    with quick.killed_at(number, recorded=recorded), suppress(Killed):
        work()


class Story:
    """What happens, and what each field would show had the pushes since ``begin_undoing`` never been."""

    def __init__(self, quick: QuickLoop) -> None:
        self.quick = quick
        self.crm = quick.begin()
        self.leads = self.crm.book.ids()[:4]
        self.typed = 0
        self.without: dict[tuple[str, str], str | None] = {}
        self.since = datetime(2000, 1, 1, tzinfo=UTC)
        for number, lead in enumerate(self.leads):
            self.crm.book.edit(
                lead, {"title": f"title {number}", "city": "" if number % 2 else f"city {number}"}
            )
        self.look()

    def begin_undoing(self) -> None:
        """From here on it counts."""
        ((last,),) = self.quick.rows("select max(started_at) from leadloop.push_runs")
        self.since = last + timedelta(microseconds=1) if last else self.since
        self.without = self.shown()

    def shown(self) -> dict[tuple[str, str], str | None]:
        return {(lead, name): self.crm.book.row(lead)[name] or None for lead in self.leads for name in FIELDS}

    def step(self, step: tuple[Any, ...]) -> None:
        name, *rest = step
        getattr(self, name)(*rest)

    def want(self, lead: int, tier: str, town: str | None) -> None:
        key = self.leads[lead]
        self.quick.write("delete from inputs.wanted where lead_id = :key", key=key)
        self.quick.write(
            "insert into inputs.wanted values (:key, :tier, nullif(:town, ''))",
            key=key,
            tier=tier,
            town=town or "",
        )

    def edit(self, lead: int, name: str) -> None:
        self.typed += 1
        self.crm.book.edit(self.leads[lead], {name: f"typed {self.typed}"})
        self.without[self.leads[lead], name] = f"typed {self.typed}"

    def look(self) -> None:
        loop.extract(self.quick.warehouse)
        loop.build(self.quick.warehouse)

    def push(self, kill: tuple[int, bool] | None = None) -> None:
        dying(self.quick, kill, lambda: loop.push(self.quick.warehouse, "scores", first=True))

    def undo(self, kill: tuple[int, bool] | None = None) -> None:
        asked = Asked(push="scores", since=self.since)
        with suppress(ConfigError):  # nothing was sent yet
            dying(self.quick, kill, lambda: loop.undo(self.quick.warehouse, asked))

    def fault(self, kind: str) -> None:
        self.crm.faults.add(kind, path="update", count=1)

    def decide(self, lead: int) -> None:
        """A person looks at a conflict and wants ours."""
        key = self.leads[lead]
        if key in {each.lead_id for each in loop.resolve(self.quick.warehouse, "scores")}:
            loop.resolve(self.quick.warehouse, "scores", take="ours", leads=[key])

    def release(self) -> None:
        loop.release(self.quick.warehouse, "scores", everything=True)

    def maintain(self) -> None:
        loop.maintain(self.quick.warehouse)


@pytest.mark.long_if("postgres")
@pytest.mark.timeout(0)
def test_an_undo_leaves_what_would_have_been_without(quick: QuickLoop) -> None:
    """Whatever was pushed, edited, killed, lost, decided and taken back before: what people typed stays, all else is undone;
    and then no push sends any of it again."""

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(STEPS, STEPS)
    @example([], [("want", 0, "one", "two"), ("push", None), ("edit", 0, "city"), ("look",)])
    @example(
        [("want", 0, "one", None), ("push", None)],
        [
            ("want", 0, "two", "one"),
            ("fault", "drop_after_write"),
            ("push", None),
            ("undo", (3, True)),
            ("release",),
            ("push", (4, False)),
        ],
    )
    def holds(before: list[tuple[Any, ...]], steps: list[tuple[Any, ...]]) -> None:
        story = Story(quick)
        for step in before:
            story.step(step)
        story.crm.faults.clear()
        story.look()
        story.push()  # what earlier pushes had left open is theirs
        story.look()
        story.begin_undoing()
        for step in steps:
            story.step(step)
        story.crm.faults.clear()
        story.undo()
        assert story.shown() == story.without
        story.look()
        story.undo()
        assert story.shown() == story.without
        writes = story.crm.calls.count("update")
        left = quick.rows("select lead_id, field from analytics.scores where verdict in ('change', 'clear')")
        story.push()
        for key in story.without:
            if key not in left:
                assert story.shown()[key] == story.without[key], "what was taken back was sent again"
        assert left or story.crm.calls.count("update") == writes

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

    def __init__(self, quick: QuickLoop) -> None:
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
        """A person writes into a field that no push sets, in another second than the lead was made in: a CRM tells no parts of one."""
        if added := self.added():
            time.sleep(1.1)
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


@pytest.mark.long_if("postgres")
@pytest.mark.timeout(0)
def test_of_added_leads_those_stay_that_people_have_touched(quick: QuickLoop) -> None:
    """Whatever was added, touched, killed, lost and taken back before: all others are gone from the CRM, and none is added again."""

    @settings(max_examples=EXAMPLES // 2, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(FORM, max_size=8))
    @example([("form", 0), ("form", 1), ("push", None), ("touch", 0), ("look",), ("undo", (2, True))])
    @example([("form", 0), ("fault", "drop_after_write"), ("push", None), ("form", 1), ("push", (3, False))])
    def holds(steps: list[tuple[Any, ...]]) -> None:
        story = Adding(quick)
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

    holds()
