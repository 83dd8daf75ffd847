"""A warehouse that is moved into another engine goes on where it was: nothing is read or sent twice, and nobody's edit is lost."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connector import config, crm, loop, scaffold
from connector.config import environments
from connector.errors import (
    ConfigError,
    FirstTimeError,
    LockedError,
    MovedError,
    NotTheSameError,
    RestoredError,
)
from connector.loop import moving
from connector.push.same import check_same
from connector.sandbox import Sandbox
from connector.warehouse import last_build, mark, models
from connector.warehouse.carrying import Carrying
from connector.warehouse.connection import Warehouse
from tests.engines import SPARK
from tests.engines.bench import made

pytestmark = [pytest.mark.timeout(900)]
PUSH = "scores"
MODELS = {
    "wanted": "select lead_id, cast(50 + length(first_name) as {{ dbt.type_string() }}) as score from {{ ref('leadloop', 'leads') }}"
    " where crm = 'convoso' and removed_at is null and right(lead_id, 1) in ('0', '2', '4', '6', '8')",
    "scores": "{{ leadloop.push(desired = ref('wanted'), crm = 'convoso', key = 'lead_id', max_share = none,"
    " max_changes = none, max_unknown_share = none, fields = {'lead_score': 'score'}) }}",
}
"""A push to every second lead."""


class World:
    """A CRM, and settings that lead to a warehouse in each engine."""

    def __init__(
        self, folder: Path, postgres_url: str, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.crm, self.folder, self._monkeypatch = sandbox, folder, monkeypatch
        self._given = {
            "CRM__CONVOSO__BASE_URL": f"{sandbox.base_url}/v1",
            "CRM__CONVOSO__AUTH_TOKEN": sandbox.token,
            "CRM__CONVOSO__TIMEZONE": sandbox.timezone,
            "CRM__CONVOSO__RATE": "1000",
            "CRM__CONVOSO__SETTLE": "0",
            "CRM__CONVOSO__LOOKBACK": "1",
            "DESTINATION__DUCKDB__CREDENTIALS": str(folder / "leads.duckdb"),
            "DESTINATION__DUCKLAKE__CREDENTIALS__CATALOG": str(folder / "leads.ducklake"),
            "DESTINATION__POSTGRES__CREDENTIALS": postgres_url,
            "DESTINATION__SPARK__CREDENTIALS__STORAGE": str(folder / "on_spark.delta"),
        }
        for name, text in self._given.items():
            monkeypatch.setenv(name, text)
        scaffold.write(folder)
        self.project = folder / "dbt_models"
        for old in (self.project / "models").rglob("*.*"):
            old.unlink()
        for name, text in MODELS.items():
            (self.project / "models" / f"{name}.sql").write_text(text)
        with (self.project / "dbt_project.yml").open("a") as file:
            # tests/engines/test_loop.py runs them.
            file.write("data_tests:\n  leadloop:\n    +enabled: false\n")

    def at(self, engine: str, place: Path | None = None) -> Warehouse:
        """The warehouse that the settings name from now on."""
        self._monkeypatch.setenv("WAREHOUSE__DESTINATION", engine)
        if place is not None:
            self._monkeypatch.setenv(f"DESTINATION__{engine.upper()}__CREDENTIALS", str(place))
        config.reload()
        return Warehouse.open()

    def forget(self, variable: str) -> None:
        """The settings' files say it from now on."""
        self._monkeypatch.delenv(variable)
        config.reload()

    def rows(self, warehouse: Warehouse, query: str) -> list[tuple[Any, ...]]:
        with warehouse.engine().connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(query))]

    def write(self, warehouse: Warehouse, *statements: str) -> None:
        with warehouse.engine().begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def once(self, warehouse: Warehouse, **given: Any) -> Any:
        done = loop.run(warehouse, self.project, pushes=[PUSH], **given)
        assert done.failed == {}, done.failed
        return done


@pytest.fixture
def world(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch, dbt_state: Path
) -> Iterator[World]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(models, "STATE", dbt_state)
    with Sandbox(seed=7, leads=40) as sandbox:
        yield World(tmp_path, postgres_url, sandbox, monkeypatch)


def begun(world: World, engine: str) -> Warehouse:
    """Read, built and sent, where it had to be agreed to, since people had typed scores."""
    warehouse = world.at(engine)
    for lead_id in world.crm.book.ids():
        world.crm.book.edit(lead_id, {"lead_score": "1"})
    loop.extract(warehouse)
    loop.build(warehouse, world.project)
    with pytest.raises(FirstTimeError):
        loop.push(warehouse, PUSH, world.project)
    assert loop.push(warehouse, PUSH, world.project, first=True) is not None
    return warehouse


