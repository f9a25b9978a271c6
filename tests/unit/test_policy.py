"""The rules around a comparison."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attendance.domain import policy
from attendance.domain.model import distance_l2
from attendance.errors import SettingsError

coordinates = st.lists(st.floats(-3, 3, width=32), min_size=1, max_size=7)


def line(places: list[float]) -> list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    """Embeddings along a line: their distances are the differences."""
    return [np.array([place, 0, 0], np.float32) for place in places]


@given(coordinates)
def test_pairwise_distances_are_the_distances_of_pairs(places: list[float]) -> None:
    rows = line(places)
    between = policy.pairwise_l2(rows)
    assert between.shape == (len(places), len(places))
    assert np.allclose(between, [[distance_l2(a, b) for b in rows] for a in rows], atol=1e-5)


def test_pictures_hang_together_through_others() -> None:
    distances = policy.pairwise_l2(line([0.0, 0.5, 1.0, 5.0]))
    assert policy.groups_within(distances, 0.6) == [[0, 1, 2], [3]]
    assert policy.groups_within(distances, 0.4) == [[0], [1], [2], [3]]


@given(coordinates, st.floats(0, 3))
def test_groups_part_the_pictures_by_the_limit(places: list[float], limit: float) -> None:
    distances = policy.pairwise_l2(line(places))
    groups = policy.groups_within(distances, limit)
    assert sorted(index for group in groups for index in group) == list(range(len(places)))
    assert [len(group) for group in groups] == sorted((len(group) for group in groups), reverse=True)
    for group in groups:
        outside = [index for index in range(len(places)) if index not in group]
        assert all(distances[a, b] > limit for a in group for b in outside)
        if len(group) > 1:
            assert all(policy.nearest_other_l2(distances)[a] <= limit for a in group)


def test_a_lone_picture_has_no_other() -> None:
    assert np.isinf(policy.nearest_other_l2(policy.pairwise_l2(line([1.0])))).all()


def test_who_resembles_in_one_picture_of_three_can_be_told_apart() -> None:
    assert not policy.is_hard_to_tell([0.35, 0.36, 0.4], [0.53, 0.7, 0.8], 0.54, 0.05)


def test_one_person_under_two_names_cannot() -> None:
    assert policy.is_hard_to_tell([0.35, 0.36, 0.4], [0.33, 0.36, 0.35], 0.54, 0.05)


def test_a_single_picture_is_judged_by_the_threshold_alone() -> None:
    assert policy.is_hard_to_tell([np.inf], [0.54], 0.54, 0.05)
    assert not policy.is_hard_to_tell([np.inf], [0.55], 0.54, 0.05)


def test_the_day_is_the_sites() -> None:
    late = datetime(2026, 3, 28, 23, 30, tzinfo=UTC)
    assert policy.day_of(late, ZoneInfo("Europe/Stockholm")) == "2026-03-29"
    assert policy.day_of(late, ZoneInfo("America/New_York")) == "2026-03-28"
    assert policy.day_of(late, None) == late.astimezone().date().isoformat()
    with pytest.raises(ValueError, match="zone"):
        policy.day_of(datetime(2026, 3, 28), UTC)  # noqa: DTZ001 - a naive time is what is refused


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)), st.integers(-12, 14))  # noqa: DTZ001 - a zone is added
def test_the_day_does_not_depend_on_the_zone_that_a_time_is_given_in(at: datetime, hours: int) -> None:
    moment = at.replace(tzinfo=UTC)
    shifted = moment.astimezone(timezone(timedelta(hours=hours)))
    assert policy.day_of(moment, ZoneInfo("Asia/Tokyo")) == policy.day_of(shifted, ZoneInfo("Asia/Tokyo"))


def test_new_attempt_ids_differ_and_pass_the_check() -> None:
    ids = {policy.new_attempt_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(policy.checked_attempt_id(one) == one for one in ids)


@pytest.mark.parametrize(
    "text", ["", "short", "x" * 129, "a b c d e f", "abcdefgh\n", "../../etc/passwd", "käferkäfer", "$where:12"]
)
def test_ids_that_cannot_be_keys_are_refused(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        policy.checked_attempt_id(text)
    assert caught.value.name == "attempt_id"
    assert text not in str(caught.value) or not text
