"""A picture on its way to becoming a reference: what it is called, what was seen in it, whether it can be used."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from attendance.domain.model import NewReference
from attendance.errors import DuplicatePictureError, ImageUnreadableError, NoFaceError
from attendance.services.errors import about

if TYPE_CHECKING:
    from attendance.domain.model import Capture, Person
    from attendance.errors import AttendanceError
    from attendance.faces.base import FaceEngine
    from attendance.store.base import Store


@dataclass(frozen=True, slots=True)
class NamedPicture:
    """A picture's bytes, and what the person who gave it calls it, such as a file's name."""

    label: str
    data: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """Whether a picture can become a reference.

    Attributes:
        picture: what was judged.
        sha256: of its bytes, hexadecimal.
        capture: what the engine saw; None where it was not looked at (unreadable, or stored already).
        error: why it cannot be used, without the label in its message; None where it can.
        owner: whose picture it is already, where it is stored.
    """

    picture: NamedPicture
    sha256: str
    capture: Capture | None
    error: AttendanceError | None
    owner: Person | None = None

    @property
    def label(self) -> str:
        """What the caller called the picture."""
        return self.picture.label

    @property
    def ok(self) -> bool:
        """Whether the picture can be used."""
        return self.error is None

    @property
    def sentence(self) -> str:
        """For people: that it can be used, or what to do."""
        return "This picture can be used." if self.error is None else str(self.error)

    def reference(self) -> NewReference:
        """What is stored of it.

        Raises:
            AttendanceError: the one in ``error``, with the picture's label before its message.
        """
        if self.error is not None:
            raise about(self.error, self.label)
        if self.capture is None or self.capture.embedding is None:
            raise ValueError("a picture without an error has an embedding")
        return NewReference(
            picture=self.picture.data,
            sha256=self.sha256,
            embedding=self.capture.embedding,
            quality=self.capture.quality,
            label=self.label,
        )


def judge(store: Store, engine: FaceEngine, picture: NamedPicture) -> Judgement:
    """Look at one picture: is it new, readable, and does it show exactly one usable face?

    The store is asked first, so that pictures that are there already cost no recognition.

    Raises:
        StoreUnavailableError, InferenceError: it cannot be judged now.
    """
    sha256 = hashlib.sha256(picture.data).hexdigest()
    owner = store.picture_owner(sha256)
    if owner is not None:
        taken = DuplicatePictureError(
            f"This picture is stored already, for {owner.name}.", sha256=sha256, label=picture.label
        )
        return Judgement(picture, sha256, None, taken, owner)
    try:
        capture = engine.capture(picture.data)
    except ImageUnreadableError as error:
        return Judgement(picture, sha256, None, error)
    refusal = capture.refusal
    if refusal is None and capture.embedding is None:
        refusal = NoFaceError("No face in this picture can be used.")
    return Judgement(picture, sha256, capture, refusal)
