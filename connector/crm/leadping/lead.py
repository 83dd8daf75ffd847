"""A Leadping lead as JSON: the names a push may use, and how values of these names become the object that is sent.

``PUT /leads/{id}`` takes an object; what it does with parts that are not in it is nowhere said, and newer versions have
parts that the page doesn't (``company``, ``customFields``, ``inquiry`` and others). So every part that the lead shows goes
back as it is, with all its types, whether it is known here or not; only what a push names is different, and only what is
known to be in answers alone is left out.

Two generations are in use, and a lead tells which one it is of: the older one shows ``customer.income`` (the page, and the
vendor's OpenAPI document of August 2026), the newer one ``profile.qualification.income`` (the vendor's typed client
1.0.83, which some of the names here come from: "client"). In between, ``profile.income`` was seen.
"""

import copy
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from connector.config import did_you_mean
from connector.crm.answers import RawRows, flat
from connector.crm.newest_first import instant
from connector.texts import is_blank

Lead = dict[str, Any]
Fields = Mapping[str, str | None]

# fmt: off
METADATA = (
    "trustedFormUrl", "utmSource", "utmMedium", "utmCampaign", "utmTerm", "utmContent", "referrer", "landingPage",
    "subId", "pubId", "ipAddress", "userAgent", "externalId", "sellerLeadId", "createdAt", "price", "directPostPrice",
    "product", "vertical", "complianceStatus", "complianceBlockedReason", "origin", "importBatchId", "isImported",
    "assignedPhoneNumberId", "smsConsentStatus", "smsOptedOut", "smsOptOutAt", "smsOptInAt", "smsHelpRequestedAt",
    "smsConsentPhoneNumber", "userId", "businessId",
)
# Client; no older version has them.
NEWER_METADATA = (
    "capturedAt", "captureIpAddress", "captureUserAgent", "consentAttested", "consentCertificateType",
    "consentCertificateUrl", "consentVerificationStatus", "currency", "intakeIdempotencyKey", "leadpingConsentCheckedAt",
    "trustedFormCheckedAt", "trustedFormRejectedAt",
)
CONTACT = (
    "firstName", "lastName", "email", "timeZoneId", "avatarUrl",
    "streetAddress.line1", "streetAddress.line2", "streetAddress.city", "streetAddress.state",
    "streetAddress.province", "streetAddress.region", "streetAddress.postalCode", "streetAddress.country",
    "streetAddress.additionalInfo",
    "phone.number", "phone.type", "phone.lookup.number", "phone.lookup.isValid",
    "phone.lookup.location.location", "phone.lookup.location.state", "phone.lookup.location.countryCode",
    "phone.lookup.location.timeZoneId", "phone.lookup.id", "phone.lookup.createdAt", "phone.lookup.modifiedAt",
)
# The last three are not on the page; published clients have them.
CUSTOMER = (
    "height", "weight", "birthDate", "income", "isHomeowner", "monthsAtResidence", "creditScore", "hasBankruptcy",
    "numberOfDependents", "hasMedicalCondition", "gender", "maritalStatus", "employmentType",
)
COMPANY = ("name", "industry", "jobTitle", "website", "employeeCount")
INQUIRY = (
    "service", "description", "urgency", "desiredStartDate", "budgetMinimum", "budgetMaximum", "currency",
)
STREET = ("line1", "line2", "city", "state", "province", "region", "postalCode", "country", "additionalInfo")
# fmt: on
CUSTOMERS = ("customer", "profile")
"""One part with two names: newer versions say ``profile``."""
QUALIFICATION = "qualification"
"""An object in ``profile`` that has all of ``CUSTOMER`` but ``PERSON`` (client)."""
PERSON = frozenset({"birthDate", "gender"})
PLACES = (f"profile.{QUALIFICATION}.", "profile.", "customer.")
"""Where a field of ``CUSTOMER`` may stand, the newest place first."""
REQUIRED = ("metadata", "contact", *CUSTOMERS)
OVERRIDE = "adminEnablementOverride"
NEWER_PARTS = ("company", "contactPreferences", "customFields", "inquiry", "serviceAddress")
"""Not on the page; the client has them."""
FREE = "metadata.sourceMetadata"
FREES = (FREE, "customFields")
"""Take any keys below them."""
TAGS = "tagNames"
ENABLED = "enabled"

