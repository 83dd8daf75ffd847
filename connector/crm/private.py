"""What of a lead must not reach the warehouse: fields that are left out, and fields of which only a hash is kept.

A reader is wrapped once, where it is made, so that whatever reads through it sees nothing else: extraction, read-back, the
look before a push. It costs the short way from bytes to columns, and is not there where nothing is set.
"""

import hashlib
import hmac
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

import msgspec

from connector.config import VendorSettings, named
from connector.crm.base import (
    Bounds,
    CallReader,
    Capabilities,
    FieldTypes,
    LeadReader,
    ManyReader,
    Page,
    Precision,
    RecordingReader,
    ScanReader,
    TypeReader,
    WindowReader,
)
from connector.crm.clock import CrmClock, clock_of
from connector.errors import ConfigError, ModelError
from connector.texts import is_blank

_OTHER = re.compile(r"[^a-z0-9]+")


def _plain(name: str) -> str:
    """``Lead Score``, ``leadScore`` and ``lead_score`` are one column, so they are one name here."""
    return _OTHER.sub("", name.lower())


def _holds(names: Collection[str], field: str) -> bool:
    """Whether a field is one of these, or inside of one: ``contact.phone`` for ``contact``."""
    parts = field.split(".")
    return any(_plain(".".join(parts[: end + 1])) in names for end in range(len(parts)))


class Privacy:
    """The settings ``leave_out``, ``hash`` and ``hash_salt`` of one CRM; ``ConfigError`` where they can't be."""

    def __init__(self, settings: VendorSettings, capabilities: Capabilities) -> None:
        self._prefix = f"crm.{settings.name}"
        self._left_out = frozenset(map(_plain, settings.leave_out))
        self._hashed = frozenset(map(_plain, settings.hash))
        self._salt = settings.hash_salt.reveal().encode() if settings.hash_salt else b""
        if self._hashed and not self._salt:
            raise ConfigError(
                f"{named(f'{self._prefix}.hash_salt')} is not set, and {self._prefix}.hash needs it: without a salt "
                "anybody can try all phone numbers.",
                "Put a long random text into .dlt/secrets.toml.",
            )
        for setting, names in (("leave_out", self._left_out), ("hash", self._hashed)):
            for field in (*capabilities.id_fields, *capabilities.modified_fields):
                if _holds(names, field):
                    raise ConfigError(
                        f"{named(f'{self._prefix}.{setting}')} names {field!r}, without which leadloop can't tell leads "
                        "or their versions apart."
                    )

    def __bool__(self) -> bool:
        return bool(self._left_out or self._hashed)

    def check(self, fields: Collection[str]) -> None:
        """``ModelError`` for a field of a push whose value in the CRM would never be known."""
        for field in fields:
            for setting, names in (("leave_out", self._left_out), ("hash", self._hashed)):
                if _holds(names, field):
                    raise ModelError(
                        f"The push sets {field!r}, which {self._prefix}.{setting} keeps out of the warehouse, so nobody "
                        "could tell whether a value differs or was edited.",
                        "Take it out of one of the two.",
                    )

    def shows(self, field: str) -> bool:
        """Whether the field is in the warehouse as the CRM has it."""
        return not _holds(self._left_out, field) and not _holds(self._hashed, field)

    def page(self, page: Page, same: Mapping[str, str] | None = None) -> Page:
        """``same``: another name of a field -> the one that the settings may name."""
        return replace(page, rows=[self._row(row, same or {}) for row in page.rows])

    def _row(self, row: Mapping[str, Any], same: Mapping[str, str]) -> dict[str, Any]:
        return {
            name: self._hash(value) if self._is_in(self._hashed, name, same) else value
            for name, value in row.items()
            if not self._is_in(self._left_out, name, same)
        }

    @staticmethod
    def _is_in(names: Collection[str], field: str, same: Mapping[str, str]) -> bool:
        return _holds(names, field) or (field in same and _holds(names, same[field]))

    def _hash(self, value: Any) -> Any:
        """What is blank stays blank: it says that there is nothing."""
        if value is None or (isinstance(value, str) and is_blank(value)):
            return value
        text = value.encode() if isinstance(value, str) else msgspec.json.encode(value)
        return hmac.new(self._salt, text, hashlib.sha256).hexdigest()


def kept_private(reader: LeadReader, settings: VendorSettings) -> LeadReader:
    """The reader, or one that shows of each lead only what the settings let through."""
    privacy = Privacy(settings, reader.capabilities)
    return PrivateReader(reader, privacy) if privacy else reader


class PrivateReader(RecordingReader, ScanReader, ManyReader, TypeReader, CallReader):
    """Whatever kind of reader it wraps; of every kind itself, so that the types say when one of them changes."""

    def __init__(self, reader: LeadReader, privacy: Privacy) -> None:
        self._reader = reader
        self._privacy = privacy

    @property
    def capabilities(self) -> Capabilities:
        return self._reader.capabilities

    @property
    def clock(self) -> CrmClock:
        return clock_of(self._reader)

    @property
    def zone(self) -> ZoneInfo:
        return self._reader.zone

    def get(self, lead_id: str) -> Page:
        return self._privacy.page(self._reader.get(lead_id))

    def get_many(self, lead_ids: Sequence[str]) -> Page:
        return self._privacy.page(cast(ManyReader, self._reader).get_many(lead_ids))

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
        page = cast(WindowReader, self._reader).search(
            bounds,
            cursor_field=cursor_field,
            precision=precision,
            filters=filters,
            offset=offset,
            limit=limit,
        )
        return self._privacy.page(page)

    def scan(self, since: datetime | None, only: Collection[str] | None = None) -> Iterator[Page]:
        for page in cast(ScanReader, self._reader).scan(since, only):
            yield self._privacy.page(page)

    def recordings(
        self, lead_id: str, bounds: Bounds | None, *, offset: int = 0, limit: int | None = None
    ) -> Page:
        reader = cast(RecordingReader, self._reader)
        return self._privacy.page(reader.recordings(lead_id, bounds, offset=offset, limit=limit))

    def calls(
        self,
        bounds: Bounds | None,
        *,
        filters: Mapping[str, str] | None = None,
        offset: int = 0,
        limit: int | None = None,
    ) -> Page:
        reader = cast(CallReader, self._reader)
        page = reader.calls(bounds, filters=filters, offset=offset, limit=limit)
        return self._privacy.page(page, self.capabilities.call_fields)

    def fields(self) -> FieldTypes:
        found = cast(TypeReader, self._reader).fields()
        return replace(found, fields=[each for each in found.fields if self._privacy.shows(each.name)])

    def modified_at(self, row: Mapping[str, Any]) -> str | None:
        return self._reader.modified_at(row)

    def lead_id(self, row: Mapping[str, Any]) -> str:
        return self._reader.lead_id(row)

    def close(self) -> None:
        self._reader.close()
