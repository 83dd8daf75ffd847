"""A move of the warehouse: for a terminal, and as the document of ``move --json``."""

from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from connector.render.document import VERSION, Part, part
from connector.texts import count

if TYPE_CHECKING:
    from connector.loop.moving import Cancelled, Moved
    from connector.push.same import Proved


class CarriedTable(Part, kw_only=True):
    """A table that was carried."""

    name: Annotated[str, Meta(description="schema and table")]
    rows: Annotated[int, Meta(description="its rows, as many on both sides")]


class SamePlan(Part, kw_only=True):
    """A push that both warehouses plan alike."""

    push: Annotated[str, Meta(description="the push model")]
    crm: Annotated[str, Meta(description="the CRM that it goes to")]
    leads: Annotated[int, Meta(description="leads that both would send")]
    fields: Annotated[int, Meta(description="fields that both would send")]
    stops: Annotated[str, Meta(description="why both would send nothing; blank where they would")]


class MoveDocument(Part, kw_only=True):
    """What was moved to where, as `move --json` prints it."""

    kind: Annotated[Literal["move"], Meta(description="`move`")] = "move"
    version: Annotated[Literal[1], Meta(description=VERSION)] = 1
    old: Annotated[str, Meta(description="the old warehouse: a path, or host and database")]
    old_engine: Annotated[str, Meta(description="its engine")]
    new: Annotated[str, Meta(description="the new warehouse")]
    new_engine: Annotated[
        str, Meta(description="its engine: what `warehouse.destination` has to say from now on")
    ]
    tables: Annotated[list[CarriedTable], Meta(description="the tables that were carried")]
    pushes: Annotated[
        list[SamePlan],
        Meta(description="the pushes, all planned alike on both sides; none where `was_there`"),
    ]
    set_in: Annotated[str, Meta(description="where `warehouse.destination` is set; `default` where it isn't")]
    was_there: Annotated[bool, Meta(description="whether the move had ended before")]


class CancelDocument(Part, kw_only=True):
    """What became of a move that was cancelled, as `move --cancel --json` prints it."""

    kind: Annotated[Literal["move_cancelled"], Meta(description="`move_cancelled`")] = "move_cancelled"
    version: Annotated[Literal[1], Meta(description=VERSION)] = 1
    old: Annotated[str, Meta(description="the warehouse that works again")]
    new: Annotated[str, Meta(description="engine and place that it had been moved to")]
    is_told: Annotated[
        bool, Meta(description="whether the new one could be reached, and refuses from now on")
    ]
    unknown: Annotated[
        int | None,
        Meta(
            description="runs of pushes that were sent from the new one alone; `null` where that can't be told"
        ),
    ]


def move_document(done: "Moved") -> MoveDocument:
    return part(
        MoveDocument,
        done,
        tables=[part(CarriedTable, each) for each in done.tables],
        pushes=[part(SamePlan, each) for each in done.pushes],
    )


def cancel_document(done: "Cancelled") -> CancelDocument:
    return part(CancelDocument, done)


def move_text(done: "Moved") -> str:
    """What was carried, what both plan alike, and the one line that a person has to change now."""
    raw = sum(each.rows for each in done.tables if not each.name.startswith("leadloop."))
    own = sum(each.rows for each in done.tables) - raw
    head = f"{done.old} is moved to {done.new}"
    lines = [
        f"{head} already."
        if done.was_there
        else f"{head}: {count(raw, 'raw row')}, {count(own, 'row')} of leadloop's own."
    ]
    if done.pushes:
        lines.append(f"Both plan the same: {', '.join(map(_plan, done.pushes))}.")
    refuses = f"{done.old} refuses to read, build and send from now on. To go on,"
    if done.new_engine == done.old_engine:
        lines.append(f"{refuses} have destination.{done.new_engine}.credentials name the new place.")
    else:
        lines.append(f"{refuses} change one line {_where(done.set_in)}:")
        lines.append(f'    [warehouse]\n    destination = "{done.new_engine}"')
    return "\n".join(lines)


def _plan(each: "Proved") -> str:
    return f"{each.push} ({count(each.leads, 'lead')})" + (", stopped on both sides" if each.stops else "")


def _where(set_in: str) -> str:
    if set_in == "default":
        return "in .dlt/config.toml, where it is not set yet"
    return f"in {set_in}" if "." in set_in else f"(it is in the variable {set_in})"


def cancel_text(done: "Cancelled") -> str:
    lines = [f"{done.old} works again. It knows nothing of what was read and sent from {done.new}."]
    if done.is_told:
        lines.append("The new one refuses to read, build and send from now on.")
    else:
        lines.append(
            "The new one could not be reached. Should it still be there, nobody may work with it any more."
        )
    if done.unknown:
        lines.append(
            f"Pushes were sent from there in {count(done.unknown, 'run')}: the next push from here stops, and asks for --restored."
        )
    return "\n".join(lines)
