"""What a command prints can't fail it: a log that is full, a pipe whose reader has gone, a terminal that knows ASCII alone.

By the time that something is printed, leads were read or sent, and an error about the printing would be told as if those had
failed. So stdout and stderr are replaced for as long as a command runs: what can't be written is lost, and that is noted.
"""

import codecs
import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

_PLAINER = {
    "…": "...", "→": "->", "←": "<-", "“": '"', "”": '"', "‘": "'", "’": "'", "—": "-", "–": "-",
    "•": "*", "·": ".", "⏎": "\\n", "✓": "+", "✗": "x", "×": "x", "≥": ">=", "≤": "<=",
}  # fmt: skip
"""What is printed for characters of ours where the terminal or log can't show them."""


class _Unfailing(io.RawIOBase):
    """A file descriptor that takes whatever is written to it. ``lost`` says why something of that went nowhere."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.lost: OSError | None = None

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def write(self, data: memoryview) -> int:  # type: ignore[override]
        while True:
            try:
                return os.write(self._descriptor, data)
            except BlockingIOError:
                select.select([], [self._descriptor], [])
            except OSError as error:
                self.lost = error
                return len(data)


class Streams:
    """Both streams of a command that is under way."""

    def __init__(self, stdout: _Unfailing | None) -> None:
        self._stdout = stdout

    @property
    def lost(self) -> OSError | None:
        """Why something that was written to stdout is not there; ``None`` too where a reader only had enough (``| head``)."""
        lost = self._stdout.lost if self._stdout is not None else None
        return None if isinstance(lost, BrokenPipeError) else lost


@contextmanager
def unfailing() -> Iterator[Streams]:
    """Within the block, whatever is printed is written as far as it can be, and raises nothing."""
    before = sys.stdout, sys.stderr
    codecs.register_error("leadloop", _plainer)
    out, stdout = _replaced(sys.stdout)
    err, _ = _replaced(sys.stderr)
    sys.stdout, sys.stderr = out, err
    try:
        yield Streams(stdout)
    finally:
        for stream in (out, err):
            with suppress(OSError, ValueError):
                stream.flush()
        sys.stdout, sys.stderr = before


def _replaced(stream: TextIO | None) -> tuple[TextIO, _Unfailing | None]:
    """The same stream that can't fail; what is not the process's own, such as what a test captures, stays as it is."""
    if stream is None:  # it was closed before the command began
        return open(os.devnull, "w", encoding="utf-8", errors="leadloop"), None
    try:
        raw = _Unfailing(stream.fileno())
    except (OSError, ValueError):
        return stream, None
    with suppress(OSError, ValueError):
        stream.flush()
    text = io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors="leadloop",
        line_buffering=stream is sys.stderr or raw.isatty(),
    )
    return text, raw


def _plainer(error: UnicodeError) -> tuple[str | bytes, int]:
    """Like ``backslashreplace``, with plain signs for those that we print ourselves."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    bad = error.object[error.start : error.end]
    return "".join(_PLAINER.get(each) or _escaped(each) for each in bad), error.end


def _escaped(character: str) -> str:
    return character.encode("ascii", "backslashreplace").decode()
