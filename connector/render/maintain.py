"""What was moved out of the journal: for a terminal, and as the document of ``maintain --json``."""

from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from connector.render.document import VERSION, Part, part
from connector.texts import count

if TYPE_CHECKING:
    from connector.push.compaction import Maintained


class MaintainDocument(Part, kw_only=True):
    """What was moved and deleted, as `maintain --json` prints it."""

    kind: Annotated[Literal["maintain"], Meta(description="`maintain`")] = "maintain"
    version: Annotated[Literal[1], Meta(description=VERSION)] = 1
    kept: Annotated[int, Meta(description="rows that stayed in `leadloop.push_journal`")]
    moved: Annotated[int, Meta(description="rows that were moved to `leadloop.push_journal_archive`")]
    deleted: Annotated[
        int, Meta(description="rows that were deleted from the archive, since they were too old")
    ]
    bytes_before: Annotated[
        int, Meta(description="how large the warehouse was; on PostgreSQL, the schema `leadloop`")
    ]
    bytes_after: Annotated[int, Meta(description="how large it is now")]
    files_before: Annotated[
        int | None, Meta(description="files of a lake, with those of old states of its tables; else null")
    ]
    files_after: Annotated[int | None, Meta(description="the same, afterwards")]
    snapshots_before: Annotated[int | None, Meta(description="snapshots of a lake; else null")]
    snapshots_after: Annotated[int | None, Meta(description="the same, afterwards")]


def maintain_document(done: "Maintained") -> MaintainDocument:
    return part(MaintainDocument, done)


def maintain_text(done: "Maintained") -> str:
    """A line of the journal, and a line of the warehouse."""
    changes = [f"{done.bytes_before:,} bytes → {done.bytes_after:,}"]
    if done.files_before is not None:
        changes.append(f"{done.files_before:,} files → {done.files_after:,}")
    if done.snapshots_before is not None:
        changes.append(f"{done.snapshots_before:,} snapshots → {done.snapshots_after:,}")
    return f"{_of_journal(done)}\n{', '.join(changes)}"


def _of_journal(done: "Maintained") -> str:
    deleted = f", and {count(done.deleted, 'row')} deleted from the archive" if done.deleted else ""
    return f"{count(done.moved, 'row')} moved from the journal to its archive, {done.kept:,} kept{deleted}"
