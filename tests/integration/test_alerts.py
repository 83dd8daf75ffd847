"""People are told when something stops and when it works again: once, through a real library, by real HTTP, without a lead's data."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connector import checks, config, events, loop, watching
from connector.alerts import memory
from connector.alerts.watcher import changes
from connector.errors import (
    CrmError,
    DuplicateLeadError,
    GuardrailError,
    LeadloopError,
    LockedError,
    OutcomeUnknownError,
)
from connector.sandbox import Sandbox
from connector.warehouse import runs
from connector.warehouse.connection import Warehouse
from tests.properties.quick_loop import QuickLoop
from tests.quick_tables import without_dlt
from tests.receiver import Receiver, receiving

pytestmark = pytest.mark.long_if("postgres")

PHONE = "555-0199"
PUSH = "push tiers_to_convoso"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A project's folder, and nobody watches what other tests do."""
    monkeypatch.chdir(tmp_path)
    config.reload()
    yield
    watching.close()


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """Somebody who is told: a server on loopback, named in the settings."""
    with receiving() as receiver:
        monkeypatch.setenv("ALERTS__URLS", f"json://127.0.0.1:{receiver.port}/")
        config.reload()
        yield receiver


class Said(list[str]):
    """What was said on stderr."""


@pytest.fixture
def said() -> Said:
    return Said()


@runs.recorded("push", facts=lambda code: {"exit_code": code}, push="name", project=False)
def pushed(warehouse: Warehouse, name: str, ends: int | BaseException, seconds: float = 0) -> int:
    """Stands for a push that takes so long and ends so."""
    time.sleep(seconds)
    if isinstance(ends, LockedError):
        raise ends
    with warehouse.lock("push"):
        runs.begin()
        if isinstance(ends, BaseException):
            raise ends
        return ends


def push(
    warehouse: Warehouse, ends: int | BaseException = 0, said: Said | None = None, seconds: float = 0
) -> None:
    """A push as a process of its own would run it."""
    with watching.watching(warehouse, (said if said is not None else Said()).append):
        try:
            pushed(warehouse, "tiers_to_convoso", ends, seconds)
        except BaseException as error:
            if error is not ends:
                raise


def titles(receiver: Receiver) -> list[str]:
    return [each["title"] for each in receiver.documents]


def test_once_per_change_of_state(warehouse: Warehouse, receiver: Receiver) -> None:
    """Good runs say nothing, failing ones once, another way of failing nothing new, and the first good one that it works again."""
    stop = GuardrailError("tiers_to_convoso: 6,112 leads would change, and max_changes allows 5,000.")
    for ends in (0, 3, 3, stop, stop, 1, LockedError("Another run."), KeyboardInterrupt(), 3, 0, 0):
        push(warehouse, ends)
    assert titles(receiver) == [
        f"Warning: leadloop {PUSH}",
        f"Critical: leadloop {PUSH}",
        f"Warning: leadloop {PUSH}",
        f"Recovered: leadloop {PUSH}",
    ]
    assert [each["type"] for each in receiver.documents] == ["warning", "failure", "warning", "success"]
    told = receiver.documents[1]["message"]
    assert "ended with 4 (stopped by a guardrail" in told
    assert "6,112 leads would change" in told
    assert "leadloop status" in told
    with warehouse.engine().connect() as connection:
        rows = connection.execute(
            sa.text(
                "select subject, state, exit_code, told_at is not null, run_id from leadloop.alerts order by since"
            )
        ).fetchall()
        known = set(connection.scalars(sa.text("select run_id from leadloop.runs")))
    assert [tuple(row)[:4] for row in rows] == [
        (PUSH, "warned", 3, True),
        (PUSH, "critical", 4, True),
        (PUSH, "warned", 3, True),
        (PUSH, "ok", 0, True),
    ]
    assert {row[4] for row in rows} <= known