NAMES = frozenset(
    [f"metadata.{name}" for name in (*METADATA, *NEWER_METADATA)]
    + [f"contact.{name}" for name in CONTACT]
    + [f"{part}.{name}" for part in CUSTOMERS for name in CUSTOMER]
    + [f"profile.{QUALIFICATION}.{name}" for name in (*CUSTOMER, "incomeCurrency") if name not in PERSON]
    + [f"company.{name}" for name in COMPANY]
    + [f"inquiry.{name}" for name in INQUIRY]
    + [f"serviceAddress.{name}" for name in STREET]
    + ["contactPreferences.language", "contactPreferences.channel"]
    + [f"{OVERRIDE}.{name}" for name in ("enabled", "reason", "updatedByUserId", "updatedAt")]
    + [ENABLED, TAGS]
)
"""Every field that a request of either generation has, by its path."""

FLAGS = frozenset(
    [
        "metadata.isImported",
        "metadata.smsOptedOut",
        "metadata.consentAttested",
        "contact.phone.lookup.isValid",
        ENABLED,
        f"{OVERRIDE}.enabled",
    ]
    + [place + name for place in PLACES for name in ("isHomeowner", "hasBankruptcy", "hasMedicalCondition")]
)
"""What is documented as true or false: known even of a lead that shows nothing there."""
WHOLE_NUMBERS = frozenset(
    [
        place + name
        for place in PLACES
        for name in ("height", "weight", "income", "monthsAtResidence", "creditScore", "numberOfDependents")
    ]
    + ["company.employeeCount"]
)
"""What is documented as a whole number of 32 bits."""
NUMBERS = WHOLE_NUMBERS | frozenset(
    ["metadata.price", "metadata.directPostPrice", "inquiry.budgetMinimum", "inquiry.budgetMaximum"]
)
"""What is documented as a number, in the OpenAPI document and in the client."""
DATES = frozenset(["inquiry.desiredStartDate", *(f"{place}birthDate" for place in PLACES)])
"""What is documented as a date."""
TIMES = frozenset(name for name in NAMES if name.endswith("At"))
"""What is documented as a time."""
LARGEST = 2**31 - 1

# fmt: off
# The first two lines are on the page, the others in the client.
ONLY_ANSWERS = frozenset({
    "createdAt", "modifiedAt", "archivedAt", "archivedByUserId", "archiveReason", "archiveNote", "isArchived",
    "currentDisposition", "tags",
    "organizationId", "deletedAt", "deletedByUserId", "isDemo", "assignedTo", "assignedToUserId", "phoneIdentity",
    "processingStatus", "processingStatusReason", "processingStatusChangedAt", "currentLeadStatus",
})
# fmt: on
"""Parts that a request doesn't have: Leadping itself sets them."""

PROTECTED = ONLY_ANSWERS | frozenset(
    {
        "id",
        "tagIds",
        "metadata.organizationId",
        "contact.coordinate",
        "contact.phone.lookup.location.coordinate",
    }
)
"""What says which lead is meant, what only answers hold, and tags otherwise than by name."""

OBJECTS = frozenset(
    path[:at]
    for path in (
        *NAMES,
        *(f"{free}.x" for free in FREES),
        "contact.coordinate.x",
        "contact.phone.lookup.location.coordinate.x",
    )
    for at, sign in enumerate(path)
    if sign == "."
) | {"currentDisposition", "currentLeadStatus", "phoneIdentity", "assignedTo"}
"""Paths that hold an object: null there is no field of its own."""

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


class UnfitError(ValueError):
    """A value can't become what the lead has there; the text says what it has to be, and never shows the value."""


@dataclass(frozen=True, slots=True)
class Merged:
    """``body`` is what a ``PUT`` sends; ``unfit``: fields that can't be set in this lead, and why."""

    body: Lead
    unfit: dict[str, str] = field(default_factory=dict)


def problem(name: str) -> str | None:
    """Why no push may set a field of this name; ``None`` where it may."""
    if name in NAMES or any(name.startswith(f"{free}.") and all(name.split(".")) for free in FREES):
        return None
    if name in PROTECTED or any(name.startswith(each + ".") for each in PROTECTED):
        return (
            f"tags are set by their names, as {TAGS!r}"
            if name.startswith("tag")
            else "Leadping itself sets it"
        )
    if name in OBJECTS:
        return f"it is an object; name a field in it, such as {inside(name)!r}"
    if name == "contactPreferences.callbackWindows":
        return "it is a list of objects, and leadloop sends it back as it is"
    return f"Leadping's leads have no such field{did_you_mean(name, NAMES)}".removesuffix("?")


def inside(name: str) -> str:
    """A field inside of this object, as an example."""
    return f"{name}.score" if name in FREES else min(each for each in NAMES if each.startswith(name + "."))


def row(lead: Mapping[str, Any]) -> Lead:
    """The lead as path -> value, with the names of its tags, in alphabetical order, as ``tagNames``."""
    found = {name: value for name, value in flat(lead).items() if value is not None or name not in OBJECTS}
    if isinstance(lead.get("tags"), list | RawRows):
        found[TAGS] = sorted(tag_names(lead), key=lambda name: (name.casefold(), name))
    return found


