"""Settings as dlt finds them where there is nothing but the environment and the two files of the project, without dlt.

To import dlt takes longer than most commands that only look. So as long as nothing in this process has needed dlt, and dlt
would look nowhere else, the same places are read here: a test compares the two. Wherever dlt might look into more than those
(a vault, Airflow, Streamlit, files of the user's, a folder that a variable names, a plugin) it is asked itself.
"""

import importlib.util
import os
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = ".dlt"
FILES = {"secrets.toml": True, "config.toml": False}
"""The project's files -> whether secrets may stand in it, the one that wins first."""
_SECRETS_OF_CONTAINERS = Path("/run/secrets")
_ELSEWHERE = ("DLT_", "PROVIDERS__")
"""How variables begin that have dlt look somewhere else."""
_HOSTS = ("streamlit", "google.colab", "airflow")
"""What has settings of its own that dlt reads, wherever it is."""


@dataclass(frozen=True)
class Variables:
    """The environment's variables."""

    name: str = "Environment Variables"
    supports_secrets: bool = True

    def get_value(self, key: str, _hint: Any, _pipeline: Any, *sections: str) -> tuple[str | None, str]:
        variable = "__".join(each for each in (*sections, key) if each).upper()
        return os.environ.get(variable), variable


@dataclass
class SettingsFile:
    """A file of settings; empty where there is none. Raises ``ValueError`` for one that is no TOML."""

    name: str
    supports_secrets: bool
    path: str
    values: Mapping[str, Any] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        path = Path(self.path)
        self.values = tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}

    @property
    def locations(self) -> list[str]:
        return [self.path]

    def get_value(self, key: str, _hint: Any, _pipeline: Any, *sections: str) -> tuple[Any, str]:
        found: Any = self.values
        path = [each for each in (*sections, key) if each]
        for each in path:
            found = found.get(each) if isinstance(found, Mapping) else None
        return found, ".".join(path)

    def get_value_location(self, _key: str, _pipeline: Any, *_sections: str) -> str:
        return self.name


@dataclass
class Providers:
    """What dlt's container of providers would hold."""

    providers: list[Any]


_KNOWN: list[Providers | None] = []


def known() -> Providers | None:
    """Where settings are; read once, as dlt does. ``None`` where dlt has to be asked."""
    if "dlt" in sys.modules:
        return None
    if not _KNOWN:
        _KNOWN.append(_read())
    return _KNOWN[0]


def forget() -> None:
    """The files are read anew the next time."""
    _KNOWN.clear()


def _read() -> Providers | None:
    if _SECRETS_OF_CONTAINERS.exists() or any(name.startswith(_ELSEWHERE) for name in os.environ):
        return None
    if (
        any(_is_installed(name) for name in _HOSTS)
        or any(map(_has_files, _folders_of_user()))
        or _has_plugin()
    ):
        return None
    try:
        files = [
            SettingsFile(name, is_secret, os.path.join(".", FOLDER, name))
            for name, is_secret in FILES.items()
        ]
    except (OSError, ValueError):
        return None  # dlt says what is wrong about it
    return None if any("providers" in file.values for file in files) else Providers([Variables(), *files])


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ImportError:
        return False


def _folders_of_user() -> Iterator[Path]:
    """All that dlt may take for the one of this user."""
    yield Path("/var/dlt")
    yield Path("~/.dlt").expanduser()
    yield Path(tempfile.gettempdir()) / "dlt"
    if "XDG_DATA_HOME" in os.environ:
        yield Path(os.environ["XDG_DATA_HOME"]) / "dlt"


def _has_files(folder: Path) -> bool:
    return folder.absolute() != Path(FOLDER).absolute() and any((folder / name).exists() for name in FILES)


def _has_plugin() -> bool:
    """Whether a distribution besides dlt itself says that it is a plugin of dlt's, which may have other places for settings."""
    for place in sys.path:
        for file in Path(place or ".").glob("*.dist-info/entry_points.txt"):
            if not file.parent.name.startswith("dlt-") and b"[dlt]" in file.read_bytes():
                return True
    return False
