"""The cascade's arithmetic against torch and torchvision, which facenet-pytorch uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch.nn.functional import interpolate
from torchvision.ops import nms

from attendance.faces.mtcnn_geometry import (
    area_bounds,
    landmarks,
    probability,
    pyramid,
    regress,
    square,
    suppress,
    windows,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

coordinates = st.integers(0, 40)


@st.composite
def boxes(draw: st.DrawFn, most: int = 30) -> NDArray[np.float32]:
    """Whole-numbered boxes, which overlap a lot and tie often."""
    corners = draw(hnp.arrays(np.float32, (draw(st.integers(1, most)), 4), elements=coordinates.map(float)))
    return np.concatenate([np.minimum(corners[:, :2], corners[:, 2:]), np.maximum(corners[:, :2], corners[:, 2:])], axis=1)


@settings(deadline=None)
@given(st.integers(1, 300), st.integers(1, 300))
def test_area_bounds_are_those_of_torch(pixels_in: int, pixels_out: int) -> None:
    line = np.random.default_rng(pixels_in).integers(0, 256, pixels_in).astype(np.float32)
    start, end = area_bounds(pixels_in, pixels_out)
    means = [line[a:b].mean() for a, b in zip(start, end, strict=True)]
    expected = interpolate(torch.from_numpy(line)[None, None, None], size=(1, pixels_out), mode="area")[0, 0, 0]
    np.testing.assert_allclose(means, expected.numpy(), rtol=1e-5)


@settings(deadline=None)
@given(st.integers(1, 8000), st.integers(1, 8000), st.integers(12, 200))
def test_pyramid_has_facenet_pytorchs_levels(height: int, width: int, size: int) -> None:
    scale = 12.0 / size
    side = min(height, width) * scale
    expected = []
    while side >= 12:
        expected.append((scale, int(height * scale + 1), int(width * scale + 1)))
        scale, side = scale * 0.709, side * 0.709
    levels = pyramid(height, width, size)
    assert [(level.scale, level.height, level.width) for level in levels] == expected
    for level in levels:
        assert level.output_height >= 1
        assert level.output_width >= 1
        for bounds, pixels in ((level.rows, height), (level.columns, width)):
            assert bounds[0, 0] == 0
            assert bounds[1, -1] == pixels
            assert (bounds[1] > bounds[0]).all()
            assert (bounds[0, 1:] <= bounds[1, :-1]).all()


def test_pictures_smaller_than_the_smallest_face_have_no_levels() -> None:
    assert pyramid(19, 640, 20) == ()
    assert len(pyramid(20, 640, 20)) == 1


@settings(deadline=None)
@given(boxes(), st.integers(0, 2**32 - 1), st.sampled_from([0.3, 0.5, 0.7]))
@example(np.array([[0, 14, 5, 19], [0, 16, 8, 21]], np.float32), 0, 0.3)  # an overlap of exactly float32's 0.3
def test_suppression_of_unions_is_torchvisions(found: NDArray[np.float32], seed: int, threshold: float) -> None:
    scores = np.random.default_rng(seed).permutation(len(found)).astype(np.float32)
    order = np.argsort(-scores, kind="stable")
    kept = suppress(found, order, np.zeros(len(found), np.int64), threshold, False)
    assert kept.tolist() == nms(torch.from_numpy(found), torch.from_numpy(scores), threshold).tolist()


@settings(deadline=None)
@given(boxes(), st.sampled_from([0.3, 0.7]))
def test_suppression_of_the_smaller_is_facenet_pytorchs(found: NDArray[np.float32], threshold: float) -> None:
    from facenet_pytorch.models.utils.detect_face import nms_numpy

    scores = np.arange(len(found), dtype=np.float32)
    kept = suppress(found, np.argsort(scores)[::-1], np.zeros(len(found), np.int64), threshold, True)
    assert kept.tolist() == nms_numpy(found, scores, threshold, "Min").tolist()


@settings(deadline=None)
@given(boxes(), st.data())
def test_groups_are_suppressed_apart(found: NDArray[np.float32], data: st.DataObject) -> None:
    group = data.draw(hnp.arrays(np.int64, len(found), elements=st.integers(0, 3)))
    order = np.arange(len(found))
    together = suppress(found, order, group, 0.5, False)
    nothing = np.zeros(len(found), np.int64)
    apart = [suppress(found, order[group == g], nothing, 0.5, False) for g in range(4)]
    assert sorted(together.tolist()) == sorted(np.concatenate(apart).tolist())


@settings(deadline=None)
@given(boxes(), hnp.arrays(np.float32, (30, 4), elements=st.floats(-1, 1, width=32)))
def test_squares_and_offsets_are_facenet_pytorchs(found: NDArray[np.float32], offsets: NDArray[np.float32]) -> None:
    from facenet_pytorch.models.utils.detect_face import bbreg, rerec

    offsets = offsets[: len(found)]
    expected = bbreg(torch.from_numpy(found.copy()), torch.from_numpy(offsets))
    np.testing.assert_allclose(regress(found, offsets, 1), expected.numpy(), rtol=1e-5, atol=1e-4)
    squared = square(found)
    rerec(expected := torch.from_numpy(found.copy()))
    np.testing.assert_allclose(squared, expected.numpy(), atol=1e-4)
    np.testing.assert_allclose(squared[:, 2] - squared[:, 0], squared[:, 3] - squared[:, 1], atol=1e-4)


@settings(deadline=None)
@given(hnp.arrays(np.float32, (12, 4), elements=st.floats(-50, 90, width=32)), st.integers(1, 60), st.integers(1, 60))
def test_windows_lie_in_the_picture(found: NDArray[np.float32], height: int, width: int) -> None:
    from facenet_pytorch.models.utils.detect_face import pad

    inside, places = windows(found, height, width)
    y, ey, x, ex = pad(torch.from_numpy(found.copy()), width, height)
    expected = np.stack([x - 1, y - 1, ex, ey], axis=1)
    assert inside.tolist() == [bool(right > left and bottom > top) for left, top, right, bottom in expected]
    assert places.tolist() == expected[inside].tolist()
    assert ((places >= 0) & (places <= [width, height, width, height])).all()


def test_landmarks_count_both_end_pixels() -> None:
    box = np.array([[10, 20, 29, 59]], np.float32)
    shares = np.array([[0, 0.25, 0.5, 0.75, 1, 0, 0.25, 0.5, 0.75, 1]], np.float32)
    expected = [[9, 19], [14, 29], [19, 39], [24, 49], [29, 59]]
    assert landmarks(box, shares)[0].tolist() == pytest.approx(np.array(expected))


@settings(max_examples=30, deadline=None)
@given(hnp.arrays(np.float32, (9, 2), elements=st.floats(-30, 30, width=32)))
def test_probability_is_softmax_of_two(logits: NDArray[np.float32]) -> None:
    expected = torch.softmax(torch.from_numpy(logits), dim=1)[:, 1].numpy()
    np.testing.assert_allclose(probability(logits[:, 1] - logits[:, 0]), expected, atol=2e-7)
