"""What the campaigns work on: a CRM people edit, a warehouse that wants something, and a count of what went wrong.

The world knows what every lead has to show. Each lead is wanted in a numbered version, of two fields that go out in one
call; what a person typed into one of them stays until somebody decides otherwise. Nothing here looks into the product:
the CRM's own book, its record of calls, and the tables of the warehouse are what is compared.
"""

import random
import shutil
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any, Self

import duckdb

from connector.sandbox import Sandbox
from tests.acceptance.conftest import Launcher, Place

PUSH = "scores"
WANTED = "select lead_id, tier, town from inputs.wanted"
OPTIONS = "key = 'lead_id', fields = {'title': 'tier', 'city': 'town'}, max_share = none, max_unknown_share = none, max_changes = none"
FORMS = "select key, phone, name, street from inputs.forms"
ADDING = (
    "mode = 'insert', key = 'key', options = {'list_id': 333}, max_share = none, max_unknown_share = none, max_inserts = none,"
    " fields = {'phone_number': 'phone', 'first_name': 'name', 'address1': 'street'}"
)


@dataclass
class Counts:
    """A line of a table, each of whose columns is a number."""

    def __add__(self, other: Self) -> Self:
        numbers = (getattr(self, each.name) + getattr(other, each.name) for each in fields(self))
        return type(self)(*numbers)


@dataclass
class Table(Counts):
    """What a campaign found, in one line; ``stage`` only where runs are killed."""

    kills: int = 0
    runs: int = 0
    calls: int = 0
    """Updates that the CRM carried out."""
    inserts: int = 0
    lost: int = 0
    """Leads that did not show what they had to, in the CRM or in the warehouse, or stayed open in the journal."""
    edits_lost: int = 0
    """Values a person typed that were overwritten."""
    doubled: int = 0
    """Leads that are in the CRM more than once."""
    repeated: int = 0
    """Updates of a lead to a version that it had been updated to already."""
    needless: int = 0
    """Updates in a run before which everything was in sync."""

    @property
    def clean(self) -> bool:
        return not (self.lost or self.edits_lost or self.doubled or self.needless)


HEADS = (
    "kills", "runs", "updates", "inserts", "leads lost", "edits lost", "doubled inserts", "repeated updates", "needless updates",
)  # fmt: skip


