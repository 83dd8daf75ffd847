"""All rows of a plan as CSV, for a spreadsheet: what the page shows, masked where it is masked there.

A cell that begins as a formula does is given an apostrophe, since a spreadsheet would obey it: somebody may have typed it into the
CRM. Plain numbers stay as they are.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence

from connector.push.plan import Plan
from connector.render.plan_view import LIST_NAMES
from connector.texts import masked, printable, shown_key
from connector.views.plan_rows import LISTS, PlanRows, Row
from connector.views.settings import Masking

ROWS = 5_000
"""So many are written at once."""
HEAD = (
    *("list", "lead_id", "crm_lead_id", "name", "owner", "status", "field"),
    *("crm_shows", "we_want", "we_sent", "last_edited_by"),
)
_FORMULA = re.compile(r"\s*[=+\-@\t\r\n|%\uff1d\uff0b\uff0d\uff20]")
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)*")
_KEEP = "\n\t"


def plan_csv(rows: PlanRows, masking: Masking) -> Iterator[str]:
    """The file in pieces; begins with the mark by which a spreadsheet knows UTF-8."""
    yield "\ufeff" + _lines([HEAD])
    for name in LISTS:
        for some in rows.every(name, ROWS):
            yield _lines([_row(rows.plan, name, each, masking) for each in some])


def cell(text: str | None) -> str:
    """A text that no spreadsheet takes for a formula."""
    shown = printable(text or "", _KEEP)
    return f"'{shown}" if _FORMULA.match(shown) and not _NUMBER.fullmatch(shown.strip()) else shown


def _row(plan: Plan, name: str, row: Row, masking: Masking) -> list[str]:
    hide = masking.hides(row.column_name)
    values = (masked(each) if hide else each for each in (row.current, row.desired, row.base))
    told = [
        LIST_NAMES.get(name, name),
        shown_key(row.lead_id, is_ours=plan.has_own_keys, mask=False),
        row.crm_lead_id,
        *(row.name, row.owner, row.status, row.field),
        *values,
        row.edited_by,
    ]
    return [cell(each) for each in told]


def _lines(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
