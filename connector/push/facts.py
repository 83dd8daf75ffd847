"""What the result of each stage tells the row of its run in ``leadloop.runs``: exit code, why, windows, rows, calls.

``rows``: rows read, or leads of the plan. ``windows``: what was covered. Never a value of a lead.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from connector.errors import LeadloopError
from connector.push.plan import Plan
from connector.push.summary import Summary
from connector.texts import count


def of_extraction(done: Any) -> dict[str, Any]:
    """Of an ``extract.load.Extracted``."""
    return {"windows": _stretch(done.window), "rows": done.rows, "calls": done.calls}


def of_comparison(found: Any) -> dict[str, Any]:
    """Of an ``extract.reconcile.Reconciled``."""
    faults = len(found.faults)
    return {
        "exit_code": found.exit_code,
        "why": f"{count(faults, 'lead')} differ" if faults else None,
        "windows": _stretch(found.window),
        "rows": found.crm,
    }


def of_build(_done: object) -> dict[str, Any]:
    """Of a ``models.BuildResult``: dbt's own results are in ``leadloop.dbt_results``."""
    return {}


def of_plan(made: Plan) -> dict[str, Any]:
    """Of a plan that was shown: the command ends with the code of what stops it."""
    problem = made.problem()
    facts = {"crm": made.crm, "rows": len(made.leads)}
    return {**facts, "exit_code": problem.exit_code, "why": str(problem)} if problem else facts


def of_push(done: Any) -> dict[str, Any]:
    """Of a ``loop.Pushed``, or ``None`` where somebody said no."""
    if done is None:
        return {"why": "Nobody agreed to the plan, and nothing was sent."}
    summary: Summary = done.summary
    return {
        "exit_code": summary.exit_code,
        "why": summary.stopped or (became(summary) if summary.exit_code else None),
        "rows": summary.leads,
        "calls": summary.calls,
        "push_run_id": summary.run_id,
    }


def became(summary: Summary) -> str:
    """``998 of 1,000 leads applied, 2 rejected``; only of a summary that has leads."""
    (state, number), *others = summary.by_state.items()
    told = [f"{number:,} of {count(summary.leads, 'lead')} {state}"]
    return ", ".join([*told, *(f"{number:,} {state}" for state, number in others)])


def of_compaction(done: Any) -> dict[str, Any]:
    """Of a ``compaction.Compaction``."""
    return {"rows": done.moved}


def of_move(done: Any) -> dict[str, Any]:
    """Of a ``loop.Moved``: rows of all tables that were carried."""
    return {"rows": done.rows}


def of_decision(_found: object) -> dict[str, Any]:
    """Of the conflicts that were listed or decided."""
    return {}


def of_run(ran: Any) -> dict[str, Any]:
    """Of a ``loop.Ran``: of all its stages together, which have rows of their own."""
    read, pushed = ran.extracted, [each.summary for each in ran.pushed.values()]
    failed: Mapping[str, LeadloopError] = ran.failed
    why = [f"{name}: {error}" for name, error in failed.items()]
    why += [
        f"{each.push}: {each.stopped or 'some leads did not arrive'}" for each in pushed if each.exit_code
    ]
    return {
        "exit_code": ran.exit_code,
        "why": "; ".join(why) or None,
        "windows": _joined(
            f"{name} {window}" for name, each in read.items() if (window := _stretch(each.window))
        ),
        "rows": sum(each.rows for each in read.values()),
        "calls": sum(each.calls for each in [*read.values(), *pushed]),
    }


def _stretch(window: Any) -> str | None:
    return f"{window.start:%F %T}..{window.end:%F %T}" if window is not None and window.start else None


def _joined(parts: Iterable[str]) -> str | None:
    return ", ".join(parts) or None
