"""LeadSquared's pages, its live clients, and what leadloop makes of them."""

import json
import logging
import threading
import traceback
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from connector import checks, crm
from connector.config import Secret, resolve
from connector.crm.http import Retry
from connector.crm.leadsquared import (
    CAPABILITIES,
    LeadSquaredReader,
    LeadSquaredSettings,
    LeadSquaredWriter,
    open_session,
)
from connector.crm.leadsquared.look import look
from connector.errors import (
    AuthError,
    ConfigError,
    LeadloopError,
    ModelError,
    RefusedError,
    TransientError,
    UnexpectedAnswerError,
    UnreachableError,
)
from connector.render.check import check_document, check_text
from connector.sandbox import Sandbox

BOUNDS = (datetime(2026, 3, 1, 8, 0, 0), datetime(2026, 3, 3, 17, 5, 9))
IDS = [f"{number:08}-0000-4000-8000-000000000000" for number in range(60)]
SECRETS = ("tok-access-93f1", "tok-secret-77c2")
PLANTED = (*SECRETS, "5559871234", "Planted", "Personname")
SAYS = "Planted Personname with 5559871234 is no good"


def field(name: str, label: str, **more: Any) -> dict[str, Any]:
    return {"SchemaName": name, "DisplayName": label, "DataType": "Text", "LockAfterCreate": 0, **more}


METADATA = [
    field("EmailAddress", "Email", DataType="Email", MaxLength="200"),
    field("Phone", "Phone Number", DataType="Phone", MaxLength="10"),
    field("mx_City", "City", MaxLength="6"),
    field("mx_Notes", "Notes", MaxLength=""),
    field("mx_Branch_Code", "Branch", MaxLength="20", LockAfterCreate=1),
]
DONE = {"Status": "Success", "Message": {"AffectedRows": 1}}


def error(kind: str, message: str = SAYS, status: int = 500) -> dict[str, Any]:
    body = {"Status": "Error", "ExceptionType": kind, "ExceptionMessage": message}
    return {"status": status, "json": body}


def pairs(**values: Any) -> dict[str, Any]:
    return {
        "LeadPropertyList": [
            {"Attribute": name, "Value": value, "Fields": None} for name, value in values.items()
        ]
    }


def found(*leads: dict[str, Any], total: int | None = None) -> dict[str, Any]:
    return {"RecordCount": len(leads) if total is None else total, "Leads": list(leads)}


@pytest.fixture
def make(serve: Callable[..., Any], fake_time: Any) -> Callable[..., Any]:
    """``make(kind, reply, **settings)``: a reader or a writer, and the server it talks to."""

    def build(kind: Any, *replies: Any, **given: Any) -> Any:
        server = serve(
            *(reply if isinstance(reply, dict) and "json" in reply else {"json": reply} for reply in replies)
        )
        settings = LeadSquaredSettings(
            **{
                "base_url": server.url,
                "access_key": Secret(SECRETS[0]),
                "secret_key": Secret(SECRETS[1]),
                "rate": 1000.0,
                "bulk_rate": 1000.0,
                **given,
            }
        )
        session = open_session(
            settings, retry=Retry(attempts=3), sleep=fake_time.sleep, clock=fake_time.clock
        )
        return kind(settings, session=session), server

    return build


def sent(server: Any) -> list[Any]:
    """The bodies of all calls that have one."""
    return [json.loads(each.body) for each in server.requests if each.body]


# Settings


@pytest.mark.parametrize("end", ["", "/", "/v2", "/v2/", "/v2/LeadManagement.svc", "/v2/LeadManagement.svc/"])
def test_the_host_may_be_pasted_as_leadsquared_shows_it(end: str) -> None:
    """What comes after the host is added by leadloop, so it may be there or not."""
    given = {"access_key": "a", "secret_key": "b", "base_url": "https://api-in21.leadsquared.com" + end}
    assert resolve(LeadSquaredSettings, given).base_url == "https://api-in21.leadsquared.com"


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("Yes", True), (1, True), (True, True), ("off", False), ("0", False)]
)
def test_yes_and_no_in_the_words_of_files_and_environments(text: Any, value: bool) -> None:
    """A switch is read from TOML and from the environment alike."""
    given = {"access_key": "a", "secret_key": "b", "bulk": text}
    assert resolve(LeadSquaredSettings, given).bulk is value


@pytest.mark.parametrize("text", ["", "maybe", 2, 1.0, ["true"]])
def test_anything_else_is_no_answer_to_yes_or_no(text: Any) -> None:
    """It is an error that names the setting."""
    given = {"access_key": "a", "secret_key": "b", "post_updated_lead": text}
    with pytest.raises(ConfigError, match=r"crm\.leadsquared\.post_updated_lead .* must be true or false"):
        resolve(LeadSquaredSettings, given)


