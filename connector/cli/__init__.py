"""The ``leadloop`` command, one file for each of its commands: arguments in, one stage of ``loop`` called, a result for people
or for programs out.

Heavy imports happen inside the commands, so that ``--help`` answers at once.
"""

# In the order in which the help shows them.
from connector.cli import init, sandbox, demo, check, extract, build, plan, preview, approve, push  # noqa: F401, I001
from connector.cli import run, status, resolve, undo, release, serve, snapshot, move, maintain, notebook  # noqa: F401
from connector.cli.app import ENDS_WITH, app, main
from connector.errors import EXIT_CODES

__all__ = ["ENDS_WITH", "EXIT_CODES", "app", "main"]
