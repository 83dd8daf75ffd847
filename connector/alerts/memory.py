"""What people were told so far: in the warehouse, and once more beside the project, for when the warehouse can't be reached.

That the warehouse is gone is one of the things to be told of, once.
"""

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from connector.warehouse import alerts, private
from connector.warehouse.alerts import Alert
from connector.warehouse.connection import Warehouse
from connector.warehouse.leases import patient

FILE = Path(".leadloop") / "alerts.json"
PATIENCE = 1.0
"""Seconds to wait for a DuckDB file that another process holds."""


class Memory:
    """The last change of each subject's state, and the last that was told."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._file = FILE.absolute()
        self._rows: dict[tuple[str, datetime], Alert] = {}
        self._unsaved: set[tuple[str, datetime]] = set()
        self._read()

    def now(self, subject: str) -> Alert | None:
        """The last change of its state; ``None``: it never was anything but ``ok``."""
        return max((each for each in self._of(subject)), key=lambda each: each.since, default=None)

    def told(self, subject: str) -> Alert | None:
        """The last change that somebody was told of."""
        told = (each for each in self._of(subject) if each.told_at)
        return max(told, key=lambda each: each.since, default=None)

    @property
    def subjects(self) -> list[str]:
        return sorted({subject for subject, _ in self._rows})

    def note(self, rows: Iterable[Alert]) -> None:
        """Keeps changes, in the warehouse if that can be reached."""
        for row in rows:
            self._rows[row.subject, row.since] = row
            self._unsaved.add((row.subject, row.since))
        with suppress(Exception):
            if self._unsaved and self._warehouse.is_there:
                with patient(self._warehouse.ledger(), PATIENCE) as connection, connection.begin():
                    if alerts.are_there(connection):
                        alerts.save(connection, [self._rows[key] for key in sorted(self._unsaved)])
                        self._unsaved.clear()
        self._write()

    def _of(self, subject: str) -> Iterable[Alert]:
        return (each for each in self._rows.values() if each.subject == subject)

    def _read(self) -> None:
        with suppress(OSError, ValueError, KeyError, TypeError):
            found = json.loads(self._file.read_text("utf-8"))
            if found["warehouse"] == self._warehouse.label:
                for row, is_saved in found["alerts"]:
                    alert = Alert(**{**row, **{name: _moment(row[name]) for name in ("since", "told_at")}})
                    self._rows[alert.subject, alert.since] = alert
                    if not is_saved:
                        self._unsaved.add((alert.subject, alert.since))
        with suppress(Exception):
            if self._warehouse.is_there:
                with patient(self._warehouse.ledger(), PATIENCE) as connection:
                    if alerts.are_there(connection):
                        known = {(each.subject, each.since): each for each in alerts.latest(connection)}
                        # What the file alone has waits to be saved, or is of a warehouse that has forgotten it.
                        self._rows = known | {key: self._rows[key] for key in self._unsaved}

    def _write(self) -> None:
        subjects = self.subjects
        keep = [each for name in subjects for each in (self.now(name), self.told(name)) if each is not None]
        keys = {(each.subject, each.since) for each in keep} | self._unsaved
        rows = [[asdict(self._rows[key]), key not in self._unsaved] for key in sorted(keys)]
        with suppress(OSError), private.new_files():
            private.folder(self._file.parent)
            new = self._file.with_suffix(".new")
            new.write_text(
                json.dumps({"warehouse": self._warehouse.label, "alerts": rows}, default=datetime.isoformat)
            )
            new.replace(self._file)


def _moment(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
