"""A token goes to the host that first took it, whatever a folder's own settings say."""

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connector.config import Secret
from connector.crm.binding import check_host, note_host
from connector.crm.convoso import ConvosoSettings
from connector.crm.http import Call, Session
from connector.errors import ConfigError


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the notes of this test are."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "leadloop" / "hosts"


def settings(url: str, token: str = "secret-token-1") -> ConvosoSettings:
    return ConvosoSettings(base_url=url, auth_token=Secret(token), timezone=ZoneInfo("UTC"), rate=1000.0)


def test_a_known_token_is_sent_to_no_other_host(serve: Callable[..., Any], state: Path) -> None:
    """Not to this machine either; before a byte is sent the error names both hosts and the note to delete."""
    server = serve({"json": {"success": True}})
    note_host(settings("https://crm.example.com/v1"))
    with pytest.raises(ConfigError) as caught:
        Session(settings(server.url))
    (note,) = state.iterdir()
    for part in ("crm.example.com:443", server.url.removeprefix("http://"), str(note), "base_url"):
        assert part in str(caught.value)
    assert caught.value.exit_code == 2
    assert "secret-token-1" not in str(caught.value)
    assert server.requests == []
    note.unlink()
    Session(settings(server.url)).close()


def test_the_same_host_and_other_tokens_are_free(state: Path) -> None:
    """Another path, another spelling of the host, and a token that is not known."""
    note_host(settings("https://crm.example.com/v1"))
    for url in ("https://crm.example.com/v2", "https://CRM.example.com:443"):
        check_host(settings(url))
    check_host(settings("https://other.example.com", token="secret-token-2"))
    note_host(settings("https://other.example.com"))
    check_host(settings("https://crm.example.com"))


def test_without_a_home_nothing_is_noted_and_nothing_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does a token that is no text in UTF-8 break anything."""
    note_host(settings("https://crm.example.com", token="\udcff"))
    check_host(settings("https://crm.example.com", token="\udcff"))
    monkeypatch.delenv("XDG_STATE_HOME")

    def homeless() -> Path:
        raise RuntimeError("no home")

    monkeypatch.setattr(Path, "home", homeless)
    note_host(settings("https://crm.example.com"))
    check_host(settings("https://elsewhere.example.com"))


def test_a_note_is_private_and_holds_no_token(state: Path) -> None:
    """Only its owner reads it, and neither its name nor its text shows the token."""
    note_host(settings("https://crm.example.com"))
    (note,) = state.iterdir()
    assert stat.S_IMODE(note.stat().st_mode) == 0o600
    assert "secret" not in note.name + note.read_text()


def test_a_host_is_noted_once_it_has_answered_well(
    serve: Callable[..., Any], state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong address binds no token, nor does the sandbox on this machine."""
    call = Call("POST", "/leads/search", form={})
    server = serve({"status": 401, "json": {}}, {"json": {}})
    known = Session(settings(server.url))
    with monkeypatch.context() as patched:
        patched.setattr("connector.crm.binding.is_loopback", lambda host: False)
        with pytest.raises(ConfigError):
            known.read(call, lambda answer: None)
        assert not state.exists()
        known.read(call, lambda answer: None)
        assert len(list(state.iterdir())) == 1
    (note,) = state.iterdir()
    note.unlink()
    Session(settings(server.url)).read(call, lambda answer: None)
    assert list(state.iterdir()) == []
