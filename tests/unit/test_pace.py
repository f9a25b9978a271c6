"""How often each screen may send: alone as it likes, together what the engine can do, and urgent ones last to give way."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attendance.api.pace import FORGOTTEN_S, MOST_SCREENS, SHARE, SLOWEST_MS, Pace
from attendance.api.work import Queue

MEAN_S, WORKERS = 0.03, 2
ABLE = SHARE * WORKERS / MEAN_S  # frames a second


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


def queue_of(mean_s: float = MEAN_S) -> Queue:
    """A queue whose frames took so long of late."""
    queue = Queue(WORKERS)
    queue._mean_s = mean_s
    return queue


def paces(pace: Pace, wishes: list[tuple[int, bool]]) -> list[int]:
    """What each screen is told once all of them are known."""
    for number, (wished, urgent) in enumerate(wishes):
        pace.every_ms(str(number), wished, urgent=urgent)
    return [pace.every_ms(str(number), wished, urgent=urgent) for number, (wished, urgent) in enumerate(wishes)]


def offered(told: list[int]) -> float:
    """Frames a second."""
    return sum(1e3 / every_ms for every_ms in told)


@pytest.mark.parametrize("wished", [150, 250, 400])
@pytest.mark.parametrize("urgent", [True, False])
def test_a_screen_alone_sends_as_it_likes(wished: int, urgent: bool) -> None:
    assert Pace(queue_of()).every_ms("one", wished, urgent=urgent) == wished


def test_screens_that_fit_send_as_they_like() -> None:
    wishes = [(150, True), (150, False), (250, False), (400, False)]
    assert offered(paces(Pace(queue_of()), wishes)) < ABLE
    assert paces(Pace(queue_of()), wishes) == [150, 150, 250, 400]


def test_together_they_offer_what_the_engine_can_do() -> None:
    told = paces(Pace(queue_of()), [(150, True)] * 2 + [(250, False)] * 9 + [(400, False)] * 9)
    assert offered(told) == pytest.approx(ABLE, rel=0.01)
    assert told[:2] == [150, 150], "who is being decided is not held up"
    assert all(wished < every <= SLOWEST_MS for every, wished in zip(told[2:], [250] * 9 + [400] * 9, strict=True))


def test_when_everybody_is_being_decided_everybody_is_told_the_same() -> None:
    told = paces(Pace(queue_of()), [(150, True)] * 20)
    assert len(set(told)) == 1
    assert offered(told) == pytest.approx(ABLE, rel=0.01)


def test_the_urgent_give_way_only_after_the_patient_are_at_their_slowest() -> None:
    told = paces(Pace(queue_of()), [(150, True)] * 8 + [(250, False)] * 12)
    assert told[8:] == [SLOWEST_MS] * 12
    assert 150 < told[0] < SLOWEST_MS
    assert offered(told) == pytest.approx(ABLE, rel=0.01)


def test_slower_work_means_a_slower_pace() -> None:
    wishes = [(250, False)] * 10
    quick, slow, hopeless = (paces(Pace(queue_of(mean_s)), wishes)[0] for mean_s in (0.02, 0.06, 5.0))
    assert quick == 250 < slow < hopeless == SLOWEST_MS


def test_a_screen_that_has_gone_wishes_for_nothing() -> None:
    clock = Clock()
    pace = Pace(queue_of(), clock)
    paces(pace, [(150, True)] * 20)
    assert pace.every_ms("0", 150, urgent=True) > 150
    clock.now += FORGOTTEN_S + 0.1
    assert pace.every_ms("0", 150, urgent=True) == 150
    assert pace.screens == 1


def test_after_a_shed_frame_the_last_wish_counts_and_the_screen_is_known() -> None:
    pace = Pace(queue_of())
    assert pace.again_ms("new", 150) == 150
    paces(pace, [(400, False)] * 40)
    assert pace.again_ms("3", 150) == pace.every_ms("3", 400, urgent=False) > 400


def test_made_up_screens_cannot_fill_the_memory() -> None:
    pace = Pace(queue_of())
    for number in range(2 * MOST_SCREENS):
        pace.every_ms(str(number), 150, urgent=False)
    assert pace.screens <= MOST_SCREENS


@given(
    st.lists(st.tuples(st.sampled_from([150, 250, 400, 1200]), st.booleans()), min_size=1, max_size=40),
    st.floats(1e-6, 10),
)
def test_no_pace_is_quicker_than_wished_nor_slower_than_allowed_and_none_is_offered_too_much(
    wishes: list[tuple[int, bool]], mean_s: float
) -> None:
    told = paces(Pace(queue_of(mean_s)), wishes)
    for every, (wished, _) in zip(told, wishes, strict=True):
        assert wished <= every <= max(wished, SLOWEST_MS)
    able = SHARE * WORKERS / max(mean_s, 1e-4)
    least = sum(1e3 / max(wished, SLOWEST_MS) for wished, _ in wishes)
    assert offered(told) <= max(able, least) * 1.02 or told == [wished for wished, _ in wishes]
