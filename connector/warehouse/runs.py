"""Every run leaves a row in ``leadloop.runs``, however it ends: what was started, when, by whom, and what came of it.

A row is written when the run holds its lock and once more when it ends, so a row without an end belongs to a run that is
at work or was killed. Until it can be written it waits in a small file beside the project (``SPOOL``): a run that another
one kept from the warehouse would otherwise leave nothing, and one that opened the file only for its row would disturb
whoever works on it. The next run that reaches the warehouse loads what waits. No row is a reason for a run to fail, and none
makes a warehouse where there is none.
"""

import functools
import getpass
import inspect
import json
import os
import socket
import sys
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, ClassVar, ParamSpec, Protocol, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from connector import events
from connector.errors import LeadloopError, LockedError, WarehouseError, place_of
from connector.warehouse import models, private
from connector.warehouse.connection import Warehouse
from connector.warehouse.leases import TTL, age, host_id, leases, lives, patient, process_started
from connector.warehouse.ledger import METADATA, SCHEMA, SEQUENCE, columns_of

SPOOL = Path(".leadloop") / "runs"
"""Where rows wait that could not be written yet, one file each."""
PATIENCE = 1.0
"""Seconds to wait for a DuckDB file that another process holds, before a row is left in the spool."""
MOST_WAITING = 1_000
"""Rows that wait at most; beyond that the oldest ones go."""
ON_BEHALF_OF = "LEADLOOP_ON_BEHALF_OF"
"""The variable of the environment that says for whom the page has started this process."""
DONE = (0, 3)
"""Exit codes of a run that did what it was to do; 3: some leads were rejected or deferred."""
_LONGEST = 1_000

runs = sa.Table(
    "runs",
    METADATA,
    sa.Column("run_id", sa.Text, primary_key=True),
    # The run that this one was a part of: of an extraction that `leadloop run` began.
    sa.Column("part_of", sa.Text),
    sa.Column("command", sa.Text),
    sa.Column("crm", sa.Text),
    sa.Column("push", sa.Text),
    sa.Column("arguments", sa.Text),
    sa.Column("started_at", sa.DateTime(timezone=True)),
    sa.Column("ended_at", sa.DateTime(timezone=True)),
    sa.Column("exit_code", sa.Integer),
    sa.Column("why", sa.Text),
    sa.Column("who", sa.Text),
    sa.Column("host", sa.Text),
    sa.Column("host_id", sa.Text),
    sa.Column("pid", sa.BigInteger),
    sa.Column("process_started", sa.Text),
    sa.Column("windows", sa.Text),
    sa.Column("rows", sa.BigInteger),
    sa.Column("calls", sa.BigInteger),
    sa.Column("push_run_id", sa.Text),
    sa.Column("leadloop_version", sa.Text),
    sa.Column("sequence_number", sa.BigInteger),
    info={"one_row_per": "run of a command or of one of its stages, however it ended"},
)

_NAMES = tuple(column.name for column in runs.columns)
_TIMES = ("started_at", "ended_at")
_OF_THE_END = ("crm", "ended_at", "exit_code", "why", "windows", "rows", "calls", "push_run_id")

P = ParamSpec("P")
T = TypeVar("T")
Facts = Callable[[Any], Mapping[str, Any]]
"""A stage's result -> what of ``_OF_THE_END`` it tells, but for the time."""


