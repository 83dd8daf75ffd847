"""Whatever two models of a push want: what a preview tells is the difference of the two plans, found here lead by lead."""

from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from connector.push.difference import Difference, Field, Leads
from connector.push.plan import Plan
from connector.push.planning import plan_rows
from tests.properties.test_plan import AT, push

FIELDS = ("score", "title", "Phone 2")
VALUES = st.one_of(st.none(), st.sampled_from(["", " ", "0", "hot", "日本", "it's"]), st.text(max_size=3))
MODES = st.sampled_from(["update", "insert", "upsert", "delete"])
VERDICTS = ("change", "change", "clear", "conflict", "rejected", "unknown_lead")


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """A plan of a push in any mode, as the rows of its model make it."""
    mode = draw(MODES)
    rows: list[Any] = []
    for lead in draw(st.lists(st.sampled_from("abcdeé1 "), unique=True, max_size=6)):
        ours = draw(st.sampled_from([None, "crm 1", "crm 2"])) if mode in ("insert", "upsert") else None
        if mode == "delete":
            rows.append((lead, "*", "*", None, None, None, "delete"))
            continue
        for name in draw(st.lists(st.sampled_from(FIELDS), unique=True, min_size=1)):
            adds = mode in ("insert", "upsert") and ours is None
            verdict = "insert" if adds else draw(st.sampled_from(VERDICTS))
            value = None if verdict == "clear" else draw(VALUES)
            rows.append((lead, name, name.lower(), "now", value, None, verdict, ours))
    wanted = push(max_found=None)
    wanted.mode, wanted.crm = mode, draw(st.sampled_from(["convoso", "convoso", "convoso", "pollybot"]))
    return plan_rows(wanted, rows, made_at=AT)


def sent(plan: Plan | None, key: str) -> dict[tuple[str, str], dict[str, tuple[str | None, str | None]]]:
    """Lead -> field -> what is sent to which lead of the CRM."""
    leads = plan.leads if plan is not None else []
    return {
        (key, lead.lead_id): {each.field: (each.desired, lead.crm_lead_id) for each in lead.changes}
        for lead in leads
    }


def is_one_key(old: Plan | None, new: Plan | None) -> bool:
    if old is None or new is None:
        return True
    kinds = [plan.mode in ("insert", "upsert") for plan in (old, new)]
    return old.crm == new.crm and kinds[0] == kinds[1]


@settings(max_examples=60)
@given(st.one_of(st.none(), plans()), st.one_of(st.none(), plans()))
def test_the_difference_is_that_of_the_two_plans(old: Plan | None, new: Plan | None) -> None:
    """Leads, fields and values that only one plan has, inserts, deletions and clears, counted and by field."""
    before, after = sent(old, "one"), sent(new, "one" if is_one_key(old, new) else "two")
    leads, moved = Counter[str](), dict[tuple[str, str, str], tuple[Any, ...]]()
    fields = {name: Counter[str]() for name in (*FIELDS, "*")}
    values: dict[tuple[str, str], set[str]] = {}
    for lead in {*before, *after}:
        was, is_ = before.get(lead, {}), after.get(lead, {})
        if was == is_:
            continue
        what = "added" if not was else "gone" if not is_ else "changed"
        leads[what] += 1
        whole = is_ or was
        if what != "changed":
            leads[f"inserts_{what}"] += all(target is None for _, target in whole.values())
            leads[f"deletes_{what}"] += "*" in whole
        for name in {*was, *is_}:
            if was.get(name) == is_.get(name):
                continue
            how = "added" if name not in was else "gone" if name not in is_ else "changed"
            fields[name][how] += 1
            clears = (
                name in is_
                and is_[name][0] is None
                and name != "*"
                and not (name in was and was[name][0] is None)
            )
            fields[name]["cleared"] += clears
            for side, of in (("old_values", was), ("new_values", is_)):
                if name in of:
                    values.setdefault((name, side), set()).add(of[name][0] or "")
            moved[(*lead, name)] = (what, how, was.get(name, (None,))[0], is_.get(name, (None,))[0])

    found = Difference(old, new)

    assert found.leads() == Leads(**leads)
    assert bool(found) == bool(moved)
    assert found.fields() == {
        name: Field(
            *(counts[each] for each in Field._fields[:4]),
            *(len(values.get((name, side), ())) for side in Field._fields[4:]),
        )
        for name, counts in fields.items()
        if counts["added"] + counts["gone"] + counts["changed"]
    }
    told = [(each.lead_id, each.field, each.lead, each.how, each.old, each.new) for each in found.sample(100)]
    assert Counter(told) == Counter((lead, name, *rest) for (_, lead, name), rest in moved.items())


@given(plans())
def test_a_plan_does_not_differ_from_itself(plan: Plan) -> None:
    """Whatever it sends."""
    assert not Difference(plan, plan)
    assert Difference(plan, plan).leads().all == 0
