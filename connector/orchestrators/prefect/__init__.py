"""leadloop in Prefect: a block, tasks, and a flow of them that shows each plan as an artifact. Needs ``leadloop[prefect]``."""

from connector.orchestrators.prefect.flow import loop
from connector.orchestrators.prefect.project import (
    HeldError,
    LeadloopFailedError,
    LeadloopProject,
    NeedsAPersonError,
)
from connector.orchestrators.prefect.tasks import approve, build, extract, plan, push, run, undo

__all__ = [
    "HeldError",
    "LeadloopFailedError",
    "LeadloopProject",
    "NeedsAPersonError",
    "approve",
    "build",
    "extract",
    "loop",
    "plan",
    "push",
    "run",
    "undo",
]
