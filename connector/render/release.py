"""What is held after an undo, or was released: for a terminal, and as the document of ``release --json``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from connector.render.document import VERSION, Part, part
from connector.texts import count, masked, readable, shown_key, shown_name

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
    masked: Annotated[bool, Meta(description="whether values, and the keys of an upsert, are masked")]
    fields: Annotated[list[HeldField], Meta(description="one entry per lead and field")]


def release_document(
    push: str, found: "Sequence[Held]", *, is_released: bool, mask: bool = False
) -> ReleaseDocument:
    def hidden(text: str | None) -> str | None:
        return masked(text) if mask else text

    return ReleaseDocument(
        push=push,
        released=is_released,
        masked=mask,
        fields=[
            part(
                HeldField,
                each,
                lead_id=(hidden(each.lead_id) or "") if each.is_own_key else each.lead_id,
                shows=hidden(each.shows),
                wanted=hidden(each.wanted),
            )
            for each in found
        ],
    )


def release_text(push: str, found: "Sequence[Held]", *, is_released: bool, mask: bool = False) -> str:
    """A line for each field, how many there are, and what to do next."""
    if not found:
        return "Nothing is held."
    lines = [
        f"lead {shown_key(each.lead_id, is_ours=each.is_own_key, mask=mask)}, {shown_name(each.field)}: the CRM shows "
        f"{readable(each.shows, mask=mask)}, the push wants {readable(each.wanted, mask=mask)}"
        for each in found
    ]
    fields = count(len(found), "field")
    told = (
        f"{fields} released. To send them: leadloop push {push}"
        if is_released
        else f"{fields} held. To send them again: leadloop release {push} --all, or --lead ID, --field NAME."
    )
    return "\n".join([*lines, told])
