"""Kills ``leadloop run`` with SIGKILL, again and again, and counts what is lost by it.

    python tests/campaigns/kill.py --kills 200

Each run is killed in a stage drawn beforehand: at a random time after it began or, where it sends, after a random number
of writes. In between, people edit leads and the warehouse changes its mind; every fourth run begins on a machine that has
nothing but the warehouse. After every few kills, runs go through undisturbed, and everything is compared.
"""

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from connector.sandbox import Sandbox
from tests.acceptance.conftest import PLACE, Launcher, Running
from tests.campaigns.world import Table, World, drawn, ended

STAGES = ("start", "extract", "build", "plan", "push")
"""``plan`` is what a push does before its first call: looking up what is open, and making the plan."""
LEADS = 60
PAUSE = 0.002


class Watched:
    """A run under way: which stage it is in, by what it says and by the calls that the CRM gets."""

    def __init__(self, world: World) -> None:
        self.began = time.monotonic()
        self.before = self.written(world.crm)
        self.world = world
        self.running: Running = world.place.start("run", "--yes", "--first")

    @property
    def sent(self) -> int:
        return self.written(self.world.crm) - self.before

    @staticmethod
    def written(crm: Sandbox) -> int:
        return crm.calls.count("update") + crm.calls.count("insert")

    @property
    def stage(self) -> str:
        if self.sent:
            return "push"
        said = self.running.stderr.read_text("utf-8") if self.running.stderr.exists() else ""
        last = next((line for line in reversed(said.splitlines()) if line.endswith("...")), "start")
        return {"push": "plan"}.get(word := last.split()[0], word)

    @property
    def ended(self) -> bool:
        return ended(self.running.pid)

    def until(self, reached: Callable[[], bool]) -> bool:
        """Waits for it; ``False`` where the run ended before."""
        while not reached():
            if self.ended:
                return False
            time.sleep(PAUSE)
        return True

    def kill(self) -> str | None:
        """Kills the run; the stage it was in, or ``None`` where it had ended."""
        stage = self.stage
        os.kill(self.running.pid, signal.SIGKILL)
        return stage if self.running.wait().code == -signal.SIGKILL else None


def durations(world: World) -> dict[str, float]:
    """How long each stage of an undisturbed run takes, in seconds."""
    watched = Watched(world)
    marks = {"start": watched.began}
    while not watched.ended:
        marks.setdefault(watched.stage, time.monotonic())
        time.sleep(PAUSE)
    done = watched.running.wait()
    assert done.code == 0, done.stderr
    ends = [*list(marks.values())[1:], time.monotonic()]
    return {stage: end - begin for (stage, begin), end in zip(marks.items(), ends, strict=True)}


def strike(world: World, stage: str, long: dict[str, float]) -> str | None:
    """One run, killed in this stage; the stage it was really in, or ``None`` where it ended before."""
    watched = Watched(world)
    if stage == "push":
        number = world.random.randint(1, max(1, LEADS // 3))
        watched.until(lambda: watched.sent >= number)
    elif watched.until(lambda: watched.stage == stage):
        at = time.monotonic() + world.random.uniform(0, 0.8 * long.get(stage, 0.5))
        watched.until(lambda: time.monotonic() >= at)
    return watched.kill()


def campaign(
    kills: int,
    seed: int,
    folder: Path,
    launcher: Launcher,
    *,
    every: int = 8,
    say: Callable[[str], None] = print,
) -> dict[str, Table]:
    """So many kills; what was found, by the stage of the kills before it."""
    tables = {stage: Table() for stage in STAGES}
    quiet = Table()
    with Sandbox(leads=LEADS, seed=seed, latency=0.01) as crm:
        world = World(folder, launcher, crm, seed)
        world.want(1.0)
        world.run(quiet)
        world.want(1.0)
        long = durations(world)
        world.sent = set(world.wanted)
        quiet.runs += 1
        world.count(quiet)
        done = 0
        while done < kills:
            world.want(0.6)
            world.work(3)
            if world.random.random() < 0.25:
                world.forget()
            stage = strike(world, STAGES[done % len(STAGES)], long)
            table = tables[stage] if stage else quiet
            table.runs += 1
            table.kills += stage is not None
            world.count(table)
            done += stage is not None
            if done % every == 0 or done == kills:
                for wrong in world.come_to_rest(quiet):
                    say(f"after {done} kills: {wrong}")
                if done < kills:
                    world.decide("ours" if done // every % 2 else "theirs")
    return {**tables, "undisturbed": quiet}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--kills", type=int, default=200)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--add-to", type=Path, help="a file in which results of several calls are added up")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="leadloop-kill-") as name:
        launcher = Launcher(Path(name))
        try:
            found = campaign(given.kills, given.seed, Path(name) / "own" / PLACE, launcher)
        finally:
            launcher.close()
    if given.add_to:
        before = json.loads(given.add_to.read_text()) if given.add_to.exists() else {}
        found = {stage: table + Table(**before.get(stage, {})) for stage, table in found.items()}
        given.add_to.write_text(json.dumps({stage: asdict(table) for stage, table in found.items()}))
    print(drawn(found, "killed in"))
    sys.exit(not sum(found.values(), Table()).clean)


if __name__ == "__main__":
    main()
