"""Intervals by drawing people: against the bootstrap written out, against known spread, and where nothing was seen."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attendance.domain.metrics import Distances, largest_unseen
from attendance.domain.resampling import GRID, PAIRED, PER_UNIT, SEED, ByPerson, Counted, bins_of, eer_between

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def counted(owners: Sequence[tuple[int, ...]], distances: list[float], people: int, independent: int = 10) -> Counted:
    pairs = len(owners[0]) == 2
    table = ByPerson(people, pairs=pairs)
    table.add(np.array(distances), *(np.array(column) for column in zip(*owners, strict=True)))
    return Counted(Distances.of(distances), table, independent)


def crossed(people: int, seed: int) -> tuple[list[tuple[int, int]], list[float]]:
    """Every pair of people once, where some people resemble everybody more than others do."""
    rng = np.random.default_rng(seed)
    own = rng.normal(0, 0.12, people)
    pairs = list(itertools.combinations(range(people), 2))
    return pairs, [float(max(1 + own[a] + own[b] + rng.normal(0, 0.1), 0)) for a, b in pairs]


def written_out(
    pairs: list[tuple[int, int]], distances: list[float], people: int, seed: int, draws: int
) -> NDArray[np.float64]:
    """The share at or below 0.8 in each draw, each comparison weighted with the product of its two people's counts."""
    weights = np.random.default_rng(seed).multinomial(people, np.full(people, 1 / people), size=draws)
    first, second = np.array(pairs).T
    product = weights[:, first] * weights[:, second]
    shares: NDArray[np.float64] = (product @ (np.array(distances) <= 0.8)) / product.sum(axis=1)
    return shares


@pytest.mark.parametrize("people", [7, 30, PAIRED])
def test_of_few_people_the_draws_are_those_of_the_whole_bootstrap_of_pairs(people: int) -> None:
    pairs, distances = crossed(people, 3)
    table = counted([*pairs[1:], pairs[0]], [*distances[1:], distances[0]], people)
    ours = table.by_person.shares(draws=50)[:, round(0.8 * PER_UNIT)]
    np.testing.assert_allclose(ours, written_out(pairs, distances, people, SEED, 50), rtol=1e-12)


def test_of_many_people_the_interval_is_nearly_that_of_the_whole_bootstrap_of_pairs() -> None:
    people = PAIRED + 1
    pairs, distances = crossed(people, 3)
    ours = counted(pairs, distances, people).accepted(0.8)
    low, high = np.quantile(written_out(pairs, distances, people, 1, 2000), [0.025, 0.975])
    width = high - low
    assert ours.low == pytest.approx(low, abs=0.2 * width)
    assert ours.high == pytest.approx(high, abs=0.2 * width)


def test_about_95_of_100_intervals_hold_the_truth() -> None:
    truth = np.mean([np.mean(np.array(crossed(60, seed)[1]) <= 0.85) for seed in range(1000, 1060)])
    held = 0
    for seed in range(40):
        pairs, distances = crossed(60, seed)
        rate = counted(pairs, distances, 60).accepted(0.85)
        held += rate.low <= truth <= rate.high
    assert 34 <= held <= 40


def test_pairs_that_share_people_make_wider_intervals_than_independent_ones_would() -> None:
    pairs, distances = crossed(60, 5)
    rate = counted(pairs, distances, 60).accepted(0.85)
    binomial = 2 * 1.96 * np.sqrt(rate.rate * (1 - rate.rate) / rate.of)
    assert rate.high - rate.low > 1.5 * binomial


def test_where_nothing_was_seen_the_rule_of_three_stands() -> None:
    none = counted([(0,), (1,), (2,)], [0.2, 0.3, 0.4], 3, independent=30)
    assert none.refused(0.5) == none.refused(0.4)
    assert none.refused(0.5).low == 0.0
    assert none.refused(0.5).high == largest_unseen(30)
    assert (none.refused(0.1).low, none.refused(0.1).high) == (1 - largest_unseen(30), 1.0)


@settings(deadline=None, max_examples=25)  # the first call draws, and a busy machine takes its time
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 25_000).map(lambda n: n / 10_000)), min_size=2, max_size=40))
def test_the_table_holds_what_the_distances_say(rows: list[tuple[int, float]]) -> None:
    owners, distances = [(person,) for person, _ in rows], [distance for _, distance in rows]
    one = counted(owners, distances, 6)
    np.testing.assert_array_equal(
        np.cumsum(one.by_person.bins.sum(axis=0))[:-1], (np.array(distances)[:, None] <= GRID + 1e-11).sum(0)
    )
    for threshold in (0.0, 0.5, 0.53, 1.999, 2.0):
        accepted, refused = one.accepted(threshold), one.refused(threshold)
        assert accepted.errors + refused.errors == accepted.of == len(rows)
        for rate in (accepted, refused):
            assert 0 <= rate.low <= rate.rate <= rate.high <= 1


def test_every_threshold_of_two_decimals_lies_on_the_grid() -> None:
    for hundredths in range(201):
        threshold = hundredths / 100
        assert GRID[bins_of(np.array([threshold]))[0]] == pytest.approx(threshold, abs=1e-12)


def test_the_same_comparisons_give_the_same_intervals() -> None:
    pairs, distances = crossed(20, 2)
    assert counted(pairs, distances, 20).accepted(0.9) == counted(pairs, distances, 20).accepted(0.9)


def test_the_equal_error_rate_lies_in_its_interval() -> None:
    rng = np.random.default_rng(4)
    pairs, impostor = crossed(40, 8)
    genuine = counted([(n % 40,) for n in range(200)], np.abs(rng.normal(0.7, 0.15, 200)).tolist(), 40)
    low, high = eer_between(genuine, counted(pairs, impostor, 40))
    assert 0.02 < low < high < 0.4


def test_a_gap_in_every_draw_still_leaves_room_for_errors() -> None:
    genuine = counted([(0,), (1,)], [0.1, 0.2], 2, independent=4)
    impostor = counted([(0, 1)], [0.9], 2, independent=1)
    assert eer_between(genuine, impostor)[1] == largest_unseen(1)
