"""BigQuery's language itself, in Google's own reference implementation: the macros give row by row what DuckDB's own give."""

from typing import Any

import duckdb
import pytest

from tests.cloud import googlesql
from tests.properties.test_equality import FILES, Macros, number_text
from tests.unit.test_golden import HERE
from tests.unit.test_transpiled import CASES, duck

__all__ = ["duck"]

pytest.importorskip("zetasql", reason="`make test-cloud` has what this needs")
pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]
GIVEN = {"number": "int64", "v": "string", "w": "string", "sequence_number": "int64", "seq": "int64"}
MOMENTS = {"_created_at_text": "string", "leadloop_timezone": "string", "seen_at": "string"}


@pytest.fixture(scope="module")
def macros() -> Macros:
    own = ("leads/staged_related.sql",)
    return Macros("bigquery", *FILES, *(each.format("bigquery") for each in HERE), *own)


@pytest.fixture(scope="module")
def duck_macros() -> Macros:
    here = ("leads/field_changes.sql", "leads/columns.sql", "push/memory.sql", "values/empty.sql")
    return Macros("duckdb", *FILES, *here, "leads/staged_related.sql")


@pytest.fixture(scope="module")
def tables(duck: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """What DuckDB has, for the other."""
    return {
        "given": (GIVEN, duck.execute(f"select {', '.join(GIVEN)} from given").fetchall()),
        "moments_given": (
            MOMENTS,
            duck.execute("select _created_at_text, leadloop_timezone, leadloop_seen_at::text from moments").fetchall(),
        ),
    }  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_rows_are_duckdbs(
    case: str, macros: Any, duck_macros: Any, tables: dict[str, Any], duck: duckdb.DuckDBPyConnection
) -> None:
    """Of every odd value, whatever the order of the rows."""
    query = CASES[case](macros)
    moments = "select _created_at_text, leadloop_timezone, timestamp(seen_at) as leadloop_seen_at from moments_given"
    if "from moments" in query:
        query = query.replace("from moments", f"from ({moments})")
    found = googlesql.rows(query, tables)
    expected = [
        [googlesql.told(value) for value in row] for row in duck.execute(CASES[case](duck_macros)).fetchall()
    ]
    assert sorted(map(repr, found)) == sorted(map(repr, expected))


NUMBERS = [
    0.0,
    -0.0,
    -1.0,
    1e3,
    2.5,
    1e15,
    1.7e15,
    1e16,
    1.5e20,
    9e37,
    1e38,
    1e-4,
    1e-5,
    1e300,
    0.1,
    -123456.789,
]
TYPED = [
    ("timestamp '2026-03-01 10:00:00+00'", "2026-03-01 10:00:00+00", None),
    ("timestamp '2026-07-01 23:30:00.500-04'", "2026-07-02 03:30:00.5+00", None),
    ("timestamp '1890-01-01 00:00:00.000001+05:53'", "1889-12-31 18:07:00.000001+00", None),
    ("cast(null as timestamp)", None, None),
    ("datetime '2026-03-01 10:00:00'", "2026-03-01 10:00:00", None),
    ("datetime '2026-03-01 10:00:10.050'", "2026-03-01 10:00:10.05", None),
    ("date '2026-03-01'", "2026-03-01", None),
    ("time '10:00:00'", "10:00:00", None),
    ("numeric '5'", "5", None),
    ("numeric '2.50'", "2.5", None),
    ("bignumeric '-0.00000000000000000001'", "-0.00000000000000000001", None),
    ("bignumeric '12345678901234567890123456789012345678'", "12345678901234567890123456789012345678", None),
    ("-5", "-5", None),
    ("true", "true", None),
    ("'1.50'", "1.50", None),
    ("'-0'", "-0", None),
    ("'inf'", "inf", None),
    ("'1e+5'", "1e+5", None),
    ("'it\\'s \"so\"'", "it's \"so\"", None),
    ("'TIMESTAMP \\\\'", "TIMESTAMP \\", None),
    ("'NULL'", "NULL", None),
    ("''", "", None),
    ("cast('inf' as float64)", "Infinity", "FLOAT64 inf"),
    ("cast('-inf' as float64)", "-Infinity", "FLOAT64 -inf"),
    ("cast('nan' as float64)", "NaN", "FLOAT64 nan"),
    ("['a', 'b\"']", '["a","b\\""]', "ARRAY[]"),
    ("cast([] as array<int64>)", "[]", "ARRAY[]"),
    ("struct('a' as b)", '{"b":"a"}', "STRUCT"),
    ("struct(1 as b, 2 as c)", '{"b":1,"c":2}', "STRUCT"),
    ("b'a'", "a", "BYTES"),
    ("json '{\"a\":1}'", '{"a":1}', "JSON"),
    ("json '[1]'", "[1]", "JSON"),
    ("json '1'", "1", None),
    ("interval 3 day", "0-0 3 0:0:0", "INTERVAL"),
    *((f"cast({number!r} as float64)", number_text(number), None) for number in NUMBERS),
]  # fmt: skip


@pytest.mark.parametrize("value", TYPED, ids=[value for value, *_ in TYPED])
def test_a_value_has_one_text(value: tuple[str, str | None, str | None], macros: Any) -> None:
    """Of every type that BigQuery has, of which some can be no text; and whether a push can send it."""
    sql, text, unsendable = value
    query = f"select {macros.as_text('given.v')}, {macros.unsendable('given.v')} from (select {sql} as v) as given"
    assert googlesql.rows(query, {}) == [[text, unsendable]]


def test_a_grammar_that_is_anothers_is_refused() -> None:
    """What the macros are there for."""
    for query in ("select 1 where false", "select 1 union select 1", "select 'a' ~ 'b'", "select split_part('a', '.', 1)", "select 'it''s'"):  # fmt: skip
        with pytest.raises(Exception, match="INVALID_ARGUMENT"):
            googlesql.rows(query, {})


def test_names_are_told_of_an_object(macros: Any) -> None:
    """One row for each, none for what is no object."""
    given = """(select 'a' as crm, '{"plan": "x", "other_1": null}' as v union all select 'b', null union all select 'c', '') as pairs"""
    assert sorted(googlesql.rows(macros.names_in_more(given, "v", ["crm"]), {})) == [["a", "other_1"], ["a", "plan"]]  # fmt: skip
