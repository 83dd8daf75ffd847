"""Leadping's published leads API, as far as leadloop and its sandbox use it, as a table of our own.

PAGE: the vendor's page of ``PUT /leads/{id}``, https://leadping.ai/docs/api-reference/leads.
OPENAPI: the vendor's OpenAPI document of August 2026 (kept in github.com/api-evangelist/leadping,
openapi/_original/leadping-openapi.json): paths, parameters, statuses and types of the older generation, ``customer``.
CLIENT: the vendor's typed Python client ``leadping`` 1.0.83: requests, answers and types of the newer one, ``profile``.
"""

from collections.abc import Mapping
from typing import Any

from connector.sandbox import Sandbox
from tests.contracts.published.contract import Contract, Endpoint, Example, Keys, Scene, Wrong
from tests.contracts.published.shapes import (
    Each,
    Either,
    Flag,
    Maybe,
    Moment,
    Number,
    Obj,
    Shape,
    Text,
    Whatever,
)

OPENAPI = "github.com/api-evangelist/leadping, openapi/_original/leadping-openapi.json"
CLIENT = "the vendor's typed Python client leadping, 1.0.83"

TEXT, FLAG, TIME = Maybe(Text()), Maybe(Flag()), Maybe(Moment())
WHOLE, NUMBER = Maybe(Number(whole=True)), Maybe(Number())
OR_TEXT = Either((Number(), Text()))
"""PAGE shows numbers as texts of digits."""
CATEGORY = Maybe(
    Text(words=("Open", "Qualified", "Converted", "Lost", "Invalid", "Duplicate", "Quarantined"))
)
PROCESSING = Maybe(Text(words=("Verifying", "Validating", "Enriching", "Ready", "Invalid", "Failed")))
SOURCE = Maybe(Text(words=("User", "AI", "Automation", "System", "API")))


def _all(shape: Shape, *names: str) -> dict[str, Shape]:
    return dict.fromkeys(names, shape)


ADDRESS = Obj(
    _all(
        TEXT,
        *("line1", "line2", "city", "state", "province", "region", "postalCode", "country"),
        "additionalInfo",
    )
)
COORDINATE = Obj(_all(Number(), "latitude", "longitude"))
LOOKUP = Obj(
    {
        **_all(TEXT, "number", "id"),
        "isValid": FLAG,
        "createdAt": TIME,
        "modifiedAt": TIME,
        "location": Maybe(
            Obj(
                {
                    **_all(TEXT, "location", "state", "countryCode", "timeZoneId"),
                    "coordinate": Maybe(COORDINATE),
                }
            )
        ),
    }
)


def _contact(phone: Mapping[str, Shape], **more: Shape) -> Obj:
    return Obj(
        {
            **_all(TEXT, "firstName", "lastName", "timeZoneId", "email"),
            "streetAddress": Maybe(ADDRESS),
            "coordinate": Maybe(COORDINATE),
            "phone": Maybe(Obj(phone)),
            **more,
        }
    )


OLDER_CONTACT = _contact({**_all(TEXT, "number", "type"), "lookup": Maybe(LOOKUP)})
NEWER_CONTACT = _contact(_all(TEXT, "number", "type", "phoneIdentityId"), avatarUrl=TEXT)

