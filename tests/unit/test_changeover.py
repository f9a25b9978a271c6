"""Settings that need new templates: the pictures first, then the settings; broken off anywhere, the old state is whole."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from attendance.domain.model import Decision
from attendance.errors import ConflictError, SettingsError, StoreUnavailableError
from attendance.params import checked, flat
from attendance.services.changeover import Changeover, State, Wish, change_over, pictures_left, seconds_a_picture
from attendance.services.choices import Choices
from attendance.services.reembed import BATCH
from attendance.settings import Params
from tests.fakes import OTHER, FakeEngine, House, away, picture

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from attendance.services.reembed import ReembedService
    from attendance.store.base import Store

VALUES = {"recognition.use_alignment": False}
PICTURES = 24


@pytest.fixture
def house(house: House) -> House:
    for person in range(6):
        house.add(f"Person {person}", person, pictures=4)
    return house


def choices_of(house: House) -> Choices:
    return Choices(house.real_store, house.clock, file=flat(Params()), check=checked)


def wish(version: int = 0) -> Wish:
    return Wish(VALUES, OTHER, version, "Olof", "a new camera")


def run(other: House, one: Wish | None = None, **options: object) -> object:
    return change_over(other.real_store, other.reembed, choices_of(other), one or wish(), **options)  # type: ignore[arg-type]


def is_old(house: House) -> bool:
    """The old model decides, with the old settings, and knows people."""
    known = house.checkin.attempt(picture(3, 9), records=False).attempt.decision is Decision.ACCEPTED
    return known and choices_of(house).current().version == 0 and house.real_store.active_model() != OTHER


def test_the_pictures_come_first_and_check_ins_go_on(house: House, other: House) -> None:
    assert pictures_left(house.real_store, OTHER) == PICTURES
    seen: list[bool] = []
    run(other, progress=lambda *_: seen.append(is_old(house)))
    assert seen == [True, True]
    assert choices_of(house).current().values == VALUES
    assert house.real_store.active_model() == OTHER
    assert pictures_left(house.real_store, OTHER) == 0
    other.roster.expire()
    assert other.checkin.attempt(picture(3, 9)).attempt.person_name == "Person 3"
    assert [action for actor, action in house.trail() if actor == "Olof"] == ["save-settings", "activate-model"]
    assert choices_of(house).finish_switch() is None, "nothing is left to finish"


def test_stopped_it_leaves_the_old_state_and_goes_on_later(house: House, other: House) -> None:
    run(other, should_stop=lambda: len(other.engine.seen) >= BATCH)
    assert is_old(house)
    assert pictures_left(house.real_store, OTHER) == PICTURES - BATCH
    run(other)
    assert len(other.engine.seen) == PICTURES, "no picture is looked at twice"
    assert house.real_store.active_model() == OTHER


def test_where_the_store_goes_away_nothing_is_saved(house: House, other: House) -> None:
    other.store.replace("put_templates", away)
    with pytest.raises(StoreUnavailableError):
        run(other)
    assert is_old(house)


def test_another_operators_save_meanwhile_wins(house: House, other: House) -> None:
    def save_other(*_: object) -> None:
        if choices_of(house).current().version == 0:
            choices_of(house).save({"policy.cooldown_s": 5}, expected_version=0, actor="Maria")

    with pytest.raises(ConflictError):
        run(other, progress=save_other)
    assert choices_of(house).current().values == {"policy.cooldown_s": 5.0}
    assert house.real_store.active_model() == house.engine.model.model_id
    with pytest.raises(ConflictError):
        run(other, wish(version=0))
    assert len(other.engine.seen) == PICTURES, "who is too late hears of it before the work"
    run(other, wish(version=1))
    assert house.real_store.active_model() == OTHER


def test_options_with_which_no_picture_can_be_used_are_not_saved(house: House, other: House) -> None:
    other.store.replace("picture", lambda _: b"noface")
    with pytest.raises(SettingsError, match="Not one of the stored pictures"):
        run(other)
    assert is_old(house)


def test_killed_between_saving_and_activating_the_next_start_finishes(house: House, other: House) -> None:
    other.store.replace("activate_model", away)
    with pytest.raises(StoreUnavailableError):
        run(other)
    assert choices_of(house).current().values == VALUES
    assert house.real_store.active_model() != OTHER
    assert choices_of(house).finish_switch() == OTHER  # as bootstrap's prepare does
    assert house.real_store.active_model() == OTHER


def test_with_nobody_registered_they_are_saved_at_once(tmp_path: Path) -> None:
    empty = House(tmp_path, engine=FakeEngine(OTHER))
    run(empty)
    assert choices_of(empty).current().values == VALUES
    assert empty.real_store.active_model() is None, "that is for the first enrolment"
    assert seconds_a_picture(empty.real_store, empty.engine, OTHER) is None
    empty.real_store.close()


def test_the_estimate_is_measured_on_the_first_pictures_and_stores_nothing(house: House) -> None:
    before = len(house.engine.seen)
    took = seconds_a_picture(house.real_store, house.engine, OTHER)
    assert took is not None
    assert took > 0
    assert len(house.engine.seen) - before == 4
    assert pictures_left(house.real_store, OTHER) == PICTURES


def test_the_job_works_in_a_thread_of_its_own_and_says_how_far_it_is(house: House, other: House) -> None:
    go_on, first = threading.Event(), threading.Event()

    def pause(_: bytes) -> None:
        if len(other.engine.seen) == BATCH:
            first.set()
            assert go_on.wait(30)

    other.engine.before = pause
    job = Changeover(lambda: parts(other), wish(), PICTURES).start()
    assert first.wait(30)
    assert (job.state, job.done, job.total) == (State.WORKING, BATCH, PICTURES)
    assert job.left_s is not None
    assert is_old(house)
    go_on.set()
    assert job.wait(30) is State.SAVED
    assert (job.done, job.failed, job.error) == (PICTURES, 0, None)


def test_the_job_can_be_stopped_and_tells_why_it_failed(house: House, other: House) -> None:
    job = Changeover(lambda: parts(other), wish(), PICTURES)
    job.stop()
    assert job.start().wait(30) is State.STOPPED
    other.store.replace("put_templates", away)
    failed = Changeover(lambda: parts(other), wish(), PICTURES).start()
    assert failed.wait(30) is State.FAILED
    assert isinstance(failed.error, StoreUnavailableError)
    assert is_old(house)


@contextmanager
def parts(house: House) -> Iterator[tuple[Store, ReembedService, Choices]]:
    yield house.real_store, house.reembed, choices_of(house)
