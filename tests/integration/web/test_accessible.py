"""The pages for somebody who sees little, uses a screen reader, a keyboard alone or a phone: looked at in a real browser."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.conftest import PUSH, Past
from tests.integration.web.chrome import Chrome, chrome, problems, walk
from tests.integration.web.conftest import KEYS
from tests.integration.web.test_browser import CHROMIUM, FLAGS

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(900),
    pytest.mark.usefixtures("approval_key"),
    pytest.mark.skipif(
        CHROMIUM is None, reason="Chromium is not installed (Debian: apt-get install chromium)"
    ),
]
CHANGED = "update analytics.lead_scores set score = score + 7, tier = 'new'"


@pytest.fixture(scope="module")
def page() -> Iterator[Chrome]:
    with chrome(str(CHROMIUM), FLAGS) as found:
        yield found


def test_every_page_in_light_dark_and_on_a_phone(fresh: Any, past: Past, page: Chrome) -> None:
    """Names, contrast, headings, landmarks, heads of tables, sizes of what is pressed; nothing is wider than the screen."""
    with fresh(CHANGED, sends=True) as browser:
        run = next(each.run_id for each in browser.site.status().commands if each.command == "push")
        addresses = (
            *(
                "/",
                f"/pushes/{PUSH}",
                f"/undo/{_push_run(browser)}",
                f"/leads/{KEYS.lead('convoso', past.renamed)}",
            ),
            *("/conflicts", "/runs", f"/runs/{run}", "/leads", "/nowhere"),
        )
        found = {}
        for address in addresses:
            for width, dark in ((1280, False), (1280, True), (390, False)):
                page.open(f"http://127.0.0.1:{browser.port}{address}", width=width, dark=dark)
                wrong = [each for each in problems(page) if "status of 404" not in each]
                if wrong:
                    found[address, width, dark] = wrong
        assert not found, "\n".join(f"{where}: {each}" for where, wrong in found.items() for each in wrong)


def test_a_keyboard_alone_leaves_out_approves_and_withdraws(fresh: Any, page: Chrome) -> None:
    """Tab reaches everything in its order and is seen; a search keeps what is left out; Enter approves."""
    with fresh(CHANGED) as browser:
        plan = browser.site.plans.get(PUSH, patience=60).plan
        page.open(f"http://127.0.0.1:{browser.port}/pushes/{PUSH}")
        assert walk(page) == []
        page[
            "document.querySelector('details:has(#approve)').open || document.querySelector('details:has(#approve) > summary').click()"
        ]
        page["document.activeElement.blur()"]
        page.tab_to("#plan-rows input[name=left]")
        page.press("Space")
        page.until("document.querySelectorAll('#left-out li').length === 1")
        page.tab_to("#text")  # on it goes from the last element to the first
        page.write(plan.leads[5].lead_id)
        page.until("document.querySelector('#found').textContent.includes('1 lead found')")
        page.tab_to("#plan-rows input[name=left]")
        page.press("Space")
        page.until("document.querySelectorAll('#left-out li').length === 2")
        page.tab_to("#left-out li:last-child button")
        page.press("Enter")
        page.until("document.querySelectorAll('#left-out li').length === 1")
        assert not page["document.querySelector('#plan-rows input[name=left]').checked"]
        page.tab_to("#approve input[name=who]")
        page.write("Ana")
        page.press("Enter")
        page.until(f"document.body.textContent.includes('{len(plan.leads) - 1} leads of {len(plan.leads)}')")
        page.tab_to("form[action$=withdraw] button")
        page.press("Enter")
        page.until("document.body.textContent.includes('The approval is withdrawn')")
        assert page.complaints == []


def _push_run(browser: Any) -> str:
    with browser.site.source.connected() as connection:
        found = connection.exec_driver_sql(
            "select run_id from leadloop.push_runs order by started_at desc limit 1"
        )
        return str(found.scalar())