def test_the_registry_gives_a_session_with_the_keys(
    serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """What the command uses sends the keys as headers too, for reads and writes."""
    server = serve({"json": []})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CRM__LEADSQUARED__BASE_URL", server.url)
    monkeypatch.setenv("CRM__LEADSQUARED__ACCESS_KEY", SECRETS[0])
    monkeypatch.setenv("CRM__LEADSQUARED__SECRET_KEY", SECRETS[1])
    with crm.account("leadsquared") as account:
        account.reader.get(IDS[0])
    crm.reader("leadsquared").get(IDS[0])
    for request in server.requests:
        assert request.headers["x-LSQ-AccessKey"] == SECRETS[0]


# Reading


def test_a_search_sends_what_the_page_says(make: Callable[..., Any]) -> None:
    """Window in UTC, a numbered page, ordered by id; the keys as headers and nowhere else."""
    reader, server = make(LeadSquaredReader, found(total=0))
    reader.search(BOUNDS, offset=40, limit=20)
    (request,) = server.requests
    assert request.path == "/v2/LeadManagement.svc/Leads.RecentlyModified"
    assert request.query == {}
    assert (request.headers["x-LSQ-AccessKey"], request.headers["x-LSQ-SecretKey"]) == SECRETS
    assert request.headers["Content-Type"] == "application/json"
    assert json.loads(request.body) == {
        "Parameter": {"FromDate": "2026-03-01 08:00:00", "ToDate": "2026-03-03 17:05:09"},
        "Paging": {"PageIndex": 3, "PageSize": 20},
        "Sorting": {"ColumnName": "ProspectID", "Direction": "0"},
    }


def test_the_keys_travel_where_the_setting_says(make: Callable[..., Any]) -> None:
    """In the query string they are in no header."""
    reader, server = make(LeadSquaredReader, [], keys_in="query")
    reader.get(IDS[0])
    (request,) = server.requests
    assert request.query == {"id": IDS[0], "accessKey": SECRETS[0], "secretKey": SECRETS[1]}
    assert not [name for name in request.headers if name.lower().startswith("x-lsq")]


def test_a_row_is_flat_and_without_what_a_search_adds(make: Callable[..., Any]) -> None:
    """Pairs become fields, a custom field set's by path; ``Total`` and ``CanUpdate`` belong to the search: they would look like edits."""
    lead = pairs(ProspectID=IDS[0], mx_City="Anytown", Score=7, Phone=None, CanUpdate="true", Total="153")
    lead["LeadPropertyList"].append(
        {"Attribute": "mx_KYC", "Value": "", "Fields": [{"Attribute": "Status", "Value": "Pending"}]}
    )
    reader, _ = make(LeadSquaredReader, found(lead, total=153))
    page = reader.search(BOUNDS)
    row = {"ProspectID": IDS[0], "mx_City": "Anytown", "Score": 7, "Phone": None}
    assert list(page.rows) == [{**row, "mx_KYC": "", "mx_KYC.Status": "Pending"}]
    assert page.total == 153


def test_a_large_page_is_the_same(make: Callable[..., Any]) -> None:
    """Answers that are decoded bit by bit give the same rows."""
    leads = [pairs(ProspectID=lead_id, mx_Notes="x" * 2_000) for lead_id in IDS]
    reader, _ = make(LeadSquaredReader, found(*leads))
    assert [reader.lead_id(row) for row in reader.search(BOUNDS).rows] == IDS


LEADS = [{"ProspectID": lead_id, "FirstName": f"N{lead_id[:8]}", "Phone": None} for lead_id in IDS[:5]]


def test_many_leads_are_asked_for_with_the_columns_of_the_first(make: Callable[..., Any]) -> None:
    """By the page's request; a lead that isn't there has no row, and the columns are those of the next one."""
    reader, server = make(LeadSquaredReader, [], LEADS[1:2], found(*LEADS[1:][::-1]))
    page = reader.get_many(IDS[:5])
    assert list(page.rows) == LEADS[1:][::-1]
    assert page.calls == 3
    assert [each.query for each in server.requests] == [{"id": IDS[0]}, {"id": IDS[1]}, {}]
    assert server.requests[2].path == "/v2/LeadManagement.svc/Leads/Retrieve/ByIds"
    assert json.loads(server.requests[2].body) == {
        "SearchParameters": {"LeadIds": IDS[:5]},
        "Columns": {"Include_CSV": "ProspectID,FirstName,Phone"},
        "Paging": {"PageIndex": 1, "PageSize": 5},
    }


@pytest.mark.parametrize(
    "shown",
    [
        [],
        LEADS[1:],
        [{**LEADS[0], "FirstName": "other"}, *LEADS[1:]],
        [{"ProspectID": IDS[0], "FirstName": "N00000000"}, *LEADS[1:]],
    ],
    ids=["nothing", "not the first", "the first with another value", "the first without a column"],
)
def test_a_group_counts_only_if_the_first_lead_looks_the_same(
    make: Callable[..., Any], shown: list[Any]
) -> None:
    """Whatever it shows of the others."""
    reader, _ = make(LeadSquaredReader, LEADS[:1], found(*shown))
    assert list(reader.get_many(IDS[:5]).rows) == []


def test_a_row_of_a_group_counts_only_with_all_columns(make: Callable[..., Any]) -> None:
    """A missing one would look as if it had been emptied; one that nobody asked for is no field of the lead."""
    short = {name: value for name, value in LEADS[1].items() if name != "Phone"}
    reader, _ = make(
        LeadSquaredReader, LEADS[:1], found(LEADS[0], short, {**LEADS[2], "Total": 3, "More": "x"})
    )
    assert list(reader.get_many(IDS[:5]).rows) == [LEADS[0], LEADS[2]]


def test_where_no_lead_is_there_no_group_is_asked_for(make: Callable[..., Any]) -> None:
    """Nobody knows the columns then."""
    reader, server = make(LeadSquaredReader, [])
    assert (list(reader.get_many(IDS[:3]).rows), len(server.requests)) == ([], 3)


def test_behind_the_last_page_nothing_is_said_about_the_total(make: Callable[..., Any]) -> None:
    """There the API counts 0 and has no list; only on the first page that means that there are no leads."""
    reader, _ = make(LeadSquaredReader, {"RecordCount": 0})
    first, later = reader.search(BOUNDS, limit=5), reader.search(BOUNDS, offset=5, limit=5)
    assert (list(first.rows), first.total) == ([], 0)
    assert (list(later.rows), later.total) == ([], None)


def test_an_offset_inside_a_page_is_covered_by_two(make: Callable[..., Any]) -> None:
    """Rows 3 to 6 of pages of four are the end of the first and the beginning of the second."""
    leads = [pairs(ProspectID=lead_id) for lead_id in IDS[:8]]
    reader, server = make(LeadSquaredReader, found(*leads[:4], total=8), found(*leads[4:], total=8))
    page = reader.search(BOUNDS, offset=3, limit=4)
    assert [reader.lead_id(row) for row in page.rows] == IDS[3:7]
    assert [json.loads(each.body)["Paging"]["PageIndex"] for each in server.requests] == [1, 2]


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        {"Leads": []},
        {"RecordCount": "1", "Leads": []},
        {"RecordCount": True, "Leads": []},
        {"RecordCount": -1, "Leads": []},
        {"RecordCount": 1},
        {"RecordCount": 1, "Leads": None},
        {"RecordCount": 1, "List": [pairs(ProspectID="x")]},
        {"RecordCount": 1, "Leads": {"0": pairs(ProspectID="x")}},
        found("x"),  # type: ignore[arg-type]
        found({"FirstName": "no id"}),
        found({"LeadPropertyList": None}),
        found({"LeadPropertyList": [{"Attribute": "ProspectID"}]}),
        found({"LeadPropertyList": [{"Value": "x"}]}),
        found({"LeadPropertyList": ["x"]}),
        {"Status": "Error", "ExceptionMessage": SAYS},
        {"Status": "Success"},
    ],
    ids=str,
)
def test_any_other_shape_of_a_search_is_an_error(make: Callable[..., Any], answer: Any) -> None:
    """A renamed key or a missing count is never an empty page."""
    reader, _ = make(LeadSquaredReader, {"json": answer})
    with pytest.raises(UnexpectedAnswerError):
        reader.search(BOUNDS)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"RecordCount": 0},
        None,
        "x",
        ["x"],
        [{}],
        [{"ProspectID": IDS[1]}],
        [{"ProspectID": IDS[0]}, {"ProspectID": IDS[0]}],
    ],
    ids=str,
)
def test_any_other_shape_of_a_lead_is_an_error(make: Callable[..., Any], answer: Any) -> None:
    """Only ``[]`` says that there is no such lead, and another lead than the one asked for is no answer."""
    reader, _ = make(LeadSquaredReader, {"json": answer})
    with pytest.raises(UnexpectedAnswerError):
        reader.get(IDS[0])


