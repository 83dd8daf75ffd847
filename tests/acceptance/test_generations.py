"""Both generations of PollyBot and of Leadping go through the whole loop, found from what the CRM shows: no setting names one.

Each call of it, and each answer, is one that the vendor publishes; so it is for Convoso and LeadSquared.
"""

from dataclasses import dataclass, field
from typing import Any

import pytest

from connector.sandbox import Sandbox
from tests.contracts.published import convoso, leadping, leadsquared, pollybot
from tests.contracts.published.between import between
from tests.contracts.published.contract import Contract

pytestmark = [pytest.mark.timeout(600), pytest.mark.long]

LEADS, SENT = 40, 12


@dataclass(frozen=True)
class Case:
    """One generation: what a push sends, and how the CRM shows it then."""

    crm: str
    generation: str
    fields: dict[str, str]
    """Field -> its column in the model ``wanted``."""
    shown: dict[str, str]
    """The same fields as the sandbox has them afterwards."""
    words: dict[str, str] = field(default_factory=dict)


WANTED = {"score": "85", "tier": "hot", "tags": '["hot","vip"]', "status": "QUALIFIED", "flag": "true"}
CASES = [
    Case(
        "pollybot",
        "older",
        {"metadata.lead_score": "score", "metadata.tier": "tier", "status": "status"},
        {"metadata.lead_score": "85", "metadata.tier": "hot", "status": "qualified"},
        {"status": "qualified"},
    ),
    Case(
        "pollybot",
        "newer",
        {"customFields.lead_score": "score", "customFields.tier": "tier", "tags": "tags", "status": "status"},
        {
            "customFields.lead_score": "85",
            "customFields.tier": "hot",
            "tags": '["hot","vip"]',
            "status": "QUALIFIED",
        },
    ),
    Case(
        "leadping",
        "older",
        {
            "customer.creditScore": "score",
            "metadata.sourceMetadata.tier": "tier",
            "contact.timeZoneId": "tier",
        },
        {"customer.creditScore": "85", "metadata.sourceMetadata.tier": "hot", "contact.timeZoneId": "hot"},
    ),
    Case(
        "leadping",
        "newer",
        {
            "profile.qualification.creditScore": "score",
            "profile.qualification.isHomeowner": "flag",
            "customFields.score": "score",
            "company.jobTitle": "tier",
        },
        {
            "profile.qualification.creditScore": "85",
            "profile.qualification.isHomeowner": "true",
            "customFields.score": "85",
            "company.jobTitle": "hot",
        },
    ),
]


@pytest.mark.parametrize("case", CASES, ids=[f"{case.crm} {case.generation}" for case in CASES])
def test_extract_build_plan_push_and_read_back(places: Any, case: Case) -> None:
    """A first push that would replace something is agreed to once; then every field arrives, with its type, and is confirmed."""
    contract = {"pollybot": pollybot, "leadping": leadping}[case.crm].CONTRACTS[case.generation]
    with Sandbox(leads=LEADS, **contract.options) as sandbox, between(sandbox, contract) as server:
        vendor: Any = sandbox.vendors[case.crm]
        leads = vendor.leads
        chosen = leads.ids()[-SENT:]
        if case.crm == "leadping":
            vendor.archive(chosen[0])
        before = {each: leads.show(leads.find(each)) for each in leads.ids()}
        place = places()
        connect(place, case.crm, sandbox, server.url)
        project(place, case, chosen)

        place.run("extract")
        place.run("build")
        removed = place.rows("select count(*) from analytics.leads where removed_at is not null")
        assert (place.rows("select count(*) from analytics.leads"), removed) == ([(LEADS,)], [(0,)])
        plan = place.json("plan", "scores")
        assert len(plan["leads"]) == SENT
        assert plan["first_time"]

        # Nobody has agreed yet to replace what stands there.
        sandbox.calls.clear()
        place.run("push", "scores", "--yes", code=4)
        assert not [call for call in sandbox.calls if call.method == "PUT"]
        pushed = place.json("push", "scores", "--yes", "--first")
        assert pushed["leads_by_state"] == {"applied": SENT}
        agreed = {name for (name,) in place.rows("select field from leadloop.push_approvals")}
        assert agreed == plan["first_time"].keys()

        for each in chosen:
            row = leads.row(each)
            assert {name: row[name] for name in case.fields} == case.shown
        untouched = set(leads.ids()) - set(chosen)
        assert all(leads.show(leads.find(each)) == before[each] for each in untouched)
        for each in chosen:
            after = flat(leads.show(leads.find(each)))
            moved = {name for name, value in flat(before[each]).items() if after.get(name) != value}
            assert moved <= {*case.fields, "updatedAt", "modifiedAt"}

        sandbox.calls.clear()
        again = place.json("run", "--yes")
        assert again["pushed"]["scores"]["leads"] == 0
        assert not [call for call in sandbox.calls if call.method == "PUT"]
        confirmed = "select count(distinct lead_id) from leadloop.push_journal where state = 'confirmed'"
        assert place.rows(confirmed) == [(SENT,)]


