"""The whole loop as a flow, one task per step."""

from typing import Any

from prefect import flow

from connector.orchestrators.prefect import tasks
from connector.orchestrators.prefect.project import LeadloopProject


@flow(name="leadloop")
def loop(project: str, crms: list[str], pushes: list[str], first: bool = False) -> list[Any]:
    """Reads the CRMs, builds, then shows the plan of each push and sends it. A push that is stopped doesn't keep the next from being sent.

    ``project``: the name of a saved block. ``first``: agree to the first time of each push, as ``--first`` does.
    """
    block = LeadloopProject.load(project)
    for crm in crms:
        tasks.extract(block, crm)
    tasks.build(block)
    states = []
    for name in pushes:
        planned = tasks.plan(block, name, first=first, return_state=True)
        sent = planned if planned.is_failed() else tasks.push(block, name, first=first, return_state=True)
        states.append(sent)
    return states
