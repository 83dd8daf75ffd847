"""The number that each reading takes, so that what happened first is known whatever the clocks say."""

from contextlib import closing
from typing import Any

from connector.crm.convoso import ConvosoReader
from connector.crm.http import Session
from connector.extract.job import job
from connector.extract.load import load

from .conftest import QUICK


def test_each_reading_has_a_number_of_its_own(duck: Any, sandbox: Any) -> None:
    """Leads, removed leads and leads that are read back each take a number before their first call, and their rows carry it."""
    crm = sandbox(leads=5)
    settings = duck.settings(crm, removals=True)
    asked = []

    def number() -> Any:
        asked.append(len(crm.calls))
        return len(asked)

    with closing(ConvosoReader(settings, session=Session(settings, retry=QUICK))) as reader:
        todo = job(settings, reader=reader, number=number)
        load(duck.tables(), settings, todo, again=lambda: dict.fromkeys([crm.book.ids()[0], "nobody"]))
    numbers = [row["leadloop_sequence_number"] for row in duck.raw()]
    back = len(asked)
    assert sorted(numbers) == [1] * 5 + [back]
    assert [row["leadloop_sequence_number"] for row in duck.raw("lead_removals")] == [back]
    assert asked[0] == 0
    assert asked == sorted(set(asked))
