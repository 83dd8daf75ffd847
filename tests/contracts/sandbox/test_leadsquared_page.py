"""The sandbox against LeadSquared's page "Update a Lead", value by value, and against what live clients saw besides."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests  # noqa: TID251 - the sandbox is tested with a client that is not ours

from connector.sandbox import Sandbox
from connector.sandbox.leadsquared import NO_LEAD, prospect_id

API = "/v2/LeadManagement.svc/"
BODY = [{"Attribute": "Phone", "Value": "9999999999"}, {"Attribute": "mx_City", "Value": "London"}]
"""The page's request."""
DONE = {"Status": "Success", "Message": {"AffectedRows": 1}}
"""The page's answer."""
NOBODY = prospect_id("nobody")

Ask = Callable[..., requests.Response]


@pytest.fixture
def crm() -> Iterator[Sandbox]:
    with Sandbox(leads=20, custom_fields=("mx_Own_Field", "other")) as crm:
        yield crm


@pytest.fixture
def ask(crm: Sandbox) -> Ask:
    """``ask(action, body, **query)``: one call, as the page's URL has it; ``keys`` are the two keys."""

    def ask(
        action: str, body: Any = None, *, keys: Any = ..., headers: Any = None, **query: str
    ) -> requests.Response:
        keys = {"accessKey": crm.token, "secretKey": crm.token} if keys is ... else keys
        method = "GET" if body is None else "POST"
        raw: dict[str, Any] = {"data": body} if isinstance(body, bytes) else {"json": body}
        params = {**keys, **query}
        return requests.request(
            method, crm.base_url + API + action, params=params, headers=headers, timeout=10, **raw
        )

    return ask


@pytest.fixture
def leads(crm: Sandbox) -> Any:
    return crm.vendors["leadsquared"].leads  # type: ignore[attr-defined]


@pytest.fixture
def lead(leads: Any) -> str:
    found: str = leads.ids()[3]
    return found


def test_the_request_and_the_answer_of_the_page(ask: Ask, leads: Any, lead: str) -> None:
    """The two fields have their values, "other fields won't be impacted", and the answer is the page's."""
    before = leads.row(lead)
    answer = ask("Lead.Update", BODY, leadId=lead)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.json() == DONE
    times = {name: leads.row(lead)[name] for name in ("ModifiedOn", "LeadLastModifiedOn")}
    assert leads.row(lead) == {**before, **times, "Phone": "9999999999", "mx_City": "London"}


def test_the_urls_last_parameter(ask: Ask, lead: str) -> None:
    """``postUpdatedLead=true`` is accepted and changes nothing in the answer."""
    assert ask("Lead.Update", BODY, leadId=lead, postUpdatedLead="true").json() == DONE


def test_the_keys_as_headers(crm: Sandbox, ask: Ask, lead: str) -> None:
    """Instead of the query string."""
    headers = {"x-LSQ-AccessKey": crm.token, "x-LSQ-SecretKey": crm.token}
    assert ask("Lead.Update", BODY, keys={}, headers=headers, leadId=lead).json() == DONE


@pytest.mark.parametrize(
    "keys", [{}, {"accessKey": "sandbox-token"}, {"accessKey": "sandbox-token", "secretKey": "x"}]
)
def test_401(ask: Ask, leads: Any, lead: str, keys: dict[str, str]) -> None:
    """Both keys are needed, and nothing is changed without them."""
    answer = ask("Lead.Update", BODY, keys=keys, leadId=lead)
    assert (answer.status_code, answer.json()["Status"]) == (401, "Error")
    assert leads.row(lead)["mx_City"] != "London"


@pytest.mark.parametrize(
    "body", [b"", b"x", {}, [], ["x"], [{"Attribute": "Phone"}], [{"Value": "1"}]], ids=str
)
def test_400(ask: Ask, lead: str, body: Any) -> None:
    """For a body that is not as the page specifies it."""
    assert ask("Lead.Update", body, leadId=lead).status_code == 400


def test_404(ask: Ask) -> None:
    """For an API that isn't there."""
    assert ask("Lead.Updates", BODY).status_code == 404
    assert ask("Lead.Update").status_code == 404


@pytest.mark.parametrize("status", [429, 200])
def test_429_and_what_some_accounts_answer_instead(status: int, ask: Ask, crm: Sandbox, lead: str) -> None:
    """Over 25 calls in 5 seconds, with the type that live clients see, and nothing carried out."""
    with Sandbox(book=crm.book, leadsquared_calls_per_5s=25, leadsquared_limit_status=status) as busy:
        url, keys = busy.base_url + API, {"accessKey": busy.token, "secretKey": busy.token}
        answers = [
            requests.get(url + "Leads.GetById", params={"id": lead, **keys}, timeout=10) for _ in range(26)
        ]
    assert [answer.status_code for answer in answers] == [200] * 25 + [status]
    assert [len(answer.json()) for answer in answers[:25]] == [1] * 25
    assert answers[-1].json() == {
        "Status": "Error",
        "ExceptionType": "MXAPIRateLimitExceededException",
        "ExceptionMessage": "API calls exceeded the limit of 25 in 5 second(s)",
    }


