"""A plan and its outcome as people and programs see them."""

import base64
import hashlib
import io
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from rich.console import Console

from connector.errors import GuardrailError, RefusedError
from connector.push import Plan, Recovery, Summary, Unapplied, plan_rows
from connector.push.fingerprint import differences
from connector.render.document import to_json
from connector.render.plan import plan_text
from connector.render.plan_document import plan_document, problem
from connector.render.plan_page import plan_page
from connector.render.push import push_document, push_text
from connector.texts import masked, readable

AT = datetime(2025, 11, 2, 8, 30, tzinfo=UTC)
PUSH = SimpleNamespace(
    name="scores", schema="analytics", identifier="scores", crm="convoso", mode="update", on_conflict="crm_wins",
    max_changes=5000, max_share=0.2, max_unknown_share=0.5, max_clears=100, max_inserts=1000, max_deletes=100, max_found=100,
    fields={}, options={}, equal={}, policies={}, approval="none", approve_above=None,
)  # fmt: skip
PHONE = "+1 (555) 000-1167"


def plan(*rows: Any, crm_leads: int | None = 100, desired: str | None = "8", **options: Any) -> Plan:
    named = [(lead_id, name, name.lower(), *rest, None, desired) for lead_id, name, *rest in rows]
    push = SimpleNamespace(**{**vars(PUSH), **options})
    return plan_rows(push, named, made_at=AT, seen_at=AT, crm_leads=crm_leads)


FULL = (
    ("101", "status", "New", "Hot", None, "change"),
    ("101", "lead_score", None, "87", None, "change"),
    ("102", "status", "New", "Hot", None, "change"),
    ("103", "phone", PHONE, None, PHONE, "clear"),
    ("104", "status", "Theirs", "Ours", "Before", "conflict"),
    ("105", "status", "Old", "Denied", None, "rejected"),
    ("106", "status", None, "x", None, "removed"),
    ("107", "status", None, "x", None, "unknown_lead"),
)


def text_of(renderable: Any, width: int = 110) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(renderable)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        ("", ""),
        ("87", "••••"),
        (PHONE, "•••• 67"),
        ("short", "••••"),
        ("a@b.example", "•••• le"),
    ],
)
def test_a_masked_value_shows_two_characters_of_a_long_one(value: str | None, shown: str | None) -> None:
    """Enough to recognise, too little to learn; and a short value is hidden whole."""
    assert masked(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "(blank)"),
        ("  ", "(blank)"),
        ("=1+1", "“=1+1”"),
        ("two\nlines", "“two⏎lines”"),
        ("\x1b[31mred\x07", "“·[31mred·”"),
        ("\u202eevil", "“·evil”"),
        ("x" * 200, "“" + "x" * 80 + "…”"),
    ],
)
def test_a_readable_value_is_one_harmless_line(value: str | None, shown: str) -> None:
    """Blanks are seen; formulas, escape sequences and turned-around text are only text; long values are cut."""
    assert readable(value) == shown


def test_the_text_tells_a_sales_manager_what_would_happen() -> None:
    """How many leads and fields, examples before and after, conflicts with both values, limits, and what is left out."""
    text = text_of(plan_text(plan(*FULL)))
    assert "scores → convoso: 3 leads of 100 would change, in 4 fields, 1 of them cleared" in text
    assert re.search(r"status +2 +0 +“Hot” 2×", text)
    assert re.search(r"101 +lead_score +\(blank\) +“87”", text)
    assert re.search(r"104 +status +“Before” +“Theirs” +“Ours”", text)
    assert "1 lead was edited in convoso after we sent it, and is left alone" in text
    assert "✓ 3 leads would change, and max_changes is 5,000" in text
    assert "1 lead held back" in text
    assert "1 lead deleted, archived or merged in convoso" in text
    assert "1 of 8 desired leads is unknown to convoso, and max_unknown_share is 50%" in text


