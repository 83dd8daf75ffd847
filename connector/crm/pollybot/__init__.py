"""PollyBot, the API of ``sk-workspace_…`` keys: leads listed newest edit first, read and updated one by one.

From the vendor's page ("page"), from live clients, and for the newer generation from the public client that Activepieces
has for PollyBot (August 2026: "client").

- ``PUT {leads}/{id}`` changes the fields that are sent and no others; ``metadata`` is merged with what is there (page).
  Whether an object inside ``metadata`` is merged too, or replaced, is nowhere said: such a path is never sent.
- The newer generation has no ``metadata`` but flat fields, ``tags`` and an object ``customFields``, which an update replaces
  as a whole. So a lead is read before one of these is set, and what the push doesn't name goes back as it came. A lead
  tells which generation the workspace has: see ``shown``.
- ``GET {leads}?page=&limit=&sortBy=updatedAt&sortOrder=desc`` answers ``data.leads`` and ``data.pagination`` (client). Its
  rows may leave ``metadata`` out; a single ``GET`` has it.
- Errors have a code and details (page), in the newer generation also a timestamp and a request id. Statuses are lower case
  on the page; the newer generation has others, in upper case (client).
- 1,000 calls an hour per key; every answer says how many are left (seen in live clients).
- Times are ISO, in UTC.
"""

from connector.crm.base import Parts
from connector.crm.pollybot.calls import PollyBotSession
from connector.crm.pollybot.facts import CAPABILITIES, FOR_DBT
from connector.crm.pollybot.reader import PollyBotReader
from connector.crm.pollybot.settings import PollyBotSettings
from connector.crm.pollybot.writer import PollyBotWriter

__all__ = ["CAPABILITIES", "PARTS", "PollyBotReader", "PollyBotSession", "PollyBotSettings", "PollyBotWriter"]

PARTS = Parts(PollyBotSettings, CAPABILITIES, PollyBotReader, PollyBotWriter, PollyBotSession, FOR_DBT)
