"""Leadping's page, its live clients, and what neither of them says."""

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connector.config import Secret
from connector.crm.leadping import (
    Changed,
    LeadpingReader,
    LeadpingSettings,
    LeadpingWriter,
    Listed,
    open_session,
)
from connector.crm.leadping import lead as leadping_lead
from connector.crm.pace import Pace
from connector.errors import (
    AuthError,
    IncompleteReadError,
    ModelError,
    RefusedError,
    UnexpectedAnswerError,
    UnreachableError,
)
from connector.sandbox import Sandbox
from connector.testing import QUICK

Make = Callable[..., Any]
SAYS = "Planted Personname with 5559871234 is no good for sk_planted"
LEAD = {
    "id": "7",
    "metadata": {"utmSource": "web", "price": 1.50, "sourceMetadata": {"a": 1}},
    "contact": {"firstName": "Ann", "phone": {"number": "+15550100", "lookup": None}},
    "customer": {"income": 5},
    "enabled": True,
    "tags": [{"id": "t1", "name": "new"}],
    "isArchived": False,
    "createdAt": "2026-03-01T10:00:00Z",
    "modifiedAt": None,
}
START = datetime(2026, 3, 1, tzinfo=UTC)


def problem(status: int, **more: Any) -> dict[str, Any]:
    """A reply with problem details that repeat what they should not."""
    return {
        "status": status,
        "json": {"title": SAYS, "detail": SAYS, "status": status, "traceId": SAYS, **more},
    }


def lead(**parts: Any) -> dict[str, Any]:
    return {"json": {**LEAD, **parts}}


@pytest.fixture
def make(serve: Make, fake_time: Any) -> Make:
    """``make(kind, reply, ...)``: a reader or a writer, and the server it talks to."""

    def build(kind: Any, *replies: dict[str, Any], **given: Any) -> Any:
        server = serve(*replies)
        settings = LeadpingSettings(
            base_url=server.url, api_key=Secret("sk_planted"), rate=1000.0, concurrency=1
        )
        session = open_session(settings, retry=QUICK, sleep=fake_time.sleep, clock=fake_time.clock)
        return kind(settings, session=session, **given), server

    return build


# Reading


def test_the_list_is_asked_as_live_clients_ask_it(make: Make) -> None:
    """Newest edit first, the token as it came, the key in its header; each lead is read on its own, once."""
    row = {"id": "7", "createdAt": LEAD["createdAt"], "updatedAt": LEAD["createdAt"]}
    pages = [
        {"json": {"items": [row], "continuationToken": "a+/=", "pageSize": 100, "totalCount": 1}},
        lead(),
        {"json": {"items": [row], "continuationToken": "", "pageSize": 100, "totalCount": 1}},
    ]
    reader, server = make(LeadpingReader, *pages)
    assert [[row["id"] for row in page.rows] for page in reader.scan(None)] == [["7"], []]
    assert [(each.method, each.path) for each in server.requests] == [
        ("POST", "/leads/all/my"),
        ("GET", "/leads/7"),
        ("POST", "/leads/all/my"),
    ]
    assert json.loads(server.requests[2].body) == {
        "pageSize": 100,
        "continuationToken": "a+/=",
        "includeCount": True,
        "orderBy": [{"field": "updatedAt", "direction": "desc"}],
    }
    assert {each.headers["Authorization"] for each in server.requests} == {"Bearer sk_planted"}


def test_a_row_has_the_names_that_a_push_uses(make: Make) -> None:
    """Paths with dots; lists stay lists; the names of the tags besides; no column for an object that isn't there."""
    tags = [{"id": "2", "name": "vip"}, {"id": "1", "name": "Hot"}, {"id": "3"}]
    reader, _ = make(LeadpingReader, lead(tags=tags, currentDisposition=None))
    (row,) = reader.get("7").rows
    assert row["contact.phone.number"] == "+15550100"
    assert (row["tagNames"], row["tags"]) == (["Hot", "vip"], tags)
    assert not {"contact.phone.lookup", "currentDisposition"} & row.keys()
    assert row["metadata.price"] == "1.5"


