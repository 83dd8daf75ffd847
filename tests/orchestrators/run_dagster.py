"""Loads the Dagster project in this folder, runs a job or an asset, and prints what came of it as JSON: for test_dagster.py."""

import json
import sys

import dagster as dg
from orchestration.definitions import defs  # type: ignore[import-not-found]  # the scaffolded project's

name, *partition = sys.argv[1:]
loaded = defs()
instance = dg.DagsterInstance.ephemeral()
if partition:
    key = dg.AssetKey(name.split("/"))
    asset = next(each for each in loaded.assets if isinstance(each, dg.AssetsDefinition) and key in each.keys)
    result = dg.materialize(
        [asset],
        instance=instance,
        resources=loaded.resources,
        tags={
            "dagster/asset_partition_range_start": partition[0],
            "dagster/asset_partition_range_end": partition[1],
        },
        raise_on_error=False,
    )
else:
    result = loaded.resolve_job_def(name).execute_in_process(instance=instance, raise_on_error=False)


def plain(metadata: object) -> object:
    return {key: getattr(value, "value", None) for key, value in dict(metadata).items()}  # type: ignore[call-overload]


checks = {
    each.check_name: {
        "passed": each.passed,
        "blocking": each.blocking,
        "severity": each.severity.value,
        "metadata": plain(each.metadata),
        "description": each.description,
    }
    for each in result.get_asset_check_evaluations()
}
made = {
    "/".join(each.asset_key.path): plain(each.step_materialization_data.materialization.metadata)
    for each in result.all_events
    if each.is_step_materialization
}
print(json.dumps({"success": result.success, "checks": checks, "made": made}, default=str))
