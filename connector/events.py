"""What happens, as it happens: whoever wants to know while a stage works listens here."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connector.extract.job import Progress


class Listener:
    """What a caller is told while a stage works; this one listens to nothing."""

    def stage(self, name: str) -> None:
        """A stage begins."""

    def extracting(self, progress: "Progress") -> None:
        """Rows were read."""

    def building(self, done: int, total: int | None, name: str) -> None:
        """dbt finished one more node, ``name``."""

    def recovering(self, done: int, total: int) -> None:
        """So many of the leads that earlier runs left open have been looked up."""

    def pushing(self, done: int, total: int | None) -> None:
        """So many leads have an outcome."""

    def notice(self, sentence: str) -> None:
        """A person should know this, although the stage goes on."""

    def pause(self) -> None:
        """Something else is about to be written to the terminal."""


QUIET = Listener()
