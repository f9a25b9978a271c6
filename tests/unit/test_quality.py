"""The measures of a face and the gate: what each measure follows, what is refused, and with which reason and advice."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attendance.domain.model import Box, Face, Quality, Reason
from attendance.domain.reasons import reason_for
from attendance.errors import (
    AttendanceError,
    FaceQualityError,
    FaceTooSmallError,
    ImageUnreadableError,
    MultipleFacesError,
    NoFaceError,
    StoreError,
)
from attendance.faces.quality import Gate, Limits, measure

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Where MTCNN finds the astronaut's face.
FACE = Face(
    Box(178.8, 61.0, 269.3, 176.4),
    0.9999,
    np.array([(204.6, 100.5), (247.2, 103.5), (224.2, 129.0), (201.3, 140.7), (243.8, 142.8)], np.float32),
)
GOOD = Quality(
    size_px=200,
    sharpness=3000,
    brightness=140,
    contrast=40,
    yaw_ratio=0.05,
    roll_deg=-3,
    pitch_ratio=0.6,
    occlusion=0,
    inside_ratio=1,
    confidence=0.99,
)


def turned(image: NDArray[np.uint8], degrees: float, scale: float = 1.0) -> tuple[NDArray[np.uint8], Face]:
    """The portrait turned about the nose, clockwise for positive degrees, and its face."""
    matrix = cv2.getRotationMatrix2D((224.0, 129.0), -degrees, scale)
    points = (FACE.landmarks @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
    return cv2.warpAffine(image, matrix, (512, 512)), replace(FACE, landmarks=points)


def test_the_portrait_passes(astronaut: NDArray[np.uint8]) -> None:
    quality = measure(astronaut, FACE)
    assert Gate().refusal(quality) is None
    assert quality.size_px == pytest.approx(90.5)
    assert quality.confidence == 0.9999
    assert quality.inside_ratio == pytest.approx(1)
    assert quality.roll_deg == pytest.approx(4, abs=1)
    assert quality.occlusion == 0
    assert set(quality.as_dict()) == set(Quality.__slots__)


def test_brightness_and_contrast_follow_the_light_and_the_others_do_not(astronaut: NDArray[np.uint8]) -> None:
    usual = measure(astronaut, FACE)
    dim = measure((astronaut // 3).astype(np.uint8), FACE)
    assert dim.brightness == pytest.approx(usual.brightness / 3, abs=2)
    assert dim.contrast == pytest.approx(usual.contrast / 3, abs=2)
    assert dim.sharpness == pytest.approx(usual.sharpness, rel=0.15)
    assert dim.occlusion == 0
    assert Gate().refusal(dim) is None


def test_sharpness_falls_with_every_blur(astronaut: NDArray[np.uint8]) -> None:
    values = [measure(cv2.GaussianBlur(astronaut, (0, 0), 90 * share), FACE).sharpness for share in (0.01, 0.02, 0.04, 0.08)]
    assert values == sorted(values, reverse=True)
    assert values[1] > Limits().min_sharpness > values[3]


@pytest.mark.parametrize("degrees", [-60, -30, -10, 10, 30, 60])
def test_roll_is_the_angle_of_the_eyes_and_changes_nothing_else(astronaut: NDArray[np.uint8], degrees: float) -> None:
    usual = measure(astronaut, FACE)
    image, face = turned(astronaut, degrees)
    quality = measure(image, face)
    assert quality.roll_deg == pytest.approx(usual.roll_deg + degrees, abs=0.5)
    assert quality.yaw_ratio == pytest.approx(usual.yaw_ratio, abs=0.01)
    assert quality.pitch_ratio == pytest.approx(usual.pitch_ratio, abs=0.01)
    assert quality.brightness == pytest.approx(usual.brightness, abs=3)
    assert quality.sharpness == pytest.approx(usual.sharpness, rel=0.25)


@pytest.mark.parametrize("factor", [0.5, 2.0, 4.0])
def test_the_size_of_the_picture_changes_little(astronaut: NDArray[np.uint8], factor: float) -> None:
    usual = measure(astronaut, FACE)
    image = cv2.resize(
        astronaut, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    )
    face = Face(Box(*(side * factor for side in FACE.box)), FACE.confidence, FACE.landmarks * np.float32(factor))
    quality = measure(image, face)
    assert quality.size_px == pytest.approx(usual.size_px * factor)
    assert quality.brightness == pytest.approx(usual.brightness, rel=0.03)
    assert quality.contrast == pytest.approx(usual.contrast, rel=0.1)
    assert quality.sharpness == pytest.approx(usual.sharpness, rel=0.5)
    # A reduced picture with the face in full-size pixels is the same as the picture and the face both reduced.
    reduced = measure(image, FACE, 1 / factor)
    assert reduced.sharpness == pytest.approx(quality.sharpness)
    assert reduced.size_px == usual.size_px


def test_a_nose_off_the_middle_is_yaw(astronaut: NDArray[np.uint8]) -> None:
    points = FACE.landmarks.copy()
    points[2] += (30, 2)
    quality = measure(astronaut, replace(FACE, landmarks=points))
    assert quality.yaw_ratio > 0.6
    refusal = Gate().refusal(quality)
    assert isinstance(refusal, FaceQualityError)
    assert reason_for(refusal) is Reason.TURNED_AWAY


@pytest.mark.parametrize(("shift", "inside"), [(0, 1.0), (-178.8, 1.0), (-178.8 - 45.25, 0.5), (400, 0.0)])
def test_inside_is_the_share_of_the_box(astronaut: NDArray[np.uint8], shift: float, inside: float) -> None:
    moved = Face(Box(FACE.box.x0 + shift, FACE.box.y0, FACE.box.x1 + shift, FACE.box.y1), 1.0, FACE.landmarks)
    assert measure(astronaut, moved).inside_ratio == pytest.approx(inside, abs=0.01)


def covered(image: NDArray[np.uint8], what: str) -> NDArray[np.uint8]:
    out = image.copy()
    mask = np.array([(188, 112), (224, 118), (262, 115), (260, 150), (240, 180), (210, 180), (190, 148)], np.int32)
    if what == "dark glasses":
        for x, y in FACE.landmarks[:2]:
            cv2.ellipse(out, (int(x), int(y) + 2), (18, 14), 0, 0, 360, (25, 25, 28), -1)
    elif what == "blindfold":
        cv2.rectangle(out, (170, 85), (280, 118), (200, 160, 140), -1)
    else:
        colour = {"blue mask": (150, 185, 205), "white mask": (230, 230, 230), "black mask": (30, 30, 32)}[what]
        cv2.fillPoly(out, [mask], colour)
    return out


@pytest.mark.parametrize("what", ["blue mask", "white mask", "black mask", "dark glasses", "blindfold"])
@pytest.mark.parametrize("light", [1.0, 0.4])
def test_what_covers_a_face_is_seen(astronaut: NDArray[np.uint8], what: str, light: float) -> None:
    image = (covered(astronaut, what) * light).astype(np.uint8)
    quality = measure(image, FACE)
    refusal = Gate().refusal(quality)
    assert isinstance(refusal, FaceQualityError)
    assert reason_for(refusal) is Reason.COVERED
    assert 0.25 < quality.occlusion <= 1


@pytest.mark.parametrize("what", ["spectacles", "one eye", "moustache", "grey", "side light"])
def test_what_does_not_hide_a_face_passes(astronaut: NDArray[np.uint8], what: str) -> None:
    image = astronaut.copy()
    if what == "spectacles":
        for x, y in FACE.landmarks[:2]:
            cv2.ellipse(image, (int(x), int(y) + 2), (18, 14), 0, 0, 360, (20, 20, 20), 2)
    elif what == "one eye":
        cv2.ellipse(image, (204, 100), (14, 12), 0, 0, 360, (240, 240, 240), -1)
    elif what == "moustache":
        cv2.rectangle(image, (205, 133), (242, 139), (60, 40, 30), -1)
    elif what == "grey":
        image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    else:
        image = (image * np.clip(np.linspace(2.2, -0.6, 512), 0.35, 1)[None, :, None]).astype(np.uint8)
    assert Gate().refusal(measure(image, FACE)) is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"sharpness": 20.0}, Reason.BLURRED),
        ({"brightness": 5.0}, Reason.TOO_DARK),
        ({"brightness": 252.0}, Reason.TOO_BRIGHT),
        ({"contrast": 1.0}, Reason.LOW_CONTRAST),
        ({"yaw_ratio": 0.6}, Reason.TURNED_AWAY),
        ({"yaw_ratio": -0.6}, Reason.TURNED_AWAY),
        ({"pitch_ratio": 1.5}, Reason.TURNED_AWAY),
        ({"pitch_ratio": 0.0}, Reason.TURNED_AWAY),
        ({"roll_deg": 50.0}, Reason.TILTED),
        ({"roll_deg": -50.0}, Reason.TILTED),
        ({"occlusion": 0.5}, Reason.COVERED),
        ({"inside_ratio": 0.4}, Reason.CUT_OFF),
    ],
)
def test_each_limit_has_its_reason_and_advice(change: dict[str, float], reason: Reason) -> None:
    refusal = Gate().refusal(replace(GOOD, **change))
    assert isinstance(refusal, FaceQualityError)
    (name, value), *_ = change.items()
    assert (refusal.measure, refusal.value) == (name, value)
    assert reason_for(refusal) is reason
    assert refusal.advice.endswith(".")
    assert refusal.advice in str(refusal)
    assert (refusal.value < refusal.limit) or (refusal.value > refusal.limit)


def test_the_limits_themselves_pass() -> None:
    limits = Limits()
    gate = Gate(limits)
    low = replace(GOOD, size_px=limits.min_size_px, sharpness=limits.min_sharpness, brightness=limits.min_brightness)
    low = replace(
        low, contrast=limits.min_contrast, pitch_ratio=limits.min_pitch_ratio, inside_ratio=limits.min_inside_ratio
    )
    high = replace(GOOD, brightness=limits.max_brightness, yaw_ratio=limits.max_yaw_ratio, roll_deg=limits.max_roll_deg)
    high = replace(high, pitch_ratio=limits.max_pitch_ratio, occlusion=limits.max_occlusion)
    assert gate.refusal(low) is None
    assert gate.refusal(high) is None


def test_size_comes_first() -> None:
    refusal = Gate().refusal(replace(GOOD, size_px=39.0, sharpness=1.0, brightness=1.0))
    assert isinstance(refusal, FaceTooSmallError)
    assert (refusal.size_px, refusal.limit_px) == (39.0, 40.0)
    assert reason_for(refusal) is Reason.FACE_TOO_SMALL


def test_reasons_of_the_other_refusals() -> None:
    assert reason_for(ImageUnreadableError("x", reason="damaged")) is Reason.UNREADABLE_PICTURE
    assert reason_for(NoFaceError("x")) is Reason.NO_FACE
    assert reason_for(MultipleFacesError("x", count=2)) is Reason.SEVERAL_FACES
    unknown = FaceQualityError("x", measure="charm", value=1, limit=2, advice="x")
    for error in (StoreError("x"), AttendanceError("x"), unknown):
        with pytest.raises(ValueError, match="not about a picture"):
            reason_for(error)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.floats(-2000, 3000, width=32), min_size=10, max_size=10),
    st.tuples(*[st.floats(-500, 900, width=32)] * 4),
    st.sampled_from([(20, 20), (64, 200), (300, 21)]),
    st.sampled_from([1.0, 2.0, 8.0]),
)
def test_any_landmarks_and_any_box_give_finite_measures(
    points: list[float], box: tuple[float, float, float, float], size: tuple[int, int], scale: float
) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    quality = measure(image, Face(Box(*box), 0.95, np.array(points, np.float32).reshape(5, 2)), scale)
    assert all(np.isfinite(value) for value in quality.as_dict().values())
    assert 0 <= quality.occlusion <= 1
    assert quality.inside_ratio >= 0
    Gate().refusal(quality)
