"""The approvals that were given on the page and wait to be sent: each a signed plan in a file, and a few words about it beside it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout

from connector.errors import LockedError
from connector.push.plan import Plan
from connector.render.document import pieces
from connector.render.plan_document import plan_document
from connector.warehouse import private
from connector.web.subject import Subject

FOLDER = Path(".leadloop") / "plans"
PATIENCE = 30.0
"""Seconds to wait for somebody else who approves at this moment."""
_WORDS = ".approved.json"


@dataclass(frozen=True, slots=True)
class Approved:
    """An approval, as the page tells of it."""

    id: str
    key: str
    """Of the subject."""
    fingerprint: str
    """Of the whole plan that was shown."""
    file: str
    """Where the signed plan is."""
    who: str
    note: str
    approved_at: datetime
    until: datetime
    leads: int
    fields: int
    of_leads: int
    """Leads of the whole plan."""
    first_time: str
    """Which values are replaced for the first time, in words, or ``""``."""


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Of two who approve at once, in two tabs or by two servers, the second one sees what the first has done."""
    with private.new_files():
        private.folder(FOLDER)
    lock = FileLock(FOLDER / "approving.lock", mode=0o600)
    try:
        lock.acquire(timeout=PATIENCE)
    except Timeout:
        raise LockedError(
            "Somebody else is approving a plan at this moment, and nothing was approved.",
            "Try again in a moment.",
        ) from None
    try:
        yield
    finally:
        lock.release()


def save(subject: Subject, fingerprint: str, plan: Plan) -> Path:
    """Writes a plan as ``leadloop push --plan`` reads it; returns its file."""
    file = FOLDER / f"{subject.stem}-{fingerprint[:12]}.json"
    with private.new_files():
        private.folder(FOLDER)
        new = file.with_suffix(".new")
        with new.open("w", encoding="utf-8") as written:
            written.writelines(pieces(plan_document(plan)))
        new.replace(file)
    return file


def put(approved: Approved) -> None:
    """Says that this plan is approved."""
    file = _words(approved.file)
    with private.new_files():
        new = file.with_suffix(".new")
        new.write_bytes(msgspec.json.encode(approved))
        new.replace(file)


def find(key: str, *, fingerprint: str = "", approval_id: str = "") -> Approved | None:
    """The approval of this subject for the plan, or of this id, that is good by its age; those that are too old are deleted."""
    for file in sorted(FOLDER.glob(f"*{_WORDS}")):
        try:
            found = msgspec.json.decode(file.read_bytes(), type=Approved)
        except (OSError, msgspec.MsgspecError):
            continue
        if found.until <= datetime.now(UTC):
            drop(found)
        elif found.key == key and (found.fingerprint == fingerprint or found.id == approval_id):
            return replace(found, file=str(Path(found.file)))
    return None


def any_of(key: str) -> bool:
    """Whether there may be one: to know whether it is for the plan that is shown, the whole plan has to be read."""
    return any(
        f'"key":{msgspec.json.encode(key).decode()}' in _text(each) for each in FOLDER.glob(f"*{_WORDS}")
    )


def drop(approved: Approved) -> None:
    """Deletes the signed plan: without it the approval is good for nothing."""
    for file in (_words(approved.file), Path(approved.file)):
        with suppress(OSError):
            file.unlink(missing_ok=True)


def _words(file: str) -> Path:
    return Path(file).with_suffix(_WORDS)


def _text(file: Path) -> str:
    with suppress(OSError, UnicodeDecodeError):
        return file.read_text("utf-8")
    return ""
