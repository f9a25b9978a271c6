"""Which documented reason stands for which refused picture."""

from __future__ import annotations

from attendance.domain.vocabulary import Reason
from attendance.errors import (
    AttendanceError,
    FaceQualityError,
    FaceTooSmallError,
    ImageUnreadableError,
    MultipleFacesError,
    NoFaceError,
)

_OF_CLASS: dict[type[AttendanceError], Reason] = {
    ImageUnreadableError: Reason.UNREADABLE_PICTURE,
    NoFaceError: Reason.NO_FACE,
    MultipleFacesError: Reason.SEVERAL_FACES,
    FaceTooSmallError: Reason.FACE_TOO_SMALL,
}
_OF_MEASURE = {
    "sharpness": Reason.BLURRED,
    "contrast": Reason.LOW_CONTRAST,
    "yaw_ratio": Reason.TURNED_AWAY,
    "pitch_ratio": Reason.TURNED_AWAY,
    "roll_deg": Reason.TILTED,
    "occlusion": Reason.COVERED,
    "inside_ratio": Reason.CUT_OFF,
}


def reason_for(error: AttendanceError) -> Reason:
    """The reason that an attempt with this picture is stored with.

    Args:
        error: an ImageUnreadableError or any CaptureError.

    Raises:
        ValueError: the error says nothing about a picture.
    """
    if isinstance(error, FaceQualityError):
        if error.measure == "brightness":
            return Reason.TOO_DARK if error.value < error.limit else Reason.TOO_BRIGHT
        if error.measure in _OF_MEASURE:
            return _OF_MEASURE[error.measure]
    for kind, reason in _OF_CLASS.items():
        if isinstance(error, kind):
            return reason
    raise ValueError(f"{type(error).__name__} is not about a picture")
