"""People, the warehouse, runs, kills, faults and decisions in any order, against a model of what must come of them.

``STATES_EXAMPLES=500 pytest tests/properties/test_states.py`` tries longer. See ``quick_loop`` for what is not real here.
"""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from connector import loop
from connector.sandbox.book import Removal
from tests.properties.quick_loop import Killed, QuickLoop

EXAMPLES = int(os.environ.get("STATES_EXAMPLES", "2"))
PUSHES = ("scores", "adding", "removing")
"""New values of leads that are there, new leads, and leads that are to go."""
PUSHED = ("title", "city")
REMOVALS: tuple[Removal, ...] = ("deleted", "archived")
WRITES = ("update", "insert", "delete")
SHOWN = (*PUSHED, "notes", "first_name", "phone_number")
FAULTS = (
    "status",
    "drop_before_write",
    "drop_after_write",
    "status_after_write",
    "truncate",
    "html",
    "no_success",
)


class States(RuleBasedStateMachine):
    """The model: what is wanted, and what people typed into fields that we had sent.

    Nothing that is drawn depends on what the loop did, which takes no two times the same course; so a rule for which there
    is nothing to do does nothing.
    """

    quick: QuickLoop

    @initialize()
    def begin(self) -> None:
        self.crm = self.quick.begin()
        self.warehouse = self.quick.warehouse
        self.number = 0
        self.wanted: dict[str, int] = {}
        self.forms: Counter[str] = Counter()
        """How many leads with each phone number are to be added."""
        self.unwanted: set[str] = set()
        self.kept: set[str] = set()
        """Leads that we deleted and a person brought back."""
        self.spared: set[str] = set()
        """Unwanted leads that a person brought back, whether we know to have deleted them or not."""
        self.vanished: set[str] = set()
        """Leads that a person removed since everything was last at rest: what came of a write to them could not be read."""
        self.typed: dict[tuple[str, str], str] = {}
        self.unseen: set[str] = set()
        """Leads that another program edited, which moves no clock that the CRM could be asked for."""

    def _next(self) -> int:
        self.number += 1
        return self.number

    def _lead(self, place: int) -> str:
        """One of the leads that are there, the newest first; where none is left, one comes in."""
        if not len(self.crm.book):
            self.come_in()
        leads = self.crm.book.ids()
        return leads[-1 - place % len(leads)]

    def _known_as_removed(self) -> set[str]:
        return {
            lead
            for (lead,) in self.quick.rows("select lead_id from analytics.leads where removed_at is not null")
        }

    def _ours(self, lead: str, name: str) -> bool:
        """Whether the CRM may have accepted this field from us, by our own record."""
        query = "select state from analytics.int_push_history where lead_id = :lead and field = :name order by recorded_at, seq"
        states = [state for (state,) in self.quick.rows(query, lead=lead, name=name)]
        return states[-1:] == ["sent"] or not {"applied", "confirmed", "unknown"}.isdisjoint(states)

    def _removed(self) -> dict[str, str]:
        """Removed lead -> how."""
        return {lead: how for how in REMOVALS for lead in self.crm.book.removed(how)}

    def _added(self) -> Counter[str]:
        """How many leads the CRM has with the phone numbers that are to be added."""
        leads = list(self.crm.book.leads.values())
        phones = Counter(lead.get("phone_number") or "" for lead in leads)
        return Counter({phone: phones[phone] for phone in self.forms})

    # What is wanted

    lead = st.integers(0, 11)

    @rule(lead=lead)
    def want(self, lead: int) -> None:
        """The warehouse wants something new of a lead."""
        key, version = self._lead(lead), self._next()
        self.wanted[key] = version
        self.quick.write("delete from inputs.wanted where lead_id = :key", key=key)
        self.quick.write(
            "insert into inputs.wanted values (:key, :tier, :town)",
            key=key, tier=f"tier {version}", town=f"town {version}",
        )  # fmt: skip

    @rule(again=st.booleans())
    def want_another(self, again: bool) -> None:
        """The warehouse wants a lead that is not there; the number may be that of one it wanted before."""
        number = self._next()
        phone = max(self.forms) if self.forms and again else f"777555{number:04}"
        self.forms[phone] += 1
        self.quick.write(
            "insert into inputs.forms values (:key, :phone, 'Form')", key=f"form {number}", phone=phone
        )

    @rule(lead=lead)
    def want_no_more(self, lead: int) -> None:
        """The warehouse wants a lead deleted."""
        key = self._lead(lead)
        if key not in self.unwanted:
            self.unwanted.add(key)
            self.quick.write("insert into inputs.unwanted values (:key)", key=key)

    # What others do in the CRM

    @rule(lead=lead, name=st.sampled_from(PUSHED))
    def edit(self, lead: int, name: str) -> None:
        """A person types something of their own into a field that is pushed."""
        key, value = self._lead(lead), f"typed {self._next()}"
        self.crm.book.edit(key, {name: value})
        if self._ours(key, name):
            self.typed[key, name] = value
        self.unseen.discard(key)

    @rule(lead=lead)
    def write_note(self, lead: int) -> None:
        """A person edits a field that nobody pushes."""
        key = self._lead(lead)
        self.crm.book.edit(key, {"notes": f"note {self._next()}"})
        self.unseen.discard(key)

    @rule(lead=lead)
    def other_program(self, lead: int) -> None:
        """Another program edits a field that nobody pushes."""
        key = self._lead(lead)
        self.crm.book.api_edit(key, {"notes": f"note {self._next()}"})
        self.unseen.add(key)

    @rule()
    def come_in(self) -> None:
        """A lead comes in by itself."""
        number = self._next()
        self.crm.book.add({"phone_number": f"555444{number:04}", "first_name": "New", "list_id": "333"})

    @rule(lead=lead, archive=st.booleans())
    def remove(self, lead: int, archive: bool) -> None:
        """A person removes a lead."""
        if len(self.crm.book) > 1:
            key = self._lead(lead)
            (self.crm.book.archive if archive else self.crm.book.delete)(key)
            self.kept.discard(key)
            self.vanished.add(key)

    @rule(place=lead)
    def bring_back(self, place: int) -> None:
        """A person brings a removed lead back, if there is one."""
        removed = sorted(self._removed())
        if removed:
            self._restore(removed[-1 - place % len(removed)])

    def _restore(self, lead: str) -> None:
        self.crm.book.restore(lead)
        self.unseen.discard(lead)
        if lead in self.unwanted:
            self.spared.add(lead)
        query = "select 1 from analytics.int_push_history where push = 'removing' and lead_id = :lead and state = 'applied'"
        if self.quick.rows(query, lead=lead):
            self.kept.add(lead)

    # What we do

    @rule()
    def extract(self) -> None:
        loop.extract(self.warehouse)

    @rule()
    def build(self) -> None:
        loop.build(self.warehouse)

    @rule(name=st.sampled_from(PUSHES), limit=st.none() | st.integers(0, 3))
    def push(self, name: str, limit: int | None) -> None:
        """A push of what was read and built when it was; the models may be behind, or not know the leads yet."""
        with self._justified():
            loop.push(self.warehouse, name, limit=limit, first=True)

    @rule(lead=lead, archive=st.booleans(), back=st.booleans())
    def push_too_late(self, lead: int, archive: bool, back: bool) -> None:
        """A lead is removed between the build and its call, and may be back soon."""
        key = self._lead(lead)
        self.want(lead)
        self.extract()
        self.build()
        self.remove(lead, archive)
        self.push("scores", None)
        if back and key in self._removed():
            self._restore(key)

    @rule()
    def run(self) -> None:
        self.extract()
        self.build()
        for name in PUSHES:
            self.push(name, None)

    @rule(number=st.integers(1, 10), recorded=st.booleans())
    def killed_run(self, number: int, recorded: bool) -> None:
        """A run whose process dies somewhere."""
        with self.quick.killed_at(number, recorded=recorded), suppress(Killed):
            self.run()

    @rule(name=st.sampled_from(PUSHES), number=st.integers(1, 4), recorded=st.booleans())
    def killed_push(self, name: str, number: int, recorded: bool) -> None:
        """The same while it sends: what was read and built before is there."""
        self.extract()
        self.build()
        with self._justified(), self.quick.killed_at(number, recorded=recorded), suppress(Killed):
            loop.push(self.warehouse, name, first=True)

    @rule(
        faults=st.lists(st.tuples(st.sampled_from(FAULTS), st.sampled_from(WRITES)), min_size=1, max_size=3)
    )
    def failing_run(self, faults: list[tuple[str, str]]) -> None:
        """A run in which some writes go wrong, one way or another."""
        for kind, path in faults:
            self.crm.faults.add(kind, path=path, count=1)
        self.run()
        self.crm.faults.clear()

    @rule(side=st.sampled_from(["ours", "theirs", "skip"]), place=lead)
    def decide(self, side: Any, place: int) -> None:
        """Somebody looks at a conflict, if there is one, and decides."""
        found = self.typed and sorted({each.lead_id for each in loop.resolve(self.warehouse, "scores")})
        if found:
            lead = found[place % len(found)]
            for conflict in loop.resolve(self.warehouse, "scores", take=side, leads=[lead]):
                if side == "ours":
                    self.typed.pop((lead, conflict.field), None)

    @rule()
    def maintain(self) -> None:
        """What nothing depends on any more is moved out of the journal."""
        loop.maintain(self.warehouse)

    # What must come of it

    @rule()
    def rest(self) -> None:
        """Everything comes to rest: runs, of which the last sends nothing; then all is as it should be."""
        for _ in range(6):
            self.run()
            # What was edited in the second in which reading ended, or after it, is not deleted yet.
            if (self.unwanted - self.kept).isdisjoint(self.crm.book.ids()):
                break
        before = self._writes()
        self.run()
        assert self._writes() == before, "a write although nothing had changed"
        book = self.crm.book.rows()
        for lead, version in self.wanted.items():
            for name, ours in zip(PUSHED, (f"tier {version}", f"town {version}"), strict=True):
                if lead in book and (lead, name) not in self.typed:
                    assert book[lead].get(name) == ours, f"{name} of {lead} was forgotten"
        assert self._added() == self.forms, "a lead was not added"
        assert self.unwanted.isdisjoint(book.keys() - self.spared), "a lead was not deleted"
        self._is_shown(book)
        self._is_settled()
        self.vanished.clear()

    def _is_shown(self, book: Any) -> None:
        removed = dict(
            self.quick.rows("select lead_id, removal from analytics.leads where removed_at is not null")
        )
        # One that came and went between two runs was never seen.
        assert removed.items() <= self._removed().items(), "a lead passes for removed"
        query = f"select lead_id, {', '.join(SHOWN)} from analytics.leads where removed_at is null"
        shown = {lead: dict(zip(SHOWN, values, strict=True)) for lead, *values in self.quick.rows(query)}
        assert shown.keys() == book.keys()
        for lead, row in shown.items():
            differ = {name for name in SHOWN if row[name] != (book[lead].get(name) or None)}
            assert differ <= ({"notes"} if lead in self.unseen else set()), f"{lead} differs in the warehouse"

    def _is_settled(self) -> None:
        query = (
            "select lead_id, field, state from (select *, row_number() over (partition by run_id, lead_id, field"
            " order by seq desc) as place from analytics.int_push_history) as states"
            " where place = 1 and (state in ('planned', 'sent', 'unknown')"
            " or (state not in ('applied', 'confirmed') and code is null and reason is null))"
        )
        assert not self.quick.rows(query), "something is open, or nobody can say why it is as it is"

    def _writes(self) -> int:
        return sum(self.crm.calls.count(action) for action in WRITES)

    @contextmanager
    def _justified(self) -> Iterator[None]:
        """Every update and deletion is of a lead that needs one and is not known to be removed, and is made once."""
        before = {str(lead): self.crm.book.row(lead) for lead in self.crm.book.leads}
        removed, known = self._known_as_removed(), {name: len(self.crm.calls.select(name)) for name in WRITES}
        yield
        for name in ("update", "delete"):
            made = [call.lead_id for call in self.crm.calls.select(name)[known[name] :] if call.carried_out]
            assert len(made) == len(set(made)), f"{name} twice"
            assert removed.isdisjoint(made), f"{name} of a lead that was known to be removed"
            for lead in map(str, made):
                if name == "delete":
                    assert lead in self.unwanted
                elif lead not in self.vanished:
                    version = self.wanted[lead]
                    shown = [before[lead].get(field) for field in PUSHED]
                    assert shown != [f"tier {version}", f"town {version}"], f"{lead} was in sync"

    @invariant()
    def no_edit_is_lost(self) -> None:
        """What a person typed over a value of ours, or brought back, is there until somebody decides for ours."""
        for (lead, name), value in self.typed.items():
            assert self.crm.book.row(lead).get(name) == value
        assert self.kept.isdisjoint(self._removed())

    @invariant()
    def no_lead_is_added_twice(self) -> None:
        assert self._added() <= self.forms

    def teardown(self) -> None:
        if hasattr(self, "wanted"):
            self.crm.faults.clear()
            self.rest()


@pytest.mark.long_if("postgres")
@pytest.mark.timeout(0)
def test_whatever_happens_nothing_is_lost(quick: QuickLoop) -> None:
    """After any sequence of edits, runs, kills, faults and decisions: in sync, no edit lost, no lead forgotten."""
    States.quick = quick
    run_state_machine_as_test(
        States,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=16,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
