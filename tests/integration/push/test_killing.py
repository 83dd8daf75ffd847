"""A push is killed with SIGKILL at random points: the next one carries on, and no lead is forgotten."""

import json
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

SCRIPT = Path(__file__).with_name("pushing.py")
LEADS = 500

# The diff, as far as this test needs it: what is wanted and was not last applied, or shown.
VIEW = """
create view analytics.scores as
with base as (
    select lead_id, field, value, row_number() over (
        partition by lead_id, field order by recorded_at desc, seq desc
    ) as newest
    from leadloop.push_journal
    where push = 'scores' and state in ('applied', 'confirmed')
)
select
    'convoso' as crm, wanted.lead_id, wanted.field, wanted.field as column_name, base.value as current_value,
    wanted.value as desired_value, base.value as base_value, 'change' as verdict
from analytics.wanted
left join base on base.lead_id = wanted.lead_id and base.field = wanted.field and base.newest = 1
where base.value is distinct from wanted.value
"""

# The same for leads that are to be added: once accepted, never again.
ADDED = """
create view analytics.scores as
select
    'convoso' as crm, wanted.lead_id, wanted.field, wanted.field as column_name, cast(null as text) as current_value,
    wanted.value as desired_value, cast(null as text) as base_value, 'insert' as verdict
from analytics.wanted
where wanted.lead_id not in (
    select lead_id from leadloop.push_journal where push = 'scores' and state in ('applied', 'confirmed')
)
"""


@pytest.fixture(params=["update", "insert"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def url(world: Any, mode: str) -> str:
    """A warehouse with 500 leads that want two fields each."""
    wanted = (
        "insert into analytics.wanted select 'L' || cast(n as text), field, 'v' || cast(n as text) "
        f"from generate_series(1, {LEADS}) as g(n), (values ('lead_score'), ('status')) as f(field)"
    )
    statements = [
        "drop table analytics.scores",
        "create table analytics.wanted (lead_id text, field text, value text)",
        wanted,
        VIEW if mode == "update" else ADDED,
    ]
    with world.engine.begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))
    world.let_go()
    return str(world.engine.url.render_as_string(hide_password=False))


def start(url: str, log: Path, seconds: float, mode: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), url, str(log), str(seconds), mode], stdout=subprocess.PIPE, text=True
    )


def calls(log: Path) -> Counter[str]:
    if not log.exists():
        return Counter()
    return Counter(json.loads(line)[0] for line in log.read_text().splitlines())


def lines(log: Path) -> int:
    return log.read_bytes().count(b"\n") if log.exists() else 0


@pytest.mark.long
def test_killed_at_random_points_no_lead_is_forgotten(
    world: Any, url: str, mode: str, tmp_path: Path
) -> None:
    """Four kills in the middle of a push; then every lead shows its values, or is there once, none is open, and no call
    was repeated: what was sent and not recorded is read or looked for, not sent again."""
    log, chance = tmp_path / "crm.log", random.Random(4)
    after = [0, *(chance.randint(1, 150) for _ in range(3))]
    for number in after:
        done = calls(log)
        process = start(url, log, 0.004, mode)
        assert process.stdout is not None
        assert int(process.stdout.readline()) <= LEADS - len(done)
        while process.poll() is None and lines(log) < done.total() + number:
            time.sleep(0.001)
        process.kill()
        assert process.wait(30) == -9
    last = start(url, log, 0.0, mode)
    out, _ = last.communicate(timeout=60)
    assert last.returncode == 0
    assert "applied" in out
    made = calls(log)
    assert len(made) == LEADS
    assert set(made.values()) == {1}
    assert "unknown" in {row.state for row in world.journalled()}
    assert world.journal.open_leads("scores") == []
    if mode == "insert":
        known = {row.lead_id: row.crm_lead_id for row in world.journalled() if row.state == "applied"}
        assert known == {f"L{number}": f"CRM v{number}" for number in range(1, LEADS + 1)}
    again, _ = start(url, log, 0.0, mode).communicate(timeout=60)
    assert again.splitlines() == ["0", "{}"]
    assert calls(log) == made
