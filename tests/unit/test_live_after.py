"""Check-in from a running camera: who has a result is left in peace; claims; what is away; many cameras and threads."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from attendance.domain.model import Mode, Outcome, Reason
from attendance.errors import InferenceError, StoreUnavailableError
from attendance.services import live_views
from tests.fakes import House, away, picture
from tests.live_kiosk import MARIA, STRANGER, TOM, Kiosk, house_in, names_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from attendance.services.live_answer import LiveAnswer


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    yield from house_in(tmp_path)


@pytest.fixture
def kiosk(house: House) -> Kiosk:
    return Kiosk(house)


# Somebody who has a result --------------------------------------------------------------------------------------------


def test_whoever_stays_is_not_told_again(house: House, kiosk: Kiosk) -> None:
    kiosk.see(MARIA, 3)
    answers = kiosk.see(MARIA, 400)
    held = [answer for answer in answers if answer.screen.state == "checked-in"]
    assert len(held) == 19
    assert held[-1].hold_ms == 200
    assert {answer.screen.state for answer in answers[19:]} == {"done"}
    assert {answer.screen.help for answer in answers[19:]} == {"Next person, please."}
    assert len(house.attempts()) == 1


def test_turning_away_for_a_while_is_not_leaving(house: House, kiosk: Kiosk) -> None:
    kiosk.see(MARIA, 25)
    for _ in range(40):
        kiosk.look(b"dark")
    assert kiosk.states(MARIA, 5) == ["done"] * 5
    assert len(house.attempts()) == 1


def test_whoever_comes_back_is_told_when_they_checked_in(house: House, kiosk: Kiosk) -> None:
    kiosk.see(MARIA, 25)
    for _ in range(12):
        assert kiosk.look(b"noface").screen.state == "waiting"
    last = kiosk.see(MARIA, 3)[-1]
    assert (last.screen.state, last.screen.fact, last.disputable) == (
        "already",
        ("Already checked in at", "09:00:00"),
        False,
    )
    assert [attempt.outcome for attempt in house.attempts()] == [Outcome.RECORDED, Outcome.ALREADY]
    assert house.real_store.count_check_ins() == 1


def test_the_next_person_need_not_wait(house: House, kiosk: Kiosk) -> None:
    kiosk.see(MARIA, 4)
    assert kiosk.states(TOM, 3) == ["deciding", "deciding", "checked-in"]
    assert kiosk.states(STRANGER, 9)[-1] == "not-recognised"
    assert [attempt.person_name for attempt in house.attempts()] == ["Maria", "Tom", None]


def test_a_screen_that_sends_nothing_while_it_shows_a_result_does_not_show_it_twice(house: House, kiosk: Kiosk) -> None:
    kiosk.see(MARIA, 3)
    kiosk.wait(4.5)
    assert kiosk.states(MARIA, 3) == ["done"] * 3
    assert len(house.attempts()) == 1


def test_not_me(house: House, kiosk: Kiosk) -> None:
    attempt_id = kiosk.see(MARIA, 3)[-1].attempt_id
    assert attempt_id is not None
    answer = kiosk.live.dispute("another screen", attempt_id)
    assert kiosk.see(MARIA)[0].screen.state == "checked-in"
    answer = kiosk.live.dispute("door", attempt_id)
    assert (answer.screen.state, answer.disputable, answer.hold_ms) == ("disputed", False, 8000)
    kiosk.turn = 1
    assert kiosk.states(MARIA, 2) == ["disputed"] * 2
    kiosk.wait(9)
    again = kiosk.see(MARIA, 9)
    assert {answer.screen.state for answer in again} == {"done"}, "the same face would be the same wrong answer"
    assert not any(names_in(answer) for answer in again)
    assert len(house.attempts()) == 1
    kiosk.claimed = "Tom"
    assert kiosk.states(TOM, 3)[-1] == "checked-in"


# Name first -----------------------------------------------------------------------------------------------------------


def test_a_claim_is_compared_with_that_person_alone(house: House, kiosk: Kiosk) -> None:
    tom = house.real_store.find_person("Tom")
    for claimed, person in (("maria", MARIA), (f"id:{tom.person_id}", TOM)):
        kiosk.claimed = claimed
        assert kiosk.states(person, 3)[-1] == "checked-in"
    assert [(a.mode, a.entered_name, a.person_name) for a in house.attempts()] == [
        (Mode.VERIFICATION, "maria", "Maria"),
        (Mode.VERIFICATION, "Tom", "Tom"),
    ]


@pytest.mark.parametrize("asleep", [False, True])
def test_nobody_learns_who_is_registered(house: House, kiosk: Kiosk, asleep: bool) -> None:
    if asleep:
        house.people.deactivate(house.real_store.find_person("Tom").person_id, actor="desk")
    told = []
    for claimed in ("Tom", "Nobody", "id:nobody", "../../etc"):
        kiosk.claimed = claimed
        answers = kiosk.see(MARIA, 12)
        told.append([replace(answer, attempt_id=None) for answer in answers])
        kiosk.wait(30)
    assert told[0] == told[1] == told[2] == told[3]
    assert told[0][8].screen.headline == "Not recognised this time"
    first = Reason.INACTIVE if asleep else Reason.NO_MATCH
    assert [attempt.reason for attempt in house.attempts()] == [first, *[Reason.NOT_ENROLLED] * 3]


def test_a_kiosk_that_asks_for_names_looks_at_nobody_before(house: House) -> None:
    kiosk = Kiosk(house, mode="name")
    seen = len(house.engine.seen)
    assert kiosk.states(MARIA, 5) == ["name"] * 5
    assert len(house.engine.seen) == seen
    kiosk.claimed = "Maria"
    assert kiosk.states(MARIA, 3)[-1] == "checked-in"


def test_nobody_registered(tmp_path: Path) -> None:
    house = House(tmp_path)
    kiosk = Kiosk(house)
    assert kiosk.states(MARIA, 12) == ["nobody-registered"] * 12
    assert house.attempts() == []
    house.real_store.close()


# When something is away -----------------------------------------------------------------------------------------------


def test_a_settlement_whose_answer_was_lost_is_asked_for_again(house: House, kiosk: Kiosk) -> None:
    def lost(*args: object, **kwargs: object) -> None:
        house.real_store.settle(*args, **kwargs)  # type: ignore[arg-type]  # passed on as they came
        away()

    before = kiosk.see(MARIA, 2)[-1].attempt_id
    house.store.replace("settle", lost)
    for _ in range(10):
        with pytest.raises(StoreUnavailableError):
            kiosk.see(MARIA)
    house.store.restore()
    last = kiosk.see(MARIA)[0]
    assert (last.screen.state, last.attempt_id) == ("checked-in", before)
    assert house.real_store.count_check_ins() == len(house.attempts()) == 1


@pytest.mark.parametrize("method", ["settle", "gallery_changes"])
def test_while_the_database_is_away_nobody_is_told_anything(house: House, kiosk: Kiosk, method: str) -> None:
    house.store.replace(method, away)
    house.monotonic[0] += 1  # the gallery asks again
    for frame in range(6):
        if method == "settle" and frame < 2:
            assert kiosk.states(MARIA, 1) == ["deciding"]
        else:
            with pytest.raises(StoreUnavailableError):
                kiosk.see(MARIA)
    house.store.restore()
    house.monotonic[0] += 1
    assert "checked-in" in kiosk.states(MARIA, 3)
    assert house.real_store.count_check_ins() == 1


def test_a_model_that_fails_is_no_decision(kiosk: Kiosk) -> None:
    kiosk.see(MARIA, 2)
    with pytest.raises(InferenceError):
        kiosk.look(b"broken model")
    assert kiosk.states(MARIA, 1) == ["checked-in"]


def test_a_person_removed_in_the_last_moment_is_nobody(house: House, kiosk: Kiosk) -> None:
    kiosk.see(MARIA, 2)
    house.real_store.remove_person(house.real_store.find_person("Maria").person_id)
    last = kiosk.see(MARIA)[0]
    assert last.screen.state == "not-recognised"
    assert not names_in(last)
    assert house.attempts()[0].reason is Reason.NOT_ENROLLED


# Several cameras, several threads -------------------------------------------------------------------------------------


def test_views_know_nothing_of_each_other(house: House, kiosk: Kiosk) -> None:
    for number in range(4):
        assert kiosk.look(picture(MARIA, 30 + number), view=f"view {number}").agreed == 1
    assert house.attempts() == []


def test_a_second_frame_of_a_view_is_busy_and_another_view_is_not(house: House, kiosk: Kiosk) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def wait(data: bytes) -> None:
        if data == picture(MARIA, 40):
            inside.set()
            go_on.wait(10)

    house.engine.before = wait
    first: list[LiveAnswer] = []
    thread = threading.Thread(target=lambda: first.append(kiosk.look(picture(MARIA, 40))))
    thread.start()
    assert inside.wait(10)
    assert kiosk.see(MARIA)[0].screen.state == "busy"
    assert kiosk.look(picture(MARIA, 41), view="another").screen.state == "deciding"
    go_on.set()
    thread.join()
    assert first[0].screen.state == "deciding"
    assert kiosk.states(MARIA, 2) == ["deciding", "checked-in"]


def test_many_views_are_forgotten_the_oldest_first(kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_views, "MOST_VIEWS", 10)
    for number in range(40):
        kiosk.look(b"noface", view=f"view {number}")
    assert len(kiosk.live._views) == 10
    kiosk.wait(60)
    kiosk.look(b"noface")
    assert len(kiosk.live._views) == 1


def test_many_threads_on_one_view_leave_one_record(house: House, kiosk: Kiosk) -> None:
    rng = np.random.default_rng(3)

    def send(number: int) -> None:
        for frame in range(20):
            kiosk.live.look("view", picture(MARIA, 1000 * number + frame), device="door")

    threads = [threading.Thread(target=send, args=(int(number),)) for number in rng.permutation(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(house.attempts()) == house.real_store.count_check_ins() == 1
