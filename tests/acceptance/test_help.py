"""What the command tells about itself, and that it does so at once."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from connector.push import Journal
from connector.warehouse.connection import Warehouse

ROOT = Path(__file__).parents[2]
COMMANDS = (
    "init",
    "sandbox",
    "demo",
    "check",
    "extract",
    "build",
    "plan",
    "preview",
    "approve",
    "push",
    "run",
    "status",
    "resolve",
    "undo",
    "release",
    "serve",
    "snapshot",
    "move",
    "maintain",
    "notebook",
)

HEAVY = """
import sys
sys.argv = ["leadloop", "--help"]
from connector.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
heavy = {"dlt", "dbt", "duckdb", "sqlalchemy", "pyarrow", "faker", "requests"} & set(sys.modules)
print("imported:", sorted(heavy))
"""


def test_help_names_every_command_and_imports_nothing_heavy() -> None:
    """leadloop --help lists all commands and the exit codes without importing dlt, dbt or an engine."""
    done = subprocess.run([sys.executable, "-c", HEAVY], capture_output=True, text=True, check=True)
    for name in COMMANDS:
        assert f"\n  {name} " in done.stdout
    assert "Exit codes" in done.stdout
    assert "imported: []" in done.stdout


LOOKING = """
import sys
from connector.cli import main
from connector.warehouse import models
spec = models.PushSpec(
    "scores", "analytics", "scores", "convoso", "lead_id", {"lead_score": "score"}, "update", "crm_wins", "keep",
    "overwrite", 10, None, 10, "all",
)
models.known = lambda *_: models.Known((spec,), models.DEFAULT, "", "")
sys.argv = ["leadloop", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
heavy = {"dlt", "dbt", "sqlglot", "faker", "jinja2", "pendulum", "fsspec"} & set(sys.modules)
print("imported:", sorted(heavy))
"""


@pytest.mark.parametrize("command", [["status"], ["plan", "scores"]])
def test_commands_that_look_import_neither_dlt_nor_dbt(command: list[str], tmp_path: Path) -> None:
    """status, and a plan of a project that was parsed before, answer without what only loading and building need."""
    (tmp_path / "dbt_project.yml").write_text("name: mine\nprofile: leadloop\n")
    engine = Warehouse.duckdb(tmp_path / "leads.duckdb").engine()
    Journal(engine).ensure()
    with engine.begin() as connection:
        connection.exec_driver_sql("create schema analytics")
        connection.exec_driver_sql(
            "create table analytics.scores as select 'a' as lead_id, 'lead_score' as field, 'lead_score' as column_name, "
            "'1' as current_value, '2' as desired_value, '1' as base_value, 'change' as verdict"
        )
    done = subprocess.run(
        [sys.executable, "-c", LOOKING, *command], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert command[-1] == "status" or "1 lead would change" in done.stdout
    assert "imported: []" in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(places: Any, name: Any) -> None:
    """--help of each command shows an example that begins with the command itself."""
    told = places().run(name, "--help").stdout
    assert "Example" in told
    assert f"leadloop {name}" in told.partition("Example")[2]


def test_the_commands_are_those_listed_here() -> None:
    """A new command has to be added to the list above, and so gets its tests."""
    from connector.cli import app

    names = {each.name or (each.callback and each.callback.__name__) for each in app.registered_commands}
    assert names == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_readme_mentions_every_command(name: Any) -> None:
    """Nobody has to find a command by chance."""
    text = (ROOT / "README.md").read_text("utf-8")
    assert f"leadloop {name}" in text


def test_without_a_command_help_is_shown(places: Any) -> None:
    """leadloop alone is wrong usage, answered with the help."""
    done = places().run(code=2)
    assert "Usage" in done.stdout + done.stderr


def test_a_misspelt_command_is_wrong_usage(places: Any) -> None:
    """An unknown command ends with code 2 and nothing on stdout."""
    done = places().run("extrct", code=2)
    assert "extrct" in done.stderr
    assert done.stdout == ""
