"""A snapshot that was made: for a terminal, and as the document of ``snapshot --json``."""

from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from connector.render.document import VERSION, Part, Time, part

if TYPE_CHECKING:
    from connector.warehouse.snapshot import Snapshot


class SnapshotDocument(Part, kw_only=True):
    """The copy for readers, as `snapshot --json` prints it."""

    kind: Annotated[Literal["snapshot"], Meta(description="`snapshot`")] = "snapshot"
    version: Annotated[Literal[1], Meta(description=VERSION)] = 1
    path: Annotated[str, Meta(description="the file; of a lake the first of them")]
    made_at: Annotated[Time, Meta(description="the copy shows what was in the warehouse then")]
    bytes: Annotated[int, Meta(description="its size; of a lake without the files that hold the leads")]
    cloned: Annotated[
        bool, Meta(description="whether it shares its blocks with the warehouse, and so takes no room")
    ]
    seconds: Annotated[float, Meta(description="how long it took")]


def snapshot_document(made: "Snapshot") -> SnapshotDocument:
    return part(SnapshotDocument, made, path=str(made.path))


def snapshot_text(made: "Snapshot") -> str:
    """Two lines: what was made, and how to open it."""
    how = "cloned" if made.cloned else "copied"
    opening = (
        f"Open it read-only, as long as you like: duckdb -readonly {made.path}"
        if made.is_one_file
        else "Its leads are in the files of the lake: docs/engines.md says how to open it."
    )
    return f"Wrote {made.path}: {made.bytes / 1e6:,.1f} MB, {how} in {made.seconds:.1f} s.\n{opening}"
