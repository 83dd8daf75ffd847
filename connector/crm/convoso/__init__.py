"""Convoso, a dialer CRM: leads read by search; updated, added and deleted one by one.

Two pages describe the API, and they disagree: the vendor's own (here "official") and a community one. What both allow is
accepted. Facts from neither were seen in live clients.

- Every call is ``POST`` with a form. The token may be in the form or in the query string (official: query).
- Errors come with HTTP 200: ``{"success": false, "code": 5001, "text": …}`` (community: ``"error"`` in place of ``"text"``).
- A search answers ``{"success": true, "data": {"total": "5310", "entries": […]}}``, or ``{"results": […]}`` (community).
- Times are naive, in the account's own zone.
"""

from connector.crm.base import Parts
from connector.crm.convoso.facts import CAPABILITIES, FOR_DBT, REFUSALS
from connector.crm.convoso.reader import ConvosoReader
from connector.crm.convoso.responses import Found
from connector.crm.convoso.settings import ConvosoSettings
from connector.crm.convoso.writer import ConvosoWriter
from connector.crm.http import Session

__all__ = ["CAPABILITIES", "PARTS", "REFUSALS", "ConvosoReader", "ConvosoSettings", "ConvosoWriter", "Found"]

PARTS = Parts(ConvosoSettings, CAPABILITIES, ConvosoReader, ConvosoWriter, Session, FOR_DBT)
