"""A token and one lead's data are planted, and the whole loop runs, well and badly, as talkative as it can be made."""

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.sandbox import Sandbox
from tests.acceptance.conftest import PLACE, Done, Launcher, Place
from tests.campaigns import leaks
from tests.campaigns.world import ended

pytestmark = pytest.mark.timeout(600)

TOKEN = "tok-5ba1e7planted0c9"
WRONG = "tok-wrong77planted31"
LEAD = {
    "phone_number": "5559713482", "email": "planted.person@example.org", "notes": "planted note 8831",
    "first_name": "Plantedfirst", "address1": "9 Planted Lane",
}  # fmt: skip
OURS = "ours planted 4410"
TYPED = "typed planted 5521"
VALUES = (*LEAD.values(), OURS, TYPED)
TOKENS = (TOKEN, WRONG)
WANTED = f"select lead_id, '{{}}' as tier, notes || ' {OURS} {{}}' as note from {{{{{{{{ ref('leadloop', 'leads') }}}}}}}}"
BROKEN = "{{ config(materialized='table') }} select lead_id, cast(cast(notes as integer) as text) as tier, notes as note from {{ ref('leadloop', 'leads') }}"
OPTIONS = "key = 'lead_id', fields = {'title': 'tier', 'address2': 'note'}, max_share = 1"
READ = ("truncate", "html", "cut", "no_success", "status", "drop_before_write", "ids_as_numbers")
WRITE = ("drop_after_write", "status_after_write", "html", "truncate", "no_success", "status")
TALKATIVE = {
    "RUNTIME__LOG_LEVEL": "DEBUG", "DBT_LOG_LEVEL": "debug", "DBT_LOG_LEVEL_FILE": "debug", "DBT_DEBUG": "true",
    "PYTHONWARNINGS": "always",
}  # fmt: skip

HOLDS_DATA = re.compile(r"^leads\.duckdb(\.wal|\.tmp.*)?$|/pipelines/|secrets|plan\.html")


class Loop:
    """Runs commands and keeps what they say; what a person asked to see is kept apart."""

    def __init__(self, place: Place, crm: Sandbox) -> None:
        self.place, self.crm = place, crm
        self.said: dict[str, str] = {}
        self.shown: dict[str, str] = {}

    def do(self, *argv: str, codes: tuple[int, ...] = (0,), asked: bool = False, **env: str) -> Done:
        running = self.place.start(*argv, **env)
        assert not leaks.in_titles((*TOKENS, *VALUES))
        done = running.wait()
        assert done.code in codes, f"{argv} ended with {done.code}:\n{done.stderr}"
        name = f"{len(self.said) + len(self.shown)} {' '.join(argv)}"
        (self.shown if asked else self.said)[name] = done.stdout + done.stderr
        return done

    def fail(self, kinds: tuple[str, ...], path: str, *argv: str) -> None:
        """The command, against a CRM that has each of these go wrong once."""
        for after, kind in enumerate(kinds):
            self.crm.faults.add(kind, path=path, count=1, after=after + 1, retry_after=LEAD["email"])
        self.do(*argv, codes=(0, 1, 3))
        self.crm.faults.clear()


@pytest.fixture(scope="module")
def loop(launcher: Launcher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loop]:
    """Everything once: a wrong token, a whole loop, faults of every kind, a broken model, a conflict, a kill."""
    folder = Path(tmp_path_factory.mktemp("leaks")) / PLACE
    folder.mkdir(mode=0o700)
    for name in ("home", "tmp"):
        (folder / name).mkdir(mode=0o700)
    with Sandbox(leads=40, token=TOKEN, latency=0.005) as crm:
        where = {"HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp")}
        credentials = {"DESTINATION__DUCKDB__CREDENTIALS": str(folder / "leads.duckdb")}
        place = Place(folder, launcher, {**TALKATIVE, **where, **credentials})
        place.settings_of(crm)
        place.env |= {"CRM__CONVOSO__PAGE_SIZE": "10", "CRM__CONVOSO__TIMEOUT": "1"}
        place.project(WANTED.format("one", "one"), scores=OPTIONS)
        lead = crm.book.ids()[3]
        crm.book.edit(lead, LEAD)
        loop = Loop(place, crm)
        loop.do("extract", codes=(1, 2), CRM__CONVOSO__AUTH_TOKEN=WRONG)
        loop.do("run", "--yes", "--first")
        loop.do("status")
        loop.do("plan", "scores", asked=True)
        place.write("models/wanted.sql", WANTED.format("two", "two"))
        crm.book.edit(lead, {"address2": TYPED})
        loop.fail(READ, "search", "extract")
        loop.do("build")
        loop.do("plan", "scores", "--mask")
        loop.do("plan", "scores", "--mask", "--html", str(folder / "plan.html"))
        loop.do("resolve", "scores", asked=True)
        loop.fail(WRITE, "update", "push", "scores", "--yes", "--first", "--mask")
        place.write("models/wanted.sql", BROKEN)
        loop.do("build", codes=(1,))
        loop.do("push", "scores", "--yes", codes=(4,))
        yield loop


@pytest.mark.long
def test_no_token_anywhere(loop: Loop) -> None:
    """The token, right or wrong, is in nothing that was printed or written, and not in the warehouse either."""
    said = {**loop.said, **loop.shown}
    assert not {name for name, text in said.items() if any(token in text for token in TOKENS)}
    assert leaks.in_files(loop.place.folder, TOKENS) == set()
    path = loop.place.warehouse.path
    assert path is not None
    assert [leaks.in_database(path, token) for token in TOKENS] == [[], []]


@pytest.mark.long
def test_no_leads_data_but_where_it_belongs(loop: Loop) -> None:
    """The lead's data is in the warehouse and in what was asked for, and neither in messages nor in any other file."""
    path = loop.place.warehouse.path
    assert path is not None
    assert leaks.in_database(path, LEAD["phone_number"]), "else this test finds nothing anywhere"
    assert any(OURS in text for text in loop.shown.values())
    assert not {(name, value) for name, text in loop.said.items() for value in VALUES if value in text}
    # The model's own text says what is wanted, and dbt keeps it as it was compiled.
    found = leaks.in_files(loop.place.folder, VALUES, [path])
    assert {(name, value) for name, value in found if not (value == OURS and "wanted" in name)} == set()


@pytest.mark.long
def test_what_holds_data_is_its_owners(loop: Loop) -> None:
    """Database, its log and what a killed run leaves behind can be read by nobody else, at any moment."""
    place, crm = loop.place, loop.crm
    crm.faults.clear()
    for each in crm.book.ids():
        crm.book.edit(each, {"city": "Elsewhere"})
    running = place.start("extract")
    left, readable = place.folder / ".leadloop" / "pipelines", set[str]()
    until = time.monotonic() + 60
    while not any(path.suffix == ".parquet" for path in leaks.files(left)) and time.monotonic() < until:
        readable.update(leaks.open_to_others(place.folder))
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    kept = leaks.in_files(place.folder, VALUES, [place.warehouse.path or left])
    assert all(name.startswith(".leadloop/pipelines/") or "wanted" in name for name, _ in kept)
    running = place.start("extract")
    while not ended(running.pid):
        readable.update(leaks.open_to_others(place.folder))
    running.wait()
    assert not {name for name in readable if HOLDS_DATA.search(name)}
