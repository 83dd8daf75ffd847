"""What a page with a plan is about: a push, or a run of one that is to be taken back."""

import re
from dataclasses import dataclass

from starlette.requests import Request

_UNDO = "undo "


@dataclass(frozen=True, slots=True)
class Subject:
    """Exactly one of the two is said."""

    push: str = ""
    """The name of a push: its plan is what it would send now."""
    run: str = ""
    """The id of a run of a push: the plan is what takes it back."""

    @property
    def key(self) -> str:
        """By which the plan is kept."""
        return self.push or f"{_UNDO}{self.run}"

    @property
    def address(self) -> str:
        """Where its page is; all that can be done with the plan is below it."""
        return f"/pushes/{self.push}" if self.push else f"/undo/{self.run}"

    @property
    def stem(self) -> str:
        """Its part of a file's name."""
        return re.sub(r"[^\w.-]", "-", self.key)[:120]

    def command(self, file: str) -> list[str]:
        """How ``leadloop`` is told to send its saved plan."""
        return ["push", self.push, "--plan", file] if self.push else ["undo", "--plan", file]


def of_key(key: str) -> Subject:
    """The other way round."""
    return Subject(run=key.removeprefix(_UNDO)) if key.startswith(_UNDO) else Subject(push=key)


def of_request(request: Request) -> Subject:
    """What an address is about."""
    given = request.path_params
    return Subject(run=given["run_id"]) if "run_id" in given else Subject(push=given["push"])
