"""Every error of the project, in one place.

AttendanceError
├ SettingsError
├ ImageUnreadableError
├ CaptureError
│ ├ NoFaceError
│ ├ MultipleFacesError
│ ├ FaceTooSmallError
│ └ FaceQualityError
├ EnrolmentError
│ ├ PersonExistsError
│ ├ PersonNotFoundError
│ ├ NameRefusedError
│ ├ DuplicatePictureError
│ ├ DifferentPeopleError
│ ├ ConsentMissingError
│ └ LookAlikeError
├ ModelError
│ ├ WeightsUnavailableError
│ │ └ RegistryError
│ ├ TemplateMismatchError
│ └ InferenceError
├ StoreError
│ ├ StoreUnavailableError
│ ├ ConflictError
│ └ CorruptRecordError
├ AccountError
├ ExportError
└ TrackingError (never leaves tracking/ and the outbox)

Parts translate their libraries' errors into these with ``raise … from``. What a caller may want to act on is an attribute;
the message is one sentence for the log and the command line. "No match" and "already checked in" are results, not errors.
"""

from __future__ import annotations


class AttendanceError(Exception):
    """Anything that this project refuses or cannot do."""


class SettingsError(AttendanceError):
    """A setting has a value that cannot be used.

    Attributes:
        name: the setting, as it is written in the environment or in params.yaml.
    """

    def __init__(self, message: str, *, name: str = "") -> None:
        super().__init__(message)
        self.name = name


class ImageUnreadableError(AttendanceError):
    """Bytes that are no picture, a damaged one, or one above the limits.

    Attributes:
        reason: ``empty``, ``unknown_format``, ``damaged``, ``too_many_bytes``, ``too_many_pixels``, ``too_small``, or
            ``missing`` where the command line names a file that cannot be opened.
    """

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class CaptureError(AttendanceError):
    """The picture is readable, but it cannot be used for recognition."""


class NoFaceError(CaptureError):
    """No face was found in the picture."""


class MultipleFacesError(CaptureError):
    """More than one person is in front of the camera.

    Attributes:
        count: how many faces were found.
    """

    def __init__(self, message: str, *, count: int) -> None:
        super().__init__(message)
        self.count = count


class FaceTooSmallError(CaptureError):
    """The face has too few pixels to be recognised.

    Attributes:
        size_px, limit_px: the shorter side of the face's box, and the least that is accepted.
    """

    def __init__(self, message: str, *, size_px: float, limit_px: float) -> None:
        super().__init__(message)
        self.size_px = size_px
        self.limit_px = limit_px


class FaceQualityError(CaptureError):
    """A quality measure of the face is outside its limit.

    Attributes:
        measure: the measure's name as in ``domain.model.Quality``.
        value: what was measured, in the measure's unit.
        limit: the limit that it missed, in the same unit.
        advice: what the person can do about it, one sentence.
    """

    def __init__(self, message: str, *, measure: str, value: float, limit: float, advice: str) -> None:
        super().__init__(message)
        self.measure = measure
        self.value = value
        self.limit = limit
        self.advice = advice


class EnrolmentError(AttendanceError):
    """A person cannot be enrolled or changed as asked."""


class PersonExistsError(EnrolmentError):
    """Another person has this name or this staff number.

    Attributes:
        field, value: ``name`` or ``external_id``, and what is taken.
    """

    def __init__(self, message: str, *, field: str, value: str) -> None:
        super().__init__(message)
        self.field = field
        self.value = value


class PersonNotFoundError(EnrolmentError):
    """Nobody is registered under this name, number or id.

    Attributes:
        key: what was looked for.
    """

    def __init__(self, message: str, *, key: str) -> None:
        super().__init__(message)
        self.key = key