def edited(world: World) -> tuple[str, str]:
    """A lead whose score, which was sent, a person has changed, and another one."""
    time.sleep(1.1)  # the CRM's clock counts whole seconds
    sent = [
        each
        for each in world.crm.book.ids()
        if world.crm.book.row(each)["lead_score"] not in ("1", "a person's")
    ]
    other = next(each for each in world.crm.book.ids() if world.crm.book.row(each)["lead_score"] == "1")
    world.crm.book.edit(sent[0], {"lead_score": "a person's"})
    world.crm.book.edit(other, {"first_name": "Renée"})
    return sent[0], other


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("duckdb", "postgres", marks=pytest.mark.long),
        pytest.param("postgres", "duckdb", marks=pytest.mark.long),
        pytest.param("duckdb", "ducklake", marks=pytest.mark.long),
        pytest.param("ducklake", "postgres", marks=pytest.mark.long),
        pytest.param("postgres", "ducklake", marks=pytest.mark.long),
        pytest.param("duckdb", "spark", marks=[pytest.mark.long, *SPARK.marks]),
        pytest.param("spark", "ducklake", marks=[pytest.mark.long, *SPARK.marks]),
    ],
)
def test_the_loop_goes_on_in_the_new_one(world: World, old: str, new: str) -> None:
    """The models are the same, only what was edited since is read, nothing is sent twice, nobody is asked for a first time, and a
    person's edit is still a conflict. The old one refuses, and says where it went."""
    source = begun(world, old)
    edited(world)
    loop.extract(source)
    typed, other = edited(world)
    done = loop.move(source, new, world.project)
    assert (done.old_engine, done.new_engine) == (old, new)
    assert {each.push for each in done.pushes} == {each.name for each in models.known(world.project).pushes}
    here, there = made(source), made(Warehouse.named(new))
    assert here.keys() == there.keys()
    for name in here:
        assert there[name] == here[name], name

    calls = world.crm.calls.count("update")
    for refused in (
        lambda: loop.extract(source),
        lambda: loop.build(source, world.project),
        lambda: loop.push(source, PUSH, world.project),
        lambda: loop.run(source, world.project, pushes=[PUSH]),
        lambda: loop.maintain(source),
    ):
        with pytest.raises(MovedError, match=rf"was moved to {new}, .*warehouse\.destination = \"{new}\""):
            refused()
    assert world.crm.calls.count("update") == calls

    target = world.at(new)
    assert last_build.unchanged_since(target, world.project) is not None
    read = loop.extract(target)
    assert 0 < read.rows < 10, "only what was edited since"
    went_on = world.once(target)
    plan = went_on.pushed[PUSH].plan
    assert typed in [lead.lead_id for lead in plan.conflicts]
    assert world.crm.book.row(typed)["lead_score"] == "a person's"
    assert world.rows(target, f"select first_name from analytics.leads where lead_id = '{other}'") == [
        ("Renée",)
    ]
    journal = "select lead_id, field, count(*) from leadloop.push_journal where state = 'sent' group by 1, 2 having count(*) > 1"
    assert world.rows(target, journal) == []
    once_more = world.once(target)
    assert len(once_more.pushed[PUSH].plan.leads) == 0
    again = loop.move(world.at(old), new, world.project)
    assert again.was_there


KILLED = """
import os, signal
from connector import loop
from connector.events import Listener
from connector.loop import moving
from pathlib import Path
from connector.warehouse.connection import Warehouse

WHERE = {where!r}
die = lambda: os.kill(os.getpid(), signal.SIGKILL)
copied = False

class Told(Listener):
    def stage(self, name):
        global copied
        copied = copied or name.startswith("copy ")
        if name == WHERE:
            die()

    def copying(self, done, total):
        if WHERE == "in a table":
            die()

    def building(self, done, total, name):
        if WHERE == "in the new build" and copied and name == "lead_history":
            die()

if WHERE == "between the two last words":
    real = moving._Held.note
    moving._Held.note = lambda self, **values: die() if "ended_at" in values else real(self, **values)
loop.move(Warehouse.open(), "postgres", Path("dbt_models"), listener=Told())
"""
PLACES = (
    "in a table",
    "copy leadloop.push_journal",
    "in the new build",
    "compare the plans",
    "between the two last words",
)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("old", "places"), [("duckdb", PLACES), ("ducklake", PLACES[::2])])
def test_killed_wherever_it_is_the_move_goes_on(world: World, old: str, places: tuple[str, ...]) -> None:
    """Until the end the old one is in charge and the new one refuses; run again, only what is missing is carried."""
    source = begun(world, old)
    target = Warehouse.named("postgres")
    project = world.project
    for place in places:
        killed = subprocess.run(
            [sys.executable, "-c", KILLED.format(where=place)], capture_output=True, text=True, check=False
        )
        assert killed.returncode == -signal.SIGKILL, (place, killed.stderr[-2000:])
        with pytest.raises(MovedError, match=f"is not whole: a move from {old}"):
            loop.build(target, project)
        if place == places[-2]:
            edited(world)
        if place != "between the two last words":
            loop.extract(source)
    with pytest.raises(MovedError):
        loop.extract(source)
    assert loop.move(source, "postgres", project).was_there
    edited(world)
    time.sleep(1.1)  # what was edited in this second is read later
    world.once(world.at("postgres"))
    here, there = made(source), made(target)
    assert {*here} == {*there}
    assert world.rows(source, "select count(*) from convoso_raw.lead_versions") < world.rows(
        target, "select count(*) from convoso_raw.lead_versions"
    )


