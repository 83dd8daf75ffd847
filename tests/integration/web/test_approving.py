"""A plan is approved on the page as `leadloop approve` approves it: what was shown, signed, and nothing else."""

import threading
from pathlib import Path
from typing import Any

import pytest

from connector.push.approved import restricted
from connector.render.saved_plan import read_plan
from tests.integration.conftest import PUSH, Past
from tests.integration.web.conftest import hidden, settled, shown, to_approve

CHANGED = "update analytics.lead_scores set score = score + 7, tier = 'new'"


pytestmark = pytest.mark.usefixtures("approval_key")


def saved() -> list[Path]:
    return sorted(
        set(Path(".leadloop/plans").glob("*.json")) - set(Path(".leadloop/plans").glob("*.approved.json"))
    )


def test_what_the_page_shows_is_approved(fresh: Any, past: Past) -> None:
    """The file is that of the plan that was shown, signed, without what was left out; the name and the note are in it."""
    with fresh(CHANGED) as browser:
        page = browser.get(f"/pushes/{PUSH}").body
        plan = browser.site.plans.get(PUSH, patience=60).plan
        assert "Nothing is unusual against the last run" in browser.get(f"/pushes/{PUSH}").text
        ticked = browser.site.keys.sealed("left", PUSH, plan.leads[0].lead_id)
        assert f'name="left" value="{ticked}"' in page
        form = to_approve(
            page, field=["title"], who="Ana", note="asked Bob", left=ticked, not_leads=plan.leads[1].lead_id
        )
        answer = browser.post(f"/pushes/{PUSH}/approve", form)
        assert (
            f"{len(plan.leads) - 2} leads of {len(plan.leads)}, {len(plan.leads) - 2} fields" in answer.text
        )
        assert "Approved by Ana" in answer.text
        assert "“ asked Bob ”" in answer.text
        assert 'name="who"' not in answer.body
        assert 'name="left"' not in answer.body
    (file,) = saved()
    assert f"leadloop push {PUSH} --plan {file}" in answer.text
    assert file.stat().st_mode & 0o077 == 0
    approved = read_plan(file)
    assert approved.approval is not None
    assert approved.approval.note == "Ana, on the page: asked Bob"
    kept = restricted(approved, approved.approval)
    assert len(kept.leads) == len(plan.leads) - 2
    assert set(kept.by_field()) == {"title"}


def test_a_page_that_is_too_old_approves_nothing(fresh: Any) -> None:
    """Nor does one without a name, one of a plan that has changed in the warehouse since, or a made-up field."""
    import duckdb

    with fresh(CHANGED) as browser:
        page = browser.get(f"/pushes/{PUSH}").body
        plan = browser.site.plans.get(PUSH, patience=60).plan
        everybody = " ".join(lead.lead_id for lead in plan.leads)
        for form, told in (
            ([("plan", "77"), ("who", "Ana")], "The page was older than the plan"),
            (to_approve(page, who=" "), "say who decides"),
            (to_approve(page, who="Ana", field=["nothing"]), "“Fields to send”: the plan of"),
            (to_approve(page, who="Ana", field=[]), "no field is ticked under “Fields to send”"),
            (to_approve(page, who="Ana", not_leads="nobody"), "“Leave out”: the plan of"),
            (to_approve(page, who="Ana", not_leads=everybody), "“Leave out” leave out everything"),
        ):
            answer = browser.post(f"/pushes/{PUSH}/approve", form)
            assert told in answer.text, form
            assert "--not-lead" not in answer.text
            assert "--only-field" not in answer.text
        # The page has not noticed yet.
        browser.site.source.refresh = lambda **_: None
        with duckdb.connect(str(browser.site.source.warehouse.path)) as connection:
            connection.execute("update analytics.lead_scores set tier = 'newer'")
        answer = browser.post(f"/pushes/{PUSH}/approve", to_approve(page, who="Ana"))
        assert "nothing was approved" in answer.text.lower()
    assert not [file for file in saved() if read_plan(file).approval is not None]


def test_of_two_tabs_one_approves(fresh: Any) -> None:
    """The other one is told who was faster, and nothing is approved twice; after the approval is withdrawn it may."""
    import duckdb

    with fresh(CHANGED) as browser:
        page = browser.get(f"/pushes/{PUSH}").body
        answers: dict[str, str] = {}

        def press(who: str) -> None:
            answers[who] = browser.post(f"/pushes/{PUSH}/approve", to_approve(page, who=who)).text

        tabs = [threading.Thread(target=press, args=(who,)) for who in ("Ana", "Bob")]
        for tab in tabs:
            tab.start()
        for tab in tabs:
            tab.join()
        won = [who for who in answers if "Approved. Nothing is sent yet." in answers[who]]
        (lost,) = answers.keys() - won
        assert f"{won[0]} approved this plan at" in answers[lost]
        assert "nothing was approved again" in answers[lost]
        with duckdb.connect(str(browser.site.source.warehouse.path)) as connection:
            rows = connection.execute(
                "select note from leadloop.push_approvals where kind = 'plan'"
            ).fetchall()
        assert rows == [(f"{won[0]}, on the page",)]
        settled(browser)
        page = shown(browser, f"/pushes/{PUSH}").body
        (approval,) = hidden(page, "approval")
        gone = browser.post(f"/pushes/{PUSH}/withdraw", {"approval": approval})
        assert "its signed plan is deleted" in gone.text
        assert saved() == []
        assert (
            "used or withdrawn already"
            in browser.post(f"/pushes/{PUSH}/withdraw", {"approval": approval}).text
        )
        page = shown(browser, f"/pushes/{PUSH}").body
        press(lost)
        assert "Approved. Nothing is sent yet." in answers[lost]


def test_without_a_key_there_is_nothing_to_press(fresh: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page says how to send the plan instead."""
    from connector import config

    monkeypatch.delenv("LEDGER__APPROVAL_KEY")
    config.reload()
    with fresh(CHANGED) as browser:
        page = browser.get(f"/pushes/{PUSH}")
    assert "/approve" not in page.body
    assert f"To send it: leadloop push {PUSH}" in page.text
