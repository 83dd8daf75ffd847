"""What an extraction read: for a terminal, and as the document of ``extract --json``."""

from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from connector.render.day_calls import CALLS_TODAY, CallsToday, calls_today
from connector.render.document import VERSION, Part, Stretch, Time, part, stretch
from connector.texts import count

if TYPE_CHECKING:
    from connector.extract.load import Extracted
    from connector.extract.windows import Window


class Extraction(Part, kw_only=True):
    """What was read from one CRM."""

    rows: Annotated[int, Meta(description="rows that were read by window; a lead may be among them twice")]
    read_back: Annotated[
        int,
        Meta(
            description="rows of leads that were read by their ids or since the time of a write, because something was sent to them"
        ),
    ]
    gone: Annotated[int, Meta(description="leads that were to be read back, and are not in the CRM any more")]
    removals: Annotated[
        int | None,
        Meta(description="rows of deleted and archived leads; `null` where they were not asked for"),
    ]
    recordings: Annotated[
        int | None, Meta(description="rows of recordings; `null` where they were not asked for")
    ]
    logged_calls: Annotated[
        int | None, Meta(description="rows of the call log; `null` where it was not asked for")
    ]
    calls: Annotated[
        int,
        Meta(
            description="calls of the API that asked for leads by window, for removed leads, logged calls and recordings"
        ),
    ]
    packages: Annotated[int, Meta(description="load packages, each a point to resume from")]
    precision: Annotated[str, Meta(description="`second`, or `day` where the server ignores the time of day")]
    window: Annotated[
        Stretch | None,
        Meta(
            description="what was covered; `null` where the last run had read everything up to `settle` seconds ago"
        ),
    ]
    notes: Annotated[
        list[str],
        Meta(description="what there is to say of single leads and fields, without a value of theirs"),
    ]
    shard: Annotated[
        str | None,
        Meta(description="which part of a first read this was, as `3/8`; `null` where it was no part"),
    ]
    calls_today: Annotated[CallsToday | None, Meta(description=CALLS_TODAY)]
    backfill: Annotated[
        bool,
        Meta(
            description="whether only `window` was read, by `--start` or `--end`; of what was edited before or after, this says nothing"
        ),
    ]
    since: Annotated[
        Time | None,
        Meta(
            description="leads that were last edited before this were never asked for, by the setting `start`; `null` if there are none such"
        ),
    ]
    filters: Annotated[
        list[str],
        Meta(description="names of the search filters: leads that don't match them were not asked for"),
    ]


class ExtractDocument(Extraction, kw_only=True):
    """What was read from one CRM, as `extract --json` prints it."""

    kind: Annotated[Literal["extract"], Meta(description="`extract`")] = "extract"
    version: Annotated[Literal[1], Meta(description=VERSION)] = 1
    crm: Annotated[str, Meta(description="the CRM")]


def extraction(done: "Extracted") -> Extraction:
    return part(Extraction, done, window=stretch(done.window), calls_today=calls_today(done.calls_today))


def extract_document(vendor: str, done: "Extracted") -> ExtractDocument:
    return part(ExtractDocument, extraction(done), crm=vendor)


def extract_text(vendor: str, done: "Extracted") -> str:
    """One line, and one more per note."""
    notes = "".join(f"\n{vendor}: {note}" for note in done.notes)
    if done.calls_today is not None:
        notes += f"\n{vendor}: {done.calls_today}"
    if done.shard is not None:
        return f"{vendor}: {_shard_text(done)}{notes}"
    if done.window is None:
        return (
            f"{vendor}: nothing to read: the last run has read everything up to `settle` seconds ago.{notes}"
        )
    parts = [
        f"{count(done.rows, 'row')} in {count(done.calls, 'call')}",
        f"{count(done.read_back, 'lead')} read back" if done.read_back else "",
        f"{count(done.gone, 'lead')} gone" if done.gone else "",
        f"{count(done.removals, 'removed lead')}" if done.removals else "",
        f"{count(done.recordings, 'recording')}" if done.recordings is not None else "",
        f"{count(done.logged_calls, 'logged call')}" if done.logged_calls is not None else "",
    ]
    return f"{vendor}: {', '.join(filter(None, parts))}; {_complete(done, done.window)}{notes}"


def _complete(done: "Extracted", window: "Window") -> str:
    """What the warehouse has now, and no more than that was read."""
    what = "everything"
    if done.filters:
        what += f" that matches the filter{'' if len(done.filters) == 1 else 's'} {', '.join(done.filters)} and was"
    if done.backfill:
        return (
            f"{what} edited from {window.start:%F %T} to {window.end:%F %T} UTC was read, and nothing else. The next run "
            "without a window goes on where the last such one stopped."
        )
    since = f"from {done.since:%F %T} " if done.since else ""
    return f"{what} edited {since}up to {window.end:%F %T} UTC is in the warehouse."


def _shard_text(done: "Extracted") -> str:
    if done.window is None:
        return f"part {done.shard} was read before; nothing was left of it."
    return (
        f"part {done.shard}: {count(done.rows, 'row')} in {count(done.calls, 'call')}; everything edited from "
        f"{done.window.start:%F %T} to {done.window.end:%F %T} UTC is in the warehouse."
    )