def test_one_lead(make: Callable[..., Any]) -> None:
    """It comes as a plain object in a list."""
    reader, server = make(LeadSquaredReader, [{"ProspectID": IDS[0], "mx_City": "Anytown"}])
    assert list(reader.get(IDS[0]).rows) == [{"ProspectID": IDS[0], "mx_City": "Anytown"}]
    assert server.requests[0].query == {"id": IDS[0]}


def test_the_clock_of_a_row_is_the_one_that_windows_go_by() -> None:
    """An activity moves it past the last edit; where a row doesn't show it, the last edit does."""
    reader = LeadSquaredReader(LeadSquaredSettings(access_key=Secret("a"), secret_key=Secret("b")))
    edited, moved = "2026-03-01 08:00:00.000", "2026-03-02 08:00:00.000"
    assert reader.modified_at({"ModifiedOn": edited, "LeadLastModifiedOn": moved}) == moved
    assert reader.modified_at({"ModifiedOn": edited, "LeadLastModifiedOn": None}) == edited
    assert reader.modified_at({}) is None


def test_an_id_is_found_under_the_columns_name_too() -> None:
    """Rows come from the API or from a table that was made of them."""
    reader = LeadSquaredReader(LeadSquaredSettings(access_key=Secret("a"), secret_key=Secret("b")))
    assert reader.lead_id({"ProspectID": "x"}) == reader.lead_id({"prospect_id": "x"}) == "x"
    with pytest.raises(UnexpectedAnswerError):
        reader.lead_id({"ProspectID": " "})


@pytest.mark.parametrize("given", [{"filters": {"mx_City": "Anytown"}}, {"cursor_field": "changed_at"}])
def test_what_the_search_does_not_have_is_an_error(make: Callable[..., Any], given: dict[str, Any]) -> None:
    """A filter that is silently left out would read too much."""
    reader, server = make(LeadSquaredReader, found())
    with pytest.raises(ConfigError):
        reader.search(BOUNDS, **given)
    assert server.requests == []


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (error("MXUnAuthorizedAccessException", status=401), AuthError),
        ({"status": 401, "json": {"Message": SAYS}}, AuthError),
        ({"status": 404, "json": {"Message": SAYS}}, UnreachableError),
        (error("MXInvalidInputException"), RefusedError),
        (error("MXInvalidInputException", status=200), RefusedError),
        ({"status": 400, "json": {"Message": SAYS}}, RefusedError),
        (error("MXAPIRateLimitExceededException"), TransientError),
        (error("MXAPIRateLimitExceededException", status=200), TransientError),
        (error("MXAPIRateLimitExceededException", status=429), TransientError),
        (error("NullReferenceException"), TransientError),
        ({"status": 500, "json": {}}, TransientError),
        (error("NullReferenceException", status=200), UnexpectedAnswerError),
    ],
)
def test_what_an_error_means_for_a_read(
    make: Callable[..., Any], reply: dict[str, Any], kind: type[Exception]
) -> None:
    """Refusals are final at the first call, what may be an accident is tried again, and nobody's words are repeated."""
    reader, server = make(LeadSquaredReader, reply)
    with pytest.raises(kind) as caught:
        reader.search(BOUNDS)
    assert len(server.requests) == {TransientError: 3, UnexpectedAnswerError: 3, UnreachableError: 2}.get(
        kind, 1
    )
    assert not [planted for planted in PLANTED if planted in f"{caught.value} {vars(caught.value)}"]


def test_wrong_keys_name_all_that_may_be_wrong(make: Callable[..., Any]) -> None:
    """A wrong host answers like wrong keys do."""
    reader, _ = make(LeadSquaredReader, {"status": 401, "json": {}})
    with pytest.raises(AuthError) as caught:
        reader.get(IDS[0])
    for name in ("access_key", "secret_key", "base_url"):
        assert f"crm.leadsquared.{name}" in str(caught.value)


