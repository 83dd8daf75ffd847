"""The sandbox in a process of its own, told over its standard streams how slow to be, and asked how often it was called."""

import json
import sys
from types import TracebackType
from typing import Any, Self

from tests.benchmarks.measure import CLEAN, ROOT, module
from tests.child import Child

RATE = 1000
"""Calls a second that leadloop may make: more than any measurement needs."""


class Crm:
    """A book of so many leads behind Convoso's API; ends when left."""

    def __init__(self, leads: int, latency: float = 0.0) -> None:
        self._child = Child(module("crm", leads, latency), cwd=ROOT, env=CLEAN)
        self._told = self._child.answer()
        self.url: str = self._told["url"]

    def settings(self) -> dict[str, str]:
        """leadloop's, for the environment."""
        return {
            "CRM__CONVOSO__BASE_URL": self.url,
            "CRM__CONVOSO__AUTH_TOKEN": self._told["token"],
            "CRM__CONVOSO__TIMEZONE": self._told["timezone"],
            "CRM__CONVOSO__RATE": str(RATE),
            "CRM__CONVOSO__SETTLE": "0",
        }

    @property
    def token(self) -> str:
        return str(self._told["token"])

    def latency(self, seconds: float) -> None:
        """From now on every answer takes this much longer."""
        self._child.ask({"latency": seconds})

    def calls(self) -> int:
        """How many calls there were since it was last asked."""
        return int(self._child.ask({"calls": True})["calls"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.close()


def main() -> None:
    from connector.sandbox import Sandbox

    with Sandbox(leads=int(sys.argv[1]), latency=float(sys.argv[2])) as crm:
        answer({"url": f"{crm.base_url}/v1", "token": crm.token, "timezone": crm.timezone})
        for line in sys.stdin:
            request = json.loads(line)
            if "latency" in request:
                crm.faults.clear()
                crm.faults.add("latency", request["latency"])
            calls = len(crm.calls)
            if "calls" in request:
                crm.calls.clear()
            answer({"calls": calls})


def answer(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
