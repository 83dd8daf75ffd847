"""What a package index shows of the README: it has no repository beside it, so a link to a file there would lead nowhere.

Used by the build (``[tool.hatch.metadata.hooks.custom]`` in pyproject.toml).
"""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_PICTURE = re.compile(r"!\[([^]]*)\]\((?!https?:)[^)]+\)")
_LINK = re.compile(r"\[([^]]+)\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)")
_NOTE = "\nThe files that this page names are in the source distribution and in the repository.\n"


def without_neighbours(text: str) -> str:
    """The page with the names of the repository's files in place of links to them."""
    return _LINK.sub(_named, _PICTURE.sub(r"\1.", text)) + _NOTE


def _named(link: re.Match[str]) -> str:
    label, path = link[1].strip("`"), link[2]
    return f"`{path}`" if path.startswith(label) else f"{link[1]} (`{path}`)"


class IndexPage(MetadataHookInterface):
    def update(self, metadata: dict[str, Any]) -> None:
        readme = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": without_neighbours(readme)}
