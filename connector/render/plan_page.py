"""A plan as one HTML file to send around: the page of `leadloop serve`, with its rows, its look and a small script inside."""

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from itertools import islice
from typing import Any

import jinja2
from markupsafe import Markup

from connector.push.frozen import Leads
from connector.push.plan import Plan
from connector.render.plan_view import PlanView, plan_view, shown_rows
from connector.texts import count
from connector.views.plan_rows import SORT_NAMES, Asked, PlanRows
from connector.views.settings import Masking

PAGE_LEADS = 50_000
"""Leads of each list that a page holds at most: 20,000 changes are two megabytes."""
FIRST = 100
"""Rows that are there without the script, too."""


def plan_page(
    plan: Plan,
    *,
    mask: bool = False,
    most: int = PAGE_LEADS,
    people: Iterable[Any] = (),
    masking: Masking | None = None,
) -> str:
    """The plan as a page that needs nothing else: no address, every value text; its own policy lets nothing but its own script run.

    ``people``: Arrow tables as ``views.people`` gives them. Without ``mask`` the values are those of the plan: whoever asked
    for the file decides who gets it.
    """
    masking = masking or Masking(show_values=True)
    rows = PlanRows(plan, people, masking)
    view = plan_view(rows, masking, mask=mask, fingerprint=True)
    first = "leads" if plan.leads or not plan.conflicts else "conflicts"
    begin = [row for row in rows.page(Asked(list=first), FIRST).rows if row.place < most]
    shown = shown_rows(plan, begin, masking, mask=mask)
    style, script = _file("page.css"), _file("plan.js")
    return (
        _environment()
        .get_template("plan_file.html")
        .render(
            view=view,
            mask=mask,
            rows=shown,
            first=first,
            total=getattr(plan, first).totals.fields,
            sorts=SORT_NAMES,
            more=max(0, len(plan.leads) - most),
            data=Markup(_data(rows, view, masking, mask, most)),  # noqa: S704 - JSON without a character that ends a script
            style=Markup(style),  # noqa: S704 - our own file
            script=Markup(script),  # noqa: S704 - our own file
            style_hash=_hash(style),
            script_hash=_hash(script),
        )
    )


def _data(rows: PlanRows, view: PlanView, masking: Masking, mask: bool, most: int) -> str:
    """List -> leads, each as the script reads it, as JSON that can stand in a page."""
    known = rows.people()
    lists = (
        f'"{name}":[{",".join(_leads(rows, name, known, masking, mask, most))}]' for name, _, _ in view.lists
    )
    return "{" + ",".join(lists) + "}"


def _leads(
    rows: PlanRows, name: str, known: Mapping[str, Any], masking: Masking, mask: bool, most: int
) -> Iterator[str]:
    leads: Leads = getattr(rows.plan, name)
    for batch in _batches(islice(leads, most)):
        shown = shown_rows(rows.plan, rows.rows_of(batch, known), masking, mask=mask)
        place = 0
        for lead in batch:
            own = shown[place : place + len(lead.changes)]
            place += len(own)
            told = [own[0].lead_id, own[0].name, own[0].owner, own[0].status]
            changes = [[each.field, each.before, each.after, each.base] for each in own]
            yield _json([*told, changes])


def _batches(leads: Iterator[Any], size: int = 1_000) -> Iterator[list[Any]]:
    while batch := list(islice(leads, size)):
        yield batch


def _json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return (
        text.replace("<", "\\u003c")
        .replace(">", "\\u003e")
        .replace("&", "\\u0026")
        .replace("\u2028", "\\u2028")
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _file(name: str) -> str:
    return files(__package__).joinpath("page", name).read_text("utf-8")


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(str(files(__package__).joinpath("page"))),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["count"] = count
    environment.filters["thousands"] = "{:,}".format
    return environment
