"""Crops: the right part of the picture, upright, not aliased, whatever the face's size, place and tilt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attendance.domain.model import Box, Face
from attendance.errors import InferenceError
from attendance.faces.align import (
    BOX_TO_CHIP,
    CHIP_LANDMARKS,
    CHIP_SIZE,
    aligned_chip,
    box_chip,
    chip_scale,
    mirror,
    prewhiten,
    standardise,
    upright_crop,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

WIDTH, HEIGHT = 1_000, 800


def ramp() -> NDArray[np.uint8]:
    """A picture whose colours say where they are: red = x / 4, green = y / 4, blue = 200 everywhere."""
    x, y = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    return np.stack([x / 4, y / 4, np.full_like(x, 200)], axis=2).round().astype(np.uint8)


def landmarks(size: float, degrees: float, x: float, y: float) -> NDArray[np.float32]:
    """The trained chip's landmarks in a picture where the chip is ``size`` wide, tilted, with its middle at (x, y)."""
    turned = (CHIP_LANDMARKS - (CHIP_SIZE - 1) / 2) @ (1, 1j) * (size / CHIP_SIZE) * np.exp(1j * np.radians(degrees))
    return np.stack([turned.real + x, turned.imag + y], axis=1).astype(np.float32)


def face(box: Box, degrees: float = 0.0) -> Face:
    return Face(box, 1.0, landmarks(box.width_px, degrees, (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2))


@given(st.floats(40, 500), st.floats(-180, 180), st.floats(360, 640), st.floats(360, 440))
@settings(max_examples=60, deadline=None)
def test_the_chip_shows_each_landmark_in_its_place(size: float, degrees: float, x: float, y: float) -> None:
    points = landmarks(size, degrees, x, y)
    chip = aligned_chip(ramp(), points)
    assert chip.shape == (CHIP_SIZE, CHIP_SIZE, 3)
    assert chip.dtype == np.uint8
    for (column, row), (at_x, at_y) in zip(np.round(CHIP_LANDMARKS).astype(int), points, strict=True):
        red, green, _ = chip[row, column].astype(float)
        assert abs(4 * red - at_x) < 4 + size / CHIP_SIZE
        assert abs(4 * green - at_y) < 4 + size / CHIP_SIZE


@pytest.mark.parametrize("size", [600, 1_500, 3_000])
def test_a_large_face_does_not_alias(size: int) -> None:
    """A chessboard of single pixels is grey from far away; sampled without care it makes stripes."""
    board = np.indices((size, size)).sum(axis=0) % 2 * 255
    picture = np.repeat(board[:, :, None], 3, axis=2).astype(np.uint8)
    middle = size / 2
    chip = aligned_chip(picture, landmarks(0.6 * size, 10, middle, middle))
    assert np.abs(chip.astype(int) - 127).max() <= 1
    box = Box(0.2 * size, 0.2 * size, 0.8 * size, 0.8 * size)
    assert np.abs(upright_crop(picture, face(box, 10)).astype(int) - 127).max() <= (1 if size > 640 else 40)
    assert np.abs(box_chip(picture, box).astype(int) - 127).max() <= 1


def test_halving_keeps_the_place() -> None:
    """The same face at twice, four and eight times the size gives the same chip, to the smoothing that differs."""
    small = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 255, (300, 300, 3), np.uint8), (0, 0), 6)
    points = landmarks(160, 7, 150, 150)
    wanted = aligned_chip(small, points).astype(int)
    for factor in (2, 4, 8):
        large = cv2.resize(small, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
        chip = aligned_chip(large, (points + 0.5) * factor - 0.5)
        assert np.abs(chip.astype(int) - wanted).max() <= 4


def test_what_lies_outside_is_black_in_a_chip_and_the_edge_in_a_turned_crop() -> None:
    white = np.full((200, 200, 3), 255, np.uint8)
    chip = aligned_chip(white, landmarks(150, 0, 20, 100))
    assert chip[75, 5].tolist() == [0, 0, 0]
    assert chip[75, 140].tolist() == [255, 255, 255]
    assert upright_crop(white, face(Box(-20, 40, 80, 140), 30)).min() == 255


@pytest.mark.parametrize(
    "points",
    [
        np.zeros((5, 2)),
        np.full((5, 2), np.nan),
        np.full((5, 2), np.inf),
        np.zeros((4, 2)),
        landmarks(100, 0, -5_000, 100),
        landmarks(100, 0, 100, 5_000),
        landmarks(1e9, 0, 100, 100),
    ],
)
def test_landmarks_that_are_no_face_are_refused(points: NDArray[np.float32]) -> None:
    with pytest.raises(InferenceError):
        aligned_chip(ramp(), points)


@pytest.mark.parametrize("box", [Box(9, 9, 9, 90), Box(-300, 0, -100, 200), Box(2_000, 0, 2_100, 100), Box(0, 0, np.nan, 9)])
def test_boxes_that_are_no_face_are_refused(box: Box) -> None:
    level = Face(box, 1.0, landmarks(100, 0, 100, 100))
    with pytest.raises(InferenceError):
        upright_crop(ramp(), level, rotate=False)
    with pytest.raises(InferenceError):
        upright_crop(ramp(), level)
    with pytest.raises(InferenceError):
        box_chip(ramp(), box)


def test_eyes_in_one_point_have_no_direction() -> None:
    with pytest.raises(InferenceError):
        upright_crop(ramp(), Face(Box(10, 10, 90, 90), 1.0, np.full((5, 2), 50, np.float32)))


def test_margin_widens_the_chip_about_its_middle() -> None:
    assert chip_scale(0.20) == 1.0
    points = landmarks(200, 0, 500, 400)
    for margin in (0.0, 0.1, 0.2, 0.4):
        chip = aligned_chip(ramp(), points, scale=chip_scale(margin)).astype(float)
        width = 4 * (chip[75, 149, 0] - chip[75, 0, 0])
        assert abs(width - 200 * 0.8 / (1 - margin)) < 6
        assert abs(4 * chip[75, 74, 0] - 500) < 5
    assert aligned_chip(ramp(), points, size=96).shape == (96, 96, 3)


def test_the_chip_from_a_box_is_where_the_aligned_one_is_on_average() -> None:
    side, right, down = BOX_TO_CHIP
    box_side = 200 / side
    box = Box(500 - box_side / 2, 400 - box_side / 2, 500 + box_side / 2, 400 + box_side / 2)
    points = landmarks(200, 0, 499.5 + right * box_side, 399.5 + down * box_side)
    difference = box_chip(ramp(), box).astype(int) - aligned_chip(ramp(), points)
    assert np.abs(difference).max() <= 1


@given(st.floats(-20, 900), st.floats(-20, 700), st.floats(40, 250), st.floats(0.8, 1.3), st.floats(0, 0.6))
@settings(max_examples=60, deadline=None)
def test_the_crop_is_the_box_with_its_margin(x: float, y: float, side: float, ratio: float, m: float) -> None:
    crop = upright_crop(ramp(), face(Box(x, y, x + side, y + side * ratio)), margin_ratio=m, rotate=False).astype(float)
    beyond = (1 / (1 - m) - 1) / 2
    left, right = max(x - beyond * side, 0), min(x + side * (1 + beyond), WIDTH)
    top, bottom = max(y - beyond * side * ratio, 0), min(y + side * ratio * (1 + beyond), HEIGHT)
    assert crop.shape == (160, 160, 3)
    assert abs(4 * crop[:, :, 0].mean() - (left + right) / 2) < 4
    assert abs(4 * crop[:, :, 1].mean() - (top + bottom) / 2) < 4


@given(st.floats(-20, 900), st.floats(-20, 700), st.floats(40, 250))
@settings(max_examples=60, deadline=None)
def test_level_eyes_need_no_turning(x: float, y: float, side: float) -> None:
    level = face(Box(x, y, x + side, y + side))
    level.landmarks[1, 1] = level.landmarks[0, 1]
    assert np.array_equal(upright_crop(ramp(), level), upright_crop(ramp(), level, rotate=False))


@pytest.mark.parametrize("degrees", [-60, -20, 5, 45, 179])
def test_a_tilted_head_is_turned_upright(astronaut: NDArray[np.uint8], degrees: float) -> None:
    """The portrait, turned about the face's middle, gives the crop of the portrait as it was."""
    box = Box(180, 70, 270, 190)
    points = landmarks(100, 0, 225, 130)
    points[1, 1] = points[0, 1]
    wanted = upright_crop(astronaut, Face(box, 1.0, points)).astype(int)
    matrix = cv2.getRotationMatrix2D((224.5, 129.5), -degrees, 1)  # OpenCV counts anticlockwise
    turned = cv2.warpAffine(astronaut, matrix, (512, 512))
    tilted = (points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
    crop = upright_crop(turned, Face(box, 1.0, tilted)).astype(int)
    inner = (slice(20, 140), slice(20, 140))
    assert np.abs(crop[inner] - wanted[inner]).mean() < 4


def test_prewhitened_crops_have_mean_0_and_deviation_1() -> None:
    crops = np.random.default_rng(0).integers(0, 255, (3, 20, 20, 3)).astype(np.uint8)
    crops[1] //= 8
    crops[2] = 77
    white = prewhiten(crops)
    assert white.dtype == np.float32
    assert white.mean(axis=(1, 2, 3)) == pytest.approx([0, 0, 0], abs=1e-6)
    assert white.std(axis=(1, 2, 3), ddof=1) == pytest.approx([1, 1, 0], abs=1e-5)
    assert prewhiten(crops.transpose(0, 3, 1, 2)) == pytest.approx(white.transpose(0, 3, 1, 2), abs=1e-6)


def test_standardised_numbers_are_facenets() -> None:
    assert standardise(np.array([0, 255], np.uint8)).tolist() == [-0.99609375, 0.99609375]


def test_a_mirror_swaps_left_and_right_and_twice_is_nothing() -> None:
    crops = np.random.default_rng(0).integers(0, 255, (2, 4, 5, 3)).astype(np.uint8)
    assert np.array_equal(mirror(crops)[:, :, 0], crops[:, :, -1])
    assert np.array_equal(mirror(mirror(crops)), crops)
