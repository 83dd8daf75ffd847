"""DuckDB's messages about the rows and names of a query, as far as leadloop knows them. See ``told_errors``."""

import re

from connector.warehouse.told_errors import Form, Language

TYPES = frozenset(
    (
        *("BIGINT", "BIT", "BLOB", "BOOL", "BOOLEAN", "DATE", "DECIMAL", "DOUBLE", "ENUM"),
        *("FLOAT", "HUGEINT", "INT8", "INT16", "INT32", "INT64", "INT128", "INTEGER", "INTERVAL"),
        *("JSON", "SMALLINT", "STRUCT", "MAP", "TIME", "TIMESTAMP", "TIMESTAMPTZ", "TINYINT", "UBIGINT"),
        *("UHUGEINT", "UINT8", "UINT16", "UINT32", "UINT64", "UINT128", "UINTEGER", "USMALLINT", "UTINYINT"),
        *("UUID", "VARCHAR", "TIMESTAMP WITH TIME ZONE", "TIME WITH TIME ZONE"),
    )
)

_COLUMN = r"(?: when casting from source column (?P<column>[^\n]+))?"
_PLACE = re.compile(r"(.*)\n\s*\n\s*LINE \d+: .*", re.DOTALL)
_NAME = r'"?(?P<name>[^"\n]+?)"?'

FORMS = (
    Form(
        rf"Conversion Error: Could not convert string .* to (?P<type>[^\n]+?){_COLUMN}",
        "a text can't be converted[ to {type}][, in the column {column}]",
    ),
    Form(
        r"Conversion Error: Type [^\n]* with value .* can't be cast because the value is out of range for the destination type "
        rf"(?P<type>[^\n]+?){_COLUMN}",
        "a number is out of range[ for {type}][, in the column {column}]",
    ),
    Form(
        rf"Conversion Error: Type .* with value .* can't be cast to the destination type (?P<type>[^\n]+?){_COLUMN}",
        "a value can't be cast[ to {type}][, in the column {column}]",
    ),
    Form(
        rf"Conversion Error: (?:invalid )?(?:date|timestamp|time) field (?:format|value out of range): .*?{_COLUMN}",
        "a text is no date or time[, in the column {column}]",
    ),
    Form(
        rf"(?:Conversion|Invalid Input) Error: Malformed JSON .*?{_COLUMN}",
        "a text is no JSON[, in the column {column}]",
    ),
    Form(
        r"Conversion Error: (?:Date|Epoch seconds|Timestamp|Time)\b.* out of range.*",
        "a date or time is out of range",
    ),
    Form(
        r"Conversion Error: extract specifier .* not recognized",
        "a part of a date is asked for that dates don't have",
    ),
    Form(r"Conversion Error: Could not decode string .* as base64.*", "a text is not base64"),
    Form(rf"Conversion Error: .*?{_COLUMN}", "a value can't be converted[, in the column {column}]"),
    Form(
        r"Invalid Input Error: Could not parse string .* according to format specifier .*",
        "a text is no date or time of the format that the SQL gives",
    ),
    Form(
        r"Invalid Input Error: More than one row returned by a subquery .*",
        "a subquery that stands for one value has several rows",
    ),
    Form(r"Invalid Input Error: Invalid input for hex digit.*", "a text is not hexadecimal"),
    Form(r"Invalid Input Error: Map keys must be unique\.", "a map has a key twice"),
    Form(r"Out of Range Error: Overflow .*", "a calculation gives more than its type holds"),
    Form(
        r"Out of Range Error: Cannot (?:add|subtract|multiply|divide|negate).*",
        "a calculation gives more than its type holds",
    ),
    Form(
        r"Out of Range Error: cannot take (?:square root|logarithm) .*",
        "the square root or logarithm of such a number is not defined",
    ),
    Form(r"Out of Range Error: .*", "a value is out of range"),
    Form(
        r'Constraint Error: Duplicate key "(?P<column>[^":\n]+): .*',
        "a key is there twice[, in the column {column}]",
    ),
    Form(
        r"Constraint Error: NOT NULL constraint failed: (?P<column>[^\n]+)",
        "a value is missing where one has to be[, in the column {column}]",
    ),
    Form(r"Constraint Error: CHECK constraint failed .*", "a check constraint does not hold"),
    Form(r"Constraint Error: .*foreign key.*", "a foreign key has nothing to refer to"),
    Form(r"Constraint Error: .*", "a constraint does not hold"),
    Form(
        rf"Binder Error: Referenced column {_NAME} (?:was )?not found .*", "there is no such column[: {name}]"
    ),
    Form(
        r'Binder Error: (?:Table|Values list) "(?P<table>[^"\n]+)" does not have a column named "(?P<column>[^"\n]+)".*',
        "there is no such column[: {table}.{column}]",
    ),
    Form(rf"Binder Error: Referenced table {_NAME} not found!.*", "there is no such table[: {name}]"),
    Form(
        rf"Binder Error: Ambiguous reference to column name {_NAME} .*",
        "it is not clear which table a column is of[: {name}]",
    ),
    Form(
        rf"Binder Error: column {_NAME} must appear in the GROUP BY .*",
        "a column is neither grouped by nor aggregated[: {name}]",
    ),
    Form(
        r"Binder Error: No function matches the given name and argument types '(?P<name>[^(\n]+)\(.*",
        "no function fits these types of arguments[: {name}]",
    ),
    Form(
        r"Binder Error: Cannot (?:mix values|combine types) .*",
        "values of types that don't go together are put together",
    ),
    Form(r"Binder Error: .*", "a name or a type in the SQL does not fit"),
    Form(
        rf"Catalog Error: (?:Table|View|Schema|Index|Sequence) with name {_NAME} does not exist!.*",
        "there is no such table, view or schema[: {name}]",
    ),
    Form(
        rf"Catalog Error: (?:Scalar |Aggregate |Table |Macro |)(?:Function|Macro) with name {_NAME} does not exist!.*",
        "there is no such function[: {name}]",
    ),
    Form(rf"Catalog Error: Type with name {_NAME} does not exist!.*", "there is no such type[: {name}]"),
    Form(
        rf"Catalog Error: .* with name {_NAME} already exists!.*",
        "something of that name is there already[: {name}]",
    ),
    Form(r"Catalog Error: .*", "a name in the SQL is not known"),
    Form(rf"Parser Error: syntax error at or near {_NAME}", "the SQL has a syntax error[ near {name}]"),
    Form(r"(?:Parser|Syntax) Error: .*", "the SQL has a syntax error"),
    Form(r"Not implemented Error: .*", "DuckDB can't do that"),
    Form(r"Out of Memory Error: .*", "DuckDB ran out of memory"),
    Form(r"IO Error: Could not set lock on file .*", "another process holds the DuckDB file"),
    Form(r"IO Error: .*", "a file can't be read or written"),
    Form(r"Permission Error: .*", "DuckDB's settings forbid it"),
    Form(r"Dependency Error: .*", "something else depends on what was to be dropped or changed"),
    Form(r"Transaction(?:Context)? Error: .*", "another transaction was in the way"),
    Form(r"(?:Interrupt|INTERRUPT) Error: .*", "it was interrupted"),
    Form(r"Invalid Input Error: .*", "a function was given something that it can't work with"),
)
"""The first one that fits is told, so what is more exact stands before what is less so."""


def body(text: str) -> str:
    """The message without the place in the SQL: the last one, since a value may look like one."""
    found = _PLACE.fullmatch(text)
    return found[1] if found else text


DUCKDB = Language(FORMS, TYPES, body)
