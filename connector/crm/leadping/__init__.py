"""Leadping: leads listed newest edit first and read one by one; updated by sending the whole lead back.

From the vendor's page of ``PUT /leads/{id}`` ("page"), from live clients, and from the vendor's published clients.

- ``POST /leads/all/my`` with ``{pageSize, continuationToken, includeCount, orderBy: [{field, direction}]}`` answers
  ``{items, continuationToken, pageSize, totalCount}``. The items are summaries with ``updatedAt``; a single lead has
  ``modifiedAt``, which is null until it is first modified (page).
- Whether ``PUT`` keeps or erases what its body leaves out is nowhere said, and there is no conditional update. So a lead is
  read, merged, sent whole with parts that leadloop doesn't know, and read again; see ``lead``.
- The part ``customer`` is called ``profile`` in newer versions.
- Errors are problem details with a status, ``errors`` by field and a trace id. 300 calls in 60 seconds per organisation;
  a 429 may come without ``Retry-After``.
- Times are ISO, in UTC.
"""

from connector.crm.base import Parts
from connector.crm.leadping.calls import open_session
from connector.crm.leadping.changed import Changed
from connector.crm.leadping.facts import CAPABILITIES, FOR_DBT
from connector.crm.leadping.reader import LeadpingReader
from connector.crm.leadping.responses import Listed
from connector.crm.leadping.settings import LeadpingSettings
from connector.crm.leadping.writer import LeadpingWriter

__all__ = [
    "CAPABILITIES",
    "PARTS",
    "Changed",
    "LeadpingReader",
    "LeadpingSettings",
    "LeadpingWriter",
    "Listed",
    "open_session",
]

PARTS = Parts(LeadpingSettings, CAPABILITIES, LeadpingReader, LeadpingWriter, open_session, FOR_DBT)
