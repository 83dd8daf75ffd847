"""When two values are the same although they are written differently."""

import pytest

from connector.push.equality import RULES, likely, same

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
    ("boolean", " Yes", "1"),
    ("boolean", "FALSE", "off"),
    ("date", "2026-03-01 10:00:00+00", "1 March 2026"),
    ("date", "20260301", "Sun, Mar 1st, 2026"),
    ("date(mdy)", "2026-03-01", "3/1/2026 10:00 AM"),
    ("date(dmy)", "2026-03-01", "1.3.2026"),
    ("time", "2026-03-01 10:00:00+00", "2026-03-01T15:30:00.000+05:30"),
    ("time", "2026-03-01 00:00:00", "2026-03-01"),
    ("time(mdy)", "2026-03-01 22:05:00", "03/01/2026 10:05 pm"),
    ("time(dmy)", "2026-03-01 00:05:00.5", "01-03-2026 12:05:00.50 am UTC"),
    ("list", "a;b", "b, a, a"),
    ("list", '["b","\\u00e9\\ud83d\\ude00"]', '[ "é😀", "b" ]'),
    ("list", "[]", None),
    ("html", "Tom & Jerry's", "Tom &amp; Jerry&#39;s"),
    ("html", "a &#x26; b", "a &amp; b"),
    ("lines", "a\r\nb", "a\nb"),
    ("unicode", "Jose\u0301 😀", "Jos\u00e9 😀"),
    ("round(2)", "2.345", "2.35"),
    ("round(0)", "-0.4", "0"),
    ("tolerance(0.5)", "10", "10.5"),
    ("cut(5)", "abcdefgh", "abcde"),
    ("html, lines, trim", "a &lt;\r\n", "a <"),
    ("html, list", "a&amp;b; c", "c, a&b"),
    ("trim, tolerance(1)", " 2", "3"),
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
    ("boolean", "yes", "no"),
    ("boolean", "1", "1.0"),
    ("date", "2026-03-01", "03/01/2026"),
    ("date", "2026-13-01", "2026-01-13"),
    ("date(mdy)", "2026-03-01", "1/3/2026"),
    ("date(dmy)", "2026-03-01", "3/1/2026"),
    ("time", "2026-03-01 10:00:00", "2026-03-01 10:00:00-05"),
    ("time", "2026-02-30 10:00:00", "2026-03-02 10:00:00"),
    ("time(mdy)", "2026-03-01 10:05:00", "03/01/2026 10:05 pm"),
    ("time(dmy)", "2026-03-01", "3/1/2026"),
    ("list", "a;b", "a;b;c"),
    ("list", '["a,b"]', "a,b"),
    ("list", '["a"', '"a"'),
    ("html", "&amp;lt;", "<"),
    ("html", "&bogus;", "bogus"),
    ("lines", "a\n\nb", "a\nb"),
    ("unicode", "é", "e"),
    ("round(2)", "2.344", "2.35"),
    ("round(0)", "-0.5", "0"),
    ("tolerance(0.5)", "10", "10.51"),
    ("tolerance(0.5)", "a", "b"),
    ("cut(5)", "abcdefgh", "abcd"),
    ("html, lines, trim", "a &lt;", "b <"),
    ("html, list", "a&amp;b", "a;b"),
    ("trim, tolerance(1)", "2", "3.1"),
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
    rules = {rule for rule, *_ in SAME if rule}
    assert rules == {rule for rule, *_ in DIFFERENT if rule}
    assert {each.split("(")[0] for rule in rules for each in rule.split(", ")} == set(RULES)


@pytest.mark.parametrize(
    ("sent", "shown", "rule"),
    [
        ("(213) 555-0142", "2135550142", "digits"),
        ("Ann", "ann ", "lower"),
        ("Ann ", "Ann", "trim"),
        ("5.10", "5.1", "number"),
        ("true", "1", "boolean"),
        ("2026-03-01 10:00:00+00", "2026-03-01T10:00:00Z", "time"),
        ("2026-03-01 10:00:00+00", "2026-03-01", "date"),
        ("2026-03-01", "03/01/2026", "time(mdy)"),
        ("2026-12-24", "24.12.2026", "time(dmy)"),
        ("a;b", "b;a", "list"),
        ("A & B", "A &amp; B", "html"),
        ("a\r\nb", "a\nb", "lines"),
        ("e\u0301", "é", "unicode"),
        ("2.345", "2.35", "round(2)"),
        ("a long text of a note", "a long text of", "cut(14)"),
        ("A & B\r\nc", "A &amp; B\nc", "html, lines"),
        ("A & B", "a &amp; b", "html, lower"),
    ],
)
def test_the_rule_of_another_form_is_found(sent: str, shown: str, rule: str) -> None:
    """The one that makes the least else equal, and it does make the two equal."""
    assert likely(sent, shown) == rule
    assert same(sent, shown, rule)


@pytest.mark.parametrize(
    ("sent", "shown"), [("Hot", "Cold"), ("5", None), (None, "5"), ("12", "1"), ("note", "n"), ("3.5", "7")]
)
def test_another_value_is_no_other_form(sent: str | None, shown: str | None) -> None:
    """A CRM that has made something else of a value keeps another value."""
    assert likely(sent, shown) is None
