"""Results go to stdout, messages to stderr; with ``--json`` stdout holds one JSON document (docs/json.md)."""

import json
import os
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console

from connector.errors import ConfigError, LeadloopError

err = Console(stderr=True, highlight=False)
out = Console(highlight=False)


def fail(error: LeadloopError) -> NoReturn:
    err.print(str(error), markup=False, soft_wrap=True)
    sys.exit(error.exit_code)


def emit(kind: str, document: Mapping[str, Any]) -> None:
    """One JSON document on stdout, which says what it is; a document that counts its versions itself keeps its own."""
    told = {"kind": kind, "version": 1, **document}
    sys.stdout.write(json.dumps(told, ensure_ascii=False, default=_plain, indent=2) + "\n")


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def write_private(path: Path, text: str) -> None:
    """A page of leads is for whoever asked for it."""
    from connector.warehouse import private

    try:
        private.keep(path)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ConfigError(f"{path} can't be written: {error.strerror}.") from None
