"""How many calls are under way at once, and which pieces are fetched before anybody takes them."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from connector.config import MOST_PAGES, SINGLE_CALLS
from connector.extract.ahead import Ahead, InFlight, Piece

DAY = (datetime(2026, 1, 1), datetime(2026, 1, 2))


def rounds(flight: InFlight, seconds: float, count: int = 1) -> int:
    for _ in range(count):
        for _ in range(flight.limit):
            flight.took(seconds)
    return flight.limit


def test_more_calls_are_under_way_while_that_makes_none_slower() -> None:
    """Answers that take 0.3 seconds however many are asked for: up to the most, in two steps."""
    flight = InFlight()
    assert flight.limit == SINGLE_CALLS
    for _ in range(3):
        # The first page of a window, and of its two halves: then their other pages are asked for.
        flight.took(0.3)
    assert flight.limit == 2 * SINGLE_CALLS
    assert rounds(flight, 0.3) == MOST_PAGES
    assert rounds(flight, 0.3, 5) == MOST_PAGES


def test_fewer_are_under_way_when_answers_become_slow() -> None:
    """A CRM that has room for four, or a rate that lets no more through, is asked for no more for long."""
    flight = InFlight()
    for _ in range(50):
        assert rounds(flight, 0.1 * max(1, flight.limit / SINGLE_CALLS)) <= 2 * SINGLE_CALLS
    rounds(flight, 5.0, 10)
    assert flight.limit == SINGLE_CALLS


@pytest.mark.parametrize("number", [1, 3, 64])
def test_a_number_that_was_set_stays(number: int) -> None:
    """Neither quick nor slow answers change it."""
    flight = InFlight(number)
    assert rounds(flight, 0.1, 5) == number
    assert rounds(flight, 9.0, 5) == number


@dataclass
class Page:
    number: int
    rest: tuple[Piece, ...] = ()


def test_what_comes_with_a_page_is_fetched_before_it_is_taken() -> None:
    """The rest of several pages follows its first one, before whatever was waiting."""
    rest = tuple(Piece(DAY, number, 10) for number in (1, 2))
    fetched = threading.Semaphore(0)

    def fetch(piece: Piece) -> Page:
        fetched.release()
        return Page(piece.offset, rest if piece.limit is None and piece.offset == 0 else ())

    with ThreadPoolExecutor(1) as pool:
        ahead: Ahead[Page] = Ahead(pool, fetch, InFlight(1), most=10)
        ahead.prepend([Piece(DAY), Piece(DAY, 7)])
        first = ahead.next()
        for _ in range(4):
            assert fetched.acquire(timeout=10)
        assert first
        taken = [first[1].number, *(found[1].number for found in iter(ahead.next, None))]
    assert taken == [0, 1, 2, 7]


def test_pieces_that_may_be_many_pages_wait() -> None:
    """A piece that is probably eight pages is not begun while five others wait and ten are the most."""
    asked: list[int] = []

    def fetch(piece: Piece) -> Page:
        asked.append(piece.offset)
        return Page(piece.offset)

    with ThreadPoolExecutor(1) as pool:
        ahead: Ahead[Page] = Ahead(pool, fetch, InFlight(8), most=10)
        ahead.prepend([*(Piece(DAY, number) for number in range(5)), Piece(DAY, 5, pages=8)])
        assert ahead.next()
        pool.submit(int).result()
        assert asked == [0, 1, 2, 3, 4]
        assert ahead.next()
        assert ahead.next()
        pool.submit(int).result()
        assert asked == [0, 1, 2, 3, 4, 5]
        ahead.drop()


def test_only_what_nobody_has_begun_is_cut_anew() -> None:
    """A piece that is being fetched stays as it is, whatever is learned meanwhile."""
    with ThreadPoolExecutor(1) as pool:
        ahead: Ahead[Page] = Ahead(pool, lambda piece: Page(piece.offset), InFlight(1), most=1)
        later = (DAY[0] + timedelta(days=1), DAY[1] + timedelta(days=1))
        ahead.prepend([Piece(DAY, 0), Piece(DAY, 1, pages=5), Piece(later, 2, pages=5)])
        assert ahead.next()
        seen: list[list[int]] = []

        def cut(pieces: list[Piece]) -> list[Piece]:
            seen.append([piece.offset for piece in pieces])
            return [Piece(later, 9)]

        ahead.recut(cut)
        taken = [found[1].number for found in iter(ahead.next, None)]
    assert seen == [[2]]
    assert taken == [1, 9]
