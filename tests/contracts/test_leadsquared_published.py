"""LeadSquared's published contract against the sandbox, and against the calls of leadloop's client: a drift of any of them fails here."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jsonschema
import pytest
import requests  # noqa: TID251 - the sandbox is tested with a client that is not ours

from connector.config import Secret
from connector.crm.leadsquared import LeadSquaredReader, LeadSquaredSettings, LeadSquaredWriter, open_session
from connector.crm.leadsquared.look import look
from connector.crm.leadsquared.settings import PLANS
from connector.sandbox import Sandbox
from connector.sandbox.leadsquared import prospect_id
from connector.testing import QUICK
from tests.contracts.leadsquared_published import ENDPOINTS, ERROR, KEYS, RATE_LIMITS, Endpoint, Schema

BY_PATH = {each.path: each for each in ENDPOINTS}
NOBODY = prospect_id("nobody")


def name_of(endpoint: Endpoint) -> str:
    return endpoint.path.rpartition(".svc/")[2]


def holds(schema: Schema, document: Any) -> None:
    """``jsonschema.ValidationError`` where a document isn't as it was published."""
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(document)


@pytest.fixture
def crm() -> Iterator[Sandbox]:
    with Sandbox(leads=20) as crm:
        yield crm


@dataclass
class World:
    """The sandbox, and what there is in it to ask for."""

    crm: Sandbox
    ids: list[str] = field(default_factory=list)
    merge: str = ""
    phone: str = ""
    email: str = ""

    def __post_init__(self) -> None:
        vendor: Any = self.crm.vendors["leadsquared"]
        vendor.merge(vendor.leads.ids()[-1], vendor.leads.ids()[0])
        self.merge = vendor._merges[0].id
        self.ids = vendor.leads.ids()
        rows = vendor.leads.rows().values()
        self.phone = next(row["Phone"] for row in rows if row["Phone"])
        self.email = next(row["EmailAddress"] for row in rows if row["EmailAddress"])

    def request(self, endpoint: Endpoint) -> tuple[dict[str, str], Any]:
        """A query and a body as the endpoint's page has them."""
        always = {"FromDate": "2000-01-01 00:00:00", "ToDate": "2100-01-01 00:00:00"}
        page = {"PageIndex": 1, "PageSize": 100}
        pairs = [{"Attribute": "mx_City", "Value": "London"}]
        new = [{"Attribute": "EmailAddress", "Value": "new@example.com"}, *pairs]
        both: dict[str, tuple[dict[str, str], Any]] = {
            "LeadsMetaData.Get": ({}, None),
            "Leads.GetById": ({"id": self.ids[0]}, None),
            "Leads.GetByEmailaddress": ({"emailaddress": self.email}, None),
            "RetrieveLeadByPhoneNumber": ({"phone": self.phone}, None),
            "Leads.RecentlyModified": ({}, {"Parameter": always, "Paging": page}),
            "Leads.Get": (
                {},
                {
                    "Parameter": {"LookupName": "Phone", "LookupValue": self.phone, "SqlOperator": "="},
                    "Columns": {"Include_CSV": "ProspectID, Phone"},
                    "Paging": page,
                },
            ),
            "Leads/Retrieve/ByIds": (
                {},
                {
                    "SearchParameters": {"LeadIds": self.ids[:3]},
                    "Columns": {"Include_CSV": "ProspectID, FirstName"},
                    "Paging": page,
                },
            ),
            "Lead.Update": ({"leadId": self.ids[0]}, pairs),
            "Lead/Bulk/UpdateV2": (
                {},
                {
                    "SearchByKey": "ProspectId",
                    "Options": {"PushNonExistentLeadsToUnProcessedList": True},
                    "LeadPropertiesList": [
                        {"Fields": [{"Attribute": "ProspectId", "Value": each}, *pairs]}
                        for each in (self.ids[0], NOBODY)
                    ],
                },
            ),
            "Lead.Create": ({}, new),
            "Lead.CreateOrUpdate": ({}, [*new, {"Attribute": "SearchBy", "Value": "EmailAddress"}]),
            "RetrieveRecentlyModified": (
                {},
                {"Parameter": {**always, "ActivityEvent": 3003}, "Paging": page},
            ),
            "Retrieve": (
                {"leadId": self.ids[0]},
                {"Parameter": {"ActivityEvent": 3003}, "Paging": {"Offset": "0", "RowCount": "10"}},
            ),
            "GetMergedChildLeadsByAuditId": ({}, {"Parameter": {"MergeAuditId": self.merge}}),
        }
        return both[name_of(endpoint)]

    def ask(self, endpoint: Endpoint, query: dict[str, str], body: Any, **given: Any) -> requests.Response:
        keys = dict.fromkeys(KEYS, self.crm.token)
        raw: dict[str, Any] = {} if body is None else {"json": body}
        return requests.request(
            endpoint.method,
            self.crm.base_url + endpoint.path,
            **{"params": {**keys, **query}, "timeout": 10, **raw, **given},
        )


