"""What a page with a plan is about: a push, or a run of one that is to be taken back."""

import re
from dataclasses import dataclass

from starlette.requests import Request

from connector.push import Asked

_UNDO, _ADDED = "undo ", "undo added "
ADDED = "added"
"""The end of an address: not the fields of a run are taken back, but the leads that it added."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Exactly one of the two is said."""

    push: str = ""
    """The name of a push: its plan is what it would send now."""
    run: str = ""
    """The id of a run of a push: the plan is what takes it back."""
    added: bool = False
    """The plan deletes the leads that the run has added."""

    @property
    def key(self) -> str:
        """By which the plan is kept."""
        return self.push or f"{_ADDED if self.added else _UNDO}{self.run}"

    @property
    def asked(self) -> Asked:
        """What is to be taken back."""
        return Asked(run=self.run, delete_inserted=self.added)

    @property
    def address(self) -> str:
        """Where its page is; all that can be done with the plan is below it."""
        if self.push:
            return f"/pushes/{self.push}"
        return f"/undo/{self.run}/{ADDED}" if self.added else f"/undo/{self.run}"

    @property
    def stem(self) -> str:
        """Its part of a file's name."""
        return re.sub(r"[^\w.-]", "-", self.key)[:120]

    def command(self, file: str) -> list[str]:
        """How ``leadloop`` is told to send its saved plan."""
        return ["push", self.push, "--plan", file] if self.push else ["undo", "--plan", file]


def of_key(key: str) -> Subject:
    """The other way round."""
    if key.startswith(_ADDED):
        return Subject(run=key.removeprefix(_ADDED), added=True)
    return Subject(run=key.removeprefix(_UNDO)) if key.startswith(_UNDO) else Subject(push=key)


def of_request(request: Request) -> Subject:
    """What an address is about."""
    given = request.path_params
    if "run_id" not in given:
        return Subject(push=given["push"])
    return Subject(run=given["run_id"], added=request.url.path.split("/")[3:4] == [ADDED])