SHARED_METADATA: dict[str, Shape] = {
    **_all(
        TEXT,
        *(
            "utmSource",
            "utmMedium",
            "utmCampaign",
            "utmTerm",
            "utmContent",
            "referrer",
            "landingPage",
            "subId",
        ),
        *("pubId", "ipAddress", "userAgent", "externalId", "sellerLeadId", "product", "vertical", "origin"),
        *("complianceStatus", "complianceBlockedReason", "importBatchId", "assignedPhoneNumberId"),
        *("smsConsentStatus", "smsConsentPhoneNumber"),
    ),
    **_all(TIME, "createdAt", "smsOptOutAt", "smsOptInAt", "smsHelpRequestedAt"),
    **_all(FLAG, "isImported", "smsOptedOut"),
}
OLDER_METADATA = Obj(
    {
        **SHARED_METADATA,
        **_all(TEXT, "trustedFormUrl", "userId", "businessId"),
        **_all(Maybe(OR_TEXT), "price", "directPostPrice"),
        "sourceMetadata": Maybe(Obj(others=Whatever())),
    }
)
NEWER_METADATA = Obj(
    {
        **SHARED_METADATA,
        **_all(NUMBER, "price", "directPostPrice"),
        **_all(TEXT, "captureIpAddress", "captureUserAgent", "consentCertificateUrl", "currency"),
        **_all(TEXT, "consentCertificateType", "consentVerificationStatus", "intakeIdempotencyKey"),
        **_all(
            TIME, "capturedAt", "leadpingConsentCheckedAt", "trustedFormCheckedAt", "trustedFormRejectedAt"
        ),
        "consentAttested": FLAG,
        "organizationId": TEXT,
        "sourceMetadata": Maybe(Obj(others=TEXT)),
    }
)
FLAGS = ("isHomeowner", "hasBankruptcy", "hasMedicalCondition")
WHOLE_NUMBERS = ("height", "weight", "income", "monthsAtResidence", "creditScore", "numberOfDependents")
GENDER = Maybe(Text(words=("M", "F", "NonBinary", "PreferNotToSay", "Other")))
MARRIED = Maybe(Text(words=("Married", "Single", "Widow", "Separated", "Divorced")))
EMPLOYED = Maybe(
    Text(
        words=(
            *("Employed", "PartTime", "SelfEmployed", "Contractor", "Unemployed", "Retired", "Student"),
            *("Military", "Homemaker", "Disabled", "Other"),
        )
    )
)
CUSTOMER = Obj(
    {
        **_all(Maybe(Either((Number(whole=True), Text()))), *WHOLE_NUMBERS),
        **_all(FLAG, *FLAGS),
        "birthDate": Maybe(Moment(only_date=True)),
        "gender": GENDER,
        "maritalStatus": MARRIED,
        "employmentType": EMPLOYED,
    }
)
PROFILE = Obj(
    {
        "birthDate": Maybe(Moment(only_date=True)),
        "gender": GENDER,
        "qualification": Maybe(
            Obj(
                {
                    **_all(WHOLE, *WHOLE_NUMBERS),
                    **_all(FLAG, *FLAGS),
                    "maritalStatus": MARRIED,
                    "employmentType": EMPLOYED,
                    "incomeCurrency": TEXT,
                }
            )
        ),
    }
)
SCALAR = Maybe(Either((Text(), Number(), Flag())))
NEWER_PARTS: dict[str, Shape] = {
    "company": Maybe(Obj({**_all(TEXT, "name", "industry", "jobTitle", "website"), "employeeCount": WHOLE})),
    "contactPreferences": Maybe(
        Obj(
            {
                "language": TEXT,
                "channel": Maybe(Text(words=("Email", "Phone", "Sms"))),
                "callbackWindows": Maybe(Each(Obj(_all(TEXT, "date", "start", "end")))),
            }
        )
    ),
    # "Industry-specific JSON scalar or scalar-array answers" (CLIENT)
    "customFields": Maybe(Obj(others=Either((SCALAR, Each(SCALAR))))),
    "inquiry": Maybe(
        Obj(
            {
                **_all(TEXT, "service", "description", "currency"),
                "urgency": Maybe(Text(words=("Flexible", "Soon", "Urgent"))),
                "desiredStartDate": Maybe(Moment(only_date=True)),
                **_all(NUMBER, "budgetMinimum", "budgetMaximum"),
            }
        )
    ),
    "serviceAddress": Maybe(ADDRESS),
}
TAG = Obj(_all(TEXT, "id", "name", "normalizedName", "color"), needs=("id", "name"))
OVERRIDE = Obj({**_all(TEXT, "reason", "updatedByUserId"), "enabled": FLAG, "updatedAt": TIME})
STATUS = Obj(
    {
        **_all(TEXT, "id", "outcome", "displayName", "changedByUserId", "changedByAutomationId"),
        "changedAt": TIME,
        "category": CATEGORY,
        "source": SOURCE,
        **_all(TIME, "followUpCompletedAt", "followUpDueAt"),
        "revision": WHOLE,
    }
)
ARCHIVE: dict[str, Shape] = {
    "archivedAt": TIME,
    "archivedByUserId": TEXT,
    "archiveReason": Maybe(Either((Number(whole=True), Text()))),
    "isArchived": Flag(),
}
NEWER_STATE: dict[str, Shape] = {
    "isDemo": Flag(),
    "assignedTo": Maybe(Obj(others=TEXT)),
    "assignedToUserId": TEXT,
    "processingStatus": PROCESSING,
    "processingStatusReason": TEXT,
    "processingStatusChangedAt": TIME,
    "currentLeadStatus": Maybe(STATUS),
}
TAG_IDS: dict[str, Shape] = _all(Maybe(Each(Text())), "tagIds", "tagNames")

