"""What takes seconds to import is imported when it is used, not when leadloop is."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["connector", "connector.cli", "connector.crm"])
def test_the_heavy_parts_are_not_imported(module):
    """``leadloop --help`` pays for neither dlt, dbt, pyarrow nor DuckDB."""
    code = f"import sys, {module}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not {"dlt", "dbt", "pyarrow", "duckdb"} & set(done.stdout.split())
