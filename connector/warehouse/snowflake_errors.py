"""Messages of Snowflake about the rows and names of a query, as far as its documentation has them, and those of DuckDB, which looks at the
same tables. See ``told_errors``."""

import re

from connector.warehouse import duckdb_errors
from connector.warehouse.told_errors import Form, Language

TYPES = duckdb_errors.TYPES | {"NUMBER", "TEXT", "VARIANT", "ARRAY", "OBJECT", "TIMESTAMP_NTZ", "TIMESTAMP_LTZ", "TIMESTAMP_TZ"}  # fmt: skip
FORMS = (
    Form(
        r".*Object '(?P<name>[^'\n]+)' does not exist or not authorized.*",
        "there is no such table or view[: {name}], or it is not allowed to use it",
    ),
    Form(
        r".*(?:Unknown function|Unknown user-defined function) (?P<name>\w+).*",
        "there is no such function[: {name}]",
    ),
    Form(r".*invalid identifier '(?P<column>[^'\n]+)'.*", "there is no such column[: {column}]"),
    Form(r".*ambiguous column name '(?P<column>[^'\n]+)'.*", "a name could mean several columns[: {column}]"),
    Form(
        r".*(?:Numeric value|Timestamp|Date|Time|Boolean value) '.*' is not recognized.*",
        "a value can't be converted",
    ),
    Form(
        r".*(?:Numeric value .* is out of range|Number out of representable range).*",
        "a value is out of range",
    ),
    Form(r".*Division by zero.*", "a number is divided by zero"),
    Form(
        r".*Single-row subquery returns more than one row.*",
        "a subquery that stands for one value has several rows",
    ),
    Form(r".*Duplicate row detected during DML action.*", "a row would be written twice"),
    Form(r".*syntax error.*", "the SQL has a syntax error"),
    Form(r".*(?:Unsupported feature|Unsupported subquery type).*", "Snowflake can't do that"),
    *duckdb_errors.FORMS,
)
"""The first one that fits is told, so what is more exact stands before what is less so."""
_NUMBER = re.compile(r"^\d{6} \([0-9A-Z]{5}\): ")


def body(message: str) -> str:
    return duckdb_errors.body(_NUMBER.sub("", message.strip()))


SNOWFLAKE = Language(FORMS, TYPES, body)
