"""What is built for a package index works without the repository beside it."""

import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RELATIVE = re.compile(r"\]\((?!https?:|#)([^)]+)\)")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder with the wheel and the source distribution."""
    folder = tmp_path_factory.mktemp("built")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    yield folder
    # The source distribution has the tests in it, and with them all that tests/leak_watch.py looks for.
    shutil.rmtree(folder)


def page(built: Path) -> str:
    """What an index shows."""
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        (name,) = (each for each in wheel.namelist() if each.endswith("METADATA"))
        return wheel.read(name).decode().partition("\n\n")[2]


def test_no_link_of_the_index_page_leads_into_nothing(built: Path) -> None:
    """Each link to a file of the repository has become the file's name, and everything else is as in the README."""
    readme, shown = (ROOT / "README.md").read_text(encoding="utf-8"), page(built)
    assert RELATIVE.findall(readme)
    assert RELATIVE.findall(shown) == []
    for path in re.findall(r"(?<!!)\[[^]]+\]\(((?!https?:|#)[^)#]+)", readme):
        assert f"`{path}`" in shown
    for line in readme.splitlines():
        assert RELATIVE.search(line) or line in shown


def test_what_is_built_is_whole(built: Path) -> None:
    """The wheel brings the dbt package; the source distribution brings every file that the page names."""
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        assert "connector/dbt_models/macros/push.sql" in wheel.namelist()
        assert not [name for name in wheel.namelist() if "/target/" in name or name.endswith(".duckdb")]
    with tarfile.open(next(built.glob("*.tar.gz"))) as source:
        there = {name.partition("/")[2] for name in source.getnames()}
    named = set(re.findall(r"`((?:docs|notebooks)/[\w./-]+)`", page(built)))
    assert named
    assert sorted(named - there) == []
