"""How old what was read and sent is: a table for a terminal, and the document of ``status --max-age --json``."""

from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta
from rich.console import RenderableType

from connector.render.document import VERSION, Part, Time, part
from connector.render.text import moment, table
from connector.texts import count

if TYPE_CHECKING:
    from connector.ages import Age, Ages


class AgeOf(Part, kw_only=True):
    """How old one CRM's leads or one push is."""

    kind: Annotated[Literal["crm", "push"], Meta(description="`crm` or `push`")]
    name: Annotated[str, Meta(description="of the CRM or of the push model")]
    crm: Annotated[str | None, Meta(description="the CRM; `null` where the warehouse doesn't know it")]
    last_at: Annotated[
        Time | None,
        Meta(
            description="when the CRM was last read whole, or the push last ended with 0 or 3; `null`: never"
        ),
    ]
    age_seconds: Annotated[int | None, Meta(description="since then")]
    stale: Annotated[bool, Meta(description="whether that is longer than `max_age_seconds`, or never was")]


class AgesDocument(Part, kw_only=True):
    """How old what was read and sent is, as `status --max-age --json` prints it, on one line."""

    kind: Annotated[Literal["ages"], Meta(description="`ages`")] = "ages"
    version: Annotated[Literal[1], Meta(description=VERSION)] = 1
    ok: Annotated[bool, Meta(description="whether nothing is stale")]
    max_age_seconds: Annotated[int, Meta(description="the oldest that anything may be")]
    checked_at: Annotated[Time, Meta(description="when this was looked up")]
    ages: Annotated[list[AgeOf], Meta(description="one entry per CRM and per push")]


def ages_document(found: "Ages") -> AgesDocument:
    return AgesDocument(
        ok=not found.stale,
        max_age_seconds=int(found.max_age.total_seconds()),
        checked_at=found.checked_at.isoformat(),
        ages=[part(AgeOf, each, age_seconds=each.seconds, stale=each.is_stale) for each in found.found],
    )


def ages_text(found: "Ages") -> RenderableType:
    """One row per CRM and push."""
    rows = [
        (each.kind, each.name, moment(each.last_at), span(each.seconds), "stale" if each.is_stale else "ok")
        for each in found.found
    ]
    return table(("what", "name", "last done (UTC)", "age", ""), rows)


def stale_sentence(found: "Ages") -> str:
    """Which of them are too old, for whoever reads the message of a monitor."""
    told = ", ".join(f"{each.kind} {each.name} ({_since(each)})" for each in found.stale)
    return f"Older than {span(int(found.max_age.total_seconds()))}: {told}. `leadloop status` shows how each last run ended."


def span(seconds: int | None) -> str:
    """``2 days 3 hours``: the two largest units; ``never`` for ``None``."""
    if seconds is None:
        return "never"
    left, parts = seconds, []
    for noun, size in (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)):
        number, left = divmod(left, size)
        if number:
            parts.append(count(number, noun))
    return " ".join(parts[:2]) or "0 seconds"


def _since(age: "Age") -> str:
    return "never done" if age.seconds is None else f"{span(age.seconds)} ago"
