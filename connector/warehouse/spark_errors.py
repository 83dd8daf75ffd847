"""Messages of Spark and of Sail about the rows and names of a query, as far as leadloop knows them, and those of DuckDB, which looks at
the same tables. See ``told_errors``."""

from connector.warehouse import duckdb_errors
from connector.warehouse.told_errors import Form, Language

TYPES = duckdb_errors.TYPES | {"STRING", "BINARY", "LONG", "SHORT", "BYTE", "ARRAY", "TIMESTAMP_NTZ"}

_NAME = r"[`\"]?(?P<name>[^`\"\n]+?)[`\"]?"

FORMS = (
    Form(
        rf".*\[TABLE_OR_VIEW_NOT_FOUND\] (?:The table or view|Table or view not found:) {_NAME}(?: cannot be found.*)?",
        "there is no such table or view[: {name}]",
    ),
    Form(r".*(?:TABLE_OR_VIEW_NOT_FOUND|[Tt]able not found).*", "there is no such table or view"),
    Form(
        rf".*\[UNRESOLVED_COLUMN[.\w]*\] A column, variable, or function parameter with name {_NAME} cannot be resolved.*",
        "there is no such column[: {name}]",
    ),
    Form(r".*(?:UNRESOLVED_COLUMN|cannot resolve attribute|No field named).*", "there is no such column"),
    Form(r".*(?:UNRESOLVED_ROUTINE|[Ii]nvalid function|unknown function).*", "there is no such function"),
    Form(r".*(?:CAST_INVALID_INPUT|CAST_OVERFLOW|Cannot cast|Cast error).*", "a value can't be converted"),
    Form(
        r".*(?:CANNOT_PARSE_TIMESTAMP|CANNOT_PARSE_DATE|Error parsing timestamp).*",
        "a text is no date or time",
    ),
    Form(r".*(?:ARITHMETIC_OVERFLOW|NUMERIC_VALUE_OUT_OF_RANGE|[Oo]verflow).*", "a value is out of range"),
    Form(r".*(?:DIVIDE_BY_ZERO|[Dd]ivide by zero).*", "a number is divided by zero"),
    Form(r".*DATATYPE_MISMATCH.*", "values of types that don't go together are put together"),
    Form(r".*SCALAR_SUBQUERY_TOO_MANY_ROWS.*", "a subquery that stands for one value has several rows"),
    Form(r".*(?:PARSE_SYNTAX_ERROR|invalid syntax|found .* expected ).*", "the SQL has a syntax error"),
    Form(
        r".*(?:not supported|unsupported|not implemented|NotImplemented|UNSUPPORTED_FEATURE).*",
        "Spark, or Sail, can't do that",
    ),
    Form(
        r".*(?:ConcurrentModification|DELTA_CONCURRENT|commit conflict).*",
        "another transaction was in the way",
    ),
    *duckdb_errors.FORMS,
)
"""The first one that fits is told, so what is more exact stands before what is less so."""

SPARK = Language(FORMS, TYPES, duckdb_errors.body)
