"""What every CRM looks like from inside leadloop: read pages of leads, write one lead, say what came of it."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, Protocol
from zoneinfo import ZoneInfo

from connector.config import VendorSettings
from connector.errors import (
    CallsUsedError,
    ConfigError,
    LeadloopError,
    ModelError,
    RefusedError,
    TransientError,
)

Mode = Literal["update", "insert", "upsert", "delete"]
Precision = Literal["second", "day"]
Type = Literal["text", "integer", "number", "boolean", "date", "timestamp"]
"""What a column of ``leads`` can be; which values fit says ``docs/warehouse.md``."""
Removal = Literal["deleted", "archived", "merged"]
FOUND = "found"
"""Code of an ``applied`` that no call stands behind: the CRM had the lead before, and what it shows is not ours."""
OutcomeState = Literal["applied", "rejected", "deferred", "unknown", "conflict"]

Bounds = tuple[datetime, datetime]
"""A closed interval in the account's own local time: two naive datetimes, whole seconds, first <= last."""


def not_set(crm: str, field: str, why: str) -> ModelError:
    """No push may set this field."""
    return ModelError(f"leadloop does not set the field {field!r} in {crm}: {why}.", crm=crm, fields=[field])


@dataclass(frozen=True, slots=True)
class Option:
    """What one option of an insert may be; ``True`` and ``False`` are written ``true`` and ``false``."""

    pattern: str
    """A regular expression for the whole value, whatever its case."""
    meaning: str
    """The same in words, to go on after "must be"."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What one vendor's API can do."""

    vendor: str
    account: str = field(default="", kw_only=True)
    """The account's name where it has one of its own."""
    modes: frozenset[Mode]
    page_size: int
    """The most leads one page may hold."""
    reading: Literal["windows", "scan"] = field(default="windows", kw_only=True)
    """How its changed leads are found: ``WindowReader`` or ``ScanReader``."""
    offsets: Literal["any", "pages"] = field(default="any", kw_only=True)
    """Where a page may begin: at any place, or only at a multiple of its size (anywhere else costs a second call)."""
    max_rate: float
    """Calls per second that the vendor allows, or a courteous number where none is published."""
    search_filters: frozenset[str] = frozenset()
    """Names that ``filters`` may use, besides the window's own."""
    cursor_fields: tuple[str, ...] = ("updated_at",)
    """Time filters that can drive the cursor, the default first."""
    id_fields: tuple[str, ...] = ("id",)
    """Where a row has its lead id: the first of these that isn't blank."""
    modified_fields: tuple[str, ...] = field(default=("modified_at", "updated_at"), kw_only=True)
    """Where a row has the time of its last edit: the first of these that isn't blank."""
    created_field: str = field(default="created_at", kw_only=True)
    """Where a row has the time when the lead was created."""
    author_columns: tuple[str, ...] = field(default=(), kw_only=True)
    """The columns of ``leads`` that say who made a lead and who edited it last, where the API shows both."""
    organisation_fields: tuple[str, ...] = field(default=(), kw_only=True)
    """Where a row names the organisation or workspace that its account belongs to."""
    example_field: str = field(default="title", kw_only=True)
    """A field that a push may set, for the example that `leadloop init` writes."""
    protected_fields: frozenset[str] = frozenset()
    """Names that no push may set: they say who calls, or which lead is meant."""
    lists: frozenset[str] = field(default=frozenset(), kw_only=True)
    """Fields that hold a list: a push gives each a JSON list, which replaces the one that is there."""
    objects: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    """Names that hold an object, and a field inside each, for the hint: no push sets one as a whole."""
    options: Mapping[str, Option] = field(default_factory=dict)
    """What an insert or an upsert may be told besides the lead's own fields, by name."""
    identity: tuple[str, ...] = ()
    """Fields by which ``LeadWriter.find`` recognises a new lead; each insert gives all of them, as field or as option."""
    looks_itself: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    """Options with which the CRM itself looks for a lead before it adds one, and a regular expression for such a value."""
    removals: tuple[Removal, ...] = field(default=(), kw_only=True)
    """Which removed leads can be searched for: ``deleted`` by the time filter ``deleted_at``, and so on.

    A row of a ``merged`` lead names the lead that it was merged into as ``merged_into``."""
    most_ids: int = field(default=1, kw_only=True)
    """How many leads one call can show by their ids; with more than one, its reader is a ``ManyReader``."""
    types: bool = field(default=False, kw_only=True)
    """Whether its reader is a ``TypeReader``."""
    calls: int = field(default=0, kw_only=True)
    """The most calls that a page of its log may hold; with more than none, its reader is a ``CallReader``."""
    call_times: tuple[str, ...] = field(default=(), kw_only=True)
    """Where a call has the time at which it began: the first of these that isn't blank."""
    call_fields: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    """What a call shows of its lead under another name -> the lead's field, which may have to be kept private."""
    recordings: bool = field(default=False, kw_only=True)
    """Whether its reader is a ``RecordingReader``; the time filter ``last_call`` finds the leads that were called."""

    @property
    def name(self) -> str:
        """What settings, pushes and the column ``crm`` call it."""
        return self.account or self.vendor

    def of(self, name: str) -> "Capabilities":
        """The same for the account of this name."""
        return self if name == self.vendor else replace(self, account=name)

    def can_blank(self, field: str) -> bool:
        """Whether a push can empty this field: not one that tells leads apart, and not a list, which is emptied by ``[]``."""
        return field not in {*self.identity, *self.lists, *self.objects, *self.protected_fields}

    def check_protected(self, fields: Collection[str]) -> None:
        """Raises ``ModelError`` for a field that no push may set."""
        if protected := self.protected_fields.intersection(fields):
            raise not_set(self.name, min(protected), "it says which lead is meant")

    def protected(self, fields: Collection[str]) -> "Outcome | None":
        """What comes of a write that sets such a field, without a call; ``None`` where it sets none."""
        found = self.protected_fields.intersection(fields)
        return Outcome("rejected", reason="leadloop does not set this field", fields=found) if found else None


