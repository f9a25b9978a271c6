"""Error rates against scikit-learn's curves, against the closed form of two normals, and as properties."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import det_curve, roc_curve  # type: ignore[import-untyped, unused-ignore]  # has no types

from attendance.domain import metrics
from attendance.domain.metrics import Distances, eer, fmr, fnmr, fnmr_at_fmr, threshold_at

F64 = NDArray[np.float64]

some = st.lists(st.floats(0, 2, allow_nan=False), min_size=1, max_size=60)
coarse = st.lists(st.integers(0, 20).map(lambda n: n / 10), min_size=1, max_size=60)  # many ties
NORMAL = NormalDist()


def normals(seed: int, size: int) -> tuple[F64, F64]:
    rng = np.random.default_rng(seed)
    return rng.normal(0.4, 0.1, size), rng.normal(0.9, 0.1, size)


@pytest.mark.parametrize("seed", range(5))
def test_scikit_learn_says_the_same(seed: int) -> None:
    """Its scores are larger where more alike, so they are the distances' negatives."""
    genuine, impostor = (np.round(kind, 2) for kind in normals(seed, 300))
    labels = np.concatenate([np.ones(300), np.zeros(300)])
    scores = -np.concatenate([genuine, impostor])
    false_positive, true_positive, at = roc_curve(labels, scores, drop_intermediate=False)
    finite = np.isfinite(at)
    np.testing.assert_allclose(fmr(impostor, -at[finite]), false_positive[finite], atol=1e-12)
    np.testing.assert_allclose(1 - fnmr(genuine, -at[finite]), true_positive[finite], atol=1e-12)
    det_positive, det_negative, at = det_curve(labels, scores)
    finite = np.isfinite(at)
    np.testing.assert_allclose(fmr(impostor, -at[finite]), det_positive[finite], atol=1e-12)
    np.testing.assert_allclose(fnmr(genuine, -at[finite]), det_negative[finite], atol=1e-12)
    closest = np.abs(det_positive - det_negative).argmin()
    assert eer(genuine, impostor)[0] == pytest.approx((det_positive[closest] + det_negative[closest]) / 2)


def test_the_closed_form_of_two_normals() -> None:
    """Means 0.4 and 0.9, deviation 0.1: EER = Phi(-2.5) at 0.65, FNMR at FMR f = 1 - Phi((0.9 + 0.1 z_f - 0.4) / 0.1)."""
    genuine, impostor = (np.maximum(kind, 0) for kind in normals(7, 1_000_000))
    rate, threshold = eer(genuine, impostor)
    assert rate == pytest.approx(NORMAL.cdf(-2.5), rel=0.03)
    assert threshold == pytest.approx(0.65, abs=0.003)
    for target in (1e-2, 1e-3, 1e-4):
        missed, at = fnmr_at_fmr(genuine, impostor, target)
        expected_at = 0.9 + 0.1 * NORMAL.inv_cdf(target)
        assert at == pytest.approx(expected_at, abs=0.01)
        assert missed == pytest.approx(1 - NORMAL.cdf((expected_at - 0.4) / 0.1), rel=0.15)
        assert fmr(impostor, at) <= target


@settings(deadline=None)
@given(some, some)
def test_fmr_rises_and_fnmr_falls(genuine: list[float], impostor: list[float]) -> None:
    thresholds = np.linspace(0, 2, 41)
    assert (np.diff(fmr(impostor, thresholds)) >= 0).all()
    assert (np.diff(fnmr(genuine, thresholds)) <= 0).all()


@settings(deadline=None)
@given(coarse, coarse, st.randoms(use_true_random=False))
def test_order_does_not_matter(genuine: list[float], impostor: list[float], random: object) -> None:
    before = (eer(genuine, impostor), fnmr_at_fmr(genuine, impostor, 0.1))
    for kind in (genuine, impostor):
        random.shuffle(kind)  # type: ignore[attr-defined]
    assert (eer(genuine, impostor), fnmr_at_fmr(genuine, impostor, 0.1)) == before


@settings(deadline=None)
@given(coarse, st.floats(0, 1))
def test_a_threshold_keeps_its_rate_and_is_the_largest_that_does(impostor: list[float], rate: float) -> None:
    at = threshold_at(impostor, rate)
    assert float(fmr(impostor, at)) <= rate * (1 + 1e-9)
    if math.isfinite(at):
        assert float(fmr(impostor, np.nextafter(at, 9))) > rate