class Run:
    """The row of one run that is under way in this process."""

    outermost: ClassVar[str | None] = None
    """The id of the last run that began outside of any other."""

    def __init__(
        self, warehouse: Warehouse, command: str, arguments: Mapping[str, Any], *, project: bool
    ) -> None:
        given = {name: value for name, value in arguments.items() if value not in (None, False, (), [], {})}
        around = _CURRENT.get()
        started_at = datetime.now(UTC)
        self.values: dict[str, Any] = {
            **dict.fromkeys(_NAMES),
            "run_id": new_run_id(started_at),
            "part_of": around.values["run_id"] if around else None,
            "command": command,
            "crm": given.pop("crm", None),
            "push": given.pop("push", None),
            "arguments": json.dumps(given, default=str) if given else None,
            "started_at": started_at,
            "who": user(),
            "host": socket.gethostname(),
            "host_id": host_id(),
            "pid": os.getpid(),
            "process_started": process_started(os.getpid()),
            "leadloop_version": leadloop_version(),
        }
        if around is None:
            Run.outermost = self.values["run_id"]
        self._warehouse = warehouse
        self._around = around
        self._begun = False
        self._has_home = project or _is_project() or SPOOL.parent.is_dir()
        self._file = (SPOOL / f"{self.values['run_id']}.json").absolute()
        self._leave()

    def begin(self) -> None:
        """Writes the row, and those that wait, now that the warehouse is reached and its lock is held."""
        if not self._begun:
            everything = [self, *([self._around] if self._around and not self._around._begun else [])]
            if _write(self._warehouse, [each.values for each in everything], wait=0):
                for each in everything:
                    each._begun = True
                    each._file.unlink(missing_ok=True)

    def end(self, facts: Mapping[str, Any], error: BaseException | None) -> None:
        """Writes how it ended; leaves it in the spool where another process has the warehouse, or none is reached."""
        self.values |= {**facts, "ended_at": datetime.now(UTC)}
        if self.values["why"]:
            self.values["why"] = " ".join(str(self.values["why"]).split())[:_LONGEST]
        held = isinstance(error, LockedError) and not self._begun
        unreached = isinstance(error, WarehouseError) and not self._begun
        wait = 0 if error is not None else PATIENCE
        if not held and not unreached and _write(self._warehouse, [self.values], wait=wait):
            self._file.unlink(missing_ok=True)
        else:
            self._leave()

    def _leave(self) -> None:
        """In a file, where there is a warehouse and a project's folder to be beside."""
        if not self._has_home or not self._warehouse.is_there:
            return
        with suppress(OSError), private.new_files():
            private.folder(self._file.parent)
            for old in sorted(self._file.parent.glob("*.json"))[: -MOST_WAITING or None]:
                old.unlink(missing_ok=True)
            new = self._file.with_suffix(f".new-{os.getpid()}")
            new.write_text(json.dumps({"warehouse": self._warehouse.label, **self.values}, default=_iso))
            new.replace(self._file)


_CURRENT: ContextVar[Run | None] = ContextVar("run", default=None)


def recorded(
    command: str, *, facts: Facts, project: bool = True, **columns: str
) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Has each call of a stage leave a row; its first argument is the warehouse.

    ``facts`` reads the result; ``columns``: what is recorded -> the argument that has it. With ``project`` a call leaves
    none where there is no dbt project: in the wrong folder nothing is begun.
    """

    def around(stage: Callable[P, T]) -> Callable[P, T]:
        signature = inspect.signature(stage)

        @functools.wraps(stage)
        def staged(*args: P.args, **kwargs: P.kwargs) -> T:
            given = signature.bind(*args, **kwargs)
            given.apply_defaults()
            warehouse = cast(Warehouse, given.arguments["warehouse"])
            if project and not _is_project(given.arguments.get("project")):
                return stage(*args, **kwargs)
            arguments = {name: given.arguments[argument] for name, argument in columns.items()}
            with (
                warehouse.kept_open(),
                recording(
                    warehouse, command, arguments, project=project, where=given.arguments.get("project")
                ) as tell,
                warehouse.translated(),
            ):
                result = stage(*args, **kwargs)
                tell(facts(result), result)
                return result

        return staged

    return around


class Tell(Protocol):
    """Takes the facts of a stage's result, and the result itself for those who watch."""

    def __call__(self, facts: Mapping[str, Any], result: Any = None) -> None: ...


