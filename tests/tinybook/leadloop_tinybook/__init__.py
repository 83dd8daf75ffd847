"""Tinybook, a made-up CRM: leads listed newest edit first, read and updated one by one.

- ``GET /book/leads?page=&limit=`` answers ``{success, leads, total}``, newest edit first.
- ``GET /book/leads/{id}`` answers ``{success, lead}``; ``PUT`` sets the fields that are sent, and no others.
- Errors are ``{success: false, error, field}``. The key travels in the header ``X-Key``. Times are ISO, in UTC.
"""

from connector.crm.base import Parts
from leadloop_tinybook.calls import open_session
from leadloop_tinybook.facts import CAPABILITIES, FOR_DBT
from leadloop_tinybook.reader import TinybookReader
from leadloop_tinybook.settings import TinybookSettings
from leadloop_tinybook.writer import TinybookWriter

PARTS = Parts(TinybookSettings, CAPABILITIES, TinybookReader, TinybookWriter, open_session, FOR_DBT)
