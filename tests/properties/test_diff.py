"""History and changes against an independent model: whatever is sighted, in whatever order and however often.

dbt compiles the models once, for a whole build and for an increment; hypothesis then runs that SQL over raw rows of its own.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count, groupby
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.warehouse import models
from connector.warehouse.connection import Warehouse

FIELDS = ("status", "note", "lead_score")
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Sighting:
    lead_id: str
    modified: int | None
    """Minutes after noon, or unknown."""
    seen: int
    values: tuple[str | None, ...]

    def row(self, load: str) -> tuple[str | datetime | None, ...]:
        modified = None if self.modified is None else f"{NOON + timedelta(minutes=self.modified):%F %T}"
        return (self.lead_id, modified, *self.values, NOON + timedelta(minutes=self.seen), "UTC", load)

    @property
    def content(self) -> tuple[int | str | None, ...]:
        return (self.modified, *(value if value and value.strip(" ") else None for value in self.values))

    @property
    def order(self) -> int:
        """No two are seen at once."""
        return self.seen


Version = tuple[str, int, int, int | None, int, int, tuple[int | str | None, ...]]
Change = tuple[str, int, str, str | None, str | None]


def expected_versions(sightings: Sequence[Sighting]) -> list[Version]:
    """Lead, number, valid from and to, first and last seen, content: as the documentation tells it, in plain Python."""
    versions: list[Version] = []
    by_lead = sorted(sightings, key=lambda each: (each.lead_id, each.order))
    for lead_id, seen in groupby(by_lead, key=lambda each: each.lead_id):
        runs = [(content, list(run)) for content, run in groupby(seen, key=lambda each: each.content)]
        begins: list[int] = []
        previous: int | None = None
        for content, run in runs:
            modified, first = content[0], min(each.seen for each in run)
            moved = isinstance(modified, int) and (previous is None or modified > previous)
            begin = modified if moved else first
            assert isinstance(begin, int)
            begins.append(max([begin, *begins[-1:]]))
            previous = modified if isinstance(modified, int) else None
        for number, (content, run) in enumerate(runs, 1):
            ends = begins[number] if number < len(runs) else None
            times = [each.seen for each in run]
            versions.append((lead_id, number, begins[number - 1], ends, min(times), max(times), content))
    return versions


def expected_changes(versions: Sequence[Version]) -> list[Change]:
    changes: list[Change] = []
    before: dict[str, tuple[int | str | None, ...]] = {}
    for lead_id, number, *_, content in versions:
        old = before.get(lead_id, (None,) * len(content))
        for name, was, now in zip(FIELDS, old[1:], content[1:], strict=True):
            if was != now and number > 1:
                changes.append((lead_id, number, name, was, now))  # type: ignore[arg-type]
        before[lead_id] = content
    return changes


class Compiled:
    """The models' SQL, as dbt compiled it, on a DuckDB file of its own."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "leads.duckdb"
        self._warehouse = Warehouse.duckdb(self.path)
        columns = ", ".join(f"{name} text" for name in ("id", "modified_at", *FIELDS))
        with duckdb.connect(str(self.path)) as connection:
            connection.execute("create schema convoso_raw")
            connection.execute(
                f"create table convoso_raw.lead_versions ({columns}, leadloop_seen_at timestamptz,"
                " leadloop_timezone text, _dlt_load_id text)"
            )
        self.whole = self._compile()
        self.increment = self._compile()
        self.connection = duckdb.connect(str(self.path))
        self.connection.execute("set timezone = 'UTC'")
        self._loads = count(1)

    def _compile(self) -> dict[str, str]:
        models.build(self._warehouse, models.packaged_project(), select="+lead_changes +leads")
        found = (models.STATE / "duckdb" / "leadloop" / "compiled").rglob("*.sql")
        return {path.stem: path.read_text(encoding="utf-8") for path in found}

    @contextmanager
    def emptied(self) -> Iterator[None]:
        """Everything that is done meanwhile is undone at the end."""
        self.connection.execute("begin")
        try:
            yield
        finally:
            self.connection.execute("rollback")

    def land(self, sightings: Sequence[Sighting]) -> None:
        """One load, noted as the hook of lead_history does it."""
        marks = ", ".join("?" * (len(FIELDS) + 5))
        number = next(self._loads)
        self.connection.executemany(
            f"insert into convoso_raw.lead_versions values ({marks})",
            [each.row(f"load {number}") for each in sightings],
        )
        self.connection.execute(
            "insert into leadloop.built_loads (made, crm, load_id, build_number) values"
            " ('analytics.lead_history', 'convoso', ?, ?)",
            (f"load {number}", number),
        )

    def grow(self) -> None:
        """What dbt's delete+insert does with the increments, and the hook of lead_changes before."""
        for name in ("lead_history", "lead_changes"):
            if name == "lead_changes":
                self.connection.execute(
                    "update leadloop.built_versions set built_before = built_up_to,"
                    " built_up_to = (select max(build_number) from analytics.lead_history)"
                )
            self.connection.execute(f"create or replace temp table increment as {self.increment[name]}")
            self.connection.execute(
                f"delete from analytics.{name} where (crm, lead_id) in (select (crm, lead_id) from increment)"
            )
            self.connection.execute(f"insert into analytics.{name} by name from increment")

    def versions(self) -> list[Version]:
        rows = self.connection.execute(
            "select lead_id, version_number, valid_from, valid_to, first_seen_at, last_seen_at, modified_at,"
            f" {', '.join(FIELDS)} from analytics.lead_history order by 1, 2"
        ).fetchall()
        return [
            (lead, number, *map(minutes, times), (minutes(modified), *content))
            for lead, number, *times, modified, content in ((*row[:7], row[7:]) for row in rows)
        ]

    def changes(self) -> list[Change]:
        found: list[Change] = self.connection.execute(
            "select lead_id, version_number, field, old_value, new_value from analytics.lead_changes"
        ).fetchall()
        return found

    def leads(self) -> list[tuple[Any, ...]]:
        statement = f"select lead_id, {', '.join(FIELDS)} from analytics.leads"
        found: list[tuple[Any, ...]] = self.connection.execute(statement).fetchall()
        return found

    def rebuilt(self, name: str) -> list[tuple[object, ...]]:
        content = "select * exclude (made_at, build_number) from"
        found: list[tuple[object, ...]] = self.connection.execute(
            f"{content} ({self.whole[name]}) except {content} analytics.{name}"
        ).fetchall()
        return found