@contextmanager
def recording(
    warehouse: Warehouse,
    command: str,
    arguments: Mapping[str, Any],
    *,
    project: bool = False,
    where: Path | None = None,
) -> Iterator[Tell]:
    """The row of a run, from its start to its end; yields what takes the facts of its result. ``where``: the dbt project, for
    those who watch."""
    run = Run(warehouse, command, arguments, project=project)
    about = {name: run.values[name] for name in ("run_id", "part_of", "crm", "push", "host")}
    found: dict[str, Any] = {"exit_code": 0}
    before = _CURRENT.set(run)
    error: BaseException | None = None
    with events.doing("stage", command, project=where, **about) as doing:

        def tell(facts: Mapping[str, Any], result: Any = None) -> None:
            found.update(facts)
            doing.result = result

        try:
            yield tell
        except BaseException as raised:
            error = raised
            found.update(_of_error(raised))
            raise
        finally:
            _CURRENT.reset(before)
            with suppress(Exception):
                run.end(found, error)
            doing.tell(**{name: run.values[name] for name in _OF_THE_END})


def failed(warehouse: Callable[[], Warehouse], command: str, error: LeadloopError) -> None:
    """Leaves the row of a run that ended before it came to its first stage; none where no warehouse is found."""
    with suppress(LeadloopError), recording(warehouse(), command, {}):
        raise error


def begin() -> None:
    """Says that the run of this process has reached the warehouse and holds its lock."""
    run = _CURRENT.get()
    if run is not None:
        run.begin()


def current_id() -> str | None:
    """The id of this process's run; ``None`` outside of one."""
    run = _CURRENT.get()
    return run.values["run_id"] if run else None


def command_id() -> str | None:
    """The id of what this process was started to do: the outermost run under way, or the last one; ``None`` before the first.

    The same in every thread, so that all lines of a log that belong together say the same."""
    return Run.outermost


def note(**facts: Any) -> None:
    """Tells the row of this process's run what is known by now: columns of ``runs``."""
    run = _CURRENT.get()
    if run is not None:
        run.values |= facts


def latest(connection: sa.Connection, warehouse: Warehouse) -> list[dict[str, Any]]:
    """The last run of each command, CRM and push, newest first, and when such a one was last done; with ``state``.

    ``running``: its process lives, or holds a lease that is fresh; ``killed``: it left no end and does neither.
    """
    known: dict[str, dict[str, Any]] = {}
    if columns_of(connection, SCHEMA, runs.name):
        known = {row["run_id"]: row for row in _latest_rows(connection)}
    for waiting in waiting_rows(warehouse):
        if not (before := known.get(waiting["run_id"], {})).get("ended_at"):
            known[waiting["run_id"]] = {**before, **waiting}
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    done: dict[tuple[Any, ...], datetime] = {}
    for row in sorted(known.values(), key=lambda row: (row["started_at"], row["run_id"])):
        kind = (row["command"], row["push"], None if row["push"] else row["crm"])
        found[kind] = row
        if row["ended_at"] and row["exit_code"] in DONE:
            done[kind] = row["ended_at"]
    told = [{**row, "last_done_at": done.get(kind)} for kind, row in found.items()]
    return sorted(with_states(connection, told), key=lambda row: row["started_at"], reverse=True)


def waiting_rows(warehouse: Warehouse) -> Iterator[dict[str, Any]]:
    """Rows of this warehouse that are not in it yet."""
    for file in SPOOL.glob("*"):
        if waiting := _read(file, warehouse):
            yield waiting


