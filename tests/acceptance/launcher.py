"""Starts the ``leadloop`` command in processes of its own, without the seconds that dlt and dbt need each time to get ready.

It imports them once, has dbt parse and build something once, and forks for every command. A command has its own folder,
environment, standard streams and process id, begins at the entry point, and ends as any process does, also by a signal.
Requests come on stdin, one JSON document a line: ``{"argv", "env", "cwd", "stdout", "stderr"}`` starts one and is answered
with ``{"pid"}``; ``{"wait": pid}`` is answered with ``{"code"}``, negative for a signal. The argument is a folder with a
dbt project whose model ``wanted`` stands alone.
"""

import atexit
import gc
import importlib
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

HEAVY = (
    "dlt", "dlt.destinations", "dbt.cli.main", "dbt.adapters.duckdb", "dbt.adapters.postgres", "duckdb", "pyarrow",
    "pyarrow.parquet", "sqlalchemy", "duckdb_sqlalchemy", "psycopg2", "typer", "rich.progress", "rich.table", "requests",
    "connector.loop", "connector.extract.source", "connector.extract.load",
)  # fmt: skip


def main() -> None:
    for name in HEAVY:
        importlib.import_module(name)
    warm_up(Path(sys.argv[1]))
    gc.collect()
    gc.freeze()
    answer({"ready": True})
    while line := sys.stdin.readline():
        request = json.loads(line)
        if "wait" in request:
            _, status = os.waitpid(request["wait"], 0)
            answer({"code": os.waitstatus_to_exitcode(status)})
            continue
        pid = os.fork()
        if not pid:
            become(request)
        answer({"pid": pid})


def warm_up(folder: Path) -> None:
    """dbt writes the code that reads and checks its own files when it is first used: more than a second, here only once."""
    from connector.warehouse import models, settings
    from connector.warehouse.connection import Warehouse

    os.chdir(folder)
    # dbt's static parser has threads of its own, and a process that is forked after that waits for them for ever.
    os.environ["DBT_STATIC_PARSER"] = "false"
    # No settings file is read here: a command reads those of its own folder.
    real, settings.dbt = settings.dbt, settings.DbtSettings
    for _ in range(2):  # the second time, what was parsed the first time is read
        models.build(Warehouse.duckdb(folder / "leads.duckdb"), folder / "dbt_models", select="wanted")
    settings.dbt = real
    del os.environ["DBT_STATIC_PARSER"]


def become(request: dict[str, Any]) -> NoReturn:
    """This process is the command from here on."""
    os.setsid()
    for number, path in ((1, request["stdout"]), (2, request["stderr"])):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv = ["leadloop", *request["argv"]]
    code = 0
    try:
        from connector.cli import main as command

        command()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    # Libraries whose threads did not come along in the fork can't take themselves down.
    os._exit(code)


def answer(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
