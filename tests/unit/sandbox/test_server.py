"""The sandbox as a server: starting and stopping, its record, people who edit, its own endpoints, as a process."""

import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests  # noqa: TID251 - the sandbox is tested with a client that is not ours

import connector.sandbox
from connector.sandbox import Sandbox

Start = Callable[..., Sandbox]
Ask = Callable[..., Any]


def control(crm: Sandbox, method: str, name: str, **body: Any) -> Any:
    sent: dict[str, Any] = {"json": body} if body else {}
    answer = requests.request(method, f"{crm.base_url}/_sandbox/{name}", timeout=10, **sent)
    return answer.json() if answer.status_code == 200 else (answer.status_code, answer.json().get("error"))


def test_a_stopped_sandbox_takes_no_calls_and_starts_again_where_it_was() -> None:
    """A CRM that is down and comes back is the same CRM: address, leads and record."""
    crm = Sandbox(leads=5)
    crm.start()
    where = crm.base_url
    crm.stop()
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{where}/_sandbox/state", timeout=5)
    with crm:
        assert crm.base_url == where
        assert requests.get(f"{where}/_sandbox/state", timeout=5).json()["leads"] == 5


def test_two_sandboxes_do_not_meet(start: Start) -> None:
    """Each has its own port and its own leads."""
    first, second = start(leads=5), start(leads=5)
    first.book.edit(first.book.ids()[0], {"status": "SALE", "notes": "only here"})
    assert first.port != second.port
    assert "only here" not in [row["notes"] for row in second.book.rows().values()]


def test_a_port_that_is_taken_is_named(start: Start) -> None:
    """The error says which port can't be used."""
    crm = start(leads=1)
    with pytest.raises(OSError, match=f"port {crm.port}"):
        Sandbox(leads=1, port=crm.port).start()


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"lead": 5}, TypeError, "did you mean 'leads'"),
        ({"leads": -1}, ValueError, "negative"),
        ({"envelope": "dead"}, ValueError, "live or community"),
        ({"precision": "hour"}, ValueError, "second or day"),
        ({"timezone": "Mars/Olympus"}, ValueError, "no time zone"),
        ({"timezone": "../etc/passwd"}, ValueError, "no time zone"),
        ({"fold": 2}, ValueError, "fold"),
        ({"edits_per_second": -1}, ValueError, "negative"),
        ({"token": ""}, ValueError, "token"),
        ({"normalise": {"email": "sideways"}}, ValueError, "sideways"),
        ({"faults": ["explode"]}, ValueError, "no fault"),
    ],
)
def test_an_option_that_makes_no_sense_is_explained(
    options: dict[str, Any], error: type[Exception], says: str
) -> None:
    """Nothing is started, and the sentence names the option."""
    with pytest.raises(error, match=says):
        Sandbox(**options)


def test_a_wrong_path_answers_a_web_page(start: Start) -> None:
    """As a web server does where no API is."""
    crm = start(leads=1)
    for path in ("/", "/v1/leads/explode", "/v2/leads/search", "/v1"):
        answer = requests.post(crm.base_url + path, data={"auth_token": crm.token}, timeout=5)
        assert (answer.status_code, answer.text[:15]) == (404, "<!DOCTYPE html>")


def test_every_call_is_recorded_without_its_values(start: Start, ask: Ask) -> None:
    """Who, what, which lead, which names, what came of it; never a token or a value."""
    crm = start(leads=2, token="planted-token")
    lead_id = crm.book.ids()[0]
    ask(crm, "search", limit=1)
    ask(crm, "update", lead_id=lead_id, notes="planted-note", status="SALE")
    ask(crm, "update", lead_id="999", status="SALE")
    ask(crm, "update", auth_token="wrong", lead_id=lead_id)
    first, second, third, fourth = crm.calls
    assert (first.vendor, first.action, first.method, first.path) == (
        "convoso",
        "search",
        "POST",
        "/v1/leads/search",
    )
    assert (second.lead_id, second.names, second.outcome) == (lead_id, ("lead_id", "notes", "status"), "ok")
    assert (third.outcome, fourth.outcome) == ("6071", "5001")
    assert (crm.calls.count(), crm.calls.count("update"), crm.calls.count(outcome="ok")) == (4, 3, 2)
    assert [call.outcome for call in crm.calls.select("update", lead_id=lead_id)] == ["ok", "5001"]
    assert "planted" not in repr(list(crm.calls)) + repr(crm.calls.as_json()) + repr(crm.options)
    crm.calls.clear()
    assert len(crm.calls) == 0


def test_people_edit_while_it_is_read(start: Start, ask: Ask) -> None:
    """About as many edits a second as asked for; none after it was set to 0; every search stays whole."""
    began = time.monotonic()
    crm = start(leads=200, edits_per_second=300)
    while crm.editor.edits < 60 and time.monotonic() - began < 30:
        time.sleep(0.05)
    assert len(ask(crm, "search", limit=2000).json()["data"]["entries"]) == 200
    crm.edits_per_second = 0
    made, rows = crm.editor.edits, crm.book.rows()
    assert 60 <= made < 20 + 400 * (time.monotonic() - began)
    time.sleep(0.1)
    assert (crm.editor.edits, crm.book.rows()) == (made, rows)
    assert len(crm.book.by_updated) == 200


def test_the_state_shows_everything_but_the_token(start: Start) -> None:
    """Counts, options, clock."""
    crm = start(leads=7, token="planted-token", timezone="Europe/Berlin")
    crm.book.delete(crm.book.ids()[0])
    state = control(crm, "GET", "state")
    assert (state["leads"], state["deleted"], state["archived"]) == (6, 1, 0)
    assert state["vendors"] == sorted(crm.vendors)
    assert state["options"]["timezone"] == "Europe/Berlin"
    assert "planted-token" not in str(state)


