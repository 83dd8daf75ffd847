"""What a plan costs, counted at two sizes: nothing that is held at once, asked of the warehouse or opened grows with its leads."""

import io
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from rich.console import Console

from connector.push import Plan, frozen
from connector.push.fingerprint import differences
from connector.push.frozen import Frozen
from connector.push.rivals import rivalry
from connector.render.document import pieces, to_json
from connector.render.json_reader import CHUNK, Reader
from connector.render.plan import plan_text
from connector.render.plan_document import plan_document
from connector.render.plan_page import plan_page
from connector.render.saved_plan import read_plan
from tests.integration.push.conftest import Push, World

SIZES = (40, 400)
AT_A_TIME = 10


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frozen, "LEADS_AT_A_TIME", AT_A_TIME)


@contextmanager
def asked(engine: sa.Engine) -> Iterator[Counter[str]]:
    """Counts the statements that the warehouse is asked, and the connections to it."""
    counts: Counter[str] = Counter()

    def statement(*_: Any) -> None:
        counts["statements"] += 1

    def connection(*_: Any) -> None:
        counts["connections"] += 1

    sa.event.listen(engine, "before_cursor_execute", statement)
    sa.event.listen(engine, "connect", connection)
    try:
        yield counts
    finally:
        sa.event.remove(engine, "before_cursor_execute", statement)
        sa.event.remove(engine, "connect", connection)


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each question to a frozen plan has made Python objects of."""
    numbers: list[int] = []
    ask = Frozen.ask

    def counting(self: Frozen, query: str, *parameters: Any) -> Any:
        rows = ask(self, query, *parameters)
        numbers.append(len(rows))
        return rows

    monkeypatch.setattr(Frozen, "ask", counting)
    return numbers


def sized(world: World, leads: int) -> None:
    """A push of so many leads with two fields each, and no other rows."""
    with world.engine.begin() as connection:
        connection.execute(sa.text("delete from analytics.scores"))
    world.changes(leads, ("lead_score", "status"))


def test_the_first_screen_costs_the_same_whatever_the_size(world: World, fetched: list[int]) -> None:
    """As many statements, connections and questions, and as many rows as Python objects, for 40 leads and for 400."""
    told = []
    for leads in SIZES:
        sized(world, leads)
        fetched.clear()
        with asked(world.engine) as counts:
            made = world.plan(max_changes=None)
            found = rivalry(world.engine, Push(), made, ())
        console = Console(file=io.StringIO(), width=200)
        console.print(plan_text(made))
        assert (found, len(made.leads)) == ("", leads)
        told.append((dict(counts), len(fetched), sum(fetched)))
    assert told[0] == told[1]
    assert told[0][0]["connections"] <= 2


@pytest.mark.parametrize(
    "use",
    [
        lambda made: made.fingerprint,
        lambda made: list(pieces(plan_document(made))),
        lambda made: plan_page(made, most=AT_A_TIME),
        lambda made: differences(made, made),
        lambda made: Counter(lead.lead_id for lead in made.leads),
        lambda made: made.leads == made.leads,
    ],
)
def test_whoever_goes_through_the_leads_holds_a_batch(
    local: World, fetched: list[int], use: Callable[[Plan], object]
) -> None:
    """Fingerprint, document and comparison: no more leads at once for 400 than for 40."""
    for leads in SIZES:
        sized(local, leads)
        made = local.plan(max_changes=None)
        fetched.clear()
        use(made)
        assert max(fetched) <= AT_A_TIME * 2  # fields


def test_a_delivery_takes_a_batch_of_leads(local: World, fetched: list[int]) -> None:
    """They are read from the plan as their turn comes."""
    for leads in SIZES:
        sized(local, leads)
        made = local.plan(max_changes=None)
        fetched.clear()
        local.deliver(made, batch=AT_A_TIME)
        assert max(fetched) <= AT_A_TIME * 2
    assert len(local.crm.calls) == sum(SIZES)


def test_a_document_is_written_and_read_in_pieces(
    local: World, fetched: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No piece has more than a lead, no more of the file is held than a few of them, and the plan is the one that was saved."""
    held: list[int] = []
    more = Reader._more

    def watched(self: Reader) -> bool:
        is_more = more(self)
        held.append(len(self._text))
        return is_more

    monkeypatch.setattr(Reader, "_more", watched)
    monkeypatch.setattr("connector.render.json_reader.CHUNK", 1000)
    longest = []
    for leads in SIZES:
        sized(local, leads)
        made = local.plan(max_changes=None)
        longest.append(max(map(len, pieces(plan_document(made)))))
        path = tmp_path / "plan.json"
        path.write_text(to_json(plan_document(made)))
        fetched.clear()
        read = read_plan(path)
        assert max(fetched) <= AT_A_TIME * 2  # fields
        assert replace(read, made_at=made.made_at) == made
        assert read.fingerprint == made.fingerprint
    assert longest[1] <= longest[0] + 10
    assert path.stat().st_size > 10 * max(held)