def drawn(lines: Mapping[str, Any], first: str, heads: Sequence[str] = HEADS) -> str:
    """The tables as one Markdown table, a line each, and their sum; all of one dataclass with a column for each head."""
    total = reduce(add, lines.values())
    rows = [(first, *heads)]
    rows += [
        (name, *(str(getattr(line, each.name)) for each in fields(line)))
        for name, line in [*lines.items(), ("all", total)]
    ]
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    told = [
        "| "
        + " | ".join(
            cell.ljust(width) if not place else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        + " |"
        for row in rows
    ]
    rule = (
        "| "
        + " | ".join("-" * (width - bool(place)) + ":" * bool(place) for place, width in enumerate(widths))
        + " |"
    )
    return "\n".join([told[0], rule, *told[1:]])


def street(phone: str) -> str:
    """Where the lead of a form is to be recognised by, whatever becomes of the rest of it."""
    return f"1 Form Street {phone}"


def ended(pid: int) -> bool:
    """Whether a process of a launcher has ended; it stays a zombie until the launcher is asked for its code."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


class World:
    """One CRM, one warehouse, one push, and what is expected of them."""

    def __init__(self, folder: Path, launcher: Launcher, crm: Sandbox, seed: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.crm = crm
        self.place = Place(
            folder, launcher, {"DESTINATION__DUCKDB__CREDENTIALS": str(folder / "leads.duckdb")}
        )
        self.place.settings_of(crm)
        self.place.env["CRM__CONVOSO__PAGE_SIZE"] = "20"
        self.place.project(WANTED, **{PUSH: OPTIONS})
        self.place.write("models/forms.sql", FORMS)
        self.place.push("adding", ADDING, desired="forms")
        self.random = random.Random(seed)
        self.version = 0
        self.wanted: dict[str, int] = {}
        """Lead -> the version that is wanted of it."""
        self.typed: dict[str, str] = {}
        """Lead -> the title a person typed after we had sent ours, and nobody has decided about."""
        self.sent: set[str] = set()
        """Leads that were wanted when everything was last at rest: what they showed then was sent by us, and answered."""
        self.table = Table()
        self._known = len(crm.book)
        self._updates: Counter[str] = Counter()
        self._read = 0
        self._inserts = 0
        self.forms: list[str] = []
        """The phone numbers of leads that are to be added, once each; each has a street of its own, which nobody edits."""
        self._write(
            "create schema inputs; create table inputs.forms (key text, phone text, name text, street text);"
            "create table inputs.wanted (lead_id text, tier text, town text)"
        )

    def _write(self, statements: str, rows: Iterable[tuple[Any, ...]] = ()) -> None:
        with duckdb.connect(str(self.place.warehouse.path)) as connection:
            rows = list(rows)
            if rows:
                connection.executemany(statements, rows)
            else:
                connection.execute(statements)

    # What happens to it

    def want(self, share: float) -> None:
        """The warehouse wants a new version of a share of the leads, and eight more leads."""
        self.version += 1
        forms = [f"777{number:07}" for number in range(len(self.forms), len(self.forms) + 8)]
        self.forms += forms
        self._write(
            "insert into inputs.forms values (?, ?, ?, ?)",
            [(f"form {phone}", phone, "Form", street(phone)) for phone in forms],
        )
        leads = [lead for lead in self.crm.book.ids() if self.random.random() < share]
        rows = [(lead, f"tier {self.version}", f"town {self.version}") for lead in leads]
        for lead in leads:
            self.wanted[lead] = self.version
            self._updates.pop(lead, None)
        self._write("delete from inputs.wanted where lead_id = ?", [(lead,) for lead in leads])
        self._write("insert into inputs.wanted values (?, ?, ?)", rows)

    def work(self, edits: int) -> None:
        """People edit leads: fields that nobody pushes, and titles that we have sent; and one more lead comes in."""
        for lead in self.random.sample(self.crm.book.ids(), edits):
            self.crm.book.edit(lead, {"notes": f"called {self.random.random()}"})
        free = sorted(self.sent - self.typed.keys())
        for lead in self.random.sample(free, min(2, len(free))):
            self.typed[lead] = f"typed {self.random.random()}"
            self.crm.book.edit(lead, {"title": self.typed[lead]})
        self.crm.book.add({"phone_number": f"555{self._known:07}", "first_name": "New", "list_id": "333"})
        self._known += 1

    def forget(self) -> None:
        """From now on it is another machine, which has nothing but the warehouse."""
        shutil.rmtree(self.place.folder / ".leadloop", ignore_errors=True)

    def decide(self, side: str) -> None:
        """A person decides about up to three conflicts, as ``leadloop resolve`` has it."""
        leads = sorted(self.typed)[:3]
        if not leads:
            return
        given = [part for lead in leads for part in ("--lead", lead)]
        self.place.run("resolve", PUSH, "--take", side, *given)
        if side == "ours":
            for lead in leads:
                del self.typed[lead]
                self._updates.pop(lead, None)

    # What came of it

    def count(self, table: Table) -> None:
        """Adds the updates since the last count to a table."""
        time.sleep(self.crm.options.latency + 0.02)  # a call of a killed process may still be on its way
        calls = [
            call for call in self.crm.calls.select("update") if call.carried_out and call.outcome == "ok"
        ]
        for call in calls[self._read :]:
            assert call.lead_id is not None
            self._updates[call.lead_id] += 1
            table.repeated += self._updates[call.lead_id] > 1
        inserts = [
            call for call in self.crm.calls.select("insert") if call.carried_out and call.outcome == "ok"
        ]
        table.inserts += len(inserts) - self._inserts
        self._inserts = len(inserts)
        table.calls += len(calls) - self._read
        self._read = len(calls)

    def check(self, table: Table) -> list[str]:
        """Compares CRM and warehouse with what is expected, and says in words what is wrong."""
        book = self.crm.book.rows()
        wrong = []
        for lead, version in self.wanted.items():
            title = self.typed.get(lead, f"tier {version}")
            if book[lead].get("title") != title:
                table.edits_lost += lead in self.typed
                table.lost += lead not in self.typed
                wrong.append(f"lead {lead} shows the title {book[lead].get('title')}, and not {title}")
            elif book[lead].get("city") != f"town {version}":
                table.lost += 1
                wrong.append(f"lead {lead} shows the city {book[lead].get('city')}, and not town {version}")
        for problem in (*self._different(book), *self._open()):
            table.lost += 1
            wrong.append(problem)
        streets = Counter(row["address1"] for row in book.values())
        for phone in self.forms:
            if (times := streets[street(phone)]) != 1:
                table.lost += not times
                table.doubled += max(0, times - 1)
                wrong.append(f"the lead of the form {phone} is there {times} times")
        if len(book) != self._known + len(self.forms):
            wrong.append(f"there are {len(book)} leads and there should be {self._known + len(self.forms)}")
        return wrong

    def _different(self, book: Mapping[str, Mapping[str, str | None]]) -> Iterable[str]:
        names = [
            name for name in next(iter(book.values())) if name not in ("id", "created_at", "modified_at")
        ]
        names += ["title"]
        found = {
            row[0]: row[1:]
            for row in self.place.rows(f"select lead_id, {', '.join(names)} from analytics.leads")
        }
        for lead, row in book.items():
            shown = tuple(value if value and value.strip() else None for value in map(row.get, names))
            if lead not in found:
                yield f"lead {lead} is not in the warehouse"
            elif found[lead] != shown:
                differ = [
                    name for name, one, two in zip(names, found[lead], shown, strict=True) if one != two
                ]
                yield f"lead {lead} differs in the warehouse in {', '.join(differ)}"

    def _open(self) -> Iterable[str]:
        query = (
            "select lead_id, field, arg_max(state, seq) as state from leadloop.push_journal"
            " group by run_id, lead_id, field having arg_max(state, seq) in ('planned', 'sent', 'unknown')"
        )
        for lead, field, state in self.place.rows(query):
            yield f"{field} of lead {lead} is still {state}"

    def run(self, table: Table, codes: tuple[int, ...] = (0,)) -> None:
        """One run that nobody disturbs."""
        done = self.place.start("run", "--yes", "--first").wait()
        table.runs += 1
        self.count(table)
        assert done.code in codes, f"a run ended with {done.code}:\n{done.stderr}"

    def come_to_rest(self, table: Table) -> list[str]:
        """Runs until nothing is left to do; the second run must not update anything. What is wrong then, in words."""
        self.run(table)
        before = table.calls
        self.run(table)
        table.needless += table.calls - before
        self.sent = set(self.wanted)
        return self.check(table)