@pytest.mark.long
def test_a_lake_gets_its_catalog_onto_a_server(world: World, postgres_url: str) -> None:
    """The new place is named by the settings of an environment, since both are of one engine. The old one refuses, and a move that is
    cancelled has it work again."""
    source = begun(world, "ducklake")
    where = f'catalog = "{postgres_url}"\nstorage = "{world.folder / "shared.files"}"\n'
    (world.folder / ".dlt" / "new.secrets.toml").write_text(f"[destination.ducklake.credentials]\n{where}")
    world.forget("DESTINATION__DUCKLAKE__CREDENTIALS__CATALOG")
    with (world.folder / ".dlt" / "config.toml").open("a") as file:
        file.write(f'\n[destination.ducklake.credentials]\ncatalog = "{world.folder / "leads.ducklake"}"\n')
    with pytest.raises(ConfigError, match="nothing to move") as same:
        loop.move(source, "ducklake", world.project)
    assert "--to-env" in same.value.advice
    done = loop.move(source, "ducklake", world.project, to_env="new")
    assert (done.old, done.new_engine) == (source.label, "ducklake")
    with pytest.raises(
        MovedError,
        match=r"was moved to ducklake, postgresql.*destination\.ducklake\.credentials to that place",
    ):
        loop.extract(source)
    with environments.seen_from("new"):
        target = Warehouse.named("ducklake")
    assert made(target) == made(source)
    world.once(target)
    cancelled = loop.cancel_move(source, to_env="new")
    assert cancelled.is_told
    with pytest.raises(MovedError):
        loop.extract(target)


@pytest.mark.long
def test_what_differs_leaves_the_old_one_in_charge(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new one that would send something else is not switched to: exit code 1, the push and the field are named, and no value is.
    Once that is mended the move comes to its end, and carries no table again. Meanwhile a second move waits its turn."""
    source = begun(world, "duckdb")
    project = world.project

    def bent(old: Warehouse, new: Warehouse, *rest: Any) -> Any:
        with pytest.raises(
            LockedError, match=r"A move of this warehouse is being worked on|is held by process"
        ):
            lock_elsewhere()
        world.write(new, "delete from leadloop.push_journal where state in ('applied', 'confirmed')")
        return check_same(old, new, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(moving, "check_same", bent)
        with pytest.raises(NotTheSameError, match=rf"would not send what .* {PUSH}: .*lead_score") as error:
            loop.move(source, "postgres", project)
    assert error.value.exit_code == 1
    with source.lock("build"):
        pass  # it works as before
    copied: list[str] = []
    monkeypatch.setattr(Carrying, "_copy", noting(Carrying._copy, copied))
    loop.move(source, "postgres", project)
    assert "convoso_raw.lead_versions" not in copied
    assert "leadloop.push_journal" in copied, "somebody had taken rows away there"

    # A person doesn't want the new one, after it has sent something: the old one works again, and knows it by the marks.
    target = world.at("postgres")
    with target.engine().begin() as connection:
        connection.exec_driver_sql(
            "insert into leadloop.push_runs (run_id, push, crm) values ('there', 'p', 'convoso')"
        )
    mark.Marks(mark.identify(target.engine()), crm.vendor("convoso").settings()).add(
        mark.Mark("there", PUSH, datetime.now(UTC))
    )
    source = world.at("duckdb")
    done = loop.cancel_move(source)
    assert (done.is_told, done.unknown) == (True, 1)
    with pytest.raises(MovedError, match="was moved to duckdb"):
        loop.extract(target)
    with pytest.raises(RestoredError, match="knows nothing of a push"):
        loop.push(source, PUSH, project)
    with pytest.raises(ConfigError, match="nothing to cancel"):
        loop.cancel_move(source)


def noting(real: Callable[..., Any], copied: list[str]) -> Callable[..., Any]:
    def copy(self: Any, shape: Any) -> None:
        copied.append(str(shape.relation))
        real(self, shape)

    return copy


LOCKING = """
from connector.warehouse.connection import Warehouse
with Warehouse.open().lock("push:other"):
    pass
"""


def lock_elsewhere() -> None:
    """Another process tries a lock that the move itself has never heard of."""
    done = subprocess.run([sys.executable, "-c", LOCKING], capture_output=True, text=True, check=False)
    if done.returncode:
        raise LockedError(done.stderr)
