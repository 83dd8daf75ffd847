"""What a change of models would do to the CRM: for a terminal, and as Markdown for a comment on a pull request.

Both are made of the same blocks, so they say the same. By default no value of a lead is in them, only what kind of value it is; nor is
a key that may be one.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from rich.console import Group, RenderableType
from rich.text import Text

from connector.push.approvals import first_time
from connector.push.changes import WHOLE
from connector.push.difference import Leads, Moved
from connector.push.plan import Plan
from connector.push.preview import OneSide, Preview, PushPreview
from connector.render.plan_document import Totals, totals_of
from connector.render.text import table
from connector.texts import count, in_markdown, readable, shape, shown_name

SAMPLES = 8
LONGEST = 60_000
"""Characters of a comment; GitHub takes 65,536."""
MARK = "<!-- leadloop preview -->"
"""By this a workflow finds its own comment again."""
_NAMED = 20
_NOT_SENT = "not sent"
_KINDS = {"added": "newly", "gone": "no longer", "changed": "otherwise"}
_TOTALS = {
    "leads": "leads to send",
    "fields": "fields to send",
    "clears": "fields to clear",
    "inserts": "leads to add",
    "deletes": "leads to delete",
    "conflicts": "leads in conflict, left alone",
    "rejected": "leads held back: refused before",
    "flapping": "leads held back: accepted and never shown",
    "reverted": "leads held: taken back",
    "unresolved": "leads that wait for an answer",
    "removed": "leads removed in the CRM",
    "unknown_leads": "leads that the CRM has never shown",
    "desired_leads": "desired leads",
}


class Title(NamedTuple):
    """What a push begins with."""

    text: str


class Line(NamedTuple):
    """A sentence; ``warns``: a person has to see it."""

    text: str
    warns: bool = False


class Rows(NamedTuple):
    """A table."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


Block = Title | Line | Rows


def preview_text(preview: Preview, *, show_values: bool = False, samples: int = SAMPLES) -> Group:
    """For a terminal; print it with a ``rich.console.Console``."""
    parts: list[RenderableType] = [Text(headline(preview), style="bold")]
    parts += [Text(note) for note in notes(preview)]
    for each in preview.differing:
        for block in blocks(each, show_values=show_values, samples=samples):
            match block:
                case Title(text):
                    parts += [Text(), Text(text, style="bold")]
                case Line(text, warns):
                    parts.append(Text(text, style="bold red" if warns else ""))
                case Rows(heads, rows):
                    parts.append(table(heads, rows))
    return Group(*parts)


def preview_markdown(preview: Preview, *, show_values: bool = False, samples: int = SAMPLES) -> str:
    """For a comment, no longer than one may be. Nothing in it links to a person or is taken for markup."""
    parts = [MARK, "### leadloop preview", _escaped(headline(preview)), *map(_escaped, notes(preview))]
    left = list(preview.differing)
    while left:
        told = [_markdown(block) for block in blocks(left[0], show_values=show_values, samples=samples)]
        if sum(len(part) + 2 for part in [*parts, *told]) > LONGEST:
            names = ", ".join(each.push for each in left[:_NAMED])
            more = ", …" if len(left) > _NAMED else ""
            parts.append(_escaped(f"There is no room here for {_pushes(len(left))} more: {names}{more}"))
            break
        parts += told
        left.pop(0)
    return "\n\n".join(parts) + "\n"


def failure_markdown(sentence: str) -> str:
    """The comment where no preview could be made."""
    return (
        "\n\n".join([MARK, "### leadloop preview", _escaped(f"No preview could be made. {sentence}")]) + "\n"
    )


def _markdown(block: Block) -> str:
    match block:
        case Title(text):
            return f"#### {_escaped(text)}"
        case Line(text, warns):
            return f"**{_escaped(text)}**" if warns else _escaped(text)
        case Rows(heads, rows):
            lines = [heads, ("---",) * len(heads), *rows]
            return "\n".join(
                f"| {' | '.join(cell if line is lines[1] else _escaped(cell) for cell in line)} |"
                for line in lines
            )


def _escaped(text: str) -> str:
    # A backslash keeps no name from being linked to, and so from being told.
    return in_markdown(text).replace("@", "@\u200b")


# What both say


def headline(preview: Preview) -> str:
    """One line: how many pushes differ."""
    number, all_ = len(preview.differing), len(preview.pushes)
    if not number:
        return f"No difference: the new models would send what the old ones would ({_pushes(all_)}, against {preview.old})."
    return f"{number} of {_pushes(all_)} would send something else than before (against {preview.old})."


def _pushes(number: int) -> str:
    return f"{number:,} push" if number == 1 else f"{number:,} pushes"


def notes(preview: Preview) -> list[str]:
    """What a person has to know to trust the numbers."""
    if not preview.has_moved:
        return []
    return [
        "Another run of leadloop began while this was made, so a difference may be of its doing. Run it again when it has ended."
    ]


