"""What was moved out of the journal: for a terminal, and as the document of ``maintain --json``."""

from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from connector.render.document import VERSION, Part, part
from connector.texts import count

if TYPE_CHECKING:
    from connector.push.compaction import Compaction


class MaintainDocument(Part, kw_only=True):
    """What was moved and deleted, as `maintain --json` prints it."""

    kind: Annotated[Literal["maintain"], Meta(description="`maintain`")] = "maintain"
    version: Annotated[Literal[1], Meta(description=VERSION)] = 1
    kept: Annotated[int, Meta(description="rows that stayed in `leadloop.push_journal`")]
    moved: Annotated[int, Meta(description="rows that were moved to `leadloop.push_journal_archive`")]
    deleted: Annotated[
        int, Meta(description="rows that were deleted from the archive, since they were too old")
    ]


def maintain_document(done: "Compaction") -> MaintainDocument:
    return part(MaintainDocument, done)


def maintain_text(done: "Compaction") -> str:
    """One line."""
    deleted = f", and {count(done.deleted, 'row')} deleted from the archive" if done.deleted else ""
    return f"{count(done.moved, 'row')} moved from the journal to its archive, {done.kept:,} kept{deleted}"