class NameRefusedError(EnrolmentError):
    """A name that cannot be stored and shown safely.

    Attributes:
        reason: ``empty``, ``too_long``, ``control_characters``, ``bidirectional_marks``, ``mixed_scripts`` or ``invisible``.
    """

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class DuplicatePictureError(EnrolmentError):
    """The same picture was given twice, or is stored already.

    Attributes:
        sha256: of the picture's bytes, in hexadecimal.
        label: what the caller called the picture, such as a file's name.
    """

    def __init__(self, message: str, *, sha256: str, label: str = "") -> None:
        super().__init__(message)
        self.sha256 = sha256
        self.label = label


class DifferentPeopleError(EnrolmentError):
    """The pictures of one enrolment do not show one and the same person.

    Attributes:
        label: the picture that does not fit the others.
        distance_l2: its distance from the nearest other picture of the enrolment.
        limit: the largest distance that is accepted.
    """

    def __init__(self, message: str, *, label: str, distance_l2: float, limit: float) -> None:
        super().__init__(message)
        self.label = label
        self.distance_l2 = distance_l2
        self.limit = limit


class ConsentMissingError(EnrolmentError):
    """The site requires a recorded consent and there is none."""


class LookAlikeError(EnrolmentError):
    """The new person is as close to somebody enrolled as two pictures of one person are.

    Attributes:
        person_id, name: whom the new person resembles.
        distance_l2: between the nearest pair of pictures.
        limit: below this distance an operator has to decide.
    """

    def __init__(self, message: str, *, person_id: str, name: str, distance_l2: float, limit: float) -> None:
        super().__init__(message)
        self.person_id = person_id
        self.name = name
        self.distance_l2 = distance_l2
        self.limit = limit


class ModelError(AttendanceError):
    """A model is missing, damaged, or does not fit the stored templates."""


class WeightsUnavailableError(ModelError):
    """A model's file is not there, cannot be downloaded, or is damaged.

    Attributes:
        model: which one.
        reason: ``missing``, ``download_failed``, ``checksum`` or ``unreadable``.
    """

    def __init__(self, message: str, *, model: str, reason: str) -> None:
        super().__init__(message)
        self.model = model
        self.reason = reason


class TemplateMismatchError(ModelError):
    """The people have no templates of the active model, or templates of two models were about to be compared.

    Attributes:
        active, stored: model ids: the one in use, and the one that the templates were made with.
    """

    def __init__(self, message: str, *, active: str, stored: str) -> None:
        super().__init__(message)
        self.active = active
        self.stored = stored


class RegistryError(WeightsUnavailableError):
    """MLflow's registry cannot be asked, or does not have what was asked; ``reason`` also ``unreachable`` or ``refused``."""


class InferenceError(ModelError):
    """A model ran and failed, or gave numbers that cannot be an embedding."""


class StoreError(AttendanceError):
    """The database refused or could not do something."""


class StoreUnavailableError(StoreError):
    """The database cannot be reached, hangs, is read-only or its disk is full; nothing was acknowledged.

    Attributes:
        reason: ``unreachable``, ``timeout``, ``disk_full``, ``read_only``, ``busy``, ``missing`` or ``refused``.
    """

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class ConflictError(StoreError):
    """Something else changed the same thing first; read it again and decide anew."""


class CorruptRecordError(StoreError):
    """A stored document or the database file does not say what it must.

    Attributes:
        record: which collection or file, and which document where it is known.
    """

    def __init__(self, message: str, *, record: str) -> None:
        super().__init__(message)
        self.record = record


class AccountError(AttendanceError):
    """A password cannot be set, or a screen cannot be paired, as asked; the message is a sentence for the person who asked.

    Attributes:
        reason: ``link`` (used, replaced, too old or never given), ``too_short``, ``too_long``, ``too_simple``; for a screen
            ``code`` (unknown or expired).
    """

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class ExportError(AttendanceError):
    """The export or the restore could not be completed; what was there before is untouched."""


class TrackingError(AttendanceError):
    """MLflow could not be told; never leaves tracking/ and the outbox, which tries again."""
