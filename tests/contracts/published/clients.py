"""Every call that leadloop makes of each CRM, with whatever it lets through: what is held against the published contracts."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from connector.config import Secret
from connector.crm import convoso, leadping, leadsquared, pollybot
from connector.crm.http import Session
from connector.crm.leadping.lead import NUMBERS, WHOLE_NUMBERS
from connector.crm.leadsquared.look import look
from connector.sandbox import Sandbox
from connector.testing import QUICK
from tests.contracts.published.contract import Scene
from tests.contracts.published.convoso_leads import PHONE
from tests.contracts.published.leadping import NEWER_REQUEST, OLDER_REQUEST
from tests.contracts.published.shapes import Flag, Maybe, Moment, Number, Obj, Shape, Text

SINCE = datetime(2020, 1, 1, tzinfo=UTC)

# --- Convoso ------------------------------------------------------------------------------------------------------

WINDOW = (datetime(2026, 3, 1, 8), datetime(2026, 3, 3, 17, 5, 9))
FIELDS: dict[str, str | None] = {
    "status": "SALE",
    "notes": "a & b\nc",
    "first_name": "Zoë",
    "last_name": "Doe",
    "email": None,
    "lead_score": "88",
}
SAMPLES = (
    "0", "1", "2", "3", "4", "99", "300", "true", "false", "ASC", "desc", "MOBILE", "voip, LANDLINE",
)  # fmt: skip
CONVOSO = convoso.CAPABILITIES
OPTIONS = [
    {name: sample}
    for name, option in CONVOSO.options.items()
    for sample in SAMPLES
    if re.fullmatch(option.pattern, sample, re.IGNORECASE)
]
"""Each option of an insert, with whatever of the samples it lets through."""


def all_of_convoso(url: str, crm: Sandbox, scene: Scene, token_in: Any) -> None:
    """Every filter, cursor and option."""
    settings = convoso.ConvosoSettings(
        base_url=f"{url}/v1",
        auth_token=Secret(crm.token),
        timezone=ZoneInfo(crm.timezone),
        rate=1000.0,
        token_in=token_in,
        removals=True,
    )
    session = Session(settings, retry=QUICK)
    reader = convoso.ConvosoReader(settings, session=session)
    writer = convoso.ConvosoWriter(settings, session=session)
    for cursor in ("updated_at", "changed_at", "created_at", "last_call", "deleted_at", "archived_at"):
        for precision in ("second", "day"):
            reader.search(WINDOW, cursor_field=cursor, precision=precision, offset=40, limit=2000)
    times = {name for name in CONVOSO.search_filters if re.search(r"_(date|start|end)$", name)}
    reader.search(None, filters=dict.fromkeys(CONVOSO.search_filters - times, "1"))
    reader.search(None, filters=dict.fromkeys(times, "2026-03-01"))
    assert len(reader.search(None).rows) == len(crm.book.ids())
    (row,) = reader.get("1").rows
    assert (row["id"], row["phone_number"]) == ("1", PHONE)
    reader.recordings("1", WINDOW, offset=100)
    heard = reader.recordings("1", None)
    assert heard.total == 1
    assert heard.rows[0]["end_time"] == ""  # it goes on
    other = convoso.ConvosoReader(
        convoso.ConvosoSettings(
            base_url=f"{url}/v1",
            auth_token=Secret(crm.token),
            timezone=ZoneInfo(crm.timezone),
            rate=1000.0,
            token_in=token_in,
            recordings_path="lead/get-recordings",
        )
    )
    assert other.recordings("1", None).rows == heard.rows
    assert reader.calls(WINDOW, filters={"list_id": "333"}, offset=100).rows == []
    assert [len(each["recording"]) for each in reader.calls(None).rows if each["lead_id"] == "1"] == [1]
    new = {**FIELDS, "phone_number": f"+1 {PHONE}"}
    assert writer.update("1", FIELDS).state == "applied"
    added = writer.insert(new, {"list_id": "333"})
    assert added.state == "applied"
    for options in OPTIONS:
        writer.insert(new, {"list_id": "333", **options})
    assert writer.upsert("1", FIELDS, {}).state == "applied"
    assert writer.upsert(None, new, {"list_id": "333"}).state == "applied"
    assert added.lead_id in writer.find(new, {"list_id": "333"}, datetime.now(UTC))
    assert writer.present("upsert", new, {"list_id": "333"})
    assert writer.delete("1").state == "applied"
    assert writer.delete("1").code == "6001"
    session.close()
    other.close()


# --- LeadSquared --------------------------------------------------------------------------------------------------


def all_of_leadsquared(url: str, crm: Sandbox, scene: Scene, keys_in: Any) -> None:
    key = Secret(crm.token)
    settings = leadsquared.LeadSquaredSettings(
        base_url=url, access_key=key, secret_key=key, rate=1000.0, bulk_rate=1000.0, keys_in=keys_in
    )
    lead, other, nobody = scene["lead"], scene["other"], scene["nobody"]
    with closing(leadsquared.open_session(settings, retry=QUICK)) as session:
        reader = leadsquared.LeadSquaredReader(settings, session=session)
        writer = leadsquared.LeadSquaredWriter(settings, session=session)
        assert len(reader.search(None, limit=5).rows) == 5
        assert reader.search((datetime(2000, 1, 1), datetime(2000, 1, 2))).rows == []
        assert reader.get(other).rows
        assert not reader.get(nobody).rows
        assert len(reader.get_many([lead, other]).rows) == 2
        (merged,) = reader.search(None, cursor_field="merged_at").rows
        assert merged["merged_into"] == lead
        writer.check({"mx_City", "Phone"})
        city = {"mx_City": "Anytown", "mx_Notes": None}
        assert writer.update(lead, city).state == "applied"
        assert writer.update(nobody, city).state == "rejected"
        many = writer.update_many([(lead, city), (other, city), (nobody, city)])
        assert [each.state for each in many] == ["applied", "applied", "rejected"]
        new: dict[str, str | None] = {"EmailAddress": "new@example.com", "mx_City": "Anytown"}
        assert writer.find({**new, "Phone": scene["phone"]}, {})
        by_email = {"SearchBy": "EmailAddress"}
        assert writer.upsert(None, new, by_email).state == "applied"
        taken = {**new, "EmailAddress": "other@example.com", "Phone": scene["phone"]}
        assert writer.upsert(None, taken, by_email).code == "found"
        assert {each.name for each in look(settings, session)} == {"plan", "object types"}


# --- PollyBot -----------------------------------------------------------------------------------------------------

PUSHED: dict[str, dict[str, str | None]] = {
    "older": {
        "name": "Ann Example",
        "email": "ann@example.com",
        "phone": "+15550100",
        "source": "webinar",
        "status": "QUALIFIED",
        "metadata.score": "85",
        "metadata.tier": "hot",
        "metadata.cleared": None,
    },
    "newer": {
        "name": "Ann Example",
        "email": "ann@example.com",
        "phone": "+15550100",
        "source": "webinar",
        "status": "negotiating",
        "company": "Example Ltd",
        "message": "a message",
        "notes": "some notes",
        "priority": "HIGH",
        "urgency": "low",
        "preferredMethod": "phone",
        "discord": "ann",
        "tags": '["hot","vip"]',
        "customFields.score": "85",
        "customFields.tier": "hot",
        "customFields.cleared": None,
    },
}
"""Generation of PollyBot -> every documented field of an update, as a push gives it."""


def all_of_pollybot(url: str, crm: Sandbox, scene: Scene, leads_path: Any) -> None:
    """Reading the list and a lead, looking at the workspace, and every field that an update takes, alone and at once."""
    settings = pollybot.PollyBotSettings(
        base_url=url, api_key=Secret(crm.token), rate=1000.0, leads_path=leads_path
    )
    session = pollybot.PollyBotSession(settings, retry=QUICK)
    reader = pollybot.PollyBotReader(settings, session=session)
    writer = pollybot.PollyBotWriter(settings, session=session)
    fields = PUSHED[crm.options.pollybot_generation]
    rows = [row for page in reader.scan(None) for row in page.rows]
    assert len(rows) == crm.options.leads
    assert list(reader.scan(SINCE))
    assert list(reader.get("lead_nobody").rows) == []
    writer.check(fields)
    other = next(row["id"] for row in rows if row["id"] != scene["lead"])
    for name, value in fields.items():
        assert writer.update(other, {name: value}).state == "applied", name
    assert writer.update(other, {"email": "someone.else@example.com"}).state == "applied"
    assert writer.update(scene["lead"], fields).state == "applied"
    (shown,) = reader.get(scene["lead"]).rows
    assert shown["email"] == "ann@example.com"
    session.close()


# --- Leadping -----------------------------------------------------------------------------------------------------


def documented(shape: Shape, prefix: str = "") -> Iterator[tuple[str, Shape]]:
    """Every field of a request that is no object, by its path, and what it holds."""
    while isinstance(shape, Maybe):
        shape = shape.shape
    if isinstance(shape, Obj) and shape.keys:
        for name, inner in shape.keys.items():
            yield from documented(inner, f"{prefix}{name}.")
    else:
        yield prefix.removesuffix("."), shape


def fitting(name: str, shape: Shape) -> str | None:
    """A text that a push could have for this field; ``None`` for one that no push sets."""
    if "coordinate." in name or name in ("id", "tagIds"):
        return None
    if name in (
        "metadata.organizationId",
        "contactPreferences.callbackWindows",
        "contact.phone.phoneIdentityId",
    ):
        return None
    if isinstance(shape, Text):
        special = {"email": "ann@example.com", "number": "+15550100199"}
        return shape.words[-1] if shape.words else special.get(name.rpartition(".")[2], "a text")
    if isinstance(shape, Flag):
        return "true"
    if isinstance(shape, Moment):
        return "2026-03-01" if shape.only_date else "2026-03-01T10:00:00Z"
    if isinstance(shape, Number) or name in NUMBERS:
        return "85" if name in WHOLE_NUMBERS else "0.5"
    return '["hot","vip"]' if name == "tagNames" else None


def all_of_leadping(url: str, crm: Sandbox, scene: Scene, _: Any) -> None:
    """Listing all leads, reading one, and every field that a request has, alone and at once."""
    settings = leadping.LeadpingSettings(base_url=url, api_key=Secret(crm.token), rate=1000.0)
    session = leadping.open_session(settings, retry=QUICK)
    reader = leadping.LeadpingReader(settings, session=session, page_size=5)
    writer = leadping.LeadpingWriter(settings, session=session)
    is_older = crm.options.leadping_generation == "older"
    request = OLDER_REQUEST if is_older else NEWER_REQUEST
    found = ((name, fitting(name, shape)) for name, shape in documented(request))
    fields = {name: text for name, text in found if text is not None}
    fields |= {"metadata.sourceMetadata.score" if is_older else "customFields.tier": "hot"}
    vendor: Any = crm.vendors["leadping"]
    ids = vendor.leads.ids()
    vendor.archive(ids[3])
    writer.check(fields)
    rows = [row for page in reader.scan(None) for row in page.rows]
    assert {row["id"] for row in rows} == set(ids) - {scene["other"]}
    assert list(reader.get("nobody").rows) == []
    assert writer.update(scene["other"], {"enabled": "true"}).code == "401"
    assert writer.update(scene["lead"], fields).state == "applied"
    for name, text in fields.items():
        assert writer.update(ids[2], {name: text}).state == "applied", name
    shown = reader.get(scene["lead"]).rows[0]
    assert {name for name in fields if name not in shown} == set()
    session.close()


CLIENTS: Mapping[str, Callable[[str, Sandbox, Scene, Any], None]] = {
    "convoso": all_of_convoso,
    "leadsquared": all_of_leadsquared,
    "pollybot": all_of_pollybot,
    "leadping": all_of_leadping,
}
"""CRM -> all that leadloop asks of it, at a URL that leads to a sandbox; the last argument is one of ``WAYS``."""
WAYS: Mapping[str, tuple[str, ...]] = {
    "convoso": ("body", "query"),
    "leadsquared": ("header", "query"),
    "pollybot": ("/api/v1/leads", "/api/v1/chatbots/bot_7/leads"),
    "leadping": ("",),
}
"""CRM -> what a setting says of where a key, or the API, is."""
