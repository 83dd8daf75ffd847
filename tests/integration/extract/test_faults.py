"""A CRM that fails one call in five: the read is complete, or it is an error that leaves the cursor where it was."""

import logging
import time
import traceback
from datetime import UTC, datetime
from typing import Any

import pytest

from connector.crm.http import Retry
from connector.errors import LeadloopError

BEGIN = datetime(2026, 8, 1, tzinfo=UTC)
FAULTS = {
    "throttled": "status=429:0.2",
    "told to wait": "status=429:0.2:retry_after=0",
    "500": "status=500:0.2",
    "502": "status=502:0.2",
    "dropped": "drop_before_write:0.2",
    "dropped after": "drop_after_write:0.2",
    "truncated": "truncate:0.2",
    "cut": "cut:0.2",
    "web page": "html:0.2",
    "empty page": "empty_page:0.2",
    "repeated page": "repeat_page:0.2",
    "last page again": "extra_page:0.2",
    "lying total": "lying_total:0.2",
    "ids as numbers": "ids_as_numbers:0.2",
}


@pytest.mark.long_if("502", "dropped", "truncated", "told to wait", "last page again", "ids as numbers")
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_complete_or_an_error(duck: Any, sandbox: Any, fault: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Under every fault, in bounded time; and neither log nor error shows a token, a phone number or an address."""
    caplog.set_level(logging.DEBUG)
    crm = sandbox(leads=900, faults=[fault], token="tok-4711-secret")
    duck.defaults["start"] = "2026-08-01"
    began, told = time.monotonic(), ""
    try:
        duck.extract(crm, page_size=100)
    except LeadloopError as error:
        told = "".join(traceback.format_exception(error))
        assert duck.cursor(crm) is None
    assert time.monotonic() - began < 60
    crm.faults.clear()
    if told:
        duck.extract(crm, page_size=100)
    assert duck.missing(crm) == {}
    told += caplog.text
    assert "tok-4711" not in told
    for row in crm.book.rows().values():
        assert row["phone_number"] not in told
        assert not row["email"] or row["email"] not in told


@pytest.mark.parametrize(
    "fault",
    [
        "status=500:1",
        "empty_page:1",
        "repeat_page:1",
        *(
            pytest.param(each, marks=pytest.mark.long)
            for each in (
                "status=429:1:retry_after=0",
                "drop_after_write:1",
                "cut:1",
                "html:1",
                "lying_total=1:1",
                "lying_total=-1:1",
            )
        ),
    ],
)
def test_a_page_that_fails_among_several(duck: Any, sandbox: Any, fault: Any) -> None:
    """The others of its window are under way: it is tried again, or all are read in another way, and the cursor moves."""
    crm = sandbox(leads=900, faults=[f"{fault}:count=2:after=9"])
    duck.defaults["start"] = "2026-08-01"
    read = duck.extract(crm, page_size=30)
    assert duck.missing(crm) == {}
    assert duck.cursor(crm) is not None
    assert read.rows <= 1.5 * 900


@pytest.mark.parametrize("fault", ["html", "truncate", "status=500", "drop_after_write"])
def test_nothing_personal_in_what_dlt_reports(
    loaded_by_dlt: Any, sandbox: Any, fault: Any, caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    """A run that can't succeed tells what failed, and none of its errors, causes or logs tells about a lead."""
    caplog.set_level(logging.DEBUG)
    crm = sandbox(leads=60, token="tok-4711-secret", faults=[f"{fault}:1:after=3"])
    loaded_by_dlt.defaults["start"] = "2026-08-01"
    with pytest.raises(LeadloopError) as raised:
        loaded_by_dlt.extract(crm, page_size=5, retry=Retry(attempts=2, first=0.001), token_in="query")
    told = "".join(traceback.format_exception(raised.value)) + caplog.text + "".join(capfd.readouterr())
    assert "tok-4711" not in told
    assert not [row for row in crm.book.rows().values() if row["phone_number"] in told]


def test_two_lies_at_once(duck: Any, sandbox: Any) -> None:
    """Where totals have lied, an empty page in the middle is still no end: all leads are read, or an error says so."""
    for seed in range(3):
        crm = sandbox(leads=600, seed=seed, faults=["lying_total=-3:0.3", "empty_page:0.15"])
        duck.defaults["start"] = "2026-08-01"
        try:
            duck.extract(crm, page_size=60, start=BEGIN)
        except LeadloopError:
            continue
        assert duck.missing(crm) == {}