# What is checked before anything is sent


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("mx_city", "did you mean 'mx_City'"),
        ("EmailAdress", "did you mean 'EmailAddress'"),
        ("Phone Number", "did you mean 'Phone'"),
        ("zzzzzz", "no field 'zzzzzz'."),
        ("mx_Branch_Code", "locked"),
        ("ProspectID", "which lead is meant"),
        ("SearchBy", "which lead is meant"),
    ],
)
def test_a_field_that_cannot_be_set_is_told_before_the_push(
    make: Callable[..., Any], name: str, says: str
) -> None:
    """With the nearest schema name, also for those who know the field by its display name."""
    writer, _ = make(LeadSquaredWriter, METADATA)
    with pytest.raises(ModelError, match=says):
        writer.check(["mx_City", name])


def test_the_fields_are_asked_for_once(make: Callable[..., Any]) -> None:
    """Whatever the number of checks, updates and threads; without the options of every dropdown."""
    writer, server = make(LeadSquaredWriter, METADATA, DONE)
    threads = [threading.Thread(target=writer.check, args=(["mx_City", "Phone"],)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.update(IDS[0], {"mx_City": "x"})
    first, second = server.requests
    assert (first.path, first.query) == (
        "/v2/LeadManagement.svc/LeadsMetaData.Get",
        {"excludeOptionSets": "1"},
    )
    assert second.path == "/v2/LeadManagement.svc/Lead.Update"


@pytest.mark.parametrize(
    ("kind", "rendered", "type_"),
    [
        ("Number", "Textbox", "number"),
        ("Boolean", "CheckBox", "boolean"),
        ("Date", "Date", "date"),
        ("Date", "DateTime", "timestamp"),
        ("Date", None, "timestamp"),
        ("DateTime", "DateTime", "timestamp"),
        ("Time", "Time", "text"),
        ("Select", "Dropdown", "text"),
        ("SomethingNew", "Something", "text"),
    ],
)
def test_the_metadata_says_which_types_fields_have(
    make: Callable[..., Any], kind: str, rendered: str | None, type_: str
) -> None:
    """A date has a time of day unless it is rendered as a date; what isn't known is a text."""
    shown = [
        field("mx_One", "The one", DataType=kind, **({"RenderTypeTextValue": rendered} if rendered else {}))
    ]
    reader, server = make(LeadSquaredReader, shown)
    found = reader.fields()
    assert [(each.name, each.type, each.kind, each.label) for each in found.fields] == [
        ("mx_One", type_, kind, "The one")
    ]
    assert found.calls == len(server.requests) == 1


@pytest.mark.parametrize(
    ("fields", "code", "at_fault"),
    [
        ({"mx_City": "1234567", "mx_Notes": "x"}, "MaxLength", {"mx_City"}),
        ({"mx_Branch_Code": "x"}, "LockAfterCreate", {"mx_Branch_Code"}),
        ({"mx_Branch_Code": None}, "LockAfterCreate", {"mx_Branch_Code"}),
        ({"mx_Nothing": "x", "mx_City": "x"}, "MXUnknownAttributeException", {"mx_Nothing"}),
    ],
)
def test_what_would_be_refused_is_not_sent(
    make: Callable[..., Any], fields: dict[str, str | None], code: str, at_fault: set[str]
) -> None:
    """Only the field at fault is named, and its value isn't repeated."""
    writer, server = make(LeadSquaredWriter, METADATA, DONE)
    result = writer.update(IDS[0], fields)
    assert (result.state, result.code, result.fields) == ("rejected", code, at_fault)
    assert "1234567" not in (result.reason or "")
    assert len(server.requests) == 1


def test_values_that_fit_are_sent(make: Callable[..., Any]) -> None:
    """As long as is allowed, without a limit, or of a type whose limit is not the length of what is sent."""
    writer, server = make(LeadSquaredWriter, METADATA, DONE)
    fields = {"mx_City": "Zürich", "mx_Notes": "x" * 10_000, "Phone": "+91-9845098450", "EmailAddress": None}
    assert writer.update(IDS[0], fields).state == "applied"
    (body,) = sent(server)
    assert {each["Attribute"]: each["Value"] for each in body} == {**fields, "EmailAddress": ""}


@pytest.mark.parametrize(
    ("reply", "breaks"),
    [
        (error("MXInvalidInputException"), True),
        ({"json": {"Status": "Success"}}, True),
        ({"json": []}, True),
        ({"json": [{"DisplayName": "City"}]}, True),
        ({"status": 401, "json": {}}, True),
        ({"status": 503, "json": {}}, False),
    ],
)
def test_without_the_fields_nothing_is_sent(
    make: Callable[..., Any], reply: dict[str, Any], breaks: bool
) -> None:
    """The lead is put off, and the next update asks for the fields again."""
    writer, server = make(LeadSquaredWriter, reply)
    result = writer.update(IDS[0], {"mx_City": "x"})
    assert (result.state, result.breaks) == ("deferred", breaks)
    assert {each.path.rpartition("/")[2] for each in server.requests} == {"LeadsMetaData.Get"}
    server.replies = [{"json": METADATA}, {"json": DONE}]
    assert writer.update(IDS[0], {"mx_City": "x"}).state == "applied"


# Writing


def test_an_update_sends_what_the_page_says(make: Callable[..., Any]) -> None:
    """The lead's id in the address, the fields as pairs; automations only where the setting says so."""
    for fires, more in ((False, {}), (True, {"postUpdatedLead": "true"})):
        writer, server = make(LeadSquaredWriter, METADATA, DONE, post_updated_lead=fires)
        writer.update(IDS[0], {"Phone": "9999999999", "mx_City": "London"})
        assert server.requests[1].path == "/v2/LeadManagement.svc/Lead.Update"
        assert server.requests[1].query == {"leadId": IDS[0], **more}
        assert sent(server) == [
            [{"Attribute": "Phone", "Value": "9999999999"}, {"Attribute": "mx_City", "Value": "London"}]
        ]


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (DONE, "applied"),
        ({"Status": "Success", "Message": {"AffectedRows": "1"}}, "applied"),
        ({"Status": "Success", "Message": {"AffectedRows": 0}}, "unknown"),
        ({"Status": "Success", "Message": {"AffectedRows": True}}, "unknown"),
        ({"Status": "Success", "Message": {}}, "unknown"),
        ({"Status": "Success", "Message": "1"}, "unknown"),
        ({"Status": "Success"}, "unknown"),
        ({"Status": "success", "Message": {"AffectedRows": 1}}, "unknown"),
        ({"Message": {"AffectedRows": 1}}, "unknown"),
        ({"Status": "Error", "ExceptionMessage": SAYS}, "unknown"),
        ([], "unknown"),
        ("Success", "unknown"),
        (None, "unknown"),
    ],
    ids=str,
)
def test_applied_is_only_what_the_page_shows(make: Callable[..., Any], answer: Any, state: str) -> None:
    """Success with a lead changed; every other answer at 200 says nothing."""
    writer, _ = make(LeadSquaredWriter, METADATA, {"json": answer})
    assert writer.update(IDS[0], {"mx_City": "x"}).state == state


