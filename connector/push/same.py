"""Whether two warehouses would send the same: the proof that a move has left nothing behind that a push depends on."""

from typing import NamedTuple

from connector.errors import NotTheSameError
from connector.events import Listener
from connector.push.fingerprint import differences
from connector.push.preview import OneSide, one_side
from connector.texts import listed
from connector.warehouse.connection import Warehouse
from connector.warehouse.models import Known


class Proved(NamedTuple):
    """A push that both warehouses plan alike."""

    push: str
    crm: str
    leads: int
    fields: int
    stops: str
    """Why both would send nothing; blank where they would."""


def check_same(
    old: Warehouse, new: Warehouse, old_known: Known, new_known: Known, listener: Listener
) -> tuple[Proved, ...]:
    """Plans every push on both sides, without a call to a CRM; ``NotTheSameError`` says which differ and in what, without a value."""
    names = {each.name for each in old_known.pushes}, {each.name for each in new_known.pushes}
    found = [f"{each} is there on one side only" for each in sorted(names[0] ^ names[1])]
    proved = []
    listener.stage("compare the plans")
    for name in sorted(names[0] & names[1]):
        one = one_side(old, old_known.push(name), old_known.pushes)
        other = one_side(new, new_known.push(name), new_known.pushes)
        if differing := _differing(one, other):
            found.append(f"{name}: {differing}")
            continue
        plan, stops = one.plan, one.stops
        leads, fields = (len(plan.leads), plan.fields) if plan is not None else (0, 0)
        proved.append(Proved(name, one.settings["crm"] or "", leads, fields, str(stops) if stops else ""))
    if found:
        raise NotTheSameError(
            f"{new.label} would not send what {old.label} would, so nothing was switched over, and the old one goes on. What "
            f"differs: {'. '.join(found)}.",
            "Does a model read the clock, a table of your own, or its own older rows? What is not made from leadloop's tables is not "
            "moved: copy it, then run the move again.",
        )
    return tuple(proved)


def _differing(one: OneSide, other: OneSide) -> str:
    """What is not the same on both sides, in words; blank where all is."""
    if one.settings != other.settings:
        names = {name for name, _ in one.settings.items() ^ other.settings.items()}
        return f"its options ({listed(sorted(names))})"
    if one.plan is None or other.plan is None:
        told = [str(each.error) if each.error else "a plan" for each in (one, other)]
        return "" if told[0] == told[1] else f"there is {told[0]!r}, and here {told[1]!r}"
    if one.plan.fingerprint == other.plan.fingerprint:
        return ""
    return "; ".join(differences(one.plan, other.plan)) or "its fingerprint"
