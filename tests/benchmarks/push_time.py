"""How long a push takes under each CRM's limits: counts its calls in the sandbox at two sizes, and reckons on from there.

    python -m tests.benchmarks.push_time

The calls are real, and there is no waiting: what a call costs is told by the settings that leadloop has for the CRM unless somebody sets
others. The table is in docs/scale.md.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from connector import config, loop
from connector import crm as crms
from connector.warehouse.connection import Warehouse
from tests.properties.four_crms import FourCrms
from tests.properties.quick_loop import CRMS

SMALL, LARGE = 100, 300
"""Leads of the two pushes. More than one call's worth, where a CRM takes many leads with a call."""
SIZES = (1_000, 10_000, 100_000, 1_000_000)
PER_HOUR = {"pollybot": 1_000}
"""Calls an hour for a key (docs/pollybot.md): its rate is for a short push."""


class Large(FourCrms):
    leads: ClassVar[int] = LARGE + 20
    place: ClassVar[str] = "made_of_four_large"


@dataclass(frozen=True)
class Calls:
    """Those of a push, or of one lead in a long push."""

    all: float
    bulk: float
    """Of them, the ones of the lane for many leads at once."""


def count(four: FourCrms, name: str, leads: int) -> Calls:
    """Pushes so many leads to a CRM of which all is known and in which nobody edits."""
    crm = four.begin_with(name)
    loop.extract(four.warehouse, name)
    for number, lead in enumerate(crm.ids()[:leads]):
        value = crm.value(crm.fields[0], number + 1)
        four.write(
            "insert into inputs.wanted_of_four (lead_id, tier) values (:lead, :value)", lead=lead, value=value
        )
    loop.build(four.warehouse)
    before = len(crm.sandbox.calls)
    done = loop.push(four.warehouse, crm.push, first=True)
    assert done is not None
    assert done.summary.by_state == {"applied": leads}, done.summary.by_state
    made = list(crm.sandbox.calls)[before:]
    return Calls(len(made), sum("Bulk" in call.path for call in made))


def per_lead(four: FourCrms, name: str) -> Calls:
    small, large = count(four, name, SMALL), count(four, name, LARGE)
    more = LARGE - SMALL
    return Calls((large.all - small.all) / more, (large.bulk - small.bulk) / more)


def seconds(name: str, calls: Calls) -> float:
    """For one lead, at the CRM's pace as leadloop has it unless somebody sets another one."""
    settings = crms.vendor(name).settings()
    rate = PER_HOUR[name] / 3_600 if name in PER_HOUR else settings.rate
    bulk_rate = getattr(settings, "bulk_rate", 0)
    return max(calls.all / rate, calls.bulk / bulk_rate if bulk_rate else 0.0)


def told(time: float) -> str:
    for name, size in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if time >= 1.5 * size:
            return f"{time / size:,.0f} {name}"
    return f"{time:,.0f} s"


@contextmanager
def four_crms(patch: pytest.MonkeyPatch) -> Iterator[FourCrms]:
    with tempfile.TemporaryDirectory() as name, patch.context() as inner:
        inner.chdir(name)
        made = Large(Path(name), Warehouse.duckdb(Path(name) / "leads.duckdb"), inner)
        try:
            yield made
        finally:
            made.close()


def main() -> None:
    with pytest.MonkeyPatch.context() as patch, four_crms(patch) as four:
        calls = {name: per_lead(four, name) for name in CRMS}
        for name in [each for each in os.environ if each.endswith("RATE")]:
            patch.delenv(name)
        config.reload()
        each_takes = {name: seconds(name, each) for name, each in calls.items()}
    print("| CRM | calls per lead |" + "".join(f" {size:,} leads |" for size in SIZES))
    print("|---" * (2 + len(SIZES)) + "|")
    for name, each in calls.items():
        times = [told(size * each_takes[name]) for size in SIZES]
        print(f"| {name} | {each.all:.3g} | {' | '.join(times)} |")


if __name__ == "__main__":
    main()
