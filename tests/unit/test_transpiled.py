"""Engines that nobody has here: what sqlglot makes of their SQL for DuckDB gives row by row what DuckDB's own macros give.

That the engine itself gives the same is not shown: sqlglot knows of both what their documentation says. What it gets wrong or
can't tell is in ``LEFT_OUT``, with the reason, and in ``repaired``."""

import re
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from tests.properties.test_equality import FILES, ODD, RULES_TRIED, Macros
from tests.unit.test_golden import HERE
from tests.unit.test_golden import of as of_given

ENGINES = ("bigquery",)
LEFT_OUT: dict[str, dict[str, str]] = {
    "bigquery": {
        "as_text": "sqlglot hands format('%T', …) on, and DuckDB's format is another function",
        "json_entry": "sqlglot takes safe.parse_json for a function of that name, and drops the name that is asked for",
    },
}
TIMES = [
    *("2026-03-01 10:00:00", "2026-03-01T10:00:00Z", "2026-03-01 10:00:00.1234567+05:30", "2026-03-08 02:30:00", "2026-11-01 01:30:00", "n/a", None, "2026-02-30 00:00:00"),
    *("2026-03-01", "0001-01-01 00:00:00", "9999-12-31 00:00:00", "9998-12-31 23:59:59", "1900-01-01 00:00:00 +01", "2026-03-29 02:59:59.9", "2026-10-25 02:00:00", "2026-03-01 24:00:00"),
]  # fmt: skip
SEEN_AT = (
    "2026-03-01 10:00:00+00",
    "2026-11-01 05:31:00+00",
    "2026-11-01 07:00:00+00",
    "2026-10-25 00:30:00+00",
)
ZONES = ("UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe")
OBJECTS = ['{"plan": "gold"}', '{"plan": " "}', '{"other": "x"}', '{"plan": "it\'s \\"é\\""}', "{}", None]
FIELDS = ("v", "w")


def field_changes(m: Any, every: bool) -> str:
    """What differs of two fields, one of which has a name with a quote in it."""
    pair = [
        {"field": m.literal(f"it's {name}"), "old_value": name, "new_value": "w", "place": str(place)}
        for place, name in enumerate(FIELDS)
    ]
    return str(m.field_changes("given", ["number"], pair, ["place"], every))


def entries(m: Any) -> str:
    """Entries of two lists, some of them NULL."""
    lists = f"select number, {m.list_of(['v', 'w', 'v'])} as shown_before, {m.list_of(['w', 'w', 'v'])} as shown_after from given"
    return f"with pairs as ({lists}) {m.entries_that_differ('pairs', ['number'], ['email', chr(39), 'v'])}"


CASES: dict[str, Callable[[Any], str]] = {
    "blank_as_null": lambda m: of_given(m.blank_as_null("v")),
    "trimmed": lambda m: of_given(m.trimmed("v")),
    "lowered": lambda m: of_given(m.lowered("v")),
    "literal": lambda m: of_given(f"coalesce(v, '') || {m.literal(chr(39) + 'a' + chr(92) + chr(10))}"),
    "place_of": lambda m: of_given(m.place_of("'1'", "v")),
    "content_hash": lambda m: of_given(m.content_hash([*FIELDS])),
    "as_text": lambda m: of_given(m.as_text("given.number")),
    "json_entry": lambda m: of_given(m.json_entry("v", "'plan'")) + " where v like '{%}'",
    "no_rows": lambda m: m.no_rows({"crm": "text", "seen_at": "timestamptz", "number": "bigint", "clock": "timestamp"}),
    "field_changes": lambda m: field_changes(m, False),
    "every_field": lambda m: field_changes(m, True),
    "no_fields": lambda m: m.field_changes("given", ["number"], [], [], False),
    "entries_that_differ": entries,
    "newest_first": lambda m: of_given(f"row_number() over ({m.newest_first('v').replace('recorded_at', 'number').replace('run_id', 'w')})"),
    "has_rows": lambda m: of_given(m.has_rows("select 1 from given where v = 'x'")),
    "whole_seconds": lambda m: of_given(m.whole_seconds("v")),
    "with_times": lambda m: m.with_times("select * from moments", ["created_at"], []),
    **{f"type {kind}": lambda m, kind=kind: of_given(m.as_type(m.trimmed("v"), kind)) for kind in ("integer", "number", "boolean", "date", "timestamp")},  # type: ignore[misc]
    **{f"form {rule}": lambda m, rule=rule: of_given(m.in_one_form("v", rule)) for rule in RULES_TRIED if rule},  # type: ignore[misc]
    **{f"differ {rule}": lambda m, rule=rule: of_given(m.differ_by("v", "w", rule)) for rule in RULES_TRIED if rule},  # type: ignore[misc]
}  # fmt: skip