def tag_names(lead: Mapping[str, Any]) -> list[str]:
    return [tag["name"] for tag in _tags(lead) if isinstance(tag.get("name"), str)]


def merged(lead: Mapping[str, Any], fields: Fields) -> Merged:
    """The request that leaves everything of this lead as it is, but for ``fields``.

    Parts that only answers hold are left out, and so is what the lead doesn't show or shows as null. A required part that
    is null goes out as an empty object.
    """
    body: Lead = {"id": lead["id"]}
    for part, value in lead.items():
        if part in REQUIRED:
            body[part] = copy.deepcopy(value) if isinstance(value, dict) else {}
        elif part not in ONLY_ANSWERS and value is not None:
            body[part] = list(value) if isinstance(value, RawRows) else copy.deepcopy(value)
    tags = list(_tags(lead))
    unfit: dict[str, str] = {}
    names = tag_names(lead)
    for name, text in fields.items():
        try:
            if name == TAGS:
                names = listed_tags(text)
            else:
                for path in _paths(name, body):
                    _set(body, path, text)
        except UnfitError as wrong:
            unfit[name] = str(wrong)
    # Both, and of the same tags: whichever of them a server goes by, or both together, the lead has just these.
    wanted = {name.casefold() for name in names}
    body["tagIds"] = [
        tag["id"]
        for tag in tags
        if "id" in tag and (TAGS not in fields or str(tag.get("name")).casefold() in wanted)
    ]
    body[TAGS] = names
    return Merged(body, unfit)


def listed_tags(text: str | None) -> list[str]:
    """Names of tags out of a JSON list or a text with commas between them, each once."""
    given = (text or "").strip()
    names: list[Any] = given.split(",")
    if given.startswith("["):
        try:
            names = json.loads(given)
        except ValueError:
            names = [None]
        if not all(isinstance(name, str) for name in names):
            raise UnfitError("must be a JSON list of texts, or names with commas between them")
    return list({name.strip().casefold(): name.strip() for name in names if name.strip()}.values())


def differing(lead: Mapping[str, Any], fields: Fields) -> frozenset[str]:
    """Those of ``fields`` that this lead shows otherwise. Numbers, times and sets of tags count by what they mean."""
    return frozenset(name for name, text in fields.items() if not _shows(lead, name, text))


def vanished(before: Mapping[str, Any], after: Mapping[str, Any], fields: Fields) -> list[str]:
    """Paths that the lead had a value at, that nobody set, and that are blank now; ``tagNames`` for a tag that is gone.

    A list that has become shorter counts too. What Leadping found out about a phone number goes with the number.
    """
    had, has = (
        flat({part: lead[part] for part in lead if part not in PROTECTED}) for lead in (before, after)
    )
    set_paths = {path for name in fields for path in (name, *_aliases(name))}
    derived = "contact.phone.lookup." if "contact.phone.number" in set_paths else None
    gone = [
        path
        for path, value in had.items()
        if path not in set_paths
        and not (derived and path.startswith(derived))
        and _is_less(value, next((has[each] for each in (path, *_aliases(path)) if each in has), None))
    ]
    if TAGS not in fields and set(tag_names(before)) - set(tag_names(after)):
        gone.append(TAGS)
    return sorted(gone)


def meant(key: str, names: Iterable[str]) -> frozenset[str]:
    """Those of ``names`` that a key of a server's ``errors`` is about, such as ``$.contact.phone`` or ``Contact.Email``."""
    said = re.sub(r"^\$\.?|\[[^]]*\]", "", key).strip(".").casefold()
    if not said:
        return frozenset()
    close, loose = set(), set()
    for name in names:
        for each in (name.casefold(), *(alias.casefold() for alias in _aliases(name))):
            if said == each or said.endswith("." + each) or each.startswith(said + "."):
                close.add(name)
            elif each.endswith("." + said):
                loose.add(name)
    return frozenset(close or loose)


