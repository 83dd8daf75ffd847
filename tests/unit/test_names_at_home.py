"""What is true of one CRM stands in its folder, what is true of one engine in its file: nothing else knows them by name."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from connector.crm.registry import FOLDERS

ROOT = Path(__file__).resolve().parents[2]
NAMES = re.compile("|".join(FOLDERS), re.IGNORECASE)
AT_HOME = {
    *(f"connector/crm/{name}" for name in FOLDERS),
    "connector/crm/registry.py",  # one line each
    "connector/sandbox",  # an imitation of each
    "dbt_models/macros/crms/crms_shipped.sql",  # made from the folders
    "dbt_models/models/examples",
    "dbt_models/models/pushes",
}


def is_at_home(path: Path) -> bool:
    name = path.relative_to(ROOT).as_posix()
    return any(name == home or name.startswith(f"{home}/") for home in AT_HOME)


def code(node: ast.AST) -> Iterator[str]:
    """Every name and text in the code; docstrings, help and examples are for people."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    if isinstance(node, ast.keyword) and node.arg in ("epilog", "help"):
        return
    for _, value in ast.iter_fields(node):
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, str):
                yield each
            elif isinstance(each, ast.AST):
                yield from code(each)


def test_no_code_knows_a_crm_by_its_name() -> None:
    """A file that names one has to become a part of that CRM's folder, or to ask the registry."""
    found = [
        f"{path.relative_to(ROOT)}: {text}"
        for path in sorted((ROOT / "connector").rglob("*.py"))
        if not is_at_home(path)
        for text in code(ast.parse(path.read_text("utf-8")))
        if NAMES.search(text)
    ]
    assert found == []


def test_no_model_or_macro_knows_a_crm_by_its_name() -> None:
    """They take what they have to know from the macro ``crms``."""
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in sorted((ROOT / "dbt_models").rglob("*.sql"))
        if not is_at_home(path)
        for line in path.read_text("utf-8").splitlines()
        if NAMES.search(line)
    ]
    assert found == []


def test_the_test_finds_what_it_looks_for() -> None:
    """A name in code counts, one in a docstring or an example does not."""
    named = code(ast.parse('x = settings.convoso\ny = "leadping_raw"'))
    assert sorted(filter(NAMES.search, named)) == ["convoso", "leadping_raw"]
    assert not list(filter(NAMES.search, code(ast.parse('"""As Convoso does."""\nf(help="convoso")'))))


ENGINES = {"duckdb", "postgres", "postgresql"}
HOMES_OF_ENGINES = {
    "connector/parsing.py",  # the scheme of an address
    "connector/sandbox",
}


def test_no_code_asks_which_engine_it_is() -> None:
    """What differs between engines, ``warehouse/<engine>.py`` answers."""
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sorted((ROOT / "connector").rglob("*.py"))
        if not any(path.is_relative_to(ROOT / home) for home in HOMES_OF_ENGINES)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Compare)
        for each in ast.walk(node)
        if isinstance(each, ast.Constant) and each.value in ENGINES
    ]
    assert found == []
