"""An attempt that is sent again, and what happens in its middle: a person who is removed, a part that is away."""

from __future__ import annotations

import threading

import pytest

from attendance.domain.model import Decision, Outcome, Reason
from attendance.errors import (
    InferenceError,
    PersonNotFoundError,
    SettingsError,
    StoreUnavailableError,
)
from tests.fakes import House, away, picture

STRANGER = picture(99)


def test_an_attempt_sent_again_gets_the_same_answer_without_being_looked_at(house: House) -> None:
    house.add("Maria", 1)
    first = house.checkin.attempt(picture(1, 7), attempt_id="kiosk-0001")
    seen = len(house.engine.seen)
    house.clock.forward(3600)
    again = house.checkin.attempt(STRANGER, attempt_id="kiosk-0001")
    assert len(house.engine.seen) == seen
    assert again.replayed
    assert not first.replayed
    assert (again.attempt, again.check_in, again.words, again.faces) == (
        first.attempt,
        first.check_in,
        first.words,
        first.faces,
    )
    assert len(house.attempts()) == house.real_store.count_check_ins() == 1


def test_an_attempt_sent_again_after_the_person_was_removed(house: House) -> None:
    maria = house.add("Maria", 1)
    first = house.checkin.attempt(picture(1, 7), attempt_id="kiosk-0001")
    house.people.remove(maria.person_id, actor="desk")
    assert house.checkin.attempt(picture(1, 7), attempt_id="kiosk-0001").attempt == first.attempt


def test_one_id_from_many_threads_is_one_attempt(house: House) -> None:
    house.add("Maria", 1)
    results = []
    start = threading.Barrier(8)

    def send(number: int) -> None:
        start.wait()
        results.append(house.checkin.attempt(picture(1, number), attempt_id="kiosk-0001"))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(10, 18)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(house.attempts()) == house.real_store.count_check_ins() == 1
    assert {result.attempt.attempt_id for result in results} == {"kiosk-0001"}
    assert len({str(result.attempt) for result in results}) == 1
    assert len(results) == 8


def test_an_id_that_cannot_be_a_key_is_refused(house: House) -> None:
    with pytest.raises(SettingsError):
        house.checkin.attempt(picture(1), attempt_id="../x")
    assert house.attempts() == []


def test_a_person_removed_between_decision_and_record_is_not_recorded(house: House) -> None:
    maria = house.add("Maria", 1)
    house.roster.gallery()

    def settle(*args: object, **kwargs: object) -> object:
        house.store.restore()
        house.real_store.remove_person(maria.person_id)
        return house.real_store.settle(*args, **kwargs)  # type: ignore[arg-type]  # passed on as they came

    house.store.replace("settle", settle)
    result = house.checkin.attempt(picture(1, 7))
    assert (result.attempt.decision, result.attempt.reason) == (Decision.REJECTED, Reason.NOT_ENROLLED)
    assert result.attempt.person_name is result.attempt.entered_name is None
    assert result.words.headline == "Not recognised this time"
    assert house.attempts() == [result.attempt]
    assert house.real_store.count_check_ins() == 0


def test_a_person_removed_while_the_names_are_looked_up(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.add("Maria", 1)

    def gone(person_id: str) -> None:
        raise PersonNotFoundError("gone", key=person_id)

    monkeypatch.setattr(house.roster, "person", gone)
    assert house.checkin.attempt(picture(1, 7)).attempt.reason is Reason.NOT_ENROLLED


@pytest.mark.parametrize("method", ["gallery_changes", "find_person", "settle", "attempt"])
def test_while_the_database_is_away_nobody_is_told_that_anything_was_recorded(house: House, method: str) -> None:
    house.add("Maria", 1)
    house.store.replace(method, away)
    with pytest.raises(StoreUnavailableError):
        house.checkin.attempt(picture(1, 7), claimed="Maria", attempt_id="kiosk-0001")
    assert house.attempts() == []
    house.store.restore()
    result = house.checkin.attempt(picture(1, 7), claimed="Maria", attempt_id="kiosk-0001")
    assert (result.attempt.outcome, result.replayed) == (Outcome.RECORDED, False)


def test_an_answer_that_was_lost_is_given_when_it_is_asked_for_again(house: House) -> None:
    house.add("Maria", 1)

    def lost(*args: object, **kwargs: object) -> None:
        house.real_store.settle(*args, **kwargs)  # type: ignore[arg-type]  # passed on as they came
        away()

    house.store.replace("settle", lost)
    with pytest.raises(StoreUnavailableError):
        house.checkin.attempt(picture(1, 7), attempt_id="kiosk-0001")
    house.store.restore()
    again = house.checkin.attempt(picture(1, 7), attempt_id="kiosk-0001")
    assert (again.attempt.outcome, again.replayed) == (Outcome.RECORDED, True)
    assert house.real_store.count_check_ins() == 1


def test_a_model_that_fails_is_no_decision(house: House) -> None:
    house.add("Maria", 1)
    with pytest.raises(InferenceError):
        house.checkin.attempt(b"broken model")
    assert house.attempts() == []
