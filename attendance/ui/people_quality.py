"""The quality of a stored picture in words.

A picture below the limits of docs/quality.md is refused, so what is stored is usable; here it is said which pictures are so
near to those limits that another one would help.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from attendance.domain.model import Reference


class Grade(IntEnum):
    """From worst to best."""

    UNKNOWN = 0
    FAIR = 1
    GOOD = 2


WORDS = {Grade.UNKNOWN: "Not measured", Grade.FAIR: "Fair", Grade.GOOD: "Good"}
COLOURS = {Grade.UNKNOWN: "gray", Grade.FAIR: "orange", Grade.GOOD: "green"}


@dataclass(frozen=True, slots=True)
class InWords:
    """A grade and, where it is not good, what would make it better."""

    grade: Grade
    advice: str


# measure, least, most, advice. Each bound lies between the limit at which a picture is refused and the worst of the ordinary
# photographs in docs/quality.md: at two to four times the limit, or half-way where the limit is a range.
_BOUNDS = (
    ("size_px", 80.0, float("inf"), "The face is small. Come closer."),
    ("inside_ratio", 0.9, float("inf"), "The face is cut off at the edge."),
    ("brightness", 45.0, float("inf"), "The face is dark. Turn towards the light."),
    ("brightness", 0.0, 220.0, "The face is very bright. Turn away from the light."),
    ("contrast", 12.0, float("inf"), "The light is flat or veiled."),
    ("roll_deg", -25.0, 25.0, "The head is tilted."),
    ("yaw_ratio", -0.33, 0.33, "The face is turned far to a side."),
    ("pitch_ratio", 0.28, 0.95, "The face looks up or down."),
    ("sharpness", 250.0, float("inf"), "The picture is not quite sharp."),
    ("occlusion", 0.0, 0.1, "Part of the face may be covered."),
)


def in_words(quality: Mapping[str, float] | None) -> InWords:
    """The grade of one picture's measures (domain.model.Quality), and the first advice that applies."""
    if not quality:
        return InWords(Grade.UNKNOWN, "Its quality was not measured when it was stored.")
    for measure, least, most, advice in _BOUNDS:
        value = quality.get(measure)
        if value is not None and not least <= value <= most:
            return InWords(Grade.FAIR, advice)
    return InWords(Grade.GOOD, "")


def lowest(references: Iterable[Reference]) -> str:
    """The word for the worst of a person's pictures; empty where there are none."""
    grades = [in_words(reference.quality).grade for reference in references]
    return WORDS[min(grades)] if grades else ""
