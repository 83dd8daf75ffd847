"""Run by test_killing.py as a process of its own: one push against a CRM that is a slow file, to be killed at any time.

Arguments: the warehouse's URL, the CRM's log, seconds per call, the mode. Every call is one line of the log, written before the
answer, as a CRM carries out a request before it answers it.
"""

import json
import os
import sys
import time
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from connector.crm.base import Capabilities, OneByOne, Outcome, Page
from connector.push import Journal, deliver, make_plan, recover


class FileCrm(OneByOne):
    """A CRM whose memory is a log that survives whoever writes to it."""

    capabilities = Capabilities("convoso", frozenset({"update", "insert"}), 2000, 1000.0)
    zone = ZoneInfo("UTC")

    def __init__(self, path: str, seconds: float) -> None:
        self._path, self._seconds = path, seconds
        self._log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def update(self, lead_id: str, fields: Mapping[str, str | None]) -> Outcome:
        time.sleep(self._seconds / 2)
        os.write(self._log, json.dumps([lead_id, dict(fields)]).encode() + b"\n")
        time.sleep(self._seconds / 2)
        return Outcome("applied")

    def insert(self, fields: Mapping[str, str | None], options: Mapping[str, str]) -> Outcome:
        """The log knows each new lead by its status, which is another one for each."""
        self.update(str(fields["status"]), fields)
        return Outcome("applied", lead_id=f"CRM {fields['status']}")

    def find(
        self, fields: Mapping[str, str | None], options: Mapping[str, str], sent_at: datetime | None = None
    ) -> list[str]:
        with open(self._path, encoding="utf-8") as log:
            return [f"CRM {called}" for called, _ in map(json.loads, log) if called == fields["status"]]

    def get(self, lead_id: str) -> Page:
        shown: dict[str, str | None] = {"lead_score": None, "status": None}
        with open(self._path, encoding="utf-8") as log:
            for line in log:
                called, fields = json.loads(line)
                if called == lead_id:
                    shown.update(fields)
        return Page([{"id": lead_id, **shown}], 1, datetime.now(UTC))

    def lead_id(self, row: Mapping[str, Any]) -> str:
        return str(row["id"])

    def modified_at(self, row: Mapping[str, Any]) -> str | None:
        return row.get("modified_at")

    def check(self, fields: Collection[str]) -> None: ...

    def close(self) -> None: ...


PUSH = SimpleNamespace(
    name="scores", schema="analytics", identifier="scores", crm="convoso", mode="update", on_conflict="crm_wins",
    max_changes=None, max_share=None, max_unknown_share=None, max_clears=None, max_inserts=None, max_deletes=None, max_found=None,
    fields={}, options={}, equal={}, policies={}, approval="none", approve_above=None,
)  # fmt: skip


def main(url: str, log: str, seconds: str, mode: str) -> None:
    engine = sa.create_engine(url, poolclass=NullPool)
    crm, journal = FileCrm(log, float(seconds)), Journal(engine)
    journal.ensure()
    PUSH.mode = mode
    recover(PUSH.name, journal, crm, crm)
    plan = make_plan(engine, PUSH)
    print(len(plan.leads), flush=True)
    summary = deliver(plan, crm, journal)
    print(summary.by_state, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
