"""Cuts, kills, restores, renames, skews and restarts at random, over DuckDB and PostgreSQL, and counts what comes of it.

    python tests/campaigns/storm.py --strikes 1000

The CRM, the warehouses and every function of ours are real, dlt and dbt are quick stand-ins (``tests/properties/quick_loop``). Between
two strikes people edit leads, and the warehouse wants something else; after every few strikes everything has to come to
rest, and is compared. A fault is told with the seed, the warehouse and the life in which it was found, and with what had
happened since everything was last at rest; ``--seed N --only duckdb --life 7`` takes that life again.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from connector import loop
from connector.errors import (
    LeadloopError,
    LockedError,
    OtherAccountError,
    PlanMovedError,
    RestoredError,
    WarehouseError,
)
from connector.warehouse.connection import Warehouse
from tests import postgres
from tests.campaigns.storm_loop import StormLoop, clock_wrong_by
from tests.campaigns.storm_world import WRITES, Table, World
from tests.campaigns.world import drawn
from tests.meanwhile import meanwhile
from tests.properties.quick_loop import NAMES, Killed, Made

KINDS = ("kill", "cut", "restore", "rename", "skew", "restart", "two at once")
AT_REST = "at rest"
LIFE = 28
"""Strikes after which another CRM and another warehouse begin."""
EVERY = 4
"""Strikes between two states of rest."""
DAYS = 2 * 86_400.0
HANGS = 600
"""Seconds after which a strike will never end; then the traces of all threads are told."""
HEADS = (
    "strikes", "runs", "updates", "inserts", "lost", "edits lost", "doubled", "mixed", "stalled", "needless updates",
)  # fmt: skip


class Storm:
    """Strikes one world after another, on one warehouse."""

    def __init__(self, quick: StormLoop, seed: int, say: Callable[[str], None]) -> None:
        self.quick = quick
        self.seed = seed
        self.tables = {kind: Table() for kind in (*KINDS, AT_REST)}
        self.struck: Counter[str] = Counter()
        """How often a strike really hit."""
        self._say = say
        self._statements = 100
        self._seconds = 1.0

    def live(self, life: int, strikes: int) -> None:
        """So many strikes on a new world, or as many as it takes to find a fault."""
        chance = random.Random(f"{self.seed} {self.quick.warehouse.kind} {life}")
        self.random, self.world = chance, World(self.quick, chance)
        # Nothing of the lives before: a life that is repeated alone is the same.
        self._statements, self._seconds = 100, 1.0
        world, rest = self.world, self.tables[AT_REST]
        for _ in range(4):
            world.want()
        world.come_to_rest(rest)
        # As many as a whole life has, so that any life can be repeated.
        kinds = [kind for _ in range(LIFE // len(KINDS)) for kind in chance.sample(KINDS, len(KINDS))]
        for number, kind in enumerate(kinds[:strikes], 1):
            world.live()
            self._strike(kind)
            if not world.wrong and chance.random() < 0.5:
                world.copy()
            if not world.wrong and (number % EVERY == 0 or number == strikes):
                world.come_to_rest(rest)
                world.say("-- at rest")
            if world.wrong:
                self._tell(life, number)
                break
        world.throw_copies_away()

    def _strike(self, kind: str) -> None:
        table = self.tables[kind]
        table.strikes += 1
        self.world.say(f"-- {kind}")
        strikes = {
            "kill": self._kill,
            "cut": self._cut,
            "restore": self._restore,
            "rename": self._rename,
            "skew": self._skew,
            "restart": self._restart,
            "two at once": self._two_at_once,
        }
        strikes[kind](table)
        self.world.look(table)

    def _tell(self, life: int, number: int) -> None:
        where = f"--seed {self.seed} --only {self.quick.warehouse.kind} --life {life}, strike {number}"
        self._say("\n".join([where, *(f"    {line}" for line in self.world.log)]))

    # The strikes

    def _kill(self, table: Table) -> None:
        number, recorded = self.random.randint(1, 12), self.random.random() < 0.5
        self.world.say(f"killed {'after' if recorded else 'before'} the write no. {number}")
        with self.quick.killed_at(number, recorded=recorded), suppress(Killed):
            self._disturbed(table)
            return
        self.struck["killed"] += 1

    def _cut(self, table: Table) -> None:
        """On PostgreSQL sessions are cut; on both, another machine takes the lease of a push that seems to be dead."""
        if self.quick.warehouse.kind == "duckdb" or self.random.random() < 0.25:
            number = self.random.randint(1, 8)
            self.world.say(f"robbed of its lease before the record no. {number}")
            with self.quick.robbed_at(number, self.struck):
                self._disturbed(table, LockedError)
        elif self.random.random() < 0.3:
            with self._cuts_now_and_then():
                self._disturbed(table, WarehouseError)
        else:
            number = self.random.randint(1, self._statements)
            self.world.say(f"cut at the statement no. {number} of about {self._statements}")
            with self.quick.wires.at(number, self._cut_now):
                self._disturbed(table, WarehouseError)

    def _cut_now(self) -> None:
        self.struck["cut"] += 1
        self.quick.cut()

    @contextmanager
    def _cuts_now_and_then(self) -> Iterator[None]:
        """Three times, whatever is being done just then."""
        pauses = [self.random.uniform(0, self._seconds / 2) for _ in range(3)]

        def cut(ended: threading.Event) -> None:
            for pause in pauses:
                if ended.wait(pause):
                    return
                self._cut_now()

        self.world.say(f"cut after {', '.join(f'{pause:.2f}' for pause in pauses)} s")
        with meanwhile(cut):
            yield

    def _restore(self, table: Table) -> None:
        """A copy is put back; nobody is there at first, and then a person goes on with it, now or after the next strike."""
        world = self.world
        older = [noted for noted in world.copies if noted.writes != self._writes()]
        if not older:
            world.copy()
            world.want()
            self._disturbed(table)
            older = world.copies
        noted = self.random.choice(older)
        before = self._writes()
        world.put_back(noted)
        if self.random.random() < 0.5:
            world.live()
        ran = world.run(table, restored=False)
        stopped = [name for name, error in ran.failed.items() if isinstance(error, RestoredError)]
        if before != noted.writes:
            self.struck["restored"] += 1
            for name in sorted(set(world.at_work.values()) - set(stopped)):
                table.lost += world.fault(f"{name} did not notice that the warehouse was put back")
            if self._writes() != before:
                table.lost += world.fault(
                    "a warehouse that was put back sent something, and nobody had agreed"
                )
        if not stopped:
            # Nothing that was sent is forgotten.
            world.accepting = False
        elif self.random.random() < 0.7:
            world.quiet_run(table)

    def _rename(self, table: Table) -> None:
        pushes = self.random.sample(sorted(NAMES), self.random.randint(1, len(NAMES)))
        for push in pushes:
            others = [name for name in NAMES[push] if name != self.world.at_work[push]]
            self.world.at_work[push] = self.random.choice(others)
        self.world.say(f"renamed to {', '.join(self.world.at_work.values())}")
        self.struck["renamed"] += len(pushes)
        self.world.quiet_run(table)

    def _skew(self, table: Table) -> None:
        seconds = self.random.choice((-1, 1)) * self.random.choice(
            (self.random.uniform(1, 120), self.random.uniform(120, 7200), self.random.uniform(7200, DAYS))
        )
        self.struck["skewed"] += 1
        if self.random.random() < 0.5:
            self.world.say(f"our clock is wrong by {seconds:.0f} s")
            with clock_wrong_by(seconds):
                self.world.quiet_run(table)
            return
        self.world.say(f"the CRM's clock is wrong by {seconds:.0f} s")
        clock = self.quick.crm.clock
        clock.advance(seconds)
        try:
            self.world.quiet_run(table)
        finally:
            if seconds > 0 and self.random.random() < 0.5:
                self.world.say("and stays so")
            else:
                clock.advance(-seconds)

    def _restart(self, table: Table) -> None:
        if self.random.random() < 0.6:
            self.quick.move()
            self.struck["moved"] += 1
            self.world.say("the CRM moved")
            self.world.quiet_run(table)
            return
        self.world.say("the settings name another account")
        self.struck["other account"] += 1
        before = self.quick.count()
        with self.quick.another_account(self.random.randint(100, 999)) as other:
            self._has_to_refuse(table, "a run", lambda: self.world.run(table))
            for name in self.world.at_work.values():
                self._has_to_refuse(table, name, partial(loop.push, self.quick.warehouse, name))
            wrote = [call.action for call in other.calls if call.action in WRITES]
        if wrote or self.quick.count() != before:
            table.mixed += self.world.fault(f"another account was read or written: {wrote}")

    def _has_to_refuse(self, table: Table, what: str, begin: Callable[[], object]) -> None:
        try:
            begin()
        except OtherAccountError:
            return
        except LeadloopError as error:
            table.mixed += self.world.fault(
                f"with another account {what} ended with {type(error).__name__}: {error}"
            )
        else:
            table.mixed += self.world.fault(f"with another account {what} went on")

    def _two_at_once(self, table: Table) -> None:
        number = self.random.randint(1, 8)
        names = self.random.sample(sorted(self.world.at_work.values()), len(NAMES))
        seconds: list[Exception | None] = []

        def second(push: str) -> None:
            error: Exception | None = None
            try:
                if self.quick.warehouse.kind == "duckdb":
                    loop.push(self.quick.warehouse, push)
                else:
                    ran = loop.run(self.quick.warehouse, pushes=names)
                    error = next((each for each in ran.failed.values() if not self._in_order(each)), None)
            except Exception as raised:
                error = raised
            seconds.append(error)

        self.world.say(f"a second run begins at the record no. {number}")
        with self.quick.beside(number, second):
            self._disturbed(table, LockedError, PlanMovedError)
        table.runs += len(seconds)
        self.struck["second runs"] += len(seconds)
        self.world.account(table)
        for error in seconds:
            if self.quick.warehouse.kind == "duckdb" and error is None:
                table.doubled += self.world.fault("a second run was let in beside the first one")
            elif error is not None and not self._in_order(error):
                table.stalled += self.world.fault(f"a second run ended with {type(error).__name__}: {error}")

    def _in_order(self, error: BaseException) -> bool:
        return isinstance(error, LockedError | PlanMovedError | RestoredError)

    def _disturbed(self, table: Table, *expected: type[LeadloopError]) -> None:
        """A run that may end with one of these errors, or with that of a warehouse that was put back."""
        began, before = time.monotonic(), self.quick.wires.count
        try:
            ran = self.world.run(table)
            errors = list(ran.failed.values())
        except LeadloopError as error:
            errors = [error]
        except sa.exc.SQLAlchemyError as error:
            table.stalled += self.world.fault(f"a run ended with {type(error).__name__}: {error}")
            return
        for ended in errors:
            self.world.say(f"ended with {ended.exit_code}, {type(ended).__name__}")
            if not isinstance(ended, expected):
                table.stalled += self.world.fault(
                    f"a run ended with {ended.exit_code}, {type(ended).__name__}: {ended}"
                )
        if not errors:
            self._statements = max(20, self.quick.wires.count - before)
            self._seconds = time.monotonic() - began

    def _writes(self) -> int:
        return sum(call.action in WRITES and call.carried_out for call in self.quick.calls())


@contextmanager
def storm(
    warehouse: Warehouse,
    folder: Path,
    seed: int,
    say: Callable[[str], None],
    made: dict[tuple[str, str], Made] | None = None,
) -> Iterator[Storm]:
    """A storm on this warehouse, which is empty, beside a project in this folder; ``made`` as for a quick loop."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        quick = StormLoop(folder, warehouse, patch, made)
        try:
            yield Storm(quick, seed, say)
        finally:
            quick.close()


