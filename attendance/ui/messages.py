"""Each class of error as one sentence for a person: what to do, not what went wrong inside."""

from __future__ import annotations

from attendance import errors as e

# The first class that fits counts, so the more special ones stand first. None: the error's own sentence is made for people.
SENTENCES: list[tuple[type[e.AttendanceError], str | None]] = [
    (e.ImageUnreadableError, "This file can't be read as a picture. Use a JPEG, PNG, WebP or HEIC picture."),
    (e.NoFaceError, "No face found. Use a picture in which the whole face can be seen."),
    (e.MultipleFacesError, "Several faces. Use a picture that shows this person alone."),
    (e.FaceTooSmallError, "The face is too small. Come closer, or use a larger picture."),
    (e.FaceQualityError, None),
    (e.LookAlikeError, "This may be someone already registered. Compare the two pictures before you go on."),
    (e.EnrolmentError, None),
    (e.TemplateMismatchError, "The people were registered with another face model. Run: python -m attendance reembed"),
    (e.WeightsUnavailableError, None),
    (e.ModelError, "The face model can't be used. Run: python -m attendance doctor"),
    (e.StoreUnavailableError, "The database is away. Nothing is being recorded; try again in a moment."),
    (e.ConflictError, "Somebody else changed this a moment ago. Look at it again, then repeat."),
    (e.StoreError, "The database can't be used. Run: python -m attendance doctor"),
    (e.AccountError, None),
    (e.SettingsError, None),
    (e.ExportError, None),
]


def sentence_for(error: e.AttendanceError) -> str:
    """The sentence for this error."""
    for kind, sentence in SENTENCES:
        if isinstance(error, kind):
            if isinstance(error, e.FaceQualityError):
                return error.advice
            return sentence or str(error)
    return "That did not work. Run: python -m attendance doctor"