def test_500_without_a_lead(ask: Ask) -> None:
    """The example of the page on errors."""
    answer = ask("Lead.Update", BODY)
    assert answer.status_code == 500
    assert answer.json() == {
        "Status": "Error",
        "ExceptionType": "MXMandatoryAttributeMissingException",
        "ExceptionMessage": "'leadId' is mandatory for updating lead",
    }


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("mx_Nothing", "x", "MXUnknownAttributeException"),
        ("ProspectID", "x", "MXUnknownAttributeException"),
        ("Origin", "x", "MXInvalidInputException"),
        ("mx_Zip", "x" * 21, "MXInvalidInputException"),
    ],
)
def test_500_for_a_field(ask: Ask, leads: Any, lead: str, name: str, value: str, kind: str) -> None:
    """One bad field, and the whole update is refused."""
    answer = ask("Lead.Update", [*BODY, {"Attribute": name, "Value": value}], leadId=lead)
    assert (answer.status_code, answer.json()["ExceptionType"]) == (500, kind)
    assert leads.row(lead)["mx_City"] != "London"


def test_500_for_a_duplicate_and_an_unknown_lead(ask: Ask, leads: Any, lead: str) -> None:
    """A phone number of another lead; a lead that is not there."""
    assert ask("Lead.Update", BODY, leadId=leads.ids()[0]).json() == DONE
    assert ask("Lead.Update", BODY, leadId=lead).json()["ExceptionType"] == "MXDuplicateEntryException"
    assert ask("Lead.Update", BODY[1:], leadId=NOBODY).json()["ExceptionType"] == "MXInvalidInputException"


def test_the_metadata(ask: Ask) -> None:
    """Lengths are texts, and the account's own fields begin with ``mx_``."""
    fields = {each["SchemaName"]: each for each in ask("LeadsMetaData.Get", excludeOptionSets="1").json()}
    assert {"ProspectID", "EmailAddress", "Phone", "mx_City", "mx_Own_Field", "mx_Other"} <= fields.keys()
    assert (fields["Phone"]["MaxLength"], fields["mx_Notes"]["MaxLength"]) == ("10", "")
    assert (fields["Origin"]["LockAfterCreate"], fields["mx_City"]["LockAfterCreate"]) == (1, 0)
    assert [each["SchemaName"] for each in ask("LeadsMetaData.Get", schemaName="Phone").json()] == ["Phone"]


def test_a_lead_by_its_id(ask: Ask, leads: Any, lead: str) -> None:
    """A plain object in a list, and ``[]`` where there is none."""
    assert ask("Leads.GetById", id=lead).json() == [leads.show(leads.leads[lead])]
    assert ask("Leads.GetById", id=NOBODY).json() == []


def search(low: str, high: str, page: int = 1, size: int = 100) -> dict[str, Any]:
    return {
        "Parameter": {"FromDate": low, "ToDate": high},
        "Paging": {"PageIndex": page, "PageSize": size},
        "Sorting": {"ColumnName": "ProspectID", "Direction": "0"},
    }


ALWAYS = ("2000-01-01 00:00:00", "2100-01-01 00:00:00")


def test_pages_of_leads(ask: Ask, leads: Any) -> None:
    """Ordered by id, each with what a search adds, and no list behind the last page."""
    pages = [ask("Leads.RecentlyModified", search(*ALWAYS, page, 8)).json() for page in (1, 2, 3, 4)]
    assert [len(page.get("Leads", ())) for page in pages] == [8, 8, 4, 0]
    assert [page["RecordCount"] for page in pages[:3]] == [20, 20, 20]
    assert pages[3] == {"RecordCount": 0}
    rows = [
        {pair["Attribute"]: pair["Value"] for pair in lead["LeadPropertyList"]}
        for page in pages[:3]
        for lead in page["Leads"]
    ]
    assert {(row.pop("Total"), row.pop("CanUpdate")) for row in rows} == {("20", "true")}
    assert [row["ProspectID"] for row in rows] == sorted(leads.ids())
    assert {row["ProspectID"]: row for row in rows} == leads.rows()


