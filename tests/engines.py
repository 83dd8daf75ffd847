"""On which engines a test runs in ``make test``; ``make long`` runs the rest."""

import pytest

DUCKDB_IS_LONG = pytest.mark.parametrize(
    "warehouse", ["postgres", pytest.param("duckdb", marks=pytest.mark.long)], indirect=True
)
"""PostgreSQL in ``make test``, where dbt has several threads and a push several connections; DuckDB in ``make long``."""
