"""What a person finds on the pages of `leadloop serve`, without SQL."""

import re

import duckdb

from tests.integration.conftest import PUSH, Past
from tests.integration.web.conftest import KEYS, Browser, hidden


def test_the_overview_says_how_every_push_and_crm_stands(browser: Browser, past: Past) -> None:
    """Leads, how far they were read, what waits, what is in conflict, the last run, and charts with their numbers as a table."""
    page = browser.get("/")
    assert page.status == 200
    fields = 2 * len(past.pushed)
    assert f"{PUSH} to convoso Nothing to send 0 leads, 0 fields {fields - 3} fields 3 0" in page.text
    assert f"{past.leads} leads 0 of them removed Last read" in page.text
    assert "Changed fields" in page.text
    assert page.body.count('<svg class="chart" role="img"') == 3
    assert "Last run of each command" in page.text
    assert "Up to date" in page.text


def test_the_plan_says_what_tonights_push_would_do(browser: Browser, past: Past) -> None:
    """One status word, limits with how near they are, what is left out and what changes that; conflicts with all three values."""
    page = browser.get(f"/pushes/{PUSH}")
    assert page.status == 200
    assert "Nothing to send" in page.text
    assert "within 0 leads would change, and max_changes is 5,000" in page.text
    assert '<progress max="100" value="0"' in page.body
    assert "3 edited in the CRM after we sent them Decide whose value stays" in page.text
    heads = re.findall(r'<th scope="col">(We sent|The CRM shows|We want)</th>', page.body)
    assert heads == ["We sent", "The CRM shows", "We want"]
    assert page.body.count("“100”") >= 3


def test_a_lead_says_who_changed_it(browser: Browser, past: Past) -> None:
    """A person by the CRM's own word, a push by its name with what came of each field; what we sent and nobody ever saw, too."""
    page = browser.get(f"/leads/{KEYS.lead('convoso', past.renamed)}")
    assert page.status == 200
    assert "30002 edited it in the CRM" in page.text
    assert "→ became “Renée”" in page.text
    edited = browser.get(f"/leads/{KEYS.lead('convoso', past.edited_after_push[0])}").text
    assert f"leadloop sent, by the push {PUSH}" in edited
    assert "conflict edited_after_push" in edited
    assert "leadloop saw the lead for the first time" in edited
    assert "What the pushes want now" in edited
    assert (
        edited.index("edited it in the CRM")
        < edited.index("leadloop sent")
        < edited.index("for the first time")
    )


def test_runs_say_how_they_ended_and_what_became_of_each_field(browser: Browser, past: Past) -> None:
    """Newest first, by command; a push's outcomes are grouped, with links to their leads."""
    page = browser.get("/runs?command=push")
    (run_id,) = re.findall(r'href="/runs/([\w-]+)"', page.body)
    assert "extract" not in re.sub(r"<select.*?</select>", "", page.body, flags=re.S)
    run = browser.get(f"/runs/{run_id}")
    assert f"confirmed lead_score {len(past.pushed) - 3}" in run.text
    assert "conflict lead_score 3 edited_after_push" in run.text
    assert f'href="/leads/{KEYS.lead("convoso", past.edited_after_push[0])}"' in run.body
    everything = browser.get("/runs")
    starts = re.findall(r'<time datetime="([^"]+)"', everything.body)
    assert starts[:1]
    assert starts == sorted(starts, reverse=True)
    assert browser.get("/runs?command=push&ended=failed").text.count("No run yet.") == 1


def test_runs_come_page_by_page(fresh: object) -> None:
    """Where there are more than a page has, the last line leads to the older ones, and none comes twice or never."""
    sql = (
        "insert into leadloop.runs (run_id, command, started_at, ended_at, exit_code) "
        "select 'made-' || lpad(cast(n as text), 3, '0'), 'extract', timestamptz '2025-01-01 00:00:00+00' + interval 1 hour * (n // 3),"
        " timestamptz '2025-01-02 00:00:00+00', 0 from range(120) as numbers(n)"
    )
    with fresh(sql) as browser:  # type: ignore[operator]
        seen, address = [], "/runs?command=extract"
        while address:
            page = browser.get(address).body
            seen += re.findall(r'href="/runs/([\w-]+)"', page)
            more = re.search(r'href="(/runs\?[^"]+)">Older', page)
            address = more[1].replace("&amp;", "&") if more else ""
    made = [each for each in seen if each.startswith("made-")]
    assert made == sorted(made, reverse=True)
    assert len(made) == len(set(made)) == 120


def test_a_lead_is_found_by_name_and_id(browser: Browser, past: Past) -> None:
    """In the body of a POST; what is found leads to the lead's page."""
    found = browser.post("/leads", {"text": "renée"})
    assert f'href="/leads/{KEYS.lead("convoso", past.renamed)}"' in found.body
    by_id = browser.post("/leads", {"text": past.touched}, htmx=True)
    assert by_id.body.count('href="/leads/') == by_id.body.count('scope="row"')
    assert KEYS.lead("convoso", past.touched) in by_id.body
    assert "No lead found" in browser.post("/leads", {"text": "nobody of this name"}).text
    # What is a pattern in SQL is a text here.
    assert "No lead found" in browser.post("/leads", {"text": "%"}).text


