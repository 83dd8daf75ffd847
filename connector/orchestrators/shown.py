"""A plan and what became of it, as Markdown and numbers: what an orchestrator's page shows and keeps. It holds no value of a lead."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

TOTALS = ("leads", "fields", "clears", "inserts", "deletes", "conflicts", "rejected", "unresolved")
MARKS = {"passed": "✓", "tripped": "✗", "off": "off"}


def plan_markdown(plan: Mapping[str, Any]) -> str:
    """Of the document of ``plan --json``: how many leads each field changes for, and how each guardrail stands."""
    totals = plan["totals"]
    parts = [f"**{totals['leads']:,} leads**, {totals['fields']:,} fields to {plan['crm']}"]
    if plan["fields"]:
        parts.append(_table(("field", "leads"), ((name, f"{n:,}") for name, n in plan["fields"].items())))
    if plan["guardrails"]:
        rows = ((MARKS[each["status"]], each["name"], each["explanation"]) for each in plan["guardrails"])
        parts.append(_table(("", "guardrail", "now"), rows))
    left = [
        f"{totals[name]:,} {name}"
        for name in ("conflicts", "rejected", "flapping", "unresolved")
        if totals[name]
    ]
    if left:
        parts.append(f"Left out: {', '.join(left)}.")
    if plan["first_time"]:
        fields = ", ".join(plan["first_time"])
        parts.append(f"Nothing was ever sent to {fields}: a person has to agree first.")
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


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines)