def with_states(connection: sa.Connection, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of runs with their ``state``; see ``latest``."""
    working: set[tuple[str, int]] = set()
    if columns_of(connection, SCHEMA, leases.name):
        working = {(row[0], row[1]) for row in connection.execute(_fresh_leases(connection))}
    return [{**row, "state": _state(row, working)} for row in rows]


def _latest_rows(connection: sa.Connection) -> Iterable[dict[str, Any]]:
    """Of each command, CRM and push the last run, and the last one that was done."""
    row = runs.c
    is_done = sa.and_(row.ended_at.is_not(None), row.exit_code.in_(DONE))
    kind = (row.command, row.push, sa.case((row.push.is_(None), row.crm)))
    places = [
        sa.func.row_number().over(partition_by=by, order_by=(row.started_at.desc(), row.run_id.desc()))
        for by in (kind, (*kind, is_done))
    ]
    ranked = sa.select(runs, is_done.label("is_done"), places[0].label("a"), places[1].label("b")).subquery()
    wanted = sa.or_(ranked.c.a == 1, sa.and_(ranked.c.b == 1, ranked.c.is_done))
    for each in connection.execute(sa.select(*(ranked.c[name] for name in _NAMES)).where(wanted)).mappings():
        utc = {name: each[name] and each[name].astimezone(UTC) for name in _TIMES}
        yield {**each, **utc}


def _fresh_leases(connection: sa.Connection) -> sa.Select[Any]:
    return sa.select(leases.c.host_id, leases.c.pid).where(age(connection) < TTL)


def _state(row: Mapping[str, Any], working: set[tuple[str, int]]) -> str:
    if row["ended_at"] is not None:
        return "ended"
    if row["host_id"] == host_id():
        return "running" if lives(row["pid"], row["process_started"]) else "killed"
    just_begun = (datetime.now(UTC) - row["started_at"]).total_seconds() < TTL
    return "running" if (row["host_id"], row["pid"]) in working or just_begun else "killed"


def _write(warehouse: Warehouse, rows: Sequence[Mapping[str, Any]], *, wait: float) -> bool:
    """Whether these rows, and those that wait for this warehouse, are in it now. Never makes one."""
    if not warehouse.is_there:
        return False
    waiting = dict(_taken(warehouse, {row["run_id"] for row in rows}))
    try:
        with patient(warehouse.ledger(), wait) as connection:
            _insert(connection, [*waiting.values(), *rows])
    except Exception:
        return False
    for file in waiting:
        file.unlink(missing_ok=True)
    return True


def _taken(warehouse: Warehouse, but: Collection[str]) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """What waits besides these runs, under a name of its own: the run may end meanwhile, and say so in a new file."""
    for file in [*SPOOL.glob("*.json"), *SPOOL.glob("*.taken")]:
        if file.stem not in but and _read(file, warehouse):
            taken = file.with_suffix(".taken")
            with suppress(OSError):
                file.replace(taken)
                if row := _read(taken, warehouse):
                    yield taken, row


def _read(file: Path, warehouse: Warehouse) -> dict[str, Any] | None:
    """The row in a file of the spool, if it is one for this warehouse."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        if found.pop("warehouse") != warehouse.label or set(found) != set(_NAMES):
            return None
        return {**found, **{name: found[name] and datetime.fromisoformat(found[name]) for name in _TIMES}}
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return None


def _insert(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """A row that has an end replaces what was said of its run's beginning, in one statement each.

    Where no lease was ever taken there is no such table yet, and an older one may lack columns: then a row waits.
    """
    number: sa.ColumnElement[int] = sa.literal_column(f"nextval('{SEQUENCE}')")
    with connection.begin():
        for row in rows:
            insert = postgresql.insert(runs).values({**row, "sequence_number": number})
            end = {name: insert.excluded[name] for name in _OF_THE_END}
            connection.execute(
                insert.on_conflict_do_update(index_elements=["run_id"], set_=end)
                if row["ended_at"]
                else insert.on_conflict_do_nothing(index_elements=["run_id"])
            )


def _of_error(error: BaseException) -> dict[str, Any]:
    """The exit code and the sentence of an error: of one of ours its own, of a foreign one, which may hold a row, its place."""
    if isinstance(error, LeadloopError):
        return {"exit_code": error.exit_code, "why": str(error)}
    if isinstance(error, KeyboardInterrupt):
        return {"exit_code": 130, "why": "Interrupted."}
    return {"exit_code": 1, "why": f"{type(error).__name__} at {place_of(error)}"}


def _is_project(project: Path | None = None) -> bool:
    try:
        models.find_project(project)
    except LeadloopError:
        return False
    return True


def user() -> str:
    """Who runs this process, as the system calls them, and for whom, where the page has started it for somebody."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):
        name = str(os.getuid()) if sys.platform != "win32" else "unknown"
    behind = os.environ.get(ON_BEHALF_OF, "").strip()
    return f"{name}, for {behind}" if behind else name


def new_run_id(started_at: datetime) -> str:
    """Sorts by time, and is another one for each run."""
    return f"{started_at:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"


def leadloop_version() -> str:
    try:
        return version("leadloop")
    except PackageNotFoundError:
        return "unknown"


def _iso(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
