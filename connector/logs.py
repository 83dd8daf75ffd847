"""Messages as one JSON object per line (``--log-format json``), for whoever collects logs instead of reading them.

A line has ``time`` (UTC), ``level`` (``info``, ``warning``, ``error``), ``run_id`` (the row in ``leadloop.runs``, or ``null``) and
``message``. What leadloop says itself never holds a value of a lead. Python's warnings and the messages of libraries become
such lines too, so that nothing on stderr is of another shape.
"""

import io
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal

from rich.console import Console

from connector import events
from connector.texts import printable

VARIABLE = "LEADLOOP_LOG_FORMAT"
OPTION = "--log-format"
Level = Literal["info", "warning", "error"]


class Format(StrEnum):
    """How messages are written to stderr."""

    text = "text"
    json = "json"


class _State:
    is_json = False


def is_json() -> bool:
    """Whether messages of this process are lines of JSON."""
    return _State.is_json


def asked(arguments: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Whether JSON is asked for, as far as it can be told before the command line is understood: what is wrong with it is a message, too."""
    for place, argument in enumerate(arguments):
        if argument.startswith(f"{OPTION}="):
            return argument.partition("=")[2] == Format.json.value
        if argument == OPTION and place + 1 < len(arguments):
            return arguments[place + 1] == Format.json.value
    return environment.get(VARIABLE) == Format.json.value


def use(form: Format) -> None:
    """From now on messages have this form, and so have those of libraries."""
    _State.is_json = form is Format.json
    loggers = [logging.getLogger(), logging.getLogger("dlt")]  # dlt's does not pass its messages on
    for logger in loggers:
        for handler in [each for each in logger.handlers if isinstance(each, _Lines)]:
            logger.removeHandler(handler)
        if is_json():
            logger.addHandler(_Lines(logging.WARNING))
            logger.propagate = False
    logging.captureWarnings(is_json())


def write(message: str, level: Level = "info", facts: Mapping[str, Any] | None = None) -> None:
    """One line on stderr. ``facts``: what else stands in it."""
    line = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "level": level,
        "run_id": _run_id(),
        "message": message,
        **(facts or {}),
        **events.ids(),
    }
    sys.stderr.write(json.dumps(line, ensure_ascii=False) + "\n")
    sys.stderr.flush()


def _run_id() -> str | None:
    """Of the run under way, or of the last one; most commands that leave no row never import what would know it."""
    runs = sys.modules.get("connector.warehouse.runs")
    return runs.command_id() if runs is not None else None


class _Lines(logging.Handler):
    """Writes what libraries log. An exception's own text may hold a row, so only its kind is told."""

    def emit(self, record: logging.LogRecord) -> None:
        message = f"{record.name}: {record.getMessage()}"
        if record.exc_info and record.exc_info[0] is not None:
            message = f"{message} ({record.exc_info[0].__name__})"
        write(message, "error" if record.levelno >= logging.ERROR else "warning")


class Messages(Console):
    """Where messages go: as people read them, or each as one line of JSON as ``--log-format`` says."""

    def print(
        self,
        *objects: Any,
        level: Level = "info",
        facts: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        """As a ``Console`` does it; ``level`` and ``facts`` are told to whoever collects logs."""
        if events.is_watched() and all(isinstance(each, str) for each in objects):
            events.said(" ".join(objects), level)
        if not is_json():
            super().print(*objects, **options)
            return
        if all(isinstance(each, str) for each in objects):
            text = " ".join(objects)
        else:
            drawn = io.StringIO()
            Console(file=drawn, width=200, no_color=True, highlight=False).print(*objects, **options)
            text = drawn.getvalue()
        if text.strip():
            write(text.strip(), level, facts)

    @property
    def is_terminal(self) -> bool:
        """Nobody draws bars between lines of JSON."""
        return not is_json() and super().is_terminal

    def show(self, *objects: Any) -> None:
        """For the eyes of whoever is asked a question in a terminal, whatever the form of messages is."""
        super().print(*objects)


def progress(console: Console, sentence: str, **facts: int | None) -> None:
    """How far something has come; a line of JSON says it in numbers as well."""
    more: dict[str, Any] = {"facts": facts} if isinstance(console, Messages) else {}
    console.print(sentence, markup=False, soft_wrap=True, **more)


def as_shown(text: str, keep: str = "") -> str:
    """A text of which no terminal obeys a character; in a line of JSON those are escaped anyway."""
    return text if is_json() else printable(text, keep)


def warn(console: Console, sentence: str) -> None:
    """A sentence that a person should know of."""
    level: dict[str, Any] = {"level": "warning"} if isinstance(console, Messages) else {}
    console.print(as_shown(sentence), markup=False, soft_wrap=True, **level)