@dataclass(frozen=True, slots=True)
class Page:
    """One answer to a search: ``rows`` as the API said them, one dict per lead, possibly decoded only when asked for.

    JSON numbers with a fraction arrive as their literal text, so that nothing is rounded on the way.
    """

    rows: Sequence[dict[str, Any]]
    total: int | None
    """How many leads match the search in all, where the server says so."""
    asked_at: datetime
    """UTC, when the request left: whatever the rows show was true at this moment or after it."""
    calls: int = 1
    """How many calls it took."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one write to one lead.

    ``applied``: the CRM accepted it. ``rejected``: it said no, and will until a value changes. ``deferred``: throttled
    or failing, certainly not carried out. ``unknown``: sent, and no answer came. ``conflict``: the lead had moved.
    """

    state: OutcomeState
    code: str | None = None
    reason: str | None = None
    """For a person; never holds a value of the lead, a body or a token."""
    fields: frozenset[str] = frozenset()
    """The fields at fault where the CRM names them; empty means the whole call."""
    lead_id: str | None = None
    """The id the CRM gave, where the write made a lead or named another one."""
    breaks: bool = False
    """The CRM itself is at fault (down, token withdrawn): calling it again at once is pointless."""
    harm: bool = False
    """The write took away something that nobody set, and ``reason`` names it: nothing more may be sent until a person has
    looked, whatever the state is."""
    until: datetime | None = None
    """When a ``deferred`` write may be sent, where that is known: the day's calls are used up."""

    @classmethod
    def of(cls, error: LeadloopError, sent: Collection[str] = ()) -> "Outcome":
        """What a write of the fields ``sent`` came to that ended in ``error``, whose message becomes the reason."""
        if isinstance(error, RefusedError):
            at_fault = error.at_fault(sent)
            return cls("rejected", error.code, error.reason(sent), at_fault, lead_id=error.lead_id)
        if isinstance(error, CallsUsedError):
            return cls("deferred", reason=error.sentence, breaks=True, until=error.new_at)
        if isinstance(error, TransientError):
            return cls("deferred", reason=str(error), breaks=error.down)
        if isinstance(error, ConfigError):
            return cls("deferred", reason=str(error), breaks=True)
        return cls("unknown", reason=str(error))


class LeadReader(Protocol):
    """Leads out of one CRM account; every vendor's is also a ``WindowReader`` or a ``ScanReader``.

    Safe to call from several threads. Every call raises ``AuthError``, ``UnreachableError``, ``TransientError``,
    ``RefusedError`` or ``UnexpectedAnswerError``; what can't be understood is never an empty page.
    """

    @property
    def capabilities(self) -> Capabilities: ...

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which the account's API takes and shows naive times."""
        ...

    def get(self, lead_id: str) -> Page:
        """The lead as the CRM shows it now: a page of one row, or of none where there is no such lead."""
        ...

    def modified_at(self, row: Mapping[str, Any]) -> str | None:
        """The row's modification time as the API wrote it."""
        ...

    def lead_id(self, row: Mapping[str, Any]) -> str:
        """The row's lead id as text; ``UnexpectedAnswerError`` where it has none."""
        ...

    def close(self) -> None: ...