OLDER_REQUEST = Obj(
    {
        "metadata": OLDER_METADATA,
        "contact": OLDER_CONTACT,
        "customer": CUSTOMER,
        "enabled": FLAG,
        "adminEnablementOverride": OVERRIDE,
        **TAG_IDS,
        "id": TEXT,
    },
    needs=("metadata", "contact", "customer", "tagIds", "tagNames"),
)
"""PAGE; what is required, from OPENAPI."""
NEWER_REQUEST = Obj(
    {
        "metadata": NEWER_METADATA,
        "contact": NEWER_CONTACT,
        "profile": PROFILE,
        **NEWER_PARTS,
        "enabled": FLAG,
        **TAG_IDS,
        "id": TEXT,
    },
    needs=("metadata", "contact", "tagIds", "tagNames"),
)
"""CLIENT."""
SHOWN: dict[str, Shape] = {
    "id": Text(),
    "createdAt": Moment(),
    "modifiedAt": TIME,
    "enabled": Flag(),
    "tags": Each(TAG),
    "archiveNote": TEXT,
    **ARCHIVE,
}
OLDER_LEAD = Obj(
    {
        **SHOWN,
        "metadata": Maybe(OLDER_METADATA),
        "contact": Maybe(OLDER_CONTACT),
        "customer": Maybe(CUSTOMER),
        "adminEnablementOverride": Maybe(OVERRIDE),
        "currentDisposition": Maybe(STATUS),
    },
    needs=("id", "createdAt", "tags", "customer"),
)
NEWER_LEAD = Obj(
    {
        **SHOWN,
        "metadata": Maybe(NEWER_METADATA),
        "contact": Maybe(NEWER_CONTACT),
        "profile": Maybe(PROFILE),
        **NEWER_PARTS,
        **NEWER_STATE,
        "deletedAt": TIME,
        "deletedByUserId": TEXT,
        "phoneIdentity": Maybe(Obj(others=Whatever())),
    },
    needs=("id", "createdAt", "tags", "profile"),
)
NAMED = Maybe(Obj(_all(TEXT, "id", "name")))
ROW: dict[str, Shape] = {
    **_all(TEXT, "firstName", "lastName"),
    **_all(Text(), "id", "phone", "email"),
    **_all(Moment(), "createdAt", "updatedAt"),
    "enabled": Flag(),
    "tags": Each(TAG),
    **ARCHIVE,
}
NEWER_ROW: dict[str, Shape] = {
    **ROW,
    **NEWER_STATE,
    **_all(TEXT, "avatarUrl", "phoneIdentityId", "status", "statusTone"),
    "price": NUMBER,
    "organization": NAMED,
    "source": NAMED,
}
OPTIONS = Obj(
    {
        "pageSize": Number(whole=True),
        "continuationToken": TEXT,
        "includeCount": FLAG,
        "search": TEXT,
        "searchFields": Maybe(Each(Text())),
        "orderBy": Maybe(
            Each(Obj({"field": Text(), "direction": Maybe(Text(words=("asc", "desc")))}, needs=("field",)))
        ),
        "filters": Maybe(Each(Obj({"field": Text(), "value": Whatever()}, needs=("field",)))),
        "rangeFilters": Maybe(
            Each(
                Obj(
                    {
                        "field": Text(),
                        **_all(
                            Whatever(),
                            *("greaterThan", "greaterThanOrEqual", "lessThan", "lessThanOrEqual"),
                        ),
                    },
                    needs=("field",),
                )
            )
        ),
    }
)
LIST_QUERY = {
    "archiveFilter": "active|archived|all",
    "tagIds": ".+",
    "tagMatchAll": "true|false",
    "untagged": "true|false",
}
PROBLEM = Obj(
    {
        **_all(TEXT, "type", "title", "detail", "instance", "traceId"),
        "status": WHOLE,
        "errors": Maybe(Obj(others=Each(Text()))),
    }
)
TAGS_REQUEST = Obj({**TAG_IDS, "createMissing": FLAG}, needs=("tagIds", "tagNames"))
STATUS_REQUEST: dict[str, Shape] = {
    **_all(Text(), "type", "outcome"),
    "category": CATEGORY,
    **_all(TEXT, "notes", "reason", "followUpStatus", "appointmentNotes"),
    **_all(TIME, "callbackAt", "taskDueAt", "appointmentStartAt", "appointmentEndAt"),
}
NEWER_STATUS_REQUEST: dict[str, Shape] = {
    **STATUS_REQUEST,
    "completeFollowUp": FLAG,
    "expectedCurrentStatusId": TEXT,
    "expectedRevision": WHOLE,
}
STATUS_ANSWER: dict[str, Shape] = {
    **STATUS_REQUEST,
    **_all(Text(), "id", "leadId"),
    **_all(TEXT, "oldLeadStatusChangeId", "newLeadStatusChangeId", "leadName"),
    **_all(TIME, "changedAt", "timestamp", "createdAt", "updatedAt"),
    "changeSource": SOURCE,
}


