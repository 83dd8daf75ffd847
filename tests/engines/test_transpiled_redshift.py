"""Redshift's SQL of macros, as sqlglot writes it for DuckDB: on odd values it gives what DuckDB's own macros give.

That shows what the SQL means as far as sqlglot knows Redshift, and not that Redshift takes it, nor how its patterns, its casts and its
floating-point numbers are. What sqlglot does not carry over is in ``LEFT_OUT``."""

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from tests.properties.test_equality import FILES, ODD, Macros
from tests.unit.push.test_equality import DIFFERENT, SAME

ENGINE = "redshift"
OWN = ("values/{}.sql", "leads/{}.sql", "push/{}.sql", "leads/field_changes.sql", "leads/columns.sql")
LEFT_OUT = {
    "names_in_more": "sqlglot leaves “unpivot … at …” as it is, and DuckDB has no such thing",
    "a list as text": "DuckDB has neither json_typeof nor json_serialize",
    "content_hash": "it is a hash of hashes there, since a text has 65,535 bytes",
}
VALUES = [*ODD, *(value for _, *pair in SAME + DIFFERENT for value in pair)]
VALUES += [
    "a ",
    "a",
    " a",
    "a  ",
    "00.5",
    "-00",
    "+.",
    "0.",
    "-.0",
    "1,2,3",
    "-$5.10",
    "2026-02-29",
    "2024-02-29 23:59:59",
    "2026-03-01 ",
]
VALUES += [
    *("Sun, 2026-03-01", "sunday 20260301", "2026-march-1", "1-sept-2026 10:00", "1st march, 2026", "May 05, 2026 1:00 pm", "jan 2026", "12/31/2026"),
    *("31.12.2026", "12-31-2026 10:00", "2026/12/31 10:00:00.5 z", "2026-5-1", "1 mar 2026 x", "mar mar 2026", "2026-jan-99", "99 jan 2026"),
]  # fmt: skip
RULES = (
    "digits", "lower", "trim", "number", "round(0)", "round(2)", "round(18)", "tolerance(0.5)", "boolean", "lines", "cut(3)", "date", "date(mdy)", "date(dmy)",
    "lines, lower", "cut(4), trim",
)  # fmt: skip
TYPES = ("integer", "number", "boolean", "date", "timestamp")
ZONES = ("UTC", "America/New_York", "Asia/Kolkata", "Europe/Berlin")
TIMES = [
    *("2026-03-08 01:59:59", "2026-03-08 02:30:00", "2026-03-08 03:00:00", "2026-11-01 01:30:00", "2026-11-01 00:59:59", "2026-11-01 02:00:00"),
    *("2026-03-29 02:30:00", "2026-10-25 02:30:00", "2026-03-01T10:00:00+05:30", "2026-03-01 10:00:00.123456789Z", "2026-03-01", "2026-02-30", "n/a"),
    *("1899-12-31 10:00:00", "9999-01-01 00:00:00", "2026-03-01 10:00:00-0800", "2026-03-01 10:00:00 +01", "0000-00-00 00:00:00", ""),
]  # fmt: skip
TYPED = [
    ("numeric(10,2)", "cast(2.50 as decimal(10, 2))", "cast(5 as decimal(10, 2))", "cast(-0.5 as decimal(10, 2))", "cast(0 as decimal(10, 2))"),
    ("double precision", "cast(2.5 as double)", "cast(1e20 as double)", "cast(-0.0 as double)", "cast(1e-7 as double)", "cast(3 as double)"),
    ("boolean", "true", "false"),
    ("timestamp with time zone", "cast('2026-07-01 23:30:00.500-04' as timestamptz)", "cast('2026-03-01 10:00:00+00' as timestamptz)"),
    ("timestamp without time zone", "cast('2026-03-01 10:00:00' as timestamp)", "cast('2026-03-01 10:00:00.25' as timestamp)"),
    ("date", "cast('2026-03-01' as date)"),
    ("bigint", "cast(-5 as bigint)"),
    ("character varying", "'1.50'", "'-0'", "''", "'a '"),
]  # fmt: skip


@pytest.fixture(scope="module")
def ours() -> Macros:
    return Macros("duckdb", *FILES, "leads/field_changes.sql", "leads/columns.sql")