@pytest.mark.parametrize(
    ("reply", "state", "code"),
    [
        (error("MXDuplicateEntryException"), "rejected", "MXDuplicateEntryException"),
        (error("MXDuplicateEntryException", status=200), "rejected", "MXDuplicateEntryException"),
        (error("MXNeverSeenException", status=400), "rejected", "MXNeverSeenException"),
        ({"status": 400, "json": {"Message": SAYS}}, "rejected", "400"),
        (error("MXAPIRateLimitExceededException", status=200), "deferred", None),
        (error("MXAPIRateLimitExceededException"), "deferred", None),
        ({"status": 429, "json": {"Message": SAYS}}, "deferred", None),
        ({"status": 401, "json": {"Message": SAYS}}, "deferred", None),
        ({"status": 404, "json": {"Message": SAYS}}, "deferred", None),
        (error("NullReferenceException"), "unknown", None),
        (error("NullReferenceException", status=200), "unknown", None),
        (error("MX " + SAYS), "unknown", None),
        ({"status": 500, "json": {"Message": SAYS}}, "unknown", None),
    ],
)
def test_what_an_error_means_for_a_write(
    make: Callable[..., Any], reply: dict[str, Any], state: str, code: str | None
) -> None:
    """An ``MX…`` type is the CRM's own no, a 500 without one says nothing; and nobody's words are repeated."""
    writer, _ = make(LeadSquaredWriter, METADATA, reply)
    result = writer.update(IDS[0], {"mx_City": "x"})
    assert (result.state, result.code) == (state, code)
    assert result.breaks == (reply["status"] in (401, 404))
    assert not [planted for planted in PLANTED if planted in repr(result)]


@pytest.mark.parametrize("status", [200, 429, 500])
def test_too_many_calls_slow_everybody_down(make: Callable[..., Any], status: int) -> None:
    """At whatever status it comes, the pace is halved."""
    writer, _ = make(LeadSquaredWriter, METADATA, error("MXAPIRateLimitExceededException", status=status))
    writer.update(IDS[0], {"mx_City": "x"})
    assert writer._session.pace.current == 500


@pytest.mark.parametrize(
    ("says", "at_fault"),
    [
        ("A Lead with same Phone Number already exists.", {"Phone"}),
        ("Attribute(s) does not exist - mx_City.", {"mx_City"}),
        ("Email: planted@example.com, phone number: 1", {"EmailAddress", "Phone"}),
        ("The capacity is exceeded", set()),
    ],
)
def test_the_fields_that_an_error_names_are_at_fault(
    make: Callable[..., Any], says: str, at_fault: set[str]
) -> None:
    """By schema name or display name, as whole words, and only those that were sent."""
    writer, _ = make(LeadSquaredWriter, METADATA, error("MXInvalidInputException", says))
    result = writer.update(IDS[0], {"Phone": "1", "mx_City": "x", "EmailAddress": "a@example.com"})
    assert result.fields == at_fault


@pytest.mark.parametrize("keys_in", ["header", "query"])
@pytest.mark.parametrize(
    "reply",
    [
        {"fault": "reset", "json": {}},
        {"fault": "truncated", "json": found(pairs(FirstName=SAYS))},
        error("MXInvalidInputException"),
        error("MXInvalidInputException", status=200),
        error(SAYS),
        {"status": 401, "json": {"ExceptionMessage": SAYS}},
        {"status": 404, "json": {"ExceptionMessage": SAYS}},
        {"json": found(pairs(FirstName=SAYS))},
        {"json": [{"ProspectID": SAYS, "SchemaName": SAYS, "MaxLength": SAYS}]},
    ],
    ids=str,
)
def test_nothing_tells(
    make: Callable[..., Any], caplog: pytest.LogCaptureFixture, reply: dict[str, Any], keys_in: str
) -> None:
    """Whatever goes wrong, errors, outcomes and logs hold neither a key nor a lead's data."""
    caplog.set_level(logging.DEBUG)
    values: dict[str, str | None] = {"Phone": "5559871234", "mx_Notes": "Planted Personname"}
    reader, _ = make(LeadSquaredReader, reply, keys_in=keys_in)
    writer, _ = make(LeadSquaredWriter, METADATA, reply, keys_in=keys_in)
    bulk, _ = make(LeadSquaredWriter, METADATA, reply, keys_in=keys_in, bulk=True)
    told = [repr(writer.update(IDS[0], values)), repr(writer.upsert(None, values, {}))]
    told += [repr(bulk.update_many([(IDS[0], values), (IDS[1], values)])), repr(writer), repr(reader)]
    calls: list[Callable[[], Any]] = [
        lambda: reader.search(BOUNDS),
        lambda: reader.get(IDS[0]),
        lambda: writer.find(values, {}),
    ]
    for call in calls:
        try:
            call()
        except LeadloopError as caught:
            told.append("".join(traceback.format_exception(caught)) + repr(vars(caught)))
    told += [caplog.text, *(f"{record.getMessage()} {record.args}" for record in caplog.records)]
    assert not [planted for planted in PLANTED if planted in "".join(told)]