@pytest.fixture
def world(crm: Sandbox) -> World:
    return World(crm)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=name_of)
def test_the_sandbox_answers_as_published(world: World, endpoint: Endpoint) -> None:
    """The page's request is taken, and the answer has the page's shape; an answer that holds nothing would show nothing."""
    query, body = world.request(endpoint)
    assert query.keys() == endpoint.query
    if endpoint.body is not None:
        holds(endpoint.body, body)
    answer = world.ask(endpoint, query, body)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    holds(endpoint.answer, answer.json())
    assert answer.json()
    assert answer.json() != {"RecordCount": 0}


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=name_of)
def test_the_sandbox_takes_the_keys_as_published(world: World, endpoint: Endpoint) -> None:
    """In the query or as headers; wrong ones are a 401 with an error, and another method is no API at all."""
    query, body = world.request(endpoint)
    headers = {"x-LSQ-AccessKey": world.crm.token, "x-LSQ-SecretKey": world.crm.token}
    assert world.ask(endpoint, {}, body, params=query, headers=headers).status_code == 200
    refused = world.ask(endpoint, {**query, "accessKey": "wrong"}, body)
    assert refused.status_code == 401
    holds(ERROR, refused.json())
    other = "GET" if endpoint.method == "POST" else "POST"
    assert requests.request(other, world.crm.base_url + endpoint.path, timeout=10).status_code == 404


def wrong(world: World, endpoint: Endpoint, kind: str) -> tuple[dict[str, str], Any]:
    """A request that the endpoint refuses with this ``ExceptionType``."""
    query, body = world.request(endpoint)
    taken = [{"Attribute": "Phone", "Value": world.phone}]
    match kind, name_of(endpoint):
        case "MXDuplicateEntryException", "Lead.CreateOrUpdate":
            unknown = {"Attribute": "EmailAddress", "Value": "nobody@example.com"}
            return query, [*taken, unknown, {"Attribute": "SearchBy", "Value": "EmailAddress"}]
        case "MXDuplicateEntryException", _:
            return query, taken
        case "MXMandatoryAttributeMissingException", "Lead.Update":
            return {}, body
        case "MXMandatoryAttributeMissingException", _:
            return query, [{"Attribute": "mx_City", "Value": "London"}]
        case "MXUnknownAttributeException", "Lead/Bulk/UpdateV2":
            fields = [
                {"Attribute": "ProspectId", "Value": world.ids[0]},
                {"Attribute": "mx_No", "Value": "1"},
            ]
            return query, {**body, "LeadPropertiesList": [{"Fields": fields}]}
        case "MXUnknownAttributeException", _:
            return query, [{"Attribute": "mx_No", "Value": "1"}]
        case _, "Lead.Update":
            return {"leadId": NOBODY}, body
        case _, "Lead/Bulk/UpdateV2":
            return query, {**body, "LeadPropertiesList": body["LeadPropertiesList"] * 13}
    return query, {}


ERRORS = [(endpoint, kind) for endpoint in ENDPOINTS for kind in endpoint.errors]


@pytest.mark.parametrize(
    ("endpoint", "kind"), ERRORS, ids=[f"{name_of(each)} {kind}" for each, kind in ERRORS]
)
def test_the_sandbox_refuses_as_published(world: World, endpoint: Endpoint, kind: str) -> None:
    """At status 500, with the type, and without having changed anything."""
    vendor: Any = world.crm.vendors["leadsquared"]
    others = {each: row["Phone"] for each, row in vendor.leads.rows().items() if each != world.ids[0]}
    world.phone = next(phone for phone in others.values() if phone)
    before = vendor.leads.rows()
    query, body = wrong(world, endpoint, kind)
    answer = world.ask(endpoint, query, body)
    assert answer.status_code == 500
    holds(ERROR, answer.json())
    assert answer.json()["ExceptionType"] == kind
    assert vendor.leads.rows() == before


def test_nothing_is_found_as_published(world: World) -> None:
    """``[]`` of a lead that isn't there, by its id, its email address and its phone number."""
    for name, query in {
        "Leads.GetById": {"id": NOBODY},
        "Leads.GetByEmailaddress": {"emailaddress": "nobody@example.com"},
        "RetrieveLeadByPhoneNumber": {"phone": "0000000000"},
    }.items():
        endpoint = next(each for each in ENDPOINTS if name_of(each) == name)
        assert world.ask(endpoint, query, None).json() == []


