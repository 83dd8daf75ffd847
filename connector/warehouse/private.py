"""Files and folders that nobody but their owner can look into: they hold leads, or what was made of them."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ONE_AT_A_TIME = threading.Lock()


def folder(path: Path) -> Path:
    """The folder, made with all that are missing above it."""
    if not path.is_dir():
        folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
    return path


@contextmanager
def new_files() -> Iterator[None]:
    """Whatever is made in here is private from its first moment on. The process's umask is changed for as long as that."""
    with _ONE_AT_A_TIME:
        before = os.umask(0o077)
        try:
            yield
        finally:
            os.umask(before)


def keep(path: Path) -> None:
    """Takes a file that may have been made by somebody else away from all others."""
    if sys.platform != "win32" and path.exists() and path.stat().st_mode & 0o077:
        path.chmod(0o600)