def test_a_tripped_guardrail_stands_out() -> None:
    """The limit, the number, and that nothing was sent."""
    text = text_of(plan_text(plan(*FULL, max_changes=1)))
    assert "✗ 3 leads would change, and max_changes is 1" in text
    assert "Nothing was sent" in text


def test_a_guardrail_that_is_off_is_not_ticked() -> None:
    """Off is off, and what can't be known is crossed: neither of the two was passed."""
    off = plan(*FULL, max_changes=None)
    assert "off 3 leads would change; max_changes is switched off" in text_of(plan_text(off))
    assert limits_of(plan_page(off))[0] == (
        "off",
        "off 3 leads would change; max_changes is switched off no limit is looked at",
    )
    assert [each.status for each in plan_document(off).guardrails] == ["off", "passed", "passed", "passed"]
    unknown = plan(*FULL, crm_leads=None)
    assert "✗ no lead of convoso is in the warehouse" in text_of(plan_text(unknown))
    tripped = dict(limits_of(plan_page(unknown)))["tripped"]
    assert tripped.startswith("over no lead of convoso")


def limits_of(page: str) -> list[tuple[str, str]]:
    """(class, text) of each limit on a page."""
    found = re.findall(r'<li class="(\w+)">(.*?)</li>', page, re.DOTALL)
    return [(kind, " ".join(Page(inner).text.split())) for kind, inner in found]


def test_a_limit_that_is_near_says_so() -> None:
    """A bar says how near; what is off has none."""
    assert limits_of(plan_page(plan(*FULL, max_changes=3)))[0][0] == "near"
    assert limits_of(plan_page(plan(*FULL, max_changes=30)))[0][0] == "passed"
    page = plan_page(plan(*FULL, max_changes=30))
    assert '<progress max="100" value="10"' in page


def test_nothing_to_send_is_said_in_one_line() -> None:
    """An empty plan has no tables."""
    text = text_of(plan_text(plan()))
    assert text.startswith("scores → convoso: nothing to send")
    assert "For example" not in text


def test_nothing_to_send_says_when_leads_are_left_out() -> None:
    """Leads that are held back, unknown or in conflict differ all the same: the first line says that there are some."""
    for row in FULL[4:-1]:
        text = text_of(plan_text(plan(row)))
        assert text.startswith("scores → convoso: nothing to send: every lead that differs is left out"), row


def test_nothing_to_send_says_how_many_leads_the_crm_does_not_know() -> None:
    """A push with another account's ids is no push with nothing to do: the first line says so, as does what came of it."""
    made = plan(FULL[-1])
    assert text_of(plan_text(made)).startswith(
        "scores → convoso: nothing to send: 1 of 8 desired leads is unknown to convoso"
    )
    done = replace(SUMMARY, leads=0, by_state={}, unapplied=(), unknown_leads=5, desired_leads=8)
    assert "5 of 8 desired leads are unknown to convoso" in text_of(push_text(done, Recovery()))
    assert push_document(done, Recovery()).unknown_leads == 5


def test_most_leads_unknown_stops_the_push() -> None:
    """More than the share of the desired leads that the push allows; where nobody knows of how many, that is not passed."""
    rows = [(str(each), "status", None, "x", None, "unknown_lead") for each in range(4)]
    plan(*rows).check()
    with pytest.raises(
        GuardrailError, match=r"4 of 7 desired leads are unknown to convoso, and max_unknown_share is 50%"
    ) as caught:
        plan(*rows, desired="7").check()
    assert caught.value.exit_code == 4
    assert "Does the push's key hold the ids that convoso gave" in str(caught.value)
    plan(*rows, desired="4", max_unknown_share=1.0).check()
    with pytest.raises(GuardrailError, match=r"of how many is not known \(run leadloop build"):
        plan(*rows, desired=None).check()
    off = plan(*rows, desired="4", max_unknown_share=None)
    off.check()
    assert off.guardrails[-1].status == "off"
    assert "4 of 4 desired leads are unknown to convoso; max_unknown_share is switched off" in text_of(
        plan_text(off)
    )
    assert "4 of 4 desired leads are unknown to convoso" in plan_page(off)
    assert plan_document(off).totals.desired_leads == 4