def test_a_lead_that_was_never_modified_has_its_creation_as_its_time(make: Make) -> None:
    """``modifiedAt`` is null until there was a modification."""
    reader, _ = make(LeadpingReader, lead())
    (row,) = reader.get("7").rows
    assert reader.modified_at(row) == LEAD["createdAt"]
    assert reader.modified_at({**row, "modifiedAt": "2026-03-02T10:00:00Z"}) == "2026-03-02T10:00:00Z"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"continuationToken": None, "totalCount": 0}, UnexpectedAnswerError),
        ({"items": None, "totalCount": 0}, UnexpectedAnswerError),
        ({"items": {"a": 1}}, UnexpectedAnswerError),
        ({"items": ["a"]}, UnexpectedAnswerError),
        ({"items": [{"updatedAt": "2026-03-01T10:00:00Z"}]}, UnexpectedAnswerError),
        ({"items": [], "continuationToken": 5}, UnexpectedAnswerError),
        ({"items": [], "totalCount": "many"}, UnexpectedAnswerError),
        ({"items": [], "totalCount": 3}, UnexpectedAnswerError),
        ([], UnexpectedAnswerError),
        (problem(404), UnreachableError),
        (problem(401), AuthError),
        (problem(400), RefusedError),
    ],
)
def test_a_list_that_is_not_understood_is_never_empty(
    make: Make, answer: Any, error: type[Exception]
) -> None:
    """Only an explicit list is one, and an empty one only where the total doesn't contradict."""
    reply = answer if isinstance(answer, dict) and "json" in answer else {"json": answer}
    reader, _ = make(LeadpingReader, reply)
    with pytest.raises(error) as caught:
        list(reader.scan(None))
    assert "Planted" not in str(caught.value)


def test_an_empty_organisation_has_no_leads(make: Make) -> None:
    """No error, no page."""
    reader, _ = make(LeadpingReader, {"json": {"items": [], "continuationToken": None, "totalCount": 0}})
    assert list(reader.scan(None)) == []


@pytest.mark.parametrize("lead_id", ["", " ", ".", ".."])
def test_what_can_be_no_id_is_not_asked_for(make: Make, lead_id: str) -> None:
    """Such a path would mean the list, or something above it."""
    reader, server = make(LeadpingReader, lead())
    assert list(reader.get(lead_id).rows) == []
    assert server.requests == []


class Leads:
    """A list as a server would have it: id -> (created, updated) in hours, listed two at a time by an order of its own."""

    def __init__(
        self, times: Mapping[str, tuple[int, int | None]], order: Callable[[Any], Any] | None = None
    ) -> None:
        self.times = dict(times)
        self.order = order
        self.asked: list[str] = []
        self.before_page: dict[int, Callable[[], None]] = {}

    def __call__(self, order: str, token: str | None) -> Listed:
        self.asked.append(order)
        self.before_page.pop(len(self.asked), lambda: None)()
        by = {
            "updatedAt": lambda each: (each[1][1] is not None, each[1][1] or 0),
            "createdAt": lambda each: each[1][0],
        }
        found = sorted(self.times.items(), key=self.order or by[order], reverse=True)
        place = int(token or 0)
        rows = [
            {"id": each, "createdAt": at(created), "updatedAt": at(updated)}
            for each, (created, updated) in found[place : place + 2]
        ]
        return Listed(rows, str(place + 2) if place + 2 < len(found) else None, len(found))

    def changed(self, since: int | None) -> list[str]:
        found = Changed(
            self,
            lambda row: str(row["id"]),
            None if since is None else START + timedelta(hours=since),
            "leadping",
        )
        return [each for ids, _ in found for each in ids]


def at(hours: int | None) -> str | None:
    return None if hours is None else (START + timedelta(hours=hours)).isoformat()


MANY: dict[str, tuple[int, int | None]] = {
    str(number): (number, 100 - number * 7 % 20) for number in range(1, 20)
}


def test_only_changed_leads_are_read() -> None:
    """Newest first, and not further than the first one that is older, in either order of the list."""
    leads = Leads(MANY)
    assert set(leads.changed(95)) == {each for each, (_, updated) in MANY.items() if (updated or 0) >= 95}
    assert leads.asked.count("updatedAt") < 6
    assert leads.asked.count("createdAt") < 4
    assert set(Leads(MANY).changed(None)) == set(MANY)