KEYS = Keys(headers={"authorization": "Bearer "})
LIST, ONE, TAGS, STATUS_PATH = "/leads/all/my", "/leads/{id}", "/leads/{id}/tags", "/leads/{leadId}/status"
ARCHIVING, UNARCHIVING = "/leads/{id}/archive", "/leads/{id}/unarchive"
PAGE_OF_LEADS = {
    "pageSize": 5,
    "includeCount": True,
    "orderBy": [{"field": "updatedAt", "direction": "desc"}],
}


def _endpoints(generation: str) -> tuple[Endpoint, ...]:
    is_older = generation == "older"
    lead, request = (OLDER_LEAD, OLDER_REQUEST) if is_older else (NEWER_LEAD, NEWER_REQUEST)
    row = Obj(ROW if is_older else NEWER_ROW, needs=("id", "createdAt", "updatedAt"))
    page = Obj(
        {
            "items": Each(row),
            "pageSize": Number(whole=True),
            "totalCount": WHOLE,
            "continuationToken": TEXT,
        },
        needs=("items",),
    )
    status = STATUS_REQUEST if is_older else NEWER_STATUS_REQUEST
    changed = STATUS_ANSWER if is_older else {**STATUS_ANSWER, "revision": WHOLE, "isDemo": FLAG}
    part = "customer" if is_older else "profile"
    whole = {
        "metadata": {"utmSource": "x"},
        "contact": {"firstName": "Ann"},
        part: {},
        "tagIds": ["$kept"],
        "tagNames": [],
    }
    tags = {"tagIds": [], "tagNames": ["hot"], "createMissing": True}
    reached = {"type": "call", "outcome": "Reached", "category": "Qualified", "notes": "spoke"}

    def endpoint(
        method: str,
        path: str,
        answer: Shape,
        codes: tuple[str, ...] = ("401", "404"),
        sent: Any = None,
        **given: Any,
    ) -> Endpoint:
        place = {"id": "$lead", "leadId": "$lead", "tagId": "$tag"}
        return Endpoint(
            path,
            (method,),
            OPENAPI if is_older else CLIENT,
            answer,
            Example(path=place, body=sent, params=given.pop("params", {})),
            dict.fromkeys((400, 401, 403, 404, 429), PROBLEM),
            dict.fromkeys(codes, ""),
            used=given.pop("used", False),
            **given,
        )

    every = ("400", "401", "404")
    archive = Obj({"reason": WHOLE, "note": Maybe(Text(500))})
    tagging: Any = {"codes": every, "sent": tags, "body": TAGS_REQUEST}
    return (
        endpoint("POST", LIST, page, ("400",), PAGE_OF_LEADS, used=True, optional=LIST_QUERY, body=OPTIONS),
        endpoint("GET", ONE, lead, used=True),
        endpoint("PUT", ONE, lead, every, whole, used=True, body=request),
        endpoint(
            *("PUT", STATUS_PATH, Obj(changed, needs=("id", "leadId")), every, reached),
            body=Obj(status, needs=("type", "outcome")),
        ),
        endpoint("POST", TAGS, lead, **tagging),
        endpoint("PUT", TAGS, lead, **tagging),
        endpoint("DELETE", f"{TAGS}/{{tagId}}", lead),
        endpoint("POST", ARCHIVING, lead, sent={"reason": 1, "note": "done"}, body=archive, needs_body=False),
        endpoint("POST", UNARCHIVING, lead),
    )


