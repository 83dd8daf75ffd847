"""GoogleSQL, the language of BigQuery, as Google's own analyzer and reference implementation have it, in this process."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

Tables = Mapping[str, tuple[Mapping[str, str], Sequence[Sequence[Any]]]]
"""Name -> (column -> string, int64, bool or float64; rows)."""


@cache
def _language() -> Any:
    """What external products such as BigQuery are given, with all that is released. To compile the analyzer takes a minute, once."""
    from zetasql.core import wasm_client
    from zetasql.types import LanguageOptions
    from zetasql.types.proto_model import ProductMode

    make = wasm_client.Config

    def config() -> Any:
        made = make()
        made.cache = True
        return made

    wasm_client.Config = config
    try:
        language = LanguageOptions.maximum_features()
    finally:
        wasm_client.Config = make
    language.product_mode = ProductMode.PRODUCT_EXTERNAL
    return language


def _catalog(tables: Tables) -> Any:
    from zetasql.api import CatalogBuilder, TableBuilder
    from zetasql.types import TypeKind, ZetaSQLBuiltinFunctionOptions

    kinds = {
        "string": TypeKind.TYPE_STRING,
        "int64": TypeKind.TYPE_INT64,
        "bool": TypeKind.TYPE_BOOL,
        "float64": TypeKind.TYPE_DOUBLE,
    }
    catalog = CatalogBuilder("leads")
    for name, (columns, _) in tables.items():
        table = TableBuilder(name)
        for column, kind in columns.items():
            table = table.add_column(column, kinds[kind])
        catalog = catalog.add_table(table.build())
    return catalog.with_builtin_functions(ZetaSQLBuiltinFunctionOptions(language_options=_language())).build()


def rows(query: str, tables: Tables) -> list[list[Any]]:
    """What the reference implementation gives for a query, as JSON has it: see ``told``."""
    from zetasql.api import PreparedQuery, create_table_content
    from zetasql.types import AnalyzerOptions

    told_rows = f"select to_json_string(told_row) from (\n{query}\n) as told_row"
    prepared = PreparedQuery.builder().set_sql(told_rows)
    prepared = prepared.set_analyzer_options(AnalyzerOptions(language_options=_language()))
    content = {
        name: create_table_content([list(row) for row in given]) for name, (_, given) in tables.items()
    }
    with prepared.set_catalog(_catalog(tables)).set_table_content(content).prepare() as ready:
        data = ready.execute().content.table_data
    pairs = [
        json.loads(row.cell[0].string_value, object_pairs_hook=list) for row in (data.row if data else [])
    ]
    return [[told(value) for _, value in row] for row in pairs]


def told(value: Any) -> Any:
    """A value as JSON has it, a time with as many decimals as it has."""
    if isinstance(value, datetime):
        moment = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        value = moment.isoformat() + ("Z" if value.tzinfo else "")
    elif isinstance(value, date):
        value = value.isoformat()
    if isinstance(value, str):
        return re.sub(r"^(.{10}T.{8})(?:([.]\d*?[1-9])0*|[.]0+)(Z?)$", r"\1\2\3", value)
    return int(value) if isinstance(value, float) and value.is_integer() else value
