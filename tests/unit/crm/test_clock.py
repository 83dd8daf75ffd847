"""What time it is in a CRM, from what its answers say of it."""

from datetime import UTC, datetime, timedelta

import pytest

from connector.crm.clock import CrmClock, is_ahead, length, skew

NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def heard(clock: CrmClock, ahead: float, *, at: float = 0.0, way: float = 0.2) -> None:
    """An answer of a CRM whose clock is so many seconds ahead, to a request that left at ``at`` and came back after ``way``."""
    said = (NOON + seconds(at + way / 2 + ahead)).replace(microsecond=0)
    clock.heard(said, NOON + seconds(at), NOON + seconds(at + way))


@pytest.mark.parametrize("ahead", [-86400, -3600.5, -90, -2, 2, 61.7, 86400])
def test_a_clock_that_differs_is_known_to_about_a_second(ahead: float) -> None:
    """The CRM's time is told never too late, and at most by its whole second and the way of an answer too early."""
    clock = CrmClock(lambda: NOON)
    heard(clock, ahead)
    error = (clock.now() - (NOON + seconds(ahead))).total_seconds()
    assert -1.2 <= error <= 0


def test_answers_narrow_it_down() -> None:
    """Each answer bounds the difference, and together they bound it better."""
    clock = CrmClock(lambda: NOON)
    for number in range(40):
        heard(clock, 100.25, at=number * 1.07, way=0.02)
    assert abs((clock.now() - NOON).total_seconds() - 100.25) < 0.1


@pytest.mark.parametrize("ahead", [-0.05, 0.0, 0.05])
def test_a_clock_that_may_be_right_is_not_corrected(ahead: float) -> None:
    """Whole seconds and the way of an answer are no difference."""
    clock = CrmClock(lambda: NOON)
    for number in range(10):
        heard(clock, ahead, at=number * 1.1)
    assert clock.now() == NOON
    assert clock.is_known


def test_a_clock_that_was_set_is_learnt_anew() -> None:
    """An answer that contradicts all before it alone counts."""
    clock = CrmClock(lambda: NOON)
    heard(clock, 3600)
    heard(clock, 0)
    assert clock.now() == NOON
    heard(clock, -300)
    assert -302 < (clock.now() - NOON).total_seconds() <= -300


@pytest.mark.parametrize("said", [None, NOON.replace(year=1970), NOON.replace(year=9999)])
def test_no_time_or_an_odd_one_says_nothing(said: datetime | None) -> None:
    """Without a time that can be one, this machine's counts, and nothing is called the future."""
    clock = CrmClock(lambda: NOON)
    clock.heard(said, NOON, NOON)
    assert clock.now() == NOON
    assert not clock.is_known
    assert not is_ahead(NOON + timedelta(days=1), clock)


@pytest.mark.parametrize(
    ("ahead", "says"),
    [(3600, "60 minutes behind the"), (-10800, "3 hours ahead of the"), (-86400 * 3, "3 days ahead of the")],
)
def test_a_notable_difference_is_one_sentence(ahead: float, says: str) -> None:
    """It names the CRM, how far, which clock is ahead, and what to do."""
    clock = CrmClock(lambda: NOON)
    heard(clock, ahead)
    sentence = skew("convoso", clock) or ""
    assert sentence.startswith("convoso: ")
    assert f"this machine's clock is {says} CRM's" in sentence
    assert "NTP" in sentence


@pytest.mark.parametrize("ahead", [-60, -1, 0, 59.9])
def test_up_to_a_minute_is_not_spoken_of(ahead: float) -> None:
    """Nobody is told of what settle and lookback cover anyway."""
    clock = CrmClock(lambda: NOON)
    heard(clock, ahead)
    assert skew("convoso", clock) is None


def test_lengths() -> None:
    """The unit suits the length."""
    assert [length(timedelta(seconds=each)) for each in (61, 125, 7300, 200_000)] == [
        "61 seconds",
        "2 minutes",
        "2 hours",
        "2 days",
    ]
