"""The words in which decisions are stored and shown; each list is complete."""

from __future__ import annotations

from enum import StrEnum


class Mode(StrEnum):
    """How the person is looked for (ISO/IEC 2382-37: verification is 1:1, identification is 1:N)."""

    VERIFICATION = "verification"
    IDENTIFICATION = "identification"


class Decision(StrEnum):
    """What was decided about one attempt."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"


class Outcome(StrEnum):
    """What an attempt left in the attendance records."""

    RECORDED = "recorded"  # a new check-in is stored
    ALREADY = "already"  # accepted within the cooldown of an earlier check-in; nothing new is stored
    NONE = "none"  # rejected, or an attempt that was not meant to record anything


class Reason(StrEnum):
    """Why a decision is as it is. The whole list; docs/reasons.md says what each means and what a person can do."""

    MATCH = "match"
    NO_MATCH = "no_match"
    AMBIGUOUS = "ambiguous"
    NOBODY_ENROLLED = "nobody_enrolled"
    NOT_ENROLLED = "not_enrolled"
    INACTIVE = "inactive"
    NO_TEMPLATE = "no_template"
    UNREADABLE_PICTURE = "unreadable_picture"
    NO_FACE = "no_face"
    SEVERAL_FACES = "several_faces"
    FACE_TOO_SMALL = "face_too_small"
    TOO_DARK = "too_dark"
    TOO_BRIGHT = "too_bright"
    LOW_CONTRAST = "low_contrast"
    BLURRED = "blurred"
    TURNED_AWAY = "turned_away"
    TILTED = "tilted"
    COVERED = "covered"
    CUT_OFF = "cut_off"


class Review(StrEnum):
    """What became of a record that somebody doubted. Nothing is erased by a review: the attempt and its check-in stay."""

    NONE = "none"  # nobody doubted it
    DISPUTED = "disputed"  # the person at the door said "Not me"; the office has not settled it yet
    UPHELD = "upheld"  # the office: it was this person
    VOID = "void"  # the office: it was somebody else, so the check-in does not count


class PersonStatus(StrEnum):
    """Only active people are compared with a probe."""

    ACTIVE = "active"
    INACTIVE = "inactive"
