"""What takes seconds to import is imported when it is used, not when leadloop is."""

import subprocess
import sys
from graphlib import TopologicalSorter
from typing import Any

import grimp
import pytest


@pytest.mark.parametrize("module", ["connector", "connector.cli", "connector.crm"])
def test_the_heavy_parts_are_not_imported(module: Any) -> None:
    """``leadloop --help`` pays for neither dlt, dbt, pyarrow nor DuckDB."""
    code = f"import sys, {module}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not {"dlt", "dbt", "pyarrow", "duckdb"} & set(done.stdout.split())


def test_no_file_imports_what_imports_it() -> None:
    """Not even inside a function or for its types alone: each file can be read after those that it imports."""
    graph = grimp.build_graph("connector", cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert imports["connector.loop"] >= {"connector.push", "connector.extract.load"}
    TopologicalSorter(imports).prepare()
