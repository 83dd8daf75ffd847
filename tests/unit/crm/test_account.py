"""Reading and writing one account share what limits them."""

from pathlib import Path
from typing import Any

import pytest

from connector import crm


def test_reader_and_writer_share_a_session(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Both take their calls from one pace, so a push and the looks before it keep the account's rate together."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CRM__CONVOSO__AUTH_TOKEN", "token")
    monkeypatch.setenv("CRM__CONVOSO__TIMEZONE", "UTC")
    account: Any
    with crm.account("convoso") as account:
        assert account.reader._session is account.writer._session