def test_a_bound_is_its_full_second(ask: Ask, leads: Any, lead: str) -> None:
    """A lead of 08:00:04.500 is shown with 04.000, and lies between 04 and 05 but not within 04."""
    half_past = leads.leads[lead].modified.replace(microsecond=500_000)
    leads._by_time = [(half_past if each == lead else when, each) for when, each in leads.by_time()]
    leads._by_time.sort()
    leads.leads[lead].modified = half_past
    second, later = (f"{each:%Y-%m-%d %H:%M:%S}" for each in (half_past, half_past + timedelta(seconds=1)))
    assert leads.row(lead)["LeadLastModifiedOn"] == f"{second}.000"
    within = ask("Leads.RecentlyModified", search(second, second)).json()
    across = ask("Leads.RecentlyModified", search(second, later)).json()
    assert lead not in str(within)
    assert lead in str(across)


def test_an_activity_moves_one_clock_only(crm: Sandbox, leads: Any, lead: str) -> None:
    """Windows find the lead again, and its last edit is what it was; an edit moves both."""
    vendor: Any = crm.vendors["leadsquared"]
    before = leads.row(lead)
    vendor.act(lead)
    after = leads.row(lead)
    assert after["ModifiedOn"] == before["ModifiedOn"]
    assert after["LeadLastModifiedOn"] > before["LeadLastModifiedOn"]
    leads.edit(lead, {"mx_City": "London"})
    assert leads.row(lead)["ModifiedOn"] == leads.row(lead)["LeadLastModifiedOn"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        search("yesterday", "today"),
        search("2026-01-01", "2026-01-02"),
        search(*ALWAYS, 0),
        search(*ALWAYS, 1, 5001),
        search(*ALWAYS, 1, 0),
    ],
    ids=str,
)
def test_a_search_that_cannot_be(ask: Ask, body: Any) -> None:
    """A bad date or page size is a 500 with a type, like every other refusal."""
    answer = ask("Leads.RecentlyModified", body)
    assert (answer.status_code, answer.json()["ExceptionType"]) == (500, "MXInvalidInputException")


def by_ids(ids: Any, columns: Any, page: int = 1, size: int = 1000) -> dict[str, Any]:
    """The request of the page "Get Leads in Bulk by Ids"."""
    return {
        "SearchParameters": {"LeadIds": ids},
        "Columns": {"Include_CSV": columns},
        "Paging": {"PageIndex": page, "PageSize": size},
    }


def test_leads_by_their_ids(ask: Ask, leads: Any) -> None:
    """Plain objects with the columns that are asked for and no others; a lead that is not there is left out."""
    first, second, *_ = leads.ids()
    answer = ask("Leads/Retrieve/ByIds", by_ids([first, NOBODY, second], "ProspectID, CreatedOn, FirstName"))
    names = ("ProspectID", "CreatedOn", "FirstName")
    rows = [{name: leads.row(each)[name] for name in names} for each in (first, second)]
    assert (answer.status_code, answer.json()) == (200, {"RecordCount": 2, "Leads": rows})


def test_pages_of_leads_by_their_ids(ask: Ask, leads: Any) -> None:
    """The count is that of all pages."""
    pages = [
        ask("Leads/Retrieve/ByIds", by_ids(leads.ids(), "ProspectID", page, 8)).json() for page in (1, 2, 3)
    ]
    assert [page["RecordCount"] for page in pages] == [20] * 3
    assert [row["ProspectID"] for page in pages for row in page["Leads"]] == leads.ids()


@pytest.mark.parametrize(
    "body",
    [
        {},
        by_ids([], "ProspectID"),
        by_ids([NOBODY], ""),
        by_ids([NOBODY], None),
        by_ids([NOBODY] * 10_001, "ProspectID"),
        by_ids(["no id"], "ProspectID"),
        by_ids([NOBODY], "ProspectID", 0),
        by_ids([NOBODY], "ProspectID", 1, 0),
    ],
    ids=["nothing", "no ids", "blank columns", "no columns", "10,001 ids", "no id", "page 0", "size 0"],
)
def test_ids_that_cannot_be(ask: Ask, body: Any) -> None:
    """The page calls both mandatory, and allows 10,000 leads."""
    answer = ask("Leads/Retrieve/ByIds", body)
    assert (answer.status_code, answer.json()["ExceptionType"]) == (500, "MXInvalidInputException")


def bulk(*leads: tuple[str, str], option: bool | None = None) -> dict[str, Any]:
    given = [
        {
            "Fields": [
                {"Attribute": "ProspectId", "Value": lead},
                {"Attribute": "mx_City", "Value": city},
            ]
        }
        for lead, city in leads
    ]
    options = {} if option is None else {"Options": {"PushNonExistentLeadsToUnProcessedList": option}}
    return {"SearchByKey": "ProspectId", **options, "LeadPropertiesList": given}