def test_leads_that_were_never_modified_are_found_by_their_creation() -> None:
    """Where the list puts what was never modified at its end, a new lead is not missed."""
    leads = Leads({**MANY, "new": (98, None), "old": (1, None)})
    found = leads.changed(95)
    assert "new" in found
    assert "old" not in found
    assert len(found) == len(set(found))


@pytest.mark.parametrize("order", [lambda each: each[1][0], lambda each: each[0], lambda each: -each[1][1]])
def test_a_list_in_another_order_is_read_to_its_end(order: Callable[[Any], Any]) -> None:
    """By creation, by id, or oldest first: no changed lead is lost."""
    assert set(Leads(MANY, order).changed(95)) == {
        each for each, (_, updated) in MANY.items() if (updated or 0) >= 95
    }


def test_a_list_by_creation_is_not_trusted_before_it_is_told_apart() -> None:
    """The newest leads were never edited, so both orders look the same there; further down one was edited just now."""
    times: dict[str, tuple[int, int | None]] = {str(number): (number, number) for number in range(1, 30)}
    times["3"] = (3, 99)
    assert Leads(times, lambda each: each[1][0]).changed(25)[-1] == "3"


def test_deletions_while_reading_lose_no_lead() -> None:
    """They move others into pages that were read; the total shows it, and the list is read again."""
    leads = Leads(MANY)
    newest = sorted(MANY, key=lambda each: MANY[each][1] or 0, reverse=True)[:2]

    def delete() -> None:
        for each in newest:
            del leads.times[each]

    leads.before_page[3] = delete
    assert set(leads.changed(None)) >= set(leads.times)


def test_a_list_that_never_holds_still_is_an_error() -> None:
    """After a few times; the cursor stays where it was."""
    leads = Leads({str(number): (number, number) for number in range(200)})

    def replace() -> None:
        leads.times.pop(max(leads.times, key=lambda each: leads.times[each]))
        leads.times.pop(max(leads.times, key=lambda each: leads.times[each]))
        leads.times[f"new {len(leads.asked)}"] = (1, 1)

    leads.before_page = dict.fromkeys(range(2, 200), replace)
    with pytest.raises(IncompleteReadError, match="another list of leads each time"):
        leads.changed(None)


PAGES = {None: (("1", "2"), "b"), "b": (("3", "4"), "c"), "c": (("5",), None)}
"""A list in three pages, by the token that leads to each."""


def listing(faults: list[tuple[str | None, tuple[tuple[str, ...], str | None]]]) -> list[str]:
    """The ids read from ``PAGES`` where the first answers to these tokens are others."""

    def fetch(order: str, token: str | None) -> Listed:
        ids, following = PAGES[token]
        if faults and faults[0][0] == token:
            ids, following = faults.pop(0)[1]
        return Listed([{"id": each, "updatedAt": at(1), "createdAt": at(1)} for each in ids], following, 5)

    found = Changed(fetch, lambda row: str(row["id"]), None, "leadping")
    return sorted(each for ids, _ in found for each in ids)


def test_a_page_that_comes_again_in_place_of_the_next_is_an_accident() -> None:
    """It is asked for once more."""
    assert listing([("b", (("1", "2"), "b"))]) == ["1", "2", "3", "4", "5"]


def test_a_page_that_is_empty_three_times_hides_nobody() -> None:
    """As long as the total says that leads are missing, passes that bring nothing new are not believed at once."""
    assert listing([("b", ((), "c"))] * 3) == ["1", "2", "3", "4", "5"]


def test_a_total_that_counts_what_is_not_listed_ends() -> None:
    """Archived leads, say: after three passes without anything new, what is there was read."""
    rows = [{"id": "1", "updatedAt": at(1), "createdAt": at(1)}]
    asked: list[str] = []

    def fetch(order: str, token: str | None) -> Listed:
        asked.append(order)
        return Listed(rows, None, 9)

    assert list(Changed(fetch, lambda row: "1", None, "leadping")) == [(["1"], 9), *[([], 9)] * 3]
    assert len(asked) == 4


