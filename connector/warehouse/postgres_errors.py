"""PostgreSQL's messages about the rows and names of a query, as far as leadloop knows them. See ``told_errors``.

A server whose ``lc_messages`` is another language than English is not understood, and told of as an unknown error.
"""

import re

from connector.warehouse.told_errors import Form, Language

TYPES = frozenset(
    name.upper()
    for name in (
        *(
            "bigint",
            "bit",
            "boolean",
            "box",
            "bytea",
            "character",
            "character varying",
            "cidr",
            "circle",
            "date",
        ),
        *(
            "double precision",
            "inet",
            "integer",
            "interval",
            "json",
            "jsonb",
            "jsonpath",
            "line",
            "macaddr",
            "money",
        ),
        *("numeric", "oid", "point", "polygon", "real", "smallint", "text", "time", "time with time zone"),
        *(
            "time without time zone",
            "timestamp",
            "timestamp with time zone",
            "timestamp without time zone",
            "uuid",
            "xml",
        ),
    )
)

_MORE = re.compile(r"\n\s*(?:DETAIL|HINT|CONTEXT|QUERY|LINE \d+): .*", re.DOTALL)
_NAME = r'"?(?P<name>[^"\n]+?)"?'

FORMS = (
    Form(
        r"invalid input syntax for type (?P<type>[a-z ]+)(?:: .*)?", "a text can't be converted[ to {type}]"
    ),
    Form(r"invalid input value for enum .*", "a text is none of an enum's values"),
    Form(r"malformed (?:array|record|range) literal: .*", "a text is no array, record or range"),
    Form(r"(?P<type>[a-z ]+) out of range", "a value is out of range[ for {type}]"),
    Form(r"(?:value|\".*\"|[a-z /]+) (?:is )?out of range.*", "a value is out of range"),
    Form(r"numeric field overflow", "a number has more digits than its type holds"),
    Form(r"division by zero", "a division by zero"),
    Form(
        r"cannot take (?:square root|logarithm) of .*",
        "the square root or logarithm of such a number is not defined",
    ),
    Form(r"value too long for type (?P<type>[a-z ]+).*", "a text is too long[ for {type}]"),
    Form(r"invalid value .* for .*", "a text is no date, time or number of the format that the SQL gives"),
    Form(
        r"unit .* not (?:recognized|supported) for type .*",
        "a part of a date is asked for that dates don't have",
    ),
    Form(r"time zone .* not recognized", "a text is no time zone"),
    Form(r"invalid (?:hexadecimal|symbol|base64) .*", "a text is not hexadecimal or base64"),
    Form(r"invalid regular expression.*", "a text is no regular expression"),
    Form(r"invalid byte sequence for encoding .*", "a text has bytes that are no characters"),
    Form(r"unsupported Unicode escape sequence", "a text has an escape that is no character"),
    Form(r"duplicate key value violates unique constraint .*", "a key is there twice"),
    Form(r"could not create unique index .*", "a key is there twice"),
    Form(
        r'null value in column "(?P<column>[^"\n]+)" .*violates not-null constraint',
        "a value is missing where one has to be[, in the column {column}]",
    ),
    Form(r"new row for relation .* violates check constraint .*", "a check constraint does not hold"),
    Form(
        r"insert or update on table .* violates foreign key constraint .*",
        "a foreign key has nothing to refer to",
    ),
    Form(r"no partition of relation .* found for row", "a row belongs to none of a table's partitions"),
    Form(
        r"more than one row returned by a subquery used as an expression",
        "a subquery that stands for one value has several rows",
    ),
    Form(r"column reference .* is ambiguous", "it is not clear which table a column is of"),
    Form(
        rf"column {_NAME} must appear in the GROUP BY clause .*",
        "a column is neither grouped by nor aggregated[: {name}]",
    ),
    Form(rf"column {_NAME} does not exist", "there is no such column[: {name}]"),
    Form(
        rf"(?:relation|table|view|schema) {_NAME} does not exist",
        "there is no such table, view or schema[: {name}]",
    ),
    Form(r"missing FROM-clause entry for table .*", "a table is named that the SQL does not select from"),
    Form(
        r"function (?P<name>[^(\n]+)\(.*\) does not exist",
        "no function fits these types of arguments[: {name}]",
    ),
    Form(r"column .* has pseudo-type .*", "a column is of a type that no table or view can have"),
    Form(r"operator does not exist: .*", "no operator fits these types"),
    Form(rf"type {_NAME} does not exist", "there is no such type[: {name}]"),
    Form(
        rf"(?:relation|column|type) {_NAME}(?: of relation .*)? already exists",
        "something of that name is there already[: {name}]",
    ),
    Form(
        r"(?:UNION|INTERSECT|EXCEPT|CASE|COALESCE) types .* cannot be matched",
        "values of types that don't go together are put together",
    ),
    Form(
        r"(?:cannot cast type .*|column .* is of type .* but expression is of type .*)",
        "values of one type can't become another one",
    ),
    Form(rf"syntax error at or near {_NAME}", "the SQL has a syntax error[ near {name}]"),
    Form(r"syntax error.*", "the SQL has a syntax error"),
    Form(
        rf"permission denied for (?:table|view|schema|database|relation|function) {_NAME}",
        "permission denied[ for {name}]",
    ),
    Form(r"must be owner of .*", "permission denied: the user of dbt's profile does not own it"),
    Form(
        r"cannot (?:drop|alter) .*other objects depend on it",
        "something else depends on what was to be dropped or changed",
    ),
    Form(
        r"(?:server closed the connection|terminating connection|connection to server|could not connect).*",
        "the connection to the server is gone",
    ),
    Form(r"deadlock detected", "another transaction was in the way"),
    Form(
        r"canceling statement due to .*",
        "the server ended the statement, which took too long or waited too long",
    ),
    Form(
        r"(?:out of memory|out of shared memory|could not (?:extend|write|resize|create) .*No space left on device)",
        "the server ran out of memory or disk",
    ),
    Form(r"row is too big: .*", "a row is larger than PostgreSQL can hold"),
    Form(
        r"cannot (?:call|extract|get|deconstruct) .*", "a JSON value is not of the kind that a function wants"
    ),
    Form(r"(?:requested length too large|invalid memory alloc request size .*)", "a text would be too long"),
)
"""The first one that fits is told, so what is more exact stands before what is less so."""


def body(text: str) -> str:
    """The message without details, hints and the place in the SQL: whatever may begin like one ends it."""
    return _MORE.sub("", text)


POSTGRES = Language(FORMS, TYPES, body)
