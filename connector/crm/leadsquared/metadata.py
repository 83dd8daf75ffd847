"""What a LeadSquared account says of its own fields."""

from collections.abc import Mapping
from threading import Lock

from connector.crm.http import Session
from connector.crm.leadsquared.calls import call_with
from connector.crm.leadsquared.facts import METADATA
from connector.crm.leadsquared.responses import LeadField, fields_in, judge
from connector.crm.leadsquared.settings import LeadSquaredSettings


class Metadata:
    """The account's fields, loaded when they are first needed. Safe to use from several threads."""

    def __init__(self, settings: LeadSquaredSettings, session: Session) -> None:
        self._settings = settings
        self._session = session
        self._lock = Lock()
        self._fields: dict[str, LeadField] | None = None

    def fields(self) -> Mapping[str, LeadField]:
        """By schema name. Raises what a read raises; then the next call tries again."""
        with self._lock:
            if self._fields is None:
                # Without it the options of every dropdown come along (page).
                call = call_with(self._settings, "GET", METADATA, query={"excludeOptionSets": "1"})
                self._fields = self._session.read(call, judge, fields_in)
            return self._fields