# Many leads in a call


def bulk_answer(total: int, failed: list[str] = [], unprocessed: list[str] = [], why: str = "") -> Any:  # noqa: B006
    def entries(ids: list[str]) -> list[dict[str, str]]:
        return [{"Identifier": "ProspectId", "IdentifierValue": each, "Reason": why} for each in ids]

    return {
        "Status": {
            "TotalCount": total,
            "SuccessCount": total - len(failed) - len(unprocessed),
            "FailureCount": len(failed),
            "UnProcessedCount": len(unprocessed),
            "Message": "Error" if failed or unprocessed else "Success",
        },
        "Details": {"FailedLeads": entries(failed), "UnProcessedLeads": entries(unprocessed)},
    }


def leads(count: int) -> list[tuple[str, dict[str, str | None]]]:
    return [(lead_id, {"mx_City": "x"}) for lead_id in IDS[:count]]


def states(outcomes: Any) -> list[str]:
    return [outcome.state for outcome in outcomes]


@pytest.mark.parametrize(
    ("given", "most"), [({}, 25), ({"bulk": False}, 1), ({"post_updated_lead": True}, 1)]
)
def test_how_many_leads_a_call_takes(make: Callable[..., Any], given: dict[str, bool], most: int) -> None:
    """25, unless the setting is off; automations only fire for single updates."""
    writer, server = make(LeadSquaredWriter, METADATA, *[DONE if most == 1 else bulk_answer(2)] * 2, **given)
    assert writer.most_per_call == most
    assert states(writer.update_many(leads(2))) == ["applied", "applied"]
    assert len(sent(server)) == (2 if most == 1 else 1)


def test_a_bulk_update_sends_what_the_page_says(make: Callable[..., Any]) -> None:
    """The id is one of each lead's pairs."""
    writer, server = make(LeadSquaredWriter, METADATA, bulk_answer(2), bulk=True)
    writer.update_many([(IDS[0], {"mx_City": "x", "mx_Notes": None}), (IDS[1], {"Phone": "1"})])
    assert server.requests[1].path == "/v2/LeadManagement.svc/Lead/Bulk/UpdateV2"
    assert sent(server) == [
        {
            "SearchByKey": "ProspectId",
            "Options": {"PushNonExistentLeadsToUnProcessedList": True},
            "LeadPropertiesList": [
                {
                    "Fields": [
                        {"Attribute": "ProspectId", "Value": IDS[0]},
                        {"Attribute": "mx_City", "Value": "x"},
                        {"Attribute": "mx_Notes", "Value": ""},
                    ]
                },
                {
                    "Fields": [
                        {"Attribute": "ProspectId", "Value": IDS[1]},
                        {"Attribute": "Phone", "Value": "1"},
                    ]
                },
            ],
        }
    ]


def test_each_lead_of_a_bulk_update_has_its_own_outcome(make: Callable[..., Any]) -> None:
    """The named ones by the list they are in, the others applied; in the order given, without the server's words."""
    why = f"Lead does not exist in the system: {SAYS}"
    writer, _ = make(LeadSquaredWriter, METADATA, bulk_answer(4, [IDS[1].upper()], [IDS[3]], why), bulk=True)
    results = writer.update_many(leads(4))
    assert states(results) == ["applied", "rejected", "applied", "rejected"]
    assert [result.code for result in results] == [None, "FailedLeads", None, "UnProcessedLeads"]
    assert "there is no such lead" in results[3].reason
    assert not [planted for planted in PLANTED if planted in repr(results)]


def test_a_lead_that_a_bulk_update_refuses_is_asked_about_alone(make: Callable[..., Any]) -> None:
    """The answer of a bulk update names no field; with its own, the lead's other fields need not be given up."""
    writer, server = make(
        LeadSquaredWriter,
        METADATA,
        bulk_answer(2, [IDS[1]], why=SAYS),
        error("MXDuplicateEntryException", "A Lead with same Phone Number already exists."),
    )
    city, phone = {"mx_City": "x"}, {"Phone": "1", "mx_City": "x"}
    first, second = writer.update_many([(IDS[0], city), (IDS[1], phone)])
    assert (first.state, second.state, second.fields) == ("applied", "rejected", {"Phone"})
    assert server.requests[-1].query == {"leadId": IDS[1]}


def test_a_lead_that_was_left_out_for_no_reason_comes_later(make: Callable[..., Any]) -> None:
    """Not processed, and not because it isn't there: that may pass."""
    writer, _ = make(LeadSquaredWriter, METADATA, bulk_answer(2, [], [IDS[0]], "Timed out"), bulk=True)
    assert states(writer.update_many(leads(2))) == ["deferred", "applied"]


@pytest.mark.parametrize(
    "answer",
    [
        bulk_answer(3),
        bulk_answer(1),
        bulk_answer(2, ["somebody else"]),
        {"Status": {"TotalCount": 2, "SuccessCount": 1, "FailureCount": 1}, "Details": {}},
        {"Status": {"TotalCount": 2, "SuccessCount": 1, "FailureCount": 1}, "Details": {"FailedLeads": [{}]}},
        {
            "Status": {"TotalCount": 2, "SuccessCount": 1, "FailureCount": 1},
            "Details": {"FailedLeads": ["x"]},
        },
        {"Status": {}},
        {"Status": "Success", "Message": {"AffectedRows": 2}},
        {"Details": {}},
        [],
    ],
    ids=str,
)
def test_counts_that_do_not_add_up_prove_nothing(make: Callable[..., Any], answer: Any) -> None:
    """A lead is applied only where the answer accounts for all of them."""
    writer, _ = make(LeadSquaredWriter, METADATA, {"json": answer}, bulk=True)
    assert states(writer.update_many(leads(2))) == ["unknown", "unknown"]


