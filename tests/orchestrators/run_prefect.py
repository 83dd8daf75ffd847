"""Runs a flow of a file with the Prefect server of the environment and prints what came of it as JSON: for test_prefect.py.

It runs in Prefect's environment, where nothing is installed that leadloop needs. With ``resume`` it is also the person who looks at a run
that waits, and resumes it.
"""

import json
import sys
import threading
import time
from runpy import run_path
from typing import Any

from prefect import get_client
from prefect.client.schemas.filters import ArtifactFilter, FlowRunFilter, LogFilter

from connector.orchestrators.prefect import tasks

file, name, arguments, *resume = sys.argv[1:]
given = json.loads(arguments)
for each in (tasks.extract, tasks.build, tasks.plan, tasks.push):
    each.retry_delay_seconds = 2  # a minute is long for a test
waited: dict[str, Any] = {}


def of(run: Any, client: Any) -> dict[str, Any]:
    found = client.read_artifacts(artifact_filter=ArtifactFilter(flow_run_id={"any_": [run.id]}))
    return {each.key: each.data for each in found}


def person() -> None:
    with get_client(sync_client=True) as client:
        while not waited:
            time.sleep(0.5)
            for run in client.read_flow_runs():
                if run.state is not None and run.state.is_paused():
                    waited.update(of(run, client))
                    client.resume_flow_run(run.id)


if resume:
    threading.Thread(target=person, daemon=True).start()
state = run_path(file)[name](**given, return_state=True)
time.sleep(3)  # what was logged goes to the server every two seconds
with get_client(sync_client=True) as client:
    run = client.read_flow_run(state.state_details.flow_run_id)
    wanted = FlowRunFilter(id={"any_": [run.id]})
    runs = client.read_task_runs(flow_run_filter=wanted)
    logs = client.read_logs(log_filter=LogFilter(flow_run_id={"any_": [run.id]}))
    artifacts = of(run, client)
print(
    json.dumps(
        {
            "state": state.name,
            "tasks": {
                each.name.rpartition("-")[0]: {
                    "state": each.state_name,
                    "message": each.state and each.state.message,
                    "runs": each.run_count,
                }
                for each in runs
            },
            "artifacts": artifacts,
            "waited": waited,
            "value": repr(state.result(raise_on_failure=False)),
            "log": [each.message for each in logs],
        }
    )
)
