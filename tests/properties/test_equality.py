"""Three implementations of one rule: when two values of a field are the same, in Python, in DuckDB and in PostgreSQL."""

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import pairwise
from math import isfinite, isinf, isnan
from types import SimpleNamespace
from typing import Any

import jinja2
import pytest
import sqlalchemy as sa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connector.extract.raw import blank_as_null
from connector.push.equality import RULES, same
from connector.texts import BLANKS, is_blank
from connector.warehouse.connection import Warehouse
from connector.warehouse.models import packaged_project
from tests.unit.push.test_equality import DIFFERENT, SAME

ZONES = ("UTC", "America/New_York", "Asia/Kolkata")


class _Returned(Exception):  # noqa: N818 - it carries a value, as dbt's own does
    pass


def _return(value: Any) -> None:
    raise _Returned(value)


class Macros:
    """The macros of some files, in as much of dbt's Jinja as they need; ``macros.name(...)`` is the SQL that one gives."""

    def __init__(self, engine: str, *files: str) -> None:
        folder = packaged_project() / "macros"
        source = "\n".join((folder / each).read_text(encoding="utf-8") for each in files)
        environment = jinja2.Environment(autoescape=False, extensions=["jinja2.ext.do"])
        mark = "`" if engine == "bigquery" else '"'

        def dispatch(name: str, _package: str) -> Any:
            return getattr(self, f"{engine}__{name}", None) or getattr(self, f"default__{name}")

        environment.globals.update(
            {
                "leadloop": self,
                "return": _return,
                "adapter": SimpleNamespace(dispatch=dispatch, quote=lambda name: f"{mark}{name}{mark}"),
                "modules": SimpleNamespace(re=re),
            }
        )
        self._module = environment.from_string(source).module

    def __getattr__(self, name: str) -> Any:
        macro = getattr(self._module, name)

        def call(*arguments: Any) -> Any:
            try:
                return macro(*arguments)
            except _Returned as returned:
                return returned.args[0]

        return call


FILES = (
    "values/dialect.sql", "values/text.sql", "values/times.sql", "leads/types.sql", "push/equal.sql", "push/forms.sql", "push/form_html.sql",
    "push/form_list.sql", "push/form_times.sql",
)  # fmt: skip