def test_a_named_lead_is_refused_even_where_the_rest_is_unknown(make: Callable[..., Any]) -> None:
    """What the answer does say holds, and its own update says why."""
    writer, _ = make(
        LeadSquaredWriter, METADATA, bulk_answer(5, [IDS[1]]), error("MXInvalidInputException"), bulk=True
    )
    assert states(writer.update_many(leads(3))) == ["unknown", "rejected", "unknown"]


def test_a_bulk_call_that_is_refused_as_a_whole_is_taken_apart(make: Callable[..., Any]) -> None:
    """Nothing was carried out, so that each lead can be sent on its own, and only the bad one is rejected."""
    bad = error("MXInvalidInputException")
    writer, server = make(LeadSquaredWriter, METADATA, bad, DONE, bad, DONE, bulk=True)
    assert states(writer.update_many(leads(3))) == ["applied", "rejected", "applied"]
    assert len(sent(server)) == 4


@pytest.mark.parametrize(
    ("reply", "state"),
    [
        (error("MXAPIRateLimitExceededException", status=200), "deferred"),
        ({"status": 401, "json": {}}, "deferred"),
        ({"status": 500, "json": {}}, "unknown"),
    ],
)
def test_any_other_end_of_a_bulk_call_is_that_of_all_its_leads(
    make: Callable[..., Any], reply: dict[str, Any], state: str
) -> None:
    """One call, and nothing is sent again."""
    writer, server = make(LeadSquaredWriter, METADATA, reply, bulk=True)
    assert states(writer.update_many(leads(2))) == [state, state]
    assert len(sent(server)) == 1


def test_more_leads_than_a_call_takes_are_several_calls(make: Callable[..., Any]) -> None:
    """60 leads are 25, 25 and 10."""
    answers = [bulk_answer(count) for count in (25, 25, 10)]
    writer, server = make(LeadSquaredWriter, METADATA, *answers, bulk=True)
    assert states(writer.update_many(leads(60))) == ["applied"] * 60
    assert [len(body["LeadPropertiesList"]) for body in sent(server)] == [25, 25, 10]


def test_what_would_be_refused_stays_out_of_a_bulk_call(make: Callable[..., Any]) -> None:
    """One bad field would take the other leads with it."""
    writer, server = make(LeadSquaredWriter, METADATA, bulk_answer(2), bulk=True)
    given = leads(2)
    given[1:1] = [("a", {"mx_City": "much too long"}), ("b", {}), ("c", {"ProspectID": "x"})]
    assert states(writer.update_many(given)) == ["applied", "rejected", "applied", "rejected", "applied"]
    assert [len(body["LeadPropertiesList"]) for body in sent(server)] == [2]


# Upserts

MADE = {"Status": "Success", "Message": {"Id": IDS[5], "AffectedRows": 1}}


def test_an_upsert_sends_what_the_page_says(make: Callable[..., Any]) -> None:
    """The fields as pairs, and what to look for a lead by only where it was given; the outcome has the id."""
    fields = {"EmailAddress": "a@example.com", "mx_City": "x"}
    writer, server = make(LeadSquaredWriter, METADATA, MADE, post_updated_lead=True)
    assert "upsert" in writer.capabilities.modes
    for options in ({}, {"SearchBy": "mx_City"}):
        result = writer.upsert(None, fields, options)
        assert (result.state, result.lead_id) == ("applied", IDS[5])
    assert server.requests[1].path == "/v2/LeadManagement.svc/Lead.CreateOrUpdate"
    assert server.requests[1].query == {"postUpdatedLead": "true"}
    first, second = sent(server)
    assert first == [
        {"Attribute": "EmailAddress", "Value": "a@example.com"},
        {"Attribute": "mx_City", "Value": "x"},
    ]
    assert second == [*first, {"Attribute": "SearchBy", "Value": "mx_City"}]


def test_an_upsert_of_a_known_lead_is_an_update(make: Callable[..., Any]) -> None:
    """Its id says which lead is meant, so that no other one can be found."""
    writer, server = make(LeadSquaredWriter, METADATA, DONE)
    assert writer.upsert(IDS[0], {"mx_City": "x"}, {}).state == "applied"
    assert server.requests[1].query == {"leadId": IDS[0]}


@pytest.mark.parametrize(
    ("fields", "options"),
    [
        ({"mx_City": "x"}, {}),
        ({"EmailAddress": " ", "Phone": None}, {}),
        ({"EmailAddress": "a@example.com"}, {"SearchBy": "Phone"}),
    ],
)
def test_an_upsert_that_nobody_could_recognise_is_not_sent(
    make: Callable[..., Any], fields: dict[str, str | None], options: dict[str, str]
) -> None:
    """It would make a new lead every time."""
    writer, server = make(LeadSquaredWriter, METADATA, MADE)
    assert writer.upsert(None, fields, options).state == "rejected"
    assert server.requests == []


@pytest.mark.parametrize(
    ("reply", "state"),
    [
        (DONE, "unknown"),
        ({"Status": "Success", "Message": {"Id": "", "AffectedRows": 1}}, "unknown"),
        (error("MXDuplicateEntryException"), "rejected"),
        ({"status": 500, "json": {}}, "unknown"),
    ],
)
def test_how_an_upsert_may_end(make: Callable[..., Any], reply: Any, state: str) -> None:
    """Applied only where the answer says which lead it is."""
    writer, _ = make(LeadSquaredWriter, METADATA, reply)
    assert writer.upsert(None, {"EmailAddress": "a@example.com"}, {}).state == state


