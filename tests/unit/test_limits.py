"""Token buckets, growing delays, the breaker, and the bounded queue in front of the engine."""

from __future__ import annotations

import asyncio
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attendance.api.limits import MOST_KEYS, Breaker, Buckets, Delays
from attendance.api.work import Busy, Queue
from attendance.errors import StoreUnavailableError


class Seconds:
    """A clock that is told what time it is."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@given(rate=st.floats(0.1, 20), burst=st.integers(1, 20), steps=st.lists(st.floats(0, 5), min_size=1, max_size=60))
def test_a_bucket_never_gives_more_than_its_burst_and_its_rate(rate: float, burst: int, steps: list[float]) -> None:
    clock = Seconds()
    buckets, taken = Buckets(rate, burst, clock), 0
    for step in steps:
        clock.now += step
        taken += buckets.wait_s("a") == 0
    assert taken <= burst + rate * sum(steps[1:]) + 1e-6


def test_a_bucket_says_how_long_to_wait_and_keeps_its_word() -> None:
    clock = Seconds()
    buckets = Buckets(0.5, 2, clock)
    assert [buckets.wait_s("a") for _ in range(3)] == [0, 0, 2]
    assert buckets.wait_s("b") == 0, "each key for itself"
    clock.now += 2
    assert buckets.wait_s("a") == 0


def test_many_made_up_keys_do_not_fill_the_memory() -> None:
    buckets, delays = Buckets(1, 1, Seconds()), Delays(clock=Seconds())
    for number in range(MOST_KEYS + 500):
        buckets.wait_s(str(number))
        delays.begin(str(number))
    assert len(buckets._left) == len(delays._failures) == MOST_KEYS


def test_delays_double_with_each_failure_and_end_with_a_success() -> None:
    clock = Seconds()
    delays = Delays(free=3, longest_s=10, clock=clock)
    assert [delays.begin("a") for _ in range(4)] == [0, 0, 0, 0]
    waits = []
    for _ in range(5):
        waits.append(delays.begin("a"))
        clock.now += waits[-1]
        assert delays.begin("a") == 0
    assert waits == [2, 4, 8, 10, 10]
    assert delays.begin("b") == 0
    delays.succeeded("a")
    assert delays.begin("a") == 0


def test_guesses_while_waiting_are_refused_and_do_not_count() -> None:
    clock = Seconds()
    delays = Delays(free=0, clock=clock)
    assert delays.begin("a") == 0
    assert {delays.begin("a") for _ in range(50)} == {2}


def test_failures_are_forgotten_after_a_quiet_time() -> None:
    clock = Seconds()
    delays = Delays(free=1, longest_s=10, clock=clock)
    for _ in range(2):
        delays.begin("a")
    clock.now += 60
    assert [delays.begin("a"), delays.begin("a")] == [0, 0]


def away() -> None:
    raise StoreUnavailableError("The database cannot be reached.", reason="unreachable")


def test_a_database_that_is_away_is_asked_once_a_second() -> None:
    clock, asked = Seconds(), []

    def ask() -> None:
        asked.append(clock.now)
        away()

    breaker = Breaker(1.0, clock)
    for _ in range(5):
        with pytest.raises(StoreUnavailableError, match="cannot be reached"):
            breaker.call(ask)
    assert len(asked) == 1
    clock.now += 1
    with pytest.raises(StoreUnavailableError):
        breaker.call(ask)
    assert len(asked) == 2


def test_it_is_believed_as_soon_as_it_is_back_also_by_a_question_within_a_question() -> None:
    clock = Seconds()
    breaker = Breaker(1.0, clock)
    with pytest.raises(StoreUnavailableError):
        breaker.call(away)
    clock.now += 1
    assert breaker.call(lambda: breaker.call(lambda: "there")) == "there"
    assert breaker.call(lambda: "there") == "there"


def test_an_answer_from_memory_is_no_sign_that_it_is_back() -> None:
    clock, is_there = Seconds(), [False]
    breaker = Breaker(1.0, clock, prove=lambda: None if is_there[0] else away())
    with pytest.raises(StoreUnavailableError):
        breaker.call(away)
    for _ in range(3):
        clock.now += 1
        with pytest.raises(StoreUnavailableError):
            breaker.call(lambda: "from memory")
    is_there[0] = True
    clock.now += 1
    assert breaker.call(lambda: "from memory") == "from memory"


def test_only_one_asks_on_behalf_of_the_others() -> None:
    clock = Seconds()
    breaker = Breaker(1.0, clock)
    with pytest.raises(StoreUnavailableError):
        breaker.call(away)
    clock.now += 1
    began, go_on, answers = threading.Event(), threading.Event(), []

    def slow() -> str:
        began.set()
        assert go_on.wait(10)
        return "there"

    prober = threading.Thread(target=lambda: answers.append(breaker.call(slow)))
    prober.start()
    assert began.wait(10)
    with pytest.raises(StoreUnavailableError):
        breaker.call(lambda: "not asked")
    go_on.set()
    prober.join()
    assert answers == ["there"]


def test_other_errors_do_not_count_as_away() -> None:
    breaker = Breaker(1.0, Seconds())
    with pytest.raises(ZeroDivisionError):
        breaker.call(lambda: 1 / 0)
    assert breaker.call(lambda: "there") == "there"


def test_the_queue_sheds_what_would_wait_too_long_and_loses_nothing() -> None:
    queue, gate = Queue(2), threading.Event()

    async def many() -> tuple[list[str], int]:
        tasks = [asyncio.ensure_future(queue.work(gate.wait, 10)) for _ in range(200)]
        await asyncio.sleep(0.05)
        shed = sum(task.done() for task in tasks)
        gate.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        return [type(result).__name__ for result in results], shed

    results, shed = asyncio.run(many())
    queue.close()
    assert set(results) == {"bool", "Busy"}
    assert results.count("Busy") == shed == queue.shed
    assert results.count("bool") == queue.done >= 2
    assert queue.inside == 0


def test_a_caller_who_leaves_does_not_free_the_place_of_work_that_goes_on() -> None:
    queue, gate = Queue(1), threading.Event()

    async def leave() -> None:
        task = asyncio.ensure_future(queue.work(gate.wait, 10))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert queue.inside == 1
        gate.set()

    asyncio.run(leave())
    queue.close()
    assert queue.inside == 0


def test_a_closed_queue_is_busy() -> None:
    queue = Queue(1)
    queue.close()
    with pytest.raises(Busy):
        asyncio.run(queue.work(int))