class Database:
    """One warehouse, and the macros as they are for it."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.macros = Macros(warehouse.kind, *FILES)
        self.connection = warehouse.engine().connect()

    def select(self, columns: Sequence[str], values: Sequence[str | None]) -> list[Sequence[Any]]:
        """Of each text ``value``, in the order of ``number``: these columns; one statement for all of them."""
        names = {f"v{number}": value for number, value in enumerate(values)}
        rows = ", ".join(f"({number}, cast(:{name} as text))" for number, name in enumerate(names))
        sql = f"select {', '.join(columns)} from (values {rows}) as given (number, value) order by number"
        return list(self.connection.execute(sa.text(sql), names).all())

    def beside(self, value: str, columns: Sequence[str], values: Sequence[str | None]) -> list[Sequence[Any]]:
        """The same, of ``given_value`` and ``value_before``, after whether the value is NULL."""
        names = {f"v{number}": value for number, value in enumerate(values)}
        rows = ", ".join(f"({number}, cast(:{name} as text))" for number, name in enumerate(names))
        sql = (
            f"with given as (select number, {value} as given_value from (values {rows}) as texts (number, value)), "
            "pairs as (select number, given_value, lag(given_value) over (order by number) as value_before from given) "
            "select given_value is null, "
            + ", ".join(columns).replace(":", "\\:")
            + " from pairs order by number"
        )
        return list(self.connection.execute(sa.text(sql), names).all())


@pytest.fixture(scope="module")
def databases(
    tmp_path_factory: pytest.TempPathFactory, postgres_server: str
) -> Iterator[dict[str, Database]]:
    """Both engines; PostgreSQL in two locales: one of them knows capital letters from A to Z alone."""
    admin = sa.create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    locales = {"postgres": "C.UTF-8", "plain": "C"}
    with admin.connect() as connection:
        for name, locale in locales.items():
            connection.execute(
                sa.text(
                    f"create database equality_{name} template template0 encoding 'UTF8' lc_collate '{locale}'"
                    f" lc_ctype '{locale}'"
                )
            )
    server = postgres_server.rpartition("/")[0]
    found = {name: Database(Warehouse.postgres(f"{server}/equality_{name}")) for name in locales}
    found["duckdb"] = Database(Warehouse.duckdb(tmp_path_factory.mktemp("equality") / "leads.duckdb"))
    yield found
    for each in found.values():
        each.connection.close()
    with admin.connect() as connection:
        for name in locales:
            connection.execute(sa.text(f"drop database equality_{name} with (force)"))
    admin.dispose()


ODD = [
    *(None, "", " ", "\n", "\t", "\x0b", "\x0c", "\r", "\r\n", " \n ", "\x1c", "\x85", "\xa0", "\u2028", "\u2003", "\u3000", "\ufeff"),
    *("é", "e\u0301", "É", "E\u0301", "İ", "i̇", "ı", "I", "i", "ß", "ẞ", "SS", "ss", "Σ", "σ", "ς", "ﬁ", "fi"),
    *("1", "1.0", "1e3", "1000", "01", "-0.0", "0", "-0", "+0", ".0", "0.", "-.5", "1.50", "NaN", "nan", "inf", "Infinity", "١"),
    *("2026-03-01 10:00:00+00", "2026-03-01T10:00:00Z", "2026-03-01 15:30:00+05:30", "true", "True", "false", "t", "1,000"),
    *(" 1\n", "\t1.0", "$ 1", "$", ",", "a\nb", "a\n", "\na", "A\xa0", "(213) 555-0142", "'", "\\", "%", "{}"),
]  # fmt: skip
ODD += [
    *("2026-03-01", "3/1/2026", "03/01/2026", "1.3.2026", "01-03-2026", "2026/3/1", "20260301", "1 Mar 2026", "March 1st, 2026", "Sun, 01 Mar 2026",
      "Sunday, 1 march 2026 10:00 am", "2026-02-30", "2026-13-01", "0000-00-00 00:00:00", "2026-03-01T10:00", "2026-03-01 10:00:00.500",
      "2026-03-01 10:00:00.5", "2026-03-01t10:00:00.123456789z", "2026-03-01 10:00 AM", "3/1/2026 12:00:01 am", "3/1/2026 12:30 PM", "2026-03-01 1:00pm",
      "2026-03-01 13:00 pm", "2026-03-01 10:00:00 UTC", "2026-03-01 10:00:00-0800", "2026-03-01 10:00:00 +01", "2026-03-01 24:00:00", "2026-03-01 10:61",
      "1899-12-31 10:00", "9998-12-31 23:59:59.999999-99", "Sept 5, 2026", "5 september 2026", "May 5 2026", "janember 1 2026", "2026-mar-1", "1-mar-2026"),
    *("&amp;", "&amp;lt;", "&lt;b&gt;", "<b>", "&#39;", "&#x27;", "&apos;", "'", "&nbsp;", "\xa0", "&eacute;", "&Eacute;", "&hearts;", "&amp", "& amp;", "&;", "&#;",
      "&#x;", "&#0;", "&#55296;", "&#xD800;", "&#1114112;", "&#x1F600;", "😀", "&#9999999;", "&#x10FFFF;", "&bogus;", "a&b", "a&amp;b", "&", "&&amp;;", "&AMP;"),
    *("a\rb", "a\r\nb", "a\n\rb", "\r\r\n", "a\n\nb"),
    *("o\u0308", "ö", "\u1100\u1161", "가", "\u212b", "Å", "A\u030a", "é\u0327", "e\u0327\u0301", "\u0958", "a\U00011938\U00011930", "\u0897\u0301a", "e\u0301\u0897",
      "e\u0301😀", "é😀", "👩\u200d👩", "\ufdfa", "ﬁ"),
    *("a;b", "b;a", "a,b", "b, a", "b,a,a", "a\nb", '["a","b"]', '["b", "a"]', '[ "a" , "a","b" ]', "[]", "[ ]", '[""]', '["a;b"]', '["a,b"]', "a\\,b", '["a\\\\,b"]', '["a\\"b"]',
      'a"b', '["\\u00e9"]', '["é"]', '["\\ud83d\\ude00"]', '["😀"]', '["\\ud83d"]', '["\\u0000"]', '["\\n"]', '["\\/"]', '["/"]', "[1,true,null]", "1;true;null", "[1, 1.0]",
      '[["a"]]', '{"a": 1}', '["a"', "[a b]", '["a" "b"]', '["a",]', ";;", " ; ", "a; ", "[", "]", '"a";"b"'),
    *("2.345", "2.35", "2.344999", "-2.345", "-2.35", "0.005", "-0.004", "999999999999999999.995", "1234567890123456789.1", "1.1234567890123456789", "0.0000001",
      "1.0000000000000000001", "$1,000.005", "2.5", "3", "1e5"),
    *("abcdefghij", "abcdefghijk", "abcdefghi", "ab😀defghijé", "yes", "Y", "ON", "off", "N", "nein", "wahr"),
]  # fmt: skip
texts = st.none() | st.sampled_from(ODD) | st.text(
    st.sampled_from([*BLANKS, *"aAzZ019.,$+-eE", "\xa0", "\x85", "\u2028", "é", "\u0301", "İ", "ı", "ß", "Σ", "ς"]), max_size=6
) | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)  # fmt: skip


PIECES = (
    "2026", "03", "3", "1", "0", "12", "-", "/", ".", " ", "T", ":", "10:00", ":30", ".5", "am", "pm", "Z", "+05:30", "Mar", "march", "Sunday", "st", ",", "&", "amp", "lt",
    ";", "#39", "#x41", "eacute", "[", "]", '"', "\\", "\\u00e9", "\\n", "\\ud83d\\ude00", "a", "b", "\r", "\n", "e", "\u0301", "\u0327", "😀", "$",
)  # fmt: skip
pieces = st.lists(st.sampled_from(PIECES), max_size=9).map("".join)
RULES_TRIED = [
    None, *(each for each in RULES if each not in ("round", "tolerance", "cut")), "round(2)", "round(18)", "tolerance(0.5)", "cut(3)", "date(mdy)", "date(dmy)", "time(mdy)", "html, lines, unicode, lower", "cut(4), trim",
    "html, list", "trim, round(1), tolerance(1)",
]  # fmt: skip


@settings(max_examples=10)
@given(values=st.lists(texts | pieces, min_size=2, max_size=60))
@example(
    values=[
        *ODD,
        *(value for value in ODD for _ in range(2)),
        *ODD[::2],
        *ODD[1::2],
        *(value for _, *pair in SAME + DIFFERENT for value in pair),
    ]
)
def test_equality_is_the_same_everywhere(databases: dict[str, Database], values: list[str | None]) -> None:
    """Neighbours are equal in SQL, on every engine and in any locale, where they are in Python, by every rule."""
    for name, database in databases.items():
        blanked = database.macros.blank_as_null("value")
        columns = [
            f"not ({database.macros.differ_by('given_value', 'value_before', rule) if rule else 'given_value is distinct from value_before'})"
            for rule in RULES_TRIED
        ]
        found = database.beside(blanked, columns, values)
        assert [row[0] for row in found] == [is_blank(value) for value in values], name
        verdicts = [list(row[1:]) for row in found[1:]]
        expected = [[same(one, other, rule) for rule in RULES_TRIED] for one, other in pairwise(values)]
        unlike = [
            (rule, pair, by_sql)
            for pair, row, rules in zip(pairwise(values), verdicts, expected, strict=True)
            for rule, by_sql, by_python in zip(RULES_TRIED, row, rules, strict=True)
            if by_sql != by_python
        ]
        assert not unlike, (name, unlike[:10])


def test_what_is_blank_is_so_in_the_statements_of_ours(databases: dict[str, Database]) -> None:
    """SQLAlchemy's blank_as_null is the macro's, and blanks() are BLANKS."""
    for database in databases.values():
        assert database.connection.scalar(sa.text(f"select {database.macros.blanks()}")) == BLANKS
        column = sa.column("value", sa.Text)
        given = sa.values(sa.column("number", sa.Integer), column, name="given").data(
            [(number, value) for number, value in enumerate(ODD)]
        )
        query = sa.select(blank_as_null(given.c.value)).select_from(given).order_by(given.c.number)
        expected = [None if is_blank(value) else value for value in ODD]
        assert list(database.connection.scalars(query)) == expected


def number_text(number: float) -> str:
    """What stands in a CRM for a number: written out, as long as that is shorter than forty digits."""
    if isnan(number):
        return "NaN"
    if isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    if number and (abs(number) >= 1e38 or abs(number) < 1e-4):
        return repr(number)
    text = f"{Decimal(repr(number)):f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


@settings(max_examples=25)
@given(numbers=st.lists(st.floats(), min_size=1, max_size=40))
@example(numbers=[0.0, -0.0, -1.0, 1e3, 2.5, 1e15, 1.7e15, 1e16, 1.5e20, 9e37, 1e38, 1e-4, 1e-5, 1e300])
@example(numbers=[float("nan"), float("inf"), float("-inf")])
def test_a_number_has_one_text(databases: dict[str, Database], numbers: list[float]) -> None:
    """Whatever a calculation left: the same text from both engines, without a digit lost or an exponent that no CRM shows."""
    for name, database in databases.items():
        text = database.macros.as_text("given.number")
        sql = f"select {text} from (select cast(value as double precision) as number, place from (values "
        sql += ", ".join(f"({place}, '{number!r}')" for place, number in enumerate(numbers))
        sql += ") as texts (place, value)) as given order by place"
        found = list(database.connection.scalars(sa.text(sql)))
        for number, shown in zip(numbers, found, strict=True):
            if isfinite(number) and (abs(number) > 2**53 or number != float(f"{number:.15g}")):
                # Which of the shortest texts that mean this number, is the engine's choice.
                assert float(shown) == number, name
                assert ("e" in shown) == ("e" in number_text(number)), name
            else:
                assert shown == number_text(number), name


TYPED = [
    ("cast('2026-03-01 10:00:00+00' as timestamptz)", "2026-03-01 10:00:00+00"),
    ("cast('2026-07-01 23:30:00.500-04' as timestamptz)", "2026-07-02 03:30:00.5+00"),
    ("cast('1890-01-01 00:00:00.000001+05:53:28' as timestamptz)", "1889-12-31 18:06:32.000001+00"),
    ("cast('infinity' as timestamptz)", "infinity"),
    ("cast(null as timestamptz)", None),
    ("cast('2026-03-01 10:00:00' as timestamp)", "2026-03-01 10:00:00"),
    ("cast('2026-03-01' as date)", "2026-03-01"),
    ("cast('10:00:00' as time)", "10:00:00"),
    ("cast(1234567 as real)", "1234567"),
    ("cast(5 as numeric(10, 2))", "5"),
    ("cast(2.50 as numeric(10, 2))", "2.5"),
    ("cast(-5 as bigint)", "-5"),
    ("true", "true"),
    ("cast('1.50' as text)", "1.50"),
    ("cast('-0' as text)", "-0"),
    ("cast('inf' as text)", "inf"),
    ("cast('1e+5' as text)", "1e+5"),
    ("cast('' as text)", ""),
]


@pytest.mark.parametrize("style", ["ISO", "German"])
@pytest.mark.parametrize("zone", ZONES)
def test_a_value_has_one_text_in_every_session(databases: dict[str, Database], zone: str, style: str) -> None:
    """A time with a zone is told in UTC and in one form, whatever the machine, the server or the user's profile says."""
    for name, database in databases.items():
        columns = ", ".join(f"{value} as v{place}" for place, (value, _) in enumerate(TYPED))
        texts = ", ".join(database.macros.as_text(f"given.v{place}") for place in range(len(TYPED)))
        sql = f"select {texts} from (select {columns}) as given"
        session = {"TimeZone": zone} | ({} if name == "duckdb" else {"DateStyle": style})
        for setting, value in session.items():
            database.connection.execute(sa.text(f"set {setting} = '{value}'"))
        assert list(database.connection.execute(sa.text(sql)).one()) == [text for _, text in TYPED], name
