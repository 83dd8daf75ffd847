"""The SQL of macros for engines that nobody has here: what it was when somebody last looked at it, and that it is of the engine's grammar.

Each case is a file ``tests/golden/<engine>/<case>.sql``. ``GOLDEN=write pytest tests/unit/test_golden.py`` writes them anew; ``git diff``
then shows what a change does to an engine on which no test can run it."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlglot
from sqlglot import exp

from tests.properties.test_equality import FILES, Macros

FOLDER = Path(__file__).parents[1] / "golden"
ENGINES = ("snowflake", "bigquery", "redshift")
HERE = (
    "values/{}.sql",
    "leads/{}.sql",
    "push/{}.sql",
    "leads/field_changes.sql",
    "leads/columns.sql",
    "push/memory.sql",
    "values/empty.sql",
)


def fields(m: Any) -> list[dict[str, str]]:
    """Two fields of a pair, one of them with a quote in its name."""
    return [
        {"field": m.literal(name), "old_value": f"shown_{place}", "new_value": f"desired_{place}"}
        for place, name in enumerate(("title", "it's"), 1)
    ]


def texts(m: Any) -> str:
    """A row with a time as a text."""
    seen_at = f"cast(null as {m.sql_type('timestamptz')}) as leadloop_seen_at"
    return f"select '2026-03-01' as _created_at_text, 'UTC' as leadloop_timezone, {seen_at}"


def of(expression: str) -> str:
    """An expression over a column ``v``, as a statement."""
    return f"select {expression} as told from given"


CASES: dict[str, Callable[[Any], str]] = {
    "literals": lambda m: of("(" + ", ".join(map(m.literal, ("it's", "a\\b", "'\\'"))) + ")"),
    "no_rows": lambda m: m.no_rows({"crm": "text", "seen_at": "timestamptz", "number": "bigint", "clock": "timestamp"}),
    "blank_as_null": lambda m: of(m.blank_as_null("v")),
    "trimmed_and_lowered": lambda m: of(m.lowered(m.trimmed("v"))),
    "json_entry": lambda m: of(m.one_of_more("v", "'plan'")),
    "names_in_more": lambda m: m.names_in_more("pairs", "v", ["crm", "lead_id"]),
    "as_text": lambda m: of(m.as_text("given.v")),
    "unsendable": lambda m: of(m.unsendable("given.v")),
    "content_hash": lambda m: of(m.content_hash(["email", "first_name"])),
    "times": lambda m: m.with_times(texts(m), ["created_at"], []),
    "type_integer": lambda m: of(m.as_type("v", "integer")),
    "type_number": lambda m: of(m.as_type("v", "number")),
    "type_boolean": lambda m: of(m.as_type("v", "boolean")),
    "type_date": lambda m: of(m.as_type("v", "date")),
    "type_timestamp": lambda m: of(m.as_type("v", "timestamp")),
    "field_changes": lambda m: m.field_changes("pairs", ["lead_id"], fields(m), [], False),
    "entries_that_differ": lambda m: m.entries_that_differ("pairs", ["lead_id"], ["email", "it's"]),
    "no_entries": lambda m: m.entries_that_differ("pairs", ["lead_id"], []),
    "newest_first": lambda m: of(f"row_number() over ({m.newest_first('crm, field')})"),
    "has_rows": lambda m: of(m.has_rows("select 1 from leads where crm = 'x'")),
    **{
        f"equal_{re.sub('[^a-z0-9]+', '_', rule).strip('_')}": lambda m, rule=rule: of(m.differ_by("v", "w", rule))  # type: ignore[misc]
        for rule in ("digits", "lower", "trim", "number", "boolean", "lines", "cut(3)", "round(2)", "tolerance(0.5)", "date", "date(dmy)")
    },
}  # fmt: skip


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def macros(engine: str) -> Macros:
    return Macros(engine, *FILES, *(each.format(engine) for each in HERE))


@pytest.mark.parametrize("case", CASES)
def test_the_sql_is_what_it_was(case: str, engine: str, macros: Any) -> None:
    """Whoever changes it sees that in the diff, since no test runs it on the engine itself."""
    file = FOLDER / engine / f"{case}.sql"
    made = (
        "\n".join(line.rstrip() for line in CASES[case](macros).strip().splitlines() if line.strip()) + "\n"
    )
    if os.environ.get("GOLDEN") == "write":
        file.write_text(made, encoding="utf-8")
    assert file.is_file(), f"There is no {file}: GOLDEN=write pytest tests/unit/test_golden.py makes it."
    assert file.read_text(encoding="utf-8") == made, (
        f"{file} is other: GOLDEN=write pytest tests/unit/test_golden.py"
    )


def test_there_is_no_file_of_a_case_that_is_gone(engine: str) -> None:
    """Nobody keeps what is never compared."""
    assert {file.stem for file in (FOLDER / engine).glob("*.sql")} == {*CASES}


@pytest.mark.parametrize("case", CASES)
def test_the_sql_is_of_the_engine_s_grammar(case: str, engine: str) -> None:
    """sqlglot reads it in the engine's dialect, knows every part of it, and finds nothing that is another engine's alone."""
    text = (FOLDER / engine / f"{case}.sql").read_text(encoding="utf-8")
    (tree,) = sqlglot.parse(text, read=engine, error_level=sqlglot.ErrorLevel.RAISE)
    assert tree is not None
    assert not list(tree.find_all(exp.Command)), "a statement that sqlglot only hands on"
    for mark in REFUSED[engine]:
        assert not re.search(mark, text), f"{mark} in {case}"


REFUSED = {
    # Operators, functions and clauses that Snowflake's documentation does not have, or that mean something else there.
    "snowflake": (
        r" ~ ", r"\bpg_", r"\bregexp_like\b", r"\brlike\b", r"\bconcat_ws\b", r"\bstrpos\b", r"\bmaterialized\b", r"\bwindow\b",
        r"\* interval", r"\blateral \(", r"\bunnest\b", r"\blambda\b", r"\bexists\b", r"(?<![_$])\btypeof\(", r"\btimestamptz\b",
    ),
    # The same of GoogleSQL's; and what it has no place for: a doubled quote within quotes, "where" without "from", "union" alone.
    "bigquery": (
        r" ~ ", r"\bpg_", r"\brlike\b", r"\bregexp_(like|instr|matches)\b", r"\bconcat_ws\b", r"\bsplit_part\b", r"\bmaterialized\b",
        r"\binterval '", r"\* interval", r"\blateral\b", r"\blambda\b", r"\btry_cast\b", r"\btypeof\b", r"::", r"->", r"\(values\b",
        r"\btimestamptz\b", r"\b(varchar|text)\)", r"\bdouble precision\b", r"\bdecimal\(", r"(?<!to_hex\()\bmd5\b", r"\w''", r'"\w+"',
        r"select[^()]+ where false", r"\bunion\b(?! (all|distinct))",
    ),
    # What PostgreSQL or DuckDB has and Redshift's documentation does not, or calls a function of the leader node, or has otherwise: a varchar
    # without a length is cut.
    "redshift": (
        r"\bis (not )?distinct\b", r"\bpg_", r"\bfilter \(", r"\bstring_agg\b", r"\bunnest\b", r"\blateral\b", r"\bas jsonb?\b", r"->>",
        r"\bas text\b", r"\bas varchar\)(?! as leadloop_seen_at)", r"\bE'", r"\bsubstr\(", r"\bcurrent_timestamp\b", r"\bnow\(", r"\bmaterialized\b",
        r"\bconcat(_ws)?\(", r"\* interval", r"\bmake_date\b", r"\blimit all\b", r"\bexists\b", r"\btypeof\(", r"\bregexp_(matches|split)", r"\barray\[",
        r"\blambda\b", r"(?<![bl])(?<!r)\btrim\(", r"\bwindow\b", r"regexp_replace\([^()]*\\\\[0-9]", r"\bvalues\b", r", 'g'\)", r"\bcollate\b",
    ),
}  # fmt: skip


def test_the_grammar_s_test_finds_what_it_looks_for() -> None:
    """What PostgreSQL writes is none of Snowflake's."""
    with pytest.raises(sqlglot.errors.ParseError):
        sqlglot.parse(
            "select v from given where v @@", read="snowflake", error_level=sqlglot.ErrorLevel.RAISE
        )
    assert any(re.search(mark, "select v ~ '^a' from given") for mark in REFUSED["snowflake"])
    assert any(re.search(mark, "select v is distinct from w from given") for mark in REFUSED["redshift"])


@pytest.mark.parametrize("rule", ["unicode", "html", "list"])
def test_a_rule_that_the_engine_lacks_is_refused(rule: str) -> None:
    """By its name, when the project is compiled, and not by what the engine says of the SQL."""
    text = (FOLDER.parents[1] / "dbt_models/macros/push/snowflake.sql").read_text(encoding="utf-8")
    assert f"leadloop.refuse_on_snowflake('{rule}')" in text


@pytest.mark.parametrize("rule", ["time", "unicode", "html", "list"])
def test_a_rule_that_redshift_lacks_is_refused(rule: str) -> None:
    """As above."""
    text = (FOLDER.parents[1] / "dbt_models/macros/push/redshift.sql").read_text(encoding="utf-8")
    assert f"leadloop.refuse_on_redshift('{rule}')" in text
