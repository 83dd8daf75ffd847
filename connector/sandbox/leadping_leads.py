"""The leads of the sandbox's Leadping account, as either generation of its API shows and takes them.

The older generation is that of the vendor's page of ``PUT /leads/{id}``; the newer one that of the vendor's typed client,
1.0.83. What the book doesn't say comes of the lead's number.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from connector.sandbox.book import Lead
from connector.sandbox.documents import Doc, Document

Generation = Literal["newer", "older"]

# fmt: off
OLDER_METADATA = (
    "trustedFormUrl", "utmSource", "utmMedium", "utmCampaign", "utmTerm", "utmContent", "referrer", "landingPage",
    "subId", "pubId", "ipAddress", "userAgent", "externalId", "sellerLeadId", "createdAt", "price", "directPostPrice",
    "product", "vertical", "complianceStatus", "complianceBlockedReason", "sourceMetadata", "origin", "importBatchId",
    "isImported", "assignedPhoneNumberId", "smsConsentStatus", "smsOptedOut", "smsOptOutAt", "smsOptInAt",
    "smsHelpRequestedAt", "smsConsentPhoneNumber", "userId", "businessId",
)
NEWER_METADATA = (
    "assignedPhoneNumberId", "captureIpAddress", "captureUserAgent", "capturedAt", "complianceBlockedReason",
    "complianceStatus", "consentAttested", "consentCertificateType", "consentCertificateUrl",
    "consentVerificationStatus", "createdAt", "currency", "directPostPrice", "externalId", "importBatchId",
    "intakeIdempotencyKey", "ipAddress", "isImported", "landingPage", "leadpingConsentCheckedAt", "organizationId",
    "origin", "price", "product", "pubId", "referrer", "sellerLeadId", "smsConsentPhoneNumber", "smsConsentStatus",
    "smsHelpRequestedAt", "smsOptInAt", "smsOptOutAt", "smsOptedOut", "sourceMetadata", "subId", "trustedFormCheckedAt",
    "trustedFormRejectedAt", "userAgent", "utmCampaign", "utmContent", "utmMedium", "utmSource", "utmTerm", "vertical",
)
STREET = ("line1", "line2", "city", "state", "province", "region", "postalCode", "country", "additionalInfo")
CUSTOMER = (
    "height", "weight", "birthDate", "income", "isHomeowner", "monthsAtResidence", "creditScore", "hasBankruptcy",
    "numberOfDependents", "hasMedicalCondition",
)
QUALIFICATION = (
    "creditScore", "employmentType", "hasBankruptcy", "hasMedicalCondition", "height", "income", "incomeCurrency",
    "isHomeowner", "maritalStatus", "monthsAtResidence", "numberOfDependents", "weight",
)
# fmt: on
FLAGS = frozenset(
    {"enabled", "isImported", "smsOptedOut", "isValid", "isHomeowner", "hasBankruptcy", "hasMedicalCondition"}
    | {"consentAttested"}
)
WHOLE_NUMBERS = frozenset(
    {"height", "weight", "income", "monthsAtResidence", "creditScore", "numberOfDependents", "employeeCount"}
)
NUMBERS = frozenset({"price", "directPostPrice", "budgetMinimum", "budgetMaximum", "latitude", "longitude"})
LISTS = frozenset({"tagIds", "tagNames", "contactPreferences.callbackWindows"})
OLDER_PARTS = ("metadata", "contact", "customer", "adminEnablementOverride")
NEWER_PARTS = (
    "metadata", "contact", "profile", "company", "contactPreferences", "customFields", "inquiry", "serviceAddress",
)  # fmt: skip
"""What an update takes, besides ``enabled`` and tags."""
ARCHIVED = {
    "archivedAt": None,
    "archivedByUserId": None,
    "archiveReason": None,
    "archiveNote": None,
    "isArchived": False,
}
OLDER_ANSWERS: Doc = {**ARCHIVED, "currentDisposition": None}
NEWER_ANSWERS: Doc = {
    **ARCHIVED,
    "deletedAt": None,
    "deletedByUserId": None,
    "isDemo": False,
    "assignedTo": None,
    "assignedToUserId": None,
    "phoneIdentity": None,
    "processingStatus": "Ready",
    "processingStatusReason": None,
    "processingStatusChangedAt": None,
    "currentLeadStatus": None,
}


def body(lead: Lead, generation: Generation, tag: Callable[[str], Doc]) -> Doc:
    """The book's lead as this API keeps it; ``tag`` gives the organisation's tag of a name."""
    tags = [tag(name) for name in ("new", "web form")[: lead.id % 3]]
    shared: Doc = {
        "metadata": _metadata(lead, generation),
        "contact": _contact(lead, generation),
        "enabled": True,
        "tags": tags,
    }
    if generation == "older":
        return {
            **shared,
            "customer": dict.fromkeys(CUSTOMER) | {"birthDate": _birth(lead)} | _customer(lead),
            "adminEnablementOverride": None,
            **OLDER_ANSWERS,
        }
    return {
        **shared,
        "profile": {
            "birthDate": _birth(lead),
            "gender": None,
            "qualification": dict.fromkeys(QUALIFICATION) | _customer(lead),
        },
        "company": {
            "name": lead.get("std_company_name"),
            "industry": None,
            "jobTitle": None,
            "website": None,
            "employeeCount": lead.id % 50,
        },
        "contactPreferences": {"language": "en", "channel": "Sms", "callbackWindows": []},
        "customFields": {"score": lead.id % 100 + 0.5, "note": f"note {lead.id}", "interests": ["a", 1]},
        "inquiry": {
            "service": lead.get("plan_interest"),
            "description": None,
            "urgency": "Soon" if lead.id % 2 else "Flexible",
            "desiredStartDate": None,
            "budgetMinimum": None,
            "budgetMaximum": lead.id % 900 + 0.25,
            "currency": "USD",
        },
        "serviceAddress": _address(lead),
        **NEWER_ANSWERS,
    }


def _metadata(lead: Lead, generation: Generation) -> Doc:
    found: Doc = dict.fromkeys(OLDER_METADATA if generation == "older" else NEWER_METADATA)
    found |= {
        "externalId": str(lead.id),
        "createdAt": time_text(datetime.fromtimestamp(lead.created, UTC)),
        "utmSource": lead.get("source_id"),
        "price": None if lead.id % 3 else lead.id % 40 + 0.5,
        "product": lead.get("plan_interest"),
        "isImported": lead.id % 20 == 0,
        "smsOptedOut": False,
    }
    if generation == "older":
        nested = {"list": lead.get("list_id"), "rank": lead.id % 7, "seen": {"count": lead.id % 5}}
        return found | {"sourceMetadata": nested}
    texts = {"list": str(lead.get("list_id")), "rank": str(lead.id % 7)}
    return found | {
        "sourceMetadata": texts,
        "organizationId": "organisation-1",
        "consentAttested": lead.id % 2 == 0,
    }


def _contact(lead: Lead, generation: Generation) -> Doc:
    digits = lead.get("phone_number") or ""
    found: Doc = {"lookup": None} if generation == "older" else {"phoneIdentityId": None}
    return {
        "firstName": lead.get("first_name"),
        "lastName": lead.get("last_name"),
        "streetAddress": _address(lead),
        "coordinate": {"latitude": 34.05 + lead.id % 90 / 100, "longitude": -118.25},
        "timeZoneId": "America/Los_Angeles",
        "phone": {"number": f"+1{digits}" if digits else None, "type": "mobile", **found},
        "email": lead.get("email"),
        **({} if generation == "older" else {"avatarUrl": None}),
    }


def _address(lead: Lead) -> Doc:
    sources = ("address1", "address2", "city", "state", "province", None, "postal_code", "country", None)
    return {name: lead.get(source) if source else None for name, source in zip(STREET, sources, strict=True)}


def _customer(lead: Lead) -> Doc:
    income = lead.get("monthly_revenue")
    return {
        "income": int(float(income)) * 12 if income else None,
        "isHomeowner": (None, True, False)[lead.id % 3],
    }


def _birth(lead: Lead) -> str | None:
    return lead.get("date_of_birth") or None


def summary(lead: Document, generation: Generation) -> Doc:
    """The lead as a row of the list."""
    contact, shown = lead.body.get("contact") or {}, lead.body
    row: Doc = {
        "id": lead.id,
        "firstName": contact.get("firstName"),
        "lastName": contact.get("lastName"),
        "phone": (contact.get("phone") or {}).get("number") or "",
        "email": contact.get("email") or "",
        "enabled": shown.get("enabled"),
        "isArchived": shown.get("isArchived", False),
        "tags": shown.get("tags"),
        "createdAt": time_text(lead.created),
        "updatedAt": time_text(lead.modified),
    }
    if generation == "older":
        return row
    status = shown["currentLeadStatus"]
    copied = (
        *("archivedAt", "archivedByUserId", "archiveReason", "assignedTo", "assignedToUserId", "isDemo"),
        *("processingStatus", "processingStatusReason", "processingStatusChangedAt", "currentLeadStatus"),
    )
    return {
        **row,
        **{name: shown[name] for name in copied},
        "avatarUrl": None,
        "phoneIdentityId": None,
        "status": status["displayName"] if status else "New",
        "statusTone": "neutral",
        "price": (shown.get("metadata") or {}).get("price"),
        "organization": {"id": "organisation-1", "name": "Sandbox"},
        "source": None,
    }


def misfits(sent: Mapping[str, Any], generation: Generation) -> dict[str, list[str]]:
    """Path -> what is wrong, of the values whose JSON type is not the documented one.

    The page of the older generation shows numbers as text, so there a number may also be written so.
    """
    found = {}
    for path, value in _leaves(sent):
        if value is not None and not _fits(path, value, generation):
            found[f"$.{path}"] = ["The JSON value could not be converted."]
    return found


def _fits(path: str, value: Any, generation: Generation) -> bool:
    name, part = path.rpartition(".")[2], path.partition(".")[0]
    if path in LISTS:
        return isinstance(value, list) and (part != path or all(isinstance(each, str) for each in value))
    if path.startswith("metadata.sourceMetadata"):
        return True
    if part == "customFields":
        return not isinstance(value, Mapping)
    if name in FLAGS:
        return isinstance(value, bool)
    if isinstance(value, bool | list):
        return False
    if generation == "older" or name not in NUMBERS | WHOLE_NUMBERS:
        return True
    return isinstance(value, int) or (name in NUMBERS and isinstance(value, float))


def _leaves(sent: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in sent.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def time_text(instant: datetime) -> str:
    """A time as the API writes it: ``2026-03-01T10:00:00.000000Z``."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
