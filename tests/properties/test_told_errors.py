"""No value of a lead is in what is told of a database's error: every kind of error, over values that look like messages."""

import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.warehouse.duckdb_errors import DUCKDB
from connector.warehouse.postgres_errors import POSTGRES
from connector.warehouse.told_errors import DBT, UNKNOWN, told

psycopg2: Any = import_module("psycopg2")  # has no types

MARK = "zq7x"
"""Is in each part of each value, and in nothing else."""
PARTS = (
    "zq7x",
    "zq7x'",
    'zq7x"',
    "'zq7x' ",
    "zq7x\r\n",
    "zq7x\n\n",
    "\x1b[31mzq7x",
    "zq7x\u2028",
    "zq7x' to INT32",
    "zq7x' to INT32 when casting from source column zq7x",
    "\n\nLINE 1: select zq7x",
    'relation "zq7x" does not exist',
    'column "zq7x" does not exist\n',
    "type zq7x does not exist",
    'null value in column "zq7x" of relation "zq7x" violates not-null constraint',
    'Binder Error: Referenced column "zq7x" not found in FROM clause!',
    "Catalog Error: Table with name zq7x does not exist!",
    'Parser Error: syntax error at or near "zq7x"',
    "Database Error in model zq7x (models/zq7x.sql)\n  zq7x",
    "Compilation Error in model zq7x\n  push zq7x: zq7x\n  > in macro refuse_push (zq7x)\n",
    "push zq7x: zq7x.",
    "permission denied for table zq7x",
    "syntax error zq7x",
    "function zq7x(zq7x) does not exist",
    "zq7x out of range",
    "{note} {zq7x}[",
    "DETAIL:  Key (zq7x)=(zq7x)",
    'Duplicate key "zq7x: zq7x',
    '{"zq7x": ',
    "zq7x%s\\",
)
values = st.lists(
    st.sampled_from(PARTS) | st.text(max_size=8).map(lambda text: f"{text}{MARK}{text}"),
    min_size=1,
    max_size=4,
).map("".join)

OF_DUCKDB = (
    "select cast(note as int) from v",
    "select cast(note as date) from v",
    "select cast(note as timestamp) from v",
    "select cast(note as timestamptz) from v",
    "select cast(note as time) from v",
    "select cast(note as boolean) from v",
    "select cast(note as decimal(10, 2)) from v",
    "select cast(note as uuid) from v",
    "select cast(note as json) from v",
    "select cast(note as interval) from v",
    "select cast(note as int[]) from v",
    "select cast(note as struct(a int)) from v",
    "select cast(note as enum('a', 'b')) from v",
    "select cast(note as bit) from v",
    "select cast([note] as int[]) from v",
    "select cast({'a': note} as struct(a int)) from v",
    "select json_extract(note, '$.a') from v",
    "select json_structure(note) from v",
    "select strptime(note, '%Y') from v",
    "select regexp_matches('a', '(' || note) from v",
    "select error(note) from v",
    "select date_part(note, date '2026-01-01') from v",
    "select unhex(note) from v",
    "select from_base64(note) from v",
    "select format(note || '{}{}', 1) from v",
    "select repeat(note, 1000000000000) from v",
    "insert into keyed select note from v",
    "insert into short select note from v",
    "select cast(length(note) * 9223372036854775807 as tinyint) from v",
    "select cast(1e300 * length(note) as int) from v",
    "select case when note is not null then (select 1 from (values (1), (2))) end from v",
    "select try_cast(note as nope) from v",
    "select note + 1 from v",
    "select nope from v",
    "select note from nope",
    "select from where",
)
OF_POSTGRES = (
    "select cast(note as int) from v",
    "select cast(note as date) from v",
    "select cast(note as timestamptz) from v",
    "select cast(note as boolean) from v",
    "select cast(note as numeric) from v",
    "select cast(note as uuid) from v",
    "select cast(note as jsonb) from v",
    "select cast(note as int[]) from v",
    "select cast(note as interval) from v",
    "select cast(note as point) from v",
    "select cast(note as regclass) from v",
    "select cast(note as kind) from v",
    "select to_date(note, 'YYYY') from v",
    "select date_part(note, now()) from v",
    "select now() at time zone note from v",
    "select decode(note, 'hex') from v",
    "select decode(note, 'base64') from v",
    "select 'a' ~ ('(' || note) from v",
    "select current_setting(note) from v",
    "select encode('a', note) from v",
    "select format(note || '%s%') from v",
    "select 1 / (length(note) - length(note)) from v",
    "select length(note) * 2147483647 from v",
    "insert into keyed select note from v",
    "insert into short select note from v",
    "insert into checked select note from v",
    "insert into parted select note from v",
    "select said(note) from v",
    "select note + 1 from v",
    "select nope from v",
    "select * from nope",
)


