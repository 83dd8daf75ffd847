"""What a run sent is taken back on the page, and what is held is sent again: with what is pressed there, not with commands."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from connector import loop
from connector.push import Asked
from connector.render.saved_plan import read_plan
from connector.views.settings import PageSettings
from connector.web.server import HOST, Server, bound
from connector.web.site import Site
from tests.integration.web.conftest import KEYS, Browser, settled, shown, to_approve
from tests.properties.quick_loop import QuickLoop

pytestmark = [pytest.mark.long_if("postgres"), pytest.mark.usefixtures("approval_key")]


@contextmanager
def page_of(quick: QuickLoop) -> Iterator[Browser]:
    """The pages of a quick loop's warehouse."""
    site = Site.over(quick.warehouse, None, PageSettings(), KEYS)
    server = Server(site, bound(HOST, 0), token=None, log=lambda *_: None).start()
    try:
        browser = Browser(site, server, [])
        settled(browser)
        yield browser
    finally:
        server.stop()


def push(quick: QuickLoop, name: str) -> str:
    done = loop.push(quick.warehouse, name, first=True)
    assert done is not None
    return done.summary.run_id


def look(quick: QuickLoop) -> None:
    loop.extract(quick.warehouse)
    loop.build(quick.warehouse)


def test_what_is_advised_can_be_pressed(quick: QuickLoop) -> None:
    """Added leads are deleted by a plan of their own, one press away; what was taken back and held is released by a press."""
    crm = quick.begin()
    lead, *_ = crm.book.ids()
    look(quick)
    quick.write("insert into inputs.forms values ('form', '7775550001', 'New')")
    added = push(quick, "adding")
    look(quick)
    quick.write("insert into inputs.wanted values (:lead, 'hot', null)", lead=lead)
    loop.undo(quick.warehouse, Asked(push(quick, "scores")))
    assert crm.book.row(lead)["title"] != "hot"
    with page_of(quick) as browser:
        undo = shown(browser, f"/undo/{added}")
        assert "press “Delete the leads that it added”" in undo.text
        assert "--delete-inserted" not in undo.text
        assert f'href="/undo/{added}/added">Delete the leads that it added</a>' in undo.body
        deleting = shown(browser, f"/undo/{added}/added")
        assert "1 lead of 7 would be deleted" in deleting.text
        assert "leadloop undo" not in deleting.text
        approved = browser.post(f"/undo/{added}/added/approve", to_approve(deleting.body, who="Ana"))
        assert "Approved. Nothing is sent yet." in approved.text
        files = Path(".leadloop/plans").glob("undo-added-*.json")
        (file,) = (each for each in files if not each.name.endswith(".approved.json"))
        saved = read_plan(file, "").undo
        assert saved is not None
        assert saved.asked == Asked(added, delete_inserted=True)

        held = shown(browser, "/pushes/scores")
        assert "taken back by an undo, and held Press “Send again what was taken back”." in held.text
        assert "leadloop release" not in held.text
        released = browser.post("/pushes/scores/release", {})
        assert "1 field released: the next run of scores sends what it wants there." in released.text
    push(quick, "scores")
    assert crm.book.row(lead)["title"] == "hot"
