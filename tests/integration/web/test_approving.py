"""A plan is approved on the page as `leadloop approve` approves it: what was shown, signed, and nothing else."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.push.approved import restricted
from connector.render.saved_plan import read_plan
from tests.integration.conftest import PUSH, Past

KEY = "a long and random text of the tests"
CHANGED = "update analytics.lead_scores set score = score + 7, tier = 'new'"


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    from connector import config

    monkeypatch.setenv("LEDGER__APPROVAL_KEY", KEY)
    config.reload()
    yield
    config.reload()


def generation(page: str) -> str:
    return str(re.findall(r'name="generation" value="(\d+)"', page)[0])


def saved() -> list[Path]:
    return sorted(Path(".leadloop/plans").glob("*.json"))


def test_what_the_page_shows_is_approved(fresh: Any, past: Past) -> None:
    """The file is that of the plan that was shown, signed, without what was left out; the name and the note are in it."""
    with fresh(CHANGED) as browser:
        page = browser.get(f"/pushes/{PUSH}").body
        plan = browser.site.plans.get(PUSH, patience=60).plan
        form = [
            ("generation", generation(page)), ("who", "Ana"), ("note", "asked Bob"),
            ("only_field", "title"), ("not_leads", f"{plan.leads[0].lead_id}, {plan.leads[1].lead_id}"),
        ]  # fmt: skip
        answer = browser.post(f"/pushes/{PUSH}/approve", form)
    assert "Approved by Ana: a part of it until" in answer.text
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
        now = generation(page)
        for form, told in (
            ({"generation": "77", "who": "Ana"}, "The page was older than the plan"),
            ({"generation": now, "who": " "}, "say who decides"),
            ({"generation": now, "who": "Ana", "only_field": "nothing"}, "has no field 'nothing'"),
        ):
            assert told in browser.post(f"/pushes/{PUSH}/approve", form).text, form
        # The page has not noticed yet.
        browser.site.source.refresh = lambda **_: None
        with duckdb.connect(str(browser.site.source.warehouse.path)) as connection:
            connection.execute("update analytics.lead_scores set tier = 'newer'")
        answer = browser.post(f"/pushes/{PUSH}/approve", {"generation": now, "who": "Ana"})
        assert "nothing was approved" in answer.text.lower()
    assert not [file for file in saved() if read_plan(file).approval is not None]


def test_without_a_key_there_is_nothing_to_press(fresh: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page says how to send the plan instead."""
    from connector import config

    monkeypatch.delenv("LEDGER__APPROVAL_KEY")
    config.reload()
    with fresh(CHANGED) as browser:
        page = browser.get(f"/pushes/{PUSH}")
    assert "/approve" not in page.body
    assert f"To send it: leadloop push {PUSH}" in page.text
