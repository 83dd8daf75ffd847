"""Where `leadloop serve` listens, and what it refuses before it listens anywhere."""

import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from connector import config
from connector.cli import app
from connector.errors import ConfigError
from connector.views.settings import page_settings
from connector.web.server import HOST, NEXT, PORT, bound


def test_other_machines_see_nothing_without_a_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --host it stops before it opens a port."""
    monkeypatch.chdir(tmp_path)
    config.reload()
    done = CliRunner().invoke(app, ["serve", "--host", "0.0.0.0"])
    assert isinstance(done.exception, ConfigError)
    assert "page.token is not set" in str(done.exception)
    missing = CliRunner().invoke(app, ["serve", "--database", "nowhere.duckdb"])
    assert "there is no such file" in str(missing.exception)


def test_the_token_is_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused in config.toml, and never shown."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text('[page]\ntoken = "not-here-please"\n')
    config.reload()
    with pytest.raises(ConfigError, match=r"stands in config.toml"):
        page_settings()
    (tmp_path / ".dlt" / "config.toml").write_text('[page]\nnames = ["first_name"]\n')
    config.reload()
    with pytest.raises(ConfigError, match="did you mean"):
        page_settings()
    (tmp_path / ".dlt" / "config.toml").write_text('[page]\nname = ["first_name"]\n')
    monkeypatch.setenv("PAGE__TOKEN", "a-long-random-text")
    config.reload()
    found = page_settings()
    assert found.name == ("first_name",)
    assert found.token is not None
    assert "a-long" not in repr(found)
    monkeypatch.undo()
    config.reload()


def test_a_port_that_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next free one, unless a certain one was asked for."""
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match="--port"):
            bound(HOST, port)
        monkeypatch.setattr("connector.web.server.PORT", port)
        made = bound(HOST, None)
        assert port < made.getsockname()[1] < port + NEXT
        made.close()
    assert PORT == 8765