@pytest.fixture(scope="module")
def theirs() -> Macros:
    return Macros(ENGINE, *FILES, *(each.format(ENGINE) for each in OWN))


@pytest.fixture(scope="module")
def duck() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    connection.execute("create table pairs (number integer, v text, w text)")
    rows = [(number, value, VALUES[number - 1]) for number, value in enumerate(VALUES)]
    rows += [(len(rows) + number, value, value) for number, value in enumerate(VALUES)]
    connection.executemany("insert into pairs values (?, ?, ?)", rows)
    yield connection
    connection.close()


def carried_over(sql: str) -> str:
    """The SQL as DuckDB's. Redshift replaces all that looks like a pattern, which sqlglot forgets."""
    tree = sqlglot.parse_one(sql, read=ENGINE)
    for each in tree.find_all(exp.RegexpReplace):
        each.set("modifiers", exp.Literal.string("g"))
    return tree.sql("duckdb", unsupported_level=sqlglot.ErrorLevel.RAISE)


def same(duck: duckdb.DuckDBPyConnection, here: str, there: str) -> None:
    """Both give the same rows; ``here`` is DuckDB's SQL, ``there`` the engine's."""
    expected, found = duck.execute(here).fetchall(), duck.execute(carried_over(there)).fetchall()
    assert len(expected) == len(found) > 0
    unlike = [(one, other) for one, other in zip(expected, found, strict=True) if one != other]
    assert not unlike, unlike[:10]


def each_value(expression: str) -> str:
    return f"select v, {expression} as told from pairs order by number"


@pytest.mark.parametrize("rule", RULES)
def test_values_that_differ_by_a_rule(
    rule: str, ours: Any, theirs: Any, duck: duckdb.DuckDBPyConnection
) -> None:
    """And in the form in which they are compared."""
    sql = "select v, w, {} as told from pairs order by number"
    same(duck, sql.format(ours.differ_by("v", "w", rule)), sql.format(theirs.differ_by("v", "w", rule)))
    same(duck, each_value(ours.in_one_form("v", rule)), each_value(theirs.in_one_form("v", rule)))


@pytest.mark.parametrize("name", ["blank_as_null", "trimmed", "lowered", "wall_clock", "whole_text"])
def test_a_text(name: str, ours: Any, theirs: Any, duck: duckdb.DuckDBPyConnection) -> None:
    """Blank or not, without blanks, in lower case, as a clock shows it, or as it is."""
    if name == "whole_text":
        same(duck, each_value("v"), each_value(theirs.as_text("v", "character varying")))
    else:
        same(duck, each_value(getattr(ours, name)("v")), each_value(getattr(theirs, name)("v")))


@pytest.mark.parametrize("type_", TYPES)
def test_a_text_in_a_type(type_: str, ours: Any, theirs: Any, duck: duckdb.DuckDBPyConnection) -> None:
    """NULL where it is none of that type's."""
    same(
        duck,
        each_value(ours.as_type(ours.trimmed("v"), type_)),
        each_value(theirs.as_type(theirs.trimmed("v"), type_)),
    )


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("seen_at", ["2026-11-01 05:45:00+00", "2027-01-01 00:00:00+00"])
def test_points_in_time(
    zone: str, seen_at: str, ours: Any, theirs: Any, duck: duckdb.DuckDBPyConnection
) -> None:
    """Also in hours that happen twice or never."""
    duck.execute(
        "create or replace table times (_created_at_text text, leadloop_timezone text, leadloop_seen_at timestamptz)"
    )
    duck.executemany("insert into times values (?, ?, ?)", [(each, zone, seen_at) for each in TIMES])
    told = "select _created_at_text, created_at from ({}) as told order by 1"
    rows = "select * from times"
    same(
        duck,
        told.format(ours.with_times(rows, ["created_at"], [])),
        told.format(theirs.with_times(rows, ["created_at"], [])),
    )