@pytest.mark.parametrize("ids", [("1", "2"), ()])
def test_a_token_that_is_overlooked_is_an_error(ids: tuple[str, ...]) -> None:
    """The same page comes again, or an empty one, and each time another token: reading would go on for ever."""
    asked: list[str | None] = []

    def fetch(order: str, token: str | None) -> Listed:
        asked.append(token)
        rows = [{"id": each, "updatedAt": at(1), "createdAt": at(1)} for each in ids]
        return Listed(rows, f"token {len(asked)}", 9)

    with pytest.raises(UnexpectedAnswerError, match="no new lead"):
        list(Changed(fetch, lambda row: str(row["id"]), None, "leadping"))
    assert len(asked) < 200


def test_a_token_that_comes_twice_is_an_error() -> None:
    """Reading would go on for ever."""
    rows = [{"id": "1", "updatedAt": at(1), "createdAt": at(1)}]
    with pytest.raises(UnexpectedAnswerError, match="circle"):
        list(Changed(lambda order, token: Listed(rows, "same", 9), lambda row: "1", None, "leadping"))


def test_times_that_cannot_be_read_count_as_changed() -> None:
    """Reading a lead too often is better than missing it."""
    rows = [{"id": str(number), "updatedAt": "soon"} for number in range(3)]
    found = Changed(lambda order, token: Listed(rows, None, 3), lambda row: str(row["id"]), START, "leadping")
    assert [each for ids, _ in found for each in ids] == ["0", "1", "2"]


# Writing


def test_the_whole_lead_is_sent_with_its_types(make: Make) -> None:
    """What the request has, as it was read, digit by digit; not what only answers hold."""
    changed = lead(contact={**LEAD["contact"], "firstName": "Zed"})  # type: ignore[dict-item]
    exact = json.dumps(LEAD).replace("1.5,", "1.50,").encode()
    writer, server = make(LeadpingWriter, {"body": exact, "type": "application/json"}, changed, changed)
    assert writer.update("7", {"contact.firstName": "Zed"}).state == "applied"
    assert [(each.method, each.path) for each in server.requests] == [
        ("GET", "/leads/7"),
        ("PUT", "/leads/7"),
        ("GET", "/leads/7"),
    ]
    put = server.requests[1]
    assert put.headers["Content-Type"] == "application/json"
    assert b'"price":1.50,' in put.body
    assert json.loads(put.body) == {
        "id": "7",
        "metadata": LEAD["metadata"],
        "contact": {"firstName": "Zed", "phone": {"number": "+15550100", "lookup": None}},
        "customer": LEAD["customer"],
        "enabled": True,
        "tagIds": ["t1"],
        "tagNames": ["new"],
    }


@pytest.mark.parametrize(
    ("answers", "state", "code", "fields"),
    [
        (("Zed", "Zed"), "applied", None, set()),
        (("Ann", "Zed"), "applied", None, set()),
        (("Zed", "Ann"), "applied", None, set()),
        (("Ann", "ANN"), "rejected", "not_shown", {"contact.firstName"}),
        (("Zed", None), "applied", None, set()),
        (("Ann", None), "unknown", None, set()),
    ],
)
def test_applied_is_what_shows(
    make: Make, answers: tuple[str, str | None], state: str, code: str | None, fields: set[str]
) -> None:
    """In the answer or in the read after it; ``None``: that read fails."""
    shown = [problem(500) if name is None else lead(contact={"firstName": name}) for name in answers]
    writer, server = make(LeadpingWriter, lead(), *shown)
    result = writer.update("7", {"contact.firstName": "Zed", "enabled": "true"})
    assert (result.state, result.code, set(result.fields)) == (state, code, fields)
    assert [each.method for each in server.requests[:3]] == ["GET", "PUT", "GET"]
    assert not {"Zed", "ANN"} & set(str(result.reason).split())


NEWER = {
    "company": {"name": "Planted Ltd", "size": 1.50},
    "contactPreferences": {"channels": ["sms"], "doNotCall": False},
    "customFields": {"score": 5},
    "inquiry": {"text": "Planted"},
    "serviceAddress": {"line1": "1 Planted Street"},
    "aPartOfTomorrow": [{"a": 1}],
}
ANSWERS = {
    "organizationId": "o",
    "createdAt": LEAD["createdAt"],
    "modifiedAt": None,
    "deletedAt": None,
    "isDemo": False,
    "assignedToUserId": "u",
    "processingStatus": "done",
    "currentLeadStatus": {"id": "s"},
}


