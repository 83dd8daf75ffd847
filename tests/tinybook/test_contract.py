"""Tinybook keeps the contract that every CRM keeps, by the suite that comes with leadloop."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import yaml
from leadloop_tinybook import PARTS
from leadloop_tinybook.calls import open_session
from leadloop_tinybook.reader import TinybookReader
from leadloop_tinybook.sandbox import Tinybook
from leadloop_tinybook.settings import TinybookSettings
from leadloop_tinybook.writer import TinybookWriter

from connector.config import Secret
from connector.crm.base import Page
from connector.crm.http import Session
from connector.testing import QUICK, Documented, Sandbox, VendorContract


class TestTinybook(VendorContract):
    """All that it takes to have a CRM tested."""

    text_field = "notes"
    other_field = "city"
    unknown_lead = "1"
    update_path = "/book/leads/"
    moving_fields = ("changed",)
    sandbox_options: ClassVar[dict[str, Any]] = {"crms": [Tinybook]}
    documented: ClassVar[list[Documented]] = [
        Documented("no_lead", {"notes": "abcd"}, frozenset({"notes"})),
        Documented("bad_value", {"city": "abcd"}, frozenset({"city"})),
    ]

    def session(self, crm: Sandbox, **given: Any) -> tuple[TinybookSettings, Session]:
        reached: dict[str, Any] = {
            "base_url": crm.base_url,
            "key": Secret(crm.token),
            "rate": 1000.0,
            "timeout": 10.0,
        }
        settings = TinybookSettings(**(reached | given))
        return settings, open_session(settings, retry=QUICK)

    def reader(self, crm: Sandbox, **given: Any) -> TinybookReader:
        settings, session = self.session(crm, **given)
        return TinybookReader(settings, session=session)

    def writer(self, crm: Sandbox, **given: Any) -> TinybookWriter:
        settings, session = self.session(crm, **given)
        return TinybookWriter(settings, session=session)

    def token(self, token: str) -> dict[str, Any]:
        return {"key": Secret(token)}

    def book(self, crm: Sandbox) -> Any:
        return crm.vendors["tinybook"].leads  # type: ignore[attr-defined]

    def page(self, reader: Any, limit: int = 8) -> Page:
        found: Page = next(reader.scan(None))
        return replace(found, rows=found.rows[:limit])

    def everything(self, reader: Any) -> list[dict[str, Any]]:
        return [row for page in reader.scan(None) for row in page.rows]

    def is_update(self, call: Any) -> bool:
        return bool(call.method == "PUT" and self.update_path in call.path)


def test_the_walk_shows_what_the_files_have() -> None:
    """docs/adding-a-crm.md takes its examples of Tinybook from here."""
    here = Path(__file__).parent
    page = (here.parents[1] / "docs" / "adding-a-crm.md").read_text("utf-8")
    project = (here / "pyproject.toml").read_text("utf-8")
    package = here / "leadloop_tinybook"
    (entry_point,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert entry_point in project
    assert (
        next(each for each in (package / "__init__.py").read_text("utf-8").splitlines() if "Parts(" in each)
        in page
    )
    listed = re.findall(r"^\| `(\w+\.py)` \|", page, re.MULTILINE)
    assert sorted([*listed, "sandbox.py"]) == sorted(each.name for each in package.glob("*.py"))
    (facts,) = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)[0])["vars"][
        "leadloop_crms"
    ].values()
    assert facts == PARTS.as_dbt()
