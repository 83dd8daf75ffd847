"""Assets and checks: what a CRM shows, the models, what is sent; guardrails between the last two."""

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DbtCliResource, DbtProject, dbt_assets

from connector.orchestrators.dagster.resource import LeadloopResource
from connector.orchestrators.shown import numbers, plan_markdown, plan_numbers, stops

GROUP = "leadloop"


def pool_of(crm: str) -> str:
    """One for all steps that call a CRM: its limit is set in Dagster, and leadloop's own pace holds besides."""
    return f"leadloop_{crm}"


def raw_key(crm: str) -> dg.AssetKey:
    """The key that dagster-dbt gives the dbt source of the raw table."""
    return dg.AssetKey([f"{crm}_raw", "lead_versions"])


def push_key(crm: str, push: str) -> dg.AssetKey:
    """What a push leaves in the CRM."""
    return dg.AssetKey([crm, push])


def extraction(crm: str) -> dg.AssetsDefinition:
    """Reads what was edited since the last run."""

    @dg.asset(
        key=raw_key(crm),
        group_name=GROUP,
        kinds={"leadloop"},
        pool=pool_of(crm),
        description=f"What {crm} shows.",
    )
    def read(context: dg.AssetExecutionContext, leadloop: LeadloopResource) -> dg.MaterializeResult:
        return _read(leadloop.run(context, "extract", "--crm", crm).document)

    return read


def backfill(crm: str, start: date) -> dg.AssetsDefinition:
    """Reads days again that are chosen as partitions; the cursor stays where it is."""
    days = dg.DailyPartitionsDefinition(start_date=start.isoformat(), end_offset=0)

    @dg.asset(
        key=dg.AssetKey([f"{crm}_raw", "lead_versions_backfill"]),
        group_name=GROUP,
        kinds={"leadloop"},
        pool=pool_of(crm),
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        description=f"Leads of {crm} that were edited on these days, read again.",
    )
    def read(context: dg.AssetExecutionContext, leadloop: LeadloopResource) -> dg.MaterializeResult:
        stretch = context.partition_time_window
        given = ("--start", stretch.start.isoformat(), "--end", stretch.end.isoformat())
        return _read(leadloop.run(context, "extract", "--crm", crm, *given).document)

    return read


def _read(document: Mapping[str, Any]) -> dg.MaterializeResult:
    found = numbers(document)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": found["rows"],
            "calls": found["calls"],
            "window": dg.MetadataValue.json(found["window"]),
        }
    )


def staleness(crm: str, max_age: str) -> dg.AssetChecksDefinition:
    """Warns where the CRM was not read whole for too long."""

    @dg.asset_check(
        asset=raw_key(crm), name="not_stale", description=f"{crm} was read whole within {max_age}."
    )
    def check(context: dg.AssetCheckExecutionContext, leadloop: LeadloopResource) -> dg.AssetCheckResult:
        found = leadloop.ask(context, "status", "--max-age", max_age).document or {"ages": []}
        ages = [each for each in found["ages"] if (each["kind"], each["name"]) == ("crm", crm)]
        return dg.AssetCheckResult(
            passed=bool(ages) and not ages[0]["stale"],
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"age_seconds": ages[0]["age_seconds"] or -1} if ages else {},
        )

    return check


def models(project: DbtProject) -> dg.AssetsDefinition:
    """The whole dbt project through dagster-dbt, with its tests as checks."""

    @dbt_assets(manifest=project.manifest_path, project=project)
    def build(context: dg.AssetExecutionContext) -> Iterator[Any]:
        dbt = DbtCliResource(project_dir=project)
        yield from dbt.cli(["build"], context=context, raise_on_error=True).stream()

    return build


def guardrails(crm: str, push: str, model: dg.AssetKey, *, first: bool) -> dg.AssetChecksDefinition:
    """Makes the plan; where it may not be sent, the check fails, and Dagster starts no push."""

    @dg.asset_check(
        asset=model,
        name=f"{push}_may_be_sent",
        blocking=True,
        pool=pool_of(crm),
        description="The plan and its guardrails.",
    )
    def check(context: dg.AssetCheckExecutionContext, leadloop: LeadloopResource) -> dg.AssetCheckResult:
        ended = leadloop.ask(context, "plan", push, "--mask")
        if ended.document is None:
            raise dg.Failure(ended.why, allow_retries=not ended.is_final)
        why = stops(ended.document, first=first)
        metadata: dict[str, Any] = {"plan": dg.MetadataValue.md(plan_markdown(ended.document))}
        return dg.AssetCheckResult(
            passed=why is None,
            severity=dg.AssetCheckSeverity.ERROR,
            metadata={**metadata, **plan_numbers(ended.document)},
            description=why,
        )

    return check


def sending(crm: str, push: str, model: dg.AssetKey, *, first: bool) -> dg.AssetsDefinition:
    """Sends the push; warns where the CRM rejected leads."""
    key = push_key(crm, push)

    @dg.asset(
        key=key,
        deps=[model],
        group_name=GROUP,
        kinds={"leadloop"},
        pool=pool_of(crm),
        check_specs=[dg.AssetCheckSpec("no_rejected_leads", asset=key)],
        description=f"What {push} sets in {crm}.",
    )
    def send(context: dg.AssetExecutionContext, leadloop: LeadloopResource) -> dg.MaterializeResult:
        planned = leadloop.ask(context, "plan", push, "--mask").document
        sent = leadloop.run(context, "push", push, "--yes", *(["--first"] if first else [])).document
        states = sent["leads_by_state"]
        rejected = states.get("rejected", 0)
        metadata: dict[str, Any] = numbers(sent)
        if planned is not None:
            metadata["plan"] = dg.MetadataValue.md(plan_markdown(planned))
        return dg.MaterializeResult(
            metadata=metadata,
            check_results=[
                dg.AssetCheckResult(
                    passed=not rejected,
                    check_name="no_rejected_leads",
                    severity=dg.AssetCheckSeverity.WARN,
                    metadata={"rejected": rejected},
                )
            ],
        )

    return send


def project_of(folder: Path, environment: Mapping[str, str]) -> DbtProject:
    """The dbt project that leadloop uses in this folder, with its manifest made."""
    place = environment.get("DBT__PROJECT") or next(
        name for name in ("dbt_models", ".") if (folder / name / "dbt_project.yml").is_file()
    )
    project = DbtProject(project_dir=folder / place)
    project.prepare_if_dev()
    return project