def test_parts_that_nobody_here_knows_go_back_as_they_came(make: Make) -> None:
    """All that the lead shows is in the update, but for what only answers have."""
    writer, server = make(LeadpingWriter, lead(**NEWER, **ANSWERS), lead(**NEWER, **ANSWERS, enabled=False))
    assert writer.update("7", {"enabled": "false"}).state == "applied"
    body = json.loads(server.requests[1].body)
    assert {name: body.get(name) for name in NEWER} == NEWER
    assert not ANSWERS.keys() & body.keys()


def test_what_vanished_is_named(make: Make) -> None:
    """Should a server erase in spite of all, the outcome says which fields of which lead, and not what was in them."""
    before = lead(**NEWER)
    after = {**NEWER, "company": None, "contactPreferences": {"channels": []}}
    shown = lead(
        **after, metadata={"utmSource": None, "price": 1.5, "sourceMetadata": {}}, enabled=False, tags=[]
    )
    writer, _ = make(LeadpingWriter, before, shown)
    result = writer.update("7", {"enabled": "false"})
    assert (result.state, result.harm) == ("applied", True)
    assert (
        "company.name, company.size, contactPreferences.channels, contactPreferences.doNotCall, "
        "metadata.sourceMetadata.a, metadata.utmSource, tagNames of lead 7" in str(result.reason)
    )
    assert "Planted" not in str(result.reason)


def test_after_an_update_that_erased_no_other_is_sent(make: Make) -> None:
    """Whoever calls: the writer itself defers all further leads, with the reason."""
    shown = lead(enabled=False, customer={})
    writer, server = make(LeadpingWriter, lead(), shown)
    assert writer.update("7", {"enabled": "false"}).harm
    asked = len(server.requests)
    result = writer.update("8", {"enabled": "false"})
    assert (result.state, result.breaks) == ("deferred", True)
    assert "customer.income of lead 7" in str(result.reason)
    assert len(server.requests) == asked


def test_what_shows_up_when_asked_again_has_not_vanished(make: Make) -> None:
    """One read without a part may be a fault of that read."""
    changed = lead(enabled=False)
    writer, server = make(LeadpingWriter, lead(), changed, lead(enabled=False, customer={}), changed)
    result = writer.update("7", {"enabled": "false"})
    assert (result.state, result.harm, len(server.requests)) == ("applied", False, 4)


def test_a_number_takes_along_what_was_found_out_about_it(make: Make) -> None:
    """The look-up of the number before is gone with it; that stops nothing."""
    had = {"firstName": "Ann", "phone": {"number": "+15550100", "lookup": {"isValid": True}}}
    shown = lead(contact={"firstName": "Ann", "phone": {"number": "+15550101", "lookup": None}})
    writer, _ = make(LeadpingWriter, lead(contact=had), shown)
    result = writer.update("7", {"contact.phone.number": "+15550101"})
    assert (result.state, result.harm) == ("applied", False)


def test_the_first_update_goes_alone() -> None:
    """Of four at once, only one is written before it is known that nothing was erased by it: here all but one stay whole."""
    with Sandbox(leads=6) as crm:
        crm.vendors["leadping"].forgets = frozenset({"inquiry"})  # type: ignore[attr-defined]
        leads = crm.vendors["leadping"].leads  # type: ignore[attr-defined]
        settings = LeadpingSettings(base_url=crm.base_url, api_key=Secret(crm.token), rate=1000.0)
        writer = LeadpingWriter(settings, session=open_session(settings, retry=QUICK))
        with ThreadPoolExecutor(4) as pool:
            fields = {"contact.firstName": "Zed"}
            found = list(pool.map(lambda each: writer.update(each, fields), leads.ids()))
        assert sorted(each.state for each in found) == ["applied", *["deferred"] * 5]
        assert [call.method for call in crm.calls].count("PUT") == 1


def test_a_lead_without_its_tags_is_left_alone(make: Make) -> None:
    """An update might take them off."""
    shown = {name: value for name, value in LEAD.items() if name != "tags"}
    writer, server = make(LeadpingWriter, {"json": shown})
    assert writer.update("7", {"enabled": "false"}).state == "deferred"
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "answer", [{"json": {"id": "8"}}, {"json": []}, {"json": None}, {"json": {"ok": True}}]
)
def test_an_answer_that_is_not_the_lead_leaves_it_unknown(make: Make, answer: dict[str, Any]) -> None:
    """A success without the lead, or with another one, claims nothing; before the write it defers."""
    writer, _ = make(LeadpingWriter, lead(), answer)
    assert writer.update("7", {"enabled": "false"}).state == "unknown"
    writer, server = make(LeadpingWriter, answer)
    assert writer.update("7", {"enabled": "false"}).state == "deferred"
    assert {each.method for each in server.requests} == {"GET"}


