"""A folder as ``leadloop init`` makes it, with a warehouse of made-up leads and one push of ten fields."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.crm import Crm
from tests.benchmarks.measure import CLEAN, LEADLOOP, ROOT, Done, module, process
from tests.benchmarks.sizes import FIELDS, SEED, SHARE

PUSH = "bench_to_convoso"
WANTED = "select * from inputs.wanted\n"
OPTIONS = (
    f"key = 'lead_id', fields = {{{', '.join(f'{name!r}: {name!r}' for name in FIELDS)}}}, "
    "max_share = none, max_unknown_share = none, max_changes = none"
)


@dataclass
class Place:
    """Where commands run. ``postgres`` is the URL of an empty database; without it the warehouse is ``leads.duckdb``."""

    folder: Path
    postgres: str | None = None
    server_cpu: Callable[[], float] = lambda: 0.0
    settings: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.postgres:
            self.settings = {
                "WAREHOUSE__DESTINATION": "postgres",
                "DESTINATION__POSTGRES__CREDENTIALS": self.postgres,
            }
        self.run("init", ".")
        models = self.folder / "dbt_models" / "models"
        shutil.rmtree(models)
        (models / "pushes").mkdir(parents=True)
        (models / "wanted.sql").write_text(WANTED, encoding="utf-8")
        call = f"leadloop.push(desired = ref('wanted'), crm = 'convoso', {OPTIONS})"
        (models / "pushes" / f"{PUSH}.sql").write_text("{{ " + call + " }}\n", encoding="utf-8")

    @property
    def url(self) -> str:
        return self.postgres or f"duckdb:///{self.folder / 'leads.duckdb'}"

    def run(self, *argv: str, env: Mapping[str, str] | None = None) -> Done:
        """A command of leadloop's, to its end."""
        return process(
            [*LEADLOOP, *argv],
            cwd=self.folder,
            env={**CLEAN, **self.settings, **(env or {})},
            elsewhere=self.server_cpu,
        )

    def bare(self, what: str) -> Done:
        return process(module("bare", what, self.folder), cwd=ROOT, env=CLEAN)

    def sql(self, what: str, number: int) -> int:
        """Changes the warehouse behind leadloop's back: see ``synthetic``."""
        done = process(module("synthetic", self.url, what, number), cwd=ROOT, env=CLEAN)
        return int(done.stdout) if done.stdout.strip().isdigit() else 0

    def empty(self) -> None:
        """As before the first extraction. What dbt has parsed stays: it is the same whatever the warehouse holds."""
        if self.postgres:
            self.sql("empty", 0)
        for path in self.folder.glob("*.duckdb*"):
            path.unlink()
        for name in ("pipelines", "runs"):
            shutil.rmtree(self.folder / ".leadloop" / name, ignore_errors=True)

    def new_warehouse(self, leads: int, share: int = SHARE) -> int:
        """Leads as an extraction leaves them, and one in ``share`` of them wanted otherwise; how many those are."""
        self.empty()
        with Crm(min(leads, SEED)) as crm:
            self.settings |= crm.settings()
            self.run("extract")
        self.sql("fill", leads)
        return self.sql("want", share)
