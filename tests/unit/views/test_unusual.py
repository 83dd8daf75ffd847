"""What a person is told of a plan that is unlike the runs before."""

from datetime import UTC, datetime

from connector.views.unusual import Past, sentences
from tests.unit.render.test_plan import plan

AT = datetime(2026, 11, 1, tzinfo=UTC)


def before(leads: int, clears: int = 0, **by_field: int) -> Past:
    return Past(AT, leads, by_field, clears)


def changes(number: int, field: str = "title", new: str | None = "b") -> list[tuple[object, ...]]:
    return [(f"{each:04}", field, "a", new, None, "change" if new else "clear") for each in range(number)]


def test_a_plan_like_the_ones_before_is_not_unusual() -> None:
    """Nor is one of few leads, nor the first one, with which nothing can be compared."""
    past = [before(40, title=40), before(25, title=25)]
    assert sentences(plan(*changes(45)), past) == []
    assert sentences(plan(*changes(9)), [before(1, title=1)]) == []
    assert sentences(plan(*changes(500)), []) == []
    assert sentences(plan(), past) == []


def test_many_more_leads_than_ever_before() -> None:
    """The number, and the most of the runs before."""
    assert sentences(plan(*changes(80)), [before(40, title=40), before(25, title=25)]) == [
        "80 leads would change: each of the last 2 runs had 40 at most."
    ]
    assert sentences(plan(*changes(80)), [before(40, title=40)]) == [
        "80 leads would change: the last run had 40 at most."
    ]


def test_a_field_that_was_never_sent_or_in_few_leads_only() -> None:
    """By the field's name, also where the number of leads is an ordinary one."""
    both = plan(*changes(50), *changes(50, "lead_score"))
    assert sentences(both, [before(60, title=60), before(60, title=55)]) == [
        "None of the last 2 runs sent lead_score."
    ]
    assert sentences(both, [before(60, title=60)]) == ["The last run did not send lead_score."]
    assert sentences(both, [before(60, title=60, lead_score=5)]) == [
        "lead_score would change in 50 leads: the last run had 5 at most."
    ]


def test_values_that_are_cleared_and_never_were() -> None:
    """Also a single one."""
    told = sentences(plan(*changes(1, new=None)), [before(40, title=40)])
    assert told == ["1 value would be cleared: the last run cleared 0 at most."]
    assert sentences(plan(*changes(1, new=None)), [before(40, clears=3, title=40)]) == []
