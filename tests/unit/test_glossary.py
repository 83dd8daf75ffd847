"""docs/glossary.md: one word, one line, and no word that nobody uses."""

import re
from pathlib import Path
from typing import get_args

import pytest

from connector.crm.base import Mode
from connector.push.journal_row import State

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
LINES = [line for line in TEXT.splitlines() if line.startswith("| ")][1:]
WORDS = [line.split(" | ")[0].removeprefix("| ") for line in LINES]


@pytest.fixture(scope="module")
def used() -> str:
    """All that the glossary speaks of: the other pages, the code, the models."""
    files = [path for path in (ROOT / "docs").glob("*.md") if path.name != "glossary.md"]
    files += (ROOT / "connector").rglob("*.py")
    for folder in ("macros", "models"):
        files += (
            path
            for path in (ROOT / "dbt_models" / folder).rglob("*.*")
            if path.suffix in (".sql", ".yml", ".md")
        )
    return "\n".join(path.read_text(encoding="utf-8") for path in files).lower()


@pytest.mark.parametrize("word", WORDS)
def test_every_word_is_used(used: str, word: str) -> None:
    """A word of the glossary stands in a page, a docstring, a name or a model, alone or in the plural."""
    spaced = re.escape(word).replace(r"\ ", r"\s+")
    assert re.search(rf"(?<![^\W_]){spaced}s?(?![^\W_])", used), f"nobody says {word!r}"


def test_the_words_are_sorted_and_each_has_one_line() -> None:
    """Whoever looks for a word finds it, once, with one line of meaning."""
    assert len(WORDS) > 30
    assert sorted(set(WORDS)) == WORDS
    assert all(len(line.split(" | ")) == 2 for line in LINES)


def test_states_and_modes_are_in_it() -> None:
    """Each state of the journal that the code knows has a line of its own, and each mode is named."""
    text = " ".join(LINES)
    assert {*get_args(State)} <= set(WORDS)
    assert all(f"`{mode}`" in text for mode in get_args(Mode))