def campaign(made: Storm, strikes: int, *, life: int | None = None) -> None:
    """So many strikes, one life after another; or the one life."""
    done, lives = 0, [life] if life is not None else range(strikes)
    for number in lives:
        before = sum(made.tables.values(), Table()).strikes
        made.live(number, min(LIFE, strikes - done))
        done += sum(made.tables.values(), Table()).strikes - before
        if done >= strikes:
            return


def text(found: list[Storm]) -> str:
    """What was found on all warehouses, as one table, and how often something really was hit."""
    tables = {kind: sum((each.tables[kind] for each in found), Table()) for kind in (*KINDS, AT_REST)}
    struck = sum((each.struck for each in found), Counter[str]())
    told = ", ".join(f"{what} {count}" for what, count in struck.most_common())
    return f"{drawn(tables, 'strike', HEADS)}\n\nReally struck: {told}."


def main(say: Callable[[str], None] = print) -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--strikes", type=int, default=1_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--only", choices=("duckdb", "postgres"))
    options.add_argument("--life", type=int)
    given = options.parse_args()
    for name in list(os.environ):
        if name.startswith(("CRM__", "WAREHOUSE__", "DESTINATION__", "DBT__", "LEADLOOP_")):
            del os.environ[name]
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    found: list[Storm] = []
    kinds = [given.only] if given.only else ["duckdb", "postgres"]
    for place, kind in enumerate(kinds):
        share = given.strikes // len(kinds) + (given.strikes % len(kinds) > place)
        with (
            tempfile.TemporaryDirectory(prefix="leadloop-storm-", dir=memory) as name,
            _warehouse(kind, Path(name)) as warehouse,
            storm(warehouse, Path(name), given.seed, say) as made,
        ):
            found.append(made)
            # A campaign that is interrupted says what it has found by then.
            try:
                campaign(made, share, life=given.life)
            except (KeyboardInterrupt, RuntimeError) as error:
                # DuckDB says of a query that was interrupted that it was.
                if not isinstance(error.__cause__ or error, KeyboardInterrupt):
                    raise
    say(text(found))
    sys.exit(not all(sum(each.tables.values(), Table()).clean for each in found))


@contextmanager
def _warehouse(kind: str, folder: Path) -> Iterator[Warehouse]:
    if kind == "duckdb":
        yield Warehouse.duckdb(folder / "leads.duckdb")
        return
    with postgres.server() as url:
        admin = sa.create_engine(url, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.exec_driver_sql("create database leads")
        admin.dispose()
        yield Warehouse.postgres(url.rpartition("/")[0] + "/leads")


if __name__ == "__main__":
    main()