class WindowReader(LeadReader, Protocol):
    """A CRM that can be asked for the leads that were modified within some time."""

    def search(
        self,
        bounds: Bounds | None,
        *,
        cursor_field: str = "updated_at",
        precision: Precision = "second",
        filters: Mapping[str, str] | None = None,
        offset: int = 0,
        limit: int | None = None,
    ) -> Page:
        """One page of the leads whose ``cursor_field`` lies in ``bounds`` (all leads for ``None``), in a fixed order."""
        ...


class ManyReader(LeadReader, Protocol):
    """A CRM that also shows several leads in one call, by their ids."""

    def get_many(self, lead_ids: Sequence[str]) -> Page:
        """Up to ``Capabilities.most_ids`` different leads as the CRM shows them now, in any order.

        A row is exactly what ``get`` would show of that lead, with every field. A lead of which that is not certain has no
        row, as one that isn't there: whoever asks then reads it by ``get``. The first lead is the best one to try it with, as
        it was written to last.
        """
        ...


class TypeReader(LeadReader, Protocol):
    """A CRM that says, or whose published API says, which types its fields have."""

    def fields(self) -> "FieldTypes":
        """Every field of which that is known; a field of another type than text has it in ``leads``."""
        ...


class RecordingReader(WindowReader, Protocol):
    """A CRM that also tells which calls with a lead were recorded."""

    def recordings(
        self, lead_id: str, bounds: Bounds | None, *, offset: int = 0, limit: int | None = None
    ) -> Page:
        """One page of the lead's recordings whose time lies in ``bounds``: one dict per recording.

        A lead that has none, or that isn't there, gives an empty page.
        """
        ...


class CallReader(LeadReader, Protocol):
    """A CRM that also logs the calls with its leads."""

    def calls(
        self,
        bounds: Bounds | None,
        *,
        filters: Mapping[str, str] | None = None,
        offset: int = 0,
        limit: int | None = None,
    ) -> Page:
        """One page of the calls that began within ``bounds``, the oldest first: one dict per call, with its ``id``.

        ``filters``: those of the search for leads; ``ConfigError`` for one by which the log can't be narrowed.
        """
        ...


class ScanReader(LeadReader, Protocol):
    """A CRM that can only list its leads, newest modification first."""

    def scan(self, since: datetime | None, only: Collection[str] | None = None) -> Iterator[Page]:
        """Every lead modified at ``since`` (aware) or later, or every lead, whole: the way ``get`` shows it.

        ``only``: no other leads are wanted, so none of them need be read whole. A lead that is modified while the scan goes on may be missing or come twice; none that isn't is ever missing.
        """
        ...


class LeadWriter(Protocol):
    """Writes to one CRM account. Safe to call from several threads; never raises for what a CRM can answer."""

    @property
    def capabilities(self) -> Capabilities: ...

    def update(self, lead_id: str, fields: Mapping[str, str | None]) -> Outcome:
        """Sets exactly these fields of one lead; ``None`` clears a field. One call, never repeated by itself."""
        ...

    @property
    def most_per_call(self) -> int:
        """How many leads one call can change."""
        ...

    def update_many(self, leads: Sequence[tuple[str, Mapping[str, str | None]]]) -> list[Outcome]:
        """``update`` for up to ``most_per_call`` different leads in one call: an outcome for each, in the order given."""
        ...

    def insert(self, fields: Mapping[str, str | None], options: Mapping[str, str]) -> Outcome:
        """Adds a lead with these fields; an ``applied`` outcome has its id as ``lead_id`` where the CRM says it.

        ``options``: as in ``Capabilities.options``. One call, never repeated by itself: see ``find``.
        """
        ...

    def upsert(
        self, lead_id: str | None, fields: Mapping[str, str | None], options: Mapping[str, str]
    ) -> Outcome:
        """Updates the lead with this id; for ``None`` the one that the CRM finds by its own rules, or adds it.

        Where the CRM refuses that because another lead stands in the way, and it is the one that is meant, nothing is sent to it:
        the outcome is ``applied`` with the code ``FOUND`` and its ``lead_id``.
        """
        ...

    def delete(self, lead_id: str) -> Outcome:
        """Removes a lead; one that is not there (any more) is ``applied`` too."""
        ...

    def find(
        self, fields: Mapping[str, str | None], options: Mapping[str, str], sent_at: datetime | None = None
    ) -> list[str]:
        """Ids of the leads that an insert of these fields would double, the newest first.

        Compares ``Capabilities.identity`` alone; deleted leads don't count. But a lead that was made about when the insert
        was sent (``sent_at``) may have been moved since, and counts wherever it is now; where the CRM shows removed leads,
        also if it was removed since. Repeatable; raises what a reader raises.
        """
        ...

    def present(self, mode: Mode, fields: Mapping[str, str | None], options: Mapping[str, str]) -> list[str]:
        """Ids of the leads that this insert would double, or this upsert would update; as ``find``, and asked beforehand."""
        ...

    def check(self, fields: Collection[str]) -> None:
        """Raises ``ModelError`` for a field that the CRM does not have or does not let anybody set, with the nearest name.

        Asked before anything is sent. A CRM that can't say what fields it has lets every name pass.
        """
        ...

    def close(self) -> None: ...


