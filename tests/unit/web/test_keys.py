"""What stands for a lead in an address: the same each time, and nobody else can read or make one."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.web.keys import Keys, secret_of

KEYS = Keys(b"a" * 32)
OTHERS = Keys(b"b" * 32)


@given(st.text(), st.text())
def test_a_lead_comes_back_from_its_key(crm: str, lead_id: str) -> None:
    """Whatever characters an id has; the key itself is plain letters."""
    key = KEYS.lead(crm, lead_id)
    assert KEYS.read_lead(key) == (crm, lead_id)
    assert KEYS.lead(crm, lead_id) == key
    assert set(key) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")


@given(st.text(max_size=60))
def test_what_is_no_key_is_none(text: str) -> None:
    """Also one that another project made, or of which a letter was changed."""
    assert KEYS.read_lead(text) is None
    assert KEYS.read_lead(OTHERS.lead("convoso", text)) is None
    key = KEYS.lead("convoso", text)
    assert KEYS.read_lead(("A" if key[0] != "A" else "B") + key[1:]) is None


def test_a_key_says_nothing_of_the_lead() -> None:
    """No digit of the id, and two ids that differ in a letter have nothing in common."""
    one, other = KEYS.lead("convoso", "5551234567"), KEYS.lead("convoso", "5551234568")
    assert "555" not in one
    assert sum(a == b for a, b in zip(one, other, strict=True)) < len(one) / 4


def test_what_was_sealed_for_something_else_is_no_lead() -> None:
    """An item of a form can't be used as an address."""
    assert KEYS.read_lead(KEYS.sealed("conflict", "push", "1", "field", "mark")) is None
    assert KEYS.opened(KEYS.sealed("a", "b")) == ["a", "b"]


def test_the_secret_of_a_project_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is made once, for its owner alone; where no file can be written there is one all the same."""
    file = tmp_path / "made" / "serve.key"
    made = secret_of(file)
    assert secret_of(file) == made
    assert file.stat().st_mode & 0o077 == 0
    (tmp_path / "in_the_way").write_text("")
    assert len(secret_of(tmp_path / "in_the_way" / "serve.key")) == 32
