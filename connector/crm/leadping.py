"""Leadping: leads listed newest edit first and read one by one; updated by sending the whole lead back.

From the vendor's page of ``PUT /leads/{id}`` ("page"), from live clients, and from the vendor's published clients.

- ``POST /leads/all/my`` with ``{pageSize, continuationToken, includeCount, orderBy: [{field, direction}]}`` answers
  ``{items, continuationToken, pageSize, totalCount}``. The items are summaries with ``updatedAt``; a single lead has
  ``modifiedAt``, which is null until it is first modified (page).
- Whether ``PUT`` keeps or erases what its body leaves out is nowhere said, and there is no conditional update. So a lead is
  read, merged, sent whole with parts that leadloop doesn't know, and read again; see ``leadping_lead``.
- The part ``customer`` is called ``profile`` in newer versions.
- Errors are problem details with a status, ``errors`` by field and a trace id. 300 calls in 60 seconds per organisation;
  a 429 may come without ``Retry-After``.
- Times are ISO, in UTC.
"""

import threading
import time
from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal
from urllib.parse import quote
from zoneinfo import ZoneInfo

from connector.config import LeadpingSettings, named
from connector.crm import leadping_lead
from connector.crm.base import Capabilities, OneByOne, Outcome, OutcomeState, Page
from connector.crm.clock import CrmClock
from connector.crm.http import AgainError, Answer, Call, LateError, Session, outcome
from connector.crm.ids import as_id, names_one
from connector.crm.leadping_lead import Fields, Lead
from connector.crm.newest_first import instant
from connector.errors import (
    AuthError,
    ConfigError,
    CrmError,
    IncompleteReadError,
    ModelError,
    OutcomeUnknownError,
    RefusedError,
    UnexpectedAnswerError,
    UnreachableError,
)

LEADS = "/leads"
LIST = "/leads/all/my"
PAGE_SIZE = 100

CAPABILITIES = Capabilities(
    vendor="leadping",
    modes=frozenset({"update"}),
    page_size=PAGE_SIZE,
    reading="scan",
    max_rate=5.0,
    cursor_fields=("updatedAt",),
    modified_fields=("modifiedAt", "createdAt"),
    created_field="createdAt",
    organisation_fields=("organizationId",),
    protected_fields=leadping_lead.PROTECTED,
)

Order = Literal["updatedAt", "createdAt"]
PASSES = 8
"""How often a list that loses leads while it is read, or shows fewer than its total, is read again before giving up."""
QUIET_PASSES = 3
"""So many in a row that bring nothing new are believed, whatever the total says: some servers count what they don't list."""
STALLED = 100
"""Pages in a row, each with a token of its own, that may show no lead that the pass has not seen before giving up."""
FRESH = 1.5
"""Seconds for which what a read showed is taken for what is there: at 5 calls a second, four threads' turns take 0.8."""
NO_LEAD = "404"
NOT_SHOWN = "not_shown"
"""Our own code for a value that Leadping accepted and shows otherwise."""


def open_session(settings: LeadpingSettings, **given: Any) -> Session:
    """Calls to one organisation, with its key as a header; ``given`` are further arguments of ``Session``."""
    return Session(
        settings, headers=lambda: {"Authorization": f"Bearer {settings.api_key.reveal()}"}, **given
    )