class UpdatesOnly:
    """The part of a ``LeadWriter`` whose CRM is only updated. A vendor overrides what else it can, and says so in ``modes``."""

    def insert(self, fields: Mapping[str, str | None], options: Mapping[str, str]) -> Outcome:
        return _NOT_SUPPORTED

    def upsert(
        self, lead_id: str | None, fields: Mapping[str, str | None], options: Mapping[str, str]
    ) -> Outcome:
        return _NOT_SUPPORTED

    def delete(self, lead_id: str) -> Outcome:
        return _NOT_SUPPORTED

    def find(
        self, fields: Mapping[str, str | None], options: Mapping[str, str], sent_at: datetime | None = None
    ) -> list[str]:
        raise ModelError("leadloop can't look for leads in this CRM by their fields.")

    def present(self, mode: Mode, fields: Mapping[str, str | None], options: Mapping[str, str]) -> list[str]:
        return self.find(fields, options)


# Plans refuse the mode before it comes to this.
_NOT_SUPPORTED = Outcome("rejected", reason="leadloop can't do this in this CRM")


class OneByOne(UpdatesOnly):
    """The part of a ``LeadWriter`` whose CRM changes one lead per call."""

    most_per_call: int = 1

    def update_many(self: LeadWriter, leads: Sequence[tuple[str, Mapping[str, str | None]]]) -> list[Outcome]:
        return [self.update(lead_id, fields) for lead_id, fields in leads]


@dataclass(frozen=True, slots=True)
class FieldType:
    """What is known of one of the CRM's fields."""

    name: str
    """As rows and pushes name it."""
    type: Type
    kind: str
    """The type in the CRM's own words."""
    label: str
    """What people in the account call it."""


@dataclass(frozen=True, slots=True)
class FieldTypes:
    """What is known of all of them."""

    fields: Sequence[FieldType]
    calls: int = 0
    """How many it took to find out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForDbt:
    """What the dbt models have to know of a CRM; columns are those of its raw table ``lead_versions``."""

    ids: tuple[str, ...] = ("id",)
    """Columns that may hold the lead's id: the first of these that isn't blank."""
    created_at: str = "created_at"
    modified_at: str = "modified_at"
    """The column with the time of the last edit."""
    no_lead_codes: tuple[str, ...] = ()
    """Codes with which it refuses a write to a lead that was removed, where such a lead can come back under its id."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that ``leadloop check`` finds out about an account of one CRM: a sentence, and what it is about."""

    name: str
    message: str
    warning: bool = False
    """It need not be mended, and may not be what somebody expects."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a CRM's folder provides, as ``PARTS``."""

    settings: type[VendorSettings]
    capabilities: Capabilities
    reader: Callable[..., LeadReader]
    writer: Callable[..., LeadWriter]
    session: Callable[[Any], Any]
    for_dbt: ForDbt = ForDbt()
    look: Callable[[Any, Any], Iterable[Finding]] | None = None
    """What ``leadloop check`` looks at besides what it looks at for every CRM: of these settings, with this session."""

    def as_dbt(self) -> dict[str, Any]:
        """``for_dbt`` as the macros take it, also in the variable ``leadloop_crms``."""
        dbt = self.for_dbt
        return {
            "ids": list(dbt.ids),
            "times": {"created_at": dbt.created_at, "modified_at": dbt.modified_at},
            "recordings": self.capabilities.recordings,
            "calls": self.capabilities.calls > 0,
            "no_lead_codes": list(dbt.no_lead_codes),
        }