def minutes(moment: datetime | None) -> int | None:
    return None if moment is None else round((moment - NOON).total_seconds() / 60)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compiled]:
    folder = tmp_path_factory.mktemp("diff")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "STATE", folder / "state")
        patch.chdir(folder)
        made = Compiled(folder)
        yield made
        made.connection.close()


VALUES = st.sampled_from([None, "", "  ", "A", "B", "A=1:x;", "é"])


@st.composite
def sightings(draw: st.DrawFn) -> list[list[Sighting]]:
    """Loads of sightings: edits that move the clock or don't, repeats, NULLs and blanks, late and early arrivals."""
    seen = iter(draw(st.permutations(range(40))))
    every = [
        Sighting(
            draw(st.sampled_from(["1", "2", "3", "4"])),
            draw(st.none() | st.integers(0, 6).map(lambda step: step * 6)),
            next(seen),
            draw(st.tuples(*[VALUES] * len(FIELDS))),
        )
        for _ in range(draw(st.integers(1, 24)))
    ]
    repeats = draw(st.lists(st.sampled_from(every), max_size=12))
    every += [Sighting(each.lead_id, each.modified, next(seen), each.values) for each in repeats]
    every = draw(st.permutations(every))
    cuts = sorted(draw(st.sets(st.integers(1, len(every) - 1), max_size=3))) if len(every) > 1 else []
    return [every[one:other] for one, other in zip([0, *cuts], [*cuts, len(every)], strict=True)]


@pytest.mark.long
@settings(max_examples=30)
@given(loads=sightings())
def test_history_and_changes_are_what_was_sighted(compiled: Compiled, loads: list[list[Sighting]]) -> None:
    """Loaded in any number of steps, history and changes equal the model's, and a rebuild gives the same again."""
    with compiled.emptied():
        for load in loads:
            compiled.land(load)
            compiled.grow()

        versions = expected_versions([each for load in loads for each in load])
        assert compiled.versions() == versions
        assert sorted(compiled.changes(), key=str) == sorted(expected_changes(versions), key=str)
        assert compiled.rebuilt("lead_history") == []
        assert compiled.rebuilt("lead_changes") == []


@pytest.mark.long
@settings(max_examples=15)
@given(loads=sightings())
def test_replaying_the_changes_gives_the_leads(compiled: Compiled, loads: list[list[Sighting]]) -> None:
    """Whoever begins with version 1 and applies lead_changes in order ends with the fields of leads."""
    with compiled.emptied():
        for load in loads:
            compiled.land(load)
            compiled.grow()
        changes, leads, versions = compiled.changes(), compiled.leads(), compiled.versions()

    replayed: dict[str, dict[str, Any]] = {
        version[0]: dict(zip(FIELDS, version[6][1:], strict=True)) for version in versions if version[1] == 1
    }
    for lead_id, _, name, old, new in sorted(changes, key=lambda change: change[:2]):
        shown = replayed[lead_id]
        assert shown.get(name) == old
        shown[name] = new
    assert {lead_id for lead_id, *_ in leads} == {each.lead_id for load in loads for each in load}
    for lead_id, *values in leads:
        assert [replayed.get(lead_id, {}).get(name) for name in FIELDS] == values
