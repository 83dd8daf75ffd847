"""Whether a person agrees to what is about to be sent."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import typer

from connector import logs
from connector.cli.output import err

if TYPE_CHECKING:
    from connector.push import Plan


def in_a_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def asking(
    yes: bool, listener: Any, *, first: bool, mask: bool, quiet: bool
) -> "Callable[[Plan], bool | None]":
    """Shows the plan and asks in a terminal. Elsewhere there is nobody to ask, the guardrails decide, and values are masked:
    what is written there ends up in a log, and one of JSON lines has no plans in it. Says ``None`` where nobody was asked. ``yes`` is no answer for a first time, only ``first`` is."""

    def agree(made: "Plan") -> bool | None:
        from connector.push.approvals import first_time
        from connector.render.plan import plan_text

        listener.pause()
        if in_a_terminal() and not quiet:
            err.show(plan_text(made, mask=mask))
        elif not quiet and not logs.is_json():
            err.print(plan_text(made, mask=mask or not err.is_terminal))
        asks = made.first_time and not first
        if (yes and not asks) or not in_a_terminal():
            return None
        question = f"Send this to {made.crm}?"
        if typer.confirm(f"{first_time(made)}. {question}" if asks else question, err=True):
            return True
        err.print("Nothing was sent.")
        return False

    return agree