@pytest.mark.parametrize("contract", [convoso.CONTRACT, leadsquared.CONTRACT], ids=str)
def test_a_run_asks_and_is_answered_as_published(places: Any, contract: Contract) -> None:
    """Leads, removed leads and recordings are read, leads are updated and added, what was sent is read back: exchange by exchange."""
    crm, field = contract.vendor, {"convoso": "title", "leadsquared": "mx_City"}[contract.vendor]
    with Sandbox(leads=LEADS, **contract.options) as sandbox, between(sandbox, contract) as server:
        contract.scene(sandbox)
        if crm == "leadsquared":
            leads: Any = sandbox.vendors[crm].leads  # type: ignore[attr-defined]
            for lead, score in zip(leads.ids()[:2], ("90", "100"), strict=True):
                leads.edit(lead, {"Score": score})
        place = places()
        connect(place, crm, sandbox, server.url)
        place.env[f"CRM__{crm}__REMOVALS".upper()] = "true"
        if crm == "convoso":
            place.env |= {"CRM__CONVOSO__CALLS": "true", "CRM__CONVOSO__RECORDINGS": "true"}
        place.project(
            "select lead_id, 'Anytown' as town from {{ ref('leadloop', 'leads') }} where removed_at is null"
        )
        push = f"desired = ref('wanted'), crm = '{crm}', key = 'lead_id', max_share = 1, fields = {{'{field}': 'town'}}"
        place.write("models/pushes/scores.sql", "{{ leadloop.push(" + push + ") }}")
        place.run("check")
        place.run("run", "--yes", "--first")
        place.run("extract")
        place.run("build")
        sent, confirmed = place.rows(
            "select count(distinct case when state = 'applied' then lead_id end), "
            "count(distinct case when state = 'confirmed' then lead_id end) from leadloop.push_journal"
        )[0]
        if crm == "leadsquared":
            # Nobody has declared a type: the account's metadata says that this is a number.
            assert place.rows("select avg(score), max(score) from analytics.leads") == [(95.0, 100.0)]
        else:
            (calls,) = place.rows("select count(*) from analytics.lead_calls")[0]
            assert calls == len(sandbox.book.calls(None, None)) > 0
    assert sent == confirmed > LEADS // 2
    reads = {"/v1/leads/search"} if crm == "convoso" else {f"POST {leadsquared.LEADS}Leads.RecentlyModified"}
    assert reads < server.names <= {each.name for each in contract.endpoints if each.used}


def test_a_push_that_was_written_for_the_other_generation_says_so(places: Any) -> None:
    """Nothing is sent: PollyBot's newer generation would ignore metadata without a word."""
    older, newer = CASES[0], CASES[1]
    with Sandbox(leads=LEADS, pollybot_generation=newer.generation) as sandbox:
        place = places()
        for name, value in {**sandbox.settings()["pollybot"], "settle": "0", "rate": "1000"}.items():
            place.env[f"CRM__pollybot__{name}".upper()] = value
        project(place, older, sandbox.vendors["pollybot"].leads.ids()[-SENT:])  # type: ignore[attr-defined]
        place.run("extract")
        place.run("build")
        for command in (("plan", "scores"), ("run", "--yes", "--first")):
            told = place.run(*command, code=2)
            assert "metadata.lead_score" in told.message
            assert "customFields.lead_score" in told.message
        assert not [call for call in sandbox.calls if call.method == "PUT"]


@pytest.mark.parametrize(
    ("fields", "says"),
    [("{'tags': 'tier'}", "'tags' is a list"), ("{'customFields': 'tier'}", "'customFields' is an object")],
)
def test_a_text_for_a_list_or_an_object_is_refused_when_the_plan_is_made(
    places: Any, fields: str, says: str
) -> None:
    """By field and type, before anything is sent; the value is not repeated."""
    with Sandbox(leads=LEADS) as sandbox:
        place = places()
        for name, value in {**sandbox.settings()["pollybot"], "settle": "0", "rate": "1000"}.items():
            place.env[f"CRM__pollybot__{name}".upper()] = value
        case = CASES[1]
        project(place, case, sandbox.vendors["pollybot"].leads.ids()[-SENT:])  # type: ignore[attr-defined]
        push(place, case, fields)
        place.run("extract")
        place.run("build")
        told = place.run("plan", "scores", code=2)
        assert says in told.message
        assert "hot'" not in told.message


def project(place: Any, case: Case, leads: list[str]) -> None:
    columns = {**WANTED, **case.words}
    values = ", ".join(f"'{value}' as {name}" for name, value in columns.items())
    listed = ", ".join(f"'{each}'" for each in leads)
    place.project(
        f"select lead_id, {values}\nfrom {{{{ ref('leadloop', 'leads') }}}} where lead_id in ({listed})"
    )
    push(place, case, str(case.fields))


def push(place: Any, case: Case, fields: str) -> None:
    call = (
        f"leadloop.push(desired = ref('wanted'), crm = '{case.crm}', key = 'lead_id', max_share = 1, "
        f"fields = {fields})"
    )
    place.write("models/pushes/scores.sql", "{{ " + call + " }}")


def connect(place: Any, crm: str, sandbox: Sandbox, url: str) -> None:
    """Has the settings lead to the sandbox by way of this address."""
    settings = {**sandbox.settings()[crm], "settle": "0", "rate": "1000"}
    settings["base_url"] = settings["base_url"].replace(sandbox.base_url, url)
    for name, value in settings.items():
        place.env[f"CRM__{crm}__{name}".upper()] = value


def flat(lead: Any, prefix: str = "") -> dict[str, Any]:
    """A lead as path -> value, with its JSON types."""
    found: dict[str, Any] = {}
    for name, value in lead.items():
        found |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return found
