"""Leads that are read whatever their clock says: in as few calls as the CRM needs for them, and as many calls at once as the
settings allow.

To ask for one lead is one call. Two things cost less: a group of leads in one call, where the CRM has one, and a page of a
search. Neither is believed further than it goes: a lead that they don't show is asked for alone.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar, cast

from connector.crm.base import LeadReader, ManyReader, Page, WindowReader
from connector.crm.clock import clock_of
from connector.errors import AuthError, LeadloopError, UnexpectedAnswerError
from connector.extract import windows
from connector.extract.windows import Window

FEW = 3
"""Leads that are a group: with fewer nothing is saved, as a reader may take a second call to try what the group's call shows."""
WORTH = 20
"""Calls that a page of a search has to save.

A page is one call, as one lead is, and may show as many leads as it holds, or none. So the first page of a search is asked for
where more than this many leads are left, and adds at most a twentieth to their calls where it shows none; each further page
only after one that showed more than this many.
"""
BEFORE = timedelta(minutes=5)
"""How long before its answer was noted a write may have been carried out; longer than any call takes."""

Item = TypeVar("Item")
Found = TypeVar("Found")
Seen = tuple[str, Page]
"""A lead's id with a page of its row, or of none where there is no such lead."""


def read_again(
    reader: LeadReader,
    lead_ids: Iterable[str],
    *,
    concurrency: int = 4,
    written: Mapping[str, datetime | None] | None = None,
    settle: float = 0.0,
) -> Iterator[Seen]:
    """Each of these leads once, as the CRM shows it now; in no certain order.

    ``written``: when they were written to, by the CRM's clock, where that is known. ``settle``: seconds after which a search
    shows an edit. Raises what a reader raises, and ``UnexpectedAnswerError`` where another lead is shown.
    """
    times = {lead_id: at for lead_id, at in (written or {}).items() if at is not None}
    # The last one first: with its first lead it is tried whether a group's call shows what has just been written.
    left = sorted(
        dict.fromkeys(lead_ids), key=lambda each: -times[each].timestamp() if each in times else 0.0
    )
    most = reader.capabilities.most_ids
    if most == 1 and reader.capabilities.reading == "windows":
        found = set()
        for lead_id, page in _searched(cast(WindowReader, reader), left, times, settle):
            found.add(lead_id)
            yield lead_id, page
        left = [lead_id for lead_id in left if lead_id not in found]
    pool = ThreadPoolExecutor(concurrency, thread_name_prefix="leadloop-again")
    try:
        if most > 1 and len(left) >= FEW:
            groups = [left[at : at + most] for at in range(0, len(left), most)]
            left = []
            for group, shown in in_order(pool, _Together(cast(ManyReader, reader)), groups, concurrency):
                yield from shown.items()
                left += [lead_id for lead_id in group if lead_id not in shown]
        yield from in_order(pool, lambda lead_id: read_back(reader, lead_id), left, concurrency)
    finally:
        pool.shutdown(cancel_futures=True)


def in_order(
    pool: ThreadPoolExecutor, ask: Callable[[Item], Found], items: Iterable[Item], concurrency: int
) -> Iterator[tuple[Item, Found]]:
    """(item, answer) for each, in their order; only as many ahead of what is taken as keep the pool's threads busy."""
    ahead: deque[tuple[Item, Future[Found]]] = deque()
    try:
        for item in items:
            ahead.append((item, pool.submit(ask, item)))
            if len(ahead) >= 2 * concurrency:
                done, future = ahead.popleft()
                yield done, future.result()
        while ahead:
            done, future = ahead.popleft()
            yield done, future.result()
    finally:
        for _, future in ahead:
            future.cancel()


class _Together:
    """Asks for several leads in one call. Safe to use from several threads."""

    def __init__(self, reader: ManyReader) -> None:
        self._reader = reader
        self._works = True

    def __call__(self, lead_ids: Collection[str]) -> dict[str, Page]:
        """Those that the answer shows. None once the CRM has failed to answer: asked for single leads, it says what is wrong."""
        if not self._works:
            return {}
        try:
            page = self._reader.get_many(list(lead_ids))
            return _each(self._reader, page, lead_ids)
        except AuthError:
            raise
        except LeadloopError:
            self._works = False
            return {}


def _each(reader: LeadReader, page: Page, lead_ids: Collection[str]) -> dict[str, Page]:
    """Lead id -> a page of its row alone. ``UnexpectedAnswerError`` where it holds other leads, or one twice."""
    asked, shown = frozenset(lead_ids), dict[str, Page]()
    for row in page.rows:
        lead_id = reader.lead_id(row)
        if lead_id not in asked or lead_id in shown:
            raise UnexpectedAnswerError(
                f"was asked for {len(asked)} leads and answered with others", crm=reader.capabilities.name
            )
        shown[lead_id] = replace(page, rows=[row], total=1, calls=0 if shown else page.calls)
    return shown


def _searched(
    reader: WindowReader, lead_ids: Collection[str], times: Mapping[str, datetime], settle: float
) -> Iterator[Seen]:
    """Those that a search for what was modified since the first write to them shows; each once.

    The window by the cursor's clock has just been read, and an edit through the API may move another one. A lead that was
    written to less than ``settle`` ago is not among them: a search may still show it as it was.
    """
    settled = clock_of(reader).now() - timedelta(seconds=settle)
    wanted = {lead_id for lead_id in lead_ids if lead_id in times and times[lead_id] <= settled}
    for cursor_field in reversed(reader.capabilities.cursor_fields):
        if len(wanted) <= WORTH:
            return
        start = windows.floor_second(min(times[lead_id] for lead_id in wanted) - BEFORE)
        bounds = windows.to_local(Window(start, windows.floor_second(clock_of(reader).now())), reader.zone)
        offset = calls = 0
        useful = True
        while useful and len(wanted) > WORTH:
            try:
                page = reader.search(bounds, cursor_field=cursor_field, offset=offset)
                rows = {reader.lead_id(row): row for row in page.rows}
            except AuthError:
                raise
            except LeadloopError:
                # A filter that the account doesn't have, or that stands against one of the settings.
                break
            shown = wanted & rows.keys()
            offset += len(page.rows)
            calls += page.calls
            useful = len(shown) > WORTH and offset < (page.total or 0)
            for lead_id in shown:
                yield lead_id, replace(page, rows=[rows[lead_id]], total=1, calls=calls)
                calls = 0
            wanted -= shown


def read_back(reader: LeadReader, lead_id: str) -> Page:
    """One lead as the CRM shows it now; a page that holds another lead is an error.

    Nobody is gone who shows up when asked twice: an empty page may be a fault.
    """
    page = reader.get(lead_id)
    page = page if page.rows else reader.get(lead_id)
    if any(reader.lead_id(row) != lead_id for row in page.rows):
        raise UnexpectedAnswerError(
            f"was asked for lead {lead_id} and answered with another one",
            crm=reader.capabilities.name,
            lead_id=lead_id,
        )
    return page
