"""When two values are the same although they are written differently."""

import pytest

from connector.push.equality import RULES, same

SAME = [
    ("digits", "(213) 555-0142", "213.555.0142"),
    ("digits", "n/a", "n/a"),
    ("lower", " Ann@Example.com", "ann@example.COM "),
    ("trim", " Ann ", "Ann"),
    ("number", "1,200.50", "$1200.5"),
    ("number", "+007", "7.0"),
    ("number", ".5", "0.50"),
    ("number", "-0.0", "0"),
    ("number", "100", "100.000"),
    ("number", " some ", "some"),
    (
        "number",
        "123456789012345678901234567890123456789012345",
        "0123456789012345678901234567890123456789012345",
    ),
    (None, None, "  "),
    ("number", None, " "),
]
DIFFERENT = [
    ("digits", "2135550142", "12135550142"),
    ("digits", "n/a", "none"),
    ("digits", "5", None),
    ("lower", "a", "b"),
    ("trim", "Ann", "ann"),
    ("number", "12", "1.2"),
    ("number", "1000", "1"),
    ("number", "1.2.3", "1.23"),
    ("number", "-5", "5"),
    (None, "a", "A"),
]


@pytest.mark.parametrize(("rule", "one", "other"), SAME)
def test_equal_by_a_rule(rule: str | None, one: str | None, other: str | None) -> None:
    """What a CRM may make of a value is the same value, whichever way round."""
    assert same(one, other, rule)
    assert same(other, one, rule)


@pytest.mark.parametrize(("rule", "one", "other"), DIFFERENT)
def test_different_by_a_rule(rule: str | None, one: str | None, other: str | None) -> None:
    """A rule makes nothing equal that is another value."""
    assert not same(one, other, rule)


def test_every_rule_has_examples() -> None:
    """None is left without."""
    assert {rule for rule, *_ in SAME if rule} == {rule for rule, *_ in DIFFERENT if rule} == set(RULES)
