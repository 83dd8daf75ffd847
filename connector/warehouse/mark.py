"""What stays when a warehouse is put back from a copy: a note of each push, kept outside of it.

The notes are beside the project, in ``.leadloop/marks``, one file per warehouse and CRM, and in the database of
``crm.<vendor>.shared_pace`` where one is set. A warehouse is known by an id of its own, so that several in one folder, such
as one to try things out and the real one, don't disturb each other; a copy has the id of what it is a copy of.
A note says which run, of which push, and when. It holds nothing of a lead.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa

from connector.config import VendorSettings
from connector.crm import shared_marks
from connector.warehouse import private
from connector.warehouse.leases import patient
from connector.warehouse.ledger import identity

FOLDER = Path(".leadloop") / "marks"
KEPT = 200
"""So many of the latest notes are looked at."""
LONGEST = 256 * 1024
"""Bytes of a file, from which on only the notes that are looked at are kept."""


class Mark(NamedTuple):
    """One push that was carried out."""

    run_id: str
    push: str
    at: datetime


def identify(engine: sa.Engine) -> str:
    """The id of a warehouse on which a lease was taken."""
    with patient(engine) as connection, connection.begin():
        return identity(connection)


class Marks:
    """The notes of one warehouse's pushes to one CRM."""

    def __init__(self, warehouse_id: str, settings: VendorSettings, folder: Path = FOLDER) -> None:
        # Not by address or token, which may change: a warehouse holds one account of a CRM (see ``accounts``).
        self._name = f"{warehouse_id} {settings.name}"
        self._settings = settings
        self._file = folder / f"{hashlib.sha256(self._name.encode()).hexdigest()[:32]}.jsonl"

    def all(self) -> list[Mark]:
        """The latest notes in the order in which they were made, whatever any clock said; ``ConfigError`` where the shared
        database can't be read."""
        found = [Mark(*row) for row in shared_marks.read(self._settings, self._name, KEPT)]
        places = {mark.run_id: place for place, mark in enumerate(found)}
        added = place = 0
        for mark in self._noted():
            if mark.run_id in places:
                place = places[mark.run_id] + 1
            else:
                found.insert(place + added, mark)
                added += 1
        return found[-KEPT:]

    def add(self, mark: Mark) -> None:
        """Notes a push, before its first call. A folder that can't be written to keeps no note."""
        shared_marks.add(self._settings, self._name, *mark)
        with contextlib.suppress(OSError), private.new_files():
            private.folder(self._file.parent)
            if self._file.exists() and self._file.stat().st_size > LONGEST:
                self._replace(self._noted())
            with open(self._file, "a", encoding="utf-8") as file:
                file.write(_line(mark))

    def _noted(self) -> list[Mark]:
        try:
            lines = self._file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeError):
            return []
        found = []
        for line in lines[-KEPT:]:
            # A line that was cut short is the end of a process that had sent nothing yet.
            with contextlib.suppress(ValueError, KeyError, TypeError):
                each = json.loads(line)
                found.append(Mark(str(each["run_id"]), str(each["push"]), datetime.fromisoformat(each["at"])))
        return found

    def _replace(self, marks: Iterable[Mark]) -> None:
        new = self._file.with_suffix(f".{os.getpid()}")
        with open(new, "w", encoding="utf-8") as file:
            file.writelines(map(_line, marks))
        new.replace(self._file)


def _line(mark: Mark) -> str:
    return json.dumps({"run_id": mark.run_id, "push": mark.push, "at": mark.at.isoformat()}) + "\n"
