"""Convoso, a dialer CRM: leads read by search; updated, added and deleted one by one.

The vendor's pages describe the API (here "official"), and so does a community one; they disagree. What both allow is accepted.
Facts from neither were seen in live clients.

- Every call is a ``POST`` with a form, which Convoso takes at each endpoint; some official pages show ``GET``. The token may be
  in the form or in the query string (official: query).
- What a code means depends on the endpoint: ``connector/documented/convoso.py``.
- Errors come with HTTP 200: ``{"success": false, "code": 5001, "text": …}`` (community: ``"error"`` in place of ``"text"``).
- A search answers ``{"success": true, "data": {"total": "5310", "entries": […]}}``, or ``{"results": […]}`` (community).
- Times are naive, in the account's own zone; a few have an offset (``2015-01-29T14:09:57-0800``).
"""

from connector.crm.base import Parts
from connector.crm.convoso.facts import CAPABILITIES, FOR_DBT
from connector.crm.convoso.reader import ConvosoReader
from connector.crm.convoso.responses import Found
from connector.crm.convoso.settings import ConvosoSettings
from connector.crm.convoso.writer import ConvosoWriter
from connector.crm.http import Session

__all__ = ["CAPABILITIES", "PARTS", "ConvosoReader", "ConvosoSettings", "ConvosoWriter", "Found"]

PARTS = Parts(ConvosoSettings, CAPABILITIES, ConvosoReader, ConvosoWriter, Session, FOR_DBT)