def repaired(tree: Any) -> Any:
    """Where sqlglot says less than the engine: digits that a type has, and functions that have another name in DuckDB."""
    for kind in tree.find_all(exp.DataType):
        if kind.this == exp.DataType.Type.BIGDECIMAL and not kind.expressions:
            kind.replace(exp.DataType.build("DECIMAL(38, 18)"))
    for composed in list(tree.find_all(exp.Normalize)):
        composed.replace(exp.func("nfc_normalize", composed.this))
    for character in tree.find_all(exp.Chr):
        character.set("expressions", [exp.cast(each, "int") for each in character.expressions])
    for array in reversed(list(tree.find_all(exp.Array))):
        # A list with a query in one of its values becomes a list of the query's rows otherwise.
        if array.expressions and not isinstance(array.expressions[0], exp.Query) and array.find(exp.Query):
            array.replace(exp.func("list_value", *array.expressions))
    # Of the types of the two in either, sqlglot knows nothing: the second is a zone.
    for call in reversed(list(tree.find_all(exp.Timestamp, exp.Datetime))):
        call.replace(exp.func("timezone", call.args.get("zone") or call.expression, call.this))
    return tree


@pytest.fixture(scope="module")
def duck() -> Iterator[duckdb.DuckDBPyConnection]:
    """Odd values beside each other, and times beside zones."""
    values = [*ODD, *OBJECTS, *(f" {value}\n" for value in ODD[::7])]
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(
            "create table given (number bigint, v text, w text, sequence_number bigint, seq bigint)"
        )
        connection.executemany(
            "insert into given values (?, ?, ?, ?, ?)",
            [
                (place, value, values[(place + shift) % len(values)], place % 3 or None, place % 2)
                for place, (value, shift) in enumerate(product(values, (0, 1)))
            ],
        )
        connection.execute(
            "create table moments (_created_at_text text, leadloop_timezone text, leadloop_seen_at timestamptz)"
        )
        connection.executemany("insert into moments values (?, ?, ?)", [*product(TIMES, ZONES, SEEN_AT)])
        yield connection


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def macros(engine: str) -> dict[str, Any]:
    whose = {
        engine: HERE,
        "duckdb": ("leads/field_changes.sql", "leads/columns.sql", "push/memory.sql", "values/empty.sql"),
    }
    own = ("leads/staged_related.sql",)
    return {name: Macros(name, *FILES, *(each.format(name) for each in files), *own) for name, files in whose.items()}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_rows_are_duckdbs(
    case: str, engine: str, macros: dict[str, Any], duck: duckdb.DuckDBPyConnection
) -> None:
    """Of every odd value, whatever the order of the rows."""
    if case in LEFT_OUT.get(engine, {}):
        pytest.skip(LEFT_OUT[engine][case])
    (tree,) = sqlglot.parse(CASES[case](macros[engine]), read=engine, error_level=sqlglot.ErrorLevel.RAISE)
    assert tree is not None
    sql = repaired(tree).sql("duckdb", unsupported_level=sqlglot.ErrorLevel.RAISE)
    found = duck.execute(sql).fetchall()
    expected = duck.execute(CASES[case](macros["duckdb"])).fetchall()
    assert expected or case in ("no_rows", "no_fields")
    assert sorted(map(repr, found)) == sorted(map(repr, expected))


def test_what_is_left_out_has_a_case() -> None:
    """And a reason."""
    for cases in LEFT_OUT.values():
        assert cases.keys() <= CASES.keys()
        assert all(re.fullmatch(r"\w.{20,}", reason) for reason in cases.values())
