"""Check-in from a running camera: one face, several frames, one stored attempt; nobody is told a name too early."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from attendance.domain.model import Decision, Mode, Outcome, Reason
from attendance.services.live import LivePolicy, LiveService
from tests.fakes import FakeEngine, House, picture
from tests.live_kiosk import MARIA, STEP_S, STRANGER, TOM, Kiosk, house_in, names_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    yield from house_in(tmp_path)


@pytest.fixture
def kiosk(house: House) -> Kiosk:
    return Kiosk(house)


@pytest.mark.parametrize("needed", [3, 4, 5])
def test_as_many_frames_as_the_setting_says_check_somebody_in(house: House, needed: int) -> None:
    kiosk = Kiosk(house, agreeing_frames=needed)
    answers = kiosk.see(MARIA, needed)
    assert [answer.screen.state for answer in answers] == ["deciding"] * (needed - 1) + ["checked-in"]
    assert [answer.agreed for answer in answers] == list(range(1, needed + 1))
    assert {answer.needed for answer in answers} == {needed}
    (attempt,) = house.attempts()
    assert {answer.attempt_id for answer in answers} == {attempt.attempt_id}
    assert not any(names_in(answer) for answer in answers[:-1])
    assert house.real_store.count_check_ins() == 1


def test_what_is_told_is_what_is_stored(house: House, kiosk: Kiosk) -> None:
    last = kiosk.see(MARIA, 3)[-1]
    (attempt,) = house.attempts()
    assert (attempt.decision, attempt.outcome, attempt.mode) == (Decision.ACCEPTED, Outcome.RECORDED, Mode.IDENTIFICATION)
    assert (attempt.source, attempt.device, attempt.parameters["agreeing_frames"]) == ("kiosk", "door", 3)
    assert (last.screen.headline, last.screen.tone, last.screen.icon) == ("Maria", "good", "tick")
    assert last.screen.fact == ("Checked in at", "09:00:00")
    assert (last.disputable, last.hold_ms, last.attempt_id) == (True, 4000, attempt.attempt_id)
    assert last.boxes == ((0.1562, 0.1667, 0.3125, 0.5),)


def test_the_stored_distance_is_the_largest_of_the_agreeing_frames(house: House, kiosk: Kiosk) -> None:
    probes = [picture(MARIA, 50 + number, spread=spread) for number, spread in enumerate((0.1, 0.3, 0.2))]
    alone = [house.checkin.decide(probe, None).verdict.distance_l2 for probe in probes]
    for probe in probes:
        kiosk.look(probe)
    (attempt,) = house.attempts()
    assert attempt.distance_l2 == max(distance for distance in alone if distance is not None)
    assert attempt.timings_ms["agree"] == pytest.approx(2000 * STEP_S)


def test_two_people_who_take_turns_are_never_mixed(house: House, kiosk: Kiosk) -> None:
    for _ in range(10):
        assert kiosk.states(MARIA, 2) == ["deciding", "deciding"]
        assert kiosk.states(TOM, 2) == ["deciding", "deciding"]
    assert house.attempts() == []
    ids = [kiosk.see(person)[0].attempt_id for person in (MARIA, TOM, MARIA)]
    assert len(set(ids)) == 3, "another face, another attempt"
    kiosk.see(MARIA, 2)
    assert [attempt.person_name for attempt in house.attempts()] == ["Maria"]


@pytest.mark.parametrize("between", [b"noface", b"several"])
def test_nobody_or_several_people_between_two_frames_begin_anew(house: House, kiosk: Kiosk, between: bytes) -> None:
    for _ in range(4):
        assert kiosk.states(MARIA, 2) == ["deciding", "deciding"]
        assert kiosk.look(between).agreed == 0
    assert house.attempts() == []


def test_another_place_or_a_pause_begins_anew(house: House, kiosk: Kiosk) -> None:
    kiosk.see(MARIA, 2)
    house.engine.right = 250.0  # type: ignore[attr-defined]  # MovingEngine's
    assert kiosk.see(MARIA)[0].agreed == 1
    kiosk.see(MARIA)
    kiosk.wait(2.1)
    assert kiosk.see(MARIA)[0].agreed == 1
    assert house.attempts() == []


def test_a_new_turn_or_another_claim_begins_anew(house: House, kiosk: Kiosk) -> None:
    kiosk.see(MARIA, 2)
    kiosk.turn = 1
    assert kiosk.see(MARIA)[0].agreed == 1
    kiosk.see(MARIA)
    kiosk.claimed = "Maria"
    assert kiosk.see(MARIA)[0].agreed == 1
    assert house.attempts() == []


def test_poor_frames_are_hints_and_count_for_nothing(house: House, kiosk: Kiosk) -> None:
    kiosk.see(MARIA)
    for data, state in ((b"dark", "dark"), (b"small", "closer"), (b"blurred", "blurred")):
        hint = kiosk.look(data)
        assert (hint.screen.state, hint.agreed) == (state, 1)
    assert kiosk.states(MARIA, 2) == ["deciding", "checked-in"]
    assert len(house.attempts()) == 1


def test_hints_alone_are_no_attempt(house: House, kiosk: Kiosk) -> None:
    states = [kiosk.look(data).screen.state for data in (b"noface", b"several", b"small", b"dark", b"blurred") * 5]
    assert states[:5] == ["waiting", "several", "closer", "dark", "blurred"]
    assert kiosk.look(b"\xff\xd8\xff no picture").screen.state == "unreadable"
    assert house.attempts() == []


# Somebody who is not recognised ---------------------------------------------------------------------------------------


def test_a_stranger_is_stored_once_and_told_no_name(house: House, kiosk: Kiosk) -> None:
    answers = kiosk.see(STRANGER, 20)
    assert [answer.screen.state for answer in answers] == ["found"] * 8 + ["not-recognised"] * 12
    assert not any(names_in(answer) for answer in answers)
    (attempt,) = house.attempts()
    assert (attempt.decision, attempt.reason, attempt.person_name) == (Decision.REJECTED, Reason.NO_MATCH, None)
    assert attempt.parameters["agreeing_frames"] == 3
    assert (answers[8].hold_ms, answers[8].screen.tone) == (8000, "miss")
    assert answers[-1].hold_ms == pytest.approx(8000 - 11 * 200, abs=1)
    assert {answer.attempt_id for answer in answers[8:]} == {attempt.attempt_id}


def test_whoever_stays_is_tried_again_but_not_stored_again_and_again(house: House, kiosk: Kiosk) -> None:
    states = kiosk.states(STRANGER, 290)  # 58 seconds
    assert states.count("found") > 20, "tried again"
    assert len(house.attempts()) == 1
    kiosk.see(STRANGER, 60)
    assert len(house.attempts()) == 2


def test_whoever_was_not_recognised_is_looked_at_again_after_the_hold(kiosk: Kiosk) -> None:
    kiosk.see(STRANGER, 9)
    assert kiosk.states(MARIA, 3)[-1] == "checked-in", "another face need not wait"
    kiosk.wait(5)
    kiosk.see(STRANGER, 9)
    kiosk.wait(8)
    assert kiosk.states(STRANGER, 1) == ["found"]


def test_try_again_is_a_new_attempt(house: House, kiosk: Kiosk) -> None:
    for turn in range(3):
        kiosk.turn = turn
        kiosk.see(STRANGER, 9)
    assert len(house.attempts()) == 3


def test_one_face_that_is_two_people_is_ambiguous(house: House) -> None:
    kiosk = Kiosk(house)
    probe = [picture(MARIA, 5, toward=(TOM, share)) for share in (0.49, 0.51)]
    loose = FakeEngine(threshold=5.0)
    live = LiveService(
        house.checkin.with_engine(loose), replace(loose.model, threshold=5.0), LivePolicy(), lambda: kiosk.now
    )
    answers = []
    for index in range(9):
        kiosk.now += STEP_S
        answers.append(live.look("view", probe[index % 2], device="door"))
    assert answers[-1].screen.state == "not-recognised"
    assert [attempt.reason for attempt in house.attempts()] == [Reason.AMBIGUOUS]
    assert house.attempts()[0].entered_name is None


def test_an_idle_kiosk_looks_for_small_faces_about_once_a_second(house: House, kiosk: Kiosk) -> None:
    """The second look takes several times as long as the first; who is near enough to check in is found by the first."""
    engine = house.engine
    engine.looks.clear()
    for _ in range(20):
        assert kiosk.look(b"noface").screen.state == "waiting"
    looks = engine.looks
    assert looks[:4] == [True] * 4, "a face that was lost for a moment is still looked for"
    assert looks[4:] == [True, False, False, False] * 4
    kiosk.see(MARIA)
    kiosk.look(b"noface")
    assert looks[-1], "somebody is there: every frame is looked at closely again"
    other = Kiosk(house)
    other.look(b"noface", view="another")
    assert looks[-1], "each screen for itself"