class LeadpingReader:
    """A ``ScanReader`` of one Leadping organisation."""

    def __init__(
        self, settings: LeadpingSettings, *, session: Session | None = None, page_size: int = PAGE_SIZE
    ) -> None:
        self._settings = settings
        self._session = session or open_session(settings)
        self._page_size = page_size

    @property
    def capabilities(self) -> Capabilities:
        return CAPABILITIES

    @property
    def clock(self) -> CrmClock:
        return self._session.crm_clock

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo("UTC")

    def scan(self, since: datetime | None, only: Collection[str] | None = None) -> Iterator[Page]:
        """Every lead modified or created at ``since`` or later; each is read singly, since the list shows only summaries.

        Where the list puts leads that were never modified is not known, so new ones are also looked for by creation.
        """
        changes = Changed(self._listed, self.lead_id, since)
        pool = ThreadPoolExecutor(self._settings.concurrency, thread_name_prefix="leadloop-leadping")
        try:
            for changed, total in changes:
                wanted = [lead_id for lead_id in changed if only is None or lead_id in only]
                pages = [page for page in pool.map(self.get, wanted) if page.rows]
                rows = [row for page in pages for row in page.rows]
                asked_at = min((page.asked_at for page in pages), default=self.clock.now())
                yield Page(rows, total, asked_at, 1 + len(wanted))
        finally:
            pool.shutdown(cancel_futures=True)

    def get(self, lead_id: str) -> Page:
        """``GET /leads/{id}``, flat, with the tags' names as ``tagNames``."""
        if not names_one(lead_id):
            return Page([], 0, self.clock.now())
        asked_at = self.clock.now()
        try:
            lead = self._session.read(
                Call("GET", path(lead_id)), judge, lambda answer: lead_in(answer, lead_id)
            )
        except RefusedError as error:
            if error.code == NO_LEAD:
                return Page([], 0, asked_at)
            raise
        return Page([leadping_lead.row(lead)], 1, asked_at)

    def modified_at(self, row: Mapping[str, Any]) -> str | None:
        """The first of ``modifiedAt`` and ``createdAt`` that isn't null; a summary says ``updatedAt``."""
        names = ("modifiedAt", "updatedAt", "createdAt")
        return next((row[name] for name in names if isinstance(row.get(name), str) and row[name]), None)

    def lead_id(self, row: Mapping[str, Any]) -> str:
        if (text := as_id(row.get("id"))) is None:
            raise UnexpectedAnswerError("leadping: a lead without an id.")
        return text

    def close(self) -> None:
        self._session.close()

    def _listed(self, order: Order, token: str | None) -> "Listed":
        body = {
            "pageSize": self._page_size,
            "continuationToken": token,
            "includeCount": True,
            "orderBy": [{"field": order, "direction": "desc"}],
        }
        return self._session.read(Call("POST", LIST, json=body), judge_list, listed)


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of the list; ``token`` leads to the next one."""

    rows: list[dict[str, Any]]
    token: str | None
    total: int | None


class Changed:
    """The ids of the leads that changed since ``since``, page by page, each once. Iterate it once.

    The list is read up to the first lead that is older, once its order has proved to be the one that was asked for: it
    descends, and not only because it goes by another time. A list in any other order is read to its end. Where leads are
    deleted meanwhile, others move up into pages that were read already: then its total shrinks, and it is read again.
    """

    def __init__(
        self,
        fetch: Callable[[Order, str | None], Listed],
        lead_id: Callable[[Mapping[str, Any]], str],
        since: datetime | None,
    ) -> None:
        self._fetch = fetch
        self._lead_id = lead_id
        self._since = since
        self._given: set[str] = set()
        self._seen: set[str] = set()

    def __iter__(self) -> Iterator[tuple[list[str], int | None]]:
        orders: tuple[Order, ...] = ("updatedAt", "createdAt")
        for order in orders:
            whole_list = yield from self._until_complete(order)
            if whole_list:
                return

    def _until_complete(self, order: Order) -> Generator[tuple[list[str], int | None], None, bool]:
        """Passes until one has missed nothing; returns whether it was through the whole list."""
        quiet = 0
        for number in range(PASSES):
            known = len(self._seen)
            one = _Pass(order)
            yield from self._pass(one)
            quiet = quiet + 1 if number and len(self._seen) == known else 0
            if one.is_complete or quiet >= QUIET_PASSES:
                if one.total and not self._seen:
                    raise UnexpectedAnswerError(
                        f"leadping says that it has {one.total} leads, and shows none."
                    )
                return one.at_end
        raise IncompleteReadError(
            f"leadping's list of leads changed each time it was read ({PASSES} times, {len(self._seen)} leads). "
            "The cursor stays where it was, so nothing is skipped: run again."
        )

    def _pass(self, one: "_Pass") -> Iterator[tuple[list[str], int | None]]:
        token: str | None = None
        tokens: set[str] = set()
        stalled = 0
        while True:
            page = self._fetch(one.order, token)
            if page.token in tokens:
                # One page that comes again in place of the next may be an accident; a circle stays one.
                page = self._fetch(one.order, token)
            if page.token in tokens:
                raise UnexpectedAnswerError(
                    "leadping: the list of leads goes in a circle; a continuation token came twice."
                )
            changed = []
            known = len(one.ids)
            for row in page.rows:
                lead_id = self._lead_id(row)
                self._seen.add(lead_id)
                one.ids.add(lead_id)
                if lead_id not in self._given and self._is_changed(row):
                    self._given.add(lead_id)
                    changed.append(lead_id)
            one.look_at(page, self._since)
            stalled = stalled + 1 if len(one.ids) == known else 0
            if stalled > STALLED:
                raise UnexpectedAnswerError(
                    f"leadping: {stalled} pages in a row of the list of leads had a new continuation token and no new lead. "
                    "The cursor stays where it was, so nothing is skipped: run again, and if it stays like this, ask "
                    "Leadping's support about it."
                )
            if page.rows:
                # Also where none of them has changed: whoever waits is told that the reading goes on.
                yield changed, page.total
            token = page.token
            if token is None:
                one.at_end = True
                return
            if one.is_past:
                return
            tokens.add(token)

    def _is_changed(self, row: Mapping[str, Any]) -> bool:
        times = [time for time in (_updated(row), _created(row)) if time is not None]
        return self._since is None or not times or max(times) >= self._since


class _Pass:
    """What one way through the list has shown so far."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.ids: set[str] = set()
        self.total: int | None = None
        self.at_end = False
        self._has_shrunk = False
        self._is_sorted = True
        self._is_proven = False
        self._has_older = False
        self._last: Mapping[str, Any] | None = None

    @property
    def is_complete(self) -> bool:
        """Whether no lead can have been missed."""
        return not self._has_shrunk and not (self.at_end and len(self.ids) < (self.total or 0))

    @property
    def is_past(self) -> bool:
        """Whether everything that is left is too old."""
        return self._has_older and self._is_sorted and self._is_proven

    def look_at(self, page: Listed, since: datetime | None) -> None:
        if page.total is not None:
            self._has_shrunk |= self.total is not None and page.total < self.total
            self.total = page.total
        mine, other = (_updated, _created) if self.order == "updatedAt" else (_created, _updated)
        timed = [row for row in ([self._last] if self._last else []) + page.rows if mine(row) is not None]
        for one, two in pairwise(timed):
            first, second, its_other, their_other = mine(one), mine(two), other(one), other(two)
            assert first is not None
            assert second is not None
            self._is_sorted &= first >= second
            # Descending by this time and not by the other one: then it isn't the other one that the list goes by.
            told_apart = its_other is None or their_other is None or its_other < their_other
            self._is_proven |= first > second and told_apart
        self._last = timed[-1] if timed else None
        self._has_older |= since is not None and any((mine(row) or since) < since for row in timed)