@pytest.mark.parametrize(("type_", "values"), [(type_, values) for type_, *values in TYPED])
def test_a_value_of_a_type_as_text(
    type_: str, values: list[str], ours: Any, theirs: Any, duck: duckdb.DuckDBPyConnection
) -> None:
    """By what the catalog says of its column; and that a field takes it."""
    for value in [*values, f"cast(null as {duck.execute(f'select typeof({values[0]})').fetchall()[0][0]})"]:
        sql = "select {} as told, {} as why from (select VALUE as v) as given".replace("VALUE", value)
        (here,) = duck.execute(sql.format(ours.as_text("given.v"), ours.unsendable("given.v"))).fetchall()
        there = carried_over(
            f"select {theirs.as_text('v', type_)} as told, {theirs.unsendable('v', type_)} as why from given"
        )
        duck.execute(f"create or replace temp table given as select {value} as v")
        assert duck.execute(there).fetchall() == [here], value


def test_a_number_that_is_none_is_no_text(theirs: Any, duck: duckdb.DuckDBPyConnection) -> None:
    """Whatever type has it, and only where it is so."""
    sql = theirs.unsendable("v", "double precision")
    assert "'NaN', 'Infinity', '-Infinity'" in sql
    assert "super[]" in theirs.unsendable("v", "super")
    assert theirs.unsendable("v", "varbyte(10)").endswith("then 'varbyte(10)' end")
    assert theirs.unsendable("v") == theirs.unsendable("v", "bigint") == "cast(null as varchar(65535))"


def test_entries_that_differ(ours: Any, theirs: Any, duck: duckdb.DuckDBPyConnection) -> None:
    """Lists side by side, and columns side by side."""
    for macros, told in ((ours, duck.execute), (theirs, lambda sql: duck.execute(carried_over(sql)))):
        lists = f"select number, {macros.list_of(['v', 'w'])} as shown_before, {macros.list_of(['w', 'w'])} as shown_after from pairs"
        told(f"create or replace table lists_{'here' if macros is ours else 'there'} as {lists}")
    order = " order by number, field"
    same(
        duck,
        ours.entries_that_differ("lists_here", ["number"], ["email", "it's"]) + order,
        theirs.entries_that_differ("lists_there", ["number"], ["email", "it's"]) + order,
    )
    fields = [
        {"field": "'title'", "old_value": "v", "new_value": "w"},
        {"field": "'it''s'", "old_value": "w", "new_value": "v"},
    ]
    same(
        duck,
        f"select * from ({ours.field_changes('pairs', ['number'], fields, [], False)}) as told{order}",
        f"select * from ({theirs.field_changes('pairs', ['number'], fields, [], False)}) as told{order}",
    )


def test_a_field_without_a_column(ours: Any, theirs: Any, duck: duckdb.DuckDBPyConnection) -> None:
    """From the JSON object, by a name that a column has."""
    duck.execute(
        "create or replace table objects as select * from (values ('{\"plan\": \"gold\", \"x\": \" \"}', 'plan'), ('{}', 'plan'), (null, 'x')) as t (v, name)"
    )
    for name in ("'plan'", "'x'", "'it''s'"):
        same(
            duck,
            f"select v, {ours.one_of_more('v', name)} as told from objects order by v",
            f"select v, {theirs.one_of_more('v', name)} as told from objects order by v",
        )


def test_rows_there_and_what_is_the_same(ours: Any, theirs: Any, duck: duckdb.DuckDBPyConnection) -> None:
    """Conditions of the pushes and of the notes on loads."""
    sql = "select v, w, {}, {}, {}, {}, {} from pairs order by number"
    for macros in (ours, theirs):
        assert macros.has_rows("select 1")
    here, there = (
        sql.format(
            macros.differs("v", "w"),
            macros.texts_differ("v", "w"),
            macros.texts_alike("v", "w"),
            macros.texts_equal("v", "w"),
            macros.has_rows("select 1 from pairs where v = 'a'"),
        )
        for macros in (ours, theirs)
    )  # fmt: skip
    same(duck, here, there)


def test_blanks_at_the_end_count(theirs: Any) -> None:
    """Redshift takes 'a ' for the same as 'a' when it compares them."""
    for name in ("texts_differ", "texts_alike", "texts_equal"):
        assert "v || '.'" in getattr(theirs, name)("v", "w")
        assert "w || '.'" in getattr(theirs, name)("v", "w")
    assert "v || '.'" in theirs.field_changes(
        "pairs", [], [{"field": "'f'", "old_value": "v", "new_value": "w"}], [], False
    )
