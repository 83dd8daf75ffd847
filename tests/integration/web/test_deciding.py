"""Conflicts are decided on the page as `leadloop resolve` decides them."""

import re
import time
from typing import Any

import duckdb
import pytest

from tests.integration.conftest import PUSH, Past
from tests.integration.web.conftest import Browser, hidden, settled


def decisions(browser: Browser) -> list[tuple[Any, ...]]:
    path = browser.site.source.warehouse.path
    with duckdb.connect(str(path), read_only=True) as connection:
        found: list[tuple[Any, ...]] = connection.execute(
            "select lead_id, field, state, code from leadloop.push_journal where run_id like 'resolve-%' order by lead_id"
        ).fetchall()
    return found


def plan_with(browser: Browser, conflicts: int) -> Any:
    """The push's plan, once the page shows a copy of the warehouse in which so many are left: a copy may have been on its way before."""
    until = time.monotonic() + 60
    while True:
        settled(browser)
        made = browser.site.plans.get(PUSH, patience=60)
        assert made is not None
        plan: Any = made.plan
        if len(plan.conflicts) == conflicts or time.monotonic() > until:
            return plan
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("side", "state"),
    [
        ("ours", "confirmed"),
        ("theirs", "rejected"),
        pytest.param("skip", "rejected", marks=pytest.mark.long),
    ],
)
def test_one_conflict_is_decided(fresh: object, past: Past, side: str, state: str) -> None:
    """Only that lead's field is; the others stay; and with ours the next plan sends it."""
    with fresh() as browser:  # type: ignore[operator]
        page = browser.get("/conflicts").body
        items = hidden(page, "shown")
        assert len(items) == 3
        answer = browser.post("/conflicts", {"push": PUSH, "take": f"{side} {items[0]}"})
        assert f"1 conflict of {PUSH} decided" in answer.text
        assert len(hidden(answer.body, "shown")) == 2
        (found,) = decisions(browser)
        assert found[1:3] == ("lead_score", state)
        assert found[0] in past.edited_after_push
        plan = plan_with(browser, 2)
        assert [lead.lead_id for lead in plan.leads] == ([found[0]] if side == "ours" else [])
        assert len(plan.conflicts) == 2
        run = browser.get("/runs?command=resolve")
        assert "resolve lead_scores_to_convoso" in run.text


def test_all_that_are_shown_are_decided_or_those_of_one_field(fresh: object, past: Past) -> None:
    """A button for all of them; a field of which none is shown decides nothing."""
    with fresh() as browser:  # type: ignore[operator]
        items = hidden(browser.get("/conflicts").body, "shown")
        form = [("push", PUSH), *(("shown", each) for each in items)]
        none = browser.post("/conflicts", [*form, ("take", "theirs all"), ("only_field", "title")])
        assert "Nothing was decided" in none.text
        assert decisions(browser) == []
        done = browser.post("/conflicts", [*form, ("take", "theirs all"), ("only_field", "lead_score")])
        assert "3 conflicts" in done.text
        assert "No conflict is open" in done.text
        assert [row[0] for row in decisions(browser)] == sorted(past.edited_after_push)


def test_all_fields_of_a_lead_are_decided_at_once(fresh: object, past: Past) -> None:
    """A lead with several fields in conflict has a button for all of them; the other leads stay as they are."""
    lead = past.edited_after_push[1]
    with fresh(  # type: ignore[operator]
        f"update analytics.lead_history set title = 'typed' where lead_id = '{lead}' and is_current"
    ) as browser:
        page = browser.get("/conflicts").body
        items = hidden(page, "shown")
        assert len(items) == 4
        (of_lead,) = re.findall(r'value="theirs ([^" ]+)" aria-label="Keep theirs in all fields', page)
        form = [("push", PUSH), ("take", f"theirs {of_lead}"), *(("shown", each) for each in items)]
        assert "2 conflicts of" in browser.post("/conflicts", form).text
        assert [row[:2] for row in decisions(browser)] == [(lead, "lead_score"), (lead, "title")]


def test_a_conflict_that_is_another_one_by_now_is_not_decided(fresh: object, past: Past) -> None:
    """The CRM shows something else than what the person saw: nothing is recorded, and the page says so."""
    with fresh() as browser:  # type: ignore[operator]
        items = hidden(browser.get("/conflicts").body, "shown")
        path = browser.site.source.warehouse.path
        with duckdb.connect(str(path)) as connection:
            connection.execute("update analytics.lead_history set lead_score = '77' where lead_score = '100'")
        form = [("push", PUSH), ("take", "ours all"), *(("shown", each) for each in items)]
        answer = browser.post("/conflicts", form)
        assert (
            "3 conflicts of lead_scores_to_convoso changed after you saw them; nothing was recorded."
            in answer.text
        )
        assert decisions(browser) == []


def test_what_is_no_conflict_of_these_pages_decides_nothing(fresh: object, past: Past) -> None:
    """A made-up item, another push's, a lead's key: none of them is taken for one."""
    with fresh() as browser:  # type: ignore[operator]
        keys = browser.site.keys
        lead = past.edited_after_push[0]
        wrong = (
            "made up",
            keys.lead("convoso", lead),
            keys.sealed("conflict", "another_push", lead, "lead_score", "0" * 16),
            keys.sealed("conflict", PUSH, lead),
        )
        for each in wrong:
            assert (
                "Nothing was decided"
                in browser.post("/conflicts", {"push": PUSH, "take": f"ours {each}"}).text
            )
        assert "Nothing was decided" in browser.post("/conflicts", {"push": PUSH, "take": "steal all"}).text
        assert decisions(browser) == []


def test_while_a_run_holds_the_push_nothing_is_decided(
    fresh: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page says who holds it, and shows the conflicts as before."""
    from connector.web import conflict_pages

    monkeypatch.setattr(conflict_pages, "PATIENCE", 0.3)
    with fresh() as browser:  # type: ignore[operator]
        items = hidden(browser.get("/conflicts").body, "shown")
        with browser.site.source.warehouse.lock(f"push:{PUSH}"):
            answer = browser.post("/conflicts", {"push": PUSH, "take": f"ours {items[0]}"})
        assert "is being worked on by" in answer.text
        assert len(hidden(answer.body, "shown")) == 3
        assert decisions(browser) == []
