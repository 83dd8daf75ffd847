"""What must come of it in a storm: a model of what is wanted, what people typed, and what nobody can know any more.

The model looks at the CRM's own book and its record of calls, at the warehouse's tables, and at what a person is shown as a
conflict. It knows what docs/guarantees.md promises, and nothing of how it is kept.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from connector import loop
from connector.errors import LeadloopError
from tests.campaigns.storm_loop import StormLoop
from tests.campaigns.world import Counts
from tests.properties.quick_loop import NAMES

FIELDS = {"title": "tier", "city": "town"}
WHOLE = "*"
SHOWN = ("title", "city", "notes", "first_name", "phone_number")
WRITES = ("update", "insert", "delete")
FEWEST = 8
"""Leads that people leave in the CRM."""
LONGEST = 120.0
"""Seconds in which a run has to end."""
PATIENCE = 3
"""Runs in which everything has to come to rest."""

Pair = tuple[str, str]
"""A lead and one of its fields, or ``WHOLE``."""


@dataclass
class Table(Counts):
    """What was found, in one line."""

    strikes: int = 0
    runs: int = 0
    updates: int = 0
    inserts: int = 0
    lost: int = 0
    """Leads that did not show what they had to, in the CRM or in the warehouse, or of which something stayed open."""
    edits_lost: int = 0
    """Values a person typed, or leads a person brought back, that are gone."""
    doubled: int = 0
    """Leads that are in the CRM once more than they were to be added."""
    mixed: int = 0
    """Runs that read from another account, or sent to it."""
    stalled: int = 0
    """Runs that did not end, or not in good order, and states of rest that were not reached."""
    needless: int = 0
    """Updates of leads that were in sync."""

    @property
    def clean(self) -> bool:
        return not (
            self.lost or self.edits_lost or self.doubled or self.mixed or self.stalled or self.needless
        )


@dataclass
class Noted:
    """A copy, and what the model said when it was made."""

    copy: str
    settled: dict[Pair, str | None]
    writes: int


@dataclass
class World:
    """One CRM and one warehouse, from their beginning until the next ones."""

    quick: StormLoop
    random: random.Random
    number: int = 0
    wanted: dict[str, int] = field(default_factory=dict)
    """Lead -> the version that is wanted of it."""
    forms: dict[str, str] = field(default_factory=dict)
    """Key of a form -> the phone number of the lead that is to be added for it; two forms may have the same one."""
    unwanted: set[str] = field(default_factory=set)
    typed: dict[Pair, str] = field(default_factory=dict)
    """What people typed over something that may have been ours, and nobody has decided about since."""
    reached: set[Pair] = field(default_factory=set)
    """What the CRM has carried out a write of, or what a put back warehouse was told to leave alone."""
    settled: dict[Pair, str | None] = field(default_factory=dict)
    """What was ours, and known to be, when everything was last at rest."""
    doubt: dict[Pair, str | None] = field(default_factory=dict)
    """What may be called a conflict, since nobody can know whose value it is -> the value then."""
    deleted: set[str] = field(default_factory=set)
    """Leads that we deleted, as far as this warehouse can know."""
    kept: set[str] = field(default_factory=set)
    """Leads that we deleted and a person brought back."""
    gone: set[str] = field(default_factory=set)
    """Leads that were gone when a person went on with a put back warehouse: each may be one that we deleted. Until it reads
    of the removal, which a CRM whose clock was put back tells late, it holds what the copy showed for what the CRM shows."""
    spared: set[str] = field(default_factory=set)
    """Unwanted leads that a person brought back, whether we know to have deleted them or not."""
    rested: bool = False
    """Whether everything was at rest once: from then on something is known of every field that is sent."""
    accepting: bool = False
    """Whether the warehouse was put back, and a person has not gone on with it yet."""
    asked: bool = False
    """Whether a person has tried to go on with it at least once."""
    forgetful: bool = False
    """Whether it was put back since everything was last at rest: what was sent may be sent again."""
    copies: list[Noted] = field(default_factory=list)
    at_work: dict[str, str] = field(default_factory=lambda: {push: names[0] for push, names in NAMES.items()})
    """Push -> the name it has now."""
    log: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    _read: int = 0

    def __post_init__(self) -> None:
        self.quick.begin()

    @property
    def book(self) -> Any:
        return self.quick.crm.book

    def say(self, what: str) -> None:
        self.log.append(what)

    def fault(self, what: str) -> int:
        self.log.append(f"!! {what}")
        self.wrong.append(what)
        return 1

    def _next(self) -> int:
        self.number += 1
        return self.number

    # What people do, in the warehouse and in the CRM

    def live(self) -> None:
        """A few things happen, none of them ours."""
        events: tuple[Callable[[], None], ...] = (
            (self.want,) * 4 + (self.want_another,) * 2 + (self.edit,) * 3
        )
        events += (self.write_note, self.come_in, self.remove, self.bring_back, self.want_no_more)
        for _ in range(self.random.randint(2, 6)):
            self.random.choice(events)()

    def want(self) -> None:
        """The warehouse wants something new of a few leads."""
        leads, version = self.book.ids(), self._next()
        for lead in self.random.sample(leads, self.random.randint(1, min(4, len(leads)))):
            self.wanted[lead] = version
            self._write_wanted(lead)
            self.say(f"wanted {lead}: version {version}")

    def _write_wanted(self, lead: str) -> None:
        version = self.wanted[lead]
        self.quick.write("delete from inputs.wanted where lead_id = :lead", lead=lead)
        self.quick.write(
            "insert into inputs.wanted values (:lead, :tier, :town)",
            lead=lead, tier=f"tier {version}", town=f"town {version}",
        )  # fmt: skip

    def want_another(self) -> None:
        number = self._next()
        again = self.forms and self.random.random() < 0.3
        phone = self.random.choice(list(self.forms.values())) if again else f"777555{number:04}"
        self.forms[f"form {number}"] = phone
        self._write_form(f"form {number}")
        self.say(f"form {number}: a lead with {phone}")

    def _write_form(self, key: str) -> None:
        insert = "insert into inputs.forms values (:key, :phone, 'Form')"
        self.quick.write(insert, key=key, phone=self.forms[key])

    def want_no_more(self) -> None:
        lead = self._removable()
        if lead is not None and lead not in self.unwanted:
            self.unwanted.add(lead)
            self.quick.write("insert into inputs.unwanted values (:lead)", lead=lead)
            self.say(f"unwanted {lead}")

    def edit(self) -> None:
        pair = self.random.choice(self.book.ids()), self.random.choice(sorted(FIELDS))
        value = f"typed {self._next()}"
        self.book.edit(pair[0], {pair[1]: value})
        if pair in self.reached:
            self.typed[pair] = value
        else:
            # Nothing was sent, or it never came through: either may stand.
            self.doubt[pair] = value
        self.say(f"edited {pair}: {value}{' (over ours)' if pair in self.typed else ''}")

    def write_note(self) -> None:
        lead = self.random.choice(self.book.ids())
        self.book.edit(lead, {"notes": f"note {self._next()}"})
        self.say(f"note on {lead}")

    def come_in(self) -> None:
        number = self._next()
        made = self.book.add({"phone_number": f"555444{number:04}", "first_name": "New", "list_id": "333"})
        self.say(f"came in: {made}")

    def remove(self) -> None:
        lead = self._removable()
        if lead is not None:
            archive = self.random.random() < 0.5
            (self.book.archive if archive else self.book.delete)(lead)
            self.kept.discard(lead)
            self.say(f"removed {lead}")

    def _removable(self) -> str | None:
        """A lead that is no form's: one that is gone, and whose push has a new name or was forgotten, is added anew."""
        phones = set(self.forms.values())
        leads = [lead for lead in self.book.ids() if self.book.row(lead).get("phone_number") not in phones]
        return self.random.choice(leads) if len(leads) > FEWEST else None

    def bring_back(self) -> None:
        removed = sorted(self._removed())
        if removed:
            lead = self.random.choice(removed)
            self.book.restore(lead)
            if lead in self.unwanted:
                self.spared.add(lead)
            if lead in self.deleted:
                self.kept.add(lead)
            if lead in self.gone:
                # Nobody looked at it when a person went on with the warehouse: what it shows may be whoever's.
                self._doubt(lead, self.book.row(lead))
            self.say(f"brought back {lead}{' (we deleted it)' if lead in self.kept else ''}")

    def _removed(self) -> dict[str, str]:
        return {lead: how for how in ("deleted", "archived") for lead in self.book.removed(how)}

    # Copies

    def copy(self) -> None:
        settled = {pair: value for pair, value in self.settled.items() if self._value(pair) == value}
        self.copies.append(Noted(self.quick.copy(), settled, self._writes()))
        self.say(f"copied as {self.copies[-1].copy}")
        if len(self.copies) > 3:
            self.quick.throw_away(self.copies.pop(0).copy)

    def put_back(self, noted: Noted) -> None:
        """What was sent since is unknown, unless the CRM shows just what it showed then."""
        self.quick.put_back(noted.copy)
        self.accepting = self.forgetful = True
        self.asked = False
        self.deleted.clear()
        self.settled = {pair: value for pair, value in noted.settled.items() if self._value(pair) == value}
        self._doubt_what_is_unknown()
        self.say(f"put back {noted.copy}")
        for table in ("wanted", "forms", "unwanted"):
            self.quick.write(f"delete from inputs.{table}")
        for lead in self.wanted:
            self._write_wanted(lead)
        for key in self.forms:
            self._write_form(key)
        for lead in self.unwanted:
            self.quick.write("insert into inputs.unwanted values (:lead)", lead=lead)

    def _doubt_what_is_unknown(self) -> None:
        for lead, row in self.book.rows().items():
            self._doubt(lead, row)
            if lead in self.unwanted:
                self.doubt[lead, WHOLE] = None

    def _doubt(self, lead: str, row: Any) -> None:
        for name in FIELDS:
            pair = lead, name
            if row.get(name) and pair not in self.settled and pair not in self.typed:
                self.doubt[pair] = row.get(name)

    def throw_copies_away(self) -> None:
        for noted in self.copies:
            self.quick.throw_away(noted.copy)
        self.copies.clear()

    # Runs

    def run(self, table: Table, *, restored: bool | None = None) -> loop.Ran:
        """One run as cron or a person starts it; raises what it raises."""
        restored = self.accepting if restored is None else restored
        names = list(self.at_work.values())
        self.random.shuffle(names)
        table.runs += 1
        began = time.monotonic()
        if restored:
            self._doubt_what_is_unknown()
            self.gone |= self._removed().keys()
        if restored and not self.asked:
            # From now on whatever stands there is left alone, and so is what people make of it.
            rows = self.book.rows()
            self.reached |= {(lead, name) for lead in rows for name in FIELDS if rows[lead].get(name)}
            self.asked = True
        try:
            ran = self._ran(names, restored=restored)
            self.accepting = self.accepting and not (restored and not ran.failed)
            return ran
        finally:
            self.account(table)
            if (took := time.monotonic() - began) > LONGEST:
                table.stalled += self.fault(f"a run took {took:.0f} s")

    def _ran(self, names: list[str], *, restored: bool) -> loop.Ran:
        return loop.run(self.quick.warehouse, pushes=names, first=not self.rested, restored=restored)

    def quiet_run(self, table: Table, *, restored: bool | None = None) -> loop.Ran | None:
        """One that nobody disturbs: it has to do all of its work."""
        before = self.book.rows()
        seen = len(self.quick.calls())
        try:
            ran = self.run(table, restored=restored)
        except LeadloopError as error:
            table.stalled += self.fault(
                f"an undisturbed run ended with {error.exit_code}, {type(error).__name__}: {error}"
            )
            return None
        for name, failure in ran.failed.items():
            table.stalled += self.fault(
                f"{name} of an undisturbed run ended with"
                f" {failure.exit_code}, {type(failure).__name__}: {failure}"
            )
        if not self.forgetful:
            for call in self.quick.calls()[seen:]:
                if call.action == "update" and call.carried_out and self._in_sync(before, call):
                    table.needless += self.fault(f"lead {call.lead_id} was sent what it showed")
        return ran

    def _in_sync(self, before: Any, call: Any) -> bool:
        row = before.get(call.lead_id, {})
        names = [name for name in FIELDS if name in call.names]
        return bool(names) and all(row.get(name) == self._ours((call.lead_id, name)) for name in names)

    def account(self, table: Table) -> None:
        """Adds the writes since the last time to a table, and to what the model knows."""
        calls = self.quick.calls()
        for call in calls[self._read :]:
            if not call.carried_out or call.outcome != "ok":
                continue
            table.updates += call.action == "update"
            table.inserts += call.action == "insert"
            if call.action == "delete":
                self.deleted.add(str(call.lead_id))
            if call.action == "update":
                self.reached |= {(str(call.lead_id), name) for name in FIELDS if name in call.names}
        self._read = len(calls)

    def _writes(self) -> int:
        return sum(call.action in WRITES and call.carried_out for call in self.quick.calls())

    # What came of it

    def _ours(self, pair: Pair) -> str | None:
        lead, name = pair
        return f"{FIELDS[name]} {self.wanted[lead]}" if lead in self.wanted else None

    def _value(self, pair: Pair) -> str | None:
        lead, name = pair
        return self.book.row(lead).get(name) or None

    def look(self, table: Table) -> None:
        """What must hold at any time."""
        for pair, value in list(self.typed.items()):
            if self._value(pair) != value:
                table.edits_lost += self.fault(
                    f"{pair} shows {self._value(pair)}, and a person typed {value}"
                )
                del self.typed[pair]
        for lead in sorted(self.kept & self._removed().keys()):
            table.edits_lost += self.fault(f"{lead} was deleted again, and a person had brought it back")
            self.kept.discard(lead)
        wanted = Counter(self.forms.values())
        for phone, times in (self._added() - wanted).items():
            table.doubled += self.fault(
                f"{times} more leads with {phone} than the {wanted[phone]} to be added"
            )

    def _added(self) -> Counter[str]:
        """Phone number of a form -> how many leads have it; those that are gone count, too."""
        phones = Counter(lead.get("phone_number") or "" for lead in list(self.book.leads.values()))
        return Counter({phone: phones[phone] for phone in self.forms.values()})

    def come_to_rest(self, table: Table) -> None:
        """Runs until one sends nothing, then compares; twice where a person has to decide about what is unknown."""
        self._until_quiet(table)
        self.look(table)
        decided = self._decide(table)
        if decided:
            self._until_quiet(table)
            self.look(table)
        self._compare(table, decided)
        self.rested, self.forgetful = True, False

    def _until_quiet(self, table: Table) -> None:
        # The CRM's clock counts seconds: what happens in one of them can't be told apart.
        time.sleep(1.05 - time.time() % 1)
        for _ in range(PATIENCE + self.accepting):
            before = self._writes()
            if self.quiet_run(table) is None:
                return
            if self._writes() == before:
                return
        table.stalled += self.fault(f"still sending after {PATIENCE} undisturbed runs")

    def _decide(self, table: Table) -> set[Pair]:
        """A person looks at the conflicts: ours goes out where nobody typed anything; some of what was typed goes, too."""
        found = {
            (each.lead_id, each.field): name
            for name in (self.at_work["scores"], self.at_work["removing"])
            for each in loop.resolve(self.quick.warehouse, name)
        }
        decided: set[Pair] = set()
        for pair, name in sorted(found.items()):
            lead = pair[0]
            if pair in decided or (pair[1] == WHOLE and lead in self.kept | self.spared):
                continue
            if pair in self.typed:
                if self.random.random() < 0.7:
                    continue
            elif pair not in self.doubt and lead not in self.gone:
                table.lost += self.fault(f"{pair} is called a conflict, and nobody but us wrote it")
            for each in loop.resolve(self.quick.warehouse, name, take="ours", leads=[lead]):
                self.say(f"decided for ours: {lead} {each.field}")
                self.typed.pop((lead, each.field), None)
                decided.add((lead, each.field))
        return decided

    def _compare(self, table: Table, decided: set[Pair]) -> None:
        rows = self.book.rows()
        self.settled = {}
        for lead in self.wanted:
            for name in FIELDS:
                pair = lead, name
                if lead not in rows or pair in self.typed:
                    continue
                shown = rows[lead].get(name) or None
                if shown != self._ours(pair):
                    table.lost += self.fault(f"{pair} shows {shown}, and {self._ours(pair)} is wanted")
                elif pair not in self.doubt or self.doubt[pair] != shown or pair in decided:
                    self.doubt.pop(pair, None)
                    self.settled[pair] = shown
        for lead in sorted(self.unwanted & rows.keys() - self.spared):
            table.lost += self.fault(f"{lead} is to be deleted, and is there")
        self.doubt = {pair: value for pair, value in self.doubt.items() if pair[1] != WHOLE}
        for phone, times in (Counter(self.forms.values()) - self._added()).items():
            table.lost += self.fault(f"{times} leads with {phone} were not added")
        for problem in (*self._different(rows), *self._open()):
            table.lost += self.fault(problem)

    def _different(self, rows: Any) -> Iterator[str]:
        removed = dict(
            self.quick.rows("select lead_id, removal from analytics.leads where removed_at is not null")
        )
        for lead in sorted(removed.items() - self._removed().items()):
            yield f"{lead} passes for removed"
        query = f"select lead_id, {', '.join(SHOWN)} from analytics.leads where removed_at is null"
        shown = {lead: dict(zip(SHOWN, values, strict=True)) for lead, *values in self.quick.rows(query)}
        for lead in sorted(shown.keys() ^ rows.keys()):
            yield f"{lead} is {'not in the CRM' if lead in shown else 'not in the warehouse'}"
        for lead in shown.keys() & rows.keys():
            differ = [name for name in SHOWN if shown[lead][name] != (rows[lead].get(name) or None)]
            if differ:
                yield f"{lead} differs in the warehouse in {', '.join(differ)}"

    def _open(self) -> Iterable[str]:
        query = (
            "select lead_id, field, state from (select *, row_number() over (partition by run_id, lead_id, field"
            " order by seq desc) as place from leadloop.push_journal) as states"
            " where place = 1 and (state in ('planned', 'sent', 'unknown')"
            " or (state not in ('applied', 'confirmed') and code is null and reason is null))"
        )
        for lead, name, state in self.quick.rows(query):
            yield f"{name} of {lead} is still {state}, or nobody can say why"