def blocks(each: PushPreview, *, show_values: bool, samples: int) -> Iterator[Block]:
    """What there is to tell of one push."""
    difference = each.difference
    leads = difference.leads() if difference is not None else None
    yield Title(f"{shown_name(each.push)} → {shown_name(each.crm)}: {_headline_of(each, leads)}")
    yield from _stops(each)
    if each.settings:
        rows = [(one.name, one.old or "none", one.new or "none") for one in each.settings]
        yield Rows(("Setting", "Old", "New"), rows)
    totals = list(_totals(each))
    if totals:
        yield Rows(("What", "Old", "New"), totals)
    if difference is None or leads is None or not leads.all:
        return
    heads = ("Field", "Newly sent", "No longer", "Otherwise", "Newly cleared", "Values, old", "Values, new")
    yield Rows(heads, [(_field(name), *map(_number, field)) for name, field in difference.fields().items()])
    sampled = difference.sample(samples)
    if sampled:
        yield Line("For example")
        yield Rows(
            ("Lead", "Sent", "Field", "Old", "New"),
            [_row(moved, each, show_values) for moved in sampled],
        )


def _headline_of(each: PushPreview, leads: Leads | None) -> str:
    begin = "only the new models have this push. " if each.old is None else ""
    begin = "only the old models have this push. " if each.new is None else begin
    if leads is None:
        return f"{begin}no plan can be made of it"
    if not leads.all:
        return f"{begin}the same leads and values would be sent"
    of = [
        (leads.added, "newly sent", leads.inserts_added, leads.deletes_added),
        (leads.gone, "no longer sent", leads.inserts_gone, leads.deletes_gone),
        (leads.changed, "sent otherwise", 0, 0),
    ]
    told = [
        f"{count(number, 'lead')} {word}{_of_these(inserts, deletes)}"
        for number, word, inserts, deletes in of
        if number
    ]
    return f"{begin}{', '.join(told)}"


def _of_these(inserts: int, deletes: int) -> str:
    told = [f"{inserts:,} to be added"] if inserts else []
    told += [f"{deletes:,} to be deleted"] if deletes else []
    return f" ({', '.join(told)})" if told else ""


def _stops(each: PushPreview) -> Iterator[Block]:
    """What would keep the new push from being sent, and what no longer would."""
    if each.old is not None and each.old.plan is None and each.old.error is not None:
        yield Line(f"No plan can be made of the old push: {each.old.error.what}")
    if each.new is None:
        return
    if each.new.stops is not None:
        is_new = each.new_stops is not None
        yield Line(
            f"{'Would be stopped' if is_new else 'Would be stopped, as before'}: {_why(each.new)}",
            warns=is_new,
        )
    elif each.old is not None and each.old.stops is not None:
        yield Line(f"Would be stopped no longer. Before: {_why(each.old)}")
    if (plan := each.new.plan) is None:
        return
    before = each.old.plan if each.old is not None else None
    if plan.first_time.keys() - (before.first_time.keys() if before else set()):
        yield Line(
            f"{first_time(plan)}. A run without a terminal stops there until --first agrees.", warns=True
        )
    if plan.needs_approval and plan.leads and not (before is not None and before.needs_approval):
        yield Line("It would be sent only once a person has approved it.")


def _why(side: OneSide) -> str:
    tripped = [each.explanation for each in side.plan.guardrails if each.tripped] if side.plan else []
    stops = side.stops
    assert stops is not None
    return "; ".join(tripped) if tripped and type(stops).__name__ == "GuardrailError" else stops.what


def _totals(each: PushPreview) -> Iterator[tuple[str, str, str]]:
    """The totals of the two plans that are not the same."""
    old, new = (_of(side) for side in (each.old, each.new))
    for name, words in _TOTALS.items():
        before, after = (None if of is None else getattr(of, name) for of in (old, new))
        if before != after and (before or after):
            yield words, _number(before), _number(after)


def _number(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"


def _of(side: OneSide | None) -> Totals | None:
    plan: Plan | None = side.plan if side is not None else None
    return None if plan is None else totals_of(plan)


def _field(name: str) -> str:
    return "the whole lead" if name == WHOLE else shown_name(name)


def _row(moved: Moved, each: PushPreview, show_values: bool) -> tuple[str, str, str, str, str]:
    return (
        key_of(moved, each, show_values=show_values),
        _KINDS[moved.lead],
        _field(moved.field),
        *values_of(moved, show_values=show_values),
    )


def key_of(moved: Moved, each: PushPreview, *, show_values: bool) -> str:
    """The lead's id; of a push that adds leads it may be a phone number, so only its shape."""
    return shape(moved.lead_id) if each.has_own_keys and not show_values else shown_name(moved.lead_id)


def values_of(moved: Moved, *, show_values: bool) -> tuple[str, str]:
    """What the old and the new plan would send."""

    def said(value: str | None, *, is_sent: bool) -> str:
        if not is_sent:
            return _NOT_SENT
        if moved.field == WHOLE:
            return "deleted"
        return readable(value) if show_values else shape(value)

    return said(moved.old, is_sent=moved.how != "added"), said(moved.new, is_sent=moved.how != "gone")


def stopped_sentence(pushes: Iterable[PushPreview]) -> str:
    """Which pushes the new models would have stopped, and why; ``""``: none."""
    return " ".join(
        f"{each.push} would be stopped: {_why(each.new).rstrip('.')}."
        for each in pushes
        if each.new is not None and each.new_stops is not None
    )
