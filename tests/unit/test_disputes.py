"""A record that somebody at the door doubted: marked once, settled by the office, never erased."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from attendance.domain.model import Outcome, Review
from attendance.errors import ConflictError, StoreUnavailableError
from attendance.services.disputes import Disputes
from tests.fakes import House, away, picture

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from attendance.store.base import Store


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    made.add("Maria", 1)
    yield made
    made.real_store.close()


@pytest.fixture
def disputes(house: House) -> Disputes:
    return Disputes(cast("Store", house.store), house.clock)


@pytest.fixture
def attempt_id(house: House) -> str:
    return house.checkin.attempt(picture(1, 7)).attempt.attempt_id


def reviews(house: House) -> list[tuple[str, str]]:
    return [entry for entry in house.trail() if entry[1].startswith("attempt.")]


def test_said_at_the_door_and_settled_in_the_office(house: House, disputes: Disputes, attempt_id: str) -> None:
    marked = disputes.open(attempt_id)
    assert (marked.review, marked.reviewed_by, marked.reviewed_at_utc) == (Review.DISPUTED, "kiosk", house.clock.now)
    house.clock.forward(60)
    settled = disputes.settle(attempt_id, Review.VOID, "olof")
    assert (settled.review, settled.reviewed_by) == (Review.VOID, "olof")
    assert disputes.settle(attempt_id, Review.UPHELD, "olof").review is Review.UPHELD
    assert reviews(house) == [("kiosk", "attempt.dispute"), ("olof", "attempt.void"), ("olof", "attempt.uphold")]
    assert house.real_store.count_check_ins() == len(house.attempts()) == 1, "nothing is erased"


def test_saying_it_twice_or_after_the_office_changes_nothing(house: House, disputes: Disputes, attempt_id: str) -> None:
    disputes.open(attempt_id)
    disputes.open(attempt_id)
    disputes.settle(attempt_id, Review.UPHELD, "olof")
    assert disputes.open(attempt_id).review is Review.UPHELD
    disputes.settle(attempt_id, Review.UPHELD, "olof")
    assert len(reviews(house)) == 2


def test_a_disputed_record_holds_nobody_up(house: House, disputes: Disputes, attempt_id: str) -> None:
    disputes.open(attempt_id)
    assert house.checkin.attempt(picture(1, 8)).attempt.outcome is Outcome.RECORDED


def test_what_recognised_nobody_cannot_be_disputed(house: House, disputes: Disputes) -> None:
    stranger = house.checkin.attempt(picture(99)).attempt.attempt_id
    for attempt_id in (stranger, "nothing-of-the-kind"):
        with pytest.raises(ConflictError):
            disputes.open(attempt_id)
        with pytest.raises(ConflictError):
            disputes.settle(attempt_id, Review.VOID, "olof")
    assert reviews(house) == []


@pytest.mark.parametrize("review", [Review.NONE, Review.DISPUTED])
def test_only_two_ways_to_settle(disputes: Disputes, attempt_id: str, review: Review) -> None:
    with pytest.raises(ValueError, match="settled"):
        disputes.settle(attempt_id, review, "olof")


def test_a_settlement_is_taken_back(house: House, disputes: Disputes, attempt_id: str) -> None:
    disputes.open(attempt_id)
    disputes.settle(attempt_id, Review.VOID, "olof")
    assert disputes.reopen(attempt_id, Review.VOID, "olof").review is Review.DISPUTED
    assert house.attempts()[0].review is Review.DISPUTED
    assert reviews(house)[-1] == ("olof", "attempt.reopen")


@pytest.mark.parametrize("settled", [Review.UPHELD, Review.DISPUTED, Review.NONE])
def test_only_what_was_seen_is_taken_back(house: House, disputes: Disputes, attempt_id: str, settled: Review) -> None:
    disputes.open(attempt_id)
    disputes.settle(attempt_id, Review.VOID, "anna")
    with pytest.raises(ConflictError):
        disputes.reopen(attempt_id, settled, "olof")
    assert house.attempts()[0].review is Review.VOID


def test_two_operators_at_once(house: House, disputes: Disputes, attempt_id: str) -> None:
    disputes.open(attempt_id)

    def first(*args: object, **kwargs: object) -> object:
        house.store.restore()
        disputes.settle(attempt_id, Review.UPHELD, "anna")
        return house.real_store.set_review(*args, **kwargs)  # type: ignore[arg-type]  # passed on as they came

    house.store.replace("set_review", first)
    with pytest.raises(ConflictError):
        disputes.settle(attempt_id, Review.VOID, "olof")
    assert house.attempts()[0].reviewed_by == "anna"
    assert reviews(house)[-1] == ("olof", "attempt.void.failed")


def test_while_the_database_is_away_nothing_is_marked(house: House, disputes: Disputes, attempt_id: str) -> None:
    house.store.replace("set_review", away)
    with pytest.raises(StoreUnavailableError):
        disputes.open(attempt_id)
    assert house.attempts()[0].review is Review.NONE
