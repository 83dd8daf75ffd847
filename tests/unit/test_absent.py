"""A package that is not installed is looked for once, not with every statement."""

import importlib.util
import sys
from collections import Counter

import duckdb
import pytest

from connector.cli import absent

NOWHERE = "of_no_package_that_there_is"


class Counting:
    """A finder that finds nothing and counts what it is asked for."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()

    def find_spec(self, name: str, *_: object) -> None:
        self.asked[name] += 1


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Counting:
    """In front of Python's own finders, without those that this process of tests has put there."""
    finders = [each for each in sys.meta_path if not isinstance(each, absent.Absent)]
    counted = Counting()
    monkeypatch.setattr(sys, "meta_path", [counted, *finders])
    return counted


def statements(count: int) -> None:
    with duckdb.connect() as connection:
        for number in range(count):
            connection.execute("select ?, ?", ["a", number])


def test_statements_look_for_no_package(counting: Counting) -> None:
    """Without the memory they look for pandas each time, where it isn't installed; with it never."""
    if importlib.util.find_spec("pandas") is not None:
        pytest.skip("pandas is installed")
    counting.asked.clear()
    statements(10)
    assert counting.asked["pandas"] >= 10
    absent.remember("pandas")
    counting.asked.clear()
    statements(10)
    assert counting.asked["pandas"] == 0


def test_what_is_absent_is_told_as_python_does(counting: Counting) -> None:
    """So that a library that can do without a package goes on without it."""
    absent.remember(NOWHERE)
    with pytest.raises(ModuleNotFoundError, match=f"No module named '{NOWHERE}'") as told:
        __import__(NOWHERE)
    assert told.value.name == NOWHERE
    assert counting.asked[NOWHERE] == 1
    assert importlib.util.find_spec(NOWHERE) is None


def test_what_is_there_is_found(counting: Counting) -> None:
    """Nothing is remembered of it."""
    before = list(sys.meta_path)
    absent.remember("json", "duckdb")
    assert sys.meta_path == before
