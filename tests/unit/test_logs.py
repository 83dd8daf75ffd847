"""Messages as lines of JSON: each line is one object, whatever was said and by whom, and none has a value of a lead."""

import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table

from connector import logs
from connector.cli import asking, output
from connector.display import Bars
from connector.extract.job import Progress
from connector.logs import Format, Messages
from connector.warehouse import runs
from tests.unit.test_docs import made_plan


@pytest.fixture(autouse=True)
def _text_again() -> Iterator[None]:
    yield
    logs.use(Format.text)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What was written to stderr: nothing but objects with these four fields."""
    found = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert all(list(each) == ["time", "level", "run_id", "message"] for each in found)
    return found


def test_everything_is_a_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Stages, notices, tables, warnings of Python, messages of libraries, and dlt's, whose logger passes nothing on."""
    monkeypatch.setattr(runs.Run, "outermost", "20261127T061500-4f1c09ab")
    logs.use(Format.json)
    err = Messages(stderr=True)
    bars = Bars(err)
    bars.stage("extract convoso")
    bars.extracting(Progress(5, 1, None, None))
    bars.notice("The clock\nis wrong.")
    table = Table("name")
    table.add_row("[red]score")
    err.print(table)
    err.print("", markup=False)
    warnings.warn("old", UserWarning, stacklevel=1)
    try:
        raise ValueError("the phone 555-0100")
    except ValueError:
        logging.getLogger("some.library").exception("It failed.")
    dlt = logging.getLogger("dlt")
    monkeypatch.setattr(dlt, "level", logging.WARNING)
    dlt.warning("Slow.")
    logging.getLogger("some.library").info("Too much.")
    found = lines(capsys)
    assert [
        (each["level"], each["message"].split("\n")[0]) for each in found if "name" not in each["message"]
    ] == [
        ("info", "extract convoso ..."),
        ("warning", "The clock"),
        *([("warning", found[3]["message"].split("\n")[0])]),
        ("error", "some.library: It failed. (ValueError)"),
        ("warning", "dlt: Slow."),
    ]
    assert "py.warnings" in found[3]["message"]
    assert {each["run_id"] for each in found} == {"20261127T061500-4f1c09ab"}


def test_text_is_as_before(capsys: pytest.CaptureFixture[str]) -> None:
    """After JSON was switched off, a message is its own words, and libraries write where they did."""
    logs.use(Format.json)
    logs.use(Format.text)
    Messages(stderr=True).print("one [b]word[/b]", level="warning")
    logs.warn(Console(stderr=True), "two [words]")
    assert capsys.readouterr().err == "one word\ntwo [words]\n"
    assert not any(isinstance(each, logs._Lines) for each in logging.getLogger().handlers)


def test_no_plan_is_in_such_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    """Not even a masked one; as text there is a masked one."""

    class Nobody:
        def pause(self) -> None: ...

    agree = asking.asking(True, Nobody(), first=False, mask=False, quiet=False)
    assert agree(made_plan()) is None
    assert "••••" in capsys.readouterr().err
    logs.use(Format.json)
    assert agree(made_plan()) is None
    assert not lines(capsys)


@pytest.mark.parametrize(
    ("arguments", "environment", "json_wanted"),
    [
        (["run", "--log-format", "json"], {}, True),
        (["run", "--log-format=json"], {}, True),
        (["run"], {"LEADLOOP_LOG_FORMAT": "json"}, True),
        (["run", "--log-format", "text"], {"LEADLOOP_LOG_FORMAT": "json"}, False),
        (["run", "--log-format"], {}, False),
        (["run"], {}, False),
    ],
)
def test_the_option_counts_before_the_command_line_is_understood(
    arguments: list[str], environment: dict[str, str], json_wanted: bool
) -> None:
    """What is wrong with a command line is a message, too."""
    assert logs.asked(arguments, environment) is json_wanted


@pytest.mark.parametrize(
    "arguments", [["extract", "--strat", "x"], ["extrct"], ["plan"], ["status", "--max-age", "soon"]]
)
def test_wrong_usage_is_one_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 2 and one line that names what is wrong."""
    from connector.cli import main

    monkeypatch.setenv(logs.VARIABLE, "json")
    monkeypatch.setattr("sys.argv", ["leadloop", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    (line,) = lines(capsys)
    assert line["level"] == "error"


def test_an_error_ends_as_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """The sentence of an error of ours, with its level."""
    from connector.errors import GuardrailError

    logs.use(Format.json)
    with pytest.raises(SystemExit):
        output.fail(GuardrailError("Too many.", "Look."))
    (line,) = lines(capsys)
    assert (line["level"], line["message"]) == ("error", "Too many. Look.")