def test_a_crm_that_is_not_read_knows_nobody_knows_whom() -> None:
    """Which leads such a CRM knows can't be told, so the push stops until somebody switches the limit off; adding is free of it."""
    change = ("1", "status", None, "x", None, "change")
    unread = plan(change, crm_leads=None, max_share=None)
    with pytest.raises(GuardrailError, match="or set max_unknown_share = none"):
        unread.check()
    plan(change, crm_leads=None, max_share=None, max_unknown_share=None).check()
    for mode in ("insert", "upsert"):
        added = plan(("1", "status", None, "x", None, "insert"), crm_leads=None, max_share=None, mode=mode)
        assert "max_unknown_share" not in [each.name for each in added.guardrails]
    assert "max_unknown_share" in [each.name for each in plan(mode="delete").guardrails]


def test_conflicts_that_stop_a_push_say_so() -> None:
    """With on_conflict = 'stop' they hold up everything; else they are left alone."""
    conflicts = [(lead, "status", "Theirs", "Ours", "Before", "conflict") for lead in ("1", "2")]
    stopped = text_of(plan_text(plan(*conflicts, on_conflict="stop")))
    assert "2 leads were edited in convoso after we sent them, so nothing is sent" in stopped
    left = text_of(plan_text(plan(*conflicts)))
    assert "2 leads were edited in convoso after we sent them, and are left alone" in left


def test_markup_in_a_value_is_only_text() -> None:
    """A value that looks like the terminal library's markup is shown as it is."""
    assert "“[red]x[/red]”" in text_of(plan_text(plan(("1", "status", None, "[red]x[/red]", None, "change"))))


def test_the_sample_shows_every_field() -> None:
    """A field that changes for one lead in a thousand is among the examples."""
    rows = [(f"{each:04}", "status", "a", "b", None, "change") for each in range(1000)]
    made = plan(*rows, ("0999", "rare", "a", "b", None, "change"))
    leads = [lead.lead_id for lead in made.leads.sample(3)]
    assert leads == ["0000", "0001", "0999"]
    assert made.leads.sample(0) == []


def test_the_json_holds_every_row() -> None:
    """The contract: fixed names and types, every lead with its values, and whether it may be sent."""
    found = json.loads(to_json(plan_document(plan(*FULL))))
    assert (found["kind"], found["version"], found["push"], found["masked"]) == ("plan", 2, "scores", False)
    assert found["totals"] == {
        "leads": 3, "fields": 4, "clears": 1, "inserts": 0, "deletes": 0, "conflicts": 1, "rejected": 1, "flapping": 0, "reverted": 0, "removed": 1, "unknown_leads": 1,
            "desired_leads": 8,
        "unresolved": 0, "beyond_limit": 0, "crm_leads": 100, "nameless": 0,
    }  # fmt: skip
    assert found["leads"][0]["changes"][1] == {
        "field": "status", "column": "status", "current": "New", "desired": "Hot", "base": None, "verdict": "change",
    }  # fmt: skip
    assert found["problem"] is None
    assert found["made_at"] == "2025-11-02T08:30:00+00:00"
    assert [each["name"] for each in found["guardrails"]] == [
        "max_changes",
        "max_share",
        "max_clears",
        "max_unknown_share",
    ]


