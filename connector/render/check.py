"""What ``leadloop check`` found: for a terminal, and as the document of ``check --json``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta
from rich.text import Text

from connector.render.document import VERSION, Part, part
from connector.texts import printable

if TYPE_CHECKING:
    from connector.checks import Check


class Checked(Part, kw_only=True):
    """One thing that was looked at."""

    name: Annotated[str, Meta(description="what was looked at")]
    ok: Annotated[bool, Meta(description="whether it is fine")]
    message: Annotated[str, Meta(description="what was found")]
    warning: Annotated[
        bool,
        Meta(description="whether it is fine as it is, and may not be what you expect; `ok` is true then"),
    ]


class CheckDocument(Part, kw_only=True):
    """What is missing or wrong before anything runs, as `check --json` prints it."""

    kind: Annotated[Literal["check"], Meta(description="`check`")] = "check"
    version: Annotated[Literal[1], Meta(description=VERSION)] = 1
    ok: Annotated[bool, Meta(description="whether every check passed")]
    checks: Annotated[list[Checked], Meta(description="one entry per check")]


def check_document(found: "Sequence[Check]") -> CheckDocument:
    return CheckDocument(ok=all(each.ok for each in found), checks=[part(Checked, each) for each in found])


def check_text(found: "Sequence[Check]") -> Text:
    """A line for each check."""
    return Text("\n").join(_line(each) for each in found)


def _line(check: "Check") -> Text:
    fine = ("note", "yellow") if check.warning else ("ok", "green")
    mark = fine if check.ok else ("wrong", "red")
    return Text.assemble(mark, " " * (7 - len(mark[0])), f"{check.name}: {printable(check.message)}")
