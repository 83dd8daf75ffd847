"""A plan as one HTML page to send around; its template is ``plan.html``."""

from functools import cache
from importlib.resources import files

import jinja2

from connector.push import approved
from connector.push.approvals import first_time
from connector.push.plan import Plan
from connector.render.plan import changes_of, conflict_title, field_rows, headline, left_out, tiles, wanted
from connector.texts import count

PAGE_LEADS = 2_000
"""Leads a page shows at most; a browser gets slow with more, and a person doesn't read them."""


def plan_page(plan: Plan, *, mask: bool = False, most: int = PAGE_LEADS) -> str:
    """The plan as a page that needs nothing else: no script, no address, every value escaped."""
    return _template().render(
        plan=plan,
        headline=headline(plan),
        problem=plan.problem(),
        tiles=tiles(plan),
        fields=field_rows(plan, mask=mask) if plan.mode != "delete" else [],
        leads=[changes_of(plan, lead, mask) for lead in plan.leads[:most]],
        more=max(0, len(plan.leads) - most),
        conflicts=[changes_of(plan, lead, mask) for lead in plan.conflicts[:most]],
        conflict_title=conflict_title(plan),
        rejected=[changes_of(plan, lead, mask) for lead in plan.rejected[:most]],
        notes=[*left_out(plan), *filter(None, [first_time(plan), approved.told(plan)])],
        wanted=wanted(plan),
        mask=mask,
    )


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["count"] = count
    environment.filters["thousands"] = "{:,}".format
    return environment.from_string(files(__package__).joinpath("plan.html").read_text("utf-8"))