class Page(HTMLParser):
    """The tags of a page, and the text outside of its styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


HOSTILE = [
    "<script>alert(1)</script>",
    "</td></table><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)',
    "javascript:alert(1)",
    "{{ 7 * 7 }}",
    "=HYPERLINK(1)",
    "<!--",
]


def test_no_value_can_do_anything_to_the_page() -> None:
    """Tags, attributes, templates and formulas in values, ids, fields and names of models are text."""
    rows: list[tuple[str, ...]] = [
        (value + str(number), value, value, value + "!", value, verdict)
        for number, value in enumerate(HOSTILE)
        for verdict in ("change", "conflict", "rejected")
    ]
    rows = [(f"{verdict}{lead}", name, *rest, verdict) for lead, name, *rest, verdict in rows]
    page = plan_page(plan(*rows, name="<b>scores"))
    seen, clean = Page(page), Page(plan_page(plan(*FULL)))
    assert set(seen.tags) <= {*clean.tags, "dt", "dd"}
    assert {name for name, _ in seen.attributes} <= {name for name, _ in clean.attributes}
    assert page.count("</script>") == 2
    assert "\n49\n" not in seen.text
    data = json.loads(
        re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[0]
    )
    afters = {change[2] for leads in data.values() for lead in leads for change in lead[4]}
    assert afters == {f"“{value}!”" for value in HOSTILE}
    cells = re.findall(r"<td[^>]*>(?:<bdi[^>]*>)?\s*(.)", page)
    assert not {"=", "+", "-", "@"} & set(cells)


def test_the_page_needs_and_asks_for_nothing() -> None:
    """No address, no file beside it; and a policy that lets the browser run its own script and style and nothing else."""
    page = plan_page(plan(*FULL))
    assert not re.search(r"<link|<img|src=|href=|url\(|@import|https?://|eval\(|innerHTML", page)
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        (inside,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_the_page_holds_every_change_and_says_whose_lead_it_is() -> None:
    """All of 5,000 changes are in the file, not just the first leads; each with its name, owner and status where they are known."""
    rows = [(f"{each:05}", "status", "a", f"b{each % 7}", None, "change") for each in range(5_000)]
    people = pa.table(
        {
            "lead_id": ["04999"],
            "name": ["Zoë </script> Müller"],
            "owner": ["Ann"],
            "status": ["Hot"],
            "edited_by": [""],
        }
    )
    page = plan_page(plan(*rows, max_changes=None, max_share=None), people=[people])
    data = json.loads(re.findall(r'id="data">(.*?)</script>', page, re.DOTALL)[0])
    assert len(data["leads"]) == 5_000
    assert data["leads"][-1] == [
        "04999",
        "Zoë </script> Müller",
        "Ann",
        "Hot",
        [["status", "“a”", "“b1”", "(never sent)"]],
    ]
    assert "leaves out" not in page
    assert len(page) < 1_000_000


def test_masked_nothing_shows_a_value() -> None:
    """--mask hides values of leads in all three forms."""
    made = plan(*FULL, ("108", "phone", None, "+44 20 7946 0958", None, "change"))
    for shown in (
        plan_page(made, mask=True),
        text_of(plan_text(made, mask=True), 300),
        to_json(plan_document(made, mask=True)),
    ):
        assert not re.search("000-1167|7946|Theirs|Denied|“Hot”", shown)


@pytest.mark.parametrize("mode", ["insert", "upsert"])
def test_masked_nothing_shows_a_key_that_may_be_a_value(mode: str) -> None:
    """The key of a lead that is added is an email address as often as not, so it is hidden where values are; without --mask a
    plan shows it, and an error never does."""
    rows = [
        *[("ann@example.com", "phone", None, PHONE, None, "insert")] * 2,
        ("bob@example.com", "phone", None, PHONE, None, "rejected"),
    ]
    made = plan(*rows, mode=mode)
    problem_of = made.problem()
    shown = [
        plan_page(made, mask=True),
        text_of(plan_text(made, mask=True), 300),
        to_json(plan_document(made, mask=True)),
        str(problem_of),
        "".join(differences(made, plan(*rows[2:], mode=mode))),
    ]
    for text in shown:
        assert "example.c" not in text
        assert "•••• om" in text
    assert "ann@example.com" in to_json(plan_document(made))
    # Ids of the CRM are what people look leads up by.
    assert "“101”" not in text_of(plan_text(plan(*FULL), mask=True), 300)
    assert "101" in text_of(plan_text(plan(*FULL), mask=True), 300)


def test_what_came_of_an_insert_names_no_key_in_a_log() -> None:
    """A push writes keys on a terminal only: its text elsewhere and its JSON hold none."""
    missed = tuple(each._replace(lead_id="ann@example.com") for each in SUMMARY.unapplied)
    summary = replace(SUMMARY, unapplied=missed, has_own_keys=True)
    assert "ann@" not in text_of(push_text(summary, Recovery())) + to_json(push_document(summary, Recovery()))
    assert "ann@" in text_of(push_text(summary, Recovery(), mask=False))
    assert "ann@" in to_json(push_document(replace(summary, has_own_keys=False), Recovery()))


def test_a_long_page_says_how_much_it_leaves_out() -> None:
    """A browser gets the first leads, and the command that lists the rest."""
    rows = [(f"{each:04}", "status", "a", "b", None, "change") for each in range(50)]
    page = plan_page(plan(*rows), most=10)
    assert "This page leaves out 40 leads;" in page
    assert "0010" not in page


SUMMARY = Summary(
    run_id="20251102T083000-ab12cd34",
    push="scores",
    crm="convoso",
    started_at=AT,
    ended_at=AT + timedelta(seconds=90),
    leads=1000,
    fields=2000,
    calls=1000,
    by_state={"applied": 998, "rejected": 2},
    fields_by_state={"applied": 1996, "rejected": 4},
    unapplied=(
        Unapplied("7", "rejected", ("phone",), "6008", "The phone number is invalid"),
        Unapplied("9", "rejected", ("phone",), "6008", "The phone number is invalid"),
    ),
    stopped=None,
    interrupted=False,
)


def test_the_summary_groups_what_did_not_arrive() -> None:
    """Two leads with the same trouble are one line with a number and an example."""
    text = text_of(push_text(SUMMARY, Recovery()))
    assert "scores → convoso: 998 of 1,000 leads applied, 2 rejected" in text
    assert "1,000 calls in 90.0 s" in text
    assert re.search(r"2 +7 +rejected +phone +6008 The phone number is invalid", text)


@pytest.mark.parametrize(
    ("recovery", "told"),
    [
        (Recovery(), None),
        (Recovery(applied=1), "1 lead had arrived"),
        (
            Recovery(applied=2, deferred=1, unknown=3),
            (
                "2 leads had arrived; 1 lead had not arrived, so this plan has what is still wanted of it; "
                "3 leads could not be read, so nothing is sent to them yet"
            ),
        ),
    ],
)
def test_the_summary_says_what_earlier_runs_had_left_open(recovery: Recovery, told: str | None) -> None:
    """For people and for programs; nothing where there was nothing."""
    text = " ".join(text_of(push_text(SUMMARY, recovery)).split())
    assert ("Left open" in text) == (told is not None)
    assert told is None or f"Left open by earlier runs: {told}" in text
    found = json.loads(to_json(push_document(SUMMARY, recovery)))["recovered"]
    assert found == {name: getattr(recovery, name) for name in ("applied", "deferred", "unknown")}


@pytest.mark.parametrize(
    ("leads", "states", "told"),
    [
        (0, {}, "nothing to send"),
        (10, {}, "nothing was sent"),
        (10, {"applied": 2}, "2 of 10 leads applied"),
        (1, {"rejected": 1}, "1 of 1 lead rejected"),
        (3, {"applied": 1, "deferred": 1, "rejected": 1}, "1 of 3 leads applied, 1 deferred, 1 rejected"),
    ],
)
def test_the_first_line_says_what_became_of_the_leads(leads: int, states: dict[str, int], told: str) -> None:
    """Out of how many; a push that ended early has more leads than states, one without leads had nothing to send."""
    summary = replace(SUMMARY, leads=leads, by_state=states, unapplied=())
    assert text_of(push_text(summary, Recovery())).startswith(f"scores → convoso: {told}\n")


def test_the_summary_as_json_lists_every_lead_that_did_not_arrive() -> None:
    """Programs get every lead with code and reason, and the exit code."""
    found = json.loads(to_json(push_document(SUMMARY, Recovery())))
    assert (found["kind"], found["exit_code"], found["leads_by_state"]) == (
        "push",
        3,
        {"applied": 998, "rejected": 2},
    )
    assert found["unapplied"][1] == {
        "lead_id": "9", "state": "rejected", "fields": ["phone"], "code": "6008",
        "reason": "The phone number is invalid",
    }  # fmt: skip


ADDED = (
    ("form 1", "phone", None, PHONE, None, "insert"),
    ("form 1", "status", None, "New", None, "insert"),
    ("form 2", "phone", None, PHONE, None, "insert"),
)
DELETED = (("101", "*", None, None, None, "delete"), ("102", "*", None, None, None, "conflict"))


def test_a_plan_that_adds_leads_says_so() -> None:
    """How many, out of which fields, and nothing about changes of leads that are there."""
    found = plan(*ADDED, mode="insert")
    for shown in (text_of(plan_text(found)), Page(plan_page(found)).text):
        assert "2 leads would be added, in 3 fields" in shown
        assert "2 leads would be added, and max_inserts is 1,000" in shown
        assert "would change" not in shown
    document = plan_document(found)
    assert (document.mode, document.totals.inserts, document.options) == ("insert", 2, {})
    assert document.leads[0].crm_lead_id is None


def test_a_plan_that_updates_some_and_adds_others_says_both() -> None:
    """An upsert's two halves are counted apart."""
    rows: list[tuple[Any, ...]] = [(*row[:2], row[1], *row[2:], None) for row in ADDED]
    rows += [("form 3", "status", "status", "Old", "New", None, "change", "77")]
    push = SimpleNamespace(**{**vars(PUSH), "mode": "upsert"})
    found = plan_rows(push, rows, made_at=AT, seen_at=AT, crm_leads=100)
    assert "1 lead of 100 would change, 2 leads would be added, in 4 fields" in text_of(plan_text(found))
    assert [each.crm_lead_id for each in plan_document(found).leads] == [None, None, "77"]


