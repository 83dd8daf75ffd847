"""The pages of a warehouse with a past, over real HTTP on loopback."""

import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from http.client import HTTPConnection  # noqa: TID251 - sets headers that no client of ours would send
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import duckdb
import pytest

from connector.views.settings import PageSettings
from connector.warehouse import models
from connector.warehouse.connection import Warehouse
from connector.web.keys import Keys
from connector.web.sending import Sender
from connector.web.server import HOST, Server, bound
from connector.web.site import Site
from tests.integration.conftest import Past

KEYS = Keys(b"k" * 32)


class Answer:
    """What came back."""

    def __init__(self, status: int, headers: dict[str, str], body: str) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def text(self) -> str:
        """What a person reads, on one line."""
        return " ".join(Text(self.body).text.split())


class Text(HTMLParser):
    """The text of a page, and its tags."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text = ""
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self._inside = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += f"{data} "


class Browser:
    """Asks the pages as a browser does; whatever it was told is kept in ``log``, as the server says it."""

    def __init__(self, site: Site, server: Server, log: list[str]) -> None:
        self.site = site
        self.server = server
        self.log = log
        self.port = server.port

    def get(self, address: str, **headers: str | None) -> Answer:
        return self.ask("GET", address, headers=headers)

    def post(self, address: str, form: Any, htmx: Any = False, **headers: str | None) -> Answer:
        origin = f"http://{HOST}:{self.port}"
        given = {
            "Origin": origin,
            "Sec-Fetch-Site": "same-origin",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        given |= {"HX-Request": "true"} if htmx else {}
        body = urlencode(
            {"form": self.site.keys.form, **form}
            if isinstance(form, dict)
            else [("form", self.site.keys.form), *form]
        )
        return self.ask("POST", address, body, {**given, **headers})

    def ask(self, method: str, address: str, body: str = "", headers: Any = None) -> Answer:
        connection = HTTPConnection(HOST, self.port, timeout=30)
        given = {name.replace("_", "-"): value for name, value in (headers or {}).items()}
        connection.putrequest(method, address, skip_host="Host" in given)
        for name, value in given.items():
            if value is not None:
                connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body.encode())))
        connection.endheaders(body.encode())
        answer = connection.getresponse()
        found = Answer(
            answer.status,
            {name.lower(): value for name, value in answer.getheaders()},
            answer.read().decode(),
        )
        connection.close()
        return found


@contextmanager
def opened(
    path: Path, *, token: str | None = None, show_values: bool = False, sends: bool = False, **settings: Any
) -> Iterator[Browser]:
    """The pages of a DuckDB file; with ``sends`` they send what is approved."""
    log: list[str] = []
    warehouse, project = Warehouse.duckdb(path), models.packaged_project()
    site = Site.over(
        warehouse,
        project,
        PageSettings(**settings),
        KEYS,
        show_values=show_values,
        sender=Sender(project, warehouse.as_variables()) if sends else None,
    )
    server = Server(
        site, bound(HOST, 0), token=token, log=lambda *told: log.append(" ".join(map(str, told)))
    ).start()
    try:
        yield Browser(site, server, log)
    finally:
        server.stop()


def settled(browser: Browser) -> None:
    """Waits until everything that is made in the background is there."""
    for each in browser.site.plans.pushes:
        browser.site.plans.get(each.name, patience=60)
    for _ in range(600):
        if browser.site.source.seen().at is None or "being counted" not in browser.get("/").text:
            return
        time.sleep(0.05)


@pytest.fixture(scope="session")
def known_project(dbt_state: Path) -> Iterator[None]:
    """dbt reads the packaged project once for all tests of this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "STATE", dbt_state)
        yield


@pytest.fixture(scope="module")
def browser(past: Past, known_project: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The pages of the past, which no test of a module changes."""
    folder = tmp_path_factory.mktemp("pages")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        copied = Path(shutil.copy(past.path, folder / "leads.duckdb"))
        with opened(copied) as found:
            settled(found)
            yield found


@pytest.fixture
def fresh(
    past: Past, known_project: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """Opens the pages of a copy of the past that is the test's own; ``sql`` is done to it before."""
    monkeypatch.chdir(tmp_path)

    @contextmanager
    def made(sql: str = "", **options: Any) -> Iterator[Browser]:
        copied = Path(shutil.copy(past.path, tmp_path / "leads.duckdb"))
        if sql:
            with duckdb.connect(str(copied)) as connection:
                connection.execute(sql)
        with opened(copied, **options) as found:
            settled(found)
            yield found

    return made


@pytest.fixture
def approval_key(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The key by which approvals are signed is set."""
    from connector import config

    key = "a long and random text of the tests"
    monkeypatch.setenv("LEDGER__APPROVAL_KEY", key)
    config.reload()
    yield key
    config.reload()


def shown(browser: Browser, address: str) -> Answer:
    """A page, once its plan is there."""
    found = browser.get(address)
    until = time.monotonic() + 60
    while "The plan is being made" in found.text and time.monotonic() < until:
        time.sleep(0.1)
        found = browser.get(address)
    return found


def to_approve(page: str, **given: Any) -> list[tuple[str, str]]:
    """What the form of a plan's page says of itself, and what somebody has put into it; ``field=[]`` unticks all fields."""
    fields = given.pop("field", re.findall(r'name="field" value="([^"]*)"', page))
    said = [("plan", hidden(page, "plan")[0]), *(("field", each) for each in fields)]
    return [*said, *given.items()]


def hidden(page: str, name: str) -> list[str]:
    """The values of a page's hidden fields of this name."""
    return re.findall(rf'name="{name}" value="([^"]*)"', page)
