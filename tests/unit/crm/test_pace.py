"""The pace that all threads of a run share."""

import random
import threading
from itertools import pairwise
from typing import Any

import pytest

from connector.crm.latency import MOST_KINDS, SAMPLES, Latency, kind_of
from connector.crm.pace import LONGEST_PAUSE, Pace


def calls_in(pace: Pace, time: Any, seconds: float) -> int:
    """How many calls get through within so many seconds of a fake clock."""
    end, count = time.now + seconds, 0
    while True:
        pace.wait()
        if time.now >= end:
            return count
        count += 1


def made(rate: float, time: Any) -> Pace:
    return Pace(rate, clock=time.clock, sleep=time.sleep)


@pytest.mark.parametrize("rate", [0.5, 3.0, 10.0, 25.5, 400.0])
def test_calls_are_spaced_evenly(fake_time: Any, rate: float) -> None:
    """Over time exactly the rate gets through, and at most a tenth of a second's worth at once."""
    pace = made(rate, fake_time)
    assert calls_in(pace, fake_time, 20) == pytest.approx(20 * rate, abs=max(1, rate / 10) + 1)


def late(time: Any) -> Any:
    """A sleep that ends up to 30 milliseconds late, as on a busy machine."""
    draw = random.Random(7)
    return lambda seconds: time.sleep(seconds + draw.uniform(0, 0.03))


@pytest.mark.parametrize("rate", [0.9, 4.9, 9.0, 19.0, 24.5, 49.0, 333.0])
def test_a_thread_that_wakes_late_loses_no_turn(fake_time: Any, rate: float) -> None:
    """At least 98 % of the calls that the rate allows get through, where every thread wakes up late, and none too many."""
    pace = Pace(rate, clock=fake_time.clock, sleep=late(fake_time))
    seconds = 1000 / rate
    assert 1000 * 0.98 <= calls_in(pace, fake_time, seconds) <= 1000 + max(1, rate / 10) + 1


@pytest.mark.parametrize("limit", [5, 25, 125, 250])
def test_98_percent_of_a_limit_meet_no_429(fake_time: Any, limit: int) -> None:
    """A server that takes so many calls in any 5 seconds turns none away at 98 % of that, and gets nearly all of them."""
    rate = limit / 5 * 0.98
    pace = Pace(rate, clock=fake_time.clock, sleep=late(fake_time))
    calls: list[float] = []
    while len(calls) < 40 * limit:
        pace.wait()
        calls.append(fake_time.now)
    for first, call in zip(calls, calls[limit:], strict=False):
        assert call - first >= 5
    assert len(calls) >= 0.98 * rate * (calls[-1] - calls[0])


def test_a_throttled_pace_halves(fake_time: Any) -> None:
    """One "too many" halves the pace; more of them within a second are the same burst."""
    pace = made(16, fake_time)
    for _ in range(5):
        pace.throttled()
    assert pace.current == 8


def test_a_pace_never_stops_by_halving(fake_time: Any) -> None:
    """However often it is throttled, a sixteenth of the rate stays."""
    pace = made(16, fake_time)
    for _ in range(20):
        pace.throttled()
        fake_time.now += 2
    assert pace.current == 1


def test_retry_after_pauses_everyone(fake_time: Any) -> None:
    """Nobody calls until the time the server asked for is over."""
    pace = made(10, fake_time)
    pace.throttled(retry_after=7)
    pace.wait()
    assert fake_time.now == pytest.approx(1007)


@pytest.mark.parametrize("seconds", [86_400.0, float("inf")])
def test_an_absurd_pause_is_cut(fake_time: Any, seconds: float) -> None:
    """A server that asks for a day is asked again after a minute."""
    pace = made(10, fake_time)
    pace.pause(seconds)
    pace.wait()
    assert fake_time.now == pytest.approx(1000 + LONGEST_PAUSE)


def test_a_negative_pause_is_none(fake_time: Any) -> None:
    """A pause that ended in the past changes nothing."""
    pace = made(10, fake_time)
    pace.pause(-5)
    pace.wait()
    assert fake_time.now == 1000


def test_a_quiet_pace_climbs_slowly_and_stays_below_what_was_too_much(fake_time: Any) -> None:
    """After a 429 at 20 a second it climbs back by one a second, to 17, until that is long ago."""
    pace = made(20, fake_time)
    pace.throttled()
    seen = []
    for _ in range(16):
        calls_in(pace, fake_time, 1)
        seen.append(pace.current)
    assert seen == sorted(seen)
    assert seen[4] == 10
    assert seen[-1] == 17
    calls_in(pace, fake_time, Pace.memory + 5)
    assert pace.current == 20


