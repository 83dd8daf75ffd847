"""Run after run against a CRM in which one call in five goes wrong, while people edit and a second run tries to get in.

    python tests/campaigns/soak.py --minutes 10

Every fault of the sandbox is on, mixed. A run may end with leads that are deferred, may fail, and may be refused because the
other one is at work; it has to end, though, and without a trace of Python. At the end the faults are switched off, and
after two more runs everything is compared.
"""

import argparse
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from connector.sandbox import Sandbox
from connector.sandbox.faults import KINDS
from tests.acceptance.conftest import PLACE, Launcher, Running
from tests.campaigns.world import Table, World, drawn

LEADS = 100
SHARE = 0.2
"""Of all calls, those that something is wrong with."""
VALUES = {"latency": 0.3, "hang": 1.5, "hang_after_write": 1.5}
"""Seconds; the timeout is one, so that a hanging call is given up and a slow one is not."""
LONGEST = 300.0
"""Seconds in which a run has to end."""
ENDINGS = frozenset({0, 1, 3, 4, 5})


@dataclass
class Found:
    """What came of it: the tables, how runs ended, and which faults struck."""

    tables: dict[str, Table] = field(default_factory=lambda: {"under fire": Table(), "afterwards": Table()})
    endings: Counter[int] = field(default_factory=Counter)
    seconds: Counter[int] = field(default_factory=Counter)
    """Exit codes of the second runs."""
    faults: Counter[str] = field(default_factory=Counter)
    edits: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    """What runs said that failed, without numbers."""
    wrong: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return sum(self.tables.values(), Table()).clean and not self.wrong

    def text(self) -> str:
        ended = ", ".join(f"{count} with {code}" for code, count in sorted(self.endings.items()))
        seconds = ", ".join(f"{count} with {code}" for code, count in sorted(self.seconds.items()))
        struck = ", ".join(f"{kind} {count}" for kind, count in self.faults.most_common())
        return "\n".join(
            [
                drawn(self.tables, "when"),
                "",
                f"Runs ended: {ended}. Second runs at the same time: {seconds}.",
                f"{self.edits} edits meanwhile. Faults: {struck}.",
                *(f"{count} failed with: {reason}" for reason, count in self.reasons.most_common(5)),
                *self.wrong,
            ]
        )


def spoil(crm: Sandbox) -> None:
    """Switches every fault on, and some of them in the forms that matter."""
    kinds: list[tuple[str, float | None, str | None]]
    kinds = [(kind, VALUES.get(kind), None) for kind in KINDS if kind not in ("status",)]
    kinds += [("status", 500.0, None), ("status", 502.0, None), ("status", 503.0, "1")]
    kinds += [("status", 429.0, again) for again in (None, "1", "soon")]
    for kind, value, again in kinds:
        crm.faults.add(kind, value, probability=SHARE / len(kinds), retry_after=again)
    # Each one is waited for as long as a CRM may ask for, a minute.
    crm.faults.add("status", 429, probability=0.01, retry_after="absurd", count=2)


def ended(running: Running, found: Found) -> int:
    """Waits for a run; how it ended, which has to be in good order."""
    done = running.wait()
    if done.code not in ENDINGS or "Traceback" in done.stderr:
        found.wrong.append(f"a run ended with {done.code}: {done.stderr}")
    if done.code == 1:
        found.reasons[re.sub(r"\d[\d:. -]*", "N ", done.message)] += 1
    return done.code


def campaign(seconds: float, seed: int, folder: Path, launcher: Launcher) -> Found:
    """Runs for so many seconds, and then until everything is at rest."""
    found = Found()
    fire, after = found.tables.values()
    with Sandbox(leads=LEADS, seed=seed, latency=0.005) as crm:
        world = World(folder, launcher, crm, seed)
        world.place.env |= {"CRM__CONVOSO__TIMEOUT": "1", "CRM__CONVOSO__CONCURRENCY": "4"}
        world.want(1.0)
        world.come_to_rest(after)
        spoil(crm)
        # What a lead of which no answer came is looked for by; docs/guarantees.md says so.
        crm.editor.leave_alone = frozenset({"phone_number"})
        crm.edits_per_second = 5
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            world.want(0.5)
            world.work(3)
            began = time.monotonic()
            first = world.place.start("run", "--yes", "--first")
            time.sleep(world.random.uniform(0.2, 2))
            second = world.place.start("run", "--yes", "--first")
            found.seconds[ended(second, found)] += 1
            found.endings[ended(first, found)] += 1
            if time.monotonic() - began > LONGEST:
                found.wrong.append(f"a run took {time.monotonic() - began:.0f} s")
            fire.runs += 2
            world.count(fire)
        crm.edits_per_second = 0
        found.faults.update(call.fault for call in crm.calls if call.fault)
        found.edits = crm.editor.edits
        crm.faults.clear()
        found.wrong += world.come_to_rest(after)
    return found


def main(say: Callable[[str], None] = print) -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--minutes", type=float, default=10)
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="leadloop-soak-") as name:
        launcher = Launcher(Path(name))
        try:
            found = campaign(given.minutes * 60, given.seed, Path(name) / "own" / PLACE, launcher)
        finally:
            launcher.close()
    say(found.text())
    sys.exit(not found.clean)


if __name__ == "__main__":
    main()