class LeadpingWriter(OneByOne):
    """A ``LeadWriter`` of one Leadping organisation: three calls for a lead that changes, one for a lead that need not.

    Until one update has been read back and found to have erased nothing, updates go one after the other, so that a server
    that erases does so to one lead. After one that erased something, none is sent.
    """

    def __init__(
        self,
        settings: LeadpingSettings,
        *,
        session: Session | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._session = session or open_session(settings)
        self._clock = clock
        self._gate = threading.Lock()
        self._is_proven = False
        self._harm: str | None = None

    @property
    def capabilities(self) -> Capabilities:
        return CAPABILITIES

    def check(self, fields: Collection[str]) -> None:
        """Every name must be one of the page's request, or a key below ``metadata.sourceMetadata``."""
        for name, why in leadping_lead.unknown(fields).items():
            raise ModelError(f"leadping: leadloop does not set the field {name!r}: {why}.")

    def update(self, lead_id: str, fields: Fields) -> Outcome:
        """Reads the lead, sends it whole with these fields in it, and reads it again.

        ``conflict`` where the lead was modified between the reads before the call, ``rejected`` with the code
        ``not_shown`` where Leadping accepts a value and shows another one. ``harm`` where the lead has lost something by it.
        """
        if refused := leadping_lead.unknown(fields):
            reason = f"leadloop does not set this field: {next(iter(refused.values()))}"
            return Outcome("rejected", reason=reason, fields=frozenset(refused))
        if not names_one(lead_id):
            return Outcome("rejected", code=NO_LEAD, reason="this can't be the id of a lead in Leadping")
        if not fields:
            return Outcome("applied", reason="nothing to set")
        if not self._is_proven:
            with self._gate:
                if not self._is_proven:
                    return self._watched(lead_id, fields)
        return self._watched(lead_id, fields)

    def close(self) -> None:
        self._session.close()

    def _watched(self, lead_id: str, fields: Fields) -> Outcome:
        if self._harm is not None:
            return Outcome("deferred", reason=f"not sent: {self._harm}", breaks=True)
        done = self._tried(lead_id, fields)
        if done.harm:
            self._harm = self._harm or done.reason
        return done

    def _tried(self, lead_id: str, fields: Fields) -> Outcome:
        try:
            return self._update(lead_id, fields)
        except LeadpingRefusedError as error:
            at_fault = error.at_fault(fields)
            return Outcome("rejected", code=error.code, reason=error.reason(at_fault), fields=at_fault)
        except UnexpectedAnswerError as error:
            # Only a read before the write ends so.
            return Outcome("deferred", reason=str(error))
        except (CrmError, ConfigError) as error:
            return outcome(error)

    def _update(self, lead_id: str, fields: Fields) -> Outcome:
        before = self._read(lead_id)
        read_at = self._clock()
        if "tags" not in before:
            return Outcome(
                "deferred", reason="leadping shows this lead without its tags; an update could erase them"
            )
        merged = leadping_lead.merged(before, fields)
        if merged.unfit:
            reason = "; ".join(f"{name} {why}" for name, why in sorted(merged.unfit.items()))
            return Outcome("rejected", reason=reason, fields=frozenset(merged.unfit))
        if not leadping_lead.differing(before, fields):
            return Outcome("applied", reason="the lead shows these values already")
        call = Call("PUT", path(lead_id), json=merged.body, exact=True)
        try:
            answer = self._session.write(call, judge, late=lambda: self._clock() - read_at > FRESH)
        except LateError:
            if _stamp(self._read(lead_id)) != _stamp(before):
                return Outcome("conflict", reason="the lead was modified while its update waited its turn")
            answer = self._session.write(call, judge)
        try:
            written = lead_in(answer, lead_id)
        except UnexpectedAnswerError:
            raise OutcomeUnknownError(
                "leadping: an update was answered with something else than the lead"
            ) from None
        return self._confirmed(before, written, fields)

    def _confirmed(self, before: Lead, written: Lead, fields: Fields) -> Outcome:
        """What a write came to that was answered with the lead: by that answer, and by reading the lead again."""
        lead_id = str(written["id"])
        missed = leadping_lead.differing(written, fields)
        try:
            shown = self._read(lead_id)
        except (CrmError, ConfigError):
            if missed:
                reason = (
                    "leadping accepted the update, answered with another value, and could not be read again"
                )
                return Outcome("unknown", reason=reason)
            return Outcome("applied", lead_id=lead_id)
        # A replica may lag behind, or a person may have been quick: one of the two is enough.
        missed = missed & leadping_lead.differing(shown, fields) if missed else missed
        if gone := self._vanished(before, shown, fields):
            reason = (
                f"after its update leadping no longer shows {', '.join(gone)} of lead {lead_id}, which the push does not "
                "set. Nothing more is sent. Enter it again in Leadping (leadping_raw.lead_versions has what was there), "
                "and don't push to Leadping before its support has said how an update keeps it."
            )
            state: OutcomeState = "rejected" if missed else "applied"
            code = NOT_SHOWN if missed else None
            return Outcome(state, code=code, reason=reason, fields=missed, lead_id=lead_id, harm=True)
        self._is_proven = True
        if missed:
            reason = f"leadping accepted the update and shows another value in {', '.join(sorted(missed))}"
            return Outcome("rejected", code=NOT_SHOWN, reason=reason, fields=missed)
        return Outcome("applied", lead_id=lead_id)

    def _vanished(self, before: Lead, shown: Lead, fields: Fields) -> list[str]:
        """What the lead has lost; nothing is gone that shows up when it is read once more."""
        gone = leadping_lead.vanished(before, shown, fields)
        if gone:
            try:
                again = self._read(str(shown["id"]))
            except (CrmError, ConfigError):
                # One look has found it gone, and that is enough to stop.
                return gone
            gone = [path for path in gone if path in leadping_lead.vanished(before, again, fields)]
        return gone

    def _read(self, lead_id: str) -> Lead:
        call = Call("GET", path(lead_id), exact=True)
        return self._session.read(call, judge, lambda answer: lead_in(answer, lead_id))


class LeadpingRefusedError(RefusedError):
    """A refusal; ``keys``: what the server names in its ``errors``."""

    def __init__(self, message: str, *, code: str, keys: Collection[str] = ()) -> None:
        super().__init__(message, code=code)
        self.keys = keys

    def at_fault(self, fields: Fields) -> frozenset[str]:
        """The pushed fields that the server means."""
        return frozenset().union(*(leadping_lead.meant(key, fields) for key in self.keys))

    def reason(self, at_fault: Collection[str]) -> str:
        """With the names of further fields that the server finds fault with, as far as they are names and no values."""
        others = frozenset().union(*(leadping_lead.meant(key, leadping_lead.NAMES) for key in self.keys))
        if at_fault or not others:
            return str(self)
        return f"{self}; it names {', '.join(sorted(others))}, which the push doesn't set"


def judge(answer: Answer) -> None:
    """Raises what problem details mean; silent about everything else, whatever its shape.

    The server's texts are looked at and never passed on: they may repeat a value that was sent.
    """
    data, status = answer.data, answer.status
    if not isinstance(data, dict) or status < 400 or status in (408, 425):
        return
    if status in (401, 403) and "own this lead" not in str(data.get("detail") or data.get("title")).lower():
        raise AuthError(
            f"leadping refuses the API key (status {status}). Check {named('crm.leadping.api_key')}."
        )
    if status == 429:
        raise AgainError("too many calls (status 429)", throttled=True)
    # Nobody knows what a server that failed has done before; the session decides by the status.
    if status < 500:
        errors = data.get("errors")
        keys = [key for key in errors if isinstance(key, str)] if isinstance(errors, dict) else []
        meaning = MEANINGS.get(status, "for a reason that is not documented")
        raise LeadpingRefusedError(
            f"leadping refuses: {meaning} (status {status})", code=str(status), keys=keys
        )


MEANINGS = {
    400: "the update is not valid",
    401: "the lead belongs to somebody else",
    403: "the lead belongs to somebody else",
    404: "there is no such lead",
    422: "the update is not valid",
}


def judge_list(answer: Answer) -> None:
    """As ``judge``, where 404 can't be about a lead."""
    if answer.status == 404:
        raise UnreachableError(
            f"leadping has no leads at this address. Check {named('crm.leadping.base_url')}."
        )
    judge(answer)


def listed(answer: Answer) -> Listed:
    """The page in an answer to the list; only an explicit ``[]`` is an empty page."""
    data = answer.data if isinstance(answer.data, dict) else {}
    items, token, total = data.get("items"), data.get("continuationToken"), data.get("totalCount")
    rows = items if items is not None and not isinstance(items, str | dict | int | bool) else None
    if rows is None or not all(isinstance(row, dict) for row in rows):
        raise UnexpectedAnswerError(
            "leadping: the list of leads was answered in no known shape; no items in it."
        )
    if token is not None and not isinstance(token, str):
        raise UnexpectedAnswerError("leadping: the list of leads has a continuation token that is no text.")
    if total is not None and (isinstance(total, bool) or not isinstance(total, int) or total < 0):
        raise UnexpectedAnswerError("leadping: the total of the list of leads is not a number.")
    return Listed(list(rows), token or None, total)


def lead_in(answer: Answer, lead_id: str) -> Lead:
    """The lead in an answer about one; ``UnexpectedAnswerError`` for anything else."""
    lead = answer.data
    if not isinstance(lead, dict) or as_id(lead.get("id")) != lead_id:
        raise UnexpectedAnswerError("leadping: a call about one lead was answered with something else.")
    return lead


def path(lead_id: str) -> str:
    return f"{LEADS}/{quote(lead_id, safe='')}"


def _stamp(lead: Lead) -> Any:
    """What moves whenever a lead is modified."""
    return lead.get("modifiedAt") or lead.get("createdAt")


def _updated(row: Mapping[str, Any]) -> datetime | None:
    return instant(_text(row.get("updatedAt")) or _text(row.get("modifiedAt")))


def _created(row: Mapping[str, Any]) -> datetime | None:
    return instant(_text(row.get("createdAt")))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