@pytest.mark.parametrize(
    ("option", "group"), [(True, "UnProcessedLeads"), (False, "FailedLeads"), (None, "FailedLeads")]
)
def test_a_bulk_update(ask: Ask, leads: Any, option: bool | None, group: str) -> None:
    """Each lead its own values; one that is not there is named, where the option says."""
    first, second, *_ = leads.ids()
    answer = ask(
        "Lead/Bulk/UpdateV2", bulk((first, "London"), (NOBODY, "x"), (second, "Paris"), option=option)
    )
    status = answer.json()["Status"]
    assert (status["TotalCount"], status["SuccessCount"], status["Message"]) == (3, 2, "Error")
    assert answer.json()["Details"] == {
        group: [{"Identifier": "ProspectId", "IdentifierValue": NOBODY, "Reason": NO_LEAD}]
    }
    assert (leads.row(first)["mx_City"], leads.row(second)["mx_City"]) == ("London", "Paris")


def test_a_bulk_update_of_too_many_or_with_an_unknown_field(ask: Ask, leads: Any, lead: str) -> None:
    """The whole call is refused."""
    assert ask("Lead/Bulk/UpdateV2", bulk(*[(lead, "London")] * 26)).status_code == 500
    body = bulk((lead, "London"))
    body["LeadPropertiesList"][0]["Fields"].append({"Attribute": "mx_Nothing", "Value": "x"})
    assert ask("Lead/Bulk/UpdateV2", body).json()["ExceptionType"] == "MXUnknownAttributeException"
    assert leads.row(lead)["mx_City"] != "London"


def test_create_or_update(ask: Ask, leads: Any, lead: str) -> None:
    """By email address, phone number or what ``SearchBy`` names; a new lead where none is found."""
    john = [
        {"Attribute": "EmailAddress", "Value": "john.smith@acmeconsulting.co"},
        {"Attribute": "FirstName", "Value": "John"},
    ]
    made = ask("Lead.CreateOrUpdate", john).json()
    assert made == {"Status": "Success", "Message": {"Id": made["Message"]["Id"], "AffectedRows": 1}}
    assert len(leads) == 21
    assert ask("Lead.CreateOrUpdate", [*john, *BODY]).json() == made
    assert leads.row(made["Message"]["Id"])["mx_City"] == "London"
    leads.edit(lead, {"mx_Own_Field": "4711"})
    by_own = [
        {"Attribute": "mx_Own_Field", "Value": "4711"},
        {"Attribute": "mx_City", "Value": "Paris"},
        {"Attribute": "SearchBy", "Value": "mx_Own_Field"},
    ]
    assert ask("Lead.CreateOrUpdate", by_own).json()["Message"]["Id"] == lead
    assert leads.row(lead)["mx_City"] == "Paris"
    assert len(leads) == 21
    assert ask("Lead.CreateOrUpdate", BODY[1:]).status_code == 500


def test_leads_by_a_value(ask: Ask, leads: Any, lead: str) -> None:
    """The asked-for columns of the leads that have it, the newest first."""
    older, newer = leads.ids()[2], lead
    for each in (older, newer):
        leads.edit(each, {"mx_City": "London"})
    body: dict[str, Any] = {
        "Parameter": {"LookupName": "mx_City", "LookupValue": "london", "SqlOperator": "="},
        "Columns": {"Include_CSV": "ProspectID, mx_City"},
        "Sorting": {"ColumnName": "CreatedOn", "Direction": "1"},
        "Paging": {"PageIndex": 1, "PageSize": 100},
    }
    found = [{"ProspectID": each, "mx_City": "London"} for each in (newer, older)]
    assert ask("Leads.Get", body).json() == found
    body["Parameter"]["LookupName"] = "mx_Nothing"
    assert ask("Leads.Get", body).status_code == 500


def test_the_same_people_as_everywhere_else(crm: Sandbox, leads: Any) -> None:
    """Each lead of the book has an id of its own here, always the same one, and the same email and phone."""
    for lead_id, row in crm.book.rows().items():
        here = leads.row(prospect_id(lead_id))
        assert (here["EmailAddress"], here["Phone"]) == (row["email"], row["phone_number"])


def test_the_record_of_calls_names_leads_and_fields(crm: Sandbox, ask: Ask, lead: str) -> None:
    """Never a value."""
    ask("Lead.Update", BODY, leadId=lead)
    ask("Lead/Bulk/UpdateV2", bulk((lead, "Paris")))
    single, many = crm.calls
    assert (single.action, single.lead_id, single.names) == ("Lead.Update", lead, ("Phone", "mx_City"))
    assert many.action == "Lead/Bulk/UpdateV2"


@pytest.mark.parametrize("option", [{"leadsquared_calls_per_5s": -1}, {"leadsquared_limit_status": 500}])
def test_limits_that_cannot_be(option: dict[str, Any]) -> None:
    """They are refused before anything starts."""
    with pytest.raises(ValueError, match="leadsquared"):
        Sandbox(leads=1, **option)
