"""The command as a Dagster resource, for the component's assets and for those of your own."""

from typing import Any

import dagster as dg

from connector.orchestrators.command import Ended, Leadloop

RETRIES = 20
SECONDS = 60.0
"""How often, and after how long, a step looks again where another run holds the lock."""


class LeadloopResource(dg.ConfigurableResource):
    """``folder``: where leadloop works. Its settings are those of the folder and of the environment; ``environment`` adds to them."""

    folder: str
    environment: dict[str, str] = {}  # noqa: RUF012 - a field of the resource
    wait: float = 60.0
    command: str = ""
    """What starts leadloop, if not the one installed beside Dagster."""

    def run(self, context: Any, *arguments: str) -> Ended:
        """Runs the command and logs what it says. Raises ``dagster.Failure``, without a retry where a person has to act first, and
        ``RetryRequested`` where another run holds the lock."""
        ended = self.ask(context, *arguments)
        if ended.is_done:
            return ended
        if ended.is_held:
            raise dg.RetryRequested(max_retries=RETRIES, seconds_to_wait=SECONDS)
        raise dg.Failure(ended.why, allow_retries=not ended.is_final)

    def ask(self, context: Any, *arguments: str) -> Ended:
        """The same, whichever way it ends."""
        log = {"info": context.log.info, "warning": context.log.warning, "error": context.log.error}
        command = Leadloop(self.folder, self.environment, self.wait, self.command)
        return command.run(*arguments, say=lambda message, level: log[level](message))