class Between(ThreadingHTTPServer):
    """Stands between the client and the sandbox, and holds each call and its answer against the contract."""

    daemon_threads = True

    def __init__(self, crm: Sandbox) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.crm = crm
        self.seen: set[str] = set()
        self.faults: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Between

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        endpoint = BY_PATH.get(url.path)
        try:
            assert endpoint is not None, "the call is in no published endpoint"
            self._check(endpoint, dict(parse_qsl(url.query)), body)
        except (AssertionError, jsonschema.ValidationError) as error:
            self.server.faults.append(f"{self.command} {url.path}: {str(error)[:500]}")
        names = ("x-LSQ-AccessKey", "x-LSQ-SecretKey", "Content-Type")
        answer = requests.request(
            self.command,
            self.server.crm.base_url + self.path,
            data=body or None,
            headers={name: self.headers[name] for name in names if name in self.headers},
            timeout=10,
        )
        self.send_response(answer.status_code)
        self.send_header("Content-Type", answer.headers["Content-Type"])
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    do_GET = do_POST  # noqa: N815 - the name that http.server looks for

    def _check(self, endpoint: Endpoint, query: dict[str, str], body: bytes) -> None:
        self.server.seen.add(name_of(endpoint))
        assert self.command == endpoint.method, f"the published method is {endpoint.method}"
        in_query, in_headers = query.keys() >= KEYS, "x-LSQ-AccessKey" in self.headers
        assert in_query != in_headers, "the keys are in the query or in the headers"
        given = query.keys() - KEYS
        assert endpoint.query <= given, f"lacks {endpoint.query - given}"
        assert given <= endpoint.query | endpoint.may, f"has {given - endpoint.query - endpoint.may}"
        if endpoint.body is None:
            assert not body
        else:
            assert self.headers["Content-Type"] == "application/json"
            holds(endpoint.body, json.loads(body))

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def between(world: World) -> Iterator[Between]:
    server = Between(world.crm)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("keys_in", ["header", "query"])
def test_the_client_calls_as_published(world: World, between: Between, keys_in: Any) -> None:
    """Whatever leadloop reads, looks for and sends: each call is one of the table, as its page has it, and none of those that it is
    said to use is left out."""
    key = Secret(world.crm.token)
    settings = LeadSquaredSettings(
        base_url=between.url, access_key=key, secret_key=key, rate=1000.0, bulk_rate=1000.0, keys_in=keys_in
    )
    with closing(open_session(settings, retry=QUICK)) as session:
        reader = LeadSquaredReader(settings, session=session)
        writer = LeadSquaredWriter(settings, session=session)
        ids = world.ids
        assert len(reader.search(None, limit=5).rows) == 5
        assert reader.search((datetime(2000, 1, 1), datetime(2000, 1, 2))).rows == []
        assert reader.get(ids[1]).rows
        assert not reader.get(NOBODY).rows
        assert len(reader.get_many(ids[:4]).rows) == 4
        (merged,) = reader.search(None, cursor_field="merged_at").rows
        assert merged["merged_into"] == ids[0]
        writer.check({"mx_City", "Phone"})
        city = {"mx_City": "Anytown", "mx_Notes": None}
        assert writer.update(ids[0], city).state == "applied"
        assert writer.update(NOBODY, city).state == "rejected"
        many = writer.update_many([(ids[1], city), (ids[2], city), (NOBODY, city)])
        assert [each.state for each in many] == ["applied", "applied", "rejected"]
        new: dict[str, str | None] = {"EmailAddress": "new@example.com", "mx_City": "Anytown"}
        assert writer.find({**new, "Phone": world.phone}, {})
        assert writer.upsert(None, new, {"SearchBy": "EmailAddress"}).state == "applied"
        assert (
            writer.upsert(
                None,
                {**new, "EmailAddress": "other@example.com", "Phone": world.phone},
                {"SearchBy": "EmailAddress"},
            ).code
            == "found"
        )
        assert {each.name for each in look(settings, session)} == {"plan", "object types"}
    assert between.faults == []
    assert between.seen == {name_of(each) for each in ENDPOINTS if each.used}


def test_the_client_keeps_to_the_published_limits() -> None:
    """Each plan has the numbers of the page, and the rate stays below them."""
    assert PLANS.keys() == RATE_LIMITS.keys()
    for name, published in RATE_LIMITS.items():
        plan = PLANS[name]
        assert (plan.calls, plan.bulk, plan.a_day) == (published.calls, published.bulk, published.a_day)
        settings = LeadSquaredSettings(access_key=Secret("a"), secret_key=Secret("b"), plan=name)
        assert 0 < settings.rate * 5 < published.calls
        assert 0 < settings.bulk_rate * 5 < published.bulk
        assert settings.calls_a_day == published.a_day
