"""Copies files that nobody writes to meanwhile; run as a process of its own: ``python copying.py SOURCE TARGET [SOURCE TARGET …]``.

Why a process: whoever closes a file loses all locks that his process has on it, so a copy made by a process that has the database
open would take the database's lock away. Nothing is imported but the standard library, so it starts at once.

Ends with 0 where each copy is what its source was all the time, with ``BUSY`` where somebody wrote to one of them, with 1 and a sentence
where there was no way to copy. What a source's write-ahead log holds is copied with it.
"""

import os
import shutil
import sys
import time

BUSY = 75
STILL = 0.05
"""Seconds without a write before a copy begins: a file system tells times in steps, and a write in the same step isn't seen."""
_FICLONE = 0x40049409
"""Linux, ``ioctl_ficlone(2)``: the copy shares the source's blocks, whatever its size, on Btrfs, XFS and others."""


def main(*files: str) -> int:
    sources, targets = files[::2], files[1::2]
    before = [_state(source) for source in sources]
    if time.time() - max(modified for each in before for _, modified, _ in each) < STILL:
        return BUSY
    cloned = True
    for source, target, state in zip(sources, targets, before, strict=True):
        cloned = _copy(source, target) and cloned
        if state[-1][0]:
            try:
                _copy(f"{source}.wal", f"{target}.wal")
            except FileNotFoundError:
                # A checkpoint has just taken it away.
                return BUSY
    if [_state(source) for source in sources] != before:
        return BUSY
    sys.stdout.write("cloned" if cloned else "copied")
    return 0


def _state(source: str) -> list[tuple[int, float, int]]:
    """Size, time of the last write, and which file it is: of the database and of its log."""
    return [_state_of(source, os.stat(source)), _state_of(f"{source}.wal", None)]


def _state_of(path: str, found: os.stat_result | None) -> tuple[int, float, int]:
    try:
        found = found or os.stat(path)
    except FileNotFoundError:
        return 0, 0.0, 0
    return found.st_size, found.st_mtime, found.st_ino


def _copy(source: str, target: str) -> bool:
    """Whether the file system made a clone."""
    with open(source, "rb") as given, open(target, "wb") as made:
        try:
            import fcntl

            fcntl.ioctl(made.fileno(), _FICLONE, given.fileno())
        except (ImportError, OSError):
            shutil.copyfileobj(given, made, 1 << 20)
            return False
    return True


if __name__ == "__main__":
    os.umask(0o077)
    try:
        sys.exit(main(*sys.argv[1:]))
    except OSError as error:
        sys.stderr.write(error.strerror or type(error).__name__)
        sys.exit(1)
