"""The first page: how each push and each CRM stands, and what happened day by day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from connector.charts import Columns
from connector.errors import LeadloopError
from connector.views import overview
from connector.views.overview import DAYS, Count
from connector.web.sending_view import sending_of
from connector.web.site import Site

_ORDER = (
    "crm",
    "push",
    "confirmed",
    "applied",
    "conflict",
    "reverted",
    "deferred",
    "unknown",
    "rejected",
    "planned",
    "sent",
    "median",
    "slowest tenth",
)
_COLOURS = {
    "crm": 2, "push": 1, "confirmed": 3, "applied": 5, "conflict": 2, "reverted": 4, "deferred": 7, "unknown": 7, "rejected": 6,
    "planned": 7, "sent": 7, "median": 1, "slowest tenth": 2,
}  # fmt: skip
COUNTING = "The leads are being counted. This page shows them as soon as they are."
_NAMES = {"crm": "by people", "push": "by leadloop"}


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart with its numbers, for those who can't see it or want to know."""

    title: str
    about: str
    svg: Markup
    key: Sequence[tuple[str, int]]
    rows: Sequence[tuple[str, Sequence[str]]]


def overview_page(site: Site, request: Request) -> Response:
    try:
        found = site.status_soon()
        if found is None:
            return site.show("overview.html", "Overview", not_yet=COUNTING)
        with site.source.connected() as connection:
            crms = overview.crm_views(connection, found)
        days = site.source.ready("days", lambda: _days(site))
        in_sync = site.source.ready("in sync", lambda: _in_sync(site))
        sending = sending_of(site)
    except LeadloopError as error:
        return site.show("overview.html", "Overview", not_yet=str(error))
    pushes = []
    for spec in site.plans.pushes:
        made = site.plans.get(spec.name, patience=0.05)
        view = made.view if made else None
        pushes.append(
            {
                "push": spec.name,
                "crm": spec.crm,
                "plan": made.plan if made else None,
                "word": view.word if view else "can’t be planned" if made else "being planned …",
                "tone": view.tone if view else "bad" if made else "idle",
                "why_not": made.why_not if made else "",
                "in_sync": None if in_sync is None else in_sync.get(spec.name, 0),
                "last": overview.last_run(found, spec.name),
                "states": overview.states_of(found, spec.name),
            }
        )
    given: dict[str, Any] = {
        "pushes": pushes,
        "crms": crms,
        "charts": _charts(days) if days is not None else [],
        "commands": found.commands,
        "sending": sending,
        "counting": days is None
        or in_sync is None
        or any(each["plan"] is None and not each["why_not"] for each in pushes),
    }
    return site.show("overview.html", "Overview", not_yet="", no_pushes=site.plans.why_none, **given)


def _days(site: Site) -> overview.Days:
    with site.source.connected() as connection:
        return overview.days(connection, site.schema)


def _in_sync(site: Site) -> dict[str, int]:
    with site.source.connected() as connection:
        return overview.in_sync(connection, site.schema)


def _charts(days: overview.Days) -> list[Chart]:
    return [
        _chart("Changed fields", "Fields of leads that changed, by who changed them.", days.changes),
        _chart("Deliveries", "Fields that pushes sent, by what became of them.", days.deliveries),
        _chart(
            "From our change to the CRM",
            "Minutes from the build that wanted a value until the CRM accepted it.",
            [count._replace(number=count.number / 60) for count in days.delay],
            stacked=False,
        ),
    ]


def _chart(title: str, about: str, counts: Sequence[Count], *, stacked: bool = True, unit: str = "") -> Chart:
    """Every day from the first one of which something is known, so that a day on which nothing happened is seen."""
    if not counts:
        return Chart(title, about, Markup(""), (), ())
    today = datetime.now(UTC).date()
    first = max(min(each.day for each in counts), today - timedelta(days=DAYS - 1))
    last = max(today, max(each.day for each in counts))
    all_days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    names = sorted(
        {each.series for each in counts},
        key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER),
    )
    numbers: dict[tuple[date, str], float] = {(each.day, each.series): float(each.number) for each in counts}
    series = tuple(
        (
            _NAMES.get(name, name),
            _COLOURS.get(name, 7),
            tuple(numbers.get((day, name), 0.0) for day in all_days),
        )
        for name in names
    )
    labels = tuple(f"{day:%b} {day.day}" for day in all_days)
    drawn = Columns(f"{title}: {about}", labels, series, unit, stacked).svg()
    rows = [
        (day.isoformat(), [_number(numbers.get((day, name), 0.0)) for name in names])
        for day in all_days
        if any((day, name) in numbers for name in names)
    ]
    return Chart(title, about, Markup(drawn), [(name, place) for name, place, _ in series], rows)  # noqa: S704 - charts.py escapes


def _number(number: float) -> str:
    return f"{number:,.0f}" if number == int(number) else f"{number:,.1f}"
