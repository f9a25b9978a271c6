"""What one session has gathered about a new person. Nothing of it is stored before the last button."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from attendance.errors import DifferentPeopleError, DuplicatePictureError

if TYPE_CHECKING:
    from attendance.domain.model import Person
    from attendance.services.enrol import Judgement, NamedPicture, Resembling
    from attendance.ui.register_saving import Saving

WHO, PICTURES, CHECK = 1, 2, 3


class Pose(NamedTuple):
    """One of the pictures that are wanted: its name, what to do, and how."""

    title: str
    headline: str
    help: str


# Light and angle are what differs between the registration and the door: docs/accuracy.md has what more pictures bring.
POSES = (
    Pose("Front", "Look straight at the camera", "Eyes open, nothing in front of the face."),
    Pose("A little left", "Turn a little to your left", "Turn your head, keep your eyes on the camera."),
    Pose("A little right", "Turn a little to your right", "Turn your head, keep your eyes on the camera."),
    Pose("Other light", "Change the light", "Turn towards a window, or switch a lamp on or off."),
)
WANTED = len(POSES)


@dataclass
class Taken:
    """A picture in its place.

    Attributes:
        picture: its label is the place's, so that a refusal says which one it is about.
        file_name: where it came from; empty for the camera.
        judgement: None while it could not be looked at.
        crop: the face as a JPEG, or None where nothing can be shown.
    """

    picture: NamedPicture
    file_name: str = ""
    judgement: Judgement | None = None
    crop: bytes | None = None


@dataclass(frozen=True)
class Done:
    """What was stored."""

    person: Person
    pictures: int
    crop: bytes | None
    is_new: bool


@dataclass
class Draft:
    """The form, over all its steps.

    Attributes:
        number: counts drafts, and ``turn`` what was taken, so that the inputs start empty each time.
        taken: by place, 0 to 3.
        seen: upload ids that were taken over.
        retaking: the place that the next picture goes to, where the operator chose one.
        left_over: how many files had no place.
        odd: the refusal of a picture of somebody else, by place.
        checked: the pictures, by their SHA-256, that ``odd`` and ``resembling`` are about.
        others: ids of look-alikes that the operator says are other people.
        target: a look-alike who is this person: the pictures are added there.
        insists: the operator was told that a picture is nearer to somebody else than to ``target``.
        trouble: why the last step did not work.
    """

    number: int = 0
    turn: int = 0
    step: int = WHO
    name: str = ""
    staff_number: str = ""
    group: str = ""
    agreed: bool = False
    taken: dict[int, Taken] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    retaking: int | None = None
    left_over: int = 0
    model_id: str = ""
    odd: dict[int, DifferentPeopleError] = field(default_factory=dict)
    checked: tuple[str, ...] = ()
    resembling: Resembling | None = None
    others: dict[str, str] = field(default_factory=dict)
    target: Person | None = None
    insists: bool = False
    saving: Saving | None = None
    trouble: str = ""
    done: Done | None = None

    @property
    def usable(self) -> dict[int, Judgement]:
        """Pictures that can be used, by place."""
        return {
            place: one.judgement
            for place, one in sorted(self.taken.items())
            if one.judgement is not None and one.judgement.ok and place not in self.odd
        }

    @property
    def judged_good(self) -> dict[int, Judgement]:
        """The same, with those that may be of somebody else."""
        return {p: one.judgement for p, one in sorted(self.taken.items()) if one.judgement is not None and one.judgement.ok}

    @property
    def now(self) -> int | None:
        """The place that the next picture goes to; None where all are done.

        The one that the operator chose; a picture from the camera that cannot be used is taken again at once; then the empty
        places, and at last files that cannot be used. A picture that waits to be looked at keeps its place.
        """
        if self.retaking is not None:
            return self.retaking
        usable = self.usable
        waiting = {place for place, one in self.taken.items() if one.judgement is None}
        left = [place for place in range(WANTED) if place not in usable and place not in waiting]
        if left and left[0] in self.taken and not self.taken[left[0]].file_name:
            return left[0]
        return min(left, key=lambda place: (place in self.taken, place), default=None)

    @property
    def undecided(self) -> Resembling | None:
        """A look-alike whom the operator has not decided about."""
        one = self.resembling
        if one is None or one.found.person_id in self.others or self.target is not None:
            return None
        return one

    @property
    def ready(self) -> bool:
        """Whether the pictures can go to the summary."""
        shown = tuple(one.sha256 for one in self.judged_good.values())
        return bool(shown) and shown == self.checked and not self.odd and self.undecided is None

    def put(self, place: int, taken: Taken) -> None:
        """A picture into its place; what was there goes."""
        self.taken[place] = taken
        self._changed()

    def remove(self, place: int) -> None:
        """Take a picture out."""
        self.taken.pop(place, None)
        self.left_over = 0
        self._changed()
        if not self.taken:
            self.others.clear()

    def _changed(self) -> None:
        self.retaking = None
        for one in self.taken.values():
            if one.judgement is not None and isinstance(one.judgement.error, DuplicatePictureError):
                one.judgement = None  # the other one may be gone
        self.look_again()

    def look_again(self) -> None:
        """What was found out about all pictures together no longer holds."""
        self.odd.clear()
        self.checked, self.resembling, self.target, self.insists, self.trouble = (), None, None, False, ""

    def forget_judgements(self) -> None:
        """Judge everything anew: another model decides, or the store has changed."""
        for one in self.taken.values():
            one.judgement = None
        self.look_again()