def test_the_lead_of_a_lost_upsert_is_looked_for_by_what_it_looks_by(make: Callable[..., Any]) -> None:
    """By each value in turn, in a body; only leads that have it count, whatever its case, and each once."""
    by_email = [
        {"ProspectID": IDS[1], "EmailAddress": "A@example.com"},
        {"ProspectID": IDS[2], "EmailAddress": None},
    ]
    by_phone = [{"ProspectID": IDS[3], "Phone": "1"}, {"ProspectID": IDS[1], "Phone": "1"}]
    writer, server = make(LeadSquaredWriter, by_email, by_phone)
    fields = {"EmailAddress": "a@example.com", "Phone": "1", "mx_City": "x"}
    assert writer.find(fields, {}) == [IDS[1], IDS[3]]
    first, second = sent(server)
    assert server.requests[0].path == "/v2/LeadManagement.svc/Leads.Get"
    assert first == {
        "Parameter": {"LookupName": "EmailAddress", "LookupValue": "a@example.com", "SqlOperator": "="},
        "Columns": {"Include_CSV": "ProspectID,EmailAddress"},
        "Sorting": {"ColumnName": "CreatedOn", "Direction": "1"},
        "Paging": {"PageIndex": 1, "PageSize": 25},
    }
    assert second["Parameter"]["LookupName"] == "Phone"
    server.replies = [{"json": []}]
    assert writer.find(fields, {"SearchBy": "mx_City"}) == []
    assert sent(server)[2]["Parameter"] == {"LookupName": "mx_City", "LookupValue": "x", "SqlOperator": "="}


@pytest.mark.parametrize("answer", [{}, {"RecordCount": 0}, None, ["x"], [{"Phone": "1"}]], ids=str)
def test_any_other_shape_of_found_leads_is_an_error(make: Callable[..., Any], answer: Any) -> None:
    """Only ``[]`` says that there is none."""
    writer, _ = make(LeadSquaredWriter, {"json": answer})
    with pytest.raises(UnexpectedAnswerError):
        writer.find({"Phone": "1"}, {})


def test_the_capabilities_are_those_of_the_page() -> None:
    """5,000 leads a page, and an id that no push sets."""
    assert (CAPABILITIES.page_size, CAPABILITIES.id_fields) == (5000, ("ProspectID",))
    assert set(CAPABILITIES.id_fields) <= CAPABILITIES.protected_fields


# What check finds out


def findings(sandbox: Sandbox, **given: Any) -> dict[str, Any]:
    settings = LeadSquaredSettings(
        **{
            "base_url": sandbox.base_url,
            "access_key": Secret(sandbox.token),
            "secret_key": Secret(sandbox.token),
            **given,
        }
    )
    with closing(open_session(settings, retry=Retry(attempts=1))) as session:
        return {each.name: each for each in look(settings, session)}


def test_other_object_types_than_leads_are_told_of() -> None:
    """They are a note, not an error; an account without them, and one that can't be asked, say so."""
    with Sandbox(leads=1, leadsquared_object_types=("OT_1", "OT_3")) as sandbox:
        found = findings(sandbox)["object types"]
        assert found.warning
        assert "(OT_0): OT_1, OT_3." in found.message
        sandbox.faults.add("status", 500, path="LeadsMetaData")
        assert "could not be found out" in findings(sandbox)["object types"].message
    with Sandbox(leads=1) as sandbox:
        assert (findings(sandbox)["object types"].message, findings(sandbox)["object types"].warning) == (
            "leads only",
            False,
        )


def test_a_plan_that_nobody_named_is_told_of() -> None:
    """Else it says how fast leadloop will call."""
    with Sandbox(leads=1) as sandbox:
        assert findings(sandbox)["plan"].warning
        plain = findings(sandbox, plan="lite")["plan"]
        assert (plain.message, plain.warning) == ("0.36 calls and 0.18 bulk calls a second at most", False)


@pytest.mark.parametrize(
    ("host", "odd"),
    [("api.leadsquared.com", False), ("API-IN21.leadsquared.com", False), ("run.leadsquared.com", True)],
)
def test_a_host_that_is_no_regions_is_told_of(make: Callable[..., Any], host: str, odd: bool) -> None:
    """It names those there are."""
    _, server = make(LeadSquaredReader, [])
    settings = LeadSquaredSettings(
        base_url=server.url, access_key=Secret("a"), secret_key=Secret("b"), rate=1000.0
    )
    with closing(open_session(settings)) as session:
        elsewhere = replace(settings, base_url=f"https://{host}")
        found = {each.name: each for each in look(elsewhere, session)}
    assert ("host" in found) == odd
    assert not odd or "api-us11.leadsquared.com, api-in21.leadsquared.com" in found["host"].message


def test_check_shows_notes_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """They are fine, and marked in the text and in the document."""
    monkeypatch.chdir(tmp_path)
    with Sandbox(leads=3, leadsquared_object_types=("OT_1",)) as sandbox:
        for name, value in sandbox.settings()["leadsquared"].items():
            monkeypatch.setenv(f"CRM__LEADSQUARED__{name.upper()}", value)
        found = {each.name: each for each in checks._account("leadsquared")}
        assert (found["object types"].ok, found["object types"].warning) == (True, True)
        assert (found["token"].ok, found["token"].warning) == (True, False)
        assert "note   object types: leadsquared: the account has" in str(check_text(list(found.values())))
        assert {each.name: each.warning for each in check_document(list(found.values())).checks}[
            "object types"
        ]


@pytest.mark.parametrize(
    ("says", "told"),
    [
        ("Please use the host api-us11.leadsquared.com instead", "https://api-us11.leadsquared.com"),
        ("https://API-IN21.leadsquared.com/v2/ is the account's", "https://api-in21.leadsquared.com"),
        ("api.leadsquared.com.example.com or evil-api.leadsquared.com", None),
        ("api.leadsquared.com, or api-us11.leadsquared.com", None),
        (SAYS, None),
    ],
)
def test_a_refusal_that_names_the_right_host_is_told(
    make: Callable[..., Any], says: str, told: str | None
) -> None:
    """Only a host of LeadSquared's, and nothing else of the text."""
    reader, _ = make(LeadSquaredReader, error("MXInvalidAccessDetailsException", says, status=401))
    with pytest.raises(AuthError) as caught:
        reader.get(IDS[0])
    assert ("it says that this is" in str(caught.value)) == (told is not None)
    assert told is None or f"it says that this is {told}." in str(caught.value)
    assert not [planted for planted in PLANTED if planted in str(caught.value)]
