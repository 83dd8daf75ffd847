"""What a change of models would do to the CRM, for programs: the document of ``preview --json``."""

from typing import Annotated, Literal

from msgspec import Meta

from connector.push.difference import Moved
from connector.push.preview import OneSide, Preview, PushPreview
from connector.render.document import VERSION, Part, part
from connector.render.plan_document import Limit, Problem, Totals, limit_of, problem, totals_of
from connector.render.preview import key_of, values_of


class MovedLeads(Part, kw_only=True):
    """So many leads are sent by one side alone, or by both with another value or to another lead of the CRM."""

    added: Annotated[int, Meta(description="leads that only the new models would send")]
    gone: Annotated[int, Meta(description="leads that only the old models would send")]
    changed: Annotated[
        int, Meta(description="leads that both would send, not with the same fields and values")
    ]
    inserts_added: Annotated[int, Meta(description="of `added`, those that would be added to the CRM")]
    inserts_gone: Annotated[int, Meta(description="of `gone`, those that would be added to the CRM")]
    deletes_added: Annotated[int, Meta(description="of `added`, those that would be deleted")]
    deletes_gone: Annotated[int, Meta(description="of `gone`, those that would be deleted")]


class MovedField(Part, kw_only=True):
    """In so many leads a field is sent by one side alone, or with another value."""

    added: Annotated[int, Meta(description="leads in which only the new models would send it")]
    gone: Annotated[int, Meta(description="leads in which only the old models would send it")]
    changed: Annotated[int, Meta(description="leads in which both would, and not the same")]
    cleared: Annotated[
        int, Meta(description="leads in which the new models would clear it, and the old ones not")
    ]
    old_values: Annotated[
        int, Meta(description="how many different values the old models have for these leads")
    ]
    new_values: Annotated[
        int, Meta(description="how many different values the new models have for these leads")
    ]


class SettingPart(Part, kw_only=True):
    """An option of the push that differs."""

    name: Annotated[
        str,
        Meta(
            description="such as `max_changes`; an entry of `fields`, `options`, `equal` or `policies` as `fields.title`"
        ),
    ]
    old: Annotated[str | None, Meta(description="`null`: not set, or switched off")]
    new: Annotated[str | None, Meta(description="`null`: not set, or switched off")]


class SidePart(Part, kw_only=True):
    """The push as one side has it."""

    totals: Annotated[Totals | None, Meta(description="of its plan; `null` where none can be made")]
    guardrails: Annotated[list[Limit], Meta(description="one entry per guardrail")]
    first_time: Annotated[
        dict[str, int], Meta(description="as in `plan --json`: fields to which nothing was ever sent → leads")
    ]
    needs_approval: Annotated[bool, Meta(description="whether it is sent only once it is approved")]
    problem: Annotated[Problem | None, Meta(description="why nothing would be sent; `null` where it would")]


class MovedPart(Part, kw_only=True):
    """One field of one lead that is not sent alike."""

    lead_id: Annotated[
        str,
        Meta(
            description="the CRM's id of the lead; of a push that adds leads, its own key, of which only the shape is told"
        ),
    ]
    lead: Annotated[
        Literal["added", "gone", "changed"], Meta(description="what becomes of the lead, as in `leads`")
    ]
    field: Annotated[str, Meta(description="the CRM's name of the field; `*`: the lead would be deleted")]
    how: Annotated[Literal["added", "gone", "changed"], Meta(description="what becomes of the field")]
    old: Annotated[
        str, Meta(description="the shape of what the old models would send, such as `text, 4 characters`")
    ]
    new: Annotated[str, Meta(description="the shape of what the new models would send")]


class PushPart(Part, kw_only=True):
    """One push that is not the same on both sides."""

    push: Annotated[str, Meta(description="the push model")]
    crm: Annotated[str, Meta(description="the CRM, the new models' where it differs")]
    old: Annotated[SidePart | None, Meta(description="`null`: the old models have no such push")]
    new: Annotated[SidePart | None, Meta(description="`null`: the new models have no such push")]
    settings: Annotated[
        list[SettingPart], Meta(description="options that differ; none where one side has no such push")
    ]
    newly_tripped: Annotated[list[str], Meta(description="guardrails that trip with the new models alone")]
    stops: Annotated[
        Problem | None,
        Meta(description="why the new push would be stopped, for a reason that the old one has not"),
    ]
    leads: Annotated[
        MovedLeads | None, Meta(description="`null` where one side has the push and no plan of it")
    ]
    fields: Annotated[dict[str, MovedField], Meta(description="CRM field → in how many leads it moves")]
    sample: Annotated[
        list[MovedPart], Meta(description="the first leads of each kind, as many as `--samples` says")
    ]


class PreviewDocument(Part, kw_only=True):
    """What a change of models would do to the CRM, as `preview --json` prints it."""

    kind: Annotated[Literal["preview"], Meta(description="`preview`")] = "preview"
    version: Annotated[Literal[1], Meta(description=VERSION)] = 1
    old: Annotated[str, Meta(description="what was compared with, as `--against` has it")]
    new: Annotated[str, Meta(description="the folder of the new models")]
    masked: Annotated[
        bool, Meta(description="`false` under `--show-values`: values stand where shapes do else")
    ]
    compared: Annotated[list[str], Meta(description="every push that one of the two sides has")]
    has_moved: Annotated[
        bool,
        Meta(
            description="whether another run of leadloop began meanwhile, so that a difference may be of its doing"
        ),
    ]
    exit_code: Annotated[int, Meta(description="what the command ends with")]
    pushes: Annotated[list[PushPart], Meta(description="those that differ, by name")]


def preview_document(preview: Preview, *, show_values: bool = False, samples: int) -> PreviewDocument:
    return part(
        PreviewDocument,
        preview,
        masked=not show_values,
        compared=[each.push for each in preview.pushes],
        pushes=[_push(each, show_values, samples) for each in preview.differing],
    )


def _push(each: PushPreview, show_values: bool, samples: int) -> PushPart:
    difference = each.difference
    return part(
        PushPart,
        each,
        old=_side(each.old),
        new=_side(each.new),
        settings=[part(SettingPart, one) for one in each.settings],
        stops=None if each.new_stops is None else problem(each.new_stops),
        leads=None if difference is None else part(MovedLeads, difference.leads()),
        fields={}
        if difference is None
        else {name: part(MovedField, one) for name, one in difference.fields().items()},
        sample=[]
        if difference is None
        else [_moved(moved, each, show_values) for moved in difference.sample(samples)],
    )


def _side(side: OneSide | None) -> SidePart | None:
    if side is None:
        return None
    plan, stops = side.plan, side.stops
    return SidePart(
        totals=None if plan is None else totals_of(plan),
        guardrails=[] if plan is None else [limit_of(each) for each in plan.guardrails],
        first_time={} if plan is None else dict(plan.first_time),
        needs_approval=plan is not None and plan.needs_approval,
        problem=None if stops is None else problem(stops),
    )


def _moved(moved: Moved, each: PushPreview, show_values: bool) -> MovedPart:
    old, new = values_of(moved, show_values=show_values)
    return part(MovedPart, moved, lead_id=key_of(moved, each, show_values=show_values), old=old, new=new)