def test_what_takes_too_long_is_told(
    warehouse: Warehouse, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, with both durations, and that it is quick again."""
    monkeypatch.setenv("ALERTS__LONGER_THAN", "2s")
    config.reload()
    for seconds in (0, 2.1, 2.1, 0):
        push(warehouse, seconds=seconds)
    assert titles(receiver) == [f"Warning: leadloop {PUSH}", f"Recovered: leadloop {PUSH}"]
    told = receiver.documents[0]["message"]
    assert "ended with 0 (done)" in told
    # A busy machine takes longer than what was slept.
    assert re.search(
        r"It took 0:00:\d\d, and alerts\.longer_than \(environment: ALERTS__LONGER_THAN\) allows 0:00:02\.",
        told,
    )
    assert "analytics.push_outcomes" not in told


def _took(name: str, seconds: float, code: int = 0, **facts: str) -> events.Doing:
    doing = events.Doing("stage", name, {"exit_code": code, **facts}, None)
    doing.ended = doing.began + int(seconds * 1e9)
    return doing


def test_a_whole_run_is_slow_only_if_no_stage_is() -> None:
    """What failed is critical, however long it took."""
    limit = timedelta(minutes=10)
    long = [_took("extract", 700, crm="convoso"), _took("build", 30), _took("run", 800)]
    assert [(each.subject, each.state) for each in changes(long, limit)] == [
        ("extract convoso", "warned"),
        ("build", "ok"),
    ]
    many = [_took("extract", 400, crm="convoso"), _took("build", 400), _took("run", 801)]
    assert [(each.subject, each.state, each.what) for each in changes(many, limit)][2] == (
        "run",
        "warned",
        "It took 0:13:21, and alerts.longer_than (environment: ALERTS__LONGER_THAN) allows 0:10:00.",
    )
    assert {each.state for each in changes(many)} == {"ok"}
    (failed,) = changes([_took("build", 700, code=1)], limit)
    assert (failed.state, failed.what) == ("critical", None)


@pytest.mark.parametrize(
    "error",
    [
        DuplicateLeadError(f"Two rows for lead 4711: {PHONE}."),
        OutcomeUnknownError(f"may have carried out PUT /leads/4711 ({PHONE})", crm="convoso", lead_id="4711"),
        CrmError(f"failed at lead 4711 ({PHONE})"),
        ValueError(f"4711 {PHONE}"),
    ],
)
def test_no_leads_data(warehouse: Warehouse, receiver: Receiver, error: BaseException) -> None:
    """Not even where the message of an error has an id; which kind of error it was is told."""
    push(warehouse, error)
    (told,) = receiver.documents
    assert "4711" not in json.dumps(told)
    assert PHONE not in json.dumps(told)
    first = (type(error).__doc__ or "").splitlines()[0]
    assert first in told["message"] or "ValueError at" in told["message"]


def test_an_alert_that_cannot_be_sent_harms_no_run(
    warehouse: Warehouse, receiver: Receiver, said: Said
) -> None:
    """The run ends as it would have; the next one tries again, and nobody hears of what is over before they could be told."""
    receiver.status = 500
    push(warehouse, 3, said)
    assert ["An alert could not be sent to address 1 of 1" in each for each in said] == [True]
    assert "127.0.0.1" not in said[0]
    receiver.status = 200
    receiver.posted.clear()
    push(warehouse, 3, said)
    push(warehouse, 3, said)
    assert titles(receiver) == [f"Warning: leadloop {PUSH}"]
    push(warehouse, 0)
    receiver.status = 500
    push(warehouse, 1)
    receiver.status = 200
    receiver.posted.clear()
    push(warehouse, 0)
    assert not receiver.posted


def test_that_the_warehouse_is_gone_is_told_once(
    warehouse: Warehouse, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was told is known beside the project as well, and comes into the table when that is reached again."""
    push(warehouse, 0)
    with monkeypatch.context() as patch:

        def gone(*_: Any) -> Any:
            raise OSError("gone")

        patch.setattr(memory, "patient", gone)
        for _ in range(3):
            push(warehouse, 1)
    assert titles(receiver) == [f"Critical: leadloop {PUSH}"]
    push(warehouse, 1)
    push(warehouse, 0)
    assert titles(receiver)[1:] == [f"Recovered: leadloop {PUSH}"]
    with warehouse.engine().connect() as connection:
        told = connection.execute(
            sa.text("select state, told_at is not null from leadloop.alerts order by since")
        )
        assert [tuple(row) for row in told] == [("critical", True), ("ok", True)]


def test_another_machine_knows_what_was_told(warehouse: Warehouse, receiver: Receiver) -> None:
    """The table says it: an orchestrator starts each run in a new container."""
    push(warehouse, 1)
    memory.FILE.unlink()
    push(warehouse, 1)
    assert len(receiver.posted) == 1


def test_a_real_extraction_that_fails(
    warehouse: Warehouse, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A CRM that refuses the token is one alert about this CRM, although the run around it failed as well; then it recovers."""
    without_dlt(monkeypatch)
    with Sandbox(leads=20) as crm:
        for name, value in {**crm.settings()["convoso"], "settle": "0", "rate": "1000"}.items():
            monkeypatch.setenv(config.env_name(f"crm.convoso.{name}"), str(value))
        config.reload()

        def extracted() -> None:
            with watching.watching(warehouse), runs.recording(warehouse, "run", {}):
                loop.extract(warehouse)

        extracted()
        monkeypatch.setenv("CRM__CONVOSO__AUTH_TOKEN", "not-the-token")
        for _ in range(2):
            with pytest.raises(LeadloopError):
                extracted()
        monkeypatch.setenv("CRM__CONVOSO__AUTH_TOKEN", crm.token)
        extracted()
    assert titles(receiver) == [
        "Critical: leadloop extract convoso",
        "Recovered: leadloop extract convoso",
    ]
    assert "not-the-token" not in json.dumps(receiver.documents)


def test_a_run_that_failed_before_its_first_stage(warehouse: Warehouse, receiver: Receiver) -> None:
    """It is told of as the run, and so is that it works again."""
    with watching.watching(warehouse), pytest.raises(LeadloopError), runs.recording(warehouse, "run", {}):
        raise LeadloopError("No CRM is set up.")
    with watching.watching(warehouse), runs.recording(warehouse, "run", {}) as tell:
        pushed(warehouse, "tiers_to_convoso", 3)
        tell({"exit_code": 3})
    assert titles(receiver) == [
        "Critical: leadloop run",
        f"Warning: leadloop {PUSH}",
        "Recovered: leadloop run",
    ]


def test_the_page(warehouse: Warehouse, receiver: Receiver) -> None:
    """docs/alerts.md: its query runs, its example is what a stopped push tells, line by line but for the place."""
    page = (Path(__file__).parents[2] / "docs/alerts.md").read_text("utf-8")
    query, example = (re.findall(rf"```{kind}\n(.*?)```", page, re.S)[0] for kind in ("sql", "text"))
    why = example.splitlines()[3]
    push(warehouse, GuardrailError(why))
    (told,) = receiver.documents
    theirs = f"{told['title']}\n\n{told['message']}".splitlines()
    place = re.compile(r"\d{4}-\d\d-\d\d \S+|'\w+-\w+'|^It runs on .*")
    assert [place.sub("…", line) for line in theirs] == [
        place.sub("…", line) for line in example.splitlines()
    ]
    with warehouse.engine().connect() as connection:
        ((subject, state, *_),) = connection.execute(sa.text(query))
    assert (subject, state) == (PUSH, "critical")


def test_without_the_setting_nothing_is_imported(tmp_path: Path) -> None:
    """A run of somebody who wants no alerts knows nothing of them, and nobody watches."""
    program = (
        "import sys; from connector import watching, events; from connector.warehouse.connection import Warehouse;"
        f"watching.begin(Warehouse.duckdb({str(tmp_path / 'x.duckdb')!r}));"
        "assert not events.is_watched();"
        "assert not {'apprise', 'connector.alerts.watcher', 'opentelemetry.sdk', 'openlineage'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path, timeout=60)


def test_a_wrong_duration_is_told(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """By check, and by every command."""
    monkeypatch.setenv("ALERTS__LONGER_THAN", "long")
    config.reload()
    (found,) = checks._alerts()
    assert (found.ok, "must be a time such as 90m, 26h or 2d" in found.message) == (False, True)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [("nobody", "must be a list of addresses"), ("[1]", "must be a list"), ('["json://x"', "must be a list")],
)
def test_a_wrong_setting_is_told(given: str, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By check, and by every command."""
    monkeypatch.setenv("ALERTS__URLS", given)
    config.reload()
    (found,) = checks._alerts()
    assert not found.ok
    assert sentence in found.message


def test_check_tells_an_address_of_no_known_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its place in the list, since the address itself holds a token."""
    monkeypatch.setenv("ALERTS__URLS", "json://localhost slak://secret-token/b/c")
    config.reload()
    (found,) = checks._alerts()
    assert (found.ok, "address 2 of 2" in found.message, "secret-token" in found.message) == (
        False,
        True,
        False,
    )
    monkeypatch.setenv("ALERTS__URLS", '["json://localhost"]')
    config.reload()
    (found,) = checks._alerts()
    assert found.ok


def test_an_address_in_the_open_file_is_refused(tmp_path: Path) -> None:
    """It holds a token, and config.toml is for what everybody may see."""
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt/config.toml").write_text('[alerts]\nurls = ["json://localhost"]\n')
    config.reload()
    (found,) = checks._alerts()
    assert (found.ok, "Move it to .dlt/secrets.toml" in found.message) == (False, True)
    (tmp_path / ".dlt/config.toml").unlink()
    (tmp_path / ".dlt/secrets.toml").write_text('[alerts]\nurls = ["json://localhost"]\n')
    config.reload()
    assert checks._alerts()[0].ok


def test_a_watcher_that_fails_harms_nothing(warehouse: Warehouse) -> None:
    """What it raises is dropped, and others are told all the same."""
    told: list[str] = []

    class Broken(events.Watcher):
        def began(self, doing: events.Doing) -> None:
            raise RuntimeError

        ended = began

    class Whole(events.Watcher):
        def ended(self, doing: events.Doing) -> None:
            told.append(doing.name)

    watchers = (Broken(), Whole())
    for watcher in watchers:
        events.watch(watcher)
    try:
        pushed(warehouse, "tiers_to_convoso", 0)
    finally:
        for watcher in watchers:
            events.unwatch(watcher)
    assert told == ["push"]


@pytest.mark.long_if("postgres")
def test_a_real_push_says_how_many(quick: QuickLoop, receiver: Receiver) -> None:
    """How many leads arrived and how many were rejected, and neither which nor with what."""
    crm = quick.begin()
    one, other = crm.book.ids()[:2]
    quick.write("insert into inputs.wanted values (:lead, 'gold', null)", lead=one)
    quick.write("insert into inputs.wanted values ('999999', 'gold', null)")
    quick.write("insert into inputs.wanted values (:lead, 'gold', null)", lead=other)
    crm.faults.add("status", 400, count=1, path="update")
    with watching.watching(quick.warehouse):
        ran = loop.run(quick.warehouse, first=True)
    assert ran.pushed["scores"].summary.exit_code == 3
    (told,) = [each for each in receiver.documents if each["title"] == "Warning: leadloop push scores"]
    assert re.search(r"\d of \d leads \w+, \d \w+\.", told["message"])
    assert not any(lead in told["message"] for lead in (one, other, "999999"))