@pytest.mark.parametrize(("rate", "allowed"), [(10, 4.0), (50, 30.0), (20, 19.0)])
def test_a_pace_settles_below_an_unknown_limit(fake_time: Any, rate: float, allowed: float) -> None:
    """Against a server that counts calls per second, the 429s of the last minutes are few."""
    pace = made(rate, fake_time)
    calls: list[float] = []
    refused: list[float] = []
    while fake_time.now < 1000 + 240:
        pace.wait()
        if len([at for at in calls if at > fake_time.now - 5]) >= allowed * 5:
            refused.append(fake_time.now)
            pace.throttled()
        else:
            calls.append(fake_time.now)
    assert refused, "the limit was never met, so this shows nothing"
    assert len([at for at in refused if at > 1000 + 60]) == 0
    assert len([at for at in calls if at > 1000 + 60]) > 180 * allowed * 0.6


def answered(pace: Pace, time: Any, seconds: float, latency: Any) -> list[float]:
    """Calls for so many seconds, each answered after ``latency()``; the pace after each."""
    end, seen = time.now + seconds, []
    while time.now < end:
        pace.wait()
        pace.took("POST /search", latency())
        seen.append(pace.current)
    return seen


def noise(seconds: float) -> Any:
    """Times around ``seconds``, spread as those of real servers are: every tenth answer takes ten times as long."""
    draw = random.Random(7)
    return lambda: seconds * draw.lognormvariate(0, 0.5) * (10 if draw.random() < 0.1 else 1)


def test_noise_does_not_slow_the_pace(fake_time: Any) -> None:
    """Answers that are slow now and then change nothing, and neither does a local server that doubles its few milliseconds."""
    pace = made(20, fake_time)
    assert set(answered(pace, fake_time, 200, noise(0.3))) == {20}
    quick = made(20, fake_time)
    assert set(
        answered(quick, fake_time, 20, noise(0.004)) + answered(quick, fake_time, 20, noise(0.04))
    ) == {20}


def test_rising_latency_slows_gently_and_recovers_slowly(fake_time: Any) -> None:
    """A CRM whose answers take five times as long gets a fifth less at a time, never less than a quarter, and all again later."""
    pace = made(20, fake_time)
    answered(pace, fake_time, 30, noise(0.3))
    slow = answered(pace, fake_time, 100, noise(1.5))
    assert slow == sorted(slow, reverse=True)
    steps = sorted(set(slow), reverse=True)
    assert all(after >= 0.8 * before - 1e-9 for before, after in pairwise(steps))
    assert slow[-1] == 5
    calm = answered(pace, fake_time, 40, noise(0.3))
    assert calm == sorted(calm)
    assert calm[40] < 10
    assert calm[-1] == 20


def test_a_crm_that_stays_slow_is_called_as_before(fake_time: Any) -> None:
    """After some minutes the new latency is the usual one."""
    pace = made(20, fake_time)
    answered(pace, fake_time, 30, noise(0.3))
    assert answered(pace, fake_time, 600, noise(1.5))[-1] == 20


def test_only_like_calls_are_compared(fake_time: Any) -> None:
    """A full page takes longer than an empty one, and that is no sign of anything; ids make no new kinds."""
    assert kind_of("GET", "/leads/5f2a", 900) == kind_of("GET", "/leads/77b1", 1000)
    assert kind_of("GET", "/leads/search", 900) != kind_of("GET", "/leads/search", 900_000)
    latency = Latency()
    for number in range(MOST_KINDS * 2):
        for _ in range(SAMPLES * 2):
            assert not latency.risen(f"kind {number}", number, 0.0)
    assert len(latency._medians) == MOST_KINDS


def test_threads_share_one_pace() -> None:
    """Eight threads together are no faster than one."""
    pace = Pace(200)

    def wait() -> None:
        for _ in range(10):
            pace.wait()

    threads = [threading.Thread(target=wait) for _ in range(8)]
    import time

    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - began >= (80 - 20 - 1) / 200


def test_a_budget_spreads_what_is_left(fake_time: Any) -> None:
    """Six calls in sixty seconds: one every ten, however fast the pace would be; afterwards it is the pace again."""
    pace = made(100, fake_time)
    pace.wait()
    pace.budget(6, 60)
    for _ in range(6):
        pace.wait()
    assert fake_time.now == pytest.approx(1060)
    pace.wait()
    assert fake_time.now < 1061


def test_an_empty_budget_waits_for_its_end(fake_time: Any) -> None:
    """Also for longer than a pause may last: every call before would be refused."""
    pace = made(10, fake_time)
    pace.budget(0, 10 * LONGEST_PAUSE)
    pace.wait()
    assert fake_time.now == pytest.approx(1000 + 10 * LONGEST_PAUSE)


@pytest.mark.parametrize(
    ("remaining", "seconds"), [(1_000_000, 60.0), (float("inf"), 0.0), (0, 0.0), (5, -3.0)]
)
def test_a_budget_never_makes_a_pace_faster(fake_time: Any, remaining: float, seconds: float) -> None:
    """More calls than the pace would use, or no time at all, change nothing; and the latest budget counts."""
    pace = made(10, fake_time)
    pace.budget(0, 3600)
    pace.budget(remaining, seconds)
    assert calls_in(pace, fake_time, 5) == pytest.approx(50, abs=2)