@pytest.mark.parametrize(
    ("reply", "state", "code", "breaks", "fields"),
    [
        (problem(400), "rejected", "400", False, set()),
        (
            problem(400, errors={"$.contact.firstName": [SAYS]}),
            "rejected",
            "400",
            False,
            {"contact.firstName"},
        ),
        (
            problem(400, errors={"Contact": [SAYS], SAYS: [SAYS]}),
            "rejected",
            "400",
            False,
            {"contact.firstName"},
        ),
        (problem(400, errors={"Metadata.UtmTerm": [SAYS]}), "rejected", "400", False, set()),
        (problem(400, errors=[SAYS]), "rejected", "400", False, set()),
        (problem(401), "deferred", None, True, set()),
        (problem(403), "deferred", None, True, set()),
        (problem(401, detail="The user does not own this lead"), "rejected", "401", False, set()),
        (problem(404), "rejected", "404", False, set()),
        (problem(409), "rejected", "409", False, set()),
        (problem(418), "rejected", "418", False, set()),
        (problem(429), "deferred", None, False, set()),
        (problem(503), "deferred", None, False, set()),
        (problem(500), "unknown", None, False, set()),
    ],
)
def test_problem_details_mean_what_their_status_says(
    make: Make, reply: dict[str, Any], state: str, code: str | None, breaks: bool, fields: set[str]
) -> None:
    """In our own words, with the fields at fault; none of the server's texts comes out."""
    writer, server = make(LeadpingWriter, lead(), reply)
    result = writer.update("7", {"contact.firstName": "Zed", "enabled": "false"})
    assert (result.state, result.code, result.breaks, set(result.fields)) == (state, code, breaks, fields)
    assert not [word for word in ("Planted", "555", "sk_") if word in str(result.reason)]
    # A bare 401 may mean the lead or the key: the list is asked, which here refuses the key as well.
    assert len(server.requests) == (3 if reply == problem(401) else 2)
    if "Metadata.UtmTerm" in str(reply):
        assert "metadata.utmTerm" in str(result.reason)


@pytest.mark.parametrize("has_moved", [True, False])
def test_a_lead_that_waited_is_looked_at_again(has_moved: bool) -> None:
    """After more than a second and a half between read and write: moved is a conflict, and nothing is written; else it goes on."""
    with Sandbox(leads=3) as crm:
        leads = crm.vendors["leadping"].leads  # type: ignore[attr-defined]
        lead_id = leads.ids()[0]
        times = iter([0.0, 2.0])

        def clock() -> float:
            now = next(times)
            if now and has_moved:
                leads.edit(lead_id, {"contact.lastName": "Edited"})
            return now

        settings = LeadpingSettings(base_url=crm.base_url, api_key=Secret(crm.token), rate=1000.0)
        writer = LeadpingWriter(settings, session=open_session(settings, retry=QUICK), clock=clock)
        result = writer.update(lead_id, {"contact.firstName": "Zed"})
        methods = [call.method for call in crm.calls]
        assert result.state == ("conflict" if has_moved else "applied")
        assert methods == (["GET", "GET"] if has_moved else ["GET", "GET", "PUT", "GET"])
        assert leads.row(lead_id)["contact.lastName"] == "Edited" or not has_moved


def test_waiting_for_its_turn_counts(make: Make, fake_time: Any) -> None:
    """The clock is looked at when the write leaves, not when it was asked for: the pace may hold it back."""
    changed = lead(enabled=False)
    writer, server = make(LeadpingWriter, lead(), lead(), changed, changed, clock=fake_time.clock)
    pace: Pace = writer._session.pace
    wait = pace.wait

    def slow() -> None:
        fake_time.now += 2.0 if len(server.requests) == 1 else 0.0
        wait()

    pace.wait = slow  # type: ignore[method-assign]
    assert writer.update("7", {"enabled": "false"}).state == "applied"
    assert [each.method for each in server.requests] == ["GET", "GET", "PUT", "GET"]


