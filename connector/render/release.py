"""What is held after an undo, or was released: for a terminal, and as the document of ``release --json``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from connector.render.document import VERSION, Part, part
from connector.texts import count

if TYPE_CHECKING:
    from connector.push.release import Held


class HeldField(Part, kw_only=True):
    """One field of one lead whose value was taken back."""

    lead_id: Annotated[str, Meta(description="the lead, as in the plan")]
    field: Annotated[str, Meta(description="the CRM's name of the field")]
    shows: Annotated[str | None, Meta(description="what the CRM shows")]
    wanted: Annotated[str | None, Meta(description="what the push would send")]


class ReleaseDocument(Part, kw_only=True):
    """What a push holds after an undo, as `release --json` prints it. Holds values of leads."""

    kind: Annotated[Literal["release"], Meta(description="`release`")] = "release"
    version: Annotated[Literal[1], Meta(description=VERSION)] = 1
    push: Annotated[str, Meta(description="the push model")]
    released: Annotated[bool, Meta(description="whether it was released, or only listed")]
    fields: Annotated[list[HeldField], Meta(description="one entry per lead and field")]


def release_document(push: str, found: "Sequence[Held]", *, is_released: bool) -> ReleaseDocument:
    return ReleaseDocument(push=push, released=is_released, fields=[part(HeldField, each) for each in found])


def release_text(push: str, found: "Sequence[Held]", *, is_released: bool) -> str:
    """A line for each field, how many there are, and what to do next."""
    lines = [
        f"lead {each.lead_id}, {each.field}: the CRM shows {_told(each.shows)}, the push wants {_told(each.wanted)}"
        for each in found
    ]
    fields = count(len(found), "field")
    if is_released:
        next_step = f"To send them: leadloop push {push}"
        return "\n".join([*lines, f"{fields} released. {next_step}" if found else "Nothing is held."])
    next_step = f"To send them again: leadloop release {push} --all, or --lead ID, --field NAME."
    return "\n".join([*lines, f"{fields} held. {next_step}" if found else "Nothing is held."])


def _told(value: str | None) -> str:
    return "(empty)" if value is None else value
