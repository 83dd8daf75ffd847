"""Results go to stdout, messages to stderr; with ``--json`` stdout holds one JSON document (docs/json.md)."""

import os
import sys
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn

from rich.console import Console

from connector.errors import ConfigError, LeadloopError
from connector.logs import Messages, as_shown

if TYPE_CHECKING:
    from connector.render.document import Part


WIDE = 160
"""Columns of what goes to a file or another program: no line of a table is broken there as a narrow terminal breaks it."""


def _width(stream: IO[str] | None) -> int | None:
    """``None``: as wide as the terminal, or as ``COLUMNS`` says. A stream that whoever called has closed is ``None``."""
    return None if "COLUMNS" in os.environ or (stream is not None and stream.isatty()) else WIDE


err = Messages(stderr=True, highlight=False, width=_width(sys.stderr))
out = Console(highlight=False, width=_width(sys.stdout))


def tell(text: str, console: Console = err, *, keep: str = "") -> None:
    """A text as it is, whatever is in it: no markup, nothing that a terminal would obey, no line that it would begin itself."""
    level: dict[str, Any] = {"level": "error"} if isinstance(console, Messages) else {}
    console.print(as_shown(text, keep), markup=False, soft_wrap=True, **level)


def fail(error: LeadloopError) -> NoReturn:
    tell(str(error))
    for note in getattr(error, "__notes__", ()):
        tell(note, keep="\n")
    sys.exit(error.exit_code)


def emit(document: "Part") -> None:
    """One JSON document on stdout."""
    from connector.render.document import pieces

    _write(chain(pieces(document), "\n"))


def emit_line(document: "Part") -> None:
    """The same on one line, for whoever reads line by line."""
    import msgspec

    _write([msgspec.json.encode(document).decode(), "\n"])


def print_text(text: str) -> None:
    """A text on stdout as it is, in UTF-8."""
    _write([text])


def _write(pieces: Iterable[str]) -> None:
    """To stdout, in UTF-8 as JSON is, whatever the terminal's encoding."""
    buffer = getattr(sys.stdout, "buffer", None)
    sys.stdout.flush()
    for piece in pieces:
        if buffer is not None:
            buffer.write(piece.encode())
        else:
            sys.stdout.write(piece)
    sys.stdout.flush()


def write_private(path: Path, text: str | Iterable[str]) -> None:
    """A page of leads is for whoever asked for it."""
    from connector.warehouse import private

    try:
        private.keep(path)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.writelines([text] if isinstance(text, str) else text)
    except OSError as error:
        raise ConfigError(f"{path} can't be written: {error.strerror}.") from None
