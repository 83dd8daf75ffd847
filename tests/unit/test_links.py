"""What `make check` knows of the pages: no link into nothing, no page that nobody comes to. And who else runs it."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")), ROOT / "tests/README.md"]
ENTRANCES = set(ROOT.glob("*.md"))
"""Pages that people find by themselves."""


def prose(page: Path) -> str:
    """A page without its code, in which a ``#`` is no heading and brackets are no link."""
    text = page.read_text(encoding="utf-8")
    return re.sub(r"^(```|~~~).*?^\1", "", text, flags=re.MULTILINE | re.DOTALL)


def links(page: Path) -> list[tuple[str, Path, str]]:
    """As it is written, the file that is meant, and the heading in it; of links to files of ours."""
    found = re.findall(r"\]\(([^)\s]+)\)", prose(page))
    parts = [(link, *link.partition("#")) for link in found if not re.match(r"\w+:", link)]
    return [
        (link, (page.parent / file).resolve() if file else page, anchor) for link, file, _, anchor in parts
    ]


def anchors(page: Path) -> set[str]:
    """The names of a page's headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    """A relative link names a file of the repository and, behind a ``#``, a heading in it."""
    for link, there, anchor in links(page):
        assert there.is_relative_to(ROOT), link
        assert there.exists(), link
        assert not anchor or anchor in anchors(there), link


def test_every_page_can_be_reached() -> None:
    """Whoever begins at the README or beside it comes to each page by links alone."""
    known, new = set[Path](), ENTRANCES
    while new:
        known |= new
        new = {there for page in new for _, there, _ in links(page) if there.suffix == ".md"} - known
    assert sorted(set(PAGES) - known) == []


def test_pre_commit_runs_what_make_check_runs() -> None:
    """The hooks are local, and their commands are those of ``make check``, in their order: first the types, then the rest."""
    import yaml

    (local,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    assert local["repo"] == "local"
    assert all(hook["language"] == "system" for hook in local["hooks"])
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"^check:.*\n\t\$\(MAKE\) -j 2 types rest\n", makefile, re.MULTILINE)
    recipes = re.findall(r"^(types|rest):\n((?:\t.+\n)+)", makefile, re.MULTILINE)
    commands = [
        line.strip().replace("$(BIN)", ".venv/bin")
        for _, recipe in sorted(recipes, reverse=True)
        for line in recipe.splitlines()
    ]
    assert [hook["entry"] for hook in local["hooks"]] == commands