# Names and types


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("contact.phone", "contact.phone.lookup.createdAt"),
        ("contact.phone.nummer", "did you mean 'contact.phone.number'"),
        ("firstName", "no such field"),
        ("company.names", "did you mean 'company.name'"),
        ("contactPreferences.callbackWindows", "sends it back as it is"),
        ("customFields", "customFields.score"),
        ("profile.qualification", "profile.qualification.creditScore"),
        ("metadata.organizationId", "Leadping itself sets it"),
        ("phoneIdentity.id", "Leadping itself sets it"),
        ("customer.incomes", "did you mean 'customer.income'"),
        ("id", "Leadping itself sets it"),
        ("modifiedAt", "Leadping itself sets it"),
        ("currentDisposition.outcome", "Leadping itself sets it"),
        ("contact.coordinate.latitude", "Leadping itself sets it"),
        ("tags", "'tagNames'"),
        ("tagIds", "'tagNames'"),
        ("metadata.sourceMetadata", "metadata.sourceMetadata.score"),
        ("metadata.sourceMetadata.", "no such field"),
        ("metadata.sourceMetadata.a..b", "no such field"),
    ],
)
def test_names_outside_the_request_are_refused_before_anything_is_sent(
    make: Make, name: str, says: str
) -> None:
    """With the nearest name, or with what to do instead."""
    writer, server = make(LeadpingWriter, lead())
    with pytest.raises(ModelError, match=says.replace(".", r"\.")):
        writer.check(["enabled", name])
    assert writer.update("7", {name: "x"}).fields == {name}
    assert server.requests == []


def test_names_of_the_request_pass(make: Make) -> None:
    """All of them, and any key below the free-form part."""
    writer, _ = make(LeadpingWriter, lead())
    writer.check([*leadping_lead.NAMES, "metadata.sourceMetadata.score", "metadata.sourceMetadata.a.b c"])


@pytest.mark.parametrize(
    ("current", "text", "becomes"),
    [
        (True, "False", False),
        (1, "85", 85),
        (1, "85.0", 85),
        (1, "8.5e1", 85),
        (1, "-0.25", Decimal("-0.25")),
        (Decimal("1.5"), "2", 2),
        (Decimal("1.5"), "1e400", Decimal("1e400")),
        ("x", "true", "true"),
        ("7", "007", "007"),
        (None, "85", "85"),
        ([1], '["a", 1.5]', ["a", Decimal("1.5")]),
        (5, None, None),
    ],
)
def test_a_text_becomes_what_stands_there(current: Any, text: str | None, becomes: Any) -> None:
    """By the lead's own type."""
    free = {"metadata": {"sourceMetadata": {"a.b": current, "a": {"b": "another"}}}}
    merged = leadping_lead.merged({**LEAD, **free}, {"metadata.sourceMetadata.a.b": text})
    found = merged.body["metadata"]["sourceMetadata"]
    assert (found["a.b"], type(found["a.b"]), merged.unfit) == (becomes, type(becomes), {})
    assert found["a"] == {"b": "another"}


@pytest.mark.parametrize(
    ("path", "current", "text"),
    [
        ("enabled", True, "yes"),
        ("customer.isHomeowner", None, "1"),
        ("customer.income", 5, ""),
        ("customer.income", 5, "1_000"),
        ("customer.income", 5, "nan"),
        ("customer.income", None, "plenty"),
        ("customer.income", 5, "5.5"),
        ("customer.income", 5, "2147483648"),
        ("metadata.sourceMetadata.a", [1], "a"),
        ("metadata.sourceMetadata.a", {"b": 1}, "a"),
        ("metadata.sourceMetadata.a", {"b": 1}, None),
        ("metadata.sourceMetadata.a.b", 5, "a"),
        ("tagNames", None, "[1]"),
        ("tagNames", None, '["a"'),
    ],
)
def test_a_text_that_does_not_fit_is_said_by_name(path: str, current: Any, text: str | None) -> None:
    """And nothing that is there is put aside for it."""
    given = {**LEAD, "enabled": True, "customer": {"income": current, "isHomeowner": None}}
    given["metadata"] = {"sourceMetadata": {"a": current}}
    before = json.dumps(given)
    assert leadping_lead.merged(given, {path: text}).unfit.keys() == {path}
    assert json.dumps(given) == before


