"""The sandbox in a process of its own, told over its standard streams how slow to be, and asked how often it was called."""

import json
import subprocess
import sys
from types import TracebackType
from typing import Any, Self

from tests.benchmarks.measure import CLEAN, ROOT, module

RATE = 1000
"""Calls a second that leadloop may make: more than any measurement needs."""


class Crm:
    """A book of so many leads behind Convoso's API; ends when left."""

    def __init__(self, leads: int, latency: float = 0.0) -> None:
        self._process = subprocess.Popen(
            module("crm", leads, latency),
            cwd=ROOT,
            env=CLEAN,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._told = self._answer()
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
        self._ask({"latency": seconds})

    def calls(self) -> int:
        """How many calls there were since it was last asked."""
        return int(self._ask({"calls": True})["calls"])

    def _ask(self, request: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)


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
