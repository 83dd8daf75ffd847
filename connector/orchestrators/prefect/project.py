"""Where leadloop works and with what, as a Prefect block; and what its exit codes are as exceptions."""

from typing import Any

from prefect.blocks.core import Block
from prefect.logging import get_run_logger
from prefect.types import SecretDict
from pydantic import Field

from connector.orchestrators.command import Ended, Leadloop


class LeadloopFailedError(Exception):
    """The command ended with ``code``. It may go better next time."""

    def __init__(self, why: str, code: int) -> None:
        super().__init__(why, code)
        self.code = code

    def __str__(self) -> str:
        return str(self.args[0])


class NeedsAPersonError(LeadloopFailedError):
    """It ended with 2 or 4: the same again ends the same way, until a person has done something."""


class HeldError(LeadloopFailedError):
    """It ended with 5: another run holds the lock, or another process the DuckDB file."""


def failure_of(ended: Ended) -> LeadloopFailedError:
    """Which of them a command ended with."""
    kind = NeedsAPersonError if ended.is_final else HeldError if ended.is_held else LeadloopFailedError
    return kind(ended.why, ended.code)


class LeadloopProject(Block):
    """A leadloop project on the machine that runs the flow."""

    _block_type_name = "leadloop project"
    _block_type_slug = "leadloop-project"
    _description = "Where leadloop works, what starts it, and settings for it."

    folder: str = Field(description="Where leadloop works: what `leadloop -C` would be given.")
    command: str = Field(
        default="",
        description="What starts leadloop, such as /srv/leads/.venv/bin/leadloop. Default: the one installed beside Prefect.",
    )
    environment: dict[str, str] = Field(
        default_factory=dict, description="Settings as variables, such as LEADLOOP_ENV."
    )
    secrets: SecretDict = Field(
        default_factory=lambda: SecretDict({}),
        description="Settings that nobody should see, as variables, such as CRM__NAME__AUTH_TOKEN.",
    )
    wait: float = Field(default=60.0, description="Seconds to wait for another run's lock.")

    def do(self, *arguments: str) -> Ended:
        """Runs the command and logs what it says.

        Raises NeedsAPersonError, HeldError, or LeadloopFailedError for whatever else is not 0 or 3.
        """
        ended = self.ask(*arguments)
        if not ended.is_done:
            raise failure_of(ended)
        return ended

    def ask(self, *arguments: str) -> Ended:
        """The same, whichever way it ends."""
        logger = get_run_logger()
        log: dict[str, Any] = {"info": logger.info, "warning": logger.warning, "error": logger.error}
        secrets = {name: str(value) for name, value in self.secrets.get_secret_value().items()}
        command = Leadloop(self.folder, {**self.environment, **secrets}, self.wait, self.command)
        return command.run(*arguments, say=lambda message, level: log[level]("%s", message))