@settings(deadline=None)
@given(coarse, coarse)
def test_at_its_threshold_the_equal_error_rate_is_what_it_says(genuine: list[float], impostor: list[float]) -> None:
    rate, threshold = eer(genuine, impostor)
    assert rate == pytest.approx(float(fmr(impostor, threshold) + fnmr(genuine, threshold)) / 2)
    others = np.unique([*genuine, *impostor])
    best = np.abs(fmr(impostor, others) - fnmr(genuine, others)).min()
    assert abs(fmr(impostor, threshold) - fnmr(genuine, threshold)) == pytest.approx(best)


@settings(deadline=None)
@given(coarse)
def test_counted_distances_are_the_same_as_exact_ones(distances: list[float]) -> None:
    values, counts = np.arange(21) / 10, np.bincount(np.rint(np.array(distances) * 10).astype(int), minlength=21)
    thresholds = np.linspace(0, 2, 81)
    np.testing.assert_array_equal(fmr(Distances.counted(values, counts), thresholds), fmr(distances, thresholds))


def test_a_threshold_itself_accepts() -> None:
    assert fmr([0.5, 0.6], 0.5) == 0.5
    assert fnmr([0.5, 0.6], 0.6) == 0.0


def test_without_a_single_error_the_threshold_lies_in_the_middle_of_the_gap() -> None:
    assert eer([0.1, 0.4], [0.6, 0.9]) == (0.0, 0.5)


def test_what_is_no_distance_is_refused() -> None:
    for wrong in ([math.nan], [-0.1]):
        with pytest.raises(ValueError, match="not below zero"):
            Distances.of(wrong)
    with pytest.raises(ValueError, match="no comparisons"):
        fmr([], 0.5)


def test_a_search_that_names_nobody_is_a_miss_at_every_threshold() -> None:
    assert metrics.fnir([0.3, math.inf], [0.5, 2.0]).tolist() == [0.5, 0.5]
    assert metrics.fpir([0.3, math.inf], [0.2, 2.0]).tolist() == [0.0, 0.5]
    assert threshold_at([0.3, math.inf], 0.5) > 2


def test_the_rule_of_three() -> None:
    assert [metrics.enough_for(rate) for rate in (1e-2, 1e-3, 1e-4)] == [300, 3000, 30000]
    for trials in (300, 3000):
        assert metrics.largest_unseen(trials) == pytest.approx(3 / trials, rel=0.01)
        assert (1 - metrics.largest_unseen(trials)) ** trials == pytest.approx(0.05)
    assert metrics.largest_unseen(0) == 1.0


@settings(deadline=None)
@given(st.floats(1e-6, 0.5), st.integers(1, 500), st.integers(1, 500))
def test_growth_there_and_back(rate: float, searched: int, people: int) -> None:
    later = metrics.grown(rate, searched, people)
    assert (later >= rate) == (people >= searched) or later == pytest.approx(rate)
    assert metrics.grown(later, people, searched) == pytest.approx(rate, rel=1e-6) or later > 0.999999
    assert metrics.people_until(rate, searched, metrics.grown(rate, searched, people)) == pytest.approx(
        people, rel=1e-6
    ) or (later > 0.999999)


def test_fpir_of_independent_people_is_one_minus_the_product() -> None:
    assert metrics.grown(0.001, 1, 50) == pytest.approx(1 - 0.999**50)
    assert metrics.grown(1.0, 5, 7) == 1.0
    assert metrics.people_until(0.0, 9, 0.001) == math.inf
    assert metrics.people_until(0.5, 1, 1.0) == math.inf


def test_the_threshold_for_an_fpir_is_tighter_for_more_people() -> None:
    strangers = np.linspace(0.5, 1.5, 10_000)
    now = metrics.threshold_for_fpir(strangers, 0.01, searched=100, people=100)
    later = metrics.threshold_for_fpir(strangers, 0.01, searched=100, people=1000)
    assert float(metrics.fpir(strangers, now)) <= 0.01
    assert later < now
    assert float(metrics.fpir(strangers, later)) <= 0.0011


def test_failures_to_acquire_count_in_whole_attempts() -> None:
    assert metrics.with_failures(0.1, 0.2, misses=True) == pytest.approx(0.1 + 0.2 * 0.9)
    assert metrics.with_failures(0.1, 0.2, misses=False) == pytest.approx(0.2 * 0.9)