@pytest.fixture(scope="module")
def duck() -> Iterator[Any]:
    with duckdb.connect() as connection:
        connection.execute(
            "create table v (note text); create table keyed (note text primary key);"
            "create table short (note text check (length(note) < 0));"
        )
        yield connection


@pytest.fixture(scope="module")
def post(postgres_server: str) -> Iterator[Any]:
    connection = psycopg2.connect(postgres_server)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(
            "create temp table v (note text); create temp table keyed (note text primary key);"
            "create temp table short (note varchar(1)); create temp table checked (note text check (length(note) < 0));"
            "create temp table parted (note text) partition by list (note); create type pg_temp.kind as enum ('x');"
            "create function pg_temp.said(note text) returns text language plpgsql as "
            "$$ begin raise exception '%', note; end $$"
        )
        yield cursor
    connection.close()


@settings(max_examples=250)
@given(query=st.sampled_from(OF_DUCKDB), value=values)
def test_no_error_of_duckdb_shows_a_value(duck: Any, query: str, value: str) -> None:
    """Whatever a lead's note is and whatever fails over it, the note is not in what is told; and it is told as one line."""
    duck.execute("delete from v")
    duck.execute("insert into v values (?)", [value])
    if "keyed" in query:
        duck.execute("insert or ignore into keyed select note from v")
    try:
        duck.execute(query).fetchall()
    except (duckdb.Error, UnicodeDecodeError) as error:  # the latter where DuckDB cuts a text in a character
        _check(str(error), DUCKDB, query)


@settings(max_examples=250)
@given(query=st.sampled_from(OF_POSTGRES), value=values.map(lambda text: text.replace("\0", "")))
def test_no_error_of_postgres_shows_a_value(post: Any, query: str, value: str) -> None:
    """The same of a real PostgreSQL."""
    post.execute("delete from v")
    post.execute("insert into v values (%s)", [value])
    if "keyed" in query:
        post.execute("insert into keyed select note from v on conflict do nothing")
    try:
        post.execute(query.replace(" kind", " pg_temp.kind").replace("said(", "pg_temp.said("))
    except psycopg2.Error as error:
        _check(str(error), POSTGRES, query)


@given(value=values, kind=st.sampled_from(["Database", "Runtime", "Compilation", "Dependency"]))
def test_a_message_that_is_a_value_is_not_told(value: str, kind: str) -> None:
    """A function or macro of somebody's own may raise anything, a value as well."""
    message = f"{kind} Error in model v (models/v.sql)\n  {value}\n  \n  > in macro mine (macros/mine.sql)"
    for language in (DUCKDB, POSTGRES):
        assert MARK not in told(message, language, "select note from v").lower()


def _check(message: str, language: Any, query: str) -> None:
    indented = message.replace("\n", "\n  ")
    for text in (
        message,
        f"Runtime Error in model v (models/v.sql)\n  {indented}\n  compiled code at target/v.sql",
    ):
        said = told(text, language, query)
        assert MARK not in said.lower()
        assert said.isprintable()


@pytest.mark.parametrize(
    ("language", "message", "expected"),
    [
        (DUCKDB, "Conversion Error: Could not convert string 'it's' to INT32 when casting from source column note\n\nLINE 1: …", "a text can't be converted to INT32, in the column note"),
        (DUCKDB, 'Binder Error: Referenced column "nope" not found in FROM clause!\nCandidate bindings: "note"', "there is no such column"),
        (DUCKDB, 'Binder Error: Referenced column "note" not found in FROM clause!\nCandidate bindings: "x"', "there is no such column: note"),
        (DUCKDB, "Catalog Error: Table with name v does not exist!\nDid you mean \"w\"?", "there is no such table, view or schema: v"),
        (DUCKDB, "Something new", UNKNOWN),
        (POSTGRES, 'invalid input syntax for type integer: "it\'s"\nLINE 1: …', "a text can't be converted to integer"),
        (POSTGRES, 'column v.note does not exist\nHINT:  Perhaps', "there is no such column: v.note"),
        (POSTGRES, "permission denied for table v\n", "permission denied for v"),
        (POSTGRES, "division by zero\n", "a division by zero"),
        (POSTGRES, "etwas Neues", UNKNOWN),
    ],
)  # fmt: skip
def test_kinds_names_and_types_are_told(language: Any, message: str, expected: str) -> None:
    """What helps is there: the kind, names that the SQL has, types."""
    assert told(message, language, "select note from v") == expected


@pytest.mark.parametrize("form", [*DUCKDB.forms, *POSTGRES.forms, *DBT])
def test_what_may_be_missing_is_in_brackets(form: Any) -> None:
    """A name that may not be told leaves a whole sentence behind."""
    groups = set(re.compile(form.pattern).groupindex)
    bracketed = "".join(re.findall(r"\[[^\]]*\]", form.told))
    named = set(re.findall(r"\{(\w+)\}", form.told))
    assert named <= groups
    assert named == set(re.findall(r"\{(\w+)\}", bracketed))
