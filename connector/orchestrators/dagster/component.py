"""The component: one entry in a ``defs.yaml`` makes the assets, checks and job of a leadloop project."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator

from connector.orchestrators.dagster import assets
from connector.orchestrators.dagster.resource import LeadloopResource
from connector.warehouse.engines import ENGINES


class LeadloopParams(dg.Model):
    """What `dg scaffold defs connector.orchestrators.dagster.LeadloopComponent` may be told."""

    folder: str = "."


class LeadloopScaffolder(dg.Scaffolder[LeadloopParams]):
    """Writes a ``defs.yaml`` for the leadloop project in ``folder``, relative to Dagster's project."""

    @classmethod
    def get_scaffold_params(cls) -> type[LeadloopParams]:
        return LeadloopParams

    def scaffold(self, request: dg.ScaffoldRequest[LeadloopParams]) -> None:
        """One attribute is enough; the others have defaults."""
        folder = request.params.folder if request.params else "."
        dg.scaffold_component(request, {"folder": "{{ project_root }}/" + folder, "max_age": "26h"})


@dg.scaffold_with(LeadloopScaffolder)
class LeadloopComponent(dg.Component, dg.Model, dg.Resolvable):
    """Raw leads of each CRM, the dbt models through dagster-dbt, and every push with its guardrails in front of it."""

    folder: Annotated[
        str, dg.Resolver.default(description="Where leadloop works: what `leadloop -C` would be given.")
    ]
    crms: Annotated[
        Sequence[str] | None,
        dg.Resolver.default(description="The CRMs to read. Default: those that the pushes send to."),
    ] = None
    pushes: Annotated[
        Sequence[str] | None,
        dg.Resolver.default(description="The pushes to send. Default: those of the dbt project."),
    ] = None
    environment: Annotated[
        Mapping[str, str] | None,
        dg.Resolver.default(description="Settings as variables, such as LEADLOOP_ENV."),
    ] = None
    first: Annotated[
        bool, dg.Resolver.default(description="Agree to the first time of each push, as `--first` does.")
    ] = False
    max_age: Annotated[
        str, dg.Resolver.default(description="Warn where a CRM was not read for so long, such as 26h.")
    ] = "26h"
    max_runtime: Annotated[
        int, dg.Resolver.default(description="Seconds after which Dagster ends the job.")
    ] = 10_800
    schedule: Annotated[
        str | None, dg.Resolver.default(description="When the job runs, as cron writes it.")
    ] = None
    backfill_from: Annotated[
        str | None,
        dg.Resolver.default(description="The first day that can be read again, such as 2026-01-01."),
    ] = None
    one_at_a_time: Annotated[
        bool | None,
        dg.Resolver.default(
            description="Run the job's steps one after the other. Default: with DuckDB, whose file one process holds."
        ),
    ] = None

    def build_defs(self, context: Any = None) -> dg.Definitions:
        """Everything that the project has."""
        folder = Path(self.folder).absolute()
        environment = dict(self.environment or {})
        project = assets.project_of(folder, environment)
        manifest = json.loads(project.manifest_path.read_text("utf-8"))
        pushes = self._pushes(manifest)
        crms = list(self.crms) if self.crms else sorted({crm for crm, _, _ in pushes})
        built = assets.models(project)
        made: list[Any] = [built, *map(assets.extraction, crms)]
        checks = [assets.staleness(crm, self.max_age) for crm in crms]
        for crm, push, node in pushes:
            model = DagsterDbtTranslator().get_asset_key(node)
            made.append(assets.sending(crm, push, model, first=self.first))
            checks.append(assets.guardrails(crm, push, model, first=self.first))
        chosen = dg.AssetSelection.assets(*made)
        if self.backfill_from is not None:
            made += [assets.backfill(crm, date.fromisoformat(self.backfill_from)) for crm in crms]
        engine = ENGINES.get(manifest["metadata"].get("adapter_type"))
        is_a_file = engine is not None and not engine.keeps_leases_alive
        alone = is_a_file if self.one_at_a_time is None else self.one_at_a_time
        job = dg.define_asset_job(
            "leadloop",
            chosen,
            tags={"dagster/max_runtime": str(self.max_runtime)},
            executor_def=dg.in_process_executor if alone else None,
        )
        schedules = [dg.ScheduleDefinition(job=job, cron_schedule=self.schedule)] if self.schedule else []
        return dg.Definitions(
            assets=made,
            asset_checks=checks,
            jobs=[job],
            schedules=schedules,
            resources={"leadloop": LeadloopResource(folder=str(folder), environment=environment)},
        )

    def _pushes(self, manifest: Mapping[str, Any]) -> list[tuple[str, str, Mapping[str, Any]]]:
        """(CRM, name, node) of each push that is wanted."""
        found = {
            node["name"]: (str(told["crm"]), node["name"], node)
            for node in manifest["nodes"].values()
            if (told := (node.get("config", {}).get("meta") or {}).get("leadloop_push"))
        }
        for name in self.pushes or ():
            if name not in found:
                raise ValueError(f"No push named {name!r}. Available: {', '.join(sorted(found))}")
        return [found[name] for name in (self.pushes or sorted(found))]