def test_the_whole_book_can_be_read_without_the_api(start: Start) -> None:
    """Ground truth for a test in another process; also of an empty book."""
    crm = start(leads=2_345)
    assert {row["id"]: row for row in control(crm, "GET", "book")} == crm.book.rows()
    assert control(start(leads=0), "GET", "book") == []


def test_leads_can_be_changed_from_another_process(start: Start) -> None:
    """Every method of the book that a rehearsal needs has its endpoint."""
    crm = start(leads=3)
    moment = "2025-11-02T08:30:00+00:00"
    lead_id = control(crm, "POST", "add", fields={"first_name": "Ada"}, modified_at=moment)["lead_id"]
    assert crm.book.row(lead_id)["modified_at"] == "2025-11-02 01:30:00"
    control(crm, "POST", "edit", lead_id=lead_id, fields={"status": "SALE"}, user="30002")
    control(crm, "POST", "api_edit", lead_id=lead_id, fields={"lead_score": None, "notes": ""})
    control(crm, "POST", "call", lead_id=lead_id)
    row = requests.get(f"{crm.base_url}/_sandbox/row?lead_id={lead_id}", timeout=5).json()
    assert (row["status"], row["last_modified_by"], row["notes"]) == ("SALE", "30002", "")
    control(crm, "POST", "archive", lead_id=lead_id)
    assert crm.book.removed("archived") == [lead_id]
    control(crm, "POST", "restore", lead_id=lead_id)
    control(crm, "POST", "delete", lead_id=lead_id)
    assert crm.book.removed("deleted") == [lead_id]
    assert len(crm.book.recordings(lead_id)) == 1


def test_rehearsals_can_be_steered_from_another_process(start: Start, ask: Ask) -> None:
    """Faults, refusals, edits, the clock and the record."""
    crm = start(leads=3)
    lead_id = crm.book.ids()[0]
    assert control(crm, "POST", "faults", fault="status=503:1:count=1")[0]["kind"] == "status"
    assert ask(crm, "search").status_code == 503
    assert control(crm, "GET", "faults")[0]["fired"] == 1
    control(crm, "DELETE", "faults")
    control(crm, "POST", "refuse", lead_id=lead_id, code=6008)
    assert ask(crm, "update", lead_id=lead_id, status="A").json()["code"] == 6008
    assert control(crm, "DELETE", "refuse") == []
    assert control(crm, "POST", "edits_per_second", rate=5)["rate"] == 5
    assert control(crm, "POST", "edits_per_second", rate=0)["rate"] == 0
    control(crm, "POST", "clock", now="2026-03-08T10:00:00+00:00", ticking=False)
    assert crm.clock.now() == datetime(2026, 3, 8, 10, tzinfo=UTC)
    assert control(crm, "POST", "clock", advance=60)["now"] == "2026-03-08T10:01:00+00:00"
    control(crm, "POST", "clock", reset=True)
    calls = control(crm, "GET", "calls?last=1")
    assert (calls["total"], len(calls["calls"]), calls["calls"][0]["outcome"]) == (2, 1, "6008")
    control(crm, "DELETE", "calls")
    assert control(crm, "GET", "calls")["total"] == 0


@pytest.mark.parametrize(
    ("name", "body", "status", "says"),
    [
        ("edit", {"lead_id": "999", "fields": {}}, 404, "no lead 999"),
        ("edit", {"lead_id": "100001", "fields": {"colour": "red"}}, 404, "colour"),
        ("edit", {"lead_id": "100001"}, 400, "fields is missing"),
        ("edit", {"lead_id": "100001", "fields": [1]}, 400, "object"),
        ("edit", {"lead_id": "100001", "fields": {}, "when": 1}, 400, "when is not known"),
        ("add", {"modified_at": "2026-01-01T00:00:00"}, 400, "naive"),
        ("faults", {"fault": "explode"}, 400, "no fault"),
        ("edits_per_second", {"rate": -1}, 400, "negative"),
        ("edits_per_second", {"rate": "fast"}, 400, "fast"),
    ],
)
def test_a_mistake_at_an_endpoint_is_explained(
    start: Start, name: str, body: dict[str, Any], status: int, says: str
) -> None:
    """The answer is JSON with a sentence, and nothing is changed."""
    crm = start(leads=1)
    before = crm.book.rows()
    code, error = control(crm, "POST", name, **body)
    assert code == status
    assert says in error
    assert crm.book.rows() == before


def test_it_runs_as_a_process_of_its_own() -> None:
    """serve() says when it is ready, answers, and ends with an interrupt without a traceback."""
    program = (
        "from connector.sandbox import serve\n"
        "serve(leads=50, faults=['latency=0.01'], on_ready=lambda crm: print(crm.base_url, flush=True))"
    )
    folder = Path(connector.sandbox.__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder
    ) as process:
        assert process.stdout is not None
        where = process.stdout.readline().strip()
        form = {"auth_token": "sandbox-token"}
        found = requests.post(f"{where}/v1/leads/search", data=form, timeout=10).json()["data"]
        process.send_signal(2)
        out, err = process.communicate(timeout=10)
    assert found["total"] == "50"
    assert (process.returncode, out, err) == (0, "", "")


def test_nothing_is_logged(start: Start, ask: Ask, caplog: pytest.LogCaptureFixture, capfd: Any) -> None:
    """Not even when connections drop."""
    crm = start(leads=2)
    crm.faults.add("drop_after_write", count=1)
    with pytest.raises(requests.ConnectionError):
        ask(crm, "search")
    ask(crm, "search")
    crm.stop()
    # The client's own words are not the sandbox's.
    assert [record for record in caplog.records if not record.name.startswith("urllib3")] == []
    assert capfd.readouterr() == ("", "")