def _tags(lead: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    tags = lead.get("tags")
    if isinstance(tags, list | RawRows):
        yield from (tag for tag in tags if isinstance(tag, Mapping))


def _aliases(name: str) -> tuple[str, ...]:
    """The same field in the other places where it may stand."""
    bare = _bare(name)
    return () if bare is None else tuple(place + bare for place in PLACES if place + bare != name)


def _bare(name: str) -> str | None:
    """The name of a field of the customer, whichever place it is given in; ``None`` for every other field."""
    return next((name.removeprefix(place) for place in PLACES if name.startswith(place)), None)


def _paths(name: str, lead: Mapping[str, Any]) -> list[str]:
    """Where the lead has this field: in the part that it shows, or in both where it shows both."""
    if (bare := _bare(name)) is None:
        return [name]
    return [_in_part(part, bare, lead[part]) for part in CUSTOMERS if part in lead] or [name]


def _in_part(part: str, bare: str, shown: Any) -> str:
    """``profile.qualification.income``, or ``profile.income`` in a profile that shows such fields without that object."""
    fields = shown if isinstance(shown, Mapping) else {}
    is_flat = QUALIFICATION not in fields and not PERSON.issuperset(fields)
    return f"{part}.{bare}" if part == "customer" or bare in PERSON or is_flat else f"{PLACES[0]}{bare}"


def _set(body: Lead, path: str, text: str | None) -> None:
    place, key = _place(body, path)
    place[key] = _converted(place.get(key), text, path)


def _place(inside: Lead, path: str) -> tuple[Lead, str]:
    """The object and the key in it that a path means; objects on the way are made. Keys may have dots of their own."""
    while path not in inside and "." in path:
        ends = [at for at, sign in enumerate(path) if sign == "."]
        end = next((at for at in reversed(ends) if path[:at] in inside), ends[0])
        key, path = path[:end], path[end + 1 :]
        if inside.get(key) is None:
            inside[key] = {}
        if not isinstance(inside[key], dict):
            raise UnfitError("stands below a value of this lead that is no object")
        inside = inside[key]
    return inside, path


def _converted(current: Any, text: str | None, path: str) -> Any:
    """The text as the JSON type that stands there now; as the documented one where nothing does."""
    if isinstance(current, dict):
        raise UnfitError("is an object in this lead; name one of its fields")
    if text is None:
        return None
    if isinstance(current, bool) or (current is None and path in FLAGS):
        if (word := text.strip().casefold()) not in ("true", "false"):
            raise UnfitError("must be true or false")
        return word == "true"
    if isinstance(current, int | Decimal) or (current is None and path in NUMBERS):
        return _fitting(_number(text), path)
    if isinstance(current, list):
        try:
            found = json.loads(text, parse_float=Decimal)
        except ValueError:
            found = None
        if not isinstance(found, list):
            raise UnfitError("must be a JSON list, as the lead has one there")
        return found
    return text


def _fitting(number: int | Decimal | None, path: str) -> int | Decimal:
    if number is None:
        raise UnfitError("must be a number")
    if path in WHOLE_NUMBERS and not (isinstance(number, int) and abs(number) <= LARGEST):
        raise UnfitError(f"must be a whole number of at most {LARGEST:,}")
    return number


def _number(text: str) -> int | Decimal | None:
    """A whole number as such however it is written: ``85.0`` is 85, which a server's integer takes as well."""
    if not _NUMBER.fullmatch(text.strip()):
        return None
    number = Decimal(text.strip())
    # An exponent can name more digits than fit in memory.
    whole = abs(number.adjusted()) < 30 and number == number.to_integral_value()
    return int(number) if whole else number


def _shows(lead: Mapping[str, Any], name: str, text: str | None) -> bool:
    if name == TAGS:
        return {each.casefold() for each in tag_names(lead)} == {
            each.casefold() for each in listed_tags(text)
        }
    return all(_same(_at(lead, path), text) for path in _paths(name, lead))


def _at(lead: Mapping[str, Any], path: str) -> Any:
    """The value at a path, ``None`` where there is none."""
    try:
        place, key = _place(copy.deepcopy(dict(lead)), path)
    except UnfitError:
        return None
    return place.get(key)


def _same(value: Any, text: str | None) -> bool:
    if _blank(value) or text is None or is_blank(text):
        return _blank(value) and is_blank(text)
    if isinstance(value, bool):
        return text.strip().casefold() == ("true" if value else "false")
    if isinstance(value, int | Decimal):
        return _number(text) == value
    if isinstance(value, str):
        return value == text or (_moment(value) is not None and _moment(value) == _moment(text))
    try:
        return bool(json.loads(text, parse_float=Decimal) == value)
    except ValueError:
        return False


def _is_less(had: Any, has: Any) -> bool:
    """Whether something of a value is gone; a value that is another one by now is somebody's edit."""
    if isinstance(had, list) and isinstance(has, list):
        return len(has) < len(had)
    return not _blank(had) and _blank(has)


def _blank(value: Any) -> bool:
    return value is None or value in ([], {}) or (isinstance(value, str) and is_blank(value))


def _moment(text: str) -> datetime | None:
    """A date with a time of day, in UTC; a date alone is a value like any other."""
    return instant(text) if re.match(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d", text) else None


def unknown(fields: Collection[str]) -> dict[str, str]:
    """Those of ``fields`` that no push may set, and why, by name."""
    return {name: why for name in sorted(fields) if (why := problem(name)) is not None}
