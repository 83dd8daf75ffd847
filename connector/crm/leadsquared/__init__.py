"""LeadSquared: leads read by windows of time, updated one by one or, where the account's owner wants it, 25 in a call.

"Page" means the vendor's pages at apidocs.leadsquared.com; the rest was seen in live clients.

- Keys travel as headers or in the query string (page). A wrong key, and a wrong regional host, is a 401.
- What the API refuses comes as HTTP 500 (page) or 200 (seen) with ``{"Status": "Error", "ExceptionType": "MX…", …}``. An
  ``MX…`` type is an answer to this very request and does not pass, except the one that says "too many calls".
- Reads filter by ``LeadLastModifiedOn``, which any activity moves too; ``ModifiedOn`` is the last edit (seen).
- Times are UTC (page). They are kept in fractions of a second and shown without, and a bound means its full second
  (seen): windows that don't share their boundary second lose leads.
"""

from connector.crm.base import Parts
from connector.crm.leadsquared.calls import open_session
from connector.crm.leadsquared.facts import CAPABILITIES, FOR_DBT
from connector.crm.leadsquared.look import look
from connector.crm.leadsquared.metadata import Metadata
from connector.crm.leadsquared.reader import LeadSquaredReader
from connector.crm.leadsquared.settings import LeadSquaredSettings
from connector.crm.leadsquared.writer import LeadSquaredWriter

__all__ = [
    "CAPABILITIES",
    "PARTS",
    "LeadSquaredReader",
    "LeadSquaredSettings",
    "LeadSquaredWriter",
    "Metadata",
    "open_session",
]

PARTS = Parts(
    LeadSquaredSettings, CAPABILITIES, LeadSquaredReader, LeadSquaredWriter, open_session, FOR_DBT, look
)
