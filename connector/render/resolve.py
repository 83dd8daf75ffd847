"""The conflicts of a push that were listed or decided: for a terminal, and as the document of ``resolve --json``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from connector.push.changes import WHOLE
from connector.render.document import VERSION, Part, part
from connector.texts import count, masked, readable, shown_key, shown_name

if TYPE_CHECKING:
    from connector.push.resolve import Conflict, Side


class Contested(Part, kw_only=True):
    """One field of one lead that a person edited in the CRM after we had sent it."""

    lead_id: Annotated[str, Meta(description="the lead, as in the plan")]
    field: Annotated[str, Meta(description="the CRM's name of the field; `*` for a deletion")]
    theirs: Annotated[str | None, Meta(description="what the CRM shows")]
    ours: Annotated[str | None, Meta(description="what we want")]
    sent_before: Annotated[str | None, Meta(description="what we sent last")]


class ResolveDocument(Part, kw_only=True):
    """The conflicts of a push, as `resolve --json` prints it. Holds values of leads."""

    kind: Annotated[Literal["resolve"], Meta(description="`resolve`")] = "resolve"
    version: Annotated[Literal[1], Meta(description=VERSION)] = 1
    push: Annotated[str, Meta(description="the push model")]
    take: Annotated[
        Literal["ours", "theirs", "skip"] | None,
        Meta(description="`ours`, `theirs`, `skip`, or `null` where conflicts were only listed"),
    ]
    masked: Annotated[bool, Meta(description="whether values, and the keys of an upsert, are masked")]
    conflicts: Annotated[list[Contested], Meta(description="one entry per lead and field")]


def resolve_document(
    push: str, take: "Side | None", found: "Sequence[Conflict]", *, mask: bool = False
) -> ResolveDocument:
    def hidden(text: str | None) -> str | None:
        return masked(text) if mask else text

    return ResolveDocument(
        push=push,
        take=take,
        masked=mask,
        conflicts=[
            part(
                Contested,
                each,
                lead_id=(hidden(each.lead_id) or "") if each.is_own_key else each.lead_id,
                theirs=hidden(each.theirs),
                ours=hidden(each.ours),
                sent_before=hidden(each.sent_before),
            )
            for each in found
        ],
    )


def resolve_text(take: "Side | None", found: "Sequence[Conflict]", *, mask: bool = False) -> str:
    """A line for each conflict, and how many there are."""
    told = f"{count(len(found), 'conflict')} {'decided' if take else 'open'}."
    return "\n".join([*(conflict_text(each, mask) for each in found), told])


def conflict_text(conflict: "Conflict", mask: bool = False) -> str:
    """``lead 7, status: we sent “Hot”, the CRM shows “Cold”, we want “Hot”``."""
    key = shown_key(conflict.lead_id, is_ours=conflict.is_own_key, mask=mask)
    if conflict.field == WHOLE:
        return f"lead {key}: we deleted it, and the CRM shows it again"
    theirs, ours, before = (
        readable(value, mask=mask) for value in (conflict.theirs, conflict.ours, conflict.sent_before)
    )
    return (
        f"lead {key}, {shown_name(conflict.field)}: we sent {before}, the CRM shows {theirs}, we want {ours}"
    )
