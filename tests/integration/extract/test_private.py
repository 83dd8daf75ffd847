"""Fields that are left out or hashed: their values are in no table, in no file, and a push can't set them."""

import hashlib
import hmac
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connector import config, crm, loop
from connector.crm.private import Privacy
from connector.errors import ConfigError, ModelError
from connector.extract.edited import edited_since
from connector.extract.query import Query
from connector.sandbox import Sandbox
from connector.warehouse.models import PushSpec

NOTE, EMAIL = "Zanzibar-4711-note", "zanzibar-4711@example.com"


@pytest.fixture
def private(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """A sandbox with one lead that has something to hide, read with notes left out and email addresses hashed."""
    with Sandbox(leads=6) as sandbox:
        settings = {
            "base_url": sandbox.base_url + "/v1",
            "auth_token": sandbox.token,
            "timezone": sandbox.timezone,
            "settle": "0",
            "rate": "1000",
            "leave_out": "notes, Last-Name",
            "hash": '["email"]',
            "hash_salt": "pepper",
        }
        for name, value in settings.items():
            monkeypatch.setenv(config.env_name(f"crm.convoso.{name}"), value)
        monkeypatch.chdir(tmp_path)
        config.reload()
        sandbox.book.edit(sandbox.book.ids()[0], {"notes": NOTE, "email": EMAIL})
        sandbox.book.edit(sandbox.book.ids()[1], {"notes": NOTE, "email": EMAIL})
        yield sandbox
    config.reload()


def test_the_values_are_nowhere(private: Any, duck: Any, tmp_path: Path) -> None:
    """Neither in the tables of leads and removed leads nor in any file beside them; equal values have equal hashes."""
    first, second, *_ = private.book.ids()
    private.book.delete(second)
    loop.extract(duck.warehouse)
    rows = {row["id"]: row for row in duck.raw()}
    (gone,) = duck.raw("lead_removals")
    expected = hmac.new(b"pepper", EMAIL.encode(), hashlib.sha256).hexdigest()
    assert rows[first]["email"] == gone["email"] == expected
    for row in (*rows.values(), gone):
        assert not {"notes", "last_name"} & row.keys()
        assert row["first_name"] is not None
    blank = [key for key, row in private.book.rows().items() if row["email"] in ("", None)]
    assert all(rows[key]["email"] in ("", None) for key in blank)
    for path in tmp_path.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert NOTE.encode() not in content, path
            assert EMAIL.encode() not in content, path


def test_whoever_reads_one_lead_or_recent_edits_sees_no_more(private: Any) -> None:
    """Read-back and the look before a push go through the same reader, with a session of their own or a shared one."""
    first = private.book.ids()[0]
    with crm.account("convoso") as account:
        readers: tuple[Any, ...] = (account.reader, crm.reader("convoso"))
        for reader in readers:
            for page in (reader.get(first), reader.search(None)):
                row = next(row for row in page.rows if row["id"] == first)
                assert "notes" not in row
                assert row["email"] != EMAIL


def test_a_push_of_such_a_field_is_refused(private: Any, duck: Any) -> None:
    """Before anything is looked up, by the name of the field as the push writes it; others pass."""
    spec = PushSpec(
        "scores", "analytics", "scores", "convoso", "lead_id", {"email": "x"}, "update", "crm_wins", "keep",
        "overwrite", None, None, None, "all",
    )  # fmt: skip
    with crm.account("convoso") as account:
        with pytest.raises(ModelError, match=r"'email', which crm\.convoso\.hash"):
            loop.pushing._planned(duck.warehouse, spec, None, account)
        privacy = account.privacy
    for field in ("notes", "last_name", "Notes"):
        with pytest.raises(ModelError, match=r"crm\.convoso\.leave_out"):
            privacy.check([field])
    privacy.check(["first_name", "noted"])


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"leave_out": ["id"]}, "leave_out"),
        ({"hash": ["modified_at"], "hash_salt": "x"}, "modified_at"),
        ({"hash": ["email"]}, "hash_salt"),
        ({"leave_out": [3]}, "list of names"),
    ],
)
def test_what_can_not_be_is_refused(monkeypatch: pytest.MonkeyPatch, given: Any, says: Any) -> None:
    """Without ids and times there is no telling leads apart, and without a salt a hash hides nothing."""
    with pytest.raises(ConfigError, match=says):
        Privacy(
            crm.vendor("convoso").settings(auth_token="t", timezone="UTC", **given),
            crm.vendor("convoso").capabilities,
        )


@pytest.mark.parametrize("vendor", ["pollybot", "leadping"])
def test_a_crm_that_is_listed_keeps_it_too(
    monkeypatch: pytest.MonkeyPatch, duck: Any, tmp_path: Path, vendor: Any
) -> None:
    """Extraction and the look before a push scan its leads, and neither shows what is to stay out."""
    with Sandbox(leads=6) as sandbox:
        settings = {
            **sandbox.settings()[vendor],
            "settle": "0",
            "rate": "1000",
            "leave_out": "email, contact.email",
        }
        for name, value in settings.items():
            monkeypatch.setenv(config.env_name(f"crm.{vendor}.{name}"), value)
        monkeypatch.chdir(tmp_path)
        config.reload()
        assert loop.extract(duck.warehouse, vendor).rows == 6
        answering: Any = sandbox.vendors[vendor]
        wanted = answering.leads.ids()[0]
        reader = crm.vendor(vendor).reader()
        since = datetime(2000, 1, 1, tzinfo=UTC)
        (row,) = edited_since(reader, since, datetime.now(UTC), Query(), [wanted]).values()
    config.reload()
    assert not [name for name in row if name.endswith("email")]
    assert reader.lead_id(row) == wanted
