"""One call of a push: what a CRM is told, and what came of it."""

from collections.abc import Sequence

from connector.crm.base import LeadWriter, Outcome
from connector.errors import LeadloopError
from connector.push.changes import LeadPlan
from connector.push.plan import Plan


def call(writer: LeadWriter, plan: Plan, leads: Sequence[LeadPlan]) -> Sequence[Outcome]:
    """One write. A writer doesn't raise for what a CRM can answer; should one raise all the same, no other call suffers."""
    try:
        outcomes = _written(writer, plan, leads)
        if len(outcomes) == len(leads):
            return outcomes
        failed = Outcome("unknown", reason="the answer does not say what came of each lead")
    except LeadloopError as error:
        failed = Outcome.of(error)
    except Exception as error:
        # Nobody knows whether the request had left, and the error's own words might quote the lead.
        failed = Outcome("unknown", reason=f"the call failed on this side with {type(error).__name__}")
    return [failed] * len(leads)


def _written(writer: LeadWriter, plan: Plan, leads: Sequence[LeadPlan]) -> Sequence[Outcome]:
    if len(leads) > 1:
        return writer.update_many([(_known_as(lead), lead.values()) for lead in leads])
    lead = leads[0]
    match plan.mode:
        case "insert":
            return [writer.insert(lead.values(), plan.options)]
        case "upsert":
            return [writer.upsert(lead.crm_lead_id, lead.values(), plan.options)]
        case "delete":
            return [writer.delete(_known_as(lead))]
    return [writer.update(_known_as(lead), lead.values())]


def _known_as(lead: LeadPlan) -> str:
    """The CRM's id of a lead that it has: an undo of a push that adds leads names them by the push's own ids."""
    return lead.crm_lead_id or lead.lead_id
