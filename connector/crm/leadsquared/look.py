"""What ``leadloop check`` finds out about a LeadSquared account besides what it finds out about every account."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from connector.crm.base import Finding
from connector.crm.http import Session
from connector.crm.leadsquared.calls import call_with
from connector.crm.leadsquared.facts import HOSTS, LEAD_TYPE, METADATA, TYPE
from connector.crm.leadsquared.responses import judge, object_types_in
from connector.crm.leadsquared.settings import LeadSquaredSettings
from connector.errors import CrmError
from connector.parsing import is_loopback


def look(settings: LeadSquaredSettings, session: Session) -> Iterator[Finding]:
    """The host, the plan, and the Object Types: one call."""
    host = (urlsplit(settings.base_url).hostname or "").lower()
    if host not in HOSTS and not is_loopback(host):
        yield Finding("host", f"{host} is none of the hosts that LeadSquared names: {', '.join(HOSTS)}", True)
    if settings.plan is None and settings.calls_a_day is None:
        yield Finding(
            "plan",
            "the settings don't say which plan the account has, so the calls of the day are not counted and leadloop begins with "
            f"{settings.rate:g} calls a second; set crm.{settings.name}.plan",
            True,
        )
    else:
        yield Finding(
            "plan", f"{settings.rate:g} calls and {settings.bulk_rate:g} bulk calls a second at most"
        )
    try:
        call = call_with(settings, "GET", METADATA, query={"schemaName": TYPE})
        types = [each for each in session.read(call, judge, object_types_in) if each != LEAD_TYPE]
    except CrmError as error:
        yield Finding(
            "object types", f"which Object Types the account has could not be found out: {error}", True
        )
        return
    if types:
        yield Finding(
            "object types",
            f"the account has other Object Types than leads ({LEAD_TYPE}): {', '.join(types)}. leadloop was made for leads, and "
            f"what LeadSquared shows of other types is among them, with its type in {TYPE}. Leave them out of what you push",
            True,
        )
    else:
        yield Finding("object types", "leads only")
