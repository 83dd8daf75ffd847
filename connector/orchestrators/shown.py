"""A plan and what became of it, as Markdown and numbers: what an orchestrator's page shows and keeps. It holds no value of a lead."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from connector.texts import count, in_markdown

TOTALS = ("leads", "fields", "clears", "inserts", "deletes", "conflicts", "rejected", "unresolved")
MARKS = {"passed": "✓ passed", "tripped": "✗ tripped", "off": "off"}
WHOLE_LEAD = "the whole lead"
OF_THESE = {"added": "inserts", "deleted": "deletes", "cleared": "clears"}
LEFT_OUT = {
    "conflicts": "with a conflict that is left alone",
    "rejected": "with a value that the CRM refused before",
    "flapping": "with a value that the CRM keeps in another form, or accepted three times and never showed",
    "reverted": "with a value that was taken back and is held",
    "removed": "deleted, archived or merged in the CRM",
    "unresolved": "waiting for the answer to an earlier write",
    "unknown_leads": "that the CRM has never shown",
}


def plan_markdown(plan: Mapping[str, Any]) -> str:
    """Of the document of ``plan --json``: how many leads each field changes for, and how each guardrail stands."""
    totals = plan["totals"]
    leads = f"**{count(totals['leads'], 'lead')}**{_of_these(totals, 'added', 'deleted')}"
    fields = f"{count(totals['fields'], 'field')}{_of_these(totals, 'cleared')}"
    parts = [f"{leads}, {fields} to {in_markdown(plan['crm'])} by {in_markdown(plan['push'])}"]
    if plan["fields"]:
        rows = ((WHOLE_LEAD if name == "*" else name, f"{n:,}") for name, n in plan["fields"].items())
        parts.append(_table(("field", "leads"), rows))
    if plan["guardrails"]:
        limits = ((MARKS[each["status"]], each["name"], each["explanation"]) for each in plan["guardrails"])
        parts.append(_table(("status", "guardrail", "now"), limits))
    left = [f"- {count(totals[name], 'lead')} {why}" for name, why in LEFT_OUT.items() if totals[name]]
    if left:
        parts.append("\n".join(["Left out:", "", *left]))
    if plan["first_time"]:
        fields = in_markdown(", ".join(plan["first_time"]))
        parts.append(f"Nothing was ever sent to {fields} before.")
    return "\n\n".join(parts)


def plan_numbers(plan: Mapping[str, Any]) -> dict[str, int]:
    """Its totals."""
    return {name: plan["totals"][name] for name in TOTALS}


def numbers(document: Mapping[str, Any] | None) -> dict[str, Any]:
    """Of any command's document: what was read, built or sent, as counts and names. No id and no value of a lead is among them."""
    document = document or {"kind": None}
    match document["kind"]:
        case "extract":
            return {name: document[name] for name in ("rows", "calls", "window")}
        case "build":
            return {name: document[name] for name in ("models", "tests", "warnings", "seconds")}
        case "plan":
            return plan_numbers(document)
        case "push":
            return {"run_id": document["run_id"], "calls": document["calls"], **document["leads_by_state"]}
        case "approve":
            return {
                name: document[name] for name in ("id", "good_until", "leads", "fields", "leads_left_out")
            }
        case "run":
            parts = {
                "read": {name: {**each, "kind": "extract"} for name, each in document["extracted"].items()},
                "sent": {name: {**each, "kind": "push"} for name, each in document["pushed"].items()},
            }
            found = {part: {name: numbers(each) for name, each in of.items()} for part, of in parts.items()}
            return {**found, "failed": {name: each["error"] for name, each in document["failed"].items()}}
        case _:
            return {name: each for name, each in document.items() if isinstance(each, (bool, int, float))}


def stops(plan: Mapping[str, Any], *, first: bool, approved: bool = False) -> str | None:
    """Why a push of this plan would send nothing, in words without a lead; ``None`` where it would go on. ``first``: as the option;
    ``approved``: whether a person will have approved it."""
    if plan["problem"] is not None:
        tripped = [each["explanation"] for each in plan["guardrails"] if each["tripped"]]
        return (
            f"{plan['problem']['error']}: {'; '.join(tripped)}" if tripped else str(plan["problem"]["error"])
        )
    if plan["needs_approval"] and plan["totals"]["leads"] and not approved:
        return "a person has to approve this plan"
    if plan["first_time"] and not first:
        return f"nothing was ever sent to {', '.join(plan['first_time'])}, and nobody has agreed to it"
    return None


def _of_these(totals: Mapping[str, int], *what: str) -> str:
    told = [f"{totals[OF_THESE[each]]:,} to be {each}" for each in what if totals[OF_THESE[each]]]
    return f" ({', '.join(told)})" if told else ""


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    told = [[in_markdown(cell) for cell in row] for row in (heads, *rows)]
    told.insert(1, ["---"] * len(heads))
    return "\n".join(f"| {' | '.join(line)} |" for line in told)
