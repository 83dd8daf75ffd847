"""A plan as CSV: every row, nothing that a spreadsheet obeys, nothing that the page would mask."""

import csv
import io

import pytest

from connector.render.plan_csv import HEAD, cell, plan_csv
from connector.views.plan_rows import PlanRows
from connector.views.settings import Masking
from tests.unit.render.test_plan import plan


@pytest.mark.parametrize(
    "hostile",
    [
        "=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", " =1", "\n=1", "|calc", "%0a", "\uff1d1+1", "\uff0b1",
        "=HYPERLINK(\"http://x\",\"y\")", "+49 170 =1",
    ],
)  # fmt: skip
def test_no_cell_is_a_formula(hostile: str) -> None:
    """Whatever somebody typed into the CRM, a spreadsheet shows it."""
    shown = cell(hostile)
    assert shown[0] not in "=+-@\t\r\n|%\uff1d\uff0b\uff0d\uff20 "


@pytest.mark.parametrize("plain", ["-5", "+49170123", "1.5", "12,5", "-1,234.50", "Ana", "", "a=b"])
def test_what_is_no_formula_stays_as_it_is(plain: str) -> None:
    """Numbers with their sign can be counted with."""
    assert cell(plain) == plain


def test_a_file_is_written_some_rows_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever one piece ends, the next one begins with the row after: also within a lead."""
    from connector.render import plan_csv as module

    monkeypatch.setattr(module, "ROWS", 2)
    made = plan(
        *(
            (f"{lead}", name, "a", "b", None, "change")
            for lead in range(5)
            for name in ("title", "status", "score")
        )
    )
    pieces = list(plan_csv(PlanRows(made), Masking()))
    assert len(pieces) == 1 + 8
    rows = list(csv.reader(io.StringIO("".join(pieces)[1:], newline="")))[1:]
    assert len({(row[1], row[6]) for row in rows}) == len(rows) == 15


def test_every_row_is_there_and_private_values_are_masked() -> None:
    """All lists, quoted so that a value with quotes, commas and line ends comes back as it was."""
    made = plan(
        ("1", "title", 'a "b", c\nd', "=evil()", None, "change"),
        ("2", "phone_number", "4155550123", "4155550199", None, "change"),
        ("3", "title", "x", "y", "z", "conflict"),
    )
    text = "".join(plan_csv(PlanRows(made), Masking()))
    assert text[0] == "\ufeff"
    head, *rows = csv.reader(io.StringIO(text[1:], newline=""))
    assert tuple(head) == HEAD
    assert [(row[0], row[1], row[6]) for row in rows] == [
        ("Changes", "1", "title"), ("Changes", "2", "phone_number"), ("Conflicts", "3", "title"),
    ]  # fmt: skip
    assert rows[0][7:9] == ['a "b", c\nd', "'=evil()"]
    assert rows[1][7:9] == ["•••• 23", "•••• 99"]
    assert rows[2][7:10] == ["x", "y", "z"]
    shown = "".join(plan_csv(PlanRows(made), Masking(show_values=True)))
    assert "4155550123" in shown