def test_a_plan_that_deletes_leads_says_so() -> None:
    """Which leads, and which ones are left alone because they are back."""
    found = plan(*DELETED, mode="delete")
    for shown in (text_of(plan_text(found)), Page(plan_page(found)).text):
        assert "1 lead of 100 would be deleted" in shown
        assert "the whole lead" in shown
        assert "would change" not in shown
        assert "cleared" not in shown
    assert plan_document(found).totals.deletes == 1


def test_why_nothing_may_be_sent_is_told_to_programs_in_parts() -> None:
    """What an error knows of itself is fields of the document, so that nobody has to take its sentence apart."""
    stopped = plan_document(plan(*FULL, max_changes=1)).problem
    assert stopped is not None
    assert (stopped.error, stopped.exit_code, stopped.action) == ("GuardrailError", 4, "stop")
    assert (stopped.crm, stopped.lead_id, stopped.fields, stopped.code) == ("convoso", None, [], None)
    assert stopped.advice is not None
    assert stopped.advice.startswith("If it is right, raise the limit in the model")
    assert stopped.message.endswith(stopped.advice)
    refused = RefusedError("refuses it", crm="convoso", lead_id="7", fields=["title", "city"], code="6008")
    found = problem(refused)
    assert (found.message, found.advice, found.action) == ("convoso refuses it", None, "skip")
    assert (found.lead_id, found.fields, found.code) == ("7", ["city", "title"], "6008")
