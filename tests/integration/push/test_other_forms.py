"""A CRM that keeps values in a form of its own: it is told once, and nothing goes back and forth."""

from dataclasses import replace
from typing import Any

import pytest

from connector import loop
from connector.render.status import status_document
from connector.status import status
from connector.warehouse import models
from connector.warehouse.models import OtherForm
from tests.properties.quick_loop import QuickLoop


def want(quick: QuickLoop, lead: str, tier: str) -> None:
    quick.write("delete from inputs.wanted")
    quick.write("insert into inputs.wanted values (:lead, :tier, null)", lead=lead, tier=tier)


def read(quick: QuickLoop) -> Any:
    loop.extract(quick.warehouse)
    return loop.build(quick.warehouse).other_forms


@pytest.mark.long_if("postgres")
def test_a_value_in_another_form_is_told_once_and_not_sent_for_ever(
    quick: QuickLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the warehouse wins; what a person then types, and another value that is wanted, are sent again."""
    crm = quick.begin()
    crm.book._normalise = {"title": str.upper}
    lead, *_ = crm.book.ids()
    known = models.known()
    wins = replace(known, pushes=tuple(replace(each, on_conflict="warehouse_wins") for each in known.pushes))
    monkeypatch.setattr(models, "known", lambda *_: wins)

    ruled = replace(wins, pushes=tuple(replace(each, equal={"title": "lower"}) for each in wins.pushes))

    def told() -> tuple[OtherForm, ...]:
        return status(quick.warehouse).other_forms

    def planned() -> tuple[list[str], list[str]]:
        plan = loop.plan(quick.warehouse, "scores")
        return [each.lead_id for each in plan.leads], [each.lead_id for each in plan.flapping]

    want(quick, lead, "gold")
    assert read(quick) == ()
    loop.push(quick.warehouse, "scores")
    crm.clock.advance(5)
    assert told() == ()
    assert read(quick) == (OtherForm("convoso", "title", "lower", 1),)
    assert planned() == ([], [lead])
    crm.clock.advance(5)
    assert read(quick) == ()
    assert planned() == ([], [lead])
    # A build says it once, the status as long as it is so; also when the journal was compacted.
    assert told() == (OtherForm("convoso", "title", "lower", 1),)
    loop.maintain(quick.warehouse)
    assert told() == (OtherForm("convoso", "title", "lower", 1),)
    assert status_document(status(quick.warehouse)).other_forms[0].rule == "lower"
    # For a push with that rule it is in sync, so there is nothing to say.
    monkeypatch.setattr(models, "known", lambda *_: ruled)
    loop.push(quick.warehouse, "scores")
    assert told() == ()
    monkeypatch.setattr(models, "known", lambda *_: wins)

    want(quick, lead, "silver")
    assert planned() == ([lead], [])
    want(quick, lead, "gold")
    crm.book.edit(lead, {"title": "a person's"})
    crm.clock.advance(5)
    read(quick)
    assert planned() == ([lead], [])
