"""What a run reads of one CRM, stream by stream: leads, leads that were removed, calls, recordings."""

from collections.abc import Callable

from connector.config import VendorSettings
from connector.extract.calls import TABLE as CALLS
from connector.extract.calls import CallFeed
from connector.extract.feed import Feed
from connector.extract.job import Job, Progress
from connector.extract.raw import LEADS
from connector.extract.recordings import TABLE as RECORDINGS
from connector.extract.recordings import RecordingFeed
from connector.extract.removals import TABLE as REMOVALS
from connector.extract.removals import RemovalFeed


def feeds_by_table(
    settings: VendorSettings, job: Job, on_progress: Callable[[Progress], None] | None = None
) -> dict[str, list[Feed]]:
    """Table -> what is read into it, for everything that the CRM can show, in the order in which it is read."""
    can = job.reader.capabilities
    found: dict[str, list[Feed]] = {LEADS: [Feed(job, on_progress)]}
    if can.removals:
        found[REMOVALS] = [RemovalFeed(job, removal, on_progress) for removal in can.removals]
    if can.calls:
        found[CALLS] = [CallFeed(job, settings.reading.calls_lookback, on_progress)]
    if can.recordings:
        found[RECORDINGS] = [RecordingFeed(job, settings.reading.recordings_lookback, on_progress)]
    return found


def wanted(settings: VendorSettings, job: Job) -> set[str]:
    """The tables that the settings ask for.

    A filter of the time of the last call rules recordings out: they are searched for by that time themselves.
    """
    on = {LEADS}
    if settings.reading.removals:
        on.add(REMOVALS)
    if settings.reading.calls:
        on.add(CALLS)
    if settings.reading.recordings and not any(name.startswith("last_call_") for name in job.query.filters):
        on.add(RECORDINGS)
    return on