@pytest.mark.parametrize(
    ("path", "text", "becomes"),
    [
        ("customer.income", "50000", 50000),
        ("customer.creditScore", "700.0", 700),
        ("customer.height", "-1", -1),
        ("customer.weight", "2147483647", 2147483647),
        ("metadata.price", "1.50", Decimal("1.50")),
        ("metadata.directPostPrice", "2", 2),
        ("company.employeeCount", "12", 12),
        ("customer.birthDate", "2000", "2000"),
        ("metadata.subId", "85", "85"),
    ],
)
def test_what_is_documented_as_a_number_is_one_where_the_lead_shows_nothing(
    path: str, text: str, becomes: Any
) -> None:
    """Null, an absent key, or an absent part; every other field takes text there."""
    part, _, key = path.partition(".")
    shapes: tuple[dict[str, Any], ...] = ({part: {key: None}}, {part: {}}, {part: None})
    for shown in shapes:
        merged = leadping_lead.merged({"id": "7", "tags": [], **shown}, {path: text})
        found = merged.body[part][key]
        assert (found, type(found), merged.unfit) == (becomes, type(becomes), {})


@pytest.mark.parametrize(
    ("shown", "part"),
    [
        ({"customer": {"income": 1}}, "customer.income"),
        ({"customer": None}, "customer.income"),
        ({"profile": {"income": 1}}, "profile.income"),
        ({"profile": {"birthDate": None, "creditScore": 1}}, "profile.income"),
        ({"profile": {"birthDate": None, "qualification": {"income": 1}}}, "profile.qualification.income"),
        ({"profile": {"birthDate": None, "qualification": None}}, "profile.qualification.income"),
        ({"profile": {"birthDate": None}}, "profile.qualification.income"),
        ({"profile": None}, "profile.qualification.income"),
        ({"customer": {"income": 1}, "profile": {}}, "profile.qualification.income"),
    ],
)
@pytest.mark.parametrize("name", ["customer.income", "profile.income", "profile.qualification.income"])
def test_a_field_goes_where_the_lead_shows_it(shown: dict[str, Any], part: str, name: str) -> None:
    """Whichever generation the push was written for: no part is made beside the one that is there."""
    merged = leadping_lead.merged({"id": "7", "tags": [], **shown}, {name: "5"})
    sent: Any = merged.body
    for each in part.split("."):
        sent = sent[each]
    assert (sent, merged.unfit) == (5, {})
    assert {"customer", "profile"} & merged.body.keys() == shown.keys()


@pytest.mark.parametrize(
    ("had", "text", "is_same"),
    [
        ("2026-03-01T10:00:00Z", "2026-03-01 11:00:00+01:00", True),
        ("2026-03-01T10:00:00Z", "2026-03-01", False),
        (5, "5.0", True),
        (5, "6", False),
        (None, " ", True),
        ("", None, True),
        (True, "true", True),
        ("true", "True", False),
        ([1, 2], "[1,2]", True),
    ],
)
def test_values_are_compared_by_what_they_mean(had: Any, text: str | None, is_same: bool) -> None:
    """As far as the lead's own type says what that is."""
    shown = {"metadata": {"sourceMetadata": {"a": had}}}
    assert (not leadping_lead.differing(shown, {"metadata.sourceMetadata.a": text})) == is_same


@pytest.mark.parametrize(
    ("key", "names"),
    [
        ("Contact.Phone.Number", {"contact.phone.number"}),
        ("$.contact.phone", {"contact.phone.number"}),
        ("lead.customer.income", {"profile.income"}),
        ("$.profile.qualification.income", {"profile.income"}),
        ("Profile.Income", {"profile.income"}),
        ("TagNames[2]", {"tagNames"}),
        ("number", {"contact.phone.number"}),
        ("$", set()),
        ("", set()),
        ("metadata.utmSource", set()),
    ],
)
def test_the_servers_names_are_found_among_ours(key: str, names: set[str]) -> None:
    """However it writes them."""
    assert leadping_lead.meant(key, ["contact.phone.number", "profile.income", "tagNames"]) == names