def test_what_was_read_stays_whatever_becomes_of_the_warehouse(world: World) -> None:
    """The rows change and go away after the plan was made: what was shown is what is sent, under the same fingerprint."""
    sized(world, SIZES[0])
    agreed, twin = world.plan(), world.plan()
    shown = {lead.lead_id: lead.values() for lead in twin.leads}
    with world.engine.begin() as connection:
        connection.execute(sa.text("update analytics.scores set desired_value = 'of somebody else'"))
    other = world.plan()
    with world.engine.begin() as connection:
        connection.execute(sa.text("drop table analytics.scores"))
    assert agreed.fingerprint == twin.fingerprint != other.fingerprint
    world.deliver(agreed)
    assert dict(world.crm.calls) == shown


def test_a_large_history_of_another_push_is_compared_where_the_plan_is(
    local: World, fetched: list[int]
) -> None:
    """Rows of another push become Python objects only where they want something else."""
    sized(local, SIZES[1])
    made = local.plan(max_changes=None)
    with local.engine.begin() as connection:
        connection.execute(sa.text("create table analytics.others as select * from analytics.scores"))
        connection.execute(
            sa.text(
                "update analytics.others set desired_value = 'else' where lead_id = 'L007' and field = 'status'"
            )
        )
    other = Push(name="others", identifier="others", fields={"status": "status"})
    compared: list[Any] = []
    monkeyed = Frozen.beside

    def watched(*args: Any, **options: Any) -> Iterator[Any]:
        for row in monkeyed(*args, **options):
            compared.append(row)
            yield row

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Frozen, "beside", watched)
        found = rivalry(local.engine, Push(fields={"status": "status"}), made, (other,))
    assert "the field status of 1 lead (such as L007)" in found
    assert len(compared) == 1


@pytest.mark.parametrize(
    "text", ["", "[]", '{"a": 1', '{"a" 1}', '{"a": [1, 2}', "{1: 2}", '{"a": 1} more', '{"a": tru}']
)
def test_what_is_no_json_object_is_refused(text: str) -> None:
    """As the parser does that takes a document as a whole."""
    with pytest.raises(ValueError):  # noqa: PT011 - of two modules, with words of their own
        read(text)


@pytest.mark.parametrize("chunk", [1, 2, 7, CHUNK])
def test_a_document_is_read_the_same_in_pieces_of_any_length(
    chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numbers, texts and escapes may be cut anywhere."""
    monkeypatch.setattr("connector.render.json_reader.CHUNK", chunk)
    said = {
        "n": 12.5,
        "leads": [1, 22, {"a": '\n\u2028"x'}, []],
        "e": [],
        "o": {"deep": [None, True]},
        "last": 1234,
    }
    for indent in (None, 2):
        assert read(json.dumps(said, indent=indent)) == said
    assert read("{ }") == {}


def read(text: str) -> dict[str, Any]:
    reader, found = Reader(io.StringIO(text)), {}
    for name in reader.names():
        found[name] = list(reader.items()) if reader.is_list() else reader.value()
    return found
