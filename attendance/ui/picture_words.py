"""What is wrong with a picture, in a word or two for a badge."""

from __future__ import annotations

from attendance import errors as e

_WORDS: list[tuple[type[e.AttendanceError], str]] = [
    (e.ImageUnreadableError, "No picture"),
    (e.NoFaceError, "No face found"),
    (e.FaceTooSmallError, "Face too small"),
    (e.DuplicatePictureError, "There already"),
    (e.DifferentPeopleError, "Somebody else"),
]
# The measures of docs/quality.md: below the limit, above it.
_MEASURES = {
    "size_px": ("Face too small", "Face too large"),
    "inside_ratio": ("Cut off", "Cut off"),
    "brightness": ("Too dark", "Too bright"),
    "contrast": ("Flat light", "Flat light"),
    "sharpness": ("Too blurred", "Too blurred"),
    "yaw_ratio": ("Turned too far", "Turned too far"),
    "roll_deg": ("Tilted", "Tilted"),
    "pitch_ratio": ("Looks away", "Looks away"),
    "occlusion": ("Covered", "Covered"),
}
_NUMBERS = {2: "Two", 3: "Three", 4: "Four"}


def fault(error: e.AttendanceError) -> str:
    """Why a picture is not used."""
    if isinstance(error, e.MultipleFacesError):
        return f"{_NUMBERS.get(error.count, 'Several')} faces"
    if isinstance(error, e.FaceQualityError) and error.measure in _MEASURES:
        return _MEASURES[error.measure][error.value > error.limit]
    return next((words for kind, words in _WORDS if isinstance(error, kind)), "Not used")
