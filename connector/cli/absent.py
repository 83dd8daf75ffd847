"""Packages that are not installed, and that a library looks for again and again."""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

_IMPORT = "_find_and_load_unlocked"


class Absent:
    """A finder that knows of packages that they are not there, so that an import doesn't look through the folders for them."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = frozenset(names)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Nothing, for what others have to find. ``ModuleNotFoundError`` for the import of what is not there, as Python raises it.

        Whoever only asks whether a package is there (``importlib.util.find_spec``) expects no error, and is answered by the
        other finders.
        """
        # The caller is importlib's own _find_spec; its caller is either an import or such a question.
        if name in self._names and sys._getframe(2).f_code.co_name == _IMPORT:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


def remember(*names: str) -> None:
    """Looks for packages once in this process: one that is not installed now stays absent, also if it is installed meanwhile.

    DuckDB looks for pandas with every parameter of every statement, and Python remembers only the modules that it finds: that
    is half of the time that a small statement takes.
    """
    if missing := [name for name in names if find_spec(name) is None]:
        sys.meta_path.insert(0, Absent(missing))