def _scene(crm: Sandbox) -> Scene:
    """Two leads of which the second is somebody else's; the first one has two tags."""
    vendor: Any = crm.vendors["leadping"]
    lead, other = vendor.leads.ids()[:2]
    vendor.others.add(other)
    tag, kept = vendor.tag("made before"), vendor.tag("kept")
    vendor.leads.replace(lead, {**vendor.leads.find(lead).body, "tags": [tag, kept]})
    return {"lead": lead, "other": other, "tag": tag["id"], "kept": kept["id"]}


def _wrong(generation: str) -> tuple[Wrong, ...]:
    found = [
        wrong
        for each in _endpoints(generation)
        if each.path != LIST
        for wrong in (
            Wrong(each.name, "401", path={"id": "$other", "leadId": "$other"}),
            Wrong(each.name, "404", path={"id": "nobody", "leadId": "nobody"}),
        )
    ]
    return (
        *found,
        Wrong(f"POST {LIST}", "400", body={"pageSize": 0.5}),
        Wrong(f"POST {LIST}", "400", {"archiveFilter": "some"}),
        Wrong(f"PUT {ONE}", "400", body={"contact": {"email": "nobody"}}),
        Wrong(f"PUT {STATUS_PATH}", "400", body={"type": "call"}),
        Wrong(f"PUT {TAGS}", "400", body={"tagIds": ["none"], "tagNames": []}),
        Wrong(f"POST {TAGS}", "400", body={"tagIds": [], "tagNames": ["unheard of"]}),
    )


def _contract(generation: str) -> Contract:
    return Contract(
        f"leadping {generation}",
        "leadping",
        _endpoints(generation),
        KEYS,
        _scene,
        lambda status, _: str(status),
        (401, "401"),
        {"leadping_generation": generation},
        _wrong(generation),
    )


CONTRACTS = {"older": _contract("older"), "newer": _contract("newer")}
"""Generation -> its calls."""