def test_the_rows_of_a_plan_are_searched_filtered_sorted_and_come_page_by_page(
    fresh: object, past: Past
) -> None:
    """Hundreds of changes: every row once, in every order; a search looks at names, ids and values."""
    with fresh("update analytics.lead_scores set score = score + 7, tier = 'new'") as browser:  # type: ignore[operator]
        page = browser.get(f"/pushes/{PUSH}")
        expected = browser.site.plans.get(PUSH, patience=60).rows.plan.fields
        assert expected > 2
        assert f"{expected} fields of" in page.text
        for sort in ("lead", "name", "field", "before", "after", "jump"):
            form = {"list": "leads", "sort": sort, "text": "", "field": ""}
            answer = browser.post(f"/pushes/{PUSH}/rows", form, htmx=True)
            rows = len(re.findall("data-label=.Would become", answer.body))
            while after := hidden(answer.body, "after"):
                answer = browser.post(f"/pushes/{PUSH}/rows", {**form, "after": after[0]}, htmx=True)
                rows += len(re.findall("data-label=.Would become", answer.body))
            assert rows == expected, sort
        only = browser.post(f"/pushes/{PUSH}/rows", {"field": "title", "text": "NEW"}, htmx=True)
        assert set(re.findall('data-label="Field">([^<]*)<', only.body)) == {"title"}
        assert browser.post(f"/pushes/{PUSH}/rows", {"text": "zzz"}, htmx=True).text.endswith(
            "Nothing matches."
        )
        # Without a script the same form shows the whole page.
        whole = browser.post(f"/pushes/{PUSH}/rows", {"text": "zzz"})
        assert "<h1>" in whole.body
        assert "Nothing matches" in whole.text


def test_a_guardrail_that_is_off_is_grey_and_one_that_is_near_says_so(fresh: object) -> None:
    """Off is off: no bar, and never in green."""
    from dataclasses import replace

    with fresh("update analytics.lead_scores set score = score + 7") as browser:  # type: ignore[operator]
        plans = browser.site.plans
        changes = len(plans.get(PUSH, patience=60).rows.plan.leads)
        assert changes
        known = plans._known
        specs = tuple(
            replace(each, max_changes=changes + 1, max_share=None) if each.name == PUSH else each
            for each in known.pushes
        )
        plans._known = replace(known, pushes=specs)
        plans._coming.clear()
        plans.get(PUSH, patience=60)
        page = browser.get(f"/pushes/{PUSH}")
    off = re.search(r'<li class="off">(.*?)</li>', page.body, re.S)
    assert off is not None
    assert "word idle" in off[1]
    assert "<progress" not in off[1]
    assert '<li class="near">' in page.body


def test_what_is_not_there_is_said(browser: Browser) -> None:
    """An unknown page, push, lead or run is a page that says so, with 404."""
    for address in (
        "/nothing",
        "/pushes/nothing",
        "/leads/nothing",
        "/runs/nothing",
        "/push-runs/nothing",
        "/static/nothing",
    ):
        page = browser.get(address)
        assert page.status == 404, address
        assert "<h1>" in page.body, address


def test_every_page_can_be_used_with_a_keyboard_and_a_screen_reader(browser: Browser, past: Past) -> None:
    """A language, a title, one main heading, landmarks, a way past the navigation; every field has a label, every table its heads."""
    from tests.integration.web.conftest import Text

    for address in (
        "/",
        f"/pushes/{PUSH}",
        "/leads",
        f"/leads/{KEYS.lead('convoso', past.renamed)}",
        "/conflicts",
        "/runs",
    ):
        body = browser.get(address).body
        found = Text(body)
        assert '<html lang="en">' in body
        assert found.tags.count("h1") == 1, address
        assert {"header", "nav", "main", "title"} <= set(found.tags), address
        assert ("nav", "aria-label", "Pages") in found.attributes
        assert '<a class="skip" href="#content">' in body
        for table in re.findall(r"<table.*?</table>", body, re.S):
            assert "<thead>" in table, address
            assert "<th>" not in table, address
        fields = re.findall(r"<(?:select|input)(?![^>]*type=.hidden)[^>]*>", body)
        labels = "".join(re.findall(r"<label.*?</label>", body, re.S))
        assert all(each in labels for each in fields), address
        assert not re.findall(r"<svg(?![^>]*(role|aria-hidden|viewBox=.0 0 10 10))", body), address


def test_the_pages_come_and_go_with_the_server(fresh: object) -> None:
    """The snapshot is left beside the warehouse; nobody holds either when the server has ended."""
    with fresh() as browser:  # type: ignore[operator]
        path = browser.site.source.warehouse.path
    for each in (path, path.with_name("leads.snapshot.duckdb")):
        duckdb.connect(str(each)).close()
